"""What a terminal is shown: conversations and panels in FIX's words."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..records.conversations import ConversationRecord, Step, Turn
from ..records.fix import QuoteRespType, QuoteStatus
from ..rfq.rates import is_stale
from ..rfq.terminal import Look
from ..state.conversations import Conversation
from .answers import KEYS, present

_NOT_SHOWN = KEYS | {"Origin", "Principal", "CorrelationID"}

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
    return present(
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
    return present(
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
    """A record of a conversation as a terminal gets it: no word of nodes, routes and requests."""
    return {name: value for name, value in record.to_item().items() if name not in _NOT_SHOWN}


def _deal(file: Conversation) -> dict[str, Any] | None:
    deal = file.conclusion
    if not isinstance(deal, Turn) or deal.step is not Step.DEALT:
        return None
    ticket = file.ticket
    return present(
        {
            "Price": deal.price,
            "Side": deal.deal_side,
            "SettlDate": deal.settl_date,
            "TransactTime": deal.transact_time,
            **({} if ticket is None else conversation_record_answer(ticket)),
        }
    )
