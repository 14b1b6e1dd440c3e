"""What is asked wrongly: a refusal is a problem document that says what is wrong, and writes nothing."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from chalicelib.entry.requests import BODY_BYTES_MAX
from chalicelib.records.fix import CxlRejReason, OrdRejReason
from chalicelib.records.times import format_time
from infrastructure.tokens import Issuer

from .enterprise import ISSUER, Enterprise
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
    UNAUTHORIZED,
    UNDEFINED,
    UNKNOWN,
    expect_problem,
)

QUANTITY = {"OrdRejReason": OrdRejReason.INCORRECT_QUANTITY}
INCREMENT = {"OrdRejReason": OrdRejReason.INVALID_PRICE_INCREMENT}
CHARACTERISTIC = {"OrdRejReason": OrdRejReason.UNSUPPORTED_ORDER_CHARACTERISTIC}
STALE = {"OrdRejReason": OrdRejReason.STALE_ORDER}
ACCOUNT = {"OrdRejReason": OrdRejReason.UNKNOWN_ACCOUNT}
ORDER = {"OrdRejReason": OrdRejReason.UNKNOWN_ORDER}
SYMBOL = {"OrdRejReason": OrdRejReason.UNKNOWN_SYMBOL}
DUPLICATE = {"OrdRejReason": OrdRejReason.DUPLICATE_ORDER}

ROBS = "R-9009"
REDEEM = {"Symbol": "THREEX", "Side": "2", "OrderQty": None}


@pytest.fixture(scope="module")
def entered(shared: Enterprise) -> tuple[str, str]:
    """An account and the number of its one order, which is filled."""
    shared.publish()
    account = shared.open_account()
    number = shared.enter("c1", account)
    shared.settle()
    return account, number


@pytest.fixture
def account(entered: tuple[str, str]) -> str:
    return entered[0]


@pytest.fixture
def number(entered: tuple[str, str]) -> str:
    return entered[1]


@pytest.fixture(autouse=True)
def _nothing_is_written(enterprise: Enterprise, entered: tuple[str, str]) -> Iterator[None]:
    before = enterprise.tables()
    with enterprise.counting_writes() as writes:
        yield
    assert enterprise.tables() == before
    # A refusal may cost the one conditional insert that found the ClOrdID taken.
    assert sum(writes.values()) <= 1


# An order's fields


@pytest.mark.requirement("T2")
@pytest.mark.parametrize(
    ("asked", "status", "field", "reason"),
    [
        pytest.param({"Colour": "red"}, MALFORMED, "Colour", UNDEFINED, id="an unknown field"),
        pytest.param({"Account": None}, MALFORMED, "Account", MISSING, id="no Account"),
        pytest.param({"ClOrdID": None}, MALFORMED, "ClOrdID", MISSING, id="no ClOrdID"),
        pytest.param({"Symbol": None}, MALFORMED, "Symbol", MISSING, id="no Symbol"),
        pytest.param({"Side": None}, MALFORMED, "Side", MISSING, id="no Side"),
        pytest.param({"OrdType": None}, MALFORMED, "OrdType", MISSING, id="no OrdType"),
        pytest.param({"OrderQty": None}, MALFORMED, "OrderQty", MISSING, id="no OrderQty"),
        pytest.param({"TransactTime": None}, MALFORMED, "TransactTime", MISSING, id="no TransactTime"),
        pytest.param({"ClOrdID": 7}, MALFORMED, "ClOrdID", FORMAT, id="a number for a ClOrdID"),
        pytest.param({"Symbol": ["IBM"]}, MALFORMED, "Symbol", FORMAT, id="a list for a Symbol"),
        pytest.param({"Account": {"a": "b"}}, MALFORMED, "Account", FORMAT, id="an object for an Account"),
        pytest.param({"ClOrdID": ""}, MALFORMED, "ClOrdID", INCORRECT, id="an empty ClOrdID"),
        pytest.param({"ClOrdID": "o" * 37}, MALFORMED, "ClOrdID", INCORRECT, id="a ClOrdID too long"),
        pytest.param({"ClOrdID": "a b"}, MALFORMED, "ClOrdID", INCORRECT, id="a ClOrdID with a space"),
        pytest.param({"ClOrdID": "a\n"}, MALFORMED, "ClOrdID", INCORRECT, id="a ClOrdID with a newline"),
        pytest.param({"ClOrdID": "a\x1fb"}, MALFORMED, "ClOrdID", INCORRECT, id="a ClOrdID with a control"),
        pytest.param({"ClOrdID": "ö"}, MALFORMED, "ClOrdID", INCORRECT, id="a ClOrdID beyond ASCII"),
        pytest.param({"Symbol": "ibm"}, MALFORMED, "Symbol", INCORRECT, id="a Symbol in small letters"),
        pytest.param({"Symbol": "A#B"}, MALFORMED, "Symbol", INCORRECT, id="a Symbol with a separator"),
        pytest.param({"Side": "5"}, MALFORMED, "Side", INCORRECT, id="a Side that is not offered"),
        pytest.param({"Side": 1}, MALFORMED, "Side", INCORRECT, id="a number for a Side"),
        pytest.param({"OrdType": "K"}, MALFORMED, "OrdType", INCORRECT, id="an OrdType that is not offered"),
        pytest.param({"TimeInForce": "2"}, MALFORMED, "TimeInForce", INCORRECT, id="at the opening"),
        pytest.param(
            {"TimeInForce": 1}, MALFORMED, "TimeInForce", INCORRECT, id="a number for a TimeInForce"
        ),
        pytest.param({"PossResend": "yes"}, MALFORMED, "PossResend", INCORRECT, id="PossResend in words"),
        pytest.param({"CashOrderQty": "10"}, REFUSED, "OrderQty", CHARACTERISTIC, id="two quantities"),
        pytest.param(
            {"OrderQty": None, "CashOrderQty": "0"}, REFUSED, "CashOrderQty", QUANTITY, id="no money"
        ),
        pytest.param(
            {"OrderQty": None, "CashOrderQty": "9.999"},
            REFUSED,
            "CashOrderQty",
            QUANTITY,
            id="part of a cent",
        ),
        pytest.param(
            {"OrderQty": None, "CashOrderQty": 10}, MALFORMED, "CashOrderQty", FORMAT, id="money as a number"
        ),
        pytest.param(
            {"OrderQty": None, "OrderPercent": "50"},
            REFUSED,
            "OrderPercent",
            CHARACTERISTIC,
            id="part of one's shares",
        ),
        pytest.param(
            {**REDEEM, "OrderPercent": "101"}, REFUSED, "OrderPercent", QUANTITY, id="more than all of a fund"
        ),
        pytest.param(
            {**REDEEM, "CashOrderQty": "100"}, REFUSED, "CashOrderQty", CHARACTERISTIC, id="a fund by cash"
        ),
        pytest.param(
            {"Symbol": "THREEX", "OrderQty": "1.0001"}, REFUSED, "OrderQty", QUANTITY, id="too small a unit"
        ),
        pytest.param(
            {"Symbol": "THREEX", "OrdType": "2", "Price": "10"},
            REFUSED,
            "OrdType",
            CHARACTERISTIC,
            id="a limit for a fund",
        ),
        pytest.param(
            {"Symbol": "EURUSD", "OrderQty": "0.001"}, REFUSED, "OrderQty", QUANTITY, id="part of a euro cent"
        ),
        pytest.param(
            {"Symbol": "EURUSD", "OrdType": "2", "Price": "1.084301"},
            REFUSED,
            "Price",
            INCREMENT,
            id="a sixth decimal of a pair",
        ),
        pytest.param(
            {"Symbol": "EURUSD", "OrdType": "3", "StopPx": "1.08"},
            REFUSED,
            "OrdType",
            CHARACTERISTIC,
            id="a stop in a pair",
        ),
        pytest.param({"OrdType": "3"}, MALFORMED, "StopPx", MISSING, id="a stop order without a StopPx"),
        pytest.param(
            {"OrdType": "4", "StopPx": "9"}, MALFORMED, "Price", MISSING, id="a stop limit without a Price"
        ),
        pytest.param({"StopPx": "9"}, REFUSED, "StopPx", CHARACTERISTIC, id="a market order with a StopPx"),
        pytest.param(
            {"OrdType": "3", "StopPx": "9.001"}, REFUSED, "StopPx", INCREMENT, id="part of a cent to stop at"
        ),
        pytest.param({"OrdType": "3", "StopPx": 9}, MALFORMED, "StopPx", FORMAT, id="a number for a StopPx"),
        pytest.param(
            {"OrdType": "3", "StopPx": "9", "TimeInForce": "3"},
            REFUSED,
            "TimeInForce",
            CHARACTERISTIC,
            id="a stop at once",
        ),
        pytest.param({"TimeInForce": "6"}, MALFORMED, "ExpireTime", MISSING, id="good till no date"),
        pytest.param(
            {"ExpireDate": "20260107"}, REFUSED, "ExpireTime", CHARACTERISTIC, id="a date for a day order"
        ),
        pytest.param(
            {"TimeInForce": "6", "ExpireDate": "20260104"},
            REFUSED,
            "ExpireTime",
            {"OrdRejReason": OrdRejReason.TOO_LATE_TO_ENTER},
            id="good till yesterday",
        ),
        pytest.param(
            {"TimeInForce": "6", "ExpireDate": "20270105"},
            REFUSED,
            "ExpireTime",
            {"OrdRejReason": OrdRejReason.OTHER},
            id="good for a year",
        ),
        pytest.param(
            {"TimeInForce": "6", "ExpireDate": "2026-01-07"},
            MALFORMED,
            "ExpireDate",
            FORMAT,
            id="an ISO date",
        ),
        pytest.param(
            {"TimeInForce": "6", "ExpireDate": "20260230"}, MALFORMED, "ExpireDate", FORMAT, id="no such date"
        ),
        pytest.param(
            {"TimeInForce": "6", "ExpireDate": "20260107", "ExpireTime": "20260107-10:00:00"},
            MALFORMED,
            "ExpireDate",
            INCORRECT,
            id="a date and a time",
        ),
        pytest.param({"OrderQty": 100}, MALFORMED, "OrderQty", FORMAT, id="a JSON number"),
        pytest.param({"OrderQty": 1.5}, MALFORMED, "OrderQty", FORMAT, id="a JSON number with a fraction"),
        pytest.param({"OrderQty": True}, MALFORMED, "OrderQty", FORMAT, id="a boolean for a quantity"),
        pytest.param({"OrderQty": "1e3"}, MALFORMED, "OrderQty", FORMAT, id="an exponent"),
        pytest.param({"OrderQty": "NaN"}, MALFORMED, "OrderQty", FORMAT, id="NaN"),
        pytest.param({"OrderQty": "Infinity"}, MALFORMED, "OrderQty", FORMAT, id="Infinity"),
        pytest.param({"OrderQty": ""}, MALFORMED, "OrderQty", FORMAT, id="an empty quantity"),
        pytest.param({"OrderQty": " 1"}, MALFORMED, "OrderQty", FORMAT, id="a quantity after a space"),
        pytest.param({"OrderQty": "1_000"}, MALFORMED, "OrderQty", FORMAT, id="digits in groups"),
        pytest.param(
            {"OrderQty": "\u0661\u0660"}, MALFORMED, "OrderQty", FORMAT, id="another script's digits"
        ),
        pytest.param({"OrderQty": "1\n"}, MALFORMED, "OrderQty", FORMAT, id="a quantity with a newline"),
        pytest.param({"OrderQty": "0"}, REFUSED, "OrderQty", QUANTITY, id="zero"),
        pytest.param({"OrderQty": "-100"}, REFUSED, "OrderQty", QUANTITY, id="a negative quantity"),
        pytest.param({"OrderQty": "1.5"}, REFUSED, "OrderQty", QUANTITY, id="a fraction of a share"),
        pytest.param({"OrderQty": "1000000001"}, REFUSED, "OrderQty", QUANTITY, id="too many shares"),
        pytest.param({"OrdType": "2"}, MALFORMED, "Price", MISSING, id="a limit order without a Price"),
        pytest.param({"Price": "1.00"}, REFUSED, "Price", CHARACTERISTIC, id="a market order with a Price"),
        pytest.param({"OrdType": "2", "Price": 1.5}, MALFORMED, "Price", FORMAT, id="a number for a Price"),
        pytest.param({"OrdType": "2", "Price": "1.001"}, REFUSED, "Price", INCREMENT, id="a tenth of a cent"),
        pytest.param({"OrdType": "2", "Price": "0"}, REFUSED, "Price", INCREMENT, id="a Price of zero"),
        pytest.param({"OrdType": "2", "Price": "-1"}, REFUSED, "Price", INCREMENT, id="a negative Price"),
        pytest.param(
            {"OrdType": "2", "Price": "10000000.01"}, REFUSED, "Price", INCREMENT, id="a Price too high"
        ),
        pytest.param(
            {"OrdType": "2", "Price": "1.00000000001"}, MALFORMED, "Price", FORMAT, id="too many decimals"
        ),
        pytest.param({"OrdType": "2", "Price": "1" * 16}, MALFORMED, "Price", FORMAT, id="too many digits"),
        pytest.param({"TransactTime": 1}, MALFORMED, "TransactTime", FORMAT, id="a number for a time"),
        pytest.param(
            {"TransactTime": "2026-01-05T15:00:00Z"}, MALFORMED, "TransactTime", FORMAT, id="ISO 8601"
        ),
        pytest.param(
            {"TransactTime": "20260230-15:00:00"},
            MALFORMED,
            "TransactTime",
            FORMAT,
            id="the 30th of February",
        ),
        pytest.param({"Account": ROBS}, NOT_YOURS, "Account", ACCOUNT, id="somebody else's account"),
        pytest.param({"Account": "~"}, MALFORMED, "Account", INCORRECT, id="an account no account can be"),
    ],
)
def test_an_order_is_refused_with_its_field_and_fixs_reason(
    enterprise: Enterprise,
    account: str,
    asked: dict[str, Any],
    status: int,
    field: str,
    reason: Mapping[str, str],
) -> None:
    order = {**enterprise.order(account, ClOrdID="order-2"), **asked}
    order = {name: value for name, value in order.items() if value is not None}
    expect_problem(enterprise.ask("c1", "POST", "/orders", order), status, field, reason)


@pytest.mark.requirement("T2")
@pytest.mark.parametrize(
    ("ahead", "status", "reason"),
    [
        pytest.param(timedelta(minutes=-15, seconds=-1), REFUSED, STALE, id="too old"),
        pytest.param(timedelta(minutes=1, seconds=1), MALFORMED, SENDING_TIME, id="ahead"),
    ],
)
@pytest.mark.parametrize("route", ["/orders", "/orders/{number}/cancel"])
def test_a_request_of_another_time_is_refused(
    enterprise: Enterprise,
    account: str,
    number: str,
    route: str,
    ahead: timedelta,
    status: int,
    reason: Mapping[str, str],
) -> None:
    time = format_time(enterprise.now + ahead)
    body = enterprise.order(account, ClOrdID="order-2", TransactTime=time)
    if "cancel" in route:
        body = {name: body[name] for name in ("ClOrdID", "TransactTime")}
    answer = enterprise.ask("c1", "POST", route.format(number=number), body)
    expect_problem(answer, status, "TransactTime", reason)


@pytest.mark.requirement("T2", "T10")
@pytest.mark.parametrize(
    "other",
    [{"OrderQty": "200"}, {"Side": "2"}, {"Symbol": "MSFT"}, {"OrdType": "2", "Price": "1.00"}],
    ids=lambda other: " ".join(other),
)
def test_a_cl_ord_id_again_with_other_terms_is_a_conflict(
    enterprise: Enterprise, account: str, number: str, other: dict[str, str]
) -> None:
    answer = enterprise.ask("c1", "POST", "/orders", enterprise.order(account, **other))
    assert number in expect_problem(answer, CONFLICT, "ClOrdID", DUPLICATE)["detail"]


# Bodies


@pytest.mark.requirement("T2")
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="not JSON"),
        pytest.param(b"[]", id="an array"),
        pytest.param(b'"text"', id="a text"),
        pytest.param(b"null", id="null"),
        pytest.param(b"NaN", id="NaN"),
        pytest.param(b"1" * 4000, id="a number of four thousand digits"),
        pytest.param(b'{"Account": "\xff"}', id="invalid UTF-8"),
        pytest.param("{}".encode("utf-16"), id="UTF-16"),
        pytest.param(b"[" * 4000, id="deeply nested arrays"),
        pytest.param(b'{"a": "' + b"x" * BODY_BYTES_MAX + b'"}', id="over the limit"),
    ],
)
@pytest.mark.parametrize("route", ["/orders", "/orders/{number}/cancel"])
def test_a_body_that_is_no_message_is_refused(
    enterprise: Enterprise, number: str, route: str, body: bytes
) -> None:
    answer = enterprise.ask("c1", "POST", route.format(number=number), body)
    expect_problem(answer, MALFORMED, "body", FORMAT)


@pytest.mark.requirement("T2")
def test_a_deeply_nested_body_is_refused_for_what_it_does_not_say(enterprise: Enterprise) -> None:
    body = b'{"a":' * 600 + b"1" + b"}" * 600
    expect_problem(enterprise.ask("c1", "POST", "/orders", body), MALFORMED, "Account", MISSING)


@pytest.mark.requirement("T2")
def test_a_field_that_is_said_twice_is_refused(enterprise: Enterprise, account: str) -> None:
    order = json.dumps(enterprise.order(account, ClOrdID="order-2"))
    body = order[:-1].encode() + b', "OrderQty": "1"}'
    expect_problem(enterprise.ask("c1", "POST", "/orders", body), MALFORMED, "OrderQty", REPEATED)


@pytest.mark.requirement("T2")
def test_a_body_that_is_far_too_long_is_not_read(enterprise: Enterprise) -> None:
    answer = enterprise.ask("c1", "POST", "/orders", b" " * 17 * BODY_BYTES_MAX)
    expect_problem(answer, 413)
    assert answer.headers.get("Connection") == "close"


@pytest.mark.requirement("T2")
def test_a_body_of_another_media_type_is_refused(enterprise: Enterprise, account: str) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = enterprise.ask("c1", "POST", "/orders", enterprise.order(account), headers=headers)
    expect_problem(answer, 415)


# Cancels


@pytest.mark.requirement("T2")
def test_a_cancel_with_its_orders_cl_ord_id_is_refused(enterprise: Enterprise, number: str) -> None:
    body = {"ClOrdID": "order-1", "TransactTime": format_time(enterprise.now)}
    answer = enterprise.ask("c1", "POST", f"/orders/{number}/cancel", body)
    expect_problem(answer, REFUSED, "ClOrdID", {"CxlRejReason": CxlRejReason.DUPLICATE_CL_ORD_ID})


@pytest.mark.requirement("T2")
@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({"TransactTime": "20260105-15:00:00"}, "ClOrdID", MISSING),
        ({"ClOrdID": "cancel-1"}, "TransactTime", MISSING),
        ({"ClOrdID": "cancel-1", "TransactTime": "20260105-15:00:00", "Symbol": "IBM"}, "Symbol", UNDEFINED),
        ({"ClOrdID": "cancel-1", "TransactTime": "now"}, "TransactTime", FORMAT),
    ],
    ids=["no ClOrdID", "no TransactTime", "an unknown field", "a malformed time"],
)
def test_a_cancel_is_refused_with_its_field_and_fixs_reason(
    enterprise: Enterprise, number: str, body: dict[str, str], field: str, reason: Mapping[str, str]
) -> None:
    answer = enterprise.ask("c1", "POST", f"/orders/{number}/cancel", body)
    expect_problem(answer, MALFORMED, field, reason)


# Numbers


@pytest.mark.requirement("T3", "T10")
@pytest.mark.parametrize(
    ("method", "route"),
    [("GET", "/orders/{}"), ("GET", "/orders/{}/records"), ("POST", "/orders/{}/cancel")],
    ids=["status", "audit trail", "cancel"],
)
@pytest.mark.parametrize(
    "wrong",
    [
        "malformed",
        "in digits of another script",
        "in small letters",
        "too long",
        "escaped",
        "unknown",
        "unknown here",
        "somebody else's",
    ],
)
def test_a_number_that_is_none_of_the_callers_orders_is_not_found(
    enterprise: Enterprise, number: str, method: str, route: str, wrong: str
) -> None:
    headers = {}
    asked = number
    match wrong:
        case "malformed":
            asked = "17"
        case "in small letters":
            asked = number.lower()
        case "in digits of another script":
            asked = quote(f"C02{chr(0x662) * 8}{number[11:]}")
        case "too long":
            asked = number * 100
        case "escaped":
            asked = "%00%ff%2e%2e"
        case "unknown":
            # Of this utility's own code and the caller's account, but never given out.
            asked = number[:-13] + "a" * 13
        case "unknown here":
            asked = "C01" + "20250101" + number[11:]
        case "somebody else's":
            headers = {"Authorization": f"Bearer {enterprise.token('rob', [ROBS])}"}
    body = {"ClOrdID": "cancel-9", "TransactTime": format_time(enterprise.now)}
    answer = enterprise.ask(
        "c1", method, route.format(asked), body if method == "POST" else None, headers=headers
    )
    expect_problem(answer, UNKNOWN, "OrderID", ORDER)


# Queries


@pytest.mark.requirement("T3")
@pytest.mark.parametrize("limit", ["0", "-1", "101", "ten", "1.5", "", "²", "\u0665", "9" * 5000])
def test_a_page_of_an_impossible_length_is_refused(enterprise: Enterprise, account: str, limit: str) -> None:
    answer = enterprise.ask("c1", "GET", f"/orders?Account={account}&limit={quote(limit)}")
    expect_problem(answer, MALFORMED, "limit", INCORRECT)


@pytest.mark.requirement("T3")
@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "////",
        "AAAA",
        "%C3%B6",
        "MTIzHzQ1Nh83ODkfMA==",  # four parts
        "Hx8=",  # three empty parts
        "MjAyNjAxMDUfeB95",  # a day, and a time that is none
        "_____________w==",  # not UTF-8
        "A" * 5000,
    ],
)
def test_a_cursor_that_no_page_gave_out_is_refused(enterprise: Enterprise, account: str, cursor: str) -> None:
    answer = enterprise.ask("c1", "GET", f"/orders?Account={account}&cursor={cursor}")
    expect_problem(answer, MALFORMED, "cursor", INCORRECT)


@pytest.mark.requirement("T3")
@pytest.mark.parametrize("route", ["/orders", "/balances", "/positions", "/account"])
def test_an_inquiry_about_somebody_elses_account_is_refused(enterprise: Enterprise, route: str) -> None:
    expect_problem(enterprise.ask("c1", "GET", f"{route}?Account={ROBS}"), NOT_YOURS, "Account", ACCOUNT)


@pytest.mark.requirement("T3")
@pytest.mark.parametrize("route", ["/orders", "/balances", "/positions", "/account"])
def test_who_has_several_accounts_has_to_name_one(enterprise: Enterprise, route: str) -> None:
    expect_problem(enterprise.ask("c1", "GET", route), MALFORMED, "Account", MISSING)


@pytest.mark.requirement("T3")
@pytest.mark.parametrize("symbol", ["NOPE", "ibm", "%20", "I" * 3000])
def test_market_data_of_an_unknown_symbol_is_not_found(enterprise: Enterprise, symbol: str) -> None:
    expect_problem(enterprise.ask("c1", "GET", f"/market-data/{symbol}"), UNKNOWN, "Symbol", SYMBOL)


# Tokens


@pytest.mark.requirement("T3")
@pytest.mark.parametrize(
    "wrong",
    ["none", "empty", "expired", "tampered", "of another enterprise", "of another issuer", "another's key"],
)
@pytest.mark.parametrize(("method", "route"), [("POST", "/orders"), ("GET", "/orders")])
def test_who_has_no_token_that_holds_is_not_let_in(
    enterprise: Enterprise, account: str, method: str, route: str, wrong: str
) -> None:
    token = enterprise.token("ada", [account])
    match wrong:
        case "none":
            header = ""
        case "empty":
            header = "Bearer"
        case "expired":
            yesterday = datetime.now(UTC) - timedelta(days=1)
            header = f"Bearer {enterprise.token('ada', [account], now=yesterday)}"
        case "tampered":
            head, _, signature = token.split(".")
            claims = enterprise.token("ada", [account, ROBS]).split(".")[1]
            header = f"Bearer {head}.{claims}.{signature}"
        case "of another enterprise":
            header = f"Bearer {enterprise.token('ada', [account], audience='other')}"
        case "of another issuer":
            header = f"Bearer {enterprise.token('ada', [account], issuer='https://other.invalid')}"
        case _:
            forged = Issuer.generated().token(
                "ada",
                [account],
                audience="demo",
                issuer=ISSUER,
                now=datetime.now(UTC),
                lifetime=timedelta(hours=1),
            )
            header = f"Bearer {forged}"
    body = enterprise.order(account, ClOrdID="order-2") if method == "POST" else None
    answer = enterprise.ask("c1", method, route, body, headers={"Authorization": header})
    expect_problem(answer, UNAUTHORIZED)
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.requirement("T3")
def test_a_token_without_accounts_sees_nobodys_orders(enterprise: Enterprise, number: str) -> None:
    headers = {"Authorization": f"Bearer {enterprise.token('nobody', [])}"}
    expect_problem(
        enterprise.ask("c1", "GET", f"/orders/{number}", headers=headers), UNKNOWN, "OrderID", ORDER
    )


# Routes


@pytest.mark.requirement("T3")
@pytest.mark.parametrize("target", ["/", "/nothing", "/orders/1/2/3", "/health/more"])
@pytest.mark.parametrize("authorization", ["Bearer x", ""], ids=["with a token", "without"])
def test_an_unknown_route_is_not_found(enterprise: Enterprise, target: str, authorization: str) -> None:
    answer = enterprise.ask("c1", "GET", target, headers={"Authorization": authorization})
    expect_problem(answer, UNKNOWN)


@pytest.mark.requirement("T3", "T11")
@pytest.mark.parametrize(
    ("method", "target"),
    [("PUT", "/orders"), ("DELETE", "/orders/1"), ("PATCH", "/orders/1"), ("POST", "/health")],
)
def test_a_method_that_a_route_does_not_have_is_refused(
    enterprise: Enterprise, method: str, target: str
) -> None:
    answer = enterprise.ask("c1", method, target)
    expect_problem(answer, 405)
    assert answer.headers["Allow"]
