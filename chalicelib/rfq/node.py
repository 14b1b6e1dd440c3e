"""A bank's node: where its decisions are applied, each all or nothing, and what follows is set going."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..enterprise import Enterprise, Utility
from ..records.conversations import ConversationRecord, file_key
from ..records.instruments import subject_key
from ..records.record import UnreadableRecord, read_record
from ..records.registrations import InPlace, Panels, Registration
from ..records.times import Clock
from ..refusals import UnknownConversation
from ..state.conversations import Conversation, fold_conversation
from ..tables.reading import read_all
from ..tables.registry import Registry
from ..tables.store import Unreachable, span
from .decisions import Decision, Rules

# As often as this a decision is made anew because others were at the same items. Sixty-four at once need
# four attempts, and eight where two of five fail for other reasons; who needs more is told to ask again.
_ATTEMPTS_MAX = 16

# A table that does not answer takes seconds to say so: who waits for it is told before giving up waiting.
_PATIENCE = timedelta(seconds=5)


@dataclass(frozen=True, kw_only=True)
class BankNode:
    """What a bank's node works with.

    `send` brings a record to the node of another principal, under an identifier that a repeat has
    again; `schedule` has `see_to` called for a file at a time; `pause` waits before an attempt.
    """

    utility: Utility
    enterprise: Enterprise
    secret: bytes
    registry: Registry
    rules: Rules
    clock: Clock
    send: Callable[[ConversationRecord, str, str], None]
    schedule: Callable[[str, datetime], None]
    pause: Callable[[int], None]

    @property
    def name(self) -> str:
        return self.utility.name


@dataclass(frozen=True, kw_only=True)
class Trader:
    """Who acts at a terminal: what the token says."""

    principal: str
    trader: str
    terminal: str


def settle(node: BankNode, decide: Callable[[], Decision]) -> Decision:
    """Decide and write, and decide again whenever what was decided on has changed meanwhile.

    A transaction that met another, was throttled, or whose answer was lost is decided again, too: what
    is found then tells whether it was written, by whose conversation is registered.
    """
    give_up = node.clock() + _PATIENCE
    for attempt in range(_ATTEMPTS_MAX):
        node.pause(attempt)
        try:
            decision = decide()
            if commit(node, decision):
                return decision
        except Unreachable:
            if attempt == _ATTEMPTS_MAX - 1 or node.clock() > give_up:
                raise
    raise Unreachable(f"{node.name}: its registration was busy {_ATTEMPTS_MAX} times; ask again")


def commit(node: BankNode, decision: Decision) -> bool:
    """Write what was decided: False if what it rests on has changed."""
    replaced = [item for item in (decision.registration, decision.panels) if item is not None]
    records = decision.records
    if not replaced and not records:
        return True
    if not replaced and len(records) == 1:
        return node.registry.records.insert(records[0].to_item()) is None
    return node.registry.commit([_kept(item) for item in replaced], [r.to_item() for r in records])


def registration_of(node: BankNode, principal: str, other: str, symbol: str) -> Registration:
    """The registration of a subject between two principals as it would be if there were none yet."""
    return Registration(
        origin=node.name,
        transact_time=node.clock(),
        principal=principal,
        counterparty=other,
        subject=subject_key(symbol),
    )


def read_registration(node: BankNode, principal: str, other: str, symbol: str) -> Registration:
    """The registration of a subject between a principal of this node and another."""
    blank = registration_of(node, principal, other, symbol)
    (item,) = node.registry.read((blank.partition_key, blank.sort_key))
    return blank if item is None else Registration.from_item(item)


def read_call(node: BankNode, by: Trader, other: str, symbol: str) -> tuple[Registration, Panels]:
    """What an outgoing call rests on, in one read: the subject's registration and the trader's panels."""
    registration, panels = registration_of(node, by.principal, other, symbol), panels_of(node, by)
    found = node.registry.read(
        (registration.partition_key, registration.sort_key), (panels.partition_key, panels.sort_key)
    )
    return (
        registration if found[0] is None else Registration.from_item(found[0]),
        panels if found[1] is None else Panels.from_item(found[1]),
    )


def panels_of(node: BankNode, by: Trader) -> Panels:
    """A trader's panels as they would be if none had been taken yet."""
    return Panels(origin=node.name, transact_time=node.clock(), principal=by.principal, trader=by.trader)


def read_panels(node: BankNode, by: Trader) -> Panels:
    """A trader's panels."""
    blank = panels_of(node, by)
    (item,) = node.registry.read((blank.partition_key, blank.sort_key))
    return blank if item is None else Panels.from_item(item)


def read_registered(node: BankNode, registration: Registration) -> Conversation:
    """The conversation that a registration is about; empty if it is free."""
    if registration.conversation is None:
        return Conversation()
    return read_file(node, registration.principal, registration.conversation)


def read_file(node: BankNode, principal: str, conversation: str) -> Conversation:
    """A principal's file of a conversation."""
    records = []
    for item in read_all(file_key(principal, conversation), *span(""), node.registry.records):
        record = read_record(item)
        if not isinstance(record, ConversationRecord):
            raise UnreadableRecord(f"{item['pk']}/{item['sk']}: no record of a conversation")
        records.append(record)
    return fold_conversation(records)


def read_conversation(node: BankNode, principal: str, conversation: str) -> tuple[Registration, Conversation]:
    """What a turn rests on; UnknownConversation if the principal has no file of it.

    The registration is read before the file: what is written only if the registration is still as it was
    then rests on all that was written together with it.
    """
    page = node.registry.records.query(file_key(principal, conversation), *span(""), limit=1)
    if not page.items:
        raise UnknownConversation(conversation)
    record = read_record(page.items[0])
    assert isinstance(record, ConversationRecord)
    registration = read_registration(node, principal, record.other, record.symbol)
    return registration, read_file(node, principal, conversation)


def read_own_file(node: BankNode, principal: str, conversation: str) -> Conversation:
    """A principal's file of a conversation; UnknownConversation if there is none."""
    file = read_file(node, principal, conversation)
    if file.any is None:
        raise UnknownConversation(conversation)
    return file


def _kept(item: InPlace) -> dict[str, str]:
    return item.to_item()
