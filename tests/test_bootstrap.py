"""Which adapters a process uses, as its environment says."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from chalicelib import bootstrap
from chalicelib.bootstrap import Here
from chalicelib.enterprise import Holding
from chalicelib.records.record import Item
from chalicelib.tables.dynamodb import connection

NOWHERE = "http://127.0.0.1:3"
RECORD: Item = {"pk": "p", "sk": "s"}

# Three accounts, in two partitions.
FILE = """
name = "demo"
version = 1
utility = [
  {name = "c1", side = "customer", code = "C01", region = "us-east-1", account = "111111111111"},
  {name = "c2", side = "customer", code = "C02", region = "cn-north-1", account = "222222222222"},
  {name = "s1", side = "street", code = "S01", region = "us-east-1", account = "111111111111"},
  {name = "firm", side = "firm", code = "F01", region = "eu-central-1", account = "333333333333"},
]
"""


@pytest.fixture
def here_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Here]:
    """A utility of that enterprise as its environment makes it."""
    file = tmp_path / "enterprise.toml"
    file.write_text(FILE)

    def make(name: str) -> Here:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        monkeypatch.setenv("THREESIDE_UTILITY", name)
        monkeypatch.setenv("THREESIDE_ENTERPRISE", str(file))
        monkeypatch.setenv("THREESIDE_SECRET", "00")
        monkeypatch.setenv("THREESIDE_ENDPOINT", NOWHERE)
        return bootstrap.from_environment.__wrapped__()

    return make


def asked(region: str, act: Callable[[], object]) -> list[dict[str, Any]]:
    """The requests that reach DynamoDB in a region while something is done; each is answered with nothing."""
    seen: list[dict[str, Any]] = []

    def answer(request: Any, **kwargs: object) -> AWSResponse:
        seen.append(json.loads(request.body))
        headers: Any = {}
        return AWSResponse(request.url, 200, headers, _Nothing())

    events: Any = connection(region, NOWHERE).client.meta.events
    events.register_first("before-send.dynamodb", answer)
    try:
        act()
    finally:
        events.unregister("before-send.dynamodb", answer)
    return seen


class _Nothing:
    def stream(self) -> list[bytes]:
        return [b"{}"]


def test_a_table_of_another_account_is_addressed_by_its_arn(here_at: Callable[[str], Here]) -> None:
    here = here_at("c1")
    firm, c2 = (here.table(Holding.CUSTOMER, of=name) for name in ("firm", "c2"))
    (inserted,) = asked("eu-central-1", lambda: firm.insert(RECORD))
    assert inserted["TableName"] == "arn:aws:dynamodb:eu-central-1:333333333333:table/demo-firm-customer"
    (copied,) = asked("cn-north-1", lambda: c2.copy([RECORD]))
    assert [*copied["RequestItems"]] == ["arn:aws-cn:dynamodb:cn-north-1:222222222222:table/demo-c2-customer"]


def test_a_table_of_the_same_account_is_addressed_by_its_name(here_at: Callable[[str], Here]) -> None:
    here = here_at("c1")
    for table in (here.own(), here.table(Holding.INBOX, of="s1")):
        (inserted,) = asked("us-east-1", lambda table=table: table.insert(RECORD))  # type: ignore[misc]
        assert inserted["TableName"] == table.name


def test_what_another_account_did_not_take_is_parked_and_tried_again_by_name(
    here_at: Callable[[str], Here],
) -> None:
    here = here_at("c1")
    firm = here.peers(Holding.CUSTOMER).tables["firm"]
    assert firm.name == "demo-firm-customer"
    assert here.peer_table(firm.name) is firm
