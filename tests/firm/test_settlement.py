"""When a trade settles: business days of the New York Stock Exchange."""

from dataclasses import replace
from datetime import date

import pytest

from chalicelib.firm.settlement import settlement_date
from chalicelib.records.instruments import EQUITY


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
