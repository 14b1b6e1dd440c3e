"""What is wrong with an order's terms, as it is refused."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from ..records.fix import SessionRejectReason
from ..records.instruments import Instrument
from ..records.orders import Terms
from ..records.record import fix_name
from ..records.terms import QUANTITIES, Wrong, wrong_quantities, wrong_step, wrong_terms
from ..refusals import Malformed, OrderRefused

# What a value has to be whatever it is of: the street side, which has the order, knows more.
_STEP_MIN = Decimal(1).scaleb(-10)
_MOST = Decimal(10) ** 15


def check_terms(terms: Terms, instrument: Instrument | None, now: datetime) -> None:
    """Malformed or OrderRefused unless an order may have these terms."""
    _refuse(wrong_terms(terms, instrument, now))


def check_changes(
    changes: Mapping[str, Any], terms: Terms | None, instrument: Instrument | None, now: datetime
) -> None:
    """Malformed or OrderRefused unless an order with these terms, if they are known, may be changed so."""
    if not changes:
        text = "expected something to change: OrderQty, Price, StopPx, OrdType, ..."
        _refuse(Wrong(field="OrderQty", text=text, is_missing=True))
    named = [name for name in QUANTITIES if name in changes]
    if named:
        _refuse(wrong_quantities(named))
    if terms is not None:
        check_terms(terms.replaced(**changes), instrument, now)
    for name, value in changes.items():
        if isinstance(value, Decimal):
            _refuse(wrong_step(fix_name(name), value, _STEP_MIN, _MOST))


def _refuse(wrong: Wrong | None) -> None:
    if wrong is None:
        return
    if wrong.is_missing:
        raise Malformed(wrong.text, field=wrong.field, reason=SessionRejectReason.REQUIRED_TAG_MISSING)
    raise OrderRefused(wrong.text, field=wrong.field, reason=wrong.reason)
