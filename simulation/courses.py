"""What a street utility says of an order, checked report by report as it comes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from chalicelib.records.fix import BuySell, ExecType, OrdStatus, OrdType, TimeInForce
from chalicelib.records.orders import (
    Claim,
    ExecutionReport,
    Notice,
    OrderCancelReject,
    OrderRequest,
    ReplaceRequested,
    Terms,
    average_px,
    exec_id,
)
from chalicelib.rfq.value_dates import day_end

from .findings import Divergent, Doubled, Lost, hold
from .terms import is_currencies, is_out_of_reach
from .world import FUND

# The most, in the base currency, that a house deals at its own rate.
_DESK_LIMIT = Decimal(250_000)

_ZERO = Decimal(0)
_CHANGES = (ExecType.TRADE_CORRECT, ExecType.TRADE_CANCEL)
_GRANTS = (ExecType.CANCELED, ExecType.REPLACED)
_ENDINGS = {
    ExecType.CANCELED: OrdStatus.CANCELED,
    ExecType.EXPIRED: OrdStatus.EXPIRED,
    ExecType.REJECTED: OrdStatus.REJECTED,
}


@dataclass
class Course:
    """What a street utility has said of an order that it claimed, and what that comes to.

    `executions` has the last word on each, by the ExecID of the execution itself. `wishes` are what customers
    have asked for so far, by ClOrdID, and `notices` what venues have said, by their names.
    """

    claim: Claim
    wishes: Mapping[str, list[OrderRequest]]
    notices: Mapping[str, Notice]
    reports: list[ExecutionReport] = field(default_factory=list)
    refusals: list[OrderCancelReject] = field(default_factory=list)
    executions: dict[str, ExecutionReport] = field(default_factory=dict)
    _meant: dict[str, str] = field(default_factory=dict)

    @property
    def terms(self) -> Terms:
        """The terms in force."""
        terms = self.reports[-1].terms if self.reports else self.claim.terms
        assert terms is not None
        return terms

    @property
    def cum_qty(self) -> Decimal:
        """How much is executed: what was busted is not, what was corrected is as it was."""
        return sum((_quantity(last) for last in self.executions.values()), _ZERO)

    @property
    def paid(self) -> Decimal:
        """How much money that is."""
        return sum((money_of(last) for last in self.executions.values()), _ZERO)

    @property
    def avg_px(self) -> Decimal | None:
        amount = sum(((last.last_px or _ZERO) * _quantity(last) for last in self.executions.values()), _ZERO)
        return average_px(amount, self.cum_qty) if self.cum_qty else None

    @property
    def leaves_qty(self) -> Decimal | None:
        order_qty = self.terms.order_qty
        if self.ended is not None:
            return _ZERO
        return None if order_qty is None else max(order_qty - self.cum_qty, _ZERO)

    @property
    def ended(self) -> OrdStatus | None:
        """What ended the order, if anything but its executions did."""
        ends = (_ENDINGS[report.exec_type] for report in self.reports if report.exec_type in _ENDINGS)
        return next(ends, None)

    @property
    def is_raised(self) -> bool:
        """Whether a correction has made more of an execution than it was: perhaps more than was ordered."""
        corrections = (r for r in self.reports if r.exec_type is ExecType.TRADE_CORRECT)
        return any(_quantity(report) > (report.prior_last_qty or _ZERO) for report in corrections)

    @property
    def is_suspended(self) -> bool:
        """Whether its venue has suspended the order, and not taken it up again."""
        turns = [r for r in self.reports if r.exec_type in (ExecType.SUSPENDED, ExecType.RESTATED)]
        said = [report for report in turns if report.notice_id is not None]
        return bool(said) and said[-1].exec_type is ExecType.SUSPENDED

    @property
    def is_done(self) -> bool:
        """Whether nothing more will be executed, as it is."""
        return self.ended is not None or self.leaves_qty == 0

    @property
    def is_triggered(self) -> bool:
        return any(report.exec_type is ExecType.TRIGGERED for report in self.reports)

    @property
    def ord_status(self) -> OrdStatus:
        """What an inquiry should answer."""
        if self.ended is not None:
            return self.ended
        if self.leaves_qty == 0:
            return OrdStatus.FILLED
        if any(report.exec_type is ExecType.STOPPED for report in self.reports):
            return OrdStatus.STOPPED
        if self.is_suspended:
            return OrdStatus.SUSPENDED
        return OrdStatus.PARTIALLY_FILLED if self.cum_qty else OrdStatus.NEW

    def rests(self, now: datetime) -> bool:
        """Whether nothing has to become of the order for now, and for which reason."""
        if self.is_done:
            return False
        over = self._over_at
        if over is not None and over <= now:
            return False
        return self.is_suspended or is_out_of_reach(self.terms, self.is_triggered)

    def answers(self, cl_ord_id: str, request_tag: str) -> int:
        """How often a request has been granted or refused."""
        refused = sum(refusal.request_tag == request_tag for refusal in self.refusals)
        # An end that nobody asked for has the ClOrdID in force, and no other.
        granted = (r for r in self.reports if r.exec_type in _GRANTS and r.orig_cl_ord_id is not None)
        return refused + sum(report.cl_ord_id == cl_ord_id for report in granted)

    def add(self, report: ExecutionReport, clock: datetime) -> None:
        """Found if a report may not be, when its author's clock shows this."""
        name = report.exec_id
        place = exec_id(report.origin, self.claim.number, len(self.reports) + 1)
        hold(name == place, Lost, f"{name} is where {place} should be")
        self._check_terms(report)
        if report.notice_id is not None:
            repeats = [r for r in self.reports if r.notice_id == report.notice_id]
            hold(not repeats, Doubled, f"{name} heeds {report.notice_id} again")
        if report.exec_type is ExecType.TRADE:
            self._check_trade(report, clock)
        self.reports.append(report)
        self._count(report)
        self._check_quantities(report)

    @property
    def _over_at(self) -> datetime | None:
        """When nothing more may be executed, if ever: a day order is good for the day of its latest terms."""
        changed = (r for r in reversed(self.reports) if r.exec_type in (ExecType.NEW, ExecType.REPLACED))
        since = next(changed, None)
        return None if since is None else _ends(self.terms, since.transact_time)

    def _check_trade(self, report: ExecutionReport, clock: datetime) -> None:
        name, terms = report.exec_id, self.terms
        hold(self.ended is None, Doubled, f"{name} is executed after the order was {self.ended}")
        hold(not self.is_suspended, Doubled, f"{name} is executed while the order is suspended")
        over = self._over_at
        is_late = over is not None and over <= clock and report.conversation is None
        hold(
            not is_late, Doubled, f"{name} is executed at {clock:%d %H:%M:%S} and the order expired at {over}"
        )
        waits = terms.ord_type in (OrdType.STOP, OrdType.STOP_LIMIT) and not self.is_triggered
        hold(not waits, Doubled, f"{name} is executed before its stop price was reached")
        if terms.price is not None and report.last_px is not None:
            worse = report.last_px - terms.price
            worse = worse if terms.side is BuySell.BUY else -worse
            hold(worse <= 0, Doubled, f"{name} is executed at {report.last_px}, limited to {terms.price}")
        if terms.time_in_force is TimeInForce.FILL_OR_KILL:
            hold(report.leaves_qty == 0, Doubled, f"{name} fills a part of an order to be filled at once")
        if is_currencies(terms):
            is_own = report.conversation is not None or _quantity(report) <= _DESK_LIMIT
            hold(is_own, Doubled, f"{name} is for {report.last_qty}, and was dealt in no conversation")

    def _count(self, report: ExecutionReport) -> None:
        if report.exec_type is ExecType.TRADE:
            self.executions[report.exec_id] = report
        elif report.exec_type in _CHANGES:
            assert report.exec_ref_id is not None
            root = self._meant[report.exec_id] = self._meant.get(report.exec_ref_id, report.exec_ref_id)
            hold(root in self.executions, Lost, f"{report.exec_id} changes {root}, which is not there")
            self.executions[root] = report

    def _check_quantities(self, report: ExecutionReport) -> None:
        name = report.exec_id
        told = (report.cum_qty, report.leaves_qty)
        comes_to = (self.cum_qty, self.leaves_qty)
        hold(told == comes_to, Doubled, f"{name} has CumQty and LeavesQty {told}, not {comes_to}")
        if self.is_raised:
            return
        order_qty, cash = self.terms.order_qty, self.terms.cash_order_qty
        is_within = order_qty is None or self.cum_qty <= order_qty
        hold(is_within, Doubled, f"{self.claim.order_id} is executed for too much")
        is_paid = cash is None or report.exec_type is not ExecType.TRADE or self.paid <= cash
        hold(is_paid, Doubled, f"{self.claim.order_id} is executed for {self.paid} of {cash}")

    def _check_terms(self, report: ExecutionReport) -> None:
        """A report has the terms in force, unless it says that they are others, as somebody asked."""
        was, now = self.terms, report.terms
        allowed = [was]
        match report.exec_type:
            case ExecType.REPLACED:
                allowed = list(map(self._replaced, self._meaning(report)))
            case ExecType.RESTATED if report.notice_id is not None:
                said = self.notices[report.notice_id].restated_qty
                if said is not None:
                    allowed = [was, _with_quantity(was, max(said, self.cum_qty))]
            case ExecType.RESTATED if was.cash_order_qty is not None:
                # What is left of the money buys no more.
                allowed = [was, _with_quantity(was, self.cum_qty)]
            case ExecType.TRADE if was.order_qty is None and now is not None:
                allowed = [_with_quantity(was, now.order_qty)]
        hold(now in allowed, Divergent, f"{report.exec_id} has the terms {now}, not {allowed}")

    def _meaning(self, report: ExecutionReport) -> list[ReplaceRequested]:
        """The wishes that a replacement may have granted."""
        wishes = [w for w in self.wishes.get(report.cl_ord_id, ()) if isinstance(w, ReplaceRequested)]
        return [w for w in wishes if w.orig_cl_ord_id in (None, self.terms.cl_ord_id)]

    def _replaced(self, wish: ReplaceRequested) -> Terms:
        terms = self.terms.replaced(**wish.changes, cl_ord_id=wish.cl_ord_id)
        if terms.order_qty is None:
            return terms
        return _with_quantity(terms, max(terms.order_qty, self.cum_qty))


def money_of(execution: ExecutionReport) -> Decimal:
    """What an execution, or the last word on it, comes to."""
    if execution.net_money is not None:
        return execution.net_money
    return _quantity(execution) * (execution.last_px or _ZERO)


def _quantity(execution: ExecutionReport) -> Decimal:
    return execution.last_qty or _ZERO


def _with_quantity(terms: Terms, order_qty: Decimal | None) -> Terms:
    return Terms(**{**vars(terms), "order_qty": order_qty})


def _ends(terms: Terms, since: datetime) -> datetime | None:
    """When an order expires, if it does; but a fund is bound by its cut-off, and may fill it later."""
    if terms.symbol == FUND:
        return None
    match terms.time_in_force:
        case TimeInForce.GOOD_TILL_CANCEL:
            return None
        case TimeInForce.GOOD_TILL_DATE:
            return terms.expire_time
    if is_currencies(terms):
        return day_end(since)
    return since.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
