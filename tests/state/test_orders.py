"""The state of an order, from whatever set of its records has arrived."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.records.fix import (
    BuySell,
    CxlRejReason,
    ExecRestatementReason,
    ExecType,
    OrdRejReason,
    OrdStatus,
    OrdType,
    TimeInForce,
)
from chalicelib.records.numbers import order_tag
from chalicelib.records.orders import (
    ExecutionReport,
    Found,
    OrderCancelReject,
    OrderRecord,
    Placed,
    ReplaceRequested,
    following,
)
from chalicelib.state.orders import OrderState, fold_order
from tests.builders import (
    NOW,
    SECRET,
    cancel,
    later,
    number,
    order_terms,
    placed,
    report,
    routed,
    terms,
    trade,
)

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
        request_tag=WISH.request_tag,
    )


def said(
    place: int,
    exec_type: ExecType,
    *,
    at: datetime,
    order: Placed = ORDER,
    cl_ord_id: str | None = None,
    **facts: Any,
) -> ExecutionReport:
    """A street utility's nth report that tells what happened, and nothing of the whole order."""
    return ExecutionReport(
        order_id=order.order_id,
        account=order.account,
        cl_ord_id=cl_ord_id or order.cl_ord_id,
        orig_cl_ord_id=order.cl_ord_id if cl_ord_id else None,
        origin="s1",
        transact_time=at,
        exec_id=f"s1.{place}",
        exec_type=exec_type,
        **facts,
    )


def executed(place: int, *, at: datetime, last: int, px: str = "10", **facts: Any) -> ExecutionReport:
    return said(place, ExecType.TRADE, at=at, last_qty=Decimal(last), last_px=Decimal(px), **facts)


def wish(*, at: datetime, qty: int, cl_ord_id: str = "replace-1") -> ReplaceRequested:
    """A customer's wish for another quantity of ORDER."""
    return following(
        replace(ORDER, order_qty=Decimal(qty)),
        ReplaceRequested,
        cl_ord_id=cl_ord_id,
        orig_cl_ord_id=ORDER.cl_ord_id,
        request_tag=order_tag(ORDER.account, cl_ord_id, SECRET),
        orig_time=at,
        entered_by="ada",
        origin="c1",
        transact_time=at,
        changed="OrderQty",
        entry_tag=ORDER.entry,
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
        wish(at=NOW, qty=60),
        said(5, ExecType.PENDING_REPLACE, at=NOW, cl_ord_id="replace-1"),
        said(6, ExecType.REPLACED, at=NOW, cl_ord_id="replace-1"),
        said(7, ExecType.TRADE_CORRECT, at=NOW, exec_ref_id=HALF.exec_id, last_qty=Decimal(30)),
        said(8, ExecType.TRADE_CANCEL, at=NOW, exec_ref_id=REST.exec_id),
        said(11, ExecType.TRADE_CANCEL, at=NOW),
        said(9, ExecType.STOPPED, at=NOW, last_qty=Decimal(10)),
        said(10, ExecType.DONE_FOR_DAY, at=NOW),
        routed(ORDER, "s1", Found.TAKEN_BACK),
        routed(ORDER, "s2", Found.CLAIMED),
    )
    # Two contents never have one key: of REST and CANCELED, places 3 of one log, one at most.
    chosen = draw(
        st.lists(st.sampled_from(pool), min_size=1, max_size=10, unique_by=lambda r: (r.origin, r.sort_key))
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
    assert state.exceptions == ("filled 200 of 100", "executed by s1 and s2")


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


@pytest.mark.requirement("T14")
def test_an_order_that_two_utilities_execute_is_an_exception_also_within_its_quantity() -> None:
    elsewhere = trade(ORDER, 1, at=later(4), last=10, cum=10, origin="s2")
    state = fold(ORDER, NEW, HALF, elsewhere)
    assert (state.ord_status, state.cum_qty) == (OrdStatus.PARTIALLY_FILLED, Decimal(50))
    assert state.exceptions == ("executed by s1 and s2",)


# Executions that are changed afterwards

BUST = said(7, ExecType.TRADE_CANCEL, at=later(7), exec_ref_id=REST.exec_id)
CORRECTION = said(
    8,
    ExecType.TRADE_CORRECT,
    at=later(8),
    exec_ref_id=HALF.exec_id,
    last_qty=Decimal(30),
    last_px=Decimal(11),
)


@pytest.mark.requirement("T14", "T15")
def test_a_busted_execution_does_not_count_and_a_corrected_one_does_as_corrected() -> None:
    for arrived in permutations((ORDER, HALF, REST, BUST, CORRECTION)):
        state = fold(*arrived)
        assert (state.ord_status, state.cum_qty, state.leaves_qty, state.avg_px) == (
            OrdStatus.PARTIALLY_FILLED,
            Decimal(30),
            Decimal(70),
            Decimal(11),
        )
        corrected, busted = state.executions
        assert (corrected.exec_id, corrected.last_qty) == (HALF.exec_id, Decimal(30))
        assert busted == REST
        assert state.corrected == {HALF.exec_id: CORRECTION.exec_id}
        assert state.busted == {REST.exec_id: BUST.exec_id}
        assert not state.is_estimate


def test_a_correction_of_a_correction_changes_the_execution_itself() -> None:
    again = said(9, ExecType.TRADE_CORRECT, at=later(9), exec_ref_id=CORRECTION.exec_id, last_qty=Decimal(20))
    (execution,) = fold(ORDER, HALF, CORRECTION, again).executions
    assert execution == replace(HALF, last_qty=Decimal(20), last_px=Decimal(11))


@pytest.mark.requirement("T14")
def test_what_is_corrected_after_it_was_busted_counts_again_as_corrected() -> None:
    busted = said(3, ExecType.TRADE_CANCEL, at=later(3), exec_ref_id=HALF.exec_id, cum_qty=Decimal(0))
    corrected = replace(CORRECTION, exec_ref_id=HALF.exec_id, cum_qty=Decimal(30))
    state = fold(ORDER, HALF, busted, corrected)
    assert [(e.last_qty, e.last_px) for e in state.executions] == [(Decimal(30), Decimal(11))]
    assert not state.busted
    assert (state.cum_qty, state.is_estimate) == (Decimal(30), False)


def test_a_bust_of_what_has_not_arrived_waits_for_it() -> None:
    state = fold(ORDER, HALF, BUST)
    assert state.cum_qty == 40
    assert state.waits_for == (f"execution {REST.exec_id}, which {BUST.exec_id} changes",)


@pytest.mark.requirement("T13", "T14")
@pytest.mark.parametrize("exec_type", [ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT])
def test_what_does_not_say_which_execution_it_changes_changes_none_and_is_an_exception(
    exec_type: ExecType,
) -> None:
    aimless = said(7, exec_type, at=later(7), last_qty=Decimal(10), last_px=Decimal(1))
    without, state = fold(ORDER, NEW, HALF), fold(ORDER, NEW, HALF, aimless)
    assert state.exceptions == ("s1.7 does not say which execution it changes",)
    assert (state.ord_status, state.executions, state.cum_qty, state.leaves_qty, state.avg_px) == (
        without.ord_status,
        without.executions,
        without.cum_qty,
        without.leaves_qty,
        without.avg_px,
    )
    assert not state.is_estimate


@pytest.mark.requirement("T14")
def test_what_is_executed_before_a_split_counts_in_the_shares_of_today() -> None:
    split = said(
        3,
        ExecType.RESTATED,
        at=later(3),
        order_qty=Decimal(200),
        exec_restatement_reason=ExecRestatementReason.GT_CORPORATE_ACTION,
    )
    state = fold(ORDER, executed(2, at=later(2), last=40), split, executed(4, at=later(4), last=20, px="5"))
    assert (state.cum_qty, state.leaves_qty, state.avg_px) == (Decimal(100), Decimal(100), Decimal(5))


# A cancel that is asked for


@pytest.mark.requirement("T14")
def test_a_cancel_asked_for_is_pending_until_it_is_answered() -> None:
    assert fold(ORDER, NEW, WISH).ord_status is OrdStatus.PENDING_CANCEL
    assert fold(ORDER, NEW, WISH).waits_for == ("an answer to cancel cancel-1",)
    refused = fold(ORDER, NEW, WISH, too_late(later(3)))
    assert refused.ord_status is OrdStatus.NEW
    assert not refused.is_estimate


@pytest.mark.requirement("T12", "T14")
def test_what_was_answered_is_not_pending_again_when_it_is_asked_for_at_another_utility() -> None:
    again = replace(WISH, origin="c2", transact_time=later(4))
    state = fold(ORDER, NEW, WISH, too_late(later(3)), again)
    assert (state.ord_status, state.waits_for) == (OrdStatus.NEW, ())
    assert fold(ORDER, NEW, WISH, again).waits_for == ("an answer to cancel cancel-1",)


@pytest.mark.requirement("T13", "T14")
@pytest.mark.parametrize(("said_so", "status"), [(OrdStatus.NEW, OrdStatus.NEW), (None, OrdStatus.REJECTED)])
def test_a_refusal_because_another_version_is_in_force_does_not_reject_the_order(
    said_so: OrdStatus | None, status: OrdStatus
) -> None:
    refused = replace(too_late(later(3)), cxl_rej_reason=CxlRejReason.UNKNOWN_ORDER, ord_status=said_so)
    assert fold(refused).ord_status is status


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


@pytest.mark.requirement("T13", "T14")
def test_the_end_of_an_order_answers_what_was_pending() -> None:
    pending = said(4, ExecType.PENDING_REPLACE, at=later(2), cl_ord_id="replace-1")
    assert fold(ORDER, NEW, pending, CANCELED).ord_status is OrdStatus.CANCELED
    busted = said(9, ExecType.TRADE_CANCEL, at=later(9), exec_ref_id="s1.1", ord_status=OrdStatus.CANCELED)
    assert fold(ORDER, NEW, pending, busted).ord_status is OrdStatus.CANCELED


# A replacement


@pytest.mark.requirement("T14")
def test_a_replacement_asked_for_is_pending_and_changes_nothing_until_it_is_made() -> None:
    asked = fold(ORDER, NEW, HALF, wish(at=later(3), qty=60))
    assert (asked.ord_status, asked.leaves_qty) == (OrdStatus.PENDING_REPLACE, Decimal(60))
    assert asked.terms == order_terms(ORDER)
    assert asked.waits_for == ("an answer to replacement replace-1",)
    made = said(4, ExecType.REPLACED, at=later(4), cl_ord_id="replace-1")
    state = fold(ORDER, NEW, HALF, wish(at=later(3), qty=60), made)
    assert (state.ord_status, state.leaves_qty) == (OrdStatus.PARTIALLY_FILLED, Decimal(20))
    assert state.terms == replace(order_terms(ORDER), cl_ord_id="replace-1", order_qty=Decimal(60))
    assert not state.is_estimate


def test_a_wish_does_not_tell_the_terms_where_another_record_does() -> None:
    assert fold(wish(at=NOW, qty=60), WISH).terms == order_terms(ORDER)
    alone = fold(wish(at=NOW, qty=60)).terms
    assert alone is not None
    assert alone.order_qty == 60


@pytest.mark.requirement("T14")
def test_a_replacement_to_what_is_executed_or_less_fills_the_order_when_it_is_made() -> None:
    made = said(4, ExecType.REPLACED, at=later(4), cl_ord_id="replace-1")
    for arrived in permutations((ORDER, executed(2, at=later(2), last=40), wish(at=later(1), qty=30), made)):
        state = fold(*arrived)
        assert (state.ord_status, state.reached, state.leaves_qty) == (OrdStatus.FILLED, later(4), Decimal(0))
        assert state.terms is not None
        assert state.terms.order_qty == 40
        assert state.exceptions == ()


@pytest.mark.requirement("T13", "T14")
def test_a_replacement_is_pending_by_the_latest_word_though_only_an_earlier_ones_reports_are_here() -> None:
    earlier = (
        said(2, ExecType.PENDING_REPLACE, at=later(2), cl_ord_id="replace-1"),
        said(3, ExecType.REPLACED, at=later(3), cl_ord_id="replace-1"),
    )
    last = executed(5, at=later(5), last=10, cl_ord_id="replace-1", ord_status=OrdStatus.PENDING_REPLACE)
    assert fold(ORDER, *earlier, last).ord_status is OrdStatus.PENDING_REPLACE


@pytest.mark.requirement("T14")
def test_an_authors_word_on_what_is_pending_ends_with_its_refusal() -> None:
    fill = replace(HALF, ord_status=OrdStatus.PENDING_CANCEL)
    assert fold(ORDER, NEW, fill).ord_status is OrdStatus.PENDING_CANCEL
    assert fold(ORDER, NEW, fill, too_late(later(3))).ord_status is OrdStatus.PARTIALLY_FILLED


@pytest.mark.requirement("T10")
def test_a_report_after_a_replacement_tells_by_its_tag_which_entry_it_is_of() -> None:
    # OTHER becomes what ORDER was entered as, and ORDER what OTHER was.
    others = report(OTHER, 1, ExecType.NEW, at=later(4), origin="s2", entry_tag=OTHER.entry)
    mine = report(ORDER, 5, ExecType.NEW, at=later(5), entry_tag=ORDER.entry)
    records = (
        replace(others, exec_type=ExecType.REPLACED, order_qty=ORDER.order_qty),
        replace(mine, exec_type=ExecType.REPLACED, order_qty=OTHER.order_qty),
    )
    for arrived in permutations(records):
        first, second = fold(*arrived, code="C01"), fold(*arrived, code="C02")
        assert (first.terms, second.terms) == (order_terms(OTHER), order_terms(ORDER))
        assert [basis.utility for basis in (*first.rests_on, *second.rests_on)] == ["s1", "s2"]


# What an order comes to


@pytest.mark.requirement("T14")
def test_an_expired_order_leaves_nothing_and_counts_what_was_executed() -> None:
    expired = said(3, ExecType.EXPIRED, at=later(3))
    state = fold(ORDER, NEW, HALF, expired)
    assert (state.ord_status, state.reached) == (OrdStatus.EXPIRED, later(3))
    assert (state.cum_qty, state.leaves_qty) == (Decimal(40), Decimal(0))


@pytest.mark.requirement("T14")
def test_a_stop_is_no_fill_holds_through_fills_and_ends_with_the_order() -> None:
    stopped = said(2, ExecType.STOPPED, at=later(1.5), last_qty=Decimal(50))
    assert fold(ORDER, NEW, stopped).cum_qty == 0
    assert fold(ORDER, NEW, stopped, HALF).ord_status is OrdStatus.STOPPED
    assert fold(ORDER, NEW, stopped, HALF, REST).ord_status is OrdStatus.FILLED
    assert fold(ORDER, NEW, stopped, HALF, CANCELED).ord_status is OrdStatus.CANCELED
    too_late_said = replace(stopped, transact_time=later(5), ord_status=OrdStatus.STOPPED)
    assert fold(ORDER, NEW, HALF, CANCELED, too_late_said).ord_status is OrdStatus.CANCELED


TOMORROW = 24 * 3600


@pytest.mark.requirement("T14")
@pytest.mark.parametrize(
    ("then", "status"),
    [
        (executed(5, at=later(60), last=10), OrdStatus.DONE_FOR_DAY),
        (said(5, ExecType.REPLACED, at=later(60)), OrdStatus.DONE_FOR_DAY),
        (executed(5, at=later(TOMORROW), last=10), OrdStatus.PARTIALLY_FILLED),
        (said(5, ExecType.REPLACED, at=later(TOMORROW)), OrdStatus.NEW),
        (said(5, ExecType.RESTATED, at=later(60)), OrdStatus.NEW),
        (said(5, ExecType.CANCELED, at=later(60)), OrdStatus.CANCELED),
    ],
)
def test_done_for_the_day_ends_when_restated_or_by_what_happens_on_a_later_day(
    then: ExecutionReport, status: OrdStatus
) -> None:
    order = replace(ORDER, time_in_force=TimeInForce.GOOD_TILL_CANCEL)
    done = said(4, ExecType.DONE_FOR_DAY, at=later(30))
    state = fold(order, done, then, now=later(2 * TOMORROW))
    assert state.ord_status is status
    over = status is OrdStatus.CANCELED
    assert state.leaves_qty == (0 if over else 100 - state.cum_qty)


@pytest.mark.requirement("T14")
def test_done_for_the_day_leaves_nothing_of_a_day_order() -> None:
    state = fold(ORDER, said(4, ExecType.DONE_FOR_DAY, at=later(30)))
    assert (state.ord_status, state.leaves_qty) == (OrdStatus.DONE_FOR_DAY, Decimal(0))


@pytest.mark.requirement("T13", "T14")
def test_of_a_fill_and_a_cancel_the_author_knew_which_was_first() -> None:
    # Its Canceled has not arrived: by its word the order was canceled before this completed it.
    assert fold(ORDER, HALF, replace(REST, ord_status=OrdStatus.CANCELED)).ord_status is OrdStatus.CANCELED


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
