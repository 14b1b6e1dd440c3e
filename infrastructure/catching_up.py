"""Catching up: what a utility lacks of the records it holds, copied from those who have them.

A stream keeps its records for a day. Whoever joins later, or has lost some, is brought what the others
have, by conditional inserts: again is the same, and it may run beside replication.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from rich.table import Table

from chalicelib.enterprise import Enterprise, EnterpriseError, Holding, Utility
from chalicelib.records.record import Item
from chalicelib.tables.attributes import decode

from .provision import EXPIRING

Key = tuple[str, str]
# How the inserts of a batch are made: one after the other, or in threads.
AtOnce = Callable[[Callable[[Item], Item | None], Iterable[Item]], Iterable[Item | None]]

# As many keys as DynamoDB looks up in one request.
_BATCH_MAX = 100


class Replica(Protocol):
    """A table that is compared and filled up."""

    def insert(self, item: Item) -> Item | None:
        """Insert an item if its key is free: None. If it is taken: the item that has it."""

    def get_together(self, keys: Sequence[Key]) -> dict[Key, Item]:
        """Those of some items that there are, in one request."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A utility's table that has records which another is to have, too: those of some origins, and if it
    has them, those of utilities that have left the enterprise file."""

    name: str
    holding: Holding
    origins: frozenset[str]
    departed: bool


@dataclass(frozen=True)
class Compared:
    """What came of a part of a source: how many records, the keys of those that the utility lacked, and
    of those that are other than the source's."""

    records: int
    missing: tuple[Key, ...]
    different: tuple[Key, ...]


@dataclass(kw_only=True)
class Tally:
    """What came of a whole source."""

    source: Source
    records: int = 0
    missing: int = 0
    different: list[Key] = field(default_factory=list)

    def add(self, part: Compared) -> None:
        self.records += part.records
        self.missing += len(part.missing)
        self.different += part.different


def sources(enterprise: Enterprise, utility: Utility, only: str | None = None) -> tuple[Source, ...]:
    """Where a utility's records are: at those who wrote them, and its own at those who hold copies.

    With `only`, all that this one other utility has of them. EnterpriseError if that is nothing.
    """
    others = [other for other in enterprise.utilities if other != utility]
    asked = others if only is None else [enterprise.utility(only)]
    found = [
        _source(enterprise, utility, other, holding, others if _has_all(only, holding) else [other])
        for holding in utility.holdings
        # Prices and signs of life come anew by themselves.
        if holding not in EXPIRING
        for other in asked
        if other != utility and holding in other.holdings
    ]
    found = [source for source in found if source.origins]
    if not found:
        raise EnterpriseError(f"{only or 'nobody'} has no records that utility {utility.name!r} holds, too")
    return tuple(found)


def _has_all(only: str | None, holding: Holding) -> bool:
    # What one bank has of another's conversations is its own file of them.
    return only is not None and holding is not Holding.CONVERSATIONS


def _source(
    enterprise: Enterprise, utility: Utility, other: Utility, holding: Holding, writers: Iterable[Utility]
) -> Source:
    copied = {writer.name for writer in writers if utility.name in enterprise.holders(writer, holding)}
    own = {utility.name} if other.name in enterprise.holders(utility, holding) else set()
    departed = bool(copied) and holding is not Holding.CONVERSATIONS
    return Source(name=other.name, holding=holding, origins=frozenset(copied | own), departed=departed)


def is_held(item: Item, source: Source, enterprise: Enterprise) -> bool:
    """Whether a record of a source is one that the other utility is to have.

    Marks have no origin, and are nobody's but the firm's.
    """
    origin = item.get("Origin")
    if origin is None or origin in source.origins:
        return origin is not None
    return source.departed and all(origin != known.name for known in enterprise.utilities)


def _read(table: str, dynamodb: Any) -> Iterator[Sequence[Item]]:
    """A whole table, some records at a time."""
    for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        items = [decode(found) for found in page["Items"]]
        for start in range(0, len(items), _BATCH_MAX):
            yield items[start : start + _BATCH_MAX]


def _compare(
    items: Sequence[Item],
    replica: Replica,
    *,
    mend: bool,
    at_once: AtOnce = map,
) -> Compared:
    """Compare some records with a replica, and if it is to be mended, insert those that it lacks."""
    by_key = {(item["pk"], item["sk"]): item for item in items}
    there = replica.get_together(tuple(by_key)) if by_key else {}
    missing = tuple(key for key in by_key if key not in there)
    different = [key for key, item in there.items() if item != by_key[key]]
    if mend:
        inserted = at_once(replica.insert, [by_key[key] for key in missing])
        # It may have come by its stream meanwhile.
        different += [
            key
            for key, taken in zip(missing, inserted, strict=True)
            if taken is not None and taken != by_key[key]
        ]
    return Compared(len(by_key), missing, tuple(different))


def catch_up(
    source: Source,
    enterprise: Enterprise,
    *,
    dynamodb: Any,
    replica: Replica,
    mend: bool,
    at_once: AtOnce = map,
) -> Iterator[Compared]:
    """Go through a source, and say what was found after every some records."""
    table = enterprise.table(source.name, source.holding)
    for items in _read(table, dynamodb):
        held = [item for item in items if is_held(item, source, enterprise)]
        yield _compare(held, replica, mend=mend, at_once=at_once)


def caught_table(name: str, caught: Iterable[Tally]) -> Table:
    """One row per source, for a terminal."""
    table = Table("Records", "At", "Compared", f"Lacked by {name}", "Different")
    for tally in caught:
        counts = (tally.records, tally.missing, len(tally.different))
        table.add_row(tally.source.holding, tally.source.name, *map(str, counts))
    return table


def caught_json(caught: Iterable[Tally]) -> list[dict[str, Any]]:
    """The same, for programs."""
    return [
        {
            "holding": tally.source.holding,
            "at": tally.source.name,
            "records": tally.records,
            "missing": tally.missing,
            "different": tally.different,
        }
        for tally in caught
    ]
