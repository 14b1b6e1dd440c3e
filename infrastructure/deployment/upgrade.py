"""The scene of a second deployment: over the first, with a new field in a record, while orders run.

The next version is a copy of the source in which every execution report says one thing more. Whoever has
not been deployed anew copies it unread, and folds and books the report by what it knows of it.
"""

import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from threading import Event, Thread

from chalicelib.enterprise import Enterprise, Holding, Side
from chalicelib.records.conversations import Step
from chalicelib.records.fix import BuySell, OrdStatus

from ..client import Client, until
from ..demo import audit
from ..demo.audit import differences
from ..demo.cues import LATER, await_status, executed_by, expect, market, order_first_at, same
from ..demo.lives import trail
from ..demo.story import Story
from ..rfq_demo.traders import await_both, clear_all, quoted, traders
from .cloud import deploy
from .deployed import Deployed
from .packaging import ROOT, PackageError, copy_source, package

NEW_FIELD, ITS_VALUE = "LastCapacity", "1"

# What the next version has otherwise: the field itself, and that every report of an order says it.
_CHANGES = (
    (
        "chalicelib/records/orders.py",
        "    last_mkt: str | None = None\n    prior_last_qty",
        "    last_mkt: str | None = None\n    last_capacity: str | None = None\n    prior_last_qty",
    ),
    (
        "chalicelib/street/steps.py",
        "report = following(log.claim, ExecutionReport, **{",
        "report = following(log.claim, ExecutionReport, last_capacity='1', **{",
    ),
)

_ENTERED_EVERY_SECONDS = 2.0
_HALF_NEW = 5
_ASKED_FOR = 2
# A conversation goes on meanwhile: its banks are new by then, the cities between them half old.
_QUOTED_AFTER, _DEALT_AFTER = "tokyo", "newyork"


def package_next(enterprise: Enterprise, file: Path, folder: Path, architecture: str) -> Path:
    """Package the next version: where."""
    source, build = folder / "next", folder / "build"
    write_next(source)
    for _ in package(enterprise, file, build, architecture, source):
        pass
    return build


def write_next(to: Path, changes: Sequence[tuple[str, str, str]] = _CHANGES) -> None:
    """Write the source of the next version; PackageError if this one's is not what the change is of."""
    to.mkdir()
    copy_source(ROOT, to)
    shutil.copy(ROOT / "requirements.txt", to)
    for path, old, new in changes:
        text = (to / path).read_text()
        if text.count(old) != 1:
            raise PackageError(
                f"{path}: the next version changes {old.strip()!r}, found {text.count(old)} times: adapt it"
            )
        (to / path).write_text(text.replace(old, new))


@dataclass
class Entered:
    """Orders that were entered while other things happened: their numbers, and what was not accepted."""

    accepted: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


@contextmanager
def _entering(clients: Sequence[Client]) -> Iterator[Entered]:
    """Enter one order after the other, at either customer utility in turn, each once."""
    entered, over = Entered(), Event()

    def enter() -> None:
        for client in cycle(clients):
            try:
                entered.accepted.append(client.order(**market())["OrderID"])
            except Exception as error:  # whatever it is, an order has not been accepted
                entered.refused.append(f"{type(error).__name__}: {error}")
            if over.wait(_ENTERED_EVERY_SECONDS):
                return

    customer = Thread(target=enter, daemon=True)
    customer.start()
    try:
        yield entered
    finally:
        over.set()
        customer.join()


def play(stage: Deployed, story: Story, build: Path) -> None:
    """Deploy what `package_next` made."""
    clients = _customers(stage)
    with story.step(
        f"Street 1 in the middle of an upgrade: `react` writes {NEW_FIELD}, all else is as it was",
        "orders Filled; the new field is in every copy, made and read by those who do not know it",
    ) as came:
        code = (build / "s1" / "deployment.zip").read_bytes()
        stage.functions("s1").update_function_code(FunctionName=stage.function("s1", "react"), ZipFile=code)
        numbers = [order_first_at(stage, clients[0], "s1", f"half-{n}") for n in range(_HALF_NEW)]
        _expect_filled_once(clients, numbers)
        left = until(lambda count: count == 0, lambda: differences(stage), LATER, 1)
        held = {name: _new_records(stage, name) for name in ("s1", "s2", "c1", "c2", "firm")}
        came.append(f"{NEW_FIELD} in {_told(held)} records, {left} records differ")
        expect(held["s1"] > 0 and same([*held.values()]) and left == 0, "the new field was lost")
    with story.step(
        "Every utility is deployed anew, one after the other, while orders are entered and executed",
        "none refused; in between old and new answer alike",
    ) as came:
        with _entering(clients) as entered:
            came.extend(_upgrade(stage, build, clients, entered))
        came.append(f"{len(entered.accepted)} orders accepted meanwhile, {len(entered.refused)} refused")
        expect(not entered.refused, str(entered.refused[:3]))
    with story.step("Every order that was accepted meanwhile", "Filled, once, alike at both") as came:
        by = Counter(_expect_filled_once(clients, entered.accepted))
        came.append(f"{by.total()} orders, by {_told(by)}")
    with story.step(
        "New orders, of which either street utility is the first to be tried",
        f"every report says {NEW_FIELD}, and both customer utilities show it",
    ) as came:
        for street in ("s1", "s2"):
            number = order_first_at(stage, clients[0], street, "next")
            _expect_filled_once(clients, [number])
            shown = [r.get(NEW_FIELD) for c in clients for r in trail(c, number) if "ExecType" in r]
            came.append(f"{street}: {', '.join(map(str, shown))}")
            expect(set(shown) == {ITS_VALUE}, "an old version answers")
    audit.play(stage, story)


def _upgrade(stage: Deployed, build: Path, clients: Sequence[Client], entered: Entered) -> Iterator[str]:
    """Deploy everybody, and tell what came of it."""
    started, unread, asked = time.monotonic(), 0, 0
    xenia, yves = traders(stage, "xenia", "yves")
    number = ""
    old = [utility.name for utility in stage.enterprise.utilities]
    for name, _ in deploy(stage.enterprise, build, stage.cloud, stage.parameters):
        old.remove(name)
        recent = entered.accepted[-_ASKED_FOR:]
        _expect_filled_once(clients, recent)
        asked += len(recent)
        # What the next to be deployed anew has by now, it has not read.
        unread += sum(_new_records(stage, later) for later in old[:1])
        if name == _QUOTED_AFTER:
            number = quoted(xenia, yves)
        if name == _DEALT_AFTER:
            xenia.turn(number, "accept", Side=BuySell.BUY)
            await_both(number, Step.DEALT, xenia, yves)
            clear_all(number, xenia, yves)
            yield f"a deal while {', '.join(old)} are old"
    yield f"all {len(stage.enterprise.utilities)} in {time.monotonic() - started:.1f} s"
    yield f"{asked} orders asked for at both, alike; {unread} new records at utilities that were old"
    expect(unread > 0, "nobody old had a new record")


def _customers(stage: Deployed) -> Sequence[Client]:
    return [stage.client(utility.name) for utility in stage.enterprise.on(Side.CUSTOMER)]


def _new_records(stage: Deployed, name: str) -> int:
    """How many records with the new field are at a utility, of those that street 1 wrote."""
    if Holding.STREET not in stage.enterprise.utility(name).holdings:
        return 0
    records = stage.everything(name, Holding.STREET)
    return sum(item.get(NEW_FIELD) == ITS_VALUE and item["Origin"] == "s1" for item in records)


def _expect_filled_once(clients: Sequence[Client], numbers: Sequence[str]) -> list[str]:
    """NotAsExpected unless orders are filled, each by one street utility, and all answer alike: by whom."""
    by: list[str] = []
    for number in numbers:
        for client in clients:
            await_status(client, number, OrdStatus.FILLED, LATER)
        states = until(same, lambda number=number: [c.status(number) for c in clients], LATER)  # type: ignore[misc]
        expect(same(states), f"{number} is answered differently")
        executed = executed_by(states[0])
        once = len(executed) == 1 and states[0]["CumQty"] == states[0]["OrderQty"]
        expect(once, f"{number}: {states[0]['CumQty']} of {states[0]['OrderQty']} by {executed}")
        by.extend(executed)
    return by


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
