"""What all commands share: the group they belong to, options, errors, and whom they talk to."""

import os
import sys
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import click
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from chalicelib.customer.gateway import NobodyAnswered
from chalicelib.enterprise import EnterpriseError, Side, load_enterprise
from chalicelib.tables.store import StoreError

from ..client import Client, RequestRefused
from ..deployment.cloud import Cloud, DeploymentError
from ..deployment.packaging import PackageError
from ..engine import EngineError, local_credentials
from ..local import LocalError, read_description

# The enterprise `file`, and the `folder` of the local enterprise.
Paths = Mapping[str, Path]

_P = ParamSpec("_P")
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


def client_of(paths: Paths, who: str) -> Client:
    """A customer's client of the local enterprise."""
    description = read_description(paths["folder"])
    customers = load_enterprise(paths["file"]).on(Side.CUSTOMER)
    addresses = {utility.name: description["urls"][utility.name] for utility in customers}
    return Client.at(addresses, token_of(paths, who))


def token_of(paths: Paths, who: str) -> str:
    """The token of somebody who may try it; LocalError if there is nobody of that name."""
    tokens: dict[str, str] = read_description(paths["folder"])["tokens"]
    if who not in tokens:
        raise LocalError(f"no customer {who!r}: there are {', '.join(tokens)}")
    return tokens[who]


def cloud_of(paths: Paths, profile: str | None = None) -> Cloud:
    """Where an enterprise's tables and queues are: on AWS, by a profile, or on this machine."""
    if profile is not None:
        os.environ["AWS_PROFILE"] = profile
        return Cloud(profile=profile)
    engine = read_description(paths["folder"])["engine"]
    os.environ.update(local_credentials())
    return Cloud(endpoint=engine)
