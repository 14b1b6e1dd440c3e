"""Order entry: accept an order, a cancel or a replacement with one conditional insert (T2, T9)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from ..enterprise import Utility
from ..records.fix import CxlRejReason, OrdRejReason, SessionRejectReason
from ..records.instruments import Instrument
from ..records.numbers import Number, OrderID, account_key, order_tag
from ..records.orders import (
    CancelRequested,
    OrderRecord,
    OrderRequest,
    Placed,
    ReplaceRequested,
    Terms,
    read_orders,
    terms_of,
)
from ..records.record import Item, fix_name, read_record
from ..records.times import AHEAD_MAX, Clock, day_of, stamp
from ..refusals import CancelRefused, DuplicateOrder, Malformed, OrderRefused, UnknownOrder
from ..tables.reading import read_all
from ..tables.store import Store, span
from .customers import Customer
from .terms import check_changes, check_terms

# A retry repeats its TransactTime, so this is for how long an order may be retried.
_AGE_MAX = timedelta(minutes=15)

_Request = TypeVar("_Request", bound=OrderRequest)


@dataclass(frozen=True, kw_only=True)
class NewOrder:
    """An order as asked for (NewOrderSingle, 35=D).

    `poss_resend`: it may have been sent before under this ClOrdID, and is not too old to be asked after.
    `correlation_id` is that of the request it came in, here and below.
    """

    terms: Terms
    transact_time: datetime
    poss_resend: bool = False
    correlation_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class NewCancel:
    """A cancel as asked for (OrderCancelRequest, 35=F)."""

    cl_ord_id: str
    transact_time: datetime
    correlation_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class NewReplace:
    """Other terms as asked for (OrderCancelReplaceRequest, 35=G): what is not named stays as it is.

    `changes` has new values by the names that Terms has. `orig_cl_ord_id`, if given, is the version of the
    order that is to be replaced, and no other.
    """

    cl_ord_id: str
    changes: Mapping[str, Any]
    transact_time: datetime
    orig_cl_ord_id: str | None = None
    correlation_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Where orders are taken: a customer utility, what identifies its orders, and what may be ordered.

    `instrument` tells what the firm has listed under a symbol, None if nothing of it has arrived: then the
    street side decides.
    """

    utility: Utility
    secret: bytes
    instrument: Callable[[str], Instrument | None] = field(default=lambda symbol: None)


def enter_order(
    order: NewOrder, by: Customer, at: Desk, *, records: Store, clock: Clock
) -> tuple[Placed, bool]:
    """Accept an order: its record, and whether it is new or was here already.

    One conditional insert gives the number, writes the record and finds a repeated ClOrdID; the
    same order again is answered with what was accepted first.
    """
    now = clock()
    by.expect_account(order.terms.account)
    check_terms(order.terms, at.instrument(order.terms.symbol), order.transact_time)
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
        correlation_id=order.correlation_id,
    )
    taken = None
    if order.poss_resend and order.transact_time < now - _AGE_MAX:
        # Too old to be entered, not to be asked after, wherever it was entered.
        taken = _entered_before(order.terms, number, records)
    if taken is None:
        _check_time(order.transact_time, now)
        taken = records.insert(placed.to_item())
    if taken is None:
        return placed, True
    first = Placed.from_item(taken)
    if first.terms != order.terms:
        raise DuplicateOrder(
            f"ClOrdID {order.terms.cl_ord_id!r} was accepted with other terms as {first.order_id}"
        )
    return first, False


def _entered_before(terms: Terms, number: Number, records: Store) -> Item | None:
    """An order with these terms that is here already, entered at this utility or at another."""
    items = read_all(number.account_key, *span(number.prefix), records)
    found = [record for record in read_orders(items)[0] if isinstance(record, Placed)]
    return next((record.to_item() for record in found if record.terms == terms), None)


def request_cancel(
    cancel: NewCancel, order_id: str, by: Customer, at: Desk, *, records: Store, clock: Clock
) -> tuple[CancelRequested, bool]:
    """Accept a wish to cancel, whatever has or has not arrived of its order (T12)."""
    order, written = _prepare(cancel, order_id, by, at, records, clock())
    requested = CancelRequested(
        **written,
        **terms_of(order),
        orig_cl_ord_id=order.cl_ord_id if order else None,
    )
    return _accept(requested, records)


def request_replace(
    replace: NewReplace, order_id: str, by: Customer, at: Desk, *, records: Store, clock: Clock
) -> tuple[ReplaceRequested, bool]:
    """Accept a wish for other terms, whatever has or has not arrived of its order (T12).

    Of what is known here the new terms are checked; the street side, which has the order, decides.
    """
    order, written = _prepare(replace, order_id, by, at, records, clock())
    known = order.terms if order is not None else None
    check_changes(
        replace.changes, known, at.instrument(known.symbol) if known else None, replace.transact_time
    )
    requested = ReplaceRequested(
        **written,
        **{**terms_of(order), **replace.changes},
        orig_cl_ord_id=replace.orig_cl_ord_id,
        entry_tag=order.entry if order is not None else None,
        changed=",".join(sorted(map(fix_name, replace.changes))),
    )
    return _accept(requested, records)


def _prepare(
    asked: NewCancel | NewReplace, order_id: str, by: Customer, at: Desk, records: Store, now: datetime
) -> tuple[Placed | None, dict[str, Any]]:
    """The order that a request is about, if it is known here, and what the request's record says anyway."""
    number, account = by.number(order_id, at.secret)
    _check_time(asked.transact_time, now)
    request_tag = order_tag(account, asked.cl_ord_id, at.secret)
    if request_tag == number.tag:
        raise CancelRefused(
            "a request has a ClOrdID of its own, not its order's",
            field="ClOrdID",
            reason=CxlRejReason.DUPLICATE_CL_ORD_ID,
        )
    known, _ = read_orders(read_all(number.account_key, *span(number.prefix), records))
    # Not just any entry of the ClOrdID: another may have other terms.
    order = next((r for r in known if isinstance(r, Placed) and r.order_id == str(number)), None)
    if order is None and number.code == at.utility.code:
        # What this utility accepted is here: nobody has to be waited for.
        raise UnknownOrder(order_id)
    return order, {
        "order_id": OrderID(str(number)),
        "account": account,
        "cl_ord_id": asked.cl_ord_id,
        "request_tag": request_tag,
        "orig_time": asked.transact_time,
        "entered_by": by.subject,
        "correlation_id": asked.correlation_id,
        "origin": at.utility.name,
        "transact_time": stamp(now, *(record.transact_time for record in known)),
    }


def _accept(requested: _Request, records: Store) -> tuple[_Request, bool]:
    taken = records.insert(requested.to_item())
    if taken is None:
        return requested, True
    first = _read(taken)
    if not isinstance(first, type(requested)) or not _same_wish(first, requested):
        # Another entry of the order's ClOrdID, or a wish of another kind: they have one place.
        raise CancelRefused(
            f"ClOrdID {requested.cl_ord_id!r} was accepted for something else: "
            f"a {type(first).__name__} of {first.order_id}",
            field="ClOrdID",
            reason=CxlRejReason.DUPLICATE_CL_ORD_ID,
        )
    return first, False


def _same_wish(first: OrderRequest, second: OrderRequest) -> bool:
    if first.order_id != second.order_id:
        return False
    if isinstance(first, ReplaceRequested) and isinstance(second, ReplaceRequested):
        return (first.changes, first.orig_cl_ord_id) == (second.changes, second.orig_cl_ord_id)
    return True


def _read(item: Item) -> OrderRecord:
    record = read_record(item)
    assert isinstance(record, OrderRecord), "only records of orders lie where orders lie"
    return record


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
