"""Indicative rates: real fixings, and a walk between them."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.records.instruments import CURRENCIES
from chalicelib.records.registrations import Shown, feed_key
from chalicelib.rfq.rates import (
    MAJORS,
    STALE_AFTER,
    TICKS_PER_DAY,
    Fixing,
    IndicativeRates,
    is_stale,
    load_fixings,
    publish,
)
from chalicelib.tables.memory import MemoryStore
from tests.builders import NOW, seconds

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
TICK = seconds(15)
PERIOD = seconds(60)


def on(day: str) -> Fixing:
    """The fixing of a real day."""
    return next(fixing for fixing in load_fixings(MAJORS, date(2008, 1, 2)) if str(fixing.date) == day)


def shown_by(
    bank: str = "BANKX",
    *,
    fixings: Sequence[Fixing] | None = None,
    tick: timedelta = TICK,
    spread: str = "2",
) -> IndicativeRates:
    """A bank's rates, replayed from the days before and after the euro was dearest."""
    fixings = fixings or [on("2008-07-14"), on("2008-07-15"), on("2008-07-16")]
    return IndicativeRates(bank=bank, fixings=fixings, epoch=EPOCH, tick=tick, spread=Decimal(spread))


def at(ticks: int) -> datetime:
    return EPOCH + ticks * TICK


# The fixings


@pytest.mark.parametrize(
    ("day", "currency", "rate"),
    [
        ("2008-07-15", "USD", "1.5990"),  # the highest that the euro has been
        ("2008-07-15", "JPY", "167.48"),
        ("2020-03-20", "USD", "1.0707"),
        ("2020-03-20", "GBP", "0.91028"),
        ("2024-02-29", "CHF", "0.9534"),
    ],
)
def test_fixings_are_the_european_central_banks(day: str, currency: str, rate: str) -> None:
    assert on(day).rates[currency] == Decimal(rate)


def test_days_without_a_fixing_are_left_out() -> None:
    days = [str(fixing.date) for fixing in load_fixings(MAJORS, date(2008, 1, 2))]
    assert "2008-07-12" not in days  # Saturday
    assert "2024-03-29" not in days  # Good Friday
    assert days == sorted(set(days))


# The walk


@pytest.mark.requirement("R3")
@pytest.mark.parametrize("bank", ["BANKX", "BANKY"])
def test_every_banks_walk_goes_exactly_through_each_fixing(bank: str) -> None:
    rates = shown_by(bank)
    for day, fixing in enumerate([*rates.fixings, *rates.fixings]):
        assert rates.mid("EURUSD", at(day * TICKS_PER_DAY)) == fixing.rates["USD"]
        assert rates.mid("GBPJPY", at(day * TICKS_PER_DAY)) == fixing.rates["JPY"] / fixing.rates["GBP"]


@pytest.mark.requirement("R3")
def test_between_two_fixings_a_rate_moves_with_every_tick_and_stays_close_to_the_line() -> None:
    rates = shown_by()
    start, end = Decimal("1.5847"), Decimal("1.5990")
    assert rates.mid("EURUSD", at(0)) == start
    walked = [rates.mid("EURUSD", at(tick)) for tick in range(TICKS_PER_DAY + 1)]
    assert all(before != after for before, after in pairwise(walked))
    for tick, mid in enumerate(walked):
        straight = start + (end - start) * tick / TICKS_PER_DAY
        assert mid is not None
        assert abs(mid / straight - 1) < Decimal("0.0004")


@pytest.mark.requirement("R3")
def test_banks_differ_between_fixings_but_each_shows_the_same_whoever_asks_again() -> None:
    time = at(TICKS_PER_DAY // 2)
    assert shown_by("BANKX").at("EURUSD", time) == shown_by("BANKX").at("EURUSD", time)
    assert shown_by("BANKX").mid("EURUSD", time) != shown_by("BANKY").mid("EURUSD", time)


def test_a_rate_holds_for_a_tick_and_says_since_when() -> None:
    rates = shown_by()
    first = rates.at("EURUSD", at(7))
    assert first is not None
    assert first.time == at(7)
    assert rates.at("EURUSD", at(8) - timedelta(microseconds=1)) == first
    assert rates.at("EURUSD", at(8)) != first


def test_after_the_last_fixing_comes_the_first_again() -> None:
    rates = shown_by()
    assert rates.mid("EURUSD", at(5)) == shown_by(fixings=rates.fixings).mid("EURUSD", at(5))
    assert rates.mid("EURUSD", at(3 * TICKS_PER_DAY)) == rates.fixings[0].rates["USD"]
    assert rates.mid("EURUSD", EPOCH - 3 * TICKS_PER_DAY * TICK) == rates.fixings[0].rates["USD"]


# Bid and offer


def test_bid_and_offer_are_as_far_apart_as_the_spread_says() -> None:
    rate = shown_by(spread="10").at("EURUSD", at(TICKS_PER_DAY))
    assert rate is not None
    assert (rate.bid, rate.offer) == (Decimal("1.59820"), Decimal("1.59980"))


def test_rates_have_five_decimals_and_in_yen_three() -> None:
    for symbol, digits in (("EURUSD", -5), ("EURJPY", -3), ("GBPJPY", -3), ("USDJPY", -3)):
        rate = shown_by().at(symbol, at(5))
        assert rate is not None
        assert [rate.bid.as_tuple().exponent, rate.offer.as_tuple().exponent] == [digits, digits]


@settings(max_examples=100, deadline=None)
@given(
    st.permutations(["EUR", "USD", "GBP", "JPY", "CHF", "AUD"]),
    st.integers(-10_000, 10_000),
    st.sampled_from(["0.1", "2", "50"]),
)
def test_a_bank_never_buys_for_more_than_it_sells_for(names: list[str], tick: int, spread: str) -> None:
    rates = shown_by(spread=spread)
    mid, rate = rates.mid(names[0] + names[1], at(tick)), rates.at(names[0] + names[1], at(tick))
    assert mid is not None
    assert rate is not None
    assert rate.bid < mid < rate.offer


@pytest.mark.parametrize("symbol", ["XAUUSD", "USDXAG", "USDRUB", "DE000BU2Z023", "IBM"])
def test_what_the_central_bank_does_not_fix_has_no_rate(symbol: str) -> None:
    assert shown_by().at(symbol, at(5)) is None


def test_the_usual_pairs_are_currencies_that_all_have_a_rate() -> None:
    assert len(MAJORS) == len(set(MAJORS)) == 12
    assert {symbol[:3] for symbol in MAJORS} | {symbol[3:] for symbol in MAJORS} <= set(CURRENCIES)
    assert all(shown_by().at(symbol, NOW) for symbol in MAJORS)


# Publishing


def publish_at(time: datetime, kept: MemoryStore, *, tick: timedelta = TICK) -> bool:
    return publish(shown_by(tick=tick), "BANKX", kept, origin="bankx", period=PERIOD, now=time)


def published(kept: MemoryStore) -> list[Shown]:
    return [Shown.from_item(item) for item in kept.everything() if item["pk"] == feed_key("BANKX")]


@pytest.mark.requirement("R3")
def test_all_rates_of_a_bank_are_published_as_one_item_in_its_feed() -> None:
    kept = MemoryStore("demo-bankx-registrations")
    assert publish_at(NOW, kept)
    (shown,) = published(kept)
    assert (shown.key, shown.transact_time, shown.origin) == ("rates", NOW, "bankx")
    content = json.loads(shown.content)
    assert tuple(content) == MAJORS
    rate = shown_by().at("EURUSD", NOW)
    assert rate is not None
    assert content["EURUSD"] == [str(rate.bid), str(rate.offer)]


@pytest.mark.requirement("R3")
def test_rates_are_published_once_a_period_however_often_it_is_asked_for() -> None:
    kept = MemoryStore("demo-bankx-registrations")
    times = [NOW + seconds(offset) for offset in range(0, 181, 10)]
    assert [time for time in times if publish_at(time, kept)] == [NOW + seconds(s) for s in (0, 60, 120, 180)]


@pytest.mark.requirement("R3")
def test_a_clock_that_is_a_little_early_or_late_leaves_no_period_out() -> None:
    kept = MemoryStore("demo-bankx-registrations")
    for offset in (1.2, 60.9, 120.1, 180.5):
        assert publish_at(NOW + seconds(offset), kept)


@pytest.mark.requirement("R3")
def test_rates_that_have_not_changed_are_published_again_only_before_they_look_stale() -> None:
    kept = MemoryStore("demo-bankx-registrations")
    times = [NOW + seconds(offset) for offset in range(0, 301, 10)]
    done = [time for time in times if publish_at(time, kept, tick=timedelta(days=1000))]
    assert done == [NOW + seconds(s) for s in (0, 100, 200, 300)]
    assert not any(is_stale(before, after) for before, after in pairwise(done))


def test_other_news_in_the_feed_is_no_rate() -> None:
    kept = MemoryStore("demo-bankx-registrations")
    news = Shown(
        origin="bankx", transact_time=NOW, principal="BANKX", key="call#turn#0000", content="{}", expires=0
    )
    kept.insert(news.to_item())
    assert publish_at(NOW, kept)


@pytest.mark.requirement("R3")
def test_rates_are_stale_once_they_are_older_than_was_agreed() -> None:
    assert not is_stale(NOW, NOW + STALE_AFTER)
    assert is_stale(NOW, NOW + STALE_AFTER + timedelta(microseconds=1))
