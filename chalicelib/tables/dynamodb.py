"""Tables in DynamoDB, through PynamoDB's connection.

The connection rather than its models: records are items already, a copy must keep fields that this
version does not know, and only the connection can ask a failed condition for the item that has the
key - which tells *mine, already there* from *taken* in the same request.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from http import HTTPStatus
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.connection import Connection
from pynamodb.exceptions import PynamoDBException, VerboseClientError

from ..records.record import Item
from .attributes import decode, encode
from .registry import VERSION, Key, next_version
from .store import Page, StoreError, Unreachable

_BATCH_MAX = 25
_CONNECT_SECONDS_MAX = 1
_READ_SECONDS_MAX = 4

KEY_SCHEMA = [
    {"AttributeName": "pk", "KeyType": "HASH"},
    {"AttributeName": "sk", "KeyType": "RANGE"},
]
KEY_ATTRIBUTES = [
    {"AttributeName": "pk", "AttributeType": "S"},
    {"AttributeName": "sk", "AttributeType": "S"},
]

_FREE = "attribute_not_exists(pk)"

# What says that the request itself was wrong, or that a condition did not hold; all else is a table
# that cannot be reached, throttling included, and is worth asking again.
_OURS_TO_MEND = frozenset({"ValidationException", "AccessDeniedException", "SerializationException"})


class DynamoDBStore:
    """One DynamoDB table with the keys `pk` and `sk`; `account` is whose it is, if another's."""

    def __init__(
        self, name: str, region: str, endpoint: str | None = None, account: str | None = None
    ) -> None:
        self.name = name
        self._connection = connection(region, endpoint)
        # A name alone is a table of the caller's own account.
        self._table = name if account is None else _table_arn(name, region, account)

    def insert(self, item: Item) -> Item | None:
        try:
            self._ask(
                "PutItem",
                Item=encode(item),
                ConditionExpression=_FREE,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except _ConditionFailed as failure:
            return decode(failure.item)
        return None

    def insert_together(self, items: Sequence[Item], unless: tuple[str, str] | None = None) -> bool:
        requests = [self.insertion(item) for item in items]
        if unless is not None:
            check = {"TableName": self._table, "Key": _key(*unless), "ConditionExpression": _FREE}
            requests.append({"ConditionCheck": check})
        return self.transact(requests)

    def insertion(self, item: Item) -> dict[str, Any]:
        """An insert as a part of a transaction."""
        return {"Put": {"TableName": self._table, "Item": encode(item), "ConditionExpression": _FREE}}

    def transact(self, requests: Sequence[Mapping[str, Any]]) -> bool:
        """Write all: True. If a condition does not hold: nothing, and False."""
        try:
            self._ask("TransactWriteItems", table=False, TransactItems=requests)
        except _ConditionFailed:
            return False
        return True

    def get_together(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Item]:
        """Those of some items that there are, in one request."""
        asked = {"Keys": [_key(*key) for key in keys], "ConsistentRead": True}
        answer = self._ask("BatchGetItem", table=False, RequestItems={self._table: asked})
        if answer.get("UnprocessedKeys"):
            raise Unreachable(f"{self.name}: BatchGetItem: not all items were read")
        items = [decode(found) for found in answer["Responses"][self._table]]
        return {(item["pk"], item["sk"]): item for item in items}

    def copy(self, items: Sequence[Item]) -> Sequence[Item]:
        left: list[Item] = []
        # A stream may repeat a record, and a batch may not name a key twice.
        once = list({(item["pk"], item["sk"]): item for item in items}.values())
        for start in range(0, len(once), _BATCH_MAX):
            batch = once[start : start + _BATCH_MAX]
            puts = [{"PutRequest": {"Item": encode(item)}} for item in batch]
            answer = self._ask("BatchWriteItem", table=False, RequestItems={self._table: puts})
            refused = answer.get("UnprocessedItems", {}).get(self._table, ())
            left.extend(decode(request["PutRequest"]["Item"]) for request in refused)
        return left

    def get(self, pk: str, sk: str) -> Item | None:
        answer = self._ask("GetItem", Key=_key(pk, sk), ConsistentRead=True)
        found = answer.get("Item")
        return None if found is None else decode(found)

    def query(
        self,
        pk: str,
        first: str,
        last: str,
        *,
        backward: bool = False,
        limit: int | None = None,
        beyond: str | None = None,
    ) -> Page:
        optional: dict[str, Any] = {}
        if limit is not None:
            optional["Limit"] = limit
        if beyond is not None:
            optional["ExclusiveStartKey"] = _key(pk, beyond)
        answer = self._ask(
            "Query",
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":pk": {"S": pk},
                ":first": {"S": first},
                ":last": {"S": last},
            },
            ScanIndexForward=not backward,
            ConsistentRead=True,
            **optional,
        )
        return Page([decode(found) for found in answer["Items"]], "LastEvaluatedKey" in answer)

    def _ask(self, operation: str, table: bool = True, **request: Any) -> dict[str, Any]:
        if table:
            request["TableName"] = self._table
        try:
            return self._connection.dispatch(operation, request)
        except ClientError as error:
            raise _translated(error, self.name, operation) from error
        except (BotoCoreError, PynamoDBException) as error:
            raise Unreachable(f"{self.name}: {operation}: {error}") from error


def _table_arn(name: str, region: str, account: str) -> str:
    partition = botocore.session.get_session().get_partition_for_region(region)
    return f"arn:{partition}:dynamodb:{region}:{account}:table/{name}"


class DynamoDBRegistry:
    """Both tables in DynamoDB, in one region."""

    def __init__(self, kept: DynamoDBStore, records: DynamoDBStore) -> None:
        self.kept = kept
        self.records = records

    def read(self, *keys: Key) -> list[Item | None]:
        found = self.kept.get_together(keys)
        return [found.get(key) for key in keys]

    def commit(self, replaced: Sequence[Item], inserted: Sequence[Item]) -> bool:
        requests: list[dict[str, Any]] = [
            {
                "Put": {
                    "TableName": self.kept.name,
                    "Item": encode(next_version(item)),
                    **_still(item[VERSION]),
                }
            }
            for item in replaced
        ]
        return self.records.transact([*requests, *map(self.records.insertion, inserted)])


def _still(version: str) -> dict[str, Any]:
    """The condition that an item is still the version that was read."""
    if version == "0":
        return {"ConditionExpression": "attribute_not_exists(pk)"}
    return {
        "ConditionExpression": f"{VERSION} = :version",
        "ExpressionAttributeValues": {":version": {"S": version}},
    }


class _ConditionFailed(Exception):
    """A key was taken; `item` has it, where the operation can tell."""

    def __init__(self, item: Mapping[str, Any]) -> None:
        super().__init__()
        self.item = item


def _translated(error: ClientError, name: str, operation: str) -> Exception:
    code = error.response["Error"]["Code"]
    if code == "ConditionalCheckFailedException":
        return _ConditionFailed(_item_in_the_way(error))
    reasons = {reason.code for reason in getattr(error, "cancellation_reasons", ()) if reason is not None}
    if code in _OURS_TO_MEND or "ValidationError" in reasons:
        return StoreError(f"{name}: {operation}: {error}")
    if "ConditionalCheckFailed" in reasons:
        # Whatever else was in the way as well, a TransactionConflict or throttling: nothing was written,
        # and a key that is taken or a version that is past stays so.
        return _ConditionFailed({})
    return Unreachable(f"{name}: {operation}: {error}")


def _item_in_the_way(error: ClientError) -> Mapping[str, Any]:
    # PynamoDB's error drops the item; botocore's, which caused it, has it.
    cause = error.__cause__ if isinstance(error, VerboseClientError) else error
    response: Any = getattr(cause, "response", {})
    item: Mapping[str, Any] = response["Item"]
    return item


@cache
def connection(region: str, endpoint: str | None) -> Connection:
    """The one connection to a region: tables share its pool of sockets."""
    made = Connection(
        region=region,
        host=endpoint,
        connect_timeout_seconds=_CONNECT_SECONDS_MAX,
        read_timeout_seconds=_READ_SECONDS_MAX,
        max_retry_attempts=2,
        max_pool_connections=50,
    )
    # Given a name of ours, botocore does not put one together anew for every request, twice.
    made.session.set_default_client_config(Config(user_agent="threeside"))
    # Creating a botocore client is not safe among threads; using one is.
    made.client.meta.events.register("before-parse.dynamodb.*", _read_answer)
    return made


def _read_answer(
    response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **kwargs: object
) -> None:
    """Take what a table answered as it is: JSON, in the shape that it is asked for.

    Botocore would go through every attribute of every item by its model, to the same end, which takes
    longer than all else that is done for an inquiry. Refusals are left to it, and binary values there are
    none.
    """
    if response_dict["status_code"] < HTTPStatus.MULTIPLE_CHOICES:
        customized_response_dict.update(json.loads(response_dict["body"]))
        response_dict["body"] = b"{}"


def _key(pk: str, sk: str) -> dict[str, dict[str, str]]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}
