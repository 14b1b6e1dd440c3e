"""Messages between banks' nodes, relayed inbox to inbox by city nodes (R1).

A bank's node writes to its own city's inbox alone. Each city node picks the next by what it knows of
the cities linked to it, so two messages may take two ways; traders never see which. A message has the
same key in every inbox it passes: whichever way a repeat takes, it is delivered once.
"""

import json
from collections.abc import Callable, Collection, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import starmap

from ..enterprise import routes
from ..records.conversations import ConversationRecord, Message
from ..records.record import UnreadableRecord, read_record
from ..records.times import format_time, parse_time
from ..tables.reading import is_silent
from ..tables.store import Store, Unreachable
from . import replication
from .replication import SUSPECTED_FOR, Queue, deliver, park

# What a message may have left, its sender included: an item of known size, and no endless circles.
PASSED_MAX = 16


@dataclass(frozen=True)
class Hop:
    """A node that a message has left, and when."""

    node: str
    left: datetime


@dataclass(frozen=True, kw_only=True)
class CityNode:
    """A city node: which nodes are at which city, the links, and where messages for others go.

    `life` has the signs of life of the cities linked to this one. `suspected` remembers who did not
    answer, within one process and for a short while.
    """

    name: str
    cities: Mapping[str, str]
    links: Mapping[str, Collection[str]]
    life: Store
    inbox: Callable[[str], Store]
    queue: Callable[[str], Queue]
    suspected: MutableMapping[str, datetime] = field(default_factory=dict)


def dispatch(
    record: ConversationRecord,
    *,
    to: str,
    sender: str,
    message_id: str,
    now: datetime,
    city_inbox: Store,
    queue: Queue,
) -> None:
    """Send a record from a bank's node to another's by way of the sender's city, or park it for that."""
    message = Message(
        origin=sender,
        transact_time=now,
        conversation=record.conversation,
        message=message_id,
        sender=sender,
        recipient=to,
        passed=_hop(sender, now),
        content=json.dumps(record.to_item(), ensure_ascii=False, separators=(",", ":")),
        correlation_id=record.correlation_id,
    )
    deliver(message.to_item(), city_inbox, queue)


def unwrap(message: Message) -> ConversationRecord:
    """The record that a message brings; UnreadableRecord if it is none of a conversation."""
    try:
        item = json.loads(message.content)
    except ValueError as error:
        raise UnreadableRecord(f"message {message.message}: {error}") from None
    if not isinstance(item, dict) or not all(isinstance(value, str) for value in item.values()):
        raise UnreadableRecord(f"message {message.message}: expected a record, found {message.content!r}")
    record = read_record(item)
    if not isinstance(record, ConversationRecord):
        raise UnreadableRecord(f"message {message.message}: {item['RecordType']} is of no conversation")
    return record


def hops(message: Message) -> tuple[Hop, ...]:
    """The nodes that a message has left, its sender first; UnreadableRecord if it does not say so."""
    try:
        parts = [part.split("@") for part in message.passed.split(",")]
        return tuple(Hop(node, parse_time(left)) for node, left in parts)
    except ValueError as error:
        raise UnreadableRecord(f"message {message.message}: Passed {message.passed!r}: {error}") from None


def relay(message: Message, at: CityNode, *, now: datetime) -> None:
    """Bring a message one hop nearer to its recipient, or park it until somebody there answers.

    UnreadableRecord if nobody here knows the recipient, or if it has passed too many already.
    """
    waiting = _forward(message, at, now)
    if waiting is not None:
        item = _leaving(message, at.name, now).to_item()
        park([item], at.inbox(waiting).name, at.queue(waiting))


def retry(body: str, at: CityNode, open_table: Callable[[str], Store], *, now: datetime) -> None:
    """Try what a city node has parked again; a message takes another way if there is one by now.

    Unreachable if it is still not taken.
    """
    items = json.loads(body)["items"]
    if any(item["RecordType"] != Message.__name__ for item in items):
        replication.retry(body, open_table)
        return
    for item in items:
        message = Message.from_item(item)
        waiting = _forward(message, at, now)
        if waiting is not None:
            raise Unreachable(f"message {message.message}: still waiting for {waiting}")


def _forward(message: Message, at: CityNode, now: datetime) -> str | None:
    """Hand a message on: None, or whom it has to wait for."""
    item = _leaving(message, at.name, now).to_item()
    ways, first = _ways(message, at, now)
    for name in ways:
        try:
            at.inbox(name).insert(item)
        except Unreachable:
            at.suspected[name] = now + SUSPECTED_FOR
        else:
            return None
    return first


def _ways(message: Message, at: CityNode, now: datetime) -> tuple[tuple[str, ...], str]:
    """Whom to ask to take a message, one after the other, and for whom it waits if nobody does.

    Those that do not seem to be there are asked last: it may be the only way, and an inbox takes
    messages also while its city node is down.
    """
    city = at.cities.get(message.recipient)
    if city is None:
        raise UnreadableRecord(f"message {message.message}: no bank's node {message.recipient!r}")
    if city == at.name:
        return (message.recipient,), message.recipient
    passed = {hop.node for hop in hops(message)}
    every_way = routes(at.links, at.name, city, passed)
    if not every_way:
        # Only if the files differ. A city that has had a message would not take it twice, so it waits.
        return (), routes(at.links, at.name, city)[0]
    away = {name for name in at.links[at.name] if not _answers(name, at, now)}
    good = [name for name in routes(at.links, at.name, city, passed | away) if name not in passed | away]
    return tuple(dict.fromkeys([*good, every_way[0]])), every_way[0]


def _answers(city: str, at: CityNode, now: datetime) -> bool:
    return at.suspected.get(city, now) <= now and not is_silent(city, at.life, now)


def _leaving(message: Message, node: str, now: datetime) -> Message:
    """The message as it is when it leaves a node; of a node that tries again only the last time counts."""
    passed = [(hop.node, hop.left) for hop in hops(message)]
    if passed[-1][0] == node:
        passed.pop()
    if len(passed) >= PASSED_MAX:
        raise UnreadableRecord(f"message {message.message}: has passed {len(passed)} nodes already")
    return replace(message, passed=",".join(starmap(_hop, [*passed, (node, now)])))


def _hop(node: str, left: datetime) -> str:
    return f"{node}@{format_time(left)}"
