"""Measuring on a noisy machine: ours, the reference and the reference again, turn by turn.

A round is A B C C B A, the next B C A A C B: whatever slows the machine down for a while slows all three,
and each comes after each. A round gives one ratio A/B, and one C/B, which is the control: how far from 1
two equal things are seen here.
"""

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import NamedTuple

# Something to do a number of times; what it needs is made before the clock starts.
Work = Callable[[int], Callable[[], object]]


class Times(NamedTuple):
    """What one call took, in seconds: of this process's processors, and by the clock on the wall."""

    cpu: float
    wall: float


@dataclass(frozen=True)
class Spread:
    """The median of many, and the quartiles around it."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Effort:
    """How long to measure: so many rounds, and calls of each side in each half of a round."""

    rounds: int
    calls: int


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """Ours over the reference, and the reference over itself.

    `ours_us` and `reference_us` are medians in microseconds of CPU per `per`. One without a target is a
    sterner measure, beside one that has it.
    """

    name: str
    per: str
    target: float | None
    cpu: Spread
    wall: Spread
    control_cpu: Spread
    control_wall: Spread
    ours_us: float
    reference_us: float

    @property
    def is_reached(self) -> bool:
        return self.target is None or self.cpu.median <= self.target


Measured = Sequence[tuple[Times, Times, Times]]


def compare(
    name: str, ours: Work, reference: Work, effort: Effort, *, target: float | None, per: str
) -> Ratio:
    """Measure ours against the reference."""
    return ratio_of(name, rounds(ours, reference, effort), target=target, per=per)


def rounds(ours: Work, reference: Work, effort: Effort) -> Measured:
    """Per round, what a call of ours, of the reference and of the control took."""
    sides = (ours, reference, reference)
    for side in sides:
        _timed(side, effort.calls)
    # What is here to stay is none of the collector's business while we measure.
    gc.collect()
    gc.freeze()
    try:
        return [_round(sides, effort.calls, first=place % 3) for place in range(effort.rounds)]
    finally:
        gc.unfreeze()


def ratio_of(name: str, measured: Measured, *, target: float | None, per: str) -> Ratio:
    """What the rounds come to."""
    return Ratio(
        name=name,
        per=per,
        target=target,
        cpu=spread([ours.cpu / reference.cpu for ours, reference, _ in measured]),
        wall=spread([ours.wall / reference.wall for ours, reference, _ in measured]),
        control_cpu=spread([control.cpu / reference.cpu for _, reference, control in measured]),
        control_wall=spread([control.wall / reference.wall for _, reference, control in measured]),
        ours_us=median(ours.cpu for ours, _, _ in measured) * 1e6,
        reference_us=median(reference.cpu for _, reference, _ in measured) * 1e6,
    )


def spread(values: Sequence[float]) -> Spread:
    """Median and quartiles."""
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return Spread(middle, low, high)


def _round(sides: Sequence[Work], calls: int, first: int) -> tuple[Times, Times, Times]:
    order = [(first + place) % 3 for place in range(3)]
    there = {place: _timed(sides[place], calls) for place in order}
    back = {place: _timed(sides[place], calls) for place in reversed(order)}
    ours, reference, control = (_mean(there[place], back[place]) for place in range(3))
    return ours, reference, control


def _mean(one: Times, other: Times) -> Times:
    return Times((one.cpu + other.cpu) / 2, (one.wall + other.wall) / 2)


def _timed(side: Work, calls: int) -> Times:
    act = side(calls)
    wall, cpu = time.perf_counter(), time.process_time()
    act()
    return Times((time.process_time() - cpu) / calls, (time.perf_counter() - wall) / calls)
