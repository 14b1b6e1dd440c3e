"""The state of an order: a fold over whatever records of it have arrived (T14, T15).

`fold_order` is a pure function of the *set* of records and the time, so order, delay and repetition
of arrival cannot matter. Its answer says what it rests on and what it still waits for.

Three things are found out each by itself. *Quantities* follow from the executions that count: busted ones
do not, corrected ones do as corrected, whatever the status. The *terms* are those that the street side
last spoke of. The *status* is the first that holds, in FIX's order of precedence; only between a complete
fill and a Canceled does the earlier hold (T14).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ..records.fix import ExecType, OrdRejReason, OrdStatus
from ..records.numbers import Number, OrderID
from ..records.orders import CancelRequested, ExecutionReport, Found, OrderRecord, Terms, same_entry
from ..records.times import AHEAD_MAX
from .executions import Executed, Filled, completed_at, executed_by, filled_by, ordered_by
from .history import History, history_of
from .status import DONE_FOR_DAY, Course, Label, course_of, label_of, unanswered
from .terms import terms_in_force

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
    reached, `first_seen` the time of the earliest record. The `executions` are as they were last corrected;
    `corrected` and `busted` say by which ExecID, by that of the execution.
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
    corrected: Mapping[str, str]
    busted: Mapping[str, str]
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
    arrived = {record.sort_key: record for record in records}
    # No two have one key, so the records themselves are never compared.
    by_time = sorted([(record.transact_time, key, record) for key, record in arrived.items()])
    while by_time and by_time[-1][0] > latest:
        by_time.pop()
    history = history_of(order_id, [record for _, _, record in by_time])
    executed = executed_by(history)
    ordered = ordered_by(history, executed)
    terms = terms_in_force(history, ordered.quantity)
    filled = filled_by(history, executed, ordered)
    completed = completed_at(history, executed, filled, ordered)
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
        corrected=executed.corrected,
        busted=executed.busted,
        rests_on=tuple(
            Basis(utility=utility, records=len(some), until=some[-1].transact_time)
            for utility, some in sorted(history.by_utility.items())
        ),
        waits_for=tuple(_waits_for(number, history, executed, filled, label)),
        exceptions=tuple(
            _exceptions(history, executed, filled, terms, completed, len(arrived) - len(by_time), unread)
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


def _waits_for(
    number: Number, history: History, executed: Executed, filled: Filled, label: Label | None
) -> Iterable[str]:
    if history.placed is None:
        yield f"the order as placed, written at {number.code}"
    if history.all and not history.reports:
        claimed = [record.street for record in history.routed if record.found is Found.CLAIMED]
        yield f"with {claimed[0]}, unknown" if claimed else "acknowledgement by the street side"
    if filled.missing:
        yield f"executions of {abs(filled.missing):f}"
    yield from executed.lost
    ended = label is not None and label.status in (OrdStatus.CANCELED, OrdStatus.EXPIRED, OrdStatus.REJECTED)
    if not ended:
        # One that was made at two utilities is answered once.
        for request in {request.request_tag: request for request in unanswered(history)}.values():
            wish = "cancel" if isinstance(request, CancelRequested) else "replacement"
            yield f"an answer to {wish} {request.cl_ord_id}"


def _exceptions(
    history: History,
    executed: Executed,
    filled: Filled,
    terms: Terms | None,
    completed: datetime | None,
    set_aside: int,
    unread: int,
) -> Iterable[str]:
    """What cannot be right, and is for people to look into."""
    if terms is not None and terms.order_qty is not None and filled.cum_qty > terms.order_qty:
        yield f"filled {filled.cum_qty:f} of {terms.order_qty:f}"
    if len(filled.authors) > 1:
        yield f"executed by {' and '.join(sorted(filled.authors))}"
    canceled = next((r.transact_time for r in history.others if r.exec_type is ExecType.CANCELED), None)
    if canceled is not None:
        late = [e.exec_id for e in filled.counting if e.transact_time > canceled]
        if late:
            yield f"executed after it was canceled: {', '.join(late)}"
        elif completed is not None and completed <= canceled:
            yield "canceled after it was filled"
    for change in executed.aimless:
        yield f"{change} does not say which execution it changes"
    if set_aside:
        yield f"{set_aside} records stamped more than a minute ahead are set aside"
    if unread:
        yield f"{unread} records cannot be read"
