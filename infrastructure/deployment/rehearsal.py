"""`make deploy-local`: the whole enterprise deployed to a local cloud, and the stories played against it.

The stacks are what `make package` made, and the functions run as functions, called by the cloud's own event
sources. Only who has accounts is added, as an operator would.
"""

import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from chalicelib.enterprise import Enterprise, load_enterprise

from ..client import Client
from ..demo import lives, scenes
from ..demo.stage import Stage
from ..demo.story import Story
from ..engine import address, local_credentials, start_engine
from ..local import GATEWAY, ISSUER, make_tokens, seed, traders_of
from ..rfq_demo import orders, rest
from ..rfq_demo import scenes as dealing
from ..tokens import Issuer
from .cloud import Cloud, deploy

_SERVICES = (
    "dynamodb,dynamodbstreams,sqs,lambda,apigateway,cloudformation,s3,iam,logs,events,cloudwatch,"
    "monitoring,kms,sts"
)
_PORT = 9700
_TICK_SECONDS = 2
_TURN_SECONDS = 40

# The scenes in which nobody is killed: there are no processes here to kill.
_ORDERS = (
    scenes.first_order,
    scenes.cancels,
    lives.changes,
    lives.venues_own_words,
    lives.by_money,
    scenes.estimates,
    scenes.filled_and_canceled,
    scenes.repeated_cl_ord_id,
)
_DEALING = (dealing.opening, dealing.first_deal, orders.play)


@dataclass(frozen=True, kw_only=True)
class Deployed(Stage):
    """An enterprise that is deployed; its gateway is whoever of the customer utilities answers."""

    def client(self, *names: str, who: str = "broker") -> Client:
        customers = ("c1", "c2") if GATEWAY in names else names
        return super().client(*customers, who=who)

    def is_running(self, name: str) -> bool:
        return True


def main(file: Path, build: Path) -> int:
    """Deploy, and play: the exit status."""
    enterprise = load_enterprise(file)
    story = Story()
    with (
        tempfile.TemporaryDirectory(prefix="threeside-cloud-") as folder,
        deployed(enterprise, build, Path(folder)) as stage,
    ):
        for scene in _ORDERS:
            scene(stage, story)
        for scene in _DEALING:
            rest.come_to_rest(stage)
            scene(stage, story)
    return story.end()


@contextmanager
def deployed(enterprise: Enterprise, build: Path, folder: Path) -> Iterator[Deployed]:
    """A local cloud with the enterprise on it."""
    os.environ.update(local_credentials())
    engine = start_engine(_PORT, folder / "engine.log", services=_SERVICES)
    try:
        yield _set_up(enterprise, build, folder, Cloud(endpoint=address(_PORT)))
    finally:
        engine.kill()
        engine.wait()


def _set_up(enterprise: Enterprise, build: Path, folder: Path, cloud: Cloud) -> Deployed:
    assert cloud.endpoint is not None
    secret, issuer = secrets.token_bytes(32), Issuer.generated()
    parameters = {
        "Secret": secret.hex(),
        "Issuer": ISSUER,
        "Jwks": issuer.jwks(),
        "TickSeconds": str(_TICK_SECONDS),
        "TurnSeconds": str(_TURN_SECONDS),
    }
    started = time.monotonic()
    urls = {}
    for name, url in deploy(enterprise, build, cloud, parameters):
        click.echo(f"{name:<10}{url}")
        urls[name] = url
    click.echo(f"deployed in {time.monotonic() - started:.1f} s")
    seed(enterprise, secret, cloud.endpoint)
    _give_signs_of_life(enterprise, cloud)
    return Deployed(
        enterprise=enterprise,
        folder=folder,
        description={
            "engine": cloud.endpoint,
            "secret": secret.hex(),
            "urls": urls,
            "tokens": make_tokens(enterprise, issuer),
            "traders": traders_of(enterprise),
        },
    )


def _give_signs_of_life(enterprise: Enterprise, cloud: Cloud) -> None:
    """Have the clocks strike once, rather than wait a minute for it."""
    for utility in enterprise.utilities:
        functions = cloud.client("lambda", utility.region)
        name = f"{enterprise.name}-{utility.name}-publish"
        if utility.side in ("street", "network"):
            functions.invoke(FunctionName=name, Payload=b"{}")


if __name__ == "__main__":
    sys.exit(main(Path("enterprise.toml"), Path("build")))
