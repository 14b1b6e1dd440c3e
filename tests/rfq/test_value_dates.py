"""When deals settle: real calendars, real days."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.records.instruments import BONDS, CURRENCIES, UnknownSubject
from chalicelib.rfq.value_dates import (
    CALENDARS,
    UnknownTenor,
    accrued_interest,
    is_business_day,
    trade_date,
    value_date,
)

TREASURY = "US91282CKU44"
LONG_TREASURY = "US912810QL52"
BUND = "DE000BU2Z023"

PAGE = Path(__file__).parents[2] / "docs" / "value-dates.md"


def noon(day: str) -> datetime:
    """Noon in New York."""
    return datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=ZoneInfo("America/New_York"))


def value(symbol: str, day: str, settl_type: str = "0") -> str:
    """When a deal of that day settles."""
    return str(value_date(symbol, settl_type, noon(day)))


# The trade date


@pytest.mark.parametrize(
    ("time", "day"),
    [
        ("2026-01-07T21:59:59", "2026-01-07"),  # winter: five hours behind UTC
        ("2026-01-07T22:00:00", "2026-01-08"),
        ("2026-07-08T20:59:59", "2026-07-08"),  # summer: four
        ("2026-07-08T21:00:00", "2026-07-09"),
        ("2026-01-09T21:59:59", "2026-01-09"),  # Friday
        ("2026-01-09T22:00:00", "2026-01-12"),
        ("2026-07-10T20:59:59", "2026-07-10"),
        ("2026-07-10T21:00:00", "2026-07-13"),
        ("2026-01-10T12:00:00", "2026-01-12"),  # the weekend
        ("2026-01-11T23:00:00", "2026-01-12"),
        ("2026-03-08T20:59:59", "2026-03-09"),  # the day the clocks go forward, a Sunday
        ("2026-03-09T21:00:00", "2026-03-10"),
        ("2026-12-31T22:00:00", "2027-01-01"),  # deals are made on holidays, too
    ],
)
def test_a_day_ends_at_five_in_new_york_and_fridays_with_the_weekends(time: str, day: str) -> None:
    assert str(trade_date(datetime.fromisoformat(time).replace(tzinfo=UTC))) == day


def test_a_second_at_the_end_of_the_day_moves_the_value_date_by_one() -> None:
    before = datetime(2026, 1, 5, 21, 59, 59, tzinfo=UTC)
    assert value_date("EURUSD", "0", before) == date(2026, 1, 7)
    assert value_date("EURUSD", "0", before + timedelta(seconds=1)) == date(2026, 1, 8)


# Spot


@pytest.mark.requirement("R12")
@pytest.mark.parametrize(
    ("symbol", "traded", "settles"),
    [
        ("EURUSD", "2026-01-05", "2026-01-07"),
        ("EURUSD", "2026-01-08", "2026-01-12"),  # over a weekend
        ("EURUSD", "2026-01-09", "2026-01-13"),
        ("EURUSD", "2026-11-24", "2026-11-27"),  # Thanksgiving would be the spot date
        ("EURUSD", "2025-07-02", "2025-07-07"),  # Independence Day, a Friday, would be
        ("EURGBP", "2025-07-02", "2025-07-07"),  # also where no dollars are dealt
        ("EURUSD", "2026-04-01", "2026-04-07"),  # Good Friday and Easter Monday
        ("USDJPY", "2026-04-01", "2026-04-03"),  # are business days in Tokyo and New York
        ("EURUSD", "2026-12-23", "2026-12-28"),  # Christmas, a Friday
        ("GBPUSD", "2026-12-23", "2026-12-29"),  # and Boxing Day, observed on Monday
        ("USDJPY", "2026-04-30", "2026-05-07"),  # Golden Week
        ("EURUSD", "2026-12-29", "2026-12-31"),
        ("EURUSD", "2026-12-30", "2027-01-04"),  # New Year's Day
        ("USDJPY", "2026-12-29", "2027-01-04"),  # 31 December: Tokyo's banks are closed
        ("USDSAR", "2026-01-07", "2026-01-12"),  # in Riyadh Friday is no business day
    ],
)
def test_spot_is_two_business_days_after_the_trade_and_good_on_both_sides_and_in_new_york(
    symbol: str, traded: str, settles: str
) -> None:
    assert value(symbol, traded) == settles


@pytest.mark.parametrize(
    ("symbol", "traded", "settles"),
    [
        ("EURUSD", "2025-07-03", "2025-07-07"),  # Independence Day, a Friday
        ("EURUSD", "2023-06-16", "2023-06-20"),  # Juneteenth, a Monday
        ("USDJPY", "2026-11-25", "2026-11-27"),  # Thanksgiving
        ("EURGBP", "2026-11-25", "2026-11-27"),
    ],
)
def test_a_holiday_of_new_york_alone_counts_as_the_day_between(
    symbol: str, traded: str, settles: str
) -> None:
    assert value(symbol, traded) == settles


@pytest.mark.parametrize(
    ("symbol", "traded", "settles"),
    [
        ("EURUSD", "2026-04-02", "2026-04-08"),  # Easter
        ("EURUSD", "2026-04-30", "2026-05-05"),  # Labour Day
        ("EURJPY", "2026-04-30", "2026-05-08"),  # Labour Day in one, then Golden Week in the other
        ("GBPUSD", "2026-08-28", "2026-09-02"),  # the late summer bank holiday
        ("EURUSD", "2026-08-28", "2026-09-01"),
    ],
)
def test_a_holiday_of_another_currency_does_not_count_as_the_day_between(
    symbol: str, traded: str, settles: str
) -> None:
    assert value(symbol, traded) == settles


@pytest.mark.parametrize(
    ("symbol", "traded", "settles"),
    [
        ("USDCAD", "2026-01-05", "2026-01-06"),
        ("CADUSD", "2026-01-05", "2026-01-06"),
        ("USDTRY", "2026-01-05", "2026-01-06"),
        ("USDPHP", "2026-01-05", "2026-01-06"),
        ("USDRUB", "2026-01-12", "2026-01-13"),
        ("USDCAD", "2026-01-09", "2026-01-12"),  # over a weekend
        ("USDCAD", "2026-06-30", "2026-07-02"),  # Canada Day
        ("USDCAD", "2026-11-25", "2026-11-27"),  # Thanksgiving in New York
        ("USDCAD", "2026-10-09", "2026-10-13"),  # Thanksgiving in Ottawa, Columbus Day in New York
    ],
)
def test_four_currencies_settle_against_the_dollar_on_the_next_day(
    symbol: str, traded: str, settles: str
) -> None:
    assert value(symbol, traded) == settles


@pytest.mark.parametrize("symbol", ["EURCAD", "CADJPY", "XAUCAD", "TRYRUB", "USDMXN"])
def test_against_anything_else_they_settle_after_two(symbol: str) -> None:
    assert value(symbol, "2026-01-19") == "2026-01-21"


@pytest.mark.requirement("R12")
def test_gold_settles_after_two_days_that_are_good_in_london() -> None:
    assert value("XAUUSD", "2026-01-05") == "2026-01-07"
    assert value("XAUUSD", "2026-08-28") == "2026-09-02"  # the late summer bank holiday
    assert value("XAUUSD", "2026-11-24") == "2026-11-27"  # Thanksgiving in New York
    assert value("XAUJPY", "2026-04-30") == "2026-05-07"  # Golden Week


PAIRS = st.permutations(sorted(CURRENCIES)).map(lambda names: names[0] + names[1])
TIMES = st.integers(0, 14 * 365 * 24 * 60).map(
    lambda minutes: datetime(2019, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


@settings(max_examples=200, deadline=None)
@given(PAIRS, TIMES, st.sampled_from(["0", "W1", "M1", "M6", "Y1"]))
def test_whichever_way_round_a_pair_settles_on_the_same_working_day(
    symbol: str, time: datetime, settl_type: str
) -> None:
    settles = value_date(symbol, settl_type, time)
    assert settles > trade_date(time)
    assert settles.weekday() < 5
    assert settles == value_date(symbol[3:] + symbol[:3], settl_type, time)


@settings(max_examples=200, deadline=None)
@given(PAIRS, TIMES, st.integers(0, 10))
def test_a_later_deal_never_settles_earlier(symbol: str, time: datetime, days: int) -> None:
    assert value_date(symbol, "0", time) <= value_date(symbol, "0", time + timedelta(days=days))


# Tenors


@pytest.mark.parametrize(
    ("settl_type", "settles"),
    [
        ("0", "2026-01-07"),
        ("W1", "2026-01-14"),
        ("W2", "2026-01-21"),
        ("W3", "2026-01-28"),
        ("M1", "2026-02-09"),  # the 7th is a Saturday
        ("M6", "2026-07-07"),
        ("M12", "2027-01-07"),
        ("Y1", "2027-01-07"),
        ("Y2", "2028-01-07"),
    ],
)
def test_a_tenor_counts_from_spot(settl_type: str, settles: str) -> None:
    assert value("EURUSD", "2026-01-05", settl_type) == settles


def test_a_tenor_that_falls_on_a_holiday_of_either_side_or_new_york_goes_to_the_next_day() -> None:
    assert value("EURGBP", "2026-10-22", "M1") == "2026-11-27"  # Thanksgiving
    assert value("EURGBP", "2026-11-23", "M1") == "2026-12-29"  # Christmas to Boxing Day


def test_a_tenor_does_not_go_on_into_another_month() -> None:
    assert value("EURUSD", "2026-07-28", "M1") == "2026-08-31"  # the 30th is a Sunday
    assert value("GBPUSD", "2026-07-28", "M1") == "2026-08-28"  # and the 31st a bank holiday
    assert value("EURUSD", "2026-01-27", "M1") == "2026-02-27"  # there is no 29th


def test_from_the_last_business_day_of_a_month_a_tenor_leads_to_the_last_of_another() -> None:
    assert value("EURUSD", "2026-01-28") == "2026-01-30"
    assert value("EURUSD", "2026-01-28", "M1") == "2026-02-27"
    assert value("EURUSD", "2026-01-28", "M2") == "2026-03-31"
    assert value("EURUSD", "2026-02-25", "M1") == "2026-03-31"
    assert value("EURUSD", "2026-02-25", "Y2") == "2028-02-29"


@pytest.mark.parametrize("settl_type", ["", "1", "6", "B", "W0", "W4", "M0", "M01", "M13", "Y3", "m1", "D5"])
def test_other_tenors_are_refused(settl_type: str) -> None:
    with pytest.raises(UnknownTenor, match="expected 0 for spot"):
        value("EURUSD", "2026-01-05", settl_type)


def test_what_is_not_dealt_in_has_no_value_date() -> None:
    with pytest.raises(UnknownSubject):
        value("EURXYZ", "2026-01-05")


# Bonds


@pytest.mark.requirement("R12")
@pytest.mark.parametrize(
    ("symbol", "traded", "settles"),
    [
        (TREASURY, "2026-01-05", "2026-01-06"),
        (TREASURY, "2026-01-09", "2026-01-12"),
        (TREASURY, "2026-11-10", "2026-11-12"),  # Veterans Day
        (BUND, "2026-01-05", "2026-01-07"),
        (BUND, "2026-04-01", "2026-04-07"),  # Easter
        (BUND, "2026-11-25", "2026-11-27"),  # Thanksgiving is a business day in Frankfurt
    ],
)
def test_a_treasury_settles_on_the_next_business_day_and_a_bund_on_the_second(
    symbol: str, traded: str, settles: str
) -> None:
    assert value(symbol, traded) == settles


def test_a_bond_has_no_tenors() -> None:
    with pytest.raises(UnknownTenor, match="a bond settles regularly"):
        value(BUND, "2026-01-05", "M1")


def test_a_bond_is_not_dealt_in_once_it_would_settle_after_it_matures() -> None:
    assert value(TREASURY, "2031-05-29") == "2031-05-30"
    with pytest.raises(UnknownTenor, match="cannot be delivered on 2031-06-02"):
        value(TREASURY, "2031-05-30")


@pytest.mark.requirement("R12")
@pytest.mark.parametrize(
    ("isin", "day", "published"),
    [
        # Borsa Italiana for trades of 2025-12-19, and onvista for trades of 2025-09-12.
        (TREASURY, "2025-12-23", "0.29224"),
        (BUND, "2025-09-16", "1.284"),
    ],
)
def test_accrued_interest_is_what_markets_publish(isin: str, day: str, published: str) -> None:
    accrued = accrued_interest(BONDS[isin], date.fromisoformat(day))
    assert accrued.quantize(Decimal(published)) == Decimal(published)


@pytest.mark.parametrize(
    ("isin", "day", "part", "days", "of"),
    [
        (LONG_TREASURY, "2026-01-06", "2.125", 52, 181),  # 15 November to 15 May
        (LONG_TREASURY, "2028-02-29", "2.125", 106, 182),  # in a leap year
        (LONG_TREASURY, "2026-05-14", "2.125", 180, 181),
        (LONG_TREASURY, "2026-05-15", "2.125", 0, 184),
        (TREASURY, "2026-05-30", "2.3125", 181, 182),  # the last day of November to that of May
        (TREASURY, "2026-05-31", "2.3125", 0, 183),
        (TREASURY, "2026-11-29", "2.3125", 182, 183),
        (TREASURY, "2026-11-30", "2.3125", 0, 182),
        (BUND, "2026-02-14", "2.2", 364, 365),
        (BUND, "2028-02-29", "2.2", 14, 366),
        (BUND, "2034-02-14", "2.2", 364, 365),  # the day before it matures
    ],
)
def test_interest_accrues_by_the_days_of_its_period(
    isin: str, day: str, part: str, days: int, of: int
) -> None:
    assert accrued_interest(BONDS[isin], date.fromisoformat(day)) == Decimal(part) * days / of


@pytest.mark.parametrize("day", ["2025-02-14", "2034-02-15"])
def test_nothing_is_said_of_interest_before_periods_are_regular_or_after_they_end(day: str) -> None:
    with pytest.raises(ValueError, match="regular periods only"):
        accrued_interest(BONDS[BUND], date.fromisoformat(day))


# The page on value dates


def table(heading: str) -> list[list[str]]:
    """The cells of the table under a heading of the page, without its own heading."""
    section = PAGE.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in row] for row in rows[2:]]


def test_the_pages_examples_are_what_comes_out() -> None:
    examples = table("Examples")
    assert len(examples) > 10
    for symbol, traded, settl_type, settles, _ in examples:
        assert (symbol, traded, value(symbol, traded, settl_type)) == (symbol, traded, settles)


def test_every_currency_has_a_calendar_and_the_page_names_it() -> None:
    assert set(CALENDARS) == set(CURRENCIES)
    named = {currency: row[0] for row in table("Calendars") for currency in row[1].split(", ")}
    assert named == {currency: str(calendar) for currency, calendar in CALENDARS.items()}


def test_the_page_lists_every_bond_as_it_is() -> None:
    assert table("Subjects") == [
        [
            bond.isin,
            bond.name,
            str(bond.frequency),
            f"{bond.denomination} {bond.currency}",
            f"T+{bond.settlement_days}, `{bond.calendar}",
        ]
        for bond in BONDS.values()
    ]


def test_every_calendar_has_holidays_of_every_year_that_a_deal_may_reach() -> None:
    for year in range(2025, 2031):
        for currency in CALENDARS:
            closed = [
                day
                for day in (date(year, 1, 1) + timedelta(days=n) for n in range(365))
                if not is_business_day(currency, day)
            ]
            assert len(closed) > 104, f"{currency} has no holidays in {year}"
