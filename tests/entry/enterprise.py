"""The default enterprise on moto, in one thread: what is deployed, called as AWS calls it.

Requests go over the wire of the local server into the real routes and their authorizer. Streams and
queues are moto's; they are read and handed over when a test says so, and by the test's clock.
"""

import io
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.client import HTTPResponse
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from chalice.app import Chalice
from moto.backends import get_backend
from moto.dynamodb.models.dynamo_type import DynamoType

from chalicelib import bootstrap
from chalicelib.bootstrap import Here
from chalicelib.enterprise import Enterprise as Plan
from chalicelib.enterprise import Holding, Side, load_enterprise
from chalicelib.entry import common, customer, dealing, description, page, streams
from chalicelib.entry.watching import HEADER
from chalicelib.firm.booking import open_account
from chalicelib.firm.listing import list_instrument, load_listings
from chalicelib.network.queues import SqsQueue, dead_letters_of, sqs_client
from chalicelib.records.numbers import account_key, parse_number
from chalicelib.records.record import Item, Record, item_bytes
from chalicelib.records.times import day_of, format_time
from chalicelib.settings import read_settings
from chalicelib.tables.attributes import decode, encode
from chalicelib.tables.dynamodb import DynamoDBRegistry, DynamoDBStore, connection
from chalicelib.tables.registry import Registry
from infrastructure.engine import client
from infrastructure.event_sources import StreamSource, event_sources, matches
from infrastructure.process import make_server
from infrastructure.provision import provision
from infrastructure.tokens import Issuer
from tests.builders import NOW, SECRET

REGION = "us-east-1"
ENTERPRISE_FILE = Path(__file__).parents[2] / "enterprise.toml"
_AWS_ACCOUNT = "123456789012"
ISSUER = "https://issuer.invalid"
OWNER = "ada"
ACCOUNTS = tuple(f"A-{1001 + count}" for count in range(40))
BROUGHT_IN = {"USD": Decimal("1000000.00"), "IBM": Decimal(500)}

# A port on which nobody listens: connections to it are refused.
_NOWHERE = "http://127.0.0.1:1"

# One bar, shown as four ticks of 15 seconds: 100, 98, 104, 102. A tick is good for 1,000 shares.
_REPLAY = {"IBM": [["20130301", "100.00", "104.00", "98.00", "102.00", "400000"]]}
# With what a fund holds, besides.
REPLAY_WITH_FUND = {
    **_REPLAY,
    "FB": [["20130301", "27.00", "28.00", "26.00", "27.50", "400000"]],
    "GOOG": [["20130301", "800.00", "810.00", "790.00", "805.00", "400000"]],
}

# What the product asks of a table: it inserts and it reads by key (T11). No request scans.
_READS = {"GetItem", "BatchGetItem", "Query"}
# What the firm lists before anything else.
LISTED = ("IBM", "THREEX", "THREEI", "EURUSD")

_WRITES = {"PutItem", "TransactWriteItems", "BatchWriteItem"}

# The one kind of table whose items are replaced, each on the condition that it is still as it was (R5).
_IN_PLACE = f"-{Holding.REGISTRATIONS}"
_CONDITIONS = {False: {"attribute_not_exists(pk)"}, True: {"attribute_not_exists(pk)", "Version = :version"}}

Event = Mapping[str, Any]


def _make_app() -> Chalice:
    app = Chalice(app_name="threeside-tests")
    for blueprint in (
        common.blueprint,
        description.blueprint,
        page.blueprint,
        customer.blueprint,
        dealing.blueprint,
        streams.streams,
        streams.timers,
        streams.market,
    ):
        app.register_blueprint(blueprint)
    return app


# A blueprint can be registered once per process: one app, which acts for whom it is told to.
APP = _make_app()
_FUNCTIONS: Mapping[str, Callable[[Event, object], Any]] = {
    function.name: function.func for function in APP.pure_lambda_functions
}
_server = make_server(APP, 0).server
_server.server_close()


class Asked(NamedTuple):
    """One request to a table, or to several, and how many items it writes or reads by key in each."""

    operation: str
    items: Mapping[str, int]

    @property
    def tables(self) -> str:
        return " ".join(sorted(self.items))


@dataclass(frozen=True)
class Answer:
    """What came back over the wire."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """The socket of one request: what was sent is read from it, and the answer is kept."""

    def __init__(self, sent: bytes) -> None:
        self._sent = sent
        self._answered = bytearray()

    def makefile(self, *args: object, **kwargs: object) -> io.BytesIO:
        return io.BytesIO(self._sent)

    def sendall(self, data: bytes) -> None:
        self._answered += data

    def settimeout(self, seconds: float) -> None:
        pass

    def setsockopt(self, *option: object) -> None:
        pass

    def answer(self, method: str) -> Answer:
        answered: Any = Wire(bytes(self._answered))
        response = HTTPResponse(answered, method=method)
        response.begin()
        return Answer(response.status, dict(response.getheaders()), response.read())


class Undelayed(SqsQueue):
    """A queue whose messages are there at once: the test's clock says when they are due."""

    def send(self, body: str, delay: timedelta = timedelta(0)) -> None:
        super().send(body)


class Enterprise:
    """Every utility of the default enterprise, or of another file, and what a test can do to it.

    `down` are the utilities whose tables refuse connections; `stopped` those whose functions are
    not called.
    """

    def __init__(
        self,
        folder: Path,
        name: str = "demo",
        file: Path = ENTERPRISE_FILE,
        bars: Mapping[str, Any] = _REPLAY,
    ) -> None:
        self.plan = replace(load_enterprise(file), name=name)
        self.now = NOW
        self.down: set[str] = set()
        self.stopped: set[str] = set()
        self.asked: list[Asked] = []
        self.issuer = Issuer.generated()
        self._dynamodb = client("dynamodb", None)
        self._streams = client("dynamodbstreams", None)
        self._sqs = client("sqs", None)
        self._held: list[tuple[str, str]] = []
        self._opened = 0
        self._requests = 0
        self._replay = folder / "replay.json"
        self._replay.write_text(json.dumps(bars))
        self.here: dict[str, Here] = {}
        self._readers: dict[tuple[str, str], Reader] = {}
        self.take_over(self.plan)
        self._token = self.token(OWNER, ACCOUNTS)
        self._list_instruments()
        connection(REGION, None).client.meta.events.register("provide-client-params.dynamodb.*", self._note)
        nowhere: Any = connection(REGION, _NOWHERE).client.meta.events
        nowhere.register_first("needs-retry.dynamodb.*", _at_once)

    def take_over(self, plan: Plan) -> None:
        """Make what is missing of a plan, and have every utility follow it from now on."""
        self.plan = plan
        provision(plan, self._dynamodb, self._sqs, timedelta(seconds=60))
        self.here = {utility.name: self._here(utility.name, self._replay) for utility in plan.utilities}
        self._readers = {where: reader for where, reader in self._readers.items() if where[0] in self.here}
        for utility in plan.utilities:
            for source in event_sources(plan, utility, timedelta(seconds=60)):
                where = (utility.name, source.name)
                if isinstance(source, StreamSource) and where not in self._readers:
                    self._readers[where] = Reader(source, self._dynamodb, self._streams)

    def _list_instruments(self) -> None:
        """Have the firm list a share, a fund and a pair."""
        listings = load_listings(ENTERPRISE_FILE.with_name("instruments.toml"))
        for listing in listings:
            if listing.symbol in LISTED:
                list_instrument(listing, self.here["firm"].books(), now=self.now)

    def _here(self, name: str, replay: Path) -> Here:
        settings = read_settings(
            {
                "THREESIDE_UTILITY": name,
                "THREESIDE_ENTERPRISE": str(ENTERPRISE_FILE),
                "THREESIDE_SECRET": SECRET.hex(),
                "THREESIDE_ISSUER": ISSUER,
                "THREESIDE_JWKS": self.issuer.jwks(),
                "THREESIDE_REPLAY": str(replay),
                "THREESIDE_EPOCH": format_time(NOW),
            }
        )
        return Here(
            settings=settings,
            enterprise=self.plan,
            open_table=self._open_table,
            open_queue=lambda queue, region: (
                Undelayed(queue, region) if queue.endswith("-checks") else SqsQueue(queue, region)
            ),
            open_registry=self._open_registry,
            clock=lambda: self.now,
        )

    def _open_table(self, name: str, region: str) -> DynamoDBStore:
        is_down = self.plan.owner(name).name in self.down
        return DynamoDBStore(name, region, _NOWHERE if is_down else None)

    def _open_registry(self, kept: str, records: str, region: str) -> Registry:
        return DynamoDBRegistry(self._open_table(kept, region), self._open_table(records, region))

    # Requests

    def token(self, subject: str, accounts: Sequence[str], **other: Any) -> str:
        terms = {"audience": self.plan.name, "issuer": ISSUER, "now": datetime.now(UTC)}
        return self.issuer.token(subject, accounts, **{**terms, "lifetime": timedelta(hours=1), **other})

    def ask(
        self,
        utility: str,
        method: str,
        target: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """A request to one utility, the owner's unless the headers say otherwise.

        A body that is no bytes is sent as JSON. Requests are named in the order in which they are made.
        """
        self._requests += 1
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = {
            "Host": "localhost",
            "Connection": "close",
            "Content-Length": str(len(content)),
            "Content-Type": "application/json",
            "Authorization": f"Bearer {self._token}",
            HEADER: f"request-{self._requests}",
            **(headers or {}),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
        wire = Wire(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + content)
        with bootstrap.acting_for(self.here[utility]):
            handler: Any = _server.RequestHandlerClass
            handler(wire, ("127.0.0.1", 0), _server)
        return wire.answer(method)

    def order(self, account: str, **asked: str | None) -> dict[str, str]:
        """A NewOrderSingle: 100 IBM to buy at market, but for what is asked; None leaves a field out."""
        order = {
            "Account": account,
            "ClOrdID": "order-1",
            "Symbol": "IBM",
            "Side": "1",
            "OrdType": "1",
            "OrderQty": "100",
            "TransactTime": format_time(self.now),
            **asked,
        }
        return {name: value for name, value in order.items() if value is not None}

    def enter(self, utility: str, account: str, **asked: str | None) -> str:
        """Enter an order at a utility: its number."""
        answer = self.ask(utility, "POST", "/orders", self.order(account, **asked))
        assert answer.status in (200, 201), answer
        number: str = answer.json["OrderID"]
        return number

    def cancel(self, utility: str, number: str) -> Answer:
        body = {"ClOrdID": "cancel-1", "TransactTime": format_time(self.now)}
        return self.ask(utility, "POST", f"/orders/{number}/cancel", body)

    def replace(self, utility: str, number: str, **asked: str) -> Answer:
        body = {"ClOrdID": "replace-1", "TransactTime": format_time(self.now), **asked}
        return self.ask(utility, "POST", f"/orders/{number}/replace", body)

    def get(self, utility: str, target: str) -> Any:
        """What an inquiry is answered with."""
        answer = self.ask(utility, "GET", target)
        assert answer.status == 200, answer
        return answer.json

    def sequence(self, number: str) -> tuple[str, ...]:
        """The street utilities in the order in which an order is tried at them."""
        parsed = parse_number(number)
        return self.plan.sequence(parsed.day, parsed.account_key, parsed.tag)

    def publisher(self, symbol: str) -> str:
        """The street utility that publishes a symbol's prices today."""
        return self.plan.sequence(day_of(self.now), "price", symbol)[0]

    # Events

    def call(self, utility: str, function: str, event: Event) -> Any:
        """One invocation of an event function."""
        with bootstrap.acting_for(self.here[utility]):
            return _FUNCTIONS[function](json.loads(json.dumps(event, default=_as_json)), None)

    def settle(self) -> None:
        """Hand over what streams have, until they have nothing new."""
        busy = True
        while busy:
            turns = [self.turn(utility, name) for utility, name in self._readers]
            busy = any(turns)
        self._forget_streams()

    def settle_in_disorder(self, chance: Random) -> None:
        """Hand over each record twice, in any order and in any batches, until there is nothing new."""
        waiting: list[tuple[str, str, dict[str, Any]]] = []
        while True:
            for (utility, _), reader in self._readers.items():
                waiting += [(utility, reader.source.function, record) for record in reader.take()] * 2
            if not waiting:
                return
            chance.shuffle(waiting)
            batches = defaultdict(list)
            for _ in range(chance.randint(1, len(waiting))):
                utility, function, record = waiting.pop()
                batches[utility, function].append(record)
            for (utility, function), records in batches.items():
                assert self.call(utility, function, {"Records": records}) == {"batchItemFailures": []}

    def turn(self, utility: str, source: str) -> bool:
        """Hand over what is new to one source: whether there was anything."""
        reader = self._readers[utility, source]
        if utility in self.stopped or not reader.is_due:
            return False
        records = reader.backlog()
        if records:
            reader.handled(self.call(utility, reader.source.function, {"Records": records}))
        return bool(records)

    def take(self, utility: str, source: str) -> list[dict[str, Any]]:
        """What is new to one source, for the test to hand over."""
        return self._readers[utility, source].take()

    @property
    def sources(self) -> tuple[tuple[str, str], ...]:
        return tuple(self._readers)

    def publish(self) -> None:
        """Signs of life and prices, from every utility that works and gives any, to where they are read."""
        for utility in (*self.plan.on(Side.STREET), *self.plan.on(Side.NETWORK)):
            if utility.name not in self.stopped:
                self.call(utility.name, "publish", {})
                self.settle()

    def pass_time(self, seconds: float) -> None:
        """Let time go by, and see to what is due."""
        self.now += timedelta(seconds=seconds)
        for utility in self.plan.utilities:
            if utility.side in (Side.CUSTOMER, Side.STREET) and utility.name not in self.stopped:
                self.hand_over(utility.name, "checks")
        self.settle()

    def recover(self) -> None:
        """Everything is up again, and works off what it has missed."""
        self.down.clear()
        self.stopped.clear()
        for here in self.here.values():
            here.suspected.clear()
        self.end_waiting()
        self.settle()

    # Queues

    def hand_over(self, utility: str, purpose: str) -> int:
        """Hand over what is in a queue now, in one batch: how many messages failed."""
        queue = f"{self.plan.name}-{utility}-{purpose}"
        messages = self.receive(queue)
        if not messages:
            return 0
        arn = f"arn:aws:sqs:{REGION}:{_AWS_ACCOUNT}:{queue}"
        event = {"Records": [_as_message(message, arn) for message in messages]}
        answer = self.call(utility, "check" if purpose == "checks" else "retry", event)
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for message in messages:
            if message["MessageId"] in failed:
                self._held.append((queue, message["ReceiptHandle"]))
            else:
                self._sqs.delete_message(QueueUrl=self._url(queue), ReceiptHandle=message["ReceiptHandle"])
        return len(failed)

    @contextmanager
    def holding(self) -> Iterator[list[int]]:
        """For how many seconds the product keeps messages out of sight meanwhile."""
        held: list[int] = []

        def note(params: Mapping[str, Any], **kwargs: object) -> None:
            held.append(params["VisibilityTimeout"])

        events = sqs_client(REGION, None).meta.events
        events.register("provide-client-params.sqs.ChangeMessageVisibility", note)
        yield held
        events.unregister("provide-client-params.sqs.ChangeMessageVisibility", note)

    def end_waiting(self) -> None:
        """Messages that failed can be received again: their waiting is over."""
        for queue, receipt in self._held:
            self._sqs.change_message_visibility(
                QueueUrl=self._url(queue), ReceiptHandle=receipt, VisibilityTimeout=0
            )
        self._held.clear()

    def receive(self, queue: str) -> list[dict[str, Any]]:
        """All that a queue gives out now."""
        received: list[dict[str, Any]] = []
        while True:
            answer = self._sqs.receive_message(
                QueueUrl=self._url(queue), MaxNumberOfMessages=10, AttributeNames=["All"]
            )
            if not answer.get("Messages"):
                return received
            received.extend(answer["Messages"])

    def waiting(self, utility: str, purpose: str) -> int:
        """How many messages a queue has, those under way included."""
        counted = self._sqs.get_queue_attributes(
            QueueUrl=self._url(f"{self.plan.name}-{utility}-{purpose}"), AttributeNames=["All"]
        )["Attributes"]
        return sum(
            int(counted[f"ApproximateNumberOfMessages{which}"]) for which in ("", "NotVisible", "Delayed")
        )

    def bury(self, utility: str, purpose: str, body: str) -> None:
        """Put a message among a queue's dead letters, as SQS does when it has failed too often."""
        queue = dead_letters_of(f"{self.plan.name}-{utility}-{purpose}")
        self._sqs.send_message(QueueUrl=self._url(queue), MessageBody=body)

    def _url(self, queue: str) -> str:
        url: str = self._sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        return url

    def parked(self, utility: str, peer: str) -> list[dict[str, Any]]:
        """Take what a utility has parked for a peer out of its queue."""
        queue = f"{self.plan.name}-{utility}-parked-{peer}"
        messages = self.receive(queue)
        for message in messages:
            self._sqs.delete_message(QueueUrl=self._url(queue), ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in messages]

    # Tables, looked into behind the product's back

    def tables(self) -> dict[str, dict[str, Item]]:
        """Every item of every table, by its key."""
        names = [name for utility in self.plan.utilities for name in self.plan.tables(utility)]
        return {name: self.items(name) for name in names}

    def items(self, table: str) -> dict[str, Item]:
        kept = get_backend("dynamodb")[_AWS_ACCOUNT][REGION].get_table(table).all_items()
        items = [decode(item.to_json()["Attributes"]) for item in kept]
        return {f"{item['pk']}/{item['sk']}": item for item in items}

    @contextmanager
    def having(self, table: str, items: Sequence[Item]) -> Iterator[None]:
        """Have a table keep these, too, meanwhile: no stream tells of it."""
        kept: Any = get_backend("dynamodb")[_AWS_ACCOUNT][REGION].get_table(table)
        stream, kept.stream_shard = kept.stream_shard, None
        for item in items:
            kept.put_item(encode(item))
        kept.stream_shard = stream
        yield
        # A transaction that failed has put another table in its place.
        kept = get_backend("dynamodb")[_AWS_ACCOUNT][REGION].get_table(table)
        stream, kept.stream_shard = kept.stream_shard, None
        for item in items:
            kept.delete_item(*(DynamoType({"S": item[key]}) for key in ("pk", "sk")))
        kept.stream_shard = stream

    def put(self, table: str, item: Item) -> None:
        """Put an item as no part of the product would."""
        values = {name: {"S": value} for name, value in item.items()}
        self._dynamodb.put_item(TableName=table, Item=values)
        self._written(table)

    def unopened_account(self) -> str:
        """One more of the owner's accounts, which the firm knows nothing of."""
        self._opened += 1
        return ACCOUNTS[self._opened - 1]

    def remove(self, table: str, item: Item) -> None:
        """Delete an item, as no part of the product would."""
        key = {name: {"S": item[name]} for name in ("pk", "sk")}
        self._dynamodb.delete_item(TableName=table, Key=key)
        self._written(table)

    def open_account(self) -> str:
        """One more of the owner's accounts, opened at the firm with what it brings."""
        account = self.unopened_account()
        books = self.here["firm"].books()
        open_account(account, account_key(account, SECRET), BROUGHT_IN, books, now=self.now)
        self.settle()
        return account

    # Counts

    @contextmanager
    def counting(self) -> Iterator[Counter[tuple[str, str]]]:
        """What is asked meanwhile: requests by operation and table."""
        counted: Counter[tuple[str, str]] = Counter()
        before = len(self.asked)
        yield counted
        counted.update((asked.operation, asked.tables) for asked in self.asked[before:])

    @contextmanager
    def counting_writes(self) -> Iterator[Counter[str]]:
        """What is written meanwhile: items by table, each one a write unit for it is under 1 KB."""
        counted: Counter[str] = Counter()
        before = len(self.asked)
        yield counted
        for asked in self.asked[before:]:
            if asked.operation in _WRITES:
                counted.update(asked.items)

    def check(self) -> None:
        """What holds of every test: nothing was scanned or deleted, and items are small.

        Nothing was changed but what is kept in place, and that only as it was read.
        """
        assert {asked.operation for asked in self.asked} <= _READS | _WRITES
        for items in self.tables().values():
            for item in items.values():
                kind = Record.kinds.get(item.get("RecordType", ""), Record)
                assert item_bytes(item) <= kind.bytes_max, item

    def _note(self, params: Mapping[str, Any], model: Any, **kwargs: object) -> None:
        for put in _puts(model.name, params):
            is_in_place = put["TableName"].endswith(_IN_PLACE)
            assert put.get("ConditionExpression") in _CONDITIONS[is_in_place], put
        asked = Asked(model.name, _items(model.name, params))
        self.asked.append(asked)
        for table in asked.items:
            self._written(table)

    def _forget_streams(self) -> None:
        """Drop what every source has been given: moto copies a table's whole stream in each transaction."""
        get_backend("dynamodbstreams")[_AWS_ACCOUNT][REGION].shard_iterators.clear()
        read = defaultdict(list)
        for reader in self._readers.values():
            read[reader.source.table].append(reader.read)
        tables = get_backend("dynamodb")[_AWS_ACCOUNT][REGION].tables
        for name in [name for utility in self.plan.utilities for name in self.plan.tables(utility)]:
            shard: Any = tables[name].stream_shard
            end = shard.starting_sequence_number + len(shard.items) - 1
            count = min(read[name], default=end) + 1 - shard.starting_sequence_number
            if count > 0:
                del shard.items[:count]
                shard.starting_sequence_number += count

    def _written(self, table: str) -> None:
        for reader in self._readers.values():
            reader.is_due = reader.is_due or reader.source.table == table


class Reader:
    """One source's place in its table's stream; it is due when there may be something new."""

    def __init__(self, source: StreamSource, dynamodb: Any, streams: Any) -> None:
        self.source = source
        self.is_due = True
        self._streams = streams
        self._arn = dynamodb.describe_table(TableName=source.table)["Table"]["LatestStreamArn"]
        stream = streams.describe_stream(StreamArn=self._arn)["StreamDescription"]
        self._shard = stream["Shards"][0]["ShardId"]
        self._place: dict[str, str] = {"ShardIteratorType": "TRIM_HORIZON"}
        self._images: dict[str, Any] = {}
        self._backlog: list[dict[str, Any]] = []
        self._failures: Counter[str] = Counter()

    @property
    def read(self) -> int:
        """The sequence number up to which the stream has been read."""
        return int(self._place.get("SequenceNumber", -1))

    def backlog(self) -> list[dict[str, Any]]:
        """What matches and has not been handled."""
        # Opened anew each time: moto puts another stream in its place when a transaction fails, and
        # the old one keeps what was rolled back.
        where = {"StreamArn": self._arn, "ShardId": self._shard, **self._place}
        iterator = self._streams.get_shard_iterator(**where)["ShardIterator"]
        records = self._streams.get_records(ShardIterator=iterator)["Records"]
        if records:
            place = records[-1]["dynamodb"]["SequenceNumber"]
            self._place = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": place}
        for record in filter(self._is_change, records):
            if any(matches(pattern, record) for pattern in self.source.patterns):
                self._backlog.append({**record, "eventSourceARN": self._arn})
        self.is_due = bool(self._backlog)
        return self._backlog[: self.source.batch_max]

    def take(self) -> list[dict[str, Any]]:
        """What is new, no longer to be handed over from here."""
        taken, self._backlog = self.backlog(), []
        return taken

    def handled(self, answer: Any) -> None:
        """Go on behind the last batch, or with the record that failed."""
        batch = self._backlog[: self.source.batch_max]
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        done = next((n for n, r in enumerate(batch) if r["dynamodb"]["SequenceNumber"] in failed), len(batch))
        if done < len(batch):
            place = batch[done]["dynamodb"]["SequenceNumber"]
            self._failures[place] += 1
            assert self._failures[place] <= self.source.attempts_max, batch[done]
        del self._backlog[:done]

    def _is_change(self, record: Mapping[str, Any]) -> bool:
        """DynamoDB says nothing of a put that changes nothing; moto does."""
        key = json.dumps(record["dynamodb"]["Keys"])
        image = record["dynamodb"].get("NewImage")
        is_same = self._images.get(key) == image
        self._images[key] = image
        return not is_same


def _puts(operation: str, params: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What a request inserts or replaces on a condition: all but copies, which are put in batches."""
    if operation == "PutItem":
        return [params]
    if operation == "TransactWriteItems":
        return [item["Put"] for item in params["TransactItems"] if "Put" in item]
    return []


def _items(operation: str, params: Mapping[str, Any]) -> Counter[str]:
    """How many items of which tables a request is about."""
    if operation == "BatchWriteItem":
        return Counter({table: len(puts) for table, puts in params["RequestItems"].items()})
    if operation == "BatchGetItem":
        return Counter({table: len(keys["Keys"]) for table, keys in params["RequestItems"].items()})
    if operation == "TransactWriteItems":
        return Counter(put["TableName"] for put in _puts(operation, params))
    return Counter({params["TableName"]: 1})


def _at_once(attempts: int, **kwargs: object) -> int | None:
    """How long to wait before the next attempt: not at all, for nobody comes back meanwhile."""
    return 0 if attempts < 3 else None


def _as_json(value: object) -> float:
    assert isinstance(value, datetime), value
    return value.timestamp()


def _as_message(message: Mapping[str, Any], arn: str) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
    }
