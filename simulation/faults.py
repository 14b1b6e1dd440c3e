"""What can go wrong at a table, as its caller sees it.

A `Window` is how one utility sees one table: through it a write may find its utility killed before or
after, its link cut, or its answer lost on the way back.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from chalicelib.records.record import Item
from chalicelib.tables.registry import Key, Registry
from chalicelib.tables.store import Store, Unreachable
from infrastructure.faults import Interposed


class Killed(BaseException):
    """A utility has been killed: not an error that anything of it could handle."""


@dataclass
class Faults:
    """What is to go wrong, and how often each kind has struck.

    `dies_at` counts down the writes of a utility; `loses` the answers it is still to lose, `conflicts`
    the transactions of it that are still to meet others'; `cut` has the pairs of utility and owner of
    tables that cannot reach each other, `silent` the street utilities whose exchange does not answer.
    `meanwhile` is what happens just before a utility's next write:
    after whatever that rests on was read.
    """

    dies_at: dict[str, tuple[int, str]] = field(default_factory=dict)
    loses: dict[str, int] = field(default_factory=dict)
    conflicts: dict[str, int] = field(default_factory=dict)
    cut: set[tuple[str, str]] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    meanwhile: dict[str, Callable[[], None]] = field(default_factory=dict)
    struck: Counter[str] = field(default_factory=Counter)

    def heal(self) -> None:
        """Let nothing more go wrong."""
        self.dies_at.clear()
        self.loses.clear()
        self.conflicts.clear()
        self.meanwhile.clear()
        self.cut.clear()
        self.silent.clear()

    def before_write(self, by: str) -> None:
        happens = self.meanwhile.pop(by, None)
        if happens is not None:
            self.struck["something else happens before a write"] += 1
            happens()
        self._count_down(by, "before")

    def before_commit(self, by: str) -> None:
        """Unreachable if the transaction meets another: nothing is written, and nothing known of it."""
        self.before_write(by)
        if self.conflicts.get(by):
            self.conflicts[by] -= 1
            self.struck["transaction met another"] += 1
            raise Unreachable("the transaction met another")

    def after_write(self, by: str) -> None:
        self._count_down(by, "after")
        if self.loses.get(by):
            self.loses[by] -= 1
            self.struck["response lost after commit"] += 1
            raise Unreachable("the answer was lost")

    def _count_down(self, by: str, moment: str) -> None:
        writes, when = self.dies_at.get(by, (0, ""))
        if when != moment:
            return
        if writes > 0:
            self.dies_at[by] = writes - 1, when
            return
        del self.dies_at[by]
        self.struck[f"killed {moment} a write"] += 1
        raise Killed(by)

    def hears_venue(self, by: str) -> bool:
        """Whether the exchange answers a street utility."""
        if by in self.silent:
            self.struck["venue silent"] += 1
        return by not in self.silent

    def reach(self, by: str, owner: str) -> None:
        """Unreachable if the link is down."""
        if (by, owner) in self.cut:
            self.struck["link down"] += 1
            raise Unreachable(f"{by} does not reach {owner}")


class Window(Interposed):
    """A table as one utility sees it."""

    def __init__(self, table: Store, by: str, owner: str, faults: Faults) -> None:
        super().__init__(table)
        self._by = by
        self._owner = owner
        self._faults = faults

    def copy(self, items: Sequence[Item]) -> Sequence[Item]:
        # One item at a time: a batch may end anywhere.
        for item in items:
            super().copy([item])
        return ()

    def before_read(self) -> None:
        self._faults.reach(self._by, self._owner)

    def before_write(self, items: Sequence[Item]) -> None:
        self._faults.reach(self._by, self._owner)
        self._faults.before_write(self._by)

    def after_write(self, items: Sequence[Item]) -> None:
        self._faults.after_write(self._by)


class RegistryWindow:
    """Both tables of a bank's node as the node sees them: of a transaction all is written, or nothing."""

    def __init__(self, registry: Registry, by: str, owner: str, faults: Faults) -> None:
        self.kept: Store = Window(registry.kept, by, owner, faults)
        self.records: Store = Window(registry.records, by, owner, faults)
        self._registry = registry
        self._by = by
        self._owner = owner
        self._faults = faults

    def read(self, *keys: Key) -> list[Item | None]:
        self._faults.reach(self._by, self._owner)
        return self._registry.read(*keys)

    def commit(self, replaced: Sequence[Item], inserted: Sequence[Item]) -> bool:
        self._faults.reach(self._by, self._owner)
        self._faults.before_commit(self._by)
        done = self._registry.commit(replaced, inserted)
        self._faults.after_write(self._by)
        return done
