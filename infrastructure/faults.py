"""Faults on purpose: a local utility that dies at a chosen write.

`after:s1-inbox:#claim` dies as soon as an item whose sort key contains `#claim` is in `s1-inbox`;
`before:c2-customer:` dies instead of writing anything to `c2-customer`.
"""

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.records.record import Item
from chalicelib.tables.store import Page, Store


@dataclass(frozen=True)
class Fault:
    """When to die: before or after a write to a table, of a key that contains some text."""

    moment: str
    table: str
    key_part: str

    def strikes(self, moment: str, table: str, items: Sequence[Item]) -> None:
        """Die, as by `kill -9`, if this is the moment."""
        if (
            moment == self.moment
            and table.endswith(self.table)
            and any(self.key_part in item["sk"] for item in items)
        ):
            os.kill(os.getpid(), signal.SIGKILL)


def parse_fault(text: str) -> Fault:
    """Read `MOMENT:TABLE:KEY`; ValueError if it is none."""
    moment, _, rest = text.partition(":")
    table, _, key_part = rest.partition(":")
    if moment not in ("before", "after") or not table:
        raise ValueError(f"expected before:TABLE:KEY or after:TABLE:KEY, found {text!r}")
    return Fault(moment, table, key_part)


class Interposed:
    """A table with somebody in between, who sees every request and may prevent it."""

    def __init__(self, store: Store) -> None:
        self.name = store.name
        self.store = store

    def before_read(self) -> None:
        """Called before every read."""

    def before_write(self, items: Sequence[Item]) -> None:
        """Called before every write."""

    def after_write(self, items: Sequence[Item]) -> None:
        """Called after every write, before its caller hears of it."""

    def insert(self, item: Item) -> Item | None:
        self.before_write([item])
        taken = self.store.insert(item)
        self.after_write([item])
        return taken

    def insert_together(self, items: Sequence[Item], unless: tuple[str, str] | None = None) -> bool:
        self.before_write(items)
        done = self.store.insert_together(items, unless)
        self.after_write(items)
        return done

    def copy(self, items: Sequence[Item]) -> Sequence[Item]:
        self.before_write(items)
        left = self.store.copy(items)
        self.after_write(items)
        return left

    def get(self, pk: str, sk: str) -> Item | None:
        self.before_read()
        return self.store.get(pk, sk)

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
        self.before_read()
        return self.store.query(pk, first, last, backward=backward, limit=limit, beyond=beyond)


class FaultyStore(Interposed):
    """A table whose writer may be killed before or after a write."""

    def __init__(self, store: Store, fault: Fault) -> None:
        super().__init__(store)
        self._fault = fault

    def before_write(self, items: Sequence[Item]) -> None:
        self._fault.strikes("before", self.name, items)

    def after_write(self, items: Sequence[Item]) -> None:
        self._fault.strikes("after", self.name, items)
