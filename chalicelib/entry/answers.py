"""What goes out: states and records in FIX's words, every number a string."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from ..customer.inquiry import OrderPage
from ..records.conversations import ConversationRecord, Step, Turn
from ..records.fix import QuoteRespType, QuoteStatus
from ..records.ledger import Posting
from ..records.market import MarketData
from ..records.orders import OrderRecord
from ..records.record import Item, format_decimal
from ..records.times import format_time
from ..rfq.rates import is_stale
from ..rfq.terminal import Look
from ..state.conversations import Conversation
from ..state.holdings import Holdings
from ..state.orders import Execution, OrderState

# How an item is kept concerns nobody outside.
_KEYS = frozenset({"pk", "sk", "AccountKey", "Expires"})


def order_answer(order: OrderState) -> dict[str, Any]:
    """An order's state: what it asks for, how far it got, and what the answer rests on."""
    terms = order.terms
    return _present(
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
            "Executions": [_execution(execution) for execution in order.executions],
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
    return _present({"Orders": [order_answer(order) for order in page.orders], "Cursor": page.cursor})


def holdings_answer(account: str, name: str, holdings: Holdings) -> dict[str, Any]:
    """Balances or positions: each asset's quantity by trade date, and when its last trade settles."""
    return _present(
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
    return {name: value for name, value in item.items() if name not in _KEYS}


def accepted_answer(record: OrderRecord) -> dict[str, Any]:
    """What was accepted, as the record that was written."""
    return record_answer(record.to_item())


def _execution(execution: Execution) -> dict[str, Any]:
    """An execution as it counts now; one that was busted is shown as what it was."""
    report = execution.report
    return _present(
        {
            "ExecID": report.exec_id,
            "LastQty": execution.last_qty,
            "LastPx": execution.last_px,
            "LastMkt": report.last_mkt,
            "Conversation": report.conversation,
            "NetMoney": report.net_money,
            "SettlCurrency": report.settl_currency,
            "SettlDate": report.settl_date,
            "TransactTime": report.transact_time,
            "CorrectedBy": execution.corrected_by,
            "BustedBy": execution.busted_by,
        }
    )


def _holding(posting: Posting) -> dict[str, Any]:
    return _present(
        {
            "Asset": posting.asset,
            "Quantity": posting.quantity,
            "SettlDate": posting.settl_date,
            "LastExecID": posting.exec_id,
        }
    )


def _present(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _text(value) for name, value in answer.items() if value is not None}


def _text(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format_decimal(value)
    if hasattr(value, "tzinfo"):
        return format_time(value)
    return value


# Where a conversation stands, in FIX's words where it has them.
_QUOTE_STATUS: Mapping[Step, QuoteStatus] = {
    Step.REQUESTED: QuoteStatus.PENDING,
    Step.QUEUED: QuoteStatus.PENDING,
    Step.ANSWERED: QuoteStatus.PENDING,
    Step.QUOTED: QuoteStatus.ACTIVE,
    Step.DENIED: QuoteStatus.REJECTED,
    Step.DUPLICATE: QuoteStatus.REJECTED,
    Step.PASSED: QuoteStatus.PASS,
    Step.WITHDRAWN: QuoteStatus.CANCELED,
    Step.EXPIRED: QuoteStatus.EXPIRED,
    Step.DEALT: QuoteStatus.ACCEPTED,
}
_QUOTE_RESP_TYPE: Mapping[Step, QuoteRespType] = {
    Step.COUNTERED: QuoteRespType.COUNTER,
    Step.DEALT: QuoteRespType.HIT_LIFT,
    Step.PASSED: QuoteRespType.PASS,
    Step.WITHDRAWN: QuoteRespType.PASS,
    Step.EXPIRED: QuoteRespType.EXPIRED,
}


def conversation_answer(file: Conversation, now: datetime) -> dict[str, Any]:
    """A conversation as one principal's file shows it; `Answers` is what the next turn has to name."""
    record = file.any
    assert record is not None
    step, standing, conclusion = file.status(now), file.standing, file.conclusion
    ended = conclusion or file.left
    return _present(
        {
            "Conversation": record.conversation,
            "QuoteReqID": file.requested and file.requested.quote_req_id,
            "Initiating": record.initiating,
            "Destination": record.destination,
            "Symbol": record.symbol,
            "Side": record.side,
            "OrderQty": record.order_qty,
            "SettlType": record.settl_type,
            "Step": step.value,
            "QuoteStatus": _QUOTE_STATUS.get(step, QuoteStatus.ACTIVE if standing else QuoteStatus.PENDING),
            "QuoteRespType": _QUOTE_RESP_TYPE.get(step),
            "Answers": None if conclusion else file.seen,
            "ValidUntilTime": None if conclusion else file.valid_until_time,
            "Overdue": conclusion is None and file.is_overdue(now),
            "BidPx": standing and standing.bid_px,
            "OfferPx": standing and standing.offer_px,
            "Price": standing and standing.price,
            "DealSide": standing and standing.deal_side,
            "Pending": file.pending and file.pending.step.value,
            "Text": ended and ended.text,
            "Deal": _deal(file),
            "Turns": [conversation_record_answer(turn) for turn in file.turns],
        }
    )


def look_answer(seen: Look, now: datetime) -> dict[str, Any]:
    """What a terminal shows, or what has changed; `Cursor` asks for what comes next."""
    return _present(
        {
            "Rates": seen.rates,
            "RatesTime": seen.rates_time,
            "RatesStale": None if seen.rates_time is None else is_stale(seen.rates_time, now),
            "Queue": [
                {**conversation_record_answer(call), "ForThisTerminal": call.terminal is not None}
                for call in seen.queue
            ],
            "Gone": list(seen.gone),
            "Panels": [
                {
                    "Panel": panel.number,
                    "Conversation": panel.conversation,
                    **({} if panel.file is None else conversation_answer(panel.file, now)),
                    "News": [conversation_record_answer(record) for record in panel.news],
                }
                for panel in seen.panels
            ],
            "Cursor": seen.cursor,
        }
    )


def conversation_record_answer(record: ConversationRecord) -> dict[str, Any]:
    """A record of a conversation as a terminal gets it: no word of nodes and routes."""
    return {
        name: value for name, value in record.to_item().items() if name not in _KEYS | {"Origin", "Principal"}
    }


def _deal(file: Conversation) -> dict[str, Any] | None:
    deal = file.conclusion
    if not isinstance(deal, Turn) or deal.step is not Step.DEALT:
        return None
    ticket = file.ticket
    return _present(
        {
            "Price": deal.price,
            "Side": deal.deal_side,
            "SettlDate": deal.settl_date,
            "TransactTime": deal.transact_time,
            **({} if ticket is None else conversation_record_answer(ticket)),
        }
    )
