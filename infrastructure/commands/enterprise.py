"""Commands that make an enterprise: what there is, running it here, packaging and deploying it."""

import json
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from chalicelib.enterprise import load_enterprise

from ..deployment.cloud import Cloud, deploy, keys_to_name
from ..deployment.packaging import ARCHITECTURES
from ..deployment.packaging import package as package_enterprise
from ..drawing import draw
from ..local import GATEWAY, TURN, Layout, LocalError, Supervisor, ask_supervisor
from ..topology import principals_table, topology_json, topology_mermaid, topology_table
from .line import Paths, as_json, command, console, main


@main.command()
@as_json
@click.option("--mermaid", is_flag=True, help="Print only the diagram.")
@click.option("--svg", is_flag=True, help="Print a drawing of all tables and streams.")
@click.pass_obj
@command
def topology(paths: Paths, as_json: bool, mermaid: bool, svg: bool) -> None:
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
def run(paths: Paths, port: int, pace: float, turn: float, as_json: bool) -> None:
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
def package(paths: Paths, to: Path, architecture: str) -> None:
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
    paths: Paths,
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
