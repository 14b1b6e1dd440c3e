"""Records of the books: movements of money and securities between two accounts."""

from decimal import Decimal
from enum import StrEnum

from .numbers import OrderID
from .record import Record


class AssetKind(StrEnum):
    """What a posting moves: money or a security."""

    BALANCE = "balance"
    POSITION = "position"


class Posting(Record):
    """One asset moved between an account and its contra account, and what the account then has.

    Double entry in one row: `change` is added to `account` and taken from `contra_account`, so the
    books balance by construction. `version` counts the postings of one asset on one business day;
    it is inserted on the condition that nobody else has taken that version. Version 0 opens the
    day with what was carried forward.
    """

    account_key: str
    account: str
    contra_account: str
    kind: AssetKind
    asset: str
    day: str
    version: int
    change: Decimal
    quantity: Decimal
    order_id: OrderID | None = None
    exec_id: str | None = None
    settl_date: str | None = None
    text: str | None = None
    correlation_id: str | None = None

    @property
    def partition_key(self) -> str:
        return self.account_key

    @property
    def sort_key(self) -> str:
        return f"{asset_key(self.kind, self.day, self.asset)}{self.version:010}"


class DayOpened(Record):
    """A business day opened for an account: so many assets of each kind were carried forward."""

    account_key: str
    account: str
    day: str
    kind: AssetKind
    count: int

    @property
    def partition_key(self) -> str:
        return self.account_key

    @property
    def sort_key(self) -> str:
        return opened_key(self.kind, self.day)


class DayClosed(Record):
    """A gate: nothing more is booked on that business day for that account, but on `next_day`."""

    account_key: str
    account: str
    day: str
    next_day: str

    @property
    def partition_key(self) -> str:
        return self.account_key

    @property
    def sort_key(self) -> str:
        return closed_key(self.day)


def asset_key(kind: AssetKind, day: str, asset: str) -> str:
    """What the postings of one asset on one business day begin with."""
    return f"{kind}#{day}#{asset}#"


def opened_key(kind: AssetKind, day: str) -> str:
    """Sorts before every asset of the day."""
    return f"{kind}#{day}#!opened"


def closed_key(day: str) -> str:
    """The gate of a business day."""
    return f"closed#{day}"


def booked_key(exec_id: str) -> str:
    """The mark that an execution has been booked. A mark, not a record: it is not copied."""
    return f"booked#{exec_id}"
