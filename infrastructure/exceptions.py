"""What cannot be right, for the firm to look into: from its copies of all orders' records."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from rich.table import Table

from chalicelib.records.numbers import parse_number
from chalicelib.records.orders import OrderRecord, read_orders
from chalicelib.records.record import Item
from chalicelib.state.orders import OrderState, fold_order, orders_among


def find_exceptions(items: Iterable[Item], now: datetime) -> list[OrderState]:
    """The orders among a side's records that are executed twice, for too much, or after their end."""
    by_order: dict[tuple[str, str], list[OrderRecord]] = defaultdict(list)
    for record in read_orders(items)[0]:
        by_order[record.partition_key, record.number.prefix].append(record)
    states = [
        fold_order(parse_number(order_id), records, now)
        for records in by_order.values()
        for order_id in orders_among(records)
    ]
    found = [state for state in states if state.exceptions]
    return sorted(found, key=lambda state: state.order_id)


def exceptions_table(found: Iterable[OrderState]) -> Table:
    """One row per order, for a terminal."""
    table = Table("Order", "Account", "Status", "Executed", "What cannot be right", show_lines=True)
    for state in found:
        account = state.terms.account if state.terms is not None else ""
        status = state.ord_status.name.title() if state.ord_status is not None else ""
        table.add_row(state.order_id, account, status, f"{state.cum_qty:f}", "\n".join(state.exceptions))
    return table
