"""1a: order entry, from the route to its answer, against a put of the very same item."""

from collections.abc import Callable, Iterator
from itertools import count

from chalicelib import bootstrap
from chalicelib.tables.attributes import encode

from .measure import Effort, Ratio, Work, compare
from .samples import new_order_event, placed
from .wire import Wire, the_app

TARGET = 1.30
_RAW_TABLE = "bench-raw"


def measure(wire: Wire, ours: Work, reference: Work, effort: Effort) -> Ratio:
    target = TARGET if wire.has_target else None
    return compare(f"entry, {wire.name}", ours, reference, effort, target=target, per="order")


def sides(wire: Wire) -> tuple[Work, Work]:
    """Ours and the reference, on a wire that answers."""
    _make_ready(wire)
    here, numbers = wire.here("c1"), count()
    return _ours(here, _orders("ours", numbers)), _reference(wire, _orders("raw", numbers))


def _make_ready(wire: Wire) -> None:
    if wire.is_stubbed:
        # What is listed is asked once; the clock stands still, so it is remembered.
        wire.answer({"PutItem": {"": {}}, "Query": {"": {"Items": []}}})
    else:
        for table in ("demo-c1-customer", "demo-c1-firm", _RAW_TABLE):
            wire.make_table(table)


def _orders(name: str, numbers: Iterator[int]) -> Callable[[], str]:
    return lambda: f"{name}-{next(numbers):08}"


def _ours(here: bootstrap.Here, cl_ord_id: Callable[[], str]) -> Work:
    app = the_app()

    def work(calls: int) -> Callable[[], object]:
        events = [new_order_event(placed(cl_ord_id())) for _ in range(calls)]

        def act() -> None:
            with bootstrap.acting_for(here):
                for event in events:
                    assert app(event, None)["statusCode"] == 201

        return act

    return work


def _reference(wire: Wire, cl_ord_id: Callable[[], str]) -> Work:
    put = wire.reference.put_item

    def work(calls: int) -> Callable[[], object]:
        items = [encode(placed(cl_ord_id()).to_item()) for _ in range(calls)]

        def act() -> None:
            for item in items:
                put(
                    TableName=_RAW_TABLE,
                    Item=item,
                    ConditionExpression="attribute_not_exists(pk)",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )

        return act

    return work
