"""Inquiries: answered from what is here, with as few queries as there are tables."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from chalicelib.customer.customers import Customer
from chalicelib.customer.inquiry import (
    Held,
    OrderPage,
    inquire_holdings,
    inquire_market_data,
    inquire_order,
    list_orders,
    list_records,
)
from chalicelib.firm.booking import Books, open_account
from chalicelib.records.fix import ExecType, OrdStatus
from chalicelib.records.ledger import AssetKind
from chalicelib.records.market import MarketData
from chalicelib.records.numbers import account_key
from chalicelib.records.orders import Placed
from chalicelib.refusals import Malformed, UnknownAccount, UnknownOrder, UnknownSymbol
from chalicelib.state.orders import OrderState
from chalicelib.tables.memory import MemoryStore
from tests.builders import (
    ACCOUNT,
    NOW,
    OWNER,
    SECRET,
    Watched,
    cancel,
    later,
    number,
    placed,
    report,
    terms,
    trade,
)

ORDER = placed()
STRANGER = Customer(subject="eve", accounts=frozenset({"ACC-2"}))


@dataclass
class Here:
    """A customer utility's own table and its replica of the street side's."""

    page_max: int | None = None
    customer: Watched = field(init=False)
    street: Watched = field(init=False)

    def __post_init__(self) -> None:
        self.customer = Watched(MemoryStore("demo-c1-customer"), page_max=self.page_max)
        self.street = Watched(MemoryStore("demo-c1-street"), page_max=self.page_max)

    @property
    def held(self) -> Held:
        return Held(customer=self.customer, street=self.street, both=lambda one, other: (one(), other()))

    def inquire(self, order_id: str, by: Customer = OWNER) -> OrderState:
        return inquire_order(order_id, by, SECRET, code="C01", held=self.held, now=later(60))

    def page(self, *, limit: int = 100, cursor: str | None = None) -> OrderPage:
        return list_orders(ACCOUNT, OWNER, SECRET, held=self.held, now=later(60), limit=limit, cursor=cursor)

    def list_all(self, *, limit: int) -> list[OrderState]:
        """All pages, one after another."""
        orders: list[OrderState] = []
        cursor = None
        for _ in range(100):
            page = self.page(limit=limit, cursor=cursor)
            assert len(page.orders) <= limit
            orders.extend(page.orders)
            cursor = page.cursor
            if cursor is None:
                return orders
        raise AssertionError("pages without end")


@pytest.fixture
def here() -> Here:
    made = Here()
    made.customer.kept.insert(ORDER.to_item())
    return made


# One order


@pytest.mark.requirement("T3", "T14")
def test_a_status_is_one_query_to_each_table_that_holds_orders(here: Here) -> None:
    here.street.kept.insert(report(ORDER, 1, ExecType.NEW, at=later(1)).to_item())
    assert here.inquire(ORDER.order_id).ord_status is OrdStatus.NEW
    assert here.customer.asked == here.street.asked == {"query": 1}


@pytest.mark.requirement("T12", "T14")
def test_what_another_utility_gave_out_and_has_not_arrived_is_an_estimate(here: Here) -> None:
    state = here.inquire(str(number(code="C02", cl_ord_id="order-2")))
    assert state.is_estimate
    assert state.ord_status is None
    assert state.waits_for == ("the order as placed, written at C02",)


@pytest.mark.parametrize(
    ("order_id", "by"),
    [
        (str(number(cl_ord_id="order-2")), OWNER),
        (ORDER.order_id, STRANGER),
        (str(number(account="ACC-2", code="C02")), OWNER),
        ("no number", OWNER),
    ],
    ids=["own, never given out", "somebody else asks", "somebody else's", "no number"],
)
def test_an_order_that_is_none_of_the_callers_is_unknown(here: Here, order_id: str, by: Customer) -> None:
    with pytest.raises(UnknownOrder, match="no order of yours has the number"):
        here.inquire(order_id, by)
    with pytest.raises(UnknownOrder):
        list_records(order_id, by, SECRET, code="C01", held=here.held)


@pytest.mark.requirement("T9", "T11")
def test_the_records_of_an_order_are_listed_as_they_happened(here: Here) -> None:
    records = [
        ORDER,
        report(ORDER, 1, ExecType.NEW, at=later(1)),
        cancel(ORDER, at=later(2)),
        trade(ORDER, 2, at=later(3), last=100, cum=100),
    ]
    for record in reversed(records):
        (here.street if record.origin == "s1" else here.customer).insert(record.to_item())
    listed = list_records(ORDER.order_id, OWNER, SECRET, code="C01", held=here.held)
    assert list(listed) == records


# Lists


def order_on(day: int, n: int, *, after: float = 0, origin: str = "c1") -> Placed:
    """The nth order of so many days before today."""
    time = NOW - timedelta(days=day) + timedelta(seconds=after)
    of = terms(cl_ord_id=f"day {day} order {n}")
    return placed(of, at=time, day=f"{time:%Y%m%d}", origin=origin)


def ids(orders: list[OrderState]) -> list[str]:
    return [order.order_id for order in orders]


@pytest.mark.requirement("T3")
@pytest.mark.parametrize("limit", [1, 3, 4, 7, 100])
@pytest.mark.parametrize("page_max", [None, 2, 5, 9])
def test_pages_have_every_order_once_newest_first(limit: int, page_max: int | None) -> None:
    """Whatever a table gives at once: 1 MB may end anywhere within a day."""
    here = Here(page_max=page_max)
    orders = [
        order_on(day, n, after=n) for day, count in ((0, 3), (1, 8), (3, 1), (9, 4)) for n in range(count)
    ]
    for order in orders:
        here.customer.kept.insert(order.to_item())
        here.street.kept.insert(report(order, 1, ExecType.NEW, at=order.transact_time).to_item())
    newest_first = sorted(orders, key=lambda order: order.transact_time, reverse=True)
    listed = here.list_all(limit=limit)
    assert ids(listed) == [order.order_id for order in newest_first]
    assert {order.ord_status for order in listed} == {OrdStatus.NEW}


def test_orders_of_one_instant_are_each_listed_once() -> None:
    here = Here()
    orders = [order_on(0, n) for n in range(7)]
    for order in orders:
        here.customer.kept.insert(order.to_item())
    assert sorted(ids(here.list_all(limit=2))) == sorted(order.order_id for order in orders)


@pytest.mark.requirement("T5")
def test_an_order_entered_at_two_utilities_is_listed_once() -> None:
    here = Here()
    for order in (order_on(0, 1), order_on(0, 1, after=1, origin="c2")):
        here.customer.kept.insert(order.to_item())
    assert ids(here.list_all(limit=9)) == [order_on(0, 1).order_id]


@pytest.mark.requirement("T10")
def test_two_orders_that_share_a_cl_ord_id_are_both_listed() -> None:
    here = Here()
    one, other = placed(terms(qty=1)), placed(terms(qty=2), origin="c2", at=later(1))
    for order in (one, other):
        here.customer.kept.insert(order.to_item())
    assert ids(here.list_all(limit=9)) == [other.order_id, one.order_id]


@pytest.mark.requirement("T12", "T14")
@pytest.mark.parametrize("days", [(0,), (0, 1), (2, 0), (1,)])
def test_an_order_that_only_the_street_side_has_told_of_is_listed(days: tuple[int, ...]) -> None:
    here = Here()
    here.customer.kept.insert(order_on(1, 1).to_item())
    told = [order_on(day, 2, after=1) for day in days]
    for order in told:
        fill = trade(order, 1, at=order.transact_time, last=100, cum=100)
        here.street.kept.insert(fill.to_item())
    listed = {state.order_id: state.ord_status for state in here.list_all(limit=1)}
    assert listed == {
        order_on(1, 1).order_id: OrdStatus.PENDING_NEW,
        **{order.order_id: OrdStatus.FILLED for order in told},
    }


def test_a_list_of_nothing_is_empty_and_one_of_another_account_refused() -> None:
    assert Here().page() == OrderPage(orders=[], cursor=None)
    with pytest.raises(UnknownAccount):
        list_orders("ACC-2", OWNER, SECRET, held=Here().held, now=NOW)


@pytest.mark.parametrize(
    "cursor",
    ["", "!", "abc", "ü", urlsafe_b64encode(b"a\x1fb").decode(), urlsafe_b64encode(b"\xff").decode()],
)
def test_a_cursor_that_no_page_gave_out_is_malformed(cursor: str) -> None:
    with pytest.raises(Malformed, match="expected a cursor that an earlier page gave out"):
        Here().page(cursor=cursor)


# Holdings and prices


@pytest.mark.requirement("T3", "T7")
def test_holdings_are_one_query(here: Here) -> None:
    books = Watched(MemoryStore("demo-c1-firm"))
    assets = {"USD": Decimal(1000), "IBM": Decimal(5), "AAPL": Decimal(3)}
    open_account(ACCOUNT, account_key(ACCOUNT, SECRET), assets, Books(name="firm", records=books), now=NOW)
    books.asked.clear()
    held = inquire_holdings(ACCOUNT, AssetKind.POSITION, OWNER, SECRET, books=books)
    assert {posting.asset: posting.quantity for posting in held.postings} == {"IBM": 5, "AAPL": 3}
    assert books.asked == {"query": 1}
    balance = inquire_holdings(ACCOUNT, AssetKind.BALANCE, OWNER, SECRET, books=books)
    assert [(posting.asset, posting.quantity) for posting in balance.postings] == [("USD", Decimal(1000))]
    with pytest.raises(UnknownAccount):
        inquire_holdings("ACC-2", AssetKind.POSITION, OWNER, SECRET, books=books)


def price(px: str, at: datetime) -> MarketData:
    paid = Decimal(px)
    return MarketData(
        origin="s1",
        transact_time=at,
        symbol="IBM",
        last_px=paid,
        first_px=paid,
        high_px=paid,
        low_px=paid,
        market_date="20100104",
        expires=1,
    )


@pytest.mark.requirement("T3")
def test_market_data_is_the_newest_price_that_has_arrived_in_one_query() -> None:
    market = Watched(MemoryStore("demo-c1-market"))
    for shown in (price("2", later(15)), price("1", NOW)):
        market.kept.insert(shown.to_item())
    assert inquire_market_data("IBM", market=market) == price("2", later(15))
    assert market.asked == {"query": 1}
    with pytest.raises(UnknownSymbol, match="MSFT"):
        inquire_market_data("MSFT", market=market)
