"""A page on which the interface can be tried: Swagger UI, out of this package and from nowhere else."""

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

from chalice.app import Blueprint, Response

from .problems import answers_problems, problem

blueprint = Blueprint(__name__)

PATH = "/docs"

_FOLDER = Path(__file__).parent / "assets"
# What there is by name, where it is, and its media type.
ASSETS: Mapping[str, tuple[str, str]] = {
    "page.css": ("page.css", "text/css"),
    "page.js": ("page.js", "text/javascript"),
    "swagger-ui.css": ("swagger-ui/swagger-ui.css", "text/css"),
    "swagger-ui-bundle.js": ("swagger-ui/swagger-ui-bundle.js", "text/javascript"),
}

# Nothing is loaded from elsewhere, sent elsewhere or written into the page; Swagger UI's icons are data.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SECONDS_KEPT = 3600


@blueprint.route(PATH, methods=["GET"])
@answers_problems
def get_page() -> Response:
    """The page, which reads the description of this utility's routes."""
    # Its links are relative, for only the gateway knows what comes before the path.
    if blueprint.current_request.context["path"].endswith("/"):
        return Response(
            body="", status_code=HTTPStatus.PERMANENT_REDIRECT.value, headers={"Location": f"..{PATH}"}
        )
    return _file("page.html", "text/html", {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"})


@blueprint.route(f"{PATH}/{{asset}}", methods=["GET"])
@answers_problems
def get_asset(asset: str) -> Response:
    """What the page consists of."""
    if asset not in ASSETS:
        return problem(HTTPStatus.NOT_FOUND, f"expected one of {', '.join(ASSETS)}")
    return _file(*ASSETS[asset], {"Cache-Control": f"public, max-age={_SECONDS_KEPT}"})


def _file(name: str, media_type: str, headers: Mapping[str, str]) -> Response:
    # Text as it is: whether an answer may be compressed, and is, only the gateway on AWS knows.
    return Response(
        body=(_FOLDER / name).read_text(encoding="utf-8"),
        headers={
            "Content-Type": f"{media_type}; charset=utf-8",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            **headers,
        },
    )
