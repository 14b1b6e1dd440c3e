"""What was executed, of how much: whatever the status, and whatever was busted or corrected since."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from math import prod
from operator import mul

from ..records.fix import ExecRestatementReason, ExecType
from ..records.orders import ExecutionReport, OrderRecord, average_px
from .history import History
from .terms import entered_terms, wished_changes

_ZERO = Decimal(0)
_ONE = Decimal(1)

# Looked up once, as every report is compared with it.
_REPLACED = ExecType.REPLACED
_CHANGES = (ExecType.TRADE_CORRECT, ExecType.TRADE_CANCEL)


@dataclass(kw_only=True)
class Executed:
    """Every execution by its ExecID, as it was last corrected; one that was busted, as what it was.

    `busted` and `corrected` say by which report. `moved` is by how much each of these reports moved what is
    executed; `lost` names executions that a bust or a correction refers to and that have not arrived,
    `aimless` busts and corrections that refer to none.
    """

    executions: Mapping[str, ExecutionReport]
    busted: Mapping[str, str]
    corrected: Mapping[str, str]
    moved: Mapping[str, Decimal]
    lost: Sequence[str]
    aimless: Sequence[str]


@dataclass(kw_only=True)
class Ordered:
    """How much is ordered, when that last changed, and by how much corporate actions multiplied it.

    `splits` are by the ExecID of the report that says so.
    """

    quantity: Decimal | None
    changed: datetime | None
    splits: Mapping[str, Decimal]


@dataclass(kw_only=True)
class Filled:
    """How far an order has been executed.

    `counting` are the executions that were not busted, `authors` whose they are; `missing` is how much of
    `cum_qty` is only known from its author's totals.
    """

    executions: Sequence[ExecutionReport]
    counting: Sequence[ExecutionReport]
    authors: set[str]
    cum_qty: Decimal
    avg_px: Decimal | None
    missing: Decimal


def executed_by(history: History) -> Executed:
    """What the executions that have arrived come to, each as it was last busted or corrected."""
    executions = {trade.exec_id: trade for trade in history.trades}
    busted: dict[str, str] = {}
    corrected: dict[str, str] = {}
    moved: dict[str, Decimal] = {}
    lost: list[str] = []
    aimless: list[str] = []
    # A correction may be named as what is changed next; then the execution that it corrected is.
    meant: dict[str, str] = {}
    for change in history.others:
        if change.exec_type not in _CHANGES:
            continue
        if change.exec_ref_id is None:
            aimless.append(change.exec_id)
            continue
        root = meant[change.exec_id] = meant.get(change.exec_ref_id, change.exec_ref_id)
        if root not in executions:
            lost.append(f"execution {change.exec_ref_id}, which {change.exec_id} changes")
            executions[root] = _as_it_was(root, change)
        before = _ZERO if root in busted else executions[root].last_qty or _ZERO
        after = _ZERO
        if change.exec_type is ExecType.TRADE_CANCEL:
            busted[root] = change.exec_id
        else:
            # Of what was busted before, its author says now that it was executed after all.
            busted.pop(root, None)
            corrected[root] = change.exec_id
            executions[root] = _corrected(executions[root], change)
            after = change.last_qty or _ZERO
        moved[change.exec_id] = after - before
    return Executed(
        executions=executions,
        busted=busted,
        corrected=corrected,
        moved=moved,
        lost=lost,
        aimless=aimless,
    )


def _as_it_was(exec_id: str, change: ExecutionReport) -> ExecutionReport:
    """An execution that has not arrived, by what changes it."""
    return replace(
        change,
        exec_id=exec_id,
        exec_type=ExecType.TRADE,
        exec_ref_id=None,
        last_qty=change.prior_last_qty,
        last_px=change.prior_last_px,
    )


def _corrected(execution: ExecutionReport, change: ExecutionReport) -> ExecutionReport:
    last_px = change.last_px if change.last_px is not None else execution.last_px
    return replace(execution, last_qty=change.last_qty, last_px=last_px)


def ordered_by(history: History, executed: Executed) -> Ordered:
    """How much is ordered: as entered, and then as the street side said, or as was wished if it did not.

    What a replacement asks for less than was executed becomes that (FIX, C.3.c).
    """
    entered = entered_terms(history)
    quantity = entered.order_qty if entered is not None else None
    changed: datetime | None = None
    splits: dict[str, Decimal] = {}
    for place, report in enumerate(history.reports):
        before, said = quantity, report.order_qty
        is_replaced = report.exec_type is _REPLACED
        if said is not None:
            quantity = said
        elif is_replaced:
            quantity = _wished_qty(history, report, quantity)
        if is_replaced and quantity is not None:
            running = _running(history.reports[: place + 1], executed, splits)
            quantity = max(quantity, running)
        if quantity == before or not before or not quantity:
            continue
        changed = report.transact_time
        if report.exec_restatement_reason is ExecRestatementReason.GT_CORPORATE_ACTION:
            splits[report.exec_id] = quantity / before
    return Ordered(quantity=quantity, changed=changed, splits=splits)


def _wished_qty(history: History, answer: ExecutionReport, quantity: Decimal | None) -> Decimal | None:
    """How much is ordered after a replacement of which the answer does not say it."""
    if answer.cash_order_qty is not None or answer.order_percent is not None:
        return None
    changes = wished_changes(history, answer)
    if changes.keys() & {"order_qty", "cash_order_qty", "order_percent"}:
        return changes.get("order_qty")
    return quantity


def filled_by(history: History, executed: Executed, ordered: Ordered) -> Filled:
    """What was executed: by the executions that have arrived, and by each author's latest total."""
    executions = _split(history, executed, ordered) if ordered.splits else [*executed.executions.values()]
    counting = executions
    if executed.busted:
        counting = [execution for execution in executions if execution.exec_id not in executed.busted]
    authors = {execution.origin for execution in counting}
    quantities = [execution.last_qty or _ZERO for execution in counting]
    seen = sum(quantities, _ZERO)
    totals = {
        utility: _running(records, executed, ordered.splits)
        for utility, records in history.by_utility.items()
        if any(isinstance(r, ExecutionReport) and r.cum_qty is not None for r in reversed(records))
    }
    cum_qty = sum(totals.values(), _ZERO)
    if not authors <= totals.keys():
        cum_qty += sum((e.last_qty or _ZERO for e in counting if e.origin not in totals), _ZERO)
    missing = cum_qty - seen
    avg_px = None
    if missing or executed.lost:
        avg_px = next((r.avg_px for r in reversed(history.reports) if r.avg_px is not None), None)
    elif seen:
        prices = [execution.last_px or _ZERO for execution in counting]
        avg_px = average_px(sum(map(mul, quantities, prices), _ZERO), seen)
    return Filled(
        executions=executions,
        counting=counting,
        authors=authors,
        cum_qty=cum_qty,
        avg_px=avg_px if cum_qty else None,
        missing=missing,
    )


def _running(records: Sequence[OrderRecord], executed: Executed, splits: Mapping[str, Decimal]) -> Decimal:
    """What is executed by the latest total that there is among the records, and by what they say since."""
    since, factor = _ZERO, _ONE
    for report in reversed(records):
        if not isinstance(report, ExecutionReport):
            continue
        if report.cum_qty is not None:
            return report.cum_qty * factor + since
        is_trade = report.exec_type is ExecType.TRADE
        moved = report.last_qty if is_trade else executed.moved.get(report.exec_id)
        since += (moved or _ZERO) * factor
        factor *= splits.get(report.exec_id, _ONE)
    return since


def _split(history: History, executed: Executed, ordered: Ordered) -> Sequence[ExecutionReport]:
    """The executions in the shares of today: what was last said before a split is multiplied by it."""
    said = {report.exec_id: report.transact_time for report in history.reports}
    split: list[ExecutionReport] = []
    for exec_id, execution in executed.executions.items():
        since = said.get(executed.corrected.get(exec_id, exec_id), execution.transact_time)
        factor = prod((by for report, by in ordered.splits.items() if said[report] > since), start=_ONE)
        last_qty, last_px = (execution.last_qty or _ZERO) * factor, (execution.last_px or _ZERO) / factor
        split.append(replace(execution, last_qty=last_qty, last_px=last_px))
    return split


def completed_at(history: History, executed: Executed, filled: Filled, ordered: Ordered) -> datetime | None:
    """When the quantity was complete: with the execution that did it, or by a change of the quantity."""
    reports = history.reports
    if ordered.quantity is None or not reports or not 0 < ordered.quantity <= filled.cum_qty:
        return None
    reached: datetime | None = None
    if not filled.missing and not executed.lost:
        running = _ZERO
        # In the order of their happening, as the reports are.
        for execution in filled.counting:
            running += execution.last_qty or _ZERO
            if running >= ordered.quantity:
                reached = execution.transact_time
                break
    else:
        for report in reversed(reports):
            if report.cum_qty is not None and report.cum_qty < ordered.quantity:
                break
            reached = report.transact_time
    reached = reached or reports[-1].transact_time
    return max(reached, ordered.changed) if ordered.changed is not None else reached
