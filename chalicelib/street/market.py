"""Prices, published to whoever holds market data."""

from collections.abc import Callable
from datetime import datetime, timedelta

from ..records.market import MarketData
from ..tables.reading import is_silent
from ..tables.store import Store
from .exchange import SimulatedExchange

# Prices are gone after this; DynamoDB's time to live may take days longer.
_KEPT = timedelta(hours=1)


def publish_prices(
    origin: str,
    *,
    exchange: SimulatedExchange,
    sequence: Callable[[str], tuple[str, ...]],
    market: Store,
    now: datetime,
) -> None:
    """Publish the prices that have changed, of the symbols whose publisher this utility is.

    A symbol has one publisher: the first of its sequence that gives signs of life. A price is keyed
    by when it was first shown, so publishing it again is no new record.
    """
    for symbol in exchange.bars:
        if _publisher(sequence(symbol), origin, market, now) != origin:
            continue
        tick = exchange.at(symbol, now)
        price = MarketData(
            origin=origin,
            transact_time=tick.starts,
            symbol=symbol,
            last_px=tick.price,
            first_px=tick.bar.open_px,
            high_px=tick.bar.high_px,
            low_px=tick.bar.low_px,
            market_date=tick.bar.date.replace("-", ""),
            expires=int((now + _KEPT).timestamp()),
        )
        market.insert(price.to_item())


def _publisher(sequence: tuple[str, ...], origin: str, market: Store, now: datetime) -> str:
    for name in sequence:
        if name == origin or not is_silent(name, market, now):
            return name
    return origin
