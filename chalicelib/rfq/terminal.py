"""What a terminal shows (FIG. 2): indicative rates, the incoming call queue, six conversation panels.

All of a principal's news is in one feed, in the order in which it came to be known at the node. A
first look reads the panels, their conversations and the feed's last minutes; after that a cursor says
what has been seen, and every further look is one query.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..records.conversations import ConversationRecord, Requested, Step, Turn
from ..records.fix import SessionRejectReason
from ..records.record import read_record
from ..records.registrations import Shown, feed_key
from ..records.times import format_time, parse_time
from ..refusals import Malformed
from ..state.conversations import Conversation
from .node import BankNode, Trader, read_file, read_panels

RATES_KEY = "rates"

# News is shown under the time at which it was written down; some may have been under way for this long
# when a later one was read. So a look begins that much before the last, and shows some things again.
_OVERLAP = timedelta(seconds=10)

# A look shows no more than this much news; the next goes on from there.
_NEWS_MAX = 500


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A conversation panel: the whole conversation at the first look, then what is new in it."""

    number: int
    conversation: str
    file: Conversation | None = None
    news: tuple[ConversationRecord, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a terminal shows, or what has changed since the cursor's look.

    `queue` are calls that wait to be answered, those for this terminal first and then the oldest;
    `gone` are calls that wait no longer. `rates` are the bank's own, None if there are no new ones.
    """

    rates: Mapping[str, Sequence[str]] | None
    rates_time: datetime | None
    queue: tuple[Turn, ...]
    gone: tuple[str, ...]
    panels: tuple[Panel, ...]
    cursor: str


@dataclass(frozen=True, kw_only=True)
class _Seen:
    time: datetime
    panels: Mapping[str, int] = field(default_factory=dict)


def look(by: Trader, node: BankNode, cursor: str | None = None) -> Look:
    """What a terminal shows now. Malformed if the cursor is none."""
    now = node.clock()
    if cursor is None:
        shown = read_panels(node, by).conversations
        numbers = {conversation: number for number, conversation in shown.items()}
        seen = _Seen(time=now - node.rules.turn, panels=numbers)
        files = {conversation: read_file(node, by.principal, conversation) for conversation in numbers}
    else:
        seen, files = _read_cursor(cursor), {}
    page = node.registry.kept.query(
        feed_key(by.principal), format_time(seen.time - _OVERLAP), "~", limit=_NEWS_MAX
    )
    news = [Shown.from_item(item) for item in page.items]
    records = [_content(shown) for shown in news if shown.key != RATES_KEY]
    # The first look has the panels as they are; news of one that was cleared since is no news.
    panels = seen.panels if cursor is None else _latest({**seen.panels, **_taken(records, by)})
    rates = [shown for shown in news if shown.key == RATES_KEY]
    until = news[-1].transact_time if page.more else now
    return Look(
        rates=json.loads(rates[-1].content) if rates else None,
        rates_time=rates[-1].transact_time if rates else None,
        queue=tuple(_queue(records, by, now)),
        gone=tuple(dict.fromkeys(_left_queue(records))),
        panels=tuple(_panels(panels, records, files)),
        cursor=_write_cursor(_Seen(time=until, panels=panels)),
    )


def _queue(records: Sequence[ConversationRecord], by: Trader, now: datetime) -> list[Turn]:
    """The calls that wait, those for this terminal first and then the oldest (R3)."""
    gone = set(_left_queue(records))
    waiting = {
        turn.conversation: turn
        for turn in records
        if isinstance(turn, Turn)
        and turn.step is Step.QUEUED
        and turn.principal == turn.destination
        and turn.terminal in (None, by.terminal)
        and turn.conversation not in gone
        and turn.valid_until_time >= now
    }
    return sorted(waiting.values(), key=lambda turn: (turn.terminal is None, turn.transact_time))


def _left_queue(records: Iterable[ConversationRecord]) -> list[str]:
    return [
        record.conversation
        for record in records
        if isinstance(record, Turn) and record.principal == record.destination and record.place > 0
    ]


def _taken(records: Iterable[ConversationRecord], by: Trader) -> dict[str, int]:
    """The panels that this trader has taken, by the news of it."""
    return {
        record.conversation: record.panel
        for record in records
        if isinstance(record, Requested | Turn) and record.panel and record.trader == by.trader
    }


def _latest(panels: Mapping[str, int]) -> dict[str, int]:
    """One conversation for each panel: what took it last has it."""
    conversations = {number: conversation for conversation, number in panels.items()}
    return {conversation: number for number, conversation in conversations.items()}


def _panels(
    panels: Mapping[str, int], records: Sequence[ConversationRecord], files: Mapping[str, Conversation]
) -> list[Panel]:
    shown = []
    for conversation, number in sorted(panels.items(), key=lambda panel: panel[1]):
        news = {r.sort_key: r for r in records if r.conversation == conversation}
        if news or conversation in files:
            shown.append(
                Panel(
                    number=number,
                    conversation=conversation,
                    file=files.get(conversation),
                    news=tuple(news[key] for key in sorted(news)),
                )
            )
    return shown


def _content(shown: Shown) -> ConversationRecord:
    record = read_record({"pk": "", "sk": shown.key, **json.loads(shown.content)})
    assert isinstance(record, ConversationRecord)
    return record


def _write_cursor(seen: _Seen) -> str:
    text = json.dumps([format_time(seen.time), seen.panels], separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> _Seen:
    try:
        time, panels = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return _Seen(time=parse_time(time), panels={str(c): int(n) for c, n in panels.items()})
    except (ValueError, TypeError, AttributeError):
        raise Malformed(
            "expected the cursor of an earlier answer",
            field="cursor",
            reason=SessionRejectReason.VALUE_IS_INCORRECT,
        ) from None
