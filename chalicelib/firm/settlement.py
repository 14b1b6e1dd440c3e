"""When a trade settles."""

from collections.abc import Container
from datetime import date, timedelta
from functools import cache

from ..records.instruments import InstrumentClass


def settlement_date(trade_date: date, instrument: InstrumentClass) -> date:
    """The business day of the instrument's calendar on which a trade of that date settles."""
    holidays = _calendar(instrument.calendar)
    day = trade_date
    left = instrument.settlement_days
    while left > 0 or not _is_business_day(day, holidays):
        day += timedelta(days=1)
        if _is_business_day(day, holidays):
            left -= 1
    return day


def _is_business_day(day: date, holidays: Container[date]) -> bool:
    return day.weekday() < 5 and day not in holidays


@cache
def _calendar(code: str) -> Container[date]:
    # Imported by whoever settles, and nobody else's function has to load it.
    from holidays import financial_holidays

    return financial_holidays(code)
