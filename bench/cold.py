"""1e: cold starts in fresh interpreters, against an import of boto3 and a client of it.

What the interpreter itself takes to start is in neither. Both sides find their bytecode compiled: it is,
by a run before the first that counts. Measured from the source, and from the unpacked package with the
packages that the runtime has and no others.
"""

import importlib.util
import json
import os
import platform
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from infrastructure.deployment.packaging import IN_THE_RUNTIME, build_zip

from .measure import Measured, Ratio, Times, ratio_of
from .samples import ENTERPRISE_FILE, default_enterprise
from .wire import environment

TARGETS = {"stream": 1.15, "API": 1.4}

REFERENCE = 'import boto3; boto3.client("dynamodb")'
STREAM = "from chalicelib.entry import streams; from chalicelib import bootstrap; bootstrap.here().own()"
API = "import app; from chalicelib import bootstrap; bootstrap.here().own()"

KINDS = {"stream, c1": STREAM, "stream, s1": STREAM, "stream, firm": STREAM, "API, c1": API}

_TIMED = """
import time
wall, cpu = time.perf_counter(), time.process_time()
{statements}
print([time.process_time() - cpu, time.perf_counter() - wall])
"""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where functions are started: in a folder that is first on the path, with what else is on it."""

    name: str
    folder: Path
    options: tuple[str, ...] = ()
    path: str = ""

    def run(
        self, statements: str, told: Mapping[str, str], *options: str
    ) -> subprocess.CompletedProcess[str]:
        """Run statements in a fresh interpreter that is told this, and nothing of ours."""
        return subprocess.run(
            [sys.executable, *self.options, *options, "-c", statements],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": self.path, **told},
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=True,
        )

    def start(self, statements: str, told: Mapping[str, str]) -> Times:
        """What the statements take in a fresh interpreter."""
        return Times(*json.loads(self.run(_TIMED.format(statements=statements), told).stdout))


SOURCE = Place(name="source", folder=Path(__file__).parents[1])


@contextmanager
def packaged() -> Iterator[Place]:
    """The package as it is deployed, unpacked."""
    with TemporaryDirectory(prefix="threeside-cold-") as name:
        made, content, runtime = (Path(name) / part for part in ("deployment.zip", "content", "runtime"))
        enterprise = default_enterprise()
        architecture = platform.machine().replace("aarch64", "arm64")
        build_zip(enterprise, ENTERPRISE_FILE, enterprise.utilities[0], made, architecture)
        with zipfile.ZipFile(made) as package:
            package.extractall(content)
        runtime.mkdir()
        for module in IN_THE_RUNTIME:
            found = importlib.util.find_spec(module)
            assert found is not None, f"{module} is not installed"
            where = Path(str(found.origin))
            where = where.parent if where.name == "__init__.py" else where
            (runtime / where.name).symlink_to(where)
        # Without `site` there is nothing else on the path but the interpreter's own modules.
        yield Place(name="package", folder=content, options=("-S",), path=str(runtime))


def measure(place: Place, starts: int) -> Iterator[tuple[str, Ratio]]:
    """Each kind of function, so many cold starts of it and of either reference."""
    for name, statements in KINDS.items():
        yield name, _measure(place, name, statements, starts)


def _measure(place: Place, name: str, statements: str, starts: int) -> Ratio:
    kind, utility = name.split(", ")
    told = environment(utility)
    for side in (statements, REFERENCE):
        place.start(side, told)
    measured: Measured = [_round(place, statements, told, turn) for turn in range(starts)]
    named = f"cold start from {place.name}, {name}"
    return ratio_of(named, measured, target=TARGETS[kind], per="start")


def _round(place: Place, statements: str, told: Mapping[str, str], number: int) -> tuple[Times, Times, Times]:
    """One start of each; in the next round another is the first."""
    sides = (statements, REFERENCE, REFERENCE)
    order = [(number + turn) % 3 for turn in range(3)]
    taken = {side: place.start(sides[side], told) for side in order}
    return taken[0], taken[1], taken[2]
