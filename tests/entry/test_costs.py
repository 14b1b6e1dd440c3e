"""What an order and an inquiry cost: requests and written items, counted at the client."""

from collections import Counter
from datetime import timedelta

import pytest

from chalicelib.enterprise import Holding, Side
from chalicelib.records.record import item_bytes
from chalicelib.records.times import format_time

from .enterprise import Enterprise


def _copies(enterprise: Enterprise, origin: str, holding: Holding) -> Counter[str]:
    """One write for a record and one for each copy of it."""
    holders = enterprise.plan.holders(enterprise.plan.utility(origin), holding)
    return Counter(enterprise.plan.table(name, holding) for name in (origin, *holders))


@pytest.mark.requirement("T2", "T11")
def test_what_is_listed_is_read_once_a_minute_however_many_orders_there_are(
    enterprise: Enterprise, account: str
) -> None:
    enterprise.enter("c1", account, Symbol="FB")
    with enterprise.counting() as requests:
        for count in range(3):
            enterprise.enter("c1", account, Symbol="FB", ClOrdID=f"order-{count + 2}")
    assert requests == {("PutItem", "demo-c1-customer"): 3}
    enterprise.now += timedelta(seconds=61)
    with enterprise.counting() as requests:
        enterprise.enter("c1", account, Symbol="FB", ClOrdID="order-5")
    assert requests == {("Query", "demo-c1-firm"): 1, ("PutItem", "demo-c1-customer"): 1}


@pytest.mark.requirement("T2", "T11")
def test_an_order_is_accepted_with_one_write_and_no_read(enterprise: Enterprise, account: str) -> None:
    enterprise.enter("c1", account, ClOrdID="before")
    with enterprise.counting() as requests, enterprise.counting_writes() as writes:
        enterprise.enter("c1", account)
    assert requests == {("PutItem", "demo-c1-customer"): 1}
    assert writes == {"demo-c1-customer": 1}


@pytest.mark.requirement("T2", "T11")
def test_an_order_that_is_sent_again_costs_no_read_either(enterprise: Enterprise, account: str) -> None:
    enterprise.enter("c1", account)
    with enterprise.counting() as requests:
        enterprise.enter("c1", account)
    assert requests == {("PutItem", "demo-c1-customer"): 1}


@pytest.mark.requirement("T8")
def test_a_batch_is_copied_with_one_request_per_holder_and_one_write_per_copy(
    enterprise: Enterprise, account: str
) -> None:
    orders = 7
    for count in range(orders):
        enterprise.enter("c1", account, ClOrdID=f"order-{count}")
    with enterprise.counting() as requests, enterprise.counting_writes() as writes:
        enterprise.turn("c1", "replicate@demo-c1-customer")
    holders = ("demo-c2-customer", "demo-firm-customer")
    assert requests == {("BatchWriteItem", table): 1 for table in holders}
    assert writes == dict.fromkeys(holders, orders)


@pytest.mark.requirement("T3", "T14")
@pytest.mark.parametrize("utility", ["c1", "c2"])
def test_a_status_is_one_query_per_table_that_holds_the_order(
    enterprise: Enterprise, account: str, utility: str
) -> None:
    number = enterprise.enter("c1", account)
    enterprise.settle()
    for target in (f"/orders/{number}", f"/orders/{number}/records"):
        with enterprise.counting() as requests:
            enterprise.get(utility, target)
        assert requests == {
            ("Query", f"demo-{utility}-customer"): 1,
            ("Query", f"demo-{utility}-street"): 1,
        }


@pytest.mark.requirement("T3", "T7")
@pytest.mark.parametrize("what", ["balances", "positions"])
def test_what_an_account_has_is_one_query_however_much_it_traded(
    enterprise: Enterprise, account: str, what: str
) -> None:
    for count in range(3):
        enterprise.enter("c1", account, ClOrdID=f"order-{count}")
    enterprise.settle()
    with enterprise.counting() as requests:
        enterprise.get("c2", f"/{what}?Account={account}")
    assert requests == {("Query", "demo-c2-firm"): 1}


@pytest.mark.requirement("T3")
def test_a_page_of_orders_is_one_query_per_table(enterprise: Enterprise, account: str) -> None:
    for count in range(3):
        enterprise.enter("c1", account, ClOrdID=f"order-{count}")
    enterprise.settle()
    with enterprise.counting() as requests:
        enterprise.get("c2", f"/orders?Account={account}")
    assert requests == {("Query", "demo-c2-customer"): 1, ("Query", "demo-c2-street"): 1}


@pytest.mark.requirement("T3")
def test_a_price_is_one_query_and_who_is_asking_is_none(enterprise: Enterprise, account: str) -> None:
    with enterprise.counting() as requests:
        enterprise.get("c1", "/market-data/IBM")
        enterprise.get("c1", f"/account?Account={account}")
    assert requests == {("Query", "demo-c1-market"): 1}


@pytest.mark.requirement("T2")
def test_a_cancel_is_one_query_and_one_write(enterprise: Enterprise, account: str) -> None:
    number = enterprise.enter("c1", account, OrdType="2", Price="1.00")
    with enterprise.counting() as requests:
        assert enterprise.cancel("c1", number).status == 202
    assert requests == {("Query", "demo-c1-customer"): 1, ("PutItem", "demo-c1-customer"): 1}


@pytest.mark.requirement("T2", "T6", "T7", "T8")
def test_a_filled_order_writes_each_record_once_and_once_per_holder(
    enterprise: Enterprise, account: str
) -> None:
    """By side, in the default enterprise, for an order that is filled in one go.

    customer   Placed, at c1; copies at c2 and the firm                   1 x (1 + 2) =  3
    street     the order and its claim, in an inbox; not copied           2 x  1      =  2
               New and Trade; copies at s2 (or s1), firm, c1 and c2       2 x (1 + 4) = 10
    firm       money and shares; copies at c1, c2, s1 and s2              2 x (1 + 4) = 10
               the mark that the execution is booked; not copied          1 x  1      =  1
                                                                                      = 26
    """
    with enterprise.counting_writes() as writes:
        number = enterprise.enter("c1", account)
        enterprise.settle()
    street = enterprise.sequence(number)[0]
    expected = _copies(enterprise, "c1", Holding.CUSTOMER)
    for _ in range(2):
        expected += _copies(enterprise, street, Holding.STREET)
        expected += _copies(enterprise, "firm", Holding.FIRM)
    expected[f"demo-{street}-inbox"] = 2
    expected["demo-firm-firm"] += 1
    assert writes == expected
    assert sum(writes.values()) == 26


@pytest.mark.requirement("T7")
def test_the_first_trade_of_a_day_opens_it_with_one_row_per_asset_and_a_gate(
    enterprise: Enterprise,
) -> None:
    """An account the firm has not seen: nothing is carried forward, and both kinds are opened."""
    account = enterprise.unopened_account()
    with enterprise.counting_writes() as writes:
        enterprise.enter("c1", account)
        enterprise.settle()
    # 26, and a DayOpened for money and one for securities: 2 x (1 + 4).
    assert sum(writes.values()) == 36


@pytest.mark.requirement("T6")
def test_a_check_of_an_order_that_is_answered_writes_nothing(enterprise: Enterprise, account: str) -> None:
    enterprise.enter("c1", account)
    enterprise.settle()
    with enterprise.counting() as requests:
        enterprise.pass_time(10)
    assert not any(operation not in ("GetItem", "Query") for operation, _ in requests)


@pytest.mark.requirement("T8", "T18")
def test_prices_that_have_not_changed_are_not_copied(enterprise: Enterprise) -> None:
    enterprise.publish()
    # A sign of life per utility that gives any, so that its time is another.
    enterprise.pass_time(1)
    with enterprise.counting_writes() as writes:
        enterprise.publish()
    signs: Counter[str] = Counter()
    for utility in enterprise.plan.utilities:
        if utility.side is Side.STREET and utility.orders:
            signs += _copies(enterprise, utility.name, Holding.MARKET)
        if utility.side is Side.NETWORK:
            signs += _copies(enterprise, utility.name, Holding.LINKS)
    # The publisher's insert of the price it finds to be there already.
    signs[f"demo-{enterprise.publisher('IBM')}-market"] += 1
    assert writes == signs


@pytest.mark.requirement("T9", "T13")
def test_no_item_is_larger_than_one_write_unit_even_with_the_longest_fields(
    enterprise: Enterprise,
) -> None:
    account = "a" * 36
    headers = {"Authorization": f"Bearer {enterprise.token('s' * 64, [account])}"}
    longest = {
        "OrdType": "4",
        "Price": "9999999.99",
        "StopPx": "0.01",
        "OrderQty": "1000000000",
        "TimeInForce": "6",
        "ExpireTime": format_time(enterprise.now + timedelta(days=1)),
    }
    for symbol in ("IBM", "SYMBOL.SIXTEEN.X"):
        order = enterprise.order(account, **longest, Symbol=symbol, ClOrdID=symbol[0] * 36)
        answer = enterprise.ask("c1", "POST", "/orders", order, headers=headers)
        assert answer.status == 201
        enterprise.settle()
        enterprise.pass_time(15)
        cancel = {"ClOrdID": "c" * 36, "TransactTime": order["TransactTime"]}
        target = f"/orders/{answer.json['OrderID']}/cancel"
        assert enterprise.ask("c1", "POST", target, cancel, headers=headers).status == 202
        enterprise.settle()
    written = [item for items in enterprise.tables().values() for item in items.values()]
    kinds = {item["RecordType"] for item in written if item.get("Account") == account}
    assert kinds > {"Placed", "Claim", "ExecutionReport", "Posting", "CancelRequested", "OrderCancelReject"}
    assert max(map(item_bytes, written)) <= 1024


@pytest.mark.requirement("T3", "T11")
def test_nothing_is_ever_scanned_updated_or_deleted(enterprise: Enterprise, account: str) -> None:
    enterprise.enter("c1", account, OrderQty="1500")
    enterprise.settle()
    enterprise.pass_time(15)
    enterprise.get("c2", f"/orders?Account={account}")
    enterprise.call("c1", "sweep", {})
    # Everything that this file has asked of any table; other files check the same at their end.
    assert {asked.operation for asked in enterprise.asked} == {
        "PutItem",
        "TransactWriteItems",
        "BatchWriteItem",
        "GetItem",
        "Query",
    }
