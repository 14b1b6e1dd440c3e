"""What the table, the diagram and the JSON of an enterprise say."""

import json
import re
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from chalicelib.enterprise import Enterprise, Side, load_enterprise, parse_enterprise
from infrastructure.drawing import draw
from infrastructure.topology import (
    describe,
    principals_table,
    topology_json,
    topology_mermaid,
    topology_table,
)

DEFAULT = load_enterprise(Path(__file__).parents[2] / "enterprise.toml")

# Names that a diagram could stumble over: a side's own, and a word of Mermaid's.
AWKWARD = parse_enterprise(
    {
        "name": "small",
        "version": 7,
        "utility": [
            {"name": "end", "side": "customer", "code": "C01", "region": "eu-west-1"},
            {"name": "street", "side": "street", "code": "S01", "region": "eu-west-1"},
            {"name": "customer", "side": "firm", "code": "F01", "region": "eu-west-1"},
        ],
    }
)


@pytest.mark.requirement("T8")
def test_each_sides_records_are_copied_as_figure_2_has_it() -> None:
    copies = {
        (described.utility.name, written.holding.value): written.copied_to
        for described in describe(DEFAULT)
        for written in described.writes
    }

    assert copies == {
        ("c1", "customer"): ("c2", "firm"),
        ("c2", "customer"): ("c1", "firm"),
        ("s1", "street"): ("c1", "c2", "s2", "firm"),
        ("s1", "market"): ("c1", "c2", "s2"),
        ("s1", "conversations"): ("firm",),
        ("s2", "street"): ("c1", "c2", "s1", "firm"),
        ("s2", "market"): ("c1", "c2", "s1"),
        ("firm", "firm"): ("c1", "c2", "s1", "s2"),
        **{(bank, "street"): ("c1", "c2", "s1", "s2", "firm") for bank in ("bankx", "banky", "broker")},
        **{(bank, "conversations"): ("firm",) for bank in ("bankx", "banky", "broker")},
        ("tokyo", "links"): ("newyork", "london"),
        ("newyork", "links"): ("tokyo", "zurich", "london"),
        ("zurich", "links"): ("newyork", "london"),
        ("london", "links"): ("tokyo", "newyork", "zurich"),
    }


@pytest.mark.requirement("T1")
def test_orders_go_from_customer_utilities_to_street_utilities_only() -> None:
    orders = {d.utility.name: d.sends_orders_to for d in describe(DEFAULT) if d.sends_orders_to}

    assert orders == {"c1": ("s1", "s2"), "c2": ("s1", "s2")}


@pytest.mark.requirement("R1")
def test_banks_send_messages_to_their_city_and_cities_to_their_banks_and_along_links() -> None:
    messages = {d.utility.name: d.sends_messages_to for d in describe(DEFAULT) if d.sends_messages_to}

    assert messages == {
        "s1": ("london",),
        "bankx": ("tokyo",),
        "banky": ("zurich",),
        "broker": ("newyork",),
        "tokyo": ("bankx", "newyork", "london"),
        "newyork": ("broker", "tokyo", "zurich", "london"),
        "zurich": ("banky", "newyork", "london"),
        "london": ("s1", "tokyo", "newyork", "zurich"),
    }


def test_what_a_utility_writes_is_among_its_own_tables() -> None:
    for described in describe(DEFAULT):
        assert {written.table for written in described.writes} <= set(described.tables)


def test_the_json_is_json_and_says_all_of_a_utility() -> None:
    content = topology_json(DEFAULT)

    assert json.loads(json.dumps(content)) == content
    assert (content["enterprise"], content["version"]) == ("demo", DEFAULT.version)
    assert [utility["name"] for utility in content["utilities"]] == [
        utility.name for utility in DEFAULT.utilities
    ]
    assert content["utilities"][0] == {
        "name": "c1",
        "side": "customer",
        "code": "C01",
        "region": "us-east-1",
        "tables": ["demo-c1-customer", "demo-c1-street", "demo-c1-firm", "demo-c1-market"],
        "writes": [
            {"table": "demo-c1-customer", "holding": "customer", "copied_to": ["c2", "firm"]},
        ],
        "sends_orders_to": ["s1", "s2"],
        "sends_messages_to": [],
    }
    assert content["principals"][-1] == {"name": "NEPTUNE", "node": "broker", "terminals": ["N1"]}


def test_the_diagram_has_an_arrow_for_every_copy_and_every_order() -> None:
    arrows = _arrows(topology_mermaid(AWKWARD))

    assert arrows == [
        ("utility_end", "-->", "customer", "utility_customer"),
        ("utility_end", "-.->", "orders", "utility_street"),
        ("utility_street", "-->", "street, market", "utility_end"),
        ("utility_street", "-->", "street", "utility_customer"),
        ("utility_customer", "-->", "firm", "utility_end"),
        ("utility_customer", "-->", "firm", "utility_street"),
    ]


@pytest.mark.parametrize("enterprise", [DEFAULT, AWKWARD], ids=["default", "awkward"])
def test_every_utility_is_drawn_once_within_its_side(enterprise: Enterprise) -> None:
    drawn = {
        side: re.findall(r'^ +utility_(\w+)\["', inside, flags=re.MULTILINE)
        for side, inside in re.findall(
            r'subgraph side_(\w+)\["[\w ]+"\]\n(.*?)^    end$',
            topology_mermaid(enterprise),
            flags=re.MULTILINE | re.DOTALL,
        )
    }

    assert drawn == {
        side: [utility.name for utility in enterprise.on(side)] for side in Side if enterprise.on(side)
    }


@pytest.mark.parametrize("enterprise", [DEFAULT, AWKWARD], ids=["default", "awkward"])
def test_every_arrow_joins_two_utilities_that_are_drawn_and_only_once(enterprise: Enterprise) -> None:
    diagram = topology_mermaid(enterprise)
    nodes = set(re.findall(r"^        (\w+)\[", diagram, flags=re.MULTILINE))
    arrows = _arrows(diagram)

    assert arrows
    assert {end for origin, _, _, target in arrows for end in (origin, target)} <= nodes
    assert len({(origin, kind, target) for origin, kind, _, target in arrows}) == len(arrows)
    assert not nodes & {"end", *(f"side_{side}" for side in Side)}


@pytest.mark.requirement("R1")
def test_two_that_write_to_each_other_are_joined_by_one_arrow() -> None:
    joined = [{a, b} for a, kind, _, b in _arrows(topology_mermaid(DEFAULT)) if kind == "<-.->"]

    assert len(joined) == 4 + 5
    assert {"utility_tokyo", "utility_london"} in joined
    assert {"utility_tokyo", "utility_zurich"} not in joined


def test_every_line_of_the_diagram_is_of_a_known_form() -> None:
    node = r'        utility_\w+\["[^"]+"\]'
    arrow = r'    utility_\w+ <?-\.?->\|"[a-z, ]+"\| utility_\w+'
    form = rf'flowchart LR|    subgraph side_\w+\["\w+( side)?"\]|{node}|    end|{arrow}'

    for line in topology_mermaid(DEFAULT).splitlines():
        assert re.fullmatch(form, line), line


def test_the_table_shows_every_utility_with_its_tables_and_who_holds_copies() -> None:
    shown = _render(DEFAULT)

    assert f"Enterprise demo, version {DEFAULT.version}" in shown
    for utility in DEFAULT.utilities:
        assert re.search(rf"│ {utility.name} +│ {utility.side} +│ {utility.code} +│", shown)
        for holding in utility.holdings:
            assert f" {holding} " in shown
    assert "street: c1, c2, s2, firm" in shown
    assert "market: c1, c2, s1" in shown


@pytest.mark.requirement("R12")
def test_who_deals_is_shown_with_the_node_and_its_city() -> None:
    shown = _render(DEFAULT)

    for principal in DEFAULT.principals:
        city = DEFAULT.utility(principal.node).city
        terminals = ", ".join(principal.terminals)
        assert re.search(rf"│ {principal.name} +│ {principal.node} +│ {city} +│ {terminals} +│", shown)


def test_the_table_says_so_when_nobody_holds_a_copy() -> None:
    alone = Enterprise(name="lone", version=1, utilities=(DEFAULT.utility("c1"),))

    assert "customer: nobody" in _render(alone)


def _arrows(diagram: str) -> list[tuple[str, str, str, str]]:
    return re.findall(r'^    (\w+) (<?-\.?->)\|"([^"]+)"\| (\w+)$', diagram, flags=re.MULTILINE)


def _render(enterprise: Enterprise) -> str:
    output = StringIO()
    Console(file=output, width=200).print(topology_table(enterprise), principals_table(enterprise))
    return output.getvalue()


def test_the_drawing_has_a_mark_for_every_table_and_no_other() -> None:
    for enterprise in (DEFAULT, AWKWARD):
        tables = {table for utility in enterprise.utilities for table in enterprise.tables(utility)}
        marks = re.findall(r"<g><title>(.*?)</title>", draw(enterprise))
        drawn = [mark for mark in marks if mark.startswith(f"{enterprise.name}-")]
        assert sorted(drawn) == sorted(tables)


def test_a_table_is_drawn_filled_where_it_is_written_and_hollow_where_copies_arrive() -> None:
    drawing = draw(DEFAULT)
    shapes = {
        "demo-firm-firm": ["own"],
        "demo-c1-firm": ["copies"],
        "demo-bankx-street": ["own"],
        "demo-firm-conversations": ["copies"],
        "demo-c1-customer": ["copies", "own"],
    }
    radii = {"7": "copies", "8": "own", "10": "copies", "6": "own"}
    for table, expected in shapes.items():
        (mark,) = re.findall(rf"<g><title>{table}</title>(.*?)</g>", drawing)
        assert [radii[radius] for radius in re.findall(r' r="(\d+)"', mark)] == expected, table


def test_the_drawing_is_well_formed_and_the_one_in_the_documentation() -> None:
    drawing = draw(DEFAULT)
    ElementTree.fromstring(drawing)
    kept = Path(__file__).parents[2] / "docs" / "assets" / "enterprise.svg"
    assert kept.read_text() == drawing, "make drawing"
