"""Why a request is refused: one tree, each with the field and FIX's reason. Nothing was written.

Refused
├── Malformed            the message itself: SessionRejectReason (373)
├── OrderRefused         its business: OrdRejReason (103)
│   ├── DuplicateOrder   the ClOrdID is taken by an order with other terms
│   └── UnknownAccount   no such account, or not the caller's: one answer, so as to tell neither
├── CancelRefused        a cancel: CxlRejReason (102)
├── UnknownOrder         no order of the caller's has that number
├── UnknownSymbol        no price of that symbol has arrived
└── NotAuthenticated     no token, or one that does not hold
"""

from typing import ClassVar

from .records.fix import CxlRejReason, OrdRejReason, SessionRejectReason


class Refused(Exception):
    """A request that is not carried out; the message says what was expected and what came."""

    reason_field: ClassVar[str] = ""

    def __init__(self, detail: str, *, field: str | None = None, reason: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.reason = reason


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


class NotAuthenticated(Refused):
    pass
