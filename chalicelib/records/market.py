"""Prices and signs of life: the one kind of record that is not kept for ever."""

from datetime import datetime
from decimal import Decimal

from .record import Record
from .times import format_time


class MarketData(Record):
    """A symbol's last price and the bar it belongs to (MarketDataSnapshotFullRefresh, 35=W).

    `market_date` is the day the price was really paid on: the exchange replays history.
    """

    symbol: str
    last_px: Decimal
    first_px: Decimal
    high_px: Decimal
    low_px: Decimal
    market_date: str
    expires: int

    @property
    def partition_key(self) -> str:
        return prices_of(self.symbol)

    @property
    def sort_key(self) -> str:
        # With its publisher: two may publish one price until each has heard of the other.
        return f"{format_time(self.transact_time)}#{self.origin}"


class SignOfLife(Record):
    """A street utility works, and promises another sign before `until`."""

    until: datetime
    expires: int

    @property
    def partition_key(self) -> str:
        return life_of(self.origin)

    @property
    def sort_key(self) -> str:
        return format_time(self.transact_time)


def prices_of(symbol: str) -> str:
    """The partition of a symbol's prices."""
    return f"price#{symbol}"


def life_of(utility: str) -> str:
    """The partition of a utility's signs of life."""
    return f"life#{utility}"
