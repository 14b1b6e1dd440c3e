"""The event functions: what streams, queues and schedules call.

Plain functions, each named once in the product; what calls them, and with which filters, is a matter
of the deployment. A function that cannot handle a record says which, and is called again from there.
A use case is imported where it is called: a function loads no more than its side.
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from chalice.app import Blueprint

from .. import bootstrap
from ..bootstrap import Here
from ..enterprise import Holding, Side
from ..network import replication
from ..records.numbers import OrderID
from ..records.record import Item, UnreadableRecord
from ..records.times import day_of, parse_time
from ..tables.attributes import decode
from ..tables.store import Store
from .logs import about
from .reactions import react as react_to
from .watching import about_record, log_copied, log_repaired, use_case, watched

streams = Blueprint(__name__)
timers = Blueprint(__name__)
market = Blueprint(__name__)

_log = logging.getLogger(__name__)

Event = Mapping[str, Any]
Answer = dict[str, Any]


@streams.lambda_function(name="replicate")
@watched
def replicate(event: Event, context: object) -> Answer:
    """Copy this utility's new records to every peer that holds them; report what was tampered with."""
    here = bootstrap.here()
    inserted: dict[Holding, list[Item]] = {}
    for record in event["Records"]:
        if record["eventName"] == "INSERT":
            holding = Holding(_table_of(record).rsplit("-", 1)[1])
            inserted.setdefault(holding, []).append(decode(record["dynamodb"]["NewImage"]))
        elif not _is_expiry(record):
            # Records are never changed or deleted: somebody did it by hand.
            _log.error("tampered: %s of %s", record["eventName"], record["dynamodb"]["Keys"])
    for holding, items in inserted.items():
        now = here.clock()
        for outcome in replication.replicate(items, here.peers(holding), now=now):
            log_copied(holding, outcome, here, now)
    return {"batchItemFailures": []}


@streams.lambda_function(name="react")
@watched
def react(event: Event, context: object) -> Answer:
    """Do what each new record calls for, in order; a record that cannot be read is set aside."""
    here = bootstrap.here()

    def handle(record: Mapping[str, Any]) -> None:
        item = decode(record["dynamodb"]["NewImage"])
        with use_case(f"react to {item.get('RecordType')}", here):
            try:
                react_to(item, here)
            except UnreadableRecord as error:
                _log.error("set aside: %s", error)
                here.queue("aside").send(json.dumps({"reason": str(error), "item": item}))

    failed = _first_failure(event["Records"], handle)
    if failed is None:
        return {"batchItemFailures": []}
    return {"batchItemFailures": [{"itemIdentifier": failed["dynamodb"]["SequenceNumber"]}]}


@streams.lambda_function(name="retry")
@watched
def retry(event: Event, context: object) -> Answer:
    """Try again what a peer could not take; what it still cannot waits longer each time."""
    here = bootstrap.here()

    def handle(message: Mapping[str, Any]) -> None:
        try:
            _retry(message["body"], here)
        except Exception:
            queue = here.open_queue(_queue_of(message), here.utility.region)
            tries = int(message["attributes"]["ApproximateReceiveCount"])
            queue.hold(message["receiptHandle"], replication.back_off(tries))
            raise
        log_repaired(message["body"], here)

    return _each_message(event, handle)


@timers.lambda_function(name="check")
@watched
def check(event: Event, context: object) -> Answer:
    """See to what is due: orders to take back or to work, conversations whose deadline is over."""
    here = bootstrap.here()

    def handle(message: Mapping[str, Any]) -> None:
        body = json.loads(message["body"])
        due = parse_time(body["due"])
        if due > here.clock():
            here.queue("checks").send(message["body"], due - here.clock())
        elif "file" in body:
            from ..rfq.turns import see_to

            principal, conversation = body["file"].split("#")
            with about(Conversation=conversation):
                see_to(principal, conversation, here.node())
        else:
            with about(OrderID=body["order_id"]):
                _check(OrderID(body["order_id"]), here)

    return _each_message(event, handle)


@streams.lambda_function(name="sweep")
@watched
def sweep(event: Event, context: object) -> Answer:
    """Find what got lost: messages that failed too often are put back where they came from."""
    here = bootstrap.here()
    moved = {purpose: here.queue(purpose).take_back_dead() for purpose in here.queue_purposes()}
    return {"moved": {purpose: count for purpose, count in moved.items() if count}}


@market.lambda_function(name="publish")
@watched
def publish(event: Event, context: object) -> Answer:
    """Give a sign of life, publish the prices that have changed, and have the bank's rates shown."""
    here = bootstrap.here()
    if here.utility.side is Side.NETWORK:
        _give_sign_of_life(here, here.own())
    if Holding.MARKET in here.utility.holdings:
        _publish_market(here, here.table(Holding.MARKET))
    principals = here.enterprise.principals_at(here.utility.name)
    if principals:
        from ..rfq import rates
    for principal in principals:
        rates.publish(
            here.rates,
            principal.name,
            here.table(Holding.REGISTRATIONS),
            origin=here.utility.name,
            period=here.settings.sign_of_life,
            now=here.clock(),
        )
    return {}


def _publish_market(here: Here, store: Store) -> None:
    from ..street.market import publish_prices

    now = here.clock()
    _give_sign_of_life(here, store)
    publish_prices(
        here.utility.name,
        exchange=here.exchange,
        sequence=lambda symbol: here.enterprise.sequence(day_of(now), "price", symbol),
        market=store,
        now=now,
    )


def _give_sign_of_life(here: Here, signs: Store) -> None:
    from ..network.life import give_sign_of_life

    give_sign_of_life(here.utility.name, period=here.settings.sign_of_life, signs=signs, now=here.clock())


def _retry(body: str, here: Here) -> None:
    if here.utility.side is Side.NETWORK:
        from ..network import routing

        routing.retry(body, here.city(), here.peer_table, now=here.clock())
    else:
        replication.retry(body, here.peer_table)


def _check(order_id: OrderID, here: Here) -> None:
    if here.utility.side is Side.STREET:
        from ..street.execution import look_again

        look_again(order_id, here.floor(), now=here.clock())
    else:
        from ..customer.routing import check_order

        check_order(
            order_id,
            here.utility.name,
            here.street(),
            records=here.own(),
            replica=here.table(Holding.STREET),
            now=here.clock(),
        )


def _each_message(event: Event, handle: Callable[[Mapping[str, Any]], None]) -> Answer:
    """Handle messages each on its own; those that failed come again."""
    failed = [message for message in event["Records"] if _first_failure([message], handle)]
    return {"batchItemFailures": [{"itemIdentifier": m["messageId"]} for m in failed]}


def _first_failure(
    records: Iterable[Mapping[str, Any]], handle: Callable[[Mapping[str, Any]], None]
) -> Mapping[str, Any] | None:
    """Handle records in order up to the first that fails: that one, or None."""
    for record in records:
        with about(**about_record(record)):
            try:
                handle(record)
            except Exception:
                # Whatever it was: the source retries from here, then sets the record aside.
                _log.exception("failed: %s", record.get("eventID") or record.get("messageId"))
                return record
    return None


def _table_of(record: Mapping[str, Any]) -> str:
    # arn:aws:dynamodb:REGION:ACCOUNT:table/NAME/stream/LABEL
    name: str = record["eventSourceARN"].split("/")[1]
    return name


def _queue_of(message: Mapping[str, Any]) -> str:
    # arn:aws:sqs:REGION:ACCOUNT:NAME
    name: str = message["eventSourceARN"].rsplit(":", 1)[1]
    return name


def _is_expiry(record: Mapping[str, Any]) -> bool:
    """Whether DynamoDB's own time to live removed it."""
    by = record.get("userIdentity") or {}
    return record["eventName"] == "REMOVE" and by.get("principalId") == "dynamodb.amazonaws.com"
