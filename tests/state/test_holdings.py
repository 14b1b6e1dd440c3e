"""What an account has, from whatever of its ledger has been read."""

from datetime import datetime
from decimal import Decimal
from itertools import permutations

import pytest

from chalicelib.records.ledger import AssetKind, DayOpened, Posting
from chalicelib.records.numbers import account_key
from chalicelib.state.holdings import fold_holdings
from tests.builders import ACCOUNT, NOW, SECRET, later

KEY = account_key(ACCOUNT, SECRET)


def posting(asset: str, day: str, version: int, quantity: int, at: datetime = NOW) -> Posting:
    return Posting(
        origin="firm",
        transact_time=at,
        account_key=KEY,
        account=ACCOUNT,
        contra_account="street",
        kind=AssetKind.POSITION,
        asset=asset,
        day=day,
        version=version,
        change=Decimal(1),
        quantity=Decimal(quantity),
    )


def opened(day: str, count: int) -> DayOpened:
    return DayOpened(
        origin="firm",
        transact_time=NOW,
        account_key=KEY,
        account=ACCOUNT,
        day=day,
        kind=AssetKind.POSITION,
        count=count,
    )


@pytest.mark.requirement("T7", "T15")
def test_the_latest_version_of_each_asset_is_what_there_is_in_any_order_of_arrival() -> None:
    arrived = (
        posting("IBM", "20260102", 9, 5),
        posting("IBM", "20260105", 0, 5),
        posting("IBM", "20260105", 1, 6, at=later(2)),
        posting("AAPL", "20260102", 1, 3),
    )
    for records in permutations([*arrived, arrived[0]]):
        held = fold_holdings(records)
        assert [(p.asset, p.quantity) for p in held.postings] == [("AAPL", Decimal(3)), ("IBM", Decimal(6))]
        assert held.until == later(2)


@pytest.mark.requirement("T14")
def test_a_day_counts_as_opened_when_all_that_was_carried_forward_is_there() -> None:
    both = [posting("AAPL", "20260105", 0, 3), posting("IBM", "20260105", 0, 5)]
    assert fold_holdings([opened("20260105", 2), *both]).day == "20260105"
    assert fold_holdings([opened("20260105", 2), both[0]]).day is None
    assert fold_holdings([opened("20260102", 0), opened("20260105", 2), both[0]]).day == "20260102"


def test_bookings_of_a_day_are_not_openings_of_it() -> None:
    assert fold_holdings([opened("20260105", 1), posting("IBM", "20260105", 1, 5)]).day is None


def test_an_account_without_records_has_nothing() -> None:
    held = fold_holdings([])
    assert (held.postings, held.until, held.day) == ((), None, None)
