"""The routes as they are described: all of them, by schemas that the running app agrees with."""

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from chalicelib.entry import page
from chalicelib.entry.description import PATH

from .enterprise import APP, Enterprise
from .terminals import Terminal


@pytest.fixture
def described(enterprise: Enterprise) -> Any:
    answer = enterprise.ask("c1", "GET", PATH, headers={"Authorization": ""})
    assert answer.status == 200
    return answer.json


def validator(described: Any, name: str) -> Draft202012Validator:
    return Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": described["components"]}
    )


def path_of(described: Any, operation: str) -> tuple[str, str]:
    """The method and path of an operation."""
    for path, methods in described["paths"].items():
        for method, found in methods.items():
            if found["operationId"] == operation:
                return method.upper(), path
    raise AssertionError(operation)


def follow(described: Any, operation: str, link: str, answer: Any) -> tuple[str, str]:
    """Where a link leads to from an operation's answer."""
    method, path = path_of(described, operation)
    links = described["paths"][path][method.lower()]["responses"]["2XX"]["links"]
    (pointer,) = links[link]["parameters"].values()
    field = pointer.removeprefix("$response.body#/")
    to_method, to_path = path_of(described, links[link]["operationId"])
    return to_method, re.sub(r"{number}", answer[field], to_path)


def test_it_is_openapi_of_exactly_the_routes_there_are(described: Any) -> None:
    assert described["openapi"] == "3.1.0"
    routes = {
        (path, method.lower())
        for path, methods in APP.routes.items()
        for method in methods
        if not path.startswith(page.PATH)
    }
    assert routes == {(path, method) for path, methods in described["paths"].items() for method in methods}
    operations = [o["operationId"] for methods in described["paths"].values() for o in methods.values()]
    assert len(operations) == len(set(operations))
    for schema in described["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_what_needs_no_token_is_said_to_need_none(enterprise: Enterprise, described: Any) -> None:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            target = path.replace("{number}", "N").replace("{symbol}", "IBM")
            answer = enterprise.ask("c1", method.upper(), target, headers={"Authorization": ""})
            assert (answer.status == 401) is ("security" in operation), path


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"OrdType": "4", "Price": "1.00", "StopPx": "2.00", "TimeInForce": "6", "ExpireDate": "20260110"},
        {"OrderQty": None, "CashOrderQty": "500.00", "PossResend": "Y"},
    ],
)
def test_what_the_schema_takes_the_app_takes(
    enterprise: Enterprise, account: str, described: Any, asked: dict[str, str]
) -> None:
    order = enterprise.order(account, **asked)
    validator(described, "NewOrderSingle").validate(order)
    assert enterprise.ask("c1", "POST", "/orders", order).status == 201


@pytest.mark.parametrize(
    "asked",
    [
        {"OrderQty": 100},
        {"OrderQty": "1e3"},
        {"Side": "5"},
        {"Symbol": "ibm"},
        {"TransactTime": "2026-01-05T15:00:00Z"},
        {"Colour": "red"},
        {"Account": None},
        {"ExpireDate": "2026-01-10"},
    ],
)
def test_what_the_schema_does_not_take_the_app_refuses(
    enterprise: Enterprise, account: str, described: Any, asked: dict[str, Any]
) -> None:
    order = enterprise.order(account, **asked)
    assert not validator(described, "NewOrderSingle").is_valid(order)
    refused = enterprise.ask("c1", "POST", "/orders", order)
    assert refused.status == 400
    validator(described, "Problem").validate(refused.json)


def test_links_lead_from_an_order_to_its_state_and_its_cancel(
    enterprise: Enterprise, account: str, described: Any
) -> None:
    placed = enterprise.ask("c1", "POST", "/orders", enterprise.order(account, OrdType="2", Price="1.00"))
    method, path = follow(described, "post_order", "get_order", placed.json)
    assert enterprise.ask("c1", method, path).json["OrderID"] == placed.json["OrderID"]
    method, path = follow(described, "post_order", "post_cancel", placed.json)
    cancel = {"ClOrdID": "cancel-1", "TransactTime": placed.json["OrigTime"]}
    validator(described, "OrderCancelRequest").validate(cancel)
    assert enterprise.ask("c1", method, path, cancel).status == 202


def test_every_body_has_an_example_that_its_schema_takes(described: Any) -> None:
    shown = 0
    for methods in described["paths"].values():
        for operation in methods.values():
            for body in operation.get("requestBody", {}).get("content", {}).values():
                validator(described, body["schema"]["$ref"].rpartition("/")[2]).validate(body["example"])
                shown += 1
    assert shown == len(described["components"]["schemas"]) - len(("Answer", "Problem"))


def test_the_example_of_an_order_can_be_sent_as_it_is(
    enterprise: Enterprise, account: str, described: Any
) -> None:
    example = described["paths"]["/orders"]["post"]["requestBody"]["content"]["application/json"]["example"]
    placed = enterprise.ask("c1", "POST", "/orders", {**example, "Account": account})
    assert placed.status == 201
    enterprise.settle()
    method, path = path_of(described, "post_cancel")
    content = described["paths"][path][method.lower()]["requestBody"]["content"]
    cancel = content["application/json"]["example"]
    target = path.replace("{number}", placed.json["OrderID"])
    assert enterprise.ask("c1", method, target, cancel).status == 202


def test_links_lead_from_a_call_to_its_conversation(enterprise: Enterprise, described: Any) -> None:
    xenia = Terminal(enterprise, "BANKX", "X1")
    request = xenia.request("BANKY")
    validator(described, "QuoteRequestMessage").validate(request)
    called = xenia.ask("POST", "/rfqs", request)
    method, path = follow(described, "post_rfq", "get_rfq", called.json)
    assert xenia.ask(method, path).json["Conversation"] == called.json["Conversation"]
