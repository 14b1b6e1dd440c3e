"""Execution: an order is claimed, acknowledged, and worked to its end, one report after another.

The reports of an order at its street utility form a log: the next report is inserted on the
condition that its place is free. An execution, a cancel and a repeated trigger that meet compete
for that place; who loses reads the log again. So there is one history, and no fill after a cancel.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ..records.fix import ExecType, OrdRejReason, OrdStatus
from ..records.instruments import Instrument
from ..records.numbers import OrderID, parse_number
from ..records.orders import Claim, ExecutionReport, Found, Placed, Released, exec_id, following
from ..records.times import stamp
from ..tables.store import Store
from .log import Log, read_log
from .steps import first_report, next_step, write
from .venues import SILENCE, Resting, Venue, venue_of

# An order that is not done after so many steps in one go is looked at again later.
_STEPS_MAX = 50


@dataclass(frozen=True, kw_only=True)
class Floor:
    """What a street utility executes with.

    `schedule` has `work_order` called for an order at a time. `instrument` tells what is listed under a
    symbol, None if nothing has arrived. `is_last` says whether no other street
    utility is left to try for an order.
    """

    name: str
    records: Store
    inbox: Store
    venues: Sequence[Venue]
    schedule: Callable[[OrderID, datetime], None]
    instrument: Callable[[str], Instrument | None] = lambda symbol: None
    is_last: Callable[[Claim], bool] = lambda claim: True


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
    """Open the log of a claimed order: New, or Rejected where no venue takes it.

    An order whose venue does not answer has not been sent anywhere: it is let go of, in the place of the
    first report, for another utility to try. The last that could try keeps it.
    """
    if claim.origin != at.name or claim.found is not Found.CLAIMED:
        return
    assert claim.symbol is not None, "what is claimed was placed, and has terms"
    venue = venue_of(claim.symbol, at.venues)
    if venue.answers(now):
        at.records.insert(first_report(_unopened(claim), at.name, venue, now).to_item())
    elif at.is_last(claim):
        at.schedule(claim.order_id, now + SILENCE)
    else:
        at.records.insert(_release(claim, at.name, venue, now).to_item())


def work_order(order_id: OrderID, at: Floor, *, now: datetime) -> None:
    """Take the steps that an acknowledged order is due, then see when to look again."""
    _work(_read(order_id, at), at, now)


def look_again(order_id: OrderID, at: Floor, *, now: datetime) -> None:
    """See to an order that is due: if its venue did not answer when it was claimed, it may now."""
    log = _read(order_id, at)
    if log is not None and not log.reports and not log.released:
        acknowledge(log.claim, at, now=now)
    else:
        _work(log, at, now)


def _work(log: Log | None, at: Floor, now: datetime) -> None:
    for _ in range(_STEPS_MAX):
        if log is None or not log.reports:
            return
        symbol = log.terms.symbol
        step = next_step(log, venue_of(symbol, at.venues), at.instrument, now)
        if step is None:
            return
        if isinstance(step, Resting):
            if step.until is not None:
                at.schedule(log.claim.order_id, step.until)
            return
        at.records.insert(write(step, log, at.name, at.instrument, now).to_item())
        log = _read(log.claim.order_id, at)
    if log is not None:
        at.schedule(log.claim.order_id, now)


def _read(order_id: OrderID, at: Floor) -> Log | None:
    return read_log(parse_number(order_id), at.name, at.records, at.inbox)


def _unopened(claim: Claim) -> Log:
    return Log(claim=claim, reports=(), refused=frozenset(), requests=(), notices=())


def _release(claim: Claim, origin: str, venue: Venue, now: datetime) -> Released:
    return following(
        claim,
        Released,
        origin=origin,
        transact_time=stamp(now, claim.transact_time),
        exec_id=exec_id(origin, claim.number, 1),
        text=f"{venue.market} does not answer",
    )


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
