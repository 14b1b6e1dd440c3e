"""What a utility's routes are, as OpenAPI 3.1 describes them: from the routes and the models themselves."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from http import HTTPStatus
from importlib import import_module
from typing import Any

from chalice.app import Blueprint, Chalice, Response
from pydantic import BaseModel

from .. import bootstrap
from ..records.times import format_time
from .problems import MEDIA_TYPE, answers_problems

blueprint = Blueprint(__name__)

PATH = "/openapi.json"

_BODIES: Mapping[str, tuple[str, str]] = {
    "post_order": ("requests", "NewOrderSingle"),
    "post_cancel": ("requests", "OrderCancelRequest"),
    "post_replace": ("requests", "OrderCancelReplaceRequest"),
    "post_rfq": ("terminals", "QuoteRequestMessage"),
    "post_answer": ("terminals", "AnswerMessage"),
    "post_quote": ("terminals", "QuoteMessage"),
    "post_counter": ("terminals", "CounterMessage"),
    "post_message": ("terminals", "TextMessage"),
    "post_accept": ("terminals", "AcceptMessage"),
    "post_pass": ("terminals", "PassMessage"),
    "post_clear": ("terminals", "ClearMessage"),
}
# What a body may look like; times and the sender's own numbers are added when it is asked for.
_EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "post_order": {"Account": "A-1001", "Symbol": "AAPL", "Side": "1", "OrdType": "1", "OrderQty": "100"},
    "post_replace": {"OrderQty": "50"},
    "post_cancel": {},
    "post_rfq": {"Destination": "BANKY", "Symbol": "EURUSD", "OrderQty": "1000000"},
    "post_answer": {"Answers": 0},
    "post_quote": {"Answers": 1, "BidPx": "1.0850", "OfferPx": "1.0852"},
    "post_counter": {"Answers": 2, "Price": "1.0851", "Side": "1"},
    "post_message": {"Answers": 2, "Text": "one moment"},
    "post_accept": {"Answers": 2},
    "post_pass": {"Answers": 2},
    "post_clear": {},
}
# What else a query may say, by operation.
_QUERIES: Mapping[str, tuple[str, ...]] = {
    "get_orders": ("Account", "limit", "cursor"),
    "get_balances": ("Account",),
    "get_positions": ("Account",),
    "get_account": ("Account",),
    "get_terminal": ("cursor",),
}
# What is created or asked for is read, and changed, under the number in its answer.
_NUMBERED: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "post_order": ("OrderID", ("get_order", "get_records", "post_replace", "post_cancel")),
    "post_replace": ("OrderID", ("get_order",)),
    "post_cancel": ("OrderID", ("get_order",)),
    "post_rfq": ("Conversation", ("get_rfq", "post_accept", "post_pass", "post_clear")),
}
# How routes are grouped, by how their paths begin.
_GROUPS: Mapping[str, tuple[str, ...]] = {
    "Orders": ("orders",),
    "Accounts and prices": ("account", "balances", "positions", "market-data"),
    "Dealing": ("rfqs", "terminal"),
    "Utility": ("health", "openapi.json"),
}
_OPEN = ("get_health", "get_description")
# The page that shows the description is not in it.
_NOT_DESCRIBED = ("get_page", "get_asset")


@blueprint.route(PATH, methods=["GET"])
@answers_problems
def get_description() -> Response:
    """This description (OpenAPI 3.1)."""
    here = bootstrap.here()
    described = describe(blueprint.current_app, here.enterprise.name, here.utility.name, here.clock())
    return Response(body=described)


def describe(app: Chalice, enterprise: str, utility: str, now: datetime) -> dict[str, Any]:
    """The description of all routes of an app; its examples are of `now`, so that they can be sent."""
    paths: dict[str, dict[str, Any]] = {}
    views = [
        (path, method.lower(), entry.view_function)
        for path, methods in sorted(app.routes.items())
        for method, entry in sorted(methods.items())
        if entry.view_function.__name__ not in _NOT_DESCRIBED
    ]
    described = {view.__name__: _summary(view) for _, _, view in views}
    for path, method, view in views:
        paths.setdefault(path, {})[method] = _operation(view, path, described, now)
    models = [_model(name) for name in _BODIES if name in described]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Threeside: {utility} of {enterprise}",
            "version": "1",
            "description": (
                "FIX's names and codes; every number is a string. The number that an order or a call is "
                "answered with is what the routes with {number} take."
            ),
        },
        "servers": [{"url": "."}],
        "tags": [{"name": group} for group in _GROUPS if any(_group(path) == group for path in paths)],
        "paths": paths,
        "components": {
            "schemas": {**dict(_schemas(models)), "Answer": _ANSWER, "Problem": _PROBLEM},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


_ANSWER = {"type": "object", "description": "A record or a state, by FIX's names."}
_PROBLEM = {
    "type": "object",
    "description": "RFC 9457, with the field and FIX's reason.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "field": {"type": "string"},
        **{
            name: {"type": "string"}
            for name in (
                "CxlRejReason",
                "OrdRejReason",
                "QuoteRejectReason",
                "QuoteRequestRejectReason",
                "SessionRejectReason",
            )
        },
    },
}


def _schemas(models: list[type[BaseModel]]) -> Iterator[tuple[str, Any]]:
    for model in models:
        yield model.__name__, model.model_json_schema(ref_template="#/components/schemas/{model}")


def _model(operation: str) -> type[BaseModel]:
    # Its module is imported already, by the routes that there are.
    module, name = _BODIES[operation]
    model: type[BaseModel] = getattr(import_module(f".{module}", __package__), name)
    return model


def _summary(view: Callable[..., Response]) -> str:
    return (view.__doc__ or view.__name__).strip().splitlines()[0]


def _operation(view: Any, path: str, described: Mapping[str, str], now: datetime) -> dict[str, Any]:
    name = view.__name__
    operation: dict[str, Any] = {
        "operationId": name,
        "tags": [_group(path)],
        "summary": described[name],
        "parameters": [_parameter(found, "path") for found in re.findall(r"{(\w+)}", path)]
        + [_parameter(query, "query") for query in _QUERIES.get(name, ())],
        "responses": _responses(name, described),
    }
    if name not in _OPEN:
        operation["security"] = [{"bearer": []}]
    if name in _BODIES:
        body = {
            "schema": {"$ref": f"#/components/schemas/{_BODIES[name][1]}"},
            "example": _example(name, now),
        }
        operation["requestBody"] = {"required": True, "content": {"application/json": body}}
    return operation


def _group(path: str) -> str:
    return next(group for group, beginnings in _GROUPS.items() if path.split("/")[1] in beginnings)


def _example(operation: str, now: datetime) -> dict[str, Any]:
    own = f"{operation.removeprefix('post_')}-{now:%H%M%S}"
    made = {"TransactTime": format_time(now), "ClOrdID": own, "QuoteReqID": own}
    fields = _model(operation).model_fields
    return {**_EXAMPLES[operation], **{field: value for field, value in made.items() if field in fields}}


def _parameter(name: str, where: str) -> dict[str, Any]:
    return {"name": name, "in": where, "required": where == "path", "schema": {"type": "string"}}


def _responses(name: str, described: Mapping[str, str]) -> dict[str, Any]:
    answer = {
        "description": "As asked",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}},
    }
    field, linked = _NUMBERED.get(name, ("", ()))
    links = {
        other: {
            "operationId": other,
            "description": described[other],
            "parameters": {"number": f"$response.body#/{field}"},
        }
        for other in linked
        if other in described
    }
    if links:
        answer["links"] = links
    problem = {"content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    return {
        "2XX": answer,
        "4XX": {"description": "Refused: nothing was written", **problem},
        "5XX": {"description": HTTPStatus.SERVICE_UNAVAILABLE.phrase, **problem},
    }
