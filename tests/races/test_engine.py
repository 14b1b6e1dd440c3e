"""Races for real: many threads against an engine whose conditions are atomic."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from threading import Barrier
from typing import TypeVar

import pytest

from chalicelib.firm.booking import Books, book_execution
from chalicelib.records.fix import BuySell, ExecType, OrdStatus, OrdType
from chalicelib.records.ledger import AssetKind
from chalicelib.records.numbers import Number, OrderID
from chalicelib.records.orders import Claim, ExecutionReport, Found, Placed, exec_id
from chalicelib.state.holdings import fold_holdings
from chalicelib.tables.dynamodb import DynamoDBStore
from chalicelib.tables.reading import read_ledger
from infrastructure.engine import REGION, address, client, local_credentials, start_engine
from infrastructure.provision import create_table

_PORT = 8595
_AT_ONCE = 16
_ROUNDS = 30

T = TypeVar("T")

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DynamoDBStore]:
    with pytest.MonkeyPatch.context() as environment:
        for name, value in local_credentials().items():
            environment.setenv(name, value)
        engine = start_engine(_PORT, tmp_path_factory.mktemp("engine") / "log")
        try:
            create_table(client("dynamodb", address(_PORT)), "races")
            yield DynamoDBStore("races", REGION, address(_PORT))
        finally:
            engine.kill()
            engine.wait()


def at_once(acts: list[Callable[[], T]]) -> list[T]:
    """Let all begin at the same instant."""
    gate = Barrier(len(acts))

    def begin(act: Callable[[], T]) -> T:
        gate.wait()
        return act()

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(begin, acts))


def placed(order: int) -> Placed:
    number = Number(code="C01", day="20261120", account_key="a" * 13, tag=f"{order:013}".translate(DIGITS))
    return Placed(
        order_id=OrderID(str(number)),
        account="A-1001",
        cl_ord_id=f"O-{order}",
        symbol="AAPL",
        side=BuySell.BUY,
        ord_type=OrdType.MARKET,
        order_qty=Decimal(100),
        origin="c1",
        transact_time=NOW,
        orig_time=NOW,
        entered_by="alice",
    )


DIGITS = str.maketrans("0123456789", "abcdefghij")


@pytest.mark.requirement("T17")
def test_a_claim_and_takings_back_at_once_have_one_winner(store: DynamoDBStore) -> None:
    for order in range(_ROUNDS):
        message = placed(order)

        def contend(place: int, message: Placed = message) -> bool:
            found, origin = (Found.CLAIMED, "s1") if place % 2 else (Found.TAKEN_BACK, f"c{place}")
            claim = Claim.on(message, found, origin=origin, transact_time=NOW)
            return store.insert(claim.to_item()) is None

        won = at_once([lambda place=place: contend(place) for place in range(_AT_ONCE)])  # type: ignore[misc]
        assert won.count(True) == 1


@pytest.mark.requirement("T7")
def test_executions_booked_at_once_and_repeatedly_are_booked_once_each(store: DynamoDBStore) -> None:
    books = Books(name="firm", records=store)
    executions = [execution(order) for order in range(6)]
    booked = at_once([lambda e=e: book_execution(e, books, now=NOW) for e in executions * 2])  # type: ignore[misc]
    assert booked.count(True) == len(executions)
    for kind, quantity in ((AssetKind.POSITION, Decimal(600)), (AssetKind.BALANCE, Decimal("-6060.60"))):
        ledger = read_ledger("a" * 13, kind, store)
        assert [posting.quantity for posting in fold_holdings(ledger).postings] == [quantity]


def execution(order: int) -> ExecutionReport:
    message = placed(1000 + order)
    return ExecutionReport(
        order_id=message.order_id,
        account=message.account,
        cl_ord_id=message.cl_ord_id,
        symbol="AAPL",
        side=BuySell.BUY,
        ord_type=OrdType.MARKET,
        order_qty=Decimal(100),
        ord_status=OrdStatus.FILLED,
        origin="s1",
        transact_time=NOW,
        exec_id=exec_id("s1", message.number, 2),
        exec_type=ExecType.TRADE,
        cum_qty=Decimal(100),
        leaves_qty=Decimal(0),
        last_qty=Decimal(100),
        last_px=Decimal("10.101"),
    )
