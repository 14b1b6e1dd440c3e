"""The last scene: at rest, registrations, files, executions and books against each other."""

import contextlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise

from chalicelib.customer.gateway import NobodyAnswered
from chalicelib.enterprise import Holding, Side
from chalicelib.records.conversations import Step, Ticket, Turn
from chalicelib.records.fix import ExecType
from chalicelib.records.orders import ExecutionReport
from chalicelib.records.record import Item, read_record
from chalicelib.records.registrations import Registration, RegistrationState

from ..client import RequestRefused, until
from ..demo.audit import changes, differences
from ..demo.cues import expect
from ..demo.stage import Stage
from ..demo.story import NotAsExpected, Story
from ..local import TRADERS
from .traders import tidy, traders

_REST_SECONDS_MAX = 60
_WHOSE = frozenset({"pk", "Principal", "Origin"})

# A principal's log of a conversation: what both must have alike.
Log = tuple[tuple[int, Item], ...]


def play(stage: Stage, story: Story) -> None:
    """Compare everything with everything."""
    with story.step("When all is quiet (R9)", "no subject is registered at any node") as came:
        held = until(lambda held: not held, lambda: registered(stage), _REST_SECONDS_MAX, 1)
        came.append(f"{len(registrations(stage))} registrations, {len(held)} held")
        expect(not held, str(held[:3]))
    with story.step("Both parties' files of every conversation", "have the same log, turn for turn") as came:
        wrong = until(lambda wrong: not wrong, lambda: unlike(stage), _REST_SECONDS_MAX, 1)
        ends = Counter(log[-1][1]["Step"] for log in logs(stage).values())
        came.append(
            f"{sum(ends.values())} files: {', '.join(f'{n} {end}' for end, n in sorted(ends.items()))}"
        )
        expect(not wrong, f"unlike: {wrong[:3]}")
    with story.step("No subject between two banks", "had two conversations at one time") as came:
        stereo = overlapping(stage)
        came.append(f"{len(stereo)} pairs of conversations overlap")
        expect(not stereo, f"{stereo[:3]}")
    with story.step("Every deal", "has two tickets and two executions, which add up to zero") as came:
        wrong = until(lambda wrong: not wrong, lambda: unbooked(stage), _REST_SECONDS_MAX, 1)
        came.append(
            f"{len(deals(stage))} deals, {len(executions(stage))} executions, {len(tickets(stage))} tickets"
        )
        expect(not wrong, f"{wrong[:3]}")
    with story.step("The firm's books", "equal the tickets, and add up to zero in every asset") as came:
        wanted = by_tickets(tickets(stage))
        booked = until(lambda booked: booked == wanted, lambda: of_principals(stage), _REST_SECONDS_MAX, 1)
        sums = sum_up(booked)
        came.append(f"{len(booked)} holdings of {len(sums)} assets, {sum(map(bool, sums.values()))} not zero")
        expect(booked == wanted, "the books differ from the tickets")
        expect(not any(sums.values()), f"{sums}")
    with story.step("The firm's copies, for audit", "every record of every node, and nothing else") as came:
        differing = until(lambda count: not count, lambda: differences(stage), _REST_SECONDS_MAX, 1)
        kept = stage.everything(stage.enterprise.on(Side.FIRM)[0].name, Holding.CONVERSATIONS)
        came.append(f"{len(kept)} records of conversations at the firm, {differing} records differ anywhere")
        expect(differing == 0 and bool(kept), "copies are missing")


def come_to_rest(stage: Stage) -> None:
    """Bring up what is down, clear all panels, and wait until no subject is registered.

    So that whatever a scene leaves behind, the next begins at rest - as far as it can be had.
    """
    with contextlib.suppress(NotAsExpected, NobodyAnswered, RequestRefused):
        for name in stage.description["urls"]:
            if not stage.is_running(name):
                stage.start(name)
        tidy(traders(stage, *TRADERS))
    until(lambda held: not held, lambda: registered(stage), _REST_SECONDS_MAX, 0.2)


def nodes(stage: Stage) -> Sequence[str]:
    return [utility.name for utility in stage.enterprise.utilities if utility.deals]


def registrations(stage: Stage) -> list[Registration]:
    """Every registration at every node."""
    return [
        Registration.from_item(item)
        for node in nodes(stage)
        for item in stage.everything(node, Holding.REGISTRATIONS)
        if item["RecordType"] == Registration.__name__
    ]


def registered(stage: Stage) -> list[str]:
    """The subjects that are not free."""
    return [r.partition_key for r in registrations(stage) if r.state is not RegistrationState.FREE]


def turns(stage: Stage) -> list[Turn]:
    """Every turn in every file."""
    return [
        Turn.from_item(item)
        for node in nodes(stage)
        for item in stage.everything(node, Holding.CONVERSATIONS)
        if item["RecordType"] == Turn.__name__
    ]


def logs(stage: Stage) -> Mapping[tuple[str, str], Log]:
    """Each principal's log of each conversation, without what tells whose file it is."""
    found: dict[tuple[str, str], list[tuple[int, Item]]] = defaultdict(list)
    for turn in turns(stage):
        content = {name: text for name, text in turn.to_item().items() if name not in _WHOSE}
        found[turn.conversation, turn.principal].append((turn.place, content))
    return {key: tuple(sorted(log, key=lambda entry: entry[0])) for key, log in found.items()}


def unlike(stage: Stage) -> list[str]:
    """The conversations of which the two parties have different logs."""
    by_conversation: dict[str, list[Log]] = defaultdict(list)
    for (conversation, _), log in logs(stage).items():
        by_conversation[conversation].append(log)
    return [number for number, both in by_conversation.items() if len(both) != 2 or both[0] != both[1]]


def overlapping(stage: Stage) -> list[tuple[str, str]]:
    """Conversations of the same subject that were queued before another had ended.

    By the called banks' logs, whose times are of one clock here.
    """
    spans: dict[tuple[frozenset[str], str], list[tuple[Turn, Turn]]] = defaultdict(list)
    by_conversation: dict[str, list[Turn]] = defaultdict(list)
    for turn in turns(stage):
        if turn.principal == turn.destination:
            by_conversation[turn.conversation].append(turn)
    for log in by_conversation.values():
        log.sort(key=lambda turn: turn.place)
        if log[0].step is Step.QUEUED:
            first = log[0]
            subject = "".join(sorted((first.symbol[:3], first.symbol[3:])))
            spans[frozenset((first.initiating, first.destination)), subject].append((first, log[-1]))
    return [
        (earlier.conversation, later.conversation)
        for talks in spans.values()
        for (earlier, end), (later, _) in pairs(sorted(talks, key=lambda talk: talk[0].transact_time))
        if later.transact_time < end.transact_time
    ]


def pairs(talks: Sequence[tuple[Turn, Turn]]) -> Iterable[tuple[tuple[Turn, Turn], tuple[Turn, Turn]]]:
    return pairwise(talks)


def deals(stage: Stage) -> set[str]:
    """The conversations that came to a deal."""
    return {turn.conversation for turn in turns(stage) if turn.step is Step.DEALT}


def tickets(stage: Stage) -> list[Ticket]:
    """Every ticket at every node."""
    return [
        Ticket.from_item(item)
        for node in nodes(stage)
        for item in stage.everything(node, Holding.CONVERSATIONS)
        if item["RecordType"] == Ticket.__name__
    ]


def executions(stage: Stage) -> list[ExecutionReport]:
    """Every execution of a deal, from the table of the node that wrote it."""
    principals = {principal.name for principal in stage.enterprise.principals}
    found = []
    for node in nodes(stage):
        for item in stage.everything(node, Holding.STREET):
            if item["Origin"] == node and item.get("ExecType") == ExecType.TRADE:
                record = read_record(item)
                assert isinstance(record, ExecutionReport)
                if record.account in principals:
                    found.append(record)
    return found


def unbooked(stage: Stage) -> list[str]:
    """Deals that have not two tickets that are mirror images, each with its execution."""
    by_deal: dict[str, list[Ticket]] = defaultdict(list)
    for ticket in tickets(stage):
        by_deal[ticket.conversation].append(ticket)
    booked = Counter((report.cl_ord_id, report.exec_id) for report in executions(stage))
    wrong = list(deals(stage) ^ set(by_deal))
    for number, both in by_deal.items():
        exact = all(booked[number, ticket.exec_id] == 1 for ticket in both)
        if len(both) != 2 or not exact or any(sum_up(by_tickets(both)).values()):
            wrong.append(number)
    return wrong


def by_tickets(tickets: Iterable[Ticket]) -> Mapping[tuple[str, str], Decimal]:
    """What tickets change, by principal and asset."""
    total: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for ticket in tickets:
        total[ticket.principal, ticket.received] += ticket.received_qty
        total[ticket.principal, ticket.given] -= ticket.given_qty
    return {key: amount for key, amount in total.items() if amount}


def of_principals(stage: Stage) -> Mapping[tuple[str, str], Decimal]:
    """What the firm's books say has changed on the principals' accounts."""
    principals = {principal.name for principal in stage.enterprise.principals}
    return {key: amount for key, amount in changes(stage).items() if key[0] in principals}


def sum_up(holdings: Mapping[tuple[str, str], Decimal]) -> Mapping[str, Decimal]:
    """The sum over all accounts, by asset."""
    total: dict[str, Decimal] = defaultdict(Decimal)
    for (_, asset), amount in holdings.items():
        total[asset] += amount
    return total
