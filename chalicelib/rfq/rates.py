"""Indicative rates: what a bank shows that it might deal at, without being bound to it.

The European Central Bank's reference rates of real days go by at a settable speed, one after another
and again from the first after the last. From one to the next a rate walks, each bank's a little
differently, and a pair without the euro is computed by way of it. All of it is a function of the time
and the bank's name, so that any function, asked again, shows the same.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import cache
from hashlib import blake2b

from ..records.instruments import CURRENCIES, UnknownSubject, parse_subject
from ..records.registrations import Shown, feed_key
from ..records.times import format_time, stamp
from ..tables.reading import read_all
from ..tables.store import Store
from .terminal import RATES_KEY

MAJORS = (
    *("EURUSD", "GBPUSD", "AUDUSD", "NZDUSD", "USDJPY", "USDCHF", "USDCAD"),
    *("EURGBP", "EURJPY", "EURCHF", "GBPJPY", "AUDJPY"),
)

# Who has published nothing for this long may be down: its rates are shown as stale.
STALE_AFTER = timedelta(minutes=3)

# A power of two: the walk from one fixing to the next is halved again and again.
TICKS_PER_DAY = 32

_SINCE = date(2025, 1, 2)
_KEPT = timedelta(minutes=10)
_EURO = "EUR"
_BASIS_POINT = Decimal("0.0001")

# How far a bank's walk may leave the straight line: half way between two fixings, and how much of that is
# left at each halving (about the root of a half, as the time is half as long).
_WOBBLE = _BASIS_POINT
_LEFT_AT_HALVING = Decimal("0.7")


@dataclass(frozen=True, kw_only=True)
class Fixing:
    """A day's reference rates: how much of each currency one euro is."""

    date: date
    rates: Mapping[str, Decimal]


@dataclass(frozen=True, kw_only=True)
class Rate:
    """What a bank shows of a pair: it buys at the bid and sells at the offer. `time` is since when."""

    symbol: str
    bid: Decimal
    offer: Decimal
    time: datetime


@dataclass(frozen=True, kw_only=True)
class IndicativeRates:
    """A bank's rates: fixings shown from `epoch` on, with `spread` basis points from bid to offer.

    A rate changes once a `tick`; from one fixing to the next it is TICKS_PER_DAY of them.
    """

    bank: str
    fixings: Sequence[Fixing]
    epoch: datetime
    tick: timedelta
    spread: Decimal = Decimal(2)

    def at(self, symbol: str, time: datetime) -> Rate | None:
        """What the bank shows of a pair at a time; None of what the fixings do not have, as gold."""
        mid = self.mid(symbol, time)
        if mid is None:
            return None
        margin = mid * self.spread * _BASIS_POINT / 2
        digit = _last_digit(symbol)
        return Rate(
            symbol=symbol,
            bid=(mid - margin).quantize(digit, ROUND_FLOOR),
            offer=(mid + margin).quantize(digit, ROUND_CEILING),
            time=self.shown_since(time),
        )

    def mid(self, symbol: str, time: datetime) -> Decimal | None:
        """The middle of bid and offer, before they are rounded: exactly the fixing when one is reached."""
        try:
            subject = parse_subject(symbol)
        except UnknownSubject:
            return None
        index = (time - self.epoch) // self.tick
        base, quote = self._per_euro(subject.base, index), self._per_euro(subject.quote, index)
        return None if base is None or quote is None else quote / base

    def shown_since(self, time: datetime) -> datetime:
        """Since when the rates that are shown at a time have been."""
        return self.epoch + (time - self.epoch) // self.tick * self.tick

    def _per_euro(self, currency: str, index: int) -> Decimal | None:
        if currency == _EURO:
            return Decimal(1)
        day, tick = divmod(index, TICKS_PER_DAY)
        start, end = (self._fixing(day + ahead).rates.get(currency) for ahead in (0, 1))
        if start is None or end is None:
            return None
        return _walk(start, end, tick, f"{self.bank}\x1f{currency}\x1f{day}")

    def _fixing(self, day: int) -> Fixing:
        return self.fixings[day % len(self.fixings)]


def publish(
    rates: IndicativeRates,
    principal: str,
    kept: Store,
    *,
    origin: str,
    period: timedelta,
    now: datetime,
    symbols: Sequence[str] = MAJORS,
) -> bool:
    """Have a bank's rates shown at a principal's terminals if they are due: one item for all. True if so.

    They are if they have changed, at most once a period; unchanged, before they look stale.
    """
    begun = rates.epoch + (now - rates.epoch) // period * period
    due = max(min(rates.shown_since(now), begun), now - STALE_AFTER / 2)
    recent = read_all(feed_key(principal), format_time(due), "~", kept)
    if any(item["sk"].endswith(f"#{RATES_KEY}") for item in recent):
        return False
    found = [rate for symbol in symbols if (rate := rates.at(symbol, now)) is not None]
    content = {rate.symbol: [str(rate.bid), str(rate.offer)] for rate in found}
    shown = Shown(
        origin=origin,
        transact_time=stamp(now),
        principal=principal,
        key=RATES_KEY,
        content=json.dumps(content, separators=(",", ":")),
        expires=int((now + _KEPT).timestamp()),
    )
    return kept.insert(shown.to_item()) is None


def is_stale(time: datetime, now: datetime) -> bool:
    """Whether rates that were published at a time are too old to go by."""
    return now - time > STALE_AFTER


@cache
def load_fixings(symbols: Sequence[str] = MAJORS, since: date = _SINCE) -> tuple[Fixing, ...]:
    """The fixings of the days from `since` on which all currencies of these pairs have one.

    They come with the CurrencyConverter package, from 1999 to the day of its release.
    """
    # Imported by whoever publishes: it reads its whole table, in a quarter of a second.
    from currency_converter import CurrencyConverter, RateNotFoundError  # type: ignore[import-untyped]

    table = CurrencyConverter(decimal=True)
    subjects = [parse_subject(symbol) for symbol in symbols]
    currencies = sorted({currency for subject in subjects for currency in (subject.base, subject.quote)})
    until = min(table.bounds[currency].last_date for currency in currencies)
    fixings = []
    for days in range((until - since).days + 1):
        day = since + timedelta(days=days)
        try:
            rates = {currency: table.convert(1, _EURO, currency, day) for currency in currencies}
        except RateNotFoundError:
            continue
        fixings.append(Fixing(date=day, rates=rates))
    return tuple(fixings)


def _walk(start: Decimal, end: Decimal, tick: int, seed: str) -> Decimal:
    """A tick of a walk from one fixing to the next: exactly there at either end.

    The middle is off the straight line by a part that the seed decides, and so the middle of each half.
    """
    first, last, wobble = 0, TICKS_PER_DAY, _WOBBLE
    while tick != first:
        middle = (first + last) // 2
        rate = (start + end) / 2 * (1 + wobble * _share(f"{seed}\x1f{middle}"))
        if tick < middle:
            last, end = middle, rate
        else:
            first, start = middle, rate
        wobble *= _LEFT_AT_HALVING
    return start


def _share(seed: str) -> Decimal:
    """A number from -1 to 1, the same for the same seed."""
    number = int.from_bytes(blake2b(seed.encode(), digest_size=4).digest(), "big")
    return Decimal(number) / 2**31 - 1


def _last_digit(symbol: str) -> Decimal:
    """Five decimals are usual, three where the quote currency has no cents."""
    return Decimal("0.00001") if CURRENCIES[parse_subject(symbol).quote] else Decimal("0.001")
