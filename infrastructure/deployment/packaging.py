"""`make package`: for each utility what CloudFormation needs, `template.json` and `deployment.zip`.

One zip serves all utilities: which one a function acts for, its environment says.
"""

import compileall
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Any

from chalicelib.enterprise import Enterprise, Side, Utility

from ..event_sources import StreamSource, event_sources
from ..prices import write_replay
from .grants import policy
from .template import EVERY, side_template

ROOT = Path(__file__).parents[2]

# As AWS calls them, and pip.
ARCHITECTURES: Mapping[str, str] = {"arm64": "manylinux2014_aarch64", "x86_64": "manylinux2014_x86_64"}
RUNTIME = "3.11"

# What the runtime has itself; Chalice puts in of itself what runs.
IN_THE_RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "urllib3", "dateutil", "six")
_MADE_BY_CHALICE = ("chalice",)
_NOT_INSTALLED = (*IN_THE_RUNTIME, *_MADE_BY_CHALICE)
# What is of no use in a function.
_LEFT_OUT = ("*.dist-info", "tests", "test", "*.pyi", "py.typed", "bin", "locale")

_CHALICE = (sys.executable, "-c", "import sys; from chalice.cli import main; sys.exit(main())")

# Every file has this time, so that the same content makes the same zip.
_EPOCH = (1980, 1, 1, 0, 0, 0)


class PackageError(Exception):
    """Something cannot be packaged; the message says what, and what to do."""


def package(
    enterprise: Enterprise, file: Path, to: Path, architecture: str, source: Path = ROOT
) -> Iterator[tuple[str, int]]:
    """Package every utility into a folder of its own: what has been made, and its size in bytes."""
    made = to / f"deployment-{architecture}.zip"
    yield made.name, build_zip(enterprise, file, enterprise.utilities[0], made, architecture, source)
    for utility in enterprise.utilities:
        folder = to / utility.name
        template = package_utility(enterprise, file, utility, folder, architecture, source)
        (folder / "deployment.zip").unlink(missing_ok=True)
        (folder / "deployment.zip").hardlink_to(made)
        yield utility.name, template.stat().st_size


def functions_of(utility: Utility) -> tuple[str, ...]:
    """The functions that a utility has, by the names that they have in the product."""
    names = ["api_handler", "bearer", "react", "replicate", "retry", "sweep"]
    if utility.side in (Side.CUSTOMER, Side.STREET):
        names.append("check")
    if utility.side in (Side.STREET, Side.NETWORK):
        names.append("publish")
    return tuple(sorted(names))


def package_utility(
    enterprise: Enterprise, file: Path, utility: Utility, to: Path, architecture: str, source: Path = ROOT
) -> Path:
    """Write a utility's template: its path. The zip that it names is `build_zip`'s."""
    to.mkdir(parents=True, exist_ok=True)
    with _staged(enterprise, file, utility, architecture, source) as stage:
        merged = ("--merge-template", str(stage / "side.json"))
        _run([*_CHALICE, "package", "--stage", utility.name, *merged, "out"], stage, file, utility)
        template = json.loads((stage / "out" / "sam.json").read_text())
    (to / "template.json").write_text(json.dumps(tidied(template), indent=1, sort_keys=True) + "\n")
    return to / "template.json"


def build_zip(
    enterprise: Enterprise, file: Path, utility: Utility, to: Path, architecture: str, source: Path = ROOT
) -> int:
    """Write the package of all functions: its size in bytes."""
    with _staged(enterprise, file, utility, architecture, source) as stage:
        _run([*_CHALICE, "package", "--stage", utility.name, "out"], stage, file, utility)
        content = stage / "content"
        with zipfile.ZipFile(stage / "out" / "deployment.zip") as made:
            made.extractall(content)
        _install(content, source, architecture)
        shutil.copy(file, content / "enterprise.toml")
        write_replay(content / "replay.json")
        _compile(content)
        _zip(content, to)
    return to.stat().st_size


@contextmanager
def _staged(
    enterprise: Enterprise, file: Path, utility: Utility, architecture: str, source: Path
) -> Iterator[Path]:
    """A Chalice project of one stage, which is the utility."""
    with tempfile.TemporaryDirectory(prefix="threeside-package-") as folder:
        stage = Path(folder)
        copy_source(source, stage)
        shutil.copy(file, stage / "enterprise.toml")
        (stage / "requirements.txt").write_text("")
        (stage / ".chalice").mkdir()
        functions = functions_of(utility)
        for function in functions:
            document = policy(enterprise, utility, function, _streams(enterprise, utility, function))
            (stage / ".chalice" / f"{function}.json").write_text(json.dumps(document))
        config = json.dumps(_config(utility, functions), indent=1)
        (stage / ".chalice" / "config.json").write_text(config)
        side = side_template(enterprise, utility, functions, architecture)
        (stage / "side.json").write_text(json.dumps(side))
        yield stage


def copy_source(source: Path, to: Path) -> None:
    """Copy what the functions are made of."""
    shutil.copy(source / "app.py", to)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(source / "chalicelib", to / "chalicelib", ignore=ignored)


def _streams(enterprise: Enterprise, utility: Utility, function: str) -> list[StreamSource]:
    sources = event_sources(enterprise, utility, EVERY)
    return [s for s in sources if isinstance(s, StreamSource) and s.function == function]


def _config(utility: Utility, functions: tuple[str, ...]) -> dict[str, Any]:
    """Chalice's configuration of a utility."""
    environment = {
        "THREESIDE_UTILITY": utility.name,
        "THREESIDE_ENTERPRISE": "enterprise.toml",
        "THREESIDE_REPLAY": "replay.json",
    }
    own = {f: {"iam_policy_file": f"{f}.json"} for f in functions if f != "api_handler"}
    return {
        "version": "2.0",
        "app_name": "threeside",
        "autogen_policy": False,
        "stages": {
            utility.name: {
                "api_gateway_stage": "api",
                "iam_policy_file": "api_handler.json",
                "environment_variables": environment,
                "lambda_functions": own,
            }
        },
    }


def tidied(template: dict[str, Any]) -> dict[str, Any]:
    """The template as merged; PackageError for a name that Chalice has not made and nothing else is."""
    stray = [name for name, resource in template["Resources"].items() if "Type" not in resource]
    if stray:
        raise PackageError(f"{', '.join(sorted(stray))}: Chalice has made nothing of that name")
    return template


def _install(content: Path, source: Path, architecture: str) -> None:
    """What the functions import and the runtime has not, for the runtime's machine."""
    lines = (source / "requirements.txt").read_text().splitlines()
    wanted = [line for line in lines if line and line[0] != "#" and line.split("==")[0] not in _NOT_INSTALLED]
    _run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--target", str(content), "--platform", ARCHITECTURES[architecture]),
            *("--python-version", RUNTIME, "--implementation", "cp", "--only-binary", ":all:"),
            *("--no-compile", *wanted),
        ],
        content,
    )
    patterns = [*IN_THE_RUNTIME, *(f"{module}.py" for module in IN_THE_RUNTIME)]
    unneeded = [found for pattern in patterns for found in content.glob(pattern)]
    unneeded += [found for pattern in _LEFT_OUT for found in content.rglob(pattern)]
    for found in unneeded:
        _remove(found)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _compile(content: Path) -> None:
    """Bytecode beside its source, taken as it is: a function's files do not change."""
    as_it_is = PycInvalidationMode.UNCHECKED_HASH
    if not compileall.compile_dir(
        content, quiet=2, force=True, stripdir=str(content), invalidation_mode=as_it_is
    ):
        raise PackageError("a module does not compile")


def _zip(content: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as made:
        for path in sorted(content.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(str(path.relative_to(content)), _EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                made.writestr(entry, path.read_bytes())


def _run(command: list[str], folder: Path, file: Path | None = None, utility: Utility | None = None) -> None:
    """Run a command in a folder; an app that is imported by it finds what it needs."""
    environment = dict(os.environ)
    if utility is not None:
        environment |= {
            "AWS_DEFAULT_REGION": utility.region,
            "THREESIDE_UTILITY": utility.name,
            "THREESIDE_ENTERPRISE": str(file),
            "THREESIDE_SECRET": "00",
        }
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PackageError(f"{' '.join(command[2:5])} failed:\n{done.stderr[-2000:]}")
