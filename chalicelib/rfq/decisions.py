"""The protocol: what a bank's node decides about a call, a turn or a deadline (pure).

A decision is what is to be written, all of it or nothing; the node applies it on the condition that
what it rests on is still so. Between two principals and on one subject a node has one registration
(R5). Outgoing calls are FIG. 3 of the dealing patent, incoming ones FIG. 4.

    initiating node                               called node (its log decides)
    initiate: free -> INITIATED, requested  ----> judge: free -> RECEIVED, turn 0 queued
                                                        taken -> turn 0 duplicate
    learn:  a copy of each turn             <---- turns 1, 2, ...
    want:   asked, one for each turn seen   ----> take: the log's next place, if it answers the last
                                                  do:   so do the called bank's own traders
    learn:  concluded -> FREE               <---- concluding turn, and FREE, at once
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from ..records.conversations import (
    CONCLUDING,
    Asked,
    ConversationRecord,
    Inquired,
    Requested,
    Step,
    Turn,
    of_same,
)
from ..records.fix import BuySell, QuoteRejectReason, QuoteRequestRejectReason
from ..records.registrations import Panels, Registration, RegistrationState
from ..records.times import stamp
from ..refusals import Concluded, Crossed, NotInConversation, PanelsTaken, TurnRefused
from ..state.conversations import BINDING, Conversation

# What the panel shows, letter for letter (R6, R7, R8).
CALL_ALREADY_IN_PROGRESS = "Request Denied: Call Already in Progress"
DUPLICATE_CALL = "Duplicate Call In Progress"

_TICK = timedelta(microseconds=1)


class Policy(StrEnum):
    """What becomes of two calls that cross (R11).

    By the patent each bank refuses the other's: none may survive. By the earliest, both banks pick
    the same one.
    """

    PATENT = "patent"
    EARLIEST = "earliest"


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What banks have agreed on: the policy, how long each turn may take, and when a deal settles."""

    policy: Policy
    turn: timedelta
    value_date: Callable[[str, str, datetime], str]


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What is to be written, all or nothing, and what is to be sent again because it answers a repeat."""

    registration: Registration | None = None
    panels: Panels | None = None
    records: tuple[ConversationRecord, ...] = ()
    again: tuple[ConversationRecord, ...] = ()


# The initiating node


def initiate(
    call: Requested,
    registration: Registration,
    registered: Conversation,
    panels: Panels,
    *,
    now: datetime,
    rules: Rules,
) -> Decision:
    """Let a call out and register it, or deny it (FIG. 3); either takes a panel, or it is PanelsTaken."""
    shown = panels.showing(call.conversation)
    if shown is None:
        raise PanelsTaken(call.trader)
    call = replace(call, panel=shown.number_of(call.conversation) or 0)
    if _is_taken(registration, registered, now):
        text = (
            CALL_ALREADY_IN_PROGRESS if registration.state is RegistrationState.INITIATED else DUPLICATE_CALL
        )
        denied = replace(call, step=Step.DENIED, valid_until_time=call.transact_time, text=text)
        return Decision(panels=shown, records=(denied,))
    free, ended = _end_overdue(registration, registered, call.origin, now)
    call = replace(
        call,
        transact_time=max([call.transact_time, *(time + _TICK for time in _called(registration))]),
        judged=free.judged,
        judged_time=free.judged_time,
        judged_step=free.judged_step,
    )
    opened = _opened(free, RegistrationState.INITIATED, call)
    return Decision(registration=opened, panels=shown, records=(*ended, call))


def want(
    step: Step,
    answers: int,
    file: Conversation,
    registration: Registration,
    trader: str,
    *,
    origin: str,
    now: datetime,
    **facts: Any,
) -> Decision:
    """The initiating trader's next turn, to be put to the called bank's log; the refusals of TurnRefused."""
    call = file.requested
    if call is None or call.trader != trader:
        raise NotInConversation(trader, _number(file))
    _expect_open(file)
    asked = of_same(
        call,
        Asked,
        origin=origin,
        transact_time=stamp(now, call.transact_time, *_times(file)),
        answers=file.seen if step is Step.WITHDRAWN else answers,
        step=step,
        trader=trader,
        **facts,
    )
    if step is Step.WITHDRAWN:
        freed = None if file.exposed else _freed(registration, call.conversation, step, now)
        return Decision(registration=freed, records=(asked,))
    _expect_in_time(file, now)
    if file.pending is not None:
        raise Crossed("your last turn has not been answered yet")
    _expect_last(file, answers)
    expect_sense(step, file, asked)
    if step not in BINDING:
        return Decision(records=(asked,))
    if file.may_miss_a_price:
        raise Crossed("a turn before the last one is still under way: it may be another price")
    # What binds is written together with the registration that stays: who is about to free it, having
    # read this file before, has to read it again; and who was too late for it is not bound.
    if registration.conversation != call.conversation:
        raise Concluded("the conversation is over: its subject is not registered for it any more")
    return Decision(registration=registration, records=(asked,))


def learn(turn: Turn, file: Conversation, registration: Registration, *, now: datetime) -> Decision:
    """A turn of the called bank's log has arrived: keep a copy, and de-register when it concludes (R8, R9).

    A turn of a conversation that was left here is answered with the leaving.
    """
    changed = None
    if turn.concludes:
        changed = _freed(registration, turn.conversation, turn.step, now)
    elif not file.is_acknowledged and registration.conversation == turn.conversation:
        # Who is about to withdraw the call as one that nobody has acknowledged has to look again.
        changed = registration
    kept = replace(turn, principal=turn.initiating)
    records = () if any(known.place == turn.place for known in file.turns) else (kept,)
    again = (file.left,) if file.left is not None and not turn.concludes and not file.conclusion else ()
    return Decision(registration=changed, records=records, again=again)


def give_up(file: Conversation, registration: Registration, *, origin: str, now: datetime) -> Decision:
    """The deadline is over and the log has not said so: presume it has expired, and ask.

    What may be bound is not presumed to be over: while an accept or a counter is unanswered, the
    registration stays.
    """
    record = file.any
    if record is None or file.conclusion is not None or not file.is_overdue(now):
        return Decision()
    inquired = of_same(
        record,
        Inquired,
        origin=origin,
        transact_time=stamp(now, *_times(file)),
        answers=file.seen,
        attempt=file.inquiries,
    )
    if file.exposed or file.left is not None:
        return Decision(records=(inquired,))
    given_up = _leaving(file, Step.EXPIRED, origin, now)
    freed = _freed(registration, record.conversation, Step.EXPIRED, now)
    return Decision(registration=freed, records=given_up)


# The called node


def judge(
    call: Requested,
    registration: Registration,
    registered: Conversation,
    *,
    origin: str,
    now: datetime,
    rules: Rules,
) -> Decision:
    """What becomes of a call that arrives (FIG. 4): its log's first place, for good.

    Any call says that its bank has done with every other conversation that it knew of on the subject.
    So a conversation that is registered here gives way, unless the call is the older one of the two or
    has crossed it.
    """
    if call.valid_until_time < now:
        return _refuse(call, Step.EXPIRED, registration, origin, now)
    if registration.state is RegistrationState.FREE:
        return _queue(call, registration, (), origin, now)
    if registration.state is RegistrationState.RECEIVED:
        if _order(call) < _order_of(registration):
            return _refuse(call, Step.WITHDRAWN, registration, origin, now)
        last = registered.last
        assert last is not None, "what is registered as received has been judged"
        gone = _next_turn(
            last, Step.EXPIRED, origin, call.initiating, now, text="its caller has called again"
        )
        return _queue(call, _free(registration, Step.EXPIRED, now), (gone,), origin, now)
    if call.judged_time is not None and _order_judged(call) >= _order_of(registration):
        step = call.judged_step if call.judged == registration.conversation else None
        return _queue(call, _free(registration, step or Step.EXPIRED, now), (), origin, now)
    if not _is_taken(registration, registered, now):
        free, ended = _end_overdue(registration, registered, origin, now)
        return _queue(call, free, ended, origin, now)
    has_crossed = not registered.is_acknowledged and _order(call) < _order_of(registration)
    if has_crossed and rules.policy is Policy.EARLIEST:
        withdrawn = _leaving(registered, Step.WITHDRAWN, origin, now, text=DUPLICATE_CALL)
        return _queue(call, _free(registration, Step.WITHDRAWN, now), withdrawn, origin, now)
    return _refuse(call, Step.DUPLICATE, registration, origin, now)


def take(
    asked: Asked, file: Conversation, registration: Registration, *, origin: str, now: datetime, rules: Rules
) -> Decision:
    """What the initiating bank wants done: it gets the log's next place, or what is there is sent."""
    last = file.last
    if last is None:
        # It has overtaken its call. To be out of it is as good as said; all else waits for the call.
        return _never_queued(asked, registration, origin, now) if asked.step in _LEAVING else Decision()
    if file.conclusion is not None:
        return Decision(again=_after(file, asked.answers))
    if asked.step in _LEAVING:
        return _turn(
            last,
            asked.step,
            registration,
            origin,
            asked.initiating,
            now,
            rules,
            text=asked.text,
            correlation_id=asked.correlation_id,
        )
    if file.is_overdue(now):
        return _turn(last, Step.EXPIRED, registration, origin, asked.destination, now, rules)
    if asked.answers != last.place or not _makes_sense(asked.step, file, asked):
        return Decision(again=_after(file, asked.answers))
    return _turn(
        last,
        asked.step,
        registration,
        origin,
        asked.initiating,
        now,
        rules,
        trader=asked.trader,
        deal_side=asked.deal_side or asked.side,
        price=asked.price if asked.step is Step.COUNTERED else _price_of(file, asked),
        text=asked.text,
        correlation_id=asked.correlation_id,
    )


def do(
    step: Step,
    answers: int,
    file: Conversation,
    registration: Registration,
    trader: str,
    *,
    origin: str,
    now: datetime,
    rules: Rules,
    panels: Panels | None = None,
    **facts: Any,
) -> Decision:
    """The called bank's trader takes the call, or the next turn in it; the refusals of TurnRefused."""
    last = file.last
    assert last is not None, "a called bank's file begins with the log"
    if step is not Step.ANSWERED and file.answered_by != trader:
        raise NotInConversation(trader, last.conversation)
    _expect_open(file)
    _expect_in_time(file, now)
    _expect_last(file, answers)
    expect_sense(step, file, None)
    shown = None
    if step is Step.ANSWERED:
        assert panels is not None
        shown = panels.showing(last.conversation)
        if shown is None:
            raise PanelsTaken(trader)
        facts |= {"panel": shown.number_of(last.conversation)}
    if step is Step.DEALT:
        standing = file.standing
        assert standing is not None
        facts |= {"price": standing.price, "deal_side": standing.deal_side}
    decision = _turn(last, step, registration, origin, last.destination, now, rules, trader=trader, **facts)
    return replace(decision, panels=shown)


def expire(
    file: Conversation, registration: Registration, *, origin: str, now: datetime, rules: Rules
) -> Decision:
    """The turn that was due is overdue: that competes for the log's next place as any turn does."""
    last = file.last
    if last is None or file.conclusion is not None or not file.is_overdue(now):
        return Decision()
    return _turn(last, Step.EXPIRED, registration, origin, last.destination, now, rules)


def answer(
    inquired: Inquired,
    file: Conversation,
    registration: Registration,
    *,
    origin: str,
    now: datetime,
    rules: Rules,
) -> Decision:
    """What came of a conversation, for the bank that asks: the log from where it knows it."""
    if file.last is None:
        return _never_queued(inquired, registration, origin, now)
    decision = expire(file, registration, origin=origin, now=now, rules=rules)
    return replace(decision, again=_after(file, inquired.answers))


# What makes sense next


def expect_sense(step: Step, file: Conversation, asked: Asked | None) -> None:
    """TurnRefused if a turn has no sense where the conversation stands."""
    if not _makes_sense(step, file, asked):
        last = file.last.step if file.last is not None else Step.REQUESTED
        raise TurnRefused(
            f"{_SENSE.get(step, 'it cannot be done now')}; the last turn is {last}",
            field="Answers",
            reason=QuoteRejectReason.UNKNOWN_QUOTE,
        )


_SENSE = {
    Step.ANSWERED: "only a call that is queued can be answered",
    Step.DEALT: "expected a price of the other bank's that stands",
    Step.QUOTED: "the call has to be answered first",
    Step.COUNTERED: "the call has not been answered yet",
    Step.MESSAGE: "the call has not been answered yet",
}
_LEAVING = (Step.WITHDRAWN, Step.EXPIRED)


def _makes_sense(step: Step, file: Conversation, asked: Asked | None) -> bool:
    assert file.last is not None or asked is not None
    is_queued = file.last is None or file.last.step is Step.QUEUED
    if step is Step.ANSWERED:
        return is_queued
    if step is Step.DEALT:
        standing = file.standing
        if standing is None:
            return False
        if asked is None:
            return standing.step is Step.COUNTERED
        return standing.step is Step.QUOTED and _price_of(file, asked) is not None
    return step in (Step.PASSED, *_LEAVING) or not is_queued


def _price_of(file: Conversation, asked: Asked) -> Decimal | None:
    """What the initiating bank deals at: it buys at the offer and sells at the bid."""
    standing = file.standing
    if asked.step is not Step.DEALT or standing is None:
        return None
    return standing.offer_px if (asked.deal_side or asked.side) is BuySell.BUY else standing.bid_px


def _expect_open(file: Conversation) -> None:
    ended = file.conclusion or file.left
    if ended is not None:
        raise Concluded(f"the conversation is over: {ended.step}")


def _expect_in_time(file: Conversation, now: datetime) -> None:
    if file.is_overdue(now):
        raise Concluded("the conversation is over: the time for this turn has run out")


def _expect_last(file: Conversation, answers: int) -> None:
    if answers != file.seen:
        raise Crossed(f"answers place {answers} of the conversation, whose last is {file.seen}")


# The log and the registration


def _turn(
    last: Turn,
    step: Step,
    registration: Registration,
    origin: str,
    by: str,
    now: datetime,
    rules: Rules,
    **facts: Any,
) -> Decision:
    """The next place of the log; what concludes frees the registration in the same breath (R9)."""
    turn = _next_turn(last, step, origin, by, now, **facts)
    if step is Step.DEALT:
        turn = replace(turn, settl_date=rules.value_date(turn.symbol, turn.settl_type, turn.transact_time))
    if turn.concludes:
        # An open log is registered. If this registration is not about it, it was read before the call was
        # queued: then it has another version by now, and is read again.
        freed = _freed(registration, turn.conversation, step, turn.transact_time) or registration
        return Decision(registration=freed, records=(turn,))
    if step is not Step.MESSAGE:
        until = turn.transact_time + rules.turn
        asked_for = turn.valid_until_time if "valid_until_time" in facts else until
        turn = replace(turn, valid_until_time=min(until, asked_for))
    return Decision(records=(turn,))


def _next_turn(last: Turn, step: Step, origin: str, by: str, now: datetime, **facts: Any) -> Turn:
    time = stamp(now, last.transact_time)
    until = time if step in CONCLUDING else last.valid_until_time
    whole: dict[str, Any] = {"valid_until_time": until, **facts}
    return of_same(
        last, Turn, origin=origin, transact_time=time, place=last.place + 1, step=step, by=by, **whole
    )


def _queue(
    call: Requested,
    free: Registration,
    ended: tuple[ConversationRecord, ...],
    origin: str,
    now: datetime,
) -> Decision:
    """Register a call that has come in, and queue it; `ended` is what had to give way."""
    turn = _first_turn(call, Step.QUEUED, origin, now, until=call.valid_until_time)
    opened = _opened(free, RegistrationState.RECEIVED, call)
    return Decision(registration=opened, records=(*ended, turn))


def _refuse(call: Requested, step: Step, registration: Registration, origin: str, now: datetime) -> Decision:
    """Write down what became of a call that is not taken: a repeat gets the same answer."""
    is_duplicate = step is Step.DUPLICATE
    turn = _first_turn(
        call,
        step,
        origin,
        now,
        until=now,
        text=DUPLICATE_CALL if is_duplicate else None,
        quote_request_reject_reason=QuoteRequestRejectReason.OTHER if is_duplicate else None,
    )
    judged = _judged(registration, call.conversation, call.transact_time, step)
    return Decision(registration=judged, records=(turn,))


def _never_queued(left: Asked | Inquired, registration: Registration, origin: str, now: datetime) -> Decision:
    """A call that has not arrived and is not wanted any more: it is judged before it comes."""
    step = left.step if isinstance(left, Asked) else Step.EXPIRED
    turn = of_same(
        left,
        Turn,
        principal=left.destination,
        origin=origin,
        transact_time=stamp(now, left.transact_time),
        place=0,
        step=step,
        by=left.initiating,
        valid_until_time=now,
    )
    return Decision(records=(turn,))


def _first_turn(
    call: Requested, step: Step, origin: str, now: datetime, *, until: datetime, **facts: Any
) -> Turn:
    return of_same(
        call,
        Turn,
        principal=call.destination,
        origin=origin,
        transact_time=stamp(now, call.transact_time),
        place=0,
        step=step,
        by=call.destination,
        trader=call.trader,
        terminal=call.called_terminal,
        valid_until_time=until,
        **facts,
    )


def _opened(registration: Registration, state: RegistrationState, call: Requested) -> Registration:
    return replace(
        registration,
        transact_time=max([call.transact_time, *_called(registration)]),
        state=state,
        conversation=call.conversation,
        opened=call.transact_time,
        valid_until_time=call.valid_until_time,
    )


def _called(registration: Registration) -> list[datetime]:
    """Times that no call on this subject that is known here is later than, whatever clocks say.

    `opened` is not enough: after a call of this bank's own, it may be about an earlier one of the other's.
    """
    times = [registration.opened and registration.transact_time, registration.judged_time]
    return [time for time in times if time is not None]


def _freed(
    registration: Registration, conversation: str | None, step: Step, now: datetime
) -> Registration | None:
    """The registration without this conversation; None if it is about another one, or free already."""
    is_about_it = registration.conversation is not None and registration.conversation == conversation
    return _free(registration, step, now) if is_about_it else None


def _free(registration: Registration, step: Step, now: datetime) -> Registration:
    """The registration without its conversation, which came to this step."""
    freed = registration
    if registration.state is RegistrationState.RECEIVED:
        called, conversation = _order_of(registration)
        freed = _judged(registration, conversation, called, step)
    return replace(
        freed,
        transact_time=max(now, registration.transact_time + _TICK),
        state=RegistrationState.FREE,
        conversation=None,
        valid_until_time=None,
        last=registration.conversation,
        last_step=step,
        last_time=now,
    )


def _judged(registration: Registration, conversation: str, called: datetime, step: Step) -> Registration:
    """The registration with the latest call of the other's that was judged here, if this is later."""
    known = (registration.judged_time, registration.judged)
    if registration.judged_time is not None and known > (called, conversation):
        return registration
    return replace(registration, judged=conversation, judged_time=called, judged_step=step)


def _is_taken(registration: Registration, registered: Conversation, now: datetime) -> bool:
    """Whether the subject is registered. What is overdue counts as free, unless it may bind this bank."""
    if registration.state is RegistrationState.FREE:
        return False
    is_bound = registration.state is RegistrationState.INITIATED and registered.exposed
    return is_bound or not registered.is_overdue(now)


def _end_overdue(
    registration: Registration, registered: Conversation, origin: str, now: datetime
) -> tuple[Registration, tuple[ConversationRecord, ...]]:
    """The registration free, and what ends the overdue conversation that it was about, if it was.

    At the called bank that contests the log; at the initiating one it is a presumption.
    """
    if registration.state is RegistrationState.FREE:
        return registration, ()
    ended: tuple[ConversationRecord, ...]
    if registration.state is RegistrationState.RECEIVED:
        last = registered.last
        assert last is not None, "what is registered as received has been judged"
        ended = (_next_turn(last, Step.EXPIRED, origin, last.destination, now),)
    else:
        ended = _leaving(registered, Step.EXPIRED, origin, now)
    return _free(registration, Step.EXPIRED, now), ended


def _leaving(
    file: Conversation, step: Step, origin: str, now: datetime, text: str | None = None
) -> tuple[ConversationRecord, ...]:
    """The initiating bank's word that it is out of a conversation, unless it has given it before."""
    record = file.any
    if record is None or file.left is not None:
        return ()
    time = stamp(now, *_times(file))
    return (
        of_same(record, Asked, origin=origin, transact_time=time, answers=file.seen, step=step, text=text),
    )


def _after(file: Conversation, place: int) -> tuple[Turn, ...]:
    return tuple(turn for turn in file.turns if turn.place > place)


def _order(call: Requested) -> tuple[datetime, str]:
    return call.transact_time, call.conversation


def _order_judged(call: Requested) -> tuple[datetime, str]:
    assert call.judged_time is not None
    return call.judged_time, call.judged or ""


def _order_of(registration: Registration) -> tuple[datetime, str]:
    assert registration.opened is not None
    return registration.opened, registration.conversation or ""


def _times(file: Conversation) -> list[datetime]:
    records = [file.requested, *file.turns, *file.asked]
    return [record.transact_time for record in records if record is not None]


def _number(file: Conversation) -> str:
    record = file.any
    return record.conversation if record is not None else ""
