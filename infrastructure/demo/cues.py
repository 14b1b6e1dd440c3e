"""What scenes have in common: orders to enter, answers to wait for, reports nobody asked for."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from chalicelib.enterprise import Holding
from chalicelib.records.fix import BuySell, ExecType, OrdStatus, OrdType
from chalicelib.records.numbers import Number, OrderID
from chalicelib.records.orders import Claim, ExecutionReport, claim_key, exec_id, placed_key
from chalicelib.tables.reading import is_silent

from ..client import Client, RequestRefused, until
from .stage import Stage
from .story import NotAsExpected

# How long a step waits for what must come; the longest is a killed utility's way back.
SOON = 20.0
LATER = 60.0

_NEVER = "1.00"


def market(
    quantity: str = "100", symbol: str = "AAPL", account: str = "A-1001", side: str = "1"
) -> dict[str, str]:
    """A market order's fields."""
    return {"Account": account, "Symbol": symbol, "Side": side, "OrdType": "1", "OrderQty": quantity}


def resting(quantity: str = "100", symbol: str = "AAPL", account: str = "A-1001") -> dict[str, str]:
    """A limit order that no price reaches."""
    return {**market(quantity, symbol, account), "OrdType": "2", "Price": _NEVER}


def write_report(
    stage: Stage, number: Number, street: str, exec_type: ExecType, time: datetime, *, account: str
) -> None:
    """A report of an order nobody placed here, as its street utility would write it."""
    is_trade = exec_type is ExecType.TRADE
    report = ExecutionReport(
        origin=street,
        transact_time=time,
        order_id=OrderID(str(number)),
        account=account,
        cl_ord_id="told",
        symbol="IBM",
        side=BuySell.BUY,
        ord_type=OrdType.MARKET,
        order_qty=Decimal(100),
        ord_status=OrdStatus.FILLED if is_trade else OrdStatus.CANCELED,
        exec_id=exec_id(street, number, 1),
        exec_type=exec_type,
        cum_qty=Decimal(100) if is_trade else Decimal(0),
        leaves_qty=Decimal(0),
        avg_px=Decimal("200.98") if is_trade else None,
        last_qty=Decimal(100) if is_trade else None,
        last_px=Decimal("200.98") if is_trade else None,
    )
    stage.table(street, Holding.STREET).insert(report.to_item())


def order_first_at(stage: Stage, client: Client, street: str, prefix: str) -> str:
    """Enter an order that is brought to this street utility first: its number."""
    cl_ord_id = stage.cl_ord_id_tried_first_at(street, "A-1001", f"{prefix}-{time.time_ns()}")
    number: str = client.order(**market(), ClOrdID=cl_ord_id)["OrderID"]
    return number


def await_sign(stage: Stage, street: str) -> None:
    """Wait until customer 1 has heard of a street utility again: only then it brings orders there."""
    market = stage.table("c1", Holding.MARKET)
    if until(lambda silent: not silent, lambda: is_silent(street, market, datetime.now(UTC)), SOON):
        raise NotAsExpected(f"c1 hears nothing of {street}")


def in_inbox(stage: Stage, street: str, number: Number) -> bool:
    """Whether an order's message has arrived at a street utility."""
    inbox = stage.table(street, Holding.INBOX)
    return inbox.get(number.account_key, placed_key(number, "c1")) is not None


def claim_of(stage: Stage, street: str, number: Number) -> Claim:
    """Who won an order's claim key at a street utility."""
    item = stage.table(street, Holding.INBOX).get(number.account_key, claim_key(number))
    if item is None:
        raise NotAsExpected(f"nobody claimed {number} at {street}")
    return Claim.from_item(item)


def await_status(client: Client, number: str, status: OrdStatus, seconds_max: float = SOON) -> dict[str, Any]:
    """Ask until an order has a status; NotAsExpected if it does not come to that."""

    def ask() -> dict[str, Any] | None:
        try:
            return client.status(number)
        except RequestRefused as refused:
            if refused.status != 404:
                raise
            return None

    state = until(lambda s: s is not None and s.get("OrdStatus") == status, ask, seconds_max)
    if state is None or state.get("OrdStatus") != status:
        raise NotAsExpected(f"{number} is {told(state) if state else 'unknown'} after {seconds_max:.0f} s")
    return dict(state)


def all_orders(client: Client, account: str) -> list[dict[str, Any]]:
    """An account's orders, page by page."""
    orders: list[dict[str, Any]] = []
    page = client.get("/orders", Account=account)
    orders.extend(page["Orders"])
    while "Cursor" in page:
        page = client.get("/orders", Account=account, cursor=page["Cursor"])
        orders.extend(page["Orders"])
    return orders


def holding(client: Client, path: str, name: str, account: str, asset: str) -> Decimal:
    """What an account has of an asset, at one utility."""
    held = client.get(path, Account=account)[name]
    return next((Decimal(entry["Quantity"]) for entry in held if entry["Asset"] == asset), Decimal(0))


def executed_by(state: Mapping[str, Any]) -> set[str]:
    """Which street utilities executed an order."""
    return {execution["ExecID"].split(".")[0] for execution in state["Executions"]}


def told(state: Mapping[str, Any]) -> str:
    """A state in two words."""
    return f"{state.get('OrdStatusName', 'not here yet')}, LeavesQty {state.get('LeavesQty', '?')}"


def same(values: list[Any]) -> bool:
    return all(value == values[0] for value in values)


def expect(holds: bool, otherwise: str) -> None:
    """NotAsExpected unless it holds."""
    if not holds:
        raise NotAsExpected(otherwise)
