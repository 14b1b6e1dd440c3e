"""A simulated fund company: mutual funds of the shares whose prices are replayed; a pure function of time.

A fund's day is one bar of the replay. Its net asset value (NAV) is what the shares in one unit close at,
known when the bar ends. An order gets one that nobody knows yet when it is received: that of the bar whose
cut-off, the beginning of its last tick, is still to come.

              bar 1                       bar 2
    tick │ tick │ tick │ tick     tick │ tick │ tick │ tick
                       │     │                       │     │
    ... NAV of 1 ──────┤◄──────────── NAV of 2 ──────┤◄─── NAV of 3 ...
                    cut-off  │                    cut-off  │
                        NAV of 1 is known              NAV of 2 is known
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import ClassVar

from ..records.fix import BuySell, OrdRejReason, OrdType, TimeInForce
from ..records.instruments import CURRENCIES, InstrumentClass
from ..records.orders import Terms
from ..records.settlement import settlement_date
from .exchange import TICKS_PER_BAR, Bar
from .venues import Bound, Declined, Fill, Granted, Objection, Resting, Working

MARKET = "FUND"

_HUNDRED = Decimal(100)


@dataclass(frozen=True, kw_only=True)
class Fund:
    """A fund: how much of which shares one unit is, and the rules by which units are dealt in."""

    shares: Mapping[str, Decimal]
    rules: InstrumentClass


# Settled on the day after the NAV, as what they hold is.
_UNITS = InstrumentClass(
    lot=Decimal("0.001"),
    tick=Decimal("0.0001"),
    order_qty_max=Decimal(1_000_000_000),
    price_max=Decimal(10_000_000),
    currency="USD",
    calendar="XNYS",
    settlement_days=1,
)

FUNDS: Mapping[str, Fund] = {
    "THREEX": Fund(
        shares={
            "AAPL": Decimal("0.05"),
            "FB": Decimal("0.2"),
            "GOOG": Decimal("0.05"),
            "IBM": Decimal("0.1"),
            "MSFT": Decimal("0.4"),
        },
        rules=_UNITS,
    ),
    "THREEI": Fund(shares={"FB": Decimal("0.4"), "GOOG": Decimal("0.02")}, rules=_UNITS),
}


@dataclass(frozen=True, kw_only=True)
class FundCompany:
    """Funds of the shares in `bars`, which are shown as the exchange shows them: from `epoch` on, by `tick`.

    `holdings` tells how many units of an order's fund its account has. That alone is not a function of
    time: an order of a percentage gets it of what there is when it is filled.
    """

    funds: Mapping[str, Fund]
    bars: Mapping[str, Sequence[Bar]]
    epoch: datetime
    tick: timedelta
    holdings: Callable[[Working], Decimal]

    market: ClassVar[str] = MARKET

    def lists(self, symbol: str) -> bool:
        """Whether it is a fund whose shares all have prices."""
        fund = self.funds.get(symbol)
        return fund is not None and fund.shares.keys() <= self.bars.keys()

    def answers(self, now: datetime) -> bool:
        """Whether the venue can be reached: always."""
        return True

    def objection(self, terms: Terms) -> Objection | None:
        """Why an order with these terms is not taken: there is one price, and nobody knows it yet."""
        if not self.lists(terms.symbol):
            return Objection(
                reason=OrdRejReason.UNKNOWN_SYMBOL, text=f"{terms.symbol} is no fund of {MARKET}"
            )
        if terms.ord_type is not OrdType.MARKET:
            return _unsupported("a fund is dealt in at its net asset value: expected a market order")
        if terms.time_in_force in (TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL):
            return _unsupported("a fund's net asset value is not known at once")
        if terms.side is BuySell.BUY and terms.order_percent is not None:
            return _unsupported("a fund is subscribed by OrderQty or CashOrderQty")
        if terms.side is BuySell.SELL and terms.cash_order_qty is not None:
            return _unsupported("a fund is redeemed by OrderQty or OrderPercent")
        return None

    def ask(self, order: Working, now: datetime) -> Granted:
        """All of the order at the NAV of its bar, once that is known."""
        bar = self._bar_of(order)
        known = self._starts(bar + 1)
        if now < known:
            return Resting(until=known)
        return self._fill(order, self._net_asset_value(order.terms.symbol, bar), known)

    def day_ends(self, order: Working) -> None:
        """A day order past the cut-off is the next day's: none comes to nothing."""

    def release(self, order: Working, now: datetime) -> Bound | Resting | None:
        """Up to the cut-off an order is let go of; then it is bound to be filled."""
        if order.leaves == 0 or now < self._cut_off(self._bar_of(order)):
            return None
        return Bound(text="past the fund's cut-off")

    def _fill(self, order: Working, nav: Decimal, known: datetime) -> Fill | Declined:
        rules = self.funds[order.terms.symbol].rules
        units = self._units(order, nav, rules.lot)
        if units <= 0:
            return Declined(text=f"it comes to less than {rules.lot:f} of {order.terms.symbol} at {nav:f}")
        is_known = order.leaves is not None
        cash = None if is_known else order.terms.cash_order_qty
        return Fill(
            quantity=units,
            price=nav,
            market=MARKET,
            order_qty=None if is_known else units,
            net_money=_rounded(units * nav, rules.currency) if cash is None else cash,
            settl_currency=rules.currency,
            settl_date=f"{settlement_date(known.date(), rules):%Y%m%d}",
        )

    def _units(self, order: Working, nav: Decimal, lot: Decimal) -> Decimal:
        """How many units an order comes to: of money and of a percentage the whole lots."""
        if order.leaves is not None:
            return order.leaves
        if order.terms.cash_order_qty is not None:
            return order.terms.cash_order_qty // (nav * lot) * lot
        assert order.terms.order_percent is not None, "neither units nor money: a percentage"
        part = self.holdings(order) * order.terms.order_percent / _HUNDRED
        return part.quantize(lot, ROUND_FLOOR)

    # Bars

    def _bar_of(self, order: Working) -> int:
        """The bar whose NAV an order gets: the one that is shown, from its cut-off on the next."""
        entered = max(order.received, order.since)
        return (entered + self.tick - self.epoch) // (TICKS_PER_BAR * self.tick)

    def _starts(self, bar: int) -> datetime:
        return self.epoch + bar * TICKS_PER_BAR * self.tick

    def _cut_off(self, bar: int) -> datetime:
        return self._starts(bar + 1) - self.tick

    def _net_asset_value(self, symbol: str, bar: int) -> Decimal:
        """What a unit's shares close at in a bar, to the fund's tick."""
        fund = self.funds[symbol]
        closes = {share: self.bars[share][bar % len(self.bars[share])].close_px for share in fund.shares}
        value = sum((count * closes[share] for share, count in fund.shares.items()), Decimal(0))
        return value.quantize(fund.rules.tick, ROUND_HALF_EVEN)


def _rounded(amount: Decimal, currency: str) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-CURRENCIES[currency]), ROUND_HALF_EVEN)


def _unsupported(text: str) -> Objection:
    return Objection(reason=OrdRejReason.UNSUPPORTED_ORDER_CHARACTERISTIC, text=text)
