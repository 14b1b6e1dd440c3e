"""The records that tell of one order, by what they are."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..records.fix import ExecType
from ..records.numbers import OrderID
from ..records.orders import (
    ExecutionReport,
    OrderCancelReject,
    OrderRecord,
    OrderRequest,
    Placed,
    Routed,
)

# Looked up once: finding a member of an enumeration takes five times as long as comparing it.
_TRADE = ExecType.TRADE


@dataclass(kw_only=True)
class History:
    """The records of an order by what they are, each kind in the order of their happening.

    Of the `reports` the `trades` are executions; `others`, the rest, are few, however often an order is
    filled.
    """

    all: Sequence[OrderRecord]
    by_utility: Mapping[str, Sequence[OrderRecord]]
    placed: Placed | None
    requests: Sequence[OrderRequest]
    reports: Sequence[ExecutionReport]
    trades: Sequence[ExecutionReport]
    others: Sequence[ExecutionReport]
    refusals: Sequence[OrderCancelReject]
    routed: Sequence[Routed]


def history_of(order_id: OrderID, ordered: Sequence[OrderRecord]) -> History:
    """The history of a number's order, out of the records under its ClOrdID by their times."""
    ordered = _about(order_id, ordered)
    reports: list[ExecutionReport] = []
    trades: list[ExecutionReport] = []
    others: list[ExecutionReport] = []
    rest: list[OrderRecord] = []
    by_utility: defaultdict[str, list[OrderRecord]] = defaultdict(list)
    for record in ordered:
        by_utility[record.origin].append(record)
        if isinstance(record, ExecutionReport):
            reports.append(record)
            (trades if record.exec_type is _TRADE else others).append(record)
        else:
            rest.append(record)
    return History(
        all=ordered,
        by_utility=by_utility,
        placed=next((record for record in rest if isinstance(record, Placed)), None),
        requests=[record for record in rest if isinstance(record, OrderRequest)],
        reports=reports,
        trades=trades,
        others=others,
        refusals=[record for record in rest if isinstance(record, OrderCancelReject)],
        routed=[record for record in rest if isinstance(record, Routed)],
    )


def _about(order_id: OrderID, ordered: Sequence[OrderRecord]) -> Sequence[OrderRecord]:
    """The records that tell of this number's order, of all that share its ClOrdID.

    What was entered with other terms than the number's own is another order, and one of the two is refused.
    """
    if {record.order_id for record in ordered} <= {order_id}:
        return ordered
    own = next((e for r in ordered if r.order_id == order_id and (e := r.entry) is not None), None)
    if own is None:
        return ordered
    others = {r.order_id for r in ordered if r.order_id != order_id and r.entry not in (None, own)}
    return [record for record in ordered if record.order_id not in others]
