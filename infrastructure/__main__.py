"""The command line: `python -m infrastructure COMMAND`; each takes --json and --help."""

import csv
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import click
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.progress import Progress, TextColumn
from rich.table import Table

from chalicelib.customer.gateway import NobodyAnswered
from chalicelib.enterprise import Enterprise, EnterpriseError, Holding, Side, Utility, load_enterprise
from chalicelib.tables.attributes import decode
from chalicelib.tables.dynamodb import DynamoDBStore
from chalicelib.tables.store import StoreError

from .again import Invoke, arrived, deployed, here_as
from .aside import AsideQueue, FailedHere, FailedOnAWS, Place, aside_json, aside_table
from .catching_up import Key, Tally, catch_up, caught_json, caught_table, sources
from .client import Client, RequestRefused
from .deployment.cloud import Cloud, DeploymentError, deploy, keys_to_name
from .deployment.packaging import ARCHITECTURES, PackageError
from .deployment.packaging import package as package_enterprise
from .drawing import draw
from .engine import EngineError, local_credentials
from .exceptions import exceptions_table, find_exceptions
from .lag import Lag, lag_json, lag_of_metrics, lag_of_tables, lag_table
from .local import (
    GATEWAY,
    TURN,
    Layout,
    LocalError,
    Supervisor,
    ask_supervisor,
    is_healthy,
    read_description,
    restart,
)
from .messages import trace, trace_json, trace_table
from .topology import principals_table, topology_json, topology_mermaid, topology_table
from .venue import WORDS, say

_P = ParamSpec("_P")

_IMPORT_AT_ONCE = 8
# How often links are looked at: CloudWatch has metrics of whole minutes, and each is paid for.
_LOOK_SECONDS = 2.0
_LOOK_SECONDS_METRICS = 60.0
_INSERT_AT_ONCE = 16
_SIDES = {"buy": "1", "sell": "2"}
# By whether there is a limit, and a stop price.
_ORD_TYPES = {(False, False): "1", (True, False): "2", (False, True): "3", (True, True): "4"}
_TIMES_IN_FORCE = {"day": "0", "cancel": "1", "now": "3", "kill": "4"}
_EXPECTED_ERRORS = (
    BotoCoreError,
    ClientError,
    DeploymentError,
    EnterpriseError,
    EngineError,
    LocalError,
    NobodyAnswered,
    PackageError,
    RequestRefused,
    StoreError,
    BotoCoreError,
    ClientError,
    OSError,
)

console = Console()


def command(action: Callable[_P, None]) -> Callable[_P, None]:
    """A command whose expected errors are one clear line and exit status 1."""

    @wraps(action)
    def acting(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            action(*args, **kwargs)
        except _EXPECTED_ERRORS as error:
            click.echo(f"threeside: {error}", err=True)
            sys.exit(1)

    return acting


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
reached_by = click.option(
    "--profile",
    help="A profile of AWS's command line, for the deployed enterprise; without it, the local one.",
)
acting_as = click.option("--as", "who", default="broker", help="Whose token to use.", show_default=True)


@click.group()
@click.option(
    "--enterprise",
    "file",
    type=click.Path(path_type=Path),
    default=Path("enterprise.toml"),
    show_default=True,
    help="The enterprise file.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path(".threeside"),
    show_default=True,
    help="Where a local enterprise keeps its logs and checkpoints.",
)
@click.pass_context
def main(context: click.Context, file: Path, folder: Path) -> None:
    """Threeside: an enterprise in three sides."""
    context.obj = {"file": file, "folder": folder}


@main.command()
@as_json
@click.option("--mermaid", is_flag=True, help="Print only the diagram.")
@click.option("--svg", is_flag=True, help="Print a drawing of all tables and streams.")
@click.pass_obj
@command
def topology(paths: Mapping[str, Path], as_json: bool, mermaid: bool, svg: bool) -> None:
    """Who there is, and who holds whose records."""
    enterprise = load_enterprise(paths["file"])
    if svg:
        click.echo(draw(enterprise), nl=False)
        return
    if as_json:
        click.echo(json.dumps(topology_json(enterprise), indent=2))
        return
    if not mermaid:
        console.print(topology_table(enterprise))
        if enterprise.principals:
            console.print(principals_table(enterprise))
    click.echo(topology_mermaid(enterprise))


@main.command()
@click.option("--port", default=8400, show_default=True, help="The gateway's port; the rest follow.")
@click.option("--pace", default=2.0, show_default=True, help="Seconds between prices.")
@click.option(
    "--turn",
    default=TURN.total_seconds(),
    show_default=True,
    help="Seconds that each turn of a conversation between banks may take.",
)
@as_json
@click.pass_obj
@command
def run(paths: Mapping[str, Path], port: int, pace: float, turn: float, as_json: bool) -> None:
    """Run the whole enterprise on this machine, until Ctrl-C."""
    layout = make_layout(paths["file"], paths["folder"], port)

    def ready(description: Mapping[str, Any]) -> None:
        if as_json:
            click.echo(json.dumps(description))
        else:
            _welcome(description)
        sys.stdout.flush()

    Supervisor(layout, timedelta(seconds=pace), timedelta(seconds=turn)).run(ready)
    if not as_json:
        click.echo("stopped; nothing is left running")


def make_layout(file: Path, folder: Path, port: int) -> Layout:
    """Where a new local enterprise goes; what an earlier one left is cleared away."""
    if (folder / "enterprise.json").exists() and _answers(folder):
        raise LocalError(f"an enterprise is running already in {folder}; stop it, or choose another --folder")
    folder.mkdir(parents=True, exist_ok=True)
    for left in [*folder.glob("*.log"), *folder.glob("*/*.checkpoint"), *folder.glob("*/*.jsonl")]:
        left.unlink()
    return Layout(
        enterprise=load_enterprise(file),
        enterprise_file=file.resolve(),
        folder=folder.resolve(),
        port=port,
    )


@main.command()
@click.option("--to", type=click.Path(path_type=Path), default=Path("build"), show_default=True)
@click.option(
    "--architecture",
    type=click.Choice(list(ARCHITECTURES)),
    default="arm64",
    show_default=True,
    help="Of the machine that the functions run on.",
)
@click.pass_obj
@command
def package(paths: Mapping[str, Path], to: Path, architecture: str) -> None:
    """Make what CloudFormation needs of every utility: a template and a zip."""
    enterprise = load_enterprise(paths["file"])
    for what, size in package_enterprise(enterprise, paths["file"].resolve(), to.resolve(), architecture):
        click.echo(f"{what:<24}{size / 1e6:8.2f} MB")


@main.command("deploy")
@click.option("--profile", help="Whose account: a profile of AWS's command line.")
@click.option("--build", type=click.Path(path_type=Path), default=Path("build"), show_default=True)
@click.option("--secret", envvar="THREESIDE_SECRET", required=True, help="Keys the hashes in numbers.")
@click.option("--issuer", required=True, help="Who issues tokens.")
@click.option("--jwks", required=True, help="The issuer's key set, inline or at an https address.")
@click.option("--operators", default="", help="The ARN of a topic for alarms.")
@click.option("--only", multiple=True, help="This utility alone; may be repeated, and is done in that order.")
@click.pass_obj
@command
def deploy_enterprise(
    paths: Mapping[str, Path],
    /,
    profile: str | None,
    build: Path,
    only: tuple[str, ...],
    **parameters: str,
) -> None:
    """Deploy every utility from what `package` made; again over what is there, it is an upgrade."""
    enterprise = load_enterprise(paths["file"])
    named = {name.capitalize(): value for name, value in parameters.items()}
    left = [utility.name for utility in enterprise.utilities if not only or utility.name in only]
    done = []
    cloud = Cloud(profile=profile)
    for name, url in deploy(enterprise, build, cloud, named, only):
        click.echo(f"{name:<16}{url}")
        left.remove(name)
        done.append(name)
    for name, key in keys_to_name(enterprise, done, cloud):
        click.echo(f'{name:<16}has key = "{key}": name it in the file, and deploy those who write there')
    for name in left:
        account = enterprise.utility(name).account
        click.echo(f"{name:<16}is in account {account}: deploy it with a profile of that")


@main.command()
@click.argument("side", type=click.Choice(list(_SIDES)))
@click.argument("quantity")
@click.argument("symbol")
@click.option("--limit", help="The worst price to accept; without it, a market order.")
@click.option("--stop", help="The price from which on it is to be executed.")
@click.option(
    "--good",
    default="day",
    show_default=True,
    help="day, cancel (until canceled), now (what there is), kill (all or nothing), or a date: 20261130.",
)
@click.option("--account", default="A-1001", show_default=True)
@click.option("--cl-ord-id", help="Your own identifier; the same again is the same order.")
@acting_as
@as_json
@click.pass_obj
@command
def order(
    paths: Mapping[str, Path],
    side: str,
    quantity: str,
    symbol: str,
    limit: str | None,
    stop: str | None,
    good: str,
    account: str,
    cl_ord_id: str | None,
    who: str,
    as_json: bool,
) -> None:
    """Enter one order: order buy 100 AAPL --limit 450.00; a QUANTITY as 1000USD is money, as 50% a part."""
    fields = {
        "Account": account,
        "Symbol": symbol,
        "Side": _SIDES[side],
        **_how_much(quantity),
        "OrdType": _ORD_TYPES[bool(limit), bool(stop)],
        **({"Price": limit} if limit else {}),
        **({"StopPx": stop} if stop else {}),
        **({"TimeInForce": _TIMES_IN_FORCE[good]} if good in _TIMES_IN_FORCE else {}),
        **({} if good in _TIMES_IN_FORCE else {"TimeInForce": "6", "ExpireDate": good}),
        **({"ClOrdID": cl_ord_id} if cl_ord_id else {}),
    }
    placed = _client(paths, who).order(**fields)
    if as_json:
        click.echo(json.dumps(placed))
    else:
        click.echo(f"accepted by {placed['Origin']} as {placed['OrderID']}")
        click.echo(f"  python -m infrastructure status {placed['OrderID']}")


@main.command()
@click.argument("number")
@acting_as
@as_json
@click.pass_obj
@command
def cancel(paths: Mapping[str, Path], number: str, who: str, as_json: bool) -> None:
    """Ask to cancel an order."""
    requested = _client(paths, who).cancel(number)
    click.echo(json.dumps(requested) if as_json else f"asked for at {requested['Origin']}")


@main.command()
@click.argument("number")
@click.option("--quantity", help="How much is wanted in all.")
@click.option("--limit", help="The worst price to accept.")
@click.option("--stop", help="The price from which on it is to be executed.")
@acting_as
@as_json
@click.pass_obj
@command
def replace(
    paths: Mapping[str, Path],
    number: str,
    quantity: str | None,
    limit: str | None,
    stop: str | None,
    who: str,
    as_json: bool,
) -> None:
    """Ask for other terms of an order: what is not named stays as it is."""
    fields = {
        **(_how_much(quantity) if quantity else {}),
        **({"Price": limit} if limit else {}),
        **({"StopPx": stop} if stop else {}),
    }
    requested = _client(paths, who).replace(number, **fields)
    click.echo(json.dumps(requested) if as_json else f"asked for at {requested['Origin']}")


@main.command()
@click.argument("word", type=click.Choice(list(WORDS)))
@click.argument("number")
@click.option("--execution", "exec_ref_id", help="The ExecID of what is busted or corrected.")
@click.option("--quantity", "last_qty", type=Decimal, help="What it is corrected to, or guaranteed.")
@click.option("--price", "last_px", type=Decimal, help="At which price.")
@click.option("--order-quantity", "restated_qty", type=Decimal, help="What the order is restated to.")
@click.pass_obj
@command
def venue(paths: Mapping[str, Path], /, word: str, number: str, **facts: Any) -> None:
    """Have the simulated venue say something of an order by itself.

    venue bust NUMBER --execution EXECID, venue correct ... --quantity 80 --price 9.50, venue suspend NUMBER.
    """
    if word in ("bust", "correct") and facts["exec_ref_id"] is None:
        raise LocalError(f"{word}: which execution? Name it with --execution")
    if word in ("correct", "stop") and None in (facts["last_qty"], facts["last_px"]):
        raise LocalError(f"{word}: how much, at which price? Say so with --quantity and --price")
    engine = read_description(paths["folder"])["engine"]
    os.environ.update(local_credentials())
    enterprise = load_enterprise(paths["file"])

    def inbox(of: Utility) -> DynamoDBStore:
        return DynamoDBStore(enterprise.table(of.name, Holding.INBOX), of.region, engine)

    told = say(word, number, enterprise, inbox, **facts)
    click.echo(f"said to {told.name}")


@main.command()
@click.argument("number")
@acting_as
@as_json
@click.pass_obj
@command
def status(paths: Mapping[str, Path], number: str, who: str, as_json: bool) -> None:
    """The state of an order, and what the answer rests on."""
    state = _client(paths, who).status(number)
    if as_json:
        click.echo(json.dumps(state))
        return
    table = Table(title=f"Order {state['OrderID']}", show_header=False)
    for name, value in state.items():
        if isinstance(value, list):
            value = "\n".join(
                "  ".join(map(str, entry.values())) if isinstance(entry, dict) else entry for entry in value
            )
        if value != "":
            table.add_row(name, escape(str(value)))
    console.print(table)


@main.command()
@click.argument("conversation")
@reached_by
@as_json
@click.pass_obj
@command
def route(paths: Mapping[str, Path], conversation: str, profile: str | None, as_json: bool) -> None:
    """Which way the messages of a conversation took between the banks, and where they are now.

    For operators: it reads the inboxes of city nodes and banks. Traders never see it.
    """
    cloud = _cloud(paths, profile)
    enterprise = load_enterprise(paths["file"])

    def inbox(of: Utility) -> DynamoDBStore:
        return DynamoDBStore(enterprise.table(of.name, Holding.INBOX), of.region, cloud.endpoint)

    traced = trace(conversation, enterprise, inbox)
    if not traced:
        raise LocalError(f"no inbox has a message of a conversation {conversation!r}")
    if as_json:
        click.echo(json.dumps(trace_json(traced)))
    else:
        console.print(trace_table(conversation, traced))


@main.command()
@reached_by
@as_json
@click.pass_obj
@command
def exceptions(paths: Mapping[str, Path], profile: str | None, as_json: bool) -> None:
    """Orders of which something cannot be right: executed twice, for too much, after their end.

    For the firm's people: it goes through the firm's copies of all records. Exit status 1 if there are any.
    """
    enterprise = load_enterprise(paths["file"])
    firm = enterprise.on(Side.FIRM)[0]
    pages = _cloud(paths, profile).client("dynamodb", firm.region).get_paginator("scan")
    names = [enterprise.table(firm.name, holding) for holding in (Holding.CUSTOMER, Holding.STREET)]
    items = [
        decode(item) for name in names for page in pages.paginate(TableName=name) for item in page["Items"]
    ]
    found = find_exceptions(items, datetime.now(UTC))
    if as_json:
        click.echo(json.dumps({state.order_id: state.exceptions for state in found}))
    elif found:
        console.print(exceptions_table(found))
    else:
        click.echo("nothing that cannot be right")
    if found:
        sys.exit(1)


@main.command()
@click.option("--profile", help="Whose account: a profile of AWS's command line. By CloudWatch's metrics.")
@click.option("--endpoint", help="Where a local cloud is that the enterprise is deployed to.")
@click.option(
    "--hours", default=24, show_default=True, help="Of CloudWatch's metrics: how far back to count."
)
@click.option("--once", is_flag=True, help="Print it once; so it is where the output is no terminal.")
@as_json
@click.pass_obj
@command
def lag(
    paths: Mapping[str, Path],
    profile: str | None,
    endpoint: str | None,
    hours: int,
    once: bool,
    as_json: bool,
) -> None:
    """How far each copy is behind, and what is parked: of the local enterprise, or of a deployed one."""
    enterprise = load_enterprise(paths["file"])
    look = _watching(enterprise, paths["folder"], profile, endpoint, timedelta(hours=hours))
    if as_json:
        click.echo(json.dumps(lag_json(look(datetime.now(UTC)))))
    elif once or not console.is_terminal:
        now = datetime.now(UTC)
        console.print(lag_table(look(now), now))
    else:
        _show_until_interrupted(look, _LOOK_SECONDS_METRICS if profile else _LOOK_SECONDS)


def _watching(
    enterprise: Enterprise, folder: Path, profile: str | None, endpoint: str | None, since: timedelta
) -> Callable[[datetime], list[Lag]]:
    """What tells the links at a time."""
    if profile is not None:
        cloud = Cloud(profile=profile, endpoint=endpoint)
        return lambda now: lag_of_metrics(enterprise, cloud, now - since, now)
    logs = None
    if endpoint is None:
        endpoint, logs = read_description(folder)["engine"], folder
    os.environ.update(local_credentials())
    cloud = Cloud(endpoint=endpoint)
    return lambda now: lag_of_tables(enterprise, cloud, logs, now)


def _show_until_interrupted(look: Callable[[datetime], list[Lag]], every: float) -> None:
    with Live(console=console, auto_refresh=False) as live, suppress(KeyboardInterrupt):
        while True:
            now = datetime.now(UTC)
            live.update(lag_table(look(now), now), refresh=True)
            time.sleep(every)


@main.group()
def orders() -> None:
    """Many orders."""


@orders.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@acting_as
@as_json
@click.pass_obj
@command
def import_orders(paths: Mapping[str, Path], file: Path, who: str, as_json: bool) -> None:
    """Enter the orders of a CSV file, whose columns are FIX's: Account,Symbol,Side,OrdType,OrderQty,...

    A row's ClOrdID makes it safe to import the file again. Exit status 1 if any row was refused.
    """
    with file.open(newline="") as source:
        rows = [
            {name: value for name, value in row.items() if name and value} for row in csv.DictReader(source)
        ]
    client = _client(paths, who)
    results: list[dict[str, Any]] = []
    with (
        Progress(console=Console(stderr=True), disable=as_json) as progress,
        ThreadPoolExecutor(_IMPORT_AT_ONCE) as entering,
    ):
        task = progress.add_task("orders", total=len(rows))
        for line, result in enumerate(entering.map(lambda row: _enter(client, row), rows), start=2):
            results.append({"line": line, **result})
            progress.advance(task)
            if not as_json:
                click.echo(f"{line}: {result.get('OrderID') or result['problem']}")
    refused = sum("problem" in result for result in results)
    if as_json:
        click.echo(json.dumps({"results": results}))
    else:
        click.echo(f"{len(rows) - refused} accepted, {refused} refused")
    if refused:
        sys.exit(1)


def _how_much(text: str) -> dict[str, str]:
    """A quantity, 1000USD of money, or 50% of what there is."""
    if text.endswith("%"):
        return {"OrderPercent": text.removesuffix("%")}
    if text[-3:].isalpha():
        return {"CashOrderQty": text[:-3]}
    return {"OrderQty": text}


def _enter(client: Client, row: Mapping[str, str]) -> dict[str, Any]:
    try:
        placed = client.order(**row)
    except (RequestRefused, NobodyAnswered) as refused:
        return {"ClOrdID": row.get("ClOrdID"), "problem": str(refused)}
    return {"ClOrdID": placed["ClOrdID"], "OrderID": placed["OrderID"]}


@main.command()
@as_json
@click.pass_obj
@command
def utilities(paths: Mapping[str, Path], as_json: bool) -> None:
    """What is running, and whether it answers."""
    urls = read_description(paths["folder"])["urls"]
    running = ask_supervisor(paths["folder"], {"do": "list"})
    states = {
        name: {
            "url": url,
            "pid": running.get(name),
            "healthy": name in running and is_healthy(url),
        }
        for name, url in urls.items()
    }
    if as_json:
        click.echo(json.dumps(states))
        return
    table = Table("Utility", "Address", "Process", "State")
    for name, state in states.items():
        word = "healthy" if state["healthy"] else "stopped" if state["pid"] is None else "silent"
        table.add_row(name, state["url"], str(state["pid"] or ""), word)
    console.print(table)


@main.command()
@click.argument("name")
@click.option("--kill", is_flag=True, help="Without warning, as a failure would.")
@as_json
@click.pass_obj
@command
def stop(paths: Mapping[str, Path], name: str, kill: bool, as_json: bool) -> None:
    """Stop a utility; the others carry on."""
    _expect_known(paths, name)
    signum = signal.SIGKILL if kill else signal.SIGTERM
    running = ask_supervisor(paths["folder"], {"do": "signal", "name": name, "signal": int(signum)})
    click.echo(json.dumps({"running": running}) if as_json else f"{name} is stopped")


@main.command()
@click.argument("name")
@as_json
@click.pass_obj
@command
def start(paths: Mapping[str, Path], name: str, as_json: bool) -> None:
    """Start a utility again; it goes on where it was."""
    _expect_known(paths, name)
    running = ask_supervisor(paths["folder"], {"do": "start", "name": name})
    click.echo(json.dumps({"running": running}) if as_json else f"{name} is started")


@main.command()
@click.pass_obj
@command
def reload(paths: Mapping[str, Path]) -> None:
    """Follow the enterprise file as it is now: what is new is made and started, all else started again.

    One after the other, each when the one before it is healthy; those that are stopped stay so.
    """
    before = read_description(paths["folder"])["urls"]
    ask_supervisor(paths["folder"], {"do": "take over file"})
    after = read_description(paths["folder"])["urls"]
    _restart(paths, after.keys() - before.keys())


@main.command()
@click.option("--finish", is_flag=True, help="Tokens of the keys before hold no more.")
@click.pass_obj
@command
def rotate(paths: Mapping[str, Path], finish: bool) -> None:
    """Another key for tokens: first both hold and the new one signs, then --finish ends the old one."""
    if finish:
        ask_supervisor(paths["folder"], {"do": "rotate", "step": "drop"})
        _restart(paths)
        click.echo("tokens of the old key are refused")
        return
    ask_supervisor(paths["folder"], {"do": "rotate", "step": "add"})
    _restart(paths)
    ask_supervisor(paths["folder"], {"do": "rotate", "step": "use"})
    click.echo("new tokens are signed by the new key; those of the old one hold until --finish")


@main.command()
@click.argument("who")
@click.pass_obj
@command
def token(paths: Mapping[str, Path], who: str) -> None:
    """The token of somebody who may try the local enterprise."""
    click.echo(_token(paths, who))


@main.command("catch-up")
@click.argument("name")
@click.option("--from", "only", help="Whose copies to go through, if those who wrote the records are away.")
@click.option("--compare", is_flag=True, help="Only say what is missing.")
@reached_by
@as_json
@click.pass_obj
@command
def catch_up_utility(
    paths: Mapping[str, Path],
    name: str,
    only: str | None,
    compare: bool,
    profile: str | None,
    as_json: bool,
) -> None:
    """Bring a utility what it lacks of the records it holds: one that has joined, or has lost some.

    It may run, and this may be repeated. Exit status 1 if records differ, or are missing after --compare.
    """
    enterprise, cloud = load_enterprise(paths["file"]), _cloud(paths, profile)
    utility = enterprise.utility(name)
    caught: list[Tally] = []
    # A utility's own records are lacked at each of those who hold copies, and are one all the same.
    lacked: set[tuple[Holding, Key]] = set()
    with (
        Progress(
            TextColumn("{task.description} {task.completed:.0f}"), console=Console(stderr=True)
        ) as progress,
        ThreadPoolExecutor(_INSERT_AT_ONCE) as inserting,
    ):
        for source in sources(enterprise, utility, only):
            task = progress.add_task(f"{source.holding} of {source.name}:", total=None)
            table = enterprise.table(name, source.holding)
            caught.append(tally := Tally(source=source))
            for part in catch_up(
                source,
                enterprise,
                dynamodb=cloud.client("dynamodb", enterprise.utility(source.name).region),
                replica=DynamoDBStore(table, utility.region, cloud.endpoint),
                mend=not compare,
                at_once=inserting.map,
            ):
                tally.add(part)
                if compare:
                    lacked.update((source.holding, key) for key in part.missing)
                progress.update(task, completed=tally.records)
    missing = len(lacked) if compare else sum(tally.missing for tally in caught)
    different = [(tally.source, key) for tally in caught for key in tally.different]
    if as_json:
        click.echo(json.dumps(caught_json(caught)))
    else:
        console.print(caught_table(name, caught))
        for source, (pk, sk) in different:
            click.echo(f"differs from {enterprise.table(source.name, source.holding)}: {pk} {sk}")
        click.echo(f"{missing} {'missing' if compare else 'copied'}, {len(different)} different")
    if different or (compare and missing):
        sys.exit(1)


@main.command("aside")
@click.argument("name")
@click.option("--again", is_flag=True, help="Have the utility handle it again.")
@reached_by
@as_json
@click.pass_obj
@command
def aside(paths: Mapping[str, Path], name: str, again: bool, profile: str | None, as_json: bool) -> None:
    """What a utility could not handle: records that it cannot read, and what failed too often.

    With --again, after an upgrade or a repair, it is handled; what still cannot be stays. Exit status 1 if
    anything is left.
    """
    enterprise, cloud = load_enterprise(paths["file"]), _cloud(paths, profile)
    utility = enterprise.utility(name)
    places: list[Place] = [
        AsideQueue(enterprise, utility, cloud.client("sqs", utility.region)),
        FailedHere(paths["folder"] / name) if profile is None else FailedOnAWS(enterprise, utility, cloud),
    ]
    if again:
        invoke = _functions(paths, utility, cloud)
        for place in places:
            place.handle_again(invoke)
    left = [found for place in places for found in place.find()]
    if as_json:
        click.echo(json.dumps(aside_json(left)))
    elif left:
        console.print(aside_table(name, left))
    else:
        click.echo(f"nothing is set aside at {name}")
    if left:
        sys.exit(1)


@main.command("react")
@click.argument("name")
@click.option("--kind", help="Only to records of this type: ExecutionReport.")
@click.option("--since", default="", help="Only to records from this day on: 20261122.")
@reached_by
@click.pass_obj
@command
def react_again(
    paths: Mapping[str, Path], name: str, kind: str | None, since: str, profile: str | None
) -> None:
    """Have a utility react again to the records that it has, as when they arrived.

    For what its stream has not told it: it was away for more than a day, or a version did not know the
    records' type. What was done stays done. Exit status 1 if the utility could not handle all.
    """
    enterprise, cloud = load_enterprise(paths["file"]), _cloud(paths, profile)
    utility = enterprise.utility(name)
    records = arrived(enterprise, utility, cloud.client("dynamodb", utility.region), kind=kind, since=since)
    invoke = _functions(paths, utility, cloud)
    handled = [invoke("react", record) for record in records]
    failed = handled.count(False)
    click.echo(f"{len(handled) - failed} handled, {failed} failed")
    if failed:
        sys.exit(1)


def _functions(paths: Mapping[str, Path], utility: Utility, cloud: Cloud) -> Invoke:
    """How a utility's functions are called."""
    if cloud.endpoint is None:
        return deployed(cloud, load_enterprise(paths["file"]), utility)
    return here_as(utility.name, read_description(paths["folder"])["environment"])


def _restart(paths: Mapping[str, Path], new: Collection[str] = ()) -> None:
    for name, what in restart(paths["folder"], new):
        click.echo(f"{name}: {what}")


def _cloud(paths: Mapping[str, Path], profile: str | None) -> Cloud:
    """Where an enterprise's tables and queues are: on AWS, by a profile, or on this machine."""
    if profile is not None:
        os.environ["AWS_PROFILE"] = profile
        return Cloud(profile=profile)
    engine = read_description(paths["folder"])["engine"]
    os.environ.update(local_credentials())
    return Cloud(endpoint=engine)


def _expect_known(paths: Mapping[str, Path], name: str) -> None:
    known = read_description(paths["folder"])["urls"]
    if name not in known:
        raise LocalError(f"no utility {name!r}: there are {', '.join(known)}")


def _client(paths: Mapping[str, Path], who: str) -> Client:
    description = read_description(paths["folder"])
    customers = load_enterprise(paths["file"]).on(Side.CUSTOMER)
    addresses = {utility.name: description["urls"][utility.name] for utility in customers}
    return Client.at(addresses, _token(paths, who))


def _token(paths: Mapping[str, Path], who: str) -> str:
    tokens: dict[str, str] = read_description(paths["folder"])["tokens"]
    if who not in tokens:
        raise LocalError(f"no customer {who!r}: there are {', '.join(tokens)}")
    return tokens[who]


def _answers(folder: Path) -> bool:
    try:
        ask_supervisor(folder, {"do": "list"})
    except LocalError:
        return False
    return True


def _welcome(description: Mapping[str, Any]) -> None:
    table = Table("Utility", "Address")
    for name, url in description["urls"].items():
        table.add_row(f"{name} (for customers)" if name == GATEWAY else name, url)
    console.print(table)
    for who, token in description["tokens"].items():
        deals = description["traders"].get(who)
        where = " of {principal}, terminal {terminal}, at {node}".format(**deals) if deals else ""
        click.echo(f"\n{who}{where}:\n{token}")
    url, token = description["urls"][GATEWAY], description["tokens"]["alice"]
    click.echo(
        "\nEnter an order - this can be pasted:\n\n"
        f"curl -s {url}/orders -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' "
        '-d \'{"Account":"A-1001","ClOrdID":"first-\'$(date +%s)\'","Symbol":"AAPL","Side":"1",'
        '"OrdType":"1","OrderQty":"100","TransactTime":"\'$(date -u +%Y%m%d-%H:%M:%S)\'"}\''
    )
    if deals := description["traders"].get("xenia"):
        url, token = description["urls"][deals["node"]], description["tokens"]["xenia"]
        click.echo(
            "\nCall a bank, as xenia:\n\n"
            f"curl -s {url}/rfqs -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' "
            '-d \'{"QuoteReqID":"call-\'$(date +%s)\'","Destination":"BANKY","Symbol":"EURUSD",'
            '"OrderQty":"1000000","TransactTime":"\'$(date -u +%Y%m%d-%H:%M:%S)\'"}\''
        )
    click.echo("\nCtrl-C stops everything.")


if __name__ == "__main__":
    main(prog_name="python -m infrastructure")
