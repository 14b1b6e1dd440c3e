"""What every utility has: health, and the authorizer of its routes."""

import json
import logging
from functools import cache
from http import HTTPStatus
from typing import Any

from chalice.app import AuthRequest, AuthResponse, Blueprint, Response

from .. import bootstrap
from ..bootstrap import Here
from .logs import about
from .problems import answers_problems
from .watching import use_case, watch_request

blueprint = Blueprint(__name__)
blueprint.middleware("http")(watch_request)

_log = logging.getLogger(__name__)
_ALGORITHMS = ["ES256", "RS256"]

# It becomes part of every record it enters.
_SUBJECT_LENGTH_MAX = 64


@blueprint.authorizer(name="bearer", ttl_seconds=60)
def bearer(request: AuthRequest) -> AuthResponse:
    """Let a request in whose bearer token holds (RFC 6750, RFC 7519).

    The token names its subject (`sub`) and the accounts it may act for (`accounts`); a trader's names
    the principal (`principal`) and the terminal (`terminal`). Its audience is the enterprise. A refusal
    carries its reason in the context, for the gateway's answer.
    """
    here = bootstrap.here()
    with about(utility=here.utility.name, function="bearer"), use_case("bearer", here) as outcome:
        answer = _authorize(request, here)
        outcome["problem"] = answer.context.get("problem")
    return answer


def _authorize(request: AuthRequest, here: Here) -> AuthResponse:
    import jwt

    scheme, _, token = request.token.partition(" ")
    try:
        if scheme.lower() != "bearer":
            raise jwt.InvalidTokenError("expected Authorization: Bearer TOKEN")
        claims = jwt.decode(
            token,
            _key(here.settings.jwks, token),
            algorithms=_ALGORITHMS,
            audience=here.enterprise.name,
            issuer=here.settings.issuer,
            options={"require": ["exp", "sub"]},
        )
        if len(claims["sub"]) > _SUBJECT_LENGTH_MAX:
            raise jwt.InvalidTokenError(f"expected a subject of at most {_SUBJECT_LENGTH_MAX} characters")
    except jwt.PyJWTError as error:
        return AuthResponse(routes=[], principal_id="nobody", context={"problem": str(error)})
    named = claims.get("accounts")
    accounts = [str(account) for account in named] if isinstance(named, list) else []
    deals: dict[str, Any] = {name: str(claims[name]) for name in ("principal", "terminal") if name in claims}
    context: dict[str, Any] = {"accounts": json.dumps(accounts), **deals}
    return AuthResponse(routes=["*"], principal_id=claims["sub"], context=context)


def _key(jwks: str, token: str) -> Any:
    import jwt

    if jwks.startswith("https://"):
        return _client(jwks).get_signing_key_from_jwt(token)
    kid = jwt.get_unverified_header(token).get("kid")
    for key in _key_set(jwks).keys:
        if key.key_id == kid:
            return key
    raise jwt.InvalidTokenError("signed with a key that the issuer does not have")


@cache
def _client(address: str) -> Any:
    import jwt

    return jwt.PyJWKClient(address, timeout=3)


@cache
def _key_set(document: str) -> Any:
    import jwt

    return jwt.PyJWKSet.from_json(document)


@blueprint.route("/health", methods=["GET"])
@answers_problems
def get_health() -> Response:
    """Whether this utility can do its work: its own table answers."""
    here = bootstrap.here()
    here.own().get("health", "health")
    body = {
        "utility": here.utility.name,
        "side": here.utility.side.value,
        "enterprise": here.enterprise.name,
        "version": here.enterprise.version,
    }
    return Response(body=body, status_code=HTTPStatus.OK.value)
