"""What a conversation costs: requests and written items, counted at the client."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from chalicelib.enterprise import Holding
from chalicelib.records.conversations import Requested, Step, Turn
from chalicelib.records.record import BYTES_MAX, Item, item_bytes
from chalicelib.records.registrations import Registration, RegistrationState

from .enterprise import ENTERPRISE_FILE, Enterprise
from .terminals import Terminal, quoted

# How long the name of a utility may be, of a principal or a terminal, and of a trader.
_UTILITY_LENGTH, _PARTY_LENGTH, _TRADER_LENGTH = 16, 12, 64


@pytest.fixture(autouse=True)
def _all_is_over(enterprise: Enterprise) -> Iterator[None]:
    """What a test leaves open expires, and is shown at no terminal any more."""
    yield
    enterprise.pass_time(125)
    enterprise.pass_time(30)


@pytest.fixture
def xenia(enterprise: Enterprise) -> Terminal:
    return Terminal(enterprise, "BANKX", "X1")


@pytest.fixture
def yves(enterprise: Enterprise) -> Terminal:
    return Terminal(enterprise, "BANKY", "Y1")


# A call


@pytest.mark.requirement("R5", "R6", "R7")
@pytest.mark.parametrize("is_open", [10, 10_000])
def test_a_call_is_one_read_and_one_transaction_at_either_bank_however_many_conversations_are_open(
    enterprise: Enterprise, xenia: Terminal, is_open: int
) -> None:
    with ExitStack() as opened:
        for node, principal in (("bankx", "BANKX"), ("banky", "BANKY")):
            opened.enter_context(_conversing(enterprise, node, principal, is_open))
        with enterprise.counting() as requests, enterprise.counting_writes() as writes:
            xenia.call("BANKY")
        assert requests == _one_read_and_one_transaction("bankx")
        # The registration and the trader's panels; the request.
        assert writes == {"demo-bankx-registrations": 2, "demo-bankx-conversations": 1}
        _bring_to(enterprise, "banky")
        with enterprise.counting() as requests, enterprise.counting_writes() as writes:
            enterprise.turn("banky", "react@demo-banky-inbox")
        assert requests == _one_read_and_one_transaction("banky")
        # The registration; the first place of the log.
        assert writes == {"demo-banky-registrations": 1, "demo-banky-conversations": 1}


@pytest.mark.requirement("R5", "R6")
def test_a_call_that_is_denied_reads_the_conversation_that_is_in_its_way_besides(
    enterprise: Enterprise, xenia: Terminal
) -> None:
    xenia.call("BANKY")
    colleague = Terminal(enterprise, "BANKX", "X2")
    with enterprise.counting() as requests, enterprise.counting_writes() as writes:
        assert colleague.ask("POST", "/rfqs", colleague.request("BANKY")).status == 409
    assert requests == {**_one_read_and_one_transaction("bankx"), ("Query", "demo-bankx-conversations"): 1}
    assert writes == {"demo-bankx-registrations": 1, "demo-bankx-conversations": 1}


@pytest.mark.requirement("R7")
def test_a_call_that_is_a_duplicate_writes_what_became_of_it_and_that_it_was_judged(
    enterprise: Enterprise, xenia: Terminal, yves: Terminal
) -> None:
    yves.call("BANKX")
    enterprise.now += timedelta(seconds=1)
    number = xenia.call("BANKY")
    _bring_to(enterprise, "banky")
    with enterprise.counting() as requests, enterprise.counting_writes() as writes:
        enterprise.turn("banky", "react@demo-banky-inbox")
    assert requests == {**_one_read_and_one_transaction("banky"), ("Query", "demo-banky-conversations"): 1}
    assert writes == {"demo-banky-registrations": 1, "demo-banky-conversations": 1}
    assert yves.see(number)["Step"] == "duplicate"


@pytest.mark.requirement("R2")
def test_a_call_that_is_made_again_costs_two_reads_and_no_write(
    enterprise: Enterprise, xenia: Terminal
) -> None:
    asked = xenia.request("BANKY")
    assert xenia.ask("POST", "/rfqs", asked).status == 201
    with enterprise.counting() as requests:
        assert xenia.ask("POST", "/rfqs", asked).status == 200
    assert requests == {
        ("BatchGetItem", "demo-bankx-registrations"): 1,
        ("GetItem", "demo-bankx-conversations"): 1,
    }


# A terminal


@pytest.mark.requirement("R3")
def test_a_look_is_one_query_whatever_has_happened_since_the_last(
    enterprise: Enterprise, xenia: Terminal, yves: Terminal
) -> None:
    seen = yves.look()
    quiet = yves.look(seen["Cursor"])
    quoted(xenia, yves)
    xenia.call("BANKY", "EURGBP")
    enterprise.settle()
    for cursor in (seen["Cursor"], quiet["Cursor"]):
        with enterprise.counting() as requests:
            assert len(yves.look(cursor)["Queue"]) == 1
        assert requests == {("Query", "demo-banky-registrations"): 1}


@pytest.mark.requirement("R3")
def test_a_first_look_is_one_read_and_one_query_and_one_for_each_panel_that_is_taken(
    enterprise: Enterprise, xenia: Terminal
) -> None:
    for symbol in ("EURUSD", "EURGBP"):
        xenia.call("BANKY", symbol)
    with enterprise.counting() as requests:
        xenia.look()
    assert requests == {
        ("BatchGetItem", "demo-bankx-registrations"): 1,
        ("Query", "demo-bankx-registrations"): 1,
        ("Query", "demo-bankx-conversations"): 2,
    }


# A conversation


@pytest.mark.requirement("R1", "R4", "R9", "T7", "T8")
def test_a_deal_writes_a_hundred_items_from_the_call_to_everybodys_books(
    enterprise: Enterprise, xenia: Terminal, yves: Terminal
) -> None:
    """A call that is answered, quoted for and dealt on, between banks three cities apart.

    calling bank  the request, what was asked, 4 turns, the ticket              7
                  its registration 4 times, the panels                          5
                  what terminals are to show                                    6
    called bank   4 turns, the ticket                                           5
                  its registration twice, the panels                            3
                  what terminals are to show                                    4
    network       6 messages, each in 3 cities' inboxes and a bank's           24
    firm          copies of both files                                         12
    street        2 executions; copies at s1, s2, c1, c2 and the firm          12
    books         2 x (two currencies with copies at 4, and a mark)            22
                                                                            = 100
    """
    xenia.act("accept", quoted(xenia, yves), Side="1")  # opens both accounts' day
    with enterprise.counting_writes() as writes:
        xenia.act("accept", quoted(xenia, yves), Side="1")
    by_holding: Counter[str] = Counter()
    for table, count in writes.items():
        by_holding[table.rsplit("-", 1)[1] if "bank" not in table else table.removeprefix("demo-")] += count
    assert by_holding == {
        "bankx-conversations": 7,
        "bankx-registrations": 5 + 6,
        "banky-conversations": 5,
        "banky-registrations": 3 + 4,
        "inbox": 18,
        "bankx-inbox": 4,
        "banky-inbox": 2,
        "conversations": 12,
        "bankx-street": 1,
        "banky-street": 1,
        "street": 10,
        "firm": 22,
    }
    assert sum(writes.values()) == 100


@pytest.mark.requirement("T9", "T13")
def test_no_item_is_larger_than_one_write_unit_even_with_the_longest_values(
    aws: None, tmp_path: Path
) -> None:
    made = Enterprise(tmp_path, "longest", _with_the_longest_names(tmp_path))
    made.publish()
    calling, called = (
        Terminal(made, principal.name, principal.terminals[0], trader=principal.name[-1] * _TRADER_LENGTH)
        for principal in made.plan.principals[1:3]
    )
    longest: dict[str, Any] = {
        "QuoteReqID": "q" * 36,
        "Terminal": made.plan.principals[2].terminals[0],
        "SettlType": "M12",
        "OrderQty": "99999999999.99",
    }
    bid, offer, text = "999999999.0123456789", "999999999.9876543210", "t" * 128
    number = calling.call(called.principal, "EURUSD", **longest)
    made.settle()
    denied = calling.ask("POST", "/rfqs", calling.request(called.principal, "USDEUR", QuoteReqID="r" * 36))
    assert denied.status == 409
    called.act("answer", number)
    calling.act("message", number, Text=text)
    called.act("quote", number, BidPx=bid, OfferPx=offer)
    calling.act("counter", number, Side="2", Price=offer)
    called.act("message", number, Text=text)
    calling.act("counter", number, Side="1", Price=offer)
    called.act("accept", number)
    assert calling.see(number)["Deal"]["Price"] == offer
    # Nobody answers, and an accept that nobody hears of: both banks end what is left.
    calling.call(called.principal, "GBPCHF", **{**longest, "QuoteReqID": "s" * 36})
    made.pass_time(125)
    made.pass_time(5)

    largest: dict[str, int] = defaultdict(int)
    for items in made.tables().values():
        for item in items.values():
            kind = item.get("RecordType", "mark")
            largest[kind] = max(largest[kind], item_bytes(item))
    in_json = {kind: largest.pop(kind) for kind in ("Message", "Shown")}
    assert {"Requested", "Turn", "Asked", "Ticket", "ExecutionReport", "Posting", "Panels"} < set(largest)
    assert max(largest.values()) <= BYTES_MAX, largest
    assert in_json["Message"] <= 4 * BYTES_MAX
    assert in_json["Shown"] <= 2 * BYTES_MAX


def _one_read_and_one_transaction(node: str) -> dict[tuple[str, str], int]:
    kept, records = f"demo-{node}-registrations", f"demo-{node}-conversations"
    return {("BatchGetItem", kept): 1, ("TransactWriteItems", f"{records} {kept}"): 1}


def _bring_to(enterprise: Enterprise, node: str) -> None:
    """Have all that others have under way for a bank come as far as its inbox."""
    enterprise.stopped.add(node)
    enterprise.settle()
    enterprise.stopped.clear()


@contextmanager
def _conversing(enterprise: Enterprise, node: str, principal: str, count: int) -> Iterator[None]:
    """Have a bank's node talk with so many others at once."""
    kept: list[Item] = []
    records: list[Item] = []
    for number in range(count):
        whole: dict[str, Any] = {
            "origin": node,
            "transact_time": enterprise.now,
            "conversation": f"BX120260105-{number:013}",
        }
        about = {
            **whole,
            "initiating": principal,
            "destination": f"OTHER{number}",
            "symbol": "EURUSD",
            "order_qty": Decimal(1_000_000),
        }
        registered = Registration(
            **whole,
            principal=principal,
            counterparty=f"OTHER{number}",
            subject="EURUSD",
            version=1,
            state=RegistrationState.INITIATED,
            opened=enterprise.now,
            valid_until_time=enterprise.now,
        )
        requested = Requested(
            **about,
            principal=principal,
            step=Step.REQUESTED,
            quote_req_id=f"request-{number}",
            trader=f"trader-{number}",
            terminal="X1",
            panel=1,
            valid_until_time=enterprise.now,
        )
        queued = Turn(
            **about,
            principal=principal,
            place=0,
            step=Step.QUEUED,
            by=f"OTHER{number}",
            valid_until_time=enterprise.now,
        )
        kept.append(registered.to_item())
        records += [requested.to_item(), queued.to_item()]
    tables = (enterprise.plan.table(node, h) for h in (Holding.REGISTRATIONS, Holding.CONVERSATIONS))
    with ExitStack() as having:
        for table, items in zip(tables, (kept, records), strict=True):
            having.enter_context(enterprise.having(table, items))
        yield


def _with_the_longest_names(folder: Path) -> Path:
    """The default enterprise, with every name as long as it may be."""

    def longest(found: re.Match[str]) -> str:
        name = found[0].strip('"')
        if name in ("customer", "street", "firm", "network", "us-east-1", "demo") or len(name) == 3:
            return found[0]
        length = _PARTY_LENGTH if name.isupper() else _UTILITY_LENGTH
        return f'"{name + name[-1] * (length - len(name))}"'

    lines = ENTERPRISE_FILE.read_text().splitlines()
    found = [
        line if line.startswith(("#", "side", "code")) else re.sub(r'"[^"]+"', longest, line)
        for line in lines
    ]
    file = folder / "longest.toml"
    file.write_text("\n".join(found))
    return file
