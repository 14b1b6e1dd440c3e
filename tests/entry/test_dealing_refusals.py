"""What is asked wrongly of a bank's node: a problem document that says what is wrong; nothing is written."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from chalicelib.entry.requests import BODY_BYTES_MAX
from chalicelib.records.fix import QuoteRejectReason, QuoteRequestRejectReason

from .enterprise import Enterprise
from .problems import (
    CONFLICT,
    FORMAT,
    INCORRECT,
    MALFORMED,
    MISSING,
    NOT_YOURS,
    REFUSED,
    REPEATED,
    SENDING_TIME,
    UNDEFINED,
    UNKNOWN,
    expect_problem,
)
from .terminals import Terminal, quoted

UNKNOWN_SYMBOL = {"QuoteRequestRejectReason": QuoteRequestRejectReason.UNKNOWN_SYMBOL}
LIMIT = {"QuoteRequestRejectReason": QuoteRequestRejectReason.QUOTE_REQUEST_EXCEEDS_LIMIT}
NO_DEALER = {"QuoteRequestRejectReason": QuoteRequestRejectReason.NOT_AUTHORIZED_TO_REQUEST_QUOTE}
OTHER_REQUEST = {"QuoteRequestRejectReason": QuoteRequestRejectReason.OTHER}

TOO_LATE = {"QuoteRejectReason": QuoteRejectReason.TOO_LATE_TO_ENTER}
UNKNOWN_QUOTE = {"QuoteRejectReason": QuoteRejectReason.UNKNOWN_QUOTE}
SPREAD = {"QuoteRejectReason": QuoteRejectReason.INVALID_BID_ASK_SPREAD}
PRICE = {"QuoteRejectReason": QuoteRejectReason.INVALID_PRICE}
NOT_AUTHORIZED = {"QuoteRejectReason": QuoteRejectReason.NOT_AUTHORIZED}
OTHER = {"QuoteRejectReason": QuoteRejectReason.OTHER}

TURNS = ("answer", "quote", "counter", "message", "accept", "pass")


class Talks:
    """Conversations as they stand before anything wrong is asked."""

    def __init__(self, enterprise: Enterprise) -> None:
        enterprise.publish()
        self.xenia = Terminal(enterprise, "BANKX", "X1")
        self.yves = Terminal(enterprise, "BANKY", "Y1")
        self.two_way = quoted(self.xenia, self.yves)
        self.to_buy = quoted(self.xenia, self.yves, "EURGBP", Side="1")
        self.queued = self.xenia.call("BANKY", "EURCHF", Terminal="Y2")
        self.over = quoted(self.xenia, self.yves, "GBPUSD")
        self.xenia.act("pass", self.over)
        self.answered = self.xenia.call("BANKY", "EURJPY")
        enterprise.settle()
        self.yves.act("answer", self.answered)

    def who(self, name: str) -> Terminal:
        found: Terminal = getattr(self, name)
        return found

    def number(self, name: str) -> str:
        found: str = getattr(self, name)
        return found


@pytest.fixture(scope="module")
def talks(shared: Enterprise) -> Talks:
    return Talks(shared)


@pytest.fixture(autouse=True)
def _nothing_is_written(enterprise: Enterprise, talks: Talks) -> Iterator[None]:
    before = enterprise.tables()
    with enterprise.counting_writes() as writes:
        yield
    assert enterprise.tables() == before
    assert writes == {}


# A request for quote


@pytest.mark.requirement("R2")
@pytest.mark.parametrize(
    ("asked", "status", "field", "reason"),
    [
        pytest.param({"Colour": "red"}, MALFORMED, "Colour", UNDEFINED, id="an unknown field"),
        pytest.param({"QuoteReqID": None}, MALFORMED, "QuoteReqID", MISSING, id="no QuoteReqID"),
        pytest.param({"Destination": None}, MALFORMED, "Destination", MISSING, id="no Destination"),
        pytest.param({"Symbol": None}, MALFORMED, "Symbol", MISSING, id="no Symbol"),
        pytest.param({"OrderQty": None}, MALFORMED, "OrderQty", MISSING, id="no OrderQty"),
        pytest.param({"TransactTime": None}, MALFORMED, "TransactTime", MISSING, id="no TransactTime"),
        pytest.param({"QuoteReqID": 7}, MALFORMED, "QuoteReqID", FORMAT, id="a number for a QuoteReqID"),
        pytest.param({"QuoteReqID": ""}, MALFORMED, "QuoteReqID", INCORRECT, id="an empty QuoteReqID"),
        pytest.param({"QuoteReqID": "q" * 37}, MALFORMED, "QuoteReqID", INCORRECT, id="one too long"),
        pytest.param({"QuoteReqID": "a b"}, MALFORMED, "QuoteReqID", INCORRECT, id="one with a space"),
        pytest.param({"QuoteReqID": "ö"}, MALFORMED, "QuoteReqID", INCORRECT, id="one beyond ASCII"),
        pytest.param({"Destination": ["BANKY"]}, MALFORMED, "Destination", FORMAT, id="a list of banks"),
        pytest.param({"Destination": "banky"}, MALFORMED, "Destination", INCORRECT, id="small letters"),
        pytest.param({"Destination": "B" * 13}, MALFORMED, "Destination", INCORRECT, id="a bank too long"),
        pytest.param({"Destination": "BANKX"}, REFUSED, "Destination", NO_DEALER, id="to oneself"),
        pytest.param({"Destination": "BANKZ"}, REFUSED, "Destination", NO_DEALER, id="an unknown bank"),
        pytest.param({"Terminal": 1}, MALFORMED, "Terminal", FORMAT, id="a number for a terminal"),
        pytest.param({"Terminal": "Y9"}, REFUSED, "Terminal", NO_DEALER, id="an unknown terminal"),
        pytest.param({"Terminal": "X2"}, REFUSED, "Terminal", NO_DEALER, id="another bank's terminal"),
        pytest.param({"Symbol": "eurusd"}, MALFORMED, "Symbol", INCORRECT, id="a pair in small letters"),
        pytest.param({"Symbol": "EURUSDX"}, REFUSED, "Symbol", UNKNOWN_SYMBOL, id="seven letters"),
        pytest.param({"Symbol": "EURXXX"}, REFUSED, "Symbol", UNKNOWN_SYMBOL, id="an unknown currency"),
        pytest.param({"Symbol": "EUREUR"}, REFUSED, "Symbol", UNKNOWN_SYMBOL, id="a currency with itself"),
        pytest.param({"Symbol": "IBM"}, REFUSED, "Symbol", UNKNOWN_SYMBOL, id="a share"),
        pytest.param({"Symbol": "US91282CKU45"}, REFUSED, "Symbol", UNKNOWN_SYMBOL, id="a wrong ISIN"),
        pytest.param({"Symbol": "US0378331005"}, REFUSED, "Symbol", UNKNOWN_SYMBOL, id="an unknown bond"),
        pytest.param({"SettlType": "5d"}, MALFORMED, "SettlType", INCORRECT, id="a tenor in small letters"),
        pytest.param({"SettlType": 0}, MALFORMED, "SettlType", FORMAT, id="a number for a tenor"),
        pytest.param({"SettlType": "M99"}, REFUSED, "SettlType", OTHER_REQUEST, id="an unknown tenor"),
        pytest.param(
            {"Symbol": "US91282CKU44", "SettlType": "M1", "OrderQty": "1000"},
            REFUSED,
            "SettlType",
            OTHER_REQUEST,
            id="a bond in a month",
        ),
        pytest.param({"Side": "5"}, MALFORMED, "Side", INCORRECT, id="a Side that is not offered"),
        pytest.param({"Side": 1}, MALFORMED, "Side", INCORRECT, id="a number for a Side"),
        pytest.param({"OrderQty": 1000000}, MALFORMED, "OrderQty", FORMAT, id="a JSON number"),
        pytest.param({"OrderQty": 1.5}, MALFORMED, "OrderQty", FORMAT, id="a JSON number with a fraction"),
        pytest.param({"OrderQty": "1e6"}, MALFORMED, "OrderQty", FORMAT, id="an exponent"),
        pytest.param({"OrderQty": "NaN"}, MALFORMED, "OrderQty", FORMAT, id="NaN"),
        pytest.param({"OrderQty": "1" * 16}, MALFORMED, "OrderQty", FORMAT, id="sixteen digits"),
        pytest.param({"OrderQty": "0"}, REFUSED, "OrderQty", LIMIT, id="an amount of zero"),
        pytest.param({"OrderQty": "-1"}, REFUSED, "OrderQty", LIMIT, id="a negative amount"),
        pytest.param({"OrderQty": "0.001"}, REFUSED, "OrderQty", LIMIT, id="a tenth of a cent"),
        pytest.param({"Symbol": "JPYUSD", "OrderQty": "0.5"}, REFUSED, "OrderQty", LIMIT, id="half a yen"),
        pytest.param({"OrderQty": "9" * 15}, REFUSED, "OrderQty", LIMIT, id="too large an amount"),
        pytest.param({"TransactTime": "now"}, MALFORMED, "TransactTime", FORMAT, id="no time"),
        pytest.param(
            {"TransactTime": "20260105-14:00:00"}, MALFORMED, "TransactTime", SENDING_TIME, id="an hour ago"
        ),
        pytest.param(
            {"TransactTime": "20260105-16:00:00"}, MALFORMED, "TransactTime", SENDING_TIME, id="in an hour"
        ),
    ],
)
def test_a_request_is_refused_with_its_field_and_fixs_reason(
    enterprise: Enterprise,
    talks: Talks,
    asked: dict[str, Any],
    status: int,
    field: str,
    reason: Mapping[str, str],
) -> None:
    request = {**talks.xenia.request("BANKY", "AUDUSD"), **asked}
    request = {name: value for name, value in request.items() if value is not None}
    expect_problem(talks.xenia.ask("POST", "/rfqs", request), status, field, reason)


# Turns


@pytest.mark.requirement("R4")
@pytest.mark.parametrize(
    ("who", "number", "turn", "asked", "status", "field", "reason"),
    [
        # fields
        pytest.param(
            *("xenia", "two_way", "accept", {"Side": "1", "Price": "1"}, MALFORMED, "Price", UNDEFINED),
            id="an accept with a price",
        ),
        pytest.param(
            *("xenia", "two_way", "message", {}, MALFORMED, "Text", MISSING), id="a message without Text"
        ),
        pytest.param(
            *("xenia", "two_way", "message", {"Text": ""}, MALFORMED, "Text", INCORRECT),
            id="an empty message",
        ),
        pytest.param(
            *("xenia", "two_way", "message", {"Text": "t" * 129}, MALFORMED, "Text", INCORRECT),
            id="a text too long",
        ),
        pytest.param(
            *("xenia", "two_way", "message", {"Text": "a\nb"}, MALFORMED, "Text", INCORRECT),
            id="a text with a newline",
        ),
        pytest.param(
            *("xenia", "two_way", "counter", {"Side": "1"}, MALFORMED, "Price", MISSING),
            id="a counter-offer without Price",
        ),
        pytest.param(
            *("xenia", "two_way", "counter", {"Side": "1", "Price": 1.0842}, MALFORMED, "Price", FORMAT),
            id="a counter-offer with a float",
        ),
        pytest.param(
            *("yves", "answered", "quote", {"BidPx": 160}, MALFORMED, "BidPx", FORMAT),
            id="a quote with a JSON number",
        ),
        pytest.param(
            *("xenia", "two_way", "accept", {"Side": "1", "Answers": "2"}, MALFORMED, "Answers", FORMAT),
            id="a text for a place",
        ),
        pytest.param(
            *("xenia", "two_way", "accept", {"Side": "1", "Answers": 2.5}, MALFORMED, "Answers", FORMAT),
            id="a fraction for a place",
        ),
        pytest.param(
            *("xenia", "two_way", "accept", {"Side": "1", "Answers": True}, MALFORMED, "Answers", FORMAT),
            id="a boolean for a place",
        ),
        pytest.param(
            *("xenia", "two_way", "accept", {"Side": "1", "Answers": -2}, MALFORMED, "Answers", FORMAT),
            id="a negative place",
        ),
        pytest.param(
            *("xenia", "two_way", "accept", {"Side": "1", "Answers": None}, MALFORMED, "Answers", FORMAT),
            id="null for a place",
        ),
        # sides
        pytest.param(
            *("xenia", "two_way", "accept", {}, MALFORMED, "Side", MISSING),
            id="an accept of either way without Side",
        ),
        pytest.param(
            *("xenia", "two_way", "counter", {"Price": "1.0842"}, MALFORMED, "Side", MISSING),
            id="a counter-offer to either way without Side",
        ),
        pytest.param(
            *("xenia", "to_buy", "accept", {"Side": "2"}, REFUSED, "Side", OTHER),
            id="to sell what was asked for to buy",
        ),
        # prices
        pytest.param(
            *("yves", "answered", "quote", {"BidPx": "161", "OfferPx": "160"}, REFUSED, "BidPx", SPREAD),
            id="a bid above the offer",
        ),
        pytest.param(
            *("yves", "answered", "quote", {"OfferPx": "160"}, MALFORMED, "BidPx", MISSING), id="no bid"
        ),
        pytest.param(
            *("yves", "answered", "quote", {"BidPx": "160"}, MALFORMED, "OfferPx", MISSING), id="no offer"
        ),
        pytest.param(
            *("yves", "to_buy", "quote", {"BidPx": "160"}, MALFORMED, "OfferPx", MISSING),
            id="a bid for who asked to buy",
        ),
        pytest.param(
            *("yves", "answered", "quote", {"BidPx": "0", "OfferPx": "1"}, REFUSED, "BidPx", PRICE),
            id="a price of zero",
        ),
        pytest.param(
            *("yves", "answered", "quote", {"BidPx": "-1", "OfferPx": "1"}, REFUSED, "BidPx", PRICE),
            id="a negative price",
        ),
        pytest.param(
            *("yves", "answered", "quote", {"BidPx": "1", "OfferPx": "9" * 15}, REFUSED, "OfferPx", PRICE),
            id="a price too high",
        ),
        pytest.param(
            *(
                "xenia",
                "two_way",
                "counter",
                {"Side": "1", "Price": "1.12345678901"},
                MALFORMED,
                "Price",
                FORMAT,
            ),
            id="a price with too many decimals",
        ),
        pytest.param(
            *("yves", "answered", "quote"),
            {"BidPx": "1", "OfferPx": "1", "ValidUntilTime": "20260105-15:00:00"},
            *(REFUSED, "ValidUntilTime", TOO_LATE),
            id="a quote that is over already",
        ),
        # places
        pytest.param(
            *("xenia", "two_way", "accept", {"Side": "1", "Answers": 1}, CONFLICT, "Answers", UNKNOWN_QUOTE),
            id="a place that is not the last",
        ),
        pytest.param(
            *("xenia", "two_way", "accept", {"Side": "1", "Answers": 9}, CONFLICT, "Answers", UNKNOWN_QUOTE),
            id="a place that is not there",
        ),
        pytest.param(
            *("yves", "answered", "quote"),
            {"BidPx": "1", "OfferPx": "1", "Answers": 9999},
            *(CONFLICT, "Answers", UNKNOWN_QUOTE),
            id="a place that is not there in the log",
        ),
        # sense
        pytest.param(
            *("xenia", "answered", "accept", {"Side": "1"}, REFUSED, "Answers", UNKNOWN_QUOTE),
            id="an accept without a quote",
        ),
        pytest.param(
            *("yves", "two_way", "accept", {}, REFUSED, "Answers", UNKNOWN_QUOTE),
            id="an accept of one's own quote",
        ),
        pytest.param(
            *("xenia", "queued", "message", {"Text": "hello"}, REFUSED, "Answers", UNKNOWN_QUOTE),
            id="a message to nobody",
        ),
        pytest.param(
            *("yves", "two_way", "answer", {}, REFUSED, "Answers", UNKNOWN_QUOTE), id="to answer twice"
        ),
        # who
        pytest.param(
            *("xenia", "two_way", "quote", {"BidPx": "1", "OfferPx": "1"}),
            *(REFUSED, "Conversation", NOT_AUTHORIZED),
            id="a quote of the calling bank's",
        ),
        pytest.param(
            *("xenia", "queued", "answer", {}, REFUSED, "Conversation", NOT_AUTHORIZED),
            id="to answer one's own call",
        ),
        pytest.param(
            *("yves", "two_way", "counter", {"Side": "1", "Price": "1"}),
            *(REFUSED, "Conversation", NOT_AUTHORIZED),
            id="a counter-offer of the called bank's",
        ),
        pytest.param(
            *("yves", "queued", "answer", {}, REFUSED, "Conversation", NOT_AUTHORIZED),
            id="to answer a call for another terminal",
        ),
        pytest.param(
            *("yves", "queued", "pass", {}, NOT_YOURS, "Conversation", NOT_AUTHORIZED),
            id="to refuse a call without having answered it",
        ),
    ],
)
def test_a_turn_is_refused_with_its_field_and_fixs_reason(
    enterprise: Enterprise,
    talks: Talks,
    who: str,
    number: str,
    turn: str,
    asked: dict[str, Any],
    status: int,
    field: str,
    reason: Mapping[str, str],
) -> None:
    terminal, conversation = talks.who(who), talks.number(number)
    answer = terminal.attempt(turn, conversation, **asked)
    problem = expect_problem(answer, status, field, reason)
    # Whoever is refused for what the conversation has come to is shown that.
    assert ("Now" in problem) == (status != MALFORMED)
    if "Now" in problem:
        assert problem["Now"] == terminal.see(conversation)


@pytest.mark.requirement("R4")
@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("where", [("BANKX", "X2"), ("BANKY", "Y2")], ids=" ".join)
def test_only_the_two_traders_in_a_conversation_take_turns_in_it(
    enterprise: Enterprise, talks: Talks, where: tuple[str, str], turn: str
) -> None:
    colleague = Terminal(enterprise, *where)
    answer = colleague.attempt(turn, talks.two_way, **_fields(turn))
    if turn == "answer" or (where[0], turn) in (("BANKX", "quote"), ("BANKY", "counter")):
        # Nobody at all could do that, or it has been done.
        assert answer.status in (CONFLICT, REFUSED)
    else:
        expect_problem(answer, NOT_YOURS, "Conversation", NOT_AUTHORIZED)
    expect_problem(colleague.clear(talks.two_way), NOT_YOURS, "Conversation", NOT_AUTHORIZED)


@pytest.mark.requirement("R4", "R9")
@pytest.mark.parametrize(
    ("who", "turn"),
    [
        # Xenia has passed: the same again would be answered as the first time.
        *(("xenia", turn) for turn in ("accept", "counter", "message")),
        *(("yves", turn) for turn in ("answer", "quote", "accept", "message", "pass")),
    ],
)
def test_in_a_conversation_that_is_over_no_turn_is_taken(
    enterprise: Enterprise, talks: Talks, who: str, turn: str
) -> None:
    answer = talks.who(who).attempt(turn, talks.over, Answers=3, **_fields(turn))
    problem = expect_problem(answer, CONFLICT, "Conversation", TOO_LATE)
    assert problem["Now"]["Step"] == "withdrawn"


@pytest.mark.requirement("R4")
@pytest.mark.parametrize("turn", ["accept", "counter", "message"])
def test_after_the_deadline_no_turn_is_taken_though_nobody_has_said_so_yet(
    enterprise: Enterprise, talks: Talks, turn: str
) -> None:
    before = enterprise.now
    enterprise.now += timedelta(minutes=3)
    try:
        answer = talks.xenia.attempt(turn, talks.two_way, **_fields(turn))
        expect_problem(answer, CONFLICT, "Conversation", TOO_LATE)
        quote = talks.yves.attempt("quote", talks.two_way, **_fields("quote"))
        assert expect_problem(quote, CONFLICT, "Conversation", TOO_LATE)["Now"]["Overdue"]
    finally:
        enterprise.now = before


@pytest.mark.requirement("R3")
@pytest.mark.parametrize("number", ["two_way", "queued"])
def test_a_conversation_that_goes_on_is_not_cleared(
    enterprise: Enterprise, talks: Talks, number: str
) -> None:
    expect_problem(talks.xenia.clear(talks.number(number)), REFUSED, "Conversation", OTHER)


def test_a_clear_that_says_something_is_refused(enterprise: Enterprise, talks: Talks) -> None:
    answer = talks.xenia.ask("POST", f"/rfqs/{talks.over}/clear", {"Panel": 1})
    expect_problem(answer, MALFORMED, "Panel", UNDEFINED)


# Numbers


@pytest.mark.requirement("R4")
@pytest.mark.parametrize("turn", ["", *(f"/{turn}" for turn in (*TURNS, "clear"))])
@pytest.mark.parametrize(
    "number",
    [
        "17",
        "BX120260105-aaaaaaaaaaaaa",
        "bx120260105-aaaaaaaaaaaaa",
        "BX120260105-a",
        "C0120260105-aaaaaaaaaaaaa-aaaaaaaaaaaaa",
        "BANKX%23BX120260105-aaaaaaaaaaaaa",
        "%00%ff%2e%2e",
        quote(f"BX1{chr(0x662) * 8}-aaaaaaaaaaaaa"),
        "B" * 3000,
    ],
    ids=[
        "no number",
        "unknown",
        "small letters",
        "short",
        "an order's",
        "a file's",
        "escaped",
        "script",
        "long",
    ],
)
def test_a_number_that_is_none_of_the_principals_conversations_is_not_found(
    enterprise: Enterprise, talks: Talks, number: str, turn: str
) -> None:
    kind = turn.strip("/")
    body = None if kind in ("", "clear") else {"Answers": 0, **_fields(kind)}
    answer = talks.xenia.ask("POST" if turn else "GET", f"/rfqs/{number}{turn}", body)
    expect_problem(answer, UNKNOWN, "Conversation", UNKNOWN_QUOTE)


@pytest.mark.requirement("R12")
def test_another_principals_conversation_is_not_found(enterprise: Enterprise, talks: Talks) -> None:
    maia = Terminal(enterprise, "MERCURY", "M1")
    answer = maia.ask("GET", f"/rfqs/{talks.two_way}")
    expect_problem(answer, UNKNOWN, "Conversation", UNKNOWN_QUOTE)


# Bodies


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"NaN",
        b"1" * 4000,
        b'{"a": "\xff"}',
        b"[" * 4000,
        b" " * (BODY_BYTES_MAX + 1),
    ],
    ids=["empty", "not JSON", "an array", "null", "NaN", "digits", "not UTF-8", "nested", "too long"],
)
@pytest.mark.parametrize("route", ["", *(f"/{turn}" for turn in TURNS)])
def test_a_body_that_is_no_message_is_refused(
    enterprise: Enterprise, talks: Talks, route: str, body: bytes
) -> None:
    target = f"/rfqs/{talks.two_way}{route}" if route else "/rfqs"
    expect_problem(talks.xenia.ask("POST", target, body), MALFORMED, "body", FORMAT)


def test_a_field_that_is_said_twice_is_refused(enterprise: Enterprise, talks: Talks) -> None:
    body = json.dumps({"Answers": 2, "Side": "1"})[:-1].encode() + b', "Side": "2"}'
    answer = talks.xenia.ask("POST", f"/rfqs/{talks.two_way}/accept", body)
    expect_problem(answer, MALFORMED, "Side", REPEATED)


# Tokens


@pytest.mark.requirement("R1", "R12")
@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({}, id="no principal"),
        pytest.param({"principal": "", "terminal": "X1"}, id="an empty principal"),
        pytest.param({"principal": "BANKZ", "terminal": "X1"}, id="an unknown principal"),
        pytest.param({"principal": "BANKY", "terminal": "Y1"}, id="a principal of another node"),
        pytest.param({"principal": "BANKX"}, id="no terminal"),
        pytest.param({"principal": "BANKX", "terminal": "X9"}, id="an unknown terminal"),
        pytest.param({"principal": "BANKX", "terminal": "Y1"}, id="another bank's terminal"),
    ],
)
@pytest.mark.parametrize("target", ["/terminal", "/rfqs", "/rfqs/{}", "/rfqs/{}/accept", "/rfqs/{}/clear"])
def test_who_is_at_no_terminal_of_this_node_does_not_deal(
    enterprise: Enterprise, talks: Talks, target: str, claims: dict[str, str]
) -> None:
    headers = {"Authorization": f"Bearer {enterprise.token('mallory', [], **claims)}"}
    is_post = target == "/rfqs" or target.count("/") == 3
    body = None
    if is_post and "clear" not in target:
        body = talks.xenia.request("BANKY") if target == "/rfqs" else {"Answers": 2, "Side": "1"}
    method = "POST" if is_post else "GET"
    answer = enterprise.ask("bankx", method, target.format(talks.two_way), body, headers=headers)
    expect_problem(answer, NOT_YOURS, "principal", NO_DEALER)


@pytest.mark.parametrize("target", ["/terminal", "/rfqs/{}"])
def test_who_has_no_token_is_not_let_in(enterprise: Enterprise, talks: Talks, target: str) -> None:
    answer = enterprise.ask("bankx", "GET", target.format(talks.two_way), headers={"Authorization": ""})
    expect_problem(answer, 401)


# Cursors


def _cursor(content: object) -> str:
    text = content if isinstance(content, str) else json.dumps(content)
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.requirement("R3")
@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "////",
        "AAAA",
        "%C3%B6",
        "A" * 5000,
        _cursor("null"),
        _cursor([]),
        _cursor({"a": 1}),
        _cursor(["20260105-15:00:00", None]),
        _cursor(["20260105-15:00:00", None, []]),
        _cursor(["20260105-15:00:00", None, 7]),
        _cursor(["20260105-15:00:00", None, {"7": "BX120260105-aaaaaaaaaaaaa"}]),
        _cursor(["20260105-15:00:00", None, {"one": "BX120260105-aaaaaaaaaaaaa"}]),
        _cursor(["now", None, {}]),
        _cursor([7, None, {}]),
        _cursor(["00010101-00:00:00", None, {}]),
        _cursor(["20260105-15:00:00", 7, {}]),
        _cursor(["20260105-15:00:00", "~", {}]),
        _cursor(["20260105-15:00:00", "", {}]),
        _cursor(["20260105-15:00:00", "20260105-15:00:00#" + "a" * 3000, {}]),
        _cursor("[" * 3000),
        _cursor(["20260105-15:00:00", None, {"1": "a"}]) + "x" * 7,
    ],
)
def test_a_cursor_that_no_look_gave_out_is_refused(enterprise: Enterprise, talks: Talks, cursor: str) -> None:
    answer = talks.xenia.ask("GET", f"/terminal?cursor={cursor}")
    expect_problem(answer, MALFORMED, "cursor", INCORRECT)


def test_an_empty_cursor_is_refused_too(enterprise: Enterprise, talks: Talks) -> None:
    expect_problem(talks.xenia.ask("GET", "/terminal?cursor="), MALFORMED, "cursor", INCORRECT)


def _fields(turn: str) -> dict[str, Any]:
    """What a turn says that is as it should be."""
    return {
        "quote": {"BidPx": "1.0841", "OfferPx": "1.0843"},
        "counter": {"Price": "1.0842", "Side": "1"},
        "message": {"Text": "hello"},
        "accept": {"Side": "1"},
    }.get(turn, {})
