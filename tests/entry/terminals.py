"""Traders at their terminals, over the real routes of their banks' nodes."""

from collections.abc import Iterator
from itertools import count
from typing import Any

from chalicelib.records.times import format_time

from .enterprise import Answer, Enterprise

# So that no two tests have a trader in common, nor a request.
_numbers: Iterator[int] = count(1)


class Terminal:
    """A trader at a terminal of a principal's: who calls, answers and looks."""

    def __init__(
        self, enterprise: Enterprise, principal: str, terminal: str, trader: str | None = None
    ) -> None:
        known = enterprise.plan.principal(principal)
        assert known is not None
        self.enterprise = enterprise
        self.principal = principal
        self.node = known.node
        self.trader = trader or f"{terminal.lower()}-trader-{next(_numbers)}"
        token = enterprise.token(self.trader, (), principal=principal, terminal=terminal)
        self.headers = {"Authorization": f"Bearer {token}"}

    def ask(self, method: str, target: str, body: object = None) -> Answer:
        return self.enterprise.ask(self.node, method, target, body, headers=self.headers)

    def request(self, to: str, symbol: str = "EURUSD", **asked: Any) -> dict[str, Any]:
        """A QuoteRequest: a million euros against dollars, but for what is asked; None leaves a field out."""
        request = {
            "QuoteReqID": f"request-{next(_numbers)}",
            "Destination": to,
            "Symbol": symbol,
            "OrderQty": "1000000",
            "TransactTime": format_time(self.enterprise.now),
            **asked,
        }
        return {name: value for name, value in request.items() if value is not None}

    def call(self, to: str, symbol: str = "EURUSD", **asked: Any) -> str:
        """Call a bank: the conversation's number. Nothing has left the node yet."""
        answer = self.ask("POST", "/rfqs", self.request(to, symbol, **asked))
        assert answer.status == 201, answer
        number: str = answer.json["Conversation"]
        return number

    def attempt(self, what: str, number: str, **fields: Any) -> Answer:
        """Take a turn, answering the last that this trader's bank knows of."""
        if "Answers" not in fields:
            fields["Answers"] = self.see(number)["Answers"]
        return self.ask("POST", f"/rfqs/{number}/{what}", fields)

    def act(self, what: str, number: str, **fields: Any) -> dict[str, Any]:
        """Take a turn, and have the enterprise come to rest."""
        answer = self.attempt(what, number, **fields)
        assert answer.status in (200, 202), answer
        self.enterprise.settle()
        state: dict[str, Any] = answer.json
        return state

    def clear(self, number: str) -> Answer:
        return self.ask("POST", f"/rfqs/{number}/clear")

    def see(self, number: str) -> dict[str, Any]:
        """Where a conversation stands."""
        return self._get(f"/rfqs/{number}")

    def look(self, cursor: str | None = None) -> dict[str, Any]:
        """What the terminal shows, or what is new on it."""
        return self._get("/terminal" + (f"?cursor={cursor}" if cursor else ""))

    def queue(self) -> list[str]:
        """The calls that wait, in the order in which they are shown."""
        return [call["Conversation"] for call in self.look()["Queue"]]

    def _get(self, target: str) -> dict[str, Any]:
        answer = self.ask("GET", target)
        assert answer.status == 200, answer
        found: dict[str, Any] = answer.json
        return found


def quoted(caller: Terminal, called: Terminal, symbol: str = "EURUSD", **asked: Any) -> str:
    """A conversation in which the called bank has quoted 1.0841 to 1.0843."""
    number = caller.call(called.principal, symbol, **asked)
    caller.enterprise.settle()
    called.act("answer", number)
    called.act("quote", number, BidPx="1.0841", OfferPx="1.0843")
    return number
