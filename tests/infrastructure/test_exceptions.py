"""What the firm's people are shown: orders of which something cannot be right, and no others."""

import pytest

from chalicelib.records.fix import ExecType
from infrastructure.exceptions import exceptions_table, find_exceptions
from tests.builders import later, placed, report, terms, trade

RIGHT = placed(terms(cl_ord_id="right"))
TWICE = placed(terms(cl_ord_id="twice"))
LATE = placed(terms(cl_ord_id="late"))


@pytest.mark.requirement("T7", "T14")
def test_orders_that_cannot_be_right_are_found_among_all_others() -> None:
    records = [
        RIGHT,
        trade(RIGHT, 1, at=later(1), last=100, cum=100),
        TWICE,
        trade(TWICE, 1, at=later(1), last=100, cum=100),
        trade(TWICE, 1, at=later(2), last=100, cum=100, origin="s2"),
        LATE,
        report(LATE, 1, ExecType.CANCELED, at=later(1)),
        trade(LATE, 2, at=later(2), last=10, cum=10),
    ]
    found = find_exceptions([record.to_item() for record in records], later(60))
    assert [state.order_id for state in found] == sorted([TWICE.order_id, LATE.order_id])
    named = {state.order_id: state.exceptions[0] for state in found}
    assert named[TWICE.order_id] == "filled 200 of 100"
    assert named[LATE.order_id].startswith("executed after it was canceled: s1.")
    assert exceptions_table(found).row_count == 2
