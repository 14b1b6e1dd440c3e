"""Commands of customers, and of the simulated venue: orders, one or many, and what became of them."""

import csv
import json
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from chalicelib.customer.gateway import NobodyAnswered
from chalicelib.enterprise import Holding, Utility, load_enterprise
from chalicelib.tables.dynamodb import DynamoDBStore

from ..client import Client, RequestRefused
from ..local import LocalError
from ..venue import WORDS, say
from .line import Paths, acting_as, as_json, client_of, cloud_of, command, console, main

_IMPORT_AT_ONCE = 8
_SIDES = {"buy": "1", "sell": "2"}
# By whether there is a limit, and a stop price.
_ORD_TYPES = {(False, False): "1", (True, False): "2", (False, True): "3", (True, True): "4"}
_TIMES_IN_FORCE = {"day": "0", "cancel": "1", "now": "3", "kill": "4"}


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
    paths: Paths,
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
    placed = client_of(paths, who).order(**fields)
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
def cancel(paths: Paths, number: str, who: str, as_json: bool) -> None:
    """Ask to cancel an order."""
    requested = client_of(paths, who).cancel(number)
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
    paths: Paths,
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
    requested = client_of(paths, who).replace(number, **fields)
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
def venue(paths: Paths, /, word: str, number: str, **facts: Any) -> None:
    """Have the simulated venue say something of an order by itself.

    venue bust NUMBER --execution EXECID, venue correct ... --quantity 80 --price 9.50, venue suspend NUMBER.
    """
    if word in ("bust", "correct") and facts["exec_ref_id"] is None:
        raise LocalError(f"{word}: which execution? Name it with --execution")
    if word in ("correct", "stop") and None in (facts["last_qty"], facts["last_px"]):
        raise LocalError(f"{word}: how much, at which price? Say so with --quantity and --price")
    enterprise, cloud = load_enterprise(paths["file"]), cloud_of(paths)

    def inbox(of: Utility) -> DynamoDBStore:
        return DynamoDBStore(enterprise.table(of.name, Holding.INBOX), of.region, cloud.endpoint)

    told = say(word, number, enterprise, inbox, **facts)
    click.echo(f"said to {told.name}")


@main.command()
@click.argument("number")
@acting_as
@as_json
@click.pass_obj
@command
def status(paths: Paths, number: str, who: str, as_json: bool) -> None:
    """The state of an order, and what the answer rests on."""
    state = client_of(paths, who).status(number)
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


@main.group()
def orders() -> None:
    """Many orders."""


@orders.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@acting_as
@as_json
@click.pass_obj
@command
def import_orders(paths: Paths, file: Path, who: str, as_json: bool) -> None:
    """Enter the orders of a CSV file, whose columns are FIX's: Account,Symbol,Side,OrdType,OrderQty,...

    A row's ClOrdID makes it safe to import the file again. Exit status 1 if any row was refused.
    """
    with file.open(newline="") as source:
        rows = [
            {name: value for name, value in row.items() if name and value} for row in csv.DictReader(source)
        ]
    client = client_of(paths, who)
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
