"""Which adapters this utility uses: the one place that names them.

A process acts for one utility, told by its environment; tests and simulations act for others with
`acting_for`. Nothing is opened before it is asked for, and nothing of a side is imported before: a
function starts with what its own side needs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache, cached_property
from pathlib import Path
from random import Random, SystemRandom
from time import sleep
from typing import TYPE_CHECKING

from .enterprise import Enterprise, Holding, Side, Utility, load_enterprise, queue_purposes
from .network.queues import SqsQueue
from .network.replication import Copied, Peers, Queue, deliver
from .records.conversations import ConversationRecord
from .records.instruments import Instrument, find_subject
from .records.ledger import AssetKind
from .records.numbers import Number, OrderID, parse_number
from .records.record import Item
from .records.times import Clock, format_time, system_clock
from .settings import Settings, read_settings
from .state.holdings import fold_holdings
from .tables.dynamodb import DynamoDBRegistry, DynamoDBStore
from .tables.instruments import Instruments
from .tables.reading import read_ledger
from .tables.registry import Registry
from .tables.store import Store, Unreachable

if TYPE_CHECKING:
    from .customer.entry import Desk
    from .customer.inquiry import Held, Read
    from .customer.routing import Street
    from .desk import DealingDesk
    from .firm.booking import Books
    from .network.routing import CityNode
    from .rfq.node import BankNode
    from .rfq.rates import IndicativeRates
    from .street.exchange import Bar, SimulatedExchange
    from .street.execution import Floor
    from .street.funds import FundCompany
    from .street.venues import Venue, Working

_PAUSE_SECONDS_MAX = 0.5
_CHANCE = SystemRandom()


@dataclass(frozen=True, kw_only=True)
class Here:
    """A utility at work: who it is, what it opens tables and queues with, and its clock."""

    settings: Settings
    enterprise: Enterprise
    open_table: Callable[[str, str], Store]
    open_queue: Callable[[str, str], Queue]
    open_registry: Callable[[str, str, str], Registry]
    clock: Clock = system_clock
    pause: Callable[[int], None] = lambda attempt: None
    threads: ThreadPoolExecutor | None = None
    suspected: dict[str, datetime] = field(default_factory=dict)

    @cached_property
    def utility(self) -> Utility:
        return self.enterprise.utility(self.settings.utility)

    def table(self, holding: Holding, of: str | None = None) -> Store:
        """This utility's table of what it holds, or another's."""
        owner = self.enterprise.utility(of) if of else self.utility
        return self.open_table(self.enterprise.table(owner.name, holding), owner.region)

    def own(self) -> Store:
        """The table that only this utility writes."""
        return self.table(self.utility.own)

    def queue(self, purpose: str) -> Queue:
        """One of this utility's own queues: `checks`, `aside`, or `parked-PEER`."""
        return self.open_queue(f"{self.enterprise.name}-{self.utility.name}-{purpose}", self.utility.region)

    def queue_purposes(self) -> tuple[str, ...]:
        """What this utility has queues for that are worked off (`aside` is for people to read)."""
        return queue_purposes(self.enterprise, self.utility)

    def peer_table(self, name: str) -> Store:
        """A table by its full name, wherever it is."""
        owner = self.enterprise.owner(name)
        return self.open_table(name, owner.region)

    def peers(self, holding: Holding) -> Peers:
        """Who holds copies of what this utility writes there."""
        names = self.enterprise.holders(self.utility, holding)
        return Peers(
            tables={name: self.table(holding, of=name) for name in names},
            queues=lambda name: self.queue(f"parked-{name}"),
            at_once=self._at_once,
            suspected=self.suspected,
        )

    def schedule(self, order_id: OrderID, due: datetime) -> None:
        """Have an order checked at a time: a message to this utility's own delay queue."""
        body = json.dumps({"order_id": order_id, "due": format_time(due)})
        self.queue("checks").send(body, due - self.clock())

    @cached_property
    def instruments(self) -> Instruments:
        """What the firm has listed, as far as it has arrived here."""
        return Instruments(self.table(Holding.FIRM))

    # What a customer utility works with

    def desk(self) -> Desk:
        from .customer.entry import Desk

        return Desk(
            utility=self.utility,
            secret=self.settings.secret,
            instrument=self._listed,
        )

    def held(self) -> Held:
        from .customer.inquiry import Held

        return Held(
            customer=self.table(Holding.CUSTOMER),
            street=self.table(Holding.STREET),
            both=self._both,
        )

    def street(self) -> Street:
        from .customer.routing import Street

        return Street(
            sequence=self._sequence,
            inbox=lambda name: self.table(Holding.INBOX, of=name),
            deliver=self._deliver,
            schedule=self.schedule,
            market=self.table(Holding.MARKET),
            check_after=self.settings.check_after,
            patience=self.settings.patience,
        )

    # What a street utility works with

    def floor(self) -> Floor:
        from .street.execution import Floor

        return Floor(
            name=self.utility.name,
            records=self.own(),
            inbox=self.table(Holding.INBOX),
            venues=self._venues,
            schedule=self.schedule,
            instrument=self._listed,
            is_last=lambda claim: self._sequence(claim.number, claim.symbol)[-1] == self.utility.name,
        )

    @cached_property
    def _venues(self) -> tuple[Venue, ...]:
        dealing = self.dealing_desk()
        return (self.exchange, self.funds, *([dealing] if dealing is not None else []))

    @cached_property
    def exchange(self) -> SimulatedExchange:
        from .street.exchange import SimulatedExchange

        bars = read_bars(self.settings.replay) if self.settings.replay else {}
        return SimulatedExchange(bars=bars, epoch=self.settings.epoch, tick=self.settings.tick)

    @cached_property
    def funds(self) -> FundCompany:
        from .street.funds import FUNDS, FundCompany

        return FundCompany(
            funds=FUNDS,
            bars=self.exchange.bars,
            epoch=self.exchange.epoch,
            tick=self.exchange.tick,
            holdings=self._units_held,
        )

    # What a bank's node works with

    @cached_property
    def rates(self) -> IndicativeRates:
        from .rfq.rates import IndicativeRates, load_fixings

        return IndicativeRates(
            bank=self.utility.name,
            fixings=load_fixings(),
            epoch=self.settings.epoch,
            tick=self.settings.tick,
            spread=self.settings.spread,
        )

    def node(self) -> BankNode:
        from .rfq.decisions import Policy, Rules
        from .rfq.node import BankNode

        kept, records = (
            self.enterprise.table(self.utility.name, holding)
            for holding in (Holding.REGISTRATIONS, Holding.CONVERSATIONS)
        )
        return BankNode(
            utility=self.utility,
            enterprise=self.enterprise,
            secret=self.settings.secret,
            registry=self.open_registry(kept, records, self.utility.region),
            rules=Rules(policy=Policy(self.settings.policy), turn=self.settings.turn, value_date=_value_date),
            clock=self.clock,
            send=self._send,
            schedule=self._schedule_file,
            pause=self.pause,
        )

    def dealing_desk(self) -> DealingDesk | None:
        """Where customers' orders in currencies are dealt; None at a utility that has no bank's desk."""
        from .desk import DealingDesk
        from .rfq.desk import Desk as HouseDesk

        houses = self.enterprise.principals_at(self.utility.name)
        if not houses or not self.utility.orders:
            return None
        return DealingDesk(
            desk=HouseDesk(
                house=houses[0],
                node=self.node(),
                rates=lambda: self.rates,
                limit=self.settings.desk_limit,
            )
        )

    # What the firm works with

    def books(self) -> Books:
        from .firm.booking import Books

        return Books(name=self.utility.name, records=self.own())

    # What a city node works with

    def city(self) -> CityNode:
        from .network.routing import CityNode

        return CityNode(
            name=self.utility.name,
            cities={node.name: node.city for node in self.enterprise.utilities if node.city is not None},
            links={city.name: city.links for city in self.enterprise.on(Side.NETWORK)},
            life=self.own(),
            inbox=lambda name: self.table(Holding.INBOX, of=name),
            queue=lambda name: self.queue(f"parked-{name}"),
            suspected=self.suspected,
        )

    def _listed(self, symbol: str) -> Instrument | None:
        """What is listed under a symbol; while that cannot be read, orders are taken as if nothing were."""
        try:
            return self.instruments.find(symbol, self.clock())
        except Unreachable:
            return None

    def _units_held(self, order: Working) -> Decimal:
        """What an order's account has of its fund, as far as bookings have arrived here."""
        account = parse_number(order.order_id).account_key
        held = fold_holdings(read_ledger(account, AssetKind.POSITION, self.table(Holding.FIRM)))
        return next((p.quantity for p in held.postings if p.asset == order.terms.symbol), Decimal(0))

    def _sequence(self, number: Number, symbol: str | None = None) -> tuple[str, ...]:
        """The street utilities that take part in an order; in currencies, those with a dealing desk."""
        names = self.enterprise.sequence(number.day, number.account_key, number.tag)
        if symbol is None or find_subject(symbol) is None:
            return names
        return tuple(name for name in names if self.enterprise.utility(name).deals) or names

    def _deliver(self, name: str, item: Item) -> None:
        deliver(item, self.table(Holding.INBOX, of=name), self.queue(f"parked-{name}"))

    def _send(self, record: ConversationRecord, to: str, message_id: str) -> None:
        from .network.routing import dispatch

        recipient = self.enterprise.principal(to)
        city = self.utility.city
        assert recipient is not None, "whom a conversation is with is in the enterprise file"
        assert city is not None, "a bank's node is at a city"
        dispatch(
            record,
            to=recipient.node,
            sender=self.utility.name,
            message_id=message_id,
            now=self.clock(),
            city_inbox=self.table(Holding.INBOX, of=city),
            queue=self.queue(f"parked-{city}"),
        )

    def _schedule_file(self, file: str, due: datetime) -> None:
        body = json.dumps({"file": file, "due": format_time(due)})
        self.queue("checks").send(body, due - self.clock())

    def _at_once(self, act: Callable[[str], Copied], names: Iterable[str]) -> Iterable[Copied]:
        return map(act, names) if self.threads is None else self.threads.map(act, names)

    def _both(self, first: Read, second: Read) -> tuple[Sequence[Item], Sequence[Item]]:
        if self.threads is None:
            return first(), second()
        ahead = self.threads.submit(first)
        behind = second()
        return ahead.result(), behind


def _value_date(symbol: str, settl_type: str, time: datetime) -> str:
    from .rfq.value_dates import value_date

    return f"{value_date(symbol, settl_type, time):%Y%m%d}"


def pause(attempt: int, chance: Random = _CHANCE) -> None:
    """Wait for a moment that nobody else waits for, longer with every attempt."""
    if attempt:
        sleep(chance.uniform(0, min(_PAUSE_SECONDS_MAX, 0.01 * 2**attempt)))


def read_bars(path: Path) -> dict[str, tuple[Bar, ...]]:
    """Prices for the exchange: {symbol: [[date, open, high, low, close, volume], ...]}, as strings."""
    from .street.exchange import Bar

    return {
        symbol: tuple(
            Bar(
                date=date,
                open_px=Decimal(open_px),
                high_px=Decimal(high_px),
                low_px=Decimal(low_px),
                close_px=Decimal(close_px),
                volume=int(volume),
            )
            for date, open_px, high_px, low_px, close_px, volume in bars
        )
        for symbol, bars in json.loads(path.read_text()).items()
    }


_acting: ContextVar[Here | None] = ContextVar("_acting", default=None)
_process: Here | None = None


def here() -> Here:
    """The utility that this call acts for."""
    return _acting.get() or _process or from_environment()


def act_as(utility: Here) -> None:
    """Act for this utility in the whole process, whatever the environment says."""
    global _process
    _process = utility


@contextmanager
def acting_for(utility: Here) -> Iterator[None]:
    """Act for another utility than the environment's."""
    token = _acting.set(utility)
    try:
        yield
    finally:
        _acting.reset(token)


@cache
def from_environment() -> Here:
    """The utility that this process acts for, with its tables in DynamoDB and its queues in SQS."""
    settings = read_settings(os.environ)
    enterprise = load_enterprise(settings.enterprise_file)
    own_account = enterprise.utility(settings.utility).account

    @cache
    def open_table(name: str, region: str) -> Store:
        account = enterprise.owner(name).account
        return DynamoDBStore(name, region, settings.endpoint, None if account == own_account else account)

    def open_registry(kept: str, records: str, region: str) -> Registry:
        return DynamoDBRegistry(
            DynamoDBStore(kept, region, settings.endpoint), DynamoDBStore(records, region, settings.endpoint)
        )

    @cache
    def open_queue(name: str, region: str) -> Queue:
        return SqsQueue(name, region, settings.endpoint)

    return Here(
        settings=settings,
        enterprise=enterprise,
        open_table=open_table,
        open_queue=open_queue,
        open_registry=cache(open_registry),
        pause=pause,
        threads=ThreadPoolExecutor(max_workers=16),
    )
