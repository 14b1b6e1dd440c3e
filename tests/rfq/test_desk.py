"""Customers' orders in currencies: at the house's own rate, or by a call to one bank after another.

The desk is at BANKX; Yves, Maia and Nora are at the banks that it calls.
"""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from chalicelib.bootstrap import Here
from chalicelib.desk import DealingDesk
from chalicelib.enterprise import load_enterprise
from chalicelib.entry import reactions
from chalicelib.records.conversations import REQUESTED_KEY, Requested, Step, Turn, of_same
from chalicelib.records.fix import BuySell, OrdRejReason, OrdType, TimeInForce
from chalicelib.records.numbers import OrderID
from chalicelib.records.record import Item
from chalicelib.records.registrations import PANELS
from chalicelib.refusals import TurnRefused
from chalicelib.rfq.calls import QuoteRequest, request_quote
from chalicelib.rfq.decisions import CALL_ALREADY_IN_PROGRESS
from chalicelib.rfq.desk import Desk, banks_for, order_behind, order_of
from chalicelib.rfq.node import Trader, read_panels
from chalicelib.rfq.rates import Fixing, IndicativeRates, Rate
from chalicelib.rfq.turns import clear
from chalicelib.settings import read_settings
from chalicelib.street import execution
from chalicelib.street.venues import Bound, Declined, Fill, Granted, Resting, Venue, Working
from chalicelib.tables.memory import MemoryRegistry, MemoryStore
from tests.builders import HeldMessages, number, seconds, terms
from tests.rfq.banks import MAIA, NOON, NORA, TURN, XENIA, YVES, Banks

ENTERPRISE_FILE = Path(__file__).parents[2] / "enterprise.toml"

LIMIT = 250_000
LARGE = 1_000_000
TICK = seconds(15)
GRACE = seconds(2)
VALUE_DATE = "20261120"
BUY, SELL = BuySell.BUY, BuySell.SELL
TRADERS = {trader.principal: trader for trader in (YVES, MAIA, NORA)}
DESK = Trader(principal="BANKX", trader="desk", terminal="X1")

_FIXING = Fixing(
    date=NOON.date(), rates={"USD": Decimal("1.0842"), "JPY": Decimal("163.05"), "GBP": Decimal("0.8412")}
)
RATES = IndicativeRates(bank="bankx", fixings=(_FIXING,), epoch=NOON - timedelta(days=30), tick=TICK)


@dataclass
class House:
    """A house with a dealing desk, the banks that it calls, and its customers' orders."""

    banks: Banks = field(default_factory=Banks)
    _calls: list[Requested] = field(default_factory=list)

    @property
    def venue(self) -> Venue:
        """The desk with nothing but its node's tables: as every function finds it."""
        principal = self.banks.enterprise.principal("BANKX")
        assert principal is not None
        node = self.banks.at("BANKX")
        return DealingDesk(desk=Desk(house=principal, node=node, rates=lambda: RATES, limit=Decimal(LIMIT)))

    @property
    def desk(self) -> Desk:
        venue = self.venue
        assert isinstance(venue, DealingDesk)
        return venue.desk

    def ask(self, order: Working) -> Granted:
        return self.venue.ask(order, self.banks.now)

    def release(self, order: Working) -> Bound | Resting | None:
        return self.venue.release(order, self.banks.now)

    def fill(self, order: Working) -> Fill:
        """What an order is filled with now."""
        granted = self.ask(order)
        assert isinstance(granted, Fill)
        return granted

    def called(self, order: Working) -> Requested:
        """The call that is made when an order is asked for: it arrives at the bank."""
        known = len(self.calls())
        assert isinstance(self.ask(order), Resting)
        (call,) = self.calls()[known:]
        self.banks.deliver()
        return call

    def calls(self) -> list[Requested]:
        """All that the desk has asked for, denied or not, in the order in which it did."""
        store: Any = self.banks.at("BANKX").registry.records
        made = [Requested.from_item(item) for item in store.everything() if item["sk"] == REQUESTED_KEY]
        new = [call for call in made if call.trader == DESK.trader and call not in self._calls]
        self._calls += sorted(new, key=lambda call: (call.transact_time, call.quote_req_id))
        return list(self._calls)

    def quote(self, call: Requested, bid: str = "1.0841", offer: str = "1.0843", **what: Any) -> None:
        """Have the bank that was called quote."""
        trader = TRADERS[call.destination]
        self.banks.act(trader, call.conversation, Step.ANSWERED)
        self.banks.act(
            trader,
            call.conversation,
            Step.QUOTED,
            bid_px=Decimal(bid),
            offer_px=Decimal(offer),
            **what,
        )
        self.banks.deliver()

    def dealt(self, order: Working) -> Requested:
        """A call in which the order has been dealt, though nobody has asked since."""
        call = self.called(order)
        self.quote(call)
        assert isinstance(self.ask(order), Resting)
        self.banks.deliver()
        return call

    def passed(self, call: Requested) -> None:
        """Have the bank that was called pass."""
        trader = TRADERS[call.destination]
        self.banks.act(trader, call.conversation, Step.ANSWERED)
        self.banks.act(trader, call.conversation, Step.PASSED)
        self.banks.deliver()

    def panels(self) -> set[str]:
        """The conversations that the desk's panels show."""
        return set(read_panels(self.banks.at("BANKX"), DESK).conversations.values())


@pytest.fixture
def house() -> House:
    return House()


def order(
    qty: int | str = LARGE,
    *,
    price: str | None = None,
    side: BuySell = BUY,
    name: str = "order-1",
    symbol: str = "EURUSD",
    since: datetime = NOON,
    **facts: Any,
) -> Working:
    """A customer's order as the street side asks for it."""
    order_id = OrderID(str(number(cl_ord_id=name, day="20261118")))
    asked = terms(cl_ord_id=name, qty=qty, price=price, side=side, symbol=symbol)
    return Working(
        order_id=order_id, terms=asked, leaves=asked.order_qty, received=since, since=since, **facts
    )


def rate(symbol: str = "EURUSD") -> Rate:
    found = RATES.at(symbol, NOON)
    assert found is not None
    return found


def ends_of(calls: list[Requested]) -> list[str]:
    return [call.destination for call in calls]


# What is dealt in


@pytest.mark.requirement("R12")
@pytest.mark.parametrize(
    ("symbol", "is_listed"),
    [
        ("EURUSD", True),
        ("USDEUR", True),
        ("GBPJPY", True),
        ("XAUUSD", False),  # no rate of gold
        ("EURSEK", False),
        ("US91282CKU44", False),
        ("IBM", False),
    ],
)
def test_the_desk_deals_in_pairs_that_it_has_a_rate_of(house: House, symbol: str, is_listed: bool) -> None:
    assert house.venue.lists(symbol) is is_listed


@pytest.mark.requirement("R12")
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"ord_type": OrdType.LIMIT, "price": Decimal("1.08")}, None),
        ({"order_qty": None, "cash_order_qty": Decimal(100)}, "UNSUPPORTED_ORDER_CHARACTERISTIC"),
        ({"order_qty": None, "order_percent": Decimal(10)}, "UNSUPPORTED_ORDER_CHARACTERISTIC"),
        ({"ord_type": OrdType.STOP, "stop_px": Decimal(1)}, "UNSUPPORTED_ORDER_CHARACTERISTIC"),
        ({"time_in_force": TimeInForce.FILL_OR_KILL}, "UNSUPPORTED_ORDER_CHARACTERISTIC"),
        ({"time_in_force": TimeInForce.FILL_OR_KILL, "order_qty": Decimal(LIMIT)}, None),
        ({"order_qty": Decimal("0.001")}, "INCORRECT_QUANTITY"),
        ({"order_qty": Decimal(0)}, "INCORRECT_QUANTITY"),
        ({"ord_type": OrdType.LIMIT, "price": Decimal("1.00000000001")}, "INVALID_PRICE_INCREMENT"),
    ],
)
def test_what_the_desk_cannot_do_is_objected_to(
    house: House, changes: dict[str, Any], reason: str | None
) -> None:
    objection = house.venue.objection(replace(order().terms, **changes))
    assert (objection and objection.reason) == (reason and OrdRejReason[reason])


@pytest.mark.requirement("R12")
@pytest.mark.parametrize(
    ("received", "ends"),
    [
        (datetime(2026, 11, 18, 21, 59, tzinfo=UTC), datetime(2026, 11, 18, 22, tzinfo=UTC)),
        (datetime(2026, 11, 18, 22, 0, tzinfo=UTC), datetime(2026, 11, 19, 22, tzinfo=UTC)),
        (datetime(2026, 7, 1, 12, 0, tzinfo=UTC), datetime(2026, 7, 1, 21, tzinfo=UTC)),
        (datetime(2026, 11, 20, 23, 0, tzinfo=UTC), datetime(2026, 11, 23, 22, tzinfo=UTC)),
    ],
)
def test_a_day_order_is_good_until_the_foreign_exchange_day_ends(
    house: House, received: datetime, ends: datetime
) -> None:
    assert house.venue.day_ends(order(since=received)) == ends


# At the house's own rate


@pytest.mark.requirement("R12")
@pytest.mark.parametrize("qty", ["0.01", "1000", LIMIT])
def test_up_to_the_limit_a_customer_buys_at_the_houses_offer(house: House, qty: int | str) -> None:
    fill = house.fill(order(qty))
    offer = rate().offer
    assert fill == Fill(
        quantity=Decimal(qty),
        price=offer,
        market="SINT",
        net_money=(Decimal(qty) * offer).quantize(Decimal("0.01")),
        settl_currency="USD",
        settl_date=VALUE_DATE,
    )
    assert house.calls() == []


@pytest.mark.requirement("R12")
def test_a_customer_sells_at_the_bid_in_the_quote_currencys_own_digits(house: House) -> None:
    fill = house.fill(order(1000, side=SELL, symbol="GBPJPY"))
    bid = rate("GBPJPY").bid
    assert (fill.price, fill.net_money, fill.settl_currency) == (
        bid,
        (1000 * bid).quantize(Decimal(1)),
        "JPY",
    )


@pytest.mark.requirement("R12")
@pytest.mark.parametrize(("side", "worse"), [(BUY, -1), (SELL, 1)])
def test_a_limit_that_the_rate_does_not_reach_waits_for_the_next_one(
    house: House, side: BuySell, worse: int
) -> None:
    shown = rate().offer if side is BUY else rate().bid
    asked = order(1000, side=side, price=str(shown + worse * Decimal("0.00001")))
    assert house.ask(asked) == Resting(until=NOON + TICK)
    assert house.fill(order(1000, side=side, price=str(shown))).price == shown


@pytest.mark.requirement("R12")
def test_one_cent_above_the_limit_a_bank_is_called(house: House) -> None:
    call = house.called(order("250000.01"))
    assert (call.symbol, call.side, call.order_qty) == ("EURUSD", BUY, Decimal("250000.01"))
    assert call.settl_type == "0"
    assert (call.trader, call.terminal) == (DESK.trader, DESK.terminal)


# In a conversation


@pytest.mark.requirement("R12")
@pytest.mark.parametrize(("side", "price"), [(BUY, "1.0843"), (SELL, "1.0841")])
def test_a_large_order_is_dealt_at_the_price_that_a_bank_quotes(
    house: House, side: BuySell, price: str
) -> None:
    asked = order(side=side)
    call = house.dealt(asked)
    fill = house.fill(asked)
    assert fill == Fill(
        quantity=Decimal(LARGE),
        price=Decimal(price),
        market="XOFF",
        net_money=Decimal(price) * LARGE,
        settl_currency="USD",
        settl_date=VALUE_DATE,
        conversation=call.conversation,
    )
    own = next(report for report in house.banks.booked if report.account == "BANKX")
    assert (own.last_px, own.net_money, own.settl_date) == (fill.price, fill.net_money, fill.settl_date)
    assert house.panels() == set()


@pytest.mark.requirement("R12")
def test_a_call_waits_for_the_bank_until_its_turn_is_over(house: House) -> None:
    asked = order()
    house.called(asked)
    assert house.ask(asked) == Resting(until=NOON + TURN + GRACE)


@pytest.mark.requirement("R12")
def test_a_quote_that_is_worse_than_the_limit_is_passed_and_the_next_bank_called(house: House) -> None:
    asked = order(price="1.0842")
    first = house.called(asked)
    house.quote(first)
    second = house.called(asked)
    assert house.banks.file("BANKX", first.conversation).status(house.banks.now) is Step.WITHDRAWN
    house.quote(second, offer="1.0842")
    house.ask(asked)
    house.banks.deliver()
    assert house.fill(asked).conversation == second.conversation


@pytest.mark.requirement("R12")
def test_a_bank_that_passes_is_followed_by_the_next(house: House) -> None:
    asked = order()
    house.passed(house.called(asked))
    second = house.dealt(asked)
    assert house.fill(asked).conversation == second.conversation
    assert ends_of(house.calls()) == list(banks_for(asked.order_id, house.desk))[:2]


@pytest.mark.requirement("R12", "R13")
def test_an_order_that_no_bank_answers_is_declined_after_the_last(house: House) -> None:
    asked = order()
    for _ in TRADERS:
        house.called(asked)
        house.banks.wait(TURN + GRACE + seconds(1))
    assert house.ask(asked) == Declined(text="no bank dealt")
    assert ends_of(house.calls()) == list(banks_for(asked.order_id, house.desk))
    assert house.panels() == set()


@pytest.mark.requirement("R12", "R13")
def test_a_bank_that_cannot_be_reached_is_given_up_without_its_word(house: House) -> None:
    asked = order()
    house.called(asked)
    house.banks.sent.clear()
    house.banks.now += TURN + seconds(1)
    assert house.ask(asked) == Resting(until=NOON + TURN + GRACE)
    house.banks.now += seconds(1)
    house.ask(asked)
    assert len(house.calls()) == 2


@pytest.mark.requirement("R12")
def test_no_quote_is_accepted_while_another_may_be_on_its_way(house: House) -> None:
    asked = order(price="1.0843")
    call = house.called(asked)
    house.quote(call)
    bank, number = TRADERS[call.destination], call.conversation
    house.banks.act(bank, number, Step.QUOTED, bid_px=Decimal("1.0900"), offer_px=Decimal("1.0902"))
    house.banks.act(bank, number, Step.MESSAGE, text="the market moves")
    house.banks.react()
    worse = house.banks.sent.popleft()
    house.banks.deliver()
    assert isinstance(house.ask(asked), Resting)
    assert house.banks.file("BANKX", number).asked == ()
    house.banks.receive(worse)
    house.ask(asked)
    assert house.banks.file("BANKX", number).status(house.banks.now) is Step.WITHDRAWN


@pytest.mark.requirement("R12")
def test_a_quote_that_has_run_out_is_not_accepted(house: House) -> None:
    asked = order()
    call = house.called(asked)
    house.quote(call, valid_until_time=NOON + seconds(10))
    house.banks.now += seconds(11)
    assert house.ask(asked) == Resting(until=NOON + seconds(10) + GRACE)
    assert house.banks.file("BANKX", call.conversation).asked == ()


@pytest.mark.requirement("R12")
def test_an_accept_that_came_too_late_is_followed_by_the_next_bank(house: House) -> None:
    asked = order()
    call = house.called(asked)
    house.quote(call, valid_until_time=NOON + seconds(10))
    house.ask(asked)
    house.banks.react()
    house.banks.wait(seconds(11))
    second = house.called(asked)
    assert second.destination != call.destination


@pytest.mark.requirement("R12")
def test_a_bank_that_is_calling_the_house_itself_is_passed_over(house: House) -> None:
    asked = order()
    first, second, _ = banks_for(asked.order_id, house.desk)
    house.banks.call(TRADERS[first], "BANKX")
    house.banks.deliver()
    house.ask(asked)
    assert [(call.destination, call.step) for call in house.calls()] == [
        (first, Step.DENIED),
        (second, Step.REQUESTED),
    ]
    assert house.panels() == {house.calls()[1].conversation}


@pytest.mark.requirement("R12")
def test_orders_are_spread_over_the_banks(house: House) -> None:
    first = {banks_for(order(name=f"order-{n}").order_id, house.desk)[0] for n in range(50)}
    assert first == set(TRADERS)


@pytest.mark.requirement("R12", "R11")
def test_a_call_that_gave_way_to_one_that_it_crossed_is_followed_by_the_next(house: House) -> None:
    asked = order()
    (first, *_) = banks_for(asked.order_id, house.desk)
    theirs = house.banks.call(TRADERS[first], "BANKX")
    house.banks.now += seconds(1)
    ours = house.called(asked)
    assert (ours.step, ours.destination) == (Step.REQUESTED, first)
    assert house.banks.registration("BANKX", first).conversation == theirs.conversation
    second = house.dealt(asked)
    assert second.destination != first
    assert house.fill(asked).conversation == second.conversation


# Another order's call to the same bank


def two_orders_for_one_bank(house: House) -> tuple[Working, Working]:
    """Two orders that would call the same bank first."""
    one = order()
    (first, *_) = banks_for(one.order_id, house.desk)
    others = (order(name=f"order-{n}") for n in range(2, 100))
    return one, next(other for other in others if banks_for(other.order_id, house.desk)[0] == first)


@pytest.mark.requirement("R12", "R6")
def test_a_bank_that_is_being_called_for_another_order_is_waited_for(house: House) -> None:
    one, other = two_orders_for_one_bank(house)
    call = house.called(one)
    assert house.ask(other) == Resting(until=NOON + seconds(5))
    assert house.ask(other) == Resting(until=NOON + seconds(5))
    denied = house.calls()[1]
    assert (len(house.calls()), denied.text) == (2, CALL_ALREADY_IN_PROGRESS)
    house.quote(call)
    house.ask(one)
    house.banks.deliver()
    house.banks.now += seconds(5)
    again = house.dealt(other)
    assert (again.destination, house.fill(other).conversation) == (call.destination, again.conversation)


@pytest.mark.requirement("R12", "R6")
def test_a_bank_that_stays_busy_is_called_again_after_the_others(house: House) -> None:
    one, other = two_orders_for_one_bank(house)
    house.called(one)
    busy = Resting(until=NOON)
    while len(house.calls()) < 5:
        granted = house.ask(other)
        assert isinstance(granted, Resting)
        assert granted.until is not None
        busy, house.banks.now = granted, granted.until
    first, second, third = banks_for(other.order_id, house.desk)
    assert ends_of(house.calls()[1:]) == [first, first, first, second]
    assert busy.until is not None
    house.banks.now = NOON + seconds(31)
    house.banks.deliver()
    house.passed(house.calls()[-1])
    house.passed(house.called(other))
    house.called(other)
    assert ends_of(house.calls()[-2:]) == [third, first]


@pytest.mark.requirement("R12")
def test_an_order_whose_banks_are_all_busy_is_declined_in_the_end(house: House) -> None:
    # Xenia, too, deals for the house: her calls are in the desk's way.
    asked = order()
    for _ in range(100):
        for bank in TRADERS:
            house.banks.call(XENIA, bank, quote_req_id=f"{house.banks.now}-{bank}")
            with_panels_free(house)
        granted = house.ask(asked)
        if isinstance(granted, Declined):
            break
        assert isinstance(granted, Resting)
        assert granted.until is not None
        house.banks.now = granted.until
    assert granted == Declined(text="no bank dealt")
    assert len(house.calls()) == 2 * len(TRADERS) + 10


def with_panels_free(house: House) -> None:
    """Have Xenia clear what she was denied."""
    node = house.banks.at("BANKX")
    for conversation in read_panels(node, XENIA).conversations.values():
        with suppress(TurnRefused):
            clear(conversation, XENIA, node)


# Panels


@pytest.mark.requirement("R12", "R3")
def test_an_order_waits_while_the_desks_panels_are_taken(house: House) -> None:
    pairs = ["EURUSD", "EURGBP", "EURJPY", "GBPUSD", "GBPJPY", "USDJPY"]
    first = [order(name=f"order-{n}", symbol=symbol) for n, symbol in enumerate(pairs)]
    assert len(first) == PANELS
    for asked in first:
        house.called(asked)
    last = order(name="last", symbol="GBPEUR")
    assert house.ask(last) == Resting(until=NOON + seconds(5))
    assert len(house.calls()) == PANELS
    house.passed(house.calls()[0])
    house.called(last)
    assert house.calls()[0].conversation not in house.panels()


# Letting go


@pytest.mark.requirement("R12")
def test_an_order_that_was_never_called_for_is_let_go_of(house: House) -> None:
    assert house.release(order()) is None


@pytest.mark.requirement("R12")
def test_an_order_whose_call_is_queued_is_let_go_of_by_hanging_up(house: House) -> None:
    asked = order()
    call = house.called(asked)
    assert house.release(asked) is None
    house.banks.deliver()
    bank = house.banks.file(call.destination, call.conversation)
    assert bank.status(house.banks.now) is Step.WITHDRAWN
    assert house.panels() == set()


@pytest.mark.requirement("R12")
def test_an_order_that_a_bank_has_quoted_for_is_let_go_of(house: House) -> None:
    asked = order()
    house.quote(house.called(asked))
    assert house.release(asked) is None
    house.banks.deliver()
    assert house.banks.booked == []


@pytest.mark.requirement("R12")
def test_an_order_that_is_being_dealt_is_bound_once_that_is_known(house: House) -> None:
    asked = order()
    call = house.called(asked)
    house.quote(call)
    house.ask(asked)
    assert isinstance(house.release(asked), Resting)
    house.banks.deliver()
    assert house.release(asked) == Bound(text=f"dealt in conversation {call.conversation}")
    assert house.fill(asked).conversation == call.conversation


@pytest.mark.requirement("R12")
def test_an_order_whose_accept_came_too_late_is_let_go_of_after_all(house: House) -> None:
    asked = order()
    call = house.called(asked)
    house.quote(call, valid_until_time=NOON + seconds(10))
    house.ask(asked)
    house.banks.react()
    assert isinstance(house.release(asked), Resting)
    house.banks.wait(seconds(11))
    assert house.release(asked) is None


@pytest.mark.requirement("R12")
def test_an_order_bound_to_a_bank_that_is_silent_is_waited_for_however_long(house: House) -> None:
    asked = order()
    house.quote(house.called(asked))
    house.ask(asked)
    house.banks.react()
    house.banks.sent.clear()
    house.banks.now += timedelta(hours=1)
    until = Resting(until=house.banks.now + timedelta(minutes=1))
    assert (house.release(asked), house.ask(asked)) == (until, until)
    assert len(house.calls()) == 1


@pytest.mark.requirement("R12")
def test_a_changed_order_is_called_for_anew_at_every_bank(house: House) -> None:
    asked = order(price="1.0800")
    for _ in TRADERS:
        house.quote(house.called(asked))
    assert isinstance(house.ask(asked), Declined)
    house.banks.now += seconds(1)
    changed = order(2 * LARGE, price="1.0900", since=house.banks.now)
    call = house.dealt(changed)
    assert call.destination == house.calls()[0].destination
    assert call.order_qty == 2 * LARGE
    assert house.fill(changed).quantity == 2 * LARGE


@pytest.mark.requirement("R12")
def test_a_call_that_was_made_for_an_orders_earlier_terms_is_hung_up(house: House) -> None:
    stale = house.called(order())
    changed = order(2 * LARGE)
    house.quote(stale)
    call = house.called(changed)
    assert house.banks.file("BANKX", stale.conversation).status(house.banks.now) is Step.WITHDRAWN
    assert call.order_qty == 2 * LARGE


@pytest.mark.requirement("R12")
def test_a_call_goes_on_though_the_limit_has_been_raised(house: House) -> None:
    asked = order()
    call = house.called(asked)
    raised = DealingDesk(desk=replace(house.desk, limit=Decimal(10 * LARGE)))
    assert raised.ask(asked, house.banks.now) == Resting(until=NOON + TURN + GRACE)
    house.quote(call)
    raised.ask(asked, house.banks.now)
    house.banks.deliver()
    fill = raised.ask(asked, house.banks.now)
    assert isinstance(fill, Fill)
    assert fill.conversation == call.conversation


# Asked again


@pytest.mark.requirement("R12", "R11")
def test_an_order_that_is_asked_for_at_every_point_makes_one_call_and_one_deal(house: House) -> None:
    asked = order()

    def again(times: int = 3) -> None:
        for _ in range(times):
            assert isinstance(house.ask(asked), Resting)

    again()
    call = house.calls()[0]
    house.banks.react()
    again()
    house.banks.deliver()
    again()
    house.banks.act(TRADERS[call.destination], call.conversation, Step.ANSWERED)
    again()
    house.banks.deliver()
    again()
    house.banks.act(
        TRADERS[call.destination],
        call.conversation,
        Step.QUOTED,
        bid_px=Decimal("1.0841"),
        offer_px=Decimal("1.0843"),
    )
    again()
    house.banks.deliver()
    again()
    house.banks.react()
    again()
    house.banks.deliver()
    fills = {house.fill(asked) for _ in range(3)}
    assert (len(house.calls()), len(fills)) == (1, 1)
    assert len([report for report in house.banks.booked if report.account == "BANKX"]) == 1


@pytest.mark.requirement("R12", "R11")
def test_a_deal_that_was_not_reported_is_granted_again_the_same(house: House) -> None:
    asked = order()
    house.dealt(asked)
    fill = house.fill(asked)
    house.banks.now += timedelta(days=1)
    assert house.fill(asked) == fill
    assert len(house.calls()) == 1


@pytest.mark.requirement("R12", "R11")
def test_two_functions_that_ask_at_once_make_one_call(house: House) -> None:
    asked = order()
    house.banks.meanwhile("BANKX", lambda: house.ask(asked))
    house.ask(asked)
    assert len(house.calls()) == 1


@pytest.mark.requirement("R12", "R11")
def test_two_functions_that_ask_at_once_after_a_pass_make_one_more_call(house: House) -> None:
    asked = order()
    house.passed(house.called(asked))
    house.banks.meanwhile("BANKX", lambda: house.ask(asked))
    house.ask(asked)
    assert len(house.calls()) == 2


@pytest.mark.requirement("R12")
def test_an_order_keeps_its_call_over_midnight(house: House) -> None:
    house.banks.now = datetime(2026, 11, 18, 23, 59, 30, tzinfo=UTC)
    asked = order(since=house.banks.now)
    call = house.called(asked)
    house.banks.now += seconds(60)
    house.quote(call)
    house.ask(asked)
    house.banks.deliver()
    assert house.fill(asked).conversation == call.conversation
    assert len(house.calls()) == 1


@pytest.mark.requirement("R12")
def test_what_is_left_after_a_deal_was_taken_back_is_called_for_anew(house: House) -> None:
    asked = order()
    first = house.dealt(asked)
    house.fill(asked)
    busted = replace(asked, last_fill=house.banks.now)
    assert house.release(busted) is None
    house.banks.now += seconds(1)
    second = house.dealt(busted)
    assert (second.destination, first.conversation != second.conversation) == (first.destination, True)
    assert house.fill(busted).conversation == second.conversation


@pytest.mark.requirement("R12")
def test_no_call_is_made_at_the_time_of_the_last_fill(house: House) -> None:
    asked = order(last_fill=NOON)
    assert house.ask(asked) == Resting(until=NOON + timedelta(microseconds=1))
    assert house.calls() == []


# At its utility


@dataclass
class Opened:
    """A utility of the default enterprise, with tables in memory."""

    name: str

    def here(self, **settings: str) -> Here:
        told = {
            "THREESIDE_UTILITY": self.name,
            "THREESIDE_ENTERPRISE": str(ENTERPRISE_FILE),
            "THREESIDE_SECRET": bytes(16).hex(),
            **settings,
        }
        return Here(
            settings=read_settings(told),
            enterprise=load_enterprise(ENTERPRISE_FILE),
            open_table=cache(lambda name, region: MemoryStore(name)),
            open_queue=cache(lambda name, region: HeldMessages()),
            open_registry=cache(
                lambda kept, records, region: MemoryRegistry(MemoryStore(kept), MemoryStore(records))
            ),
            clock=lambda: NOON,
        )


@pytest.mark.requirement("R12")
@pytest.mark.parametrize(("name", "house"), [("s1", "HOUSE"), ("s2", None), ("bankx", None), ("c1", None)])
def test_the_desk_is_where_orders_are_taken_and_a_bank_deals(name: str, house: str | None) -> None:
    found = Opened(name).here(THREESIDE_DESK_LIMIT="1000").dealing_desk()
    assert (found.desk.house.name if found else None) == house
    assert found is None or found.desk.limit == 1000


@pytest.mark.requirement("R12")
@pytest.mark.parametrize("is_news", [True, False])
def test_the_order_is_worked_when_a_turn_arrives_in_its_conversation(
    monkeypatch: pytest.MonkeyPatch, is_news: bool
) -> None:
    worked: list[str] = []
    monkeypatch.setattr(execution, "work_order", lambda order_id, floor, now: worked.append(order_id))
    monkeypatch.setattr(Here, "floor", lambda here: None)
    here = Opened("s1").here()
    venue = here.dealing_desk()
    assert venue is not None
    asked = order()
    venue.ask(asked, NOON)
    (item,) = (item for item in _files(here) if item["sk"] == REQUESTED_KEY)
    call = Requested.from_item(item)
    turn = of_same(
        call,
        Turn,
        principal="HOUSE" if is_news else call.destination,
        origin="s1",
        transact_time=NOON,
        place=0,
        step=Step.QUEUED,
        by=call.destination,
        valid_until_time=NOON + TURN,
    )
    for record in (call, turn):
        reactions.react(record.to_item(), here)
    assert worked == ([asked.order_id] if is_news else [])


def _files(here: Here) -> list[Item]:
    store: Any = here.node().registry.records
    items: list[Item] = store.everything()
    return items


# Which order a conversation is for


@pytest.mark.requirement("R12")
def test_a_call_names_the_order_that_it_is_made_for(house: House) -> None:
    asked = order()
    call = house.called(asked)
    house.quote(call)
    assert order_of(call) == asked.order_id
    turns = house.banks.file("BANKX", call.conversation).turns
    assert [order_behind(turn, house.desk) for turn in turns] == [asked.order_id] * 3
    theirs = house.banks.file(call.destination, call.conversation).turns
    assert [order_behind(turn, house.desk) for turn in theirs] == [None] * 3


@pytest.mark.requirement("R12")
@pytest.mark.parametrize(
    "changes",
    [{"trader": "xenia"}, {"quote_req_id": "desk:17:0"}, {"quote_req_id": "17"}, {"quote_req_id": "desk"}],
)
def test_a_call_that_a_person_makes_is_for_no_order(house: House, changes: dict[str, str]) -> None:
    assert order_of(replace(house.called(order()), **changes)) is None  # type: ignore[arg-type]


@pytest.mark.requirement("R12")
def test_a_turn_in_a_call_that_the_house_received_is_for_no_order(house: House) -> None:
    received = house.banks.call(YVES, "BANKX")
    made = house.banks.call(XENIA, "MERCURY")
    house.banks.deliver()
    for call in (received, made):
        (turn,) = house.banks.file("BANKX", call.conversation).turns
        assert order_behind(turn, house.desk) is None


@pytest.mark.requirement("R12", "T13")
def test_the_largest_request_of_the_desks_fits_a_record(house: House) -> None:
    call = replace(
        house.called(order()),
        origin="a" * 16,
        conversation="ABC20261118-abcdefghijklm",
        principal="A" * 12,
        initiating="A" * 12,
        destination="B" * 12,
        order_qty=Decimal("99999999999.999"),
        quote_req_id=f"desk:{order().order_id}:999",
        terminal="A" * 12,
        called_terminal="B" * 12,
        judged="ABC20261118-abcdefghijklm",
        judged_time=NOON,
        judged_step=Step.WITHDRAWN,
        text=CALL_ALREADY_IN_PROGRESS,
    )
    assert call.to_item()


@pytest.mark.requirement("R12")
def test_a_request_with_a_day_is_the_same_on_the_next(house: House) -> None:
    node = house.banks.at("BANKX")
    request = QuoteRequest(
        quote_req_id="17",
        destination="BANKY",
        terminal=None,
        symbol="EURUSD",
        side=BUY,
        order_qty=Decimal(LARGE),
        settl_type="0",
        transact_time=NOON,
        day="20261117",
    )
    first, _ = request_quote(request, XENIA, node)
    house.banks.now += timedelta(days=1)
    again, is_new = request_quote(replace(request, transact_time=house.banks.now), XENIA, node)
    assert (again.conversation, is_new) == (first.conversation, False)
