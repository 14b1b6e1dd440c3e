"""Scenarios of how an order's state changes, as files have them: messages, and what holds after each.

A file is an object of scenarios by name, each with a `title`, perhaps a `tif` (DAY where absent) and `rows`:

    ["N", t, ClOrdID, OrderQty, flags?]                        a new order; flags `possresend`, `dup`
    ["C", t, ClOrdID, OrigClOrdID]                             a wish to cancel
    ["R", t, ClOrdID, OrigClOrdID, OrderQty]                   a wish to replace
    ["J", t, ClOrdID, OrigClOrdID, OrdStatus, CxlRejReason?]   a refusal of either
    ["E", t, ClOrdID, OrigClOrdID, ExecType, OrdStatus, OrderQty, CumQty, LeavesQty, LastQty, extra?]
    ["V", t, note]                                             something said, and no message

`extra` has `ex` ExecID, `ref` ExecRefID, `px` LastPx, `avg` AvgPx, `restate` ExecRestatementReason and
`ordrej` OrdRejReason. Where some t has a fraction, its integer part is a day.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from chalicelib.records.fix import ExecType, OrdStatus, TimeInForce
from chalicelib.state.orders import OrderState
from tests.builders import NOW

HERE = Path(__file__).parent
APPENDIX = HERE / "order_state_scenarios.json"
MORE = HERE / "more_scenarios.json"

_Code = TypeVar("_Code", bound=StrEnum)

_TICK = timedelta(microseconds=1)
_STATUSES = {
    "N": OrdStatus.NEW,
    "P": OrdStatus.PARTIALLY_FILLED,
    "F": OrdStatus.FILLED,
    "D": OrdStatus.DONE_FOR_DAY,
    "c": OrdStatus.PENDING_CANCEL,
    "r": OrdStatus.PENDING_REPLACE,
    "X": OrdStatus.CANCELED,
    "S": OrdStatus.STOPPED,
    "J": OrdStatus.REJECTED,
    "A": OrdStatus.PENDING_NEW,
    "B": OrdStatus.CALCULATED,
    "C": OrdStatus.EXPIRED,
    "E": OrdStatus.EXPIRED,
    "U": OrdStatus.SUSPENDED,
}
_EXEC_TYPES = {
    "REPLACE": ExecType.REPLACED,
    "FILL": ExecType.TRADE,
    "PARTIALFILL": ExecType.TRADE,
    # Only ever said when it is asked for.
    "PENDINGNEW": ExecType.ORDER_STATUS,
}
_TIMES_IN_FORCE = {
    "DAY": TimeInForce.DAY,
    "GTC": TimeInForce.GOOD_TILL_CANCEL,
    "GTD": TimeInForce.GOOD_TILL_DATE,
    "IOC": TimeInForce.IMMEDIATE_OR_CANCEL,
    "FOK": TimeInForce.FILL_OR_KILL,
}


@dataclass(frozen=True, kw_only=True)
class Expected:
    """The columns that an inquiry must answer; None is not asked for."""

    ord_status: OrdStatus | None
    order_qty: Decimal | None = None
    cum_qty: Decimal | None = None
    leaves_qty: Decimal | None = None
    avg_px: Decimal | None = None

    def differences(self, state: OrderState) -> dict[str, Any]:
        """What the answer has where it should have something else."""
        terms = state.terms
        found = {
            "ord_status": state.ord_status,
            "order_qty": terms.order_qty if terms is not None else None,
            "cum_qty": state.cum_qty,
            "leaves_qty": state.leaves_qty,
            "avg_px": _rounded(state.avg_px, self.avg_px),
        }
        wanted = {name: value for name, value in vars(self).items() if value is not None}
        return {name: found[name] for name, value in wanted.items() if found[name] != value}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row; `number` is its place from 1, `at` its time, later than that of the row before."""

    number: int
    kind: str
    at: datetime
    cl_ord_id: str
    orig_cl_ord_id: str | None
    order_qty: Decimal | None = None
    exec_type: ExecType | None = None
    last_qty: Decimal | None = None
    reason: Decimal | None = None
    extra: Mapping[str, Any]
    expected: Expected | None = None


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What happens to one order, or to several with some ClOrdID in common."""

    name: str
    time_in_force: TimeInForce
    rows: Sequence[Row]


def read_scenarios(*files: Path) -> list[Scenario]:
    """The scenarios of some files, numbers exact."""
    return [
        _scenario(name, told)
        for file in files
        for name, told in json.loads(file.read_text(), parse_float=Decimal, parse_int=Decimal).items()
    ]


def _scenario(name: str, told: Mapping[str, Any]) -> Scenario:
    times = [Decimal(row[1]) for row in told["rows"]]
    has_days = any(time % 1 for time in times)
    rows: list[Row] = []
    at = NOW
    for number, (time, columns) in enumerate(zip(times, told["rows"], strict=True), start=1):
        days = timedelta(days=int(time) - 1 if has_days else 0)
        at = max(at + _TICK, NOW + days)
        if columns[0] != "V":
            rows.append(_row(number, at, columns))
    return Scenario(
        name=name, time_in_force=_TIMES_IN_FORCE.get(told.get("tif", "DAY"), TimeInForce.DAY), rows=rows
    )


def _row(number: int, at: datetime, columns: Sequence[Any]) -> Row:
    kind, _, cl_ord_id, *rest = columns
    orig = None if kind == "N" else rest.pop(0)
    told = [*rest, *[None] * 7]
    facts: dict[str, Any]
    match kind:
        case "N":
            facts = {"order_qty": told[0], "extra": told[1] or {}}
        case "J":
            facts = {"reason": told[1], "expected": Expected(ord_status=_status(told[0]))}
        case "E":
            facts = _report(told)
        case _:
            facts = {"order_qty": told[0]}
    return Row(
        **{"extra": {}, **facts},
        number=number,
        kind=kind,
        at=at,
        cl_ord_id=str(cl_ord_id),
        orig_cl_ord_id=orig,
    )


def _report(told: Sequence[Any]) -> dict[str, Any]:
    exec_type, status, order_qty, cum_qty, leaves_qty, last_qty, extra = told[:7]
    extra = extra or {}
    expected = Expected(
        ord_status=_status(status),
        order_qty=order_qty,
        cum_qty=cum_qty,
        leaves_qty=leaves_qty,
        avg_px=extra.get("avg"),
    )
    return {
        "exec_type": _EXEC_TYPES.get(exec_type.upper()) or _named(ExecType, exec_type),
        "order_qty": order_qty,
        "last_qty": last_qty,
        "extra": extra,
        "expected": expected,
    }


def _status(text: str | None) -> OrdStatus | None:
    if text is None:
        return None
    return _STATUSES.get(text) or _named(OrdStatus, text)


def _named(codes: type[_Code], text: str) -> _Code:
    """The code that is called so in FIX: PendingCancel, Pending Cancel."""
    return next(code for code in codes if code.name.replace("_", "") == text.replace(" ", "").upper())


def _rounded(found: Decimal | None, wanted: Decimal | None) -> Decimal | None:
    """A price to as many digits as are wanted; of nothing executed it is 0."""
    if wanted is None:
        return found
    return (found or Decimal(0)).quantize(wanted)
