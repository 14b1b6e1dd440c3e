"""What a deal means for its two parties: mirror images, to the last digit, however often it is asked."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.firm.booking import Books, book_execution
from chalicelib.records.conversations import Ticket, Turn
from chalicelib.records.fix import BuySell, ExecType, OrdStatus, OrdType
from chalicelib.records.ledger import AssetKind
from chalicelib.records.numbers import account_key, order_tag
from chalicelib.records.orders import ExecutionReport
from chalicelib.records.record import BYTES_MAX, item_bytes, read_record
from chalicelib.rfq.tickets import execution, side_of, ticket
from chalicelib.state.holdings import fold_holdings
from chalicelib.state.orders import fold_order
from chalicelib.tables.memory import MemoryStore
from chalicelib.tables.reading import read_ledger
from tests.builders import NOW, SECRET
from tests.rfq.builders import CALLER, CONVERSATION, DESTINATION, INITIATING, VALUE_DATE, dealt

BUND = "DE000BU2Z023"
TREASURY = "US91282CKU44"
NODES = {INITIATING: ("B01", "s1"), DESTINATION: ("B02", "s2")}


def report_of(turn: Turn, principal: str) -> ExecutionReport:
    """The execution as the principal's own node writes it."""
    code, origin = NODES[principal]
    return execution(turn, principal, code, SECRET, origin)


def ticket_of(turn: Turn, principal: str) -> Ticket:
    return ticket(turn, principal, report_of(turn, principal))


def swap(got: Ticket) -> tuple[str, Decimal, str, Decimal]:
    return got.received, got.received_qty, got.given, got.given_qty


@pytest.mark.requirement("R12")
@pytest.mark.parametrize(
    ("facts", "received", "given"),
    [
        ({}, "1000000 EUR", "1084300.00 USD"),
        ({"deal_side": BuySell.SELL}, "1084300.00 USD", "1000000 EUR"),
        ({"symbol": "USDEUR", "price": Decimal("0.92226")}, "1000000 USD", "922260.00 EUR"),
        ({"symbol": "USDJPY", "price": Decimal("156.7895005")}, "1000000 USD", "156789500 JPY"),
        (
            {"symbol": "XAUUSD", "order_qty": Decimal("32.151"), "price": Decimal("4455.10")},
            "32.151 XAU",
            "143235.92 USD",
        ),
    ],
)
def test_who_buys_gets_what_is_named_first_and_gives_its_price(
    facts: dict[str, Any], received: str, given: str
) -> None:
    got = ticket_of(dealt(**facts), INITIATING)
    assert f"{got.received_qty} {got.received}" == received
    assert f"{got.given_qty} {got.given}" == given
    assert got.accrued_interest_amt is None
    assert got.settl_date == VALUE_DATE


@pytest.mark.requirement("R12")
def test_a_bonds_ticket_shows_its_clean_price_and_what_it_has_accrued() -> None:
    bought = dealt(symbol=BUND, price=Decimal("97.10"), settl_date="20250916")
    got = ticket_of(bought, INITIATING)
    assert got.price == Decimal("97.10")
    # 2.2 percent for 213 of 365 days.
    assert got.accrued_interest_amt == Decimal("12838.36")
    assert swap(got) == (BUND, Decimal(1_000_000), "EUR", Decimal("971000.00") + Decimal("12838.36"))


@pytest.mark.requirement("R12")
def test_who_sells_a_bond_is_paid_what_it_has_accrued() -> None:
    sold = dealt(symbol=TREASURY, price=Decimal("104.3125"), settl_date="20251223", deal_side=BuySell.SELL)
    got = ticket_of(sold, INITIATING)
    assert got.accrued_interest_amt == Decimal("2922.39")
    assert swap(got) == ("USD", Decimal("1046047.39"), TREASURY, Decimal(1_000_000))


def test_a_ticket_names_the_trader_only_of_the_side_that_made_the_last_turn() -> None:
    assert ticket_of(dealt(), INITIATING).trader == CALLER
    assert ticket_of(dealt(), DESTINATION).trader is None


@pytest.mark.requirement("R12", "T9")
def test_an_execution_says_all_of_the_deal_by_itself() -> None:
    done = report_of(dealt(), DESTINATION)
    assert (done.account, done.cl_ord_id, done.symbol) == (DESTINATION, CONVERSATION, "EURUSD")
    assert (done.side, done.ord_type) == (BuySell.SELL, OrdType.PREVIOUSLY_QUOTED)
    assert (done.exec_type, done.ord_status) == (ExecType.TRADE, OrdStatus.FILLED)
    assert done.order_qty == done.last_qty == done.cum_qty == 1_000_000
    assert done.price == done.last_px == done.avg_px == Decimal("1.0843")
    assert (done.leaves_qty, done.last_mkt) == (Decimal(0), "XOFF")
    assert (done.settl_date, done.settl_currency) == (VALUE_DATE, "USD")
    assert (done.net_money, done.accrued_interest_amt) == (Decimal("1084300.00"), None)


@pytest.mark.requirement("T10")
def test_each_party_has_a_number_of_its_own_nodes_and_of_the_day_of_the_deal() -> None:
    for principal, (code, origin) in NODES.items():
        number = report_of(dealt(), principal).number
        assert (number.code, number.day) == (code, "20260105")
        assert number.account_key == account_key(principal, SECRET)
        assert number.tag == order_tag(principal, CONVERSATION, SECRET)
        assert report_of(dealt(), principal).exec_id == f"{origin}.20260105.{number.tag}.0001"


@pytest.mark.requirement("T13", "R12")
@pytest.mark.parametrize("principal", [INITIATING, DESTINATION])
def test_a_deal_is_shown_as_a_filled_order_from_its_execution_alone(principal: str) -> None:
    done = report_of(dealt(), principal)
    order = fold_order(done.number, [done], NOW)
    assert (order.ord_status, order.cum_qty) == (OrdStatus.FILLED, Decimal(1_000_000))


# Any deal


PRICES = st.decimals("0.0000000001", "1000000", places=10)


@st.composite
def deals(draw: st.DrawFn) -> Turn:
    symbol, lot = draw(
        st.sampled_from(
            [
                *(("EURUSD", "0.01"), ("USDJPY", "0.01"), ("JPYEUR", "1"), ("XAUUSD", "0.001")),
                *((BUND, "0.01"), (TREASURY, "100")),
            ]
        )
    )
    return dealt(
        symbol=symbol,
        order_qty=Decimal(lot) * draw(st.integers(1, 10**11)),
        price=draw(PRICES),
        deal_side=draw(st.sampled_from(BuySell)),
        by=draw(st.sampled_from([INITIATING, DESTINATION])),
        settl_date="20260302",
    )


@pytest.mark.requirement("R12")
@given(deals())
def test_what_one_party_gets_the_other_gives(turn: Turn) -> None:
    ours, theirs = ticket_of(turn, INITIATING), ticket_of(turn, DESTINATION)
    assert swap(ours) == (theirs.given, theirs.given_qty, theirs.received, theirs.received_qty)
    assert {side_of(turn, INITIATING), side_of(turn, DESTINATION)} == set(BuySell)


@pytest.mark.requirement("R12")
@given(deals())
def test_both_parties_executions_differ_in_their_party_and_side_only(turn: Turn) -> None:
    ours, theirs = report_of(turn, INITIATING), report_of(turn, DESTINATION)
    own = {name: getattr(ours, name) for name in ("origin", "order_id", "account", "side", "exec_id")}
    assert replace(theirs, **own) == ours


@pytest.mark.requirement("T15", "R12")
@given(deals(), st.sampled_from([INITIATING, DESTINATION]))
def test_a_deal_means_the_same_whenever_and_by_whichever_copy_it_is_asked(turn: Turn, principal: str) -> None:
    copy = read_record(replace(turn, principal=principal).to_item())
    assert isinstance(copy, Turn)
    assert report_of(copy, principal).to_item() == report_of(turn, principal).to_item()
    assert ticket_of(copy, principal).to_item() == ticket_of(turn, principal).to_item()


@given(deals())
def test_a_deals_records_are_kept_as_they_are_and_are_small(turn: Turn) -> None:
    for record in (report_of(turn, INITIATING), ticket_of(turn, INITIATING)):
        assert read_record(record.to_item()) == record
        assert item_bytes(record.to_item()) <= BYTES_MAX


@pytest.mark.requirement("T7", "R12")
@given(deals())
def test_the_books_of_both_parties_say_what_their_tickets_do_and_add_up_to_nothing(turn: Turn) -> None:
    books = Books(name="firm", records=MemoryStore("demo-firm-firm"))
    held: dict[str, dict[str, Decimal]] = {}
    for principal in NODES:
        book_execution(report_of(turn, principal), books, now=NOW)
        held[principal] = {
            posting.asset: posting.quantity
            for kind in AssetKind
            for posting in fold_holdings(
                read_ledger(account_key(principal, SECRET), kind, books.records)
            ).postings
        }
        got = ticket_of(turn, principal)
        assert held[principal] == {got.received: got.received_qty, got.given: -got.given_qty}
    assert held[INITIATING] == {asset: -quantity for asset, quantity in held[DESTINATION].items()}
