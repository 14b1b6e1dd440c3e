"""What a refusal looks like: a problem document (RFC 9457) with the field and FIX's reason."""

from collections.abc import Mapping
from typing import Any

from chalicelib.records.fix import SessionRejectReason

from .enterprise import Answer

MALFORMED = 400
UNAUTHORIZED = 401
NOT_YOURS = 403
UNKNOWN = 404
CONFLICT = 409
REFUSED = 422

MISSING = {"SessionRejectReason": SessionRejectReason.REQUIRED_TAG_MISSING}
UNDEFINED = {"SessionRejectReason": SessionRejectReason.TAG_NOT_DEFINED_FOR_THIS_MESSAGE_TYPE}
INCORRECT = {"SessionRejectReason": SessionRejectReason.VALUE_IS_INCORRECT}
FORMAT = {"SessionRejectReason": SessionRejectReason.INCORRECT_DATA_FORMAT_FOR_VALUE}
SENDING_TIME = {"SessionRejectReason": SessionRejectReason.SENDING_TIME_ACCURACY_PROBLEM}
REPEATED = {"SessionRejectReason": SessionRejectReason.TAG_APPEARS_MORE_THAN_ONCE}


def expect_problem(
    answer: Answer, status: int, field: str | None = None, reason: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """That a refusal is a problem document, and says what is wrong: the document."""
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json
    expected = {"type", "title", "status", "detail", *(["field"] if field else []), *(reason or {})}
    assert expected <= set(problem)
    # The refusal of a turn says besides how its conversation stands.
    assert set(problem) == expected or problem.keys() & {"Now", "Conversation"}
    assert (problem["type"], problem["status"]) == ("about:blank", status)
    assert problem["title"]
    assert problem["detail"]
    assert problem.get("field") == field
    assert {name: problem[name] for name in reason or {}} == dict(reason or {})
    return problem
