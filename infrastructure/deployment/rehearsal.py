"""`make deploy-local`: the whole enterprise deployed to a local cloud, and both demos played against it.

The stacks are what `make package` made, and the functions run as functions, called by the cloud's own event
sources and each under its own role. Only who has accounts is added, as an operator would. Then the next
version is deployed over the first.
"""

import json
import os
import platform
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import click
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.enterprise import Enterprise, load_enterprise

from ..demo.day import SCENES
from ..demo.story import Story
from ..engine import address, local_credentials, start_engine
from ..local import ISSUER, make_tokens, seed, traders_of
from ..rfq_demo import day as dealing
from ..rfq_demo import rest
from ..tokens import Issuer
from . import lines, operating, permissions, upgrade
from .cloud import Cloud, deploy
from .deployed import Deployed

_SERVICES = (
    "dynamodb,dynamodbstreams,sqs,lambda,apigateway,cloudformation,s3,iam,logs,events,cloudwatch,"
    "monitoring,kms,sts"
)
_PORT = 9700
_TICK_SECONDS = 2
# What is otherwise here than where utilities are processes, for an invocation takes tens of milliseconds, and
# seconds the first time: a turn takes longer, and less is done at once.
_TURN_SECONDS = 24
_IMPORTED = 50
_RUSH = 30
_PANELS_EACH_WAY = 1
_SIGN_OF_LIFE_SECONDS = 10
_PATIENCE_SECONDS = 30


def main(file: Path, build: Path) -> int:
    """Deploy, play, and deploy the next version: the exit status."""
    enterprise = load_enterprise(file)
    story = Story()
    with tempfile.TemporaryDirectory(prefix="threeside-cloud-") as name:
        folder = Path(name)
        following = upgrade.package_next(enterprise, file.resolve(), folder, architecture())
        with deployed(enterprise, build, folder) as stage, _striking(stage):
            permissions.play(stage, story)
            lines.play(stage, story)
            rest.come_to_rest(stage)
            operating.play(stage, story)
            for scene in SCENES:
                scene(stage, story)
            rest.come_to_rest(stage)
            upgrade.play(stage, story, following)
            dealing.play(stage, story)
    return story.end()


def architecture() -> str:
    """This machine's, as AWS calls it."""
    return platform.machine().replace("aarch64", "arm64")


@contextmanager
def deployed(enterprise: Enterprise, build: Path, folder: Path) -> Iterator[Deployed]:
    """A local cloud with the enterprise on it."""
    os.environ.update(local_credentials())
    engine = start_engine(_PORT, folder / "engine.log", services=_SERVICES, enforces=True)
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
        "SignOfLifeSeconds": str(_SIGN_OF_LIFE_SECONDS),
        "PatienceSeconds": str(_PATIENCE_SECONDS),
    }
    started = time.monotonic()
    urls = {}
    for name, url in deploy(enterprise, build, cloud, parameters):
        click.echo(f"{name:<10}{url}")
        urls[name] = url
    click.echo(f"deployed in {time.monotonic() - started:.1f} s")
    seed(enterprise, secret, cloud.endpoint)
    stage = Deployed(
        cloud=cloud,
        parameters=parameters,
        imported=_IMPORTED,
        turn_seconds=_TURN_SECONDS,
        rush=_RUSH,
        panels_each_way=_PANELS_EACH_WAY,
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
    (folder / "enterprise.json").write_text(json.dumps(stage.description))
    for utility in enterprise.utilities:
        stage.give_sign_of_life(utility.name)
    return stage


@contextmanager
def _striking(stage: Deployed) -> Iterator[None]:
    """Clocks that strike more often than once a minute."""
    over = Event()

    def strike() -> None:
        while not over.wait(_SIGN_OF_LIFE_SECONDS):
            for utility in stage.enterprise.utilities:
                with suppress(ClientError, BotoCoreError):
                    stage.give_sign_of_life(utility.name)

    clock = Thread(target=strike, daemon=True)
    clock.start()
    try:
        yield
    finally:
        over.set()
        clock.join()


if __name__ == "__main__":
    sys.exit(main(Path("enterprise.toml"), Path("build")))
