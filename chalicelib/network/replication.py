"""Replication: a utility's own records, copied to every peer that holds them (T8, T17).

A copy is made at once or parked, peer by peer: what one cannot take now goes to that peer's queue,
and the others have theirs without waiting for it.
"""

import json
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from ..records.record import Item
from ..tables.store import Store, Unreachable

# A peer that did not answer is not asked again for this long: its records are parked at once.
SUSPECTED_FOR = timedelta(seconds=15)

# What a queue takes in one message, and a record with its JSON around it, in bytes.
_MESSAGE_BYTES_MAX = 256 * 1024
_PARKED_RECORD_BYTES_MAX = 2048
PARKED_TOGETHER_MAX = _MESSAGE_BYTES_MAX // _PARKED_RECORD_BYTES_MAX

# How long a parked message waits for its next try: doubling, up to SQS's usual quarter of an hour.
_BACK_OFF_SECONDS_MAX = 900


class Queue(Protocol):
    """Messages that are delivered at least once, none before its delay is over."""

    def send(self, body: str, delay: timedelta = timedelta(0)) -> None:
        """Keep a message until it has been handled."""

    def hold(self, receipt: str, wait: timedelta) -> None:
        """Keep a received message out of sight for a while longer."""

    def take_back_dead(self) -> int:
        """Put some of the messages that failed too often back: how many."""


@dataclass(frozen=True, kw_only=True)
class Copied:
    """What came of records on their way to one peer."""

    peer: str
    copied: Sequence[Item]
    parked: Sequence[Item]


@dataclass(frozen=True, kw_only=True)
class Peers:
    """The tables that hold copies of one utility's records, and where to park what they cannot take.

    `suspected` remembers who did not answer, within one process and for a short while.
    """

    tables: Mapping[str, Store]
    queues: Callable[[str], Queue]
    at_once: Callable[[Callable[[str], Copied], Iterable[str]], Iterable[Copied]] = map
    suspected: MutableMapping[str, datetime] = field(default_factory=dict)


def replicate(items: Sequence[Item], peers: Peers, *, now: datetime) -> list[Copied]:
    """Copy records to every peer, or park them for it: what came of it, peer by peer."""

    def to_one(name: str) -> Copied:
        left = items
        if peers.suspected.get(name, now) <= now:
            try:
                left = peers.tables[name].copy(items)
            except Unreachable:
                peers.suspected[name] = now + SUSPECTED_FOR
        park(left, peers.tables[name].name, peers.queues(name))
        return Copied(peer=name, copied=[item for item in items if item not in left], parked=left)

    # An error while parking is an error of the whole batch.
    return list(peers.at_once(to_one, peers.tables))


def deliver(item: Item, inbox: Store, queue: Queue) -> None:
    """Put a message into a peer's inbox, or park it for the peer."""
    try:
        inbox.insert(item)
    except Unreachable:
        park([item], inbox.name, queue)


def park(items: Sequence[Item], table: str, queue: Queue) -> None:
    """Keep what a table could not take, in as few messages as there can be."""
    for start in range(0, len(items), PARKED_TOGETHER_MAX):
        together = list(items[start : start + PARKED_TOGETHER_MAX])
        queue.send(json.dumps({"table": table, "items": together}))


def retry(body: str, open_table: Callable[[str], Store]) -> None:
    """Try a parked message again; Unreachable if any of it is still not taken."""
    parked = json.loads(body)
    table, items = open_table(parked["table"]), parked["items"]
    if len(items) == 1:
        # A message between nodes may have come again meanwhile, sent at another time: the first stays.
        table.insert(items[0])
        return
    left = table.copy(items)
    if left:
        raise Unreachable(f"{parked['table']}: {len(left)} of {len(items)} not taken")


def back_off(tries: int) -> timedelta:
    """How long to wait after so many tries."""
    return timedelta(seconds=min(2**tries, _BACK_OFF_SECONDS_MAX))
