from collections.abc import Callable, Iterator
from typing import Any

import pytest
from moto import mock_aws

from chalicelib.tables.attributes import decode, encode
from chalicelib.tables.dynamodb import KEY_ATTRIBUTES, KEY_SCHEMA, DynamoDBStore, connection
from chalicelib.tables.store import Store, StoreError, Unreachable, span
from tests.tables.contract import StoreContract, item

REGION = "us-east-1"
TABLE = "demo-c1-customer"


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
            client.create_table(
                TableName=TABLE,
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
