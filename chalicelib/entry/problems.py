"""Refusals on the wire: problem documents (RFC 9457), from one table."""

import logging
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, ParamSpec

from chalice.app import Response

from ..refusals import (
    CancelRefused,
    Concluded,
    Crossed,
    DuplicateCall,
    DuplicateOrder,
    Malformed,
    NotADealer,
    NotAuthenticated,
    NotInConversation,
    OrderRefused,
    PanelsTaken,
    QuoteRequestRefused,
    Refused,
    RequestTaken,
    TurnRefused,
    UnknownAccount,
    UnknownConversation,
    UnknownOrder,
    UnknownSymbol,
)
from ..tables.store import Unreachable

_log = logging.getLogger(__name__)
_P = ParamSpec("_P")

MEDIA_TYPE = "application/problem+json"

_STATUS: dict[type[Refused], HTTPStatus] = {
    Malformed: HTTPStatus.BAD_REQUEST,
    OrderRefused: HTTPStatus.UNPROCESSABLE_ENTITY,
    DuplicateOrder: HTTPStatus.CONFLICT,
    UnknownAccount: HTTPStatus.FORBIDDEN,
    CancelRefused: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnknownOrder: HTTPStatus.NOT_FOUND,
    UnknownSymbol: HTTPStatus.NOT_FOUND,
    QuoteRequestRefused: HTTPStatus.UNPROCESSABLE_ENTITY,
    DuplicateCall: HTTPStatus.CONFLICT,
    PanelsTaken: HTTPStatus.CONFLICT,
    RequestTaken: HTTPStatus.CONFLICT,
    TurnRefused: HTTPStatus.UNPROCESSABLE_ENTITY,
    Crossed: HTTPStatus.CONFLICT,
    Concluded: HTTPStatus.CONFLICT,
    NotInConversation: HTTPStatus.FORBIDDEN,
    NotADealer: HTTPStatus.FORBIDDEN,
    UnknownConversation: HTTPStatus.NOT_FOUND,
    NotAuthenticated: HTTPStatus.UNAUTHORIZED,
}


def answers_problems(view: Callable[_P, Response]) -> Callable[_P, Response]:
    """Answer what a view refuses, what it cannot reach and what nobody foresaw with a problem document."""

    @wraps(view)
    def answering(*args: _P.args, **kwargs: _P.kwargs) -> Response:
        try:
            return view(*args, **kwargs)
        except Refused as refused:
            return problem(_STATUS[type(refused)], refused.detail, **_particulars(refused), **refused.state)
        except Unreachable as unreachable:
            _log.warning("unreachable: %s", unreachable)
            return problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "a table did not answer; send the same request again, here or to another utility",
            )
        except Exception:
            _log.exception("not foreseen")
            return problem(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "something went wrong here; the same request may be sent again, here or to another utility",
            )

    return answering


def problem(status: HTTPStatus, detail: str, **particulars: Any) -> Response:
    """A problem document; `particulars` are FIX's reason and the field it is about."""
    return Response(
        body=problem_body(status, detail, **particulars),
        status_code=status.value,
        headers={"Content-Type": MEDIA_TYPE},
    )


def problem_body(status: HTTPStatus, detail: str, **particulars: Any) -> dict[str, Any]:
    """The document itself."""
    return {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        **particulars,
    }


def _particulars(refused: Refused) -> dict[str, str]:
    particulars = {}
    if refused.field is not None:
        particulars["field"] = refused.field
    if refused.reason is not None:
        particulars[refused.reason_field] = refused.reason
    return particulars
