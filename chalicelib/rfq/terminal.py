"""What a terminal shows (FIG. 2): indicative rates, the incoming call queue, six conversation panels.

All of a principal's news is in one feed, in the order in which it came to be known at the node. A
first look reads the panels, their conversations and the feed's last minutes; after that a cursor says
what has been seen, and every further look is one query. What is cleared is no news: whose panel it was
knows, and the cursor forgets it once the panel is taken again.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..records.conversations import ConversationRecord, Requested, Step, Turn
from ..records.fix import SessionRejectReason
from ..records.record import read_record
from ..records.registrations import PANELS, Shown, feed_key
from ..records.times import format_time, parse_time
from ..refusals import Malformed
from ..state.conversations import Conversation
from .node import BankNode, Trader, read_file, read_panels

RATES_KEY = "rates"

# A first look shows rates that are as old as this, if only to say that they are stale.
_RATES_SHOWN_FOR = timedelta(minutes=10)

# News is shown under the time at which it was written down; some may have been under way for this long
# when a later one was read. So a look begins that much before the last, and shows some things again.
_OVERLAP = timedelta(seconds=10)

# A look shows no more than this much news; the next goes on from there.
_NEWS_MAX = 500

# A sort key is less than this; a cursor that says otherwise is none of ours.
_KEY_LENGTH_MAX = 128

_PANEL_NUMBERS = frozenset(str(number) for number in range(1, PANELS + 1))


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
    `gone` are calls that have left the queue. `rates` are the bank's own, None if there are no new ones.
    """

    rates: Mapping[str, Sequence[str]] | None
    rates_time: datetime | None
    queue: tuple[Turn, ...]
    gone: tuple[str, ...]
    panels: tuple[Panel, ...]
    cursor: str


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What a cursor says: the news up to `time` has been seen, or has been up to the key `beyond`."""

    time: datetime
    beyond: str | None = None
    panels: Mapping[int, str] = field(default_factory=dict)


def look(by: Trader, node: BankNode, cursor: str | None = None) -> Look:
    """What a terminal shows now. Malformed if the cursor is none."""
    now = node.clock()
    if cursor is None:
        seen = _Seen(
            time=now - max(node.rules.turn, _RATES_SHOWN_FOR), panels=read_panels(node, by).conversations
        )
        files = {shown: read_file(node, by.principal, shown) for shown in seen.panels.values()}
    else:
        seen, files = _read_cursor(cursor), {}
    first = seen.beyond or format_time(seen.time - _OVERLAP)
    page = node.registry.kept.query(feed_key(by.principal), first, "~", limit=_NEWS_MAX)
    news = [Shown.from_item(item) for item in page.items]
    records = [_content(shown) for shown in news if shown.key != RATES_KEY]
    # The first look has the panels as they are; news of one that was cleared since is no news.
    panels = seen.panels if cursor is None else {**seen.panels, **_taken(records, by)}
    rates = [shown for shown in news if shown.key == RATES_KEY]
    seen = _Seen(
        # Whoever goes through more than one page begins anew from where the first page was read.
        time=now if seen.beyond is None else seen.time,
        beyond=page.items[-1]["sk"] if page.more else None,
        panels=panels,
    )
    return Look(
        rates=json.loads(rates[-1].content) if rates else None,
        rates_time=rates[-1].transact_time if rates else None,
        queue=tuple(_queue(records, by, now)),
        gone=tuple(dict.fromkeys(turn.conversation for turn in _called(records) if turn.place == 1)),
        panels=tuple(_panels(panels, records, files)),
        cursor=_write_cursor(seen),
    )


def _queue(records: Sequence[ConversationRecord], by: Trader, now: datetime) -> list[Turn]:
    """The calls that wait, those for this terminal first and then the oldest (R3)."""
    gone = {turn.conversation for turn in _called(records) if turn.place > 0}
    waiting = {
        turn.conversation: turn
        for turn in _called(records)
        if turn.step is Step.QUEUED
        and turn.terminal in (None, by.terminal)
        and turn.conversation not in gone
        and turn.valid_until_time >= now
    }
    return sorted(waiting.values(), key=lambda turn: (turn.terminal is None, turn.transact_time))


def _called(records: Sequence[ConversationRecord]) -> list[Turn]:
    """The turns of conversations for which this principal was called."""
    return [turn for turn in records if isinstance(turn, Turn) and turn.principal == turn.destination]


def _taken(records: Sequence[ConversationRecord], by: Trader) -> dict[int, str]:
    """The panels that this trader has taken, by the news of calls made and answered."""
    return {
        record.panel: record.conversation
        for record in records
        if isinstance(record, Requested | Turn)
        and record.panel
        and record.trader == by.trader
        # The other bank's trader, who has answered there, may have the same name.
        and (isinstance(record, Requested) or record.by == by.principal)
    }


def _panels(
    panels: Mapping[int, str], records: Sequence[ConversationRecord], files: Mapping[str, Conversation]
) -> list[Panel]:
    shown = []
    for number, conversation in sorted(panels.items()):
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
    text = json.dumps([format_time(seen.time), seen.beyond, seen.panels], separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> _Seen:
    try:
        time, beyond, panels = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        for began in (time, *([] if beyond is None else [beyond.split("#")[0]])):
            _ = parse_time(began) - _OVERLAP
        if len(beyond or "") > _KEY_LENGTH_MAX or not set(panels) <= _PANEL_NUMBERS:
            raise ValueError
        shown = {int(number): str(conversation) for number, conversation in panels.items()}
        return _Seen(time=parse_time(time), beyond=beyond, panels=shown)
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        raise Malformed(
            "expected the cursor of an earlier answer",
            field="cursor",
            reason=SessionRejectReason.VALUE_IS_INCORRECT,
        ) from None
