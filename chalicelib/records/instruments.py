"""What may be traded, and in which steps.

Shares are ordered on the exchange. What is negotiated between banks is a *subject*: a pair of
currencies or of a metal and a currency, as EURUSD or XAUUSD, or a bond by its ISIN.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum
from functools import lru_cache

from .record import Record
from .times import format_time


@dataclass(frozen=True, kw_only=True)
class InstrumentClass:
    """The steps and limits that instruments of one kind share.

    Quantities are multiples of `lot`, prices of `tick` in `currency`; `settlement_days` counts
    business days of `calendar` (an ISO 10383 market code) from trade to settlement.
    """

    lot: Decimal
    tick: Decimal
    order_qty_max: Decimal
    price_max: Decimal
    currency: str
    calendar: str
    settlement_days: int


# Settled on the day after the trade: SEC rule 15c6-1, since 2024-05-28.
EQUITY = InstrumentClass(
    lot=Decimal(1),
    tick=Decimal("0.01"),
    order_qty_max=Decimal(1_000_000_000),
    price_max=Decimal(10_000_000),
    currency="USD",
    calendar="XNYS",
    settlement_days=1,
)


class InstrumentKind(StrEnum):
    """What an instrument is, and so how it is ordered and priced."""

    EQUITY = "equity"
    FUND = "fund"
    CURRENCIES = "currencies"


class Instrument(Record):
    """An instrument as the firm lists it, for every utility to go by; a later record replaces an earlier."""

    symbol: str
    name: str
    kind: InstrumentKind
    lot: Decimal
    tick: Decimal
    order_qty_max: Decimal
    price_max: Decimal
    currency: str
    calendar: str
    settlement_days: int

    @property
    def partition_key(self) -> str:
        return instrument_key(self.symbol)

    @property
    def sort_key(self) -> str:
        return format_time(self.transact_time)

    @property
    def rules(self) -> InstrumentClass:
        """The steps and limits alone."""
        return InstrumentClass(
            lot=self.lot,
            tick=self.tick,
            order_qty_max=self.order_qty_max,
            price_max=self.price_max,
            currency=self.currency,
            calendar=self.calendar,
            settlement_days=self.settlement_days,
        )


def instrument_key(symbol: str) -> str:
    """The partition of what the firm has said of an instrument."""
    return f"instrument#{symbol}"


# Currencies, metals and bonds

METALS = frozenset({"XAU", "XAG", "XPT", "XPD"})

# How many decimals an amount has: ISO 4217's minor units; of an ounce of metal three. There has been no
# part of a forint since 1999, though ISO lists two decimals.
CURRENCIES: Mapping[str, int] = {
    **dict.fromkeys(
        (
            *("EUR", "USD", "GBP", "CHF", "AUD", "NZD", "CAD", "DKK", "SEK", "NOK", "CZK", "PLN", "RON"),
            *("TRY", "BRL", "CNY", "HKD", "IDR", "ILS", "INR", "MXN", "MYR", "PHP", "SGD", "THB", "ZAR"),
            *("RUB", "SAR", "AED", "TWD", "COP"),
        ),
        2,
    ),
    **dict.fromkeys(("JPY", "KRW", "HUF", "ISK", "CLP"), 0),
    **dict.fromkeys(METALS, 3),
}

QUANTITY_MAX = Decimal(100_000_000_000)
PRICE_MAX = Decimal(1_000_000_000)
PRICE_DECIMALS_MAX = 10

_PER_NOMINAL = Decimal(100)
# The largest amount and price multiply to 33 digits, more than a Decimal keeps unless told to.
_EXACT = Context(prec=50, rounding=ROUND_HALF_EVEN)


class UnknownSubject(ValueError):
    """Nothing that is negotiated here."""


class WrongQuantity(ValueError):
    """Not an amount of this subject that can be dealt in."""


class WrongPrice(ValueError):
    """Not a price at which this subject can be dealt in."""


class SubjectKind(StrEnum):
    """What a subject is."""

    CURRENCIES = "currencies"
    METAL = "metal"
    BOND = "bond"


@dataclass(frozen=True, kw_only=True)
class Bond:
    """A bond that pays interest in equal parts, by ACT/ACT (ICMA).

    `coupon` is in percent a year, paid `frequency` times, the last time at `maturity`; the parts are
    equal from `regular_since` on. It settles `settlement_days` business days of `calendar` (a market
    code of the holidays library) after the trade.
    """

    isin: str
    name: str
    coupon: Decimal
    frequency: int
    maturity: date
    regular_since: date
    currency: str
    denomination: Decimal
    calendar: str
    settlement_days: int


def _treasury(isin: str, coupon: str, maturity: date, regular_since: date) -> Bond:
    return Bond(
        isin=isin,
        name=f"US Treasury {coupon}% {maturity}",
        coupon=Decimal(coupon),
        frequency=2,
        maturity=maturity,
        regular_since=regular_since,
        currency="USD",
        denomination=Decimal(100),
        calendar="XSIF",
        settlement_days=1,
    )


def _bund(isin: str, coupon: str, maturity: date, regular_since: date) -> Bond:
    return Bond(
        isin=isin,
        name=f"Bundesanleihe {coupon}% {maturity}",
        coupon=Decimal(coupon),
        frequency=1,
        maturity=maturity,
        regular_since=regular_since,
        currency="EUR",
        denomination=Decimal("0.01"),
        calendar="XECB",
        settlement_days=2,
    )


# As their issuers published them.
BONDS: Mapping[str, Bond] = {
    bond.isin: bond
    for bond in (
        _treasury("US91282CKU44", "4.625", date(2031, 5, 31), date(2024, 5, 31)),
        _treasury("US912810QL52", "4.25", date(2040, 11, 15), date(2010, 11, 15)),
        _bund("DE000BU2Z023", "2.2", date(2034, 2, 15), date(2025, 2, 15)),
    )
}


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What two principals negotiate, as it was asked for.

    `key` is the same for EURUSD and USDEUR. A quantity is of `base` - a currency, ounces of a metal,
    the nominal of a bond - in multiples of `lot`; a price is in `quote`, of one unit of `base`, of a
    bond of 100 nominal and without accrued interest (clean).
    """

    symbol: str
    key: str
    kind: SubjectKind
    base: str
    quote: str
    lot: Decimal
    bond: Bond | None = None


@lru_cache(maxsize=1024)
def parse_subject(symbol: str) -> Subject:
    """What a symbol stands for; UnknownSubject says what is wrong with it."""
    if len(symbol) == 12:
        return _bond_subject(symbol)
    if len(symbol) != 6:
        raise UnknownSubject(
            f"expected two currencies such as EURUSD, or the ISIN of a bond, found {symbol[:32]!r}"
        )
    base, quote = symbol[:3], symbol[3:]
    for currency in (base, quote):
        if currency not in CURRENCIES:
            raise UnknownSubject(f"{symbol!r}: {currency!r} is no currency or metal that is dealt in here")
    if base == quote:
        raise UnknownSubject(f"{symbol!r}: expected two different currencies")
    # Alphabetical, so that it does not change when a currency is added to a list.
    first, second = sorted((base, quote))
    return Subject(
        symbol=symbol,
        key=first + second,
        kind=SubjectKind.METAL if METALS & {base, quote} else SubjectKind.CURRENCIES,
        base=base,
        quote=quote,
        lot=_minor_unit(base),
    )


def subject_key(symbol: str) -> str:
    """The name that a subject has whichever way round it was asked for; UnknownSubject."""
    return parse_subject(symbol).key


def find_subject(symbol: str) -> Subject | None:
    """What a symbol stands for, or None where it is a share's."""
    try:
        return parse_subject(symbol)
    except UnknownSubject:
        return None


def check_quantity(subject: Subject, quantity: Decimal) -> None:
    """WrongQuantity unless this much of the subject can be dealt in."""
    if not 0 < quantity <= QUANTITY_MAX:
        raise WrongQuantity(f"expected more than 0 and at most {QUANTITY_MAX:f}, found {_shown(quantity)}")
    if _EXACT.remainder(quantity, subject.lot):
        raise WrongQuantity(
            f"expected a multiple of {subject.lot:f} of {subject.base}, found {_shown(quantity)}"
        )


def check_price(subject: Subject, price: Decimal) -> None:
    """WrongPrice unless the subject can be dealt in at this price."""
    if not 0 < price <= PRICE_MAX:
        raise WrongPrice(
            f"{subject.symbol}: expected more than 0 and at most {PRICE_MAX:f}, found {_shown(price)}"
        )
    exponent = price.as_tuple().exponent
    if isinstance(exponent, int) and -exponent > PRICE_DECIMALS_MAX:
        raise WrongPrice(
            f"{subject.symbol}: expected at most {PRICE_DECIMALS_MAX} decimals, found {_shown(price)}"
        )


def money_of(subject: Subject, quantity: Decimal, price: Decimal) -> Decimal:
    """What a quantity costs in the quote currency, to its minor unit; of a bond without accrued interest.

    Rounded half to even, so that both parties of a deal come to the same.
    """
    amount = _EXACT.multiply(quantity, price)
    if subject.bond is not None:
        amount = _EXACT.divide(amount, _PER_NOMINAL)
    return amount.quantize(_minor_unit(subject.quote), context=_EXACT)


def accrued_of(subject: Subject, quantity: Decimal, accrued_interest: Decimal) -> Decimal:
    """What a nominal has accrued, of an interest per 100 nominal, to the currency's minor unit."""
    amount = _EXACT.divide(_EXACT.multiply(quantity, accrued_interest), _PER_NOMINAL)
    return amount.quantize(_minor_unit(subject.quote), context=_EXACT)


def is_isin(text: str) -> bool:
    """Whether a text is an ISIN by its form and its check digit (ISO 6166)."""
    if len(text) != 12 or not (text.isascii() and text.isalnum() and text.isupper() and text[-1].isdigit()):
        return False
    digits = "".join(str(int(character, 36)) for character in text)
    # Luhn: every second digit from the right counts double, with its own digits added up.
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(sum(divmod(number, 10)) for number in doubled) % 10 == 0


def _bond_subject(symbol: str) -> Subject:
    if not is_isin(symbol):
        raise UnknownSubject(f"{symbol!r} is no ISIN: its check digit or its form is wrong")
    bond = BONDS.get(symbol)
    if bond is None:
        raise UnknownSubject(f"bond {symbol} is not dealt in here")
    return Subject(
        symbol=symbol,
        key=symbol,
        kind=SubjectKind.BOND,
        base=symbol,
        quote=bond.currency,
        lot=bond.denomination,
        bond=bond,
    )


def _minor_unit(currency: str) -> Decimal:
    return Decimal(1).scaleb(-CURRENCIES[currency])


def _shown(value: Decimal) -> str:
    return f"{value:f}"[:64]
