"""A customer of an enterprise: orders and inquiries through the gateway's own core."""

import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import urlencode

from chalicelib.customer.gateway import Answer, Gateway
from chalicelib.records.times import format_time, system_clock

from .gateway import http_transport

# Longer than a gateway takes to find out that one utility is silent and to ask another.
_READ_SECONDS_MAX = 20


class RequestRefused(Exception):
    """A request that was answered with a problem document, which is `problem`."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        where = f" ({problem['field']})" if "field" in problem else ""
        super().__init__(f"{status} {problem.get('title', '')}{where}: {problem.get('detail', '')}")
        self.status = status
        self.problem = problem


@dataclass(frozen=True, kw_only=True)
class Client:
    """Somebody with a token, at one or more customer utilities."""

    gateway: Gateway
    token: str

    @classmethod
    def at(cls, addresses: Mapping[str, str], token: str) -> Self:
        """A client of these utilities, by name and address."""
        send = http_transport(read_seconds=_READ_SECONDS_MAX)
        gateway = Gateway(addresses=addresses, send=send, clock=system_clock)
        return cls(gateway=gateway, token=token)

    def order(self, **fields: str) -> dict[str, Any]:
        """Enter an order; ClOrdID and TransactTime are made where they are not given."""
        return self.ask("POST", "/orders", {**_identified(), **fields})

    def cancel(self, number: str, **fields: str) -> dict[str, Any]:
        """Ask to cancel an order."""
        return self.ask("POST", f"/orders/{number}/cancel", {**_identified(), **fields})

    def replace(self, number: str, **fields: str) -> dict[str, Any]:
        """Ask for other terms: what is not named stays."""
        return self.ask("POST", f"/orders/{number}/replace", {**_identified(), **fields})

    def status(self, number: str) -> dict[str, Any]:
        """The state of an order."""
        return self.ask("GET", f"/orders/{number}")

    def get(self, path: str, **parameters: str) -> dict[str, Any]:
        """Any other inquiry."""
        return self.ask("GET", f"{path}?{urlencode(parameters)}" if parameters else path)

    def ask(self, method: str, path: str, body: Mapping[str, str | int] | None = None) -> dict[str, Any]:
        """Send a request: the answer's content; RequestRefused for a problem document."""
        answer = self.send(method, path, body)
        content: dict[str, Any] = json.loads(answer.body)
        if answer.status >= 400:
            raise RequestRefused(answer.status, content)
        return content

    def send(self, method: str, path: str, body: Mapping[str, str | int] | None = None) -> Answer:
        """Send a request: the answer as it came."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        content = json.dumps(body).encode() if body is not None else b""
        return self.gateway.request(method, path, headers, content)


def until(
    holds: Callable[[Any], bool], ask: Callable[[], Any], seconds_max: float, every: float = 0.02
) -> Any:
    """Ask until the answer holds, or time is up: the last answer."""
    give_up = time.monotonic() + seconds_max
    while True:
        answer = ask()
        if holds(answer) or time.monotonic() > give_up:
            return answer
        time.sleep(every)


def _identified() -> dict[str, str]:
    return {
        "ClOrdID": f"O-{secrets.token_hex(6)}",
        "TransactTime": format_time(datetime.now(UTC)),
    }
