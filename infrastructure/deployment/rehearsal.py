"""`make deploy-local`: the whole enterprise deployed to a local cloud, and the stories played against it.

The stacks are what `make package` made, and the functions run as functions, called by the cloud's own event
sources. Only who has accounts is added, as an operator would.
"""

import json
import os
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.enterprise import Enterprise, Holding, Side, load_enterprise
from chalicelib.records.record import Item
from chalicelib.tables.attributes import encode

from ..client import Client
from ..demo import audit, failures, lives, scenes
from ..demo.stage import Stage
from ..demo.story import Story
from ..engine import REGION, address, local_credentials, start_engine
from ..event_sources import StreamSource, event_sources
from ..local import GATEWAY, ISSUER, make_tokens, seed, traders_of
from ..rfq_demo import orders, rest
from ..rfq_demo import scenes as dealing
from ..tokens import Issuer
from .cloud import Cloud, deploy
from .packaging import functions_of
from .template import EVERY, function_name

_SERVICES = (
    "dynamodb,dynamodbstreams,sqs,lambda,apigateway,cloudformation,s3,iam,logs,events,cloudwatch,"
    "monitoring,kms,sts"
)
_PORT = 9700
_TICK_SECONDS = 2
_TURN_SECONDS = 40
_SIGN_OF_LIFE_SECONDS = 10
_PATIENCE_SECONDS = 30
# An invocation takes about 50 ms here, one after another.
_IMPORTED = 50

_ORDERS = (
    scenes.first_order,
    scenes.cancels,
    lives.changes,
    lives.venues_own_words,
    lives.by_money,
    scenes.estimates,
    scenes.filled_and_canceled,
    scenes.repeated_cl_ord_id,
    failures.customer_utility_killed,
    failures.street_utility_killed_before_claim,
    failures.street_utility_killed_after_claim,
    failures.firm_killed,
    scenes.many_orders,
    audit.play,
)
_DEALING = (dealing.opening, dealing.first_deal, orders.play)


@dataclass(frozen=True, kw_only=True)
class Deployed(Stage):
    """An enterprise that is deployed; its gateway is whoever of the customer utilities answers.

    Killed is a utility whose event sources and routes are disabled. One that is to die at a fault is half
    disabled, so that it gets just as far.
    """

    cloud: Cloud
    stopped: set[str] = field(default_factory=set)
    doomed: dict[str, int] = field(default_factory=dict)

    def client(self, *names: str, who: str = "broker") -> Client:
        customers = ("c1", "c2") if GATEWAY in names else names
        return super().client(*customers, who=who)

    def signal(self, name: str, signum: signal.Signals) -> None:
        self.stopped.add(name)
        self._enable_routes(name, False)
        self._enable_events(name, False)

    def start(self, name: str, fault: str | None = None) -> None:
        self.stopped.discard(name)
        self._enable_routes(name, True)
        copies_nothing = fault is not None and fault.startswith("before:")
        self._enable_events(name, not copies_nothing)
        acts_on = ["Placed"] if fault is not None and fault.endswith("#claim") else _messages(self, name)
        if acts_on:
            self._narrow_inbox(name, acts_on)
        if fault is not None:
            self.doomed[name] = len(self._claims(name))
        else:
            self._deliver_again(name)
        self.give_sign_of_life(name)

    def is_running(self, name: str) -> bool:
        """One that is doomed dies once it has come to where it is to die."""
        if name in self.doomed and (name == "c1" or len(self._claims(name)) > self.doomed[name]):
            del self.doomed[name]
            self.kill(name)
        return name not in self.stopped

    def give_sign_of_life(self, name: str) -> None:
        """Have a utility's clock strike."""
        utility = self.enterprise.utility(name)
        if utility.side in (Side.STREET, Side.NETWORK) and name not in self.stopped:
            self._functions(name).invoke(FunctionName=self._function(name, "publish"), Payload=b"{}")

    def _enable_routes(self, name: str, on: bool) -> None:
        function = self._function(name, "api_handler")
        if on:
            self._functions(name).delete_function_concurrency(FunctionName=function)
        else:
            self._functions(name).put_function_concurrency(
                FunctionName=function, ReservedConcurrentExecutions=0
            )

    def _enable_events(self, name: str, on: bool) -> None:
        for mapping in self._mappings(name):
            self._functions(name).update_event_source_mapping(UUID=mapping["UUID"], Enabled=on)

    def _narrow_inbox(self, name: str, kinds: Sequence[str]) -> None:
        """Have a utility see only these of the messages in its inbox."""
        pattern = {"eventName": ["INSERT"], "dynamodb": {"NewImage": {"RecordType": {"S": list(kinds)}}}}
        for mapping in self._mappings(name):
            if "-inbox/" in mapping["EventSourceArn"]:
                self._functions(name).update_event_source_mapping(
                    UUID=mapping["UUID"], FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]}
                )

    def _mappings(self, name: str) -> list[Any]:
        found = []
        for function in functions_of(self.enterprise.utility(name)):
            listed = self._functions(name).list_event_source_mappings(
                FunctionName=self._function(name, function)
            )
            found.extend(listed["EventSourceMappings"])
        return found

    def _claims(self, name: str) -> list[Item]:
        if Holding.INBOX not in self.enterprise.utility(name).holdings:
            return []
        return [item for item in self.everything(name, Holding.INBOX) if item["RecordType"] == "Claim"]

    def _deliver_again(self, name: str) -> None:
        """What a utility did not see while it was narrowed is handed to it again, as after any failure."""
        table = self.enterprise.table(name, Holding.INBOX)
        for item in self._claims(name):
            record = {
                "eventName": "INSERT",
                "eventSourceARN": f"arn:aws:dynamodb:{REGION}:000000000000:table/{table}/stream/again",
                "dynamodb": {"SequenceNumber": "1", "NewImage": encode(item)},
            }
            self._functions(name).invoke(
                FunctionName=self._function(name, "react"), Payload=json.dumps({"Records": [record]})
            )

    def _functions(self, name: str) -> Any:
        return self.cloud.client("lambda", self.enterprise.utility(name).region)

    def _function(self, name: str, function: str) -> str:
        return function_name(self.enterprise, self.enterprise.utility(name), function)


def _messages(stage: Stage, name: str) -> list[str]:
    """What a utility sees of its inbox, as its event sources have it."""
    inbox = stage.enterprise.table(name, Holding.INBOX)
    for source in event_sources(stage.enterprise, stage.enterprise.utility(name), EVERY):
        if isinstance(source, StreamSource) and source.table == inbox:
            kinds: list[str] = source.patterns[0]["dynamodb"]["NewImage"]["RecordType"]["S"]
            return kinds
    return []


def main(file: Path, build: Path) -> int:
    """Deploy, and play: the exit status."""
    enterprise = load_enterprise(file)
    story = Story()
    with (
        tempfile.TemporaryDirectory(prefix="threeside-cloud-") as folder,
        deployed(enterprise, build, Path(folder)) as stage,
        _striking(stage),
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
        imported=_IMPORTED,
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
