"""The one table that is written in place, and what is written together with it.

A bank's node changes a registration and writes the records that say so in one transaction, which
holds only if every item that is replaced is still the version that was read.
"""

from collections.abc import Sequence
from typing import Protocol

from ..records.record import Item
from .store import Store

VERSION = "Version"

Key = tuple[str, str]


class Registry(Protocol):
    """Two tables of a node's: what is kept in place, and the records of its conversations."""

    @property
    def kept(self) -> Store:
        """What is written in place."""

    @property
    def records(self) -> Store:
        """What is only ever inserted."""

    def read(self, *keys: Key) -> list[Item | None]:
        """Items of the table in place, as they are now, in one request; Unreachable."""

    def commit(self, replaced: Sequence[Item], inserted: Sequence[Item]) -> bool:
        """Put the items in place of the versions they say they are, and insert the records.

        All or none: False if an item has another version by now, or a record's key is taken.
        Unreachable if nothing is known of it, or if others were at the same items: read again.
        """


def next_version(item: Item) -> Item:
    """What an item is replaced by: itself, one version on."""
    return {**item, VERSION: str(int(item[VERSION]) + 1)}
