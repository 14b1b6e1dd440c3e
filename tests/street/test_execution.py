"""Execution: one log to an order, whatever arrives how often and in which order."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import permutations

import pytest

from chalicelib.records.fix import BuySell, CxlRejReason, ExecType, OrdRejReason, OrdStatus
from chalicelib.records.numbers import OrderID
from chalicelib.records.orders import (
    CancelRequested,
    Claim,
    ExecutionReport,
    Found,
    OrderCancelReject,
    Placed,
    claim_key,
)
from chalicelib.records.record import Item, Record, read_record
from chalicelib.street.exchange import SimulatedExchange
from chalicelib.street.execution import Floor, acknowledge, claim_order, work_order
from chalicelib.tables.memory import MemoryStore
from tests.builders import NOW, Watched, bar, cancel, later, placed, seconds, terms

# Shown as 10, 8, 12, 11, 100 shares to a tick.
EXCHANGE = SimulatedExchange(
    bars={"IBM": (bar("10", "12", "8", "11", volume=40_000),)}, epoch=NOW, tick=seconds(15)
)
ORDER = placed()
RESTING = placed(terms(price="9"))
LARGE = placed(terms(qty=250))


@dataclass
class StreetUtility:
    """A street utility with what its streams make it do."""

    name: str = "s1"
    records: Watched = field(default_factory=lambda: Watched(MemoryStore("demo-s1-street")))
    inbox: MemoryStore = field(default_factory=lambda: MemoryStore("demo-s1-inbox"))
    scheduled: list[tuple[OrderID, datetime]] = field(default_factory=list)

    @property
    def floor(self) -> Floor:
        return Floor(
            name=self.name,
            records=self.records,
            inbox=self.inbox,
            exchange=EXCHANGE,
            schedule=lambda order_id, due: self.scheduled.append((order_id, due)),
        )

    def receive(self, message: Placed | CancelRequested, *, now: datetime = NOW) -> None:
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

    def work(self, order: Placed | CancelRequested, *, now: datetime) -> None:
        work_order(order.order_id, self.floor, now=now)

    def run(self, order: Placed) -> None:
        """Look again whenever the exchange has it so, until it has nothing more."""
        while self.scheduled:
            _, due = self.scheduled.pop(0)
            self.work(order, now=due)

    def said(self) -> list[Record]:
        return [read_record(item) for item in self.kept()]

    def kept(self) -> list[Item]:
        assert isinstance(self.records.kept, MemoryStore)
        return self.records.kept.everything()

    def reports(self) -> list[ExecutionReport]:
        return [record for record in self.said() if isinstance(record, ExecutionReport)]

    def told(self) -> list[tuple[ExecType, int, int]]:
        """ExecType, CumQty and LeavesQty of each report, in the log's order."""
        return [(r.exec_type, int(r.cum_qty), int(r.leaves_qty)) for r in self.reports()]


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
def test_an_order_whose_price_never_comes_is_not_looked_at_again(s1: StreetUtility) -> None:
    s1.receive(placed(terms(price="99", side=BuySell.SELL)))
    assert s1.told() == [(NEW, 0, 100)]
    assert s1.scheduled == []


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
    assert rejected.text == "ZZZ is not traded on SIMX"


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
    assert [(r.exec_type, int(r.cum_qty)) for r in mine] == [(NEW, 0), (TRADE, 100)]


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
