"""Looking up what the firm has listed: no read per order, and none at all while it cannot be read."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest

from chalicelib.records.instruments import EQUITY, Instrument, InstrumentKind
from chalicelib.tables.instruments import REMEMBERED_FOR, REMEMBERED_MAX, Instruments
from chalicelib.tables.memory import MemoryStore
from chalicelib.tables.store import Unreachable
from tests.builders import NOW, Watched, later

MINUTE = REMEMBERED_FOR.total_seconds()


@pytest.fixture
def replica() -> Watched:
    return Watched(MemoryStore("demo-c1-firm"))


@pytest.fixture
def instruments(replica: Watched) -> Instruments:
    return Instruments(replica)


def listing(symbol: str = "IBM", *, at: datetime = NOW, tick: str = "0.01") -> Instrument:
    rules = vars(replace(EQUITY, tick=Decimal(tick)))
    return Instrument(
        origin="firm",
        transact_time=at,
        symbol=symbol,
        name="A company",
        kind=InstrumentKind.EQUITY,
        **rules,
    )


def arrive(replica: Watched, *listings: Instrument) -> None:
    for each in listings:
        replica.kept.insert(each.to_item())


@pytest.mark.requirement("T3")
def test_what_is_found_is_the_latest_listing_that_has_arrived(
    replica: Watched, instruments: Instruments
) -> None:
    first, second = listing(), listing(at=later(1), tick="0.05")
    # In whatever order.
    arrive(replica, second, first, listing("IBM.B", at=later(2)))
    assert instruments.find("IBM", NOW) == second
    assert replica.asked == {"query": 1}


def test_what_is_not_listed_is_not_found(replica: Watched, instruments: Instruments) -> None:
    arrive(replica, listing())
    assert instruments.find("IB", NOW) is None


@pytest.mark.parametrize("is_listed", [True, False], ids=["listed", "not listed"])
def test_an_answer_is_remembered_for_a_minute(
    replica: Watched, instruments: Instruments, is_listed: bool
) -> None:
    before = listing() if is_listed else None
    arrive(replica, *([before] if before else []))
    assert instruments.find("IBM", NOW) == before
    after = listing(at=later(1), tick="0.05")
    arrive(replica, after)
    assert instruments.find("IBM", later(MINUTE - 0.000001)) == before
    assert replica.asked == {"query": 1}
    assert instruments.find("IBM", later(MINUTE)) == after
    assert instruments.find("IBM", later(2 * MINUTE - 0.000001)) == after
    assert replica.asked == {"query": 2}


@pytest.mark.requirement("T3")
@pytest.mark.parametrize("is_listed", [True, False], ids=["listed", "not listed"])
def test_what_is_remembered_serves_for_as_long_as_the_table_does_not_answer(
    replica: Watched, instruments: Instruments, is_listed: bool
) -> None:
    before = listing() if is_listed else None
    arrive(replica, *([before] if before else []))
    instruments.find("IBM", NOW)
    replica.is_down = True
    for minutes in (1, 60, 60 * 24):
        assert instruments.find("IBM", later(minutes * MINUTE)) == before
    replica.is_down = False
    after = listing(at=later(1), tick="0.05")
    arrive(replica, after)
    assert instruments.find("IBM", later((60 * 24 + 1) * MINUTE)) == after


def test_a_table_that_does_not_answer_is_not_asked_for_every_order(
    replica: Watched, instruments: Instruments
) -> None:
    arrive(replica, listing())
    instruments.find("IBM", NOW)
    replica.is_down = True
    for seconds in range(10):
        instruments.find("IBM", later(MINUTE + seconds))
    assert replica.asked == {"query": 2}


def test_what_was_never_read_is_not_known_while_the_table_does_not_answer(
    replica: Watched, instruments: Instruments
) -> None:
    arrive(replica, listing())
    replica.is_down = True
    with pytest.raises(Unreachable):
        instruments.find("IBM", NOW)
    replica.is_down = False
    assert instruments.find("IBM", NOW) == listing()


def test_only_so_many_symbols_are_remembered_and_the_longest_unread_are_forgotten_first(
    replica: Watched, instruments: Instruments
) -> None:
    for n in range(REMEMBERED_MAX):
        instruments.find(f"S{n}", NOW)
    # Read again, so S1 is the one that has not been for longest.
    instruments.find("S0", later(MINUTE))
    instruments.find("ONE.MORE", later(MINUTE))
    replica.asked.clear()
    instruments.find("S0", later(MINUTE))
    assert not replica.asked
    instruments.find("S1", NOW)
    assert replica.asked == {"query": 1}


def test_a_listing_that_cannot_be_read_is_of_nothing_that_can_be_ordered_here(
    replica: Watched, instruments: Instruments
) -> None:
    replica.kept.insert({**listing().to_item(), "Kind": "warrant"})
    assert instruments.find("IBM", NOW) is None
