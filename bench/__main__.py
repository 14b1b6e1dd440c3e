"""`python -m bench`: measure everything, print it, and write it down.

Ratios are measured first, in a process that has done nothing else yet.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console

from . import breakdown, cold, counts, entry, fold, growth, inquiry, replication
from .measure import Effort, Ratio, Work
from .report import Report
from .wire import Wire, engine, environment, stubbed, stubbed_unchecked

_REPOSITORY = Path(__file__).parents[1]
_JSON = _REPOSITORY / "build" / "bench.json"
_PAGE = _REPOSITORY / "docs" / "performance.md"

# How often what is profiled is called.
_PROFILED = 30


@dataclass(frozen=True, kw_only=True)
class Efforts:
    """How long each measurement may take."""

    fold: Effort
    entry: Effort
    replication: Effort
    inquiry: Effort
    starts: int
    growth_seconds: float

    def of(self, module: object) -> Effort:
        name = module.__name__.rpartition(".")[2]  # type: ignore[attr-defined]
        effort: Effort = getattr(self, name)
        return effort


FULL = Efforts(
    fold=Effort(25, 10),
    entry=Effort(25, 50),
    replication=Effort(25, 3),
    inquiry=Effort(25, 20),
    starts=15,
    growth_seconds=2.0,
)
QUICK = Efforts(
    fold=Effort(9, 4),
    entry=Effort(9, 20),
    replication=Effort(6, 1),
    inquiry=Effort(9, 8),
    starts=3,
    growth_seconds=0.3,
)

# The inquiry first: an engine takes longer the more its tables hold.
_ON_A_WIRE = (inquiry, entry, replication)


@click.command()
@click.option("--quick", is_flag=True, help="Fewer rounds, in under 40 s; writes no documentation.")
def main(quick: bool) -> None:
    """Measure, print, and write build/bench.json and docs/performance.md."""
    started = time.monotonic()
    console = Console(stderr=True)
    report = _measure(QUICK if quick else FULL, console.log)
    _JSON.parent.mkdir(exist_ok=True)
    _JSON.write_text(json.dumps(report.as_json(), indent=2) + "\n")
    if not quick:
        _PAGE.write_text(report.as_page())
    for table in report.tables():
        Console().print(table)
    console.log(f"measured in {time.monotonic() - started:.0f} s")


def _measure(efforts: Efforts, say: Callable[[str], None]) -> Report:
    report = Report()
    say("the fold")
    for ratio in fold.measure(efforts.fold):
        _add(report, ratio, fold.ours)
    for wire in (stubbed(), stubbed_unchecked()):
        _measure_on(wire, efforts, report, say)
    with engine() as wire:
        _measure_on(wire, efforts, report, say)
    with cold.packaged() as package:
        for place in (cold.SOURCE, package):
            say(f"cold starts from {place.name}")
            _measure_starts(place, efforts.starts, report)
    say("counts")
    report.counts = counts.measure()
    say("growth")
    report.growths = growth.measure(efforts.growth_seconds)
    return report


def _measure_starts(place: cold.Place, starts: int, report: Report) -> None:
    for name, ratio in cold.measure(place, starts):
        report.ratios.append(ratio)
        if not ratio.is_reached:
            told = environment(name.rpartition(" ")[2])
            report.shares[ratio.name] = breakdown.of_start(place, cold.KINDS[name], told)


def _measure_on(wire: Wire, efforts: Efforts, report: Report, say: Callable[[str], None]) -> None:
    for module in _ON_A_WIRE:
        say(f"{module.__name__.rpartition('.')[2]}, {wire.name}")
        ours, reference = module.sides(wire)
        _add(report, module.measure(wire, ours, reference, efforts.of(module)), ours)


def _add(report: Report, ratio: Ratio, ours: Work) -> None:
    """Keep a ratio, and where its time goes if it is not what it should be."""
    report.ratios.append(ratio)
    if not ratio.is_reached:
        report.shares[ratio.name] = breakdown.of_calls(ours, _PROFILED)


if __name__ == "__main__":
    main()
