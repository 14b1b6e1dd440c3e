from collections import Counter
from itertools import permutations
from typing import Any

import pytest

from chalicelib.enterprise import (
    EnterpriseError,
    Holding,
    Side,
    load_enterprise,
    parse_enterprise,
    queue_purposes,
)
from tests.builders import enterprise, enterprise_content, utility

THREE_SIDED = enterprise(customers=3, streets=3)


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
        ("firm", ("demo-firm-firm", "demo-firm-customer", "demo-firm-street")),
    ],
)
def test_tables_are_named_for_their_utility_and_what_they_hold(name: str, tables: tuple[str, ...]) -> None:
    assert THREE_SIDED.tables(THREE_SIDED.utility(name)) == tables
    assert {THREE_SIDED.owner(table).name for table in tables} == {name}


def test_a_utility_writes_the_one_table_that_is_its_own() -> None:
    assert [THREE_SIDED.on(side)[0].own for side in Side] == [
        Holding.CUSTOMER,
        Holding.STREET,
        Holding.FIRM,
    ]


@pytest.mark.requirement("T10")
def test_a_number_leads_to_the_utility_that_gave_it_out() -> None:
    author = THREE_SIDED.author("C02")
    assert author is not None
    assert author.name == "c2"
    assert THREE_SIDED.author("C99") is None


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
