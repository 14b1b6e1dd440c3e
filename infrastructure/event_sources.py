"""What calls a utility's event functions: the one list that templates and the local pump read.

Each table has a stream, and at most two functions read it: `replicate` and `react`. Filters are
Lambda's event filter patterns; a record that matches any of them is delivered.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from chalicelib.enterprise import Enterprise, Holding, Side, Utility, queue_purposes
from chalicelib.records.fix import ExecType
from chalicelib.records.orders import EXECUTIONS

Pattern = Mapping[str, Any]

# Long enough for a slow batch, short enough that a killed function's messages come back soon.
VISIBILITY = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class StreamSource:
    """A table's stream that calls a function, in batches and in order per partition key.

    A batch that fails is tried again `attempts_max` times, halved down to the record at fault, which
    is then set aside.
    """

    function: str
    table: str
    patterns: tuple[Pattern, ...]
    batch_max: int = 100
    attempts_max: int = 5

    @property
    def name(self) -> str:
        return f"{self.function}@{self.table}"


@dataclass(frozen=True, kw_only=True)
class QueueSource:
    """A queue that calls a function; a message that fails `receives_max` times is a dead letter."""

    function: str
    queue: str
    receives_max: int
    batch_max: int = 10

    @property
    def name(self) -> str:
        return f"{self.function}@{self.queue}"


@dataclass(frozen=True, kw_only=True)
class ScheduleSource:
    """A clock that calls a function; on AWS no more often than once a minute."""

    function: str
    every: timedelta

    @property
    def name(self) -> str:
        return f"{self.function}@clock"


EventSource = StreamSource | QueueSource | ScheduleSource


def event_sources(enterprise: Enterprise, utility: Utility, every: timedelta) -> tuple[EventSource, ...]:
    """All that calls a utility's functions; `every` is the period of its signs of life."""
    return tuple(_all(enterprise, utility, every))


def _all(enterprise: Enterprise, utility: Utility, every: timedelta) -> Iterator[EventSource]:
    for holding in utility.writes:
        yield StreamSource(
            function="replicate",
            table=enterprise.table(utility.name, holding),
            patterns=(
                _inserted(Origin=[utility.name]),
                {"eventName": ["MODIFY"]},
                {"eventName": ["REMOVE"]},
            ),
        )
    for holding, pattern in _reacting(utility):
        yield StreamSource(
            function="react", table=enterprise.table(utility.name, holding), patterns=(pattern,)
        )
    for purpose in queue_purposes(enterprise, utility):
        is_timer = purpose == "checks"
        yield QueueSource(
            function="check" if is_timer else "retry",
            queue=f"{enterprise.name}-{utility.name}-{purpose}",
            # A peer may be away for days; a timer that fails twenty times has something else.
            receives_max=20 if is_timer else 1000,
        )
    yield ScheduleSource(function="sweep", every=timedelta(minutes=1))
    if utility.side in (Side.STREET, Side.NETWORK):
        yield ScheduleSource(function="publish", every=every)


def _reacting(utility: Utility) -> Iterator[tuple[Holding, Pattern]]:
    match utility.side:
        case Side.CUSTOMER:
            # Of whatever street utility: whoever brought it the order tries another.
            yield Holding.STREET, _inserted(RecordType=["Released"])
            # Own records only: what another utility accepted, that one brings to the street.
            yield (
                Holding.CUSTOMER,
                _inserted(
                    Origin=[utility.name], RecordType=["Placed", "CancelRequested", "ReplaceRequested"]
                ),
            )
        case Side.STREET:
            yield Holding.INBOX, _inserted(RecordType=_messages(utility))
            if utility.orders:
                yield (
                    Holding.STREET,
                    _inserted(
                        Origin=[utility.name],
                        RecordType=["ExecutionReport"],
                        ExecType=[ExecType.NEW, ExecType.REJECTED],
                    ),
                )
            if utility.deals:
                # Whoever wrote them: copies of the other node's turns are news to this one's principal.
                yield (
                    Holding.CONVERSATIONS,
                    _inserted(RecordType=["Requested", "Turn", "Asked", "Inquired"]),
                )
        case Side.FIRM:
            yield Holding.STREET, _inserted(RecordType=["ExecutionReport"], ExecType=list(EXECUTIONS))
        case Side.NETWORK:
            yield Holding.INBOX, _inserted(RecordType=["Message"])


def _messages(utility: Utility) -> list[str]:
    """What others put into a street utility's inbox, and it itself."""
    orders = ["Placed", "CancelRequested", "ReplaceRequested", "Claim", "Notice"] if utility.orders else []
    return [*orders, *(["Message"] if utility.deals else [])]


def _inserted(**fields: list[str]) -> Pattern:
    image = {name: {"S": [str(value) for value in values]} for name, values in fields.items()}
    return {"eventName": ["INSERT"], "dynamodb": {"NewImage": image}}


def matches(pattern: Pattern, record: Mapping[str, Any]) -> bool:
    """Whether a stream record matches a pattern (the part of Lambda's language that is used here)."""
    return all(
        matches(wanted, record.get(name, {})) if isinstance(wanted, Mapping) else record.get(name) in wanted
        for name, wanted in pattern.items()
    )
