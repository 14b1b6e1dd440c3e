"""1b: an inquiry of an order with 20 records, against the same two queries, decoded by nobody."""

from collections.abc import Callable, Sequence

from chalicelib import bootstrap
from chalicelib.records.orders import OrderRecord
from chalicelib.tables.attributes import encode
from chalicelib.tables.store import span

from .measure import Effort, Ratio, Work, compare
from .samples import cancel, inquiry_event, placed, reports
from .wire import Wire, the_app

TARGET = 1.5
_REPORTS = 18
_CUSTOMER, _STREET = "demo-c1-customer", "demo-c1-street"

Held = dict[str, Sequence[OrderRecord]]


def measure(wire: Wire, ours: Work, reference: Work, effort: Effort) -> Ratio:
    target = TARGET if wire.has_target else None
    return compare(f"inquiry, {wire.name}", ours, reference, effort, target=target, per="inquiry")


def sides(wire: Wire) -> tuple[Work, Work]:
    """Ours and the reference, on a wire that answers."""
    order = placed("inquired")
    held: Held = {_CUSTOMER: [order, cancel(order)], _STREET: reports(order, _REPORTS)}
    _make_ready(wire, held)
    return _ours(wire.here("c1"), inquiry_event(order.order_id)), _reference(wire, held)


def _make_ready(wire: Wire, held: Held) -> None:
    if wire.is_stubbed:
        wire.answer(
            {
                "Query": {
                    table: {
                        "Items": [encode(record.to_item()) for record in some],
                        "Count": len(some),
                        "ScannedCount": len(some),
                    }
                    for table, some in held.items()
                }
            }
        )
        return
    for table, some in held.items():
        wire.make_table(table)
        for record in some:
            wire.reference.put_item(TableName=table, Item=encode(record.to_item()))


def _ours(here: bootstrap.Here, event: dict[str, object]) -> Work:
    app = the_app()

    def work(calls: int) -> Callable[[], object]:
        def act() -> None:
            with bootstrap.acting_for(here):
                for _ in range(calls):
                    assert app(event, None)["statusCode"] == 200

        return act

    return work


def _reference(wire: Wire, held: Held) -> Work:
    number = held[_CUSTOMER][0].number
    first, last = span(number.prefix)
    asked = {
        "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
        "ExpressionAttributeValues": {
            ":pk": {"S": number.account_key},
            ":first": {"S": first},
            ":last": {"S": last},
        },
        "ConsistentRead": True,
    }

    def work(calls: int) -> Callable[[], object]:
        def act() -> None:
            for _ in range(calls):
                for table in held:
                    wire.reference.query(TableName=table, **asked)

        return act

    return work
