"""The local enterprise: an engine, and every utility and the gateway as a process of its own.

One supervisor forks them all, having imported everything once, so that they are up in a second; it
answers to the command line on a socket in the enterprise's folder, and takes everything down with
it when it ends.
"""

import json
import os
import secrets
import selectors
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from importlib import import_module
from itertools import count
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

import httpx

import chalicelib
from chalicelib.enterprise import Enterprise, Holding, Side, load_enterprise
from chalicelib.firm.booking import Books, open_account
from chalicelib.firm.listing import list_instrument, load_listings
from chalicelib.records.numbers import account_key
from chalicelib.records.times import format_time
from chalicelib.tables.dynamodb import DynamoDBStore
from chalicelib.tables.dynamodb import connection as table_connection

from .engine import address, client, die_with_parent, is_free, local_credentials, start_engine
from .gateway import serve_gateway
from .prices import write_replay
from .process import run_utility
from .provision import provision
from .tokens import Issuer, key_set

GATEWAY = "gateway"
ISSUER = "threeside-local"

# Who there is to try it with: a token's subject, and the accounts it may act for.
CUSTOMERS: Mapping[str, tuple[str, ...]] = {
    "alice": ("A-1001",),
    "bob": ("A-1002",),
    "broker": tuple(f"A-{1001 + i}" for i in range(20)),
}
# Who deals: a trader's principal and terminal.
TRADERS: Mapping[str, tuple[str, str]] = {
    "hugo": ("HOUSE", "H1"),
    "hanna": ("HOUSE", "H2"),
    "xenia": ("BANKX", "X1"),
    "xaver": ("BANKX", "X2"),
    "yves": ("BANKY", "Y1"),
    "yael": ("BANKY", "Y2"),
    "maia": ("MERCURY", "M1"),
    "nora": ("NEPTUNE", "N1"),
}
# Who sees the accounts that principals' deals are booked on.
BACK_OFFICE = "backoffice"

# What may be traded.
INSTRUMENTS_FILE = Path(__file__).parents[1] / "instruments.toml"

# How long each turn of a conversation may take, unless told otherwise.
TURN = timedelta(minutes=2)

_BROUGHT_IN: Mapping[str, Decimal] = {
    "USD": Decimal("50000000.00"),
    **{symbol: Decimal(100_000) for symbol in ("AAPL", "FB", "GOOG", "IBM", "MSFT")},
}

_HEALTHY_SECONDS_MAX = 20
_STOP_SECONDS_MAX = 5


class LocalError(Exception):
    """The local enterprise does not start, or is not there; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where the processes of a local enterprise listen, and its folder.

    `kept` are the ports of those that were there before the enterprise file changed.
    """

    enterprise: Enterprise
    enterprise_file: Path
    folder: Path
    port: int
    kept: Mapping[str, int] = field(default_factory=dict)

    @property
    def engine_port(self) -> int:
        return self.port + 99

    @cached_property
    def ports(self) -> dict[str, int]:
        """The port of the gateway, which is first, and of every utility; whoever had one keeps it."""
        names = [GATEWAY, *(utility.name for utility in self.enterprise.utilities)]
        free = (port for port in count(self.port) if port not in self.kept.values())
        return {name: self.kept[name] if name in self.kept else next(free) for name in names}

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    @property
    def customer_urls(self) -> dict[str, str]:
        return {u.name: self.url(u.name) for u in self.enterprise.on(Side.CUSTOMER)}


def _import_everything() -> None:
    """Import all that a utility may import when it is called: whoever is forked from here has it already."""
    for module in walk_packages(chalicelib.__path__, f"{chalicelib.__name__}."):
        import_module(module.name)


def traders_of(enterprise: Enterprise) -> dict[str, dict[str, str]]:
    """Where each trader deals, if the enterprise file has it."""
    principals = {principal.name: principal for principal in enterprise.principals}
    return {
        who: {"principal": name, "terminal": terminal, "node": principals[name].node}
        for who, (name, terminal) in TRADERS.items()
        if name in principals and terminal in principals[name].terminals
    }


def make_tokens(enterprise: Enterprise, issuer: Issuer) -> dict[str, str]:
    """A token for each customer, each trader, and the back office."""

    def token(who: str, accounts: Iterable[str], **deals: str) -> str:
        return issuer.token(
            who,
            accounts,
            audience=enterprise.name,
            issuer=ISSUER,
            now=datetime.now(UTC),
            lifetime=timedelta(hours=12),
            **deals,
        )

    tokens = {who: token(who, accounts) for who, accounts in CUSTOMERS.items()}
    for who, deals in traders_of(enterprise).items():
        tokens[who] = token(who, (), principal=deals["principal"], terminal=deals["terminal"])
    if enterprise.principals:
        tokens[BACK_OFFICE] = token(BACK_OFFICE, [principal.name for principal in enterprise.principals])
    return tokens


def seed(enterprise: Enterprise, secret: bytes, endpoint: str) -> None:
    """Have the firm list what may be traded, and open the accounts of those who try it."""
    firm = enterprise.on(Side.FIRM)[0]
    table = enterprise.table(firm.name, Holding.FIRM)
    books = Books(name=firm.name, records=DynamoDBStore(table, firm.region, endpoint))
    for listing in load_listings(INSTRUMENTS_FILE):
        list_instrument(listing, books, now=datetime.now(UTC))
    for account in CUSTOMERS["broker"]:
        open_account(account, account_key(account, secret), _BROUGHT_IN, books, now=datetime.now(UTC))


class Supervisor:
    """Starts, stops and restarts the processes of one enterprise."""

    def __init__(self, layout: Layout, pace: timedelta, turn: timedelta = TURN) -> None:
        self._layout = layout
        self._pace = pace
        self._turn = turn
        self._children: dict[str, int] = {}
        self._engine: subprocess.Popen[bytes] | None = None
        self._ended = False
        self._secret = secrets.token_bytes(32)
        # Tokens of all of them hold; the last signs new ones, as soon as it is asked to.
        self._issuers = [Issuer.generated()]
        self._signs = self._issuers[0]
        self._epoch = datetime.now(UTC) - timedelta(days=1)

    def run(self, ready: Callable[[Mapping[str, Any]], None]) -> None:
        """Start everything, say so, and serve the command line until a signal ends it."""
        layout = self._layout
        _expect_free_ports([*layout.ports.values(), layout.engine_port])
        for signum in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signum, self._end)
        _import_everything()
        try:
            self._start_engine()
            listener = self._listen()
            for name in layout.ports:
                self.start(name)
            self._wait_until_healthy()
            ready(self._publish())
            self._serve(listener)
        finally:
            self._take_down()

    def start(self, name: str, fault: str | None = None) -> None:
        """Start one process, to die at a fault if there is one."""
        if name in self._children:
            return
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            self._be(name, fault)
        self._children[name] = child

    def stop(self, name: str, signum: int) -> None:
        """Send a process a signal, and wait for it to end if it does."""
        child = self._children.get(name)
        if child is None:
            return
        os.kill(child, signum)
        if signum in (signal.SIGTERM, signal.SIGKILL):
            self._await_end(name)

    def describe(self) -> dict[str, Any]:
        """What the command line needs to know."""
        return {
            "supervisor": os.getpid(),
            "enterprise": self._layout.enterprise.name,
            "engine": address(self._layout.engine_port),
            "secret": self._secret.hex(),
            "urls": {name: self._layout.url(name) for name in self._layout.ports},
            "tokens": make_tokens(self._layout.enterprise, self._signs),
            "traders": traders_of(self._layout.enterprise),
            "environment": self._environment(),
        }

    def take_over_file(self) -> None:
        """Follow the enterprise file as it is now, and make what is missing; EnterpriseError if it cannot be.

        Utilities follow it when they are started again.
        """
        enterprise = load_enterprise(self._layout.enterprise_file)
        if enterprise.name != self._layout.enterprise.name:
            raise LocalError(
                f"this is enterprise {self._layout.enterprise.name!r}, and the file's is {enterprise.name!r}"
            )
        self._layout = replace(
            self._layout, enterprise=enterprise, kept={**self._layout.kept, **self._layout.ports}
        )
        endpoint = address(self._layout.engine_port)
        provision(enterprise, client("dynamodb", endpoint), client("sqs", endpoint), self._pace)

    def rotate(self, step: str) -> None:
        """One step to another key: `add` it to those that hold, `use` it from now on, `drop` the others."""
        match step:
            case "add":
                self._issuers.append(Issuer.generated())
            case "use":
                self._signs = self._issuers[-1]
            case "drop":
                self._issuers = [self._signs]

    def _publish(self) -> dict[str, Any]:
        """Describe the enterprise to the command line."""
        description = self.describe()
        (self._layout.folder / "enterprise.json").write_text(json.dumps(description))
        return description

    def _start_engine(self) -> None:
        layout = self._layout
        self._engine = start_engine(layout.engine_port, layout.folder / "engine.log")
        endpoint = address(layout.engine_port)
        os.environ.update(local_credentials())
        provision(layout.enterprise, client("dynamodb", endpoint), client("sqs", endpoint), self._pace)
        write_replay(layout.folder / "replay.json")
        seed(layout.enterprise, self._secret, endpoint)
        # A socket that is shared after a fork answers whoever reads first.
        table_connection.cache_clear()

    def _be(self, name: str, fault: str | None) -> None:
        """What a forked child does, for ever."""
        die_with_parent()
        log = os.open(self._layout.folder / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        try:
            if name == GATEWAY:
                serve_gateway(self._layout.ports[name], self._layout.customer_urls)
            else:
                environment = {
                    **self._environment(),
                    "THREESIDE_UTILITY": name,
                    "THREESIDE_FAULT": fault or "",
                }
                run_utility(environment, self._layout.ports[name], self._layout.folder)
        except BaseException:
            traceback.print_exc()
        os._exit(1)

    def _environment(self) -> dict[str, str]:
        """What every utility is told."""
        seconds = self._pace.total_seconds()
        return {
            **local_credentials(),
            "THREESIDE_ENTERPRISE": str(self._layout.enterprise_file),
            "THREESIDE_SECRET": self._secret.hex(),
            "THREESIDE_ENDPOINT": address(self._layout.engine_port),
            "THREESIDE_ISSUER": ISSUER,
            "THREESIDE_JWKS": key_set(self._issuers),
            "THREESIDE_REPLAY": str(self._layout.folder / "replay.json"),
            "THREESIDE_EPOCH": format_time(self._epoch),
            "THREESIDE_TICK_SECONDS": str(seconds),
            "THREESIDE_SIGN_OF_LIFE_SECONDS": str(seconds),
            "THREESIDE_CHECK_AFTER_SECONDS": "3",
            "THREESIDE_TURN_SECONDS": str(self._turn.total_seconds()),
        }

    def _wait_until_healthy(self) -> None:
        give_up = time.monotonic() + _HEALTHY_SECONDS_MAX
        waiting = dict.fromkeys(self._layout.ports)
        while waiting:
            self._reap()
            for name in list(waiting):
                if name not in self._children:
                    log = self._layout.folder / f"{name}.log"
                    raise LocalError(f"{name} ended while it was starting: see {log}")
                if is_healthy(self._layout.url(name)):
                    del waiting[name]
            if waiting and time.monotonic() > give_up:
                names = ", ".join(waiting)
                raise LocalError(
                    f"{names} not healthy within {_HEALTHY_SECONDS_MAX} s: see {self._layout.folder}"
                )
            time.sleep(0.05)

    def _listen(self) -> socket.socket:
        path = control_path(self._layout.folder)
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
        return listener

    def _serve(self, listener: socket.socket) -> None:
        selector = selectors.DefaultSelector()
        selector.register(listener, selectors.EVENT_READ)
        while not self._ended:
            self._reap()
            if selector.select(timeout=0.2):
                caller, _ = listener.accept()
                with caller:
                    caller.settimeout(_STOP_SECONDS_MAX)
                    self._answer(caller)

    def _answer(self, caller: socket.socket) -> None:
        try:
            asked = json.loads(caller.makefile().readline())
            match asked:
                case {"do": "start", "name": str(name)} if name in self._layout.ports:
                    self.start(name, asked.get("fault"))
                case {"do": "signal", "name": str(name), "signal": int(signum)}:
                    self.stop(name, signum)
                case {"do": "take over file"}:
                    self.take_over_file()
                    self._publish()
                case {"do": "rotate", "step": str(step)}:
                    self.rotate(step)
                    self._publish()
                case {"do": "list"}:
                    pass
            self._reap()
            answer = {"running": self._children}
        except (OSError, ValueError, LocalError) as error:
            answer = {"error": {str(error): 1}}
        try:
            caller.sendall(json.dumps(answer).encode() + b"\n")
        except OSError:
            return  # whoever asked has gone

    def _reap(self) -> None:
        for name, child in list(self._children.items()):
            if os.waitpid(child, os.WNOHANG)[0]:
                del self._children[name]

    def _await_end(self, name: str) -> None:
        give_up = time.monotonic() + _STOP_SECONDS_MAX
        while name in self._children and time.monotonic() < give_up:
            self._reap()
            time.sleep(0.01)
        if name in self._children:
            os.kill(self._children[name], signal.SIGKILL)
            os.waitpid(self._children.pop(name), 0)

    def _end(self, signum: int, frame: object) -> None:
        self._ended = True

    def _take_down(self) -> None:
        for child in self._children.values():
            # A frozen process does not hear anything but this.
            os.kill(child, signal.SIGKILL)
        for name in list(self._children):
            os.waitpid(self._children.pop(name), 0)
        if self._engine is not None:
            # It keeps nothing that would be worth its waiting for open polls.
            self._engine.kill()
            self._engine.wait()
        for path in (control_path(self._layout.folder), self._layout.folder / "enterprise.json"):
            path.unlink(missing_ok=True)


def control_path(folder: Path) -> Path:
    """The socket on which a supervisor answers."""
    return folder / "control.sock"


def is_healthy(url: str) -> bool:
    """Whether a process answers its health route."""
    try:
        return httpx.get(f"{url}/health", timeout=1).is_success
    except httpx.HTTPError:
        return False


def ask_supervisor(folder: Path, asked: Mapping[str, Any]) -> dict[str, int]:
    """Have the supervisor do something: what is running then, by process id."""
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(_HEALTHY_SECONDS_MAX)
        try:
            caller.connect(str(control_path(folder)))
        except OSError:
            raise LocalError("no local enterprise is running here; start one with `make run`") from None
        caller.sendall(json.dumps(asked).encode() + b"\n")
        answer = json.loads(caller.makefile().readline())
    if "error" in answer:
        raise LocalError(f"the supervisor could not: {next(iter(answer['error']))}")
    running: dict[str, int] = answer["running"]
    return running


def restart(folder: Path, new: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """Start every process again that runs, and those that are new, one when the one before it is healthy.

    What was done with each. Those that have left the enterprise file are stopped; LocalError if one does
    not come up, and then the rest are left as they are.
    """
    running = ask_supervisor(folder, {"do": "list"})
    urls = read_description(folder)["urls"]
    for name in running:
        if name not in urls:
            ask_supervisor(folder, {"do": "signal", "name": name, "signal": int(signal.SIGTERM)})
            yield name, "stopped: it is not in the file any more"
    for name, url in urls.items():
        if name not in running and name not in new:
            yield name, "left alone: it does not run"
            continue
        ask_supervisor(folder, {"do": "signal", "name": name, "signal": int(signal.SIGTERM)})
        ask_supervisor(folder, {"do": "start", "name": name})
        _await_health(name, url, folder)
        yield name, "started again" if name in running else "started"


def _await_health(name: str, url: str, folder: Path) -> None:
    give_up = time.monotonic() + _HEALTHY_SECONDS_MAX
    while not is_healthy(url):
        if time.monotonic() > give_up:
            log = folder / f"{name}.log"
            raise LocalError(f"{name} not healthy within {_HEALTHY_SECONDS_MAX} s: see {log}")
        time.sleep(0.05)


def read_description(folder: Path) -> dict[str, Any]:
    """What a running enterprise says of itself; LocalError if there is none."""
    try:
        description: dict[str, Any] = json.loads((folder / "enterprise.json").read_text())
    except FileNotFoundError:
        raise LocalError("no local enterprise is running here; start one with `make run`") from None
    return description


def _expect_free_ports(ports: list[int]) -> None:
    taken = [port for port in ports if not is_free(port)]
    if taken:
        raise LocalError(f"port {taken[0]} is taken; free it, or choose others with --port")
