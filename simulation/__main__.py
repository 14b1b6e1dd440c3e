"""`python -m simulation`: play seeds, and say what struck and what was found.

Nothing of the product is imported before a mistake has been planted in it.
"""

import logging
import os
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from .mistakes import MISTAKES, Mistake, plant

_HISTORIES = 12
_STEPS = 50
_KINDS = ("Lost", "Doubled", "Divergent", "Unbalanced")

# Within how many seeds a mistake must be found.
_MISTAKE_SEEDS_MAX = 200


@dataclass(frozen=True)
class Played:
    """One seed, and how it went."""

    seed: int
    struck: Counter[str]
    digest: str
    found: str | None


def play_one(seed: int, shorten: bool = True) -> Played:
    """Play one seed; what is found is told with the shortest history that shows it."""
    from .machine import play

    logging.disable(logging.CRITICAL)
    try:
        struck, digest = play(seed, _HISTORIES, _STEPS, shorten)
    except Exception as error:  # whatever was found, it is told
        notes = "\n".join(getattr(error, "__notes__", ()))
        return Played(seed, Counter(), "", f"{type(error).__name__}: {error}\n{notes}")
    return Played(seed, struck, digest, None)


@click.command()
@click.option("--seeds", default=100, show_default=True, help="How many seeds, from 0.")
@click.option("--seed", type=int, help="Play only this one, and print the digest of what it leaves.")
@click.option("--mistake", help="Plant this mistake first, and end at the seed that finds it.")
@click.option("--mistakes", is_flag=True, help="Plant one mistake after another, and tell what finds it.")
def main(seeds: int, seed: int | None, mistake: str | None, mistakes: bool) -> None:
    """Play histories of an enterprise with whatever can go wrong."""
    if mistakes:
        sys.exit(_play_mistakes())
    if mistake is not None:
        plant(mistake)
    if seed is not None:
        played = play_one(seed)
        click.echo(played.found or f"seed {seed}: nothing found, {played.digest}")
        sys.exit(1 if played.found else 0)
    sys.exit(_play_seeds(seeds, stop=mistake is not None))


def _play_seeds(seeds: int, stop: bool) -> int:
    started = time.monotonic()
    struck: Counter[str] = Counter()
    found: list[Played] = []
    with (
        Progress(console=Console(stderr=True)) as progress,
        ProcessPoolExecutor(os.cpu_count()) as processes,
    ):
        task = progress.add_task("seeds", total=seeds)
        # Who stops at the first that is found has no use for what others find meanwhile.
        play = map if stop else processes.map
        for played in play(partial(play_one, shorten=not stop), range(seeds)):
            struck.update(played.struck)
            progress.advance(task)
            if played.found:
                found.append(played)
                if stop:
                    break
    table = Table("Fault", "Struck", title=f"{seeds} seeds in {time.monotonic() - started:.0f} s")
    for fault, times in sorted(struck.items()):
        table.add_row(fault, str(times))
    Console().print(table)
    for played in found:
        click.echo(f"\nseed {played.seed}: {played.found}\nreplay with: make simulate SEED={played.seed}")
    kinds = Counter(played.found.partition(":")[0] for played in found if played.found)
    told = ", ".join(f"{kinds.pop(kind, 0)} {kind.lower()}" for kind in _KINDS)
    click.echo(f"{told}, {sum(kinds.values())} else: {seeds - len(found)} of {seeds} seeds as they should be")
    return 1 if found else 0


def _play_mistakes() -> int:
    missed = 0
    click.echo("| mistake | found by | seed |\n|---|---|---|")
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for mistake, first in zip(MISTAKES, threads.map(_play_mistake, MISTAKES), strict=True):
            if first is None:
                missed += 1
                click.echo(f"| {mistake.name} | nobody | |")
            else:
                place, _, finding = first.partition(": ")
                click.echo(f"| {mistake.name} | {finding} | {place.removeprefix('seed ')} |")
    click.echo(f"\n{len(MISTAKES) - missed} of {len(MISTAKES)} mistakes found")
    return 1 if missed else 0


def _play_mistake(mistake: Mistake) -> str | None:
    """Plant a mistake in a process of its own: what found it, and at which seed."""
    command = [sys.executable, "-m", "simulation", "--mistake", mistake.name]
    told = subprocess.run(  # noqa: S603 - our own command line
        [*command, "--seeds", str(_MISTAKE_SEEDS_MAX)], capture_output=True, text=True, check=False
    ).stdout
    return next((line for line in told.splitlines() if line.startswith("seed ")), None)


if __name__ == "__main__":
    main()
