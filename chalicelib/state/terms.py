"""The terms of an order: as entered, and as those that are in force."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from ..records.fix import ExecType
from ..records.orders import ExecutionReport, ReplaceRequested, Terms
from .history import History


def terms_in_force(history: History, quantity: Decimal | None) -> Terms | None:
    """The terms in force, with the quantity that is.

    A street utility speaks of the entry that it claimed, so its word goes first. Of a replacement about
    which it says nothing but that it was made, what was wished holds.
    """
    terms: Terms | None = None
    replaced: list[ExecutionReport] = []
    for report in reversed(history.reports):
        terms = report.terms
        if terms is not None:
            break
        if report.exec_type is ExecType.REPLACED:
            replaced.append(report)
    if terms is None:
        terms = entered_terms(history)
    if terms is None:
        return None
    for report in reversed(replaced):
        terms = terms.replaced(**wished_changes(history, report), cl_ord_id=report.cl_ord_id)
    return terms if terms.order_qty == quantity else replace(terms, order_qty=quantity)


def entered_terms(history: History) -> Terms | None:
    """The terms at first: as placed, or as whoever knew them; a wish is the last to be asked."""
    if history.placed is not None:
        return history.placed.terms
    for record in history.all:
        if not isinstance(record, ReplaceRequested) and record.terms is not None:
            return record.terms
    return next((record.terms for record in history.requests if record.terms is not None), None)


def wished_changes(history: History, answer: ExecutionReport) -> dict[str, Any]:
    """What was wished by the request that a report answers."""
    for request in history.requests:
        if isinstance(request, ReplaceRequested) and request.cl_ord_id == answer.cl_ord_id:
            return request.changes
    return {}
