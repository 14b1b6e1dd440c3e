"""What could not be handled, found where it lies, and handled again."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from chalicelib.enterprise import Holding
from chalicelib.records.record import Item
from chalicelib.tables.attributes import encode
from infrastructure.again import StreamRecord, arrived, inserted
from infrastructure.aside import AsideQueue, FailedHere, FailedOnAWS
from infrastructure.deployment.cloud import Cloud
from infrastructure.engine import client
from tests.entry.conftest import aws as aws
from tests.entry.enterprise import REGION, Enterprise

ITEM = {"pk": "p", "sk": "s", "RecordType": "Placed"}
OTHER = {"pk": "p", "sk": "t", "RecordType": "Placed"}


@pytest.fixture(scope="module")
def shared(aws: None, tmp_path_factory: pytest.TempPathFactory) -> Enterprise:
    return Enterprise(tmp_path_factory.mktemp("enterprise"))


@pytest.fixture
def enterprise(shared: Enterprise) -> Iterator[Enterprise]:
    shared.publish()
    yield shared
    shared.recover()


class Functions:
    """Functions that note what they are called with; they fail on some items."""

    def __init__(self, *failing: Item) -> None:
        self.called: list[tuple[str, StreamRecord]] = []
        self._failing = [encode(item) for item in failing]

    def __call__(self, function: str, record: StreamRecord) -> bool:
        self.called.append((function, record))
        return record["dynamodb"]["NewImage"] not in self._failing


def queue_of(enterprise: Enterprise, utility: str) -> AsideQueue:
    return AsideQueue(enterprise.plan, enterprise.plan.utility(utility), client("sqs", None))


@pytest.mark.requirement("T17")
def test_what_could_not_be_read_is_handled_once_it_can_be(enterprise: Enterprise) -> None:
    """As after an upgrade: what was unreadable for a version is an order for the next."""
    account = enterprise.open_account()
    enterprise.stopped.update(("s1", "s2"))
    number = enterprise.enter("c1", account)
    (placed,) = enterprise.items(enterprise.plan.table("c1", Holding.CUSTOMER)).values()
    enterprise.settle()
    street = enterprise.sequence(number)[0]
    (arrival,) = enterprise.take(street, f"react@demo-{street}-inbox")
    assert arrival["dynamodb"]["NewImage"] == encode(placed)
    body = {"reason": "unknown RecordType 'Placed'", "item": placed}
    here = enterprise.here[street]
    here.queue("aside").send(json.dumps(body))
    enterprise.stopped.clear()
    aside = queue_of(enterprise, street)
    (found,) = aside.find()
    assert (found.function, found.reason, found.item) == ("react", body["reason"], placed)

    aside.handle_again(
        lambda function, record: (
            not enterprise.call(street, function, {"Records": [record]})["batchItemFailures"]
        )
    )
    enterprise.settle()
    assert list(aside.find()) == []
    assert enterprise.get("c2", f"/orders/{number}")["OrdStatusName"] == "Filled"


@pytest.mark.requirement("T17")
def test_what_still_cannot_be_handled_stays(enterprise: Enterprise) -> None:
    here = enterprise.here["c1"]
    for item in (ITEM, OTHER):
        here.queue("aside").send(json.dumps({"reason": "why", "item": item}))
    aside = queue_of(enterprise, "c1")
    # Looking does not take it away.
    assert len(list(aside.find())) == len(list(aside.find())) == 2
    aside.handle_again(Functions(OTHER))
    # It is out of sight for a minute, as a message is that was received.
    assert enterprise.waiting("c1", "aside") == 1


@pytest.mark.requirement("T17")
def test_what_failed_too_often_here_is_handled_by_the_function_that_failed(tmp_path: Path) -> None:
    lines = [json.dumps(inserted(encode(item))) + "\n" for item in (ITEM, OTHER)]
    (tmp_path / "replicate@demo-c1-customer.aside.jsonl").write_text("".join(lines))
    failed = FailedHere(tmp_path)
    assert [found.item for found in failed.find()] == [ITEM, OTHER]
    functions = Functions(OTHER)
    failed.handle_again(functions)
    assert functions.called == [("replicate", inserted(encode(item))) for item in (ITEM, OTHER)]
    assert [found.item for found in failed.find()] == [OTHER]
    # What fails meanwhile is added, and what was left is not lost.
    (tmp_path / "replicate@demo-c1-customer.aside.jsonl").write_text(lines[0])
    failed.handle_again(Functions(ITEM, OTHER))
    assert [found.item for found in failed.find()] in ([ITEM, OTHER], [OTHER, ITEM])
    failed.handle_again(Functions())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.requirement("T17")
def test_what_failed_too_often_on_aws_is_in_the_bucket_whole(enterprise: Enterprise) -> None:
    storage = boto3.client("s3", region_name=REGION)
    bucket = f"demo-c1-failures-123456789012-{REGION}"
    storage.create_bucket(Bucket=bucket)
    function = "arn:aws:lambda:us-east-1:123456789012:function:demo-c1-replicate"
    told = {
        "requestContext": {"functionArn": function, "condition": "RetryAttemptsExhausted"},
        "payload": json.dumps({"Records": [inserted(encode(item)) for item in (ITEM, OTHER)]}),
    }
    key = "aws/lambda/11111111-2222/2026/01/05/2026-01-05T15.00.00-33333333"
    storage.put_object(Bucket=bucket, Key=key, Body=json.dumps(told))
    failed = FailedOnAWS(enterprise.plan, enterprise.plan.utility("c1"), Cloud())
    assert [(found.function, found.item) for found in failed.find()] == [
        ("replicate", ITEM),
        ("replicate", OTHER),
    ]
    failed.handle_again(Functions(OTHER))
    assert len(list(failed.find())) == 2
    failed.handle_again(Functions())
    assert list(failed.find()) == []


@pytest.mark.requirement("T17", "T12")
def test_a_utility_reacts_again_to_what_its_stream_did_not_tell_it(enterprise: Enterprise) -> None:
    account = enterprise.open_account()
    number = enterprise.enter("c1", account)
    street = enterprise.sequence(number)[0]
    enterprise.turn("c1", "react@demo-c1-customer")
    lost = enterprise.take(street, f"react@demo-{street}-inbox")
    assert lost
    enterprise.settle()
    assert enterprise.get("c1", f"/orders/{number}")["OrdStatusName"] == "PendingNew"
    plan, utility = enterprise.plan, enterprise.plan.utility(street)

    def react(**which: Any) -> int:
        records = list(arrived(plan, utility, client("dynamodb", None), **which))
        enterprise.call(street, "react", {"Records": records})
        enterprise.settle()
        return len(records)

    assert react(kind="CancelRequested") == react(since="20991231") == 0
    assert react(kind="Placed", since="20260105") >= 1
    filled = enterprise.get("c1", f"/orders/{number}")
    assert filled["OrdStatusName"] == "Filled"
    react()
    again = enterprise.get("c1", f"/orders/{number}")
    assert (again["CumQty"], again["RestsOn"]) == (filled["CumQty"], filled["RestsOn"])
