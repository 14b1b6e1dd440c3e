"""Booking: each execution once, double entry, in money and securities (T7).

An execution moves a security one way and money the other, each between the customer's account and
the street; a deal in a pair of currencies, or in a metal, moves money both ways. A bust or a correction
says what the execution was, and moves the difference: so they can be booked in any order. Both postings, and
the mark that the execution is booked, are inserted in one transaction on the condition that none is
there yet; a posting's key has the version of its asset, so two bookings that meet compete for it, and
who loses reads again.

    day N:  opening (version 0) ── 1 ── 2 ── 3      closed: the gate every booking checks
                                             │
    day N+1:                   opening (version 0) ── 1 ── ...

A day is opened by whoever books on it first: the last day is closed, and what it ended with is
carried forward. Nothing can be booked on the old day once its gate is shut, so the opening rows are
final, and writing them twice writes the same. A gate names the day that follows, and the first to
shut it has it so: whoever else opens a day at midnight, with whatever clock, goes the same way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ..records.fix import BuySell, ExecType
from ..records.instruments import CURRENCIES, EQUITY, Subject, find_subject
from ..records.ledger import (
    AssetKind,
    DayClosed,
    DayOpened,
    Posting,
    asset_key,
    booked_key,
    closed_key,
    opened_key,
)
from ..records.orders import ExecutionReport
from ..records.record import Record
from ..records.settlement import settlement_date
from ..records.times import day_of, stamp
from ..state.holdings import fold_holdings
from ..tables.reading import read_ledger
from ..tables.store import Store, Unreachable, span

STREET = "street"
OPENING = "opening"

# Two bookings meet once per asset at most; more often means that something is wrong.
_ATTEMPTS_MAX = 10


@dataclass(frozen=True, kw_only=True)
class Books:
    """The firm's own table and name."""

    name: str
    records: Store


@dataclass(frozen=True, kw_only=True)
class _Leg:
    kind: AssetKind
    asset: str
    change: Decimal


def book_execution(execution: ExecutionReport, books: Books, *, now: datetime) -> bool:
    """Book an execution: True if this did it, False if it was booked already."""
    mark = booked_key(execution.exec_id)
    pk = execution.partition_key
    day = day_of(now)
    for _ in range(_ATTEMPTS_MAX):
        day = _open_day(pk, execution.account, day, books, now)
        postings = [_posting(leg, execution, day, books, now) for leg in _legs(execution)]
        rows = [{"pk": pk, "sk": mark}, *(posting.to_item() for posting in postings)]
        if books.records.insert_together(rows, unless=(pk, closed_key(day))):
            return True
        if books.records.get(pk, mark) is not None:
            return False
        gate = books.records.get(pk, closed_key(day))
        if gate is not None:
            day = DayClosed.from_item(gate).next_day
    raise Unreachable(f"{execution.exec_id}: its account was busy {_ATTEMPTS_MAX} times")


def open_account(
    account: str, account_key: str, assets: Mapping[str, Decimal], books: Books, *, now: datetime
) -> None:
    """Open an account with what it brings: `assets` by currency or symbol; once, however often asked."""
    if fold_holdings(read_ledger(account_key, AssetKind.POSITION, books.records)).day is not None:
        return
    day = day_of(now)
    for kind in AssetKind:
        brought = {
            asset: quantity
            for asset, quantity in assets.items()
            if (asset in CURRENCIES) is (kind is AssetKind.BALANCE)
        }
        _write_opening(account, account_key, day, kind, brought, books, now, "brought in")


def _legs(execution: ExecutionReport) -> tuple[_Leg, _Leg]:
    """What an execution means: what is bought or sold one way, its money the other.

    Of a bust or a correction, by how much it differs from what it changes.
    """
    assert execution.symbol is not None
    sign = 1 if execution.side is BuySell.BUY else -1
    subject = find_subject(execution.symbol)
    is_pair = subject is not None and subject.bond is None
    assert execution.last_qty is not None
    new = _amounts(execution.last_qty, execution.last_px, execution.net_money)
    prior = (Decimal(0), Decimal(0))
    if execution.exec_type is not ExecType.TRADE:
        assert execution.prior_last_qty is not None, f"{execution.exec_id} does not say what it changes"
        prior = _amounts(execution.prior_last_qty, execution.prior_last_px, execution.prior_net_money)
    return (
        _Leg(
            kind=AssetKind.BALANCE if is_pair else AssetKind.POSITION,
            asset=subject.base if subject is not None else execution.symbol,
            change=sign * (new[0] - prior[0]),
        ),
        _Leg(kind=AssetKind.BALANCE, asset=_currency(execution, subject), change=-sign * (new[1] - prior[1])),
    )


def _currency(execution: ExecutionReport, subject: Subject | None) -> str:
    """What an execution is paid in: shares in their market's currency, all else says so."""
    if subject is not None:
        assert execution.settl_currency is not None, f"{execution.exec_id} says no SettlCurrency"
        assert execution.net_money is not None, f"{execution.exec_id} says no NetMoney"
    return execution.settl_currency or EQUITY.currency


def _amounts(quantity: Decimal, price: Decimal | None, net_money: Decimal | None) -> tuple[Decimal, Decimal]:
    """How much of what is traded, and how much money: as was said, or quantity times price."""
    if net_money is not None:
        return quantity, net_money
    assert price is not None
    return quantity, quantity * price


def _settl_date(execution: ExecutionReport) -> str:
    """When an execution settles: as was agreed, or by the rule for shares."""
    if execution.settl_date is not None:
        return execution.settl_date
    return f"{settlement_date(execution.transact_time.date(), EQUITY):%Y%m%d}"


def _posting(leg: _Leg, execution: ExecutionReport, day: str, books: Books, now: datetime) -> Posting:
    latest = _latest(execution.partition_key, leg, day, books.records)
    seen = [execution.transact_time, *([latest.transact_time] if latest else [])]
    return Posting(
        origin=books.name,
        transact_time=stamp(now, *seen),
        account_key=execution.partition_key,
        account=execution.account,
        contra_account=STREET,
        kind=leg.kind,
        asset=leg.asset,
        day=day,
        version=latest.version + 1 if latest else 1,
        change=leg.change,
        quantity=(latest.quantity if latest else Decimal(0)) + leg.change,
        order_id=execution.order_id,
        exec_id=execution.exec_id,
        settl_date=_settl_date(execution),
        correlation_id=execution.correlation_id,
    )


def _latest(pk: str, leg: _Leg, day: str, records: Store) -> Posting | None:
    page = records.query(pk, *span(asset_key(leg.kind, day, leg.asset)), backward=True, limit=1)
    return Posting.from_item(page.items[0]) if page.items else None


def _open_day(pk: str, account: str, wanted: str, books: Books, now: datetime) -> str:
    """The business day to book on, opened for the account if it was not yet."""
    if books.records.get(pk, opened_key(AssetKind.POSITION, wanted)) is not None:
        return wanted
    last = fold_holdings(read_ledger(pk, AssetKind.POSITION, books.records)).day
    if last is not None and last >= wanted:
        # Opened meanwhile, or by somebody whose clock is ahead.
        return last
    day = wanted if last is None else _shut(last, pk, account, wanted, books, now)
    # Positions last: whoever finds them opened may rely on the balances.
    for kind in (AssetKind.BALANCE, AssetKind.POSITION):
        carried = _carried_forward(read_ledger(pk, kind, books.records), day)
        _write_opening(account, pk, day, kind, carried, books, now, "carried forward")
    return day if day >= wanted else _open_day(pk, account, wanted, books, now)


def _shut(day: str, pk: str, account: str, next_day: str, books: Books, now: datetime) -> str:
    """Shut the gate of a day: the day that follows, by whoever shut it first."""
    gate = DayClosed(
        origin=books.name,
        transact_time=now,
        account_key=pk,
        account=account,
        day=day,
        next_day=next_day,
    )
    taken = books.records.insert(gate.to_item())
    return next_day if taken is None else DayClosed.from_item(taken).next_day


def _carried_forward(ledger: Sequence[Record], day: str) -> Mapping[str, Decimal]:
    """What an account ended its last day with; opening rows a crash left behind say the same."""
    before = [r for r in ledger if isinstance(r, Posting) and (r.day, r.version) <= (day, 0)]
    return {p.asset: p.quantity for p in fold_holdings(before).postings if p.quantity}


def _write_opening(
    account: str,
    pk: str,
    day: str,
    kind: AssetKind,
    assets: Mapping[str, Decimal],
    books: Books,
    now: datetime,
    text: str,
) -> None:
    for asset, quantity in sorted(assets.items()):
        opening = Posting(
            origin=books.name,
            transact_time=now,
            account_key=pk,
            account=account,
            contra_account=OPENING,
            kind=kind,
            asset=asset,
            day=day,
            version=0,
            change=Decimal(0),
            quantity=quantity,
            text=text,
        )
        books.records.insert(opening.to_item())
    opened = DayOpened(
        origin=books.name,
        transact_time=now,
        account_key=pk,
        account=account,
        day=day,
        kind=kind,
        count=len(assets),
    )
    books.records.insert(opened.to_item())
