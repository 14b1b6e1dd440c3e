"""Records on their way between utilities: repeated, out of order, parked, retried and set aside."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

from chalicelib.enterprise import Holding, Side
from chalicelib.records.record import Item

from .enterprise import Enterprise

ORDERS = (
    {"OrderQty": "100"},
    {"OrderQty": "30", "Side": "2"},
    {"OrderQty": "7", "OrdType": "2", "Price": "1.00"},
    {"OrderQty": "100", "Symbol": "NOPE"},
)


def _same_everywhere(enterprise: Enterprise) -> None:
    """Every table that holds a side's records has the same of them, but for marks, which are not copied."""
    for holding in (Holding.CUSTOMER, Holding.STREET, Holding.FIRM, Holding.MARKET):
        # A bank's node that takes no orders keeps nobody's records but its own.
        holders = [u.name for u in enterprise.plan.utilities if holding in u.holdings and u.orders]
        copies = [
            {
                key: item
                for key, item in enterprise.items(enterprise.plan.table(name, holding)).items()
                if "Origin" in item
            }
            for name in holders
        ]
        assert copies[0]
        for name, copy in zip(holders, copies, strict=True):
            assert copy == copies[0], name


def _of(items: Mapping[str, Item], account: str) -> dict[str, Item]:
    return {key: item for key, item in items.items() if item.get("Account") == account}


def _aside(enterprise: Enterprise, utility: str) -> list[Any]:
    return [json.loads(message["Body"]) for message in enterprise.receive(f"demo-{utility}-aside")]


@pytest.mark.requirement("T8")
def test_every_holder_of_a_sides_records_ends_with_the_same(enterprise: Enterprise, account: str) -> None:
    enterprise.enter("c1", account)
    enterprise.enter("c2", account, ClOrdID="order-2", Side="2")
    enterprise.settle()
    _same_everywhere(enterprise)


@pytest.mark.requirement("T8")
def test_copies_do_not_echo(enterprise: Enterprise, account: str) -> None:
    enterprise.enter("c1", account)
    enterprise.turn("c1", "replicate@demo-c1-customer")
    assert _of(enterprise.items("demo-c2-customer"), account)
    assert enterprise.take("c2", "replicate@demo-c2-customer") == []
    assert enterprise.take("c2", "react@demo-c2-customer") == []


# Repeats, in any order


@pytest.mark.requirement("T12", "T15")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_record_delivered_twice_and_in_any_order_ends_in_the_same_tables(
    aws: None, tmp_path: Path, seed: int
) -> None:
    ended = []
    for name, chance in ((f"calm{seed}", None), (f"wild{seed}", Random(seed))):
        made = Enterprise(tmp_path, name)
        made.publish()
        for utility, asked in zip(("c1", "c2") * 2, ORDERS, strict=True):
            made.enter(utility, made.open_account(), **asked)
        if chance is None:
            made.settle()
        else:
            made.settle_in_disorder(chance)
        _same_everywhere(made)
        made.check()
        ended.append({table.removeprefix(name): items for table, items in made.tables().items()})
    assert ended[1] == ended[0]


@pytest.mark.requirement("T14", "T15")
def test_cancels_and_repeated_entries_in_disorder_end_alike_at_every_utility(
    aws: None, tmp_path: Path
) -> None:
    made = Enterprise(tmp_path, "wild")
    made.publish()
    account = made.open_account()
    numbers = [
        made.enter(utility, account, ClOrdID=f"order-{count}", OrderQty="10")
        for count in range(3)
        for utility in ("c1", "c2")
    ]
    assert made.cancel("c2", numbers[0]).status == 202
    made.settle_in_disorder(Random(7))
    _same_everywhere(made)
    for number in numbers:
        orders = [made.get(utility, f"/orders/{number}") for utility in ("c1", "c2")]
        assert orders[0] == orders[1]
        assert orders[0]["OrdStatusName"] in ("Filled", "Canceled")
        assert orders[0]["WaitsFor"] == []
    # However often it was told of, an execution is booked once.
    executions = {e["ExecID"] for n in numbers for e in made.get("c1", f"/orders/{n}")["Executions"]}
    marks = [key for key in made.items("wild-firm-firm") if "/booked#" in key]
    assert len(marks) == len(executions) <= 3
    made.check()


# A peer that is down


@pytest.mark.requirement("T5", "T17")
def test_what_a_peer_cannot_take_is_parked_for_it_and_the_others_have_theirs(
    enterprise: Enterprise, account: str
) -> None:
    enterprise.down.add("c2")
    number = enterprise.enter("c1", account)
    enterprise.settle()
    assert enterprise.get("c1", f"/orders/{number}")["OrdStatusName"] == "Filled"
    assert _of(enterprise.items("demo-firm-customer"), account)
    for side in ("customer", "street", "firm"):
        assert not _of(enterprise.items(f"demo-c2-{side}"), account) or side == "firm"
    street = enterprise.sequence(number)[0]
    assert all(enterprise.waiting(name, "parked-c2") for name in ("c1", street, "firm"))

    enterprise.recover()
    for name in ("c1", street, "firm"):
        assert enterprise.hand_over(name, "parked-c2") == 0
        assert enterprise.waiting(name, "parked-c2") == 0
    assert enterprise.get("c2", f"/orders/{number}")["OrdStatusName"] == "Filled"
    _same_everywhere(enterprise)


@pytest.mark.requirement("T17")
def test_what_is_retried_too_early_stays_parked_and_waits_longer_each_time(
    enterprise: Enterprise, account: str
) -> None:
    enterprise.down.add("c2")
    number = enterprise.enter("c1", account)
    enterprise.turn("c1", "replicate@demo-c1-customer")
    with enterprise.holding() as held:
        for _ in range(3):
            assert enterprise.hand_over("c1", "parked-c2") == 1
            enterprise.end_waiting()
    assert held == [2, 4, 8]

    enterprise.recover()
    assert enterprise.hand_over("c1", "parked-c2") == 0
    assert enterprise.get("c2", f"/orders/{number}")["Account"] == account


@pytest.mark.requirement("T17")
def test_a_peer_that_did_not_answer_is_not_waited_for_again_at_once(
    enterprise: Enterprise, account: str
) -> None:
    enterprise.down.add("c2")
    enterprise.enter("c1", account)
    enterprise.turn("c1", "replicate@demo-c1-customer")
    # It is back, but who was silent a moment ago is asked again only after a while.
    enterprise.down.clear()
    enterprise.enter("c1", account, ClOrdID="order-2")
    enterprise.turn("c1", "replicate@demo-c1-customer")
    assert enterprise.waiting("c1", "parked-c2") == 2
    enterprise.pass_time(15)
    enterprise.enter("c1", account, ClOrdID="order-3")
    enterprise.turn("c1", "replicate@demo-c1-customer")
    assert enterprise.waiting("c1", "parked-c2") == 2
    assert enterprise.hand_over("c1", "parked-c2") == 0


@pytest.mark.requirement("T17")
def test_an_order_for_a_street_utility_that_cannot_be_reached_is_parked_and_arrives_later(
    enterprise: Enterprise, account: str
) -> None:
    number = enterprise.enter("c1", account)
    street = enterprise.sequence(number)[0]
    enterprise.down.add(street)
    enterprise.stopped.add(street)
    enterprise.settle()
    assert enterprise.get("c1", f"/orders/{number}")["WaitsFor"] == ["acknowledgement by the street side"]
    enterprise.recover()
    assert enterprise.hand_over("c1", f"parked-{street}") == 0
    enterprise.settle()
    assert enterprise.get("c2", f"/orders/{number}")["OrdStatusName"] == "Filled"


@pytest.mark.requirement("T17")
def test_the_sweep_brings_back_what_failed_too_often(enterprise: Enterprise, account: str) -> None:
    enterprise.down.add("c2")
    number = enterprise.enter("c1", account)
    enterprise.turn("c1", "replicate@demo-c1-customer")
    (parked,) = enterprise.parked("c1", "c2")
    enterprise.bury("c1", "parked-c2", json.dumps(parked))
    enterprise.recover()
    assert enterprise.call("c1", "sweep", {}) == {"moved": {"parked-c2": 1}}
    assert enterprise.call("c1", "sweep", {}) == {"moved": {}}
    assert enterprise.hand_over("c1", "parked-c2") == 0
    assert enterprise.get("c2", f"/orders/{number}")["Account"] == account
    _same_everywhere(enterprise)


# Records that cannot be handled


def _unreadable(account: str, **wrong: str) -> Item:
    return {
        "pk": "aaaaaaaaaaaaa",
        "sk": f"20260105#bbbbbbbbbbbbb#c1#{account}",
        "RecordType": "Placed",
        "Origin": "c1",
        "TransactTime": "20260105-15:00:00.000000",
        "OrderID": "C0120260105-aaaaaaaaaaaaa-bbbbbbbbbbbbb",
        "Account": account,
        "ClOrdID": "order-0",
        "Symbol": "IBM",
        "Side": "1",
        "OrdType": "1",
        "OrdStatus": "A",
        "OrderQty": "100",
        "OrigTime": "20260105-15:00:00.000000",
        "EnterpriseVersion": "1",
        "EnteredBy": "ada",
        **wrong,
    }


@pytest.mark.requirement("T17")
@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"OrderQty": "many"}, "OrderQty of aaaaaaaaaaaaa/"),
        ({"OrderQty": "NaN"}, "expected a number, found 'NaN'"),
        ({"Side": "9"}, "'9' is not a valid BuySell"),
        ({"TransactTime": "yesterday"}, "expected a UTCTimestamp"),
    ],
    ids=["no number", "NaN", "an unknown code", "no time"],
)
def test_a_record_that_cannot_be_read_is_set_aside_with_its_reason_and_what_follows_goes_on(
    enterprise: Enterprise, account: str, wrong: dict[str, str], reason: str
) -> None:
    number = enterprise.enter("c1", account)
    street = enterprise.sequence(number)[0]
    unreadable = _unreadable(account, **wrong)
    enterprise.put(f"demo-{street}-inbox", unreadable)
    enterprise.settle()
    (aside,) = _aside(enterprise, street)
    assert reason in aside["reason"]
    assert aside["item"] == unreadable
    assert enterprise.get("c2", f"/orders/{number}")["OrdStatusName"] == "Filled"


@pytest.mark.requirement("T12", "T14", "T16")
@pytest.mark.parametrize("wrong", [{"RecordType": "Allocation"}, {"OrderQty": "many"}], ids=" ".join)
def test_a_record_that_cannot_be_read_does_not_hide_the_others_of_its_account(
    enterprise: Enterprise, account: str, wrong: dict[str, str]
) -> None:
    number = enterprise.enter("c1", account)
    enterprise.settle()
    item = next(item for item in enterprise.items("demo-c2-street").values() if item.get("OrderID") == number)
    enterprise.put("demo-c2-street", {**item, "sk": f"{item['sk']}.newer", **wrong})
    assert enterprise.get("c2", f"/orders/{number}")["OrdStatusName"] == "Filled"
    assert len(enterprise.get("c2", f"/orders?Account={account}")["Orders"]) == 1


@pytest.mark.requirement("T16")
def test_fields_that_this_version_does_not_know_are_copied_along(
    enterprise: Enterprise, account: str
) -> None:
    newer = _unreadable(account, Colour="red")
    enterprise.put("demo-c1-customer", newer)
    enterprise.turn("c1", "replicate@demo-c1-customer")
    for table in ("demo-c2-customer", "demo-firm-customer"):
        assert _of(enterprise.items(table), account) == {f"{newer['pk']}/{newer['sk']}": newer}


@pytest.mark.requirement("T15", "T17")
def test_a_record_that_fails_is_named_and_the_ones_before_it_are_not_repeated(
    enterprise: Enterprise,
) -> None:
    accounts = [enterprise.open_account() for _ in range(3)]
    enterprise.stopped.add("firm")
    for account in accounts:
        enterprise.enter("c1", account)
    enterprise.settle()
    records = enterprise.take("firm", "react@demo-firm-street")
    assert len(records) == 3
    # Readable, but an execution of nothing.
    del records[1]["dynamodb"]["NewImage"]["LastQty"]
    place = records[1]["dynamodb"]["SequenceNumber"]

    def booked() -> list[bool]:
        rows = [item for item in enterprise.items("demo-firm-firm").values() if "ExecID" in item]
        return [
            any(row["Account"] == of["dynamodb"]["NewImage"]["Account"]["S"] for row in rows)
            for of in records
        ]

    answer = enterprise.call("firm", "react", {"Records": records})
    assert answer == {"batchItemFailures": [{"itemIdentifier": place}]}
    assert booked() == [True, False, False]
    # Lambda begins again there, and at last goes on behind it.
    with enterprise.counting_writes() as writes:
        again = enterprise.call("firm", "react", {"Records": records[1:]})
    assert (again, writes) == (answer, {})
    assert enterprise.call("firm", "react", {"Records": records[2:]}) == {"batchItemFailures": []}
    assert booked() == [True, False, True]


@pytest.mark.requirement("T17")
def test_of_messages_that_are_handed_over_together_only_those_that_fail_come_again(
    enterprise: Enterprise, account: str
) -> None:
    enterprise.down.add("c2")
    number = enterprise.enter("c1", account)
    enterprise.turn("c1", "replicate@demo-c1-customer")
    enterprise.here["c1"].queue("parked-c2").send("not a message of ours")
    enterprise.recover()
    assert enterprise.hand_over("c1", "parked-c2") == 1
    assert enterprise.get("c2", f"/orders/{number}")["Account"] == account
    enterprise.end_waiting()
    assert [message["Body"] for message in enterprise.receive("demo-c1-parked-c2")] == [
        "not a message of ours"
    ]


# Tampering


@pytest.mark.requirement("T11")
@pytest.mark.parametrize("utility", ["c1", "s1", "firm"])
def test_a_record_that_is_changed_or_deleted_is_reported_and_not_copied(
    enterprise: Enterprise, account: str, utility: str, caplog: pytest.LogCaptureFixture
) -> None:
    own = enterprise.plan.table(utility, enterprise.plan.utility(utility).own)
    enterprise.enter("c1", account)
    enterprise.settle()
    item = next(item for item in enterprise.items(own).values() if item.get("Origin") == utility)
    with caplog.at_level(logging.ERROR), enterprise.counting() as requests:
        enterprise.put(own, {**item, "Account": "X-1"})
        enterprise.remove(own, item)
        enterprise.settle()
    assert [record.getMessage()[:20] for record in caplog.records] == [
        "tampered: MODIFY of ",
        "tampered: REMOVE of ",
    ]
    assert item["pk"] in caplog.text
    assert not requests
    enterprise.put(own, item)
    enterprise.settle()


@pytest.mark.requirement("T11")
def test_a_price_that_expires_is_no_tampering(
    enterprise: Enterprise, caplog: pytest.LogCaptureFixture
) -> None:
    expired = {
        "eventID": "1",
        "eventName": "REMOVE",
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/demo-s1-market/stream/1",
        "userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"},
        "dynamodb": {"Keys": {"pk": {"S": "price#IBM"}, "sk": {"S": "1"}}, "SequenceNumber": "1"},
    }
    assert enterprise.call("s1", "replicate", {"Records": [expired]}) == {"batchItemFailures": []}
    assert not caplog.records
    del expired["userIdentity"]
    enterprise.call("s1", "replicate", {"Records": [expired]})
    assert "tampered: REMOVE" in caplog.text


@pytest.mark.requirement("T8")
def test_every_utility_reports_what_is_done_to_its_own_table(enterprise: Enterprise) -> None:
    replicating = {utility for utility, source in enterprise.sources if source.startswith("replicate@")}
    assert replicating == {utility.name for utility in enterprise.plan.utilities}
    assert {utility.side for utility in enterprise.plan.utilities} == set(Side)
