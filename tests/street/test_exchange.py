"""The simulated exchange: what an order gets follows from the order and the clock alone."""

from datetime import datetime
from decimal import Decimal

import pytest

from chalicelib.records.fix import BuySell
from chalicelib.street.exchange import Bar, Fill, Resting, SimulatedExchange
from tests.builders import NOW, bar, later, seconds, terms

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
) -> Fill | Resting:
    """What an order gets, so many seconds after the first tick."""
    return EXCHANGE.ask(
        terms(qty=leaves, price=price, side=side),
        Decimal(leaves),
        None if last is None else later(last),
        later(at),
    )


def fill(quantity: int, price: str) -> Fill:
    return Fill(quantity=Decimal(quantity), price=Decimal(price))


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
    side: BuySell, price: str, at: float, got: Fill | Resting
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
    assert ask(0, leaves=leaves) == fill(quantity, "10")


def test_a_large_order_fills_in_parts_one_to_a_tick() -> None:
    assert ask(1, leaves=150, last=0) == Resting(until=later(15))
    assert ask(15, leaves=150, last=0) == fill(100, "8")
    assert ask(29, leaves=50, last=15) == Resting(until=later(30))


def test_however_large_an_order_is_it_fills_in_a_hundred_parts() -> None:
    assert ask(0, leaves=10**9) == fill(10**7, "10")


def test_a_symbol_hardly_traded_fills_a_share_at_a_time() -> None:
    thin = SimulatedExchange(bars={"IBM": (bar("1", "1", "1", "1", volume=3),)}, epoch=NOW, tick=seconds(15))
    assert thin.ask(terms(), Decimal(100), None, NOW) == fill(1, "1")


def test_only_what_has_bars_is_listed() -> None:
    assert EXCHANGE.lists("IBM")
    assert not EXCHANGE.lists("MSFT")


@pytest.mark.requirement("T6", "T17")
@pytest.mark.parametrize("now", [NOW, later(100), later(10**6)])
def test_two_exchanges_with_the_same_bars_give_the_same_answer(now: datetime) -> None:
    twin = SimulatedExchange(bars={"IBM": (RISING, FALLING)}, epoch=NOW, tick=seconds(15))
    assert twin.at("IBM", now) == EXCHANGE.at("IBM", now)
