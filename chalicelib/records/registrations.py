"""What a bank's node keeps in place: registrations, panels, and what its terminals are to show.

The one table that is written in place (R5). An item is replaced on the condition that it is still the
version that was read; whatever it says is also said by a record.
"""

from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Self

from .conversations import Step
from .record import Record
from .times import format_time

PANELS = 6


class InPlace(Record, abstract=True):
    """An item that is replaced: `version` counts how often it has been."""

    version: int = 0


class RegistrationState(StrEnum):
    """Whether two principals talk about a subject, and who called."""

    FREE = "free"
    INITIATED = "initiated"
    RECEIVED = "received"


class Registration(InPlace):
    """A subject between a principal of this node and another: at most one conversation (R5, R10).

    `opened` is when the conversation was called, in the order that crossing calls are told apart by.
    Of what came before it says what the last conversation came to, and which call of the other's was
    the latest that was judged here.
    """

    principal: str
    counterparty: str
    subject: str
    state: RegistrationState = RegistrationState.FREE
    conversation: str | None = None
    opened: datetime | None = None
    valid_until_time: datetime | None = None
    last: str | None = None
    last_step: Step | None = None
    last_time: datetime | None = None
    judged: str | None = None
    judged_time: datetime | None = None
    judged_step: Step | None = None

    @property
    def partition_key(self) -> str:
        return f"registration#{self.principal}#{self.counterparty}#{self.subject}"

    @property
    def sort_key(self) -> str:
        return "registration"


class Panels(InPlace):
    """A trader's six conversation panels (R3): the conversation in each."""

    principal: str
    trader: str
    panel1: str | None = None
    panel2: str | None = None
    panel3: str | None = None
    panel4: str | None = None
    panel5: str | None = None
    panel6: str | None = None

    @property
    def partition_key(self) -> str:
        return f"panels#{self.principal}#{self.trader}"

    @property
    def sort_key(self) -> str:
        return "panels"

    @property
    def conversations(self) -> dict[int, str]:
        """The panels that are taken, and by what."""
        shown = {number: getattr(self, f"panel{number}") for number in range(1, PANELS + 1)}
        return {number: conversation for number, conversation in shown.items() if conversation is not None}

    def number_of(self, conversation: str) -> int | None:
        """The panel that shows a conversation."""
        return next((n for n, shown in self.conversations.items() if shown == conversation), None)

    def showing(self, conversation: str) -> Self | None:
        """The panels with one more conversation in the first that is free; None if none is."""
        free = next((n for n in range(1, PANELS + 1) if n not in self.conversations), None)
        return None if free is None else self._with(free, conversation)

    def cleared(self, number: int) -> Self:
        """The panels with one of them free again."""
        return self._with(number, None)

    def _with(self, number: int, conversation: str | None) -> Self:
        change: dict[str, Any] = {f"panel{number}": conversation}
        return replace(self, **change)


class Shown(Record):
    """Something for a principal's terminals to show, in the order in which it came to be known here.

    `content` is a record of a conversation, or the indicative rates, as JSON. It expires: what a
    terminal shows is folded from what is recent.
    """

    # A whole record in JSON, and kept at this node alone.
    bytes_max: ClassVar[int] = 2048

    principal: str
    key: str
    content: str
    expires: int

    @property
    def partition_key(self) -> str:
        return feed_key(self.principal)

    @property
    def sort_key(self) -> str:
        return f"{format_time(self.transact_time)}#{self.key}"


def feed_key(principal: str) -> str:
    """Where a principal's feed lies."""
    return f"feed#{principal}"
