"""What can go wrong at a table, as its caller sees it.

A `Window` is how one utility sees one table: through it a write may find its utility killed before or
after, its link cut, or its answer lost on the way back.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from chalicelib.records.record import Item
from chalicelib.tables.store import Store, Unreachable
from infrastructure.faults import Interposed


class Killed(BaseException):
    """A utility has been killed: not an error that anything of it could handle."""


@dataclass
class Faults:
    """What is to go wrong, and how often each kind has struck.

    `dies_at` counts down the writes of a utility; `loses` the answers it is still to lose; `cut` has
    the pairs of utility and owner of tables that cannot reach each other.
    """

    dies_at: dict[str, tuple[int, str]] = field(default_factory=dict)
    loses: dict[str, int] = field(default_factory=dict)
    cut: set[tuple[str, str]] = field(default_factory=set)
    struck: Counter[str] = field(default_factory=Counter)

    def heal(self) -> None:
        """Let nothing more go wrong."""
        self.dies_at.clear()
        self.loses.clear()
        self.cut.clear()

    def before_write(self, by: str) -> None:
        self._count_down(by, "before")

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
