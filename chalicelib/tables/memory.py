"""Tables in memory, for tests and simulation: the same contract, in a hundredth of the time."""

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Sequence
from threading import RLock

from ..records.record import Item
from .registry import VERSION, Key, next_version
from .store import Page


class MemoryStore:
    """One table in memory; `on_insert` stands for its stream and hears of every new item."""

    def __init__(self, name: str, on_insert: Callable[[Item], None] | None = None) -> None:
        self.name = name
        self._on_insert = on_insert or (lambda item: None)
        self._items: dict[tuple[str, str], Item] = {}
        self._sort_keys: dict[str, list[str]] = defaultdict(list)
        self.lock = RLock()

    def insert(self, item: Item) -> Item | None:
        with self.lock:
            taken = self._items.get((item["pk"], item["sk"]))
            if taken is None:
                self._put(item)
            return taken

    def insert_together(self, items: Sequence[Item], unless: tuple[str, str] | None = None) -> bool:
        with self.lock:
            keys = [(item["pk"], item["sk"]) for item in items]
            if unless is not None:
                keys.append(unless)
            if any(key in self._items for key in keys):
                return False
            for item in items:
                self._put(item)
            return True

    def replace(self, item: Item) -> None:
        """Put an item in the place of one that may be there: only for a table written in place."""
        with self.lock:
            if (item["pk"], item["sk"]) in self._items:
                self._items[item["pk"], item["sk"]] = dict(item)
            else:
                self._put(item)

    def copy(self, items: Sequence[Item]) -> Sequence[Item]:
        for item in items:
            self.insert(item)
        return ()

    def get(self, pk: str, sk: str) -> Item | None:
        return self._items.get((pk, sk))

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
        assert pk
        assert first, "DynamoDB takes no empty key"
        with self.lock:
            keys = self._sort_keys[pk]
            found = keys[bisect_left(keys, first) : bisect_right(keys, last)]
            if backward:
                found.reverse()
            if beyond is not None:
                found = [sk for sk in found if (sk < beyond if backward else sk > beyond)]
            items = [self._items[pk, sk] for sk in found[:limit]]
            return Page(items, more=limit is not None and len(found) > limit)

    def everything(self) -> list[Item]:
        """All items, for checks that compare whole tables."""
        return [self._items[pk, sk] for pk in sorted(self._sort_keys) for sk in self._sort_keys[pk]]

    def _put(self, item: Item) -> None:
        kept = dict(item)
        self._items[item["pk"], item["sk"]] = kept
        insort(self._sort_keys[item["pk"]], item["sk"])
        self._on_insert(kept)


class MemoryRegistry:
    """Both tables in memory."""

    def __init__(self, kept: MemoryStore, records: MemoryStore) -> None:
        self.kept = kept
        self.records = records

    def read(self, *keys: Key) -> list[Item | None]:
        return [self.kept.get(*key) for key in keys]

    def commit(self, replaced: Sequence[Item], inserted: Sequence[Item]) -> bool:
        with self.kept.lock:
            for item in replaced:
                there = self.kept.get(item["pk"], item["sk"])
                if (there or {}).get(VERSION, "0") != item[VERSION]:
                    return False
            if not self.records.insert_together(inserted):
                return False
            for item in replaced:
                self.kept.replace(next_version(item))
            return True
