"""When a trade settles."""

from datetime import date, timedelta
from functools import cache

from .instruments import InstrumentClass

_DAY = timedelta(days=1)


def settlement_date(trade_date: date, instrument: InstrumentClass) -> date:
    """The business day of the instrument's calendar on which a trade of that date settles."""
    day = trade_date
    left = instrument.settlement_days
    while left > 0 or not _is_business_day(day, instrument.calendar):
        day += _DAY
        if _is_business_day(day, instrument.calendar):
            left -= 1
    return day


def is_calendar(code: str) -> bool:
    """Whether there is a calendar of that market code."""
    # Imported by whoever settles, and nobody else's function has to load it.
    from holidays import list_supported_financial

    return code in list_supported_financial()


def _is_business_day(day: date, calendar: str) -> bool:
    return day.weekday() < 5 and day not in _closures(calendar, day.year)


@cache
def _closures(calendar: str, year: int) -> frozenset[date]:
    """A year's holidays. Whole and fixed, for threads share them: the library's fill when asked."""
    from holidays import financial_holidays

    return frozenset(day for day in financial_holidays(calendar, years=year) if day.year == year)
