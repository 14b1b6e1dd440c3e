"""The simulation itself: a seed is a history, and mistakes are where they are said to be."""

import subprocess
import sys

import pytest

from simulation.machine import play
from simulation.mistakes import MISTAKES, Mistake, planted


@pytest.mark.requirement("T15", "T17", "R5", "R9", "R11", "R13")
def test_a_seed_plays_the_same_history_every_time_and_nothing_is_found() -> None:
    first, again = (play(7, histories=5, steps=30, shorten=False) for _ in range(2))
    assert first == again
    assert first[0]["(orders accepted)"] > 0
    assert first[0]["(turns taken)"] > 0
    assert first[0]["(order trade)"] > 0
    assert first[0]["(order replaced)"] > 0


def test_what_a_seed_leaves_does_not_depend_on_the_process_that_plays_it() -> None:
    command = [sys.executable, "-c", "from simulation.machine import play; print(play(3, 3, 30, False)[1])"]
    told = {
        subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=True, env={"PYTHONHASHSEED": salt}
        ).stdout
        for salt in ("1", "2")
    }
    assert len(told) == 1


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_mistake_is_planted_in_one_place(mistake: Mistake) -> None:
    compile(planted(mistake), mistake.module, "exec")


def test_a_mistake_is_found_and_told_with_its_seed() -> None:
    command = [sys.executable, "-m", "simulation", "--seeds", "20"]
    mistake = ["--mistake", "an execution forgets those before it"]
    told = subprocess.run([*command, *mistake], capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == 1
    assert "seed 0: Doubled" in told.stdout
    assert "make simulate SEED=0" in told.stdout
