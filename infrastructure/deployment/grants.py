"""What each function may do: no more than its side does, by name (pure).

No action and no resource has a wildcard. What a utility may write to others is what the enterprise file
says that it writes: copies into the tables of who holds them, messages into inboxes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.enterprise import Enterprise, Holding, Side, Utility, queue_purposes
from chalicelib.network.queues import dead_letters_of

from ..event_sources import StreamSource
from .names import Intrinsic, arn, queue_arn, table_arn

INSERT = ("dynamodb:PutItem",)
# All of a transaction or none: the check that a gate is open is a condition of its own.
TOGETHER = ("dynamodb:PutItem", "dynamodb:ConditionCheckItem")
READ = ("dynamodb:GetItem", "dynamodb:Query")
READ_TOGETHER = ("dynamodb:BatchGetItem",)
COPY = ("dynamodb:BatchWriteItem",)
STREAM = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")
SEND = ("sqs:GetQueueUrl", "sqs:SendMessage")
WORK_OFF = (
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:ReceiveMessage",
)
# What DynamoDB does with a table's key for whoever uses the table.
USE_KEY = ("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey")
# A record is never changed: not by mistake, and not by whatever else a role is given.
NEVER = (
    "dynamodb:DeleteItem",
    "dynamodb:PartiQLDelete",
    "dynamodb:PartiQLUpdate",
    "dynamodb:UpdateItem",
)


@dataclass(frozen=True, kw_only=True)
class Grant:
    """Some actions on some resources."""

    actions: Sequence[str]
    resources: Sequence[Intrinsic]
    allows: bool = True


def policy(enterprise: Enterprise, utility: Utility, function: str, streams: Sequence[StreamSource]) -> Any:
    """The policy document of a function's role; `streams` are those that call it."""
    grants = [grant for grant in _grants(enterprise, utility, function, streams) if grant.resources]
    return {"Version": "2012-10-17", "Statement": [_statement(grant) for grant in grants]}


def _statement(grant: Grant) -> Mapping[str, Any]:
    return {
        "Effect": "Allow" if grant.allows else "Deny",
        "Action": sorted(grant.actions),
        "Resource": list(grant.resources),
    }


def _grants(
    enterprise: Enterprise, utility: Utility, function: str, streams: Sequence[StreamSource]
) -> Iterator[Grant]:
    reach = _Reach(enterprise, utility)
    yield reach.logs(function)
    yield from _BY_FUNCTION[function](reach)
    if streams:
        yield reach.on_streams(streams)
        yield reach.failures()
    yield Grant(actions=NEVER, resources=reach.every_table(), allows=False)


@dataclass(frozen=True)
class _Reach:
    """A utility, and the grants that it can be given."""

    enterprise: Enterprise
    utility: Utility

    def own(self, actions: Sequence[str], *holdings: Holding) -> Grant:
        """On its own tables, as far as it has them."""
        held = [holding for holding in holdings if holding in self.utility.holdings]
        tables = [table_arn(self.enterprise, self.utility, holding) for holding in held]
        return Grant(actions=actions, resources=tables)

    def of_others(self, actions: Sequence[str], holding: Holding, names: Sequence[str]) -> Iterator[Grant]:
        """On other utilities' tables of a kind, and on their keys: those of one account let all of it in."""
        owners = [self.enterprise.utility(name) for name in names]
        yield Grant(
            actions=actions, resources=[table_arn(self.enterprise, owner, holding) for owner in owners]
        )
        away = [owner for owner in owners if owner.account != self.utility.account]
        yield Grant(
            actions=USE_KEY, resources=[arn("kms", owner, f"key/{owner.key}") for owner in away if owner.key]
        )

    def copies(self, actions: Sequence[str] = COPY) -> Iterator[Grant]:
        """On whatever tables hold copies of what it writes."""
        for holding in self.utility.writes:
            yield from self.of_others(actions, holding, self.enterprise.holders(self.utility, holding))

    def inboxes(self) -> Iterator[Grant]:
        """On the inboxes that it puts messages into."""
        names = [n for n in self.enterprise.peers(self.utility) if self._has_inbox_for_us(n)]
        return self.of_others(INSERT, Holding.INBOX, names)

    def queues(self, actions: Sequence[str], *purposes: str, dead: bool = False) -> Grant:
        """On its own queues, or on their dead letters."""
        named = [dead_letters_of(purpose) if dead else purpose for purpose in purposes]
        return Grant(
            actions=actions, resources=[queue_arn(self.enterprise, self.utility, name) for name in named]
        )

    @property
    def parked(self) -> tuple[str, ...]:
        """The queues for what others could not take."""
        return tuple(p for p in self.purposes if p.startswith("parked-"))

    @property
    def purposes(self) -> tuple[str, ...]:
        return queue_purposes(self.enterprise, self.utility)

    def logs(self, function: str) -> Grant:
        group = f"log-group:/aws/lambda/{self.enterprise.name}-{self.utility.name}-{function}"
        return Grant(
            actions=("logs:CreateLogStream", "logs:PutLogEvents"),
            # Streams of a log group have names that nobody can know before.
            resources=[arn("logs", self.utility, f"{group}:log-stream:*")],
        )

    def on_streams(self, streams: Sequence[StreamSource]) -> Grant:
        tables = {source.table for source in streams}
        held = [h for h in self.utility.holdings if self.enterprise.table(self.utility.name, h) in tables]
        return Grant(
            actions=STREAM,
            resources=[{"Fn::GetAtt": [f"{holding.capitalize()}Table", "StreamArn"]} for holding in held],
        )

    def failures(self) -> Grant:
        """What fails for good goes to the utility's bucket."""
        return Grant(
            actions=("s3:ListBucket", "s3:PutObject"),
            resources=[
                {"Fn::GetAtt": ["Failures", "Arn"]},
                {"Fn::Sub": "${Failures.Arn}/aws/lambda/*"},
            ],
        )

    def every_table(self) -> list[Intrinsic]:
        return [table_arn(self.enterprise, self.utility, holding) for holding in self.utility.holdings]

    def _has_inbox_for_us(self, name: str) -> bool:
        other = self.enterprise.utility(name)
        if Holding.INBOX not in other.holdings:
            return False
        if self.utility.side is Side.CUSTOMER:
            return other.side is Side.STREET
        # Banks write to their city, cities to each other and to their banks.
        return Side.NETWORK in (self.utility.side, other.side)


def _api(reach: _Reach) -> Iterator[Grant]:
    side, utility = reach.utility.side, reach.utility
    # Health asks its own table.
    yield reach.own(("dynamodb:GetItem",), utility.own)
    if side is Side.CUSTOMER:
        yield reach.own((*INSERT, "dynamodb:Query"), Holding.CUSTOMER)
        yield reach.own(("dynamodb:Query",), Holding.STREET, Holding.FIRM, Holding.MARKET)
    yield from _dealing(reach)


def _dealing(reach: _Reach) -> Iterator[Grant]:
    """What every decision of a bank's node reads and commits together."""
    kept = (Holding.REGISTRATIONS, Holding.CONVERSATIONS)
    yield reach.own((*TOGETHER, *READ), *kept)
    yield reach.own(READ_TOGETHER, Holding.REGISTRATIONS)


def _replicate(reach: _Reach) -> Iterator[Grant]:
    yield from reach.copies()
    yield reach.queues(SEND, *reach.parked)


def _react(reach: _Reach) -> Iterator[Grant]:
    yield from _working(reach)
    yield reach.queues(SEND, "aside")


def _check(reach: _Reach) -> Iterator[Grant]:
    yield from _working(reach)
    yield reach.queues(WORK_OFF, "checks")


def _working(reach: _Reach) -> Iterator[Grant]:
    """What following up a record or a timer takes."""
    match reach.utility.side:
        case Side.CUSTOMER:
            yield reach.own((*INSERT, *READ), Holding.CUSTOMER)
            yield reach.own(("dynamodb:Query",), Holding.STREET, Holding.MARKET)
        case Side.STREET:
            yield reach.own((*INSERT, *READ), Holding.STREET, Holding.INBOX)
            yield reach.own(("dynamodb:Query",), Holding.FIRM)
            yield from _dealing(reach)
        case Side.FIRM:
            yield reach.own((*TOGETHER, *READ), Holding.FIRM)
        case Side.NETWORK:
            yield reach.own(("dynamodb:Query",), Holding.LINKS)
    yield from reach.inboxes()
    waiting = [purpose for purpose in reach.purposes if purpose == "checks" or purpose in reach.parked]
    if reach.utility.side is not Side.FIRM:
        yield reach.queues(SEND, *waiting)


def _retry(reach: _Reach) -> Iterator[Grant]:
    yield from reach.copies((*INSERT, *COPY))
    yield from reach.inboxes()
    if reach.utility.side is Side.NETWORK:
        yield reach.own(("dynamodb:Query",), Holding.LINKS)
    yield reach.queues(WORK_OFF, *reach.parked)


def _sweep(reach: _Reach) -> Iterator[Grant]:
    yield reach.queues(SEND, *reach.purposes)
    yield reach.queues(
        ("sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"), *reach.purposes, dead=True
    )


def _publish(reach: _Reach) -> Iterator[Grant]:
    yield reach.own((*INSERT, "dynamodb:Query"), Holding.MARKET, Holding.REGISTRATIONS)
    yield reach.own(INSERT, Holding.LINKS)


def _bearer(reach: _Reach) -> Iterator[Grant]:
    """It looks at tokens only."""
    yield from ()


_BY_FUNCTION = {
    "api_handler": _api,
    "bearer": _bearer,
    "check": _check,
    "publish": _publish,
    "react": _react,
    "replicate": _replicate,
    "retry": _retry,
    "sweep": _sweep,
}
