"""Street utilities that fail: an order is executed once, by one that works, or says who has it."""

from datetime import timedelta

import pytest

from chalicelib.records.orders import Found

from .enterprise import Enterprise

PATIENCE_SECONDS = 60
LIFE_SECONDS = 180


def _sent(enterprise: Enterprise, account: str) -> tuple[str, str, str]:
    """An order that lies at its first street utility: its number, that utility and the other."""
    number = enterprise.enter("c1", account)
    enterprise.turn("c1", "react@demo-c1-customer")
    first, other = enterprise.sequence(number)
    return number, first, other


def _executions(enterprise: Enterprise, number: str) -> list[str]:
    return [fill["ExecID"].split(".")[0] for fill in enterprise.get("c2", f"/orders/{number}")["Executions"]]


@pytest.mark.requirement("T17")
def test_an_order_that_is_not_answered_is_taken_back_and_executed_by_another(
    enterprise: Enterprise, account: str
) -> None:
    number, first, other = _sent(enterprise, account)
    enterprise.stopped.add(first)
    enterprise.settle()
    enterprise.pass_time(PATIENCE_SECONDS - 1)
    assert enterprise.get("c1", f"/orders/{number}")["OrdStatusName"] == "PendingNew"
    # The check doubles its distance: it comes again when as much time again has gone by.
    enterprise.pass_time(PATIENCE_SECONDS)
    assert enterprise.get("c2", f"/orders/{number}")["OrdStatusName"] == "Filled"
    assert _executions(enterprise, number) == [other]
    trail = enterprise.get("c2", f"/orders/{number}/records")["Records"]
    routed = [record for record in trail if record["RecordType"] == "Routed"]
    assert [(record["Street"], record["Found"]) for record in routed] == [(first, Found.TAKEN_BACK)]


@pytest.mark.requirement("T17")
def test_a_street_utility_that_returns_does_not_execute_what_was_taken_back(
    enterprise: Enterprise, account: str
) -> None:
    number, first, other = _sent(enterprise, account)
    enterprise.stopped.add(first)
    enterprise.pass_time(PATIENCE_SECONDS)
    enterprise.settle()
    enterprise.recover()
    enterprise.pass_time(PATIENCE_SECONDS)
    assert _executions(enterprise, number) == [other]
    assert len([key for key in enterprise.items("demo-firm-firm") if "/booked#" in key and other in key]) >= 1


@pytest.mark.requirement("T17")
def test_an_order_that_was_claimed_waits_for_who_claimed_it_and_says_so(
    enterprise: Enterprise, account: str
) -> None:
    number, first, other = _sent(enterprise, account)
    enterprise.turn(first, f"react@demo-{first}-inbox")
    enterprise.stopped.add(first)
    enterprise.pass_time(PATIENCE_SECONDS)
    enterprise.settle()
    for utility in ("c1", "c2"):
        order = enterprise.get(utility, f"/orders/{number}")
        assert (order["OrdStatusName"], order["WaitsFor"]) == ("PendingNew", [f"with {first}, unknown"])
    assert not [
        item for item in enterprise.items(f"demo-{other}-inbox").values() if item["OrderID"] == number
    ]

    enterprise.recover()
    assert enterprise.get("c2", f"/orders/{number}")["OrdStatusName"] == "Filled"
    assert _executions(enterprise, number) == [first]


@pytest.mark.requirement("T17")
def test_a_street_utility_that_gives_no_sign_of_life_is_passed_over_at_once(
    enterprise: Enterprise, account: str
) -> None:
    number = enterprise.enter("c1", account)
    first, other = enterprise.sequence(number)
    enterprise.stopped.add(first)
    enterprise.now += timedelta(seconds=LIFE_SECONDS + 1)
    enterprise.publish()
    enterprise.settle()
    assert _executions(enterprise, number) == [other]


@pytest.mark.requirement("T17")
def test_the_last_of_the_sequence_keeps_an_order_until_it_is_back(
    enterprise: Enterprise, account: str
) -> None:
    number, first, other = _sent(enterprise, account)
    enterprise.stopped.update((first, other))
    enterprise.pass_time(PATIENCE_SECONDS)
    assert enterprise.get("c1", f"/orders/{number}")["OrdStatusName"] == "PendingNew"
    enterprise.recover()
    assert _executions(enterprise, number) == [other]
    assert enterprise.get("c1", f"/orders/{number}")["OrdStatusName"] == "Filled"


@pytest.mark.requirement("T17")
def test_an_order_entered_at_both_utilities_is_executed_once_though_the_first_street_utility_is_down(
    enterprise: Enterprise, account: str
) -> None:
    numbers = [enterprise.enter(utility, account) for utility in ("c1", "c2")]
    first, other = enterprise.sequence(numbers[0])
    enterprise.stopped.add(first)
    enterprise.settle()
    enterprise.pass_time(PATIENCE_SECONDS)
    enterprise.recover()
    for number in numbers:
        assert _executions(enterprise, number) == [other]


@pytest.mark.requirement("T5", "T17")
def test_the_firm_that_was_away_books_everything_when_it_is_back(
    enterprise: Enterprise, account: str
) -> None:
    enterprise.stopped.add("firm")
    number = enterprise.enter("c1", account)
    enterprise.settle()
    assert enterprise.get("c1", f"/orders/{number}")["OrdStatusName"] == "Filled"
    (before,) = enterprise.get("c1", f"/positions?Account={account}")["Positions"]
    enterprise.recover()
    (after,) = enterprise.get("c1", f"/positions?Account={account}")["Positions"]
    assert (before["Quantity"], after["Quantity"]) == ("500", "600")
