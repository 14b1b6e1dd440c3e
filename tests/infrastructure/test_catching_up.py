"""Catching up: a utility that joins, or has lost records, ends with what the others have."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chalicelib.enterprise import Enterprise as Plan
from chalicelib.enterprise import EnterpriseError, Holding, Side, Utility, load_enterprise
from chalicelib.records.record import Item
from chalicelib.tables.dynamodb import DynamoDBStore
from infrastructure.catching_up import Compared, catch_up, sources
from infrastructure.engine import client
from tests.entry.conftest import aws as aws
from tests.entry.enterprise import REGION, Enterprise

DEFAULT = load_enterprise(Path("enterprise.toml"))
C3 = Utility(name="c3", side=Side.CUSTOMER, code="C03", region="us-east-1")
S3 = Utility(name="s3", side=Side.STREET, code="S03", region="us-east-1", since="20990101")
HELD = (Holding.CUSTOMER, Holding.STREET, Holding.FIRM)


@pytest.fixture(scope="module")
def shared(aws: None, tmp_path_factory: pytest.TempPathFactory) -> Enterprise:
    return Enterprise(tmp_path_factory.mktemp("enterprise"))


@pytest.fixture
def enterprise(shared: Enterprise) -> Iterator[Enterprise]:
    shared.publish()
    yield shared
    shared.take_over(DEFAULT)
    shared.recover()


def joined(plan: Plan, *new: Utility) -> Plan:
    known = {utility.name for utility in plan.utilities}
    return replace(plan, utilities=(*plan.utilities, *(u for u in new if u.name not in known)))


def caught_up(enterprise: Enterprise, name: str, **how: Any) -> Compared:
    """What came of catching up, all sources together."""
    utility = enterprise.plan.utility(name)
    only = how.pop("only", None)
    parts = [
        part
        for source in sources(enterprise.plan, utility, only)
        for part in catch_up(
            source,
            enterprise.plan,
            dynamodb=client("dynamodb", None),
            replica=DynamoDBStore(enterprise.plan.table(name, source.holding), REGION),
            **{"mend": True, **how},
        )
    ]
    return Compared(
        sum(part.records for part in parts),
        tuple(key for part in parts for key in part.missing),
        tuple(key for part in parts for key in part.different),
    )


def traded(enterprise: Enterprise) -> tuple[str, str]:
    """An account that has traded, and the number of its order."""
    account = enterprise.open_account()
    number = enterprise.enter("c1", account)
    enterprise.enter("c2", account, ClOrdID="order-2", Side="2", OrderQty="30")
    enterprise.settle()
    return account, number


def copies(enterprise: Enterprise, name: str, holding: Holding) -> dict[str, Item]:
    """What a table has but for marks."""
    items = enterprise.items(enterprise.plan.table(name, holding))
    return {key: item for key, item in items.items() if "Origin" in item}


@pytest.mark.requirement("T16")
def test_a_utility_that_joins_a_running_enterprise_answers_as_the_others_do(enterprise: Enterprise) -> None:
    account, number = traded(enterprise)
    enterprise.take_over(joined(enterprise.plan, C3, S3))
    # What is written from now on comes by streams.
    enterprise.enter("c1", account, ClOrdID="order-3")
    enterprise.settle()
    assert "the order as placed, written at C01" in enterprise.get("c3", f"/orders/{number}")["WaitsFor"]
    for name in ("c3", "s3"):
        assert caught_up(enterprise, name).missing
    enterprise.settle()
    for holding in HELD:
        assert copies(enterprise, "c3", holding) == copies(enterprise, "c1", holding)
    assert copies(enterprise, "s3", Holding.STREET) == copies(enterprise, "s1", Holding.STREET)
    for target in (f"/orders/{number}", f"/positions?Account={account}", f"/orders?Account={account}"):
        answers = [enterprise.get(name, target) for name in ("c1", "c3")]
        assert [{**answer, "AnsweredBy": ""} for answer in answers] == [{**answers[0], "AnsweredBy": ""}] * 2


@pytest.mark.requirement("T16", "T11")
def test_what_is_there_already_is_not_written_again(enterprise: Enterprise) -> None:
    traded(enterprise)
    caught_up(enterprise, "c2")
    with enterprise.counting_writes() as writes:
        again = caught_up(enterprise, "c2")
    assert (again.missing, again.different) == ((), ())
    assert again.records > 0
    assert not writes


@pytest.mark.requirement("T17")
@pytest.mark.parametrize(("name", "holding"), [("c2", Holding.STREET), ("c1", Holding.CUSTOMER)])
def test_records_that_were_lost_are_found_and_brought_back(
    enterprise: Enterprise, name: str, holding: Holding
) -> None:
    """A replica's from those who wrote them, and its own from those who have copies."""
    account, _ = traded(enterprise)
    table = enterprise.plan.table(name, holding)
    before = enterprise.items(table)
    lost = [item for item in before.values() if item.get("Account") == account][:2]
    for item in lost:
        enterprise.remove(table, item)
    found = caught_up(enterprise, name, mend=False)
    assert set(found.missing) == {(item["pk"], item["sk"]) for item in lost}
    assert enterprise.items(table) != before
    caught_up(enterprise, name)
    assert enterprise.items(table) == before
    # Its own records go their way again, which changes nothing.
    enterprise.settle()
    assert caught_up(enterprise, name, mend=False).missing == ()


@pytest.mark.requirement("T11")
def test_a_record_that_is_other_than_the_original_is_named_and_left(enterprise: Enterprise) -> None:
    account, _ = traded(enterprise)
    table = enterprise.plan.table("c2", Holding.STREET)
    item = next(item for item in enterprise.items(table).values() if item.get("Account") == account)
    changed = {**item, "Text": "changed by hand"}
    enterprise.put(table, changed)
    found = caught_up(enterprise, "c2")
    assert set(found.different) == {(item["pk"], item["sk"])}
    assert enterprise.items(table)[f"{item['pk']}/{item['sk']}"] == changed
    enterprise.remove(table, item)
    caught_up(enterprise, "c2")
    assert enterprise.items(table)[f"{item['pk']}/{item['sk']}"] == item


@pytest.mark.requirement("T16")
def test_one_utility_alone_has_what_those_wrote_that_are_away(enterprise: Enterprise) -> None:
    _, number = traded(enterprise)
    enterprise.take_over(joined(enterprise.plan, C3, S3))
    table = enterprise.plan.table("c3", Holding.STREET)
    for item in enterprise.items(table).values():
        enterprise.remove(table, item)
    caught_up(enterprise, "c3", only="c2")
    assert copies(enterprise, "c3", Holding.STREET) == copies(enterprise, "c2", Holding.STREET)
    assert enterprise.get("c3", f"/orders/{number}")["OrdStatusName"] == "Filled"


@pytest.mark.requirement("T16")
def test_what_a_utility_wrote_that_has_left_comes_from_the_others(enterprise: Enterprise) -> None:
    account, _ = traded(enterprise)
    left = replace(
        enterprise.plan, utilities=tuple(u for u in enterprise.plan.utilities if u.name not in ("c1", "c3"))
    )
    enterprise.take_over(joined(left, replace(C3, name="c4", code="C04")))
    caught_up(enterprise, "c4")
    found = copies(enterprise, "c4", Holding.CUSTOMER).values()
    assert {item["Origin"] for item in found if item.get("Account") == account} == {"c1", "c2"}


def test_a_bank_has_its_own_records_back_and_no_others() -> None:
    found = sources(DEFAULT, DEFAULT.utility("bankx"))
    assert {source.origins for source in found} == {frozenset({"bankx"})}
    assert {(source.name, source.holding) for source in found} == {
        *((name, Holding.STREET) for name in ("c1", "c2", "s1", "s2", "firm")),
        ("firm", Holding.CONVERSATIONS),
    }


def test_the_firm_has_each_banks_conversations_from_that_bank() -> None:
    firm = DEFAULT.utility("firm")
    for only in (None, "bankx"):
        origins = {s.origins for s in sources(DEFAULT, firm, only) if s.holding is Holding.CONVERSATIONS}
        assert frozenset({"bankx"}) in origins
        assert all(len(names) == 1 for names in origins)


def test_a_utility_that_has_nothing_for_another_is_named() -> None:
    with pytest.raises(EnterpriseError, match="tokyo has no records that utility 'c1' holds"):
        sources(DEFAULT, DEFAULT.utility("c1"), "tokyo")
    with pytest.raises(EnterpriseError, match="no utility 'c9'"):
        sources(DEFAULT, DEFAULT.utility("c1"), "c9")
