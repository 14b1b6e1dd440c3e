"""Which way messages took, as their copies in the inboxes tell."""

from io import StringIO

import pytest
from rich.console import Console

from chalicelib.enterprise import Utility
from chalicelib.network.routing import Hop
from chalicelib.records.conversations import Message
from chalicelib.records.times import format_time
from chalicelib.tables.memory import MemoryStore
from infrastructure.messages import Traced, trace, trace_json, trace_table
from tests.builders import BANKS, LINKS, NOW, enterprise, later

PLAN = enterprise(banks=BANKS, links=LINKS)
CONVERSATION = "B0120260105-mzq2kx7f3wd5a"


class Inboxes:
    """The inboxes of an enterprise, with copies of messages in some."""

    def __init__(self) -> None:
        self._kept = {
            utility.name: MemoryStore(PLAN.table(utility.name, utility.holdings[1]))
            for utility in PLAN.utilities
        }

    def __call__(self, utility: Utility) -> MemoryStore:
        return self._kept[utility.name]

    def reached(self, message: str, at: str, *passed: str, of: str = CONVERSATION) -> None:
        """A message from bankx to banky has left these nodes a second apart, and reached one more."""
        left = [f"{node}@{format_time(later(second))}" for second, node in enumerate(passed)]
        record = Message(
            origin="bankx",
            transact_time=NOW,
            conversation=of,
            message=message,
            sender="bankx",
            recipient="banky",
            passed=",".join(left),
            content="{}",
        )
        self._kept[at].insert(record.to_item())

    def traced(self) -> list[Traced]:
        return trace(CONVERSATION, PLAN, self)


@pytest.fixture
def inboxes() -> Inboxes:
    return Inboxes()


@pytest.mark.requirement("R1")
def test_a_message_in_its_recipients_inbox_has_arrived(inboxes: Inboxes) -> None:
    inboxes.reached("first", "tokyo", "bankx")
    inboxes.reached("first", "london", "bankx", "tokyo")
    inboxes.reached("first", "zurich", "bankx", "tokyo", "london")
    inboxes.reached("first", "banky", "bankx", "tokyo", "london", "zurich")
    (found,) = inboxes.traced()
    assert (found.at, found.has_arrived) == ("banky", True)
    assert found.passed == (
        Hop("bankx", NOW),
        Hop("tokyo", later(1)),
        Hop("london", later(2)),
        Hop("zurich", later(3)),
    )


@pytest.mark.requirement("R1", "T17")
def test_a_message_on_its_way_waits_where_it_has_got_furthest(inboxes: Inboxes) -> None:
    inboxes.reached("first", "newyork", "bankx", "tokyo")
    inboxes.reached("first", "tokyo", "bankx")
    (found,) = inboxes.traced()
    assert (found.at, found.has_arrived) == ("newyork", False)


@pytest.mark.requirement("R1")
def test_a_message_that_took_two_ways_is_shown_by_the_one_that_arrived_first(inboxes: Inboxes) -> None:
    inboxes.reached("first", "banky", "bankx", "tokyo", "london", "zurich")
    inboxes.reached("first", "zurich", "bankx", "tokyo", "london", "newyork", "extra")
    (found,) = inboxes.traced()
    assert [hop.node for hop in found.passed] == ["bankx", "tokyo", "london", "zurich"]


def test_messages_of_one_conversation_are_shown_as_they_were_sent(inboxes: Inboxes) -> None:
    for message in ("second", "first"):
        inboxes.reached(message, "tokyo", "bankx")
    inboxes.reached("other", "tokyo", "bankx", of="B0120260105-another")
    assert [found.message for found in inboxes.traced()] == ["first", "second"]


def test_the_table_says_when_it_left_each_node_and_where_it_is(inboxes: Inboxes) -> None:
    inboxes.reached("first", "newyork", "bankx", "tokyo")
    output = StringIO()
    Console(file=output, width=100).print(trace_table(CONVERSATION, inboxes.traced()))
    assert "bankx     15:00:00.000000" in output.getvalue()
    assert "tokyo     15:00:01.000000" in output.getvalue()
    assert "waiting at newyork" in output.getvalue()


def test_the_json_says_all_of_a_message(inboxes: Inboxes) -> None:
    inboxes.reached("first", "tokyo", "bankx")
    assert trace_json(inboxes.traced()) == [
        {
            "message": "first",
            "sender": "bankx",
            "recipient": "banky",
            "passed": [{"node": "bankx", "left": "20260105-15:00:00.000000"}],
            "at": "tokyo",
            "arrived": False,
        }
    ]
