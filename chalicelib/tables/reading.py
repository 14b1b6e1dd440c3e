"""Reading what takes more than one request."""

from datetime import datetime

from ..records.ledger import AssetKind
from ..records.market import SignOfLife, life_of
from ..records.record import Item, Record, read_record
from ..state.holdings import fold_holdings
from .store import Store, span


def read_ledger(account_key: str, kind: AssetKind, books: Store) -> list[Record]:
    """An account's ledger of one kind of asset, newest first, back to a day that is there in full."""
    records: list[Record] = []
    beyond: str | None = None
    while True:
        page = books.query(account_key, *span(f"{kind}#"), backward=True, beyond=beyond)
        records.extend(map(read_record, page.items))
        if not page.more or fold_holdings(records).day is not None:
            return records
        beyond = page.items[-1]["sk"]


def read_all(pk: str, first: str, last: str, store: Store) -> list[Item]:
    """Every item of a partition between two sort keys."""
    page = store.query(pk, first, last)
    items = list(page.items)
    while page.more:
        page = store.query(pk, first, last, beyond=items[-1]["sk"])
        items.extend(page.items)
    return items


def is_silent(utility: str, market: Store, now: datetime) -> bool:
    """Whether a utility has given no sign of life that still holds, as far as one has arrived."""
    page = market.query(life_of(utility), *span(""), backward=True, limit=1)
    return not page.items or SignOfLife.from_item(page.items[0]).until < now
