"""The log of an order: what its street utility has said of it, and what it has been asked since."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from ..records.fix import ExecRestatementReason, ExecType
from ..records.numbers import Number
from ..records.orders import (
    EXECUTIONS,
    Claim,
    ExecutionReport,
    Found,
    Notice,
    OrderCancelReject,
    OrderRequest,
    Placed,
    Released,
    Terms,
    same_entry,
)
from ..records.record import read_record
from ..tables.reading import read_all
from ..tables.store import Store, span
from .venues import Working

_ZERO = Decimal(0)
_ENDINGS = (ExecType.CANCELED, ExecType.EXPIRED, ExecType.REJECTED)
_GRANTS = (ExecType.CANCELED, ExecType.REPLACED)
_PENDING = (ExecType.PENDING_CANCEL, ExecType.PENDING_REPLACE)
_NEW_DAY = ExecRestatementReason.GT_RENEWAL
# What sets the place of an order in its market's line.
_JOINS = (ExecType.NEW, ExecType.REPLACED, ExecType.TRIGGERED)


@dataclass(frozen=True, kw_only=True)
class Log:
    """What a street utility has said of an order, and what it has been asked.

    `refused` has the tags of the requests that were, `released` says that the order was let go of before
    anything was said of it.
    """

    claim: Claim
    reports: tuple[ExecutionReport, ...]
    refused: frozenset[str]
    requests: tuple[OrderRequest, ...]
    notices: tuple[Notice, ...]
    released: bool = False

    @property
    def last(self) -> ExecutionReport:
        return self.reports[-1]

    @property
    def terms(self) -> Terms:
        """The terms in force."""
        terms = self.last.terms if self.reports else self.claim.terms
        assert terms is not None, "what is claimed was placed, and has terms"
        return terms

    @property
    def cum_qty(self) -> Decimal:
        return (self.last.cum_qty if self.reports else None) or Decimal(0)

    @property
    def is_ended(self) -> bool:
        """Whether nothing more will be executed, whatever becomes of what has been."""
        return any(report.exec_type in _ENDINGS for report in self.reports)

    @property
    def is_done(self) -> bool:
        return self.last.leaves_qty == 0

    @property
    def is_suspended(self) -> bool:
        """Whether trading in the order has been halted and not taken up again; a new day is no reason to."""
        turns = [
            r.exec_type
            for r in self.reports
            if r.exec_type is ExecType.SUSPENDED
            or (r.exec_type is ExecType.RESTATED and r.exec_restatement_reason is not _NEW_DAY)
        ]
        return turns[-1:] == [ExecType.SUSPENDED]

    @property
    def is_done_for_day(self) -> bool:
        """Whether the order's day is over, and it has not been taken up again."""
        turns = [
            r.exec_type for r in self.reports if r.exec_type in (ExecType.DONE_FOR_DAY, ExecType.RESTATED)
        ]
        return turns[-1:] == [ExecType.DONE_FOR_DAY]

    @property
    def pending(self) -> OrderRequest | None:
        """The request that has been acknowledged as pending."""
        request = self.unanswered
        return request if request is not None and self.is_pending(request) else None

    @property
    def fills(self) -> Sequence[ExecutionReport]:
        return [report for report in self.reports if report.exec_type is ExecType.TRADE]

    @cached_property
    def executed(self) -> Mapping[str, ExecutionReport]:
        """What each ExecID stands for now: of a corrected execution the correction, by either's ExecID."""
        executed: dict[str, ExecutionReport] = {}
        for report in self.reports:
            if report.exec_type is ExecType.TRADE:
                executed[report.exec_id] = report
            elif report.exec_type in EXECUTIONS:
                before = executed.get(report.exec_ref_id or "")
                for name in [name for name, meant in executed.items() if meant is before]:
                    executed[name] = report
                executed[report.exec_id] = report
        return executed

    @property
    def paid(self) -> Decimal:
        """What the executions that count come to: exactly, as AvgPx does not."""
        counting = {report.exec_id: report for report in self.executed.values()}.values()
        return sum(((r.last_qty or _ZERO) * (r.last_px or _ZERO) for r in counting), _ZERO)

    @property
    def unanswered(self) -> OrderRequest | None:
        """The first request that has had no answer, by its time."""
        granted = {report.cl_ord_id for report in self.reports if report.exec_type in _GRANTS}
        open_ = [r for r in self.requests if r.request_tag not in self.refused and r.cl_ord_id not in granted]
        return min(open_, key=lambda request: (request.transact_time, request.sort_key), default=None)

    @property
    def unheeded(self) -> Notice | None:
        """The first notice that has not been reported; one about an execution that is not here never is."""
        heeded = {report.notice_id for report in self.reports}
        open_ = [
            notice
            for notice in self.notices
            if notice.notice_id not in heeded
            and (notice.exec_type not in EXECUTIONS or notice.exec_ref_id in self.executed)
        ]
        return min(open_, key=lambda notice: (notice.transact_time, notice.sort_key), default=None)

    @property
    def has_triggered(self) -> bool:
        """Whether the order's stop price has been reached."""
        return any(report.exec_type is ExecType.TRIGGERED for report in self.reports)

    def is_pending(self, request: OrderRequest) -> bool:
        """Whether a request has been acknowledged as pending."""
        return any(r.exec_type in _PENDING and r.cl_ord_id == request.cl_ord_id for r in self.reports)

    def working(self) -> Working:
        """The order as its venue is asked about it."""
        fills = self.fills
        return Working(
            order_id=self.claim.order_id,
            terms=self.terms,
            leaves=self.last.leaves_qty,
            received=self.reports[0].transact_time,
            since=max(r.transact_time for r in self.reports if r.exec_type in _JOINS),
            last_fill=fills[-1].transact_time if fills else None,
            cum_qty=self.cum_qty,
            paid=self.paid,
            triggered=self.has_triggered,
            correlation_id=self.claim.correlation_id,
        )


def read_log(number: Number, name: str, records: Store, inbox: Store) -> Log | None:
    """Read an order's log and what its inbox has of it; None if it is not this utility's."""
    pk = number.account_key
    asked = list(map(read_record, read_all(pk, *span(number.prefix), inbox)))
    claim = next((record for record in asked if isinstance(record, Claim)), None)
    if claim is None or claim.found is not Found.CLAIMED or claim.origin != name:
        return None
    written = list(map(read_record, read_all(pk, *span(f"{number.prefix}{name}#"), records)))
    # A wish about another entry of the ClOrdID counts once that is known to be the same order.
    same = {r.order_id for r in asked if isinstance(r, Placed | Claim) and same_entry(r, claim)}
    wishes = [r for r in asked if isinstance(r, OrderRequest) and r.order_id in same]
    # Of two under one ClOrdID, asked for at two utilities, the later one counts for nothing.
    wishes.sort(key=lambda r: (r.transact_time, r.sort_key), reverse=True)
    requests = {request.request_tag: request for request in wishes}
    return Log(
        claim=claim,
        # Refusals of other entries are reports on other numbers.
        reports=tuple(r for r in written if isinstance(r, ExecutionReport) and r.order_id == claim.order_id),
        refused=frozenset(r.request_tag for r in written if isinstance(r, OrderCancelReject)),
        requests=tuple(requests.values()),
        notices=tuple(r for r in asked if isinstance(r, Notice)),
        released=any(isinstance(r, Released) for r in written),
    )
