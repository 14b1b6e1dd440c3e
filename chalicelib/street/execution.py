"""Execution: an order is claimed, acknowledged, and worked to its end, one report after another.

The reports of an order at its street utility form a log: the next report is inserted on the
condition that its place is free. An execution, a cancel and a repeated trigger that meet compete
for that place; who loses reads the log again. So there is one history, and no fill after a cancel.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from ..records.fix import CxlRejReason, ExecType, OrdRejReason, OrdStatus
from ..records.numbers import Number, OrderID, parse_number
from ..records.orders import (
    CancelRequested,
    Claim,
    ExecutionReport,
    Found,
    OrderCancelReject,
    Placed,
    average_px,
    exec_id,
    following,
)
from ..records.record import read_record
from ..records.times import stamp
from ..tables.reading import read_all
from ..tables.store import Store, span
from .exchange import MARKET, Fill, Resting, SimulatedExchange

# An order that is not done after so many steps in one go is looked at again later.
_STEPS_MAX = 50


@dataclass(frozen=True, kw_only=True)
class Floor:
    """What a street utility executes with.

    `schedule` has `work_order` called for an order at a time.
    """

    name: str
    records: Store
    inbox: Store
    exchange: SimulatedExchange
    schedule: Callable[[OrderID, datetime], None]


@dataclass(frozen=True, kw_only=True)
class Log:
    """What a street utility has said of an order, and what it has been asked."""

    claim: Claim
    reports: tuple[ExecutionReport, ...]
    answered: frozenset[str]
    cancels: tuple[CancelRequested, ...]

    @property
    def leaves_qty(self) -> Decimal:
        return self.reports[-1].leaves_qty

    @property
    def is_done(self) -> bool:
        return self.leaves_qty == 0

    @property
    def last_fill(self) -> datetime | None:
        fills = [r.transact_time for r in self.reports if r.exec_type is ExecType.TRADE]
        return fills[-1] if fills else None

    @property
    def unanswered(self) -> CancelRequested | None:
        """The first cancel that has had no answer, by its time."""
        open_ = [cancel for cancel in self.cancels if cancel.cancel_tag not in self.answered]
        return min(open_, key=lambda cancel: (cancel.transact_time, cancel.sort_key), default=None)


def claim_order(order: Placed, at: Floor, *, now: datetime) -> None:
    """Claim an order that has arrived, unless it was taken back; refuse a ClOrdID already claimed."""
    claim = Claim.on(order, Found.CLAIMED, origin=at.name, transact_time=stamp(now, order.transact_time))
    taken = at.inbox.insert(claim.to_item())
    if taken is None:
        return
    first = Claim.from_item(taken)
    if first.found is not Found.CLAIMED:
        return
    if first.terms != order.terms:
        at.records.insert(_refuse_duplicate(order, first, at.name, now).to_item())
    elif order.order_id != first.order_id:
        # A cancel of this other entry may have waited to be known for one of the same order.
        work_order(first.order_id, at, now=now)


def acknowledge(claim: Claim, at: Floor, *, now: datetime) -> None:
    """Open the log of a claimed order: New, or Rejected where its symbol is not traded."""
    if claim.origin != at.name or claim.found is not Found.CLAIMED:
        return
    assert claim.terms is not None, "what is claimed was placed, and has terms"
    listed = at.exchange.lists(claim.terms.symbol)
    report = _report(
        Log(claim=claim, reports=(), answered=frozenset(), cancels=()),
        at.name,
        transact_time=stamp(now, claim.transact_time),
        exec_type=ExecType.NEW if listed else ExecType.REJECTED,
        ord_status=OrdStatus.NEW if listed else OrdStatus.REJECTED,
        cum_qty=Decimal(0),
        leaves_qty=claim.terms.order_qty if listed else Decimal(0),
        ord_rej_reason=None if listed else OrdRejReason.UNKNOWN_SYMBOL,
        text=None if listed else f"{claim.terms.symbol} is not traded on {MARKET}",
    )
    at.records.insert(report.to_item())


def work_order(order_id: OrderID, at: Floor, *, now: datetime) -> None:
    """Take the steps that an acknowledged order is due, then see when to look again."""
    number = parse_number(order_id)
    log = read_log(number, at)
    for _ in range(_STEPS_MAX):
        if log is None or not log.reports:
            return
        step = next_step(log, at.exchange, now)
        if step is None:
            return
        if isinstance(step, Resting):
            if step.until is not None:
                at.schedule(log.claim.order_id, step.until)
            return
        at.records.insert(_write(step, log, at.name, now).to_item())
        log = read_log(number, at)
    at.schedule(order_id, now)


Step = Fill | Resting | CancelRequested


def next_step(log: Log, exchange: SimulatedExchange, now: datetime) -> Step | None:
    """What is due next: answer a cancel, take a fill, or wait (pure).

    A cancel that is here is answered before another fill is taken, so one that came before its
    order stops it at once.
    """
    if log.unanswered is not None:
        return log.unanswered
    if log.is_done:
        return None
    assert log.claim.terms is not None
    return exchange.ask(log.claim.terms, log.leaves_qty, log.last_fill, now)


def read_log(number: Number, at: Floor) -> Log | None:
    """Read an order's log and what its inbox has of it; None if it is not this utility's."""
    pk = number.account_key
    asked = list(map(read_record, read_all(pk, *span(number.prefix), at.inbox)))
    claims = [record for record in asked if isinstance(record, Claim)]
    if not claims or claims[0].found is not Found.CLAIMED or claims[0].origin != at.name:
        return None
    written = list(map(read_record, read_all(pk, *span(f"{number.prefix}{at.name}#"), at.records)))
    reports = [
        record
        for record in written
        if isinstance(record, ExecutionReport) and record.terms == claims[0].terms
    ]
    refusals = {r.cancel_tag for r in written if isinstance(r, OrderCancelReject)}
    same = {r.order_id for r in asked if isinstance(r, Placed | Claim) and r.terms == claims[0].terms}
    # A cancel of another entry of the ClOrdID counts once that is known to be the same order.
    cancels = {r.cancel_tag: r for r in asked if isinstance(r, CancelRequested) and r.order_id in same}
    canceled = any(report.exec_type is ExecType.CANCELED for report in reports)
    granted = {
        tag
        for tag, cancel in cancels.items()
        if canceled and any(report.cl_ord_id == cancel.cl_ord_id for report in reports)
    }
    return Log(
        claim=claims[0],
        reports=tuple(reports),
        answered=frozenset(refusals | granted),
        cancels=tuple(cancels.values()),
    )


def _write(
    step: Fill | CancelRequested, log: Log, origin: str, now: datetime
) -> ExecutionReport | OrderCancelReject:
    last = log.reports[-1]
    if isinstance(step, Fill):
        return _fill(step, log, origin, stamp(now, last.transact_time))
    answer = {
        "cl_ord_id": step.cl_ord_id,
        "orig_cl_ord_id": log.claim.cl_ord_id,
        "transact_time": stamp(now, last.transact_time, step.transact_time),
    }
    if log.is_done:
        return following(
            log.claim,
            OrderCancelReject,
            **answer,
            origin=origin,
            ord_status=last.ord_status,
            cxl_rej_reason=CxlRejReason.TOO_LATE_TO_CANCEL,
            cancel_tag=step.cancel_tag,
        )
    return _report(
        log,
        origin,
        **answer,
        exec_type=ExecType.CANCELED,
        ord_status=OrdStatus.CANCELED,
        cum_qty=last.cum_qty,
        leaves_qty=Decimal(0),
        avg_px=last.avg_px,
    )


def _fill(fill: Fill, log: Log, origin: str, time: datetime) -> ExecutionReport:
    last = log.reports[-1]
    cum_qty = last.cum_qty + fill.quantity
    leaves_qty = last.leaves_qty - fill.quantity
    paid = (last.avg_px or Decimal(0)) * last.cum_qty + fill.price * fill.quantity
    return _report(
        log,
        origin,
        transact_time=time,
        exec_type=ExecType.TRADE,
        ord_status=OrdStatus.PARTIALLY_FILLED if leaves_qty else OrdStatus.FILLED,
        cum_qty=cum_qty,
        leaves_qty=leaves_qty,
        avg_px=average_px(paid, cum_qty),
        last_qty=fill.quantity,
        last_px=fill.price,
        last_mkt=MARKET,
    )


def _report(log: Log, origin: str, **facts: Any) -> ExecutionReport:
    number = log.claim.number
    place = exec_id(origin, number, len(log.reports) + 1)
    return following(log.claim, ExecutionReport, origin=origin, exec_id=place, **facts)


def _refuse_duplicate(order: Placed, first: Claim, origin: str, now: datetime) -> ExecutionReport:
    return following(
        order,
        ExecutionReport,
        origin=origin,
        transact_time=stamp(now, order.transact_time, first.transact_time),
        exec_id=f"{origin}.{order.number.day}.{order.number.tag}.{order.number.code}",
        exec_type=ExecType.REJECTED,
        ord_status=OrdStatus.REJECTED,
        cum_qty=Decimal(0),
        leaves_qty=Decimal(0),
        ord_rej_reason=OrdRejReason.DUPLICATE_ORDER,
        text=f"ClOrdID was placed with other terms as {first.order_id}",
    )
