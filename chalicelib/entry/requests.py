"""What comes in, checked and turned into what the use cases take."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

from chalice.app import Request
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import ErrorDetails

from ..customer.customers import Customer
from ..customer.entry import NewCancel, NewOrder, NewReplace
from ..records.fix import BuySell, OrdType, SessionRejectReason, TimeInForce
from ..records.orders import Terms
from ..records.times import parse_time
from ..refusals import Malformed
from .watching import correlation_of

BODY_BYTES_MAX = 4096

# ASCII: to Python, digits of any script are digits.
_PLAIN = re.compile(r"-?\d{1,15}(\.\d{1,10})?", re.ASCII)
_DATE = re.compile(r"\d{8}", re.ASCII)
_LIMIT = re.compile(r"\d{1,9}", re.ASCII)


def _time(value: object) -> datetime:
    if not isinstance(value, str):
        raise ValueError("expected a UTCTimestamp as a string, such as 20261122-09:30:00.000")
    return parse_time(value)


def _end_of_date(value: object) -> datetime:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("expected a LocalMktDate as a string, such as 20261130")
    return parse_time(f"{value}-00:00:00") + timedelta(days=1)


def _decimal(value: object) -> Decimal:
    # A JSON number has been, or will be, somebody's binary float.
    if not isinstance(value, str):
        raise ValueError('expected a decimal number as a string, such as "100.25"')
    if not _PLAIN.fullmatch(value):
        raise ValueError(f"expected plain digits such as 100.25, found {value[:32]!r}")
    return Decimal(value)


def _described(pattern: str, what: str) -> WithJsonSchema:
    """How a text that is read as something else is described."""
    return WithJsonSchema({"type": "string", "pattern": pattern, "description": what})


Identifier = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7d]{1,36}$")]
Symbol = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9./]{1,16}$")]
Time = Annotated[
    datetime, BeforeValidator(_time), _described(r"^\d{8}-\d\d:\d\d:\d\d(\.\d{1,6})?$", "UTCTimestamp")
]
# A date stands for its end, by UTC.
Date = Annotated[datetime, BeforeValidator(_end_of_date), _described(r"^\d{8}$", "LocalMktDate")]
Number = Annotated[Decimal, BeforeValidator(_decimal), _described(rf"^{_PLAIN.pattern}$", "a decimal, exact")]


_M = TypeVar("_M", bound="Message")


class Message(BaseModel):
    """What may be said in a body: these fields, as text, and no others."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


class NewOrderSingle(Message):
    """FIX NewOrderSingle (35=D): what may be asked for."""

    Account: Identifier
    ClOrdID: Identifier
    Symbol: Symbol
    Side: Literal["1", "2"]
    OrdType: Literal["1", "2", "3", "4"]
    OrderQty: Number | None = None
    CashOrderQty: Number | None = None
    OrderPercent: Number | None = None
    Price: Number | None = None
    StopPx: Number | None = None
    TimeInForce: Literal["0", "1", "3", "4", "6"] | None = None
    ExpireTime: Time | None = None
    ExpireDate: Date | None = None
    PossResend: Literal["Y", "N"] = "N"
    TransactTime: Time


class OrderCancelReplaceRequest(Message):
    """FIX OrderCancelReplaceRequest (35=G); the order is named by the route, what is absent stays."""

    ClOrdID: Identifier
    OrigClOrdID: Identifier | None = None
    OrdType: Literal["1", "2", "3", "4"] | None = None
    OrderQty: Number | None = None
    CashOrderQty: Number | None = None
    OrderPercent: Number | None = None
    Price: Number | None = None
    StopPx: Number | None = None
    TimeInForce: Literal["0", "1", "6"] | None = None
    ExpireTime: Time | None = None
    ExpireDate: Date | None = None
    TransactTime: Time


class OrderCancelRequest(Message):
    """FIX OrderCancelRequest (35=F); the order is named by the route."""

    ClOrdID: Identifier
    TransactTime: Time


# What pydantic finds, in FIX's words. All else is data of the wrong format.
_REASONS: Mapping[str, SessionRejectReason] = {
    "missing": SessionRejectReason.REQUIRED_TAG_MISSING,
    "extra_forbidden": SessionRejectReason.TAG_NOT_DEFINED_FOR_THIS_MESSAGE_TYPE,
    "literal_error": SessionRejectReason.VALUE_IS_INCORRECT,
    "string_pattern_mismatch": SessionRejectReason.VALUE_IS_INCORRECT,
}


def parse_new_order(request: Request) -> NewOrder:
    """A NewOrderSingle out of a request's body; Malformed names the field and FIX's reason."""
    asked = parse(NewOrderSingle, request)
    terms = Terms(
        account=asked.Account,
        cl_ord_id=asked.ClOrdID,
        symbol=asked.Symbol,
        side=BuySell(asked.Side),
        ord_type=OrdType(asked.OrdType),
        order_qty=asked.OrderQty,
        cash_order_qty=asked.CashOrderQty,
        order_percent=asked.OrderPercent,
        price=asked.Price,
        stop_px=asked.StopPx,
        time_in_force=_time_in_force(asked.TimeInForce),
        expire_time=_expire_time(asked),
    )
    return NewOrder(
        terms=terms,
        transact_time=asked.TransactTime,
        poss_resend=asked.PossResend == "Y",
        correlation_id=correlation_of(request),
    )


def parse_replace(request: Request) -> NewReplace:
    """An OrderCancelReplaceRequest out of a request's body: what it names is to be changed."""
    asked = parse(OrderCancelReplaceRequest, request)
    wanted = {
        "ord_type": asked.OrdType and OrdType(asked.OrdType),
        "order_qty": asked.OrderQty,
        "cash_order_qty": asked.CashOrderQty,
        "order_percent": asked.OrderPercent,
        "price": asked.Price,
        "stop_px": asked.StopPx,
        "time_in_force": asked.TimeInForce and TimeInForce(asked.TimeInForce),
        "expire_time": _expire_time(asked),
    }
    return NewReplace(
        cl_ord_id=asked.ClOrdID,
        orig_cl_ord_id=asked.OrigClOrdID,
        changes={name: value for name, value in wanted.items() if value is not None},
        transact_time=asked.TransactTime,
        correlation_id=correlation_of(request),
    )


def parse_cancel(request: Request) -> NewCancel:
    """An OrderCancelRequest out of a request's body."""
    asked = parse(OrderCancelRequest, request)
    return NewCancel(
        cl_ord_id=asked.ClOrdID,
        transact_time=asked.TransactTime,
        correlation_id=correlation_of(request),
    )


def customer_of(request: Request) -> Customer:
    """Who is asking: what the authorizer found in the token."""
    context = request.context["authorizer"]
    return Customer(subject=context["principalId"], accounts=frozenset(json.loads(context["accounts"])))


def account_of(request: Request, customer: Customer) -> str:
    """The account a query is about: named, or the only one."""
    named = query(request).get("Account")
    if named is not None:
        return named
    if len(customer.accounts) == 1:
        return next(iter(customer.accounts))
    raise Malformed(
        "expected ?Account=, for your token has several",
        field="Account",
        reason=SessionRejectReason.REQUIRED_TAG_MISSING,
    )


def query(request: Request) -> Mapping[str, str]:
    """The query string's parameters."""
    return request.query_params or {}


def limit_of(request: Request, most: int) -> int:
    """How many a page shall have, from 1 to the most there can be."""
    text = query(request).get("limit", str(most))
    if not _LIMIT.fullmatch(text) or not 1 <= int(text) <= most:
        raise Malformed(
            f"expected a number from 1 to {most}, found {text[:16]!r}",
            field="limit",
            reason=SessionRejectReason.VALUE_IS_INCORRECT,
        )
    return int(text)


def parse(kind: type[_M], request: Request) -> _M:
    """A message out of a request's body; Malformed names the field and FIX's reason."""
    try:
        return kind.model_validate(_read_json(request.raw_body))
    except ValidationError as error:
        first = error.errors()[0]
        raise Malformed(
            _in_words(first),
            field=".".join(map(str, first["loc"])),
            reason=_REASONS.get(first["type"], SessionRejectReason.INCORRECT_DATA_FORMAT_FOR_VALUE),
        ) from None


def _in_words(error: ErrorDetails) -> str:
    if error["type"] == "missing":
        return f"{error['loc'][0]} is required"
    if error["type"] == "extra_forbidden":
        return f"{str(error['loc'][0])[:64]} is not a field of this message"
    message = error["msg"].removeprefix("Value error, ")
    return message if "found" in message else f"{message}, found {str(error['input'])[:64]!r}"


def _time_in_force(code: str | None) -> TimeInForce | None:
    """None for an order that is good for its day, whether or not it says so."""
    return None if code in (None, TimeInForce.DAY) else TimeInForce(code)


def _expire_time(asked: NewOrderSingle | OrderCancelReplaceRequest) -> datetime | None:
    if asked.ExpireTime is not None and asked.ExpireDate is not None:
        raise Malformed(
            "expected ExpireTime or ExpireDate, found both",
            field="ExpireDate",
            reason=SessionRejectReason.VALUE_IS_INCORRECT,
        )
    return asked.ExpireTime or asked.ExpireDate


def side_of(code: str | None) -> BuySell | None:
    """A side, if one is named."""
    return None if code is None else BuySell(code)


def _read_json(body: str | bytes) -> Any:
    if len(body) > BODY_BYTES_MAX:
        raise _unreadable(f"expected at most {BODY_BYTES_MAX} bytes, found {len(body)}")
    try:
        # Bytes would be guessed at; JSON between systems is UTF-8 (RFC 8259).
        text = body if isinstance(body, str) else body.decode()
        content = json.loads(text, object_pairs_hook=_each_once)
    except (ValueError, RecursionError):
        raise _unreadable("expected a JSON object, found something that is not JSON") from None
    if not isinstance(content, dict):
        raise _unreadable(f"expected a JSON object, found {type(content).__name__}")
    return content


def _each_once(fields: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, if it names each field once: whoever takes the first or the last is misled."""
    names = [name for name, _ in fields]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise Malformed(
            f"{repeated[:64]} is there more than once",
            field=repeated[:64],
            reason=SessionRejectReason.TAG_APPEARS_MORE_THAN_ONCE,
        )
    return dict(fields)


def _unreadable(detail: str) -> Malformed:
    return Malformed(detail, field="body", reason=SessionRejectReason.INCORRECT_DATA_FORMAT_FOR_VALUE)
