"""The scene of what operators see: one request, followed through the logs of whoever it reached."""

import json
from collections.abc import Iterator
from typing import Any

from chalicelib.enterprise import Side
from chalicelib.records.fix import OrdStatus

from ..client import until
from ..demo.cues import LATER, await_status, executed_by, expect, market
from ..demo.story import Story
from .deployed import Deployed
from .packaging import functions_of

# What an order passes through on its way into the books.
_PASSED = {
    Side.CUSTOMER: ("api_handler", "replicate", "react"),
    Side.STREET: ("replicate", "react"),
    Side.FIRM: ("replicate", "react"),
}


def play(stage: Deployed, story: Story) -> None:
    """Enter an order, and look for it in the logs."""
    with story.step(
        "An order is looked for in the logs, by the correlation id of its request",
        "lines of the functions of every side, and metrics of each link that it went over",
    ) as came:
        client = stage.client("c1")
        placed = client.order(**market())
        await_status(client, placed["OrderID"], OrdStatus.FILLED, LATER)
        (street,) = executed_by(client.status(placed["OrderID"]))
        wanted = {
            (name, function)
            for name, side in (("c1", Side.CUSTOMER), (street, Side.STREET), ("firm", Side.FIRM))
            for function in _PASSED[side]
        }
        names = sorted({name for name, _ in wanted})
        lines = until(
            lambda found: wanted <= {(line["utility"], line["function"]) for line in found},
            lambda: [line for name in names for line in _lines(stage, name, placed["CorrelationID"])],
            LATER,
        )
        seen = {(line["utility"], line["function"]) for line in lines}
        links = {f"{line['utility']}-{line['Link']}" for line in lines if "Link" in line}
        came.append(f"{len(lines)} lines of {', '.join(f'{name} {what}' for name, what in sorted(seen))}")
        came.append(f"copied from {', '.join(sorted(links))}")
        expect(wanted <= seen, f"nothing of {wanted - seen}")
        expect({"c1-customer-c2", "firm-firm-c1"} <= links, "links are missing")


def _lines(stage: Deployed, name: str, correlation_id: str) -> Iterator[dict[str, Any]]:
    """What a utility's functions have logged of a request."""
    utility = stage.enterprise.utility(name)
    logs = stage.cloud.client("logs", utility.region)
    for function in functions_of(utility):
        group = f"/aws/lambda/{stage.function(name, function)}"
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group):
            for event in page["events"]:
                # Lambda's own lines are of another kind.
                if correlation_id in event["message"] and event["message"].startswith("{"):
                    yield json.loads(event["message"])
