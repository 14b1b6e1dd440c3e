"""Dealing from end to end: over the banks' routes, through the city nodes, into everybody's books."""

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.records.conversations import Asked, ConversationRecord, Inquired, Message, Step, Turn
from chalicelib.records.fix import BuySell
from chalicelib.records.record import Item
from chalicelib.records.registrations import Shown
from chalicelib.records.times import format_time
from chalicelib.rfq.rates import Fixing, IndicativeRates
from chalicelib.rfq.rates import publish as publish_rates

from .enterprise import Answer, Enterprise
from .terminals import Terminal, quoted

TURN_SECONDS = 120
GRACE_SECONDS = 2


@pytest.fixture(autouse=True)
def _all_is_over(enterprise: Enterprise) -> Iterator[None]:
    """What a test leaves open expires, and is shown at no terminal any more."""
    yield
    for seconds in (TURN_SECONDS + GRACE_SECONDS + 1, 30):
        enterprise.pass_time(seconds)


@pytest.fixture
def xenia(enterprise: Enterprise) -> Terminal:
    return Terminal(enterprise, "BANKX", "X1")


@pytest.fixture
def xaver(enterprise: Enterprise) -> Terminal:
    return Terminal(enterprise, "BANKX", "X2")


@pytest.fixture
def yves(enterprise: Enterprise) -> Terminal:
    return Terminal(enterprise, "BANKY", "Y1")


@pytest.fixture
def yael(enterprise: Enterprise) -> Terminal:
    return Terminal(enterprise, "BANKY", "Y2")


@pytest.fixture
def maia(enterprise: Enterprise) -> Terminal:
    return Terminal(enterprise, "MERCURY", "M1")


@pytest.fixture
def nora(enterprise: Enterprise) -> Terminal:
    return Terminal(enterprise, "NEPTUNE", "N1")


def _registration(enterprise: Enterprise, principal: str, other: str, subject: str) -> Item:
    """What a bank's node says of a subject between two principals."""
    known = enterprise.plan.principal(principal)
    assert known is not None
    kept = enterprise.items(f"demo-{known.node}-registrations")
    return kept[f"registration#{principal}#{other}#{subject}/registration"]


def _states(enterprise: Enterprise, subject: str) -> list[str]:
    """The registrations of a subject at BANKX and BANKY."""
    ends = (("BANKX", "BANKY"), ("BANKY", "BANKX"))
    return [_registration(enterprise, *end, subject)["State"] for end in ends]


def _holdings(enterprise: Enterprise, principal: str, what: str = "balances") -> dict[str, dict[str, str]]:
    """What a principal has by the firm's books, as a customer utility answers it."""
    headers = {"Authorization": f"Bearer {enterprise.token('back-office', [principal])}"}
    answer = enterprise.ask("c1", "GET", f"/{what}?Account={principal}", headers=headers)
    assert answer.status == 200, answer
    return {holding["Asset"]: holding for holding in answer.json[what.title()]}


def _rates(enterprise: Enterprise, key: str) -> Item:
    """Indicative rates in BANKY's feed."""
    shown = Shown(
        origin="banky",
        transact_time=enterprise.now,
        principal="BANKY",
        key=f"{key}#rates",
        content="{}",
        expires=int(enterprise.now.timestamp()) + 600,
    )
    return {**shown.to_item(), "Key": "rates"}


def _record(enterprise: Enterprise, kind: str, number: str) -> ConversationRecord:
    """A record of a conversation between BANKX and BANKY, as the one sends it to the other."""
    about: dict[str, Any] = {
        "transact_time": enterprise.now,
        "conversation": number,
        "initiating": "BANKX",
        "destination": "BANKY",
        "symbol": "EURUSD",
        "order_qty": Decimal(1_000_000),
    }
    match kind:
        case "Asked":
            return Asked(
                **about,
                origin="bankx",
                principal="BANKX",
                answers=2,
                step=Step.DEALT,
                trader="ada",
                deal_side=BuySell.BUY,
            )
        case "Inquired":
            return Inquired(**about, origin="bankx", principal="BANKX", answers=2, attempt=0)
        case _:
            return Turn(
                **about,
                origin="banky",
                principal="BANKY",
                place=2,
                step=Step.QUOTED,
                by="BANKY",
                trader="bob",
                valid_until_time=enterprise.now,
                bid_px=Decimal(1),
                offer_px=Decimal(1),
            )


def _bring(enterprise: Enterprise, node: str, item: Item) -> None:
    """Put a message with a record into a bank's inbox, as its city node does."""
    message = Message(
        origin="london",
        transact_time=enterprise.now,
        conversation=item["Conversation"],
        message=item["sk"],
        sender="broker",
        recipient=node,
        passed=f"broker@{format_time(enterprise.now)}",
        content=json.dumps(item),
    )
    enterprise.put(f"demo-{node}-inbox", message.to_item())


def _news(seen: dict[str, Any]) -> list[tuple[str, str]]:
    """The steps that are new in panels, each with its conversation."""
    return [(panel["Conversation"], record["Step"]) for panel in seen["Panels"] for record in panel["News"]]


def _expect_conflict(answer: Answer, field: str, **reason: str) -> dict[str, Any]:
    assert answer.status == 409, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json
    assert problem["field"] == field
    assert {name: problem[name] for name in reason} == reason
    return problem


# From the call to the books


@pytest.mark.requirement("R1", "R2", "R4", "R9")
def test_a_conversation_goes_from_call_to_deal_over_the_routes_of_both_banks(
    enterprise: Enterprise, xenia: Terminal, yves: Terminal
) -> None:
    number = xenia.call("BANKY")
    assert xenia.see(number)["Step"] == "requested"
    enterprise.settle()
    assert xenia.see(number)["Step"] == "queued"
    assert yves.queue() == [number]
    assert yves.act("answer", number)["Step"] == "answered"
    assert yves.act("quote", number, BidPx="1.0841", OfferPx="1.0843")["QuoteStatus"] == "16"
    seen = xenia.see(number)
    assert (seen["Step"], seen["BidPx"], seen["OfferPx"]) == ("quoted", "1.0841", "1.0843")
    assert xenia.act("message", number, Text="a little better, please?")["Pending"] == "message"
    assert yves.see(number)["Turns"][-1]["Text"] == "a little better, please?"
    assert xenia.act("counter", number, Price="1.0842", Side="1")["Pending"] == "countered"
    assert (yves.see(number)["QuoteRespType"], yves.see(number)["Price"]) == ("2", "1.0842")
    yves.act("quote", number, BidPx="1.0840", OfferPx="1.0842")
    asked = xenia.attempt("accept", number, Side="1")
    assert (asked.status, asked.json["Pending"]) == (202, "dealt")
    enterprise.settle()
    for terminal in (xenia, yves):
        dealt = terminal.see(number)
        assert (dealt["Step"], dealt["QuoteStatus"], dealt["QuoteRespType"]) == ("dealt", "0", "1")
        assert (dealt["Deal"]["Price"], dealt["Deal"]["Side"]) == ("1.0842", "1")
        assert "Answers" not in dealt
    assert _states(enterprise, "EURUSD") == ["free", "free"]


@pytest.mark.requirement("R4")
def test_the_called_bank_deals_at_a_counter_offer(
    enterprise: Enterprise, xenia: Terminal, yves: Terminal
) -> None:
    number = quoted(xenia, yves)
    xenia.act("counter", number, Price="1.0842", Side="2")
    dealt = yves.attempt("accept", number)
    assert (dealt.status, dealt.json["Step"]) == (200, "dealt")
    assert (dealt.json["Deal"]["Price"], dealt.json["Deal"]["Side"]) == ("1.0842", "2")


@pytest.mark.requirement("R9", "T7", "T8", "T18")
def test_a_deal_becomes_tickets_executions_and_books_in_both_currencies(
    enterprise: Enterprise, xenia: Terminal, yves: Terminal
) -> None:
    number = quoted(xenia, yves, "GBPCHF")
    xenia.act("accept", number, Side="1")
    bought, sold = xenia.see(number)["Deal"], yves.see(number)["Deal"]
    assert (bought["Received"], bought["ReceivedQty"]) == ("GBP", "1000000")
    assert (bought["Given"], bought["GivenQty"]) == ("CHF", "1084300.00")
    assert (sold["Received"], sold["Given"]) == ("CHF", "GBP")
    assert (sold["ReceivedQty"], sold["GivenQty"]) == (bought["GivenQty"], bought["ReceivedQty"])
    for utility in ("c1", "c2", "firm"):
        executions = {
            item["Account"]: item
            for item in enterprise.items(f"demo-{utility}-street").values()
            if item.get("ClOrdID") == number
        }
        assert {account: item["Side"] for account, item in executions.items()} == {"BANKX": "1", "BANKY": "2"}
        assert {item["NetMoney"] for item in executions.values()} == {"1084300.00"}
    for principal, pounds, francs in (
        ("BANKX", "1000000", "-1084300.00"),
        ("BANKY", "-1000000", "1084300.00"),
    ):
        balances = _holdings(enterprise, principal)
        assert (balances["GBP"]["Quantity"], balances["CHF"]["Quantity"]) == (pounds, francs)
        assert balances["GBP"]["SettlDate"] == balances["CHF"]["SettlDate"] == bought["SettlDate"]


@pytest.mark.requirement("R9", "T3")
def test_a_deal_is_an_order_that_a_customer_utility_answers_for(
    enterprise: Enterprise, xenia: Terminal, yves: Terminal
) -> None:
    number = quoted(xenia, yves)
    xenia.act("accept", number, Side="2")
    headers = {"Authorization": f"Bearer {enterprise.token('back-office', ['BANKX'])}"}
    orders = enterprise.ask("c2", "GET", "/orders?Account=BANKX", headers=headers).json["Orders"]
    deal = next(order for order in orders if order["ClOrdID"] == number)
    assert (deal["OrdStatusName"], deal["Side"], deal["AvgPx"]) == ("Filled", "2", "1.0841")


@pytest.mark.requirement("R12")
def test_a_bond_is_dealt_in_and_booked_as_a_position_with_the_interest_it_has_accrued(
    enterprise: Enterprise, xenia: Terminal, yves: Terminal
) -> None:
    number = xenia.call("BANKY", "US91282CKU44", Side="1", OrderQty="100000")
    enterprise.settle()
    yves.act("answer", number)
    yves.act("quote", number, OfferPx="101.5")
    xenia.act("accept", number)
    ticket = xenia.see(number)["Deal"]
    assert (ticket["Received"], ticket["ReceivedQty"], ticket["Given"]) == ("US91282CKU44", "100000", "USD")
    assert float(ticket["GivenQty"]) == 101_500 + float(ticket["AccruedInterestAmt"])
    assert _holdings(enterprise, "BANKX", "positions")["US91282CKU44"]["Quantity"] == "100000"
    assert _holdings(enterprise, "BANKY", "positions")["US91282CKU44"]["Quantity"] == "-100000"


@pytest.mark.requirement("T8", "R9")
def test_the_firm_has_a_copy_of_every_record_of_both_files(
    enterprise: Enterprise, xenia: Terminal, yves: Terminal
) -> None:
    number = quoted(xenia, yves)
    xenia.act("message", number, Text="hello")
    xenia.act("accept", number, Side="1")
    kept = {
        key: item
        for node in ("bankx", "banky")
        for key, item in enterprise.items(f"demo-{node}-conversations").items()
        if item["Conversation"] == number
    }
    copied = enterprise.items("demo-firm-conversations")
    assert len(kept) == 1 + 2 + 5 + 5 + 2  # the request, what was asked, the log twice, tickets
    assert {key: item for key, item in copied.items() if item["Conversation"] == number} == kept


@pytest.mark.requirement("R1")
def test_no_answer_names_the_other_banks_node_a_city_or_a_route(
    enterprise: Enterprise, xenia: Terminal, yves: Terminal
) -> None:
    number = quoted(xenia, yves)
    xenia.act("accept", number, Side="1")
    cities = {utility.city for utility in enterprise.plan.utilities if utility.city}
    for terminal, other in ((xenia, yves), (yves, xenia)):
        shown = json.dumps([terminal.see(number), terminal.look()])
        for name in (other.node, *cities, '"Origin"', '"Passed"'):
            assert name not in shown, name


# Denied, and duplicate


@pytest.mark.requirement("R5", "R6", "R10")
@pytest.mark.parametrize("symbol", ["EURUSD", "USDEUR"])
def test_a_second_call_of_the_same_bank_is_denied_and_its_panel_says_why(
    enterprise: Enterprise, xenia: Terminal, xaver: Terminal, symbol: str
) -> None:
    xenia.call("BANKY")
    asked = xaver.request("BANKY", symbol)
    text = "Request Denied: Call Already in Progress"
    first = xaver.ask("POST", "/rfqs", asked)
    problem = _expect_conflict(first, "Symbol", QuoteRequestRejectReason="99", Text=text, Panel="1")
    assert problem["detail"] == text
    # The same request again is the same denial, and takes no other panel.
    assert xaver.ask("POST", "/rfqs", asked).json == first.json
    (panel,) = xaver.look()["Panels"]
    assert (panel["Panel"], panel["Step"], panel["Text"]) == (1, "denied", text)
    assert panel["QuoteStatus"] == "5"
    number = problem["Conversation"]
    refused = xaver.attempt("pass", number, Answers=0)
    assert _expect_conflict(refused, "Conversation", QuoteRejectReason="4")["Now"]["Step"] == "denied"
    assert xaver.clear(number).status == 200
    assert xaver.look()["Panels"] == []


@pytest.mark.requirement("R5", "R6", "R10")
def test_a_bank_that_has_been_called_is_denied_a_call_back(
    enterprise: Enterprise, xenia: Terminal, yael: Terminal
) -> None:
    xenia.call("BANKY")
    enterprise.settle()
    answer = yael.ask("POST", "/rfqs", yael.request("BANKX", "USDEUR"))
    problem = _expect_conflict(answer, "Symbol", QuoteRequestRejectReason="99")
    assert problem["detail"] == problem["Text"] == "Duplicate Call In Progress"


@pytest.mark.requirement("R7", "R8", "R11")
def test_of_two_calls_that_cross_one_is_queued_and_the_other_is_a_duplicate(
    enterprise: Enterprise, xenia: Terminal, yves: Terminal
) -> None:
    calls = {xenia: xenia.call("BANKY"), yves: yves.call("BANKX", "USDEUR")}
    enterprise.settle()
    steps = {terminal: terminal.see(number) for terminal, number in calls.items()}
    assert sorted(state["Step"] for state in steps.values()) == ["duplicate", "queued"]
    loser = next(terminal for terminal, state in steps.items() if state["Step"] == "duplicate")
    winner = yves if loser is xenia else xenia
    assert steps[loser]["Text"] == "Duplicate Call In Progress"
    assert steps[loser]["QuoteStatus"] == "5"
    # Nothing of it appears at the bank that refused it; the call that survives does appear.
    assert winner.queue() == []
    assert loser.queue() == [calls[winner]]
    assert loser.clear(calls[loser]).status == 200
    assert loser.act("answer", calls[winner])["Step"] == "answered"


# How conversations end


@pytest.mark.requirement("R4", "R9")
@pytest.mark.parametrize("who", ["the called trader", "the calling trader"])
def test_either_hangs_up_and_the_subject_is_free_at_both_banks(
    enterprise: Enterprise, xenia: Terminal, yves: Terminal, who: str
) -> None:
    number = quoted(xenia, yves)
    passing = yves if who == "the called trader" else xenia
    passing.act("pass", number)
    step = "passed" if passing is yves else "withdrawn"
    assert [terminal.see(number)["Step"] for terminal in (xenia, yves)] == [step, step]
    assert _states(enterprise, "EURUSD") == ["free", "free"]
    assert xenia.call("BANKY") != number


@pytest.mark.requirement("R4", "R9")
def test_a_call_can_be_withdrawn_before_the_other_bank_has_it(
    enterprise: Enterprise, xenia: Terminal, yves: Terminal
) -> None:
    number = xenia.call("BANKY")
    assert xenia.see(number)["Answers"] == -1
    assert xenia.attempt("pass", number).json["Step"] == "withdrawn"
    assert _registration(enterprise, "BANKX", "BANKY", "EURUSD")["State"] == "free"
    enterprise.settle()
    assert yves.queue() == []
    assert [terminal.see(number)["Step"] for terminal in (xenia, yves)] == ["withdrawn", "withdrawn"]


@pytest.mark.requirement("R4", "R9")
def test_a_call_that_was_answered_can_be_refused_without_a_quote(
    enterprise: Enterprise, xenia: Terminal, yves: Terminal
) -> None:
    number = xenia.call("BANKY")
    enterprise.settle()
    yves.act("answer", number)
    yves.act("pass", number)
    assert (xenia.see(number)["Step"], xenia.see(number)["QuoteStatus"]) == ("passed", "11")
    assert _states(enterprise, "EURUSD") == ["free", "free"]


@pytest.mark.requirement("R4", "R9")
@pytest.mark.parametrize("reached", ["queued", "answered", "quoted", "countered"])
def test_a_turn_that_nobody_takes_in_time_ends_the_conversation_at_both_banks(
    enterprise: Enterprise, xenia: Terminal, yves: Terminal, reached: str
) -> None:
    number = xenia.call("BANKY")
    enterprise.settle()
    if reached != "queued":
        yves.act("answer", number)
    if reached in ("quoted", "countered"):
        yves.act("quote", number, BidPx="1.0841", OfferPx="1.0843")
    if reached == "countered":
        xenia.act("counter", number, Price="1.0842", Side="1")
    enterprise.pass_time(TURN_SECONDS - 1)
    assert xenia.see(number)["Step"] == yves.see(number)["Step"] == reached
    enterprise.pass_time(2)
    # Once more, for what a bank asks of the other at its own deadline.
    enterprise.pass_time(GRACE_SECONDS)
    for terminal in (xenia, yves):
        state = terminal.see(number)
        assert (state["Step"], state["QuoteStatus"], state["QuoteRespType"]) == ("expired", "7", "3")
    assert _states(enterprise, "EURUSD") == ["free", "free"]
    assert xenia.look()["Panels"][0]["Step"] == "expired"
    assert xenia.clear(number).status == 200


@pytest.mark.requirement("R4")
def test_a_quote_holds_no_longer_than_its_bank_says(
    enterprise: Enterprise, xenia: Terminal, yves: Terminal
) -> None:
    number = xenia.call("BANKY")
    enterprise.settle()
    yves.act("answer", number)
    until = format_time(enterprise.now + timedelta(seconds=5))
    yves.act("quote", number, BidPx="1.0841", OfferPx="1.0843", ValidUntilTime=until)
    assert xenia.see(number)["ValidUntilTime"] == until
    enterprise.pass_time(6)
    answer = xenia.attempt("accept", number, Answers=2, Side="1")
    _expect_conflict(answer, "Conversation", QuoteRejectReason="4")


# Turns that meet, and turns that come again


@pytest.mark.requirement("R4")
def test_a_turn_that_crosses_another_is_refused_with_where_it_stands(
    enterprise: Enterprise, xenia: Terminal, yves: Terminal
) -> None:
    number = quoted(xenia, yves)
    yves.act("quote", number, BidPx="1.0831", OfferPx="1.0833")
    refused = xenia.attempt("accept", number, Answers=2, Side="1")
    problem = _expect_conflict(refused, "Answers", QuoteRejectReason="5")
    assert (problem["Now"]["Answers"], problem["Now"]["OfferPx"]) == (3, "1.0833")
    assert problem["Now"] == xenia.see(number)


@pytest.mark.requirement("R4")
def test_an_accept_that_is_crossed_on_its_way_binds_nobody(
    enterprise: Enterprise, xenia: Terminal, yves: Terminal
) -> None:
    number = quoted(xenia, yves)
    yves.attempt("quote", number, BidPx="1.0831", OfferPx="1.0833")
    assert xenia.attempt("accept", number, Side="1").status == 202
    enterprise.settle()
    for terminal in (xenia, yves):
        state = terminal.see(number)
        assert (state["Step"], state["OfferPx"]) == ("quoted", "1.0833")
    assert "Pending" not in xenia.see(number)


@pytest.mark.requirement("R4")
def test_the_same_turn_again_is_answered_as_the_first_time(
    enterprise: Enterprise, xenia: Terminal, yves: Terminal
) -> None:
    number = quoted(xenia, yves)
    for _ in range(2):
        assert xenia.attempt("accept", number, Answers=2, Side="1").status == 202
    # With the other side it is another turn.
    _expect_conflict(xenia.attempt("accept", number, Answers=2, Side="2"), "Answers")
    enterprise.settle()
    assert xenia.attempt("accept", number, Answers=2, Side="1").status == 200
    assert [turn["Step"] for turn in yves.see(number)["Turns"]] == ["queued", "answered", "quoted", "dealt"]


@pytest.mark.requirement("R2", "R5")
def test_the_same_request_again_is_answered_as_the_first_time(
    enterprise: Enterprise, xenia: Terminal, yves: Terminal
) -> None:
    asked = xenia.request("BANKY")
    first = xenia.ask("POST", "/rfqs", asked)
    again = xenia.ask("POST", "/rfqs", asked)
    assert (first.status, again.status) == (201, 200)
    assert again.json == first.json
    enterprise.settle()
    yves.act("answer", first.json["Conversation"])
    yves.act("pass", first.json["Conversation"])
    # Also when the conversation is over, and its panel free.
    assert xenia.clear(first.json["Conversation"]).status == 200
    later = xenia.ask("POST", "/rfqs", asked)
    assert (later.status, later.json) == (200, first.json)
    other = xenia.ask("POST", "/rfqs", {**asked, "OrderQty": "2000000"})
    _expect_conflict(other, "QuoteReqID", QuoteRequestRejectReason="99")


# The terminal: queue


@pytest.mark.requirement("R3", "R7")
def test_a_call_is_in_the_queue_of_every_terminal_of_the_bank_until_one_answers(
    enterprise: Enterprise, xenia: Terminal, yves: Terminal, yael: Terminal
) -> None:
    number = xenia.call("BANKY")
    enterprise.settle()
    seen = yael.look()
    assert yves.queue() == [call["Conversation"] for call in seen["Queue"]] == [number]
    assert not seen["Queue"][0]["ForThisTerminal"]
    yves.act("answer", number)
    after = yael.look(seen["Cursor"])
    assert (after["Queue"], after["Gone"], after["Panels"]) == ([], [number], [])
    refused = yael.attempt("answer", number, Answers=0)
    assert _expect_conflict(refused, "Answers")["Now"]["Step"] == "answered"


@pytest.mark.requirement("R2", "R3", "R7")
def test_a_call_for_one_terminal_is_marked_and_appears_at_no_other(
    enterprise: Enterprise, xenia: Terminal, yves: Terminal, yael: Terminal
) -> None:
    number = xenia.call("BANKY", Terminal="Y2")
    enterprise.settle()
    assert yves.queue() == []
    (call,) = yael.look()["Queue"]
    assert (call["Conversation"], call["ForThisTerminal"]) == (number, True)
    assert yves.attempt("answer", number).status == 422
    assert yael.act("answer", number)["Step"] == "answered"


@pytest.mark.requirement("R3")
def test_the_queue_has_calls_for_this_terminal_first_and_then_the_oldest(
    enterprise: Enterprise, xenia: Terminal, yael: Terminal
) -> None:
    asked = [("EURUSD", None), ("EURGBP", "Y2"), ("EURJPY", None), ("EURCHF", "Y2"), ("USDJPY", "Y1")]
    numbers = {}
    for symbol, terminal in asked:
        numbers[symbol] = xenia.call("BANKY", symbol, Terminal=terminal)
        enterprise.settle()
        enterprise.now += timedelta(seconds=1)
    assert yael.queue() == [numbers[symbol] for symbol in ("EURGBP", "EURCHF", "EURUSD", "EURJPY")]


@pytest.mark.requirement("R3", "R4")
def test_a_call_that_is_withdrawn_or_ignored_leaves_the_queue(
    enterprise: Enterprise, xenia: Terminal, yves: Terminal
) -> None:
    withdrawn, ignored = xenia.call("BANKY"), xenia.call("BANKY", "EURGBP")
    enterprise.settle()
    seen = yves.look()
    assert {call["Conversation"] for call in seen["Queue"]} == {withdrawn, ignored}
    xenia.act("pass", withdrawn)
    assert yves.look(seen["Cursor"])["Gone"] == [withdrawn]
    enterprise.pass_time(TURN_SECONDS + 1)
    assert ignored in yves.look(seen["Cursor"])["Gone"]
    assert yves.queue() == []


@pytest.mark.requirement("R12")
def test_a_brokers_terminal_sees_the_calls_of_its_own_principal_alone(
    enterprise: Enterprise, xenia: Terminal, maia: Terminal, nora: Terminal
) -> None:
    for_mercury, for_neptune = xenia.call("MERCURY"), xenia.call("NEPTUNE")
    enterprise.settle()
    assert (maia.queue(), nora.queue()) == ([for_mercury], [for_neptune])
    assert maia.ask("GET", f"/rfqs/{for_neptune}").status == 404
    assert maia.attempt("answer", for_neptune, Answers=0).status == 404
    assert nora.act("answer", for_neptune)["Step"] == "answered"
    assert maia.look()["Panels"] == []


@pytest.mark.requirement("R12")
def test_two_principals_of_one_brokers_node_deal_with_each_other(
    enterprise: Enterprise, maia: Terminal, nora: Terminal
) -> None:
    number = quoted(maia, nora)
    maia.act("accept", number, Side="1")
    assert (maia.see(number)["Deal"]["Received"], nora.see(number)["Deal"]["Received"]) == ("EUR", "USD")
    assert _holdings(enterprise, "MERCURY")["EUR"]["Quantity"] == "1000000"
    assert _holdings(enterprise, "NEPTUNE")["EUR"]["Quantity"] == "-1000000"


# The terminal: panels


@pytest.mark.requirement("R3")
def test_a_trader_has_six_panels_and_one_that_is_cleared_is_free_again(
    enterprise: Enterprise, xenia: Terminal, xaver: Terminal
) -> None:
    symbols = ("EURUSD", "EURGBP", "EURJPY", "EURCHF", "GBPUSD", "USDJPY")
    numbers = [xenia.call("BANKY", symbol) for symbol in symbols]
    assert [panel["Panel"] for panel in xenia.look()["Panels"]] == [1, 2, 3, 4, 5, 6]
    seventh = xenia.request("BANKY", "AUDUSD")
    before = enterprise.tables()
    _expect_conflict(xenia.ask("POST", "/rfqs", seventh), "Panel", QuoteRequestRejectReason="3")
    assert enterprise.tables() == before
    assert xaver.ask("POST", "/rfqs", xaver.request("BANKY", "AUDUSD")).json["Panel"] == "1"
    enterprise.settle()
    xenia.act("pass", numbers[3])
    assert xenia.clear(numbers[3]).status == 200
    assert xenia.clear(numbers[3]).status == 200
    # Of a request that was refused nothing is known: it may be made again.
    assert xenia.ask("POST", "/rfqs", {**seventh, "Symbol": "USDCHF"}).json["Panel"] == "4"


@pytest.mark.requirement("R3")
def test_an_answered_call_takes_a_panel_too_and_what_goes_on_cannot_be_cleared(
    enterprise: Enterprise, xenia: Terminal, yves: Terminal
) -> None:
    outgoing = yves.call("MERCURY")
    number = quoted(xenia, yves)
    panels = {panel["Panel"]: panel for panel in yves.look()["Panels"]}
    assert (panels[1]["Conversation"], panels[2]["Conversation"]) == (outgoing, number)
    assert panels[2]["Step"] == "quoted"
    refused = yves.clear(number)
    assert (refused.status, refused.json["field"]) == (422, "Conversation")
    assert len(yves.look()["Panels"]) == 2


@pytest.mark.requirement("R3")
def test_who_has_the_same_name_at_the_other_bank_has_panels_of_their_own(enterprise: Enterprise) -> None:
    ada, other = (Terminal(enterprise, *where, trader="ada") for where in (("BANKX", "X1"), ("BANKY", "Y1")))
    waiting = other.call("MERCURY")
    seen = ada.look()
    number = quoted(ada, other)
    shown = ada.look(seen["Cursor"])
    assert [(panel["Panel"], panel["Conversation"]) for panel in shown["Panels"]] == [(1, number)]
    assert [panel["Conversation"] for panel in other.look()["Panels"]] == [waiting, number]


# The terminal: news


@pytest.mark.requirement("R3")
def test_a_cursor_brings_only_what_is_new_for_one_query(
    enterprise: Enterprise, xenia: Terminal, yves: Terminal
) -> None:
    number = quoted(xenia, yves)
    # A look tells again what became known within ten seconds before the last.
    enterprise.pass_time(11)
    seen = xenia.look()
    (panel,) = seen["Panels"]
    assert (panel["Conversation"], panel["Step"], panel["Answers"]) == (number, "quoted", 2)
    quiet = xenia.look(seen["Cursor"])
    assert (quiet["Queue"], quiet["Gone"], quiet["Panels"]) == ([], [], [])
    yves.act("quote", number, BidPx="1.0840", OfferPx="1.0842")
    with enterprise.counting() as requests:
        news = xenia.look(quiet["Cursor"])
    assert requests == {("Query", "demo-bankx-registrations"): 1}
    (panel,) = news["Panels"]
    assert panel["Panel"] == 1
    assert [(record["Step"], record["OfferPx"]) for record in panel["News"]] == [("quoted", "1.0842")]


@pytest.mark.requirement("R3")
def test_a_cursor_knows_the_panels_that_are_taken_after_it(
    enterprise: Enterprise, xenia: Terminal, yves: Terminal
) -> None:
    seen, answering = xenia.look(), yves.look()
    number = quoted(xenia, yves)
    assert _news(xenia.look(seen["Cursor"])) == [
        (number, step) for step in ("requested", "queued", "answered", "quoted")
    ]
    assert _news(yves.look(answering["Cursor"])) == [
        (number, step) for step in ("queued", "answered", "quoted")
    ]


@pytest.mark.requirement("R3")
def test_a_cursor_does_not_grow_with_the_conversations_that_were_held(
    enterprise: Enterprise, xenia: Terminal
) -> None:
    cursor, lengths = xenia.look()["Cursor"], []
    for symbol in ("EURUSD", "EURGBP", "EURJPY"):
        number = xenia.call("BANKY", symbol)
        enterprise.settle()
        seen = xenia.look(cursor)
        assert [(panel["Panel"], panel["Conversation"]) for panel in seen["Panels"]] == [(1, number)]
        cursor = seen["Cursor"]
        lengths.append(len(cursor))
        xenia.act("pass", number)
        assert xenia.clear(number).status == 200
        assert xenia.look()["Panels"] == []
        enterprise.now += timedelta(seconds=1)
    assert len(set(lengths)) == 1


@pytest.mark.requirement("R3")
def test_whoever_looks_after_more_than_a_page_of_news_gets_it_page_by_page_and_all_of_it(
    enterprise: Enterprise, xenia: Terminal, yves: Terminal
) -> None:
    seen = yves.look()
    kept = enterprise.here["banky"].node().registry.kept
    # More than a page, and all of it within the time by which one look begins before the last.
    assert not kept.copy([_rates(enterprise, f"{count:04}") for count in range(1100)])
    number = xenia.call("BANKY")
    enterprise.settle()
    queues = []
    for _ in range(3):
        seen = yves.look(seen["Cursor"])
        queues.append([call["Conversation"] for call in seen["Queue"]])
    assert queues == [[], [], [number]]
    # After the last page a look begins anew, a little before the first of them was read.
    enterprise.pass_time(11)
    assert yves.look(seen["Cursor"])["Queue"] == []


@pytest.mark.requirement("R3")
def test_a_terminal_shows_its_banks_rates_and_says_when_they_are_stale(
    enterprise: Enterprise, xenia: Terminal
) -> None:
    node = enterprise.here["bankx"].node()
    fixing = Fixing(date=enterprise.now.date(), rates={"USD": Decimal("1.0842")})
    minute = timedelta(minutes=1)
    rates = IndicativeRates(bank="BANKX", fixings=[fixing], epoch=enterprise.now, tick=minute)
    publish_rates(rates, "BANKX", node.registry.kept, origin="bankx", period=minute, now=enterprise.now)
    seen = xenia.look()
    bid, offer = seen["Rates"]["EURUSD"]
    assert float(bid) < float(offer)
    assert not seen["RatesStale"]
    enterprise.pass_time(11)
    # No news is no rates.
    assert "Rates" not in xenia.look(xenia.look()["Cursor"])


# What arrives that nobody expects


@pytest.mark.requirement("T12", "R13")
@pytest.mark.parametrize("kind", ["Asked", "Turn", "Inquired"])
def test_a_message_about_a_conversation_that_nobody_knows_is_kept_and_harms_nothing(
    enterprise: Enterprise, xenia: Terminal, yves: Terminal, kind: str
) -> None:
    number = quoted(xenia, yves)
    node = "bankx" if kind == "Turn" else "banky"
    unknown = "BX120260105-aaaaaaaaaaaa" + {"Asked": "a", "Turn": "b", "Inquired": "c"}[kind]
    _bring(enterprise, node, _record(enterprise, kind, unknown).to_item())
    enterprise.settle()
    assert [key for key in enterprise.items(f"demo-{node}-inbox") if key.startswith(unknown)]
    assert not [m for m in enterprise.receive(f"demo-{node}-aside") if unknown in m["Body"]]
    assert xenia.see(number)["Step"] == yves.see(number)["Step"] == "quoted"
    enterprise.pass_time(5)
    xenia.act("accept", number, Side="1")
    assert xenia.see(number)["Step"] == "dealt"


@pytest.mark.requirement("T12", "R13")
@pytest.mark.parametrize(
    "wrong",
    [{"Destination": "NOBODY"}, {"Destination": "MERCURY"}, {"Initiating": "NOBODY"}, {"Symbol": "XXXYYY"}],
    ids=lambda wrong: " ".join(f"{name} {value}" for name, value in wrong.items()),
)
def test_a_message_that_can_be_for_nobody_here_is_set_aside_and_what_follows_goes_on(
    enterprise: Enterprise, xenia: Terminal, yves: Terminal, wrong: dict[str, str]
) -> None:
    number = quoted(xenia, yves)
    unknown = f"BX120260105-{''.join(*wrong.items()).lower()[:13]:d<13}"
    _bring(enterprise, "banky", {**_record(enterprise, "Asked", unknown).to_item(), **wrong})
    xenia.act("accept", number, Side="1")
    assert xenia.see(number)["Step"] == "dealt"
    reasons = [json.loads(message["Body"])["reason"] for message in enterprise.receive("demo-banky-aside")]
    assert [reason for reason in reasons if unknown in reason]
