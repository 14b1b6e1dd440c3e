"""Records of a trading conversation: a request for quote (RFQ), and what came of it.

A conversation is between two principals, one of whom is called. Each has a file of it, of records
that are only ever inserted:

    requested       what the initiating principal asked for, or why that was denied
    turn#0000 ...   the log of the conversation, kept by the called bank's node, which decides it:
                    every turn competes for the next place in it. In the initiating principal's file
                    lie copies of it.
    asked#0002      what the initiating principal wants done next, having seen that place of the log
    inquired#...    it asks what came of it
    ticket          what the deal means for the principal whose file this is

Each record says whom and what the conversation is about, so that one alone can be shown (T13).
"""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar, TypeVar

from .fix import BuySell, QuoteRequestRejectReason
from .record import Record

_Kind = TypeVar("_Kind", bound="ConversationRecord")

REQUESTED_KEY = "requested"
TICKET_KEY = "ticket"

_SPOT = "0"
_WHOLE = (
    "conversation",
    "initiating",
    "destination",
    "symbol",
    "side",
    "order_qty",
    "settl_type",
    "correlation_id",
)


class Step(StrEnum):
    """What was done in a conversation."""

    REQUESTED = "requested"
    DENIED = "denied"
    QUEUED = "queued"
    DUPLICATE = "duplicate"
    ANSWERED = "answered"
    QUOTED = "quoted"
    COUNTERED = "countered"
    MESSAGE = "message"
    PASSED = "passed"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    DEALT = "dealt"


# What a conversation does not go on after.
CONCLUDING = frozenset({Step.DENIED, Step.DUPLICATE, Step.PASSED, Step.WITHDRAWN, Step.EXPIRED, Step.DEALT})


class ConversationRecord(Record, abstract=True):
    """What every record of a conversation says.

    `principal` is whose file it lies in. `symbol` is the subject as it was asked for, `side` the
    initiating principal's (None: either), `order_qty` an amount of what is bought or sold - of the
    first currency of a pair -, `settl_type` the tenor (SettlType, 63). `correlation_id` names the request
    that this came of.
    """

    conversation: str
    principal: str
    initiating: str
    destination: str
    symbol: str
    side: BuySell | None = None
    order_qty: Decimal
    settl_type: str = _SPOT
    correlation_id: str | None = None

    @property
    def partition_key(self) -> str:
        return file_key(self.principal, self.conversation)

    @property
    def other(self) -> str:
        """The principal at the other end."""
        return self.destination if self.principal == self.initiating else self.initiating


class Requested(ConversationRecord):
    """A request for quote (QuoteRequest, 35=R) as a node let it through, or denied it.

    `transact_time` orders calls that cross. `called_terminal` is the one terminal that was named, if
    one was. `judged` names the latest call of the other principal's that this one has judged on the
    same subject, when that was made and what came of it: if it is the one that the other still has
    open, the other may conclude it.
    """

    step: Step
    quote_req_id: str
    trader: str
    terminal: str
    panel: int
    called_terminal: str | None = None
    valid_until_time: datetime
    judged: str | None = None
    judged_time: datetime | None = None
    judged_step: Step | None = None
    text: str | None = None

    @property
    def sort_key(self) -> str:
        return REQUESTED_KEY


class Turn(ConversationRecord):
    """One place of a conversation's log. Its first says what became of the call on arrival.

    `by` is the principal whose turn it was; `trader` and `terminal` are who called (place 0: the
    trader who calls and the terminal that is called), answered or acted. After `valid_until_time`
    the conversation expires, and so does a quote. Prices are of one unit; `price` is the counter's or
    the deal's, and `deal_side` the initiating principal's side of it. `panel` is the one in which the
    trader who answered has it.
    """

    place: int
    step: Step
    by: str
    trader: str | None = None
    terminal: str | None = None
    valid_until_time: datetime
    bid_px: Decimal | None = None
    offer_px: Decimal | None = None
    price: Decimal | None = None
    deal_side: BuySell | None = None
    settl_date: str | None = None
    panel: int | None = None
    text: str | None = None
    quote_request_reject_reason: QuoteRequestRejectReason | None = None

    @property
    def sort_key(self) -> str:
        return turn_key(self.place)

    @property
    def concludes(self) -> bool:
        return self.step in CONCLUDING


class Asked(ConversationRecord):
    """What the initiating principal wants done, having seen the log up to `answers` (QuoteResponse, 35=AJ).

    It is done once it has its place in the log. To hang up is answered whatever was seen.
    """

    answers: int
    step: Step
    trader: str | None = None
    price: Decimal | None = None
    deal_side: BuySell | None = None
    text: str | None = None

    @property
    def sort_key(self) -> str:
        return asked_key(self.step, self.answers)


class Inquired(ConversationRecord):
    """The initiating principal asks what came of a conversation whose deadline is over."""

    answers: int
    attempt: int

    @property
    def sort_key(self) -> str:
        return f"inquired#{self.attempt:04}"


class Ticket(ConversationRecord):
    """What a deal means for one of its parties: what it gets and gives, and when.

    A bond's `price` is clean: `accrued_interest_amt` is paid on top of it, and is part of what is given
    or received for it.
    """

    trader: str | None = None
    price: Decimal
    deal_side: BuySell
    received: str
    received_qty: Decimal
    given: str
    given_qty: Decimal
    accrued_interest_amt: Decimal | None = None
    settl_date: str
    exec_id: str

    @property
    def sort_key(self) -> str:
        return TICKET_KEY


class Message(Record):
    """A record on its way from one principal's node to another's, through city nodes (R1).

    `content` is the record as JSON; `passed` lists the nodes it has left, each with the time. Who
    relays it does not look into it.
    """

    # A whole record in JSON, and the nodes it has left: read once at each, and kept by nobody else.
    bytes_max: ClassVar[int] = 4096

    conversation: str
    message: str
    sender: str
    recipient: str
    passed: str
    content: str
    correlation_id: str | None = None

    @property
    def partition_key(self) -> str:
        return self.conversation

    @property
    def sort_key(self) -> str:
        return self.message


def file_key(principal: str, conversation: str) -> str:
    """Where a principal's file of a conversation lies."""
    return f"{principal}#{conversation}"


def turn_key(place: int) -> str:
    """Where a place of the log lies in a file."""
    return f"turn#{place:04}"


def asked_key(step: Step, answers: int) -> str:
    """One wish for each place that was seen, and one to be out of it."""
    return f"asked#{step}" if step in (Step.WITHDRAWN, Step.EXPIRED) else f"asked#{answers:04}"


def of_same(record: ConversationRecord, kind: type[_Kind], **facts: Any) -> _Kind:
    """A record of the same conversation, in the same file unless `principal` says otherwise."""
    whole = {name: getattr(record, name) for name in ("principal", *_WHOLE)}
    return kind(**{**whole, **facts})
