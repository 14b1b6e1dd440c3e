"""Listing: what may be traded, told to every utility as records of the firm.

A file of instruments (TOML) has defaults by kind and one entry per instrument:

    [defaults.equity]
    lot = 1
    ...

    [[instrument]]
    symbol = "IBM"
    name = "International Business Machines"
    kind = "equity"

An entry may have settings of its own in place of its kind's. Listing what is listed already writes nothing.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from ..records.instruments import (
    CURRENCIES,
    Instrument,
    InstrumentClass,
    InstrumentKind,
    find_subject,
    instrument_key,
)
from ..records.settlement import is_calendar
from ..records.times import stamp
from ..tables.store import Store, Unreachable, span
from .booking import Books

_T = TypeVar("_T")

_SYMBOL = re.compile(r"[A-Z0-9./]{1,16}")
_NAME_CHARACTERS_MAX = 64
_SETTLEMENT_DAYS_MAX = 30

_AMOUNTS = ("lot", "tick", "order_qty_max", "price_max")
_RULES = (*_AMOUNTS, "currency", "calendar", "settlement_days")
_SETTINGS = frozenset({"symbol", "name", "kind", *_RULES})

# Two who list one symbol at one time meet once; more often means that something is wrong.
_ATTEMPTS_MAX = 10


class ListingError(ValueError):
    """The file of instruments is wrong; the message names the entry and the field."""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """An instrument as it is to be listed."""

    symbol: str
    name: str
    kind: InstrumentKind
    rules: InstrumentClass


def list_instrument(listing: Listing, books: Books, *, now: datetime) -> bool:
    """List an instrument, unless it is listed so already: whether anything was written."""
    for _ in range(_ATTEMPTS_MAX):
        latest = _latest(listing.symbol, books.records)
        if latest is not None and _listing_of(latest) == listing:
            return False
        seen = [latest.transact_time] if latest is not None else []
        instrument = Instrument(
            origin=books.name,
            transact_time=stamp(now, *seen),
            symbol=listing.symbol,
            name=listing.name,
            kind=listing.kind,
            **vars(listing.rules),
        )
        if books.records.insert(instrument.to_item()) is None:
            return True
    raise Unreachable(f"{listing.symbol}: was being listed {_ATTEMPTS_MAX} times")


def _latest(symbol: str, records: Store) -> Instrument | None:
    page = records.query(instrument_key(symbol), *span(""), backward=True, limit=1)
    return Instrument.from_item(page.items[0]) if page.items else None


def _listing_of(instrument: Instrument) -> Listing:
    return Listing(
        symbol=instrument.symbol, name=instrument.name, kind=instrument.kind, rules=instrument.rules
    )


# The file


def load_listings(path: Path) -> tuple[Listing, ...]:
    """Read and check a file of instruments (TOML)."""
    try:
        content = tomllib.loads(path.read_text(), parse_float=Decimal)
    except FileNotFoundError:
        raise ListingError(f"no file of instruments at {path}") from None
    except tomllib.TOMLDecodeError as error:
        raise ListingError(f"{path} is not TOML: {error}") from None
    return parse_listings(content)


def parse_listings(content: Mapping[str, Any]) -> tuple[Listing, ...]:
    """The listings of a file's content, its numbers int or Decimal; ListingError says what is wrong."""
    _refuse_unknown(content, {"defaults", "instrument"}, "the file")
    defaults = _expect(content, "defaults", dict, "the file") if "defaults" in content else {}
    for kind, settings in defaults.items():
        where = f"defaults {kind!r}"
        _expect_kind(kind, where)
        if not isinstance(settings, dict):
            raise ListingError(f"{where}: expected settings, found {settings!r}")
        _refuse_unknown(settings, _RULES, where)
    entries = _expect(content, "instrument", list, "the file")
    listings = tuple(_parse_entry(entry, place, defaults) for place, entry in enumerate(entries, start=1))
    _refuse_repeats([listing.symbol for listing in listings])
    return listings


def _parse_entry(entry: object, place: int, defaults: Mapping[str, Mapping[str, Any]]) -> Listing:
    where = f"instrument {place}"
    if not isinstance(entry, dict):
        raise ListingError(f"{where}: expected settings, found {entry!r}")
    symbol = _expect(entry, "symbol", str, where)
    if not _SYMBOL.fullmatch(symbol):
        raise ListingError(f"{where}: symbol {symbol!r}: expected 1 to 16 of A-Z, 0-9, '.' and '/'")
    where = f"instrument {symbol!r}"
    _refuse_unknown(entry, _SETTINGS, where)
    kind = _expect_kind(_expect(entry, "kind", str, where), where)
    listing = Listing(
        symbol=symbol,
        name=_expect_name(entry, where),
        kind=kind,
        rules=_parse_rules({**defaults.get(kind, {}), **entry}, where),
    )
    _check_pair(listing, where)
    return listing


def _parse_rules(settings: Mapping[str, Any], where: str) -> InstrumentClass:
    amounts = {key: _expect_amount(settings, key, where) for key in _AMOUNTS}
    if amounts["order_qty_max"] < amounts["lot"]:
        raise ListingError(f"{where}: order_qty_max {amounts['order_qty_max']:f}: expected at least the lot")
    currency = _expect(settings, "currency", str, where)
    if currency not in CURRENCIES:
        raise ListingError(f"{where}: currency {currency!r}: expected one that accounts are kept in")
    calendar = _expect(settings, "calendar", str, where)
    if not is_calendar(calendar):
        raise ListingError(f"{where}: calendar {calendar!r}: expected a market code such as XNYS")
    days = _expect(settings, "settlement_days", int, where)
    if not 0 <= days <= _SETTLEMENT_DAYS_MAX:
        raise ListingError(f"{where}: settlement_days {days}: expected 0 to {_SETTLEMENT_DAYS_MAX}")
    return InstrumentClass(**amounts, currency=currency, calendar=calendar, settlement_days=days)


def _check_pair(listing: Listing, where: str) -> None:
    """A pair is of two currencies and priced in its second, and nothing else looks like one."""
    subject = find_subject(listing.symbol)
    if listing.kind is not InstrumentKind.CURRENCIES:
        if subject is not None:
            raise ListingError(f"{where}: kind {str(listing.kind)!r}: the symbol is that of a {subject.kind}")
        return
    if subject is None or subject.bond is not None:
        raise ListingError(f"{where}: symbol: expected two currencies such as EURUSD")
    if listing.rules.currency != subject.quote:
        raise ListingError(f"{where}: currency {listing.rules.currency!r}: expected {subject.quote!r}")
    if listing.rules.lot % subject.lot:
        raise ListingError(f"{where}: lot {listing.rules.lot:f}: expected a multiple of {subject.lot:f}")


def _expect_kind(kind: str, where: str) -> InstrumentKind:
    if kind not in tuple(InstrumentKind):
        raise ListingError(f"{where}: kind {kind!r}: expected one of {', '.join(InstrumentKind)}")
    return InstrumentKind(kind)


def _expect_name(entry: Mapping[str, Any], where: str) -> str:
    name = _expect(entry, "name", str, where)
    if not (name.isascii() and name.isprintable() and 0 < len(name) <= _NAME_CHARACTERS_MAX):
        raise ListingError(f"{where}: name {name!r}: expected 1 to {_NAME_CHARACTERS_MAX} ASCII characters")
    return name


def _expect_amount(settings: Mapping[str, Any], key: str, where: str) -> Decimal:
    value = settings.get(key)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ListingError(f"{where}: expected {key} = a number, found {value!r}")
    amount = Decimal(value)
    if not (amount.is_finite() and amount > 0):
        raise ListingError(f"{where}: {key} {amount}: expected more than 0")
    return amount


def _expect(content: Mapping[str, Any], key: str, kind: type[_T], where: str) -> _T:
    value = content.get(key)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ListingError(f"{where}: expected {key} = {kind.__name__}, found {value!r}")
    return value


def _refuse_unknown(content: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    unknown = sorted(set(content) - set(known))
    if unknown:
        raise ListingError(f"{where}: unknown setting {unknown[0]!r}")


def _refuse_repeats(symbols: Sequence[str]) -> None:
    repeated = sorted({symbol for symbol in symbols if symbols.count(symbol) > 1})
    if repeated:
        raise ListingError(f"instrument {repeated[0]!r} is given more than once")
