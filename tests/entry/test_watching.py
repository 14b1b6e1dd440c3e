"""What operators see: a correlation id that goes through every hop, lines of JSON, and metrics in them."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bench.wire import environment
from chalicelib.entry.logs import JsonLines, write_json_lines
from chalicelib.entry.watching import HEADER

from .enterprise import Enterprise
from .listening import listening
from .terminals import Terminal, quoted

Line = dict[str, Any]


class Lines(JsonLines):
    """What has been logged, line by line, as it would be read."""

    def __init__(self) -> None:
        self.written: list[str] = []
        super().__init__(self.written.append, utility="nobody")

    def __iter__(self) -> Iterator[Line]:
        return map(json.loads, self.written)

    def of(self, function: str, **said: object) -> list[Line]:
        return [
            line
            for line in self
            if line.get("function") == function and said.items() <= {**line, **_dimensions(line)}.items()
        ]


def _dimensions(line: Line) -> dict[str, str]:
    names = [
        name for made in line.get("_aws", {}).get("CloudWatchMetrics", ()) for name in made["Dimensions"][0]
    ]
    return {name: line[name] for name in names}


@pytest.fixture
def lines(enterprise: Enterprise) -> Iterator[Lines]:
    """The lines of the product meanwhile."""
    kept = Lines()
    with listening(kept):
        yield kept


def _asked(enterprise: Enterprise, account: str, correlation_id: str, **asked: str) -> tuple[str, str]:
    """An order entered at c1: its number, and what the answer says its request is called."""
    answer = enterprise.ask(
        "c1", "POST", "/orders", enterprise.order(account, **asked), headers={HEADER: correlation_id}
    )
    assert answer.status == 201, answer
    return answer.json["OrderID"], answer.headers[HEADER]


def _kinds(enterprise: Enterprise, utility: str, correlation_id: str) -> set[str]:
    """Which kinds of records a utility has of a request."""
    tables = enterprise.plan.tables(enterprise.plan.utility(utility))
    items = [item for table in tables for item in enterprise.items(table).values()]
    return {item["RecordType"] for item in items if item.get("CorrelationID") == correlation_id}


# The correlation id


def test_a_correlation_id_goes_from_a_request_to_the_reports_and_postings_at_every_utility(
    enterprise: Enterprise, account: str, lines: Lines
) -> None:
    number, answered = _asked(enterprise, account, "web-1")
    assert answered == "web-1"
    enterprise.settle()
    street = enterprise.sequence(number)[0]
    for customer in ("c1", "c2"):
        assert _kinds(enterprise, customer, "web-1") == {"Placed", "ExecutionReport", "Posting"}
    assert _kinds(enterprise, street, "web-1") == {"Placed", "Claim", "ExecutionReport", "Posting"}
    assert _kinds(enterprise, "firm", "web-1") == {"Placed", "ExecutionReport", "Posting"}

    (request,) = lines.of("api_handler", CorrelationID="web-1")
    assert (request["utility"], request["OrderID"]) == ("c1", number)
    reacted = lines.of("react", CorrelationID="web-1")
    assert {(line["utility"], line["UseCase"]) for line in reacted} == {
        ("c1", "react to Placed"),
        (street, "react to Placed"),
        (street, "react to Claim"),
        (street, "react to ExecutionReport"),
        ("firm", "react to ExecutionReport"),
    }
    assert {line["OrderID"] for line in reacted} == {number}
    copied = [line for line in lines.of("replicate") if "web-1" in line.get("CorrelationIDs", ())]
    assert {line["utility"] for line in copied} == {"c1", street, "firm"}


def test_what_answers_a_cancel_is_named_after_the_cancel_and_not_after_its_order(
    enterprise: Enterprise, account: str
) -> None:
    number, _ = _asked(enterprise, account, "web-2", OrdType="2", Price="1.00")
    enterprise.settle()
    body = {"ClOrdID": "cancel-1", "TransactTime": enterprise.order(account)["TransactTime"]}
    enterprise.ask("c2", "POST", f"/orders/{number}/cancel", body, headers={HEADER: "web-3"})
    enterprise.settle()
    assert _kinds(enterprise, "c1", "web-2") == {"Placed", "ExecutionReport"}
    assert _kinds(enterprise, "c1", "web-3") == {"CancelRequested", "ExecutionReport"}
    (canceled,) = [
        item for item in enterprise.items("demo-c1-street").values() if item.get("CorrelationID") == "web-3"
    ]
    assert canceled["ExecType"] == "4"


def test_what_a_trader_does_is_named_at_the_other_bank_and_shown_at_no_terminal(
    enterprise: Enterprise,
) -> None:
    xenia, yves = Terminal(enterprise, "BANKX", "X1"), Terminal(enterprise, "BANKY", "Y1")
    number = quoted(xenia, yves)
    answers = xenia.see(number)["Answers"]
    headers = {**xenia.headers, HEADER: "dealing-1"}
    accepted = enterprise.ask(
        "bankx", "POST", f"/rfqs/{number}/accept", {"Answers": answers, "Side": "1"}, headers=headers
    )
    assert accepted.headers[HEADER] == "dealing-1"
    enterprise.settle()
    came_of_it = {"Message", "Turn", "Ticket", "ExecutionReport"}
    assert _kinds(enterprise, "bankx", "dealing-1") == came_of_it | {"Asked"}
    assert _kinds(enterprise, "banky", "dealing-1") == came_of_it
    assert "dealing-1" not in json.dumps([xenia.see(number), yves.see(number), xenia.look(), yves.look()])


@pytest.mark.parametrize("given", ["", "x" * 37, "two words", "web-\u00fc"], ids=ascii)
def test_a_correlation_id_that_is_not_well_formed_is_replaced_by_the_requests_own(
    enterprise: Enterprise, account: str, lines: Lines, given: str
) -> None:
    answer = enterprise.ask("c1", "POST", "/orders", enterprise.order(account), headers={HEADER: given})
    own = answer.headers[HEADER]
    assert (len(own), answer.json["CorrelationID"]) == (36, own)
    (line,) = lines.of("api_handler")
    assert (line["CorrelationID"], "given" in line) == (own, bool(given))


def test_two_requests_that_say_nothing_have_two_names(enterprise: Enterprise) -> None:
    named = {enterprise.ask("c1", "GET", "/health", headers={HEADER: ""}).headers[HEADER] for _ in range(2)}
    assert len(named) == 2


# Lines


def test_every_request_and_every_call_of_a_function_is_one_line_with_what_it_came_to(
    enterprise: Enterprise, account: str, lines: Lines
) -> None:
    number = enterprise.enter("c1", account)
    enterprise.get("c2", "/health")
    enterprise.ask("c1", "GET", "/orders/NOPE", headers={HEADER: "web-4"})
    asked = [(line["method"], line["path"], line["status"]) for line in lines.of("api_handler")]
    assert asked == [("POST", "/orders", 201), ("GET", "/health", 200), ("GET", "/orders/{number}", 404)]
    refused = lines.of("api_handler")[-1]
    assert (refused["OrderID"], refused["CorrelationID"], refused["level"]) == ("NOPE", "web-4", "INFO")

    headers = {"Authorization": "Bearer nothing"}
    assert enterprise.ask("c1", "GET", "/account", headers=headers).status == 401
    assert [line.get("problem") for line in lines.of("bearer")] == [None, None, "Not enough segments"]

    enterprise.turn("c1", "replicate@demo-c1-customer")
    (call,) = lines.of("replicate", UseCase="replicate")
    assert (call["utility"], call["records"], call["Failures"]) == ("c1", 1, 0)
    for line in lines:
        assert {"level", "time", "utility", "function", "message"} <= line.keys()
        assert line["time"].endswith("Z")
        assert line["utility"] in enterprise.here
    assert number in json.dumps(list(lines))


def test_what_fails_is_an_error_with_its_exception_on_the_line_and_what_it_was_about(
    enterprise: Enterprise, account: str, lines: Lines
) -> None:
    number = enterprise.enter("c1", account)
    enterprise.stopped.add("firm")
    enterprise.settle()
    (record,) = enterprise.take("firm", "react@demo-firm-street")
    del record["dynamodb"]["NewImage"]["LastQty"]
    enterprise.call("firm", "react", {"Records": [record]})
    failed = lines.of("react", utility="firm", level="ERROR", OrderID=number)
    assert [line["message"] for line in failed] == [
        "react to ExecutionReport failed",
        f"failed: {record['eventID']}",
    ]
    assert "AssertionError" in failed[1]["exception"]
    assert all(line.endswith("\n") and "\n" not in line[:-1] for line in lines.written)
    (call,) = lines.of("react", utility="firm", UseCase="react")
    assert (call["records"], call["Failures"]) == (1, 1)


_ASKED = {
    "type": "TOKEN",
    "methodArn": "arn:aws:execute-api:r:1:a/api/GET/account",
    "authorizationToken": "?",
}


@pytest.mark.parametrize(
    ("module", "function", "event"),
    [("streams", "replicate", {"Records": []}), ("common", "bearer", _ASKED)],
    ids=["replicate", "bearer"],
)
def test_a_function_logs_json_lines_though_nothing_of_it_imports_the_app(
    module: str, function: str, event: Any
) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", f"from chalicelib.entry.{module} import {function} as f; f({event!r}, None)"],
        env=environment("s1"),
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    (line,) = map(json.loads, ran.stdout.splitlines())
    assert (line["utility"], line["function"], line["UseCase"]) == ("s1", function, function), ran.stderr


def test_a_function_looks_for_garbage_from_its_first_call_on_and_other_processes_always() -> None:
    told = environment("s1")
    elsewhere = {name: value for name, value in told.items() if not name.startswith("AWS_LAMBDA")}
    enabled = "print(gc.isenabled(), file=sys.stderr)"
    call = "streams.replicate({'Records': []}, None)"
    called = f"import gc, sys; from chalicelib.entry import streams; {enabled}; {call}; {enabled}"
    for environment_of, expected in ((told, ["False", "True"]), (elsewhere, ["True", "True"])):
        ran = subprocess.run(
            [sys.executable, "-c", called],
            env=environment_of,
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.stderr.split() == expected


def test_a_process_logs_json_lines_alone(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in ("chalicelib", "infrastructure")}
    try:
        write_json_lines(utility="c9")
        logging.getLogger("chalicelib.entry").info("two\nlines")
        logging.getLogger("botocore").info("not said")
        logging.getLogger("elsewhere").warning("of %s", "others")
    finally:
        root.handlers[0].close()
        root.handlers[:], root.level = before
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["level"], line["utility"], line["message"]) for line in said] == [
        ("INFO", "c9", "two\nlines"),
        ("WARNING", "c9", "of others"),
    ]


# Metrics


def _expect_metrics(line: Line, *dimensions: str) -> None:
    """That CloudWatch will take a line for the metrics that it has: as the format prescribes."""
    (described,) = line["_aws"]["CloudWatchMetrics"]
    assert described["Namespace"] == "Threeside/demo"
    assert described["Dimensions"] == [list(dimensions)]
    assert all(isinstance(line[name], str) for name in dimensions)
    assert all(isinstance(line[made["Name"]], (int, float)) for made in described["Metrics"])
    assert isinstance(line["_aws"]["Timestamp"], int)


def test_a_use_case_counts_its_calls_their_duration_and_failures(
    enterprise: Enterprise, account: str, lines: Lines
) -> None:
    enterprise.enter("c1", account)
    enterprise.down.add("c1")
    assert enterprise.ask("c1", "POST", "/orders", enterprise.order(account, ClOrdID="o-2")).status == 503
    counted = lines.of("api_handler", UseCase="POST /orders")
    assert [line["Failures"] for line in counted] == [0, 1]
    for line in counted:
        _expect_metrics(line, "Utility", "UseCase")
        assert line["Duration"] > 0


def test_a_link_counts_what_was_copied_parked_and_repaired_and_how_old_it_was(
    enterprise: Enterprise, account: str, lines: Lines
) -> None:
    enterprise.down.add("c2")
    enterprise.enter("c1", account)
    enterprise.now += timedelta(seconds=7)
    enterprise.turn("c1", "replicate@demo-c1-customer")
    (parked,) = lines.of("replicate", Link="customer-c2")
    assert (parked["Copied"], parked["Parked"], "Age" in parked) == (0, 1, False)
    (copied,) = lines.of("replicate", Link="customer-firm")
    assert (copied["Copied"], copied["Parked"], copied["Age"]) == (1, 0, 7000)

    enterprise.recover()
    enterprise.now += timedelta(seconds=60)
    enterprise.hand_over("c1", "parked-c2")
    (repaired,) = lines.of("retry", Link="customer-c2")
    assert (repaired["Repaired"], repaired["Age"]) == (1, 67000)
    for line in (parked, copied, repaired):
        _expect_metrics(line, "Utility", "Link")
        assert line["Utility"] == "c1"
