"""Items as DynamoDB's API and streams write them."""

from collections.abc import Mapping

from ..records.record import Item

# Attributes that DynamoDB itself reads as numbers: the time to live.
_NUMBERS = frozenset({"Expires"})


def encode(item: Item) -> dict[str, dict[str, str]]:
    """An item as attribute values."""
    return {name: {"N" if name in _NUMBERS else "S": value} for name, value in item.items()}


def decode(found: Mapping[str, Mapping[str, str]]) -> Item:
    """An item out of an answer of DynamoDB's or a stream's image."""
    return {name: next(iter(value.values())) for name, value in found.items()}
