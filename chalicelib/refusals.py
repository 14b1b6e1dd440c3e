"""Why a request is refused: one tree, each with the field and FIX's reason. Nothing was written.

Refused
├── Malformed            the message itself: SessionRejectReason (373)
├── OrderRefused         its business: OrdRejReason (103)
│   ├── DuplicateOrder   the ClOrdID is taken by an order with other terms
│   └── UnknownAccount   no such account, or not the caller's: one answer, so as to tell neither
├── CancelRefused        a cancel: CxlRejReason (102)
├── UnknownOrder         no order of the caller's has that number
├── UnknownSymbol        no price of that symbol has arrived
├── QuoteRequestRefused  a request for quote: QuoteRequestRejectReason (658)
│   ├── DuplicateCall    the subject is registered between the two principals (R6)
│   ├── PanelsTaken      the trader's six panels are
│   └── RequestTaken     the QuoteReqID is taken by a request with other terms
├── TurnRefused          what is done in a conversation: QuoteRejectReason (300)
│   ├── Crossed          the conversation has gone on since what is answered
│   ├── Concluded        it is over
│   └── NotInConversation
├── UnknownConversation  no conversation of the caller's principal has that number
├── NotADealer           the token names no principal that deals here, or no terminal of its
└── NotAuthenticated     no token, or one that does not hold
"""

from typing import Any, ClassVar

from .records.fix import (
    CxlRejReason,
    OrdRejReason,
    QuoteRejectReason,
    QuoteRequestRejectReason,
    SessionRejectReason,
)


class Refused(Exception):
    """A request that is not carried out; the message says what was expected and what came."""

    reason_field: ClassVar[str] = ""

    def __init__(self, detail: str, *, field: str | None = None, reason: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.reason = reason
        # What the one who asks should see besides, as it goes out.
        self.state: dict[str, Any] = {}


class Malformed(Refused):
    reason_field = "SessionRejectReason"

    def __init__(self, detail: str, *, field: str | None, reason: SessionRejectReason) -> None:
        super().__init__(detail, field=field, reason=reason)


class OrderRefused(Refused):
    reason_field = "OrdRejReason"

    def __init__(self, detail: str, *, field: str | None, reason: OrdRejReason) -> None:
        super().__init__(detail, field=field, reason=reason)


class DuplicateOrder(OrderRefused):
    def __init__(self, detail: str) -> None:
        super().__init__(detail, field="ClOrdID", reason=OrdRejReason.DUPLICATE_ORDER)


class UnknownAccount(OrderRefused):
    def __init__(self, account: str) -> None:
        super().__init__(
            f"account {account!r} is not one of yours",
            field="Account",
            reason=OrdRejReason.UNKNOWN_ACCOUNT,
        )


class CancelRefused(Refused):
    reason_field = "CxlRejReason"

    def __init__(self, detail: str, *, field: str, reason: CxlRejReason) -> None:
        super().__init__(detail, field=field, reason=reason)


class UnknownOrder(Refused):
    reason_field = "OrdRejReason"

    def __init__(self, number: str) -> None:
        super().__init__(
            f"no order of yours has the number {number[:64]!r}",
            field="OrderID",
            reason=OrdRejReason.UNKNOWN_ORDER,
        )


class UnknownSymbol(Refused):
    reason_field = "OrdRejReason"

    def __init__(self, symbol: str) -> None:
        super().__init__(
            f"no price of {symbol[:32]!r} has arrived here",
            field="Symbol",
            reason=OrdRejReason.UNKNOWN_SYMBOL,
        )


class QuoteRequestRefused(Refused):
    reason_field = "QuoteRequestRejectReason"

    def __init__(self, detail: str, *, field: str, reason: QuoteRequestRejectReason) -> None:
        super().__init__(detail, field=field, reason=reason)


class DuplicateCall(QuoteRequestRefused):
    """The detail is what the panel shows, letter for letter (R6)."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, field="Symbol", reason=QuoteRequestRejectReason.OTHER)


class PanelsTaken(QuoteRequestRefused):
    def __init__(self, trader: str) -> None:
        super().__init__(
            f"all six panels of {trader} are taken; clear one that is done",
            field="Panel",
            reason=QuoteRequestRejectReason.QUOTE_REQUEST_EXCEEDS_LIMIT,
        )


class RequestTaken(QuoteRequestRefused):
    def __init__(self, quote_req_id: str) -> None:
        super().__init__(
            f"QuoteReqID {quote_req_id!r} was used today for a request with other terms",
            field="QuoteReqID",
            reason=QuoteRequestRejectReason.OTHER,
        )


class TurnRefused(Refused):
    reason_field = "QuoteRejectReason"

    def __init__(self, detail: str, *, field: str, reason: QuoteRejectReason) -> None:
        super().__init__(detail, field=field, reason=reason)


class Crossed(TurnRefused):
    """What it answers is not the last thing that was said; the answer shows where it stands."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, field="Answers", reason=QuoteRejectReason.UNKNOWN_QUOTE)


class Concluded(TurnRefused):
    def __init__(self, detail: str) -> None:
        super().__init__(detail, field="Conversation", reason=QuoteRejectReason.TOO_LATE_TO_ENTER)


class NotInConversation(TurnRefused):
    def __init__(self, trader: str, conversation: str) -> None:
        super().__init__(
            f"{trader} is not in conversation {conversation}",
            field="Conversation",
            reason=QuoteRejectReason.NOT_AUTHORIZED,
        )


class UnknownConversation(Refused):
    reason_field = "QuoteRejectReason"

    def __init__(self, conversation: str) -> None:
        super().__init__(
            f"no conversation of your principal has the number {conversation[:64]!r}",
            field="Conversation",
            reason=QuoteRejectReason.UNKNOWN_QUOTE,
        )


class NotADealer(Refused):
    reason_field = "QuoteRequestRejectReason"

    def __init__(self, detail: str) -> None:
        reason = QuoteRequestRejectReason.NOT_AUTHORIZED_TO_REQUEST_QUOTE
        super().__init__(detail, field="principal", reason=reason)


class NotAuthenticated(Refused):
    pass
