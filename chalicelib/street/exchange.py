"""A simulated exchange that replays real prices: a pure function of time.

History goes by at a settable speed. A bar (one trading day: open, high, low, close) is shown as four
ticks, each a price that was really paid, in the order in which a day usually visits them; after the
last bar the replay begins again. So what an order gets, and when, follows from the order and the
clock alone, and an exchange can be asked again at any time, by any street utility, with the same
answer.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from ..records.fix import BuySell, OrdType
from ..records.orders import Terms

MARKET = "SIMX"
TICKS_PER_BAR = 4

# What one order may take of a tick: the bar's volume over this. Large orders fill in parts.
_VOLUME_SHARE = 400

# ... but in no more parts than this, however large: its log must stay short enough to be read.
_PARTS_MAX = 100


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
class Fill:
    """An execution that the exchange grants now."""

    quantity: Decimal
    price: Decimal


@dataclass(frozen=True, kw_only=True)
class Resting:
    """Nothing yet; `until` is when to ask again, None if the replay never reaches the price."""

    until: datetime | None


@dataclass(frozen=True, kw_only=True)
class SimulatedExchange:
    """Bars per symbol, shown from `epoch` on, one tick after another."""

    bars: Mapping[str, Sequence[Bar]]
    epoch: datetime
    tick: timedelta

    def lists(self, symbol: str) -> bool:
        """Whether the symbol is traded here."""
        return symbol in self.bars

    def at(self, symbol: str, time: datetime) -> Tick:
        """What is shown for a symbol at a time."""
        return self._tick(symbol, (time - self.epoch) // self.tick)

    def ask(self, terms: Terms, leaves: Decimal, last_fill: datetime | None, now: datetime) -> Fill | Resting:
        """What an order gets now: at most one execution per tick.

        Market orders take the price shown; limit orders take it where it is no worse than theirs.
        """
        shown = self.at(terms.symbol, now)
        if last_fill is not None and last_fill >= shown.starts:
            return Resting(until=self._next_crossing(terms, shown.index + 1))
        if _crosses(terms, shown.price):
            part = max(shown.size, -(-terms.order_qty // _PARTS_MAX))
            return Fill(quantity=min(leaves, part), price=shown.price)
        return Resting(until=self._next_crossing(terms, shown.index + 1))

    def _next_crossing(self, terms: Terms, index: int) -> datetime | None:
        for tick in self._one_round(terms.symbol, index):
            if _crosses(terms, tick.price):
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


def _crosses(terms: Terms, price: Decimal) -> bool:
    if terms.ord_type is OrdType.MARKET or terms.price is None:
        return True
    return price <= terms.price if terms.side is BuySell.BUY else price >= terms.price
