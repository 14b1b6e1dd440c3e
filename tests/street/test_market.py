"""Prices: one publisher to a symbol, whoever is up."""

from datetime import datetime
from decimal import Decimal

import pytest

from chalicelib.network.life import give_sign_of_life
from chalicelib.records.market import MarketData
from chalicelib.records.record import read_record
from chalicelib.street.exchange import SimulatedExchange
from chalicelib.street.market import publish_prices
from chalicelib.tables.memory import MemoryStore
from tests.builders import NOW, bar, later, seconds

EXCHANGE = SimulatedExchange(
    bars={"IBM": (bar("10", "12", "8", "11"),), "AAPL": (bar("20", "20", "20", "20"),)},
    epoch=NOW,
    tick=seconds(15),
)
SEQUENCES = {"IBM": ("s1", "s2"), "AAPL": ("s2", "s1")}


@pytest.fixture
def market() -> MemoryStore:
    return MemoryStore("demo-s1-market")


def live(market: MemoryStore, *names: str, now: datetime = NOW) -> None:
    for name in names:
        give_sign_of_life(name, period=seconds(60), signs=market, now=now)


def publish(name: str, market: MemoryStore, now: datetime = NOW) -> None:
    publish_prices(name, exchange=EXCHANGE, sequence=SEQUENCES.__getitem__, market=market, now=now)


def published(market: MemoryStore) -> list[tuple[str, str, datetime, int]]:
    records = [read_record(item) for item in market.everything()]
    return [
        (record.origin, record.symbol, record.transact_time, int(record.last_px))
        for record in records
        if isinstance(record, MarketData)
    ]


@pytest.mark.requirement("T6")
def test_each_symbol_has_one_publisher_among_those_that_are_up(market: MemoryStore) -> None:
    live(market, "s1", "s2")
    publish("s1", market)
    assert published(market) == [("s1", "IBM", NOW, 10)]
    publish("s2", market)
    assert published(market) == [("s2", "AAPL", NOW, 20), ("s1", "IBM", NOW, 10)]


@pytest.mark.requirement("T17")
def test_the_next_of_the_sequence_publishes_for_one_that_is_silent(market: MemoryStore) -> None:
    live(market, "s1", "s2")
    live(market, "s2", now=later(170))
    publish("s2", market, later(180))
    assert [symbol for _, symbol, _, _ in published(market)] == ["AAPL"]
    publish("s2", market, later(180.000001))
    assert [symbol for _, symbol, _, _ in published(market)] == ["AAPL", "IBM"]


def test_a_utility_that_has_heard_of_nobody_publishes_all(market: MemoryStore) -> None:
    publish("s2", market)
    assert len(published(market)) == 2


def test_the_first_of_a_sequence_publishes_though_its_own_sign_has_not_arrived(
    market: MemoryStore,
) -> None:
    live(market, "s2")
    publish("s1", market)
    assert [symbol for _, symbol, _, _ in published(market)] == ["IBM"]


@pytest.mark.requirement("T15")
def test_a_price_that_is_still_shown_is_no_new_record(market: MemoryStore) -> None:
    publish("s1", market)
    before = market.everything()
    publish("s1", market, later(14))
    assert market.everything() == before
    publish("s1", market, later(16))
    assert published(market)[-2:] == [("s1", "IBM", NOW, 10), ("s1", "IBM", later(15), 8)]


def test_one_price_of_two_publishers_has_a_key_for_each(market: MemoryStore) -> None:
    # Each before it has heard of the other; a copy must find its key free, or the same record there.
    publish("s1", market)
    publish("s2", market)
    assert [(origin, symbol) for origin, symbol, _, _ in published(market)].count(("s2", "AAPL")) == 1


def test_a_price_says_when_it_was_really_paid_and_when_it_may_be_forgotten(
    market: MemoryStore,
) -> None:
    publish("s1", market, later(5))
    price = MarketData.from_item(market.everything()[-1])
    assert (price.market_date, price.high_px, price.low_px) == ("20100104", Decimal(12), Decimal(8))
    assert price.expires == int(later(3605).timestamp())
