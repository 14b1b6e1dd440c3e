"""Execution: one log to an order, whatever arrives how often and in which order."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from chalicelib.records.fix import (
    BuySell,
    CxlRejReason,
    CxlRejResponseTo,
    ExecRestatementReason,
    ExecType,
    OrdRejReason,
    OrdStatus,
    OrdType,
    TimeInForce,
)
from chalicelib.records.numbers import OrderID, order_tag
from chalicelib.records.orders import (
    CancelRequested,
    Claim,
    ExecutionReport,
    Found,
    Notice,
    OrderCancelReject,
    OrderRecord,
    OrderRequest,
    Placed,
    Released,
    ReplaceRequested,
    Terms,
    average_px,
    claim_key,
    following,
)
from chalicelib.records.record import Item, Record, fix_name, read_record
from chalicelib.street.exchange import SimulatedExchange
from chalicelib.street.execution import Floor, acknowledge, claim_order, look_again, work_order
from chalicelib.street.venues import Bound, Granted, Objection, Resting, Venue, Working
from chalicelib.tables.memory import MemoryStore
from chalicelib.tables.store import Unreachable
from tests.builders import NOW, SECRET, Watched, bar, cancel, later, placed, seconds, terms

# Shown as 10, 8, 12, 11, 100 shares to a tick.
EXCHANGE = SimulatedExchange(
    bars={"IBM": (bar("10", "12", "8", "11", volume=40_000),)}, epoch=NOW, tick=seconds(15)
)
ORDER = placed()
RESTING = placed(terms(price="9"))
LARGE = placed(terms(qty=250))
MIDNIGHT = datetime(2026, 1, 6, tzinfo=UTC)


@dataclass
class StreetUtility:
    """A street utility with what its streams make it do."""

    name: str = "s1"
    records: Watched = field(default_factory=lambda: Watched(MemoryStore("demo-s1-street")))
    inbox: MemoryStore = field(default_factory=lambda: MemoryStore("demo-s1-inbox"))
    scheduled: list[tuple[OrderID, datetime]] = field(default_factory=list)
    exchange: Venue = EXCHANGE
    is_last: bool = False

    @property
    def floor(self) -> Floor:
        return Floor(
            name=self.name,
            records=self.records,
            inbox=self.inbox,
            venues=(self.exchange,),
            is_last=lambda claim: self.is_last,
            schedule=lambda order_id, due: self.scheduled.append((order_id, due)),
        )

    def receive(self, message: Placed | OrderRequest | Notice, *, now: datetime = NOW) -> None:
        """A message arrives and everything that follows from it happens."""
        self.inbox.insert(message.to_item())
        if isinstance(message, Placed):
            claim_order(message, self.floor, now=now)
            self.acknowledge(message, now=now)
        self.work(message, now=now)

    def acknowledge(self, order: Placed, *, now: datetime = NOW) -> None:
        item = self.inbox.get(order.partition_key, claim_key(order.number))
        assert item is not None
        acknowledge(Claim.from_item(item), self.floor, now=now)

    def work(self, order: OrderRecord, *, now: datetime) -> None:
        work_order(order.order_id, self.floor, now=now)

    def run(self, order: Placed, until: datetime = MIDNIGHT) -> None:
        """Look again whenever it was asked for, until it has nothing more before a time."""
        while any(due < until for _, due in self.scheduled):
            self.scheduled.sort(key=lambda entry: entry[1])
            _, due = self.scheduled.pop(0)
            look_again(order.order_id, self.floor, now=due)

    def said(self) -> list[Record]:
        return [read_record(item) for item in self.kept()]

    def kept(self) -> list[Item]:
        assert isinstance(self.records.kept, MemoryStore)
        return self.records.kept.everything()

    def reports(self) -> list[ExecutionReport]:
        return [record for record in self.said() if isinstance(record, ExecutionReport)]

    def told(self) -> list[tuple[ExecType, int, int]]:
        """ExecType, CumQty and LeavesQty of each report, in the log's order."""
        return [
            (r.exec_type, int(r.cum_qty or 0), int(r.leaves_qty) if r.leaves_qty is not None else -1)
            for r in self.reports()
        ]

    def refusals(self) -> list[OrderCancelReject]:
        return [record for record in self.said() if isinstance(record, OrderCancelReject)]


@pytest.fixture
def s1() -> StreetUtility:
    return StreetUtility()


NEW, TRADE, CANCELED = ExecType.NEW, ExecType.TRADE, ExecType.CANCELED


@pytest.mark.requirement("T6", "T18")
def test_an_order_that_arrives_is_claimed_acknowledged_and_executed(s1: StreetUtility) -> None:
    s1.receive(ORDER)
    assert s1.told() == [(NEW, 0, 100), (TRADE, 100, 0)]
    done = s1.reports()[-1]
    assert (done.ord_status, done.last_px, done.avg_px) == (OrdStatus.FILLED, Decimal(10), Decimal(10))
    assert (done.last_mkt, done.order_id, done.terms) == ("SIMX", ORDER.order_id, ORDER.terms)


@pytest.mark.requirement("T15")
def test_each_report_is_stamped_later_than_what_came_before(s1: StreetUtility) -> None:
    s1.receive(placed(at=later(30)))
    times = [report.transact_time for report in s1.reports()]
    assert later(30) < times[0] < times[1]


@pytest.mark.requirement("T15")
def test_repeated_triggers_change_nothing(s1: StreetUtility) -> None:
    s1.receive(ORDER)
    before = s1.kept()
    for _ in range(3):
        s1.receive(ORDER, now=later(20))
    assert s1.kept() == before


@pytest.mark.requirement("T6")
def test_a_limit_order_is_looked_at_again_at_the_tick_that_crosses_it(s1: StreetUtility) -> None:
    s1.receive(RESTING)
    assert s1.told() == [(NEW, 0, 100)]
    assert s1.scheduled == [(RESTING.order_id, later(15))]
    s1.run(RESTING)
    assert s1.told() == [(NEW, 0, 100), (TRADE, 100, 0)]
    assert s1.reports()[-1].last_px == 8


@pytest.mark.requirement("T6")
def test_an_order_whose_price_never_comes_is_looked_at_again_when_its_day_is_over(
    s1: StreetUtility,
) -> None:
    order = placed(terms(price="99", side=BuySell.SELL))
    s1.receive(order)
    assert s1.told() == [(NEW, 0, 100)]
    assert s1.scheduled == [(order.order_id, MIDNIGHT)]


@pytest.mark.requirement("T6")
def test_a_large_order_is_executed_in_parts_at_the_prices_of_their_ticks(s1: StreetUtility) -> None:
    s1.receive(LARGE)
    s1.run(LARGE)
    assert s1.told() == [(NEW, 0, 250), (TRADE, 100, 150), (TRADE, 200, 50), (TRADE, 250, 0)]
    assert [report.last_px for report in s1.reports()[1:]] == [10, 8, 12]
    # (100 x 10 + 100 x 8 + 50 x 12) / 250
    assert s1.reports()[-1].avg_px == Decimal("9.6")


@pytest.mark.requirement("T6")
def test_an_order_in_what_is_not_traded_is_rejected(s1: StreetUtility) -> None:
    s1.receive(placed(terms(symbol="ZZZ")))
    (rejected,) = s1.reports()
    assert rejected.exec_type is ExecType.REJECTED
    assert (rejected.ord_rej_reason, rejected.leaves_qty) == (OrdRejReason.UNKNOWN_SYMBOL, Decimal(0))
    assert rejected.text == "ZZZ is not traded here"


# What is not this utility's to execute


@pytest.mark.requirement("T17")
def test_an_order_that_was_taken_back_is_never_executed(s1: StreetUtility) -> None:
    gone = Claim.on(ORDER, Found.TAKEN_BACK, origin="c1", transact_time=NOW)
    s1.inbox.insert(gone.to_item())
    s1.receive(ORDER)
    assert s1.kept() == []


@pytest.mark.requirement("T17")
def test_another_utilitys_claim_is_not_acknowledged(s1: StreetUtility) -> None:
    acknowledge(Claim.on(ORDER, Found.CLAIMED, origin="s2", transact_time=NOW), s1.floor, now=NOW)
    assert s1.kept() == []


@pytest.mark.requirement("T15")
def test_an_order_that_is_not_acknowledged_yet_is_not_worked(s1: StreetUtility) -> None:
    s1.inbox.insert(ORDER.to_item())
    claim_order(ORDER, s1.floor, now=NOW)
    s1.work(ORDER, now=NOW)
    assert s1.kept() == []


@pytest.mark.requirement("T5", "T10")
def test_a_second_entry_with_the_same_terms_is_the_same_order(s1: StreetUtility) -> None:
    s1.receive(ORDER)
    before = s1.kept()
    s1.receive(placed(origin="c2", at=later(1)), now=later(20))
    assert s1.kept() == before


@pytest.mark.requirement("T10")
def test_a_second_entry_with_other_terms_is_refused_as_a_duplicate(s1: StreetUtility) -> None:
    s1.receive(RESTING)
    other = placed(terms(price="9", qty=7), origin="c2", at=later(1))
    for _ in range(2):
        s1.receive(other)
    (refusal,) = [report for report in s1.reports() if report.order_id == other.order_id]
    assert (refusal.exec_type, refusal.ord_rej_reason) == (
        ExecType.REJECTED,
        OrdRejReason.DUPLICATE_ORDER,
    )
    assert refusal.terms == other.terms
    assert refusal.text == f"ClOrdID was placed with other terms as {RESTING.order_id}"


@pytest.mark.requirement("T10")
def test_a_refused_duplicate_does_not_disturb_the_order_it_repeats(s1: StreetUtility) -> None:
    s1.receive(RESTING)
    s1.receive(placed(terms(price="9", qty=7), origin="c2", at=later(1)))
    s1.run(RESTING)
    mine = [report for report in s1.reports() if report.order_id == RESTING.order_id]
    assert [(r.exec_type, int(r.cum_qty or 0)) for r in mine] == [(NEW, 0), (TRADE, 100)]


# Cancels


@pytest.mark.requirement("T12", "T15")
def test_a_cancel_that_comes_before_its_order_stops_it_with_nothing_filled(s1: StreetUtility) -> None:
    s1.receive(cancel(ORDER, knows_terms=False))
    assert s1.kept() == []
    s1.receive(ORDER)
    assert s1.told() == [(NEW, 0, 100), (CANCELED, 0, 0)]


def test_a_cancel_of_a_refused_entry_leaves_the_order_of_that_cl_ord_id_alone(s1: StreetUtility) -> None:
    other = placed(terms(price="8"), origin="c2")
    s1.receive(RESTING)
    s1.receive(other)
    s1.receive(cancel(other, knows_terms=False), now=later(1))
    assert s1.told()[0] == (NEW, 0, int(RESTING.order_qty or 0))
    assert CANCELED not in [told[0] for told in s1.told()]


def test_a_cancel_of_another_entry_counts_once_that_is_known_to_be_the_same_order(
    s1: StreetUtility,
) -> None:
    other = placed(terms(price="9"), origin="c2")
    s1.receive(RESTING)
    s1.receive(cancel(other, knows_terms=False), now=later(1))
    assert CANCELED not in [told[0] for told in s1.told()]
    s1.inbox.insert(other.to_item())
    claim_order(other, s1.floor, now=later(2))
    assert s1.told()[-1][0] == CANCELED


@pytest.mark.requirement("T6")
def test_a_cancel_of_a_resting_order_ends_it_under_the_cancels_own_cl_ord_id(
    s1: StreetUtility,
) -> None:
    s1.receive(RESTING)
    s1.receive(cancel(RESTING), now=later(1))
    s1.run(RESTING)
    assert s1.told() == [(NEW, 0, 100), (CANCELED, 0, 0)]
    ended = s1.reports()[-1]
    assert (ended.cl_ord_id, ended.orig_cl_ord_id) == ("cancel-1", "order-1")
    assert ended.terms == RESTING.terms


@pytest.mark.requirement("T6")
def test_a_cancel_keeps_what_was_filled_before_it(s1: StreetUtility) -> None:
    s1.receive(LARGE)
    s1.receive(cancel(LARGE), now=later(1))
    s1.run(LARGE)
    assert s1.told() == [(NEW, 0, 250), (TRADE, 100, 150), (CANCELED, 100, 0)]
    assert s1.reports()[-1].avg_px == 10


@pytest.mark.requirement("T6")
def test_a_cancel_after_the_fill_is_too_late(s1: StreetUtility) -> None:
    s1.receive(ORDER)
    for _ in range(2):
        s1.receive(cancel(ORDER), now=later(1))
    (refusal,) = [record for record in s1.said() if isinstance(record, OrderCancelReject)]
    assert refusal.cxl_rej_reason is CxlRejReason.TOO_LATE_TO_CANCEL
    assert (refusal.cl_ord_id, refusal.orig_cl_ord_id) == ("cancel-1", "order-1")
    assert refusal.ord_status is OrdStatus.FILLED
    assert s1.told() == [(NEW, 0, 100), (TRADE, 100, 0)]


@pytest.mark.requirement("T5")
def test_of_two_cancels_the_earlier_is_granted_and_the_other_too_late(s1: StreetUtility) -> None:
    s1.receive(RESTING)
    second = cancel(RESTING, cl_ord_id="cancel-2", origin="c2", at=later(2))
    s1.inbox.insert(second.to_item())
    s1.receive(cancel(RESTING, at=later(1)), now=later(3))
    assert s1.reports()[-1].cl_ord_id == "cancel-1"
    (refusal,) = [record for record in s1.said() if isinstance(record, OrderCancelReject)]
    assert refusal.cl_ord_id == "cancel-2"


@pytest.mark.requirement("T15")
@pytest.mark.parametrize("arrivals", list(permutations(["order", "cancel", "again"])), ids=", ".join)
def test_no_order_of_arrival_fills_after_a_cancel(arrivals: tuple[str, ...]) -> None:
    s1 = StreetUtility()
    messages: dict[str, Placed | CancelRequested] = {
        "order": LARGE,
        "again": placed(terms(qty=250), origin="c2", at=later(1)),
        "cancel": cancel(LARGE, knows_terms=False),
    }
    for message in arrivals:
        s1.receive(messages[message])
    s1.run(LARGE)
    kinds = [kind for kind, _, _ in s1.told()]
    assert kinds.count(CANCELED) == 1
    assert kinds[-1] is CANCELED


# Replacements


def replacement(
    order: Placed,
    *,
    cl_ord_id: str = "replace-1",
    at: datetime = NOW,
    orig: str | None = None,
    **changes: Any,
) -> ReplaceRequested:
    """A wish for other terms, as c1 writes it."""
    return following(
        replace(order, **changes),
        ReplaceRequested,
        cl_ord_id=cl_ord_id,
        orig_cl_ord_id=orig,
        origin="c1",
        transact_time=at,
        orig_time=at,
        entered_by="ada",
        request_tag=order_tag(order.account, cl_ord_id, SECRET),
        entry_tag=order.entry,
        changed=",".join(map(fix_name, changes)),
    )


REPLACED, EXPIRED = ExecType.REPLACED, ExecType.EXPIRED


@pytest.mark.requirement("T6")
def test_a_replacement_takes_over_what_was_executed_under_its_own_cl_ord_id(s1: StreetUtility) -> None:
    s1.receive(LARGE)
    s1.receive(replacement(LARGE, order_qty=Decimal(150), at=later(1)), now=later(1))
    s1.run(LARGE)
    assert s1.told() == [(NEW, 0, 250), (TRADE, 100, 150), (REPLACED, 100, 50), (TRADE, 150, 0)]
    replaced, done = s1.reports()[2:]
    assert (replaced.cl_ord_id, replaced.orig_cl_ord_id) == ("replace-1", "order-1")
    assert (done.cl_ord_id, done.orig_cl_ord_id, done.entry) == ("replace-1", None, LARGE.entry)
    assert done.terms == replace(terms(qty=250), cl_ord_id="replace-1", order_qty=Decimal(150))


@pytest.mark.requirement("T6")
def test_a_replacement_below_what_was_executed_becomes_that(s1: StreetUtility) -> None:
    s1.receive(LARGE)
    s1.receive(replacement(LARGE, order_qty=Decimal(30), at=later(1)), now=later(1))
    s1.run(LARGE)
    assert s1.told()[-1] == (REPLACED, 100, 0)
    assert (s1.reports()[-1].order_qty, s1.reports()[-1].ord_status) == (Decimal(100), OrdStatus.FILLED)


@pytest.mark.requirement("T6")
def test_what_a_replacement_does_not_name_stays_as_it_is(s1: StreetUtility) -> None:
    s1.receive(RESTING)
    s1.receive(replacement(RESTING, price=Decimal("8.50"), at=later(1)), now=later(1))
    s1.receive(replacement(RESTING, cl_ord_id="replace-2", order_qty=Decimal(70), at=later(2)), now=later(2))
    last = s1.reports()[-1]
    assert (last.price, last.order_qty, last.cl_ord_id) == (Decimal("8.50"), Decimal(70), "replace-2")
    assert last.orig_cl_ord_id == "replace-1"


@pytest.mark.requirement("T6")
def test_a_replacement_of_a_version_that_is_no_more_is_refused(s1: StreetUtility) -> None:
    s1.receive(RESTING)
    s1.receive(replacement(RESTING, order_qty=Decimal(70), orig="order-1", at=later(1)), now=later(1))
    late = replacement(RESTING, cl_ord_id="replace-2", order_qty=Decimal(80), orig="order-1", at=later(2))
    s1.receive(late, now=later(2))
    (refusal,) = s1.refusals()
    assert (refusal.cxl_rej_reason, refusal.text) == (
        CxlRejReason.UNKNOWN_ORDER,
        "the order goes by ClOrdID replace-1 now",
    )
    assert refusal.cxl_rej_response_to is CxlRejResponseTo.ORDER_CANCEL_REPLACE_REQUEST


@pytest.mark.requirement("T6")
def test_a_market_order_that_becomes_a_limit_order_and_back(s1: StreetUtility) -> None:
    s1.receive(LARGE)
    limit = replacement(LARGE, ord_type=OrdType.LIMIT, price=Decimal("7"), at=later(1))
    s1.receive(limit, now=later(1))
    assert s1.scheduled[-1] == (LARGE.order_id, MIDNIGHT)
    market = replacement(LARGE, cl_ord_id="replace-2", ord_type=OrdType.MARKET, at=later(2))
    s1.receive(market, now=later(16))
    assert s1.told()[-1] == (TRADE, 200, 50)
    assert s1.reports()[-1].price is None


@pytest.mark.requirement("T6")
def test_a_replacement_after_the_fill_is_too_late(s1: StreetUtility) -> None:
    s1.receive(ORDER)
    s1.receive(replacement(ORDER, order_qty=Decimal(200), at=later(1)), now=later(1))
    assert s1.refusals()[0].cxl_rej_reason is CxlRejReason.TOO_LATE_TO_CANCEL


@pytest.mark.requirement("T12", "T15")
def test_a_replacement_that_comes_before_its_order_is_kept(s1: StreetUtility) -> None:
    s1.receive(replacement(ORDER, order_qty=Decimal(60), at=later(1)))
    assert s1.kept() == []
    s1.receive(ORDER, now=later(2))
    assert s1.told() == [(NEW, 0, 100), (REPLACED, 0, 60), (TRADE, 60, 0)]


# How long an order is good


def timed(time_in_force: TimeInForce, **more: Any) -> Placed:
    return placed(replace(terms(qty=250, price="8"), time_in_force=time_in_force, **more))


@pytest.mark.requirement("T6")
def test_a_day_order_expires_with_its_day(s1: StreetUtility) -> None:
    s1.receive(RESTING)
    s1.scheduled.clear()
    look_again(RESTING.order_id, s1.floor, now=MIDNIGHT)
    assert s1.told() == [(NEW, 0, 100), (EXPIRED, 0, 0)]
    assert s1.reports()[-1].ord_status is OrdStatus.EXPIRED


@pytest.mark.requirement("T6")
def test_an_order_good_till_a_time_expires_then(s1: StreetUtility) -> None:
    order = timed(TimeInForce.GOOD_TILL_DATE, expire_time=later(90))
    s1.receive(order)
    s1.run(order)
    assert s1.told() == [(NEW, 0, 250), (TRADE, 100, 150), (EXPIRED, 100, 0)]
    assert s1.reports()[-1].transact_time == later(90)


@pytest.mark.requirement("T6")
def test_an_order_good_till_canceled_is_done_for_the_day_and_taken_up_again(s1: StreetUtility) -> None:
    order = timed(TimeInForce.GOOD_TILL_CANCEL)
    s1.receive(order)
    s1.scheduled.clear()
    look_again(order.order_id, s1.floor, now=MIDNIGHT)
    assert [kind for kind, _, _ in s1.told()] == [NEW, ExecType.DONE_FOR_DAY, ExecType.RESTATED]
    restated = s1.reports()[-1]
    assert restated.exec_restatement_reason is ExecRestatementReason.GT_RENEWAL
    assert (restated.ord_status, restated.leaves_qty) == (OrdStatus.NEW, Decimal(250))
    s1.run(order, until=MIDNIGHT + seconds(16))
    assert s1.told()[-1] == (TRADE, 100, 150)


@pytest.mark.requirement("T6")
def test_immediate_or_cancel_takes_what_there_is(s1: StreetUtility) -> None:
    s1.receive(placed(replace(terms(qty=250), time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL)))
    assert s1.told() == [(NEW, 0, 250), (TRADE, 100, 150), (CANCELED, 100, 0)]
    assert s1.reports()[-1].text == "nothing more to be had at once"


@pytest.mark.requirement("T6")
def test_fill_or_kill_is_killed_where_not_all_is_to_be_had(s1: StreetUtility) -> None:
    s1.receive(placed(replace(terms(qty=250), time_in_force=TimeInForce.FILL_OR_KILL)))
    assert s1.told() == [(NEW, 0, 250), (CANCELED, 0, 0)]


@pytest.mark.requirement("T6")
def test_a_stop_order_is_triggered_and_then_executed(s1: StreetUtility) -> None:
    order = placed(replace(terms(), ord_type=OrdType.STOP, stop_px=Decimal(12)))
    s1.receive(order)
    s1.run(order)
    assert [kind for kind, _, _ in s1.told()] == [NEW, ExecType.TRIGGERED, TRADE]
    assert s1.reports()[-1].last_px == 12


@pytest.mark.requirement("T6")
def test_a_stop_price_that_has_been_reached_is_not_replaced_and_the_rest_is(s1: StreetUtility) -> None:
    order = placed(replace(terms(), ord_type=OrdType.STOP_LIMIT, stop_px=Decimal(12), price=Decimal(5)))
    s1.receive(order)
    s1.run(order)
    assert [kind for kind, _, _ in s1.told()] == [NEW, ExecType.TRIGGERED]
    at = s1.reports()[-1].transact_time + seconds(1)
    s1.receive(replacement(order, cl_ord_id="higher", at=at, stop_px=Decimal(13)), now=at)
    s1.receive(replacement(order, cl_ord_id="cheaper", at=at, price=Decimal(4)), now=at)
    (refusal,) = s1.refusals()
    assert (refusal.cl_ord_id, refusal.cxl_rej_reason) == ("higher", CxlRejReason.TOO_LATE_TO_CANCEL)
    assert refusal.text == "stop price 12 has been reached: the order waits for none any more"
    assert (s1.reports()[-1].stop_px, s1.reports()[-1].price) == (Decimal(12), Decimal(4))


@pytest.mark.requirement("T6")
def test_an_order_by_money_gets_its_quantity_with_its_first_execution(s1: StreetUtility) -> None:
    order = placed(replace(terms(), order_qty=None, cash_order_qty=Decimal("505")))
    s1.receive(order)
    assert s1.told() == [(NEW, 0, -1), (TRADE, 50, 0)]
    done = s1.reports()[-1]
    assert (done.order_qty, done.cash_order_qty, done.entry) == (Decimal(50), Decimal(505), order.entry)


# What a venue says by itself


def notice(order: Placed, exec_type: ExecType, *, at: datetime = NOW, **said: Any) -> Notice:
    return following(
        order,
        Notice,
        **{"notice_id": f"{exec_type.name}-{at:%H%M%S}", **said},
        origin="SIMX",
        transact_time=at,
        exec_type=exec_type,
    )


@pytest.mark.requirement("T6", "T7")
def test_a_bust_says_what_it_takes_back_and_the_order_goes_on(s1: StreetUtility) -> None:
    s1.receive(LARGE)
    first = s1.reports()[-1]
    for _ in range(2):
        s1.receive(notice(LARGE, ExecType.TRADE_CANCEL, at=later(1), exec_ref_id=first.exec_id), now=later(1))
    bust = s1.reports()[-1]
    assert s1.told()[-1] == (ExecType.TRADE_CANCEL, 0, 250)
    assert (bust.exec_ref_id, bust.last_qty, bust.avg_px) == (first.exec_id, Decimal(0), None)
    assert (bust.prior_last_qty, bust.prior_last_px) == (Decimal(100), Decimal(10))
    s1.run(LARGE)
    assert s1.told()[-1] == (TRADE, 250, 0)


@pytest.mark.requirement("T6", "T7")
def test_a_correction_is_corrected_and_busted_in_turn(s1: StreetUtility) -> None:
    s1.receive(ORDER)
    trade = s1.reports()[-1]
    fix = {"exec_ref_id": trade.exec_id, "last_qty": Decimal(80), "last_px": Decimal("9.50")}
    s1.receive(notice(ORDER, ExecType.TRADE_CORRECT, at=later(1), **fix), now=later(1))
    corrected = next(r for r in s1.reports() if r.exec_type is ExecType.TRADE_CORRECT)
    assert (corrected.cum_qty, corrected.leaves_qty, corrected.avg_px) == (
        Decimal(80),
        Decimal(20),
        Decimal("9.5"),
    )
    s1.receive(notice(ORDER, ExecType.TRADE_CANCEL, at=later(2), exec_ref_id=corrected.exec_id), now=later(2))
    bust = s1.reports()[-1]
    assert (bust.exec_ref_id, bust.prior_last_qty, bust.prior_last_px) == (
        corrected.exec_id,
        Decimal(80),
        Decimal("9.5"),
    )


@pytest.mark.requirement("T12")
def test_a_notice_of_an_execution_that_is_not_here_does_nothing(s1: StreetUtility) -> None:
    s1.receive(ORDER)
    before = s1.kept()
    s1.receive(notice(ORDER, ExecType.TRADE_CANCEL, exec_ref_id="nobody.knows"), now=later(1))
    assert s1.kept() == before


@pytest.mark.requirement("T6")
def test_a_bust_after_the_cancel_leaves_nothing_to_be_executed(s1: StreetUtility) -> None:
    s1.receive(LARGE)
    first = s1.reports()[-1]
    s1.receive(cancel(LARGE, at=later(1)), now=later(1))
    s1.receive(notice(LARGE, ExecType.TRADE_CANCEL, at=later(2), exec_ref_id=first.exec_id), now=later(2))
    s1.run(LARGE)
    assert s1.told()[-1] == (ExecType.TRADE_CANCEL, 0, 0)
    assert s1.reports()[-1].ord_status is OrdStatus.CANCELED


@pytest.mark.requirement("T13")
def test_the_average_price_is_exact_after_many_executions(s1: StreetUtility) -> None:
    s1.exchange = SimulatedExchange(
        bars={"IBM": (bar("10.01", "12.97", "8.53", "11.11", volume=2800),)}, epoch=NOW, tick=seconds(15)
    )
    order = placed(terms(qty=250))
    s1.receive(order)
    s1.run(order)
    trades = [report for report in s1.reports() if report.exec_type is TRADE]
    assert len(trades) > 20
    paid = sum((r.last_qty or 0) * (r.last_px or 0) for r in trades)
    assert trades[-1].avg_px == average_px(Decimal(paid), Decimal(250))


@pytest.mark.requirement("T13")
def test_what_is_said_after_the_end_does_not_hide_it(s1: StreetUtility) -> None:
    s1.receive(RESTING)
    s1.receive(cancel(RESTING, at=later(1)), now=later(1))
    s1.receive(notice(RESTING, ExecType.SUSPENDED, at=later(2)), now=later(2))
    assert s1.reports()[-1].ord_status is OrdStatus.CANCELED


@pytest.mark.requirement("T6")
def test_a_guarantee_is_no_execution(s1: StreetUtility) -> None:
    s1.receive(RESTING)
    said = {"last_qty": Decimal(100), "last_px": Decimal(9)}
    s1.receive(notice(RESTING, ExecType.STOPPED, at=later(1), **said), now=later(1))
    stopped = s1.reports()[-1]
    assert stopped.ord_status is OrdStatus.STOPPED
    assert s1.told()[-1] == (ExecType.STOPPED, 0, 100)


@pytest.mark.requirement("T6")
def test_an_order_that_is_suspended_is_not_executed_until_it_is_restated(s1: StreetUtility) -> None:
    s1.receive(RESTING)
    s1.receive(notice(RESTING, ExecType.SUSPENDED, at=later(1)), now=later(1))
    look_again(RESTING.order_id, s1.floor, now=later(15))
    assert s1.told()[-1] == (ExecType.SUSPENDED, 0, 100)
    s1.receive(notice(RESTING, ExecType.RESTATED, at=later(16), restated_qty=Decimal(40)), now=later(16))
    assert s1.told()[-2:] == [(ExecType.RESTATED, 0, 40), (TRADE, 40, 0)]


@pytest.mark.requirement("T6")
def test_a_halt_lasts_over_midnight(s1: StreetUtility) -> None:
    order = timed(TimeInForce.GOOD_TILL_CANCEL)
    s1.receive(order)
    s1.receive(notice(order, ExecType.SUSPENDED, at=later(1)), now=later(1))
    look_again(order.order_id, s1.floor, now=MIDNIGHT + seconds(15))
    assert s1.told()[-1] == (ExecType.SUSPENDED, 0, 250)


class Dying(Watched):
    """A table that cannot be reached any more once one record has been written."""

    def insert(self, item: Item) -> Item | None:
        if self.asked["insert"]:
            raise Unreachable(self.name)
        return super().insert(item)


@pytest.mark.requirement("T6")
def test_who_dies_between_two_days_takes_the_order_up_again(s1: StreetUtility) -> None:
    order = timed(TimeInForce.GOOD_TILL_CANCEL)
    s1.receive(order)
    s1.records = Dying(s1.records.kept)
    with pytest.raises(Unreachable):
        look_again(order.order_id, s1.floor, now=MIDNIGHT)
    s1.records = Watched(s1.records.kept)
    assert s1.reports()[-1].exec_type is ExecType.DONE_FOR_DAY
    smaller = replacement(order, order_qty=Decimal(50), at=MIDNIGHT + seconds(1))
    s1.receive(smaller, now=MIDNIGHT + seconds(1))
    assert [kind for kind, _, _ in s1.told()][-2:] == [REPLACED, ExecType.RESTATED]


# What is wrong with a replacement


@pytest.mark.requirement("T6")
@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"ord_type": OrdType.LIMIT}, "a limit order needs its Price"),
        ({"ord_type": OrdType.STOP}, "a stop order needs its StopPx"),
        ({"order_qty": Decimal("150.5")}, "expected a multiple of 1, found 150.5"),
        ({"time_in_force": TimeInForce.GOOD_TILL_DATE}, "an order good till a date needs its ExpireTime"),
    ],
)
def test_a_replacement_is_checked_with_the_terms_that_it_leads_to(
    s1: StreetUtility, changes: dict[str, Any], text: str
) -> None:
    s1.receive(LARGE)
    s1.receive(replacement(LARGE, at=later(1), **changes), now=later(1))
    (refusal,) = s1.refusals()
    assert (refusal.text or "").startswith(text)
    assert refusal.cxl_rej_reason is CxlRejReason.OTHER


@pytest.mark.requirement("T6")
def test_money_for_more_keeps_what_was_executed(s1: StreetUtility) -> None:
    s1.receive(LARGE)
    money = replacement(LARGE, order_qty=None, cash_order_qty=Decimal("3000"), at=later(1))
    s1.receive(replace(money, changed="CashOrderQty"), now=later(1))
    s1.run(LARGE)
    # 100 at 10, 100 at 8 and 100 at 12 come to 3000.
    assert s1.told()[-2:] == [(TRADE, 300, 50), (ExecType.RESTATED, 300, 0)]
    assert s1.reports()[-1].ord_status is OrdStatus.FILLED


@pytest.mark.requirement("T6")
def test_an_order_that_becomes_a_day_order_is_good_for_that_day(s1: StreetUtility) -> None:
    order = timed(TimeInForce.GOOD_TILL_CANCEL)
    s1.receive(order)
    s1.scheduled.clear()
    look_again(order.order_id, s1.floor, now=MIDNIGHT)
    wish = replacement(order, time_in_force=TimeInForce.DAY, at=MIDNIGHT + seconds(1))
    s1.receive(wish, now=MIDNIGHT + seconds(1))
    last = s1.reports()[-1]
    assert (last.exec_type, last.time_in_force) == (REPLACED, None)
    s1.run(order, until=MIDNIGHT + timedelta(days=1, seconds=1))
    assert s1.told()[-1][2] == 0


@pytest.mark.requirement("T5")
def test_of_a_cancel_and_a_replacement_under_one_cl_ord_id_the_earlier_counts(s1: StreetUtility) -> None:
    s1.receive(RESTING)
    later_one = replacement(RESTING, cl_ord_id="cancel-1", order_qty=Decimal(50), at=later(2))
    s1.inbox.insert(replace(later_one, origin="c2").to_item())
    s1.receive(cancel(RESTING, at=later(1)), now=later(3))
    assert [kind for kind, _, _ in s1.told()] == [NEW, CANCELED]


# A venue that does not answer, and one that does not let go


@dataclass
class Moody:
    """An exchange that may not answer, or not let go of an order."""

    silent: bool = False
    lets_go: Bound | Resting | None = None
    market: str = "SIMX"

    def lists(self, symbol: str) -> bool:
        return EXCHANGE.lists(symbol)

    def objection(self, terms: Terms) -> Objection | None:
        return EXCHANGE.objection(terms)

    def ask(self, order: Working, now: datetime) -> Granted:
        return EXCHANGE.ask(order, now)

    def day_ends(self, order: Working) -> datetime | None:
        return EXCHANGE.day_ends(order)

    def answers(self, now: datetime) -> bool:
        return not self.silent

    def release(self, order: Working, now: datetime) -> Bound | Resting | None:
        return self.lets_go


@pytest.mark.requirement("R13", "T17")
def test_an_order_whose_venue_does_not_answer_is_let_go_of_once_and_for_all(s1: StreetUtility) -> None:
    s1.exchange = Moody(silent=True)
    s1.receive(ORDER)
    (released,) = s1.said()
    assert isinstance(released, Released)
    assert released.text == "SIMX does not answer"
    s1.exchange = EXCHANGE
    s1.acknowledge(ORDER, now=later(1))
    look_again(ORDER.order_id, s1.floor, now=later(2))
    assert s1.said() == [released]


@pytest.mark.requirement("R13", "T17")
def test_the_last_that_could_try_waits_for_its_venue(s1: StreetUtility) -> None:
    s1.exchange, s1.is_last = Moody(silent=True), True
    s1.receive(ORDER)
    assert s1.said() == []
    s1.exchange = EXCHANGE
    s1.run(ORDER)
    s1.work(ORDER, now=later(16))
    assert s1.told() == [(NEW, 0, 100), (TRADE, 100, 0)]


@pytest.mark.requirement("R13")
def test_an_order_that_a_venue_has_waits_for_it(s1: StreetUtility) -> None:
    s1.receive(RESTING)
    s1.exchange = Moody(silent=True)
    look_again(RESTING.order_id, s1.floor, now=later(15))
    s1.receive(cancel(RESTING, at=later(16)), now=later(16))
    assert s1.told() == [(NEW, 0, 100), (ExecType.PENDING_CANCEL, 0, 100)]
    s1.exchange = EXCHANGE
    look_again(RESTING.order_id, s1.floor, now=later(31))
    assert s1.told()[-1] == (CANCELED, 0, 0)


@pytest.mark.requirement("T6")
def test_a_cancel_of_what_a_venue_is_bound_to_comes_too_late(s1: StreetUtility) -> None:
    s1.receive(RESTING)
    s1.exchange = Moody(lets_go=Bound(text="past the cut-off"))
    s1.receive(cancel(RESTING, at=later(1)), now=later(1))
    (refusal,) = s1.refusals()
    assert (refusal.cxl_rej_reason, refusal.text) == (
        CxlRejReason.TOO_LATE_TO_CANCEL,
        "past the cut-off",
    )


@pytest.mark.requirement("T6")
def test_a_cancel_that_was_pending_and_came_too_late_is_pending_no_more(s1: StreetUtility) -> None:
    s1.receive(RESTING)
    s1.exchange = Moody(lets_go=Resting(until=later(10)))
    s1.receive(cancel(RESTING, at=later(1)), now=later(1))
    s1.exchange = Moody(lets_go=Bound(text="executed"))
    look_again(RESTING.order_id, s1.floor, now=later(10))
    (refusal,) = s1.refusals()
    assert refusal.ord_status is OrdStatus.NEW


@pytest.mark.requirement("T6")
def test_an_order_does_not_expire_while_its_venue_may_be_executing_it(s1: StreetUtility) -> None:
    s1.receive(RESTING)
    s1.exchange = Moody(silent=True)
    look_again(RESTING.order_id, s1.floor, now=MIDNIGHT)
    assert s1.told() == [(NEW, 0, 100)]
    s1.exchange = EXCHANGE
    look_again(RESTING.order_id, s1.floor, now=MIDNIGHT + seconds(15))
    assert s1.told()[-1] == (EXPIRED, 0, 0)


@pytest.mark.requirement("T7")
def test_a_bust_settles_with_what_it_takes_back(s1: StreetUtility) -> None:
    s1.receive(ORDER)
    trade = s1.reports()[-1]
    nextday = MIDNIGHT + seconds(60)
    s1.receive(notice(ORDER, ExecType.TRADE_CANCEL, at=nextday, exec_ref_id=trade.exec_id), now=nextday)
    bust = next(r for r in s1.reports() if r.exec_type is ExecType.TRADE_CANCEL)
    # Traded on Monday, the 5th.
    assert bust.settl_date == "20260106"


# Competing for the log's next place


class Interrupted(Watched):
    """A table where somebody else takes the next place just before the first insert of a kind."""

    rival: Item | None = None

    def insert(self, item: Item) -> Item | None:
        if self.rival is not None and self.rival["sk"] == item["sk"]:
            rival, self.rival = self.rival, None
            assert self.kept.insert(rival) is None
        return super().insert(item)


@pytest.mark.requirement("T15", "T17")
def test_who_loses_the_next_place_of_the_log_reads_it_again(s1: StreetUtility) -> None:
    # What a cancel in another process writes at the place that the fill is about to take.
    other = StreetUtility()
    other.receive(cancel(ORDER))
    other.receive(ORDER)
    canceled = other.reports()[-1]
    interrupted = Interrupted(MemoryStore("demo-s1-street"))
    interrupted.rival = canceled.to_item()
    s1.records = interrupted
    s1.receive(ORDER)
    assert s1.told() == [(NEW, 0, 100), (CANCELED, 0, 0)]
    assert interrupted.rival is None
