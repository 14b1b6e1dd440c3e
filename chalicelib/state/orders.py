"""The state of an order: a fold over whatever records of it have arrived (T14, T15).

`fold_order` is a pure function of the *set* of records and the time, so order, delay and repetition
of arrival cannot matter. Its answer says what it rests on and what it still waits for.

Three things are found out each by itself. *Quantities* follow from the executions that count: busted ones
do not, corrected ones do as corrected, whatever the status. The *terms* are those that the street side
last spoke of. The *status* is the first that holds, in FIX's order of precedence; only between a complete
fill and a Canceled does the earlier hold (T14).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from math import prod
from typing import Any

from ..records.fix import CxlRejReason, ExecRestatementReason, ExecType, OrdRejReason, OrdStatus
from ..records.numbers import Number, OrderID
from ..records.orders import (
    CancelRequested,
    ExecutionReport,
    Found,
    OrderCancelReject,
    OrderRecord,
    OrderRequest,
    Placed,
    ReplaceRequested,
    Routed,
    Terms,
    average_px,
    same_entry,
)
from ..records.times import AHEAD_MAX

_ZERO = Decimal(0)

# What a street utility calls an order that it has done with, or has laid aside.
_STANDING = {
    ExecType.DONE_FOR_DAY: OrdStatus.DONE_FOR_DAY,
    ExecType.CALCULATED: OrdStatus.CALCULATED,
    ExecType.STOPPED: OrdStatus.STOPPED,
    ExecType.SUSPENDED: OrdStatus.SUSPENDED,
}
_PENDING = {
    ExecType.PENDING_CANCEL: OrdStatus.PENDING_CANCEL,
    ExecType.PENDING_REPLACE: OrdStatus.PENDING_REPLACE,
}
_ENDED = {
    ExecType.CANCELED: OrdStatus.CANCELED,
    ExecType.EXPIRED: OrdStatus.EXPIRED,
    ExecType.REJECTED: OrdStatus.REJECTED,
}
_ANSWERS = (ExecType.CANCELED, ExecType.REPLACED)
_CHANGES = (ExecType.TRADE_CORRECT, ExecType.TRADE_CANCEL)
_DONE_FOR_DAY = (OrdStatus.DONE_FOR_DAY, OrdStatus.CALCULATED)
# What is believed on an author's word where the report that says it has not arrived.
_TOLD = {*_STANDING.values(), *_PENDING.values(), OrdStatus.CANCELED, OrdStatus.EXPIRED}
# Refusals of something other than the order that has the ClOrdID.
_OF_ANOTHER = (OrdRejReason.DUPLICATE_ORDER, OrdRejReason.UNKNOWN_ORDER)


@dataclass(frozen=True, kw_only=True)
class Basis:
    """How far one utility's records reach in an answer."""

    utility: str
    records: int
    until: datetime


@dataclass(frozen=True, kw_only=True)
class Execution:
    """An execution as it counts now.

    `report` is the Trade, or the correction if only that has arrived; `last_qty` and `last_px` are as
    corrected. `busted_by` and `corrected_by` are the ExecIDs of what changed it.
    """

    report: ExecutionReport
    last_qty: Decimal
    last_px: Decimal
    busted_by: str | None = None
    corrected_by: str | None = None

    @property
    def counts(self) -> bool:
        """Whether it was not busted."""
        return self.busted_by is None


@dataclass(frozen=True, kw_only=True)
class OrderState:
    """The true state of an order, or the best estimate of it.

    `terms` are those in force. `waits_for` names what is known to be missing; an answer that waits for
    something is an estimate. `exceptions` names what cannot be right. `reached` is when the status was
    reached, `first_seen` the time of the earliest record.
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
    executions: tuple[Execution, ...]
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


@dataclass(kw_only=True)
class _History:
    """The records of an order by what they are, each kind in the order of their happening."""

    all: Sequence[OrderRecord]
    placed: Placed | None
    requests: Sequence[OrderRequest]
    reports: Sequence[ExecutionReport]
    refusals: Sequence[OrderCancelReject]
    routed: Sequence[Routed]


@dataclass(kw_only=True)
class _Executed:
    """Every execution by its ExecID, as busts and corrections leave it.

    `moved` is by how much each report moved what is executed; `lost` names executions that a bust or a
    correction refers to and that have not arrived.
    """

    executions: dict[str, Execution]
    moved: Mapping[str, Decimal]
    lost: Sequence[str]


@dataclass(kw_only=True)
class _Ordered:
    """How much is ordered, when that last changed, and by how much corporate actions multiplied it."""

    quantity: Decimal | None
    changed: datetime | None
    splits: Sequence[tuple[datetime, Decimal]]


@dataclass(kw_only=True)
class _Filled:
    """How far an order has been executed.

    `missing` is how much of `cum_qty` is only known from its author's totals.
    """

    executions: Sequence[Execution]
    cum_qty: Decimal
    avg_px: Decimal | None
    missing: Decimal
    lost: Sequence[str]


@dataclass(kw_only=True)
class _Course:
    """What the street side has made of an order, its executions aside.

    `canceled_first`: by its author's word it was canceled, whatever was executed by then.
    """

    pending: _Label | None
    standing: Mapping[OrdStatus, _Label]
    ended: _Label | None
    canceled_first: bool


def fold_order(number: Number, records: Iterable[OrderRecord], now: datetime, unread: int = 0) -> OrderState:
    """Fold the records under a number's prefix into the state of that order.

    Records under other numbers with the same ClOrdID and terms are the same order, entered at
    another utility as well. `unread` records were there and could not be read.
    """
    order_id = OrderID(str(number))
    latest = now + AHEAD_MAX
    arrived = {(record.origin, record.sort_key): record for record in records}
    credible = [(r.transact_time, *place, r) for place, r in arrived.items() if r.transact_time <= latest]
    # No two are at one place, so the records themselves are never compared.
    history = _history(_about(order_id, [record for _, _, _, record in sorted(credible)]))
    executed = _executed(history.reports)
    ordered = _ordered(history, executed)
    terms = _terms(history, ordered.quantity)
    filled = _filled(history.reports, executed, ordered)
    completed = _completed(filled, history.reports, ordered)
    course = _course(history)
    label = _label(history, filled, completed, course)
    return OrderState(
        order_id=order_id,
        terms=terms,
        ord_status=label.status if label else None,
        reached=label.reached if label else None,
        first_seen=history.all[0].transact_time if history.all else None,
        cum_qty=filled.cum_qty,
        leaves_qty=_leaves(label, course, terms, filled.cum_qty),
        avg_px=filled.avg_px,
        ord_rej_reason=label.reason if label else None,
        text=label.text if label else None,
        executions=tuple(filled.executions),
        rests_on=_basis(history.all),
        waits_for=tuple(_waits_for(number, history, filled, label)),
        exceptions=tuple(
            _exceptions(history, filled, terms, completed, len(arrived) - len(credible), unread)
        ),
    )


def orders_among(records: Iterable[OrderRecord]) -> Sequence[OrderID]:
    """The orders that records under one ClOrdID tell of: one number of each, the earliest that is known.

    Entered twice with the same terms it is one order; with others it is another, to be refused.
    """
    firsts: list[OrderRecord] = []
    for record in sorted(records, key=lambda r: (r.transact_time, r.origin, r.sort_key)):
        if not any(same_entry(record, first) for first in firsts):
            firsts.append(record)
    return [first.order_id for first in firsts]


def _about(order_id: OrderID, ordered: Sequence[OrderRecord]) -> Sequence[OrderRecord]:
    """The records that tell of this number's order, of all that share its ClOrdID.

    What was entered with other terms than the number's own is another order, and one of the two is refused.
    """
    if all(record.order_id == order_id for record in ordered):
        return ordered
    own = next((e for r in ordered if r.order_id == order_id and (e := r.entry) is not None), None)
    if own is None:
        return ordered
    others = {r.order_id for r in ordered if r.order_id != order_id and r.entry not in (None, own)}
    return [record for record in ordered if record.order_id not in others]


def _history(ordered: Sequence[OrderRecord]) -> _History:
    return _History(
        all=ordered,
        placed=next((record for record in ordered if isinstance(record, Placed)), None),
        requests=[record for record in ordered if isinstance(record, OrderRequest)],
        reports=[record for record in ordered if isinstance(record, ExecutionReport)],
        refusals=[record for record in ordered if isinstance(record, OrderCancelReject)],
        routed=[record for record in ordered if isinstance(record, Routed)],
    )


# Quantities


def _executed(reports: Sequence[ExecutionReport]) -> _Executed:
    """What the executions that have arrived come to, each as it was last busted or corrected."""
    executions: dict[str, Execution] = {}
    moved: dict[str, Decimal] = {}
    changes: list[ExecutionReport] = []
    for report in reports:
        if report.exec_type is ExecType.TRADE:
            moved[report.exec_id] = quantity = report.last_qty or _ZERO
            executions[report.exec_id] = Execution(
                report=report, last_qty=quantity, last_px=report.last_px or _ZERO
            )
        elif report.exec_type in _CHANGES:
            changes.append(report)
    lost: list[str] = []
    # A correction may be named as what is changed next; then the execution that it corrected is.
    meant: dict[str, str] = {}
    for change in changes:
        assert change.exec_ref_id is not None, f"{change.exec_id} does not say what it changes"
        root = meant[change.exec_id] = meant.get(change.exec_ref_id, change.exec_ref_id)
        before = executions.get(root)
        if before is None:
            lost.append(f"execution {change.exec_ref_id}, which {change.exec_id} changes")
            before = Execution(
                report=change,
                last_qty=change.prior_last_qty or _ZERO,
                last_px=change.prior_last_px or _ZERO,
            )
        after = executions[root] = _changed(before, change)
        moved[change.exec_id] = _counted(after) - _counted(before)
    return _Executed(executions=executions, moved=moved, lost=lost)


def _changed(execution: Execution, change: ExecutionReport) -> Execution:
    if change.exec_type is ExecType.TRADE_CANCEL:
        return replace(execution, busted_by=change.exec_id)
    return replace(
        execution,
        last_qty=change.last_qty or _ZERO,
        last_px=change.last_px if change.last_px is not None else execution.last_px,
        corrected_by=change.exec_id,
    )


def _counted(execution: Execution) -> Decimal:
    return execution.last_qty if execution.counts else _ZERO


def _ordered(history: _History, executed: _Executed) -> _Ordered:
    """How much is ordered: as entered, and then as the street side said, or as was wished if it did not.

    What a replacement asks for less than was executed becomes that (FIX, C.3.c).
    """
    entered = _entered(history)
    quantity = entered.order_qty if entered is not None else None
    changed: datetime | None = None
    splits: list[tuple[datetime, Decimal]] = []
    running = _ZERO
    for report in history.reports:
        before = quantity
        running += executed.moved.get(report.exec_id, _ZERO)
        if report.cum_qty is not None:
            running = report.cum_qty
        is_replaced = report.exec_type is ExecType.REPLACED
        if report.order_qty is not None:
            quantity = report.order_qty
        elif is_replaced:
            quantity = _wished_qty(history, report, quantity)
        if is_replaced and quantity is not None:
            quantity = max(quantity, running)
        if not before or not quantity or quantity == before:
            continue
        changed = report.transact_time
        if report.exec_restatement_reason is ExecRestatementReason.GT_CORPORATE_ACTION:
            splits.append((report.transact_time, quantity / before))
            if report.cum_qty is None:
                running *= quantity / before
    return _Ordered(quantity=quantity, changed=changed, splits=splits)


def _wished_qty(history: _History, answer: ExecutionReport, quantity: Decimal | None) -> Decimal | None:
    """How much is ordered after a replacement of which the answer does not say it."""
    if answer.cash_order_qty is not None or answer.order_percent is not None:
        return None
    changes = _wished(history, answer)
    if changes.keys() & {"order_qty", "cash_order_qty", "order_percent"}:
        return changes.get("order_qty")
    return quantity


def _wished(history: _History, answer: ExecutionReport) -> dict[str, Any]:
    """What was wished by the request that a report answers."""
    for request in history.requests:
        if isinstance(request, ReplaceRequested) and request.cl_ord_id == answer.cl_ord_id:
            return request.changes
    return {}


def _filled(reports: Sequence[ExecutionReport], executed: _Executed, ordered: _Ordered) -> _Filled:
    """What was executed: by the executions that have arrived, and by each author's latest total."""
    executions = _split(reports, executed, ordered) if ordered.splits else [*executed.executions.values()]
    counting = [execution for execution in executions if execution.counts]
    seen = sum((execution.last_qty for execution in counting), _ZERO)
    totals: dict[str, Decimal] = {}
    for report in reports:
        if report.cum_qty is not None:
            totals[report.origin] = report.cum_qty
        elif report.origin in totals:
            totals[report.origin] += executed.moved.get(report.exec_id, _ZERO)
    cum_qty = sum(totals.values(), _ZERO)
    cum_qty += sum((e.last_qty for e in counting if e.report.origin not in totals), _ZERO)
    missing = cum_qty - seen
    avg_px = None
    if missing or executed.lost:
        avg_px = next((report.avg_px for report in reversed(reports) if report.avg_px is not None), None)
    elif seen:
        avg_px = average_px(sum((e.last_qty * e.last_px for e in counting), _ZERO), seen)
    return _Filled(
        executions=executions,
        cum_qty=cum_qty,
        avg_px=avg_px if cum_qty else None,
        missing=missing,
        lost=executed.lost,
    )


def _split(reports: Sequence[ExecutionReport], executed: _Executed, ordered: _Ordered) -> Sequence[Execution]:
    """The executions in the shares of today: what was last said before a split is multiplied by it."""
    said = {report.exec_id: report.transact_time for report in reports}
    split: list[Execution] = []
    for execution in executed.executions.values():
        since = said[execution.corrected_by or execution.report.exec_id]
        factor = prod((factor for time, factor in ordered.splits if time > since), start=Decimal(1))
        quantity, px = execution.last_qty * factor, execution.last_px / factor
        split.append(replace(execution, last_qty=quantity, last_px=px))
    return split


def _completed(filled: _Filled, reports: Sequence[ExecutionReport], ordered: _Ordered) -> datetime | None:
    """When the quantity was complete: with the execution that did it, or by a change of the quantity."""
    if ordered.quantity is None or not reports or not 0 < ordered.quantity <= filled.cum_qty:
        return None
    reached: datetime | None = None
    if not filled.missing and not filled.lost:
        running = _ZERO
        counting = [execution for execution in filled.executions if execution.counts]
        for execution in sorted(counting, key=lambda e: (e.report.transact_time, e.report.exec_id)):
            running += execution.last_qty
            if running >= ordered.quantity:
                reached = execution.report.transact_time
                break
    else:
        for report in reversed(reports):
            if report.cum_qty is not None and report.cum_qty < ordered.quantity:
                break
            reached = report.transact_time
    reached = reached or reports[-1].transact_time
    return max(reached, ordered.changed) if ordered.changed is not None else reached


def _leaves(label: _Label | None, course: _Course, terms: Terms | None, cum_qty: Decimal) -> Decimal | None:
    """What is still to be executed: nothing once the order has ended, or a day order's day."""
    if course.ended is not None or (label is not None and label.status is OrdStatus.REJECTED):
        return _ZERO
    if terms is None:
        return None
    if not terms.is_good_till and any(status in course.standing for status in _DONE_FOR_DAY):
        return _ZERO
    return max(terms.order_qty - cum_qty, _ZERO) if terms.order_qty is not None else None


# Terms


def _terms(history: _History, quantity: Decimal | None) -> Terms | None:
    """The terms in force, with the quantity that is.

    A street utility speaks of the entry that it claimed, so its word goes first. Of a replacement about
    which it says nothing but that it was made, what was wished holds.
    """
    terms: Terms | None = None
    replaced: list[ExecutionReport] = []
    for report in reversed(history.reports):
        terms = report.terms
        if terms is not None:
            break
        if report.exec_type is ExecType.REPLACED:
            replaced.append(report)
    if terms is None:
        terms = _entered(history)
    if terms is None:
        return None
    for report in reversed(replaced):
        terms = terms.replaced(**_wished(history, report), cl_ord_id=report.cl_ord_id)
    return terms if terms.order_qty == quantity else replace(terms, order_qty=quantity)


def _entered(history: _History) -> Terms | None:
    """The terms at first: as placed, or as whoever knew them; a wish is the last to be asked."""
    if history.placed is not None:
        return history.placed.terms
    for record in history.all:
        if not isinstance(record, ReplaceRequested) and record.terms is not None:
            return record.terms
    return next((record.terms for record in history.requests if record.terms is not None), None)


# The status


def _label(history: _History, filled: _Filled, completed: datetime | None, course: _Course) -> _Label | None:
    """The one status to show: the first that holds, by FIX's precedence."""
    reports, standing, ended = history.reports, course.standing, course.ended
    if not reports:
        return _unanswered(history)
    if course.pending is not None:
        return course.pending
    if completed is None and ended is None:
        asked = _asked_since(history)
        if asked is not None:
            return asked
    for status in _DONE_FOR_DAY:
        if status in standing:
            return standing[status]
    if completed is not None and not _is_canceled_before(completed, course):
        return _Label(OrdStatus.FILLED, completed)
    for status in (OrdStatus.STOPPED, OrdStatus.SUSPENDED):
        if status in standing:
            return standing[status]
    if ended is not None:
        return ended
    if filled.cum_qty:
        return _Label(OrdStatus.PARTIALLY_FILLED, reports[-1].transact_time)
    if all(report.exec_type is ExecType.ORDER_STATUS for report in reports):
        return _Label(reports[-1].ord_status or OrdStatus.PENDING_NEW, reports[-1].transact_time)
    renewed = [r for r in reports if r.exec_type in (ExecType.NEW, ExecType.REPLACED, ExecType.RESTATED)]
    return _Label(OrdStatus.NEW, (renewed or reports)[-1].transact_time)


def _is_canceled_before(completed: datetime, course: _Course) -> bool:
    """Of a complete fill and a Canceled the earlier holds (T14)."""
    if course.ended is None or course.ended.status is not OrdStatus.CANCELED:
        return False
    return course.canceled_first or course.ended.reached < completed


def _unanswered(history: _History) -> _Label | None:
    """Where an order stands of which the street side has said nothing, or only refused a wish."""
    asked = _asked_since(history)
    if asked is not None:
        return asked
    if history.refusals and history.placed is None:
        refusal = history.refusals[-1]
        unknown = refusal.cxl_rej_reason is CxlRejReason.UNKNOWN_ORDER
        status = OrdStatus.REJECTED if unknown else refusal.ord_status
        if status is not None:
            return _Label(status, refusal.transact_time, text=refusal.text)
    first = history.placed or next(iter(history.all), None)
    return _Label(OrdStatus.PENDING_NEW, first.transact_time) if first is not None else None


def _asked_since(history: _History) -> _Label | None:
    """What the customer has asked for since the street side was last heard of."""
    for record in reversed(history.all):
        match record:
            case OrderRequest():
                is_cancel = isinstance(record, CancelRequested)
                status = OrdStatus.PENDING_CANCEL if is_cancel else OrdStatus.PENDING_REPLACE
                return _Label(status, record.transact_time)
            case ExecutionReport() | OrderCancelReject():
                return None
    return None


def _course(history: _History) -> _Course:
    """What is pending, what stands and what ended the order: as reported, or on its author's latest word."""
    standing, ended, told = _standing(history.reports), _ended(history.reports), _told(history)
    is_reported = ended is not None
    if told is not None and told.status in _ENDED.values():
        ended = ended or told
    elif told is not None and told.status in _STANDING.values():
        standing.setdefault(told.status, told)
    pending = _pending(history, ended)
    if pending is None and told is not None and told.status in _PENDING.values():
        pending = told
    return _Course(
        pending=pending,
        standing=standing,
        ended=ended,
        canceled_first=not is_reported and ended is not None,
    )


def _told(history: _History) -> _Label | None:
    """What the latest word of an order's author says of it: the report that reached it may be missing.

    Whoever has only one report sees by it that the order was canceled before, or that a cancel is
    pending (T13).
    """
    if not history.reports:
        return None
    latest: ExecutionReport | OrderCancelReject = history.reports[-1]
    for refusal in history.refusals[-1:]:
        if refusal.origin == latest.origin and refusal.transact_time > latest.transact_time:
            latest = refusal
    if latest.ord_status is None or latest.ord_status not in _TOLD:
        return None
    return _Label(latest.ord_status, latest.transact_time, text=latest.text)


def _pending(history: _History, ended: _Label | None) -> _Label | None:
    """A cancel or a replacement that is pending by the street side's own word; a cancel goes first.

    The end of an order answers all that was pending then.
    """
    pending = [report for report in history.reports if report.exec_type in _PENDING]
    if not pending:
        return None
    answered = {refusal.cl_ord_id for refusal in history.refusals}
    answered.update(report.cl_ord_id for report in history.reports if report.exec_type in _ANSWERS)
    for exec_type, status in _PENDING.items():
        for report in reversed(pending):
            is_over = report.cl_ord_id in answered or (
                ended is not None and report.transact_time <= ended.reached
            )
            if report.exec_type is exec_type and not is_over:
                return _Label(status, report.transact_time)
    return None


def _standing(reports: Sequence[ExecutionReport]) -> dict[OrdStatus, _Label]:
    """What an order has come to and was not taken out of again.

    An order that is done for the day is so until it is restated, or traded or replaced on a later day; one
    that is suspended, until it is restated or traded. A stop holds as long as the order.
    """
    standing: dict[OrdStatus, _Label] = {}
    for report in reports:
        status = _STANDING.get(report.exec_type)
        if status is not None:
            standing[status] = _Label(status, report.transact_time, text=report.text)
        elif standing:
            standing = {status: label for status, label in standing.items() if not _is_left(label, report)}
    return standing


def _is_left(label: _Label, report: ExecutionReport) -> bool:
    """Whether a report takes an order out of what it had come to."""
    match report.exec_type:
        case ExecType.CANCELED | ExecType.EXPIRED:
            return True
        case ExecType.NEW | ExecType.RESTATED:
            return label.status is not OrdStatus.STOPPED
        case ExecType.TRADE | ExecType.REPLACED:
            if label.status in _DONE_FOR_DAY:
                return label.reached.date() < report.transact_time.date()
            return label.status is OrdStatus.SUSPENDED and report.exec_type is ExecType.TRADE
    return False


def _ended(reports: Sequence[ExecutionReport]) -> _Label | None:
    """What ended the order, first. A ClOrdID refused as taken does not end the order that took it."""
    for report in reports:
        status = _ENDED.get(report.exec_type)
        if report.ord_rej_reason is not None and report.exec_type is ExecType.ORDER_STATUS:
            status = OrdStatus.REJECTED
        if status is None or (status is OrdStatus.REJECTED and _is_of_another(report, reports)):
            continue
        return _Label(status, report.transact_time, report.ord_rej_reason, report.text)
    return None


def _is_of_another(refusal: ExecutionReport, reports: Sequence[ExecutionReport]) -> bool:
    """Whether what is refused is not the order itself: its author says so, or others have taken it."""
    if refusal.ord_status not in (None, OrdStatus.REJECTED):
        return True
    taken = any(r.exec_type not in (ExecType.REJECTED, ExecType.ORDER_STATUS) for r in reports)
    return taken and refusal.ord_rej_reason in _OF_ANOTHER


# What the answer is worth


def _basis(ordered: Sequence[OrderRecord]) -> tuple[Basis, ...]:
    until: dict[str, datetime] = {}
    count: dict[str, int] = {}
    for record in ordered:
        until[record.origin] = record.transact_time
        count[record.origin] = count.get(record.origin, 0) + 1
    return tuple(
        Basis(utility=utility, records=count[utility], until=until[utility]) for utility in sorted(until)
    )


def _waits_for(number: Number, history: _History, filled: _Filled, label: _Label | None) -> Iterable[str]:
    if history.placed is None:
        yield f"the order as placed, written at {number.code}"
    if history.all and not history.reports:
        claimed = [record.street for record in history.routed if record.found is Found.CLAIMED]
        yield f"with {claimed[0]}, unknown" if claimed else "acknowledgement by the street side"
    if filled.missing:
        yield f"executions of {abs(filled.missing):f}"
    yield from filled.lost
    ended = label is not None and label.status in (OrdStatus.CANCELED, OrdStatus.EXPIRED, OrdStatus.REJECTED)
    answered = {refusal.request_tag for refusal in history.refusals}
    done = {r.cl_ord_id for r in history.reports if r.exec_type in _ANSWERS}
    for request in history.requests:
        if not ended and request.request_tag not in answered and request.cl_ord_id not in done:
            wish = "cancel" if isinstance(request, CancelRequested) else "replacement"
            yield f"an answer to {wish} {request.cl_ord_id}"


def _exceptions(
    history: _History,
    filled: _Filled,
    terms: Terms | None,
    completed: datetime | None,
    set_aside: int,
    unread: int,
) -> Iterable[str]:
    """What cannot be right, and is for people to look into."""
    counting = [execution for execution in filled.executions if execution.counts]
    if terms is not None and terms.order_qty is not None and filled.cum_qty > terms.order_qty:
        yield f"filled {filled.cum_qty:f} of {terms.order_qty:f}"
    by = sorted({execution.report.origin for execution in counting})
    if len(by) > 1:
        yield f"executed by {' and '.join(by)}"
    canceled = next((r.transact_time for r in history.reports if r.exec_type is ExecType.CANCELED), None)
    if canceled is not None:
        late = [e.report.exec_id for e in counting if e.report.transact_time > canceled]
        if late:
            yield f"executed after it was canceled: {', '.join(late)}"
        elif completed is not None and completed <= canceled:
            yield "canceled after it was filled"
    if set_aside:
        yield f"{set_aside} records stamped more than a minute ahead are set aside"
    if unread:
        yield f"{unread} records cannot be read"
