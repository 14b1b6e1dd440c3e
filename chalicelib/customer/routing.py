"""An order's way to the street: tried at one street utility after another, executed at one (T17).

Its street utilities form one fixed sequence. In each one's inbox a single key is won either by that
utility's claim, and then it executes the order, or by a taking back, and then it never will:

    c1                  s1's inbox              s1                      s2's inbox
    │── order ─────────▶│                       (killed)
    │   ... silent ...  │
    │── take back ─────▶│ won: c1
    │── order ─────────────────────────────────────────────────────────▶│
                        │◀───────── claim ──────│ (returns)
                        │  lost: taken back     │ does nothing

The next in the sequence is tried only when a taking back is found at the one before, or that one has
claimed the order and let go of it because its venue does not answer; so a claim, a taking back and
another entry of the same ClOrdID may race as they like. Signs of life only decide
how soon to try. The last of the sequence keeps the order: there is nobody left to try.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..records.numbers import Number, OrderID, parse_number
from ..records.orders import (
    Claim,
    ExecutionReport,
    Found,
    OrderRecord,
    OrderRequest,
    Placed,
    Released,
    Routed,
    following,
    placed_key,
    read_orders,
    same_entry,
)
from ..records.record import Item
from ..records.times import stamp
from ..tables.reading import is_silent, read_all
from ..tables.store import Store, Unreachable, span


@dataclass(frozen=True, kw_only=True)
class Street:
    """What a customer utility can do about the street side.

    `sequence` has who takes part in an order of a symbol; without one, who may have any of that number.
    `deliver` puts a message into a utility's inbox, now or when it can be reached again;
    `schedule` has `check_order` called for an order at a time.
    """

    sequence: Callable[[Number, str | None], tuple[str, ...]]
    inbox: Callable[[str], Store]
    deliver: Callable[[str, Item], None]
    schedule: Callable[[OrderID, datetime], None]
    market: Store
    check_after: timedelta
    patience: timedelta


def route_order(
    order: Placed,
    street: Street,
    *,
    records: Store,
    now: datetime,
    released: frozenset[str] = frozenset(),
) -> None:
    """Bring an order to the first street utility of its sequence that has not let go of it.

    Does the same again whenever it is repeated, so it is also what a check does; `released` are those
    that are known to have claimed it and let go of it.
    """
    *before, last = street.sequence(order.number, order.symbol)
    for place, name in enumerate(before, start=1):
        if name in released:
            continue
        waited = now - order.transact_time
        if waited < street.patience * place and not is_silent(name, street.market, now):
            street.deliver(name, order.to_item())
            street.schedule(order.order_id, now + max(street.check_after, waited))
            return
        try:
            found = _take_back(order, name, street.inbox(name), records, now)
        except Unreachable:
            # Nothing is known of this one, so no other may have the order; and no order waits for it.
            street.schedule(order.order_id, now + max(street.check_after, waited))
            return
        if found is Found.CLAIMED:
            # It may be another entry that was claimed: then this one is to be answered as well.
            street.deliver(name, order.to_item())
            return
    street.deliver(last, order.to_item())


def check_order(
    order_id: OrderID, origin: str, street: Street, *, records: Store, replica: Store, now: datetime
) -> None:
    """See to an order that may not have been answered: take it back and try the next.

    `records` are this utility's own, `replica` the street side's.
    """
    order = _find(order_id, origin, records)
    if order is None:
        return
    heard = _heard(order, replica)
    answer = next((record for record in heard if isinstance(record, ExecutionReport)), None)
    if answer is None:
        released = frozenset(record.origin for record in heard if isinstance(record, Released))
        route_order(order, street, records=records, now=now, released=released)
    elif answer.order_id != order_id:
        # Another entry was answered; of this one the street utility may not know yet.
        street.deliver(answer.origin, order.to_item())


def route_request(request: OrderRequest, street: Street) -> None:
    """Tell every street utility: the one that has the order acts, the others keep it."""
    for name in street.sequence(request.number, None):
        street.deliver(name, request.to_item())


def _find(order_id: OrderID, origin: str, records: Store) -> Placed | None:
    number = parse_number(order_id)
    item = records.get(number.account_key, placed_key(number, origin))
    return None if item is None else Placed.from_item(item)


def _heard(order: Placed, replica: Store) -> Sequence[OrderRecord]:
    """What the street side has said of an order, so far as it has arrived."""
    items = read_all(order.partition_key, *span(order.number.prefix), replica)
    return [record for record in read_orders(items)[0] if same_entry(record, order)]


def _take_back(order: Placed, name: str, inbox: Store, records: Store, now: datetime) -> Found:
    """Take an order back from a street utility, or find that it has been claimed; say so in a record."""
    claim = Claim.on(order, Found.TAKEN_BACK, origin=order.origin, transact_time=stamp(now))
    taken = inbox.insert(claim.to_item())
    found = Found.TAKEN_BACK if taken is None else Claim.from_item(taken).found
    seen: Sequence[datetime] = () if taken is None else [Claim.from_item(taken).transact_time]
    routed = following(
        order,
        Routed,
        origin=order.origin,
        transact_time=stamp(now, *seen),
        street=name,
        found=found,
    )
    records.insert(routed.to_item())
    return found
