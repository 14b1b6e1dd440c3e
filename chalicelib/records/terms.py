"""What an order may ask for: which fields belong together, and an instrument's steps and limits (pure).

Looked at where an order is taken, by what has arrived there, and again where it is executed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from .fix import BuySell, OrdRejReason, OrdType, TimeInForce
from .instruments import EQUITY, QUANTITY_MAX, Instrument, InstrumentClass, InstrumentKind, find_subject
from .orders import Terms

QUANTITIES = ("order_qty", "cash_order_qty", "order_percent")

PRICED = (OrdType.LIMIT, OrdType.STOP_LIMIT)
STOPS = (OrdType.STOP, OrdType.STOP_LIMIT)
AT_ONCE = (TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL)

# How far ahead an order may be good: brokers commonly end them after 90 days.
GOOD_FOR_MAX = timedelta(days=90)

_CENT = Decimal("0.01")
_PIP_PART = Decimal("0.00001")
_CASH_MAX = Decimal(1_000_000_000_000)
_HUNDRED = Decimal(100)


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """A field that is wrong, or, if it `is_missing`, not there; by its FIX name, with FIX's reason."""

    field: str
    text: str
    reason: OrdRejReason = OrdRejReason.UNSUPPORTED_ORDER_CHARACTERISTIC
    is_missing: bool = False


def wrong_terms(terms: Terms, instrument: Instrument | None, now: datetime) -> Wrong | None:
    """The first thing wrong with an order's terms, None if it may have them.

    Until a listing has arrived the rules for shares hold, or those of its currencies.
    """
    return next(_wrong(terms, instrument, now), None)


def wrong_quantities(named: list[str]) -> Wrong | None:
    """What is wrong with how an order says how much, if it says it by these fields of Terms."""
    if not named:
        return _missing("OrderQty", "OrderQty is required, or CashOrderQty or OrderPercent")
    if len(named) > 1:
        text = "expected one of OrderQty, CashOrderQty and OrderPercent, found more"
        return Wrong(field="OrderQty", text=text)
    return None


def wrong_step(field: str, value: Decimal, step: Decimal, most: Decimal) -> Wrong | None:
    """What is wrong with a quantity or a price that has steps and a limit."""
    is_price = field in ("Price", "StopPx")
    reason = OrdRejReason.INVALID_PRICE_INCREMENT if is_price else OrdRejReason.INCORRECT_QUANTITY
    if not 0 < value <= most:
        text = f"expected more than 0 and at most {most:f}, found {value:f}"
        return Wrong(field=field, text=text, reason=reason)
    if value % step:
        text = f"expected a multiple of {step:f}, found {value:f}"
        return Wrong(field=field, text=text, reason=reason)
    return None


def _wrong(terms: Terms, instrument: Instrument | None, now: datetime) -> Iterator[Wrong]:
    wrong = wrong_quantities([name for name in QUANTITIES if getattr(terms, name) is not None])
    if wrong is not None:
        yield wrong
    yield from _wrong_prices(terms)
    yield from _wrong_times(terms, now)
    yield from _wrong_steps(terms, instrument.rules if instrument is not None else _unlisted(terms.symbol))
    if instrument is not None:
        yield from _wrong_for_kind(terms, instrument.kind)


def _wrong_prices(terms: Terms) -> Iterator[Wrong]:
    """Price and StopPx are there if the type of order has them, and only then."""
    name = terms.ord_type.name.lower().replace("_", " ")
    for field, value, belongs in (
        ("Price", terms.price, terms.ord_type in PRICED),
        ("StopPx", terms.stop_px, terms.ord_type in STOPS),
    ):
        if belongs and value is None:
            yield _missing(field, f"a {name} order needs its {field}")
        if value is not None and not belongs:
            yield Wrong(field=field, text=f"a {name} order has no {field}")


def _wrong_times(terms: Terms, now: datetime) -> Iterator[Wrong]:
    ends, dated = terms.expire_time, terms.time_in_force is TimeInForce.GOOD_TILL_DATE
    if dated and ends is None:
        yield _missing("ExpireTime", "an order good till a date needs its ExpireTime or ExpireDate")
    if ends is not None and not dated:
        yield Wrong(
            field="ExpireTime", text="only an order good till a date (TimeInForce 6) has an ExpireTime"
        )
    if ends is not None and not now < ends <= now + GOOD_FOR_MAX:
        yield Wrong(
            field="ExpireTime",
            text=f"expected a time after {now:%Y%m%d-%H:%M:%S} and at most {GOOD_FOR_MAX.days} days later, "
            f"found {ends:%Y%m%d-%H:%M:%S}",
            reason=OrdRejReason.TOO_LATE_TO_ENTER if ends <= now else OrdRejReason.OTHER,
        )
    if terms.ord_type in STOPS and terms.time_in_force in AT_ONCE:
        yield Wrong(field="TimeInForce", text="an order that waits for its stop price cannot be done at once")


def _wrong_steps(terms: Terms, rules: InstrumentClass) -> Iterator[Wrong]:
    for field, value, step, most in (
        ("OrderQty", terms.order_qty, rules.lot, rules.order_qty_max),
        ("CashOrderQty", terms.cash_order_qty, _CENT, _CASH_MAX),
        ("OrderPercent", terms.order_percent, _CENT, _HUNDRED),
        ("Price", terms.price, rules.tick, rules.price_max),
        ("StopPx", terms.stop_px, rules.tick, rules.price_max),
    ):
        wrong = wrong_step(field, value, step, most) if value is not None else None
        if wrong is not None:
            yield wrong


def _wrong_for_kind(terms: Terms, kind: InstrumentKind) -> Iterator[Wrong]:
    """What only some kinds of instrument can be asked for."""
    is_fund = kind is InstrumentKind.FUND
    if terms.order_percent is not None and not (is_fund and terms.side is BuySell.SELL):
        yield Wrong(field="OrderPercent", text="only a fund is redeemed by a percentage of what there is")
    if terms.cash_order_qty is not None and is_fund and terms.side is BuySell.SELL:
        yield Wrong(field="CashOrderQty", text="a fund is redeemed by OrderQty or OrderPercent")
    if is_fund and (terms.ord_type is not OrdType.MARKET or terms.time_in_force in AT_ONCE):
        yield Wrong(field="OrdType", text="a fund is dealt in at its net asset value: OrdType 1, not at once")
    if kind is InstrumentKind.CURRENCIES:
        if terms.cash_order_qty is not None:
            yield Wrong(field="CashOrderQty", text="a pair of currencies is ordered by OrderQty of its first")
        if terms.ord_type in STOPS:
            yield Wrong(field="OrdType", text="the dealing desk takes market and limit orders")


def _unlisted(symbol: str) -> InstrumentClass:
    subject = find_subject(symbol)
    if subject is None:
        return EQUITY
    return replace(EQUITY, lot=subject.lot, tick=_PIP_PART, order_qty_max=QUANTITY_MAX)


def _missing(field: str, text: str) -> Wrong:
    return Wrong(field=field, text=text, is_missing=True)
