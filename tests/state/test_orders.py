"""The state of an order, from whatever set of its records has arrived."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.records.fix import BuySell, CxlRejReason, ExecType, OrdRejReason, OrdStatus, OrdType
from chalicelib.records.orders import Found, OrderCancelReject, OrderRecord, following
from chalicelib.state.orders import OrderState, fold_order
from tests.builders import NOW, cancel, later, number, order_terms, placed, report, routed, terms, trade

LONG_AFTER = later(3600)

ORDER = placed()
# The same ClOrdID entered at the other customer utility: with the same terms, and with others.
AGAIN = placed(origin="c2", at=later(0.5))
OTHER = placed(terms(qty=7), origin="c2", at=later(0.5))

NEW = report(ORDER, 1, ExecType.NEW, at=later(1))
HALF = trade(ORDER, 2, at=later(2), last=40, cum=40, px="10")
REST = trade(ORDER, 3, at=later(3), last=60, cum=100, px="20", avg="16")
CANCELED = report(ORDER, 3, ExecType.CANCELED, at=later(3), cum=40)
WISH = cancel(ORDER, at=later(2.5))
DUPLICATE = report(
    OTHER, 1, ExecType.REJECTED, at=later(2), ord_rej_reason=OrdRejReason.DUPLICATE_ORDER, text="taken"
)


def too_late(at: datetime) -> OrderCancelReject:
    """A street utility's refusal of WISH."""
    return following(
        ORDER,
        OrderCancelReject,
        cl_ord_id=WISH.cl_ord_id,
        orig_cl_ord_id=ORDER.cl_ord_id,
        origin="s1",
        transact_time=at,
        ord_status=OrdStatus.NEW,
        cxl_rej_reason=CxlRejReason.TOO_LATE_TO_CANCEL,
        cancel_tag=WISH.cancel_tag,
    )


def fold(*records: OrderRecord, now: datetime = LONG_AFTER, code: str = "C01") -> OrderState:
    return fold_order(number(code=code), records, now)


# The set of records decides, nothing else


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[OrderRecord], list[OrderRecord]]:
    """Some records of an order at any times, and the same ones again: shuffled and repeated."""
    pool: Sequence[OrderRecord] = (
        ORDER,
        AGAIN,
        OTHER,
        NEW,
        HALF,
        REST,
        CANCELED,
        report(ORDER, 4, ExecType.PENDING_CANCEL, at=NOW, cum=40),
        trade(ORDER, 1, at=NOW, last=100, cum=100, origin="s2"),
        report(ORDER, 2, ExecType.CANCELED, at=NOW, origin="s2"),
        DUPLICATE,
        WISH,
        cancel(ORDER, origin="c2", knows_terms=False),
        cancel(ORDER, origin="c2", cl_ord_id="cancel-2"),
        too_late(NOW),
        routed(ORDER, "s1", Found.TAKEN_BACK),
        routed(ORDER, "s2", Found.CLAIMED),
    )
    # Two contents never have one key: of REST and CANCELED, places 3 of one log, one at most.
    chosen = draw(
        st.lists(st.sampled_from(pool), min_size=1, max_size=8, unique_by=lambda r: (r.origin, r.sort_key))
    )
    # Few times, so that many are equal; some are too far ahead of NOW to be believed.
    times = st.sampled_from([0, 1, 2, 3, 60, 61])
    arrived = [replace(record, transact_time=later(draw(times))) for record in chosen]
    repeated = draw(st.lists(st.sampled_from(arrived), max_size=4))
    return arrived, draw(st.permutations([*arrived, *repeated]))


@pytest.mark.requirement("T15")
@settings(max_examples=300, deadline=None)
@given(arrivals())
def test_order_and_repetition_of_arrival_do_not_matter(
    arrived: tuple[list[OrderRecord], list[OrderRecord]],
) -> None:
    once, shuffled = arrived
    assert fold(*shuffled, now=NOW) == fold(*once, now=NOW)


@pytest.mark.requirement("T13", "T14")
@settings(max_examples=200, deadline=None)
@given(arrivals())
def test_any_one_record_is_enough_to_show_the_order(
    arrived: tuple[list[OrderRecord], list[OrderRecord]],
) -> None:
    for record in arrived[0]:
        state = fold_order(record.number, [record], LONG_AFTER)
        assert state.ord_status is not None
        assert state.terms == record.terms
        assert [basis.utility for basis in state.rests_on] == [record.origin]


@pytest.mark.requirement("T9", "T14")
@pytest.mark.parametrize(
    ("records", "status", "reached"),
    [
        ((ORDER,), OrdStatus.PENDING_NEW, NOW),
        ((ORDER, NEW), OrdStatus.NEW, later(1)),
        ((ORDER, NEW, HALF), OrdStatus.PARTIALLY_FILLED, later(2)),
        ((ORDER, NEW, HALF, REST), OrdStatus.FILLED, later(3)),
        ((ORDER, NEW, HALF, CANCELED), OrdStatus.CANCELED, later(3)),
        ((ORDER, routed(ORDER, "s1", Found.TAKEN_BACK)), OrdStatus.PENDING_NEW, NOW),
        ((ORDER, report(ORDER, 1, ExecType.REJECTED, at=later(1))), OrdStatus.REJECTED, later(1)),
    ],
)
def test_a_status_is_reached_at_the_time_of_the_record_that_reached_it(
    records: tuple[OrderRecord, ...], status: OrdStatus, reached: datetime
) -> None:
    for arrived in permutations(records):
        state = fold(*arrived)
        assert (state.ord_status, state.reached) == (status, reached)
        assert state.first_seen == NOW


def test_with_no_records_nothing_is_known_but_who_has_the_order() -> None:
    state = fold(code="C02")
    assert state.ord_status is None
    assert state.waits_for == ("the order as placed, written at C02",)
    assert state.is_estimate


def test_a_whole_answer_is_no_estimate_and_says_what_it_rests_on() -> None:
    state = fold(ORDER, NEW, HALF, REST)
    assert not state.is_estimate
    assert state.exceptions == ()
    assert [(basis.utility, basis.records, basis.until) for basis in state.rests_on] == [
        ("c1", 1, NOW),
        ("s1", 3, later(3)),
    ]


# Fills


@pytest.mark.requirement("T14")
def test_filled_without_placed_is_filled() -> None:
    state = fold(HALF, REST)
    assert state.ord_status is OrdStatus.FILLED
    assert state.terms == order_terms(ORDER)
    assert state.waits_for == ("the order as placed, written at C01",)


def test_the_average_price_weighs_by_quantity() -> None:
    state = fold(ORDER, NEW, HALF, REST)
    assert (state.cum_qty, state.avg_px) == (Decimal(100), Decimal("16.000000"))
    assert state.leaves_qty == 0
    assert state.executions == (HALF, REST)


@pytest.mark.requirement("T13", "T14")
def test_the_last_report_alone_gives_its_authors_totals_as_an_estimate() -> None:
    state = fold(REST)
    assert (state.ord_status, state.cum_qty, state.avg_px) == (OrdStatus.FILLED, Decimal(100), Decimal(16))
    assert "executions of 40" in state.waits_for


@pytest.mark.requirement("T13", "T14")
def test_a_cancel_report_alone_tells_what_was_filled_before_it() -> None:
    state = fold(CANCELED)
    assert (state.ord_status, state.cum_qty, state.leaves_qty) == (
        OrdStatus.CANCELED,
        Decimal(40),
        Decimal(0),
    )
    assert "executions of 40" in state.waits_for


def test_more_filled_than_ordered_is_an_exception() -> None:
    state = fold(ORDER, HALF, REST, trade(ORDER, 1, at=later(4), last=100, cum=100, origin="s2"))
    assert state.ord_status is OrdStatus.FILLED
    assert state.leaves_qty == 0
    assert state.exceptions == ("filled 200 of 100",)


# A fill and a cancel contradict each other


@pytest.mark.requirement("T14")
@pytest.mark.parametrize(
    ("filled_at", "canceled_at", "status", "exception"),
    [
        (3, 4, OrdStatus.FILLED, "canceled after it was filled"),
        (4, 3, OrdStatus.CANCELED, "executed after it was canceled: {}"),
    ],
)
def test_filled_and_canceled_is_what_came_first_by_timestamp_and_executions_count_regardless(
    filled_at: float, canceled_at: float, status: OrdStatus, exception: str
) -> None:
    filled = replace(REST, transact_time=later(filled_at))
    canceled = report(ORDER, 1, ExecType.CANCELED, at=later(canceled_at), origin="s2")
    for arrived in permutations((ORDER, HALF, filled, canceled)):
        state = fold(*arrived)
        assert (state.ord_status, state.reached) == (status, later(min(filled_at, canceled_at)))
        assert (state.cum_qty, state.avg_px) == (Decimal(100), Decimal(16))
        assert state.exceptions == (exception.format(filled.exec_id),)


@pytest.mark.requirement("T14")
def test_a_fill_is_complete_at_the_execution_that_completed_it() -> None:
    # First part before the cancel, the completing one after: it was canceled first.
    canceled = report(ORDER, 1, ExecType.CANCELED, at=later(2.5), origin="s2")
    state = fold(HALF, REST, canceled)
    assert (state.ord_status, state.cum_qty) == (OrdStatus.CANCELED, Decimal(100))


def test_canceled_after_a_part_was_filled_is_canceled_without_exception() -> None:
    state = fold(ORDER, NEW, HALF, CANCELED)
    assert (state.ord_status, state.cum_qty, state.leaves_qty) == (
        OrdStatus.CANCELED,
        Decimal(40),
        Decimal(0),
    )
    assert state.exceptions == ()
    assert not state.is_estimate


# A cancel that is asked for


@pytest.mark.requirement("T14")
def test_a_cancel_asked_for_is_pending_until_it_is_answered() -> None:
    assert fold(ORDER, NEW, WISH).ord_status is OrdStatus.PENDING_CANCEL
    assert fold(ORDER, NEW, WISH).waits_for == ("an answer to cancel cancel-1",)
    refused = fold(ORDER, NEW, WISH, too_late(later(3)))
    assert refused.ord_status is OrdStatus.NEW
    assert not refused.is_estimate


@pytest.mark.requirement("T14")
def test_a_pending_cancel_is_neither_fill_nor_cancel() -> None:
    assert fold(ORDER, HALF, REST, WISH).ord_status is OrdStatus.FILLED
    assert fold(ORDER, HALF, WISH, CANCELED).ord_status is OrdStatus.CANCELED


def test_a_partial_fill_after_a_cancel_was_asked_for_leaves_it_waiting_for_an_answer() -> None:
    state = fold(ORDER, NEW, cancel(ORDER, at=later(1.5)), HALF)
    assert state.ord_status is OrdStatus.PARTIALLY_FILLED
    assert state.waits_for == ("an answer to cancel cancel-1",)


def test_a_cancel_pending_by_the_street_sides_word_stays_so_through_its_fills() -> None:
    pending = report(ORDER, 2, ExecType.PENDING_CANCEL, at=later(1.5))
    fill = trade(ORDER, 3, at=later(2), last=40, cum=40, ord_status=OrdStatus.PENDING_CANCEL)
    assert fold(ORDER, NEW, pending, fill).ord_status is OrdStatus.PENDING_CANCEL


@pytest.mark.requirement("T12")
def test_a_cancel_without_its_order_is_pending_and_waits_for_the_order() -> None:
    state = fold(cancel(ORDER, knows_terms=False))
    assert state.ord_status is OrdStatus.PENDING_CANCEL
    assert (state.terms, state.leaves_qty) == (None, None)
    assert state.waits_for[0] == "the order as placed, written at C01"


# What is not believed, not known, or not this order's


@pytest.mark.parametrize(("ahead", "believed"), [(60, True), (60.001, False)])
def test_a_stamp_more_than_a_minute_ahead_is_set_aside_and_said_so(ahead: float, believed: bool) -> None:
    state = fold(ORDER, NEW, trade(ORDER, 2, at=later(ahead), last=100, cum=100), now=NOW)
    assert (state.ord_status is OrdStatus.FILLED) is believed
    said = ("1 records stamped more than a minute ahead are set aside",)
    assert state.exceptions == (() if believed else said)


@pytest.mark.requirement("T15")
def test_a_stamp_that_was_ahead_is_believed_once_its_time_has_come() -> None:
    ahead = trade(ORDER, 2, at=later(100), last=100, cum=100)
    assert fold(ORDER, ahead, now=later(100)).ord_status is OrdStatus.FILLED


@pytest.mark.requirement("T17")
@pytest.mark.parametrize(
    ("found", "waits_for"),
    [
        (Found.CLAIMED, "with s1, unknown"),
        (Found.TAKEN_BACK, "acknowledgement by the street side"),
    ],
)
def test_a_claimed_order_that_is_not_answered_is_with_its_claimer_unknown(
    found: Found, waits_for: str
) -> None:
    assert fold(ORDER, routed(ORDER, "s1", found)).waits_for == (waits_for,)
    assert fold(ORDER, routed(ORDER, "s1", found), NEW).waits_for == ()


@pytest.mark.requirement("T5", "T10")
def test_one_order_entered_at_two_utilities_has_one_state_under_both_numbers() -> None:
    records = (ORDER, AGAIN, NEW, HALF)
    one, other = fold(*records, code="C01"), fold(*records, code="C02")
    assert replace(other, order_id=one.order_id) == one


@pytest.mark.requirement("T10")
def test_one_cl_ord_id_with_other_terms_under_another_number_does_not_mix() -> None:
    records = (ORDER, OTHER, NEW, HALF, DUPLICATE)
    mine, others = fold(*records, code="C01"), fold(*records, code="C02")
    assert (mine.ord_status, mine.cum_qty) == (OrdStatus.PARTIALLY_FILLED, Decimal(40))
    assert mine.terms == order_terms(ORDER)
    assert (others.ord_status, others.cum_qty) == (OrdStatus.REJECTED, Decimal(0))
    assert (others.ord_rej_reason, others.text) == (OrdRejReason.DUPLICATE_ORDER, "taken")
    assert others.terms == order_terms(OTHER)


@pytest.mark.requirement("T14")
def test_where_entries_differ_and_the_numbers_own_is_not_here_the_street_sides_word_goes_first() -> None:
    assert fold(OTHER, NEW, code="C03").terms == order_terms(ORDER)


@pytest.mark.parametrize(
    "other",
    [
        replace(ORDER, price=Decimal(1), ord_type=OrdType.LIMIT),
        replace(ORDER, side=BuySell.SELL),
        replace(ORDER, symbol="MSFT"),
        replace(ORDER, order_qty=Decimal(99)),
    ],
)
def test_terms_are_equal_when_every_one_of_them_is(other: OrderRecord) -> None:
    assert other.terms != ORDER.terms
    assert replace(ORDER, order_qty=Decimal("100.00")).terms == ORDER.terms
