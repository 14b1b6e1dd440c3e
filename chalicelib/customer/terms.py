"""What an order may ask for: which fields belong together, and an instrument's steps and limits (pure)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from ..records.fix import BuySell, OrdRejReason, OrdType, SessionRejectReason, TimeInForce
from ..records.instruments import (
    EQUITY,
    QUANTITY_MAX,
    Instrument,
    InstrumentClass,
    InstrumentKind,
    find_subject,
)
from ..records.orders import Terms
from ..records.record import fix_name
from ..refusals import Malformed, OrderRefused

_PRICED = (OrdType.LIMIT, OrdType.STOP_LIMIT)
_STOPS = (OrdType.STOP, OrdType.STOP_LIMIT)
_AT_ONCE = (TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL)
_QUANTITIES = ("order_qty", "cash_order_qty", "order_percent")

_CENT = Decimal("0.01")
_PIP_PART = Decimal("0.00001")
_CASH_MAX = Decimal(1_000_000_000_000)
_HUNDRED = Decimal(100)

# How far ahead an order may be good: brokers commonly end them after 90 days.
_GOOD_FOR_MAX = timedelta(days=90)


def check_terms(terms: Terms, instrument: Instrument | None, now: datetime) -> None:
    """Malformed or OrderRefused unless an order may have these terms.

    Until a listing has arrived the rules for shares hold, or those of its currencies: the street side
    knows more.
    """
    _check_one_quantity(terms)
    _check_prices(terms)
    _check_time_in_force(terms, now)
    _check_steps(terms, instrument.rules if instrument is not None else _unlisted(terms.symbol))
    if instrument is not None:
        _check_kind(terms, instrument)


def check_changes(
    changes: Mapping[str, Any], terms: Terms | None, instrument: Instrument | None, now: datetime
) -> None:
    """Malformed or OrderRefused unless an order with these terms, if they are known, may be changed so."""
    if not changes:
        raise _missing("OrderQty", "expected something to change: OrderQty, Price, StopPx, OrdType, ...")
    named = [name for name in _QUANTITIES if name in changes]
    if len(named) > 1:
        raise _unsupported("OrderQty", "expected one of OrderQty, CashOrderQty and OrderPercent")
    if terms is not None:
        check_terms(terms.replaced(**changes), instrument, now)
    for field, value in changes.items():
        if isinstance(value, Decimal) and value <= 0:
            _check_step(fix_name(field), value, _CENT, _CASH_MAX)


def _check_one_quantity(terms: Terms) -> None:
    given = [name for name in _QUANTITIES if getattr(terms, name) is not None]
    if not given:
        raise _missing("OrderQty", "OrderQty is required, or CashOrderQty or OrderPercent")
    if len(given) > 1:
        raise _unsupported("OrderQty", "expected one of OrderQty, CashOrderQty and OrderPercent, found more")


def _check_prices(terms: Terms) -> None:
    """Price and StopPx are there if the type of order has them, and only then."""
    for field, value, belongs in (
        ("Price", terms.price, terms.ord_type in _PRICED),
        ("StopPx", terms.stop_px, terms.ord_type in _STOPS),
    ):
        name = terms.ord_type.name.lower().replace("_", " ")
        if belongs and value is None:
            raise _missing(field, f"a {name} order needs its {field}")
        if value is not None and not belongs:
            raise _unsupported(field, f"a {name} order has no {field}")


def _check_time_in_force(terms: Terms, now: datetime) -> None:
    dated = terms.time_in_force is TimeInForce.GOOD_TILL_DATE
    if dated and terms.expire_time is None:
        raise _missing("ExpireTime", "an order good till a date needs its ExpireTime or ExpireDate")
    if terms.expire_time is not None and not dated:
        raise _unsupported("ExpireTime", "only an order good till a date (TimeInForce 6) has an ExpireTime")
    if terms.expire_time is not None and not now < terms.expire_time <= now + _GOOD_FOR_MAX:
        raise OrderRefused(
            f"expected a time after {now:%Y%m%d-%H:%M:%S} and at most {_GOOD_FOR_MAX.days} days later, "
            f"found {terms.expire_time:%Y%m%d-%H:%M:%S}",
            field="ExpireTime",
            reason=OrdRejReason.TOO_LATE_TO_ENTER if terms.expire_time <= now else OrdRejReason.OTHER,
        )
    if terms.ord_type in _STOPS and terms.time_in_force in _AT_ONCE:
        raise _unsupported("TimeInForce", "an order that waits for its stop price cannot be done at once")


def _check_steps(terms: Terms, rules: InstrumentClass) -> None:
    if terms.order_qty is not None:
        _check_step("OrderQty", terms.order_qty, rules.lot, rules.order_qty_max)
    if terms.cash_order_qty is not None:
        _check_step("CashOrderQty", terms.cash_order_qty, _CENT, _CASH_MAX)
    if terms.order_percent is not None:
        _check_step("OrderPercent", terms.order_percent, _CENT, _HUNDRED)
    if terms.price is not None:
        _check_step("Price", terms.price, rules.tick, rules.price_max)
    if terms.stop_px is not None:
        _check_step("StopPx", terms.stop_px, rules.tick, rules.price_max)


def _unlisted(symbol: str) -> InstrumentClass:
    subject = find_subject(symbol)
    if subject is None:
        return EQUITY
    return replace(EQUITY, lot=subject.lot, tick=_PIP_PART, order_qty_max=QUANTITY_MAX)


def _check_kind(terms: Terms, instrument: Instrument) -> None:
    """What only some kinds of instrument can be asked for."""
    is_fund = instrument.kind is InstrumentKind.FUND
    if terms.order_percent is not None and not (is_fund and terms.side is BuySell.SELL):
        raise _unsupported("OrderPercent", "only a fund is redeemed by a percentage of what there is")
    if terms.cash_order_qty is not None and is_fund and terms.side is BuySell.SELL:
        raise _unsupported("CashOrderQty", "a fund is redeemed by OrderQty or OrderPercent")
    if is_fund and (terms.ord_type is not OrdType.MARKET or terms.time_in_force in _AT_ONCE):
        raise _unsupported("OrdType", "a fund is dealt in at its net asset value: OrdType 1, not at once")
    if instrument.kind is InstrumentKind.CURRENCIES:
        if terms.cash_order_qty is not None:
            raise _unsupported("CashOrderQty", "a pair of currencies is ordered by OrderQty of its first")
        if terms.ord_type in _STOPS:
            raise _unsupported("OrdType", "the dealing desk takes market and limit orders")


def _check_step(field: str, value: Decimal, step: Decimal, most: Decimal) -> None:
    is_price = field in ("Price", "StopPx")
    reason = OrdRejReason.INVALID_PRICE_INCREMENT if is_price else OrdRejReason.INCORRECT_QUANTITY
    if not 0 < value <= most:
        raise OrderRefused(
            f"expected more than 0 and at most {most:f}, found {value:f}", field=field, reason=reason
        )
    if value % step:
        raise OrderRefused(f"expected a multiple of {step:f}, found {value:f}", field=field, reason=reason)


def _missing(field: str, detail: str) -> Malformed:
    return Malformed(detail, field=field, reason=SessionRejectReason.REQUIRED_TAG_MISSING)


def _unsupported(field: str, detail: str) -> OrderRefused:
    return OrderRefused(detail, field=field, reason=OrdRejReason.UNSUPPORTED_ORDER_CHARACTERISTIC)
