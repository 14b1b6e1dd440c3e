"""What the tests of the core are built from: one enterprise, its records, and stores that misbehave."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from chalicelib.customer.customers import Customer
from chalicelib.customer.entry import Desk, NewOrder
from chalicelib.enterprise import Enterprise, parse_enterprise
from chalicelib.records.fix import BuySell, ExecType, OrdStatus, OrdType
from chalicelib.records.numbers import Number, OrderID, account_key, order_tag
from chalicelib.records.orders import (
    CancelRequested,
    ExecutionReport,
    Found,
    Placed,
    Routed,
    Terms,
    exec_id,
)
from chalicelib.records.record import Item
from chalicelib.street.exchange import Bar
from chalicelib.tables.store import Page, Store, Unreachable

SECRET = bytes(range(16))
# A Monday on which the markets are open.
NOW = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
ACCOUNT = "ACC-1"
OWNER = Customer(subject="ada", accounts=frozenset({ACCOUNT}))


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def later(count: float) -> datetime:
    """So many seconds after NOW."""
    return NOW + seconds(count)


# The enterprise


def utility(name: str, side: str, code: str) -> dict[str, Any]:
    return {"name": name, "side": side, "code": code, "region": "us-east-1"}


# The network of the default file: from Tokyo to Zurich by New York only, by London only, or by both.
BANKS = {"bankx": "tokyo", "banky": "zurich", "broker": "newyork", "bankz": "london"}
LINKS = {"tokyo": ["newyork", "london"], "newyork": ["zurich", "london"], "zurich": ["london"], "london": []}


def enterprise_content(
    *,
    customers: int = 2,
    streets: int = 2,
    banks: Mapping[str, str] | None = None,
    links: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """An enterprise file's content: c1.., s1.. and the firm, and if there are any, banks at their cities."""
    banks, links = banks or {}, links or {}
    return {
        "name": "demo",
        "version": 1,
        "utility": [
            *(utility(f"c{n}", "customer", f"C{n:02}") for n in range(1, customers + 1)),
            *(utility(f"s{n}", "street", f"S{n:02}") for n in range(1, streets + 1)),
            utility("firm", "firm", "F01"),
            *(
                {**utility(bank, "street", f"B{n:02}"), "city": city, "orders": False}
                for n, (bank, city) in enumerate(banks.items(), start=1)
            ),
            *(
                {**utility(city, "network", f"N{n:02}"), "links": list(to)}
                for n, (city, to) in enumerate(links.items(), start=1)
            ),
        ],
        "principal": [
            {"name": bank.upper(), "node": bank, "terminals": [f"{bank.upper()}1"]} for bank in banks
        ],
    }


def enterprise(
    *,
    customers: int = 2,
    streets: int = 2,
    banks: Mapping[str, str] | None = None,
    links: Mapping[str, Sequence[str]] | None = None,
) -> Enterprise:
    return parse_enterprise(
        enterprise_content(customers=customers, streets=streets, banks=banks, links=links)
    )


def desk(name: str = "c1") -> Desk:
    return Desk(utility=enterprise().utility(name), secret=SECRET)


# Orders and their records


def terms(
    *,
    cl_ord_id: str = "order-1",
    qty: int | str = 100,
    price: str | None = None,
    side: BuySell = BuySell.BUY,
    symbol: str = "IBM",
    account: str = ACCOUNT,
) -> Terms:
    """Terms of a market order, or with a price of a limit order."""
    return Terms(
        account=account,
        cl_ord_id=cl_ord_id,
        symbol=symbol,
        side=side,
        ord_type=OrdType.MARKET if price is None else OrdType.LIMIT,
        order_qty=Decimal(qty),
        price=None if price is None else Decimal(price),
    )


def new_order(time: datetime = NOW, **asked: Any) -> NewOrder:
    return NewOrder(terms=terms(**asked), transact_time=time)


def number(
    *, code: str = "C01", cl_ord_id: str = "order-1", account: str = ACCOUNT, day: str = "20260105"
) -> Number:
    return Number(
        code=code,
        day=day,
        account_key=account_key(account, SECRET),
        tag=order_tag(account, cl_ord_id, SECRET),
    )


def placed(
    of: Terms | None = None,
    *,
    at: datetime = NOW,
    origin: str = "c1",
    day: str = "20260105",
) -> Placed:
    of = of or terms()
    of_number = number(
        code=origin.upper().replace("C", "C0"), cl_ord_id=of.cl_ord_id, account=of.account, day=day
    )
    return Placed(
        **vars(of),
        order_id=OrderID(str(of_number)),
        origin=origin,
        transact_time=at,
        orig_time=at,
        entered_by="ada",
    )


def cancel(
    order: Placed,
    *,
    at: datetime = NOW,
    origin: str = "c1",
    cl_ord_id: str = "cancel-1",
    knows_terms: bool = True,
) -> CancelRequested:
    """A cancel of an order, with its terms or as one that came before its order."""
    known: dict[str, Any] = {
        name: getattr(order, name) if knows_terms else None
        for name in ("symbol", "side", "ord_type", "order_qty", "price")
    }
    return CancelRequested(
        **known,
        order_id=order.order_id,
        account=order.account,
        cl_ord_id=cl_ord_id,
        orig_cl_ord_id=order.cl_ord_id if knows_terms else None,
        request_tag=order_tag(order.account, cl_ord_id, SECRET),
        orig_time=at,
        entered_by="ada",
        origin=origin,
        transact_time=at,
    )


def report(
    order: Placed,
    place: int,
    exec_type: ExecType,
    *,
    at: datetime,
    cum: int = 0,
    last: int | None = None,
    px: str = "10",
    origin: str = "s1",
    avg: str | None = None,
    **facts: Any,
) -> ExecutionReport:
    """A street utility's nth report of an order; a trade says how much and at what price."""
    assert order.order_qty is not None
    ended = exec_type in (ExecType.CANCELED, ExecType.REJECTED)
    leaves = Decimal(0) if ended else order.order_qty - cum
    status = {
        ExecType.NEW: OrdStatus.NEW,
        ExecType.CANCELED: OrdStatus.CANCELED,
        ExecType.PENDING_CANCEL: OrdStatus.PENDING_CANCEL,
        ExecType.REJECTED: OrdStatus.REJECTED,
        ExecType.TRADE: OrdStatus.PARTIALLY_FILLED if leaves else OrdStatus.FILLED,
    }[exec_type]
    return ExecutionReport(
        **{
            **{name: getattr(order, name) for name in ("order_id", "account", "cl_ord_id", "symbol")},
            **{name: getattr(order, name) for name in ("side", "ord_type", "order_qty", "price")},
            "ord_status": status,
            **facts,
        },
        origin=origin,
        transact_time=at,
        exec_id=exec_id(origin, order.number, place),
        exec_type=exec_type,
        cum_qty=Decimal(cum),
        leaves_qty=leaves,
        avg_px=Decimal(avg or px) if cum else None,
        last_qty=None if last is None else Decimal(last),
        last_px=None if last is None else Decimal(px),
        last_mkt=None if last is None else "SIMX",
    )


def trade(
    order: Placed, place: int, *, at: datetime, last: int, cum: int, px: str = "10", **facts: Any
) -> ExecutionReport:
    return report(order, place, ExecType.TRADE, at=at, last=last, cum=cum, px=px, **facts)


def routed(order: Placed, street: str, found: Found, *, at: datetime = NOW) -> Routed:
    return Routed(
        **vars(order_terms(order)),
        order_id=order.order_id,
        origin=order.origin,
        transact_time=at,
        street=street,
        found=found,
    )


def order_terms(order: Placed) -> Terms:
    assert order.terms is not None
    return order.terms


def bar(
    open_px: str, high_px: str, low_px: str, close_px: str, *, volume: int = 400_000, date: str = "20100104"
) -> Bar:
    return Bar(
        date=date,
        open_px=Decimal(open_px),
        high_px=Decimal(high_px),
        low_px=Decimal(low_px),
        close_px=Decimal(close_px),
        volume=volume,
    )


# Stores and queues


class Watched:
    """A store that counts what is asked of it, can be down, and gives small pages."""

    def __init__(self, kept: Store, *, page_max: int | None = None) -> None:
        self.name = kept.name
        self.kept = kept
        self.page_max = page_max
        self.is_down = False
        self.asked: Counter[str] = Counter()

    def insert(self, item: Item) -> Item | None:
        self._ask("insert")
        return self.kept.insert(item)

    def insert_together(self, items: Sequence[Item], unless: tuple[str, str] | None = None) -> bool:
        self._ask("insert_together")
        return self.kept.insert_together(items, unless)

    def copy(self, items: Sequence[Item]) -> Sequence[Item]:
        self._ask("copy")
        return self.kept.copy(items)

    def get(self, pk: str, sk: str) -> Item | None:
        self._ask("get")
        return self.kept.get(pk, sk)

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
        self._ask("query")
        if self.page_max is not None:
            limit = min(limit or self.page_max, self.page_max)
        return self.kept.query(pk, first, last, backward=backward, limit=limit, beyond=beyond)

    def _ask(self, verb: str) -> None:
        self.asked[verb] += 1
        if self.is_down:
            raise Unreachable(f"{self.name} is down")


@dataclass
class HeldMessages:
    """A queue that keeps what it is sent."""

    bodies: list[str] = field(default_factory=list)

    def send(self, body: str, delay: timedelta = timedelta(0)) -> None:
        self.bodies.append(body)

    def hold(self, receipt: str, wait: timedelta) -> None:
        raise NotImplementedError

    def take_back_dead(self) -> int:
        raise NotImplementedError


def keys(items: Sequence[Mapping[str, str]]) -> list[str]:
    """The sort keys of items."""
    return [item["sk"] for item in items]
