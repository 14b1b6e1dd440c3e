"""The lives that orders have, over the three sides: from HTTP to HTTP, one thread, on tables in memory."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.enterprise import Holding
from chalicelib.records.fix import ExecType, OrdRejReason
from chalicelib.records.numbers import parse_number
from chalicelib.records.orders import Claim, claim_key
from chalicelib.records.times import format_time
from chalicelib.street.notices import give_notice

from .enterprise import REPLAY_WITH_FUND, Enterprise
from .terminals import Terminal

BOTH = ("c1", "c2")
# A bar of four ticks, of 15 seconds each, is a fund's day.
FUND_DAY = 60


@pytest.fixture(scope="module")
def shared(aws: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Enterprise]:
    """An enterprise whose exchange has what a fund holds."""
    made = Enterprise(tmp_path_factory.mktemp("enterprise"), bars=REPLAY_WITH_FUND)
    made.settle()
    yield made
    made.settle()
    made.check()


def both(enterprise: Enterprise, number: str) -> Any:
    """What both customer utilities answer: the same."""
    answers = [enterprise.get(utility, f"/orders/{number}") for utility in BOTH]
    assert answers[0] == answers[1]
    return answers[0]


def quantity(enterprise: Enterprise, what: str, account: str, asset: str) -> Decimal:
    held = enterprise.get("c2", f"/{what.lower()}?Account={account}")[what]
    return next((Decimal(entry["Quantity"]) for entry in held if entry["Asset"] == asset), Decimal(0))


def say(enterprise: Enterprise, number: str, exec_type: ExecType, **facts: Any) -> None:
    """Have the venue say something of an order by itself, twice."""
    parsed = parse_number(number)
    for street in ("s1", "s2"):
        inbox = enterprise.here[street].table(Holding.INBOX)
        item = inbox.get(parsed.account_key, claim_key(parsed))
        if item is not None and item["Found"] == "claimed":
            for _ in range(2):
                said = {"venue": "SIMX", "now": enterprise.now, **facts}
                give_notice(Claim.from_item(item), exec_type, f"{exec_type.name}-1", inbox, **said)
    enterprise.settle()


@pytest.mark.requirement("T2", "T5", "T6", "T14", "T18")
def test_an_order_is_replaced_at_another_utility_than_it_was_entered_at(
    enterprise: Enterprise, account: str
) -> None:
    number = enterprise.enter("c1", account, OrdType="2", Price="1.00")
    enterprise.settle()
    enterprise.now += timedelta(seconds=1)
    answer = enterprise.replace("c2", number, OrderQty="40", OrdType="1")
    assert (answer.status, answer.json["RecordType"]) == (202, "ReplaceRequested")
    assert enterprise.replace("c2", number, OrderQty="40", OrdType="1").status == 200
    assert enterprise.get("c2", f"/orders/{number}")["OrdStatusName"] == "PendingReplace"
    enterprise.settle()
    order = both(enterprise, number)
    assert (order["OrdStatusName"], order["OrderQty"], order["CumQty"]) == ("Filled", "40", "40")
    assert (order["ClOrdID"], order["OrdType"]) == ("replace-1", "1")
    assert "Price" not in order
    assert not order["Estimate"]


@pytest.mark.requirement("T5", "T12")
def test_a_replacement_is_taken_for_an_order_that_has_not_arrived(
    enterprise: Enterprise, account: str
) -> None:
    number = enterprise.enter("c1", account, OrdType="2", Price="1.00")
    assert enterprise.replace("c2", number, OrderQty="60").status == 202
    enterprise.settle()
    order = both(enterprise, number)
    assert (order["OrdStatusName"], order["OrderQty"], order["Price"]) == ("New", "60", "1.00")


@pytest.mark.parametrize(
    ("asked", "status", "field"),
    [
        ({}, 400, "OrderQty"),
        ({"OrderQty": "0"}, 422, "OrderQty"),
        ({"OrderQty": "1.5"}, 422, "OrderQty"),
        ({"OrderQty": "10", "CashOrderQty": "10"}, 422, "OrderQty"),
        ({"Price": "1.001"}, 422, "Price"),
        ({"StopPx": "-1"}, 422, "StopPx"),
        ({"OrdType": "K"}, 400, "OrdType"),
        ({"TimeInForce": "3"}, 400, "TimeInForce"),
        ({"TimeInForce": "6"}, 400, "ExpireTime"),
        ({"ClOrdID": "order-1", "OrderQty": "10"}, 422, "ClOrdID"),
        ({"Symbol": "FB"}, 400, "Symbol"),
    ],
)
def test_a_replacement_is_refused_by_field_and_nothing_is_written(
    enterprise: Enterprise, account: str, asked: dict[str, str], status: int, field: str
) -> None:
    number = enterprise.enter("c1", account, OrdType="2", Price="1.00")
    before = enterprise.tables()
    answer = enterprise.replace("c1", number, **asked)
    assert (answer.status, answer.json["field"]) == (status, field), answer
    assert enterprise.tables() == before


@pytest.mark.requirement("T12")
def test_a_cancel_that_comes_before_an_order_that_is_rejected_is_answered(
    enterprise: Enterprise, account: str
) -> None:
    number = enterprise.enter("c1", account, Symbol="NOPE")
    enterprise.cancel("c1", number)
    enterprise.settle()
    order = both(enterprise, number)
    assert (order["OrdStatusName"], order["WaitsFor"]) == ("Rejected", [])
    records = enterprise.get("c2", f"/orders/{number}/records")["Records"]
    assert [r["CxlRejReason"] for r in records if r["RecordType"] == "OrderCancelReject"] == ["0"]


@pytest.mark.requirement("T10")
def test_a_cl_ord_id_is_a_cancels_or_a_replacements_never_both(enterprise: Enterprise, account: str) -> None:
    number = enterprise.enter("c1", account, OrdType="2", Price="1.00")
    enterprise.cancel("c1", number)
    refused = enterprise.replace("c1", number, ClOrdID="cancel-1", OrderQty="10")
    assert (refused.status, refused.json["CxlRejReason"]) == (422, "6")


@pytest.mark.requirement("T6", "T14")
def test_a_stop_order_is_triggered_by_its_price(enterprise: Enterprise, account: str) -> None:
    shown = enterprise.here["s1"].exchange.at("IBM", enterprise.now).price
    number = enterprise.enter("c1", account, OrdType="3", StopPx=str(shown))
    enterprise.settle()
    order = both(enterprise, number)
    assert (order["OrdStatusName"], order["StopPx"]) == ("Filled", str(shown))


@pytest.mark.requirement("T6", "T14")
@pytest.mark.parametrize(("time_in_force", "executed"), [("3", "1000"), ("4", "0")], ids=["IOC", "FOK"])
def test_what_is_to_be_done_at_once_is_canceled_for_the_rest(
    enterprise: Enterprise, account: str, time_in_force: str, executed: str
) -> None:
    number = enterprise.enter("c1", account, OrderQty="1500", TimeInForce=time_in_force)
    enterprise.settle()
    order = both(enterprise, number)
    assert (order["OrdStatusName"], order["CumQty"], order["LeavesQty"]) == ("Canceled", executed, "0")
    assert order["TimeInForce"] == time_in_force


@pytest.mark.requirement("T6", "T14")
def test_an_order_good_till_a_time_expires(enterprise: Enterprise, account: str) -> None:
    ends = format_time(enterprise.now + timedelta(seconds=20))
    number = enterprise.enter("c1", account, OrdType="2", Price="1.00", TimeInForce="6", ExpireTime=ends)
    enterprise.settle()
    assert both(enterprise, number)["OrdStatusName"] == "New"
    enterprise.pass_time(21)
    assert both(enterprise, number)["OrdStatusName"] == "Expired"


@pytest.mark.requirement("T6", "T7", "T14")
def test_a_bust_is_taken_back_from_the_answer_and_from_the_books(
    enterprise: Enterprise, account: str
) -> None:
    before = (
        quantity(enterprise, "Balances", account, "USD"),
        quantity(enterprise, "Positions", account, "IBM"),
    )
    number = enterprise.enter("c1", account, OrdType="2", Price="110.00")
    enterprise.settle()
    executed = both(enterprise, number)["Executions"][0]["ExecID"]
    enterprise.cancel("c1", number)
    say(enterprise, number, ExecType.SUSPENDED)
    say(enterprise, number, ExecType.TRADE_CANCEL, exec_ref_id=executed)
    order = both(enterprise, number)
    assert (order["CumQty"], order["OrdStatusName"]) == ("0", "Suspended")
    assert order["Executions"][0]["BustedBy"].startswith(executed.rsplit(".", 1)[0])
    after = (
        quantity(enterprise, "Balances", account, "USD"),
        quantity(enterprise, "Positions", account, "IBM"),
    )
    assert after == before


@pytest.mark.requirement("T6", "T7", "T14")
def test_a_correction_moves_the_difference(enterprise: Enterprise, account: str) -> None:
    cash = quantity(enterprise, "Balances", account, "USD")
    number = enterprise.enter("c1", account)
    enterprise.settle()
    execution = both(enterprise, number)["Executions"][0]
    wanted = {"last_qty": Decimal(100), "last_px": Decimal("90.00")}
    say(enterprise, number, ExecType.TRADE_CORRECT, exec_ref_id=execution["ExecID"], **wanted)
    order = both(enterprise, number)
    assert (order["OrdStatusName"], order["AvgPx"], order["CumQty"]) == ("Filled", "90", "100")
    assert quantity(enterprise, "Balances", account, "USD") == cash - 9000


@pytest.mark.requirement("T6", "T14")
def test_poss_resend_of_an_order_that_is_here_is_answered_with_where_it_stands(
    enterprise: Enterprise, account: str
) -> None:
    number = enterprise.enter("c1", account)
    enterprise.settle()
    sent = enterprise.order(account)
    # Long after: too late to be entered, not to be asked after.
    enterprise.now += timedelta(minutes=16)
    again = enterprise.ask("c1", "POST", "/orders", {**sent, "PossResend": "Y"})
    assert (again.status, again.json["OrderID"], again.json["OrdStatusName"]) == (200, number, "Filled")
    elsewhere = enterprise.ask("c2", "POST", "/orders", {**sent, "PossResend": "Y"})
    assert (elsewhere.status, elsewhere.json["OrderID"]) == (200, number)
    unknown = enterprise.ask("c1", "POST", "/orders", {**sent, "PossResend": "Y", "ClOrdID": "new"})
    assert unknown.json["OrdRejReason"] == OrdRejReason.STALE_ORDER


# Funds and currencies


@pytest.mark.requirement("T6", "T7")
def test_a_fund_is_subscribed_by_money_and_redeemed_whole(enterprise: Enterprise, account: str) -> None:
    cash = quantity(enterprise, "Balances", account, "USD")
    bought = enterprise.enter(
        "c1", account, ClOrdID="subscribe", Symbol="THREEI", OrderQty=None, CashOrderQty="1000.00"
    )
    enterprise.settle()
    assert both(enterprise, bought)["OrdStatusName"] == "New"
    enterprise.pass_time(2 * FUND_DAY)
    order = both(enterprise, bought)
    assert (order["OrdStatusName"], order["CashOrderQty"]) == ("Filled", "1000.00")
    units = Decimal(order["CumQty"])
    # 0.4 FB at 27.50 and 0.02 GOOG at 805.00.
    assert (order["AvgPx"], units) == ("27.1", Decimal("36.900"))
    assert quantity(enterprise, "Positions", account, "THREEI") == units
    assert quantity(enterprise, "Balances", account, "USD") == cash - 1000
    sold = enterprise.enter(
        "c2", account, ClOrdID="redeem", Symbol="THREEI", Side="2", OrderQty=None, OrderPercent="100"
    )
    enterprise.settle()
    enterprise.pass_time(2 * FUND_DAY)
    assert both(enterprise, sold)["CumQty"] == order["CumQty"]
    assert quantity(enterprise, "Positions", account, "THREEI") == 0


@pytest.mark.requirement("R12", "T6", "T7")
def test_currencies_are_dealt_in_at_the_houses_own_rate_up_to_its_limit(
    enterprise: Enterprise, account: str
) -> None:
    dollars = quantity(enterprise, "Balances", account, "USD")
    number = enterprise.enter("c1", account, Symbol="EURUSD", OrderQty="100000")
    enterprise.settle()
    order = both(enterprise, number)
    (execution,) = order["Executions"]
    assert (order["OrdStatusName"], execution["LastMkt"]) == ("Filled", "SINT")
    assert "Conversation" not in execution
    assert quantity(enterprise, "Balances", account, "EUR") == 100_000
    assert quantity(enterprise, "Balances", account, "USD") == dollars - Decimal(execution["NetMoney"])


@pytest.mark.requirement("R2", "R9", "R12", "T6", "T7")
def test_above_the_limit_they_are_dealt_in_by_a_conversation_and_the_answer_names_it(
    enterprise: Enterprise, account: str
) -> None:
    dollars = quantity(enterprise, "Balances", account, "USD")
    number = enterprise.enter("c1", account, Symbol="EURUSD", OrderQty="1000000")
    enterprise.settle()
    assert both(enterprise, number)["OrdStatusName"] == "New"
    enterprise.pass_time(1)
    called, conversation = _called(enterprise)
    called.act("answer", conversation)
    called.act("quote", conversation, BidPx="1.0841", OfferPx="1.0843")
    enterprise.pass_time(1)
    order = both(enterprise, number)
    (execution,) = order["Executions"]
    assert (order["OrdStatusName"], order["AvgPx"]) == ("Filled", "1.0843")
    assert (execution["LastMkt"], execution["Conversation"]) == ("XOFF", conversation)
    assert quantity(enterprise, "Balances", account, "EUR") == 1_000_000
    assert quantity(enterprise, "Balances", account, "USD") == dollars - Decimal("1084300.00")


def _called(enterprise: Enterprise) -> tuple[Terminal, str]:
    """The trader of the bank that the house's desk has called, and the conversation."""
    for principal, terminal in (("BANKX", "X1"), ("BANKY", "Y1"), ("MERCURY", "M1"), ("NEPTUNE", "N1")):
        trader = Terminal(enterprise, principal, terminal)
        queue = trader.queue()
        if queue:
            return trader, queue[0]
    raise AssertionError("no bank has been called")
