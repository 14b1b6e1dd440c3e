"""The gateway over HTTP, before utilities that answer, refuse, hang and trickle."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

from chalicelib.customer.gateway import Gateway, NoAnswer, Request
from chalicelib.entry.problems import MEDIA_TYPE
from chalicelib.records.times import system_clock
from infrastructure.gateway import (
    ANSWER_BYTES_MAX,
    BODY_BYTES_MAX,
    CONNECT_SECONDS_MAX,
    GatewayServer,
    http_transport,
)

ORDER = b'{"ClOrdID": "O-1", "TransactTime": "20260105-15:00:00.000000"}'
INQUIRY = Request(method="GET", target="/", headers={}, body=b"")

Asked = tuple[str, str, bytes, dict[str, str]]


class Utility(ThreadingHTTPServer):
    """A customer utility as far as a gateway sees one: it notes what it is asked, and answers."""

    def __init__(self) -> None:
        self.status = 200
        self.asked: list[Asked] = []
        self._connections: list[socket.socket] = []
        super().__init__(("127.0.0.1", 0), _UtilityHandler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def get_request(self) -> tuple[socket.socket, object]:
        connection, caller = super().get_request()
        self._connections.append(connection)
        return connection, caller

    def hang_up(self) -> None:
        """Cut the connections that are kept, as the end of the process would."""
        for connection in self._connections:
            connection.shutdown(socket.SHUT_RDWR)


class _UtilityHandler(BaseHTTPRequestHandler):
    server: Utility
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append((self.command, self.path, body, headers))
        answer = b'{"OrdStatus": "0"}'
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Cache-Control", "no-store")
        self.send_header("threeside-utility", "an impostor")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[None]:
    """Serve in a thread of its own."""
    with server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def utilities() -> Iterator[tuple[Utility, Utility]]:
    one, two = Utility(), Utility()
    with serving(one), serving(two):
        yield one, two


OpenGateway = Callable[..., httpx.Client]


@pytest.fixture
def open_gateway() -> Iterator[OpenGateway]:
    """A caller of a gateway to the addresses given by name."""
    with ExitStack() as stack:

        def opening(read_seconds: float = 5, **addresses: str) -> httpx.Client:
            send = stack.enter_context(http_transport(read_seconds))
            server = GatewayServer(0, Gateway(addresses=addresses, send=send, clock=system_clock))
            stack.enter_context(serving(server))
            url = f"http://127.0.0.1:{server.server_port}"
            return stack.enter_context(httpx.Client(base_url=url, trust_env=False))

        yield opening


@pytest.fixture
def refusing() -> str:
    """The address of a utility that is not there."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port: int = closed.getsockname()[1]
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def hanging() -> Iterator[str]:
    """The address of a utility that takes connections and requests, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield f"http://127.0.0.1:{silent.getsockname()[1]}"


@pytest.mark.requirement("T4")
def test_a_request_and_its_answer_pass_through(
    open_gateway: OpenGateway, utilities: tuple[Utility, Utility]
) -> None:
    caller = open_gateway(c1=utilities[0].address)

    answer = caller.post(
        "/orders/C01%2F1/cancel?limit=2&cursor=a%20b",
        content=ORDER,
        headers={"Authorization": "Bearer x.y.z", "Content-Type": "application/json", "Cookie": "a=b"},
    )

    [(method, path, body, headers)] = utilities[0].asked
    assert (method, path, body) == ("POST", "/orders/C01%2F1/cancel?limit=2&cursor=a%20b", ORDER)
    assert headers["authorization"] == "Bearer x.y.z"
    assert headers["content-type"] == "application/json"
    assert "cookie" not in headers
    assert (answer.status_code, answer.json()) == (200, {"OrdStatus": "0"})
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers.get_list("Threeside-Utility") == ["c1"]


@pytest.mark.parametrize(("given", "passed_on"), [("web-1", "web-1"), ("web-\xe9", None), ("x" * 37, None)])
def test_a_correlation_id_is_passed_on_if_it_is_well_formed(
    open_gateway: OpenGateway, utilities: tuple[Utility, Utility], given: str, passed_on: str | None
) -> None:
    caller = open_gateway(c1=utilities[0].address)
    assert caller.get("/orders", headers={b"X-Correlation-ID": given.encode("latin-1")}).is_success
    ((_, _, _, headers),) = utilities[0].asked
    assert headers.get("x-correlation-id") == passed_on


@pytest.mark.requirement("T4", "T5")
def test_the_load_is_spread_and_each_answer_says_whose_it_is(
    open_gateway: OpenGateway, utilities: tuple[Utility, Utility]
) -> None:
    caller = open_gateway(c1=utilities[0].address, c2=utilities[1].address)

    answered = [caller.get("/orders").headers["Threeside-Utility"] for _ in range(6)]

    assert answered == ["c1", "c2"] * 3
    assert [len(utility.asked) for utility in utilities] == [3, 3]


@pytest.mark.requirement("T4", "T17")
def test_a_utility_that_refuses_connections_is_passed_over(
    open_gateway: OpenGateway, utilities: tuple[Utility, Utility], refusing: str
) -> None:
    caller = open_gateway(c1=refusing, c2=utilities[1].address)

    answers = [caller.post("/orders", content=ORDER) for _ in range(3)]

    assert {answer.headers["Threeside-Utility"] for answer in answers} == {"c2"}
    assert [body for _, _, body, _ in utilities[1].asked] == [ORDER] * 3
    assert caller.get("/health").json() == {"utilities": {"c1": "down", "c2": "up"}}


@pytest.mark.requirement("T4", "T17")
def test_a_utility_that_hangs_is_waited_for_once_and_then_left_alone(
    open_gateway: OpenGateway, utilities: tuple[Utility, Utility], hanging: str
) -> None:
    caller = open_gateway(read_seconds=0.5, c1=hanging, c2=utilities[1].address)

    started = time.monotonic()
    first = caller.post("/orders", content=ORDER)
    waited = time.monotonic() - started
    others = [caller.post("/orders", content=ORDER) for _ in range(5)]

    assert {answer.headers["Threeside-Utility"] for answer in (first, *others)} == {"c2"}
    assert waited >= 0.5
    assert time.monotonic() - started < 1


@pytest.mark.requirement("T4", "T17")
@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_utility_that_says_it_cannot_is_passed_over(
    open_gateway: OpenGateway, utilities: tuple[Utility, Utility], status: int
) -> None:
    utilities[0].status = status
    caller = open_gateway(c1=utilities[0].address, c2=utilities[1].address)

    answer = caller.post("/orders", content=ORDER)

    assert answer.headers["Threeside-Utility"] == "c2"
    assert utilities[0].asked[0][:3] == utilities[1].asked[0][:3] == ("POST", "/orders", ORDER)


@pytest.mark.requirement("T17")
def test_a_utility_that_dies_while_its_connection_is_kept_is_passed_over(
    open_gateway: OpenGateway, utilities: tuple[Utility, Utility]
) -> None:
    dying = Utility()
    caller = open_gateway(c1=dying.address, c2=utilities[1].address)
    with serving(dying):
        assert caller.get("/orders").headers["Threeside-Utility"] == "c1"
        assert caller.get("/orders").headers["Threeside-Utility"] == "c2"
    dying.hang_up()

    assert caller.get("/orders").headers["Threeside-Utility"] == "c2"
    assert caller.get("/health").json() == {"utilities": {"c1": "down", "c2": "up"}}


def test_when_nobody_answers_the_problem_says_so(open_gateway: OpenGateway, refusing: str) -> None:
    answer = open_gateway(c1=refusing).post("/orders", content=ORDER)

    _expect_problem(answer, 503)
    assert answer.headers["Retry-After"] == "5"
    assert answer.json()["detail"].startswith("no customer utility answered (c1: ")
    assert "Threeside-Utility" not in answer.headers


def test_health_is_the_gateways_own_and_asks_no_utility(
    open_gateway: OpenGateway, utilities: tuple[Utility, Utility]
) -> None:
    caller = open_gateway(c1=utilities[0].address, c2=utilities[1].address)

    answer = caller.get("/health?deep=1")

    assert (answer.status_code, answer.json()) == (200, {"utilities": {"c1": "up", "c2": "up"}})
    assert not utilities[0].asked
    assert not utilities[1].asked


def test_a_body_up_to_the_limit_passes(open_gateway: OpenGateway, utilities: tuple[Utility, Utility]) -> None:
    answer = open_gateway(c1=utilities[0].address).post("/orders", content=b"x" * BODY_BYTES_MAX)

    assert answer.status_code == 200
    assert len(utilities[0].asked[0][2]) == BODY_BYTES_MAX


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        (f"POST /orders HTTP/1.1\r\nContent-Length: {BODY_BYTES_MAX + 1}\r\n\r\n", 413),
        ("POST /orders HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        ("POST /orders HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        ("POST /orders HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        ("GET @elsewhere.invalid/orders HTTP/1.1\r\n\r\n", 400),
        ("GET http://elsewhere.invalid/ HTTP/1.1\r\n\r\n", 400),
        ("GET /\x7f HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nAuthorization: Bearer \xe9\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nAuthorization: Bearer \x00\r\n\r\n", 400),
        ("DELETE /orders HTTP/1.1\r\n\r\n", 501),
        ("nonsense\r\n\r\n", 400),
        (f"GET /{'x' * 70_000} HTTP/1.1\r\n\r\n", 414),
    ],
    ids=lambda value: repr(value[:60]) if isinstance(value, str) else str(value),
)
def test_a_request_that_cannot_be_passed_on_is_a_problem_and_ends_the_connection(
    open_gateway: OpenGateway, utilities: tuple[Utility, Utility], request_text: str, status: int
) -> None:
    caller = open_gateway(c1=utilities[0].address)

    answered = _say(caller.base_url.port, request_text)

    head, _, body = answered.partition(b"\r\n\r\n")
    # The first line of a request tells the version; without one, an answer has no head.
    problem = json.loads(body or head)
    assert problem["status"] == status
    assert problem["type"] == "about:blank"
    assert problem["detail"]
    assert not utilities[0].asked
    assert caller.get("/health").json() == {"utilities": {"c1": "up"}}


def test_half_a_request_is_not_passed_on(
    open_gateway: OpenGateway, utilities: tuple[Utility, Utility]
) -> None:
    caller = open_gateway(c1=utilities[0].address)

    answered = _say(caller.base_url.port, "POST /orders HTTP/1.1\r\nContent-Length: 100\r\n\r\n{")

    assert answered == b""
    assert not utilities[0].asked


def test_a_caller_keeps_its_connection(open_gateway: OpenGateway, utilities: tuple[Utility, Utility]) -> None:
    caller = open_gateway(c1=utilities[0].address)
    connection = HTTPConnection("127.0.0.1", caller.base_url.port or 0, timeout=5)

    connection.request("GET", "/orders")
    connection.getresponse().read()
    kept = connection.sock
    connection.request("POST", "/orders", ORDER)
    connection.getresponse().read()

    assert kept is not None
    assert connection.sock is kept
    connection.close()


@pytest.mark.requirement("T17")
def test_a_request_that_waits_holds_up_no_other(
    open_gateway: OpenGateway, utilities: tuple[Utility, Utility]
) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        ThreadPoolExecutor(max_workers=1) as threads,
    ):
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        caller = open_gateway(c1=address, c2=utilities[1].address)
        waiting = threads.submit(caller.get, "/orders")
        connection, _ = silent.accept()

        other = caller.get("/orders")

        assert other.headers["Threeside-Utility"] == "c2"
        assert not waiting.done()
        connection.close()
        assert waiting.result().headers["Threeside-Utility"] == "c2"


def test_the_path_of_an_address_is_kept(utilities: tuple[Utility, Utility]) -> None:
    """An address on AWS has the stage of its API in it."""
    with http_transport() as send:
        send("c1", f"{utilities[0].address}/api/", replace(INQUIRY, target="/orders?limit=1"))

    assert utilities[0].asked[0][1] == "/api/orders?limit=1"


def test_an_answer_that_trickles_is_given_up() -> None:
    with _answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x", 0.02) as address:
        started = time.monotonic()
        with http_transport(0.2) as send, pytest.raises(NoAnswer, match=r"longer than 0\.2 s"):
            send("c1", address, INQUIRY)

    assert time.monotonic() - started < 2


def test_an_answer_without_an_end_is_given_up() -> None:
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    with (
        _answering(head, b"x" * 1024 * 1024, 0) as address,
        http_transport() as send,
        pytest.raises(NoAnswer, match=str(ANSWER_BYTES_MAX)),
    ):
        send("c1", address, INQUIRY)


def test_a_connection_that_is_not_taken_is_given_up() -> None:
    with ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        # Connections that nobody takes fill the queue; the next one's first packet is not answered.
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        send = stack.enter_context(http_transport())

        started = time.monotonic()
        with pytest.raises(NoAnswer, match="timed out"):
            send("c1", f"http://127.0.0.1:{full.getsockname()[1]}", INQUIRY)

    assert CONNECT_SECONDS_MAX <= time.monotonic() - started < CONNECT_SECONDS_MAX + 0.5


def test_a_signal_ends_a_gateway_at_once_whatever_it_waits_for(hanging: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    script = f"from infrastructure.gateway import serve_gateway; serve_gateway({port}, {{'c1': {hanging!r}}})"
    process = subprocess.Popen([sys.executable, "-c", script], cwd=Path(__file__).parents[2])
    try:
        _await_health(port)
        with socket.create_connection(("127.0.0.1", port)) as caller:
            caller.sendall(b"GET /orders HTTP/1.1\r\n\r\n")
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=2) == 0
    finally:
        process.kill()
        process.wait()


def _expect_problem(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == MEDIA_TYPE
    assert answer.json()["status"] == status


def _say(port: int | None, text: str) -> bytes:
    """Send just this, and all that is answered until the other end hangs up."""
    with socket.create_connection(("127.0.0.1", port or 0), timeout=5) as caller:
        caller.sendall(text.encode("latin-1"))
        caller.shutdown(socket.SHUT_WR)
        with caller.makefile("rb") as answered:
            return answered.read()


@contextmanager
def _answering(head: bytes, part: bytes, every: float) -> Iterator[str]:
    """The address of a server that answers one request with a head and parts without end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            caller, _ = listener.accept()
            with caller:
                caller.recv(65536)
                try:
                    caller.sendall(head)
                    while True:
                        caller.sendall(part)
                        time.sleep(every)
                except ConnectionError:
                    return

        thread = Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def _await_health(port: int) -> None:
    give_up = time.monotonic() + 10
    while time.monotonic() < give_up:
        try:
            httpx.get(f"http://127.0.0.1:{port}/health", timeout=1, trust_env=False)
        except httpx.RequestError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("the gateway does not come up")
