"""How far links are behind, by tables as a whole and by CloudWatch's metrics."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from chalicelib.entry.logs import JsonLines
from infrastructure import __main__ as command_line
from infrastructure.deployment.cloud import Cloud
from infrastructure.engine import client
from infrastructure.lag import Lag, lag_json, lag_of_metrics, lag_of_tables, lag_table, links

from .enterprise import Enterprise
from .listening import listening

SECOND = timedelta(seconds=1)


@pytest.fixture
def log(enterprise: Enterprise, tmp_path: Path) -> Iterator[Path]:
    """The log of c1, of this process while it is."""
    path = tmp_path / "c1.log"
    with path.open("a", buffering=1) as file, listening(JsonLines(file.write)):
        yield path


def _by_tables(enterprise: Enterprise, log: Path) -> dict[tuple[str, str, str], Lag]:
    # What is stamped within the second of the test's clock is a microsecond ahead of it.
    found = lag_of_tables(enterprise.plan, Cloud(), log.parent, enterprise.now + SECOND)
    return {(lag.utility, lag.holding.value, lag.to): lag for lag in found}


def _put_metrics(log: Path) -> None:
    """Do with a log what CloudWatch does with the lines that are metrics."""
    watch = client("cloudwatch", None)
    for line in map(json.loads, log.read_text().splitlines()):
        for described in line.get("_aws", {}).get("CloudWatchMetrics", ()):
            watch.put_metric_data(
                Namespace=described["Namespace"],
                MetricData=[
                    {
                        "MetricName": metric["Name"],
                        "Dimensions": [{"Name": n, "Value": line[n]} for n in described["Dimensions"][0]],
                        "Value": line[metric["Name"]],
                        "Unit": metric["Unit"],
                        "Timestamp": datetime.fromtimestamp(line["_aws"]["Timestamp"] / 1000, UTC),
                    }
                    for metric in described["Metrics"]
                ],
            )


def test_there_is_a_link_for_every_copy_and_every_queue(enterprise: Enterprise) -> None:
    found = [(utility.name, holding.value, to) for utility, holding, to in links(enterprise.plan)]
    assert ("c1", "customer", "c2") in found
    assert ("c1", "inbox", "s1") in found
    assert ("s1", "conversations", "firm") in found
    assert len(found) == len(set(found))
    assert {(utility, to) for utility, _, to in found} == {
        (utility.name, to) for utility in enterprise.plan.utilities for to in enterprise.plan.peers(utility)
    }


def test_a_peer_that_is_down_is_behind_by_the_age_of_what_is_parked_and_by_nothing_once_it_is_back(
    enterprise: Enterprise, account: str, log: Path
) -> None:
    enterprise.settle()
    before = _by_tables(enterprise, log)
    assert all(lag.oldest is None and lag.written == lag.copied for lag in before.values())
    assert not any(lag.parked for lag in before.values())

    enterprise.down.add("c2")
    enterprise.enter("c1", account)
    enterprise.turn("c1", "replicate@demo-c1-customer")
    enterprise.now += timedelta(seconds=41)
    behind = _by_tables(enterprise, log)
    link, was = behind["c1", "customer", "c2"], before["c1", "customer", "c2"]
    assert was.written is not None
    assert (link.written, link.copied, link.parked, link.repaired) == (was.written + 1, was.copied, 1, 0)
    assert link.oldest == timedelta(seconds=42)
    firm = behind["c1", "customer", "firm"]
    assert (firm.oldest, firm.parked, firm.copied) == (None, 0, was.written + 1)

    enterprise.recover()
    enterprise.hand_over("c1", "parked-c2")
    after = _by_tables(enterprise, log)["c1", "customer", "c2"]
    assert (after.oldest, after.parked, after.copied, after.repaired) == (None, 0, was.written + 1, 1)


def test_what_a_stopped_utility_has_not_copied_yet_is_behind_though_nothing_is_parked(
    enterprise: Enterprise, account: str, log: Path
) -> None:
    enterprise.enter("c1", account)
    link = _by_tables(enterprise, log)["c1", "customer", "firm"]
    assert (link.oldest, link.parked) == (SECOND, 0)


def test_the_metrics_of_a_deployed_enterprise_tell_the_same_of_a_link(
    enterprise: Enterprise, account: str, log: Path
) -> None:
    enterprise.down.add("c2")
    enterprise.enter("c1", account)
    enterprise.turn("c1", "replicate@demo-c1-customer")
    _put_metrics(log)
    now = datetime.now(UTC)
    _put_age("AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": "demo-c1-parked-c2"}, 41, now)
    _put_age("AWS/Lambda", "IteratorAge", {"FunctionName": "demo-c1-replicate"}, 300, now)

    def found() -> dict[str, Lag]:
        lags = lag_of_metrics(enterprise.plan, Cloud(), now - timedelta(hours=2), now + 60 * SECOND)
        return {lag.to: lag for lag in lags if (lag.utility, lag.holding) == ("c1", "customer")}

    to_c2, to_firm = found()["c2"], found()["firm"]
    assert (to_c2.written, to_c2.copied, to_c2.parked, to_c2.repaired) == (1, 0, 1, 0)
    assert to_c2.oldest == timedelta(seconds=41)
    assert (to_firm.written, to_firm.copied, to_firm.parked, to_firm.oldest) == (1, 1, 0, None)

    log.write_text("")
    enterprise.recover()
    enterprise.hand_over("c1", "parked-c2")
    _put_metrics(log)
    repaired = found()["c2"]
    assert (repaired.copied, repaired.parked, repaired.repaired) == (to_c2.written, 0, 1)


def _put_age(space: str, metric: str, dimensions: dict[str, str], value: float, now: datetime) -> None:
    named = [{"Name": name, "Value": of} for name, of in dimensions.items()]
    client("cloudwatch", None).put_metric_data(
        Namespace=space,
        MetricData=[{"MetricName": metric, "Dimensions": named, "Value": value, "Timestamp": now}],
    )


def test_the_table_has_a_row_per_link_and_says_how_old(
    enterprise: Enterprise, account: str, log: Path
) -> None:
    enterprise.enter("c1", account)
    enterprise.now += timedelta(seconds=61)
    found = list(_by_tables(enterprise, log).values())
    console = Console(width=110, record=True, file=StringIO())
    console.print(lag_table(found, enterprise.now))
    rows = [line for line in console.export_text().splitlines() if line.split()[:1] == ["c1"]]
    assert len([row for row in rows if "0:01:02" in row]) == 2
    ages = {(lag["utility"], lag["holding"], lag["to"]): lag["oldest"] for lag in lag_json(found)}
    assert ages["c1", "customer", "c2"] == 62
    json.dumps(lag_json(found))


def test_without_an_enterprise_the_command_says_how_to_start_one(tmp_path: Path) -> None:
    asked: Any = ["--folder", str(tmp_path), "lag", "--once"]
    answered = CliRunner().invoke(command_line.main, asked)
    assert answered.exit_code == 1
    assert "no local enterprise is running here; start one with `make run`" in answered.output
