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
    STOP = "3"
    STOP_LIMIT = "4"
    PREVIOUSLY_QUOTED = "D"


class TimeInForce(StrEnum):
    """TimeInForce (59). An order that says none is good for its day."""

    DAY = "0"
    GOOD_TILL_CANCEL = "1"
    IMMEDIATE_OR_CANCEL = "3"
    FILL_OR_KILL = "4"
    GOOD_TILL_DATE = "6"


class OrdStatus(StrEnum):
    """OrdStatus (39)."""

    NEW = "0"
    PARTIALLY_FILLED = "1"
    FILLED = "2"
    DONE_FOR_DAY = "3"
    CANCELED = "4"
    PENDING_CANCEL = "6"
    STOPPED = "7"
    REJECTED = "8"
    SUSPENDED = "9"
    PENDING_NEW = "A"
    CALCULATED = "B"
    EXPIRED = "C"
    PENDING_REPLACE = "E"


class ExecType(StrEnum):
    """ExecType (150)."""

    NEW = "0"
    DONE_FOR_DAY = "3"
    CANCELED = "4"
    REPLACED = "5"
    PENDING_CANCEL = "6"
    STOPPED = "7"
    REJECTED = "8"
    SUSPENDED = "9"
    CALCULATED = "B"
    EXPIRED = "C"
    RESTATED = "D"
    PENDING_REPLACE = "E"
    TRADE = "F"
    TRADE_CORRECT = "G"
    TRADE_CANCEL = "H"
    ORDER_STATUS = "I"
    TRIGGERED = "L"


class ExecRestatementReason(StrEnum):
    """ExecRestatementReason (378): why an order is other than its customer asked for."""

    GT_CORPORATE_ACTION = "0"
    GT_RENEWAL = "1"
    VERBAL_CHANGE = "2"
    REPRICING_OF_ORDER = "3"
    BROKER_OPTION = "4"
    PARTIAL_DECLINE_OF_ORDER_QTY = "5"
    CANCEL_ON_TRADING_HALT = "6"
    CANCEL_ON_SYSTEM_FAILURE = "7"
    MARKET_OPTION = "8"
    CANCELED_NOT_BEST = "9"
    OTHER = "99"


class OrdRejReason(StrEnum):
    """OrdRejReason (103): why an order is refused."""

    UNKNOWN_SYMBOL = "1"
    ORDER_EXCEEDS_LIMIT = "3"
    TOO_LATE_TO_ENTER = "4"
    UNKNOWN_ORDER = "5"
    DUPLICATE_ORDER = "6"
    STALE_ORDER = "8"
    UNSUPPORTED_ORDER_CHARACTERISTIC = "11"
    INCORRECT_QUANTITY = "13"
    UNKNOWN_ACCOUNT = "15"
    INVALID_PRICE_INCREMENT = "18"
    OTHER = "99"


class CxlRejReason(StrEnum):
    """CxlRejReason (102): why a cancel or a replacement is refused."""

    TOO_LATE_TO_CANCEL = "0"
    UNKNOWN_ORDER = "1"
    BROKER_OPTION = "2"
    DUPLICATE_CL_ORD_ID = "6"
    INVALID_PRICE_INCREMENT = "18"
    OTHER = "99"


class CxlRejResponseTo(StrEnum):
    """CxlRejResponseTo (434): what is refused."""

    ORDER_CANCEL_REQUEST = "1"
    ORDER_CANCEL_REPLACE_REQUEST = "2"


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
