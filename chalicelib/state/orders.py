"""The state of an order: a fold over whatever records of it have arrived (T14, T15).

`fold_order` is a pure function of the *set* of records and the time, so order, delay and repetition
of arrival cannot matter. Its answer says what it rests on and what it still waits for.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from operator import attrgetter

from ..records.fix import ExecType, OrdRejReason, OrdStatus
from ..records.numbers import Number, OrderID
from ..records.orders import (
    CancelRequested,
    ExecutionReport,
    Found,
    OrderCancelReject,
    OrderRecord,
    Placed,
    Routed,
    Terms,
    average_px,
)
from ..records.times import AHEAD_MAX

_ENDINGS = (ExecType.CANCELED, ExecType.REJECTED)


@dataclass(frozen=True, kw_only=True)
class Basis:
    """How far one utility's records reach in an answer."""

    utility: str
    records: int
    until: datetime


@dataclass(frozen=True, kw_only=True)
class OrderState:
    """The true state of an order, or the best estimate of it.

    `waits_for` names what is known to be missing; an answer that waits for something is an
    estimate. `exceptions` names what cannot be right. `reached` is when the status was reached,
    `first_seen` the time of the earliest record.
    """

    order_id: OrderID
    terms: Terms | None
    ord_status: OrdStatus | None
    reached: datetime | None
    first_seen: datetime | None
    cum_qty: Decimal
    leaves_qty: Decimal | None
    avg_px: Decimal | None
    ord_rej_reason: OrdRejReason | None
    text: str | None
    executions: tuple[ExecutionReport, ...]
    rests_on: tuple[Basis, ...]
    waits_for: tuple[str, ...]
    exceptions: tuple[str, ...]

    @property
    def is_estimate(self) -> bool:
        return bool(self.waits_for)


@dataclass(frozen=True)
class _Label:
    status: OrdStatus
    reached: datetime
    reason: OrdRejReason | None = None
    text: str | None = None


def fold_order(number: Number, records: Iterable[OrderRecord], now: datetime, unread: int = 0) -> OrderState:
    """Fold the records under a number's prefix into the state of that order.

    Records under other numbers with the same ClOrdID and terms are the same order, entered at
    another utility as well. `unread` records were there and could not be read.
    """
    latest = now + AHEAD_MAX
    arrived = {(record.origin, record.sort_key): record for record in records}
    credible = [(r.transact_time, *place, r) for place, r in arrived.items() if r.transact_time <= latest]
    # No two are at one place, so the records themselves are never compared.
    ordered = [record for _, _, _, record in sorted(credible)]
    mine = _about(OrderID(str(number)), ordered)
    reports = [record for record in mine if isinstance(record, ExecutionReport)]
    executions = [report for report in reports if report.exec_type is ExecType.TRADE]
    terms = _terms(mine)
    cum_qty, avg_px, missing = _filled(executions, reports)
    label = _label(mine, executions, cum_qty, terms)
    return OrderState(
        order_id=OrderID(str(number)),
        terms=terms,
        ord_status=label.status if label else None,
        reached=label.reached if label else None,
        first_seen=mine[0].transact_time if mine else None,
        cum_qty=cum_qty,
        leaves_qty=_leaves(label, terms, cum_qty),
        avg_px=avg_px,
        ord_rej_reason=label.reason if label else None,
        text=label.text if label else None,
        executions=tuple(executions),
        rests_on=_basis(mine),
        waits_for=tuple(_waits_for(number, mine, reports, label, missing)),
        exceptions=tuple(_exceptions(reports, terms, cum_qty, len(arrived) - len(credible), unread)),
    )


def _about(order_id: OrderID, ordered: Sequence[OrderRecord]) -> list[OrderRecord]:
    """The records that tell of this number's order, of all that share its ClOrdID.

    What has other terms than the number's own is another order's, and one of the two is refused.
    """
    own = next((r.terms for r in ordered if r.order_id == order_id and r.terms is not None), None)
    if own is None:
        return list(ordered)
    others = {r.order_id for r in ordered if r.order_id != order_id and r.terms not in (None, own)}
    return [record for record in ordered if record.order_id not in others] if others else list(ordered)


def _terms(ordered: Sequence[OrderRecord]) -> Terms | None:
    # A street utility speaks of the entry that it claimed, so its word on the terms goes first.
    for kind in (ExecutionReport, OrderRecord):
        for record in ordered:
            if isinstance(record, kind) and record.terms is not None:
                return record.terms
    return None


def _filled(
    executions: Sequence[ExecutionReport], reports: Sequence[ExecutionReport]
) -> tuple[Decimal, Decimal | None, Decimal]:
    """CumQty, AvgPx, and how much of CumQty is only known from later reports' totals."""
    seen = sum((report.last_qty or Decimal(0) for report in executions), Decimal(0))
    told = max(reports, key=attrgetter("cum_qty"), default=None)
    if told is not None and told.cum_qty > seen:
        return told.cum_qty, told.avg_px, told.cum_qty - seen
    if not seen:
        return seen, None, Decimal(0)
    paid = sum(
        ((report.last_qty or Decimal(0)) * (report.last_px or Decimal(0)) for report in executions),
        Decimal(0),
    )
    return seen, average_px(paid, seen), Decimal(0)


def _label(
    ordered: Sequence[OrderRecord],
    executions: Sequence[ExecutionReport],
    cum_qty: Decimal,
    terms: Terms | None,
) -> _Label | None:
    """The one status to show.

    A complete fill and a Canceled contradict each other: the earlier one holds (T14). Otherwise
    FIX's precedence: what ended the order, then a pending cancel, then how far it got.
    """
    reports = [record for record in ordered if isinstance(record, ExecutionReport)]
    endings = [
        label for label in (_completed(executions, cum_qty, terms), _ended(reports)) if label is not None
    ]
    if endings:
        return min(endings, key=lambda label: label.reached)
    pending = _pending_cancel(ordered)
    if pending is not None:
        return pending
    if executions or cum_qty:
        return _Label(OrdStatus.PARTIALLY_FILLED, reports[-1].transact_time)
    for kind, status in (
        (ExecutionReport, OrdStatus.NEW),
        (Placed, OrdStatus.PENDING_NEW),
        (OrderRecord, OrdStatus.PENDING_NEW),
    ):
        for record in ordered:
            if isinstance(record, kind):
                return _Label(status, record.transact_time)
    return None


def _completed(executions: Sequence[ExecutionReport], cum_qty: Decimal, terms: Terms | None) -> _Label | None:
    """The fill that completed the quantity, at the time of the execution that did it."""
    if terms is None or cum_qty < terms.order_qty:
        return None
    running = Decimal(0)
    for report in executions:
        running = max(running + (report.last_qty or Decimal(0)), report.cum_qty)
        if running >= terms.order_qty:
            return _Label(OrdStatus.FILLED, report.transact_time)
    return None


def _ended(reports: Sequence[ExecutionReport]) -> _Label | None:
    for report in reports:
        if report.exec_type in _ENDINGS:
            if report.exec_type is ExecType.CANCELED:
                return _Label(OrdStatus.CANCELED, report.transact_time, text=report.text)
            return _Label(OrdStatus.REJECTED, report.transact_time, report.ord_rej_reason, report.text)
    return None


def _pending_cancel(ordered: Sequence[OrderRecord]) -> _Label | None:
    """A cancel asked for since the street side was last heard of, or pending by its own word."""
    for record in reversed(ordered):
        match record:
            case CancelRequested() | ExecutionReport(exec_type=ExecType.PENDING_CANCEL):
                return _Label(OrdStatus.PENDING_CANCEL, record.transact_time)
            case ExecutionReport(ord_status=OrdStatus.PENDING_CANCEL):
                pass
            case ExecutionReport() | OrderCancelReject():
                return None
    return None


def _leaves(label: _Label | None, terms: Terms | None, cum_qty: Decimal) -> Decimal | None:
    if label is not None and label.status in (OrdStatus.CANCELED, OrdStatus.REJECTED):
        return Decimal(0)
    if terms is None:
        return None
    return max(terms.order_qty - cum_qty, Decimal(0))


def _basis(ordered: Sequence[OrderRecord]) -> tuple[Basis, ...]:
    utilities = sorted({record.origin for record in ordered})
    return tuple(
        Basis(
            utility=utility,
            records=len(written),
            until=max(record.transact_time for record in written),
        )
        for utility in utilities
        if (written := [record for record in ordered if record.origin == utility])
    )


def _waits_for(
    number: Number,
    ordered: Sequence[OrderRecord],
    reports: Sequence[ExecutionReport],
    label: _Label | None,
    missing: Decimal,
) -> Iterable[str]:
    if not any(isinstance(record, Placed) for record in ordered):
        yield f"the order as placed, written at {number.code}"
    if ordered and not reports:
        claimed = [
            record.street
            for record in ordered
            if isinstance(record, Routed) and record.found is Found.CLAIMED
        ]
        yield f"with {claimed[0]}, unknown" if claimed else "acknowledgement by the street side"
    if missing:
        yield f"executions of {missing:f}"
    ended = label is not None and label.status in (OrdStatus.CANCELED, OrdStatus.REJECTED)
    answered = {record.cancel_tag for record in ordered if isinstance(record, OrderCancelReject)}
    for record in ordered:
        if isinstance(record, CancelRequested) and not ended and record.cancel_tag not in answered:
            yield f"an answer to cancel {record.cl_ord_id}"


def _exceptions(
    reports: Sequence[ExecutionReport], terms: Terms | None, cum_qty: Decimal, set_aside: int, unread: int
) -> Iterable[str]:
    if terms is not None and cum_qty > terms.order_qty:
        yield f"filled {cum_qty:f} of {terms.order_qty:f}"
    canceled = next((r.transact_time for r in reports if r.exec_type is ExecType.CANCELED), None)
    if canceled is not None:
        late = [r.exec_id for r in reports if r.exec_type is ExecType.TRADE and r.transact_time > canceled]
        if late:
            yield f"executed after it was canceled: {', '.join(late)}"
        if terms is not None and cum_qty >= terms.order_qty and not late:
            yield "canceled after it was filled"
    if set_aside:
        yield f"{set_aside} records stamped more than a minute ahead are set aside"
    if unread:
        yield f"{unread} records cannot be read"
