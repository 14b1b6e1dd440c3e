"""What the product must do, and the tests that prove it, as a page.

    python -m tests.requirements docs/requirements.md

A test names what it proves with `@pytest.mark.requirement("T14")`; the page is made by collecting
the tests, so it cannot claim what no test carries.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# T: the segmented enterprise. R: request-for-quote conversations (US 5,258,908).
REQUIREMENTS: Mapping[str, str] = {
    "T1": "One firm, many customer side and many street side utilities, joined asynchronously: "
    "nothing needs any two of them up at once.",
    "T2": "A customer utility takes an order: numbers it, writes it as placed in its own table, and has "
    "it brought to the street side.",
    "T3": "A customer utility answers inquiries - order status, balances, positions, market data, "
    "account - from what it holds, and calls no other utility for it.",
    "T4": "Requests come through gateways, which pick any customer utility that answers, spread the "
    "load, and try the next with the same ClOrdID.",
    "T5": "Any customer utility will do, for each request anew; one that is down is not used.",
    "T6": "A street utility has all it needs to execute orders on the markets.",
    "T7": "The firm settles, keeps balances, positions, books and records, and ends its days.",
    "T8": "Who holds whose records: customer records go to the other customer utilities and the firm, "
    "street records to everybody, the firm's to both other sides.",
    "T9": "A record of a transaction has its number, its type, a status with the time it was reached, "
    "and its terms.",
    "T10": "Each customer utility numbers by itself; no number is given out twice.",
    "T11": "Insert only: no record is ever changed or deleted.",
    "T12": "No record has to wait for another: it is accepted whatever else has arrived.",
    "T13": "Every record is whole: an order can be shown from any one of its records.",
    "T14": "Status is the aggregate of what has arrived, the true state or the best estimate; of a fill "
    "and a cancel, the earlier holds.",
    "T15": "Records may come in any order, late and repeatedly; only the set of them counts.",
    "T16": "Utilities are added and scaled side by side; a new one catches up.",
    "T17": "What fails stops nobody else, and nothing that was accepted is lost.",
    "T18": "What happens on the street side reaches customer utilities at once, by streams.",
    "T19": "The firm's records outlive their site: a standby takes over, fenced against the old one.",
    "R1": "Terminals at bank nodes, bank nodes at city nodes; the network finds the way from city to "
    "city by itself.",
    "R2": "A trader asks one bank, always, for a quote on one pair; one terminal there may be named.",
    "R3": "A terminal shows indicative rates, a queue of incoming calls, and six conversations.",
    "R4": "In a conversation one quotes, counters, sends messages, deals or hangs up, each in time.",
    "R5": "A bank node checks and registers in one atomic operation, for calls made and received alike.",
    "R6": "A call that is a duplicate is refused at its own bank before it is sent.",
    "R7": "A call that is a duplicate at the bank that is called is sent back, and appears nowhere there.",
    "R8": "A bank whose call is sent back frees its own registration, and no other.",
    "R9": "However a conversation ends, both banks free it before the work that follows a deal.",
    "R10": "A registration holds for all terminals of a bank and in both directions, and for no other pair.",
    "R11": "Calls that cross lead to one conversation at most; by the policy `earliest` to exactly one.",
    "R12": "Brokers may deal for several principals, and in anything that has a market.",
    "R13": "What was sent and never acknowledged is recovered or taken back by itself.",
}

Proofs = Mapping[str, Sequence[str]]


class _Collected:
    """A plugin of pytest's that notes which tests carry which ids."""

    def __init__(self) -> None:
        self.proofs: dict[str, dict[str, None]] = {}

    def pytest_collection_modifyitems(self, items: Sequence[pytest.Item]) -> None:
        for item in items:
            if item.get_closest_marker("xfail"):
                # What is known not to hold yet proves nothing.
                continue
            test = item.nodeid.partition("[")[0]
            for mark in item.iter_markers("requirement"):
                for requirement in mark.args:
                    self.proofs.setdefault(requirement, {})[test] = None


def collect() -> Proofs:
    """The tests that carry each id, in the order of their files."""
    collected = _Collected()
    arguments = ["--collect-only", "-qq", "-p", "no:xdist", "-p", "no:cacheprovider", str(ROOT / "tests")]
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        status = pytest.main([f"--rootdir={ROOT}", *arguments], plugins=[collected])
    if status != pytest.ExitCode.OK:
        raise SystemExit(f"the tests could not be collected: pytest ended with {status!r}")
    return {requirement: sorted(tests) for requirement, tests in collected.proofs.items()}


def unknown(proofs: Proofs) -> list[str]:
    """The ids that tests carry though no requirement has them."""
    return sorted(set(proofs) - set(REQUIREMENTS))


def page(proofs: Proofs) -> str:
    """The requirements as a page, each with the tests that carry its id."""
    return "\n".join(_lines(proofs)) + "\n"


def _lines(proofs: Proofs) -> Iterator[str]:
    yield "# Requirements"
    yield ""
    yield "What the product must do, in short, and the tests that prove it. T: the segmented enterprise; R:"
    yield "request-for-quote conversations. Made by `make requirements` from the marks of the tests;"
    yield "what no test carries is open."
    yield ""
    yield "| id | what it says | tests |"
    yield "|---|---|---|"
    for requirement, text in REQUIREMENTS.items():
        tests = proofs.get(requirement, ())
        told = f"[{len(tests)}](#{requirement.lower()})" if tests else "open"
        yield f"| {requirement} | {text} | {told} |"
    for requirement in REQUIREMENTS:
        if proofs.get(requirement):
            yield from ("", f"## {requirement}", "")
            yield from (_link(test) for test in proofs[requirement])


def _link(test: str) -> str:
    path, _, name = test.partition("::")
    return f"- [{path.removeprefix('tests/')}::{name}](../{path})"


def main(arguments: Sequence[str]) -> None:
    """Write the page to the one path that is given."""
    (path,) = arguments
    proofs = collect()
    if unknown(proofs):
        raise SystemExit(f"there is no requirement {', '.join(unknown(proofs))}")
    Path(path).write_text(page(proofs))


if __name__ == "__main__":
    main(sys.argv[1:])
