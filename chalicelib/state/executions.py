"""What was executed, of how much: whatever the status, and whatever was busted or corrected since."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from math import prod
from typing import NamedTuple

from ..records.fix import ExecRestatementReason, ExecType
from ..records.orders import ExecutionReport, average_px
from .history import History
from .terms import entered_terms, wished_changes

_ZERO = Decimal(0)

_CHANGES = (ExecType.TRADE_CORRECT, ExecType.TRADE_CANCEL)


class Execution(NamedTuple):
    """An execution as it counts now.

    `report` is the Trade, or the correction if only that has arrived; `last_qty` and `last_px` are as
    corrected. `busted_by` and `corrected_by` are the ExecIDs of what changed it.
    """

    report: ExecutionReport
    last_qty: Decimal
    last_px: Decimal
    busted_by: str | None = None
    corrected_by: str | None = None

    @property
    def counts(self) -> bool:
        """Whether it was not busted."""
        return self.busted_by is None


@dataclass(kw_only=True)
class Executed:
    """Every execution by its ExecID, as busts and corrections leave it.

    `moved` is by how much each report moved what is executed; `lost` names executions that a bust or a
    correction refers to and that have not arrived, `aimless` busts and corrections that refer to none.
    """

    executions: dict[str, Execution]
    moved: Mapping[str, Decimal]
    lost: Sequence[str]
    aimless: Sequence[str]


@dataclass(kw_only=True)
class Ordered:
    """How much is ordered, when that last changed, and by how much corporate actions multiplied it."""

    quantity: Decimal | None
    changed: datetime | None
    splits: Sequence[tuple[datetime, Decimal]]


@dataclass(kw_only=True)
class Filled:
    """How far an order has been executed.

    `missing` is how much of `cum_qty` is only known from its author's totals.
    """

    executions: Sequence[Execution]
    cum_qty: Decimal
    avg_px: Decimal | None
    missing: Decimal
    lost: Sequence[str]
    aimless: Sequence[str]


def executed_by(reports: Sequence[ExecutionReport]) -> Executed:
    """What the executions that have arrived come to, each as it was last busted or corrected."""
    executions: dict[str, Execution] = {}
    moved: dict[str, Decimal] = {}
    changes: list[ExecutionReport] = []
    for report in reports:
        if report.exec_type is ExecType.TRADE:
            moved[report.exec_id] = quantity = report.last_qty or _ZERO
            executions[report.exec_id] = Execution(report, quantity, report.last_px or _ZERO)
        elif report.exec_type in _CHANGES:
            changes.append(report)
    lost: list[str] = []
    aimless: list[str] = []
    # A correction may be named as what is changed next; then the execution that it corrected is.
    meant: dict[str, str] = {}
    for change in changes:
        if change.exec_ref_id is None:
            aimless.append(change.exec_id)
            continue
        root = meant[change.exec_id] = meant.get(change.exec_ref_id, change.exec_ref_id)
        before = executions.get(root)
        if before is None:
            lost.append(f"execution {change.exec_ref_id}, which {change.exec_id} changes")
            before = Execution(
                report=change,
                last_qty=change.prior_last_qty or _ZERO,
                last_px=change.prior_last_px or _ZERO,
            )
        after = executions[root] = _changed(before, change)
        moved[change.exec_id] = _counted(after) - _counted(before)
    return Executed(executions=executions, moved=moved, lost=lost, aimless=aimless)


def _changed(execution: Execution, change: ExecutionReport) -> Execution:
    if change.exec_type is ExecType.TRADE_CANCEL:
        return execution._replace(busted_by=change.exec_id)
    return execution._replace(
        last_qty=change.last_qty or _ZERO,
        last_px=change.last_px if change.last_px is not None else execution.last_px,
        corrected_by=change.exec_id,
        # Of what was busted before, its author says now that it was executed after all.
        busted_by=None,
    )


def _counted(execution: Execution) -> Decimal:
    return execution.last_qty if execution.counts else _ZERO


def ordered_by(history: History, executed: Executed) -> Ordered:
    """How much is ordered: as entered, and then as the street side said, or as was wished if it did not.

    What a replacement asks for less than was executed becomes that (FIX, C.3.c).
    """
    entered = entered_terms(history)
    quantity = entered.order_qty if entered is not None else None
    changed: datetime | None = None
    splits: list[tuple[datetime, Decimal]] = []
    running = _ZERO
    for report in history.reports:
        before = quantity
        if report.cum_qty is not None:
            running = report.cum_qty
        else:
            running += executed.moved.get(report.exec_id, _ZERO)
        is_replaced = report.exec_type is ExecType.REPLACED
        if report.order_qty is not None:
            quantity = report.order_qty
        elif is_replaced:
            quantity = _wished_qty(history, report, quantity)
        if is_replaced and quantity is not None:
            quantity = max(quantity, running)
        if not before or not quantity or quantity == before:
            continue
        changed = report.transact_time
        if report.exec_restatement_reason is ExecRestatementReason.GT_CORPORATE_ACTION:
            splits.append((report.transact_time, quantity / before))
            if report.cum_qty is None:
                running *= quantity / before
    return Ordered(quantity=quantity, changed=changed, splits=splits)


def _wished_qty(history: History, answer: ExecutionReport, quantity: Decimal | None) -> Decimal | None:
    """How much is ordered after a replacement of which the answer does not say it."""
    if answer.cash_order_qty is not None or answer.order_percent is not None:
        return None
    changes = wished_changes(history, answer)
    if changes.keys() & {"order_qty", "cash_order_qty", "order_percent"}:
        return changes.get("order_qty")
    return quantity


def filled_by(reports: Sequence[ExecutionReport], executed: Executed, ordered: Ordered) -> Filled:
    """What was executed: by the executions that have arrived, and by each author's latest total."""
    executions = _split(reports, executed, ordered) if ordered.splits else [*executed.executions.values()]
    counting = [execution for execution in executions if execution.busted_by is None]
    seen = sum((execution.last_qty for execution in counting), _ZERO)
    totals: dict[str, Decimal] = {}
    for report in reports:
        if report.cum_qty is not None:
            totals[report.origin] = report.cum_qty
        elif report.origin in totals:
            totals[report.origin] += executed.moved.get(report.exec_id, _ZERO)
    cum_qty = sum(totals.values(), _ZERO)
    if not totals or any(e.report.origin not in totals for e in counting):
        cum_qty += sum((e.last_qty for e in counting if e.report.origin not in totals), _ZERO)
    missing = cum_qty - seen
    avg_px = None
    if missing or executed.lost:
        avg_px = next((report.avg_px for report in reversed(reports) if report.avg_px is not None), None)
    elif seen:
        avg_px = average_px(sum((e.last_qty * e.last_px for e in counting), _ZERO), seen)
    return Filled(
        executions=executions,
        cum_qty=cum_qty,
        avg_px=avg_px if cum_qty else None,
        missing=missing,
        lost=executed.lost,
        aimless=executed.aimless,
    )


def _split(reports: Sequence[ExecutionReport], executed: Executed, ordered: Ordered) -> Sequence[Execution]:
    """The executions in the shares of today: what was last said before a split is multiplied by it."""
    said = {report.exec_id: report.transact_time for report in reports}
    split: list[Execution] = []
    for execution in executed.executions.values():
        since = said[execution.corrected_by or execution.report.exec_id]
        factor = prod((factor for time, factor in ordered.splits if time > since), start=Decimal(1))
        quantity, px = execution.last_qty * factor, execution.last_px / factor
        split.append(execution._replace(last_qty=quantity, last_px=px))
    return split


def completed_at(filled: Filled, reports: Sequence[ExecutionReport], ordered: Ordered) -> datetime | None:
    """When the quantity was complete: with the execution that did it, or by a change of the quantity."""
    if ordered.quantity is None or not reports or not 0 < ordered.quantity <= filled.cum_qty:
        return None
    reached: datetime | None = None
    if not filled.missing and not filled.lost:
        running = _ZERO
        # In the order of their happening, as the reports are.
        for execution in filled.executions:
            running += _counted(execution)
            if running >= ordered.quantity:
                reached = execution.report.transact_time
                break
    else:
        for report in reversed(reports):
            if report.cum_qty is not None and report.cum_qty < ordered.quantity:
                break
            reached = report.transact_time
    reached = reached or reports[-1].transact_time
    return max(reached, ordered.changed) if ordered.changed is not None else reached
