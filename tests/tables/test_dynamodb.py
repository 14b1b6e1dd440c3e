import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from moto import mock_aws

from chalicelib.tables.attributes import decode, encode
from chalicelib.tables.dynamodb import (
    KEY_ATTRIBUTES,
    KEY_SCHEMA,
    DynamoDBRegistry,
    DynamoDBStore,
    connection,
)
from chalicelib.tables.registry import VERSION
from chalicelib.tables.store import Store, StoreError, Unreachable, span
from tests.tables.contract import StoreContract, item
from tests.tables.registry_contract import RegistryContract

REGION = "us-east-1"
TABLE = "demo-c1-customer"
KEPT = "demo-s1-registrations"
RECORDS = "demo-s1-conversations"

# An endpoint of its own, so that what it is made to answer is not asked of the others' tables.
REFUSING = "http://127.0.0.1:2"


@pytest.fixture(scope="module", autouse=True)
def aws() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", "testing")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        environment.setenv("AWS_DEFAULT_REGION", REGION)
        environment.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
        connection.cache_clear()
        with mock_aws():
            client: Any = connection(REGION, None).client
            for table in (TABLE, KEPT, RECORDS):
                client.create_table(
                    TableName=table,
                    KeySchema=KEY_SCHEMA,
                    AttributeDefinitions=KEY_ATTRIBUTES,
                    BillingMode="PAY_PER_REQUEST",
                )
            yield
        connection.cache_clear()


class TestDynamoDBStore(StoreContract):
    @pytest.fixture
    def store(self) -> DynamoDBStore:
        return DynamoDBStore(TABLE, REGION)


def test_what_is_written_by_a_tables_account_is_in_the_table_of_that_name() -> None:
    there, here = DynamoDBStore(TABLE, REGION, account="123456789012"), DynamoDBStore(TABLE, REGION)
    assert there.insert(item("accounts", "inserted")) is None
    assert there.insert(item("accounts", "inserted")) == item("accounts", "inserted")
    assert there.copy([item("accounts", "copied")]) == []
    assert [found["sk"] for found in here.query("accounts", *span("")).items] == ["copied", "inserted"]


def test_a_table_of_another_account_is_not_the_own_one_of_that_name() -> None:
    with pytest.raises(Unreachable, match=f"{TABLE}: PutItem: .*not found"):
        DynamoDBStore(TABLE, REGION, account="210987654321").insert(item("a", "elsewhere"))


class TestDynamoDBRegistry(RegistryContract):
    @pytest.fixture
    def registry(self) -> DynamoDBRegistry:
        return DynamoDBRegistry(DynamoDBStore(KEPT, REGION), DynamoDBStore(RECORDS, REGION))


class Refusing:
    """A DynamoDB that refuses every transaction with an error of the test's, and keeps what it was asked."""

    def __init__(self, code: str, *reasons: str) -> None:
        self.asked: list[dict[str, Any]] = []
        self._error = {
            "__type": f"com.amazonaws.dynamodb.v20120810#{code}",
            "message": code,
            "CancellationReasons": [{"Code": reason} for reason in reasons],
        }

    def __call__(self, request: Any, **kwargs: object) -> AWSResponse:
        self.asked.append(json.loads(request.body))
        headers: Any = {"x-amzn-requestid": "1"}
        return AWSResponse(request.url, 400, headers, _Body(json.dumps(self._error).encode()))


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> Iterator[bytes]:
        yield self._content


def commit_refused(refusing: Refusing) -> bool:
    """What a registry makes of the refusal of a transaction of three parts."""
    events: Any = connection(REGION, REFUSING).client.meta.events
    events.register_first("before-send.dynamodb.TransactWriteItems", refusing)
    try:
        registry = DynamoDBRegistry(
            DynamoDBStore(KEPT, REGION, REFUSING), DynamoDBStore(RECORDS, REGION, REFUSING)
        )
        replaced = [item("a", "kept", **{VERSION: "1"}), item("b", "kept", **{VERSION: "0"})]
        return registry.commit(replaced, [item("a", "record")])
    finally:
        events.unregister("before-send.dynamodb.TransactWriteItems", refusing)


@pytest.mark.requirement("R5", "R11")
@pytest.mark.parametrize(
    "reasons",
    [
        ("ConditionalCheckFailed", "None", "None"),
        ("None", "None", "ConditionalCheckFailed"),
        ("TransactionConflict", "None", "ConditionalCheckFailed"),
        ("ConditionalCheckFailed", "TransactionConflict", "ThrottlingError"),
    ],
)
def test_a_condition_that_failed_has_failed_whatever_else_was_in_the_way(reasons: tuple[str, ...]) -> None:
    assert commit_refused(Refusing("TransactionCanceledException", *reasons)) is False


@pytest.mark.requirement("R5", "R11")
@pytest.mark.parametrize(
    "reasons",
    [
        ("TransactionConflict", "None", "None"),
        ("TransactionConflict", "TransactionConflict", "None"),
        ("None", "ThrottlingError", "None"),
        ("None", "None", "ProvisionedThroughputExceeded"),
        ("None", "ThrottlingError", "TransactionConflict"),
    ],
)
def test_a_transaction_that_met_another_or_was_throttled_says_nothing_of_its_conditions(
    reasons: tuple[str, ...],
) -> None:
    with pytest.raises(Unreachable, match=f"{RECORDS}: TransactWriteItems: .*TransactionCanceledException"):
        commit_refused(Refusing("TransactionCanceledException", *reasons))


@pytest.mark.parametrize(
    ("code", "reasons"),
    [
        ("ValidationException", ()),
        ("AccessDeniedException", ()),
        ("TransactionCanceledException", ("ValidationError", "None", "None")),
        ("TransactionCanceledException", ("ConditionalCheckFailed", "ValidationError", "None")),
        ("TransactionCanceledException", ("TransactionConflict", "ValidationError", "None")),
    ],
)
def test_a_transaction_that_can_never_be_made_is_not_worth_asking_again(
    code: str, reasons: tuple[str, ...]
) -> None:
    with pytest.raises(StoreError) as refusal:
        commit_refused(Refusing(code, *reasons))
    assert not isinstance(refusal.value, Unreachable)


@pytest.mark.requirement("R5")
def test_every_transaction_has_a_token_of_its_own_by_which_the_clients_repeats_are_known() -> None:
    refusing = Refusing("TransactionCanceledException", "TransactionConflict")
    for _ in range(2):
        with pytest.raises(Unreachable):
            commit_refused(refusing)
    tokens = [asked["ClientRequestToken"] for asked in refusing.asked]
    assert len(set(tokens)) == 2


@pytest.mark.requirement("T17")
def test_a_table_that_refuses_connections_is_unreachable_and_named() -> None:
    with pytest.raises(Unreachable, match="demo-c9-customer: GetItem"):
        DynamoDBStore("demo-c9-customer", REGION, "http://127.0.0.1:1").get("a", "1")


@pytest.mark.requirement("T17")
@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.insert(item("a", "1")),
        lambda store: store.insert_together([item("a", "1")]),
        lambda store: store.copy([item("a", "1")]),
        lambda store: store.get("a", "1"),
        lambda store: store.query("a", *span("")),
    ],
    ids=["insert", "insert_together", "copy", "get", "query"],
)
def test_a_table_that_is_not_there_is_unreachable_for_it_may_come(
    ask: Callable[[Store], object],
) -> None:
    with pytest.raises(Unreachable, match=r"demo-c9-customer: [A-Z]"):
        ask(DynamoDBStore("demo-c9-customer", REGION))


def test_a_request_that_is_wrong_in_itself_is_not_worth_asking_again() -> None:
    with pytest.raises(StoreError, match=f"{TABLE}: GetItem") as refusal:
        DynamoDBStore(TABLE, REGION).get("", "1")
    assert not isinstance(refusal.value, Unreachable)


def test_only_the_time_to_live_is_a_number() -> None:
    expiring = item("a", "1", Expires="1767625200", OrderQty="100")
    assert encode(expiring) == {
        "pk": {"S": "a"},
        "sk": {"S": "1"},
        "Expires": {"N": "1767625200"},
        "OrderQty": {"S": "100"},
    }
    assert decode(encode(expiring)) == expiring
