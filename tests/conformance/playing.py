"""Scenarios played with real use cases and records, and asked after at a utility that has copies only.

Requests are entered at one customer utility, reports are a street utility's, and both are replicated to
another customer utility, which answers.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar
from unittest.mock import patch

import pytest

from chalicelib.customer import inquiry
from chalicelib.customer.entry import (
    NewCancel,
    NewOrder,
    NewReplace,
    enter_order,
    request_cancel,
    request_replace,
)
from chalicelib.customer.inquiry import Held, inquire_order
from chalicelib.network.replication import Peers, replicate
from chalicelib.records.fix import (
    BuySell,
    CxlRejReason,
    ExecRestatementReason,
    ExecType,
    OrdRejReason,
    OrdType,
    TimeInForce,
)
from chalicelib.records.numbers import OrderID, order_tag, parse_number
from chalicelib.records.orders import ExecutionReport, OrderCancelReject, OrderRecord, Placed, Terms, exec_id
from chalicelib.records.record import Item
from chalicelib.refusals import DuplicateOrder
from chalicelib.state.orders import OrderState, fold_order
from chalicelib.tables.memory import MemoryStore
from tests.builders import ACCOUNT, NOW, OWNER, SECRET, HeldMessages, desk, number

from .scenarios import Row, Scenario

Fold = Callable[..., OrderState]
_Code = TypeVar("_Code", bound=StrEnum)

# Where reports are written, and who gave out numbers of orders that nobody here has heard of.
STREET = "s1"
ELSEWHERE = "C02"

_PX = Decimal(10)


@dataclass(frozen=True, kw_only=True)
class Step:
    """A row as it was played: the order that it is about, and what was written, if anything was."""

    row: Row
    order_id: OrderID
    items: Sequence[Item]


@dataclass
class Utility:
    """A customer utility that has what was replicated to it, and none of its own."""

    customer: MemoryStore = field(default_factory=lambda: MemoryStore("demo-c3-customer"))
    street: MemoryStore = field(default_factory=lambda: MemoryStore("demo-c3-street"))

    def receive(self, items: Sequence[Item]) -> None:
        """Have copies of records, each in the table of its side."""
        for item in items:
            to = self.street if item["Origin"] == STREET else self.customer
            replicate([item], Peers(tables={"c3": to}, queues=lambda name: HeldMessages()), now=NOW)

    def ask(self, order_id: OrderID, now: datetime) -> OrderState:
        """What a customer is answered."""
        held = Held(customer=self.customer, street=self.street, both=lambda one, other: (one(), other()))
        return inquire_order(order_id, OWNER, SECRET, code="C03", held=held, now=now)


def answers(
    scenario: Scenario, *, with_figures: bool, fold: Fold = fold_order
) -> Iterator[tuple[Row, OrderState]]:
    """The answer after each row that is a report or a refusal."""
    utility = Utility()
    for step in play(scenario, with_figures=with_figures):
        utility.receive(step.items)
        if step.row.expected is not None:
            with patch.object(inquiry, "fold_order", fold):
                yield step.row, utility.ask(step.order_id, step.row.at)


def differences(
    scenario: Scenario, *, with_figures: bool, fold: Fold = fold_order
) -> dict[int, dict[str, Any]]:
    """By the row: what is answered otherwise than expected."""
    found = {
        row.number: row.expected.differences(state)
        for row, state in answers(scenario, with_figures=with_figures, fold=fold)
        if row.expected is not None
    }
    return {place: columns for place, columns in found.items() if columns}


def play(scenario: Scenario, *, with_figures: bool) -> list[Step]:
    """Enter what is asked for and write what is reported, row by row.

    `with_figures`: reports say what their author knew of the whole order; without, only what happened.
    """
    played = _Played(scenario=scenario, with_figures=with_figures)
    return [played.step(row) for row in scenario.rows]


@dataclass(kw_only=True)
class _Played:
    scenario: Scenario
    with_figures: bool
    records: MemoryStore = field(default_factory=lambda: MemoryStore("demo-c1-customer"))
    placed: dict[OrderID, Placed] = field(default_factory=dict)
    told: set[OrderID] = field(default_factory=set)
    # Every ClOrdID of an order's chain, and its executions by the letters that the scenario has for them.
    orders: dict[str, OrderID] = field(default_factory=dict)
    exec_ids: dict[str, str] = field(default_factory=dict)

    def step(self, row: Row) -> Step:
        order_id = self._order(row)
        written: OrderRecord | None
        match row.kind:
            case "N":
                written = self._enter(row)
                order_id = order_id if written is None else written.order_id
            case "C":
                written = self._cancel(row, order_id)
            case "R":
                written = self._replace(row, order_id)
            case "J":
                written = self._refusal(row, order_id)
            case _:
                written = self._report(row, order_id)
        self.orders[row.cl_ord_id] = order_id
        return Step(row=row, order_id=order_id, items=[] if written is None else [written.to_item()])

    def _order(self, row: Row) -> OrderID:
        """The order whose chain a ClOrdID is of; one that is not here was entered elsewhere."""
        for cl_ord_id in (row.cl_ord_id, row.orig_cl_ord_id):
            if cl_ord_id in self.orders:
                return self.orders[cl_ord_id]
        return OrderID(str(number(code=ELSEWHERE, cl_ord_id=row.orig_cl_ord_id or row.cl_ord_id)))

    def _enter(self, row: Row) -> Placed | None:
        """The order's record; None if it is known already, or refused because its ClOrdID is."""
        first = self.placed.get(self.orders.get(row.cl_ord_id, OrderID("")))
        terms = self._terms(row, px=_PX + 1 if "dup" in row.extra else _PX)
        order = NewOrder(terms=terms, transact_time=row.at, poss_resend=bool(row.extra.get("possresend")))
        if first is not None and first.terms != terms:
            with pytest.raises(DuplicateOrder):
                self._placed(order, row)
            return None
        placed, is_new = self._placed(order, row)
        assert is_new is (first is None)
        assert first in (None, placed)
        self.placed[placed.order_id] = placed
        return placed if is_new else None

    def _placed(self, order: NewOrder, row: Row) -> tuple[Placed, bool]:
        return enter_order(order, OWNER, desk("c1"), records=self.records, clock=lambda: row.at)

    def _cancel(self, row: Row, order_id: OrderID) -> OrderRecord:
        wish = NewCancel(cl_ord_id=row.cl_ord_id, transact_time=row.at)
        return request_cancel(wish, order_id, OWNER, desk("c1"), records=self.records, clock=lambda: row.at)[
            0
        ]

    def _replace(self, row: Row, order_id: OrderID) -> OrderRecord:
        changes = {"order_qty": row.order_qty} if row.order_qty is not None else {"price": _PX + 1}
        wish = NewReplace(
            cl_ord_id=row.cl_ord_id,
            changes=changes,
            transact_time=row.at,
            orig_cl_ord_id=row.orig_cl_ord_id,
        )
        return request_replace(wish, order_id, OWNER, desk("c1"), records=self.records, clock=lambda: row.at)[
            0
        ]

    def _refusal(self, row: Row, order_id: OrderID) -> OrderRecord:
        assert row.expected is not None
        return OrderCancelReject(
            **self._ids(row, order_id),
            request_tag=order_tag(ACCOUNT, row.cl_ord_id, SECRET),
            cxl_rej_reason=_code(CxlRejReason, row.reason),
            ord_status=row.expected.ord_status if self.with_figures else None,
        )

    def _report(self, row: Row, order_id: OrderID) -> OrderRecord:
        assert row.exec_type is not None
        reported = exec_id(STREET, parse_number(order_id), row.number)
        if "ex" in row.extra:
            self.exec_ids[row.extra["ex"]] = reported
        ref = row.extra.get("ref")
        return ExecutionReport(
            **self._ids(row, order_id),
            **(self._figures(row, order_id) if self.with_figures else self._facts(row, order_id)),
            exec_id=reported,
            exec_type=row.exec_type,
            exec_ref_id=None if ref is None else self.exec_ids.get(ref, ref),
            exec_restatement_reason=_code(ExecRestatementReason, row.extra.get("restate")),
            ord_rej_reason=_code(OrdRejReason, row.extra.get("ordrej")),
            last_qty=row.last_qty,
            last_px=row.extra.get("px", _PX if row.exec_type is ExecType.TRADE else None),
        )

    def _ids(self, row: Row, order_id: OrderID) -> dict[str, Any]:
        return {
            "order_id": order_id,
            "account": ACCOUNT,
            "cl_ord_id": row.cl_ord_id,
            "orig_cl_ord_id": row.orig_cl_ord_id,
            "origin": STREET,
            "transact_time": row.at,
        }

    def _facts(self, row: Row, order_id: OrderID) -> dict[str, Any]:
        """What only the report can tell: the terms of an order that was never entered, and a quantity that
        nobody wished for.
        """
        placed = self.placed.get(order_id)
        if placed is None and order_id not in self.told:
            self.told.add(order_id)
            return _fields(self._terms(row))
        wishes = {wish.cl_ord_id for wish in self.scenario.rows if wish.kind == "R"}
        is_told = (
            row.exec_type is ExecType.RESTATED
            or (row.exec_type is ExecType.REPLACED and row.cl_ord_id not in wishes)
            or (placed is not None and placed.order_qty is None)
        )
        return {"order_qty": row.order_qty if is_told else None}

    def _figures(self, row: Row, order_id: OrderID) -> dict[str, Any]:
        """What its author knew of the whole order."""
        assert row.expected is not None
        terms, placed = self._terms(row), self.placed.get(order_id)
        return {
            **_fields(terms),
            "entry_tag": placed.entry if placed is not None else None,
            "ord_status": row.expected.ord_status,
            "cum_qty": row.expected.cum_qty,
            "leaves_qty": row.expected.leaves_qty,
            "avg_px": row.expected.avg_px,
        }

    def _terms(self, row: Row, px: Decimal = _PX) -> Terms:
        is_dated = self.scenario.time_in_force is TimeInForce.GOOD_TILL_DATE
        return Terms(
            account=ACCOUNT,
            cl_ord_id=row.cl_ord_id,
            symbol="IBM",
            side=BuySell.BUY,
            ord_type=OrdType.LIMIT,
            order_qty=row.order_qty,
            cash_order_qty=Decimal(10_000) if row.order_qty is None else None,
            price=px,
            time_in_force=self.scenario.time_in_force,
            expire_time=NOW + timedelta(days=30) if is_dated else None,
        )


def _fields(terms: Terms) -> dict[str, Any]:
    """Terms as a record has them."""
    return {name: value for name, value in vars(terms).items() if name not in ("account", "cl_ord_id")}


def _code(codes: type[_Code], value: Decimal | None) -> _Code | None:
    """A reason; one that the product does not use is another."""
    if value is None:
        return None
    return next((code for code in codes if code == f"{value:f}"), codes["OTHER"])
