"""3: how costs grow: what is asked and read, exactly, and processor time beside it.

Everything is in memory. The exponent is the slope of log(cost) over log(size): 0 does not grow, 1 grows
along.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from math import log
from statistics import linear_regression, median

from chalicelib.customer.customers import Customer
from chalicelib.customer.entry import Desk, NewOrder, enter_order
from chalicelib.customer.inquiry import Held, inquire_order, list_orders
from chalicelib.enterprise import Enterprise, parse_enterprise
from chalicelib.records.numbers import account_key
from chalicelib.records.record import Item
from chalicelib.tables.memory import MemoryStore
from chalicelib.tables.store import Page

from .samples import ACCOUNT, NOW, OWNER, SECRET, default_enterprise, placed, reports, terms

UTILITIES = (5, 10, 20, 40)
RECORDS = (100, 1_000, 10_000, 100_000)
OTHERS = (100, 1_000, 10_000, 100_000)
DAYS = (10, 20, 40, 80)

# What an account enters in a day, and how many of its orders are asked for.
_ORDERS_A_DAY = 10
_LISTED = 20

_CUSTOMER = Customer(subject=OWNER, accounts=frozenset({ACCOUNT}))


class Counted(MemoryStore):
    """A table in memory that counts what it is asked, and the items it reads and writes."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.counts: Counter[str] = Counter()

    def insert(self, item: Item) -> Item | None:
        self.counts.update(requests=1, items_written=1)
        return super().insert(item)

    def get(self, pk: str, sk: str) -> Item | None:
        self.counts.update(requests=1, items_read=1)
        return super().get(pk, sk)

    def query(
        self,
        pk: str,
        first: str,
        last: str,
        *,
        backward: bool = False,
        limit: int | None = None,
        beyond: str | None = None,
    ) -> Page:
        page = super().query(pk, first, last, backward=backward, limit=limit, beyond=beyond)
        self.counts.update(requests=1, items_read=len(page.items))
        return page

    def fill(self, items: Iterable[Item]) -> None:
        """Put items there before anything is counted."""
        for item in items:
            super().insert(item)


@dataclass(frozen=True)
class Case:
    """Something to do at one size: once to count it, often to time it."""

    act: Callable[[], object]
    tables: Sequence[Counted]

    def counts(self) -> Counter[str]:
        """What doing it once asks of the tables."""
        for table in self.tables:
            table.counts.clear()
        self.act()
        return sum((table.counts for table in self.tables), Counter())


@dataclass(frozen=True, kw_only=True)
class Growth:
    """What something costs at each of four sizes, and the exponents fitted to that."""

    name: str
    target: float
    sizes: Sequence[int]
    costs: dict[str, list[float]] = field(default_factory=dict)

    @property
    def exponents(self) -> dict[str, float]:
        return {what: exponent(self.sizes, costs) for what, costs in self.costs.items()}


def measure(seconds: float) -> list[Growth]:
    """All of them; processor time in microseconds, measured for so many seconds of each."""
    return [_measure(name, target, sizes, make, seconds) for name, target, sizes, make in CASES]


def counted(sizes: Sequence[int], make: Callable[[int], Case]) -> list[Counter[str]]:
    """What each size asks of the tables: exact."""
    return [make(size).counts() for size in sizes]


def exponent(sizes: Sequence[int], costs: Sequence[float]) -> float:
    """The slope of log(cost) over log(size); nothing at every size does not grow."""
    if not any(costs):
        return 0.0
    return linear_regression([log(size) for size in sizes], [log(cost) for cost in costs]).slope


def _measure(
    name: str, target: float, sizes: Sequence[int], make: Callable[[int], Case], seconds: float
) -> Growth:
    cases = [make(size) for size in sizes]
    counts = [case.counts() for case in cases]
    costs = {
        what: [float(counter[what]) for counter in counts]
        for what in ("requests", "items_read", "items_written")
    }
    costs["cpu_us"] = _cpu_us(cases, seconds)
    return Growth(name=name, target=target, sizes=sizes, costs=costs)


def _cpu_us(cases: Sequence[Case], seconds: float) -> list[float]:
    """The median of each, the sizes taking turns at being the first."""
    taken: list[list[float]] = [[] for _ in cases]
    give_up = time.monotonic() + seconds
    turn = 0
    while turn < len(cases) or time.monotonic() < give_up:
        for place in range(turn, turn + len(cases)):
            which = place % len(cases)
            taken[which].append(_once_us(cases[which]))
        turn += 1
    return [median(times) for times in taken]


def _once_us(case: Case) -> float:
    start = time.thread_time()
    case.act()
    return (time.thread_time() - start) * 1e6


# What is done


def entry_among_utilities(utilities: int) -> Case:
    """Enter an order where so many utilities are."""
    return _entry(_enterprise_of(utilities), Counted("records"))


def entry_among_records(held: int) -> Case:
    """Enter an order where so many records are held already, of a hundred accounts."""
    table = Counted("records")
    table.fill(_others(held, accounts=100))
    return _entry(default_enterprise(), table)


def inquiry_among_own(others: int) -> Case:
    """Inquire of an order whose account has so many others."""
    return _inquiry(lambda table: table.fill(_others(others, accounts=1)))


def inquiry_among_strangers(others: int) -> Case:
    """Inquire of an order where there are so many of other accounts."""
    return _inquiry(lambda table: table.fill(_others(others, accounts=1_000, skip=1)))


def list_over_days(days: int) -> Case:
    """List the newest orders of an account that has entered ten a day for so many days."""
    customer, street = Counted("customer"), Counted("street")
    for day in range(days):
        for place in range(_ORDERS_A_DAY):
            order = placed(f"order-{place}", at=NOW - timedelta(days=day, seconds=place))
            customer.fill([order.to_item()])
            street.fill(report.to_item() for report in reports(order, 2))
    held = Held(customer=customer, street=street, both=lambda first, second: (first(), second()))

    def act() -> object:
        return list_orders(ACCOUNT, _CUSTOMER, SECRET, held=held, now=NOW, limit=_LISTED)

    return Case(act, (customer, street))


CASES: Sequence[tuple[str, float, Sequence[int], Callable[[int], Case]]] = (
    ("order entry over utilities", 0.05, UTILITIES, entry_among_utilities),
    ("order entry over records held", 0.05, RECORDS, entry_among_records),
    ("inquiry over other orders of the account", 0.0, OTHERS, inquiry_among_own),
    ("inquiry over orders of other accounts", 0.0, OTHERS, inquiry_among_strangers),
    ("list of orders over days of history", 0.0, DAYS, list_over_days),
)


def _entry(enterprise: Enterprise, table: Counted) -> Case:
    desk = Desk(utility=enterprise.utility("c1"), secret=SECRET)
    places = count()

    def act() -> object:
        order = NewOrder(terms=terms(f"new-{next(places):07}"), transact_time=NOW)
        return enter_order(order, _CUSTOMER, desk, records=table, clock=lambda: NOW)

    return Case(act, (table,))


def _inquiry(fill: Callable[[Counted], None]) -> Case:
    customer, street = Counted("customer"), Counted("street")
    order = placed("inquired")
    for table in (customer, street):
        fill(table)
    customer.fill([order.to_item()])
    street.fill(report.to_item() for report in reports(order, 5))
    held = Held(customer=customer, street=street, both=lambda first, second: (first(), second()))

    def act() -> object:
        return inquire_order(order.order_id, _CUSTOMER, SECRET, code="C01", held=held, now=NOW)

    return Case(act, (customer, street))


def _enterprise_of(utilities: int) -> Enterprise:
    """A firm, and half of the others on either side."""
    sides = ["firm", *(("customer", "street")[place % 2] for place in range(utilities - 1))]
    entries = [
        {"name": f"{side[0]}{place}", "side": side, "code": f"{side[0].upper()}{place:02}", "region": "here"}
        for place, side in enumerate(sides)
    ]
    return parse_enterprise({"name": "large", "version": 1, "utility": entries})


def _others(count: int, accounts: int, skip: int = 0) -> Iterable[Item]:
    """Items of other orders, made from one: of the sample's account, and of so many more."""
    template = placed("template").to_item()
    keys = [account_key(f"A-{1001 + place}", SECRET) for place in range(skip, accounts + skip)]
    day, _, rest = template["sk"].partition("#")
    event = rest.partition("#")[2]
    return (
        {**template, "pk": keys[place % accounts], "sk": f"{day}#{place:013}#{event}"}
        for place in range(count)
    )
