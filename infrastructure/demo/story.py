"""Telling a story: steps with what was expected, what came, and how long it took."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape


class NotAsExpected(Exception):
    """What came instead."""


@dataclass
class Story:
    """The steps so far, and how each went."""

    console: Console = field(default_factory=lambda: Console(width=110, highlight=False))
    told: int = 0
    as_expected: int = 0

    @contextlib.contextmanager
    def step(self, title: str, expected: str) -> Iterator[list[str]]:
        """One step: put what came into the list; raise NotAsExpected if it is not as it should be."""
        self.told += 1
        came: list[str] = []
        started = time.monotonic()
        self.console.print(f"[bold]{self.told:>2}. {escape(title)}[/bold]")
        self.console.print(f"    expected  {escape(expected)}")
        try:
            yield came
        except Exception as error:  # whatever breaks a step, the story goes on and says so
            came.append(f"{type(error).__name__}: {error}")
            mark = "[red]not as expected[/red]"
        else:
            self.as_expected += 1
            mark = "[green]as expected[/green]"
        self.console.print(f"    came      {escape('; '.join(came))}")
        self.console.print(f"    {mark} in {time.monotonic() - started:.2f} s\n")

    def end(self) -> int:
        """The last line, and the exit status."""
        self.console.print(f"{self.as_expected} of {self.told} steps as expected")
        return 0 if self.as_expected == self.told else 1
