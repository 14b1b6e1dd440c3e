"""Order entry: accept an order or a cancel with one conditional insert (T2, T9)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from ..enterprise import Utility
from ..records.fix import CxlRejReason, OrdRejReason, OrdType, SessionRejectReason
from ..records.instruments import EQUITY
from ..records.numbers import Number, OrderID, account_key, order_tag
from ..records.orders import CancelRequested, Placed, Terms, read_orders
from ..records.times import AHEAD_MAX, Clock, day_of, stamp
from ..refusals import CancelRefused, DuplicateOrder, Malformed, OrderRefused, UnknownOrder
from ..tables.reading import read_all
from ..tables.store import Store, span
from .customers import Customer

# A retry repeats its TransactTime, so this is for how long an order may be retried.
_AGE_MAX = timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True)
class NewOrder:
    """An order as asked for (NewOrderSingle, 35=D)."""

    terms: Terms
    transact_time: datetime


@dataclass(frozen=True, kw_only=True)
class NewCancel:
    """A cancel as asked for (OrderCancelRequest, 35=F)."""

    cl_ord_id: str
    transact_time: datetime


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Where orders are taken: a customer utility and what identifies its orders."""

    utility: Utility
    secret: bytes


def enter_order(
    order: NewOrder, by: Customer, at: Desk, *, records: Store, clock: Clock
) -> tuple[Placed, bool]:
    """Accept an order: its record, and whether it is new or was here already.

    One conditional insert gives the number, writes the record and finds a repeated ClOrdID; the
    same order again is answered with what was accepted first.
    """
    now = clock()
    by.expect_account(order.terms.account)
    _check_terms(order.terms)
    _check_time(order.transact_time, now)
    number = Number(
        code=at.utility.code,
        day=day_of(order.transact_time),
        account_key=account_key(order.terms.account, at.secret),
        tag=order_tag(order.terms.account, order.terms.cl_ord_id, at.secret),
    )
    placed = Placed(
        **vars(order.terms),
        order_id=OrderID(str(number)),
        origin=at.utility.name,
        transact_time=stamp(now),
        orig_time=order.transact_time,
        entered_by=by.subject,
    )
    taken = records.insert(placed.to_item())
    if taken is None:
        return placed, True
    first = Placed.from_item(taken)
    if first.terms != order.terms:
        raise DuplicateOrder(
            f"ClOrdID {order.terms.cl_ord_id!r} was accepted with other terms as {first.order_id}"
        )
    return first, False


def request_cancel(
    cancel: NewCancel, order_id: str, by: Customer, at: Desk, *, records: Store, clock: Clock
) -> tuple[CancelRequested, bool]:
    """Accept a wish to cancel, whatever has or has not arrived of its order (T12)."""
    now = clock()
    number, account = by.number(order_id, at.secret)
    _check_time(cancel.transact_time, now)
    cancel_tag = order_tag(account, cancel.cl_ord_id, at.secret)
    if cancel_tag == number.tag:
        raise CancelRefused(
            "a cancel has a ClOrdID of its own, not its order's",
            field="ClOrdID",
            reason=CxlRejReason.DUPLICATE_CL_ORD_ID,
        )
    items = read_all(number.account_key, *span(number.prefix), records)
    known, _ = read_orders(items)
    # Not just any entry of the ClOrdID: another may have other terms.
    order = next((r for r in known if isinstance(r, Placed) and r.order_id == str(number)), None)
    if order is None and number.code == at.utility.code:
        # What this utility accepted is here: nobody has to be waited for.
        raise UnknownOrder(order_id)
    requested = CancelRequested(
        order_id=OrderID(str(number)),
        account=account,
        cl_ord_id=cancel.cl_ord_id,
        orig_cl_ord_id=order.cl_ord_id if order else None,
        symbol=order.symbol if order else None,
        side=order.side if order else None,
        ord_type=order.ord_type if order else None,
        order_qty=order.order_qty if order else None,
        price=order.price if order else None,
        cancel_tag=cancel_tag,
        orig_time=cancel.transact_time,
        entered_by=by.subject,
        origin=at.utility.name,
        transact_time=stamp(now, *(record.transact_time for record in known)),
    )
    taken = records.insert(requested.to_item())
    if taken is None:
        return requested, True
    first = CancelRequested.from_item(taken)
    if first.order_id != requested.order_id:
        # Another entry of the order's ClOrdID: its cancel has the same place.
        raise CancelRefused(
            f"ClOrdID {cancel.cl_ord_id!r} was accepted as a cancel of {first.order_id}",
            field="ClOrdID",
            reason=CxlRejReason.DUPLICATE_CL_ORD_ID,
        )
    return first, False


def _check_terms(terms: Terms) -> None:
    _check_steps("OrderQty", terms.order_qty, EQUITY.lot, EQUITY.order_qty_max)
    if terms.ord_type is OrdType.LIMIT:
        if terms.price is None:
            raise Malformed(
                "a limit order needs its Price",
                field="Price",
                reason=SessionRejectReason.REQUIRED_TAG_MISSING,
            )
        _check_steps("Price", terms.price, EQUITY.tick, EQUITY.price_max)
    elif terms.price is not None:
        raise OrderRefused(
            "a market order has no Price; OrdType 2 is a limit order",
            field="Price",
            reason=OrdRejReason.UNSUPPORTED_ORDER_CHARACTERISTIC,
        )


def _check_steps(field: str, value: Decimal, step: Decimal, most: Decimal) -> None:
    reason = OrdRejReason.INCORRECT_QUANTITY if field == "OrderQty" else OrdRejReason.INVALID_PRICE_INCREMENT
    if not 0 < value <= most:
        raise OrderRefused(
            f"expected more than 0 and at most {most:f}, found {value:f}", field=field, reason=reason
        )
    if value % step:
        raise OrderRefused(f"expected a multiple of {step:f}, found {value:f}", field=field, reason=reason)


def _check_time(time: datetime, now: datetime) -> None:
    if time > now + AHEAD_MAX:
        raise Malformed(
            f"expected at most {AHEAD_MAX.seconds} seconds after {now:%Y%m%d-%H:%M:%S}, "
            f"found {time:%Y%m%d-%H:%M:%S}",
            field="TransactTime",
            reason=SessionRejectReason.SENDING_TIME_ACCURACY_PROBLEM,
        )
    if time < now - _AGE_MAX:
        raise OrderRefused(
            f"expected at most {_AGE_MAX.seconds // 60} minutes before {now:%Y%m%d-%H:%M:%S}, "
            f"found {time:%Y%m%d-%H:%M:%S}",
            field="TransactTime",
            reason=OrdRejReason.STALE_ORDER,
        )
