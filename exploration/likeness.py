"""Which states are alike: what of a node's registration and files any decision looks at.

- A call's own time is its rank among the calls, as only their order is compared; all else is stamped
  NOW, and has the one DEADLINE. Whether that is over is not read off a clock: see `bank`.
- Of a conversation whose end is known at both banks, nothing is kept but that it was. Of the turns that it
  has copies of, the initiating bank keeps the last, and the price that stands; of what it asked for, what
  is not yet answered. Once it is out of a conversation it keeps that, and what may still bind it.
- A bank is "us" at its own node and "them" at the other's, and a conversation is its call's rank: states
  that differ in names only are one.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.records.conversations import Asked, ConversationRecord, Requested, Step, Turn
from chalicelib.records.instruments import subject_key
from chalicelib.records.registrations import Registration, RegistrationState
from chalicelib.state.conversations import BINDING, Conversation, fold_conversation

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DEADLINE = NOW + timedelta(hours=1)
LATE = DEADLINE + timedelta(hours=1)
FRESH = LATE + timedelta(hours=1)
US, THEM = "us", "them"

# Each bank calls the subject by another symbol: they are one all the same.
OUR_SYMBOL, THEIR_SYMBOL = "EURUSD", "USDEUR"

_FIRST_CALLED = NOW - timedelta(minutes=1)
_NAMES = {US: THEM, THEM: US}
_SYMBOLS = {OUR_SYMBOL: THEIR_SYMBOL, THEIR_SYMBOL: OUR_SYMBOL}
_LEAVING = (Step.WITHDRAWN, Step.EXPIRED)


@dataclass(frozen=True, kw_only=True)
class File:
    """A principal's file of a conversation; `used` are the acts that a trader may not do twice.

    `knew` are the conversations that had been concluded in this bank's logs when it called.
    """

    records: tuple[ConversationRecord, ...] = ()
    used: tuple[str, ...] = ()
    knew: tuple[int, ...] = ()
    is_closed: bool = False
    is_deserted: bool = False

    @property
    def is_ours(self) -> bool:
        """Whether this bank has called."""
        return bool(self.records) and self.records[0].initiating == US


UNKNOWN = File()
CLOSED = File(is_closed=True)


def blank_registration() -> Registration:
    """A registration that has never been used; its time is before those of all calls."""
    subject = subject_key(OUR_SYMBOL)
    time = called_at(-1)
    return Registration(origin=US, transact_time=time, principal=US, counterparty=THEM, subject=subject)


def called_at(rank: int) -> datetime:
    """The time of the call of a rank."""
    return _FIRST_CALLED + timedelta(seconds=rank)


def name_of(rank: int) -> str:
    """The number of the conversation of a rank."""
    return f"c{rank}"


def rank_of(conversation: str) -> int:
    """The rank of the conversation of a number."""
    return int(conversation[1:])


def flipped(record: ConversationRecord) -> ConversationRecord:
    """A record as the other bank reads it."""
    facts: dict[str, Any] = {
        name: _NAMES[getattr(record, name)] for name in ("principal", "initiating", "destination")
    }
    facts["symbol"] = _SYMBOLS[record.symbol]
    if isinstance(record, Turn):
        facts["by"] = _NAMES[record.by]
    return replace(record, **facts)


def moved(record: ConversationRecord, to: Callable[[int], int]) -> ConversationRecord:
    """A record with other ranks."""
    rank = to(rank_of(record.conversation))
    facts: dict[str, Any] = {"conversation": name_of(rank)}
    if isinstance(record, Requested):
        facts["transact_time"] = called_at(rank)
        facts |= _judged_moved(record, to)
    return replace(record, **facts)


def moved_file(file: File, to: Callable[[int], int]) -> File:
    """A file with other ranks."""
    records = tuple(moved(record, to) for record in file.records)
    return replace(file, records=records, knew=tuple(map(to, file.knew)))


def moved_registration(registration: Registration, to: Callable[[int], int]) -> Registration:
    """A registration with other ranks."""
    facts = _judged_moved(registration, to)
    if registration.conversation is not None:
        facts["conversation"] = name_of(to(rank_of(registration.conversation)))
    if registration.opened is not None:
        facts["opened"] = called_at(to(_rank_at(registration.opened)))
    facts["transact_time"] = called_at(to(_rank_at(registration.transact_time)))
    return replace(registration, **facts)


def plain_registration(registration: Registration, before: Registration) -> Registration:
    """A registration without what no decision looks at.

    Its own time is that of the latest call it has been about: the least that it can be.
    """
    time = registration.transact_time
    if time.microsecond or time >= NOW:
        time = max(before.transact_time, registration.opened or before.transact_time)
    opened, judged = registration.opened, registration.judged_time
    is_free = registration.state is RegistrationState.FREE
    if is_free and opened is not None:
        opened = time = time if judged is None else max(time, judged)
    return replace(
        registration,
        transact_time=time,
        opened=opened,
        valid_until_time=None if is_free else DEADLINE,
        last=None,
        last_step=None,
        last_time=None,
        judged_step=None,
    )


def plain_file(file: File, added: Iterable[ConversationRecord], *, is_registered: bool) -> File:
    """A file with more records, without what no decision looks at."""
    records = {record.sort_key: record for record in file.records}
    records |= {record.sort_key: _plain(record) for record in added}
    whole = fold_conversation(records.values())
    record = whole.any
    if record is None or record.initiating != US:
        if file.is_deserted and whole.conclusion is None:
            return file
        return replace(file, records=whole.turns, is_deserted=False)
    kept = _plain_ours(whole, is_registered=is_registered)
    if kept is None:
        return CLOSED
    is_out = whole.left is not None and not is_registered
    used = () if is_out else file.used
    return replace(file, records=tuple(kept), used=used, knew=() if whole.turns or is_out else file.knew)


def _plain_ours(whole: Conversation, *, is_registered: bool) -> list[ConversationRecord] | None:
    if whole.conclusion is not None and not is_registered:
        return None
    is_out = whole.left is not None and not is_registered
    turns = () if is_out else (whole.standing, whole.last)
    places = {turn.place for turn in whole.turns}
    kept: list[ConversationRecord | None] = [
        _judged_left(whole.requested) if whole.turns else whole.requested
    ]
    kept += [turn for turn in whole.turns if turn in turns or turn.concludes]
    for asked in whole.asked:
        is_unanswered = asked.answers + 1 not in places
        if asked.step in _LEAVING:
            kept.append(replace(asked, answers=-1) if is_out else asked)
        elif is_unanswered and (not is_out or asked.step in BINDING):
            kept.append(asked)
    return [record for record in kept if record is not None]


def _judged_left(call: Requested | None) -> Requested | None:
    """A call without what only the bank that is to judge it looks at."""
    return None if call is None else replace(call, judged=None, judged_time=None)


def _plain(record: ConversationRecord) -> ConversationRecord:
    match record:
        case Requested():
            return replace(record, judged_step=None, text=None, panel=0, valid_until_time=DEADLINE)
        case Turn():
            return replace(
                record,
                transact_time=NOW,
                valid_until_time=DEADLINE,
                text=None,
                panel=None,
                settl_date=None,
                quote_request_reject_reason=None,
            )
        case Asked():
            return replace(record, transact_time=NOW, text=None)
        case _:
            return replace(record, transact_time=NOW)


def _judged_moved(kept: Registration | Requested, to: Callable[[int], int]) -> dict[str, Any]:
    if kept.judged is None:
        return {}
    rank = to(rank_of(kept.judged))
    return {"judged": name_of(rank), "judged_time": called_at(rank)}


def _rank_at(time: datetime) -> int:
    return round((time - _FIRST_CALLED).total_seconds())
