"""What comes in at a terminal, checked and turned into what the use cases take."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from chalice.app import Request
from pydantic import Field, StringConstraints

from ..bootstrap import Here
from ..records.conversations import Step
from ..refusals import NotADealer, UnknownConversation
from ..rfq.calls import QuoteRequest
from ..rfq.node import Trader
from ..rfq.turns import Act
from .requests import Identifier, Message, Number, Symbol, Time, parse, side_of
from .watching import correlation_of

_CONVERSATION = re.compile(r"[A-Z][A-Z0-9]{2}\d{8}-[a-z2-7]{13}", re.ASCII)

Party = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]{0,11}$")]
Tenor = Annotated[str, StringConstraints(pattern=r"^[0-9A-Z]{1,4}$")]
Text = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{1,128}$")]


class QuoteRequestMessage(Message):
    """FIX QuoteRequest (35=R): whom and what a trader asks for a quote."""

    QuoteReqID: Identifier
    Destination: Party
    Terminal: Party | None = None
    Symbol: Symbol
    Side: Literal["1", "2"] | None = None
    OrderQty: Number
    SettlType: Tenor = "0"
    TransactTime: Time


class _Turn(Message):
    # The last place of the log that the trader has seen; -1 before the call is known to be queued.
    Answers: int = Field(ge=-1, le=9999)


class AnswerMessage(_Turn):
    """The call is taken from the queue."""


class QuoteMessage(_Turn):
    """FIX Quote (35=S)."""

    BidPx: Number | None = None
    OfferPx: Number | None = None
    ValidUntilTime: Time | None = None


class CounterMessage(_Turn):
    """FIX QuoteResponse (35=AJ) with QuoteRespType 2: a counter-offer."""

    Price: Number
    Side: Literal["1", "2"] | None = None


class TextMessage(_Turn):
    """What one trader writes to the other."""

    Text: Text


class AcceptMessage(_Turn):
    """FIX QuoteResponse (35=AJ) with QuoteRespType 1: hit or lift."""

    Side: Literal["1", "2"] | None = None


class PassMessage(_Turn):
    """FIX QuoteResponse (35=AJ) with QuoteRespType 6: refuse, or hang up."""


class ClearMessage(Message):
    """The panel is to be free again."""


_TURNS: Mapping[Step, type[_Turn]] = {
    Step.ANSWERED: AnswerMessage,
    Step.QUOTED: QuoteMessage,
    Step.COUNTERED: CounterMessage,
    Step.MESSAGE: TextMessage,
    Step.DEALT: AcceptMessage,
    Step.PASSED: PassMessage,
}


def parse_quote_request(request: Request) -> QuoteRequest:
    """A QuoteRequest out of a request's body; Malformed names the field and FIX's reason."""
    asked = parse(QuoteRequestMessage, request)
    return QuoteRequest(
        quote_req_id=asked.QuoteReqID,
        destination=asked.Destination,
        terminal=asked.Terminal,
        symbol=asked.Symbol,
        side=side_of(asked.Side),
        order_qty=asked.OrderQty,
        settl_type=asked.SettlType,
        transact_time=asked.TransactTime,
        correlation_id=correlation_of(request),
    )


def parse_turn(step: Step, request: Request) -> Act:
    """What a trader does in a conversation, out of a request's body."""
    asked = parse(_TURNS[step], request)
    side = getattr(asked, "Side", None)
    return Act(
        step=step,
        answers=asked.Answers,
        bid_px=getattr(asked, "BidPx", None),
        offer_px=getattr(asked, "OfferPx", None),
        price=getattr(asked, "Price", None),
        side=side_of(side),
        valid_until_time=getattr(asked, "ValidUntilTime", None),
        text=getattr(asked, "Text", None),
        correlation_id=correlation_of(request),
    )


def parse_clear(request: Request) -> None:
    """A request's body that says nothing, or nothing at all."""
    if request.raw_body:
        parse(ClearMessage, request)


def conversation_of(number: str) -> str:
    """The conversation that a route names; UnknownConversation if none can have that number."""
    if not _CONVERSATION.fullmatch(number):
        raise UnknownConversation(number)
    return number


def trader_of(request: Request, here: Here) -> Trader:
    """Who deals: what the authorizer found in the token; NotADealer if not here."""
    context = request.context["authorizer"]
    principal = here.enterprise.principal(context.get("principal", ""))
    if principal is None or principal.node != here.utility.name:
        raise NotADealer(f"expected a token that names a principal of {here.utility.name}")
    terminal = context.get("terminal", "")
    if terminal not in principal.terminals:
        raise NotADealer(f"expected a token that names a terminal of {principal.name}")
    return Trader(principal=principal.name, trader=context["principalId"], terminal=terminal)
