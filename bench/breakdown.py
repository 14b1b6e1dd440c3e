"""Where the time goes: by package, of a call and of a cold start."""

import cProfile
import pstats
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from .cold import Place
from .measure import Work

_LARGEST = 8
_PACKAGES = "site-packages"

Shares = Mapping[str, float]


def of_calls(work: Work, calls: int) -> Shares:
    """Parts of the time of a call by package, from 0 to 1; a profiler weighs small functions too much."""
    work(calls)()
    act = work(calls)
    profile = cProfile.Profile()
    profile.runcall(act)
    spent: Counter[str] = Counter()
    for (path, _, name), (_, _, own_seconds, _, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        spent[_package(path, name)] += own_seconds
    return _largest(spent)


def of_start(place: Place, statements: str, told: Mapping[str, str]) -> Shares:
    """Parts of the time that imports take by package, from 0 to 1; what runs after them is not in it."""
    answer = place.run(statements, told, "-X", "importtime")
    spent: Counter[str] = Counter()
    for line in answer.stderr.splitlines():
        if not line.startswith("import time:"):
            continue
        own_us, _, name = line.removeprefix("import time:").replace(" ", "").split("|")
        if own_us.isdecimal():
            spent[_top(name)] += int(own_us)
    return _largest(spent)


def in_words(shares: Shares) -> str:
    """The largest first."""
    return ", ".join(f"{name} {share:.0%}" for name, share in shares.items())


def _top(module: str) -> str:
    top, _, rest = module.partition(".")
    if top in sys.stdlib_module_names:
        return "the standard library"
    return f"{top}.{rest.split('.')[0]}" if top == "chalicelib" and rest else top


def _package(path: str, name: str) -> str:
    if path == "~":
        return "built-in functions"
    parts = Path(path).parts
    if _PACKAGES in parts:
        return parts[parts.index(_PACKAGES) + 1].removesuffix(".py")
    for ours in ("chalicelib", "bench"):
        if ours in parts:
            place = parts.index(ours)
            return ".".join(parts[place : place + 3]).removesuffix(".py")
    return "the standard library" if path.startswith(("<", sys.base_prefix)) else path


def _largest(spent: Counter[str]) -> Shares:
    whole = sum(spent.values())
    return {name: seconds / whole for name, seconds in spent.most_common(_LARGEST)}
