"""A running enterprise, and the hands that a story needs on it.

What a story sees and breaks, it does as an operator could: by HTTP, by signals, and by reading tables.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chalicelib.enterprise import Enterprise, Holding, load_enterprise
from chalicelib.records.numbers import Number, account_key, order_tag
from chalicelib.records.record import Item
from chalicelib.records.times import day_of
from chalicelib.tables.attributes import decode
from chalicelib.tables.dynamodb import DynamoDBStore

from ..client import Client, until
from ..engine import client as engine_client
from ..engine import local_credentials
from ..local import ask_supervisor, is_healthy
from .story import NotAsExpected

# How long each turn of a conversation may take while a story is told: short, for steps that wait until it
# is over, and long enough for everybody's turn on a machine that has other things to do.
TURN_SECONDS = 12.0

_STOP_SECONDS_MAX = 15


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A running enterprise, and the hands that the story needs on it.

    `imported` is how many orders are imported, `turn_seconds` how long each turn of a conversation may take,
    `rush` how many calls there are in a rush, and `panels_each_way` how many a trader makes at once, and
    answers: half of the six panels at most, so that nobody waits for one.
    """

    enterprise: Enterprise
    folder: Path
    description: Mapping[str, Any]
    imported: int = 1000
    turn_seconds: float = TURN_SECONDS
    rush: int = 100
    panels_each_way: int = 3

    def client(self, *names: str, who: str = "broker") -> Client:
        """Somebody who reaches these utilities, or the gateway."""
        urls = self.description["urls"]
        return Client.at({name: urls[name] for name in names}, self.description["tokens"][who])

    def table(self, utility: str, holding: Holding) -> DynamoDBStore:
        owner = self.enterprise.utility(utility)
        return DynamoDBStore(
            self.enterprise.table(utility, holding), owner.region, self.description["engine"]
        )

    def everything(self, utility: str, holding: Holding) -> list[Item]:
        """A whole table, as an operator would export it."""
        pages = engine_client("dynamodb", self.description["engine"]).get_paginator("scan")
        name = self.enterprise.table(utility, holding)
        return [decode(item) for page in pages.paginate(TableName=name) for item in page["Items"]]

    def signal(self, name: str, signum: signal.Signals) -> None:
        ask_supervisor(self.folder, {"do": "signal", "name": name, "signal": int(signum)})

    def kill(self, name: str) -> None:
        self.signal(name, signal.SIGKILL)

    def start(self, name: str, fault: str | None = None) -> None:
        """Start a utility and wait until it answers."""
        ask_supervisor(self.folder, {"do": "start", "name": name, "fault": fault})
        url = self.description["urls"][name]
        if not until(bool, lambda: is_healthy(url), 20, 0.05):
            raise NotAsExpected(f"{name} does not come up")

    def is_running(self, name: str) -> bool:
        return name in ask_supervisor(self.folder, {"do": "list"})

    def number(self, code: str, account: str, cl_ord_id: str) -> Number:
        """The number a utility will give an order of today, for who knows the enterprise's secret."""
        secret = bytes.fromhex(self.description["secret"])
        return Number(
            code=code,
            day=day_of(datetime.now(UTC)),
            account_key=account_key(account, secret),
            tag=order_tag(account, cl_ord_id, secret),
        )

    def cl_ord_id_tried_first_at(self, street: str, account: str, prefix: str) -> str:
        """A ClOrdID whose order goes to this street utility first."""
        for attempt in range(1000):
            cl_ord_id = f"{prefix}-{attempt}"
            number = self.number("C01", account, cl_ord_id)
            if self.enterprise.sequence(number.day, number.account_key, number.tag)[0] == street:
                return cl_ord_id
        raise NotAsExpected(f"no ClOrdID leads to {street} first")


@contextlib.contextmanager
def running_enterprise(file: Path, folder: Path, port: int, pace: float, *options: str) -> Iterator[Stage]:
    """An enterprise of its own, from the command line as anybody would start it."""
    command = [
        sys.executable,
        "-m",
        "infrastructure",
        "--enterprise",
        str(file),
        "--folder",
        str(folder),
    ]
    run = ["run", "--json", "--port", str(port), "--pace", str(pace), *options]
    with subprocess.Popen([*command, *run], stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        line = supervisor.stdout.readline()
        if not line:
            raise SystemExit(supervisor.wait())
        os.environ.update(local_credentials())
        try:
            yield Stage(enterprise=load_enterprise(file), folder=folder, description=json.loads(line))
        finally:
            supervisor.send_signal(signal.SIGINT)
            supervisor.wait(_STOP_SECONDS_MAX)
