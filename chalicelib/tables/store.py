"""What a table can do, whatever keeps it.

Three ways to insert and two to read; there is no update and no delete (T11).

    StoreError
    └── Unreachable     the table did not answer, or not in time; nothing is known of the write
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ..records.record import Item


class StoreError(Exception):
    """A table did not do what it was asked; the message names it."""


class Unreachable(StoreError):
    """A table that did not answer. A write may or may not have been made: ask again."""


@dataclass(frozen=True)
class Page:
    """Items in key order, and whether there are more behind them."""

    items: Sequence[Item]
    more: bool


class Store(Protocol):
    """One table. Items are keyed by `pk` and `sk`; every method raises Unreachable."""

    name: str

    def insert(self, item: Item) -> Item | None:
        """Insert an item if its key is free: None. If it is taken: the item that has it."""

    def insert_together(self, items: Sequence[Item], unless: tuple[str, str] | None = None) -> bool:
        """Insert all: True. If any key is taken, or the key `unless` exists: none, and False."""

    def copy(self, items: Sequence[Item]) -> Sequence[Item]:
        """Put copies of another utility's records, any number; return those not taken yet.

        Unconditional, hence one request for 25: a key never has two contents, and putting the
        same again changes nothing and wakes no stream.
        """

    def get(self, pk: str, sk: str) -> Item | None:
        """One item, as it is now."""

    def query(
        self,
        pk: str,
        first: str,
        last: str,
        *,
        backward: bool = False,
        limit: int | None = None,
        beyond: str | None = None,
    ) -> Page:
        """Items of a partition with first <= sk <= last, at most `limit` or 1 MB of them.

        `beyond` is the sort key of the last item of the page before.
        """


def span(prefix: str) -> tuple[str, str]:
    """The first and last sort key that begin with a prefix; keys are ASCII below `~`.

    DynamoDB takes no empty string for a key, in a condition neither: all keys are from `!` on.
    """
    return prefix or "!", prefix + "~"
