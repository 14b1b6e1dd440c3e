"""What customers ask for: orders of every type and kind, and other terms for them."""

from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from chalicelib.records.fix import BuySell, OrdType, TimeInForce
from chalicelib.records.instruments import find_subject
from chalicelib.records.orders import Terms

from .world import FUND, PAIR, SHARE

# What nobody lists.
_UNLISTED = "ENRN"

_PRICED = (OrdType.LIMIT, OrdType.STOP_LIMIT)
_STOPS = (OrdType.STOP, OrdType.STOP_LIMIT)

_LOW, _HIGH = Decimal("0.50"), Decimal("99999.00")
# A price that the replay reaches sooner or later.
_REACHED = Decimal("575.00")

# Rates at which the house deals at once, and one that is reached on some days and by some banks' quotes.
_GENEROUS = {BuySell.BUY: Decimal("1.10"), BuySell.SELL: Decimal("1.05")}
_TIGHT = Decimal("1.0842")

# A limit at which an order rests for ever, and a stop price that is never reached.
_LIMIT_NEVER = {BuySell.BUY: _LOW, BuySell.SELL: _HIGH}
_STOP_NEVER = {BuySell.BUY: _HIGH, BuySell.SELL: _LOW}

_GOOD_FOR = (timedelta(minutes=2), timedelta(minutes=10), timedelta(days=3))


def draw_terms(symbol: str, account: str, cl_ord_id: str, now: datetime, random: Random) -> Terms:
    """The terms of some order of an instrument."""
    side = random.choice(list(BuySell))
    facts = _DRAWN[symbol](side, random)
    if symbol == SHARE and random.random() < 0.1:
        symbol = _UNLISTED
    terms = Terms(account=account, cl_ord_id=cl_ord_id, symbol=symbol, side=side, **facts)
    return terms.replaced(**_time_in_force(terms, now, random))


def draw_changes(terms: Terms, now: datetime, random: Random) -> dict[str, Any]:
    """Other terms for an order, as a replacement wishes them."""
    symbol = terms.symbol if terms.symbol in _DRAWN else SHARE
    wished = _DRAWN[symbol](terms.side, random)
    quantities = {name: wished[name] for name in _QUANTITIES if name in wished}
    match random.choice(("quantity", "quantity", "prices", "time", "all")):
        case "quantity":
            return quantities
        case "prices":
            return {name: value for name, value in wished.items() if name not in quantities}
        case "time":
            return _time_in_force(terms, now, random) or {"time_in_force": TimeInForce.DAY}
        case _:
            return wished


def is_out_of_reach(terms: Terms, is_triggered: bool) -> bool:
    """Whether an order with these terms may rest until it is canceled."""
    waits_for_stop = terms.stop_px == _STOP_NEVER[terms.side] and not is_triggered
    return waits_for_stop or terms.price in (_LIMIT_NEVER[terms.side], _TIGHT)


def _shares(side: BuySell, random: Random) -> dict[str, Any]:
    ord_type = random.choice((OrdType.MARKET, OrdType.LIMIT, OrdType.LIMIT, OrdType.STOP, OrdType.STOP_LIMIT))
    quantity = Decimal(random.choice((1, 40, 130, 200)))
    facts: dict[str, Any] = {"ord_type": ord_type, "order_qty": quantity}
    if random.random() < 0.2:
        del facts["order_qty"]
        facts["cash_order_qty"] = Decimal(random.choice((300, 30_000, 70_000)))
    is_never = random.random() < 0.3
    if ord_type in _PRICED:
        facts["price"] = _LIMIT_NEVER[side] if is_never else _REACHED
    if ord_type in _STOPS:
        facts["stop_px"] = _STOP_NEVER[side] if random.random() < 0.2 else _REACHED
    return facts


def _units(side: BuySell, random: Random) -> dict[str, Any]:
    """A fund is subscribed by money or units, and redeemed by units or a percentage."""
    other: dict[str, Any] = {"order_percent": Decimal(25)}
    if side is BuySell.BUY:
        other = {"cash_order_qty": Decimal(random.choice((5_000, 50_000)))}
    units = {"order_qty": Decimal(random.choice(("2.5", "7.125", "40")))}
    return {"ord_type": OrdType.MARKET, **(other if random.random() < 0.6 else units)}


def _currencies(side: BuySell, random: Random) -> dict[str, Any]:
    """Within the dealing desk's limit and above it."""
    facts: dict[str, Any] = {
        "ord_type": OrdType.MARKET,
        "order_qty": Decimal(random.choice((100_000, 1_000_000, 800_000))),
    }
    if random.random() < 0.4:
        facts |= {
            "ord_type": OrdType.LIMIT,
            "price": random.choice((_TIGHT, _GENEROUS[side], _LIMIT_NEVER[side])),
        }
    return facts


def _time_in_force(terms: Terms, now: datetime, random: Random) -> dict[str, Any]:
    """How long an order is good; what its instrument is not dealt in for is refused, as seldom asked."""
    choices = [None, TimeInForce.DAY, TimeInForce.GOOD_TILL_CANCEL, TimeInForce.GOOD_TILL_DATE]
    if terms.ord_type not in _STOPS and (terms.symbol != FUND or random.random() < 0.1):
        choices += [TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL]
    time_in_force = random.choice(choices)
    if time_in_force is None:
        return {}
    facts: dict[str, Any] = {"time_in_force": time_in_force}
    if time_in_force is TimeInForce.GOOD_TILL_DATE:
        facts["expire_time"] = now + random.choice(_GOOD_FOR)
    return facts


def is_currencies(terms: Terms) -> bool:
    """Whether an order is dealt by the dealing desk."""
    return find_subject(terms.symbol) is not None


_QUANTITIES = ("order_qty", "cash_order_qty", "order_percent")
_DRAWN = {SHARE: _shares, FUND: _units, PAIR: _currencies}
