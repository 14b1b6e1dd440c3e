"""Operation made visible: a line per request, per event function and per record that it reacts to.

Each names the utility, the function, what it is about - an order or a conversation - and the request
that it came of, by a correlation id that begins there and that records carry on to every utility.
Of each use case the same line counts calls, their duration and failures; of each link - from here, of
one holding, to a peer - what was copied, how old it was, and what was parked and repaired.
"""

import gc
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import wraps
from http import HTTPStatus
from time import perf_counter
from typing import Any

from chalice.app import Request, Response

from .. import bootstrap
from ..bootstrap import Here
from ..network.replication import Copied
from ..records.record import Item
from ..records.times import parse_time
from .logs import Metrics, about, is_well_formed, log_metrics, write_json_lines

# What Lambda tells every function. Elsewhere whoever starts a process says where its lines go.
_IS_FUNCTION = "AWS_LAMBDA_FUNCTION_NAME" in os.environ

HEADER = "X-Correlation-ID"

_log = logging.getLogger(__name__)
_GIVEN_LENGTH_MAX = 64

# How a use case came out, for its line: filled in by whoever runs it.
Outcome = dict[str, Any]
EventFunction = Callable[[Mapping[str, Any], object], dict[str, Any]]

if _IS_FUNCTION:
    write_json_lines(utility=os.environ["THREESIDE_UTILITY"], function="start")


def namespace(enterprise: str) -> str:
    """Where CloudWatch keeps an enterprise's metrics."""
    return f"Threeside/{enterprise}"


def link_name(holding: str, peer: str) -> str:
    """A link as the dimension `Link` has it; where it begins is the dimension `Utility`."""
    return f"{holding}-{peer}"


def correlation_of(request: Request) -> str:
    """What names a request wherever it leads: as its header says, or else its own id.

    A header that is not well-formed does not count: no order is refused for the sake of its log.
    """
    given = request.headers.get(HEADER)
    if given is not None and is_well_formed(given):
        return str(given)
    called: Any = request.lambda_context
    return str(request.context.get("requestId") or called.aws_request_id)


def watch_request(request: Request, get_response: Callable[[Request], Response]) -> Response:
    """A line per request; the answer names it in a header."""
    here, correlation_id = bootstrap.here(), correlation_of(request)
    given = request.headers.get(HEADER, correlation_id)
    with (
        about(utility=here.utility.name, function="api_handler", CorrelationID=correlation_id),
        use_case(f"{request.method} {request.path}", here) as outcome,
    ):
        response = get_response(request)
        outcome |= {
            "method": request.method,
            "path": request.path,
            "status": response.status_code,
            "Failures": int(response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR),
            **_number_of(request, response),
            "given": None if given == correlation_id else given[:_GIVEN_LENGTH_MAX],
        }
    response.headers[HEADER] = correlation_id
    return response


def _number_of(request: Request, response: Response) -> Mapping[str, str | None]:
    """The order or the conversation that a request is about: named by its route, or by its answer."""
    name = "Conversation" if request.path.startswith("/rfqs") else "OrderID"
    answered = response.body.get(name) if isinstance(response.body, dict) else None
    return {name: answered or (request.uri_params or {}).get("number")}


def watched(function: EventFunction) -> EventFunction:
    """A line per call of an event function: how many records there were, and how many failed."""

    @wraps(function)
    def watching(event: Mapping[str, Any], context: object) -> dict[str, Any]:
        here = bootstrap.here()
        request_id = getattr(context, "aws_request_id", None)
        with (
            about(utility=here.utility.name, function=function.__name__, request_id=request_id),
            use_case(function.__name__, here) as outcome,
        ):
            answer = function(event, context)
            outcome["Failures"] = len(answer.get("batchItemFailures", ()))
            outcome["records"] = len(event["Records"]) if "Records" in event else None
        return answer

    return watching


@contextmanager
def use_case(name: str, here: Here) -> Iterator[Outcome]:
    """Log what is run within, once it is over: what it came to, how long it took, whether it failed."""
    if not gc.isenabled():
        # The first call of a function: whatever it needs has been imported.
        gc.freeze()
        gc.enable()
    outcome: Outcome = {}
    begun = perf_counter()
    try:
        yield outcome
    except Exception:
        outcome["Failures"] = 1
        raise
    finally:
        failures = outcome.pop("Failures", 0)
        log_metrics(
            _log,
            logging.ERROR if failures else logging.INFO,
            f"{name} failed" if failures else name,
            namespace=namespace(here.enterprise.name),
            dimensions={"Utility": here.utility.name, "UseCase": name},
            metrics={
                "Duration": (round((perf_counter() - begun) * 1000, 3), "Milliseconds"),
                "Failures": (failures, "Count"),
            },
            **outcome,
        )


def about_record(record: Mapping[str, Any]) -> dict[str, str | None]:
    """What lines about a stream's record say of it; of a message they say nothing."""
    image = record.get("dynamodb", {}).get("NewImage", {})
    return {name: image.get(name, {}).get("S") for name in ("OrderID", "Conversation", "CorrelationID")}


def log_copied(holding: str, outcome: Copied, here: Here, now: datetime) -> None:
    """Log what came of a batch on its way to a peer: a line per link."""
    _log_link(
        holding,
        outcome.peer,
        here,
        [*outcome.copied, *outcome.parked],
        {
            "Copied": (len(outcome.copied), "Count"),
            "Parked": (len(outcome.parked), "Count"),
            **_age(outcome.copied, now),
        },
    )


def log_repaired(body: str, here: Here) -> None:
    """Log that what was parked for a peer has got through: a line for its link."""
    parked = json.loads(body)
    holding, items = parked["table"].rsplit("-", 1)[1], parked["items"]
    peer = here.enterprise.owner(parked["table"]).name
    _log_link(holding, peer, here, items, {"Repaired": (len(items), "Count"), **_age(items, here.clock())})


def _log_link(holding: str, peer: str, here: Here, items: Sequence[Item], metrics: Metrics) -> None:
    came_of = {item["CorrelationID"]: None for item in items if "CorrelationID" in item}
    log_metrics(
        _log,
        logging.INFO,
        f"{holding} to {peer}",
        namespace=namespace(here.enterprise.name),
        dimensions={"Utility": here.utility.name, "Link": link_name(holding, peer)},
        metrics=metrics,
        CorrelationIDs=list(came_of) or None,
    )


def _age(items: Sequence[Item], now: datetime) -> Metrics:
    """How old the oldest of some records is by now; nothing, should a clock elsewhere be ahead."""
    # Times sort as they are written.
    oldest = min((item["TransactTime"] for item in items if "TransactTime" in item), default="")
    try:
        age = now - parse_time(oldest)
    except ValueError:
        return {}
    return {"Age": (max(round(age / timedelta(milliseconds=1), 3), 0), "Milliseconds")}
