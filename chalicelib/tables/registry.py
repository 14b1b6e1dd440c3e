"""The one table that is written in place, and what is written together with it.

A bank's node changes a registration and writes the records that say so in one transaction, which
holds only if every item that is replaced is still the version that was read.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from ..records.record import Item
from .attributes import encode
from .dynamodb import DynamoDBStore
from .memory import MemoryStore
from .store import Store

VERSION = "Version"

Key = tuple[str, str]


class Registry(Protocol):
    """Two tables of a node's: what is kept in place, and the records of its conversations."""

    kept: Store
    records: Store

    def read(self, *keys: Key) -> list[Item | None]:
        """Items of the table in place, as they are now, in one request; Unreachable."""

    def commit(self, replaced: Sequence[Item], inserted: Sequence[Item]) -> bool:
        """Put the items in place of the versions they say they are, and insert the records.

        All or none: False if an item has another version by now, or a record's key is taken.
        Unreachable if nothing is known of it, or if others were at the same items: read again.
        """


class MemoryRegistry:
    """Both tables in memory."""

    def __init__(self, kept: MemoryStore, records: MemoryStore) -> None:
        self.kept = kept
        self.records = records

    def read(self, *keys: Key) -> list[Item | None]:
        return [self.kept.get(*key) for key in keys]

    def commit(self, replaced: Sequence[Item], inserted: Sequence[Item]) -> bool:
        with self.kept.lock:
            for item in replaced:
                there = self.kept.get(item["pk"], item["sk"])
                if (there or {}).get(VERSION, "0") != item[VERSION]:
                    return False
            if not self.records.insert_together(inserted):
                return False
            for item in replaced:
                self.kept.replace(_next_version(item))
            return True


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
                    "Item": encode(_next_version(item)),
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


def _next_version(item: Item) -> Item:
    return {**item, VERSION: str(int(item[VERSION]) + 1)}
