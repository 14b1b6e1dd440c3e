"""The simulated exchange: what an order gets follows from the order and the clock alone."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.records.fix import BuySell, OrdRejReason, TimeInForce
from chalicelib.records.numbers import OrderID
from chalicelib.street.exchange import Bar, SimulatedExchange
from chalicelib.street.venues import Declined, Fill, Granted, Resting, Triggered, Working
from tests.builders import NOW, bar, later, number, seconds, terms

# Shown as 10, 8, 12, 11 and then 11, 13, 7, 9; 100 shares to a tick.
RISING = bar("10", "12", "8", "11", volume=40_000)
FALLING = bar("11", "13", "7", "9", volume=40_000)

EXCHANGE = SimulatedExchange(bars={"IBM": (RISING, FALLING)}, epoch=NOW, tick=seconds(15))


def ask(
    at: float,
    *,
    price: str | None = None,
    side: BuySell = BuySell.BUY,
    leaves: int = 50,
    last: float | None = None,
    since: float | None = None,
    **asked: Any,
) -> Granted:
    """What an order gets, so many seconds after the first tick; it joined just then, if not before."""
    order = working(leaves=leaves, price=price, side=side, since=at if since is None else since, **asked)
    return EXCHANGE.ask(replace(order, last_fill=None if last is None else later(last)), later(at))


def working(
    *,
    leaves: int = 50,
    price: str | None = None,
    side: BuySell = BuySell.BUY,
    since: float = 0,
    triggered: bool = False,
    **asked: Any,
) -> Working:
    return Working(
        order_id=OrderID(str(number())),
        terms=replace(terms(qty=leaves, price=price, side=side), **asked),
        leaves=None if asked.get("cash_order_qty") else Decimal(leaves),
        received=later(since),
        since=later(since),
        triggered=triggered,
    )


def fill(quantity: int, price: str, order_qty: int | None = None) -> Fill:
    return Fill(
        quantity=Decimal(quantity),
        price=Decimal(price),
        market="SIMX",
        order_qty=Decimal(order_qty or quantity),
    )


@pytest.mark.parametrize(
    ("bar_shown", "prices"), [(RISING, "10 8 12 11"), (FALLING, "11 13 7 9")], ids=["rising", "falling"]
)
def test_a_bar_is_shown_as_open_its_extremes_and_close(bar_shown: Bar, prices: str) -> None:
    assert bar_shown.prices == tuple(map(Decimal, prices.split()))


@pytest.mark.requirement("T6")
@pytest.mark.parametrize(
    ("at", "price"),
    [(0, 10), (14.999999, 10), (15, 8), (45, 11), (75, 13), (119, 9), (120, 10), (-1, 9)],
)
def test_one_tick_is_shown_after_another_and_round_again(at: float, price: int) -> None:
    assert EXCHANGE.at("IBM", later(at)).price == price


@pytest.mark.requirement("T6")
@pytest.mark.parametrize("side", BuySell)
def test_a_market_order_fills_at_the_price_shown(side: BuySell) -> None:
    assert ask(16, side=side) == fill(50, "8")


@pytest.mark.requirement("T6")
@pytest.mark.parametrize(
    ("side", "price", "at", "got"),
    [
        (BuySell.BUY, "10", 0, fill(50, "10")),
        (BuySell.BUY, "11", 0, fill(50, "10")),
        (BuySell.BUY, "9.99", 0, Resting(until=later(15))),
        (BuySell.BUY, "7", 0, Resting(until=later(90))),
        (BuySell.BUY, "6.99", 0, Resting(until=None)),
        (BuySell.SELL, "10", 0, fill(50, "10")),
        (BuySell.SELL, "9", 0, fill(50, "10")),
        (BuySell.SELL, "10.01", 0, Resting(until=later(30))),
        (BuySell.SELL, "13", 0, Resting(until=later(75))),
        (BuySell.SELL, "13.01", 0, Resting(until=None)),
        # Past its price of this round: it comes again in the next one.
        (BuySell.BUY, "7", 105, Resting(until=later(90 + 120))),
    ],
)
def test_a_limit_order_rests_until_the_tick_that_crosses_it(
    side: BuySell, price: str, at: float, got: Granted
) -> None:
    assert ask(at, side=side, price=price) == got


@pytest.mark.requirement("T6")
def test_a_resting_order_fills_at_the_very_tick_it_was_told() -> None:
    told = ask(0, price="7")
    assert isinstance(told, Resting)
    assert told.until is not None
    after = (told.until - NOW).total_seconds()
    assert isinstance(ask(after - 0.000001, price="7"), Resting)
    assert ask(after, price="7") == fill(50, "7")


@pytest.mark.parametrize(("leaves", "quantity"), [(99, 99), (100, 100), (101, 100), (10_000, 100)])
def test_a_tick_is_good_for_a_share_of_the_bars_volume(leaves: int, quantity: int) -> None:
    assert ask(0, leaves=leaves) == fill(quantity, "10", leaves)


def test_a_large_order_fills_in_parts_one_to_a_tick() -> None:
    assert ask(1, leaves=150, last=0) == Resting(until=later(15))
    assert ask(15, leaves=150, last=0) == fill(100, "8", 150)
    assert ask(29, leaves=50, last=15) == Resting(until=later(30))


def test_however_large_an_order_is_it_fills_in_a_hundred_parts() -> None:
    assert ask(0, leaves=10**9) == fill(10**7, "10", 10**9)


def test_a_symbol_hardly_traded_fills_a_share_at_a_time() -> None:
    thin = SimulatedExchange(bars={"IBM": (bar("1", "1", "1", "1", volume=3),)}, epoch=NOW, tick=seconds(15))
    assert thin.ask(working(leaves=100), NOW) == fill(1, "1", 100)


# The line at a price: 11 is shown last of the rising bar and first of the falling one


@pytest.mark.requirement("T6")
def test_at_its_own_price_an_order_waits_for_what_was_there_before_it() -> None:
    # Joined while 12 was shown, for 100 shares: at 11 those go first, the second time it is its turn.
    assert ask(45, price="11", since=31) == Resting(until=later(60))
    assert ask(60, price="11", since=31) == fill(50, "11")


@pytest.mark.requirement("T6")
def test_a_better_price_goes_past_the_line() -> None:
    assert ask(15, price="9", since=0) == fill(50, "8")


@pytest.mark.requirement("T6")
def test_an_order_that_meets_its_price_as_it_arrives_does_not_wait() -> None:
    assert ask(46, price="11", since=45) == fill(50, "11")


@pytest.mark.requirement("T6")
def test_an_order_that_has_waited_a_long_time_is_the_first_in_line() -> None:
    assert ask(45 + 120 * 100, price="11", since=31) == fill(50, "11")


# Stops


@pytest.mark.requirement("T6")
@pytest.mark.parametrize(
    ("side", "stop", "at", "got"),
    [
        (BuySell.BUY, "12", 0, Resting(until=later(30))),
        (BuySell.BUY, "12", 30, Triggered()),
        (BuySell.SELL, "8", 0, Resting(until=later(15))),
        (BuySell.SELL, "8", 15, Triggered()),
        (BuySell.SELL, "6", 0, Resting(until=None)),
    ],
)
def test_a_stop_order_waits_for_its_stop_price(side: BuySell, stop: str, at: float, got: Granted) -> None:
    assert ask(at, side=side, stop_px=Decimal(stop)) == got


@pytest.mark.requirement("T6")
def test_once_triggered_it_is_a_market_order_or_with_a_price_a_limit_order() -> None:
    assert ask(45, stop_px=Decimal(12), triggered=True) == fill(50, "11")
    assert ask(45, stop_px=Decimal(12), price="9", triggered=True) == Resting(until=later(90))


# Fill or kill, and orders by money


def test_fill_or_kill_gets_all_or_nothing() -> None:
    kill = TimeInForce.FILL_OR_KILL
    assert ask(0, leaves=100, time_in_force=kill) == fill(100, "10")
    assert ask(0, leaves=101, time_in_force=kill) == Resting(until=later(15))


def test_an_order_by_money_buys_whole_shares() -> None:
    for at, got in ((0, fill(10, "10")), (16, fill(13, "8"))):
        assert ask(at, order_qty=None, cash_order_qty=Decimal("109.99")) == got


def test_money_that_buys_no_share_is_declined() -> None:
    answer = ask(0, order_qty=None, cash_order_qty=Decimal("9.99"))
    assert answer == Declined(text="the money left buys no whole share at 10")


def test_an_order_by_money_never_costs_more_than_that() -> None:
    order = working(order_qty=Decimal(13), cash_order_qty=Decimal(104))
    dearer = replace(order, leaves=Decimal(5), paid=Decimal(64), last_fill=later(15))
    assert EXCHANGE.ask(dearer, later(30)) == fill(3, "12", 13)


def test_a_percentage_is_nothing_that_can_be_ordered_here() -> None:
    objection = EXCHANGE.objection(replace(terms(), order_qty=None, order_percent=Decimal(100)))
    assert objection is not None
    assert objection.reason is OrdRejReason.UNSUPPORTED_ORDER_CHARACTERISTIC


def test_only_what_has_bars_is_listed() -> None:
    assert EXCHANGE.lists("IBM")
    assert not EXCHANGE.lists("MSFT")


@pytest.mark.requirement("T6", "T17")
@pytest.mark.parametrize("now", [NOW, later(100), later(10**6)])
def test_two_exchanges_with_the_same_bars_give_the_same_answer(now: datetime) -> None:
    twin = SimulatedExchange(bars={"IBM": (RISING, FALLING)}, epoch=NOW, tick=seconds(15))
    assert twin.at("IBM", now) == EXCHANGE.at("IBM", now)
