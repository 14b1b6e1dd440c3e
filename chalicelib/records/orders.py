"""Records of an order: what its customer asked for and what became of it (FIG. 3).

Every record carries the order's number [71], type [73], status with its time [75] and terms [77],
so that a reader who has only one of them can show the order (T13).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Self, TypeVar

from .fix import (
    BuySell,
    CxlRejReason,
    CxlRejResponseTo,
    ExecRestatementReason,
    ExecType,
    OrdRejReason,
    OrdStatus,
    OrdType,
    TimeInForce,
)
from .numbers import Number, OrderID, parse_number
from .record import Item, Record, UnreadableRecord, fix_name, read_record

_Kind = TypeVar("_Kind", bound="OrderRecord")

_PLACED = "placed"
_AVG_PX_DIGITS = Decimal("0.000001")

_ESSENTIALS = (
    "order_id",
    "correlation_id",
    "account",
    "cl_ord_id",
    "orig_cl_ord_id",
    "symbol",
    "side",
    "ord_type",
    "order_qty",
    "cash_order_qty",
    "order_percent",
    "price",
    "stop_px",
    "time_in_force",
    "expire_time",
)

# What moves money and securities: executions, and what busts or corrects them.
EXECUTIONS = (ExecType.TRADE, ExecType.TRADE_CORRECT, ExecType.TRADE_CANCEL)

# What a replacement may change.
CHANGEABLE = _ESSENTIALS[_ESSENTIALS.index("ord_type") :]


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a customer wants done. Two orders with equal terms are the same order.

    How much: `order_qty` in shares, units or the base currency, or `cash_order_qty` in money, or
    `order_percent` of what the account has. No `time_in_force` is good for the day. An order by money
    or by percent gets its `order_qty` from the street side once that is known.
    """

    account: str
    cl_ord_id: str
    symbol: str
    side: BuySell
    ord_type: OrdType
    order_qty: Decimal | None = None
    cash_order_qty: Decimal | None = None
    order_percent: Decimal | None = None
    price: Decimal | None = None
    stop_px: Decimal | None = None
    time_in_force: TimeInForce | None = None
    expire_time: datetime | None = None

    @property
    def tag(self) -> str:
        """What tells these terms from others: 8 characters."""
        text = "\x1f".join(
            f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)
            for value in vars(self).values()
        )
        return blake2b(text.encode(), digest_size=4).hexdigest()

    @property
    def is_good_till(self) -> bool:
        """Whether the order outlives its day."""
        return self.time_in_force in (TimeInForce.GOOD_TILL_CANCEL, TimeInForce.GOOD_TILL_DATE)

    def replaced(self, **changes: Any) -> Self:
        """These terms as a replacement changes them: what the new type of order has no use for is dropped."""
        if changes.keys() & {"order_qty", "cash_order_qty", "order_percent"}:
            changes = {"order_qty": None, "cash_order_qty": None, "order_percent": None, **changes}
        terms = replace(self, **changes)
        return replace(
            terms,
            time_in_force=None if terms.time_in_force is TimeInForce.DAY else terms.time_in_force,
            price=terms.price if terms.ord_type in (OrdType.LIMIT, OrdType.STOP_LIMIT) else None,
            stop_px=terms.stop_px if terms.ord_type in (OrdType.STOP, OrdType.STOP_LIMIT) else None,
            expire_time=terms.expire_time if terms.time_in_force is TimeInForce.GOOD_TILL_DATE else None,
        )


class OrderRecord(Record, abstract=True):
    """What every record of an order says. Terms are None only where a request came first.

    `cl_ord_id` is that of the request that the record is about: the order's own, then that of the
    replacement in force; `orig_cl_ord_id` is there if it is another's, and names the one in force.
    `entry_tag` tells with which terms the order was entered, where these are not they, and
    `correlation_id` the customer's request that this came of: the order's own entry, or a later wish.
    """

    order_id: OrderID
    account: str
    cl_ord_id: str
    orig_cl_ord_id: str | None = None
    symbol: str | None = None
    side: BuySell | None = None
    ord_type: OrdType | None = None
    order_qty: Decimal | None = None
    cash_order_qty: Decimal | None = None
    order_percent: Decimal | None = None
    price: Decimal | None = None
    stop_px: Decimal | None = None
    time_in_force: TimeInForce | None = None
    expire_time: datetime | None = None
    entry_tag: str | None = None
    ord_status: OrdStatus | None = None
    correlation_id: str | None = None

    @property
    def number(self) -> Number:
        """The transaction number, taken apart."""
        return parse_number(self.order_id)

    @property
    def partition_key(self) -> str:
        return self.number.account_key

    @property
    def sort_key(self) -> str:
        return f"{self.number.prefix}{self.origin}#{self._event()}"

    @property
    def terms(self) -> Terms | None:
        """The order's terms, if the record has them."""
        if self.symbol is None or self.side is None or self.ord_type is None:
            return None
        return Terms(
            account=self.account,
            cl_ord_id=self.cl_ord_id_in_force,
            symbol=self.symbol,
            side=self.side,
            ord_type=self.ord_type,
            order_qty=self.order_qty,
            cash_order_qty=self.cash_order_qty,
            order_percent=self.order_percent,
            price=self.price,
            stop_px=self.stop_px,
            time_in_force=self.time_in_force,
            expire_time=self.expire_time,
        )

    @property
    def cl_ord_id_in_force(self) -> str:
        """The ClOrdID that the order goes by after this record."""
        return self.orig_cl_ord_id or self.cl_ord_id

    @property
    def entry(self) -> str | None:
        """What tells the terms that the order was entered with, if the record says so."""
        if self.entry_tag is not None:
            return self.entry_tag
        terms = self.terms
        return terms.tag if terms is not None else None

    def _event(self) -> str:
        raise NotImplementedError


class Placed(OrderRecord):
    """An order as a customer utility accepted it (NewOrderSingle, 35=D).

    `orig_time` is the customer's own TransactTime, whose day is in the number.
    """

    ord_status: OrdStatus | None = OrdStatus.PENDING_NEW
    orig_time: datetime
    entered_by: str

    def _event(self) -> str:
        return _PLACED


class OrderRequest(OrderRecord, abstract=True):
    """A customer's wish concerning an order; it may come before its order.

    `cl_ord_id` is the wish's own, `request_tag` its hash; all wishes of an order share one set of them.
    """

    request_tag: str
    orig_time: datetime
    entered_by: str

    def _event(self) -> str:
        return f"request#{self.request_tag}"


class CancelRequested(OrderRequest):
    """A customer's wish to cancel (OrderCancelRequest, 35=F).

    `orig_cl_ord_id` is the order's own where it is known.
    """

    ord_status: OrdStatus | None = OrdStatus.PENDING_CANCEL


class ReplaceRequested(OrderRequest):
    """A customer's wish for other terms (OrderCancelReplaceRequest, 35=G).

    `changed` names the fields that are to be other, by commas; the rest is the order as it was known where
    the wish was accepted, and stays as it is. `orig_cl_ord_id` is there if the customer insisted on which
    version of the order is replaced.
    """

    ord_status: OrdStatus | None = OrdStatus.PENDING_REPLACE
    changed: str

    @property
    def changes(self) -> dict[str, Any]:
        """The new values of what is to be changed, by the names that Terms has for them."""
        wanted = set(self.changed.split(","))
        return {name: getattr(self, name) for name in CHANGEABLE if fix_name(name) in wanted}

    @property
    def entry(self) -> str | None:
        return self.entry_tag


class Found(StrEnum):
    """What a customer utility found at a street utility that had not answered."""

    TAKEN_BACK = "taken back"
    CLAIMED = "claimed"


class Routed(OrderRecord):
    """Where an order stands on its way to a street utility that is silent.

    *Taken back* means that it will never be executed there; *claimed*, that it may have been, and
    that nobody else may execute it.
    """

    ord_status: OrdStatus | None = OrdStatus.PENDING_NEW
    street: str
    found: Found

    def _event(self) -> str:
        return f"routed#{self.street}#{self.found.name.lower()}"


class ExecutionReport(OrderRecord):
    """What a street utility says of an order (ExecutionReport, 35=8).

    LastQty and LastPx are this execution's own, or what it is corrected to; a bust or a correction names
    the execution by ExecRefID and repeats what that was (`prior_...`), so that it can be booked by itself.
    CumQty, LeavesQty and AvgPx are what the author knew of the whole order;
    LeavesQty is left out while nobody knows how much an amount of money will buy. A deal between
    principals says besides when it settles and for how much: `net_money` of `settl_currency`, in which
    `accrued_interest_amt` of a bond is included; and `conversation` is the one that it was made in.
    """

    exec_id: str
    exec_type: ExecType
    exec_ref_id: str | None = None
    exec_restatement_reason: ExecRestatementReason | None = None
    cum_qty: Decimal | None = None
    leaves_qty: Decimal | None = None
    avg_px: Decimal | None = None
    last_qty: Decimal | None = None
    last_px: Decimal | None = None
    last_mkt: str | None = None
    prior_last_qty: Decimal | None = None
    prior_last_px: Decimal | None = None
    prior_net_money: Decimal | None = None
    ord_rej_reason: OrdRejReason | None = None
    text: str | None = None
    settl_date: str | None = None
    settl_currency: str | None = None
    accrued_interest_amt: Decimal | None = None
    net_money: Decimal | None = None
    conversation: str | None = None
    notice_id: str | None = None

    @property
    def cl_ord_id_in_force(self) -> str:
        if self.exec_type is ExecType.REPLACED:
            return self.cl_ord_id
        return self.orig_cl_ord_id or self.cl_ord_id

    def _event(self) -> str:
        return self.exec_id


class OrderCancelReject(OrderRecord):
    """A street utility's refusal to cancel or to replace (OrderCancelReject, 35=9)."""

    cxl_rej_response_to: CxlRejResponseTo | None = None
    cxl_rej_reason: CxlRejReason | None = None
    request_tag: str
    text: str | None = None

    def _event(self) -> str:
        return f"cancelreject#{self.request_tag}"


class Notice(OrderRecord):
    """What a venue says by itself of an order that a street utility works, put into its inbox.

    `exec_type` is what it comes to: a bust (TradeCancel) or a correction (TradeCorrect) of `exec_ref_id`, a
    guarantee of `last_qty` at `last_px` or better (Stopped), a halt (Suspended), a return to trading or
    another quantity, `restated_qty` (Restated), or an end that nobody asked for (Canceled).
    """

    notice_id: str
    exec_type: ExecType
    exec_ref_id: str | None = None
    exec_restatement_reason: ExecRestatementReason | None = None
    last_qty: Decimal | None = None
    last_px: Decimal | None = None
    restated_qty: Decimal | None = None
    text: str | None = None

    def _event(self) -> str:
        return f"notice#{self.notice_id}"


class Released(OrderRecord):
    """A street utility claimed an order and could not send it to a venue: it never will, another may.

    Its key is that of the first report: one of the two is written, never both.
    """

    ord_status: OrdStatus | None = OrdStatus.PENDING_NEW
    exec_id: str
    text: str | None = None

    def _event(self) -> str:
        return self.exec_id


class Claim(OrderRecord):
    """The one key in a street utility's inbox that decides whether it executes an order.

    Won by the street utility (*claimed*), or by a customer utility that takes the order back. The
    terms are the winner's: another entry of the same ClOrdID is compared with them.
    """

    ord_status: OrdStatus | None = OrdStatus.PENDING_NEW
    found: Found

    @property
    def sort_key(self) -> str:
        return claim_key(self.number)

    @classmethod
    def on(cls, order: OrderRecord, found: Found, *, origin: str, transact_time: datetime) -> Self:
        """A claim of, or a taking back of, this order."""
        return following(order, cls, origin=origin, transact_time=transact_time, found=found)


def placed_key(number: Number, origin: str) -> str:
    """Where an order lies as a utility placed it, in whatever table."""
    return f"{number.prefix}{origin}#{_PLACED}"


def claim_key(number: Number) -> str:
    """Where the claim of an order lies in an inbox, whoever entered it."""
    return f"{number.prefix}claim"


def read_orders(items: Iterable[Item]) -> tuple[list[OrderRecord], int]:
    """The records of orders among items, and how many of the items cannot be read.

    One that cannot be - of a newer version, or broken - does not hide the others.
    """
    records: list[OrderRecord] = []
    unread = 0
    for item in items:
        try:
            record = read_record(item)
        except UnreadableRecord:
            unread += 1
        else:
            if isinstance(record, OrderRecord):
                records.append(record)
    return records, unread


def terms_of(order: OrderRecord | None) -> dict[str, Any]:
    """An order's terms by the names of a record's fields, for another of its records: none if unknown."""
    if order is None:
        return {}
    return {name: getattr(order, name) for name in ("symbol", "side", *CHANGEABLE)}


def same_entry(one: OrderRecord, other: OrderRecord) -> bool:
    """Whether two records under one ClOrdID are of the same order, as far as they say: entered at one
    utility, or at two with equal terms.
    """
    if one.order_id == other.order_id:
        return True
    first, second = one.entry, other.entry
    return first is None or second is None or first == second


def following(order: OrderRecord, kind: type[_Kind], **facts: Any) -> _Kind:
    """A record that follows another of the same order, and takes over its number and terms (T13)."""
    return kind(**{**{name: getattr(order, name) for name in _ESSENTIALS}, **facts})


def average_px(amount: Decimal, quantity: Decimal) -> Decimal:
    """AvgPx to six digits, without zeros that say nothing."""
    return (amount / quantity).quantize(_AVG_PX_DIGITS).normalize()


def exec_id(origin: str, number: Number, sequence: int) -> str:
    """The identifier of an order's nth report at a street utility, sorting as it counts."""
    return f"{origin}.{number.day}.{number.tag}.{sequence:04}"
