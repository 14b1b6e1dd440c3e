"""Tables and queues of an enterprise on the local engine, as the templates make them on AWS."""

import json
from contextlib import suppress
from datetime import timedelta
from typing import Any

from chalicelib.enterprise import Enterprise, Holding
from chalicelib.network.queues import dead_letters_of
from chalicelib.tables.dynamodb import KEY_ATTRIBUTES, KEY_SCHEMA

from .event_sources import VISIBILITY, QueueSource, event_sources

# What is not kept for ever: prices and signs of life, and what a terminal has shown.
EXPIRING = (Holding.MARKET, Holding.LINKS, Holding.REGISTRATIONS)


def provision(enterprise: Enterprise, dynamodb: Any, sqs: Any, every: timedelta) -> None:
    """Make every table and queue of every utility that is not there yet."""
    for utility in enterprise.utilities:
        for table in enterprise.tables(utility):
            with suppress(dynamodb.exceptions.ResourceInUseException):
                create_table(dynamodb, table)
        for source in event_sources(enterprise, utility, every):
            if isinstance(source, QueueSource):
                create_queue(sqs, source)
        sqs.create_queue(QueueName=f"{enterprise.name}-{utility.name}-aside")


def create_table(dynamodb: Any, name: str) -> None:
    """One table with its stream."""
    dynamodb.create_table(
        TableName=name,
        KeySchema=KEY_SCHEMA,
        AttributeDefinitions=KEY_ATTRIBUTES,
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    if name.endswith(tuple(f"-{holding}" for holding in EXPIRING)):
        dynamodb.update_time_to_live(
            TableName=name,
            TimeToLiveSpecification={"Enabled": True, "AttributeName": "Expires"},
        )


def create_queue(sqs: Any, source: QueueSource) -> None:
    """One queue and the one for its dead letters."""
    dead = sqs.create_queue(QueueName=dead_letters_of(source.queue))["QueueUrl"]
    described = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])
    redrive = {
        "deadLetterTargetArn": described["Attributes"]["QueueArn"],
        "maxReceiveCount": source.receives_max,
    }
    sqs.create_queue(
        QueueName=source.queue,
        Attributes={
            "VisibilityTimeout": str(VISIBILITY.seconds),
            "MessageRetentionPeriod": str(14 * 24 * 3600),
            "RedrivePolicy": json.dumps(redrive),
        },
    )
