"""What follows once a record of a conversation is written: it is sent, shown and seen to.

None of it is part of what is decided: each can be repeated, and comes after what binds (R9).
"""

import json
from collections.abc import Callable
from datetime import timedelta

from ..records.conversations import Asked, ConversationRecord, Inquired, Requested, Step, Turn
from ..records.orders import ExecutionReport
from ..records.registrations import Shown
from .node import BankNode
from .tickets import execution, ticket

# The called bank's node expires a turn when its time is over; the other gives it this long to say so.
GRACE = timedelta(seconds=2)

# What a terminal shows is folded from what is as recent as this.
SHOWN_FOR = timedelta(hours=1)

# How long after an inquiry the next is made: doubling, up to this.
_INQUIRY_SECONDS_MAX = 900


def follow(record: ConversationRecord, node: BankNode, book: Callable[[ExecutionReport], object]) -> None:
    """Do what a new record in a principal's file calls for; the same again whenever it is repeated.

    `book` writes an execution to the street side's records.
    """
    match record:
        case Requested(step=Step.REQUESTED):
            node.send(record, record.destination, record.sort_key)
            node.schedule(record.partition_key, record.valid_until_time + GRACE)
        case Turn():
            _follow_turn(record, node, book)
        case Asked():
            node.send(record, record.destination, record.sort_key)
        case Inquired():
            node.send(record, record.destination, record.sort_key)
            wait = timedelta(seconds=min(2**record.attempt, _INQUIRY_SECONDS_MAX))
            node.schedule(record.partition_key, record.transact_time + wait)
    if not _is_unheard(record):
        show(record, node)


def show(record: ConversationRecord, node: BankNode) -> None:
    """Have a record shown at the terminals of the principal whose file it is in."""
    now = node.clock()
    content = {name: text for name, text in record.to_item().items() if name not in ("pk", "sk")}
    shown = Shown(
        origin=node.name,
        transact_time=now,
        principal=record.principal,
        key=f"{record.conversation}#{record.sort_key}",
        content=json.dumps(content, separators=(",", ":")),
        expires=int((now + SHOWN_FOR).timestamp()),
    )
    node.registry.kept.insert(shown.to_item())


def _is_unheard(record: ConversationRecord) -> bool:
    """Whether a call was refused on arrival: nothing of it appears at the called bank (R7)."""
    return (
        isinstance(record, Turn)
        and record.place == 0
        and record.concludes
        and record.principal == record.destination
    )


def _follow_turn(turn: Turn, node: BankNode, book: Callable[[ExecutionReport], object]) -> None:
    is_decider = turn.principal == turn.destination
    if is_decider:
        node.send(turn, turn.initiating, turn.sort_key)
    if not turn.concludes:
        node.schedule(turn.partition_key, turn.valid_until_time + (timedelta(0) if is_decider else GRACE))
    if turn.step is Step.DEALT:
        report = execution(turn, turn.principal, node.utility.code, node.secret, node.name)
        node.registry.records.insert(ticket(turn, turn.principal, report).to_item())
        book(report)
