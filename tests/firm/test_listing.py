"""Listing: an instrument is written once as it is, and again only if it changes."""

import tomllib
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from chalicelib.enterprise import Holding, Side, load_enterprise
from chalicelib.firm.booking import Books
from chalicelib.firm.listing import (
    Listing,
    ListingError,
    list_instrument,
    load_listings,
    parse_listings,
)
from chalicelib.records.instruments import (
    EQUITY,
    Instrument,
    InstrumentKind,
    find_subject,
    instrument_key,
)
from chalicelib.records.settlement import settlement_date
from chalicelib.records.times import AHEAD_MAX, parse_time
from chalicelib.street.funds import FUNDS
from chalicelib.tables.memory import MemoryStore
from chalicelib.tables.store import span
from infrastructure.prices import SYMBOLS
from tests.builders import NOW, Watched, later

ROOT = Path(__file__).parents[2]

IBM = Listing(symbol="IBM", name="Business Machines", kind=InstrumentKind.EQUITY, rules=EQUITY)
DEARER = replace(IBM, rules=replace(EQUITY, tick=Decimal("0.05")))


@pytest.fixture
def table() -> MemoryStore:
    return MemoryStore("demo-firm-firm")


def on(store: MemoryStore | Watched) -> Books:
    return Books(name="firm", records=store)


def listed(table: MemoryStore, symbol: str = "IBM") -> list[Instrument]:
    """What has been said of a symbol, the latest last."""
    return list(map(Instrument.from_item, table.query(instrument_key(symbol), *span("")).items))


# Records


@pytest.mark.requirement("T8")
def test_a_listing_is_a_record_of_the_firms_with_all_that_it_says(table: MemoryStore) -> None:
    assert list_instrument(IBM, on(table), now=NOW)
    (record,) = listed(table)
    assert (record.origin, record.transact_time) == ("firm", NOW)
    assert (record.symbol, record.name, record.kind) == (IBM.symbol, IBM.name, IBM.kind)
    assert record.rules == EQUITY


@pytest.mark.requirement("T11")
def test_listing_the_same_again_writes_nothing(table: MemoryStore) -> None:
    watched = Watched(table)
    assert list_instrument(IBM, on(watched), now=NOW)
    same = replace(IBM, rules=replace(EQUITY, tick=Decimal("0.010")))
    assert not list_instrument(same, on(watched), now=later(1))
    assert watched.asked == {"query": 2, "insert": 1}
    assert len(listed(table)) == 1


@pytest.mark.requirement("T11")
@pytest.mark.parametrize(
    "change",
    [
        {"name": "International Business Machines"},
        {"kind": InstrumentKind.FUND},
        {"rules": replace(EQUITY, lot=Decimal(100))},
        {"rules": replace(EQUITY, price_max=Decimal(1000))},
        {"rules": replace(EQUITY, settlement_days=2)},
    ],
)
def test_a_change_is_another_record_after_the_first(table: MemoryStore, change: dict[str, Any]) -> None:
    changed = replace(IBM, **change)
    list_instrument(IBM, on(table), now=NOW)
    assert list_instrument(changed, on(table), now=later(1))
    first, second = listed(table)
    assert first.rules == EQUITY
    assert (second.name, second.kind, second.rules) == (changed.name, changed.kind, changed.rules)


def test_only_the_latest_listing_counts(table: MemoryStore) -> None:
    for n, listing in enumerate((IBM, DEARER, IBM)):
        assert list_instrument(listing, on(table), now=later(n))
    assert not list_instrument(IBM, on(table), now=later(3))
    assert len(listed(table)) == 3


@pytest.mark.parametrize("behind", [0, 1, AHEAD_MAX.total_seconds()])
def test_a_listing_is_later_than_the_one_before_though_its_clock_is_behind(
    table: MemoryStore, behind: float
) -> None:
    list_instrument(IBM, on(table), now=NOW)
    assert list_instrument(DEARER, on(table), now=later(-behind))
    assert listed(table)[-1].rules == DEARER.rules


def test_of_two_who_list_at_one_time_each_is_there_and_one_is_the_latest(table: MemoryStore) -> None:
    class Raced(Watched):
        def insert(self, item: Any) -> Any:
            if not self.asked["insert"]:
                self.asked["insert"] += 1
                list_instrument(DEARER, on(table), now=NOW)
            return super().insert(item)

    assert list_instrument(IBM, on(Raced(table)), now=NOW)
    assert [record.rules for record in listed(table)] == [DEARER.rules, IBM.rules]


def test_each_symbol_is_listed_by_itself(table: MemoryStore) -> None:
    list_instrument(IBM, on(table), now=NOW)
    list_instrument(replace(IBM, symbol="IBM.B"), on(table), now=NOW)
    assert len(listed(table)) == len(listed(table, "IBM.B")) == 1


@pytest.mark.requirement("T8")
def test_listings_are_copied_to_every_utility_that_orders_come_to() -> None:
    enterprise = load_enterprise(ROOT / "enterprise.toml")
    (firm,) = enterprise.on(Side.FIRM)
    holders = {u.name for s in (Side.CUSTOMER, Side.STREET) for u in enterprise.on(s) if u.orders}
    assert set(enterprise.holders(firm, Holding.FIRM)) == holders


# The file that comes with it

DEFAULT = {listing.symbol: listing for listing in load_listings(ROOT / "instruments.toml")}


def of_kind(kind: InstrumentKind) -> dict[str, Listing]:
    return {symbol: listing for symbol, listing in DEFAULT.items() if listing.kind is kind}


@pytest.mark.requirement("T6")
def test_the_shares_that_are_replayed_are_listed_by_the_rules_for_shares() -> None:
    shares = of_kind(InstrumentKind.EQUITY)
    assert sorted(shares) == sorted(SYMBOLS)
    assert {listing.rules for listing in shares.values()} == {EQUITY}


@pytest.mark.requirement("T6")
def test_the_funds_that_are_listed_are_the_fund_companys_by_its_rules() -> None:
    assert {s: listing.rules for s, listing in of_kind(InstrumentKind.FUND).items()} == {
        symbol: fund.rules for symbol, fund in FUNDS.items()
    }


def test_pairs_have_lots_of_the_firsts_minor_unit_and_prices_in_the_second() -> None:
    pairs = of_kind(InstrumentKind.CURRENCIES)
    assert {"EURUSD", "GBPUSD", "USDJPY", "USDCHF", "AUDUSD", "EURGBP", "USDCAD"} <= set(pairs)
    for symbol, listing in pairs.items():
        subject = find_subject(symbol)
        assert subject is not None
        assert (listing.rules.lot, listing.rules.currency) == (subject.lot, subject.quote)
        assert listing.rules.tick == Decimal("0.001" if subject.quote == "JPY" else "0.00001")
        assert listing.rules.settlement_days == (1 if symbol == "USDCAD" else 2)


@pytest.mark.requirement("T7")
def test_everything_that_is_listed_settles() -> None:
    traded = parse_time("20260105-15:00:00").date()
    for listing in DEFAULT.values():
        assert settlement_date(traded, listing.rules) > traded


def test_whatever_is_listed_is_no_larger_than_one_write(table: MemoryStore) -> None:
    for listing in DEFAULT.values():
        assert list_instrument(listing, on(table), now=NOW)
    assert len(table.everything()) == len(DEFAULT)


# What a file may say

FILE = """
[defaults.equity]
lot = 1
tick = 0.01
order_qty_max = 1000
price_max = 100
currency = "USD"
calendar = "XNYS"
settlement_days = 1

[[instrument]]
symbol = "IBM"
name = "Business Machines"
kind = "equity"

[[instrument]]
symbol = "EURUSD"
name = "Euro in US dollars"
kind = "currencies"
lot = 0.01
tick = 0.00001
order_qty_max = 1000
price_max = 100
currency = "USD"
calendar = "XFED"
settlement_days = 2
"""


def content() -> dict[str, Any]:
    return tomllib.loads(FILE, parse_float=Decimal)


def changed(place: int, **settings: Any) -> dict[str, Any]:
    """The file with other settings in an entry; None leaves one out."""
    file = content()
    entry = {**file["instrument"][place], **settings}
    file["instrument"][place] = {key: value for key, value in entry.items() if value is not None}
    return file


def test_an_entry_takes_from_its_kinds_defaults_what_it_does_not_say() -> None:
    share, pair = parse_listings(content())
    assert (share.symbol, share.name, share.kind) == ("IBM", "Business Machines", InstrumentKind.EQUITY)
    assert (share.rules.lot, share.rules.tick, share.rules.currency) == (Decimal(1), Decimal("0.01"), "USD")
    assert (pair.kind, pair.rules.lot) == (InstrumentKind.CURRENCIES, Decimal("0.01"))
    own, _ = parse_listings(changed(0, tick=Decimal("0.05")))
    assert own.rules == replace(share.rules, tick=Decimal("0.05"))


@pytest.mark.parametrize("symbol", ["A", "BRK.B", "BRK/B", "0123456789ABCDEF"])
def test_a_symbol_is_of_capitals_digits_dots_and_slashes(symbol: str) -> None:
    assert parse_listings(changed(0, symbol=symbol))[0].symbol == symbol


@pytest.mark.parametrize(
    ("place", "settings", "message"),
    [
        (0, {"symbol": None}, "instrument 1: expected symbol = str, found None"),
        (1, {"symbol": "ibm"}, "instrument 2: symbol 'ibm': expected 1 to 16"),
        (0, {"symbol": ""}, "instrument 1: symbol '': expected 1 to 16"),
        (0, {"symbol": "A" * 17}, "instrument 1: symbol 'A{17}': expected 1 to 16"),
        (0, {"symbol": "IBM\n"}, "instrument 1: symbol"),
        (1, {"symbol": "IBM", "kind": "equity"}, "instrument 'IBM' is given more than once"),
        (0, {"kind": None}, "instrument 'IBM': expected kind = str"),
        (0, {"kind": "share"}, "instrument 'IBM': kind 'share': expected one of equity, fund, currencies"),
        (0, {"name": None}, "instrument 'IBM': expected name = str"),
        (0, {"name": ""}, "instrument 'IBM': name ''"),
        (0, {"name": "N" * 65}, "instrument 'IBM': name"),
        (0, {"name": "Soci\u00e9t\u00e9"}, "instrument 'IBM': name"),
        (0, {"lot": 0}, "instrument 'IBM': lot 0: expected more than 0"),
        (0, {"lot": -1}, "instrument 'IBM': lot -1: expected more than 0"),
        (0, {"lot": "1"}, "instrument 'IBM': expected lot = a number, found '1'"),
        (0, {"lot": True}, "instrument 'IBM': expected lot = a number, found True"),
        (1, {"lot": None}, "instrument 'EURUSD': expected lot = a number, found None"),
        (1, {"tick": Decimal(0)}, "instrument 'EURUSD': tick 0: expected more than 0"),
        (0, {"tick": Decimal("nan")}, "instrument 'IBM': tick NaN: expected more than 0"),
        (0, {"price_max": Decimal("inf")}, "instrument 'IBM': price_max Infinity: expected more than 0"),
        (0, {"order_qty_max": Decimal("0.5")}, "instrument 'IBM': order_qty_max 0.5: expected at least the"),
        (0, {"currency": "XYZ"}, "instrument 'IBM': currency 'XYZ': expected one that accounts"),
        (0, {"calendar": "XXXX"}, "instrument 'IBM': calendar 'XXXX': expected a market code"),
        (0, {"settlement_days": -1}, "instrument 'IBM': settlement_days -1: expected 0 to 30"),
        (0, {"settlement_days": 31}, "instrument 'IBM': settlement_days 31: expected 0 to 30"),
        (0, {"settlement_days": Decimal(1)}, "instrument 'IBM': expected settlement_days = int"),
        (0, {"settlement_days": True}, "instrument 'IBM': expected settlement_days = int"),
        (0, {"market": "SIMX"}, "instrument 'IBM': unknown setting 'market'"),
        (1, {"symbol": "EURXYZ"}, "instrument 'EURXYZ': symbol: expected two currencies"),
        (1, {"currency": "EUR"}, "instrument 'EURUSD': currency 'EUR': expected 'USD'"),
        (1, {"lot": Decimal("0.001")}, "instrument 'EURUSD': lot 0.001: expected a multiple of 0.01"),
        (0, {"symbol": "EURGBP"}, "instrument 'EURGBP': kind 'equity': the symbol is that of a currencies"),
    ],
)
def test_what_is_wrong_is_refused_by_entry_and_field(
    place: int, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ListingError, match=message):
        parse_listings(changed(place, **settings))


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ({}, "the file: expected instrument = list, found None"),
        ({"instrument": ["IBM"]}, "instrument 1: expected settings, found 'IBM'"),
        ({"instruments": []}, "the file: unknown setting 'instruments'"),
        ({"defaults": [], "instrument": []}, "the file: expected defaults = dict"),
        ({"defaults": {"share": {}}, "instrument": []}, "defaults 'share': kind 'share': expected one of"),
        ({"defaults": {"equity": 1}, "instrument": []}, "defaults 'equity': expected settings, found 1"),
        (
            {"defaults": {"equity": {"symbol": "IBM"}}, "instrument": []},
            "defaults 'equity': unknown setting 'symbol'",
        ),
    ],
)
def test_a_file_that_is_none_is_refused(file: dict[str, Any], message: str) -> None:
    with pytest.raises(ListingError, match=message):
        parse_listings(file)


def test_a_file_that_cannot_be_read_is_refused_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "instruments.toml"
    with pytest.raises(ListingError, match=f"no file of instruments at {path}"):
        load_listings(path)
    path.write_text("[[instrument]")
    with pytest.raises(ListingError, match=f"{path} is not TOML"):
        load_listings(path)
