"""Commands of operators: what runs, what lags, what is wrong, and how it is mended."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live
from rich.progress import Progress, TextColumn
from rich.table import Table

from chalicelib.enterprise import Enterprise, Holding, Side, Utility, load_enterprise
from chalicelib.tables.attributes import decode
from chalicelib.tables.dynamodb import DynamoDBStore

from ..again import Invoke, arrived, deployed, here_as
from ..aside import AsideQueue, FailedHere, FailedOnAWS, Place, aside_json, aside_table
from ..catching_up import Key, Tally, catch_up, caught_json, caught_table, sources
from ..deployment.cloud import Cloud
from ..engine import local_credentials
from ..exceptions import exceptions_table, find_exceptions
from ..lag import Lag, lag_json, lag_of_metrics, lag_of_tables, lag_table
from ..local import LocalError, ask_supervisor, is_healthy, read_description, restart
from ..messages import trace, trace_json, trace_table
from .line import Paths, as_json, cloud_of, command, console, main, reached_by, token_of

# How often links are looked at: CloudWatch has metrics of whole minutes, and each is paid for.
_LOOK_SECONDS = 2.0
_LOOK_SECONDS_METRICS = 60.0
_INSERT_AT_ONCE = 16


@main.command()
@as_json
@click.pass_obj
@command
def utilities(paths: Paths, as_json: bool) -> None:
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
def stop(paths: Paths, name: str, kill: bool, as_json: bool) -> None:
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
def start(paths: Paths, name: str, as_json: bool) -> None:
    """Start a utility again; it goes on where it was."""
    _expect_known(paths, name)
    running = ask_supervisor(paths["folder"], {"do": "start", "name": name})
    click.echo(json.dumps({"running": running}) if as_json else f"{name} is started")


@main.command()
@click.pass_obj
@command
def reload(paths: Paths) -> None:
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
def rotate(paths: Paths, finish: bool) -> None:
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
def token(paths: Paths, who: str) -> None:
    """The token of somebody who may try the local enterprise."""
    click.echo(token_of(paths, who))


@main.command()
@click.argument("conversation")
@reached_by
@as_json
@click.pass_obj
@command
def route(paths: Paths, conversation: str, profile: str | None, as_json: bool) -> None:
    """Which way the messages of a conversation took between the banks, and where they are now.

    For operators: it reads the inboxes of city nodes and banks. Traders never see it.
    """
    cloud = cloud_of(paths, profile)
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
def exceptions(paths: Paths, profile: str | None, as_json: bool) -> None:
    """Orders of which something cannot be right: executed twice, for too much, after their end.

    For the firm's people: it goes through the firm's copies of all records. Exit status 1 if there are any.
    """
    enterprise = load_enterprise(paths["file"])
    firm = enterprise.on(Side.FIRM)[0]
    pages = cloud_of(paths, profile).client("dynamodb", firm.region).get_paginator("scan")
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
    paths: Paths,
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


@main.command("catch-up")
@click.argument("name")
@click.option("--from", "only", help="Whose copies to go through, if those who wrote the records are away.")
@click.option("--compare", is_flag=True, help="Only say what is missing.")
@reached_by
@as_json
@click.pass_obj
@command
def catch_up_utility(
    paths: Paths,
    name: str,
    only: str | None,
    compare: bool,
    profile: str | None,
    as_json: bool,
) -> None:
    """Bring a utility what it lacks of the records it holds: one that has joined, or has lost some.

    It may run, and this may be repeated. Exit status 1 if records differ, or are missing after --compare.
    """
    enterprise, cloud = load_enterprise(paths["file"]), cloud_of(paths, profile)
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
def aside(paths: Paths, name: str, again: bool, profile: str | None, as_json: bool) -> None:
    """What a utility could not handle: records that it cannot read, and what failed too often.

    With --again, after an upgrade or a repair, it is handled; what still cannot be stays. Exit status 1 if
    anything is left.
    """
    enterprise, cloud = load_enterprise(paths["file"]), cloud_of(paths, profile)
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
def react_again(paths: Paths, name: str, kind: str | None, since: str, profile: str | None) -> None:
    """Have a utility react again to the records that it has, as when they arrived.

    For what its stream has not told it: it was away for more than a day, or a version did not know the
    records' type. What was done stays done. Exit status 1 if the utility could not handle all.
    """
    enterprise, cloud = load_enterprise(paths["file"]), cloud_of(paths, profile)
    utility = enterprise.utility(name)
    records = arrived(enterprise, utility, cloud.client("dynamodb", utility.region), kind=kind, since=since)
    invoke = _functions(paths, utility, cloud)
    handled = [invoke("react", record) for record in records]
    failed = handled.count(False)
    click.echo(f"{len(handled) - failed} handled, {failed} failed")
    if failed:
        sys.exit(1)


def _functions(paths: Paths, utility: Utility, cloud: Cloud) -> Invoke:
    """How a utility's functions are called."""
    if cloud.endpoint is None:
        return deployed(cloud, load_enterprise(paths["file"]), utility)
    return here_as(utility.name, read_description(paths["folder"])["environment"])


def _restart(paths: Paths, new: Collection[str] = ()) -> None:
    for name, what in restart(paths["folder"], new):
        click.echo(f"{name}: {what}")


def _expect_known(paths: Paths, name: str) -> None:
    known = read_description(paths["folder"])["urls"]
    if name not in known:
        raise LocalError(f"no utility {name!r}: there are {', '.join(known)}")
