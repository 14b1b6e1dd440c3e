"""1d: the fold of an order's records against a plain sort of them and a sum."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from chalicelib.records.orders import OrderRecord, read_orders
from chalicelib.state.orders import fold_order

from .measure import Effort, Ratio, compare
from .samples import NOW, number, records, terms

TARGET = 2.0
_RECORDS = 200


def measure(effort: Effort) -> list[Ratio]:
    """Against records that are asked for their keys, and, sterner, against keys that are there already."""
    per = f"{_RECORDS} records"
    return [
        compare("fold", ours, reference, effort, target=TARGET, per=per),
        compare("fold, keys given", ours, keys_given, effort, target=None, per=per),
    ]


def ours(calls: int) -> Callable[[], object]:
    """`fold_order` of records that have just been read, as an inquiry has them."""
    many, of, now = _fresh(calls), number(terms()), NOW + timedelta(hours=1)
    return lambda: [fold_order(of, some, now) for some in many]


def reference(calls: int) -> Callable[[], object]:
    """Sorted by time, origin and key, and LastQty summed up."""
    many = _fresh(calls)
    return lambda: [_sum(sorted(some, key=_place)) for some in many]


def keys_given(calls: int) -> Callable[[], object]:
    """The same, but for the keys."""
    many = [[(*_place(record), record) for record in some] for some in _fresh(calls)]
    return lambda: [_sum(record for _, _, _, record in sorted(some)) for some in many]


def _place(record: OrderRecord) -> tuple[datetime, str, str]:
    return record.transact_time, record.origin, record.sort_key


def _sum(some: Iterable[OrderRecord]) -> Decimal:
    return sum((getattr(record, "last_qty", None) or Decimal(0) for record in some), Decimal(0))


def _fresh(calls: int) -> list[list[OrderRecord]]:
    items = [record.to_item() for record in records(_RECORDS)]
    return [read_orders(items)[0] for _ in range(calls)]
