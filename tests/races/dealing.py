"""Two banks' nodes on the engine, what goes wrong on the way to their tables, and who races there."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from random import Random
from typing import Any, TypeVar

from chalicelib.bootstrap import pause
from chalicelib.enterprise import Enterprise, parse_enterprise
from chalicelib.records.conversations import Asked, ConversationRecord, Inquired, Requested, Step, Turn
from chalicelib.records.orders import ExecutionReport
from chalicelib.records.record import Item, read_record
from chalicelib.records.registrations import Panels, Registration
from chalicelib.refusals import Refused
from chalicelib.rfq.calls import QuoteRequest, receive_call, request_quote
from chalicelib.rfq.decisions import Policy, Rules
from chalicelib.rfq.following import follow
from chalicelib.rfq.node import BankNode, Trader, panels_of, read_file, read_registration
from chalicelib.rfq.turns import Act, act, receive_asked, receive_inquired, receive_turn, see_to
from chalicelib.state.conversations import Conversation
from chalicelib.tables.registry import Key, Registry
from chalicelib.tables.store import Page, Store, Unreachable
from tests.rfq.banks import NOON, TURN, Sent

T = TypeVar("T")

RACERS = 64

_MESSAGES_AT_ONCE = 16
_GATE_SECONDS_MAX = 10

_RECEIVED: dict[type, Callable[[Any, BankNode], None]] = {
    Requested: receive_call,
    Turn: receive_turn,
    Asked: receive_asked,
    Inquired: receive_inquired,
}


class Racers:
    """Threads that begin at the same instant; each has chances of its own, by a seed and its place."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(RACERS)
        self._own = threading.local()
        self._begin("alone")

    @property
    def chance(self) -> Random:
        chance: Random = self._own.chance
        return chance

    def at_once(self, seed: object, acts: Sequence[Callable[[], T]]) -> list[T | Refused | Unreachable]:
        """What came of each act: what it answered, or why it did not."""
        gate = threading.Barrier(len(acts))

        def begin(place: int) -> T | Refused | Unreachable:
            self._begin(f"{seed}-{place}")
            gate.wait()
            try:
                return acts[place]()
            except (Refused, Unreachable) as raised:
                return raised

        return list(self._threads.map(begin, range(len(acts))))

    def count(self, verb: str) -> int:
        """How often this thread has asked for this, in this act."""
        self._own.asked[verb] += 1
        asked: int = self._own.asked[verb]
        return asked

    def end(self) -> None:
        self._threads.shutdown()

    def _begin(self, seed: str) -> None:
        self._own.chance = Random(seed)
        self._own.asked = Counter()


class Fault(StrEnum):
    """What becomes of a request to a table, if not what was asked."""

    CONFLICT = "conflict"
    THROTTLED = "throttled"
    LOST = "lost"
    LATE = "late"


# Nothing was done, and that is the answer. Of the others nothing is heard: it was done, or it will be.
_NOT_DONE = (Fault.CONFLICT, Fault.THROTTLED)

# Which fault a request meets: told what is asked, for which time by this thread, and the thread's chances.
Faults = Callable[[str, int, Random], Fault | None]


class Line:
    """A node's registry in a race: it notes what is written, and faults happen on the way to it.

    If a transaction takes up to so many `seconds`, others at the same items are refused meanwhile.
    """

    def __init__(self, registry: Registry, racers: Racers) -> None:
        self.registry = registry
        self.kept: Store = registry.kept
        self.records: Store = _Records(registry.records, self)
        self.written: deque[Item] = deque()
        self._doubtful: deque[Item] = deque()
        self.faults: Faults | None = None
        self.gate: threading.Barrier | None = None
        self.seconds = 0.0
        self.met: Counter[str] = Counter()
        self._racers = racers
        self._keys: set[Key] = set()
        self._late: list[threading.Timer] = []
        self._lock = threading.Lock()

    def read(self, *keys: Key) -> list[Item | None]:
        """Read; if there is a gate, nobody goes on before all have read for the first time."""
        found = self.ask("read", lambda: self.registry.read(*keys))
        if self.gate is not None and self._racers.count("gate") == 1:
            with suppress(threading.BrokenBarrierError):
                self.gate.wait(_GATE_SECONDS_MAX)
        return found

    def commit(self, replaced: Sequence[Item], inserted: Sequence[Item]) -> bool:
        def do() -> bool:
            with self._under_way({(item["pk"], item["sk"]) for item in (*replaced, *inserted)}):
                made = self.noting(inserted, lambda: self.registry.commit(replaced, inserted))
            if not made:
                self.note("overtaken")
            return made

        return self.ask("commit", do)

    def noting(self, items: Sequence[Item], write: Callable[[], bool]) -> bool:
        """Write, and note what is written; of what is not known to be, `calm` finds out."""
        try:
            made = write()
        except Unreachable:
            self._doubtful.extend(items)
            raise
        if made:
            self.written.extend(items)
        return made

    def ask(self, verb: str, do: Callable[[], T]) -> T:
        """Do what is asked of a table, unless a fault comes between."""
        fault = None
        if self.faults is not None:
            fault = self.faults(verb, self._racers.count(verb), self._racers.chance)
        if fault is None:
            return do()
        self.note(fault)
        if fault is Fault.LATE:
            self._do_later(do)
        elif fault not in _NOT_DONE:
            do()
        raise Unreachable(f"{verb}: {fault}")

    def note(self, what: str) -> None:
        with self._lock:
            self.met[what] += 1

    def calm(self) -> None:
        """No more faults and gates; what is late has been done, and what is doubtful is found out."""
        self.faults = self.gate = None
        self.seconds = 0
        for timer in self._late:
            timer.join()
        self._late.clear()
        while self._doubtful:
            item = self._doubtful.popleft()
            if item not in self.written and self.registry.records.get(item["pk"], item["sk"]) == item:
                self.written.append(item)

    @contextmanager
    def _under_way(self, keys: set[Key]) -> Iterator[None]:
        """As DynamoDB has it: while one transaction is under way, another at the same items is refused."""
        if not self.seconds:
            yield
            return
        with self._lock:
            is_met = not keys.isdisjoint(self._keys)
            self._keys |= set() if is_met else keys
        if is_met:
            self.note(Fault.CONFLICT)
            raise Unreachable("commit: met another")
        try:
            time.sleep(self._racers.chance.uniform(0, self.seconds))
            yield
        finally:
            with self._lock:
                self._keys -= keys

    def _do_later(self, do: Callable[[], object]) -> None:
        def quietly() -> None:
            with suppress(Unreachable):
                do()

        timer = threading.Timer(self._racers.chance.uniform(0, 0.05), quietly)
        self._late.append(timer)
        timer.start()


class _Records:
    """The table of records at the end of a line."""

    def __init__(self, kept: Store, line: Line) -> None:
        self.name = kept.name
        self._kept = kept
        self._line = line

    def insert(self, item: Item) -> Item | None:
        taken: list[Item | None] = []

        def write() -> bool:
            taken.append(self._kept.insert(item))
            return taken[-1] is None

        self._line.ask("insert", lambda: self._line.noting([item], write))
        return taken[-1]

    def insert_together(self, items: Sequence[Item], unless: tuple[str, str] | None = None) -> bool:
        raise NotImplementedError

    def copy(self, items: Sequence[Item]) -> Sequence[Item]:
        raise NotImplementedError

    def get(self, pk: str, sk: str) -> Item | None:
        return self._line.ask("get", lambda: self._kept.get(pk, sk))

    def query(self, pk: str, first: str, last: str, **how: Any) -> Page:
        return self._line.ask("query", lambda: self._kept.query(pk, first, last, **how))


@dataclass
class Dealing:
    """Nodes X and Y, each with principals X0, X1, ... so that a round may have some of its own.

    Time is the machine's, from noon on; `now` moves it, and a node's clock is wrong by its `skew`.
    """

    registries: dict[str, Registry]
    racers: Racers
    principals: int
    policy: Policy = Policy.EARLIEST
    now: datetime = NOON
    skew: dict[str, timedelta] = field(default_factory=dict)
    sent: deque[Sent] = field(default_factory=deque)
    due: deque[tuple[datetime, str, str]] = field(default_factory=deque)
    booked: deque[ExecutionReport] = field(default_factory=deque)
    pauses: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._begun = time.monotonic()
        self._lock = threading.Lock()
        self._talked: set[tuple[str, str]] = set()
        self.enterprise = two_nodes(self.principals)
        self.lines = {name: Line(registry, self.racers) for name, registry in self.registries.items()}
        self.nodes = {name: self._node(name) for name in self.lines}

    def at(self, principal: str) -> BankNode:
        """The node at which a principal deals."""
        return self.nodes[principal[0]]

    def clock(self, name: str) -> datetime:
        """What a node's clock shows."""
        return (
            self.now + timedelta(seconds=time.monotonic() - self._begun) + self.skew.get(name, timedelta(0))
        )

    def call(self, by: Trader, to: str, symbol: str = "EURUSD") -> tuple[Requested, bool]:
        """Have a trader call a principal; a trader who has called before repeats that request."""
        request = QuoteRequest(
            quote_req_id=f"{by.trader} calls {to}",
            destination=to,
            terminal=None,
            symbol=symbol,
            side=None,
            order_qty=Decimal(1_000_000),
            settl_type="0",
            transact_time=self.clock(by.principal[0]),
        )
        return request_quote(request, by, self.at(by.principal))

    def act(self, by: Trader, conversation: str, step: Step, **what: Any) -> Conversation:
        """Have a trader take a turn, answering the last that the trader's file shows."""
        answers = what.pop("answers", None)
        if answers is None:
            answers = self.file(by.principal, conversation).seen
        return act(Act(step=step, answers=answers, **what), conversation, by, self.at(by.principal))

    def file(self, principal: str, conversation: str) -> Conversation:
        """A principal's file of a conversation."""
        return read_file(self.at(principal), principal, conversation)

    def registration(self, principal: str, other: str) -> Registration:
        """A principal's registration of the subject with another."""
        return read_registration(self.at(principal), principal, other, "EURUSD")

    def panels(self, traders: Sequence[Trader]) -> list[Panels]:
        """The panels of traders of one node, in one request."""
        node = self.at(traders[0].principal)
        blank = [panels_of(node, trader) for trader in traders]
        found = node.registry.read(*((panels.partition_key, panels.sort_key) for panels in blank))
        pairs = zip(blank, found, strict=True)
        return [panels if item is None else Panels.from_item(item) for panels, item in pairs]

    def written(self, name: str) -> list[ConversationRecord]:
        """What has been written at a node, and not been reacted to."""
        records = (read_record(item) for item in tuple(self.lines[name].written))
        return [record for record in records if isinstance(record, ConversationRecord)]

    def react(self) -> None:
        """Let what follows from what has been written happen, but deliver nothing."""
        for name, line in self.lines.items():
            line.calm()
            while line.written:
                record = read_record(line.written.popleft())
                if isinstance(record, Requested | Turn | Asked | Inquired):
                    self._react(record, self.nodes[name])

    def deliver(self, seed: object) -> None:
        """Deliver what is under way, much of it at once, and what comes of it; by chance some of it twice."""
        chance = Random(f"deliver-{seed}")
        self.react()
        while self.sent:
            under_way = [self.sent.popleft() for _ in range(min(len(self.sent), _MESSAGES_AT_ONCE))]
            self.receive(seed, [*under_way, *(sent for sent in under_way if chance.random() < 0.25)])
            self.react()

    def receive(self, seed: object, messages: Sequence[Sent]) -> None:
        """Have messages arrive, all at once."""
        acts = [lambda s=sent: _RECEIVED[type(s.record)](s.record, self.at(s.to)) for sent in messages]
        assert self.at_once(seed, acts) == [None] * len(messages)

    def at_once(self, seed: object, acts: Sequence[Callable[[], T]]) -> list[T | Refused]:
        """What came of each act in the end: who is told nothing, on a busy machine, asks again."""
        came = self.racers.at_once(seed, acts)
        self.calm()
        return [_again(act) if isinstance(a, Unreachable) else a for a, act in zip(came, acts, strict=True)]

    def calm(self) -> None:
        """No more faults and gates at either node."""
        for line in self.lines.values():
            line.calm()

    def let_it_end(self) -> None:
        """Let the time of every turn that is due run out, and see to it as timers do."""
        self.skew.clear()
        self.deliver("end")
        while self.due:
            self.now += TURN
            due, self.due = self.due, deque()
            for _, name, file in due:
                principal, conversation = file.split("#")
                see_to(principal, conversation, self.nodes[name])
            self.deliver("end")

    def registrations(self) -> list[Registration]:
        """Every registration of two principals that have talked, at either node."""
        pairs = sorted(self._talked | {(other, principal) for principal, other in self._talked})
        return [self.registration(principal, other) for principal, other in pairs]

    def _react(self, record: ConversationRecord, node: BankNode) -> None:
        # What is denied is shown and nothing else, and there is much of it.
        if isinstance(record, Requested) and record.step is Step.DENIED:
            return
        self._talked.add((record.principal, record.other))
        follow(record, node, self.booked.append)

    def _node(self, name: str) -> BankNode:
        return BankNode(
            utility=self.enterprise.utility(f"bank{name.lower()}"),
            enterprise=self.enterprise,
            secret=bytes(32),
            registry=self.lines[name],
            rules=Rules(policy=self.policy, turn=TURN, value_date=lambda symbol, tenor, at: "20261120"),
            clock=lambda: self.clock(name),
            send=lambda record, to, message_id: self.sent.append(Sent(record, to, message_id)),
            schedule=lambda file, due: self.due.append((due, name, file)),
            pause=self._pause,
        )

    def _pause(self, attempt: int) -> None:
        with self._lock:
            self.pauses[attempt] += 1
        pause(attempt, self.racers.chance)


def _again(act: Callable[[], T]) -> T | Refused:
    try:
        return act()
    except Refused as refused:
        return refused


def two_nodes(principals: int) -> Enterprise:
    """A node X and a node Y in one city, at each of which so many principals deal."""
    sides = (("c1", "customer"), ("s1", "street"), ("firm", "firm"), ("tokyo", "network"))
    return parse_enterprise(
        {
            "name": "races",
            "version": 1,
            "utility": [
                *({"name": n, "side": s, "code": f"{n[0].upper()}00", "region": "here"} for n, s in sides),
                *(
                    {
                        "name": f"bank{name.lower()}",
                        "side": "street",
                        "code": f"B{name}1",
                        "region": "here",
                        "city": "tokyo",
                        "orders": False,
                    }
                    for name in "XY"
                ),
            ],
            "principal": [
                {"name": f"{name}{n}", "node": f"bank{name.lower()}", "terminals": [f"{name}{n}T"]}
                for name in "XY"
                for n in range(principals)
            ],
        }
    )


def trader(principal: str, name: object) -> Trader:
    """Someone who deals for a principal."""
    return Trader(principal=principal, trader=f"t{name}", terminal=f"{principal}T")
