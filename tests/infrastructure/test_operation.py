"""The operators' page, done as it says, and every command that a page names, understood."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from chalicelib.enterprise import Holding
from chalicelib.records.record import Item
from chalicelib.tables.attributes import encode
from infrastructure.__main__ import main
from infrastructure.demo.stage import Stage, running_enterprise
from infrastructure.engine import client

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGE = ROOT / "docs" / "operation.md"
_PORT = 9100
_SECONDS_MAX = 20
# What only looks may be asked again until it shows what the page shows.
_LOOKS = re.compile(
    r"python -m infrastructure.* (status|utilities|exceptions|aside \w+$|catch-up|route)|curl"
)


@dataclass(frozen=True)
class Step:
    """A command of the page, and what it shows; what is to have happened before, if anything."""

    line: int
    before: str
    command: str
    shown: tuple[str, ...]


def steps(page: Path) -> Iterator[Step]:
    """The commands of a page's console blocks."""
    fence = re.compile(r"^```console ?(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
    text = page.read_text()
    for block in fence.finditer(text):
        before = block[1]
        line = text[: block.start(2)].count("\n") + 1
        for part in re.split(r"^\$ ", block[2], flags=re.MULTILINE)[1:]:
            lines = part.rstrip("\n").split("\n")
            more = [row for row in lines[1:] if row.startswith("> ")]
            command = "\n".join([lines[0], *(row.removeprefix("> ") for row in more)])
            shown = [row for row in lines[1:] if not row.startswith("> ")]
            yield Step(line, before, command, tuple(shown))
            before, line = "", line + len(lines)


class Shell:
    """One shell for the whole page: what one command sets, the next has."""

    def __init__(self, folder: Path) -> None:
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "200",
        }
        self._shell = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, command: str) -> str:
        """What a command prints."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.write(f"{command}\necho; echo '### done'\n")
        self._shell.stdin.flush()
        lines: list[str] = []
        for line in self._shell.stdout:
            if line == "### done\n":
                return "".join(lines)
            lines.append(line)
        raise AssertionError(f"the shell ended: {''.join(lines)}")

    def close(self) -> None:
        self._shell.communicate("exit\n")


def with_ports(command: str) -> str:
    """A command to the enterprise that runs here instead."""
    return re.sub(r":84(\d\d)/", lambda port: f":{_PORT + int(port[1])}/", command)


def is_shown(shown: tuple[str, ...], printed: str) -> bool:
    """Whether what the page shows was printed, line by line and in that order; `...` is anything."""
    patterns = [".*".join(map(re.escape, _plain(line).split("..."))) for line in shown if line != "..."]
    rest = iter([_plain(line) for line in printed.splitlines()])
    return all(any(re.fullmatch(pattern, line) for line in rest) for pattern in patterns)


def _plain(line: str) -> str:
    """Without the frames of tables."""
    return re.sub(r"\s*\.\.\.\s*", "...", " ".join(re.sub(r"[│┃]", " ", line).split()))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("operation")
    shutil.copy(ROOT / "enterprise.toml", folder)
    with running_enterprise(folder / "enterprise.toml", folder / ".threeside", _PORT, 1.0) as stage:
        yield stage


@pytest.fixture
def shell(stage: Stage) -> Iterator[Shell]:
    shell = Shell(stage.folder.parent)
    yield shell
    shell.close()


class Happenings:
    """What happens to the enterprise between the commands of the page."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._table = stage.enterprise.table("c2", Holding.STREET)
        self._tables = client("dynamodb", stage.description["engine"])

    def _some(self) -> list[Item]:
        found = [i for i in self._stage.everything("c2", Holding.STREET) if i["Origin"] in ("s1", "s2")]
        return sorted(found, key=lambda item: (item["pk"], item["sk"]))

    def _delete(self, item: Item) -> None:
        key = {name: {"S": item[name]} for name in ("pk", "sk")}
        self._tables.delete_item(TableName=self._table, Key=key)

    def lose(self) -> None:
        """Two records of a replica are gone."""
        for item in self._some()[:2]:
            self._delete(item)

    def tamper(self) -> None:
        """Somebody has changed a record by hand."""
        item = {**self._some()[0], "Text": "changed by hand"}
        self._tables.put_item(TableName=self._table, Item=encode(item))

    def remove(self) -> None:
        """And has deleted it since."""
        self._delete(next(item for item in self._some() if item.get("Text") == "changed by hand"))

    def unreadable(self) -> None:
        """An order of a later version comes to s1."""
        found = self._stage.everything("c1", Holding.CUSTOMER)
        placed = next(item for item in found if item["RecordType"] == "Placed")
        where = {"pk": "aaaaaaaaaaaaa", "sk": "20260105#bbbbbbbbbbbbb#c1"}
        number = "C0120260105-aaaaaaaaaaaaa-bbbbbbbbbbbbb"
        self._stage.table("s1", Holding.INBOX).insert({**placed, **where, "OrderID": number, "OrdType": "Z"})


@pytest.mark.requirement("T16", "T17")
def test_what_operators_do_is_done_as_their_page_says(stage: Stage, shell: Shell) -> None:
    happenings = Happenings(stage)
    for step in steps(PAGE):
        if step.before:
            getattr(happenings, step.before)()
        command = with_ports(step.command)
        shown = tuple(
            re.sub(r"\$([A-Z]+)", lambda name: shell.run(f"echo {name[0]}").strip(), line)
            for line in step.shown
        )
        give_up = time.monotonic() + (_SECONDS_MAX if _LOOKS.search(command) else 0)
        printed = shell.run(command)
        while not is_shown(shown, printed) and time.monotonic() < give_up:
            time.sleep(0.5)
            printed = shell.run(command)
        assert is_shown(shown, printed), f"line {step.line}: {step.command}\nprinted:\n{printed}"


def test_the_readmes_commands_do_what_it_says(stage: Stage, shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("Account,ClOrdID,Symbol,Side,OrdType,OrderQty\nA-1001,row-1,AAPL,1,1,10\n")
    for who in ("xenia", "yves"):
        shell.run(f"{who.upper()}=$(python -m infrastructure token {who})")
    number = ""
    for command in readme_commands():
        asked = with_ports(command.replace("NUMBER", number).replace("FILE.csv", str(file)))
        # On a line of its own: a command may end with a comment.
        asked += '\necho "status $?"'
        printed = shell.run(asked)
        give_up = time.monotonic() + _SECONDS_MAX
        while _LOOKS.search(command) and "status 0" not in printed and time.monotonic() < give_up:
            time.sleep(0.5)
            printed = shell.run(asked)
        assert printed.rstrip().endswith("status 0"), f"{command}\nprinted:\n{printed}"
        found = re.search(r"accepted by \w+ as (\S+)|\"(?:RFQ|Conversation)\": ?\"([^\"]+)\"", printed)
        number = (found[1] or found[2]) if found else number


def readme_commands() -> Iterator[str]:
    """What the README has one type while an enterprise runs."""
    for block in re.finditer(
        r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    ):
        if "python -m infrastructure" in block[1]:
            found = re.findall(r"^(?:.*-d '{\n(?:.*\n)*?.*}'|.+)$", block[1], re.MULTILINE)
            yield from (command for command in found if not command.startswith("source"))


def test_a_page_that_shows_what_is_not_printed_is_found_out() -> None:
    assert is_shown(("a ... c", "...", "e"), "│ a │ b c\nd\ne\n")
    assert not is_shown(("a ... c", "e"), "e\na b c\n")
    assert not is_shown(("a",), "a b\n")
    assert not is_shown(("a",), "")


def commands() -> list[tuple[str, str]]:
    """Every command of the command line that a page has in a block, with the page's name."""
    found = []
    for page in PAGES:
        for block in re.finditer(r"^```(?:sh|text)\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            lines = re.sub(r"\\\n(> )?", " ", block[1])
            found += [(page.name, c) for c in re.findall(r"python -m infrastructure( [^|\n#)]*)", lines)]
    return found


@pytest.mark.parametrize(("page", "command"), commands())
def test_a_command_that_a_page_names_can_be_given_so(
    page: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("THREESIDE_SECRET", "00" * 16)
    Path("FILE.csv").touch()
    called: click.Command = main
    name, words = "", shlex.split(command)
    while isinstance(called, click.Group):
        name, *words = words
        called = called.commands[name]
    called.make_context(name, words)
