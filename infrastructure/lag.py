"""How far copies are behind: what has been written, copied, parked and repaired, link by link.

A link goes from a utility, of one holding, to a peer that keeps copies of it. Two ways lead to the figures:

- tables as a whole, of a local enterprise or a local cloud, where they are small: what is missing is known
  record by record, and so is its age;
- CloudWatch, of an enterprise on AWS, whose tables nobody goes through: what functions have said of each link
  in their logs, how old what waits in streams and queues is, and how much is in the queues.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from chalicelib.enterprise import Enterprise, Holding, Utility
from chalicelib.entry.watching import link_name, namespace
from chalicelib.records.record import Item
from chalicelib.records.times import parse_time
from chalicelib.tables.attributes import decode

from .deployment.cloud import Cloud
from .deployment.template import function_name

# What waits is told by the latest of these minutes, what has gone by is counted in whole hours.
_RECENT = timedelta(minutes=5)
_MINUTE, _HOUR = 60, 3600

_STANDING = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")


@dataclass(frozen=True, kw_only=True)
class Lag:
    """One link. None is what cannot be told.

    `written` and `copied` are records, `parked` messages in the peer's queue, which all links to that peer
    share: it stands with the first of them. `oldest` is the age of the oldest record that is not copied.
    """

    utility: str
    holding: Holding
    to: str
    written: int | None
    copied: int | None
    oldest: timedelta | None
    parked: int | None
    repaired: int | None


def links(enterprise: Enterprise) -> Iterator[tuple[Utility, Holding, str]]:
    """Every link there is: of copies, and of messages into a peer's inbox."""
    for utility in enterprise.utilities:
        held = [(holding, to) for holding in utility.writes for to in enterprise.holders(utility, holding)]
        copied = {to for _, to in held}
        for holding, to in held:
            yield utility, holding, to
        for to in enterprise.peers(utility):
            if to not in copied:
                yield utility, Holding.INBOX, to


# By tables as a whole


def lag_of_tables(enterprise: Enterprise, cloud: Cloud, logs: Path | None, now: datetime) -> list[Lag]:
    """The links of an enterprise whose tables are small: every table is read as a whole.

    `logs` is the folder of a local enterprise's logs, which say what has been repaired.
    """
    repaired = _repaired_by_logs(logs) if logs is not None else None
    kept: dict[str, dict[tuple[str, str], Item]] = {}

    def table(utility: str, holding: Holding) -> Mapping[tuple[str, str], Item]:
        name = enterprise.table(utility, holding)
        if name not in kept:
            kept[name] = _read_whole(name, cloud.client("dynamodb", enterprise.utility(utility).region))
        return kept[name]

    found = []
    depths = _depths(enterprise, cloud)
    for utility, holding, to in links(enterprise):
        written = copied = oldest = None
        if holding is not Holding.INBOX:
            own = {
                key: item
                for key, item in table(utility.name, holding).items()
                if item.get("Origin") == utility.name and _counts(item, now)
            }
            missing = own.keys() - table(to, holding).keys()
            written, copied = len(own), len(own) - len(missing)
            oldest = max((now - parse_time(own[key]["TransactTime"]) for key in missing), default=None)
        found.append(
            Lag(
                utility=utility.name,
                holding=holding,
                to=to,
                written=written,
                copied=copied,
                oldest=oldest,
                parked=depths.pop((utility.name, to), None),
                repaired=repaired[utility.name, link_name(holding, to)] if repaired is not None else None,
            )
        )
    return found


def _read_whole(name: str, dynamodb: Any) -> dict[tuple[str, str], Item]:
    pages = dynamodb.get_paginator("scan").paginate(TableName=name, ConsistentRead=True)
    items = [decode(item) for page in pages for item in page["Items"]]
    return {(item["pk"], item["sk"]): item for item in items}


def _counts(item: Item, now: datetime) -> bool:
    """Whether it should be at both ends: it was there before tables were read, and has not expired."""
    return float(item.get("Expires", "inf")) > now.timestamp() and parse_time(item["TransactTime"]) <= now


def _repaired_by_logs(folder: Path) -> Counter[tuple[str, str]]:
    """What has been repaired, by utility and link, since the enterprise was started."""
    repaired: Counter[tuple[str, str]] = Counter()
    for log in folder.glob("*.log"):
        with log.open(errors="replace") as lines:
            for line in lines:
                # The last line may be half written.
                if '"Repaired"' in line and line.endswith("}\n"):
                    said = json.loads(line)
                    repaired[said["Utility"], said["Link"]] += said["Repaired"]
    return repaired


# By CloudWatch


def lag_of_metrics(enterprise: Enterprise, cloud: Cloud, since: datetime, now: datetime) -> list[Lag]:
    """The links of an enterprise on AWS: what has gone over them since, and what waits now.

    What waits in a stream is not told by peer: all links of a utility have the age of the oldest that its
    `replicate` has yet to handle, or of what is parked for the peer if that is older.
    """
    depths = _depths(enterprise, cloud)
    by_utility: dict[str, list[tuple[Holding, str]]] = {}
    for utility, holding, to in links(enterprise):
        by_utility.setdefault(utility.name, []).append((holding, to))
    found = []
    for name, of_utility in by_utility.items():
        utility = enterprise.utility(name)
        said = _ask(enterprise, utility, of_utility, cloud, since, now)
        for holding, to in of_utility:
            copied, parked, repaired = (said[f"{what} {link_name(holding, to)}"] for what in _COUNTED)
            is_copied = holding is not Holding.INBOX
            behind = [said[f"queue {to}"], *([said["stream"] / 1000] if is_copied else [])]
            found.append(
                Lag(
                    utility=name,
                    holding=holding,
                    to=to,
                    written=int(copied + parked) if is_copied else None,
                    copied=int(copied + repaired) if is_copied else None,
                    oldest=timedelta(seconds=max(behind)) if max(behind) >= 1 else None,
                    parked=depths.pop((name, to), None),
                    repaired=int(repaired),
                )
            )
    return found


_COUNTED = ("Copied", "Parked", "Repaired")


def _ask(
    enterprise: Enterprise,
    utility: Utility,
    of_utility: Sequence[tuple[Holding, str]],
    cloud: Cloud,
    since: datetime,
    now: datetime,
) -> Counter[str]:
    """What CloudWatch has of a utility: sums since a time, and ages of the last minutes, in seconds or ms."""
    watch = cloud.client("cloudwatch", utility.region)
    counted = {
        f"{what} {link_name(holding, to)}": _metric(
            namespace(enterprise.name),
            what,
            {"Utility": utility.name, "Link": link_name(holding, to)},
            "Sum",
            _HOUR,
        )
        for holding, to in of_utility
        for what in _COUNTED
    }
    ages = {
        f"queue {to}": _metric(
            "AWS/SQS",
            "ApproximateAgeOfOldestMessage",
            {"QueueName": f"{enterprise.name}-{utility.name}-parked-{to}"},
            "Maximum",
            _MINUTE,
        )
        for to in {to for _, to in of_utility}
    }
    ages["stream"] = _metric(
        "AWS/Lambda",
        "IteratorAge",
        {"FunctionName": function_name(enterprise, utility, "replicate")},
        "Maximum",
        _MINUTE,
    )
    sums = {name: sum(values) for name, values in _values(watch, counted, since, now)}
    latest = {name: values[0] for name, values in _values(watch, ages, now - _RECENT, now) if values}
    return Counter({**sums, **latest})


def _metric(
    space: str, metric: str, dimensions: Mapping[str, str], statistic: str, period: int
) -> Mapping[str, Any]:
    named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    return {
        "Metric": {"Namespace": space, "MetricName": metric, "Dimensions": named},
        "Stat": statistic,
        "Period": period,
    }


def _values(
    watch: Any, metrics: Mapping[str, Mapping[str, Any]], since: datetime, now: datetime
) -> Iterator[tuple[str, list[float]]]:
    """The values of each metric, the latest first."""
    names = dict(enumerate(metrics))
    asked = [{"Id": f"m{place}", "MetricStat": metrics[name]} for place, name in names.items()]
    pages = watch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=asked, StartTime=since, EndTime=now, ScanBy="TimestampDescending"
    )
    found: dict[str, list[float]] = {name: [] for name in metrics}
    for page in pages:
        for result in page["MetricDataResults"]:
            found[names[int(result["Id"][1:])]] += result["Values"]
    yield from found.items()


# Either way


def _depths(enterprise: Enterprise, cloud: Cloud) -> dict[tuple[str, str], int]:
    """How many messages each utility has parked for each peer."""
    depths = {}
    for utility in enterprise.utilities:
        queues = cloud.client("sqs", utility.region)
        for to in enterprise.peers(utility):
            url = queues.get_queue_url(QueueName=f"{enterprise.name}-{utility.name}-parked-{to}")["QueueUrl"]
            counted = queues.get_queue_attributes(QueueUrl=url, AttributeNames=list(_STANDING))["Attributes"]
            depths[utility.name, to] = sum(int(counted[which]) for which in _STANDING)
    return depths


def lag_table(found: Iterable[Lag], now: datetime) -> Table:
    """One row per link, for a terminal; what is behind stands out."""
    table = Table("From", "Holding", "To", title=f"Links at {now:%H:%M:%S} UTC", box=box.SIMPLE, padding=0)
    for column in ("Written", "Copied", "Oldest not copied", "Parked", "Repaired"):
        table.add_column(column, justify="right")
    for lag in found:
        is_behind = lag.oldest is not None or bool(lag.parked)
        cells = (lag.written, lag.copied, _age(lag.oldest), lag.parked, lag.repaired)
        table.add_row(
            lag.utility,
            lag.holding,
            lag.to,
            *("" if cell is None else str(cell) for cell in cells),
            style="bold yellow" if is_behind else None,
        )
    return table


def lag_json(found: Iterable[Lag]) -> list[dict[str, Any]]:
    """The same for programs; ages in seconds."""
    return [
        {**vars(lag), "oldest": None if lag.oldest is None else lag.oldest.total_seconds()} for lag in found
    ]


def _age(age: timedelta | None) -> str | None:
    """Whole seconds, or hours and minutes: 4 s, 1:02:03."""
    if age is None:
        return None
    seconds = int(age.total_seconds())
    return f"{seconds} s" if seconds < 60 else str(timedelta(seconds=seconds))
