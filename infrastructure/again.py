"""Having a utility's functions called again, as the streams of its tables would: again is the same."""

import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from chalicelib.enterprise import Enterprise, Utility

from .deployment.cloud import Cloud
from .deployment.template import EVERY, function_name
from .event_sources import StreamSource, event_sources, matches

_log = logging.getLogger(__name__)

StreamRecord = Mapping[str, Any]
# Have a function handle one record of a stream: whether it could.
Invoke = Callable[[str, StreamRecord], bool]


def inserted(image: Mapping[str, Any]) -> StreamRecord:
    """An item as a stream tells of it when it is inserted."""
    return {"eventName": "INSERT", "dynamodb": {"SequenceNumber": "0", "NewImage": image}}


def arrived(
    enterprise: Enterprise, utility: Utility, dynamodb: Any, *, kind: str | None = None, since: str = ""
) -> Iterator[StreamRecord]:
    """What a utility's tables have that its `react` is called for, as its streams told of it.

    Only records of a kind, or from a day (20261122) on, if they are named.
    """
    pages = dynamodb.get_paginator("scan")
    for source in event_sources(enterprise, utility, EVERY):
        if isinstance(source, StreamSource) and source.function == "react":
            for page in pages.paginate(TableName=source.table, ConsistentRead=True):
                for image in page["Items"]:
                    record = inserted(image)
                    if _is_asked_for(image, kind, since) and any(matches(p, record) for p in source.patterns):
                        yield record


def _is_asked_for(image: Mapping[str, Any], kind: str | None, since: str) -> bool:
    if kind is not None and image.get("RecordType") != {"S": kind}:
        return False
    return "TransactTime" in image and str(image["TransactTime"]["S"]) >= since


def here_as(name: str, environment: Mapping[str, str]) -> Invoke:
    """Functions of a local utility, called in this process."""
    os.environ.update({**environment, "THREESIDE_UTILITY": name})
    # Which functions an app has follows from the environment, so it is imported only now.
    from app import app

    functions = {function.name: function.func for function in app.pure_lambda_functions}

    def invoke(function: str, record: StreamRecord) -> bool:
        try:
            return not functions[function]({"Records": [record]}, None)["batchItemFailures"]
        except Exception:
            # As its event source takes it: whatever it was, the record is not handled.
            _log.exception("%s failed", function)
            return False

    return invoke


def deployed(cloud: Cloud, enterprise: Enterprise, utility: Utility) -> Invoke:
    """Functions of a deployed utility."""
    functions = cloud.client("lambda", utility.region)

    def invoke(function: str, record: StreamRecord) -> bool:
        answer = functions.invoke(
            FunctionName=function_name(enterprise, utility, function),
            Payload=json.dumps({"Records": [record]}),
        )
        if "FunctionError" in answer:
            return False
        return not json.loads(answer["Payload"].read())["batchItemFailures"]

    return invoke
