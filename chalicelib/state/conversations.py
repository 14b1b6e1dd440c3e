"""The state of a conversation: a fold over whatever records of it lie in a principal's file.

A pure function of the *set* of records, as with orders: a turn that arrives before an earlier one, late
or twice changes nothing about where it stands.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ..records.conversations import (
    Asked,
    ConversationRecord,
    Inquired,
    Requested,
    Step,
    Ticket,
    Turn,
)

# What an initiating principal may be bound by once it has asked for it.
BINDING = (Step.DEALT, Step.COUNTERED)
_PRICES = (Step.QUOTED, Step.COUNTERED)
_LEAVING = (Step.WITHDRAWN, Step.EXPIRED)


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """A conversation, as far as one principal's file shows it. The called bank's file is the whole truth."""

    requested: Requested | None = None
    turns: tuple[Turn, ...] = ()
    asked: tuple[Asked, ...] = ()
    inquiries: int = 0
    ticket: Ticket | None = None

    @property
    def any(self) -> ConversationRecord | None:
        """Any record, for what each of them says."""
        known = (self.requested, *self.turns[:1], *self.asked[:1], self.ticket)
        return next((record for record in known if record is not None), None)

    @property
    def last(self) -> Turn | None:
        """The furthest place of the log that is known here."""
        return self.turns[-1] if self.turns else None

    @property
    def seen(self) -> int:
        """How far the log is known here; -1 if nothing of it is."""
        return self.turns[-1].place if self.turns else -1

    @property
    def conclusion(self) -> Turn | Requested | None:
        """What ended the conversation, by the log or by a denial."""
        if self.requested is not None and self.requested.step is Step.DENIED:
            return self.requested
        return next((turn for turn in self.turns if turn.concludes), None)

    @property
    def standing(self) -> Turn | None:
        """The price that stands: the latest quote or counter."""
        return next((turn for turn in reversed(self.turns) if turn.step in _PRICES), None)

    @property
    def may_miss_a_price(self) -> bool:
        """Whether a turn after the price that stands here has not arrived, though later ones have."""
        standing = self.standing
        if standing is None:
            return False
        return sum(turn.place > standing.place for turn in self.turns) < self.seen - standing.place

    @property
    def answered_by(self) -> str | None:
        """The trader of the called principal who took the call."""
        return next((turn.trader for turn in self.turns if turn.step is Step.ANSWERED), None)

    @property
    def valid_until_time(self) -> datetime | None:
        """When the turn that is due is over."""
        if self.last is not None:
            return self.last.valid_until_time
        return self.requested.valid_until_time if self.requested is not None else None

    @property
    def pending(self) -> Asked | None:
        """What the initiating principal asked for and the log does not answer yet."""
        return next((asked for asked in self.asked if asked.answers >= self.seen), None)

    @property
    def left(self) -> Asked | None:
        """The initiating principal's hanging up, or giving up after the deadline."""
        return next((asked for asked in self.asked if asked.step in _LEAVING), None)

    @property
    def exposed(self) -> bool:
        """Whether the initiating principal may be bound by what the log says next.

        It has accepted or countered, and the place of the log that this competes for is not known yet,
        though later ones may be; or its counter stands.
        """
        if self.conclusion is not None:
            return False
        places = {turn.place for turn in self.turns}
        wished = any(asked.step in BINDING and asked.answers + 1 not in places for asked in self.asked)
        standing = self.standing
        return wished or (standing is not None and standing.step is Step.COUNTERED)

    @property
    def is_acknowledged(self) -> bool:
        """Whether the called bank is known to have queued the call."""
        return any(turn.step is not Step.DUPLICATE for turn in self.turns)

    def is_overdue(self, now: datetime) -> bool:
        """Whether the deadline of the turn that is due is over."""
        until = self.valid_until_time
        return until is not None and until < now

    def status(self, now: datetime) -> Step:
        """Where the conversation stands, for those who look at it."""
        if self.conclusion is not None:
            return self.conclusion.step
        if self.left is not None:
            return self.left.step
        return self.last.step if self.last is not None else Step.REQUESTED


def fold_conversation(records: Iterable[ConversationRecord]) -> Conversation:
    """Fold the records of one file."""
    requested: Requested | None = None
    ticket: Ticket | None = None
    turns: dict[int, Turn] = {}
    asked: dict[str, Asked] = {}
    inquiries: set[int] = set()
    for record in records:
        match record:
            case Requested():
                requested = record
            case Turn():
                turns[record.place] = record
            case Asked():
                asked[record.sort_key] = record
            case Inquired():
                inquiries.add(record.attempt)
            case Ticket():
                ticket = record
    return Conversation(
        requested=requested,
        turns=tuple(turns[place] for place in sorted(turns)),
        asked=tuple(asked[key] for key in sorted(asked)),
        inquiries=len(inquiries),
        ticket=ticket,
    )
