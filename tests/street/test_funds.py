"""The simulated fund company: what an order gets is the first NAV that nobody could know at its cut-off."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.bootstrap import Here
from chalicelib.firm.booking import Books, open_account
from chalicelib.firm.listing import list_instrument, load_listings
from chalicelib.records.fix import BuySell, OrdRejReason, OrdType, TimeInForce
from chalicelib.records.numbers import OrderID, account_key
from chalicelib.records.orders import Terms
from chalicelib.settings import read_settings
from chalicelib.street.exchange import TICKS_PER_BAR, SimulatedExchange
from chalicelib.street.funds import FUNDS, MARKET, Fund, FundCompany
from chalicelib.street.venues import Bound, Declined, Fill, Resting, Venue, Working
from chalicelib.tables.memory import MemoryStore
from chalicelib.tables.store import Store
from infrastructure.prices import write_replay
from tests.builders import ACCOUNT, NOW, SECRET, bar, enterprise, later, number, seconds, terms

RULES = FUNDS["THREEX"].rules
# Four ticks to a bar, so a bar is a minute; the cut-off is 45 seconds after its beginning.
TICK = seconds(15)
CUT_OFF, BAR = 45, 60

# 0.5 x 11 + 0.25 x 20 = 10.5; then 0.5 x 9 + 0.25 x 26 = 11; and round again.
BARS = {
    "IBM": (bar("10", "12", "8", "11"), bar("11", "13", "7", "9")),
    "MSFT": (bar("20", "20", "20", "20"), bar("20", "26", "20", "26")),
}
MIXED = Fund(shares={"IBM": Decimal("0.5"), "MSFT": Decimal("0.25")}, rules=RULES)
NAVS = ("10.5", "11", "10.5", "11")


def company(*, held: str = "0", fund: Fund = MIXED) -> FundCompany:
    return FundCompany(
        funds={"MIXED": fund}, bars=BARS, epoch=NOW, tick=TICK, holdings=lambda order: Decimal(held)
    )


COMPANY: Venue = company()


def asked(
    side: BuySell = BuySell.BUY,
    *,
    order_qty: str | None = None,
    cash_order_qty: str | None = None,
    order_percent: str | None = None,
) -> Terms:
    """Terms of an order for so much of the fund; of one unit, if nothing is said."""
    amounts = (order_qty, cash_order_qty, order_percent)
    units, cash, percent = (None if amount is None else Decimal(amount) for amount in amounts)
    return replace(
        terms(symbol="MIXED", side=side),
        order_qty=units if any(amounts) else Decimal(1),
        cash_order_qty=cash,
        order_percent=percent,
    )


def working(
    of: Terms | None = None, *, at: float = 0, since: float | None = None, leaves: str | None = None
) -> Working:
    """An order that was received so many seconds after the first bar began."""
    of = of or asked()
    return Working(
        order_id=OrderID(str(number())),
        terms=of,
        leaves=of.order_qty if leaves is None else Decimal(leaves),
        received=later(at),
        since=later(at if since is None else since),
    )


def filled(venue: Venue, order: Working, at: float = 10 * BAR) -> Fill:
    got = venue.ask(order, later(at))
    assert isinstance(got, Fill), got
    return got


def declined(venue: Venue, order: Working) -> str:
    got = venue.ask(order, later(10 * BAR))
    assert isinstance(got, Declined), got
    return got.text


# When


@pytest.mark.requirement("T6")
@pytest.mark.parametrize(
    ("at", "of_bar"),
    [
        (0, 0),
        (CUT_OFF - 0.000001, 0),
        (CUT_OFF, 1),
        (BAR - 0.000001, 1),
        (BAR, 1),
        (BAR + CUT_OFF - 0.000001, 1),
        (BAR + CUT_OFF, 2),
        (2 * BAR + CUT_OFF, 3),
    ],
)
def test_an_order_gets_the_value_of_the_bar_whose_cut_off_it_was_received_before(
    at: float, of_bar: int
) -> None:
    order = working(at=at)
    known = (of_bar + 1) * BAR
    for time in (at, known - 0.000001):
        assert COMPANY.ask(order, later(time)) == Resting(until=later(known))
    assert filled(COMPANY, order, known).price == Decimal(NAVS[of_bar])


@pytest.mark.requirement("T6")
@pytest.mark.parametrize(
    ("received", "since", "of_bar"),
    [(0, 30, 0), (0, CUT_OFF - 0.000001, 0), (0, CUT_OFF, 1), (0, BAR, 1), (CUT_OFF, 0, 1)],
)
def test_an_order_that_was_changed_gets_the_value_as_if_received_then(
    received: float, since: float, of_bar: int
) -> None:
    order = working(at=received, since=since)
    assert COMPANY.ask(order, later(max(received, since))) == Resting(until=later((of_bar + 1) * BAR))
    assert filled(COMPANY, order).price == Decimal(NAVS[of_bar])


@pytest.mark.requirement("T6", "T17")
@given(
    at=st.integers(0, 1000),
    after=st.lists(st.integers(0, 1000), max_size=5),
    of=st.sampled_from([asked(order_qty="3"), asked(cash_order_qty="100")]),
)
def test_asked_again_at_any_time_it_gives_the_same(at: int, after: list[int], of: Terms) -> None:
    order = working(of, at=at)
    first = COMPANY.ask(order, later(at))
    assert isinstance(first, Resting)
    assert first.until is not None
    granted = {repr(company().ask(order, first.until + seconds(count))) for count in (0, *after)}
    assert len(granted) == 1
    assert at < (first.until - NOW).total_seconds() <= at + BAR + TICK.total_seconds()


def test_the_value_of_a_bar_is_known_when_the_exchange_has_shown_its_last_price() -> None:
    exchange = SimulatedExchange(bars=BARS, epoch=NOW, tick=TICK)
    last = later(BAR - 1)
    shown = sum(count * exchange.at(share, last).price for share, count in MIXED.shares.items())
    assert filled(COMPANY, working(), BAR).price == shown
    assert seconds(BAR) == TICKS_PER_BAR * TICK


@pytest.mark.requirement("T7")
@pytest.mark.parametrize(
    ("known", "settles"),
    [
        ("2026-01-05T16:00", "20260106"),
        ("2026-01-09T16:00", "20260112"),
        ("2026-01-10T00:00", "20260112"),
        ("2026-01-16T16:00", "20260120"),
    ],
)
def test_it_settles_by_the_funds_cycle_after_the_day_of_its_value(known: str, settles: str) -> None:
    ends = datetime.fromisoformat(known).replace(tzinfo=NOW.tzinfo)
    venue = replace(company(), epoch=ends - seconds(BAR))
    order = replace(working(), received=venue.epoch, since=venue.epoch)
    # Whenever it is asked.
    for time in (ends, ends + 100_000 * TICK):
        got = venue.ask(order, time)
        assert isinstance(got, Fill)
        assert got.settl_date == settles


# What


@pytest.mark.parametrize(
    ("weights", "value"),
    [
        ({"IBM": "0.33333", "MSFT": "0.00001"}, "3.6668"),  # 3.66663 + 0.0002
        ({"IBM": "0.00005"}, "0.0006"),  # 0.00055: half to even
        ({"IBM": "0.00015"}, "0.0016"),  # 0.00165: half to even
        ({"MSFT": "1"}, "20"),
    ],
)
def test_a_value_is_what_the_shares_close_at_to_the_funds_tick(weights: dict[str, str], value: str) -> None:
    fund = Fund(shares={share: Decimal(count) for share, count in weights.items()}, rules=RULES)
    price = filled(company(fund=fund), working()).price
    assert price == Decimal(value)
    assert price.as_tuple().exponent == -4


@pytest.mark.requirement("T6")
@pytest.mark.parametrize("side", BuySell)
@pytest.mark.parametrize(
    ("units", "money"),
    [("1", "10.50"), ("3.333", "35.00"), ("0.001", "0.01"), ("0.010", "0.10"), ("0.030", "0.32")],
)
def test_units_cost_their_value_to_the_cent(side: BuySell, units: str, money: str) -> None:
    assert filled(COMPANY, working(asked(side, order_qty=units))) == Fill(
        quantity=Decimal(units),
        price=Decimal("10.5"),
        market="FUND",
        net_money=Decimal(money),
        settl_currency="USD",
        settl_date="20260106",
    )


def test_what_is_left_of_an_order_is_filled_all_at_once_however_large() -> None:
    assert filled(COMPANY, working(asked(order_qty="1000000000"))).quantity == 10**9
    assert filled(COMPANY, working(asked(order_qty="5"), leaves="2")).quantity == 2


@pytest.mark.requirement("T6")
@pytest.mark.parametrize(
    ("cash", "units"),
    [("1000", "95.238"), ("10.50", "1"), ("10.49", "0.999"), ("0.02", "0.001"), ("100000000", "9523809.523")],
)
def test_money_buys_whole_lots_and_is_paid_to_the_last_cent(cash: str, units: str) -> None:
    assert filled(COMPANY, working(asked(cash_order_qty=cash))) == Fill(
        quantity=Decimal(units),
        price=Decimal("10.5"),
        market="FUND",
        order_qty=Decimal(units),
        net_money=Decimal(cash),
        settl_currency="USD",
        settl_date="20260106",
    )


def test_money_that_buys_no_lot_is_declined() -> None:
    assert declined(COMPANY, working(asked(cash_order_qty="0.01"))) == (
        "it comes to less than 0.001 of MIXED at 10.5000"
    )


@pytest.mark.requirement("T6")
@pytest.mark.parametrize(
    ("held", "percent", "units"),
    [
        ("200", "100", "200"),
        ("12.345", "100", "12.345"),
        ("200", "25", "50"),
        ("200", "0.5", "1"),
        ("10", "33.33", "3.333"),
        ("0.003", "50", "0.001"),  # half a lot less
    ],
)
def test_a_percentage_redeems_whole_lots_of_what_is_held(held: str, percent: str, units: str) -> None:
    got = filled(company(held=held), working(asked(BuySell.SELL, order_percent=percent)))
    assert (got.quantity, got.order_qty) == (Decimal(units), Decimal(units))
    assert got.net_money == (Decimal(units) * Decimal("10.5")).quantize(Decimal("0.01"))


@pytest.mark.parametrize(("held", "percent"), [("0", "100"), ("-5", "100"), ("0.001", "99.99")])
def test_a_percentage_of_nothing_is_declined(held: str, percent: str) -> None:
    assert "less than 0.001 of MIXED" in declined(
        company(held=held), working(asked(BuySell.SELL, order_percent=percent))
    )


def test_holdings_are_asked_for_only_when_a_percentage_is_filled() -> None:
    orders: list[Working] = []

    def holdings(order: Working) -> Decimal:
        orders.append(order)
        return Decimal(8)

    venue = replace(company(), holdings=holdings)
    by_percent = working(asked(BuySell.SELL, order_percent="50"))
    filled(venue, working(asked(BuySell.SELL, order_qty="1")))
    filled(venue, working(asked(cash_order_qty="100")))
    assert venue.ask(by_percent, later(BAR - 1)) == Resting(until=later(BAR))
    assert not orders
    assert filled(venue, by_percent, BAR).quantity == 4
    assert orders == [by_percent]


# What is not taken, and until when it can be canceled


@pytest.mark.requirement("T6")
@pytest.mark.parametrize(
    "of",
    [
        asked(order_qty="1"),
        asked(cash_order_qty="100"),
        asked(BuySell.SELL, order_qty="1"),
        asked(BuySell.SELL, order_percent="100"),
        replace(asked(), time_in_force=TimeInForce.DAY),
        replace(asked(), time_in_force=TimeInForce.GOOD_TILL_CANCEL),
        replace(asked(), time_in_force=TimeInForce.GOOD_TILL_DATE, expire_time=later(1)),
    ],
)
def test_market_orders_by_units_money_or_part_are_taken(of: Terms) -> None:
    assert COMPANY.objection(of) is None


@pytest.mark.requirement("T6")
@pytest.mark.parametrize(
    ("of", "text"),
    [
        ({"ord_type": OrdType.LIMIT, "price": Decimal(10)}, "expected a market order"),
        ({"ord_type": OrdType.STOP, "stop_px": Decimal(10)}, "expected a market order"),
        (
            {"ord_type": OrdType.STOP_LIMIT, "price": Decimal(10), "stop_px": Decimal(9)},
            "expected a market order",
        ),
        ({"ord_type": OrdType.PREVIOUSLY_QUOTED}, "expected a market order"),
        ({"time_in_force": TimeInForce.IMMEDIATE_OR_CANCEL}, "not known at once"),
        ({"time_in_force": TimeInForce.FILL_OR_KILL}, "not known at once"),
        ({"order_qty": None, "order_percent": Decimal(50)}, "subscribed by OrderQty or CashOrderQty"),
        (
            {"side": BuySell.SELL, "order_qty": None, "cash_order_qty": Decimal(50)},
            "redeemed by OrderQty or OrderPercent",
        ),
    ],
)
def test_what_has_no_sense_for_a_fund_is_objected_to(of: dict[str, Any], text: str) -> None:
    objection = COMPANY.objection(replace(asked(), **of))
    assert objection is not None
    assert objection.reason is OrdRejReason.UNSUPPORTED_ORDER_CHARACTERISTIC
    assert text in objection.text


def test_what_is_no_fund_is_objected_to() -> None:
    objection = COMPANY.objection(terms(symbol="IBM"))
    assert objection is not None
    assert objection.reason is OrdRejReason.UNKNOWN_SYMBOL


@pytest.mark.requirement("T6")
@pytest.mark.parametrize(
    ("received", "at", "is_bound"),
    [
        (0, 0, False),
        (0, CUT_OFF - 0.000001, False),
        (0, CUT_OFF, True),
        (0, BAR, True),
        (0, 10 * BAR, True),
        (CUT_OFF, CUT_OFF, False),
        (CUT_OFF, BAR + CUT_OFF - 0.000001, False),
        (CUT_OFF, BAR + CUT_OFF, True),
    ],
)
def test_an_order_is_let_go_of_until_its_own_cut_off(received: float, at: float, is_bound: bool) -> None:
    bound = Bound(text="past the fund's cut-off")
    assert COMPANY.release(working(at=received), later(at)) == (bound if is_bound else None)


def test_nothing_more_can_come_of_an_order_that_has_been_filled() -> None:
    assert COMPANY.release(working(leaves="0"), later(10 * BAR)) is None


def test_an_order_by_money_is_bound_as_well() -> None:
    order = working(asked(cash_order_qty="100"))
    assert COMPANY.release(order, later(CUT_OFF - 1)) is None
    assert isinstance(COMPANY.release(order, later(CUT_OFF)), Bound)


def test_a_day_order_past_the_cut_off_is_the_next_days() -> None:
    assert COMPANY.day_ends(working(at=CUT_OFF)) is None


# What there is


def test_the_company_always_answers_as_its_own_market() -> None:
    assert COMPANY.market == MARKET == "FUND"
    assert COMPANY.answers(NOW)


def test_only_funds_whose_shares_all_have_prices_are_listed() -> None:
    venue = replace(company(), funds={"MIXED": MIXED, **FUNDS})
    assert venue.lists("MIXED")
    assert not any(venue.lists(symbol) for symbol in (*FUNDS, "IBM", "NONE"))


# As a street utility has it


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("prices") / "replay.json"
    write_replay(path)
    return path


def here(replica: Store, replay: Path | None) -> Here:
    """A street utility with one table, and nothing else."""

    def open_table(name: str, region: str) -> Store:
        assert name == replica.name
        return replica

    def open_nothing(*names: str) -> Any:
        raise AssertionError(names)

    settings = {
        "THREESIDE_UTILITY": "s1",
        "THREESIDE_ENTERPRISE": "enterprise.toml",
        "THREESIDE_SECRET": SECRET.hex(),
        "THREESIDE_EPOCH": "20260105-15:00:00",
        **({"THREESIDE_REPLAY": str(replay)} if replay is not None else {}),
    }
    return Here(
        settings=read_settings(settings),
        enterprise=enterprise(),
        open_table=open_table,
        open_queue=open_nothing,
        open_registry=open_nothing,
        clock=lambda: NOW,
    )


@pytest.fixture
def replica() -> MemoryStore:
    return MemoryStore("demo-s1-firm")


def bring_in(replica: Store, assets: Mapping[str, str]) -> None:
    """Open the account with these assets, as if its records had been copied here."""
    books = Books(name="firm", records=replica)
    brought = {asset: Decimal(quantity) for asset, quantity in assets.items()}
    open_account(ACCOUNT, account_key(ACCOUNT, SECRET), brought, books, now=NOW)


@pytest.mark.requirement("T6")
def test_a_street_utility_offers_the_funds_of_what_is_replayed(replica: Store, replay: Path) -> None:
    assert all(here(replica, replay).funds.lists(symbol) for symbol in FUNDS)
    assert not any(here(replica, None).funds.lists(symbol) for symbol in FUNDS)


@pytest.mark.requirement("T6")
@pytest.mark.parametrize(("symbol", "units"), [("THREEX", "12.5"), ("THREEI", "4")])
def test_a_street_utility_redeems_of_what_the_firm_has_booked(
    replica: Store, replay: Path, symbol: str, units: str
) -> None:
    bring_in(replica, {"USD": "1000", "THREEX": "25", "THREEI": "8", "IBM": "100"})
    order = working(replace(asked(BuySell.SELL, order_percent="50"), symbol=symbol))
    assert filled(here(replica, replay).funds, order).quantity == Decimal(units)


@pytest.mark.requirement("T6")
@pytest.mark.parametrize("assets", [{}, {"USD": "1000", "IBM": "100"}])
def test_a_street_utility_redeems_nothing_of_which_nothing_is_booked(
    replica: Store, replay: Path, assets: Mapping[str, str]
) -> None:
    if assets:
        bring_in(replica, assets)
    order = working(replace(asked(BuySell.SELL, order_percent="100"), symbol="THREEX"))
    assert "less than 0.001 of THREEX" in declined(here(replica, replay).funds, order)


def test_the_value_of_a_fund_is_that_of_real_closes(replica: Store, replay: Path) -> None:
    # AAPL 530.38, FB 38.23, GOOG 600.40, IBM 195.88 and MSFT 29.27 on FB's first day.
    order = working(replace(asked(), symbol="THREEX"))
    assert filled(here(replica, replay).funds, order).price == Decimal("95.4810")


@pytest.mark.requirement("T6", "T8")
def test_a_street_utility_finds_what_the_firm_has_listed(replica: MemoryStore) -> None:
    at_s1 = here(replica, None)
    assert at_s1.instruments.find("IBM", NOW) is None
    for listing in load_listings(Path("instruments.toml")):
        list_instrument(listing, Books(name="firm", records=replica), now=NOW)
    found = at_s1.instruments.find("THREEX", at_s1.clock())
    assert found is not None
    assert found.rules == RULES
