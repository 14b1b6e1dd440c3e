"""Records of an order: what its customer asked for and what became of it (FIG. 3).

Every record carries the order's number [71], type [73], status with its time [75] and terms [77],
so that a reader who has only one of them can show the order (T13).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self, TypeVar

from .fix import BuySell, CxlRejReason, ExecType, OrdRejReason, OrdStatus, OrdType
from .numbers import Number, OrderID, parse_number
from .record import Item, Record, UnreadableRecord, read_record

_Kind = TypeVar("_Kind", bound="OrderRecord")

_PLACED = "placed"
_AVG_PX_DIGITS = Decimal("0.000001")

_ESSENTIALS = (
    "order_id",
    "account",
    "cl_ord_id",
    "orig_cl_ord_id",
    "symbol",
    "side",
    "ord_type",
    "order_qty",
    "price",
)


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a customer wants done. Two orders with equal terms are the same order."""

    account: str
    cl_ord_id: str
    symbol: str
    side: BuySell
    ord_type: OrdType
    order_qty: Decimal
    price: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class OrderRecord(Record, abstract=True):
    """What every record of an order says. Terms are None only where a cancel came first."""

    order_id: OrderID
    account: str
    cl_ord_id: str
    orig_cl_ord_id: str | None = None
    symbol: str | None = None
    side: BuySell | None = None
    ord_type: OrdType | None = None
    order_qty: Decimal | None = None
    price: Decimal | None = None
    ord_status: OrdStatus

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
        if self.symbol is None or self.side is None or self.ord_type is None or self.order_qty is None:
            return None
        return Terms(
            account=self.account,
            cl_ord_id=self.orig_cl_ord_id or self.cl_ord_id,
            symbol=self.symbol,
            side=self.side,
            ord_type=self.ord_type,
            order_qty=self.order_qty,
            price=self.price,
        )

    def _event(self) -> str:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Placed(OrderRecord):
    """An order as a customer utility accepted it (NewOrderSingle, 35=D).

    `orig_time` is the customer's own TransactTime, whose day is in the number.
    """

    ord_status: OrdStatus = OrdStatus.PENDING_NEW
    orig_time: datetime
    entered_by: str

    def _event(self) -> str:
        return _PLACED


@dataclass(frozen=True, kw_only=True)
class CancelRequested(OrderRecord):
    """A customer's wish to cancel (OrderCancelRequest, 35=F); it may come before its order.

    `cl_ord_id` is the cancel's own, `orig_cl_ord_id` the order's where it is known.
    """

    ord_status: OrdStatus = OrdStatus.PENDING_CANCEL
    cancel_tag: str
    orig_time: datetime
    entered_by: str

    def _event(self) -> str:
        return f"cancel#{self.cancel_tag}"


class Found(StrEnum):
    """What a customer utility found at a street utility that had not answered."""

    TAKEN_BACK = "taken back"
    CLAIMED = "claimed"


@dataclass(frozen=True, kw_only=True)
class Routed(OrderRecord):
    """Where an order stands on its way to a street utility that is silent.

    *Taken back* means that it will never be executed there; *claimed*, that it may have been, and
    that nobody else may execute it.
    """

    ord_status: OrdStatus = OrdStatus.PENDING_NEW
    street: str
    found: Found

    def _event(self) -> str:
        return f"routed#{self.street}#{self.found.name.lower()}"


@dataclass(frozen=True, kw_only=True)
class ExecutionReport(OrderRecord):
    """What a street utility says of an order (ExecutionReport, 35=8).

    LastQty and LastPx are this execution's own; CumQty, LeavesQty and AvgPx are what its author
    knew of the whole order. A deal between principals says besides when it settles and for how much:
    `net_money` of `settl_currency`, in which `accrued_interest_amt` of a bond is included.
    """

    exec_id: str
    exec_type: ExecType
    cum_qty: Decimal
    leaves_qty: Decimal
    avg_px: Decimal | None = None
    last_qty: Decimal | None = None
    last_px: Decimal | None = None
    last_mkt: str | None = None
    ord_rej_reason: OrdRejReason | None = None
    text: str | None = None
    settl_date: str | None = None
    settl_currency: str | None = None
    accrued_interest_amt: Decimal | None = None
    net_money: Decimal | None = None

    def _event(self) -> str:
        return self.exec_id


@dataclass(frozen=True, kw_only=True)
class OrderCancelReject(OrderRecord):
    """A street utility's refusal to cancel (OrderCancelReject, 35=9)."""

    cxl_rej_reason: CxlRejReason
    cancel_tag: str
    text: str | None = None

    def _event(self) -> str:
        return f"cancelreject#{self.cancel_tag}"


@dataclass(frozen=True, kw_only=True)
class Claim(OrderRecord):
    """The one key in a street utility's inbox that decides whether it executes an order.

    Won by the street utility (*claimed*), or by a customer utility that takes the order back. The
    terms are the winner's: another entry of the same ClOrdID is compared with them.
    """

    ord_status: OrdStatus = OrdStatus.PENDING_NEW
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


def following(order: OrderRecord, kind: type[_Kind], **facts: Any) -> _Kind:
    """A record that follows another of the same order, and takes over its number and terms (T13)."""
    return kind(**{**{name: getattr(order, name) for name in _ESSENTIALS}, **facts})


def average_px(amount: Decimal, quantity: Decimal) -> Decimal:
    """AvgPx to six digits, without zeros that say nothing."""
    return (amount / quantity).quantize(_AVG_PX_DIGITS).normalize()


def exec_id(origin: str, number: Number, sequence: int) -> str:
    """The identifier of an order's nth report at a street utility, sorting as it counts."""
    return f"{origin}.{number.day}.{number.tag}.{sequence:04}"
