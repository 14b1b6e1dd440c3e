"""The state of an order: a fold over whatever records of it have arrived (T14, T15).

`fold_order` is a pure function of the *set* of records and the time, so order, delay and repetition
of arrival cannot matter. Its answer says what it rests on and what it still waits for.

Three things are found out each by itself. *Quantities* follow from the executions that count: busted ones
do not, corrected ones do as corrected, whatever the status. The *terms* are those that the street side
last spoke of. The *status* is the first that holds, in FIX's order of precedence; only between a complete
fill and a Canceled does the earlier hold (T14).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ..records.fix import ExecType, OrdRejReason, OrdStatus
from ..records.numbers import Number, OrderID
from ..records.orders import CancelRequested, Found, OrderRecord, Terms, same_entry
from ..records.times import AHEAD_MAX
from .executions import Execution, Filled, completed_at, executed_by, filled_by, ordered_by
from .history import History, history_of
from .status import DONE_FOR_DAY, Course, Label, course_of, label_of, unanswered
from .terms import terms_in_force

__all__ = ["Basis", "Execution", "OrderState", "fold_order", "orders_among"]

_ZERO = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class Basis:
    """How far one utility's records reach in an answer."""

    utility: str
    records: int
    until: datetime


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
    history = history_of(order_id, [record for _, _, _, record in sorted(credible)])
    executed = executed_by(history.reports)
    ordered = ordered_by(history, executed)
    terms = terms_in_force(history, ordered.quantity)
    filled = filled_by(history.reports, executed, ordered)
    completed = completed_at(filled, history.reports, ordered)
    course = course_of(history)
    label = label_of(history, filled, completed, course)
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


def _leaves(label: Label | None, course: Course, terms: Terms | None, cum_qty: Decimal) -> Decimal | None:
    """What is still to be executed: nothing once the order has ended, or a day order's day."""
    if course.ended is not None or (label is not None and label.status is OrdStatus.REJECTED):
        return _ZERO
    if terms is None:
        return None
    if not terms.is_good_till and any(status in course.standing for status in DONE_FOR_DAY):
        return _ZERO
    return max(terms.order_qty - cum_qty, _ZERO) if terms.order_qty is not None else None


def _basis(ordered: Sequence[OrderRecord]) -> tuple[Basis, ...]:
    until: dict[str, datetime] = {}
    count: dict[str, int] = {}
    for record in ordered:
        until[record.origin] = record.transact_time
        count[record.origin] = count.get(record.origin, 0) + 1
    return tuple(
        Basis(utility=utility, records=count[utility], until=until[utility]) for utility in sorted(until)
    )


def _waits_for(number: Number, history: History, filled: Filled, label: Label | None) -> Iterable[str]:
    if history.placed is None:
        yield f"the order as placed, written at {number.code}"
    if history.all and not history.reports:
        claimed = [record.street for record in history.routed if record.found is Found.CLAIMED]
        yield f"with {claimed[0]}, unknown" if claimed else "acknowledgement by the street side"
    if filled.missing:
        yield f"executions of {abs(filled.missing):f}"
    yield from filled.lost
    ended = label is not None and label.status in (OrdStatus.CANCELED, OrdStatus.EXPIRED, OrdStatus.REJECTED)
    if not ended:
        # One that was made at two utilities is answered once.
        for request in {request.request_tag: request for request in unanswered(history)}.values():
            wish = "cancel" if isinstance(request, CancelRequested) else "replacement"
            yield f"an answer to {wish} {request.cl_ord_id}"


def _exceptions(
    history: History,
    filled: Filled,
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
    for change in filled.aimless:
        yield f"{change} does not say which execution it changes"
    if set_aside:
        yield f"{set_aside} records stamped more than a minute ahead are set aside"
    if unread:
        yield f"{unread} records cannot be read"
