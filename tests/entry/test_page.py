"""The page on which the interface can be tried: all of it comes from this package."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest

from chalicelib.entry import description, page

from .enterprise import Answer, Enterprise

ROOT = Path(__file__).parents[2]
FOLDER = Path(page.__file__).parent / "assets"
OWN = ("page.html", "page.css", "page.js")

# Where the page is on AWS, under its stage.
AT = "https://api.invalid/api" + page.PATH

ADDRESS = re.compile(r"(?:https?:)?//\w")


class _Named(HTMLParser):
    """What a page names, and whether anything in it would need a policy that lets more through."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.addresses += [value for name, value in attrs if name in ("src", "href") and value]
        if (tag == "script" and "src" not in values) or tag == "style":
            self.inline.append(tag)
        self.inline += [name for name in values if name == "style" or name.startswith("on")]


def get(enterprise: Enterprise, target: str) -> Answer:
    return enterprise.ask("c1", "GET", target, headers={"Authorization": "", "Content-Type": ""})


def policy(answer: Answer) -> dict[str, list[str]]:
    directives = [part.split() for part in answer.headers["Content-Security-Policy"].split(";")]
    return {name: sources for name, *sources in directives}


@pytest.fixture
def answered(enterprise: Enterprise) -> Answer:
    return get(enterprise, page.PATH)


@pytest.fixture
def named(answered: Answer) -> _Named:
    found = _Named()
    found.feed(answered.body.decode())
    return found


def test_the_page_answers_everybody(answered: Answer) -> None:
    assert answered.status == 200
    assert answered.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answered.headers["X-Content-Type-Options"] == "nosniff"


def test_all_that_the_page_names_is_answered_wherever_the_interface_is(
    enterprise: Enterprise, named: _Named
) -> None:
    there = [urlsplit(urljoin(AT, address)) for address in named.addresses if address != "data:,"]
    assert {found.netloc for found in there} == {"api.invalid"}
    targets = {found.path.removeprefix("/api") for found in there}
    assert targets == {description.PATH, *(f"{page.PATH}/{asset}" for asset in page.ASSETS)}
    for target in targets:
        answer = get(enterprise, target)
        assert answer.status == 200, target
        kind = {".css": "text/css", ".js": "text/javascript", ".json": "application/json"}[
            Path(target).suffix
        ]
        assert answer.headers["Content-Type"].partition(";")[0] == kind
        # As much as a function on Lambda may answer.
        assert 0 < len(answer.body) < 6 * 1024 * 1024


def test_the_page_with_a_slash_is_the_page_without(enterprise: Enterprise) -> None:
    answer = get(enterprise, f"{page.PATH}/")
    assert answer.status == 308
    assert urljoin(f"{AT}/", answer.headers["Location"]) == AT


def test_assets_are_answered_as_they_are_kept(enterprise: Enterprise) -> None:
    for asset, (file, _) in page.ASSETS.items():
        assert get(enterprise, f"{page.PATH}/{asset}").body == (FOLDER / file).read_bytes()


def test_what_is_no_asset_is_not_there(enterprise: Enterprise) -> None:
    for name in ("page.html", "swagger-ui-bundle.js.map", "..%2Fpage.py", "%2Fetc%2Fpasswd"):
        answer = get(enterprise, f"{page.PATH}/{name}")
        assert answer.status == 404, name
        assert "swagger-ui.css" in answer.json["detail"]


def test_the_policy_lets_the_page_talk_to_its_own_utility_only(answered: Answer, named: _Named) -> None:
    found = policy(answered)
    assert found["default-src"] == ["'none'"]
    for name in ("script-src", "style-src", "connect-src"):
        assert found[name] == ["'self'"], name
    assert found["img-src"] == ["'self'", "data:"]
    for name in ("base-uri", "form-action", "frame-ancestors"):
        assert found[name] == ["'none'"], name
    assert named.inline == []


@pytest.mark.parametrize("name", OWN)
def test_nothing_of_ours_names_another_address(name: str) -> None:
    assert not ADDRESS.findall((FOLDER / name).read_text())


def test_no_style_loads_anything_from_elsewhere() -> None:
    style = (FOLDER / "swagger-ui" / "swagger-ui.css").read_text()
    assert "@import" not in style
    assert all(found.startswith("data:") for found in re.findall(r"url\([\"']?([^)]*)", style))


def test_what_is_vendored_is_the_version_that_is_fetched_and_has_its_licence() -> None:
    version = re.search(r"^SWAGGER_UI := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert version is not None
    bundle = (FOLDER / "swagger-ui" / "swagger-ui-bundle.js").read_text()
    assert f'PACKAGE_VERSION:"{version[1]}"' in bundle
    assert "Apache License" in (FOLDER / "swagger-ui" / "LICENSE").read_text()
