"""What a utility could not handle, and having it handled again.

A record that cannot be read lies in the utility's `aside` queue, with the reason. A record that its function
failed on too often lies where its stream's event source put it: in a file of the local enterprise, in a
bucket on AWS.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from rich.table import Table

from chalicelib.enterprise import Enterprise, Utility
from chalicelib.records.record import Item
from chalicelib.tables.attributes import decode, encode

from .again import Invoke, StreamRecord, inserted
from .deployment.cloud import Cloud

# For how long a message is ours while it is looked at.
_SECONDS = 60
_FAILURES = "aws/lambda/"


@dataclass(frozen=True, kw_only=True)
class SetAside:
    """One record that a function could not handle, and why."""

    function: str
    reason: str
    item: Item


class Place(Protocol):
    """Where a utility's records lie that it could not handle."""

    def find(self) -> Iterator[SetAside]:
        """What lies there."""

    def handle_again(self, invoke: Invoke) -> None:
        """Have it handled, and take away what could be."""


class AsideQueue:
    """The queue that `react` puts records into that it cannot read."""

    def __init__(self, enterprise: Enterprise, utility: Utility, sqs: Any) -> None:
        self._sqs = sqs
        name = f"{enterprise.name}-{utility.name}-aside"
        self._url = sqs.get_queue_url(QueueName=name)["QueueUrl"]

    def find(self) -> Iterator[SetAside]:
        messages = self._receive()
        for message in messages:
            # Whoever looks next is to see it, too.
            self._sqs.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )
            body = json.loads(message["Body"])
            yield SetAside(function="react", reason=body["reason"], item=body["item"])

    def handle_again(self, invoke: Invoke) -> None:
        # All before the first: what still cannot be read is set aside anew.
        for message in self._receive():
            item = json.loads(message["Body"])["item"]
            if invoke("react", inserted(encode(item))):
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])

    def _receive(self) -> list[Mapping[str, Any]]:
        found: dict[str, Mapping[str, Any]] = {}
        while True:
            asked = {"QueueUrl": self._url, "MaxNumberOfMessages": 10, "VisibilityTimeout": _SECONDS}
            messages = self._sqs.receive_message(**asked).get("Messages", ())
            if not messages:
                return list(found.values())
            found.update((message["MessageId"], message) for message in messages)


class FailedHere:
    """The files that the local enterprise's event sources put records into that failed too often."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self) -> Iterator[SetAside]:
        for file in sorted(self._folder.glob("*.jsonl")):
            for line in file.read_text().splitlines():
                yield _failed(_function_of(file), json.loads(line))

    def handle_again(self, invoke: Invoke) -> None:
        for file in sorted(self._folder.glob("*.jsonl")):
            # Under a name of its own, so that what fails meanwhile does not get among it.
            taken = file.with_name(f"{_function_of(file)}@{file.stat().st_mtime_ns}.jsonl")
            file.replace(taken)
            lines = taken.read_text().splitlines()
            left = [line for line in lines if not invoke(_function_of(file), json.loads(line))]
            taken.write_text("".join(f"{line}\n" for line in left))
            if not left:
                taken.unlink()


class FailedOnAWS:
    """The bucket that Lambda puts batches into that failed too often."""

    def __init__(self, enterprise: Enterprise, utility: Utility, cloud: Cloud) -> None:
        account = cloud.client("sts", utility.region).get_caller_identity()["Account"]
        self._bucket = f"{enterprise.name}-{utility.name}-failures-{account}-{utility.region}"
        self._storage = cloud.client("s3", utility.region)

    def find(self) -> Iterator[SetAside]:
        for _, function, records in self._batches():
            for record in records:
                yield _failed(function, record)

    def handle_again(self, invoke: Invoke) -> None:
        for key, function, records in self._batches():
            handled = [invoke(function, record) for record in records]
            if all(handled):
                self._storage.delete_object(Bucket=self._bucket, Key=key)

    def _batches(self) -> Iterator[tuple[str, str, list[StreamRecord]]]:
        pages = self._storage.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self._bucket, Prefix=_FAILURES):
            for listed in page.get("Contents", ()):
                found = self._storage.get_object(Bucket=self._bucket, Key=listed["Key"])
                told = json.loads(found["Body"].read())
                # arn:aws:lambda:REGION:ACCOUNT:function:ENTERPRISE-UTILITY-FUNCTION, perhaps with a version
                name = told["requestContext"]["functionArn"].split(":")[6]
                yield listed["Key"], name.rsplit("-", 1)[1], json.loads(told["payload"])["Records"]


def aside_table(name: str, found: Iterable[SetAside]) -> Table:
    """One row per record, for a terminal."""
    table = Table("Function", "Record", "Key", "Reason", title=f"Set aside at {name}", show_lines=True)
    for one in found:
        key = f"{one.item.get('pk')}\n{one.item.get('sk')}"
        table.add_row(one.function, one.item.get("RecordType", ""), key, one.reason)
    return table


def aside_json(found: Iterable[SetAside]) -> list[dict[str, Any]]:
    """The same, for programs."""
    return [{"function": one.function, "reason": one.reason, "item": dict(one.item)} for one in found]


def _failed(function: str, record: StreamRecord) -> SetAside:
    image = record["dynamodb"].get("NewImage") or record["dynamodb"]["Keys"]
    return SetAside(function=function, reason="failed too often: see its log", item=decode(image))


def _function_of(file: Path) -> str:
    return file.name.split("@")[0]
