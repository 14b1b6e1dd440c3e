"""Inquiries: answered from this utility's own records and replicas, whatever has arrived (T3, T14)."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from ..records.fix import SessionRejectReason
from ..records.ledger import AssetKind
from ..records.market import MarketData, prices_of
from ..records.numbers import Number, OrderID, account_key, parse_number
from ..records.orders import OrderRecord, read_orders
from ..records.record import Item
from ..records.times import format_time, parse_time
from ..refusals import Malformed, UnknownOrder, UnknownSymbol
from ..state.holdings import Holdings, fold_holdings
from ..state.orders import OrderState, fold_order, orders_among
from ..tables.reading import read_all, read_ledger
from ..tables.store import Store, span
from .customers import Customer

# Runs two reads at once; the results come in order.
Read = Callable[[], Sequence[Item]]
Both = Callable[[Read, Read], tuple[Sequence[Item], Sequence[Item]]]

PAGE_MAX = 100
# What one list may read of each table before it settles for whole days: about 1 MB.
_LIST_RECORDS_MAX = 2000

# Where an order stands in a list: its day, the time of its earliest record, and its number.
_Position = tuple[str, str, OrderID]


@dataclass(frozen=True, kw_only=True)
class Held:
    """The tables that hold orders at a customer utility, and how to read both at once."""

    customer: Store
    street: Store
    both: Both


@dataclass(frozen=True, kw_only=True)
class OrderPage:
    """Some of an account's orders, newest first, and where the next page begins."""

    orders: Sequence[OrderState]
    cursor: str | None


def inquire_order(
    order_id: str, by: Customer, secret: bytes, *, code: str, held: Held, now: datetime
) -> OrderState:
    """The state of an order: one query to each table that holds its records.

    A number given out elsewhere whose records have not arrived is answered as an estimate that
    waits for them; one of this utility's own that was never given out is an UnknownOrder.
    """
    number, _ = by.number(order_id, secret)
    records, unread = _records_of(number, held)
    if not records and number.code == code:
        raise UnknownOrder(order_id)
    return fold_order(number, records, now, unread)


def list_records(
    order_id: str, by: Customer, secret: bytes, *, code: str, held: Held
) -> Sequence[OrderRecord]:
    """Everything that has arrived of an order, in the order of its happening."""
    number, _ = by.number(order_id, secret)
    records, _ = _records_of(number, held)
    if not records and number.code == code:
        raise UnknownOrder(order_id)
    return sorted(records, key=lambda record: (record.transact_time, record.origin, record.sort_key))


def list_orders(
    account: str,
    by: Customer,
    secret: bytes,
    *,
    held: Held,
    now: datetime,
    limit: int = PAGE_MAX,
    cursor: str | None = None,
) -> OrderPage:
    """An account's orders, newest first.

    Keys sort by day and then by tag, which says nothing of time; so whole days are read, newest
    first, and sorted within the day. The cost grows with the orders of a day, not with history.
    """
    by.expect_account(account)
    pk = account_key(account, secret)
    before = _read_cursor(cursor)
    first, last = span("")
    if before is not None:
        # A cursor without a time begins with the day before its own.
        last = f"{before[0]}~" if before[1] else before[0]
    items, oldest = _whole_days(held.customer, pk, first, last, limit, before)
    # What the street side tells of is listed, whether or not it has arrived as placed.
    street = read_all(pk, oldest or first, last, held.street)
    orders = _folded([*items, *street], now)
    listed = [order for order in orders if before is None or _position(order) < before]
    page = listed[:limit]
    after = None
    if len(listed) > limit:
        after = _position(page[-1])
    elif oldest is not None:
        after = oldest, "", OrderID("")
    return OrderPage(orders=page, cursor=_write_cursor(after) if after else None)


def inquire_holdings(account: str, kind: AssetKind, by: Customer, secret: bytes, *, books: Store) -> Holdings:
    """What an account has: one query, newest first, unless a day is longer than a page."""
    by.expect_account(account)
    return fold_holdings(read_ledger(account_key(account, secret), kind, books))


def inquire_market_data(symbol: str, *, market: Store) -> MarketData:
    """The last price of a symbol that has arrived; UnknownSymbol if none has."""
    page = market.query(prices_of(symbol), *span(""), backward=True, limit=1)
    if not page.items:
        raise UnknownSymbol(symbol)
    return MarketData.from_item(page.items[0])


def _records_of(number: Number, held: Held) -> tuple[Sequence[OrderRecord], int]:
    first, last = span(number.prefix)
    entered, reported = held.both(
        lambda: read_all(number.account_key, first, last, held.customer),
        lambda: read_all(number.account_key, first, last, held.street),
    )
    return read_orders([*entered, *reported])


def _whole_days(
    store: Store, pk: str, first: str, last: str, wanted: int, before: _Position | None
) -> tuple[Sequence[Item], str | None]:
    """The newest items up to `last`, cut where a day begins, and that day: None if these are all.

    More is read, four times as much each time, until the whole days have more orders than are wanted.
    """
    items: list[Item] = []
    beyond: str | None = None
    at_once = 4 * wanted
    while True:
        page = store.query(pk, first, last, backward=True, limit=at_once, beyond=beyond)
        items.extend(page.items)
        if not page.more:
            return items, None
        beyond = items[-1]["sk"]
        cut = _day(items[-1])
        whole = [item for item in items if _day(item) != cut]
        # Of the cursor's own day, some may have been listed already.
        orders = {_order(item) for item in whole if before is None or _day(item) < before[0]}
        if whole and (len(orders) > wanted or len(items) >= _LIST_RECORDS_MAX):
            return whole, _day(whole[-1])
        at_once = min(4 * at_once, _LIST_RECORDS_MAX)


def _day(item: Item) -> str:
    return item["sk"].split("#")[0]


def _order(item: Item) -> tuple[str, ...]:
    """The day and tag that all records of an order share."""
    return tuple(item["sk"].split("#")[:2])


def _folded(items: Iterable[Item], now: datetime) -> Sequence[OrderState]:
    """Each order among the items, newest first; entered twice, it is listed once."""
    states: list[OrderState] = []
    for _, group in groupby(sorted(items, key=_order), key=_order):
        records, unread = read_orders(group)
        if not records:
            continue
        states.extend(
            fold_order(parse_number(order_id), records, now, unread) for order_id in orders_among(records)
        )
    return sorted(states, key=_position, reverse=True)


def _position(order: OrderState) -> _Position:
    assert order.first_seen is not None, "an order is listed for its records"
    day = parse_number(order.order_id).day
    return day, format_time(order.first_seen), order.order_id


def _write_cursor(position: _Position) -> str:
    return urlsafe_b64encode("\x1f".join(position).encode()).decode()


def _read_cursor(cursor: str | None) -> _Position | None:
    if cursor is None:
        return None
    try:
        day, time, order_id = urlsafe_b64decode(cursor.encode()).decode().split("\x1f")
        parse_time(f"{day}-00:00:00")
        if time or order_id:
            parse_time(time)
            parse_number(order_id)
        return day, time, OrderID(order_id)
    except ValueError:
        raise Malformed(
            "expected a cursor that an earlier page gave out",
            field="cursor",
            reason=SessionRejectReason.VALUE_IS_INCORRECT,
        ) from None
