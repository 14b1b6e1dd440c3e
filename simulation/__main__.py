"""`python -m simulation`: play seeds, and say what struck and what was found."""

import logging
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from .machine import play

_HISTORIES = 20
_STEPS = 50


@dataclass(frozen=True)
class Played:
    """One seed, and how it went."""

    seed: int
    struck: Counter[str]
    digest: str
    found: str | None


def play_one(seed: int) -> Played:
    """Play one seed; what is found is told with the shortest history that shows it."""
    logging.disable(logging.CRITICAL)
    try:
        struck, digest = play(seed, _HISTORIES, _STEPS)
    except Exception as error:  # whatever was found, it is told
        notes = "\n".join(getattr(error, "__notes__", ()))
        return Played(seed, Counter(), "", f"{type(error).__name__}: {error}\n{notes}")
    return Played(seed, struck, digest, None)


@click.command()
@click.option("--seeds", default=100, show_default=True, help="How many seeds, from 0.")
@click.option("--seed", type=int, help="Play only this one, and print the digest of what it leaves.")
@click.option("--stop", is_flag=True, help="End at the first seed that finds something.")
def main(seeds: int, seed: int | None, stop: bool) -> None:
    """Play histories of an enterprise with whatever can go wrong."""
    console = Console()
    if seed is not None:
        played = play_one(seed)
        click.echo(played.found or f"seed {seed}: nothing found, {played.digest}")
        sys.exit(1 if played.found else 0)
    started = time.monotonic()
    struck: Counter[str] = Counter()
    found: list[Played] = []
    with (
        Progress(console=Console(stderr=True)) as progress,
        ProcessPoolExecutor(os.cpu_count()) as processes,
    ):
        task = progress.add_task("seeds", total=seeds)
        for played in processes.map(play_one, range(seeds), chunksize=1):
            struck.update(played.struck)
            progress.advance(task)
            if played.found:
                found.append(played)
                if stop:
                    processes.shutdown(cancel_futures=True)
                    break
    table = Table("Fault", "Struck", title=f"{seeds} seeds in {time.monotonic() - started:.0f} s")
    for fault, times in sorted(struck.items()):
        table.add_row(fault, str(times))
    console.print(table)
    for played in found:
        click.echo(f"\nseed {played.seed}: {played.found}\nreplay with: make simulate SEED={played.seed}")
    click.echo(f"{seeds - len(found)} of {seeds} seeds as they should be")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
