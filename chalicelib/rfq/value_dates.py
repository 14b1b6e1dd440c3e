"""When a deal settles, and what a bond has accrued by then (pure).

The rules and the calendars are described in docs/value-dates.md. The holidays are those of the
`holidays` library: estimates for years that have not been announced, and no calendar of any bank.
"""

from calendar import monthrange
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from zoneinfo import ZoneInfo

from ..records.instruments import Bond, Subject, parse_subject

SPOT = "0"

_NEW_YORK = ZoneInfo("America/New_York")
# The foreign exchange day ends at 17:00 in New York, all over the world.
_ROLL_HOUR = 17
_DAY = timedelta(days=1)
_WEEKEND = frozenset({5, 6})

# Against the dollar these settle on the next business day.
_NEXT_DAY = frozenset({"CAD", "TRY", "PHP", "RUB"})

# SettlType (63): months or weeks after spot.
_WEEKS: Mapping[str, int] = {f"W{count}": count for count in range(1, 4)}
_MONTHS: Mapping[str, int] = {**{f"M{count}": count for count in range(1, 13)}, "Y1": 12, "Y2": 24}

_IsGood = Callable[[date], bool]


class UnknownTenor(ValueError):
    """Not a tenor for which this subject is dealt in."""


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """A calendar of the holidays library: a country's (ISO 3166) or, with four letters, a market's."""

    code: str
    subdivision: str | None = None
    categories: tuple[str, ...] = ("public",)

    def __str__(self) -> str:
        others = "".join(f" + {category}" for category in self.categories if category != "public")
        return f"{self.code}{'-' + self.subdivision if self.subdivision else ''}{others}"


# Where a currency is paid, and where a metal is delivered.
CALENDARS: Mapping[str, Calendar] = {
    "USD": Calendar(code="XFED"),
    "EUR": Calendar(code="XECB"),
    "GBP": Calendar(code="GB", subdivision="ENG"),
    "JPY": Calendar(code="JP", categories=("public", "bank")),
    "CHF": Calendar(code="XSWX"),
    "AUD": Calendar(code="AU", subdivision="NSW", categories=("public", "bank")),
    "NZD": Calendar(code="NZ"),
    "CAD": Calendar(code="CA", subdivision="ON", categories=("public", "government")),
    "DKK": Calendar(code="DK", categories=("public", "optional")),
    "SEK": Calendar(code="SE", categories=("public", "de_facto")),
    "NOK": Calendar(code="NO"),
    "ISK": Calendar(code="IS"),
    "CZK": Calendar(code="CZ"),
    "PLN": Calendar(code="PL"),
    "HUF": Calendar(code="HU"),
    "RON": Calendar(code="RO"),
    "TRY": Calendar(code="TR"),
    "RUB": Calendar(code="RU"),
    "ILS": Calendar(code="IL"),
    "SAR": Calendar(code="SA"),
    "AED": Calendar(code="AE"),
    "ZAR": Calendar(code="ZA"),
    "BRL": Calendar(code="BVMF"),
    "MXN": Calendar(code="XMEX"),
    "CLP": Calendar(code="CL", categories=("public", "bank")),
    "COP": Calendar(code="CO"),
    "CNY": Calendar(code="CN"),
    "HKD": Calendar(code="HK"),
    "TWD": Calendar(code="TW"),
    "KRW": Calendar(code="KR", categories=("public", "bank")),
    "SGD": Calendar(code="SG"),
    "MYR": Calendar(code="MY", subdivision="14"),
    "THB": Calendar(code="TH"),
    "PHP": Calendar(code="PH"),
    "IDR": Calendar(code="ID"),
    "INR": Calendar(code="XNSE"),
    # Delivered in London.
    **dict.fromkeys(("XAU", "XAG", "XPT", "XPD"), Calendar(code="GB", subdivision="ENG")),
}


def trade_date(time: datetime) -> date:
    """The day a deal made at a time belongs to: it ends at 17:00 in New York, Friday's with the weekend's."""
    local = time.astimezone(_NEW_YORK)
    day = local.date() + _DAY if local.hour >= _ROLL_HOUR else local.date()
    return _following(day, lambda day: day.weekday() not in _WEEKEND)


def day_end(time: datetime) -> datetime:
    """When the foreign exchange day that a time belongs to is over."""
    day = trade_date(time)
    return datetime(day.year, day.month, day.day, _ROLL_HOUR, tzinfo=_NEW_YORK).astimezone(UTC)


def value_date(symbol: str, settl_type: str, time: datetime) -> date:
    """When a deal made at a time settles; UnknownTenor, and UnknownSubject for what is not dealt in."""
    subject = parse_subject(symbol)
    if subject.bond is not None:
        return _bond_value_date(subject.bond, settl_type, time)
    is_good = _all_good("USD", subject.base, subject.quote)
    spot = _spot_date(subject, trade_date(time), is_good)
    if settl_type == SPOT:
        return spot
    if settl_type in _WEEKS:
        return _modified_following(spot + 7 * _WEEKS[settl_type] * _DAY, is_good)
    if settl_type in _MONTHS:
        return _months_after(spot, _MONTHS[settl_type], is_good)
    raise UnknownTenor(
        f"expected 0 for spot, W1 to W3, M1 to M12, Y1 or Y2 as SettlType, found {settl_type[:16]!r}"
    )


def accrued_interest(bond: Bond, value_date: date) -> Decimal:
    """The interest that a bond has accrued by a date, per 100 nominal, by ACT/ACT (ICMA).

    The coupon's part of that day: days since the last payment over days of the period times payments
    a year. ValueError before its periods are regular, and from its maturity on.
    """
    if not is_outstanding(bond, value_date):
        raise ValueError(f"{bond.isin} accrues by regular periods only, and not on {value_date}")
    start, end = _coupon_period(bond, value_date)
    return bond.coupon * (value_date - start).days / ((end - start).days * bond.frequency)


def is_outstanding(bond: Bond, day: date) -> bool:
    """Whether a bond can be delivered on a day."""
    return bond.regular_since <= day < bond.maturity


# Spot


def _spot_date(subject: Subject, traded: date, is_good: _IsGood) -> date:
    """The spot date of a pair: good in both currencies and in New York.

    The day between counts as a business day though New York is closed, unless the other currency is.
    """
    day = traded
    if not _settles_next_day(subject):
        others = [currency for currency in (subject.base, subject.quote) if currency != "USD"]
        day = _following(day + _DAY, _all_good(*others))
    return _following(day + _DAY, is_good)


def _settles_next_day(subject: Subject) -> bool:
    return any({subject.base, subject.quote} == {"USD", currency} for currency in _NEXT_DAY)


# Tenors


def _months_after(spot: date, months: int, is_good: _IsGood) -> date:
    """The same day of a later month, or its last business day if the spot date is one (end of month)."""
    year, month = divmod(spot.year * 12 + spot.month - 1 + months, 12)
    month += 1
    length = monthrange(year, month)[1]
    if _following(spot + _DAY, is_good).month != spot.month:
        return _preceding(date(year, month, length), is_good)
    return _modified_following(date(year, month, min(spot.day, length)), is_good)


def _modified_following(day: date, is_good: _IsGood) -> date:
    """The next business day, or the last before it if that is in another month."""
    following = _following(day, is_good)
    return following if following.month == day.month else _preceding(day, is_good)


def _following(day: date, is_good: _IsGood) -> date:
    while not is_good(day):
        day += _DAY
    return day


def _preceding(day: date, is_good: _IsGood) -> date:
    while not is_good(day):
        day -= _DAY
    return day


# Bonds


def _bond_value_date(bond: Bond, settl_type: str, time: datetime) -> date:
    if settl_type != SPOT:
        raise UnknownTenor(f"a bond settles regularly, SettlType 0, found {settl_type[:16]!r}")
    calendar = Calendar(code=bond.calendar)
    day = trade_date(time)
    for _ in range(bond.settlement_days):
        day = _following(day + _DAY, lambda day: _is_open(calendar, day))
    if not is_outstanding(bond, day):
        raise UnknownTenor(f"{bond.name} cannot be delivered on {day}, when it would settle")
    return day


def _coupon_period(bond: Bond, day: date) -> tuple[date, date]:
    """The coupon dates before (or on) and after a day, counted back from the maturity."""
    months = 12 // bond.frequency
    count = 0
    end = bond.maturity
    while (start := _months_before(bond.maturity, count + months)) > day:
        count += months
        end = start
    return start, end


def _months_before(maturity: date, months: int) -> date:
    """A coupon date: the day of the month that the maturity has, at the end of a month the last one."""
    year, month = divmod(maturity.year * 12 + maturity.month - 1 - months, 12)
    length = monthrange(year, month + 1)[1]
    is_end = maturity.day == monthrange(maturity.year, maturity.month)[1]
    return date(year, month + 1, length if is_end else min(maturity.day, length))


# Calendars


def is_business_day(currency: str, day: date) -> bool:
    """Whether a currency can be paid, or a metal delivered, on a day."""
    return _is_open(CALENDARS[currency], day)


def _all_good(*currencies: str) -> _IsGood:
    names = tuple(dict.fromkeys(currencies))
    return lambda day: all(is_business_day(currency, day) for currency in names)


def _is_open(calendar: Calendar, day: date) -> bool:
    """Whether banks are: never on Saturdays and Sundays, whatever weekend the country keeps besides."""
    if day.weekday() in _WEEKEND:
        return False
    closed, weekend = _closures(calendar, day.year)
    return day.weekday() not in weekend and day not in closed


@cache
def _closures(calendar: Calendar, year: int) -> tuple[frozenset[date], frozenset[int]]:
    """A year's holidays, and the weekdays that are free. Whole and fixed: the library's fill when asked."""
    # Imported by whoever dates a deal, and nobody else's function has to load it.
    from holidays import HolidayBase, country_holidays, financial_holidays

    found: HolidayBase
    if len(calendar.code) == 4:
        found = financial_holidays(calendar.code, years=year)
    else:
        found = country_holidays(
            calendar.code, subdiv=calendar.subdivision, years=year, categories=calendar.categories
        )
    return _in_year(found, year), frozenset(found.weekend)


def _in_year(days: Iterable[date], year: int) -> frozenset[date]:
    return frozenset(day for day in days if day.year == year)
