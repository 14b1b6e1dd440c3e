"""Orders that live any life, against one thread that keeps each of them in one object.

Requests are entered at two customer utilities, worked at two street utilities on a venue that grants what it
is told to, and the records delivered in any order, with repeats: every answer is what the one thread has.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from chalicelib.customer.entry import (
    NewCancel,
    NewOrder,
    NewReplace,
    enter_order,
    request_cancel,
    request_replace,
)
from chalicelib.records.fix import BuySell, ExecType, OrdStatus, OrdType, TimeInForce
from chalicelib.records.numbers import OrderID, parse_number
from chalicelib.records.orders import (
    ExecutionReport,
    OrderCancelReject,
    OrderRecord,
    OrderRequest,
    Placed,
    Terms,
    exec_id,
    read_orders,
)
from chalicelib.records.record import Item
from chalicelib.state.orders import OrderState, fold_order
from chalicelib.street.notices import give_notice
from chalicelib.street.venues import Fill
from chalicelib.tables.memory import MemoryStore
from chalicelib.tables.reading import read_all
from chalicelib.tables.store import span
from tests.builders import ACCOUNT, NOW, OWNER, desk, seconds

from . import model
from .sides import NEVER, CustomerUtility, ScriptedVenue, StreetUtility

_Kind = TypeVar("_Kind")

_WORKING = (OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED)
_WORDS = (ExecutionReport, OrderCancelReject)
_ENDS = (OrdStatus.CANCELED, OrdStatus.EXPIRED, OrdStatus.REJECTED)
_ORDERS_MAX = 2

_place = st.integers(min_value=0, max_value=11)
_seed = st.integers(min_value=0, max_value=2**32)
_utility = st.sampled_from(["c1", "c2"])
_quantity = st.sampled_from([Decimal(quantity) for quantity in (1, 30, 70, 100, 150)])
_price = st.sampled_from([Decimal(price) for price in ("10", "10.01", "11.37", "9.5")])
_lets_go = st.sampled_from(["at once", "at once", "at once", "later", "never"])

# What the venue may say of a whole order, and what becomes of it.
_SAID: Mapping[ExecType, Callable[[model.Order, date], None]] = {
    ExecType.STOPPED: model.Order.stop,
    ExecType.SUSPENDED: model.Order.suspend,
    ExecType.RESTATED: lambda plain, on: plain.restate(None, on),
    ExecType.CANCELED: model.Order.cancel,
}


def mostly(usual: _Kind, other: _Kind) -> st.SearchStrategy[_Kind]:
    return st.sampled_from([usual, usual, usual, usual, usual, other])


@dataclass(eq=False, kw_only=True)
class Played:
    """An order: as the one thread keeps it, and what of it is still on its way to the street side."""

    plain: model.Order
    order: NewOrder
    street: str
    entries: list[Placed]
    coming: list[Placed]
    asked: list[tuple[model.Wish, OrderRequest]] = field(default_factory=list)

    @property
    def numbers(self) -> Sequence[OrderID]:
        return [entry.order_id for entry in self.entries]

    @property
    def is_worked(self) -> bool:
        """Whether its venue has taken it."""
        return self.plain.turn > 0 and self.plain.ended is not OrdStatus.REJECTED


class OrderLife(RuleBasedStateMachine):
    """The lives of a few orders."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.names = 0
        self.played: list[Played] = []
        self.touched: list[Played] = []
        self.venue = ScriptedVenue()
        self.streets = {name: StreetUtility(name, self.venue) for name in ("s1", "s2")}
        self.customers = {name: CustomerUtility(name) for name in ("c1", "c2")}

    # What customers do

    @precondition(lambda self: sum(not played.plain.ended for played in self.played) < _ORDERS_MAX)
    @rule(
        at=_utility,
        street=st.sampled_from(["s1", "s2"]),
        quantity=_quantity,
        price=mostly(Decimal(10), NEVER),
        lasts=st.sampled_from([None, TimeInForce.GOOD_TILL_CANCEL]),
        arrives=mostly(True, False),
    )
    def enter(
        self,
        at: str,
        street: str,
        quantity: Decimal,
        price: Decimal,
        lasts: TimeInForce | None,
        arrives: bool,
    ) -> None:
        terms = Terms(
            account=ACCOUNT,
            cl_ord_id=self._name("order"),
            symbol="IBM",
            side=BuySell.BUY,
            ord_type=OrdType.LIMIT,
            order_qty=quantity,
            price=price,
            time_in_force=lasts,
        )
        plain = model.Order(
            cl_ord_id=terms.cl_ord_id, quantity=quantity, price=price, is_good_till=lasts is not None
        )
        order = NewOrder(terms=terms, transact_time=self._tick())
        played = Played(plain=plain, order=order, street=street, entries=[], coming=[])
        self.played.append(played)
        self._enter(played, at)
        if arrives:
            self._hand_over_order(played, 0, "at once")

    @precondition(lambda self: self.played)
    @rule(place=_place, at=_utility)
    def enter_again(self, place: int, at: str) -> None:
        """The same order, perhaps at the other utility."""
        played = one(self.played, place)
        if played.order.transact_time > self._tick() - timedelta(minutes=15):
            self._enter(played, at)

    def _enter(self, played: Played, at: str) -> None:
        store, at_desk = self.customers[at].customer, desk(at)
        placed, is_new = enter_order(played.order, OWNER, at_desk, records=store, clock=lambda: self.now)
        if is_new:
            played.entries.append(placed)
            played.coming.append(placed)

    @precondition(lambda self: self.played)
    @rule(place=_place, via=_place, at=_utility, arrives=st.booleans(), lets_go=_lets_go)
    def ask_cancel(self, place: int, via: int, at: str, arrives: bool, lets_go: str) -> None:
        played = one(self.played, place)
        self._ask(played, model.Wish(cl_ord_id=self._name("cancel"), is_cancel=True), via, at)
        if arrives:
            self._hand_over_wish(played, -1, lets_go)

    @precondition(lambda self: self.played)
    @rule(
        place=_place,
        via=_place,
        at=_utility,
        changes=st.sampled_from(["quantity", "quantity", "price", "both"]),
        quantity=_quantity,
        price=mostly(Decimal("10.5"), NEVER),
        version=st.sampled_from(["any", "any", "any", "in force", "first"]),
        arrives=mostly(True, False),
        lets_go=_lets_go,
    )
    def ask_replace(
        self,
        place: int,
        via: int,
        at: str,
        changes: str,
        quantity: Decimal,
        price: Decimal,
        version: str,
        arrives: bool,
        lets_go: str,
    ) -> None:
        played = self._one_alive(place)
        versions = {"in force": played.plain.cl_ord_id, "first": played.order.terms.cl_ord_id}
        wish = model.Wish(
            cl_ord_id=self._name("replace"),
            is_cancel=False,
            quantity=None if changes == "price" else quantity,
            price=None if changes == "quantity" else price,
            instead_of=versions.get(version),
        )
        self._ask(played, wish, via, at)
        if arrives:
            self._hand_over_wish(played, -1, lets_go)

    @precondition(lambda self: any(played.is_worked for played in self.played))
    @rule(place=_place, first=_quantity, second=_quantity, lets_go=_lets_go)
    def replace_twice(self, place: int, first: Decimal, second: Decimal, lets_go: str) -> None:
        """One replacement after another, asked for at both utilities before either has arrived."""
        played = self._one_worked(place)
        for at, quantity in (("c1", first), ("c2", second)):
            wish = model.Wish(cl_ord_id=self._name("replace"), is_cancel=False, quantity=quantity)
            self._ask(played, wish, 0, at)
        for which in (-1, -2):
            self._hand_over_wish(played, which, lets_go)

    @precondition(lambda self: any(played.asked for played in self.played))
    @rule(place=_place, which=_place, at=_utility)
    def ask_again(self, place: int, which: int, at: str) -> None:
        """The same wish, perhaps at the other utility."""
        played = one([played for played in self.played if played.asked], place)
        wish, request = one(played.asked, which)
        self._ask(played, wish, played.numbers.index(request.order_id), at)

    def _ask(self, played: Played, wish: model.Wish, via: int, at: str) -> None:
        now = self._tick()
        order_id = one(played.numbers, via)
        store, at_desk = self.customers[at].customer, desk(at)
        request: OrderRequest
        if wish.is_cancel:
            cancel = NewCancel(cl_ord_id=wish.cl_ord_id, transact_time=now)
            request, is_new = request_cancel(
                cancel, order_id, OWNER, at_desk, records=store, clock=lambda: now
            )
        else:
            changes = {"order_qty": wish.quantity, "price": wish.price}
            other = NewReplace(
                cl_ord_id=wish.cl_ord_id,
                changes={name: value for name, value in changes.items() if value is not None},
                transact_time=now,
                orig_cl_ord_id=wish.instead_of,
            )
            request, is_new = request_replace(
                other, order_id, OWNER, at_desk, records=store, clock=lambda: now
            )
        if is_new:
            played.plain.ask(wish)
            played.asked.append((wish, request))
        self.touched.append(played)

    # What arrives at the street side

    @precondition(lambda self: any(played.coming for played in self.played))
    @rule(
        place=_place,
        which=_place,
        answers=st.sampled_from(["at once", "at once", "at once", "later", "elsewhere"]),
    )
    def hand_over_order(self, place: int, which: int, answers: str) -> None:
        """An entry arrives; the venue may answer later, or the street utility let go of the order."""
        self._hand_over_order(one([p for p in self.played if p.coming], place), which, answers)

    def _hand_over_order(self, played: Played, which: int, answers: str) -> None:
        placed, now = one(played.coming, which), self._tick()
        played.coming.remove(placed)
        self.venue.is_silent = answers != "at once" and not played.plain.turn
        if answers == "elsewhere" and not played.plain.numbers:
            self.streets[played.street].receive_order(placed, now, is_last=False)
            played.street = "s2" if played.street == "s1" else "s1"
            self.venue.is_silent = False
        played.plain.numbers.add(placed.order_id)
        self.streets[played.street].receive_order(placed, now)
        self._opened(played)
        self._worked(played)

    @precondition(lambda self: any(played.asked for played in self.played))
    @rule(place=_place, which=_place, lets_go=_lets_go)
    def hand_over_wish(self, place: int, which: int, lets_go: str) -> None:
        """A request arrives at all street utilities; it may be the second time."""
        self._hand_over_wish(one([p for p in self.played if p.asked], place), which, lets_go)

    def _hand_over_wish(self, played: Played, which: int, lets_go: str) -> None:
        wish, request = one(played.asked, which)
        now = self._tick()
        wish.via.add(request.order_id)
        self.venue.lets_go = lets_go
        for street in self.streets.values():
            street.receive_request(request, now)
        self._worked(played)

    @precondition(lambda self: any(played.plain.numbers for played in self.played))
    @rule(place=_place, lets_go=_lets_go)
    def look(self, place: int, lets_go: str) -> None:
        self._look(one([played for played in self.played if played.plain.numbers], place), lets_go)

    @precondition(lambda self: any(played.is_worked for played in self.played))
    @rule(place=_place, share=st.sampled_from([3, 2, 1]), price=_price)
    def fill(self, place: int, share: int, price: Decimal) -> None:
        """The venue would grant an execution, if it were asked."""
        played = self._one_worked(place)
        fill = Fill(
            quantity=max(played.plain.leaves_qty // share, Decimal(1)), price=price, market=self.venue.market
        )
        self.venue.grants.append(fill)
        self._look(played, "at once", fill)

    @precondition(lambda self: any(played.is_worked for played in self.played))
    @rule(place=_place, first=_price, second=_price)
    def fill_twice(self, place: int, first: Decimal, second: Decimal) -> None:
        for price in (first, second):
            self.fill(place, 2, price)

    # What the venue says by itself

    @precondition(lambda self: any(played.plain.fills for played in self.played))
    @rule(place=_place, which=_place, by_change=st.booleans())
    def bust(self, place: int, which: int, by_change: bool) -> None:
        played, fill = self._one_fill(place, which)
        self._notice(played, ExecType.TRADE_CANCEL, exec_ref_id=self._exec_id(played, fill, by_change))
        played.plain.bust(fill, self._today)
        self._worked(played)

    @precondition(lambda self: any(played.plain.fills for played in self.played))
    @rule(
        place=_place,
        which=_place,
        by_change=st.booleans(),
        quantity=_quantity,
        price=st.one_of(st.none(), _price),
    )
    def correct(
        self, place: int, which: int, by_change: bool, quantity: Decimal, price: Decimal | None
    ) -> None:
        played, fill = self._one_fill(place, which)
        self._notice(
            played,
            ExecType.TRADE_CORRECT,
            exec_ref_id=self._exec_id(played, fill, by_change),
            last_qty=quantity,
            last_px=price,
        )
        played.plain.correct(fill, quantity, price, self._today)
        self._worked(played)

    @precondition(lambda self: any(played.is_worked for played in self.played))
    @rule(place=_place, what=st.sampled_from(list(_SAID)), quantity=st.one_of(st.none(), _quantity))
    def say(self, place: int, what: ExecType, quantity: Decimal | None) -> None:
        """The order is stopped, suspended, restated - perhaps with another quantity - or canceled."""
        played = self._one_worked(place)
        if what is ExecType.RESTATED:
            self._notice(played, what, restated_qty=quantity)
            played.plain.restate(quantity, self._today)
        else:
            self._notice(played, what, last_qty=quantity, last_px=Decimal(10))
            _SAID[what](played.plain, self._today)
        self._worked(played)

    @rule(is_over=mostly(False, True))
    def sleep(self, is_over: bool) -> None:
        """The day may be over."""
        if is_over:
            self.now += timedelta(days=1)

    # What is answered

    @precondition(lambda self: self.played)
    @rule(at=_utility, seed=_seed)
    def deliver_some(self, at: str, seed: int) -> None:
        self.customers[at].receive(some(self._written(), Random(seed)))

    @precondition(lambda self: self.played)
    @rule(seed=_seed)
    def deliver_all(self, seed: int) -> None:
        """Every utility has every record, in an order of its own, and gives the one thread's answers."""
        self._tick()
        random, items = Random(seed), self._written()
        for customer in self.customers.values():
            customer.receive(shuffled(items, random))
            for played in self.played:
                for order_id in played.numbers:
                    check(customer.ask(order_id, self.now), played.plain)

    @precondition(lambda self: self.played)
    @rule(seed=_seed)
    def ask_with_some(self, seed: int) -> None:
        """A utility that has some of the records says no more than they tell."""
        random, items = Random(seed), self._written()
        for _ in range(3):
            here = CustomerUtility("c3")
            here.receive(some(items, random))
            for played in self.played:
                for order_id in played.numbers:
                    arrived, _ = read_orders(items_of(order_id, here.customer, here.street))
                    check_partial(here.ask(order_id, self.now), arrived, played.plain)

    @invariant()
    def each_step_is_as_the_one_thread_has_it(self) -> None:
        """With every record, as it was written and with nothing in it but what happened."""
        for played in self.touched:
            records = self._records(played)
            reports = [record for record in records if isinstance(record, ExecutionReport)]
            assert len(reports) == played.plain.turn
            for order_id in played.numbers:
                number = parse_number(order_id)
                check(fold_order(number, records, self.now), played.plain)
                check(fold_order(number, map(stripped, records), self.now), played.plain)
        self.touched = []

    def teardown(self) -> None:
        # Unless something was found already.
        if not self.touched:
            self.deliver_all(0)

    # How the one thread keeps up

    def _look(self, played: Played, lets_go: str, fill: Fill | None = None) -> None:
        self.venue.lets_go = lets_go
        self.streets[played.street].look(played.numbers[0], self._tick())
        self._opened(played)
        self._worked(played, fill)

    def _opened(self, played: Played) -> None:
        """The order was acknowledged, if that was due and the venue is not silent."""
        if played.plain.turn or self.venue.is_silent:
            return
        if played.plain.price == NEVER:
            played.plain.reject(self._today)
        else:
            played.plain.acknowledge(self._today)

    def _notice(self, played: Played, exec_type: ExecType, **said: Any) -> None:
        street, now = self.streets[played.street], self._tick()
        claim = street.claim(played.entries[0])
        notice_id = self._name("notice")
        assert give_notice(claim, exec_type, notice_id, street.inbox, venue="TEST", now=now, **said)
        street.work(claim.order_id, now)

    def _worked(self, played: Played, fill: Fill | None = None) -> None:
        """What was due of an order that is open has been done."""
        plain, venue = played.plain, self.venue
        if plain.turn:
            grant = (fill.quantity, fill.price) if fill is not None else None
            is_granted = plain.work(self._today, lets_go=venue.lets_go, never=NEVER, grant=grant)
            assert is_granted is (fill is not None and not venue.grants)
        venue.is_silent, venue.lets_go = False, "at once"
        venue.grants.clear()
        self.touched.append(played)

    @property
    def _today(self) -> date:
        return self.now.date()

    def _tick(self) -> datetime:
        self.now += seconds(1)
        return self.now

    def _name(self, of: str) -> str:
        self.names += 1
        return f"{of}-{self.names}"

    def _one_worked(self, place: int) -> Played:
        """Mostly one that is not done."""
        worked = [played for played in self.played if played.is_worked]
        undone = [played for played in worked if played.plain.leaves_qty]
        return one(undone if undone and place else worked, place)

    def _one_alive(self, place: int) -> Played:
        """Mostly one that has not ended."""
        alive = [played for played in self.played if not played.plain.ended]
        return one(alive if alive and place else self.played, place)

    def _one_fill(self, place: int, which: int) -> tuple[Played, model.Fill]:
        played = one([played for played in self.played if played.plain.fills], place)
        return played, one(played.plain.fills, which)

    def _exec_id(self, played: Played, fill: model.Fill, by_change: bool) -> str:
        """The execution's ExecID, or that of its last change."""
        number = parse_number(played.numbers[0])
        return exec_id(played.street, number, fill.changed if by_change else fill.turn)

    def _written(self) -> list[Item]:
        """What is to be copied: all records of both sides, each once."""
        stores = [customer.customer for customer in self.customers.values()]
        stores += [street.records for street in self.streets.values()]
        items = [item for store in stores for item in store.everything()]
        return [*{(item["pk"], item["sk"]): item for item in items}.values()]

    def _records(self, played: Played) -> Sequence[OrderRecord]:
        stores = [customer.customer for customer in self.customers.values()]
        stores += [street.records for street in self.streets.values()]
        records, unread = read_orders(items_of(played.numbers[0], *stores))
        assert not unread
        return records


def one(among: Sequence[_Kind], place: int) -> _Kind:
    return among[place % len(among)]


def some(items: Sequence[Item], random: Random) -> Sequence[Item]:
    """Some of the items, in any order; often very few."""
    most = random.choice((1, 2, len(items)))
    return random.sample(items, random.randint(0, min(most, len(items))))


def shuffled(items: Sequence[Item], random: Random) -> Sequence[Item]:
    """All of the items in any order, some of them repeatedly."""
    repeated = [*items, *some(items, random)]
    random.shuffle(repeated)
    return repeated


def items_of(order_id: OrderID, *stores: MemoryStore) -> Iterator[Item]:
    number = parse_number(order_id)
    for store in stores:
        yield from read_all(number.account_key, *span(number.prefix), store)


def stripped(record: OrderRecord) -> OrderRecord:
    """A street utility's record with what happened, and nothing of what it knew of the whole order."""
    nothing: dict[str, Any] = dict.fromkeys(
        ("symbol", "side", "ord_type", "order_qty", "price", "time_in_force", "ord_status")
    )
    if isinstance(record, OrderCancelReject):
        return replace(record, **nothing)
    if not isinstance(record, ExecutionReport):
        return record
    if record.exec_type is ExecType.RESTATED:
        nothing["order_qty"] = record.order_qty
    return replace(record, **nothing, cum_qty=None, leaves_qty=None, avg_px=None)


def check(state: OrderState, plain: model.Order) -> None:
    """The answer of who has every record is what the one thread has."""
    terms = state.terms
    assert terms is not None
    assert state.ord_status is plain.status
    assert (terms.cl_ord_id, terms.order_qty, terms.price) == (plain.cl_ord_id, plain.quantity, plain.price)
    assert (state.cum_qty, state.leaves_qty, state.avg_px) == (
        plain.cum_qty,
        plain.leaves_qty,
        plain.avg_px,
    )
    assert [(e.last_qty, e.last_px) for e in state.executions if e.exec_id not in state.busted] == [
        (fill.quantity, fill.price) for fill in plain.live
    ]
    assert sorted(state.waits_for) == sorted(plain.waits_for)
    assert sorted(state.exceptions) == sorted(plain.exceptions)


def check_partial(state: OrderState, arrived: Sequence[OrderRecord], plain: model.Order) -> None:
    """What is true of any answer: it says what the last of the street side's words that have arrived said.

    That is not what the order is by now: a bust may be among what is missing. Whatever of the quantity
    the executions that have arrived do not explain is waited for, and so is the entry.
    """
    counting = [execution for execution in state.executions if execution.exec_id not in state.busted]
    executed = sum((execution.last_qty or Decimal(0) for execution in counting), Decimal(0))
    reported, said = last_view(arrived, plain, ExecutionReport), last_view(arrived, plain, *_WORDS)
    if reported is not None:
        assert state.terms is not None
        assert (state.terms.cl_ord_id, state.terms.order_qty) == (reported.cl_ord_id, reported.quantity)
        assert state.cum_qty == reported.cum_qty
        assert state.ord_status is not OrdStatus.FILLED or reported.is_filled
    else:
        assert state.cum_qty == executed == 0
        assert state.is_estimate
    is_ended = said is not None and said.ended is not None
    assert is_ended or state.ord_status not in _ENDS
    assert not is_ended or state.ord_status not in _WORKING
    if executed != state.cum_qty:
        assert any(waited.startswith("execution") for waited in state.waits_for)
    if not any(isinstance(record, Placed) for record in arrived):
        assert any(waited.startswith("the order as placed") for waited in state.waits_for)


def last_view(
    arrived: Sequence[OrderRecord], plain: model.Order, *kinds: type[OrderRecord]
) -> model.View | None:
    """The order as it was when the last of some records was written."""
    last = max(
        (record for record in arrived if isinstance(record, kinds)),
        key=lambda record: (record.transact_time, record.sort_key),
        default=None,
    )
    if isinstance(last, ExecutionReport):
        return plain.views[int(last.exec_id[-4:]) - 1]
    return plain.refusals[last.cl_ord_id] if last is not None else None


_LIFE = settings(
    max_examples=450,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.mark.requirement("T13", "T14", "T15")
def test_whatever_an_order_lives_through_every_utility_answers_as_one_thread_would() -> None:
    run_state_machine_as_test(OrderLife, settings=_LIFE)
