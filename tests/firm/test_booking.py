"""The books: each execution once, both sides of it, day after day."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.firm.booking import Books, book_execution, open_account
from chalicelib.records.fix import BuySell, ExecType
from chalicelib.records.ledger import AssetKind, DayClosed, Posting
from chalicelib.records.numbers import account_key
from chalicelib.records.orders import ExecutionReport
from chalicelib.records.record import Item, read_record
from chalicelib.records.times import day_of
from chalicelib.state.holdings import fold_holdings
from chalicelib.tables.memory import MemoryStore
from chalicelib.tables.reading import read_ledger
from chalicelib.tables.store import Store, Unreachable
from tests.builders import ACCOUNT, NOW, SECRET, Watched, later, placed, terms, trade

DAY = timedelta(days=1)


class Interrupted(Watched):
    """A table that does something of its own just before its nth insert of anything."""

    def __init__(self, kept: Store, *, before: int, act: Callable[[], object]) -> None:
        super().__init__(kept)
        self._left = before
        self._act = act

    def _ask(self, verb: str) -> None:
        super()._ask(verb)
        if verb in ("insert", "insert_together"):
            self._left -= 1
            if self._left == 0:
                self._act()


class Crash(Exception):
    """The function ends here, as when its time is up."""


def crash() -> None:
    raise Crash


@pytest.fixture
def table() -> MemoryStore:
    return MemoryStore("demo-firm-firm")


def on(store: Store) -> Books:
    return Books(name="firm", records=store)


def execution(
    n: int = 1,
    *,
    qty: int = 100,
    px: str = "10",
    side: BuySell = BuySell.BUY,
    symbol: str = "IBM",
    at: datetime = NOW,
) -> ExecutionReport:
    order = placed(terms(cl_ord_id=f"order-{n}", qty=qty, side=side, symbol=symbol), at=at)
    return trade(order, 2, at=at, last=qty, cum=qty, px=px)


def deal(
    symbol: str,
    *,
    net: str,
    currency: str,
    qty: str = "1000000",
    px: str = "1.0843",
    side: BuySell = BuySell.BUY,
    account: str = ACCOUNT,
) -> ExecutionReport:
    """One party's execution of a deal between two principals."""
    of = terms(cl_ord_id="B0120260105-call", qty=qty, side=side, symbol=symbol, account=account)
    return replace(
        trade(placed(of), 1, at=NOW, last=0, cum=0, px=px),
        last_qty=Decimal(qty),
        settl_date="20260107",
        settl_currency=currency,
        net_money=Decimal(net),
    )


def open_with(store: Store, *, now: datetime = NOW, **assets: str) -> None:
    open_account(
        ACCOUNT,
        account_key(ACCOUNT, SECRET),
        {name: Decimal(text) for name, text in assets.items()},
        on(store),
        now=now,
    )


def holdings(store: Store, account: str = ACCOUNT) -> dict[str, Decimal]:
    """Everything an account has."""
    return {asset: quantity for kind in AssetKind for asset, quantity in held(store, kind, account).items()}


def held(store: Store, kind: AssetKind, account: str = ACCOUNT) -> dict[str, Decimal]:
    """An account's balances, or its positions."""
    ledger = read_ledger(account_key(account, SECRET), kind, store)
    return {posting.asset: posting.quantity for posting in fold_holdings(ledger).postings}


def postings(table: MemoryStore) -> list[Posting]:
    records = [read_record(item) for item in table.everything() if "RecordType" in item]
    return [record for record in records if isinstance(record, Posting)]


def versions(table: MemoryStore, asset: str) -> list[tuple[str, int]]:
    return [(p.day, p.version) for p in postings(table) if p.asset == asset]


# One execution


@pytest.mark.requirement("T7")
@pytest.mark.parametrize(
    ("side", "shares", "money"), [(BuySell.BUY, 100, "-1025.00"), (BuySell.SELL, -100, "1025.00")]
)
def test_an_execution_moves_shares_one_way_and_money_the_other(
    table: MemoryStore, side: BuySell, shares: int, money: str
) -> None:
    assert book_execution(execution(px="10.25", side=side), on(table), now=NOW)
    assert holdings(table) == {"IBM": Decimal(shares), "USD": Decimal(money)}


@pytest.mark.requirement("T7", "T9")
def test_a_posting_says_for_which_execution_it_is_against_whom_and_when_it_settles(
    table: MemoryStore,
) -> None:
    done = execution(at=later(5))
    book_execution(done, on(table), now=NOW)
    for posting in postings(table):
        assert (posting.exec_id, posting.order_id) == (done.exec_id, done.order_id)
        assert (posting.contra_account, posting.settl_date) == ("street", "20260106")
        assert posting.transact_time > done.transact_time


@pytest.mark.requirement("T7", "T15")
def test_an_execution_is_booked_once_however_often_and_late_it_comes(table: MemoryStore) -> None:
    assert book_execution(execution(), on(table), now=NOW)
    before = table.everything()
    assert not book_execution(execution(), on(table), now=NOW)
    assert table.everything() == before
    assert not book_execution(execution(), on(table), now=NOW + 3 * DAY)
    assert holdings(table) == {"IBM": 100, "USD": -1000}


@pytest.mark.requirement("T7")
def test_what_an_account_brings_is_there_before_its_first_execution(table: MemoryStore) -> None:
    open_with(table, USD="5000", IBM="10", AAPL="3")
    assert holdings(table) == {"USD": 5000, "IBM": 10, "AAPL": 3}
    book_execution(execution(), on(table), now=later(1))
    assert holdings(table) == {"USD": 4000, "IBM": 110, "AAPL": 3}


@pytest.mark.requirement("T7")
@pytest.mark.parametrize("again", [NOW, NOW + DAY])
def test_an_account_is_opened_once_however_often_it_is_asked_for(table: MemoryStore, again: datetime) -> None:
    open_with(table, USD="5000")
    book_execution(execution(), on(table), now=NOW)
    before = table.everything()
    open_with(table, USD="9999", IBM="1", now=again)
    assert table.everything() == before


# Deals between principals


@pytest.mark.requirement("T7", "R12")
@pytest.mark.parametrize(
    ("side", "euros", "dollars"),
    [(BuySell.BUY, "1234567.89", "-1338641.96"), (BuySell.SELL, "-1234567.89", "1338641.96")],
)
def test_a_currency_deal_moves_both_currencies_to_the_last_digit(
    table: MemoryStore, side: BuySell, euros: str, dollars: str
) -> None:
    done = deal("EURUSD", qty="1234567.89", net="1338641.96", currency="USD", side=side)
    assert book_execution(done, on(table), now=NOW)
    assert held(table, AssetKind.BALANCE) == {"EUR": Decimal(euros), "USD": Decimal(dollars)}
    assert held(table, AssetKind.POSITION) == {}


@pytest.mark.requirement("T7")
def test_a_deal_settles_on_the_day_that_was_agreed(table: MemoryStore) -> None:
    book_execution(deal("EURUSD", net="1084300.00", currency="USD"), on(table), now=NOW)
    assert [posting.settl_date for posting in postings(table)] == ["20260107"] * 2


@pytest.mark.requirement("T7", "R12")
def test_gold_is_a_balance_like_any_currency(table: MemoryStore) -> None:
    done = deal("XAUUSD", qty="32.151", px="4455.10", net="143235.92", currency="USD")
    book_execution(done, on(table), now=NOW)
    assert held(table, AssetKind.BALANCE) == {"XAU": Decimal("32.151"), "USD": Decimal("-143235.92")}


@pytest.mark.requirement("T7", "R12")
def test_a_bond_is_a_position_and_paid_for_with_what_it_has_accrued(table: MemoryStore) -> None:
    done = deal("DE000BU2Z023", px="97.10", net="990646.58", currency="EUR", side=BuySell.SELL)
    book_execution(done, on(table), now=NOW)
    assert held(table, AssetKind.POSITION) == {"DE000BU2Z023": -1_000_000}
    assert held(table, AssetKind.BALANCE) == {"EUR": Decimal("990646.58")}


@pytest.mark.requirement("T7", "R12")
@pytest.mark.parametrize(
    ("symbol", "px", "currency"),
    [("EURUSD", "1.0843", "USD"), ("XAUUSD", "4455.10", "USD"), ("DE000BU2Z023", "97.10", "EUR")],
)
def test_both_parties_books_of_a_deal_add_up_to_nothing(
    table: MemoryStore, symbol: str, px: str, currency: str
) -> None:
    for account, side in (("BANKX", BuySell.BUY), ("BANKY", BuySell.SELL)):
        done = deal(symbol, px=px, net="990646.58", currency=currency, side=side, account=account)
        assert book_execution(done, on(table), now=NOW)
    bought, sold = holdings(table, "BANKX"), holdings(table, "BANKY")
    assert len(bought) == 2
    assert {asset: bought[asset] + sold[asset] for asset in bought | sold} == dict.fromkeys(bought, 0)


@pytest.mark.requirement("T7")
def test_a_deal_that_does_not_say_what_it_comes_to_is_not_booked(table: MemoryStore) -> None:
    done = deal("EURUSD", net="1084300.00", currency="USD")
    with pytest.raises(AssertionError, match="says no NetMoney"):
        book_execution(replace(done, net_money=None), on(table), now=NOW)
    assert postings(table) == []


def changed(done: ExecutionReport, exec_type: ExecType, qty: str, px: str) -> ExecutionReport:
    """A bust or a correction of an execution, as its street utility reports it."""
    return replace(
        done,
        exec_id=f"{done.exec_id}.{exec_type.name}",
        exec_ref_id=done.exec_id,
        exec_type=exec_type,
        last_qty=Decimal(qty),
        last_px=Decimal(px),
        prior_last_qty=done.last_qty,
        prior_last_px=done.last_px,
    )


@pytest.mark.requirement("T7")
@pytest.mark.parametrize("first", [0, 1], ids=["the execution first", "its bust first"])
def test_a_bust_takes_back_what_was_executed_whichever_is_booked_first(
    table: MemoryStore, first: int
) -> None:
    done = execution(qty=100, px="10.25")
    both = [done, changed(done, ExecType.TRADE_CANCEL, "0", "10.25")]
    for report in (both[first], both[1 - first], *both):
        book_execution(report, on(table), now=NOW)
    assert holdings(table) == {"IBM": 0, "USD": 0}
    assert len(postings(table)) == 4


@pytest.mark.requirement("T7")
def test_a_correction_moves_the_difference(table: MemoryStore) -> None:
    done = execution(qty=100, px="10", side=BuySell.SELL)
    for report in (changed(done, ExecType.TRADE_CORRECT, "80", "10.50"), done):
        book_execution(report, on(table), now=NOW)
    assert holdings(table) == {"IBM": Decimal(-80), "USD": Decimal(840)}


@pytest.mark.requirement("T7")
def test_a_bust_that_does_not_say_what_it_changes_is_not_booked(table: MemoryStore) -> None:
    bust = replace(changed(execution(), ExecType.TRADE_CANCEL, "0", "10"), prior_last_qty=None)
    with pytest.raises(AssertionError, match="does not say what it changes"):
        book_execution(bust, on(table), now=NOW)
    assert postings(table) == []


@pytest.mark.requirement("T7")
def test_currencies_and_metals_that_an_account_brings_are_balances(table: MemoryStore) -> None:
    open_with(table, USD="5000", JPY="700000", XAU="1.500", IBM="10", DE000BU2Z023="1000")
    assert held(table, AssetKind.BALANCE) == {"USD": 5000, "JPY": 700000, "XAU": Decimal("1.5")}
    assert held(table, AssetKind.POSITION) == {"IBM": 10, "DE000BU2Z023": 1000}


# Any executions, on any days, in any order


@st.composite
def bookings(draw: st.DrawFn) -> list[tuple[ExecutionReport, datetime]]:
    """Executions with the times at which they are booked: days apart, some more than once."""
    made = [
        execution(
            n,
            qty=draw(st.integers(1, 500)),
            px=str(draw(st.decimals("0.01", "900", places=2))),
            side=draw(st.sampled_from(BuySell)),
            symbol=draw(st.sampled_from(["IBM", "AAPL"])),
        )
        for n in range(draw(st.integers(1, 6)))
    ]
    arrived = draw(st.permutations(made + draw(st.lists(st.sampled_from(made), max_size=3))))
    days = sorted(draw(st.lists(st.integers(0, 9), min_size=len(arrived), max_size=len(arrived))))
    return [(report, NOW + DAY * day) for report, day in zip(arrived, days, strict=True)]


def expected(executions: Sequence[ExecutionReport]) -> dict[str, Decimal]:
    """The sum of what each execution moves, once."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for done in {report.exec_id: report for report in executions}.values():
        assert done.symbol is not None
        assert done.last_qty is not None
        assert done.last_px is not None
        sign = 1 if done.side is BuySell.BUY else -1
        sums[done.symbol] += sign * done.last_qty
        sums["USD"] -= sign * done.last_qty * done.last_px
    return {asset: quantity for asset, quantity in sums.items() if quantity}


@pytest.mark.requirement("T7", "T15")
@settings(max_examples=60, deadline=None)
@given(bookings())
def test_what_an_account_has_is_the_sum_of_its_executions(
    booked: list[tuple[ExecutionReport, datetime]],
) -> None:
    table = MemoryStore("demo-firm-firm")
    for report, now in booked:
        book_execution(report, on(table), now=now)
    held = {asset: quantity for asset, quantity in holdings(table).items() if quantity}
    assert held == expected([report for report, _ in booked])
    # Each row adds its change to what there was, without gaps in the versions of a day.
    rows: dict[tuple[str, str], list[Posting]] = defaultdict(list)
    for posting in postings(table):
        rows[posting.asset, posting.day].append(posting)
    for of_day in rows.values():
        assert [row.version for row in of_day] == list(range(of_day[0].version, of_day[-1].version + 1))
        for before, after in pairwise(of_day):
            assert after.quantity == before.quantity + after.change
    assert all(row.change == 0 for row in postings(table) if row.version == 0)


# Bookings that meet


@pytest.mark.requirement("T7")
def test_two_bookings_that_meet_are_both_booked(table: MemoryStore) -> None:
    open_with(table, USD="5000")
    # Another booking is made between reading the versions and taking them.
    met = Interrupted(table, before=1, act=lambda: book_execution(execution(2, qty=7), on(table), now=NOW))
    assert book_execution(execution(1), on(met), now=NOW)
    assert met.asked["insert_together"] == 2
    assert holdings(table) == {"IBM": 107, "USD": 3930}
    assert versions(table, "IBM") == [("20260105", 1), ("20260105", 2)]


@pytest.mark.requirement("T7")
def test_the_same_execution_booked_by_two_at_once_is_booked_once(table: MemoryStore) -> None:
    open_with(table, USD="5000")
    met = Interrupted(table, before=1, act=lambda: book_execution(execution(), on(table), now=NOW))
    assert not book_execution(execution(), on(met), now=NOW)
    assert holdings(table) == {"IBM": 100, "USD": 4000}


class Taken(Watched):
    """A table where somebody else is always faster."""

    def insert_together(self, items: Sequence[Item], unless: tuple[str, str] | None = None) -> bool:
        return False


def test_an_account_that_stays_busy_is_left_for_later(table: MemoryStore) -> None:
    with pytest.raises(Unreachable, match="its account was busy 10 times"):
        book_execution(execution(), on(Taken(table)), now=NOW)
    assert postings(table) == []


# From one business day to the next


@pytest.mark.requirement("T7")
def test_the_first_booking_of_a_day_closes_the_last_and_carries_it_forward(table: MemoryStore) -> None:
    open_with(table, USD="5000", AAPL="3")
    book_execution(execution(1), on(table), now=NOW)
    book_execution(execution(2), on(table), now=NOW + 4 * DAY)
    assert holdings(table) == {"USD": 3000, "IBM": 200, "AAPL": 3}
    assert versions(table, "IBM") == [("20260105", 1), ("20260109", 0), ("20260109", 1)]
    assert versions(table, "AAPL") == [("20260105", 0), ("20260109", 0)]
    closed = [read_record(item) for item in table.everything() if item["sk"].startswith("closed#")]
    assert [(gate.day, gate.next_day) for gate in closed if isinstance(gate, DayClosed)] == [
        ("20260105", "20260109")
    ]


@pytest.mark.requirement("T7")
def test_what_was_sold_to_nothing_is_not_carried_forward(table: MemoryStore) -> None:
    open_with(table, USD="5000", AAPL="3")
    book_execution(execution(1, qty=3, symbol="AAPL", side=BuySell.SELL), on(table), now=NOW)
    book_execution(execution(2), on(table), now=NOW + DAY)
    assert versions(table, "AAPL") == [("20260105", 0), ("20260105", 1)]
    assert holdings(table)["AAPL"] == 0


@pytest.mark.requirement("T7")
@pytest.mark.parametrize("day_after", [DAY, 2 * DAY])
@pytest.mark.parametrize("insert", range(1, 9))
def test_a_crash_while_a_day_is_opened_loses_and_repeats_nothing(
    table: MemoryStore, insert: int, day_after: timedelta
) -> None:
    """At each insert of opening a day: the gate, five rows of opening, the booking; and none."""
    open_with(table, USD="5000", AAPL="3", MSFT="4")
    book_execution(execution(1), on(table), now=NOW)
    crashing = Interrupted(table, before=insert, act=crash)
    try:
        book_execution(execution(2), on(crashing), now=NOW + DAY)
    except Crash:
        assert holdings(table) == {"USD": 4000, "IBM": 100, "AAPL": 3, "MSFT": 4}
    book_execution(execution(3), on(table), now=NOW + day_after)
    book_execution(execution(2), on(table), now=NOW + day_after)
    assert holdings(table) == {"USD": 2000, "IBM": 300, "AAPL": 3, "MSFT": 4}
    booked_on = {p.day for p in postings(table) if p.exec_id == execution(3).exec_id}
    assert booked_on == {day_of(NOW + day_after)}


@pytest.mark.requirement("T7")
@pytest.mark.parametrize("insert", range(1, 9))
def test_two_that_open_a_day_at_once_open_it_once(table: MemoryStore, insert: int) -> None:
    open_with(table, USD="5000", AAPL="3", MSFT="4")
    book_execution(execution(1), on(table), now=NOW)
    meeting = Interrupted(
        table, before=insert, act=lambda: book_execution(execution(2), on(table), now=NOW + DAY)
    )
    book_execution(execution(3), on(meeting), now=NOW + DAY)
    book_execution(execution(2), on(table), now=NOW + DAY)
    assert holdings(table) == {"USD": 2000, "IBM": 300, "AAPL": 3, "MSFT": 4}
    assert [day for day, version in versions(table, "USD") if version == 0] == ["20260105", "20260106"]


@pytest.mark.requirement("T7")
@pytest.mark.parametrize("insert", range(1, 9))
def test_a_day_opened_while_the_day_before_it_is_being_opened_loses_nothing(
    table: MemoryStore, insert: int
) -> None:
    """One process is held up at midnight while it opens a day; another opens the next one."""
    bought = execution(2, symbol="MSFT")
    open_with(table, USD="5000", AAPL="3")
    book_execution(execution(1), on(table), now=NOW)
    held_up = Interrupted(
        table, before=insert, act=lambda: book_execution(bought, on(table), now=NOW + 2 * DAY)
    )
    try:
        book_execution(execution(3), on(held_up), now=NOW + DAY)
    except Unreachable:
        # Tried again when its clock has come to the day.
        book_execution(execution(3), on(table), now=NOW + 2 * DAY)
    book_execution(bought, on(table), now=NOW + 2 * DAY)
    assert holdings(table) == {"USD": 2000, "IBM": 200, "MSFT": 100, "AAPL": 3}
    assert ("20260106", 0) not in versions(table, "MSFT")


@pytest.mark.requirement("T7")
@pytest.mark.parametrize("behind", [DAY, 5 * DAY])
def test_a_clock_that_is_behind_books_on_the_day_that_is_open(table: MemoryStore, behind: timedelta) -> None:
    book_execution(execution(1), on(table), now=NOW)
    book_execution(execution(2), on(table), now=NOW + DAY)
    book_execution(execution(3), on(table), now=NOW + DAY - behind)
    assert holdings(table) == {"IBM": 300, "USD": -3000}
    assert [p.day for p in postings(table) if p.exec_id == execution(3).exec_id] == ["20260106"] * 2


@pytest.mark.requirement("T7")
def test_a_booking_held_up_over_midnight_is_made_on_the_new_day(table: MemoryStore) -> None:
    open_with(table, USD="5000")
    # The gate shuts between reading the versions and taking them.
    met = Interrupted(table, before=1, act=lambda: book_execution(execution(2), on(table), now=NOW + DAY))
    book_execution(execution(1), on(met), now=NOW)
    assert holdings(table) == {"USD": 3000, "IBM": 200}
