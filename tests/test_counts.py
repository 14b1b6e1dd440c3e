"""What each use case writes and asks, counted one by one; docs/cost.md derives the bounds."""

import pytest

from bench import counts
from bench.counts import Tally
from bench.samples import default_enterprise
from chalicelib.enterprise import Holding, Side
from chalicelib.records.record import BYTES_MAX

# What is written to one table only: messages and claims in an inbox, and the mark of what is booked.
_MESSAGE = _CLAIM = _MARK = 1


@pytest.fixture(scope="module")
def tallies() -> dict[str, Tally]:
    return counts.measure()


def _with_copies(side: Side) -> int:
    """A record of that side: one write, and one for each holder of a copy."""
    enterprise = default_enterprise()
    writer = enterprise.on(side)[0]
    return 1 + len(enterprise.holders(writer, Holding(side)))


def test_an_order_writes_itself_its_message_its_claim_and_its_acknowledgement(
    tallies: dict[str, Tally],
) -> None:
    order = tallies["order, placed to acknowledged"]
    assert order.writes == _with_copies(Side.CUSTOMER) + _MESSAGE + _CLAIM + _with_copies(Side.STREET)
    assert order.by_table == {"customer": 3, "inbox": 2, "street": 5}


def test_a_fill_writes_one_report(tallies: dict[str, Tally]) -> None:
    assert tallies["fill"].writes == _with_copies(Side.STREET) == 5


def test_a_cancel_writes_itself_a_message_to_every_street_utility_and_its_answer(
    tallies: dict[str, Tally],
) -> None:
    streets = sum(street.orders for street in default_enterprise().on(Side.STREET))
    bound = _with_copies(Side.CUSTOMER) + streets * _MESSAGE + _with_copies(Side.STREET)
    assert tallies["cancel, asked for to done"].writes == bound == 10


def test_an_inquiry_reads_two_tables_and_writes_nothing(tallies: dict[str, Tally]) -> None:
    assert tallies["inquiry"] == Tally(reads=2, calls=2, invocations=1, log_lines=1)


def test_a_booking_writes_its_mark_and_two_postings(tallies: dict[str, Tally]) -> None:
    assert tallies["booking"].writes == _MARK + 2 * _with_copies(Side.FIRM) == 11


@pytest.mark.parametrize(
    ("name", "reads", "calls", "invocations", "lines", "stored"),
    [
        # An order that rests has a timer for the end of its day.
        ("order, placed to acknowledged", 5, 17, 8, 18, 3_475),
        ("fill", 4, 9, 2, 6, 2_075),
        ("cancel, asked for to done", 6, 16, 6, 15, 3_935),
        ("booking", 3, 8, 2, 7, 3_809),
    ],
)
def test_no_more_is_asked_and_called_than_that(
    tallies: dict[str, Tally], name: str, reads: int, calls: int, invocations: int, lines: int, stored: int
) -> None:
    tally = tallies[name]
    assert tally.reads <= reads
    assert tally.calls <= calls
    assert tally.invocations <= invocations
    assert (tally.log_lines, tally.stored_bytes) == (lines, stored)


def test_every_item_is_one_write_unit(tallies: dict[str, Tally]) -> None:
    assert all(tally.stored_bytes <= tally.writes * BYTES_MAX for tally in tallies.values())
