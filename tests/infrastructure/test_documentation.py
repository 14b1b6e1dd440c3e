"""docs/ as a site: links lead where GitHub has them lead, and pages need nothing from elsewhere."""

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from infrastructure.documentation import place, relinked, source_page

ROOT = Path(__file__).parents[2]


class Loaded(HTMLParser):
    """What a page has a browser load of itself."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        address = values.get({"script": "src", "img": "src", "iframe": "src", "link": "href"}.get(tag, ""))
        if address is not None and values.get("rel") not in ("canonical", "prev", "next"):
            self.addresses.append(address)


def build(root: Path, to: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(to)]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("site")
    built = build(ROOT, to)
    assert built.returncode == 0, built.stderr
    return to


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("README.md", "index.md"),
        ("docs/records/README.md", "records/README.md"),
        ("chalicelib/enterprise.py", "source/chalicelib/enterprise.py.md"),
    ],
)
def test_each_file_has_its_place(path: str, where: str) -> None:
    assert place(path) == where


@pytest.mark.parametrize(
    ("path", "link", "relinked_to"),
    [
        ("README.md", "docs/orders.md", "orders.md"),
        ("README.md", "docs/orders.md#venues", "orders.md#venues"),
        ("README.md", "instruments.toml", "source/instruments.toml.md"),
        ("docs/orders.md", "network.md", "network.md"),
        ("docs/orders.md", "../README.md", "index.md"),
        ("docs/orders.md", "../chalicelib/desk.py", "source/chalicelib/desk.py.md"),
        ("docs/records/Turn.md", "../../chalicelib/desk.py", "../source/chalicelib/desk.py.md"),
        ("docs/records/Turn.md", "Ticket.md", "Ticket.md"),
        ("docs/orders.md", "https://fixtrading.org/a.md", "https://fixtrading.org/a.md"),
        ("docs/orders.md", "#venues", "#venues"),
    ],
)
def test_a_link_leads_to_where_its_file_is(path: str, link: str, relinked_to: str) -> None:
    assert relinked(f"As [it]({link}) says.", path) == f"As [it]({relinked_to}) says."


def test_a_source_is_shown_as_it_is() -> None:
    assert "~~~~~~~~python\nprint()\n~~~~~~~~" in source_page("a/b.py", "print()\n")


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    pages = [page for page in site.rglob("*.html") if page.name != "404.html"]
    assert len(pages) > 40
    for page in pages:
        loaded = Loaded()
        loaded.feed(page.read_text())
        assert any("mermaid" in address for address in loaded.addresses)
        for address in loaded.addresses:
            parts = urlsplit(address)
            assert parts.scheme + parts.netloc == "", address
            assert (page.parent / parts.path).is_file(), address


def test_no_style_loads_anything_from_elsewhere(site: Path) -> None:
    styles = [style.read_text() for style in site.rglob("*.css")]
    assert styles
    for style in styles:
        assert all(found.startswith("data:") for found in re.findall(r"url\([\"']?([^)]*)", style))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("[gone](gone.md)", "gone.md"),
        ("[gone](../chalicelib/gone.py)", "source/chalicelib/gone.py.md"),
        ("[gone](orders.md#gone)", "#gone"),
    ],
)
def test_a_link_that_leads_nowhere_fails(tmp_path: Path, said: str, why: str) -> None:
    for name in ("docs", "infrastructure"):
        shutil.copytree(
            ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("records", "requirements.md")
        )
    for name in ("mkdocs.yml", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    with (tmp_path / "docs" / "network.md").open("a") as page:
        page.write(f"\n{said}\n")
    built = build(tmp_path, tmp_path / "site")
    assert built.returncode != 0
    assert any("'network.md'" in line and why in line for line in built.stderr.splitlines()), built.stderr


def test_what_is_vendored_is_the_version_that_is_fetched_and_has_its_licence() -> None:
    version = re.search(r"^MERMAID := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert version is not None
    assets = ROOT / "docs" / "assets"
    assert f'"{version[1]}"' in (assets / "mermaid" / "mermaid.tiny.js").read_text()
    for folder in ("mermaid", "iframe-worker"):
        assert "Permission is hereby granted" in (assets / folder / "LICENSE").read_text()
