"""The world: tables with streams, queues, clocks, utilities and banks' nodes, all in memory.

Time goes on only when it is told to, and everything random comes in as an argument; so one seed is
one history.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, cast

from chalicelib.bootstrap import Here, acting_for
from chalicelib.enterprise import Enterprise, Holding, Side, parse_enterprise
from chalicelib.entry import streams
from chalicelib.firm.booking import Books, open_account
from chalicelib.firm.listing import Listing, list_instrument
from chalicelib.network.replication import Queue
from chalicelib.records.instruments import EQUITY, InstrumentKind
from chalicelib.records.numbers import account_key
from chalicelib.records.record import Item
from chalicelib.rfq.decisions import Policy
from chalicelib.rfq.rates import Fixing, IndicativeRates
from chalicelib.settings import Settings
from chalicelib.street.exchange import Bar, SimulatedExchange
from chalicelib.street.funds import FUNDS, Fund
from chalicelib.tables.attributes import encode
from chalicelib.tables.memory import MemoryRegistry, MemoryStore
from chalicelib.tables.registry import Registry
from chalicelib.tables.store import Store
from infrastructure.event_sources import QueueSource, ScheduleSource, StreamSource, event_sources, matches

from .faults import Faults, Killed, RegistryWindow, Window

# Well within a day, just before the end of the foreign exchange day, and just before midnight.
STARTS = tuple(datetime(2026, 11, 18, *time, tzinfo=UTC) for time in ((15, 0), (21, 57), (23, 57)))

ACCOUNTS = ("A-1", "A-2")
SECRET = bytes(32)

SHARE, FUND, PAIR = "AAPL", "THREEX", "EURUSD"
BROUGHT = {
    "USD": Decimal("1000000.00"),
    "EUR": Decimal("1000000.00"),
    SHARE: Decimal(1000),
    FUND: Decimal(500),
}

_EPOCH = STARTS[0] - timedelta(hours=1)
_TICK = timedelta(seconds=15)
_SIGN_OF_LIFE = timedelta(seconds=10)
_SWEEP = timedelta(minutes=1)
_TURN = timedelta(minutes=2)
_BATCH_MAX = 10
_ATTEMPTS_MAX = 5
_ROUNDS_MAX = 400
_DELIVERIES_MAX = 10_000

# An order that rests is looked at again every day: so a midnight, and what it does, is gone on to.
_DAY = timedelta(days=1)
_REST_MIN = timedelta(hours=1)
_AFTER_MIDNIGHT = timedelta(minutes=3)

_BARS = {
    SHARE: [
        Bar(
            date=f"2012-06-{day:02}",
            open_px=Decimal(570 + day),
            high_px=Decimal(576 + day),
            low_px=Decimal(566 + day),
            close_px=Decimal(572 + day),
            volume=20_000,
        )
        for day in range(1, 9)
    ]
}

_UNITS = FUNDS[FUND].rules
_FUNDS = {FUND: Fund(shares={SHARE: Decimal("0.5")}, rules=_UNITS)}

_LISTINGS = (
    Listing(symbol=SHARE, name="Apple Inc.", kind=InstrumentKind.EQUITY, rules=EQUITY),
    Listing(symbol=FUND, name="Threeside Index", kind=InstrumentKind.FUND, rules=_UNITS),
    Listing(
        symbol=PAIR,
        name="Euro in dollars",
        kind=InstrumentKind.CURRENCIES,
        rules=replace(EQUITY, lot=Decimal("0.01"), tick=Decimal("0.00001"), settlement_days=2),
    ),
)

# An order in currencies that waits for a rate is looked at whenever the rates change.
_RATES_TICK = timedelta(hours=1)
_FIXINGS = (
    Fixing(date=date(2026, 11, 19), rates={"USD": Decimal("1.0842")}),
    Fixing(date=date(2026, 11, 20), rates={"USD": Decimal("1.0851")}),
)

Function = Callable[[Mapping[str, Any], object], Any]


class Table(MemoryStore):
    """A table whose every new item is on its stream, and that notices content that changes."""

    def __init__(self, name: str, overwritten: list[str]) -> None:
        self.stream: list[Item] = []
        self._overwritten = overwritten
        super().__init__(name, self.stream.append)

    def copy(self, items: Sequence[Item]) -> Sequence[Item]:
        for item in items:
            taken = self.insert(item)
            if taken is not None and dict(taken) != dict(item):
                self._overwritten.append(f"{item['sk']} of {self.name} came with other content")
        return ()


@dataclass
class Message:
    """A message in a queue."""

    name: str
    body: str
    due: datetime
    receives: int = 0


@dataclass
class MemoryQueue:
    """A queue in memory, and its dead letters."""

    name: str
    now: Callable[[], datetime]
    names: Iterator[int]
    messages: list[Message] = field(default_factory=list)
    dead: list[Message] = field(default_factory=list)

    def send(self, body: str, delay: timedelta = timedelta(0)) -> None:
        name = f"message-{next(self.names)}"
        self.messages.append(Message(name, body, self.now() + max(delay, timedelta(0))))

    def hold(self, receipt: str, wait: timedelta) -> None:
        for message in self.messages:
            if message.name == receipt:
                message.due = self.now() + wait

    def take_back_dead(self) -> int:
        taken, self.dead = self.dead, []
        for message in taken:
            self.send(message.body)
        return len(taken)


@dataclass
class Stream:
    """Where one function is in one table's stream."""

    source: StreamSource
    utility: str
    table: Table
    position: int = 0
    attempts: int = 0

    @property
    def left(self) -> int:
        return len(self.table.stream) - self.position


class World:
    """An enterprise at work, and the hands that move it."""

    def __init__(
        self,
        enterprise: Enterprise,
        skews: Mapping[str, timedelta],
        policy: Policy = Policy.EARLIEST,
        start: datetime = STARTS[0],
    ) -> None:
        self.enterprise = enterprise
        self.policy = policy
        self.now = start
        self.faults = Faults()
        self.overwritten: list[str] = []
        self.set_aside: list[str] = []
        self.up = {utility.name for utility in enterprise.utilities}
        self.tables = {
            name: Table(name, self.overwritten) for u in enterprise.utilities for name in enterprise.tables(u)
        }
        self.owners = {name: u.name for u in enterprise.utilities for name in enterprise.tables(u)}
        self.queues: dict[str, MemoryQueue] = {}
        self.queue_sources: list[tuple[str, QueueSource]] = []
        self.streams: list[Stream] = []
        self._names = count()
        self._skews = skews
        self._due: dict[tuple[str, str], datetime] = {}
        self._every: dict[tuple[str, str], timedelta] = {}
        self._here = {utility.name: self._make(utility.name) for utility in enterprise.utilities}
        self._open_accounts()
        self._connect()

    def here(self, utility: str) -> Here:
        """What a utility works with."""
        return self._here[utility]

    def node(self, principal: str) -> Here:
        """What the node of a principal works with."""
        found = self.enterprise.principal(principal)
        assert found is not None
        return self._here[found.node]

    def held(self, utility: str, holding: Holding) -> Table:
        """A utility's table of what it holds."""
        return self.tables[self.enterprise.table(utility, holding)]

    def call(self, utility: str, act: Callable[[], Any]) -> Any:
        """Have a utility do something; Killed if that kills it, and then it is down."""
        try:
            with acting_for(self._here[utility]):
                return act()
        except Killed:
            self.up.discard(utility)
            raise

    def restart(self, utility: str) -> None:
        """Start a killed utility: it has forgotten what was only in its memory."""
        self._here[utility].suspected.clear()
        self._here[utility].__dict__.pop("instruments", None)
        self.faults.dies_at.pop(utility, None)
        self.up.add(utility)

    def advance(self, by: timedelta) -> None:
        """Let time pass, and clocks call what is due."""
        self.now += by
        for (utility, function), due in sorted(self._due.items()):
            if due <= self.now and utility in self.up:
                self._due[utility, function] = self.now + self._every[utility, function]
                self._invoke(utility, function, {})

    def deliver_stream(self, stream: Stream, random: Random) -> None:
        """Hand over the next batch of a stream, perhaps in another order."""
        if stream.utility not in self.up or not stream.left:
            return
        size = random.randint(1, min(_BATCH_MAX, stream.left))
        batch = stream.table.stream[stream.position : stream.position + size]
        if random.random() < 0.3 and size > 1:
            random.shuffle(batch)
            self.faults.struck["delivered in another order"] += 1
        end = stream.position + size
        if self._hand_over(stream, batch):
            if random.random() < 0.04:
                self.faults.struck["batch delivered twice"] += 1
                return
            # What happened meanwhile may have been the same delivery.
            stream.position = max(stream.position, end)
            stream.attempts = 0
        elif stream.utility in self.up:
            stream.attempts += 1
            if stream.attempts > _ATTEMPTS_MAX * _BATCH_MAX:
                self.set_aside.append(f"{batch[0]['sk']} would be set aside by {stream.source.name}")
                stream.position = end

    def deliver_again(self, stream: Stream, random: Random) -> None:
        """Hand over a batch that was handed over long ago."""
        if stream.utility not in self.up or not stream.position:
            return
        start = random.randrange(stream.position)
        end = random.randint(start + 1, min(start + _BATCH_MAX, stream.position))
        self.faults.struck["replayed after later ones"] += 1
        self._hand_over(stream, stream.table.stream[start:end])

    def deliver_queue(self, utility: str, source: QueueSource, random: Random) -> None:
        """Hand over one due message of a queue, perhaps twice."""
        queue = self.queues[source.queue]
        due = [message for message in queue.messages if message.due <= self.now]
        if utility not in self.up or not due:
            return
        message = random.choice(due)
        message.receives += 1
        if not self._receive(utility, source, queue, message) or message not in queue.messages:
            return
        if random.random() < 0.1:
            self.faults.struck["message delivered twice"] += 1
            return
        queue.messages.remove(message)

    def due_queues(self) -> list[tuple[str, QueueSource]]:
        """The queues that have a message for a utility that is up."""
        return [
            (utility, source)
            for utility, source in self.queue_sources
            if utility in self.up and any(m.due <= self.now for m in self.queues[source.queue].messages)
        ]

    def settle(self, random: Random, look: Callable[[], None]) -> None:
        """Mend everything, and go on until all is quiet or it has had its time, looking all the while.

        All is quiet when only the next day has something for orders that rest.
        """
        self.faults.heal()
        for utility in sorted(self._here):
            self.restart(utility)
        midnight = (self.now + _REST_MIN).replace(hour=0, minute=0, second=0, microsecond=0) + _DAY
        for _ in range(_ROUNDS_MAX):
            self._deliver_all(random)
            look()
            coming = self._next_due()
            if coming is None or coming > midnight + _AFTER_MIDNIGHT:
                return
            self.advance(max(coming - self.now, timedelta(seconds=1)))

    def _deliver_all(self, random: Random) -> None:
        left = _DELIVERIES_MAX
        busy = True
        while busy and left > 0:
            busy = False
            for stream in self.streams:
                while stream.left and left > 0:
                    self.deliver_stream(stream, random)
                    busy, left = True, left - 1
            for utility, source in self.queue_sources:
                queue = self.queues[source.queue]
                while left > 0 and any(message.due <= self.now for message in queue.messages):
                    self.deliver_queue(utility, source, random)
                    busy, left = True, left - 1
        if busy:
            self.set_aside.append(f"{_DELIVERIES_MAX} deliveries have come to no end")

    def _next_due(self) -> datetime | None:
        """When something will be due, but for signs of life, and prices that are never reached."""
        waiting = [m.due for queue in self.queues.values() for m in queue.messages]
        dead = any(queue.dead for queue in self.queues.values())
        return self.now + _SWEEP if dead else min(waiting, default=None)

    def _hand_over(self, stream: Stream, batch: Sequence[Item]) -> bool:
        name = stream.table.name
        events = [_stream_record(name, item, place) for place, item in enumerate(batch)]
        wanted = [e for e in events if any(matches(p, e) for p in stream.source.patterns)]
        if not wanted:
            return True
        answer = self._invoke(stream.utility, stream.source.function, {"Records": wanted})
        return answer is not None and not answer["batchItemFailures"]

    def _receive(self, utility: str, source: QueueSource, queue: MemoryQueue, message: Message) -> bool:
        event = {
            "messageId": message.name,
            "receiptHandle": message.name,
            "body": message.body,
            "attributes": {"ApproximateReceiveCount": str(message.receives)},
            "eventSourceARN": f"arn:aws:sqs:local:000000000000:{source.queue}",
        }
        answer = self._invoke(utility, source.function, {"Records": [event]})
        if answer is not None and not answer["batchItemFailures"]:
            return True
        if message.receives >= source.receives_max and message in queue.messages:
            queue.messages.remove(message)
            queue.dead.append(message)
        elif message.due <= self.now:
            message.due = self.now + timedelta(seconds=30)
        return False

    def _invoke(self, utility: str, function: str, event: Mapping[str, Any]) -> Any:
        """Call an event function as the deployment would: its answer, None if it failed."""
        handler = cast("Function", getattr(streams, function))
        try:
            return self.call(utility, lambda: handler(event, None))
        except Killed:
            return None
        except Exception as error:
            self.failed = error
            return None

    def _make(self, utility: str) -> Here:
        skew = self._skews.get(utility, timedelta(0))
        here = Here(
            settings=Settings(
                utility=utility,
                enterprise_file=Path(),
                secret=SECRET,
                issuer="",
                jwks="",
                endpoint=None,
                replay=None,
                epoch=_EPOCH,
                tick=_TICK,
                sign_of_life=_SIGN_OF_LIFE,
                check_after=timedelta(seconds=5),
                patience=timedelta(seconds=60),
                policy=self.policy,
                turn=_TURN,
            ),
            enterprise=self.enterprise,
            open_table=lambda name, region: self._window(name, utility),
            open_queue=lambda name, region: self._queue(name),
            open_registry=lambda kept, records, region: self._registry(kept, records, utility),
            clock=lambda: self.now + skew,
        )
        # Cached properties: what they would read from files.
        here.__dict__["exchange"] = SimulatedExchange(
            bars=_BARS, epoch=_EPOCH, tick=_TICK, lines_up=lambda now: self.faults.hears_venue(utility)
        )
        here.__dict__["funds"] = replace(here.funds, funds=_FUNDS)
        here.__dict__["rates"] = IndicativeRates(
            bank=utility, fixings=_FIXINGS, epoch=_EPOCH, tick=_RATES_TICK
        )
        return here

    def _window(self, name: str, by: str) -> Store:
        return Window(self.tables[name], by, self.owners[name], self.faults)

    def _registry(self, kept: str, records: str, by: str) -> Registry:
        both = MemoryRegistry(self.tables[kept], self.tables[records])
        return RegistryWindow(both, by, self.owners[kept], self.faults)

    def _queue(self, name: str) -> Queue:
        if name not in self.queues:
            self.queues[name] = MemoryQueue(name, lambda: self.now, self._names)
        return self.queues[name]

    def _connect(self) -> None:
        for utility in self.enterprise.utilities:
            for source in event_sources(self.enterprise, utility, _SIGN_OF_LIFE):
                match source:
                    case StreamSource():
                        self.streams.append(Stream(source, utility.name, self.tables[source.table]))
                    case QueueSource():
                        self._queue(source.queue)
                        self.queue_sources.append((utility.name, source))
                    case ScheduleSource():
                        self._due[utility.name, source.function] = self.now
                        self._every[utility.name, source.function] = source.every

    def _open_accounts(self) -> None:
        firm = self.enterprise.on(Side.FIRM)[0].name
        books = Books(name=firm, records=self.tables[self.enterprise.table(firm, Holding.FIRM)])
        for listing in _LISTINGS:
            list_instrument(listing, books, now=self.now)
        for account in ACCOUNTS:
            open_account(account, account_key(account, SECRET), BROUGHT, books, now=self.now)


@cache
def small_enterprise() -> Enterprise:
    """Two customer and two street utilities, and a firm; three nodes of banks, each at a city of its own.

    One of the street utilities is a bank's node as well, and one node is a broker's, with two principals.
    """
    sides = {"c1": "customer", "c2": "customer", "s1": "street", "s2": "street", "firm": "firm"}
    sides |= {"bankx": "street", "broker": "street", "ldn": "network", "tyo": "network", "nyc": "network"}
    of_some: dict[str, dict[str, Any]] = {
        "s1": {"city": "ldn"},
        "bankx": {"city": "tyo", "orders": False},
        "broker": {"city": "nyc", "orders": False},
        "ldn": {"links": ["tyo", "nyc"]},
        "tyo": {"links": ["nyc"]},
    }
    principals = [
        {"name": "HOUSE", "node": "s1", "terminals": ["H1", "H2"]},
        {"name": "BANKX", "node": "bankx", "terminals": ["X1", "X2"]},
        {"name": "MERCURY", "node": "broker", "terminals": ["M1"]},
        {"name": "NEPTUNE", "node": "broker", "terminals": ["N1"]},
    ]
    return parse_enterprise(
        {
            "name": "sim",
            "version": 1,
            "utility": [
                {
                    "name": name,
                    "side": side,
                    "code": f"{name[0].upper()}{place:02}",
                    "region": "here",
                    **of_some.get(name, {}),
                }
                for place, (name, side) in enumerate(sides.items(), start=1)
            ],
            "principal": principals,
        }
    )


def _stream_record(table: str, item: Item, place: int) -> Mapping[str, Any]:
    return {
        "eventID": f"{table}-{item['sk']}",
        "eventName": "INSERT",
        "eventSourceARN": f"arn:aws:dynamodb:here:000000000000:table/{table}/stream/now",
        "dynamodb": {"NewImage": encode(item), "SequenceNumber": str(place), "Keys": {}},
    }


def fingerprint(world: World) -> str:
    """All that is in all tables, as text: the same history leaves the same."""
    return json.dumps({name: table.everything() for name, table in sorted(world.tables.items())})
