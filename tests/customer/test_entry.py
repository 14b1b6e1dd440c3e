"""Order entry: what is accepted, refused, and found to have been here."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest

from chalicelib.customer.customers import Customer
from chalicelib.customer.entry import NewCancel, NewOrder, enter_order, request_cancel
from chalicelib.records.fix import BuySell, CxlRejReason, OrdRejReason, OrdType, SessionRejectReason
from chalicelib.records.orders import CancelRequested, Placed, Terms
from chalicelib.records.record import read_record
from chalicelib.records.times import Clock
from chalicelib.refusals import (
    CancelRefused,
    DuplicateOrder,
    Malformed,
    OrderRefused,
    Refused,
    UnknownAccount,
    UnknownOrder,
)
from chalicelib.tables.memory import MemoryStore
from tests.builders import NOW, OWNER, Watched, desk, later, new_order, number, placed, terms


def at(time: datetime) -> Clock:
    return lambda: time


@pytest.fixture
def kept() -> MemoryStore:
    return MemoryStore("demo-c1-customer")


@pytest.fixture
def records(kept: MemoryStore) -> Watched:
    return Watched(kept)


def enter(order: NewOrder, records: Watched, *, now: datetime = NOW) -> tuple[Placed, bool]:
    return enter_order(order, OWNER, desk(), records=records, clock=at(now))


# Orders


@pytest.mark.requirement("T2", "T9")
def test_accepting_an_order_is_one_write(kept: MemoryStore, records: Watched) -> None:
    order, is_new = enter(new_order(price="10.25"), records, now=later(2))
    assert is_new
    assert records.asked == {"insert": 1}
    assert [read_record(item) for item in kept.everything()] == [order]
    assert (order.transact_time, order.orig_time) == (later(2), NOW)
    assert (order.entered_by, order.origin) == ("ada", "c1")


@pytest.mark.requirement("T10")
def test_the_number_is_of_the_utility_the_day_the_account_and_the_cl_ord_id(records: Watched) -> None:
    order, _ = enter(new_order(), records)
    assert order.number == number(code="C01", day="20260105")


@pytest.mark.requirement("T4", "T10")
def test_the_same_order_again_is_answered_with_what_was_accepted_first(
    kept: MemoryStore, records: Watched
) -> None:
    first, _ = enter(new_order(price="10.25"), records)
    again, is_new = enter(new_order(price="10.250"), records, now=later(30))
    assert (again, is_new) == (first, False)
    assert len(kept.everything()) == 1


@pytest.mark.requirement("T10", "T11")
@pytest.mark.parametrize(
    "other",
    [
        terms(price="10.26"),
        terms(price="10.25", qty=99),
        terms(price="10.25", side=BuySell.SELL),
        terms(price="10.25", symbol="MSFT"),
        terms(),
    ],
    ids=["price", "quantity", "side", "symbol", "type"],
)
def test_second_order_with_the_same_cl_ord_id_and_other_terms_is_refused(
    kept: MemoryStore, records: Watched, other: Terms
) -> None:
    first, _ = enter(new_order(price="10.25"), records)
    with pytest.raises(DuplicateOrder, match=first.order_id) as refusal:
        enter(replace(new_order(), terms=other), records)
    assert refusal.value.reason == OrdRejReason.DUPLICATE_ORDER
    assert [read_record(item) for item in kept.everything()] == [first]


def test_a_cl_ord_id_may_be_used_again_on_another_day(records: Watched) -> None:
    first, _ = enter(new_order(), records)
    tomorrow = later(24 * 3600)
    second, is_new = enter(new_order(tomorrow, qty=7), records, now=tomorrow)
    assert is_new
    assert first.order_id != second.order_id


REASON = OrdRejReason
REFUSED = [
    (new_order(qty=0), "OrderQty", REASON.INCORRECT_QUANTITY),
    (new_order(qty=-1), "OrderQty", REASON.INCORRECT_QUANTITY),
    (new_order(qty="1.5"), "OrderQty", REASON.INCORRECT_QUANTITY),
    (new_order(qty=1_000_000_001), "OrderQty", REASON.INCORRECT_QUANTITY),
    (new_order(price="0"), "Price", REASON.INVALID_PRICE_INCREMENT),
    (new_order(price="10.005"), "Price", REASON.INVALID_PRICE_INCREMENT),
    (new_order(price="10000000.01"), "Price", REASON.INVALID_PRICE_INCREMENT),
    (
        replace(new_order(), terms=replace(terms(), price=Decimal(1))),
        "Price",
        REASON.UNSUPPORTED_ORDER_CHARACTERISTIC,
    ),
    (
        replace(new_order(), terms=replace(terms(), ord_type=OrdType.LIMIT)),
        "Price",
        SessionRejectReason.REQUIRED_TAG_MISSING,
    ),
    (new_order(later(61)), "TransactTime", SessionRejectReason.SENDING_TIME_ACCURACY_PROBLEM),
    (new_order(later(-15 * 60 - 1)), "TransactTime", REASON.STALE_ORDER),
    (new_order(account="ACC-2"), "Account", REASON.UNKNOWN_ACCOUNT),
]


@pytest.mark.requirement("T2")
@pytest.mark.parametrize(("order", "field", "reason"), REFUSED)
def test_what_is_refused_names_its_field_and_reason_and_writes_nothing(
    records: Watched, order: NewOrder, field: str, reason: str
) -> None:
    with pytest.raises(Refused) as refusal:
        enter(order, records)
    assert (refusal.value.field, refusal.value.reason) == (field, reason)
    assert not records.asked


@pytest.mark.parametrize(
    "order",
    [
        new_order(qty=1, price="0.01"),
        new_order(qty=1_000_000_000, price="10000000"),
        new_order(qty="100.0"),
        new_order(later(60)),
        new_order(later(-15 * 60)),
    ],
)
def test_what_is_just_within_the_limits_is_accepted(records: Watched, order: NewOrder) -> None:
    assert enter(order, records)[1]


def test_a_refusal_says_what_was_expected_and_what_came(records: Watched) -> None:
    with pytest.raises(OrderRefused, match=r"expected a multiple of 0\.01, found 10\.005"):
        enter(new_order(price="10.005"), records)
    with pytest.raises(UnknownAccount, match="'ACC-2' is not one of yours"):
        enter(new_order(account="ACC-2"), records)


# Cancels

ORDER = placed()


def ask_to_cancel(
    order_id: str,
    records: Watched,
    *,
    cl_ord_id: str = "cancel-1",
    time: datetime = NOW,
    now: datetime = NOW,
    by: Customer = OWNER,
) -> tuple[CancelRequested, bool]:
    cancel = NewCancel(cl_ord_id=cl_ord_id, transact_time=time)
    return request_cancel(cancel, order_id, by, desk(), records=records, clock=at(now))


@pytest.mark.requirement("T2", "T13")
def test_a_cancel_takes_over_its_orders_terms_with_one_read_and_one_write(
    kept: MemoryStore, records: Watched
) -> None:
    kept.insert(ORDER.to_item())
    asked, is_new = ask_to_cancel(ORDER.order_id, records)
    assert is_new
    assert records.asked == {"query": 1, "insert": 1}
    assert asked.terms == ORDER.terms
    assert (asked.cl_ord_id, asked.orig_cl_ord_id) == ("cancel-1", "order-1")


@pytest.mark.requirement("T15")
def test_a_cancel_is_stamped_later_than_its_order(kept: MemoryStore, records: Watched) -> None:
    kept.insert(placed(at=later(5)).to_item())
    asked, _ = ask_to_cancel(ORDER.order_id, records)
    assert asked.transact_time > later(5)


@pytest.mark.requirement("T5", "T12")
def test_a_cancel_that_comes_before_its_order_of_another_utility_is_kept(records: Watched) -> None:
    asked, is_new = ask_to_cancel(str(number(code="C02")), records)
    assert is_new
    assert (asked.terms, asked.orig_cl_ord_id) == (None, None)
    assert asked.account == "ACC-1"


@pytest.mark.requirement("T12")
def test_a_cancel_takes_no_terms_from_another_entry_of_the_cl_ord_id(
    kept: MemoryStore, records: Watched
) -> None:
    kept.insert(ORDER.to_item())
    asked, _ = ask_to_cancel(str(number(code="C02")), records)
    assert asked.terms is None


@pytest.mark.requirement("T3")
def test_a_cancel_of_an_own_number_that_was_never_given_out_is_refused(
    kept: MemoryStore, records: Watched
) -> None:
    with pytest.raises(UnknownOrder):
        ask_to_cancel(str(number(code="C01")), records)
    assert not kept.everything()


def test_the_same_cancel_again_is_answered_with_the_first(kept: MemoryStore, records: Watched) -> None:
    kept.insert(ORDER.to_item())
    first, _ = ask_to_cancel(ORDER.order_id, records)
    again, is_new = ask_to_cancel(ORDER.order_id, records, now=later(9))
    assert (again, is_new) == (first, False)


def test_a_cancel_may_not_take_its_orders_cl_ord_id(kept: MemoryStore, records: Watched) -> None:
    kept.insert(ORDER.to_item())
    with pytest.raises(CancelRefused) as refusal:
        ask_to_cancel(ORDER.order_id, records, cl_ord_id="order-1")
    assert refusal.value.reason == CxlRejReason.DUPLICATE_CL_ORD_ID


def test_a_cancel_may_not_take_the_cl_ord_id_of_another_entrys_cancel(
    kept: MemoryStore, records: Watched
) -> None:
    kept.insert(ORDER.to_item())
    ask_to_cancel(str(number(code="C02")), records)
    with pytest.raises(CancelRefused) as refusal:
        ask_to_cancel(ORDER.order_id, records)
    assert refusal.value.reason == CxlRejReason.DUPLICATE_CL_ORD_ID


@pytest.mark.parametrize("order_id", ["", "no number", str(number(account="ACC-2"))])
def test_a_number_that_is_none_or_anothers_is_unknown_alike(records: Watched, order_id: str) -> None:
    with pytest.raises(UnknownOrder, match="no order of yours has the number"):
        ask_to_cancel(order_id, records)
    assert not records.asked


def test_a_cancel_with_a_clock_that_is_far_off_is_refused(records: Watched) -> None:
    with pytest.raises(Malformed):
        ask_to_cancel(ORDER.order_id, records, time=later(61))
    with pytest.raises(OrderRefused):
        ask_to_cancel(ORDER.order_id, records, time=later(-1000))
