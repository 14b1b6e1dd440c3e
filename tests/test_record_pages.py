"""The pages on records say what records are: an example as it is kept, its size, and every field."""

import json
import re
from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

from chalicelib import records
from chalicelib.records.numbers import parse_number
from chalicelib.records.orders import OrderRecord
from chalicelib.records.record import Record, fix_name, item_bytes, read_record

PAGES = Path(__file__).parents[1] / "docs" / "records"
INDEX = PAGES / "README.md"
SECTIONS = [
    "Key",
    "Written",
    "Copied to",
    "Reactions",
    "Guarantees",
    "Fields",
    "Updates",
    "Deletion",
]


def every_kind() -> Iterator[type[Record]]:
    """The kinds that are written: those that no other builds on."""
    for module in iter_modules(records.__path__, f"{records.__name__}."):
        import_module(module.name)
    for kind in Record.kinds.values():
        if kind.__module__.startswith(f"{records.__name__}.") and not kind.__subclasses__():
            yield kind


EVERY_KIND = list(every_kind())
ORDER_KINDS = [kind for kind in EVERY_KIND if issubclass(kind, OrderRecord)]


def page(kind: type[Record]) -> str:
    return (PAGES / f"{kind.__name__}.md").read_text()


def example(kind: type[Record]) -> dict[str, str]:
    """The page's JSON."""
    (found,) = re.findall(r"^```json\n(.*?)^```$", page(kind), re.MULTILINE | re.DOTALL)
    item: dict[str, str] = json.loads(found)
    return item


def table(text: str) -> list[list[str]]:
    """The cells of a text's first table, without its heading."""
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def test_there_is_a_page_for_every_kind_of_record_and_for_nothing_else() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == {kind.__name__ for kind in EVERY_KIND} | {INDEX.stem}


def test_the_index_lists_every_kind_once() -> None:
    listing = INDEX.read_text().split("\n## ")[0]
    named = [row[0] for row in table(listing)]
    assert sorted(named) == sorted(f"[{kind.__name__}]({kind.__name__}.md)" for kind in EVERY_KIND)


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_every_page_has_the_same_sections(kind: type[Record]) -> None:
    assert re.findall(r"^#+ (.+)$", page(kind), re.MULTILINE) == [kind.__name__, *SECTIONS]


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_a_page_names_exactly_the_fields_of_its_record_in_their_order(kind: type[Record]) -> None:
    described = page(kind).split("\n## Fields\n")[1].split("\n## ")[0]
    names = ["RecordType", *(fix_name(field.name) for field in fields(kind))]
    assert [row[0] for row in table(described)] == [f"`{name}`" for name in names]


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_an_example_is_an_item_as_its_record_is_kept(kind: type[Record]) -> None:
    item = example(kind)
    record = read_record(item)
    assert type(record) is kind
    assert list(record.to_item().items()) == list(item.items())


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_an_example_has_the_size_that_its_page_states(kind: type[Record]) -> None:
    assert re.findall(r"(\d+) bytes\b", page(kind)) == [str(item_bytes(example(kind)))]


@pytest.mark.requirement("T13")
@pytest.mark.parametrize("kind", ORDER_KINDS)
def test_every_example_of_an_orders_record_shows_the_one_order_by_itself(kind: type[Record]) -> None:
    placed = next(kind for kind in ORDER_KINDS if kind.__name__ == "Placed")
    shown, order = read_record(example(kind)), read_record(example(placed))
    assert isinstance(shown, OrderRecord)
    assert isinstance(order, OrderRecord)
    assert (shown.order_id, shown.terms) == (order.order_id, order.terms)


@pytest.mark.requirement("T10")
def test_the_index_takes_a_number_apart_as_the_code_does() -> None:
    text = INDEX.read_text()
    (written,) = re.findall(r"^```\n(.+)\n```$", text, re.MULTILINE)
    number = parse_number(written)
    parts = [row[1] for row in table(text.split(written)[1].split("\nSo `pk`")[0])]
    assert parts == [f"`{part}`" for part in (number.code, number.day, number.account_key, number.tag)]
    assert f"begins with `{number.prefix}`" in text


@pytest.mark.parametrize("path", sorted(PAGES.glob("*.md")), ids=lambda path: path.stem)
def test_a_page_links_to_what_is_there(path: Path) -> None:
    for text, target in re.findall(r"\[([^]]+)\]\(([^)]+)\)", path.read_text()):
        linked = (PAGES / target).resolve()
        assert linked.is_file(), target
        if linked.suffix == ".py":
            name = text.strip("`")
            defined = rf"^\s*(?:def|class) {name}\b|^{name}\b.* = "
            assert re.search(defined, linked.read_text(), re.MULTILINE), f"{name} is not in {target}"
