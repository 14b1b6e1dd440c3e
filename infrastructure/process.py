"""One utility as a process: its routes on a port, and a pump for its event functions."""

import json
import os
import signal
from collections.abc import Mapping
from dataclasses import replace
from functools import cache, partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

from chalice.config import Config
from chalice.local import (
    ChaliceRequestHandler,
    ForbiddenError,
    LocalDevServer,
    LocalGateway,
    LocalGatewayAuthorizer,
    LocalGatewayException,
    NotAuthorizedError,
    create_local_server,
)

from chalicelib import bootstrap
from chalicelib.entry.logs import write_json_lines
from chalicelib.entry.problems import MEDIA_TYPE, problem_body
from chalicelib.entry.requests import BODY_BYTES_MAX
from chalicelib.tables.store import Store

from .engine import client
from .event_sources import event_sources
from .faults import FaultyStore, parse_fault
from .pump import Pump

# A body this much over the limit is not read at all, and its connection is closed.
_BODY_BYTES_READ_MAX = 16 * BODY_BYTES_MAX


def run_utility(environment: Mapping[str, str], port: int, folder: Path) -> None:
    """Be one utility until told to stop. Called in a process of its own."""
    os.environ.update(environment)
    here = _with_fault(bootstrap.from_environment(), environment.get("THREESIDE_FAULT"))
    bootstrap.act_as(here)

    # Which blueprints an app has follows from the environment, so it is imported only now.
    from app import app

    # What is said outside of functions is said by what calls them.
    write_json_lines(utility=here.utility.name, function="pump")
    endpoint = here.settings.endpoint
    pump = Pump(
        event_sources(here.enterprise, here.utility, here.settings.sign_of_life),
        {function.name: function.func for function in app.pure_lambda_functions},
        dynamodb=client("dynamodb", endpoint),
        streams=client("dynamodbstreams", endpoint),
        sqs=client("sqs", endpoint),
        folder=folder / here.utility.name,
    )
    server = make_server(app, port)

    def end(signum: int, frame: object) -> None:
        # Whatever is under way is finished by the next start, as after any failure.
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pump.start()
    server.server.serve_forever(poll_interval=0.1)


def make_server(app: Any, port: int) -> LocalDevServer:
    """Chalice's own local server, whose refusals are problem documents as the gateway's are on AWS."""
    config = Config()
    # Makes the app keep its current request per thread.
    create_local_server(app, config, "127.0.0.1", 0).server.server_close()
    return LocalDevServer(app, config, "127.0.0.1", port, handler_cls=partial(_Handler))


class _Authorizer(LocalGatewayAuthorizer):
    def _check_can_invoke_view_function(self, arn: str, auth_result: dict[str, Any]) -> bool:
        if not super()._check_can_invoke_view_function(arn, auth_result):
            raise _denied(auth_result.get("context", {}).get("problem", "the token does not hold"))
        return True


class _Handler(ChaliceRequestHandler):
    disable_nagle_algorithm = True
    timeout = 30

    def __init__(self, *args: Any, app_object: Any, config: Config) -> None:
        self.local_gateway = _gateway(app_object, config)
        super(ChaliceRequestHandler, self).__init__(*args)

    def _generic_handle(self) -> None:
        length = self.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > _BODY_BYTES_READ_MAX:
            self.close_connection = True
            self._send_problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected at most {BODY_BYTES_MAX} bytes"
            )
            return
        super()._generic_handle()

    def _send_error_response(self, error: LocalGatewayException) -> None:
        if isinstance(error, NotAuthorizedError):
            self._send_problem(HTTPStatus.UNAUTHORIZED, "expected Authorization: Bearer TOKEN")
        elif "problem" in error.headers:
            self._send_problem(HTTPStatus.UNAUTHORIZED, error.headers["problem"])
        else:
            self._send_problem(HTTPStatus.NOT_FOUND, f"there is no route {self.command} {self.path}")

    def _send_http_response(self, code: int, headers: dict[str, Any], body: Any) -> None:
        # What Chalice refuses by itself, it does not say as a problem document.
        if code >= HTTPStatus.BAD_REQUEST and headers.get("Content-Type") != MEDIA_TYPE:
            detail = f"{self.command} {self.path} is not answered"
            self._send_problem(HTTPStatus(code), detail, allow=headers.get("Allow"))
        else:
            super()._send_http_response(code, headers, body)

    def _send_problem(self, status: HTTPStatus, detail: str, allow: str | None = None) -> None:
        headers = {"Content-Type": MEDIA_TYPE}
        if allow is not None:
            headers["Allow"] = allow
        if self.close_connection:
            headers["Connection"] = "close"
        if status is HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = "Bearer"
        body = json.dumps(problem_body(status, detail))
        super()._send_http_response(status.value, headers, body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_PATCH = do_OPTIONS = _generic_handle


def _denied(problem: str) -> ForbiddenError:
    return ForbiddenError({"problem": problem}, b"")


@cache
def _gateway(app: Any, config: Config) -> LocalGateway:
    gateway = LocalGateway(app, config)
    gateway._authorizer = _Authorizer(app)
    return gateway


def _with_fault(here: bootstrap.Here, fault: str | None) -> bootstrap.Here:
    if not fault:
        return here
    armed, open_table = parse_fault(fault), here.open_table

    def open_faulty(name: str, region: str) -> Store:
        return FaultyStore(open_table(name, region), armed)

    return replace(here, open_table=open_faulty)
