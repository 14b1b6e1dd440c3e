from collections import Counter
from collections.abc import Mapping
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from chalicelib.enterprise import (
    EnterpriseError,
    Holding,
    Side,
    load_enterprise,
    parse_enterprise,
    queue_purposes,
    routes,
)
from tests.builders import BANKS, LINKS, enterprise, enterprise_content, utility

THREE_SIDED = enterprise(customers=3, streets=3)
NETWORKED = enterprise(banks=BANKS, links=LINKS)
DEFAULT = load_enterprise(Path(__file__).parents[1] / "enterprise.toml")


@pytest.mark.requirement("T8")
@pytest.mark.parametrize(
    ("writer", "holding", "holders"),
    [
        ("c1", Holding.CUSTOMER, ("c2", "c3", "firm")),
        ("c3", Holding.CUSTOMER, ("c1", "c2", "firm")),
        ("s1", Holding.STREET, ("c1", "c2", "c3", "s2", "s3", "firm")),
        ("s2", Holding.MARKET, ("c1", "c2", "c3", "s1", "s3")),
        ("firm", Holding.FIRM, ("c1", "c2", "c3", "s1", "s2", "s3")),
    ],
)
def test_what_a_utility_writes_is_copied_to_every_other_that_holds_it(
    writer: str, holding: Holding, holders: tuple[str, ...]
) -> None:
    assert THREE_SIDED.holders(THREE_SIDED.utility(writer), holding) == holders


@pytest.mark.requirement("T8")
@pytest.mark.parametrize(
    ("reader", "holding"),
    [
        ("c1", Holding.STREET),
        ("c1", Holding.FIRM),
        ("c1", Holding.MARKET),
        ("s1", Holding.FIRM),
        ("s1", Holding.INBOX),
        ("firm", Holding.CUSTOMER),
        ("firm", Holding.STREET),
    ],
)
def test_a_replica_is_never_copied_on(reader: str, holding: Holding) -> None:
    assert THREE_SIDED.holders(THREE_SIDED.utility(reader), holding) == ()


@pytest.mark.requirement("T8")
def test_street_utilities_hold_no_customer_records() -> None:
    assert not [name for name in THREE_SIDED.tables(THREE_SIDED.utility("s1")) if "customer" in name]


@pytest.mark.requirement("T1")
def test_only_customer_utilities_write_to_inboxes() -> None:
    assert THREE_SIDED.peers(THREE_SIDED.utility("c1")) == ("c2", "c3", "s1", "s2", "s3", "firm")
    assert THREE_SIDED.peers(THREE_SIDED.utility("firm")) == ("c1", "c2", "c3", "s1", "s2", "s3")


def test_a_utility_has_a_queue_per_peer_and_all_but_the_firm_one_for_timers() -> None:
    small = enterprise(customers=1, streets=1)
    assert queue_purposes(small, small.utility("c1")) == ("parked-s1", "parked-firm", "checks")
    assert queue_purposes(small, small.utility("firm")) == ("parked-c1", "parked-s1")


@pytest.mark.parametrize(
    ("name", "tables"),
    [
        ("c1", ("demo-c1-customer", "demo-c1-street", "demo-c1-firm", "demo-c1-market")),
        ("s1", ("demo-s1-street", "demo-s1-firm", "demo-s1-inbox", "demo-s1-market")),
        (
            "firm",
            ("demo-firm-firm", "demo-firm-customer", "demo-firm-street", "demo-firm-conversations"),
        ),
    ],
)
def test_tables_are_named_for_their_utility_and_what_they_hold(name: str, tables: tuple[str, ...]) -> None:
    assert THREE_SIDED.tables(THREE_SIDED.utility(name)) == tables
    assert {THREE_SIDED.owner(table).name for table in tables} == {name}


def test_a_utility_writes_the_one_table_that_is_its_own() -> None:
    assert [NETWORKED.on(side)[0].own for side in Side] == [
        Holding.CUSTOMER,
        Holding.STREET,
        Holding.FIRM,
        Holding.LINKS,
    ]


@pytest.mark.parametrize("named", ["demo-c9-customer", "demo-s1-customer", "other-c1-customer"])
def test_a_table_that_is_nobodys_is_refused_by_name(named: str) -> None:
    with pytest.raises(EnterpriseError, match=named):
        THREE_SIDED.owner(named)


def test_an_unknown_utility_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(EnterpriseError, match=r"no utility 'c9'.*c1, c2, c3, s1"):
        THREE_SIDED.utility("c9")


def _with(change: dict[str, Any] | None = None, *, added: dict[str, Any] | None = None) -> dict[str, Any]:
    content = enterprise_content()
    content["utility"][0].update(change or {})
    content["utility"] += [added] if added else []
    return content


def _without(key: str) -> dict[str, Any]:
    content = enterprise_content()
    del content["utility"][0][key]
    return content


@pytest.mark.requirement("T1")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (_with(added=utility("firm2", "firm", "F02")), r"exactly one firm.*firm2"),
        ({**enterprise_content(), "utility": enterprise_content()["utility"][:-1]}, "firm.*none"),
        (_with(added=utility("c1", "customer", "C09")), "name 'c1' is given"),
        (_with(added=utility("c9", "customer", "C01")), "code 'C01' is given"),
        (_with({"side": "back"}), "utility 'c1': side 'back'.*customer, street, firm"),
        (_with({"code": "c1"}), "utility 'c1': code 'c1'"),
        (_with({"name": "C.1"}), r"utility name 'C\.1'"),
        (_with({"speed": 3}), "utility 'c1': unknown setting 'speed'"),
        (_with({"account": "1234"}), "utility 'c1': account '1234': expected the 12 digits"),
        (
            _with({"account": "123456789012"}),
            "utility 'c2': expected account = .*for all of them, or for none",
        ),
        (_with({"key": "alias/tables"}), "utility 'c1': key 'alias/tables': expected the identifier"),
        (_without("code"), "utility 'c1': expected code = str, found None"),
        (_without("region"), "utility 'c1': expected region = str"),
        (_without("name"), "a utility: expected name = str"),
        ({**enterprise_content(), "version": "1"}, "expected version = int, found '1'"),
        ({**enterprise_content(), "name": "Demo.1"}, r"enterprise name 'Demo\.1'"),
        ({"version": 1}, "expected name = str, found None"),
        (enterprise_content(customers=0), "at least one customer"),
        (enterprise_content(streets=0), "at least one street"),
    ],
)
def test_an_enterprise_that_contradicts_itself_is_refused_by_what_and_where(
    content: dict[str, Any], message: str
) -> None:
    with pytest.raises(EnterpriseError, match=message):
        parse_enterprise(content)


def test_a_file_that_is_missing_or_not_toml_is_refused_by_its_path(tmp_path: Any) -> None:
    with pytest.raises(EnterpriseError, match=r"no enterprise file at .*none\.toml"):
        load_enterprise(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("name = ")
    with pytest.raises(EnterpriseError, match=r"bad\.toml is not TOML"):
        load_enterprise(tmp_path / "bad.toml")


@pytest.mark.requirement("T17")
def test_a_sequence_does_not_depend_on_the_order_of_the_file() -> None:
    content = enterprise_content(streets=3)
    first = parse_enterprise(content).sequence("20260105", "account", "tag")
    for utilities in permutations(content["utility"][2:5]):
        other = parse_enterprise(
            {**content, "utility": [*content["utility"][:2], *utilities, content["utility"][5]]}
        )
        assert other.sequence("20260105", "account", "tag") == first


@pytest.mark.requirement("T17")
def test_a_sequence_has_every_street_utility_once_and_each_is_first_for_a_fair_share() -> None:
    sequences = [THREE_SIDED.sequence("20260105", "account", str(n)) for n in range(1500)]
    assert {tuple(sorted(sequence)) for sequence in sequences} == {("s1", "s2", "s3")}
    first = Counter(sequence[0] for sequence in sequences)
    assert all(400 < first[name] < 600 for name in ("s1", "s2", "s3"))


@pytest.mark.requirement("T16")
def test_a_new_street_utility_leaves_the_order_of_the_others_as_it_was() -> None:
    for n in range(50):
        grown = enterprise(streets=4).sequence("20260105", "account", str(n))
        assert tuple(name for name in grown if name != "s4") == THREE_SIDED.sequence(
            "20260105", "account", str(n)
        )


@pytest.mark.requirement("T16", "T17")
def test_a_street_utility_takes_part_in_the_orders_of_its_own_days_only() -> None:
    content = enterprise_content(streets=3)
    [joins] = [utility for utility in content["utility"] if utility["name"] == "s3"]
    joins.update(since="20260105", until="20260107")
    changing = parse_enterprise(content)
    took_part = [
        day for day in ("20260104", "20260105", "20260106", "20260107") if "s3" in changing.sequence(day, "x")
    ]
    assert took_part == ["20260105", "20260106"]
    assert changing.sequence("20260104", "x") == enterprise(streets=2).sequence("20260104", "x")


@pytest.mark.parametrize("days", [{"since": "tomorrow"}, {"until": "2026-01-05"}, {"since": 20260105}])
def test_a_day_that_is_none_is_named(days: dict[str, object]) -> None:
    content = enterprise_content()
    content["utility"][-1].update(days)
    with pytest.raises(EnterpriseError, match=next(iter(days))):
        parse_enterprise(content)


def test_some_street_utility_takes_part_on_every_day() -> None:
    content = enterprise_content(streets=1)
    next(u for u in content["utility"] if u["side"] == "street")["since"] = "20260105"
    with pytest.raises(EnterpriseError, match="every day"):
        parse_enterprise(content)


# The network between banks


@pytest.mark.requirement("R1")
def test_a_bank_that_takes_no_orders_keeps_what_it_deals_with_and_nobody_elses_records() -> None:
    bank = NETWORKED.utility("bankx")
    assert bank.holdings == (
        Holding.STREET,
        Holding.INBOX,
        Holding.REGISTRATIONS,
        Holding.CONVERSATIONS,
    )
    written = {writer.name: [NETWORKED.holders(writer, h) for h in Holding] for writer in NETWORKED.utilities}
    assert [name for name, holders in written.items() if any("bankx" in held for held in holders)] == []


@pytest.mark.requirement("T17", "R1")
def test_no_order_is_tried_at_a_bank_that_takes_none() -> None:
    assert sorted(DEFAULT.sequence("20260105", "account", "tag")) == ["s1", "s2"]
    assert not set(NETWORKED.peers(NETWORKED.utility("c1"))) & set(BANKS)


@pytest.mark.requirement("T8", "R5")
def test_conversations_are_copied_to_the_firm_and_registrations_to_nobody() -> None:
    bank = DEFAULT.utility("s1")
    assert DEFAULT.holders(bank, Holding.CONVERSATIONS) == ("firm",)
    assert DEFAULT.holders(bank, Holding.REGISTRATIONS) == ()


@pytest.mark.requirement("R1")
def test_a_link_that_is_named_at_one_end_is_one_at_both() -> None:
    assert {city.name: set(city.links) for city in NETWORKED.on(Side.NETWORK)} == {
        "tokyo": {"newyork", "london"},
        "newyork": {"tokyo", "zurich", "london"},
        "zurich": {"newyork", "london"},
        "london": {"tokyo", "newyork", "zurich"},
    }


@pytest.mark.requirement("R1")
def test_signs_of_life_of_a_city_are_copied_to_those_it_is_linked_to() -> None:
    tokyo = NETWORKED.utility("tokyo")
    assert NETWORKED.holders(tokyo, Holding.LINKS) == ("newyork", "london")


@pytest.mark.requirement("R1")
def test_a_bank_writes_to_its_city_and_a_city_to_its_banks_and_those_it_is_linked_to() -> None:
    assert NETWORKED.peers(NETWORKED.utility("bankx")) == ("c1", "c2", "s1", "s2", "firm", "tokyo")
    assert NETWORKED.peers(NETWORKED.utility("tokyo")) == ("bankx", "newyork", "london")
    assert queue_purposes(NETWORKED, NETWORKED.utility("zurich")) == (
        "parked-banky",
        "parked-newyork",
        "parked-london",
    )


@pytest.mark.requirement("R12")
def test_a_node_deals_for_one_principal_or_for_several() -> None:
    assert [principal.name for principal in DEFAULT.principals_at("broker")] == ["MERCURY", "NEPTUNE"]
    assert [principal.name for principal in DEFAULT.principals_at("bankx")] == ["BANKX"]
    assert DEFAULT.principals_at("s2") == ()
    mercury = DEFAULT.principal("MERCURY")
    assert mercury is not None
    assert (mercury.node, mercury.terminals) == ("broker", ("M1",))
    assert DEFAULT.principal("NOBODY") is None


# Routes

_JOINED = {city.name: city.links for city in DEFAULT.on(Side.NETWORK)}


@pytest.mark.requirement("R1")
def test_two_ways_lead_from_tokyo_to_zurich() -> None:
    assert routes(_JOINED, "tokyo", "zurich") == ("london", "newyork")


@pytest.mark.requirement("R1")
@pytest.mark.parametrize(
    ("avoiding", "ways"),
    [
        (["london"], ("newyork",)),
        (["newyork"], ("london",)),
        (["london", "newyork"], ()),
        (["zurich"], ("london", "newyork")),
        (["tokyo"], ("london", "newyork")),
    ],
    ids=str,
)
def test_no_way_leads_through_a_city_that_is_avoided(avoiding: list[str], ways: tuple[str, ...]) -> None:
    assert routes(_JOINED, "tokyo", "zurich", avoiding) == ways


@pytest.mark.requirement("R1")
def test_the_shortest_way_is_first_and_none_comes_back_to_where_it_starts() -> None:
    line = {"a": ["b", "c"], "b": ["a", "d"], "c": ["a", "e"], "d": ["b", "e"], "e": ["c", "d"], "f": []}
    assert routes(line, "a", "e") == ("c", "b")
    assert routes(line, "a", "d") == ("b", "c")
    assert routes({**line, "c": ["a"], "e": ["d"]}, "a", "e") == ("b",)
    assert routes(line, "a", "f") == ()


# What the file may not say


def _networked(change: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The content of a networked enterprise, with settings of its utilities and principals changed."""
    content = enterprise_content(banks=BANKS, links=LINKS)
    for entry in [*content["utility"], *content["principal"]]:
        entry.update(change.get(entry["name"], {}))
    return content


@pytest.mark.requirement("R1")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (_networked({"bankz": {"city": "zurich"}}), "city 'london' has no bank's node"),
        (_networked({"BANKZ": {"node": "bankx"}}), "utility 'bankz' is at a city and needs a principal"),
        (_networked({"BANKZ": {"terminals": []}}), "principal 'BANKZ': expected at least one terminal"),
        (_networked({"BANKZ": {"terminals": ["z.1"]}}), r"principal 'BANKZ': terminal 'z\.1'"),
        (_networked({"BANKZ": {"terminals": "Z1"}}), "principal 'BANKZ': expected terminals = list"),
        (_networked({"BANKZ": {"terminals": [1]}}), r"principal 'BANKZ': terminals \[1\]: expected names"),
        (_networked({"BANKZ": {"speed": 3}}), "principal 'BANKZ': unknown setting 'speed'"),
        (_networked({"BANKZ": {"name": "bankz"}}), "principal name 'bankz'"),
        (_networked({"BANKZ": {"name": "BANKX"}}), "principal 'BANKX' is given"),
        (_networked({"BANKZ": {"node": "s2"}}), "principal 'BANKZ': node 's2' is no street utility with"),
        (_networked({"BANKZ": {"node": "paris"}}), "principal 'BANKZ': node 'paris' is no street utility"),
        (_networked({"tokyo": {"links": ["paris"]}}), "utility 'tokyo': link 'paris'"),
        (_networked({"tokyo": {"links": ["bankx"]}}), "utility 'tokyo': link 'bankx'"),
        (_networked({"tokyo": {"links": ["tokyo"]}}), "utility 'tokyo': link 'tokyo'"),
        (_networked({"tokyo": {"links": []}}), "no links lead from city 'london' to city 'tokyo'"),
        (_networked({"tokyo": {"city": "london"}}), "utility 'tokyo': unknown setting 'city'"),
        (_networked({"c1": {"links": ["tokyo"]}}), "utility 'c1': unknown setting 'links'"),
        (_networked({"bankz": {"city": "paris"}}), "utility 'bankz': city 'paris' is no network utility"),
        (_networked({"s2": {"orders": False}}), "utility 's2' takes no orders and is at no city"),
        (_networked({"s2": {"orders": 0}}), "utility 's2': expected orders = bool"),
    ],
)
def test_a_network_that_contradicts_itself_is_refused_by_what_and_where(
    content: dict[str, Any], message: str
) -> None:
    with pytest.raises(EnterpriseError, match=message):
        parse_enterprise(content)
