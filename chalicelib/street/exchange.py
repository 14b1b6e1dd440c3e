"""A simulated exchange that replays real prices: a pure function of time.

History goes by at a settable speed. A bar (one trading day: open, high, low, close) is shown as four
ticks, each a price that was really paid, in the order in which a day usually visits them; after the
last bar the replay begins again.

Orders meet a book by price and time whose other side, and whose earlier orders, are the replay's: each
order stands in it alone. So what an order gets, and when, follows from the order and the clock, there is
no book to be lost, and an exchange can be asked again at any time, by any street utility, with the same
answer.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import ClassVar

from ..records.fix import BuySell, OrdRejReason, TimeInForce
from ..records.orders import Terms
from .venues import Declined, Fill, Granted, Objection, Resting, Spent, Triggered, Working

MARKET = "SIMX"
TICKS_PER_BAR = 4

# What one order may take of a tick: the bar's volume over this. Large orders fill in parts.
_VOLUME_SHARE = 400

# ... but in no more parts than this, however large: its log must stay short enough to be read.
_PARTS_MAX = 100

# An order that has waited longer than this at its price is the first there.
_LINE_TICKS_MAX = 400


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One symbol on one trading day: real prices, unadjusted, and the volume in shares."""

    date: str
    open_px: Decimal
    high_px: Decimal
    low_px: Decimal
    close_px: Decimal
    volume: int

    @property
    def prices(self) -> tuple[Decimal, ...]:
        """The bar's four ticks: a rising day is taken to have seen its low first."""
        if self.close_px >= self.open_px:
            return self.open_px, self.low_px, self.high_px, self.close_px
        return self.open_px, self.high_px, self.low_px, self.close_px


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A price, the bar it belongs to, when it is shown and for how much it is good."""

    index: int
    starts: datetime
    price: Decimal
    bar: Bar
    size: Decimal


@dataclass(frozen=True, kw_only=True)
class SimulatedExchange:
    """Bars per symbol, shown from `epoch` on, one tick after another.

    `lines_up` says whether the exchange can be reached.
    """

    bars: Mapping[str, Sequence[Bar]]
    epoch: datetime
    tick: timedelta
    lines_up: Callable[[datetime], bool] = lambda now: True

    market: ClassVar[str] = MARKET

    def lists(self, symbol: str) -> bool:
        """Whether the symbol is traded here."""
        return symbol in self.bars

    def answers(self, now: datetime) -> bool:
        """Whether the exchange can be reached."""
        return self.lines_up(now)

    def objection(self, terms: Terms) -> Objection | None:
        """What is not traded here, or not so."""
        if not self.lists(terms.symbol):
            return Objection(
                reason=OrdRejReason.UNKNOWN_SYMBOL, text=f"{terms.symbol} is not traded on {MARKET}"
            )
        if terms.order_percent is not None:
            return Objection(
                reason=OrdRejReason.UNSUPPORTED_ORDER_CHARACTERISTIC,
                text=f"{MARKET} takes orders by OrderQty or CashOrderQty",
            )
        return None

    def at(self, symbol: str, time: datetime) -> Tick:
        """What is shown for a symbol at a time."""
        return self._tick(symbol, (time - self.epoch) // self.tick)

    def ask(self, order: Working, now: datetime) -> Granted:
        """What an order gets now: at most one execution per tick, at the price shown.

        Price comes first: an order is executed where the price is no worse than its limit, and where it is
        better, before all that wait at the limit. Then time: at just its limit an order waits until what
        was there when it joined has been traded.
        """
        shown = self.at(order.terms.symbol, now)
        if order.terms.stop_px is not None and not order.triggered:
            if _reaches_stop(order.terms, shown.price):
                return Triggered()
            return Resting(until=self._next(order.terms, shown.index + 1, _reaches_stop))
        if order.last_fill is not None and order.last_fill >= shown.starts:
            return Resting(until=self._next(order.terms, shown.index + 1, _crosses))
        if _crosses(order.terms, shown.price):
            granted = self._grant(order, shown)
            if granted is not None:
                return granted
        return Resting(until=self._next(order.terms, shown.index + 1, _crosses))

    def day_ends(self, order: Working) -> datetime | None:
        """Trading goes on around the clock; a day order is good for the UTC day on which it became one."""
        return order.since.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)

    def release(self, order: Working, now: datetime) -> None:
        """Whatever rests on the exchange can be taken off it."""

    def _grant(self, order: Working, shown: Tick) -> Fill | Declined | Spent | None:
        order_qty, leaves = _quantity(order, shown.price)
        if leaves <= 0:
            text = f"the money left buys no whole share at {shown.price:f}"
            return Spent(text=text) if order.cum_qty else Declined(text=text)
        part = max(shown.size, -(-order_qty // _PARTS_MAX))
        available = part - self._ahead(order, shown)
        is_all = order.terms.time_in_force is TimeInForce.FILL_OR_KILL
        if available <= 0 or (is_all and available < leaves):
            return None
        return Fill(quantity=min(leaves, available), price=shown.price, order_qty=order_qty, market=MARKET)

    def _ahead(self, order: Working, shown: Tick) -> Decimal:
        """How many shares at the order's own price go before it now."""
        joined = self.at(order.terms.symbol, order.since)
        waits_in_line = joined.index < shown.index <= joined.index + _LINE_TICKS_MAX
        if order.terms.price != shown.price or not waits_in_line or order.last_fill is not None:
            return Decimal(0)
        traded = sum(
            (
                tick.size
                for tick in (self._tick(order.terms.symbol, n) for n in range(joined.index + 1, shown.index))
                if tick.price == shown.price
            ),
            Decimal(0),
        )
        return max(joined.size - traded, Decimal(0))

    def _next(self, terms: Terms, index: int, reaches: Callable[[Terms, Decimal], bool]) -> datetime | None:
        for tick in self._one_round(terms.symbol, index):
            if reaches(terms, tick.price):
                return tick.starts
        return None

    def _one_round(self, symbol: str, index: int) -> Iterator[Tick]:
        for ahead in range(len(self.bars[symbol]) * TICKS_PER_BAR):
            yield self._tick(symbol, index + ahead)

    def _tick(self, symbol: str, index: int) -> Tick:
        bars = self.bars[symbol]
        bar = bars[index // TICKS_PER_BAR % len(bars)]
        return Tick(
            index=index,
            starts=self.epoch + index * self.tick,
            price=bar.prices[index % TICKS_PER_BAR],
            bar=bar,
            size=Decimal(max(bar.volume // _VOLUME_SHARE, 1)),
        )


def _quantity(order: Working, price: Decimal) -> tuple[Decimal, Decimal]:
    """OrderQty, and how much of it can still be had: of an order by money as much as that pays for."""
    cash, order_qty = order.terms.cash_order_qty, order.terms.order_qty
    if cash is None:
        assert order_qty is not None
        assert order.leaves is not None
        return order_qty, order.leaves
    affordable = max((cash - order.paid) // price, Decimal(0))
    if order_qty is None or order.leaves is None:
        return order.cum_qty + affordable, affordable
    return order_qty, min(order.leaves, affordable)


def _crosses(terms: Terms, price: Decimal) -> bool:
    if terms.price is None:
        return True
    return price <= terms.price if terms.side is BuySell.BUY else price >= terms.price


def _reaches_stop(terms: Terms, price: Decimal) -> bool:
    """A stop to buy is reached from below, one to sell from above (StopPx, 99)."""
    assert terms.stop_px is not None
    return price >= terms.stop_px if terms.side is BuySell.BUY else price <= terms.stop_px
