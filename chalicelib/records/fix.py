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
