"""Banks' nodes in memory, and the messages between them: delivered when a test says so."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from chalicelib.enterprise import Enterprise, parse_enterprise
from chalicelib.records.conversations import (
    Asked,
    ConversationRecord,
    Inquired,
    Requested,
    Step,
    Turn,
)
from chalicelib.records.fix import BuySell
from chalicelib.records.orders import ExecutionReport
from chalicelib.records.record import Item, read_record
from chalicelib.rfq.calls import QuoteRequest, receive_call, request_quote
from chalicelib.rfq.decisions import Policy, Rules
from chalicelib.rfq.following import follow
from chalicelib.rfq.node import BankNode, Trader, read_file, read_registration
from chalicelib.rfq.turns import Act, act, receive_asked, receive_inquired, receive_turn, see_to
from chalicelib.rfq.value_dates import value_date
from chalicelib.state.conversations import Conversation
from chalicelib.tables.memory import MemoryRegistry, MemoryStore
from chalicelib.tables.registry import Key, Registry

NOON = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
TURN = timedelta(minutes=2)

XENIA = Trader(principal="BANKX", trader="xenia", terminal="X1")
XAVER = Trader(principal="BANKX", trader="xaver", terminal="X2")
YVES = Trader(principal="BANKY", trader="yves", terminal="Y1")
YAEL = Trader(principal="BANKY", trader="yael", terminal="Y2")
MAIA = Trader(principal="MERCURY", trader="maia", terminal="M1")
NORA = Trader(principal="NEPTUNE", trader="nora", terminal="N1")

_RECEIVED: dict[type, Callable[[Any, BankNode], None]] = {
    Requested: receive_call,
    Turn: receive_turn,
    Asked: receive_asked,
    Inquired: receive_inquired,
}


@dataclass
class Sent:
    """A record on its way to a principal's node."""

    record: ConversationRecord
    to: str
    message_id: str


@dataclass
class Banks:
    """Two banks and a broker, each with its node."""

    policy: Policy = Policy.EARLIEST
    now: datetime = NOON
    sent: deque[Sent] = field(default_factory=deque)
    due: list[tuple[datetime, str, str]] = field(default_factory=list)
    booked: list[ExecutionReport] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.enterprise = two_banks_and_a_broker()
        self._written: deque[tuple[str, Item]] = deque()
        self._seen_messages: set[tuple[str, str, str]] = set()
        self.nodes = {u.name: self._node(u.name) for u in self.enterprise.utilities if u.deals}

    def at(self, principal: str) -> BankNode:
        """The node at which a principal deals."""
        found = self.enterprise.principal(principal)
        assert found is not None
        return self.nodes[found.node]

    def meanwhile(self, principal: str, what: Callable[[], object]) -> None:
        """Have something happen at a node just before its registration is read the next time."""
        node = self.at(principal)
        self.nodes[node.name] = replace(node, registry=_Interrupted(node.registry, what))

    @contextmanager
    def stand_by(self, principal: str) -> Iterator[None]:
        """A second deployment of a node, with nothing but its tables, in the place of the first."""
        node = self.at(principal)
        self.nodes[node.name] = replace(node)
        yield
        self.nodes[node.name] = node

    def call(self, by: Trader, to: str, symbol: str = "EURUSD", **terms: Any) -> Requested:
        """Have a trader call a bank."""
        request = QuoteRequest(
            **{
                "quote_req_id": f"R-{len(self._written)}-{self.now.timestamp()}-{by.trader}-{symbol}",
                "destination": to,
                "terminal": None,
                "symbol": symbol,
                "side": None,
                "order_qty": Decimal(1_000_000),
                "settl_type": "0",
                "transact_time": self.now,
                **terms,
            }
        )
        return request_quote(request, by, self.at(by.principal))[0]

    def act(self, by: Trader, conversation: str, step: Step, **what: Any) -> Conversation:
        """Have a trader take a turn, answering the last that the trader's file shows."""
        node = self.at(by.principal)
        answers = what.pop("answers", None)
        if answers is None:
            answers = read_file(node, by.principal, conversation).seen
        return act(Act(step=step, answers=answers, **what), conversation, by, node)

    def file(self, principal: str, conversation: str) -> Conversation:
        """A principal's file of a conversation."""
        return read_file(self.at(principal), principal, conversation)

    def registration(self, principal: str, other: str, symbol: str = "EURUSD") -> Any:
        """A principal's registration of a subject with another."""
        return read_registration(self.at(principal), principal, other, symbol)

    def react(self) -> None:
        """Let what follows from what has been written happen, but deliver nothing."""
        while self._written:
            name, item = self._written.popleft()
            record = read_record(item)
            if isinstance(record, Requested | Turn | Asked | Inquired):
                follow(record, self.nodes[name], self.booked.append)

    def deliver(self, most: int = 1_000) -> int:
        """Deliver what is under way, and what comes of it: how much."""
        self.react()
        delivered = 0
        while self.sent and delivered < most:
            self.receive(self.sent.popleft())
            self.react()
            delivered += 1
        return delivered

    def receive(self, sent: Sent) -> None:
        """Have one message arrive."""
        _RECEIVED[type(sent.record)](sent.record, self.at(sent.to))

    def wait(self, time: timedelta) -> None:
        """Let time pass, see to what is due, and deliver what comes of it."""
        self.now += time
        self.deliver()
        while any(due <= self.now for due, _, _ in self.due):
            due = [entry for entry in self.due if entry[0] <= self.now]
            self.due = [entry for entry in self.due if entry[0] > self.now]
            for _, name, file in due:
                principal, conversation = file.split("#")
                see_to(principal, conversation, self.nodes[name])
            self.deliver()

    def quoted(self, by: Trader, called: Trader, symbol: str = "EURUSD", **terms: Any) -> str:
        """A conversation in which the called bank has quoted 1.0841 to 1.0843."""
        number = self.call(by, called.principal, symbol, **terms).conversation
        self.deliver()
        self.act(called, number, Step.ANSWERED)
        self.act(called, number, Step.QUOTED, bid_px=Decimal("1.0841"), offer_px=Decimal("1.0843"))
        self.deliver()
        return number

    def dealt(self, by: Trader, called: Trader, side: BuySell = BuySell.BUY) -> str:
        """A conversation that came to a deal."""
        number = self.quoted(by, called)
        self.act(by, number, Step.DEALT, side=side)
        self.deliver()
        return number

    def _node(self, name: str) -> BankNode:
        def on_insert(item: Item) -> None:
            self._written.append((name, item))

        kept, records = MemoryStore(f"{name}-registrations"), MemoryStore(f"{name}-conversations", on_insert)
        return BankNode(
            utility=self.enterprise.utility(name),
            enterprise=self.enterprise,
            secret=bytes(32),
            registry=MemoryRegistry(kept, records),
            rules=Rules(policy=self.policy, turn=TURN, value_date=_value_date),
            clock=lambda: self.now,
            send=lambda record, to, message_id: self.sent.append(Sent(record, to, message_id)),
            schedule=lambda file, due: self.due.append((due, name, file)),
            pause=lambda attempt: None,
        )


class _Interrupted:
    """A registry of which the first read is preceded by something else."""

    def __init__(self, registry: Registry, what: Callable[[], object]) -> None:
        self.kept, self.records = registry.kept, registry.records
        self.commit = registry.commit
        self._registry = registry
        self._what: Callable[[], object] | None = what

    def read(self, *keys: Key) -> list[Item | None]:
        what, self._what = self._what, None
        if what is not None:
            what()
        return self._registry.read(*keys)


def two_banks_and_a_broker() -> Enterprise:
    """Banks X and Y, and a broker's node that deals for two principals, each in its own city."""
    nodes = {"bankx": "tokyo", "banky": "zurich", "broker": "newyork"}
    sides = [("c1", "customer"), ("s1", "street"), ("firm", "firm")]
    return parse_enterprise(
        {
            "name": "banks",
            "version": 1,
            "utility": [
                *({"name": n, "side": s, "code": f"{n[0].upper()}00", "region": "here"} for n, s in sides),
                *(
                    {
                        "name": n,
                        "side": "street",
                        "code": c,
                        "region": "here",
                        "city": nodes[n],
                        "orders": False,
                    }
                    for n, c in (("bankx", "BX1"), ("banky", "BY1"), ("broker", "BR1"))
                ),
                {"name": "tokyo", "side": "network", "code": "TYO", "region": "here", "links": ["newyork"]},
                {"name": "newyork", "side": "network", "code": "NYC", "region": "here", "links": ["zurich"]},
                {"name": "zurich", "side": "network", "code": "ZRH", "region": "here"},
            ],
            "principal": [
                {"name": "BANKX", "node": "bankx", "terminals": ["X1", "X2"]},
                {"name": "BANKY", "node": "banky", "terminals": ["Y1", "Y2"]},
                {"name": "MERCURY", "node": "broker", "terminals": ["M1"]},
                {"name": "NEPTUNE", "node": "broker", "terminals": ["N1"]},
            ],
        }
    )


def _value_date(symbol: str, settl_type: str, time: datetime) -> str:
    return f"{value_date(symbol, settl_type, time):%Y%m%d}"
