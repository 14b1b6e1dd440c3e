"""What a utility's routes are, as OpenAPI 3.1 describes them: from the routes and the models themselves."""

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from importlib import import_module
from typing import Any

from chalice.app import Blueprint, Chalice, Response
from pydantic import BaseModel

from .. import bootstrap
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
_OPEN = ("get_health", "get_description")


@blueprint.route(PATH, methods=["GET"])
@answers_problems
def get_description() -> Response:
    """This description (OpenAPI 3.1)."""
    here = bootstrap.here()
    return Response(body=describe(blueprint.current_app, here.enterprise.name, here.utility.name))


def describe(app: Chalice, enterprise: str, utility: str) -> dict[str, Any]:
    """The description of all routes of an app."""
    paths: dict[str, dict[str, Any]] = {}
    operations = {
        entry.view_function.__name__ for methods in app.routes.values() for entry in methods.values()
    }
    for path, methods in sorted(app.routes.items()):
        for method, entry in sorted(methods.items()):
            paths.setdefault(path, {})[method.lower()] = _operation(entry.view_function, path, operations)
    # Their modules are imported already, by the routes that there are.
    named = [body for name, body in _BODIES.items() if name in operations]
    models = [getattr(import_module(f".{module}", __package__), model) for module, model in named]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Threeside: {utility} of {enterprise}",
            "version": "1",
            "description": "FIX's names and codes; every number is a string.",
        },
        "servers": [{"url": "."}],
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


def _operation(view: Any, path: str, operations: set[str]) -> dict[str, Any]:
    name = view.__name__
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": (view.__doc__ or name).strip().splitlines()[0],
        "parameters": [_parameter(found, "path") for found in re.findall(r"{(\w+)}", path)]
        + [_parameter(query, "query") for query in _QUERIES.get(name, ())],
        "responses": _responses(name, operations),
    }
    if name not in _OPEN:
        operation["security"] = [{"bearer": []}]
    if name in _BODIES:
        schema = {"$ref": f"#/components/schemas/{_BODIES[name][1]}"}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation


def _parameter(name: str, where: str) -> dict[str, Any]:
    return {"name": name, "in": where, "required": where == "path", "schema": {"type": "string"}}


def _responses(name: str, operations: set[str]) -> dict[str, Any]:
    answer = {
        "description": "As asked",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}},
    }
    field, linked = _NUMBERED.get(name, ("", ()))
    links = {
        other: {"operationId": other, "parameters": {"number": f"$response.body#/{field}"}}
        for other in linked
        if other in operations
    }
    if links:
        answer["links"] = links
    problem = {"content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    return {
        "2XX": answer,
        "4XX": {"description": "Refused: nothing was written", **problem},
        "5XX": {"description": HTTPStatus.SERVICE_UNAVAILABLE.phrase, **problem},
    }
