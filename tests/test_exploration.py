"""The explorer itself: small scopes hold, and mistakes are where they are said to be and found."""

import subprocess
import sys
from dataclasses import replace

import pytest

from chalicelib.rfq.decisions import Policy
from exploration.mistakes import MISTAKES
from exploration.scopes import scopes
from exploration.search import Search
from simulation.mistakes import Mistake, planted

_ALL = [mistake for planted_in_scope in MISTAKES.values() for mistake in planted_in_scope]


@pytest.mark.requirement("R11")
@pytest.mark.parametrize("policy", Policy)
def test_calls_that_cross_leave_one_or_by_the_patent_none(policy: Policy) -> None:
    explored = Search(scopes(policy)["crossing"]).run(lambda _: None, 1000)
    assert explored.found is None
    assert explored.is_whole
    assert explored.states > 50


@pytest.mark.requirement("R5", "R9")
@pytest.mark.parametrize("policy", Policy)
def test_nothing_is_wrong_in_any_state_of_two_rfqs_with_a_quote_and_an_accept(policy: Policy) -> None:
    scope = replace(scopes(policy)["two"], acts=frozenset({"answer", "quote", "accept", "hang up"}))
    explored = Search(scope).run(lambda _: None, 10_000)
    assert explored.found is None
    assert explored.is_whole
    assert explored.checks > explored.states


def test_what_has_not_been_explored_is_said() -> None:
    explored = Search(scopes(Policy.EARLIEST)["two"]).run(lambda _: None, 100)
    assert not explored.is_whole


@pytest.mark.parametrize("mistake", _ALL, ids=lambda mistake: mistake.name)
def test_a_mistake_is_planted_in_one_place(mistake: Mistake) -> None:
    compile(planted(mistake), mistake.module, "exec")


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("a call is not registered on receipt", "the registrations disagree"),
        (
            "a wish is taken to be answered by any later place of the log",
            "a counter is unanswered, and its bank is free",
        ),
    ],
)
def test_a_mistake_is_found_and_told_with_the_shortest_way_to_it(name: str, wrong: str) -> None:
    command = [sys.executable, "-m", "exploration", "--mistake", name]
    told = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert told.returncode == 1
    assert wrong in told.stdout.splitlines()[0]
    assert "1 A call out, c1" in told.stdout
