"""The one status of an order, by FIX's order of precedence.

Only between a complete fill and a Canceled does the earlier hold (T14).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..records.fix import CxlRejReason, ExecType, OrdRejReason, OrdStatus
from ..records.orders import CancelRequested, ExecutionReport, OrderCancelReject, OrderRequest
from .executions import Filled
from .history import History

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
# What grants a request.
_ANSWERS = (ExecType.CANCELED, ExecType.REPLACED)
DONE_FOR_DAY = (OrdStatus.DONE_FOR_DAY, OrdStatus.CALCULATED)
_RENEWED = (ExecType.NEW, ExecType.REPLACED, ExecType.RESTATED)
# What is believed on an author's word where the report that says it has not arrived.
_TOLD = {*_STANDING.values(), *_PENDING.values(), OrdStatus.CANCELED, OrdStatus.EXPIRED}
# Refusals of something other than the order that has the ClOrdID.
_OF_ANOTHER = (OrdRejReason.DUPLICATE_ORDER, OrdRejReason.UNKNOWN_ORDER)


@dataclass(frozen=True)
class Label:
    """A status, and when it was reached: a rejection has its reason."""

    status: OrdStatus
    reached: datetime
    reason: OrdRejReason | None = None
    text: str | None = None


@dataclass(kw_only=True)
class Course:
    """What the street side has made of an order, its executions aside.

    `canceled_first`: by its author's word it was canceled, whatever was executed by then.
    """

    pending: Label | None
    standing: Mapping[OrdStatus, Label]
    ended: Label | None
    canceled_first: bool


def label_of(history: History, filled: Filled, completed: datetime | None, course: Course) -> Label | None:
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
    for status in DONE_FOR_DAY:
        if status in standing:
            return standing[status]
    if completed is not None and not _is_canceled_before(completed, course):
        return Label(OrdStatus.FILLED, completed)
    for status in (OrdStatus.STOPPED, OrdStatus.SUSPENDED):
        if status in standing:
            return standing[status]
    if ended is not None:
        return ended
    if filled.cum_qty:
        return Label(OrdStatus.PARTIALLY_FILLED, reports[-1].transact_time)
    if all(report.exec_type is ExecType.ORDER_STATUS for report in reports):
        return Label(reports[-1].ord_status or OrdStatus.PENDING_NEW, reports[-1].transact_time)
    renewed = [r for r in history.others if r.exec_type in _RENEWED]
    return Label(OrdStatus.NEW, (renewed or reports)[-1].transact_time)


def _is_canceled_before(completed: datetime, course: Course) -> bool:
    """Of a complete fill and a Canceled the earlier holds (T14)."""
    if course.ended is None or course.ended.status is not OrdStatus.CANCELED:
        return False
    return course.canceled_first or course.ended.reached < completed


def _unanswered(history: History) -> Label | None:
    """Where an order stands of which the street side has said nothing, or only refused a wish."""
    asked = _asked_since(history)
    if asked is not None:
        return asked
    if history.refusals and history.placed is None:
        refusal = history.refusals[-1]
        # What is unknown may be only the version that was to be replaced; then the status says so.
        unknown = OrdStatus.REJECTED if refusal.cxl_rej_reason is CxlRejReason.UNKNOWN_ORDER else None
        status = refusal.ord_status or unknown
        if status is not None:
            return Label(status, refusal.transact_time, text=refusal.text)
    first = history.placed or next(iter(history.all), None)
    return Label(OrdStatus.PENDING_NEW, first.transact_time) if first is not None else None


def unanswered(history: History) -> Sequence[OrderRequest]:
    """The customer's requests that have had no answer, wherever and how often they were made."""
    if not history.requests:
        return ()
    refused = {refusal.request_tag for refusal in history.refusals}
    granted = {report.cl_ord_id for report in history.others if report.exec_type in _ANSWERS}
    return [r for r in history.requests if r.request_tag not in refused and r.cl_ord_id not in granted]


def _asked_since(history: History) -> Label | None:
    """What the customer has asked for since the street side was last heard of.

    A request that is repeated at another utility after its answer asks for nothing.
    """
    asked = unanswered(history)
    for record in reversed(history.all):
        match record:
            case OrderRequest() if record in asked:
                is_cancel = isinstance(record, CancelRequested)
                status = OrdStatus.PENDING_CANCEL if is_cancel else OrdStatus.PENDING_REPLACE
                return Label(status, record.transact_time)
            case ExecutionReport() | OrderCancelReject():
                return None
    return None


def course_of(history: History) -> Course:
    """What is pending, what stands and what ended the order: as reported, or on its author's latest word."""
    standing, ended, told = _standing(history), _ended(history), _told(history)
    is_reported = ended is not None
    if told is not None and told.status in _ENDED.values():
        ended = ended or told
    elif told is not None and told.status in _STANDING.values():
        standing.setdefault(told.status, told)
    pending = _pending(history, ended)
    if pending is None and told is not None and told.status in _PENDING.values():
        pending = told
    return Course(
        pending=pending,
        # Nothing is laid aside of an order that has ended, whatever is said of it afterwards.
        standing=standing if ended is None else {},
        ended=ended,
        canceled_first=not is_reported and ended is not None,
    )


def _told(history: History) -> Label | None:
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
    return Label(latest.ord_status, latest.transact_time, text=latest.text)


def _pending(history: History, ended: Label | None) -> Label | None:
    """A cancel or a replacement that is pending by the street side's own word; a cancel goes first.

    The end of an order answers all that was pending then.
    """
    pending = [report for report in history.others if report.exec_type in _PENDING]
    if not pending:
        return None
    answered = {refusal.cl_ord_id for refusal in history.refusals}
    answered.update(report.cl_ord_id for report in history.others if report.exec_type in _ANSWERS)
    for exec_type, status in _PENDING.items():
        for report in reversed(pending):
            is_over = report.cl_ord_id in answered or (
                ended is not None and report.transact_time <= ended.reached
            )
            if report.exec_type is exec_type and not is_over:
                return Label(status, report.transact_time)
    return None


def _standing(history: History) -> dict[OrdStatus, Label]:
    """What an order has come to and was not taken out of again.

    An order that is done for the day is so until it is restated, or traded or replaced on a later day; one
    that is suspended, until it is restated or traded. A stop holds as long as the order.
    """
    standing: dict[OrdStatus, Label] = {}
    if not any(report.exec_type in _STANDING for report in history.others):
        return standing
    for report in history.reports:
        status = _STANDING.get(report.exec_type)
        if status is not None:
            standing[status] = Label(status, report.transact_time, text=report.text)
        elif standing:
            standing = {status: label for status, label in standing.items() if not _is_left(label, report)}
    return standing


def _is_left(label: Label, report: ExecutionReport) -> bool:
    """Whether a report takes an order out of what it had come to."""
    match report.exec_type:
        case ExecType.CANCELED | ExecType.EXPIRED:
            return True
        case ExecType.NEW | ExecType.RESTATED:
            return label.status is not OrdStatus.STOPPED
        case ExecType.TRADE | ExecType.REPLACED:
            if label.status in DONE_FOR_DAY:
                return label.reached.date() < report.transact_time.date()
            return label.status is OrdStatus.SUSPENDED and report.exec_type is ExecType.TRADE
    return False


def _ended(history: History) -> Label | None:
    """What ended the order, first. A ClOrdID refused as taken does not end the order that took it."""
    for report in history.others:
        status = _ENDED.get(report.exec_type)
        if report.ord_rej_reason is not None and report.exec_type is ExecType.ORDER_STATUS:
            status = OrdStatus.REJECTED
        if status is None or (status is OrdStatus.REJECTED and _is_of_another(report, history)):
            continue
        return Label(status, report.transact_time, report.ord_rej_reason, report.text)
    return None


def _is_of_another(refusal: ExecutionReport, history: History) -> bool:
    """Whether what is refused is not the order itself: its author says so, or others have taken it."""
    if refusal.ord_status not in (None, OrdStatus.REJECTED):
        return True
    taken = any(r.exec_type not in (ExecType.REJECTED, ExecType.ORDER_STATUS) for r in history.reports)
    return taken and refusal.ord_rej_reason in _OF_ANOTHER
