"""Transaction numbers: unique by their utility's code (T10), and the way to an order's records.

A number is `CODE + day - account key - order tag`, 39 characters:

    C0120261122-mzq2kx7f3wd5a-h4o6ylpu2snbe

The account key is a keyed hash of the account, the tag one of the account and its ClOrdID; so a
number shows no account, and whoever holds it finds every record of its order under one key and one
prefix. The same ClOrdID entered at two utilities on one day yields two numbers and one place.
"""

import re
from base64 import b32encode
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import blake2b
from typing import NewType

OrderID = NewType("OrderID", str)

_NUMBER = re.compile(r"([A-Z][A-Z0-9]{2})(\d{8})-([a-z2-7]{13})-([a-z2-7]{13})", re.ASCII)


class MalformedNumber(ValueError):
    """Not a transaction number."""


@dataclass(frozen=True, kw_only=True)
class Number:
    """A transaction number taken apart."""

    code: str
    day: str
    account_key: str
    tag: str

    @cached_property
    def prefix(self) -> str:
        """What the sort keys of all records of the order begin with."""
        return f"{self.day}#{self.tag}#"

    def __str__(self) -> str:
        return f"{self.code}{self.day}-{self.account_key}-{self.tag}"


# All records of an order have its number, and each is asked for it more than once.
@lru_cache(maxsize=256)
def parse_number(text: str) -> Number:
    """Take a transaction number apart; MalformedNumber if it is none."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise MalformedNumber(
            f"expected a transaction number such as C0120261122-mzq2kx7f3wd5a-h4o6ylpu2snbe, "
            f"found {text[:64]!r}"
        )
    code, day, account_key, tag = match.groups()
    return Number(code=code, day=day, account_key=account_key, tag=tag)


def account_key(account: str, secret: bytes) -> str:
    """The partition of an account's records: 65 bits, 13 characters."""
    return _keyed_hash(secret, account)


def order_tag(account: str, cl_ord_id: str, secret: bytes) -> str:
    """What all records of one ClOrdID of an account share."""
    return _keyed_hash(secret, account, cl_ord_id)


def _keyed_hash(secret: bytes, *parts: str) -> str:
    digest = blake2b("\x1f".join(parts).encode(), key=secret, digest_size=10).digest()
    return b32encode(digest).decode().lower()[:13]


def conversation_number(code: str, day: str, secret: bytes, *request: str) -> str:
    """The number of a conversation: whoever asks the same again on that day means the same.

    25 characters: BX120261122-mzq2kx7f3wd5a.
    """
    return f"{code}{day}-{_keyed_hash(secret, *request)}"
