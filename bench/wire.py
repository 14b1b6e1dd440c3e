"""What answers: nothing but a hook of botocore's, or a local engine; for both sides alike."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import botocore.session
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config

from chalicelib import bootstrap
from chalicelib.bootstrap import Here
from chalicelib.entry.logs import write_json_lines
from chalicelib.tables.dynamodb import connection
from infrastructure.engine import REGION, address, is_free, local_credentials, start_engine
from infrastructure.provision import create_table

from .samples import ENTERPRISE_FILE, NOW, SECRET

# Nobody listens there, and nobody is asked: the hook answers first.
_NOWHERE = "http://127.0.0.1:1"
_PORTS = range(9301, 9400)


@dataclass(frozen=True, kw_only=True)
class Wire:
    """Where requests go to; `reference` is a plain client of botocore's, as it comes."""

    name: str
    endpoint: str
    reference: Any
    has_target: bool = True

    @property
    def is_stubbed(self) -> bool:
        return self.endpoint == _NOWHERE

    def here(self, utility: str) -> Here:
        """A utility as its environment makes it, but for the clock, which stands still."""
        os.environ.update(environment(utility, self.endpoint))
        bootstrap.from_environment.cache_clear()
        return replace(bootstrap.from_environment(), clock=lambda: NOW)

    def make_table(self, name: str) -> None:
        """One that an engine is to have; again, it is left alone."""
        if name not in self.reference.list_tables()["TableNames"]:
            create_table(self.reference, name)

    def answer(self, bodies: Mapping[str, Mapping[str, Any]]) -> None:
        """Answer each operation by what its request names: {operation: {part of the body: answer}}."""
        for client in (self.reference, connection(REGION, self.endpoint).client):
            for operation, by_part in bodies.items():
                hook = _hook({part.encode(): _response(body) for part, body in by_part.items()})
                client.meta.events.register(f"before-send.dynamodb.{operation}", hook)


def stubbed() -> Wire:
    """No wire at all: what is left is what is done in this process."""
    os.environ.update(local_credentials())
    return Wire(name="stubbed", endpoint=_NOWHERE, reference=plain_client(_NOWHERE))


def stubbed_unchecked() -> Wire:
    """The same, against a client that does not check its parameters, as ours does not: a sterner measure."""
    os.environ.update(local_credentials())
    client = plain_client(_NOWHERE, Config(parameter_validation=False))
    return Wire(name="unchecked", endpoint=_NOWHERE, reference=client, has_target=False)


@contextmanager
def engine() -> Iterator[Wire]:
    """A local engine in a process of its own."""
    os.environ.update(local_credentials())
    port = next(filter(is_free, _PORTS))
    with TemporaryDirectory() as folder:
        process = start_engine(port, Path(folder) / "engine.log")
        try:
            endpoint = address(port)
            yield Wire(name="ministack", endpoint=endpoint, reference=plain_client(endpoint))
        finally:
            process.kill()
            process.wait()


def environment(utility: str, endpoint: str = _NOWHERE) -> dict[str, str]:
    """What a function's environment says."""
    return {
        **local_credentials(),
        "AWS_LAMBDA_FUNCTION_NAME": f"demo-{utility}",
        "THREESIDE_UTILITY": utility,
        "THREESIDE_ENTERPRISE": str(ENTERPRISE_FILE),
        "THREESIDE_SECRET": SECRET.hex(),
        "THREESIDE_ENDPOINT": endpoint,
    }


def plain_client(endpoint: str, config: Config | None = None) -> Any:
    """A client as botocore makes it, with nothing set but where to go."""
    session = botocore.session.get_session()
    return session.create_client("dynamodb", REGION, endpoint_url=endpoint, config=config)


@cache
def the_app() -> Any:
    """The Chalice app of a customer utility: one in a process."""
    os.environ.update(environment("c1"))
    bootstrap.from_environment.cache_clear()
    from app import app

    # Written as in a function, but for where to.
    write_json_lines(Path(os.devnull).open("w"), utility="c1", function="start")  # noqa: SIM115
    return app


def _response(body: Any) -> AWSResponse:
    headers = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-RequestId": "R" * 52}
    made: Any = AWSResponse(_NOWHERE, 200, HTTPHeaders.from_dict(headers), None)
    made._content = json.dumps(body).encode()
    answer: AWSResponse = made
    return answer


def _hook(answers: Mapping[bytes, AWSResponse]) -> Any:
    def answer(request: Any, **kwargs: object) -> AWSResponse | None:
        # None leaves it to whoever is asked next.
        return next((response for part, response in answers.items() if part in request.body), None)

    return answer
