"""Queues in SQS."""

from datetime import timedelta
from functools import cache
from typing import Any

import botocore.session
from botocore.config import Config

# SQS delays a message by no more; what is due later is delayed again.
DELAY_MAX = timedelta(minutes=15)


class SqsQueue:
    """One SQS queue, by name."""

    def __init__(self, name: str, region: str, endpoint: str | None = None) -> None:
        self.name = name
        self._client = sqs_client(region, endpoint)

    def send(self, body: str, delay: timedelta = timedelta(0)) -> None:
        # Rounded up: never before it is due.
        seconds = -(-min(max(delay, timedelta(0)), DELAY_MAX) // timedelta(seconds=1))
        self._client.send_message(QueueUrl=self._url, MessageBody=body, DelaySeconds=seconds)

    def hold(self, receipt: str, wait: timedelta) -> None:
        """Keep a received message out of sight for a while longer."""
        self._client.change_message_visibility(
            QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=int(wait.total_seconds())
        )

    def take_back_dead(self) -> int:
        dead = _queue_url(self._client, dead_letters_of(self.name))
        received = self._client.receive_message(QueueUrl=dead, MaxNumberOfMessages=10)
        messages = received.get("Messages", ())
        for message in messages:
            # In this order: a message may come twice, and may not be lost.
            self.send(message["Body"])
            self._client.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
        return len(messages)

    @property
    def _url(self) -> str:
        return _queue_url(self._client, self.name)


def dead_letters_of(queue: str) -> str:
    """Where messages of a queue go that failed too often."""
    return f"{queue}-dead"


@cache
def sqs_client(region: str, endpoint: str | None) -> Any:
    """The one SQS client for a region."""
    limits = Config(connect_timeout=1, read_timeout=4, retries={"total_max_attempts": 3})
    session = botocore.session.get_session()
    return session.create_client("sqs", region, endpoint_url=endpoint, config=limits)


@cache
def _queue_url(client: Any, name: str) -> str:
    url: str = client.get_queue_url(QueueName=name)["QueueUrl"]
    return url
