"""What is delivered to which function: the one list that templates and the local pump read."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from chalicelib.enterprise import Enterprise, Holding, Side, load_enterprise
from chalicelib.records.conversations import Inquired, Message
from chalicelib.records.fix import ExecType
from chalicelib.records.market import SignOfLife
from chalicelib.records.orders import Claim, ExecutionReport, Found
from chalicelib.records.record import Record
from chalicelib.tables.attributes import encode
from infrastructure.event_sources import (
    QueueSource,
    ScheduleSource,
    StreamSource,
    event_sources,
    matches,
)
from tests.builders import NOW, cancel, later, placed, report, routed, trade

EVERY = timedelta(seconds=30)

ORDER = placed()
ELSEWHERE = placed(origin="c2")
INQUIRED = Inquired(
    origin="bankx",
    transact_time=NOW,
    conversation="BX120260105-mzq2kx7f3wd5a",
    principal="BANKX",
    initiating="BANKX",
    destination="BANKY",
    symbol="EURUSD",
    order_qty=Decimal(1_000_000),
    answers=3,
    attempt=1,
)
MESSAGE = Message(
    origin="bankx",
    transact_time=NOW,
    conversation=INQUIRED.conversation,
    message="inquired#0001",
    sender="bankx",
    recipient="banky",
    passed="bankx@20260105-15:00:00.000000",
    content="{}",
)


@pytest.fixture(scope="module")
def plan() -> Enterprise:
    return load_enterprise(Path(__file__).parents[2] / "enterprise.toml")


def _claim(origin: str, found: Found = Found.CLAIMED) -> Claim:
    return Claim.on(ORDER, found, origin=origin, transact_time=NOW)


def _report(exec_type: ExecType, origin: str = "s1") -> ExecutionReport:
    if exec_type is ExecType.TRADE:
        return trade(ORDER, 2, at=later(1), last=100, cum=100, origin=origin)
    return report(ORDER, 1, exec_type, at=later(1), origin=origin)


def _event(record: Record, name: str = "INSERT") -> Mapping[str, Any]:
    image = encode(record.to_item())
    keys = {key: image[key] for key in ("pk", "sk")}
    return {"eventName": name, "dynamodb": {"Keys": keys, "NewImage": image}}


def _delivered(plan: Enterprise, utility: str, holding: Holding, event: Mapping[str, Any]) -> set[str]:
    """The functions that an event in one of a utility's tables is delivered to."""
    return {
        source.function
        for source in event_sources(plan, plan.utility(utility), EVERY)
        if isinstance(source, StreamSource) and source.table == plan.table(utility, holding)
        if any(matches(pattern, event) for pattern in source.patterns)
    }


# Patterns


@pytest.mark.parametrize(
    ("pattern", "is_matched"),
    [
        ({}, True),
        ({"eventName": ["INSERT"]}, True),
        ({"eventName": ["MODIFY", "INSERT"]}, True),
        ({"eventName": ["MODIFY"]}, False),
        ({"dynamodb": {"NewImage": {"Origin": {"S": ["c1"]}}}}, True),
        ({"dynamodb": {"NewImage": {"Origin": {"S": ["c2"]}}}}, False),
        ({"dynamodb": {"NewImage": {"Origin": {"N": ["c1"]}}}}, False),
        ({"dynamodb": {"NewImage": {"ExecType": {"S": ["0"]}}}}, False),
        ({"dynamodb": {"OldImage": {"Origin": {"S": ["c1"]}}}}, False),
        ({"eventName": ["INSERT"], "dynamodb": {"NewImage": {"Origin": {"S": ["c2"]}}}}, False),
    ],
)
def test_a_pattern_matches_a_record_that_has_one_of_its_values_for_each_of_its_names(
    pattern: Mapping[str, Any], is_matched: bool
) -> None:
    assert matches(pattern, _event(ORDER)) is is_matched


# What is delivered


@pytest.mark.requirement("T8", "T18")
@pytest.mark.parametrize(
    ("utility", "holding", "record", "functions"),
    [
        # A customer utility copies what it wrote, and brings its own orders to the street.
        ("c1", Holding.CUSTOMER, ORDER, {"replicate", "react"}),
        ("c1", Holding.CUSTOMER, cancel(ORDER), {"replicate", "react"}),
        ("c1", Holding.CUSTOMER, routed(ORDER, "s1", Found.TAKEN_BACK), {"replicate"}),
        # Copies are neither copied nor brought to the street again.
        ("c1", Holding.CUSTOMER, ELSEWHERE, set()),
        ("c1", Holding.CUSTOMER, cancel(ORDER, origin="c2"), set()),
        ("c1", Holding.STREET, _report(ExecType.TRADE), set()),
        # An inbox has what others wrote, and the claim.
        ("s1", Holding.INBOX, ORDER, {"react"}),
        ("s1", Holding.INBOX, ELSEWHERE, {"react"}),
        ("s1", Holding.INBOX, cancel(ORDER), {"react"}),
        ("s1", Holding.INBOX, _claim("s1"), {"react"}),
        ("s1", Holding.INBOX, _claim("c1", Found.TAKEN_BACK), {"react"}),
        # A street utility works what it has acknowledged; all it says is copied.
        ("s1", Holding.STREET, _report(ExecType.NEW), {"replicate", "react"}),
        ("s1", Holding.STREET, _report(ExecType.TRADE), {"replicate"}),
        ("s1", Holding.STREET, _report(ExecType.REJECTED), {"replicate", "react"}),
        ("s1", Holding.STREET, _report(ExecType.NEW, origin="s2"), set()),
        ("s1", Holding.STREET, _report(ExecType.TRADE, origin="s2"), set()),
        # The firm books executions, whoever made them, and nothing else.
        ("firm", Holding.STREET, _report(ExecType.TRADE, origin="s1"), {"react"}),
        ("firm", Holding.STREET, _report(ExecType.TRADE, origin="s2"), {"react"}),
        ("firm", Holding.STREET, _report(ExecType.NEW), set()),
        ("firm", Holding.STREET, _report(ExecType.CANCELED), set()),
        ("firm", Holding.CUSTOMER, ORDER, set()),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_new_record_is_delivered_to_whom_it_concerns(
    plan: Enterprise, utility: str, holding: Holding, record: Record, functions: set[str]
) -> None:
    assert _delivered(plan, utility, holding, _event(record)) == functions


@pytest.mark.requirement("T8")
def test_signs_of_life_are_copied_by_who_gives_them_alone(plan: Enterprise) -> None:
    sign = SignOfLife(origin="s1", transact_time=NOW, until=later(180), expires=1767628800)
    assert _delivered(plan, "s1", Holding.MARKET, _event(sign)) == {"replicate"}
    assert _delivered(plan, "s2", Holding.MARKET, _event(sign)) == set()
    assert _delivered(plan, "c1", Holding.MARKET, _event(sign)) == set()


@pytest.mark.requirement("R1")
def test_signs_of_life_of_a_city_are_copied_by_itself_alone(plan: Enterprise) -> None:
    sign = SignOfLife(origin="tokyo", transact_time=NOW, until=later(180), expires=1767628800)
    assert _delivered(plan, "tokyo", Holding.LINKS, _event(sign)) == {"replicate"}
    assert _delivered(plan, "london", Holding.LINKS, _event(sign)) == set()


@pytest.mark.requirement("R1")
@pytest.mark.parametrize(
    ("utility", "record", "functions"),
    [
        # A city relays messages; a bank's node receives them, and orders only if it takes any.
        ("tokyo", MESSAGE, {"react"}),
        ("bankx", MESSAGE, {"react"}),
        ("s1", MESSAGE, {"react"}),
        ("s2", MESSAGE, set()),
        ("bankx", ORDER, set()),
        ("bankx", cancel(ORDER), set()),
        ("tokyo", ORDER, set()),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_an_inbox_is_for_what_its_utility_does(
    plan: Enterprise, utility: str, record: Record, functions: set[str]
) -> None:
    assert _delivered(plan, utility, Holding.INBOX, _event(record)) == functions


@pytest.mark.requirement("R1", "R4")
@pytest.mark.parametrize(
    ("utility", "holding", "record", "functions"),
    [
        ("bankx", Holding.CONVERSATIONS, INQUIRED, {"replicate", "react"}),
        # The log of the other bank's node, copied here by messages: told to this one's, not copied on.
        ("banky", Holding.CONVERSATIONS, INQUIRED, {"react"}),
        ("s1", Holding.CONVERSATIONS, INQUIRED, {"react"}),
        ("firm", Holding.CONVERSATIONS, INQUIRED, set()),
        ("bankx", Holding.REGISTRATIONS, INQUIRED, set()),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_record_of_a_conversation_is_delivered_at_its_bank_and_copied_by_who_wrote_it(
    plan: Enterprise, utility: str, holding: Holding, record: Record, functions: set[str]
) -> None:
    assert _delivered(plan, utility, holding, _event(record)) == functions


@pytest.mark.requirement("R5")
def test_what_is_written_in_place_is_delivered_to_nobody(plan: Enterprise) -> None:
    for name in ("INSERT", "MODIFY", "REMOVE"):
        assert _delivered(plan, "bankx", Holding.REGISTRATIONS, _event(INQUIRED, name)) == set()


@pytest.mark.requirement("T7", "T8")
def test_the_mark_that_an_execution_is_booked_is_not_copied(plan: Enterprise) -> None:
    mark = {"eventName": "INSERT", "dynamodb": {"NewImage": encode({"pk": "a", "sk": "booked#s1.1"})}}
    assert _delivered(plan, "firm", Holding.FIRM, mark) == set()


@pytest.mark.requirement("T11")
@pytest.mark.parametrize("name", ["MODIFY", "REMOVE"])
def test_a_record_that_is_changed_or_removed_is_delivered_to_who_reports_it(
    plan: Enterprise, name: str
) -> None:
    for utility in plan.utilities:
        for record in (ORDER, ELSEWHERE):
            assert _delivered(plan, utility.name, utility.own, _event(record, name)) == {"replicate"}
    assert _delivered(plan, "s1", Holding.INBOX, _event(ORDER, name)) == set()


# The list


@pytest.mark.requirement("T18")
def test_no_more_than_two_functions_read_a_stream_and_every_table_is_its_utilitys(plan: Enterprise) -> None:
    for utility in plan.utilities:
        tables = [s.table for s in event_sources(plan, utility, EVERY) if isinstance(s, StreamSource)]
        assert set(tables) <= set(plan.tables(utility))
        assert all(tables.count(table) <= 2 for table in tables)


@pytest.mark.requirement("T17")
def test_every_peer_has_a_queue_whose_messages_are_tried_again(plan: Enterprise) -> None:
    for utility in plan.utilities:
        queues = {
            source.queue: source.function
            for source in event_sources(plan, utility, EVERY)
            if isinstance(source, QueueSource)
        }
        prefix = f"{plan.name}-{utility.name}"
        has_timers = utility.side in (Side.CUSTOMER, Side.STREET)
        timers = {f"{prefix}-checks": "check"} if has_timers else {}
        parked = {f"{prefix}-parked-{peer}": "retry" for peer in plan.peers(utility)}
        assert queues == {**parked, **timers}


@pytest.mark.requirement("T17", "T18")
@pytest.mark.parametrize(
    ("utility", "schedules"),
    [
        ("c1", {"sweep": timedelta(minutes=1)}),
        ("s1", {"sweep": timedelta(minutes=1), "publish": EVERY}),
        ("firm", {"sweep": timedelta(minutes=1)}),
        ("bankx", {"sweep": timedelta(minutes=1), "publish": EVERY}),
        ("tokyo", {"sweep": timedelta(minutes=1), "publish": EVERY}),
    ],
)
def test_every_utility_sweeps_and_the_street_side_and_the_cities_publish(
    plan: Enterprise, utility: str, schedules: dict[str, timedelta]
) -> None:
    sources = event_sources(plan, plan.utility(utility), EVERY)
    assert {s.function: s.every for s in sources if isinstance(s, ScheduleSource)} == schedules


def test_no_two_sources_of_a_utility_have_one_name(plan: Enterprise) -> None:
    for utility in plan.utilities:
        names = [source.name for source in event_sources(plan, utility, EVERY)]
        assert len(set(names)) == len(names)
