"""Traders at their terminals: everything they do goes through the HTTP interface of their bank's node."""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from chalicelib.records.conversations import CONCLUDING, Step
from chalicelib.records.fix import BuySell
from chalicelib.records.times import format_time

from ..client import Client, RequestRefused, until
from ..demo.cues import expect
from ..demo.stage import Stage
from ..demo.story import NotAsExpected

# A message is at the other bank within this, whatever else goes on.
SOON = 20.0
# A killed node is back and has caught up.
LATER = 40.0

MILLION = "1000000"


@dataclass(frozen=True, kw_only=True)
class Trader:
    """A trader at a terminal, who looks at it so often (in seconds) while waiting for something.

    After `expired_by` seconds a turn that nobody took is over at both banks.
    """

    name: str
    principal: str
    terminal: str
    client: Client
    expired_by: float
    looks_every: float = 0.05

    @classmethod
    def at(cls, stage: Stage, name: str) -> Self:
        """A trader of the local enterprise."""
        deals = stage.description["traders"][name]
        client = stage.client(deals["node"], who=name)
        return cls(
            name=name,
            principal=deals["principal"],
            terminal=deals["terminal"],
            client=client,
            expired_by=stage.turn_seconds + SOON,
        )

    def call(self, bank: str, symbol: str = "EURUSD", **terms: str) -> str:
        """Call a bank for a quote: the conversation's number."""
        number: str = self.request(request_for(bank, symbol, **terms))["Conversation"]
        return number

    def request(self, body: Mapping[str, str]) -> dict[str, Any]:
        """Send a QuoteRequest."""
        return self.client.ask("POST", "/rfqs", body)

    def look(self, cursor: str | None = None) -> dict[str, Any]:
        """What the terminal shows; with a cursor, what is new."""
        return self.client.get("/terminal", **({} if cursor is None else {"cursor": cursor}))

    def queue(self) -> list[str]:
        """The calls that wait to be answered, first things first."""
        return [call["Conversation"] for call in self.look()["Queue"]]

    def panels(self) -> list[dict[str, Any]]:
        """The panels that are taken, each with the whole conversation."""
        return list(self.look()["Panels"])

    def rfq(self, number: str) -> dict[str, Any]:
        """Where a conversation stands."""
        return self.client.get(f"/rfqs/{number}")

    def turn(self, number: str, what: str, answers: int | None = None, **fields: str) -> dict[str, Any]:
        """Take a turn; it answers the last that this terminal knows of, unless told otherwise."""
        if answers is None:
            answers = self.rfq(number).get("Answers", 0)
        return self.client.ask("POST", f"/rfqs/{number}/{what}", {"Answers": answers, **fields})

    def answer(self, number: str) -> dict[str, Any]:
        """Take a call into a panel, once it is in the queue."""
        self.await_queued(number)
        return self.turn(number, "answer", 0)

    def quote(self, number: str, bid: str, offer: str, good_for: float | None = None) -> dict[str, Any]:
        """Quote both sides, good for so many seconds or as long as a turn may take."""
        fields = {"BidPx": bid, "OfferPx": offer}
        if good_for is not None:
            fields["ValidUntilTime"] = format_time(datetime.now(UTC) + timedelta(seconds=good_for))
        return self.turn(number, "quote", None, **fields)

    def hang_up(self, number: str) -> dict[str, Any]:
        """Refuse, or leave."""
        return self.turn(number, "pass")

    def clear(self, number: str) -> None:
        """Free the panel of what is over."""
        self.client.ask("POST", f"/rfqs/{number}/clear", {})

    def await_queued(self, number: str, seconds_max: float = SOON) -> None:
        """Wait for a call to be in this terminal's queue."""
        expect(
            number in until(lambda queue: number in queue, self.queue, seconds_max, self.looks_every),
            f"{number} is not in the queue of {self.name}",
        )

    def await_step(self, number: str, *steps: Step, seconds_max: float = SOON) -> dict[str, Any]:
        """Wait until a conversation has come to one of these steps; NotAsExpected if it does not."""
        seen = until(
            lambda seen: seen["Step"] in steps, lambda: self.rfq(number), seconds_max, self.looks_every
        )
        if seen["Step"] not in steps:
            raise NotAsExpected(f"{number} is {seen['Step']} for {self.name} after {seconds_max:.0f} s")
        return dict(seen)

    def tidy(self) -> None:
        """Leave nothing in the panels, as far as the conversations let go."""
        give_up = time.monotonic() + self.expired_by
        while (panels := self.panels()) and time.monotonic() < give_up:
            for panel in panels:
                self._leave(panel["Conversation"])
            time.sleep(0.1)

    def _leave(self, number: str) -> None:
        try:
            if self.rfq(number)["Step"] not in CONCLUDING:
                self.hang_up(number)
            self.clear(number)
        except RequestRefused:
            return  # not over yet, or over meanwhile: the next look says


def request_for(bank: str, symbol: str = "EURUSD", **terms: str) -> dict[str, str]:
    """A QuoteRequest's fields; one that is sent again is the same request."""
    return {
        "QuoteReqID": f"Q-{secrets.token_hex(6)}",
        "Destination": bank,
        "Symbol": symbol,
        "OrderQty": MILLION,
        "TransactTime": format_time(datetime.now(UTC)),
        **terms,
    }


def traders(stage: Stage, *names: str) -> tuple[Trader, ...]:
    """Several traders."""
    return tuple(Trader.at(stage, name) for name in names)


def quoted(caller: Trader, called: Trader, good_for: float | None = None) -> str:
    """A conversation in which the called trader has quoted 1.0841 to 1.0843, and the caller sees it."""
    number = caller.call(called.principal)
    called.answer(number)
    called.quote(number, "1.0841", "1.0843", good_for)
    caller.await_step(number, Step.QUOTED)
    return number


def dealt(caller: Trader, called: Trader) -> str:
    """A conversation in which the caller has bought at 1.0843, and both know of it."""
    number = quoted(caller, called)
    caller.turn(number, "accept", Side=BuySell.BUY)
    await_both(number, Step.DEALT, caller, called)
    return number


def await_both(number: str, step: Step, *both: Trader, seconds_max: float = SOON) -> list[dict[str, Any]]:
    """Wait until a conversation has come to a step for both traders: what each sees."""
    return [trader.await_step(number, step, seconds_max=seconds_max) for trader in both]


def clear_all(number: str, *both: Trader) -> None:
    """Free the panels that a conversation has taken."""
    for trader in both:
        trader.clear(number)


def tidy(traders: Sequence[Trader]) -> None:
    """Leave nothing in anybody's panels."""
    for trader in traders:
        trader.tidy()


def refusal(trader: Trader, method: str, path: str, body: Mapping[str, str | int]) -> Mapping[str, Any]:
    """The problem document that answers a request which has to be refused."""
    try:
        trader.client.ask(method, path, body)
    except RequestRefused as refused:
        return refused.problem
    raise NotAsExpected(f"{path} of {trader.name} was not refused")


def denial(trader: Trader, bank: str, symbol: str = "EURUSD", **terms: str) -> Mapping[str, Any]:
    """The problem document that answers a call which has to be denied."""
    return refusal(trader, "POST", "/rfqs", request_for(bank, symbol, **terms))
