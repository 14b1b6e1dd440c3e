"""A gateway at work: HTTP in, HTTP out, and the core between them that picks the utility."""

import json
import logging
import os
import re
import signal
import sys
import time
import weakref
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import httpx

from chalicelib.customer.gateway import LEFT_ALONE, Answer, Gateway, NoAnswer, NobodyAnswered, Request
from chalicelib.entry.logs import is_well_formed, write_json_lines
from chalicelib.entry.problems import MEDIA_TYPE, problem_body
from chalicelib.entry.watching import HEADER
from chalicelib.records.times import system_clock

ANSWERED_BY = "Threeside-Utility"

BODY_BYTES_MAX = 64 * 1024
# As much as a function on Lambda may answer.
ANSWER_BYTES_MAX = 6 * 1024 * 1024
CONNECT_SECONDS_MAX = 0.5
READ_SECONDS_MAX = 5.0
# A caller that says nothing for this long is hung up on.
_IDLE_SECONDS_MAX = 30

_PASSED_ON = ("Accept", "Authorization", "Content-Type", HEADER)

# These are about one connection (RFC 9110, 7.6.1), or set here.
_NOT_PASSED_BACK = frozenset(
    {
        "connection",
        "content-length",
        "date",
        "keep-alive",
        "server",
        "trailer",
        "transfer-encoding",
        "upgrade",
        ANSWERED_BY.lower(),
    }
)

# A target that did not begin with a slash could name another host than the utility's.
_TARGET = re.compile(r"/[!-~]*")
_HEADER_VALUE = re.compile(r"[\t -~]*")

_log = logging.getLogger(__name__)


class HttpTransport:
    """Sends requests with httpx, over connections that it keeps; every wait has an end."""

    def __init__(self, read_seconds: float) -> None:
        self._read_seconds = read_seconds
        self._client = httpx.Client(
            timeout=httpx.Timeout(read_seconds, connect=CONNECT_SECONDS_MAX),
            # No limit to the connections, or a full pool would look like utilities that are down. They
            # are not kept for long, so that their utility does not close them just as they are used.
            limits=httpx.Limits(max_connections=None, keepalive_expiry=2),
            # Bodies are passed on as they come, so they are asked for plain.
            headers={"Accept-Encoding": "identity"},
            # A proxy in the environment is not for these.
            trust_env=False,
        )
        self.close = weakref.finalize(self, self._client.close)

    def __call__(self, utility: str, address: str, request: Request) -> Answer:
        """The utility's answer; NoAnswer says why there is none."""
        base = httpx.URL(address)
        path = base.raw_path.rstrip(b"/") + request.target.encode("ascii")
        try:
            with self._client.stream(
                request.method,
                base.copy_with(raw_path=path),
                headers=request.headers,
                content=request.body,
            ) as response:
                return Answer(
                    utility=utility,
                    status=response.status_code,
                    headers=_text(response.headers.raw),
                    body=self._read(response),
                )
        except httpx.RequestError as error:
            raise NoAnswer(str(error) or type(error).__name__) from error

    def _read(self, response: httpx.Response) -> bytes:
        # httpx limits the wait for each part of a body only.
        give_up = time.monotonic() + self._read_seconds
        body = bytearray()
        for part in response.iter_raw():
            body += part
            if len(body) > ANSWER_BYTES_MAX:
                raise NoAnswer(f"its answer is longer than {ANSWER_BYTES_MAX} bytes")
            if time.monotonic() > give_up:
                raise NoAnswer(f"its answer takes longer than {self._read_seconds:g} s to arrive")
        return bytes(body)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


def http_transport(read_seconds: float = READ_SECONDS_MAX) -> HttpTransport:
    """How requests reach utilities: 0.5 s to connect, then `read_seconds` for something to come.

    Whoever asks a gateway, and not the utilities themselves, should wait for longer than it does.
    """
    return HttpTransport(read_seconds)


class GatewayServer(ThreadingHTTPServer):
    """Serves a gateway on a port of this machine only; port 0 takes any."""

    request_queue_size = 128

    def __init__(self, port: int, gateway: Gateway) -> None:
        self.gateway = gateway
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hangs up is no error of ours."""
        if isinstance(sys.exception(), ConnectionError):
            _log.debug("%s hung up", client_address)
        else:
            _log.exception("a request of %s failed", client_address)


def serve_gateway(port: int, addresses: Mapping[str, str]) -> None:
    """Be the gateway to these customer utilities, until a SIGTERM ends the process at once."""
    signal.signal(signal.SIGTERM, _end)
    write_json_lines(utility="gateway", function="gateway")
    with http_transport() as transport:
        gateway = Gateway(addresses=addresses, send=transport, clock=system_clock)
        with GatewayServer(port, gateway) as server:
            server.serve_forever(poll_interval=0.1)


def _end(signum: int, frame: object) -> None:
    # Nothing is kept here, and whoever waits for an answer sends the same request again.
    os._exit(0)


class _Unreadable(Exception):
    """A request that cannot be passed on, nor its connection used any further."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    server: GatewayServer
    protocol_version = "HTTP/1.1"
    server_version = "threeside-gateway"
    sys_version = ""
    timeout = _IDLE_SECONDS_MAX
    disable_nagle_algorithm = True
    # Buffered, so that an answer leaves as one piece.
    wbufsize = -1

    def do_GET(self) -> None:
        try:
            request = self._read()
        except _Unreadable as unreadable:
            self.close_connection = True
            self._respond_problem(unreadable.status, str(unreadable))
            return
        if request.method == "GET" and request.target.partition("?")[0] == "/health":
            self._respond_health()
        else:
            self._pass_on(request)

    do_POST = do_GET

    def _read(self) -> Request:
        if not _TARGET.fullmatch(self.path):
            raise _Unreadable(HTTPStatus.BAD_REQUEST, "expected a path that begins with a slash")
        headers = {name: self.headers[name] for name in _PASSED_ON if name in self.headers}
        if not is_well_formed(headers.get(HEADER, "")):
            # The utility gives it a name.
            headers.pop(HEADER, None)
        for name, value in headers.items():
            if not _HEADER_VALUE.fullmatch(value):
                raise _Unreadable(HTTPStatus.BAD_REQUEST, f"expected {name} in plain ASCII")
        return Request(method=self.command, target=self.path, headers=headers, body=self._read_body())

    def _read_body(self) -> bytes:
        if "Transfer-Encoding" in self.headers:
            raise _Unreadable(HTTPStatus.LENGTH_REQUIRED, "expected a body with a Content-Length")
        lengths = self.headers.get_all("Content-Length", ["0"])
        if len(lengths) != 1 or not re.fullmatch("[0-9]{1,18}", lengths[0]):
            raise _Unreadable(HTTPStatus.BAD_REQUEST, f"expected one Content-Length, found {lengths}")
        length = int(lengths[0])
        if length > BODY_BYTES_MAX:
            raise _Unreadable(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"expected a body of at most {BODY_BYTES_MAX} bytes, found {length}",
            )
        body = self.rfile.read(length)
        if len(body) != length:
            raise ConnectionAbortedError("the caller hung up before the end of its request")
        return body

    def _pass_on(self, request: Request) -> None:
        try:
            answer = self.server.gateway.request(
                request.method, request.target, request.headers, request.body
            )
        except NobodyAnswered as nobody:
            _log.warning("%s", nobody)
            retry_after = str(int(LEFT_ALONE.total_seconds()))
            self._respond_problem(HTTPStatus.SERVICE_UNAVAILABLE, str(nobody), {"Retry-After": retry_after})
            return
        headers = {
            name: value for name, value in answer.headers.items() if name.lower() not in _NOT_PASSED_BACK
        }
        named = {name.lower(): value for name, value in headers.items()}.get(HEADER.lower())
        said = {"status": answer.status, "answered_by": answer.utility, "CorrelationID": named}
        _log.info("%s %s", request.method, request.target.partition("?")[0], extra={"said": said})
        self._respond(answer.status, {**headers, ANSWERED_BY: answer.utility}, answer.body)

    def _respond_health(self) -> None:
        standing = self.server.gateway.standing()
        body = {"utilities": {name: "up" if is_up else "down" for name, is_up in standing.items()}}
        self._respond(HTTPStatus.OK, {"Content-Type": "application/json"}, json.dumps(body).encode())

    def _respond_problem(
        self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        body = json.dumps(problem_body(status, detail)).encode()
        self._respond(status, {"Content-Type": MEDIA_TYPE, **(headers or {})}, body)

    def _respond(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What http.server refuses by itself is a problem document too."""
        self.close_connection = True
        self._respond_problem(HTTPStatus(code), message or HTTPStatus(code).description)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        _log.debug(format, *args)


def _text(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
