"""1c: replication of 100 stream records to two peers, against the same items written raw."""

from collections.abc import Callable

from chalicelib import bootstrap
from chalicelib.entry import streams
from chalicelib.tables.attributes import encode

from .measure import Effort, Ratio, Work, compare
from .samples import placed, stream_event
from .wire import Wire

TARGET = 1.20
_RECORDS = 100
_BATCH_MAX = 25
_PEERS = ("demo-c2-customer", "demo-firm-customer")


def measure(wire: Wire, ours: Work, reference: Work, effort: Effort) -> Ratio:
    target = TARGET if wire.has_target else None
    return compare(
        f"replication, {wire.name}", ours, reference, effort, target=target, per=f"{_RECORDS} records"
    )


def sides(wire: Wire) -> tuple[Work, Work]:
    """Ours and the reference, on a wire that answers."""
    _make_ready(wire)
    return _ours(wire.here("c1")), _reference(wire)


def _make_ready(wire: Wire) -> None:
    if wire.is_stubbed:
        wire.answer({"BatchWriteItem": {"": {"UnprocessedItems": {}}}})
    else:
        for table in _PEERS:
            wire.make_table(table)


def _ours(here: bootstrap.Here) -> Work:
    items = [placed(f"order-{count}").to_item() for count in range(_RECORDS)]
    event = stream_event("demo-c1-customer", list(items))

    def work(calls: int) -> Callable[[], object]:
        def act() -> None:
            with bootstrap.acting_for(here):
                for _ in range(calls):
                    assert streams.replicate(event, None) == {"batchItemFailures": []}

        return act

    return work


def _reference(wire: Wire) -> Work:
    puts = [{"PutRequest": {"Item": encode(placed(f"order-{count}").to_item())}} for count in range(_RECORDS)]
    batches = [puts[start : start + _BATCH_MAX] for start in range(0, _RECORDS, _BATCH_MAX)]

    def work(calls: int) -> Callable[[], object]:
        def act() -> None:
            for _ in range(calls):
                for table in _PEERS:
                    for batch in batches:
                        wire.reference.batch_write_item(RequestItems={table: batch})

        return act

    return work
