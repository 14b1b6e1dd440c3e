"""What was measured: as tables for a terminal, as JSON, and as a page of the documentation."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.table import Table

from .breakdown import Shares, in_words
from .counts import Tally
from .growth import Growth
from .measure import Ratio, Spread

_PACKAGES = ("boto3", "botocore", "chalice", "ministack", "pydantic", "pynamodb")

# What each ratio compares, by what its name begins with.
_COMPARED = {
    "fold": (
        "`fold_order` of 200 records that have just been read - an order, its acknowledgement and 198 "
        "fills - against a plain sort of the same records by time, origin and key, and a sum of LastQty. "
        "With *keys given*, the reference is not asked to make the keys; no target, a sterner measure. "
        "The fold also takes each record once, splits them by kind, sums what was paid, finds the "
        "status, and says what it rests on and waits for: some ten passes where the reference has two."
    ),
    "entry": (
        "`POST /orders` from the Lambda event to the answer, through Chalice, the checks, the record and its "
        "insert, against botocore's `put_item` of the very same item with the same condition."
    ),
    "replication": (
        "`replicate` called with 100 stream records and two peers, against botocore's `batch_write_item` of "
        "the same items in batches of 25 to the same two tables, encoded already."
    ),
    "inquiry": (
        "`GET /orders/{number}` from the Lambda event to the answer, of an order with 2 records in one table "
        "and 18 in the other, against the same two queries, one after the other, decoded by nobody."
    ),
    "cold start": (
        "What Lambda imports, and the utility's own table opened, in a fresh interpreter with compiled "
        'bytecode, against `import boto3; boto3.client("dynamodb")`; the interpreter\'s own start is in '
        "neither. *From source*: the repository and its environment. *From package*: deployment.zip, "
        "unpacked, and besides it on the path only what the runtime has, for both sides."
    ),
}

_INTRODUCTION = """# Performance

Written by `make bench`: measured, not claimed. A later change is judged by these numbers.

Every ratio is ours over a reference, in processor time of the process, from one run in which both take
turns (A B C C B A, then B C A A C B, and so on; C is the reference again). The *control* is the reference
over itself: how far from 1 two equal things are seen on this machine. Numbers are medians, with the
quartiles in brackets.
"""

_WIRES = """*stubbed*: a hook of botocore's answers each request at once, for both sides alike, so what is
left is what is done in the process. *unchecked*: the same, but the reference's client does not check its
parameters, as ours does not; no target, a sterner measure. *ministack*: an engine in a process of its own;
on the wall its time is in both sides. What ours does less than a client as it comes: it checks no
parameters, puts no name together for each request, and takes an answer's JSON as it is.
"""

_COUNTED = """Of the default enterprise, one by one; [cost.md](cost.md) derives them, and tests hold them.
"""

_FITTED = """Exponents fitted over four sizes: 0 does not grow, 1 grows along. Requests and items are counted,
processor time is measured, in memory.
"""


@dataclass
class Report:
    """Everything that was measured; `shares` says where the time of some of it goes."""

    ratios: list[Ratio] = field(default_factory=list)
    shares: dict[str, Shares] = field(default_factory=dict)
    counts: Mapping[str, Tally] = field(default_factory=dict)
    growths: Sequence[Growth] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "machine": machine(),
            "versions": versions(),
            "ratios": [{**asdict(ratio), "is_reached": ratio.is_reached} for ratio in self.ratios],
            "shares": self.shares,
            "counts": {name: asdict(tally) for name, tally in self.counts.items()},
            "growth": [{**asdict(growth), "exponents": growth.exponents} for growth in self.growths],
        }

    def tables(self) -> list[Table]:
        """For a terminal."""
        return [
            _table("Ratios", _RATIO_HEADINGS, [_ratio_row(ratio) for ratio in self.ratios]),
            _table("Counts", _COUNT_HEADINGS, [_count_row(*item) for item in self.counts.items()]),
            _table("Growth", _GROWTH_HEADINGS, [_growth_row(growth) for growth in self.growths]),
        ]

    def as_page(self) -> str:
        """docs/performance.md."""
        sections = [
            _INTRODUCTION,
            f"{machine()}; {', '.join(f'{name} {number}' for name, number in versions().items())}.\n",
            "## Ratios\n",
            _markdown(_RATIO_HEADINGS, [_ratio_row(ratio) for ratio in self.ratios]),
            _WIRES,
            *self._paragraphs(),
            "## Counts\n",
            _COUNTED,
            _markdown(_COUNT_HEADINGS, [_count_row(*item) for item in self.counts.items()]),
            "## Growth\n",
            _FITTED,
            _markdown(_GROWTH_HEADINGS, [_growth_row(growth) for growth in self.growths]),
        ]
        return "\n".join(sections)

    def _paragraphs(self) -> list[str]:
        return [self._paragraph(kind, text) for kind, text in _COMPARED.items()]

    def _paragraph(self, kind: str, text: str) -> str:
        lines = [f"**{kind.capitalize()}.** {text}"]
        for ratio in self.ratios:
            if ratio.name.startswith(kind):
                lines.append(f"- {_verdict(ratio)}")
                if ratio.name in self.shares:
                    lines.append(f"  The time goes to: {in_words(self.shares[ratio.name])}.")
        lines.insert(1, "")
        return "\n".join(lines) + "\n"


def machine() -> str:
    """Where this was measured."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, {_processor()}"


def versions() -> dict[str, str]:
    """What this was measured with."""
    return {"Python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    if described.exists():
        for line in described.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _verdict(ratio: Ratio) -> str:
    told = f"{ratio.name}: {ratio.ours_us:,.0f} us against {ratio.reference_us:,.0f} us"
    if ratio.target is None:
        return f"{told}, {ratio.cpu.median:.2f}."
    reached = "reached" if ratio.is_reached else "**not reached**"
    return f"{told}, {ratio.cpu.median:.2f}; target {ratio.target:.2f}, {reached}."


_RATIO_HEADINGS = ("Ratio", "Target", "CPU", "Control", "Wall", "Control, wall", "Ours, us", "Reference, us")
_COUNT_HEADINGS = ("Use case", "Writes", "Reads", "Calls", "Invocations", "Stored bytes", "Log lines")
_GROWTH_HEADINGS = ("Growth", "Sizes", "Target", "Requests", "Items read", "Items written", "CPU", "CPU, us")


def _ratio_row(ratio: Ratio) -> list[str]:
    return [
        f"{ratio.name}, per {ratio.per}",
        "-" if ratio.target is None else f"{ratio.target:.2f}",
        _spread(ratio.cpu),
        _spread(ratio.control_cpu),
        _spread(ratio.wall),
        _spread(ratio.control_wall),
        f"{ratio.ours_us:,.0f}",
        f"{ratio.reference_us:,.0f}",
    ]


def _count_row(name: str, tally: Tally) -> list[str]:
    numbers = (
        tally.writes,
        tally.reads,
        tally.calls,
        tally.invocations,
        tally.stored_bytes,
        tally.log_lines,
    )
    return [name, *(f"{number:,}" for number in numbers)]


def _growth_row(growth: Growth) -> list[str]:
    fitted = [f"{exponent:.2f}" for exponent in growth.exponents.values()]
    sizes = ", ".join(f"{size:,}" for size in growth.sizes)
    taken = ", ".join(f"{cost:,.0f}" for cost in growth.costs["cpu_us"])
    return [growth.name, sizes, f"{growth.target:.2f}", *fitted, taken]


def _spread(spread: Spread) -> str:
    return f"{spread.median:.2f} [{spread.low:.2f}, {spread.high:.2f}]"


def _table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(*headings, title=title)
    for row in rows:
        table.add_row(*(cell.replace("[", "\\[") for cell in row))
    return table


def _markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
