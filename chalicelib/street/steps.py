"""What is due next for an order, and the record that says it was done (pure).

What venues and customers have said comes first, in that order: it has happened. Then the order's time may be
over; then its venue is asked. A cancel that is here is answered before another fill is taken, so one that
came before its order stops it at once.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from ..records.fix import (
    CxlRejReason,
    CxlRejResponseTo,
    ExecRestatementReason,
    ExecType,
    OrdStatus,
    TimeInForce,
)
from ..records.instruments import EQUITY, Instrument, InstrumentKind
from ..records.orders import (
    CancelRequested,
    ExecutionReport,
    Notice,
    OrderCancelReject,
    OrderRequest,
    ReplaceRequested,
    Terms,
    average_px,
    exec_id,
    following,
)
from ..records.settlement import settlement_date
from ..records.terms import AT_ONCE, wrong_terms
from ..records.times import stamp
from .log import Log
from .venues import SILENCE, Bound, Declined, Fill, Resting, Spent, Triggered, Venue

_ZERO = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What becomes of a request: granted, refused for a reason, or pending while a venue lets go."""

    request: OrderRequest
    refusal: CxlRejReason | None = None
    text: str | None = None
    pending: bool = False


@dataclass(frozen=True, kw_only=True)
class Over:
    """An order's time is over: for good, for the day, or not any more (Restated)."""

    exec_type: ExecType
    text: str | None = None


Step = Notice | Answer | Over | Fill | Triggered | Declined | Spent
Said = ExecutionReport | OrderCancelReject


Listed = Callable[[str], Instrument | None]


def next_step(log: Log, venue: Venue, listed: Listed, now: datetime) -> Step | Resting | None:
    """What is due next; Resting says when to look again, None that nothing more is to come.

    `listed` tells what the firm has listed under a symbol, as far as that has arrived.
    """
    if log.unheeded is not None:
        return log.unheeded
    if log.unanswered is not None:
        return _answer(log.unanswered, log, venue, listed, now)
    if log.is_done:
        return None
    over = _over(log, venue, now)
    if over is not None:
        return over
    if log.is_suspended:
        return _until_over(Resting(until=None), log, venue, now)
    granted = venue.ask(log.working(), now) if venue.answers(now) else Resting(until=now + SILENCE)
    if not isinstance(granted, Resting):
        return granted
    if log.terms.time_in_force in AT_ONCE and venue.answers(now):
        return Declined(text="nothing more to be had at once")
    return _until_over(granted, log, venue, now)


def first_report(log: Log, origin: str, venue: Venue, now: datetime) -> ExecutionReport:
    """What opens the log of a claimed order: New, or Rejected where its venue does not take it."""
    objection = venue.objection(log.terms)
    status = OrdStatus.NEW if objection is None else OrdStatus.REJECTED
    return _report(
        log,
        origin,
        transact_time=stamp(now, log.claim.transact_time),
        exec_type=ExecType.NEW if objection is None else ExecType.REJECTED,
        ord_status=status,
        cum_qty=_ZERO,
        leaves_qty=log.terms.order_qty if objection is None else _ZERO,
        ord_rej_reason=None if objection is None else objection.reason,
        text=None if objection is None else objection.text,
    )


def write(step: Step, log: Log, origin: str, listed: Listed, now: datetime) -> Said:
    """The record that a step has been taken."""
    match step:
        case Notice():
            return _heed(step, log, origin, listed, now)
        case Answer():
            return _reply(step, log, origin, now)
        case Fill():
            return _fill(step, log, origin, listed, now)
        case Triggered():
            return _goes_on(log, origin, now, exec_type=ExecType.TRIGGERED)
        case Over(exec_type=ExecType.DONE_FOR_DAY):
            return _goes_on(
                log, origin, now, exec_type=ExecType.DONE_FOR_DAY, ord_status=OrdStatus.DONE_FOR_DAY
            )
        case Over(exec_type=ExecType.RESTATED):
            return _goes_on(
                log,
                origin,
                now,
                exec_type=ExecType.RESTATED,
                exec_restatement_reason=ExecRestatementReason.GT_RENEWAL,
            )
        case Over():
            return _end(log, origin, now, ExecType.EXPIRED, OrdStatus.EXPIRED, text=step.text)
        case Spent():
            return _goes_on(
                log,
                origin,
                now,
                exec_type=ExecType.RESTATED,
                exec_restatement_reason=ExecRestatementReason.PARTIAL_DECLINE_OF_ORDER_QTY,
                order_qty=log.cum_qty,
                leaves_qty=_ZERO,
                text=step.text,
            )
        case Declined():
            return _end(log, origin, now, ExecType.CANCELED, OrdStatus.CANCELED, text=step.text)


# Requests

_TO_REPLACE = CxlRejResponseTo.ORDER_CANCEL_REPLACE_REQUEST


def _answer(request: OrderRequest, log: Log, venue: Venue, listed: Listed, now: datetime) -> Answer | Resting:
    refuse = _objection(request, log, venue, listed, now)
    if refuse is not None:
        return refuse
    if not venue.answers(now):
        released: Bound | Resting | None = Resting(until=now + SILENCE)
    else:
        released = venue.release(log.working(), now)
    if released is None:
        return Answer(request=request)
    if isinstance(released, Bound):
        return Answer(request=request, refusal=CxlRejReason.TOO_LATE_TO_CANCEL, text=released.text)
    return released if log.is_pending(request) else Answer(request=request, pending=True)


def _objection(request: OrderRequest, log: Log, venue: Venue, listed: Listed, now: datetime) -> Answer | None:
    """Why a request cannot be granted, whatever the venue does."""
    if log.is_done:
        return Answer(request=request, refusal=CxlRejReason.TOO_LATE_TO_CANCEL)
    if not isinstance(request, ReplaceRequested):
        return None
    in_force = log.terms.cl_ord_id
    if request.orig_cl_ord_id not in (None, in_force):
        text = f"the order goes by ClOrdID {in_force} now"
        return Answer(request=request, refusal=CxlRejReason.UNKNOWN_ORDER, text=text)
    terms = _replaced(request, log)
    if log.has_triggered and terms.stop_px not in (None, log.terms.stop_px):
        text = f"stop price {log.terms.stop_px} has been reached: the order waits for none any more"
        return Answer(request=request, refusal=CxlRejReason.TOO_LATE_TO_CANCEL, text=text)
    if terms.cash_order_qty is not None or terms.order_percent is not None:
        # What the money or the part comes to is the venue's to say.
        terms = replace(terms, order_qty=None)
    wrong = wrong_terms(terms, listed(terms.symbol), now) or venue.objection(terms)
    if wrong is None:
        return None
    return Answer(request=request, refusal=CxlRejReason.OTHER, text=wrong.text)


def _replaced(request: ReplaceRequested, log: Log) -> Terms:
    """The terms as a replacement makes them: no less than what has been executed (FIX, C.3.c)."""
    terms = log.terms.replaced(**request.changes, cl_ord_id=request.cl_ord_id)
    if terms.order_qty is None:
        return terms
    return replace(terms, order_qty=max(terms.order_qty, log.cum_qty))


def _reply(answer: Answer, log: Log, origin: str, now: datetime) -> Said:
    request, last = answer.request, log.last
    said: dict[str, Any] = {
        "cl_ord_id": request.cl_ord_id,
        "orig_cl_ord_id": log.terms.cl_ord_id,
        "correlation_id": request.correlation_id,
        "transact_time": stamp(now, last.transact_time, request.transact_time),
    }
    is_cancel = isinstance(request, CancelRequested)
    if answer.refusal is not None:
        to = CxlRejResponseTo.ORDER_CANCEL_REQUEST if is_cancel else _TO_REPLACE
        return following(
            last,
            OrderCancelReject,
            **said,
            entry_tag=last.entry_tag,
            origin=origin,
            ord_status=_status(log, log.cum_qty, last.leaves_qty, pending=False)
            if last.ord_status in _PENDING
            else last.ord_status,
            cxl_rej_response_to=to,
            cxl_rej_reason=answer.refusal,
            request_tag=request.request_tag,
            text=answer.text,
        )
    if answer.pending:
        exec_type = ExecType.PENDING_CANCEL if is_cancel else ExecType.PENDING_REPLACE
        status = OrdStatus.PENDING_CANCEL if is_cancel else OrdStatus.PENDING_REPLACE
        return _goes_on(log, origin, now, **said, exec_type=exec_type, ord_status=status)
    if isinstance(request, ReplaceRequested):
        terms = _replaced(request, log)
        said |= {name: value for name, value in vars(terms).items() if name != "cl_ord_id"}
        leaves = terms.order_qty - log.cum_qty if terms.order_qty is not None else None
        status = _status(log, log.cum_qty, leaves, pending=False)
        return _goes_on(
            log, origin, now, **said, exec_type=ExecType.REPLACED, leaves_qty=leaves, ord_status=status
        )
    return _end(log, origin, now, ExecType.CANCELED, OrdStatus.CANCELED, **said)


# The order's time


def _over(log: Log, venue: Venue, now: datetime) -> Over | None:
    """Whether the order's time is over, for good or for the day."""
    if log.is_done_for_day:
        return Over(exec_type=ExecType.RESTATED)
    ends = _ends(log, venue)
    if ends is not None and ends <= now:
        if venue.answers(now) and venue.release(log.working(), now) is None:
            return Over(exec_type=ExecType.EXPIRED)
        # The venue is at it: what comes of that comes first.
        return None
    # A halt lasts however many days it takes: a suspended order is not renewed.
    is_renewed = log.terms.is_good_till and not log.is_suspended
    turns = is_renewed and venue.day_ends(log.working()) is not None
    if turns and log.last.transact_time.date() < now.date():
        return Over(exec_type=ExecType.DONE_FOR_DAY)
    return None


def _ends(log: Log, venue: Venue) -> datetime | None:
    """When the order expires, if it does."""
    terms = log.terms
    if terms.time_in_force is TimeInForce.GOOD_TILL_DATE:
        return terms.expire_time
    if terms.time_in_force is TimeInForce.GOOD_TILL_CANCEL:
        return None
    return venue.day_ends(log.working())


def _until_over(resting: Resting, log: Log, venue: Venue, now: datetime) -> Resting:
    """When to look again: when the venue says so, or when the order's time, or its day, is over."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    turns = midnight if log.terms.is_good_till and venue.day_ends(log.working()) is not None else None
    coming = [time for time in (resting.until, _ends(log, venue), turns) if time is not None and time > now]
    return Resting(until=min(coming, default=resting.until))


# Reports


def _fill(fill: Fill, log: Log, origin: str, listed: Listed, now: datetime) -> ExecutionReport:
    last = log.last
    settles, currency = _settlement(listed(log.terms.symbol), now)
    order_qty = fill.order_qty if fill.order_qty is not None else log.terms.order_qty
    assert order_qty is not None, "a venue that fills an order knows how much it is for"
    cum_qty = log.cum_qty + fill.quantity
    leaves_qty = max(order_qty - cum_qty, _ZERO)
    paid = log.paid + fill.price * fill.quantity
    return _report(
        log,
        origin,
        transact_time=stamp(now, last.transact_time),
        exec_type=ExecType.TRADE,
        ord_status=_status(log, cum_qty, leaves_qty),
        order_qty=order_qty,
        cum_qty=cum_qty,
        leaves_qty=leaves_qty,
        avg_px=average_px(paid, cum_qty),
        last_qty=fill.quantity,
        last_px=fill.price,
        last_mkt=fill.market,
        settl_date=fill.settl_date or settles,
        settl_currency=fill.settl_currency or currency,
        net_money=fill.net_money,
        conversation=fill.conversation,
    )


def _settlement(instrument: Instrument | None, now: datetime) -> tuple[str | None, str | None]:
    """When an execution settles and in what, if that is not as for the shares that go without saying."""
    if instrument is None or instrument.kind is not InstrumentKind.EQUITY or instrument.rules == EQUITY:
        return None, None
    return f"{settlement_date(now.date(), instrument.rules):%Y%m%d}", instrument.currency


def _heed(notice: Notice, log: Log, origin: str, listed: Listed, now: datetime) -> ExecutionReport:
    """Report what a venue has said by itself."""
    said: dict[str, Any] = {
        "transact_time": stamp(now, log.last.transact_time, notice.transact_time),
        "notice_id": notice.notice_id,
        "exec_restatement_reason": notice.exec_restatement_reason,
        "text": notice.text,
    }
    match notice.exec_type:
        case ExecType.TRADE_CANCEL | ExecType.TRADE_CORRECT:
            return _change(notice, log, origin, listed, said)
        case ExecType.STOPPED:
            said |= {"last_qty": notice.last_qty, "last_px": notice.last_px, "ord_status": OrdStatus.STOPPED}
        case ExecType.SUSPENDED:
            said |= {"ord_status": OrdStatus.SUSPENDED}
        case ExecType.RESTATED if notice.restated_qty is not None:
            order_qty = max(notice.restated_qty, log.cum_qty)
            leaves = _ZERO if log.is_ended else order_qty - log.cum_qty
            said |= {"order_qty": order_qty, "leaves_qty": leaves}
        case ExecType.CANCELED:
            return _end(log, origin, now, ExecType.CANCELED, OrdStatus.CANCELED, **said)
    if log.is_ended:
        # It is said, and changes nothing any more.
        said.pop("ord_status", None)
    return _goes_on(log, origin, now, **said, exec_type=notice.exec_type)


def _change(notice: Notice, log: Log, origin: str, listed: Listed, said: dict[str, Any]) -> ExecutionReport:
    """A bust or a correction: what the execution was goes with it, for whoever books it."""
    prior = log.executed[notice.exec_ref_id or ""]
    is_bust = notice.exec_type is ExecType.TRADE_CANCEL
    quantity = _ZERO if is_bust else notice.last_qty
    price = prior.last_px if notice.last_px is None else notice.last_px
    assert quantity is not None
    assert price is not None
    assert prior.last_qty is not None
    assert prior.last_px is not None
    cum_qty = log.cum_qty - prior.last_qty + quantity
    paid = log.paid - prior.last_px * prior.last_qty + price * quantity
    order_qty = log.terms.order_qty
    assert order_qty is not None, "what has been executed has a quantity"
    leaves = _ZERO if log.is_ended else max(order_qty - cum_qty, _ZERO)
    return _goes_on(
        log,
        origin,
        said["transact_time"],
        **said,
        exec_type=notice.exec_type,
        exec_ref_id=prior.exec_id,
        cum_qty=cum_qty,
        leaves_qty=leaves,
        avg_px=average_px(paid, cum_qty) if cum_qty else None,
        last_qty=quantity,
        last_px=price,
        last_mkt=prior.last_mkt,
        prior_last_qty=prior.last_qty,
        prior_last_px=prior.last_px,
        prior_net_money=prior.net_money,
        settl_date=prior.settl_date or _settles(prior, listed),
        settl_currency=prior.settl_currency,
        net_money=_money(prior, quantity, price),
    )


def _settles(execution: ExecutionReport, listed: Listed) -> str:
    """When an execution settles that does not say so: what changes it settles with it."""
    assert execution.symbol is not None
    instrument = listed(execution.symbol)
    rules = instrument.rules if instrument is not None else EQUITY
    return f"{settlement_date(execution.transact_time.date(), rules):%Y%m%d}"


def _money(prior: ExecutionReport, quantity: Decimal, price: Decimal) -> Decimal | None:
    """What a corrected execution comes to, in proportion, where the execution said what it came to."""
    if prior.net_money is None:
        return None
    assert prior.last_qty is not None
    assert prior.last_px is not None
    if not quantity or not prior.last_qty * prior.last_px:
        return _ZERO
    ratio = quantity * price / (prior.last_qty * prior.last_px)
    return (prior.net_money * ratio).quantize(prior.net_money)


def _end(
    log: Log, origin: str, now: datetime, exec_type: ExecType, ord_status: OrdStatus, **said: Any
) -> ExecutionReport:
    return _goes_on(
        log, origin, now, **{**said, "exec_type": exec_type, "ord_status": ord_status, "leaves_qty": _ZERO}
    )


def _goes_on(log: Log, origin: str, now: datetime, **said: Any) -> ExecutionReport:
    """A report that leaves everything as it was, but for what it says."""
    last = log.last
    report = {
        "transact_time": stamp(now, last.transact_time),
        "cum_qty": log.cum_qty,
        "leaves_qty": last.leaves_qty,
        "avg_px": last.avg_px,
        **said,
    }
    if "ord_status" not in report:
        report["ord_status"] = _status(log, report["cum_qty"], report["leaves_qty"])
    return _report(log, origin, **report)


def _status(log: Log, cum_qty: Decimal, leaves_qty: Decimal | None, *, pending: bool = True) -> OrdStatus:
    """The status that follows from how far the order got; FIX's precedence puts what is pending first."""
    if log.is_ended:
        return next(r.ord_status for r in log.reports if r.ord_status in _ENDED) or OrdStatus.CANCELED
    if log.pending is not None and pending:
        is_cancel = isinstance(log.pending, CancelRequested)
        return OrdStatus.PENDING_CANCEL if is_cancel else OrdStatus.PENDING_REPLACE
    if leaves_qty == 0:
        return OrdStatus.FILLED
    return OrdStatus.PARTIALLY_FILLED if cum_qty else OrdStatus.NEW


_PENDING = (OrdStatus.PENDING_CANCEL, OrdStatus.PENDING_REPLACE)
_ENDED = (OrdStatus.CANCELED, OrdStatus.EXPIRED, OrdStatus.REJECTED)


def _report(log: Log, origin: str, **facts: Any) -> ExecutionReport:
    """The next place of the log; terms are those in force, and the tag of others says which were entered."""
    number = log.claim.number
    place = exec_id(origin, number, len(log.reports) + 1)
    in_force = {name: value for name, value in vars(log.terms).items() if name != "account"}
    report = following(log.claim, ExecutionReport, **{**in_force, **facts}, origin=origin, exec_id=place)
    if report.terms == log.claim.terms:
        return report
    return replace(report, entry_tag=log.claim.entry)
