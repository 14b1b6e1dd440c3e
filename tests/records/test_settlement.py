"""When a trade settles: business days of the New York Stock Exchange."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from holidays import financial_holidays

from chalicelib.records.instruments import EQUITY
from chalicelib.records.settlement import is_calendar, settlement_date


@pytest.mark.requirement("T7")
@pytest.mark.parametrize(
    ("traded", "settles"),
    [
        ("2026-01-05", "2026-01-06"),  # Monday
        ("2026-01-09", "2026-01-12"),  # Friday, over a weekend
        ("2026-01-10", "2026-01-12"),  # Saturday
        ("2026-01-16", "2026-01-20"),  # Friday before Martin Luther King Day
        ("2026-04-02", "2026-04-06"),  # Thursday before Good Friday
        ("2026-07-02", "2026-07-06"),  # Independence Day, observed on Friday
        ("2026-11-25", "2026-11-27"),  # the day before Thanksgiving
        ("2026-12-24", "2026-12-28"),  # Christmas Eve
        ("2026-12-31", "2027-01-04"),  # New Year's Eve
    ],
)
def test_shares_settle_on_the_next_business_day(traded: str, settles: str) -> None:
    assert settlement_date(date.fromisoformat(traded), EQUITY) == date.fromisoformat(settles)


@pytest.mark.parametrize(
    ("days", "settles"), [(0, "2026-01-12"), (1, "2026-01-12"), (2, "2026-01-13"), (5, "2026-01-16")]
)
def test_settlement_counts_business_days_from_the_trade(days: int, settles: str) -> None:
    saturday = date(2026, 1, 10)
    assert settlement_date(saturday, replace(EQUITY, settlement_days=days)) == date.fromisoformat(settles)


def test_what_settles_at_once_settles_on_the_day_of_the_trade() -> None:
    assert settlement_date(date(2026, 1, 5), replace(EQUITY, settlement_days=0)) == date(2026, 1, 5)


def test_the_holidays_are_those_of_the_library_from_one_year_to_the_next() -> None:
    holidays = financial_holidays("XNYS", years=range(2024, 2032))
    at_once = replace(EQUITY, settlement_days=0)
    for day in (date(2025, 1, 1) + timedelta(days=n) for n in range(6 * 365)):
        is_open = day.weekday() < 5 and day not in holidays
        assert (settlement_date(day, at_once) == day) is is_open


@pytest.mark.parametrize(("code", "known"), [("XNYS", True), ("XFED", True), ("XXXX", False), ("US", False)])
def test_a_calendar_is_known_by_its_market_code(code: str, known: bool) -> None:
    assert is_calendar(code) is known
