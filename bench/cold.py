"""1e: cold starts in fresh interpreters, against an import of boto3 and a client of it.

What the interpreter itself takes to start is in neither. Both sides find their bytecode compiled: it is,
by a run before the first that counts.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from .measure import Measured, Ratio, Times, ratio_of
from .wire import environment

TARGETS = {"stream": 1.15, "API": 1.4}

REFERENCE = 'import boto3; boto3.client("dynamodb")'
STREAM = "from chalicelib.entry import streams; from chalicelib import bootstrap; bootstrap.here().own()"
API = "import app; from chalicelib import bootstrap; bootstrap.here().own()"

KINDS = {"stream, c1": STREAM, "stream, s1": STREAM, "stream, firm": STREAM, "API, c1": API}

REPOSITORY = Path(__file__).parents[1]
_TIMED = """
import time
wall, cpu = time.perf_counter(), time.process_time()
{statements}
print([time.process_time() - cpu, time.perf_counter() - wall])
"""


def measure(starts: int) -> dict[str, Ratio]:
    """Each kind of function, so many cold starts of it and of either reference."""
    return {name: _measure(name, statements, starts) for name, statements in KINDS.items()}


def _measure(name: str, statements: str, starts: int) -> Ratio:
    kind, utility = name.split(", ")
    told = environment(utility)
    for side in (statements, REFERENCE):
        start(side, told)
    measured: Measured = [_round(statements, told, place) for place in range(starts)]
    return ratio_of(f"cold start, {name}", measured, target=TARGETS[kind], per="start")


def _round(statements: str, told: Mapping[str, str], place: int) -> tuple[Times, Times, Times]:
    """One start of each; in the next round another is the first."""
    sides = (statements, REFERENCE, REFERENCE)
    order = [(place + turn) % 3 for turn in range(3)]
    taken = {side: start(sides[side], told) for side in order}
    return taken[0], taken[1], taken[2]


def in_fresh(told: Mapping[str, str]) -> dict[str, str]:
    """The environment of a fresh interpreter: what it is told, and nothing of ours."""
    return {"PATH": os.environ["PATH"], **told}


def start(statements: str, told: Mapping[str, str]) -> Times:
    """What the statements take in a fresh interpreter."""
    answer = subprocess.run(
        [sys.executable, "-c", _TIMED.format(statements=statements)],
        env=in_fresh(told),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    return Times(*json.loads(answer.stdout))
