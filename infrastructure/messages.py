"""Which way the messages of a conversation took, as their copies in the inboxes tell: for operators only.

A message stays in every inbox that it has passed. One that waits at its own bank for that bank's city
is in none yet.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from chalicelib.enterprise import Enterprise, Side, Utility
from chalicelib.network.routing import Hop, hops
from chalicelib.records.conversations import Message
from chalicelib.records.times import format_time
from chalicelib.tables.reading import read_all
from chalicelib.tables.store import Store, span


@dataclass(frozen=True, kw_only=True)
class Traced:
    """A message, the nodes it has left, and the one whose inbox it has reached."""

    message: str
    sender: str
    recipient: str
    passed: tuple[Hop, ...]
    at: str

    @property
    def has_arrived(self) -> bool:
        return self.at == self.recipient


def trace(conversation: str, enterprise: Enterprise, inbox: Callable[[Utility], Store]) -> list[Traced]:
    """Every message of a conversation that is in an inbox, in the order in which they were sent."""
    furthest: dict[str, Traced] = {}
    for utility in enterprise.utilities:
        if utility.deals or utility.side is Side.NETWORK:
            for found in _read(conversation, utility, inbox(utility)):
                known = furthest.get(found.message)
                if known is None or _progress(found) > _progress(known):
                    furthest[found.message] = found
    return sorted(furthest.values(), key=lambda found: (found.passed[0].left, found.message))


def trace_table(conversation: str, traced: Iterable[Traced]) -> Table:
    """One row per message, for a terminal."""
    table = Table(
        "Message", "From", "To", "Left", "Now", title=f"Conversation {conversation}", show_lines=True
    )
    for found in traced:
        left = "\n".join(f"{hop.node:<10}{hop.left:%H:%M:%S.%f}" for hop in found.passed)
        state = "arrived" if found.has_arrived else f"waiting at {found.at}"
        table.add_row(found.message, found.sender, found.recipient, left, state)
    return table


def trace_json(traced: Iterable[Traced]) -> list[dict[str, Any]]:
    """What `trace` found, in JSON's types."""
    return [
        {
            "message": found.message,
            "sender": found.sender,
            "recipient": found.recipient,
            "passed": [{"node": hop.node, "left": format_time(hop.left)} for hop in found.passed],
            "at": found.at,
            "arrived": found.has_arrived,
        }
        for found in traced
    ]


def _read(conversation: str, utility: Utility, inbox: Store) -> Iterable[Traced]:
    for item in read_all(conversation, *span(""), inbox):
        message = Message.from_item(item)
        yield Traced(
            message=message.message,
            sender=message.sender,
            recipient=message.recipient,
            passed=hops(message),
            at=utility.name,
        )


def _progress(found: Traced) -> tuple[bool, int]:
    return found.has_arrived, len(found.passed)
