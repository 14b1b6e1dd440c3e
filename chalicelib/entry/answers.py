"""What goes out: states and records in FIX's words, every number a string."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ..customer.inquiry import OrderPage
from ..records.ledger import Posting
from ..records.market import MarketData
from ..records.orders import ExecutionReport, OrderRecord
from ..records.record import Item, format_decimal
from ..records.times import format_time
from ..state.holdings import Holdings
from ..state.orders import OrderState

# How an item is kept concerns nobody outside.
KEYS = frozenset({"pk", "sk", "AccountKey", "Expires"})


def order_answer(order: OrderState) -> dict[str, Any]:
    """An order's state: what it asks for, how far it got, and what the answer rests on."""
    terms = order.terms
    return present(
        {
            "OrderID": order.order_id,
            "Account": terms and terms.account,
            "ClOrdID": terms and terms.cl_ord_id,
            "Symbol": terms and terms.symbol,
            "Side": terms and terms.side,
            "OrdType": terms and terms.ord_type,
            "OrderQty": terms and terms.order_qty,
            "CashOrderQty": terms and terms.cash_order_qty,
            "OrderPercent": terms and terms.order_percent,
            "Price": terms and terms.price,
            "StopPx": terms and terms.stop_px,
            "TimeInForce": terms and terms.time_in_force,
            "ExpireTime": terms and terms.expire_time,
            "OrdStatus": order.ord_status,
            "OrdStatusName": order.ord_status and order.ord_status.name.title().replace("_", ""),
            "TransactTime": order.reached,
            "CumQty": order.cum_qty,
            "LeavesQty": order.leaves_qty,
            "AvgPx": order.avg_px,
            "OrdRejReason": order.ord_rej_reason,
            "Text": order.text,
            "Estimate": order.is_estimate,
            "WaitsFor": list(order.waits_for),
            "Exceptions": list(order.exceptions),
            "Executions": [_execution(execution, order) for execution in order.executions],
            "RestsOn": [
                {
                    "Utility": basis.utility,
                    "Records": basis.records,
                    "Until": format_time(basis.until),
                }
                for basis in order.rests_on
            ],
        }
    )


def page_answer(page: OrderPage) -> dict[str, Any]:
    """A page of orders; `Cursor` is there if there are more."""
    return present({"Orders": [order_answer(order) for order in page.orders], "Cursor": page.cursor})


def holdings_answer(account: str, name: str, holdings: Holdings) -> dict[str, Any]:
    """Balances or positions: each asset's quantity by trade date, and when its last trade settles."""
    return present(
        {
            "Account": account,
            name: [_holding(posting) for posting in holdings.postings if posting.quantity],
            "RestsOnBooksUntil": holdings.until,
        }
    )


def market_data_answer(price: MarketData) -> dict[str, Any]:
    """A symbol's last price."""
    return record_answer(price.to_item())


def record_answer(item: Item) -> dict[str, Any]:
    """A record as it is kept, without its keys."""
    return {name: value for name, value in item.items() if name not in KEYS}


def accepted_answer(record: OrderRecord) -> dict[str, Any]:
    """What was accepted, as the record that was written."""
    return record_answer(record.to_item())


def _execution(report: ExecutionReport, order: OrderState) -> dict[str, Any]:
    """An execution as it counts now; one that was busted is shown as what it was."""
    return present(
        {
            "ExecID": report.exec_id,
            "LastQty": report.last_qty,
            "LastPx": report.last_px,
            "LastMkt": report.last_mkt,
            "Conversation": report.conversation,
            "NetMoney": report.net_money,
            "SettlCurrency": report.settl_currency,
            "SettlDate": report.settl_date,
            "TransactTime": report.transact_time,
            "CorrectedBy": order.corrected.get(report.exec_id),
            "BustedBy": order.busted.get(report.exec_id),
        }
    )


def _holding(posting: Posting) -> dict[str, Any]:
    return present(
        {
            "Asset": posting.asset,
            "Quantity": posting.quantity,
            "SettlDate": posting.settl_date,
            "LastExecID": posting.exec_id,
        }
    )


def present(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What there is of an answer, every number and time as text."""
    return {name: _text(value) for name, value in answer.items() if value is not None}


def _text(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format_decimal(value)
    if hasattr(value, "tzinfo"):
        return format_time(value)
    return value
