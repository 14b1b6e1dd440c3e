"""`python -m exploration`: explore every state under both policies, and say how many there are.

Nothing of the product is imported before a mistake has been planted in it.
"""

import os
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass

import click
from rich.console import Console
from rich.table import Table

from .mistakes import MISTAKES, plant_one, scope_of

_POLICIES = ("earliest", "patent")
_STATES_MAX = 4_000_000
_TOLD_SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One scope under one policy, and what came of it."""

    policy: str
    scope: str
    states: int
    transitions: int
    checks: int
    seconds: float
    is_whole: bool
    wrong: str | None = None
    trace: tuple[str, ...] = ()


def explore(policy: str, scope: str, states_max: int = _STATES_MAX) -> Outcome:
    """Explore one scope under one policy, and tell how far it is now and then."""
    from chalicelib.rfq.decisions import Policy

    from .scopes import scopes
    from .search import Explored, Search

    started = told = time.monotonic()

    def tell(explored: Explored) -> None:
        nonlocal told
        if time.monotonic() - told > _TOLD_SECONDS:
            told = time.monotonic()
            click.echo(f"{policy}, {scope}: {explored.states:,} states, {explored.steps} steps far", err=True)

    explored = Search(scopes(Policy(policy))[scope]).run(tell, states_max)
    return Outcome(
        policy=policy,
        scope=scope,
        states=explored.states,
        transitions=explored.transitions,
        checks=explored.checks,
        seconds=time.monotonic() - started,
        is_whole=explored.is_whole,
        wrong=explored.found.what if explored.found is not None else None,
        trace=explored.found.trace if explored.found is not None else (),
    )


@click.command()
@click.option("--all", "is_all", is_flag=True, help="The larger scopes, too: tens of minutes, gigabytes.")
@click.option("--scope", "only", help="This scope only.")
@click.option("--states", default=_STATES_MAX, show_default=True, help="End a scope at so many states.")
@click.option("--mistake", help="Plant this mistake first, and explore the scope that is to find it.")
@click.option("--mistakes", is_flag=True, help="Plant one mistake after another, and tell what finds them.")
def main(is_all: bool, only: str | None, states: int, mistake: str | None, mistakes: bool) -> None:
    """Explore every state that two banks can come to."""
    if mistakes:
        sys.exit(_explore_mistakes())
    if mistake is not None:
        plant_one(mistake)
        sys.exit(_explore_until_found(scope_of(mistake), states))
    from .scopes import ALL, USUAL

    names = (only,) if only is not None else (*USUAL, *ALL) if is_all else USUAL
    sys.exit(_explore_scopes(names, states))


def _explore_scopes(names: tuple[str, ...], states_max: int) -> int:
    started = time.monotonic()
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        tasks = [
            processes.submit(explore, policy, name, states_max) for name in names for policy in _POLICIES
        ]
        outcomes = [task.result() for task in as_completed(tasks)]
    outcomes.sort(key=lambda outcome: (names.index(outcome.scope), outcome.policy))
    _show(outcomes, time.monotonic() - started)
    found = [outcome for outcome in outcomes if outcome.wrong is not None]
    for outcome in found:
        _tell(outcome)
    return 1 if found else 0


def _explore_until_found(scope: str, states_max: int) -> int:
    for policy in _POLICIES:
        outcome = explore(policy, scope, states_max)
        if outcome.wrong is not None:
            _tell(outcome)
            return 1
    click.echo("nothing found")
    return 0


def _explore_mistakes() -> int:
    missed = 0
    names = [mistake.name for planted in MISTAKES.values() for mistake in planted]
    click.echo("| mistake | found by | after states |\n|---|---|---|")
    for name in names:
        command = [sys.executable, "-m", "exploration", "--mistake", name]
        told = subprocess.run(  # noqa: S603 - our own command line
            command, capture_output=True, text=True, check=False
        ).stdout
        first = next((line for line in told.splitlines() if line.startswith("found ")), None)
        if first is None:
            missed += 1
            click.echo(f"| {name} | nobody | |")
        else:
            place, _, finding = first.partition(": ")
            click.echo(f"| {name} | {finding} | {place.split()[-2]} |")
    click.echo(f"\n{len(names) - missed} of {len(names)} mistakes found")
    return 1 if missed else 0


def _show(outcomes: list[Outcome], seconds: float) -> None:
    title = f"{sum(outcome.states for outcome in outcomes):,} states in {seconds:.0f} s"
    table = Table(title=title)
    for name in ("Scope", "Policy"):
        table.add_column(name, no_wrap=True)
    for name in ("States", "Transitions", "Checks", "s"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("Result")
    for outcome in outcomes:
        figures = (outcome.states, outcome.transitions, outcome.checks, round(outcome.seconds))
        result = "wrong" if outcome.wrong is not None else "holds" if outcome.is_whole else "so far"
        table.add_row(outcome.scope, outcome.policy, *(f"{figure:,}" for figure in figures), result)
    Console().print(table)


def _tell(outcome: Outcome) -> None:
    click.echo(
        f"found under {outcome.policy} in {outcome.scope} after {outcome.states} states: {outcome.wrong}"
    )
    for step in outcome.trace:
        click.echo(step)


if __name__ == "__main__":
    main()
