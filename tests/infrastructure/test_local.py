"""The local enterprise: real processes, real signals, a real engine."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from chalicelib.enterprise import Holding, load_enterprise
from chalicelib.network.routing import dispatch
from chalicelib.records.conversations import Inquired
from infrastructure.client import until
from infrastructure.demo.stage import Stage, running_enterprise
from infrastructure.local import Layout
from tests.builders import HeldMessages

_PORT = 8600
DEFAULT = load_enterprise(Path("enterprise.toml"))
CONVERSATION = "BX120260105-mzq2kx7f3wd5a"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("enterprise")
    with running_enterprise(Path("enterprise.toml"), folder, _PORT, 1.0) as stage:
        yield stage


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "infrastructure", "--folder", str(folder), *words]
    return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)


def processes_of(supervisor: int) -> set[int]:
    """The supervisor and all that descend from it."""
    found = {supervisor}
    for entry in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        try:
            parent = int(entry.joinpath("stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError):
            continue
        if parent in found:
            found.add(int(entry.name))
    return found


def is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.requirement("T1", "T2", "T6")
def test_an_order_of_the_command_line_is_filled(stage: Stage) -> None:
    placed = json.loads(command(stage.folder, "order", "buy", "100", "IBM", "--json").stdout)
    state = until(
        lambda state: state.get("OrdStatusName") == "Filled",
        lambda: json.loads(command(stage.folder, "status", placed["OrderID"], "--json").stdout),
        20,
    )
    assert state["CumQty"] == "100"
    assert state["OrdStatusName"] == "Filled"


def test_the_same_order_again_is_the_same_number(stage: Stage) -> None:
    fields = {"Account": "A-1001", "Symbol": "IBM", "Side": "1", "OrdType": "1", "OrderQty": "1"}
    client = stage.client("c1")
    first = client.order(**fields, ClOrdID="again")
    assert client.order(**fields, ClOrdID="again") == first


def test_a_refused_order_is_one_line_and_status_1(stage: Stage) -> None:
    refused = command(stage.folder, "order", "buy", "1.5", "IBM")
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr.count("\n") == 1
    assert "OrderQty" in refused.stderr


def test_an_import_answers_for_every_row_and_fails_if_any_is_refused(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(
        "Account,ClOrdID,Symbol,Side,OrdType,OrderQty\n"
        "A-1001,row-1,AAPL,1,1,10\n"
        "A-1001,row-2,AAPL,1,1,-10\n"
        "nobody,row-3,AAPL,1,1,10\n"
    )
    imported = command(stage.folder, "orders", "import", str(file), "--json")
    results = json.loads(imported.stdout)["results"]
    assert imported.returncode == 1
    assert [result["line"] for result in results] == [2, 3, 4]
    assert "OrderID" in results[0]
    assert "OrderQty" in results[1]["problem"]
    assert "Account" in results[2]["problem"]


@pytest.mark.requirement("T5", "T17")
def test_the_gateway_goes_on_while_a_customer_utility_is_down(stage: Stage) -> None:
    gateway = stage.client("gateway")
    stage.kill("c1")
    try:
        origins = {gateway.order(**market())["Origin"] for _ in range(4)}
    finally:
        stage.start("c1")
    assert origins == {"c2"}


@pytest.mark.requirement("T4")
def test_the_gateway_spreads_the_load(stage: Stage) -> None:
    gateway = stage.client("gateway")

    def both_answer() -> bool:
        return {gateway.get("/account", Account="A-1001")["AnsweredBy"] for _ in range(4)} == {"c1", "c2"}

    assert until(bool, both_answer, 20)


def test_a_stopped_utility_is_listed_as_stopped_and_starts_again(stage: Stage) -> None:
    assert command(stage.folder, "stop", "s2").returncode == 0
    listed = json.loads(command(stage.folder, "utilities", "--json").stdout)
    assert (listed["s2"]["pid"], listed["s1"]["healthy"]) == (None, True)
    assert command(stage.folder, "start", "s2").returncode == 0
    healthy = until(
        bool, lambda: json.loads(command(stage.folder, "utilities", "--json").stdout)["s2"]["healthy"], 20
    )
    assert healthy


def test_an_unknown_utility_is_named(stage: Stage) -> None:
    stopped = command(stage.folder, "stop", "c9")
    assert stopped.returncode == 1
    assert "'c9'" in stopped.stderr


@pytest.mark.requirement("R1")
def test_an_operator_sees_which_way_a_message_took(stage: Stage) -> None:
    send(stage, "first")
    (found,) = until(lambda found: found[0]["arrived"], lambda: route(stage, "first"), 20)
    assert [hop["node"] for hop in found["passed"]] == ["bankx", "tokyo", "london", "zurich"]
    shown = command(stage.folder, "route", CONVERSATION)
    assert "arrived" in shown.stdout


@pytest.mark.requirement("R1", "T17")
def test_messages_go_round_a_city_that_is_down(stage: Stage) -> None:
    stage.kill("london")
    try:
        # Until its signs of life are missed, messages to it wait there.
        numbers = count()

        def sent() -> list[dict[str, Any]]:
            name = f"round-{next(numbers)}"
            send(stage, name)
            found: list[dict[str, Any]] = until(
                lambda found: found[0]["arrived"], lambda: route(stage, name), 2
            )
            return found

        (found,) = until(lambda found: found[0]["arrived"], sent, 30)
    finally:
        stage.start("london")
    assert [hop["node"] for hop in found["passed"]] == ["bankx", "tokyo", "newyork", "zurich"]
    (waited,) = until(lambda found: found[0]["arrived"], lambda: route(stage, "round-0"), 20)
    assert [hop["node"] for hop in waited["passed"]] == ["bankx", "tokyo", "london", "zurich"]


def test_a_conversation_without_messages_is_one_line_and_status_1(stage: Stage) -> None:
    unknown = command(stage.folder, "route", "BX120260105-nothing")
    assert unknown.returncode == 1
    assert unknown.stderr == "threeside: no inbox has a message of a conversation 'BX120260105-nothing'\n"


def test_a_second_enterprise_in_the_same_folder_is_refused(stage: Stage) -> None:
    second = command(stage.folder, "run", "--port", "8660")
    assert second.returncode == 1
    assert second.stderr.count("\n") == 1


def test_who_had_a_port_keeps_it_when_the_enterprise_file_changes(tmp_path: Path) -> None:
    before = Layout(enterprise=DEFAULT, enterprise_file=Path("enterprise.toml"), folder=tmp_path, port=8400)
    changed = replace(DEFAULT, utilities=(*DEFAULT.utilities[2:], replace(DEFAULT.utilities[0], name="c3")))
    after = replace(before, enterprise=changed, kept=before.ports)
    assert {name: before.ports[name] for name in after.ports if name != "c3"} == {
        name: port for name, port in after.ports.items() if name != "c3"
    }
    assert after.ports["c3"] == max(before.ports.values()) + 1


def test_a_taken_port_is_one_line_and_status_1(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = command(tmp_path, "run", "--port", str(port))
    assert refused.returncode == 1
    assert refused.stderr == f"threeside: port {port} is taken; free it, or choose others with --port\n"


def test_an_engine_that_does_not_start_is_one_line_and_status_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The command line itself still finds its packages; the engine's own module is in the way.
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "ministack.py").write_text("raise SystemExit('no engine today')")
    monkeypatch.setenv("PYTHONPATH", str(broken))
    refused = command(tmp_path / "folder", "run", "--port", "8680")
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "the engine ended at once" in refused.stderr


@pytest.mark.parametrize(
    ("signum", "port"), [(signal.SIGINT, 8700), (signal.SIGTERM, 8800), (signal.SIGKILL, 8900)]
)
def test_nothing_is_left_running_however_it_ends(tmp_path: Path, signum: signal.Signals, port: int) -> None:
    supervisor = start(tmp_path, port)
    started = processes_of(supervisor.pid)
    assert len(started) > len(DEFAULT.utilities)
    supervisor.send_signal(signum)
    supervisor.wait(20)
    left = until(lambda left: not left, lambda: {process for process in started if is_alive(process)}, 10)
    assert left == set()


def market() -> dict[str, str]:
    return {"Account": "A-1001", "Symbol": "IBM", "Side": "1", "OrdType": "1", "OrderQty": "1"}


def send(stage: Stage, message: str) -> None:
    """Put a message from bankx to banky into the inbox of its city, as bankx would."""
    inquired = Inquired(
        origin="bankx",
        transact_time=datetime.now(UTC),
        conversation=CONVERSATION,
        principal="BANKX",
        initiating="BANKX",
        destination="BANKY",
        symbol="EURUSD",
        order_qty=Decimal(1_000_000),
        answers=0,
        attempt=1,
    )
    dispatch(
        inquired,
        to="banky",
        sender="bankx",
        message_id=message,
        now=datetime.now(UTC),
        city_inbox=stage.table("tokyo", Holding.INBOX),
        queue=HeldMessages(),
    )


def route(stage: Stage, message: str) -> list[dict[str, Any]]:
    """What an operator is told of one message."""
    answer = command(stage.folder, "route", CONVERSATION, "--json")
    return [found for found in json.loads(answer.stdout) if found["message"] == message]


def start(folder: Path, port: int) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "infrastructure", "--folder", str(folder), "run", "--json"]
    supervisor = subprocess.Popen([*line, "--port", str(port)], stdout=subprocess.PIPE, text=True)
    assert supervisor.stdout is not None
    with supervisor.stdout as output:
        assert json.loads(output.readline())["supervisor"] == supervisor.pid
    return supervisor
