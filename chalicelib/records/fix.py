"""The codes of the Financial Information eXchange protocol (FIX) that records carry.

Values are FIX's own; names are FIX's, spelled out. Tag numbers are in the docstrings.
"""

from enum import StrEnum


class BuySell(StrEnum):
    """Side (54)."""

    BUY = "1"
    SELL = "2"


class OrdType(StrEnum):
    """OrdType (40)."""

    MARKET = "1"
    LIMIT = "2"
    PREVIOUSLY_QUOTED = "D"


class OrdStatus(StrEnum):
    """OrdStatus (39)."""

    NEW = "0"
    PARTIALLY_FILLED = "1"
    FILLED = "2"
    CANCELED = "4"
    PENDING_CANCEL = "6"
    REJECTED = "8"
    PENDING_NEW = "A"


class ExecType(StrEnum):
    """ExecType (150)."""

    NEW = "0"
    CANCELED = "4"
    PENDING_CANCEL = "6"
    REJECTED = "8"
    TRADE = "F"


class OrdRejReason(StrEnum):
    """OrdRejReason (103): why an order is refused."""

    UNKNOWN_SYMBOL = "1"
    UNKNOWN_ORDER = "5"
    DUPLICATE_ORDER = "6"
    STALE_ORDER = "8"
    UNSUPPORTED_ORDER_CHARACTERISTIC = "11"
    INCORRECT_QUANTITY = "13"
    UNKNOWN_ACCOUNT = "15"
    INVALID_PRICE_INCREMENT = "18"
    OTHER = "99"


class CxlRejReason(StrEnum):
    """CxlRejReason (102): why a cancel is refused."""

    TOO_LATE_TO_CANCEL = "0"
    UNKNOWN_ORDER = "1"
    DUPLICATE_CL_ORD_ID = "6"


class SessionRejectReason(StrEnum):
    """SessionRejectReason (373): why a message is refused before its business is looked at."""

    REQUIRED_TAG_MISSING = "1"
    TAG_NOT_DEFINED_FOR_THIS_MESSAGE_TYPE = "2"
    VALUE_IS_INCORRECT = "5"
    INCORRECT_DATA_FORMAT_FOR_VALUE = "6"
    SENDING_TIME_ACCURACY_PROBLEM = "10"
    TAG_APPEARS_MORE_THAN_ONCE = "13"


class QuoteRespType(StrEnum):
    """QuoteRespType (694): what an answer to a quote is."""

    HIT_LIFT = "1"
    COUNTER = "2"
    EXPIRED = "3"
    PASS = "6"  # noqa: S105


class QuoteStatus(StrEnum):
    """QuoteStatus (297)."""

    ACCEPTED = "0"
    REJECTED = "5"
    EXPIRED = "7"
    PENDING = "10"
    PASS = "11"  # noqa: S105
    ACTIVE = "16"
    CANCELED = "17"


class QuoteRequestRejectReason(StrEnum):
    """QuoteRequestRejectReason (658): why a request for quote is refused. None is for a duplicate."""

    UNKNOWN_SYMBOL = "1"
    QUOTE_REQUEST_EXCEEDS_LIMIT = "3"
    TOO_LATE_TO_ENTER = "4"
    INVALID_PRICE = "5"
    NOT_AUTHORIZED_TO_REQUEST_QUOTE = "6"
    OTHER = "99"


class QuoteRejectReason(StrEnum):
    """QuoteRejectReason (300): why a quote, or an answer to one, is refused."""

    TOO_LATE_TO_ENTER = "4"
    UNKNOWN_QUOTE = "5"
    INVALID_BID_ASK_SPREAD = "7"
    INVALID_PRICE = "8"
    NOT_AUTHORIZED = "9"
    OTHER = "99"
