"""2: what each use case asks of tables, queues and functions, counted one by one.

The default enterprise in memory, in one thread; each stream hands over all it has, each queue what is due.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from chalicelib.customer import entry, inquiry
from chalicelib.customer.entry import NewCancel, NewOrder
from chalicelib.enterprise import Holding, Side
from chalicelib.entry.logs import JsonLines
from chalicelib.entry.watching import use_case
from chalicelib.records.fix import BuySell, OrdType
from chalicelib.records.orders import Placed, Terms
from chalicelib.records.record import Item, item_bytes
from chalicelib.tables.store import Store
from infrastructure.event_sources import QueueSource
from infrastructure.faults import Interposed
from simulation.workload import BROKER
from simulation.world import ACCOUNTS, SECRET, STARTS, MemoryQueue, Stream, World

from .samples import CORRELATION_ID, default_enterprise

# What a batch write takes, so how many requests a copy of many is.
_BATCH_MAX = 25
_FIRM = "firm"


@dataclass
class Tally:
    """What was used.

    `writes` are items, copies included, and `stored_bytes` theirs with their names; `reads` are requests
    that read, `calls` all requests to tables and queues; `log_lines` are those of a request and of functions.
    """

    writes: int = 0
    reads: int = 0
    calls: int = 0
    invocations: int = 0
    stored_bytes: int = 0
    log_lines: int = 0
    by_table: dict[str, int] = field(default_factory=dict)

    def wrote(self, table: str, items: Sequence[Mapping[str, str]], requests: int = 1) -> None:
        self.calls += requests
        self.writes += len(items)
        self.stored_bytes += sum(map(item_bytes, items))
        holding = table.rsplit("-", 1)[1]
        self.by_table[holding] = self.by_table.get(holding, 0) + len(items)

    def read(self) -> None:
        self.calls += 1
        self.reads += 1


class CountedStore(Interposed):
    """A table as one utility sees it, its requests counted."""

    def __init__(self, kept: Store, tally: Callable[[], Tally]) -> None:
        super().__init__(kept)
        self._tally = tally

    def before_read(self) -> None:
        self._tally().read()

    def insert(self, item: Item) -> Item | None:
        taken = super().insert(item)
        # A condition that fails is billed as a write, and keeps nothing.
        self._tally().wrote(self.name, [item] if taken is None else [{}])
        return taken

    def insert_together(self, items: Sequence[Item], unless: tuple[str, str] | None = None) -> bool:
        done = super().insert_together(items, unless)
        self._tally().wrote(self.name, items if done else [{}] * len(items))
        return done

    def copy(self, items: Sequence[Item]) -> Sequence[Item]:
        self._tally().wrote(self.name, items, requests=-(-len(items) // _BATCH_MAX))
        return super().copy(items)


class CountedQueue(MemoryQueue):
    """A queue whose requests are counted, but for those of the source that reads it."""

    def __init__(
        self, name: str, now: Callable[[], datetime], names: Iterator[int], tally: Callable[[], Tally]
    ) -> None:
        super().__init__(name, now, names)
        self._tally = tally

    def send(self, body: str, delay: timedelta = timedelta(0)) -> None:
        self._tally().calls += 1
        super().send(body, delay)

    def hold(self, receipt: str, wait: timedelta) -> None:
        self._tally().calls += 1
        super().hold(receipt, wait)


class CountedWorld(World):
    """The default enterprise; what the firm does is told apart from what the others do."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.booking = Tally()
        self._acting = ""
        super().__init__(default_enterprise(), {})
        # Signs of life and prices, once: nobody is silent for the next thirty seconds.
        self.advance(timedelta(0))
        self.drain()
        # What is listed is read once a minute, by whoever takes or executes orders: no part of them either.
        for utility in (*self.enterprise.on(Side.CUSTOMER), *self.enterprise.on(Side.STREET)):
            if Holding.FIRM in utility.holdings:
                self.here(utility.name).instruments.find("AAPL", self.now)

    @contextmanager
    def counting(self) -> Iterator[tuple[Tally, Tally]]:
        """What is used meanwhile: by all but the firm, and by the firm."""
        self.tally, self.booking = Tally(), Tally()
        package = logging.getLogger("chalicelib")
        level, lines = package.level, JsonLines(self._log)
        package.addHandler(lines)
        package.setLevel(logging.INFO)
        try:
            yield self.tally, self.booking
        finally:
            package.setLevel(level)
            package.removeHandler(lines)
            lines.close()

    def ask(self, utility: str, route: str, act: Callable[[], Any]) -> Any:
        """A request: one invocation, and its line."""
        self._acting = utility
        self._current().invocations += 1
        with use_case(route, self.here(utility)):
            return self.call(utility, act)

    def _log(self, line: str) -> None:
        self._current().log_lines += 1

    def drain(self) -> None:
        """Hand over what streams and queues have, until nothing is new or due."""
        busy = True
        while busy:
            turns = [self._drain_stream(stream) for stream in self.streams]
            turns += [self._drain_queue(utility, source) for utility, source in self.queue_sources]
            busy = any(turns)

    def wait(self, seconds: int) -> None:
        """Let time pass, with no clock striking: signs of life are no part of a use case."""
        self.now += timedelta(seconds=seconds)
        self.drain()

    def _drain_stream(self, stream: Stream) -> bool:
        batch = stream.table.stream[stream.position :]
        if batch:
            assert self._hand_over(stream, batch), self.failed
            stream.position += len(batch)
        return bool(batch)

    def _drain_queue(self, utility: str, source: QueueSource) -> bool:
        queue = self.queues[source.queue]
        is_due = any(message.due <= self.now for message in queue.messages)
        self.deliver_queue(utility, source, _NoChance())
        return is_due

    def _invoke(self, utility: str, function: str, event: Mapping[str, Any]) -> Any:
        self._acting = utility
        self._current().invocations += 1
        return super()._invoke(utility, function, event)

    def _window(self, name: str, by: str) -> Store:
        return CountedStore(super()._window(name, by), self._current)

    def _queue(self, name: str) -> MemoryQueue:
        if name not in self.queues:
            self.queues[name] = CountedQueue(name, lambda: self.now, self._names, self._current)
        return self.queues[name]

    def _current(self) -> Tally:
        return self.booking if self._acting == _FIRM else self.tally


class _NoChance(Random):
    """Nothing is left to chance: nothing is delivered twice, and the first comes first."""

    def random(self) -> float:
        return 0.999

    def choice(self, seq: Any) -> Any:
        return seq[0]


def measure() -> dict[str, Tally]:
    """Each use case, in an enterprise of its own."""
    filled, booked = _fill_and_booking()
    return {
        "order, placed to acknowledged": _order(),
        "fill": filled,
        "cancel, asked for to done": _cancel(),
        "inquiry": _inquiry(),
        "booking": booked,
    }


def _order() -> Tally:
    world = CountedWorld()
    with world.counting() as (tally, _):
        _enter(world, _NEVER)
        world.drain()
        # The timer that looks after the order finds it acknowledged.
        world.wait(5)
    return tally


def _fill_and_booking() -> tuple[Tally, Tally]:
    world = CountedWorld()
    _enter(world, _SOON)
    world.drain()
    world.wait(5)
    with world.counting() as (tally, booking):
        world.wait(10)
    return tally, booking


def _cancel() -> Tally:
    world = CountedWorld()
    order = _enter(world, _NEVER)
    world.drain()
    world.wait(5)
    asked = NewCancel(cl_ord_id="cancel-1", transact_time=world.now, correlation_id=CORRELATION_ID)
    here = world.here("c1")
    with world.counting() as (tally, _):
        world.ask(
            "c1",
            "POST /orders/{number}/cancel",
            lambda: entry.request_cancel(
                asked, order.order_id, BROKER, here.desk(), records=here.own(), clock=here.clock
            ),
        )
        world.drain()
    return tally


def _inquiry() -> Tally:
    world = CountedWorld()
    order = _enter(world, _NEVER)
    world.drain()
    here = world.here("c1")
    with world.counting() as (tally, _):
        state = world.ask(
            "c1",
            "GET /orders/{number}",
            lambda: inquiry.inquire_order(
                order.order_id, BROKER, SECRET, code="C01", held=here.held(), now=world.now
            ),
        )
    assert not state.is_estimate
    return tally


# Limits: the exchange shows 575.00 when an order comes, and 571.00 fifteen seconds later.
_NEVER, _SOON = Decimal("1.00"), Decimal("572.00")


def _enter(world: CountedWorld, limit: Decimal) -> Placed:
    terms = Terms(
        account=ACCOUNTS[0],
        cl_ord_id="order-1",
        symbol="AAPL",
        side=BuySell.BUY,
        ord_type=OrdType.LIMIT,
        order_qty=Decimal(40),
        price=limit,
    )
    here = world.here("c1")
    order = NewOrder(terms=terms, transact_time=STARTS[0], correlation_id=CORRELATION_ID)
    placed: Placed = world.ask(
        "c1",
        "POST /orders",
        lambda: entry.enter_order(order, BROKER, here.desk(), records=here.own(), clock=here.clock),
    )[0]
    return placed
