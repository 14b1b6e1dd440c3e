"""What is measured with: an order of the default enterprise, and its records."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from chalicelib.enterprise import Enterprise, load_enterprise
from chalicelib.records.fix import BuySell, ExecType, OrdStatus, OrdType
from chalicelib.records.numbers import Number, OrderID, account_key, order_tag
from chalicelib.records.orders import (
    CancelRequested,
    ExecutionReport,
    OrderRecord,
    Placed,
    Terms,
    exec_id,
    following,
)
from chalicelib.records.record import Item
from chalicelib.records.times import day_of, format_time
from chalicelib.tables.attributes import encode

ENTERPRISE_FILE = Path(__file__).parents[1] / "enterprise.toml"
SECRET = bytes(range(16))
NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
ACCOUNT = "A-1001"
OWNER = "ada"
# As long as those that a gateway gives.
CORRELATION_ID = "5c2a8c4e-93f4-4d0a-9f6c-1d8f0a3b7e21"


@cache
def default_enterprise() -> Enterprise:
    return load_enterprise(ENTERPRISE_FILE)


def terms(cl_ord_id: str = "order-1", account: str = ACCOUNT) -> Terms:
    """A limit order for 10,000 IBM."""
    return Terms(
        account=account,
        cl_ord_id=cl_ord_id,
        symbol="IBM",
        side=BuySell.BUY,
        ord_type=OrdType.LIMIT,
        order_qty=Decimal(10_000),
        price=Decimal("100.25"),
    )


def number(of: Terms, time: datetime = NOW, code: str = "C01") -> Number:
    return Number(
        code=code,
        day=day_of(time),
        account_key=account_key(of.account, SECRET),
        tag=order_tag(of.account, of.cl_ord_id, SECRET),
    )


def placed(cl_ord_id: str = "order-1", *, account: str = ACCOUNT, at: datetime = NOW) -> Placed:
    """An order as c1 accepts it."""
    of = terms(cl_ord_id, account)
    return Placed(
        **vars(of),
        order_id=OrderID(str(number(of, at))),
        origin="c1",
        transact_time=at,
        orig_time=at,
        entered_by=OWNER,
        correlation_id=CORRELATION_ID,
    )


def cancel(order: Placed) -> CancelRequested:
    """A cancel of it, asked for at c1."""
    facts = {
        "origin": "c1",
        "cl_ord_id": "cancel-1",
        "orig_cl_ord_id": order.cl_ord_id,
        "transact_time": order.transact_time + timedelta(seconds=3600),
        "request_tag": order_tag(order.account, "cancel-1", SECRET),
        "orig_time": order.transact_time,
        "entered_by": OWNER,
    }
    return following(order, CancelRequested, **facts)


def reports(order: Placed, count: int) -> list[ExecutionReport]:
    """New, and as many fills of 10 as make up the count, a second apart."""
    return [_report(order, place) for place in range(1, count + 1)]


def records(count: int) -> list[OrderRecord]:
    """An order as placed, and its reports."""
    order = placed()
    return [order, *reports(order, count - 1)]


def new_order_event(order: Placed) -> dict[str, Any]:
    """POST /orders as API Gateway hands it to the function; the token has been checked."""
    body = {
        "Account": order.account,
        "ClOrdID": order.cl_ord_id,
        "Symbol": order.symbol,
        "Side": order.side,
        "OrdType": order.ord_type,
        "OrderQty": str(order.order_qty),
        "Price": str(order.price),
        "TransactTime": format_time(order.orig_time),
    }
    return _proxy_event("POST", "/orders", {}, json.dumps(body))


def inquiry_event(order_id: OrderID) -> dict[str, Any]:
    """GET /orders/{number}."""
    return _proxy_event("GET", "/orders/{number}", {"number": order_id}, None)


def stream_event(table: str, items: list[Item]) -> dict[str, Any]:
    """What a stream hands over of new items."""
    return {
        "Records": [
            {
                "eventID": f"event-{place}",
                "eventName": "INSERT",
                "eventSourceARN": f"arn:aws:dynamodb:us-east-1:123456789012:table/{table}/stream/now",
                "dynamodb": {
                    "Keys": {name: {"S": item[name]} for name in ("pk", "sk")},
                    "NewImage": encode(item),
                    "SequenceNumber": str(place),
                },
            }
            for place, item in enumerate(items)
        ]
    }


def _report(order: Placed, place: int) -> ExecutionReport:
    filled = Decimal(10 * (place - 1))
    is_trade = place > 1
    assert order.order_qty is not None
    facts: dict[str, Any] = {
        "origin": "s1",
        "transact_time": order.transact_time + timedelta(seconds=place),
        "exec_id": exec_id("s1", order.number, place),
        "exec_type": ExecType.TRADE if is_trade else ExecType.NEW,
        "ord_status": OrdStatus.PARTIALLY_FILLED if is_trade else OrdStatus.NEW,
        "cum_qty": filled,
        "leaves_qty": order.order_qty - filled,
    }
    if is_trade:
        price = Decimal("100.20") + Decimal("0.01") * (place % 5)
        facts |= {"avg_px": Decimal("100.22"), "last_qty": Decimal(10), "last_px": price, "last_mkt": "SIMX"}
    return following(order, ExecutionReport, **facts)


def _proxy_event(method: str, path: str, parameters: Mapping[str, str], body: str | None) -> dict[str, Any]:
    return {
        "requestContext": {
            "resourcePath": path,
            "httpMethod": method,
            "path": path,
            "requestId": CORRELATION_ID,
            "authorizer": {"principalId": OWNER, "accounts": json.dumps([ACCOUNT])},
        },
        "headers": {
            "Accept": "*/*",
            "Authorization": "Bearer checked-already",
            "Content-Type": "application/json",
            "Host": "abcdefghij.execute-api.us-east-1.amazonaws.com",
            "User-Agent": "bench",
        },
        "multiValueQueryStringParameters": None,
        "pathParameters": dict(parameters),
        "stageVariables": None,
        "isBase64Encoded": False,
        "body": body,
    }
