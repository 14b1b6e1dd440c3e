"""Orders on their way over the three sides: entered, executed, booked and asked about (FIG. 4 to 6)."""

from decimal import Decimal
from typing import Any

import pytest

from chalicelib.records.fix import OrdRejReason, OrdStatus

from .enterprise import BROUGHT_IN, OWNER, Enterprise

BOTH = ("c1", "c2")


def _status(enterprise: Enterprise, utility: str, number: str) -> Any:
    return enterprise.get(utility, f"/orders/{number}")


def _quantities(enterprise: Enterprise, utility: str, what: str, account: str) -> dict[str, Decimal]:
    answer = enterprise.get(utility, f"/{what.lower()}?Account={account}")
    return {holding["Asset"]: Decimal(holding["Quantity"]) for holding in answer[what]}


# Order to books


@pytest.mark.requirement("T1", "T2", "T3", "T6", "T8", "T18")
def test_an_order_entered_at_one_utility_is_seen_filled_at_every_other(
    enterprise: Enterprise, account: str
) -> None:
    number = enterprise.enter("c1", account)
    enterprise.settle()
    for utility in BOTH:
        order = _status(enterprise, utility, number)
        assert order["OrdStatusName"] == "Filled"
        assert (order["CumQty"], order["LeavesQty"], order["AvgPx"]) == ("100", "0", "100")
        assert not order["Estimate"]
        assert [basis["Utility"] for basis in order["RestsOn"]] == ["c1", enterprise.sequence(number)[0]]


@pytest.mark.requirement("T2", "T9")
def test_the_answer_to_a_new_order_is_the_record_that_was_written(
    enterprise: Enterprise, account: str
) -> None:
    answer = enterprise.ask("c1", "POST", "/orders", enterprise.order(account))
    assert answer.status == 201
    assert answer.json["RecordType"] == "Placed"
    assert answer.json["OrdStatus"] == OrdStatus.PENDING_NEW
    assert answer.json["EnteredBy"] == OWNER
    written = [item for item in enterprise.items("demo-c1-customer").values() if item["Account"] == account]
    assert [{**answer.json, "pk": item["pk"], "sk": item["sk"]} for item in written] == written


@pytest.mark.requirement("T14", "T18")
def test_an_order_is_pending_until_the_street_side_has_spoken(enterprise: Enterprise, account: str) -> None:
    number = enterprise.enter("c1", account)
    order = _status(enterprise, "c1", number)
    assert order["OrdStatusName"] == "PendingNew"
    assert order["WaitsFor"] == ["acknowledgement by the street side"]


@pytest.mark.requirement("T12", "T14")
def test_an_order_that_has_not_arrived_is_an_estimate_that_names_who_wrote_it(
    enterprise: Enterprise, account: str
) -> None:
    number = enterprise.enter("c1", account)
    order = _status(enterprise, "c2", number)
    assert order["Estimate"]
    assert order["WaitsFor"] == ["the order as placed, written at C01"]
    assert "OrdStatus" not in order


@pytest.mark.requirement("T3", "T7", "T8")
@pytest.mark.parametrize("utility", BOTH)
def test_what_was_executed_is_on_the_books_and_every_utility_shows_it(
    enterprise: Enterprise, account: str, utility: str
) -> None:
    enterprise.enter("c1", account)
    enterprise.enter("c2", account, ClOrdID="order-2", Side="2", OrderQty="30")
    enterprise.settle()
    assert _quantities(enterprise, utility, "Balances", account) == {
        "USD": BROUGHT_IN["USD"] - 100 * 100 + 30 * 100
    }
    assert _quantities(enterprise, utility, "Positions", account) == {"IBM": BROUGHT_IN["IBM"] + 100 - 30}


@pytest.mark.requirement("T7")
def test_each_execution_moves_money_and_shares_once_between_the_account_and_the_street(
    enterprise: Enterprise, account: str
) -> None:
    enterprise.enter("c1", account)
    enterprise.settle()
    booked = [
        (item["Asset"], item["Change"], item["ContraAccount"], item["SettlDate"])
        for item in enterprise.items("demo-firm-firm").values()
        if item.get("Account") == account and "ExecID" in item
    ]
    # Traded on a Monday, settled on the next business day.
    assert sorted(booked) == [
        ("IBM", "100", "street", "20260106"),
        ("USD", "-10000.00", "street", "20260106"),
    ]


@pytest.mark.requirement("T6")
def test_an_order_larger_than_the_market_is_filled_in_parts_as_time_goes_by(
    enterprise: Enterprise, account: str
) -> None:
    number = enterprise.enter("c1", account, OrderQty="1500")
    enterprise.settle()
    assert _status(enterprise, "c2", number)["OrdStatusName"] == "PartiallyFilled"
    assert _status(enterprise, "c2", number)["LeavesQty"] == "500"
    enterprise.pass_time(15)
    order = _status(enterprise, "c2", number)
    assert order["OrdStatusName"] == "Filled"
    assert [fill["LastQty"] for fill in order["Executions"]] == ["1000", "500"]


@pytest.mark.requirement("T6")
def test_a_limit_order_rests_until_the_market_comes_to_its_price(
    enterprise: Enterprise, account: str
) -> None:
    low = enterprise.get("c1", "/market-data/IBM")["LowPx"]
    number = enterprise.enter("c1", account, OrdType="2", Price="1.00")
    reachable = enterprise.enter("c1", account, ClOrdID="order-2", OrdType="2", Price=low)
    # Four ticks are all the prices there are.
    for _ in range(4):
        enterprise.settle()
        enterprise.pass_time(15)
    assert _status(enterprise, "c2", number)["OrdStatusName"] == "New"
    assert _status(enterprise, "c2", reachable)["OrdStatusName"] == "Filled"
    assert _status(enterprise, "c2", reachable)["AvgPx"] == f"{Decimal(low).normalize():f}"


@pytest.mark.requirement("T6")
def test_a_check_that_comes_too_early_is_put_back_until_it_is_due(
    enterprise: Enterprise, account: str
) -> None:
    number = enterprise.enter("c1", account, OrderQty="1500")
    enterprise.settle()
    street = enterprise.sequence(number)[0]
    waiting = enterprise.waiting(street, "checks")
    assert waiting
    enterprise.pass_time(1)
    assert enterprise.waiting(street, "checks") == waiting
    assert _status(enterprise, "c1", number)["OrdStatusName"] == "PartiallyFilled"


# Cancels and refusals


@pytest.mark.requirement("T2", "T6", "T14")
@pytest.mark.parametrize("utility", BOTH)
def test_a_resting_order_is_canceled_wherever_it_is_asked_for(
    enterprise: Enterprise, account: str, utility: str
) -> None:
    number = enterprise.enter("c1", account, OrdType="2", Price="1.00")
    enterprise.settle()
    enterprise.pass_time(1)
    assert enterprise.cancel(utility, number).status == 202
    if utility == "c1":
        assert _status(enterprise, utility, number)["OrdStatusName"] == "PendingCancel"
    enterprise.settle()
    for asked in BOTH:
        order = _status(enterprise, asked, number)
        assert (order["OrdStatusName"], order["LeavesQty"], order["WaitsFor"]) == ("Canceled", "0", [])


@pytest.mark.requirement("T12")
def test_a_cancel_that_overtakes_its_order_stops_it(enterprise: Enterprise, account: str) -> None:
    number = enterprise.enter("c1", account)
    # c2 has not heard of the order: it takes the cancel all the same.
    assert enterprise.cancel("c2", number).status == 202
    enterprise.turn("c2", "react@demo-c2-customer")
    enterprise.settle()
    for utility in BOTH:
        assert _status(enterprise, utility, number)["OrdStatusName"] == "Canceled"
        assert _status(enterprise, utility, number)["CumQty"] == "0"


@pytest.mark.requirement("T14")
def test_a_cancel_that_comes_too_late_is_refused_and_the_order_stays_filled(
    enterprise: Enterprise, account: str
) -> None:
    number = enterprise.enter("c1", account)
    enterprise.settle()
    assert enterprise.cancel("c1", number).status == 202
    enterprise.settle()
    assert _status(enterprise, "c2", number)["OrdStatusName"] == "Filled"
    records = enterprise.get("c2", f"/orders/{number}/records")["Records"]
    assert records[-1]["RecordType"] == "OrderCancelReject"
    assert records[-1]["CxlRejReason"] == "0"


@pytest.mark.requirement("T2")
def test_the_same_cancel_again_is_answered_as_the_first_time(enterprise: Enterprise, account: str) -> None:
    number = enterprise.enter("c1", account, OrdType="2", Price="1.00")
    first = enterprise.cancel("c1", number)
    again = enterprise.cancel("c1", number)
    assert (first.status, again.status) == (202, 200)
    assert first.json == again.json


@pytest.mark.requirement("T6", "T18")
def test_an_order_for_what_is_not_traded_is_rejected_by_the_street_side(
    enterprise: Enterprise, account: str
) -> None:
    number = enterprise.enter("c1", account, Symbol="NOPE")
    enterprise.settle()
    for utility in BOTH:
        order = _status(enterprise, utility, number)
        assert order["OrdStatusName"] == "Rejected"
        assert order["OrdRejReason"] == OrdRejReason.UNKNOWN_SYMBOL
        assert order["Text"] == "NOPE is not traded here"
        assert (order["LeavesQty"], order["Estimate"]) == ("0", False)
    assert _quantities(enterprise, "c2", "Positions", account) == {"IBM": BROUGHT_IN["IBM"]}


# The same again


@pytest.mark.requirement("T4", "T5", "T10", "T17")
def test_an_order_entered_at_two_utilities_is_executed_once_under_both_numbers(
    enterprise: Enterprise, account: str
) -> None:
    numbers = [enterprise.enter(utility, account) for utility in BOTH]
    enterprise.settle()
    assert len(set(numbers)) == 2
    executions = {
        execution["ExecID"]
        for number in numbers
        for utility in BOTH
        for execution in _status(enterprise, utility, number)["Executions"]
    }
    assert len(executions) == 1
    assert _quantities(enterprise, "c1", "Positions", account) == {"IBM": BROUGHT_IN["IBM"] + 100}
    assert len(enterprise.get("c1", f"/orders?Account={account}")["Orders"]) == 1


@pytest.mark.requirement("T10", "T17")
def test_of_two_orders_with_one_cl_ord_id_and_other_terms_one_is_executed_and_one_rejected(
    enterprise: Enterprise, account: str
) -> None:
    numbers = [
        enterprise.enter("c1", account, OrderQty="100"),
        enterprise.enter("c2", account, OrderQty="200"),
    ]
    enterprise.settle()
    orders = [_status(enterprise, "c1", number) for number in numbers]
    assert sorted(order["OrdStatusName"] for order in orders) == ["Filled", "Rejected"]
    (rejected,) = [order for order in orders if order["OrdStatusName"] == "Rejected"]
    assert rejected["OrdRejReason"] == OrdRejReason.DUPLICATE_ORDER
    (filled,) = [order for order in orders if order["OrdStatusName"] == "Filled"]
    assert _quantities(enterprise, "c2", "Positions", account) == {
        "IBM": BROUGHT_IN["IBM"] + Decimal(filled["OrderQty"])
    }


@pytest.mark.requirement("T2", "T4")
def test_the_same_order_again_at_the_same_utility_is_answered_as_the_first_time(
    enterprise: Enterprise, account: str
) -> None:
    order = enterprise.order(account)
    first = enterprise.ask("c1", "POST", "/orders", order)
    enterprise.now = enterprise.now.replace(microsecond=7)
    again = enterprise.ask("c1", "POST", "/orders", order)
    assert (first.status, again.status) == (201, 200)
    assert first.json == again.json


# Inquiries


@pytest.mark.requirement("T11", "T13")
def test_the_audit_trail_shows_every_record_in_the_order_of_its_happening(
    enterprise: Enterprise, account: str
) -> None:
    number = enterprise.enter("c1", account)
    enterprise.settle()
    trail = enterprise.get("c2", f"/orders/{number}/records")["Records"]
    assert [(r["RecordType"], r["OrdStatus"]) for r in trail] == [
        ("Placed", OrdStatus.PENDING_NEW),
        ("ExecutionReport", OrdStatus.NEW),
        ("ExecutionReport", OrdStatus.FILLED),
    ]
    assert sorted(r["TransactTime"] for r in trail) == [r["TransactTime"] for r in trail]
    # Each is whole: any one of them shows the order.
    for record in trail:
        assert (record["OrderID"], record["Symbol"], record["OrderQty"]) == (number, "IBM", "100")
    assert not any({"pk", "sk"} & set(record) for record in trail)


@pytest.mark.requirement("T3")
def test_a_list_of_orders_is_paged_newest_first_and_loses_none(enterprise: Enterprise, account: str) -> None:
    numbers = []
    for count in range(5):
        numbers.append(enterprise.enter("c1", account, ClOrdID=f"order-{count}"))
        enterprise.pass_time(1)
    enterprise.settle()
    listed, cursor = [], ""
    for _ in range(3):
        page = enterprise.get("c2", f"/orders?Account={account}&limit=2{cursor}")
        listed += [order["OrderID"] for order in page["Orders"]]
        cursor = f"&cursor={page['Cursor']}" if "Cursor" in page else ""
    assert listed == numbers[::-1]
    assert not cursor


@pytest.mark.requirement("T3", "T8")
def test_a_price_that_is_published_on_the_street_side_is_shown_at_every_customer_utility(
    enterprise: Enterprise,
) -> None:
    shown = {utility: enterprise.get(utility, "/market-data/IBM") for utility in BOTH}
    assert shown["c1"] == shown["c2"]
    assert shown["c1"]["MarketDate"] == "20130301"
    before = shown["c1"]["LastPx"]
    enterprise.pass_time(15)
    enterprise.publish()
    assert enterprise.get("c1", "/market-data/IBM")["LastPx"] != before


@pytest.mark.requirement("T8")
def test_a_symbol_has_one_publisher(enterprise: Enterprise) -> None:
    before = enterprise.items("demo-c1-market")
    enterprise.pass_time(15)
    enterprise.publish()
    published = [
        item["Origin"]
        for key, item in enterprise.items("demo-c1-market").items()
        if key not in before and item["RecordType"] == "MarketData"
    ]
    assert published == [enterprise.publisher("IBM")]


@pytest.mark.requirement("T3")
def test_a_customer_is_told_who_they_are_and_who_answers(enterprise: Enterprise, account: str) -> None:
    answer = enterprise.get("c2", f"/account?Account={account}")
    assert (answer["Account"], answer["Customer"]) == (account, OWNER)
    assert (answer["Firm"], answer["AnsweredBy"]) == ("demo", "c2")


@pytest.mark.requirement("T3")
def test_an_account_of_a_token_that_has_only_one_need_not_be_named(
    enterprise: Enterprise, account: str
) -> None:
    headers = {"Authorization": f"Bearer {enterprise.token('bob', [account])}"}
    answer = enterprise.ask("c1", "GET", "/positions", headers=headers)
    assert (answer.status, answer.json["Account"]) == (200, account)


@pytest.mark.requirement("T1")
@pytest.mark.parametrize("utility", ["c1", "c2", "s1", "s2", "firm"])
def test_every_utility_says_that_it_is_well_without_a_token(enterprise: Enterprise, utility: str) -> None:
    answer = enterprise.ask(utility, "GET", "/health", headers={"Authorization": ""})
    assert answer.status == 200
    assert answer.json == {
        "utility": utility,
        "side": enterprise.plan.utility(utility).side,
        "enterprise": "demo",
        "version": 1,
    }


@pytest.mark.requirement("T5", "T17")
def test_a_utility_without_its_table_says_503_and_the_other_takes_the_order(
    enterprise: Enterprise, account: str
) -> None:
    order = enterprise.order(account)
    enterprise.down.add("c1")
    refused = enterprise.ask("c1", "POST", "/orders", order)
    assert refused.status == 503
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert enterprise.ask("c1", "GET", "/health").status == 503
    assert enterprise.ask("c2", "POST", "/orders", order).status == 201
