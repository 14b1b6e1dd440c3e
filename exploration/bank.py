"""A bank's node as a state that has a number, and what can happen to it.

What is decided is decided by `chalicelib.rfq.decisions`, on what lies in the node's files, and written
as the node writes it: all or nothing, on the condition that the registration is still as it was read
(if it is replaced) and that no key is taken.

Whether a deadline is over is not read off a clock: each event is handled in time and, as another
possibility, late. That covers whatever clocks differ by, those of one node among them.

Messages are not kept: what a node has sent is what the records in its files call for, and any of it
may arrive at any time, in any order, any number of times, or never. So delays, repeats, losses, and a
crash between a commit and its sequel - which has the same trigger handled again - are no events of
their own. That all can be lost is what `Pair.drained` is about.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Generic, NamedTuple, TypeGuard, TypeVar

from chalicelib.records.conversations import (
    Asked,
    ConversationRecord,
    Inquired,
    Requested,
    Step,
    Turn,
    of_same,
)
from chalicelib.records.fix import BuySell
from chalicelib.records.instruments import subject_key
from chalicelib.records.registrations import Panels, Registration
from chalicelib.refusals import TurnRefused
from chalicelib.rfq import decisions
from chalicelib.rfq.decisions import Decision, Policy, Rules
from chalicelib.state.conversations import Conversation, fold_conversation

from .likeness import (
    CLOSED,
    DEADLINE,
    FRESH,
    LATE,
    NOW,
    OUR_SYMBOL,
    THEIR_SYMBOL,
    THEM,
    UNKNOWN,
    US,
    File,
    blank_registration,
    called_at,
    flipped,
    moved,
    moved_file,
    moved_registration,
    name_of,
    plain_file,
    plain_registration,
    rank_of,
)

_BITS = 24
_TRADER = "trader"
_PANELS = Panels(origin=US, transact_time=NOW, principal=US, trader=_TRADER)
_IS_ONE_SUBJECT = subject_key(OUR_SYMBOL) == subject_key(THEIR_SYMBOL)
_HELD, _FILES = 2, 3  # where they lie in a state, after the registrations
_FULL, _BRIEF = "0", "1"
_FULL_RFQS = 2
_QUOTE: dict[str, Any] = {"bid_px": Decimal("1.1"), "offer_px": Decimal("1.3")}
_COUNTER: dict[str, Any] = {"price": Decimal("1.2"), "deal_side": BuySell.BUY}
_LEAVING = (Step.WITHDRAWN, Step.EXPIRED)

# What traders may do, and deadlines: an act, and whose it is.
ACTS = ("answer", "quote", "counter", "accept", "deal", "pass", "hang up", "our message", "their message")
_OURS = {
    "counter": Step.COUNTERED,
    "accept": Step.DEALT,
    "hang up": Step.WITHDRAWN,
    "our message": Step.MESSAGE,
}
_THEIRS = {
    "answer": Step.ANSWERED,
    "quote": Step.QUOTED,
    "their message": Step.MESSAGE,
    "deal": Step.DEALT,
    "pass": Step.PASSED,
}
CALL_OUT = "call out"
DECISIONS = (CALL_OUT, *ACTS, "deadline", "requested", "asked", "turn", "inquired")
_ONCE = ("quote", "counter", "our message", "their message")

_NOTHING = Decision()

_Value = TypeVar("_Value")


class Numbers(Generic[_Value]):
    """A number for each value, from 0."""

    def __init__(self) -> None:
        self.values: list[_Value] = []
        self._numbers: dict[_Value, int] = {}

    def of(self, value: _Value) -> int:
        """The value's number; a new one if it has none yet."""
        number = self._numbers.setdefault(value, len(self.values))
        if number == len(self.values):
            self.values.append(value)
        return number


@dataclass(frozen=True, kw_only=True)
class Scope:
    """How much is explored: the policy, how many RFQs, and what may be done in each.

    `acts` are a caller's and a called bank's, each of `_ONCE` once; `brief` are those in the third RFQ.
    `held` are the decisions that may be written later than what they rest on was read, while others at the
    same bank go on: the two steps of check-and-register. Nothing has a deadline unless it
    `has_deadlines`. If one call `must_survive`, nothing that is explored is to end all.
    """

    policy: Policy
    rfqs: int = 2
    acts: frozenset[str] = frozenset(ACTS)
    brief: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset({CALL_OUT})
    has_deadlines: bool = True
    must_survive: bool = False


@dataclass(frozen=True, kw_only=True)
class Event:
    """What a node handles, about the conversation of a rank: an act, a deadline or a message.

    If `is_late` every deadline is over; if `is_fresh`, too, but for the call's that arrives. `phase` is
    whether what was decided is held, or what became of it then.
    """

    kind: str
    rank: int
    act: str | None = None
    record: ConversationRecord | None = None
    is_late: bool = False
    is_fresh: bool = False
    is_brief: bool = False
    phase: str = ""


@dataclass(frozen=True, kw_only=True)
class Held:
    """A decision that is made and not yet written; `is_stale`: the registration has been replaced since."""

    event: Event
    decision: Decision
    is_stale: bool = False


@dataclass(frozen=True, kw_only=True)
class State:
    """What a node keeps: registrations, the files by rank, and a decision that is yet to be written.

    The registrations are the one that its own calls have and the one that the other bank's have. As
    both are calls on one subject it is the same, and the second is never used.
    """

    registrations: tuple[Registration, Registration]
    files: tuple[File, ...]
    held: Held | None

    @property
    def registered(self) -> tuple[int, ...]:
        """The ranks of the conversations that are registered."""
        ranks = map(_registered, self.registrations)
        return tuple(rank for rank in ranks if rank is not None)


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What an event does where it is about: to the registration, to files, and what is sent again.

    `dealt` is the conversation whose log has got its deal, `ended` has a bit for each that was left or
    whose log was concluded by neither a trader's act nor a deadline, `refused` is a call and what it was
    refused for. `wrong` is what must not be, whatever the other bank's state is.
    """

    event: Event
    registration: int | None = None
    files: tuple[tuple[int, int], ...] = ()
    again: tuple[int, ...] = ()
    decision: Decision = _NOTHING
    dealt: int | None = None
    ended: int = 0
    refused: tuple[int, int] | None = None
    wrong: str | None = None

    @property
    def is_checked(self) -> bool:
        """Whether it depends on the other bank's state if this may be."""
        return self.dealt is not None or bool(self.ended or self.refused or self.wrong)


class Outcome(NamedTuple):
    """A node's next state, and what has led to it.

    `added` is the rank of a call that begins, `removed` of one that does not come about after all.
    """

    after: int
    effect: Effect
    added: int | None = None
    removed: int | None = None


class Bank:
    """All states of a bank's node, and what can happen in each; every answer is remembered.

    A state is the numbers of its registrations, of what is held (or -1) and of its files.
    """

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.messages = Numbers[ConversationRecord]()
        self._rules = Rules(policy=scope.policy, turn=DEADLINE - NOW, value_date=lambda *_: "20261124")
        self._registrations = Numbers[Registration]()
        self._files = Numbers[File]()
        self._held = Numbers[Held]()
        self._states = Numbers[tuple[int, ...]]()
        self._effects: dict[tuple[Event, int, int, int], Effect | None] = {}
        self._own: dict[int, tuple[Outcome, ...]] = {}
        self._received: dict[int, tuple[Outcome, ...]] = {}
        self._delivered: dict[int, tuple[int, tuple[int, ...]]] = {}
        self._sent: dict[int, tuple[int, ...]] = {}
        self._sent_of: dict[int, tuple[int, ...]] = {}
        self._due: dict[int, tuple[int, tuple[int, ...]]] = {}
        self._moved: dict[tuple[int, int, int], int] = {}
        self._changed: dict[tuple[int, int, int], int] = {}

    def __len__(self) -> int:
        return len(self._states.values)

    def first(self) -> int:
        """The state before anything has happened."""
        blank = blank_registration()
        return self._number(State(registrations=(blank, blank), files=(), held=None))

    def state(self, number: int) -> State:
        """What a state is."""
        ours, theirs, held, *files = self._states.values[number]
        return State(
            registrations=(self._registrations.values[ours], self._registrations.values[theirs]),
            files=tuple(self._files.values[file] for file in files),
            held=None if held < 0 else self._held.values[held],
        )

    def own(self, number: int) -> tuple[Outcome, ...]:
        """What traders and deadlines can do now; what is denied or refused is left away."""
        known = self._own.get(number)
        if known is None:
            known = self._own[number] = tuple(self._own_outcomes(number))
        return known

    def received(self, number: int, message: int) -> tuple[Outcome, ...]:
        """What can become of a message, in time first; nothing if that changes nothing."""
        key = number << _BITS | message
        known = self._received.get(key)
        if known is None:
            known = self._received[key] = tuple(self._receive(number, message))
        return known

    def delivered(self, number: int, message: int) -> tuple[int, tuple[int, ...]]:
        """The state after a message that comes in time, and what it is answered with at once.

        That are the records that are written and those that are sent again.
        """
        key = number << _BITS | message
        known = self._delivered.get(key)
        if known is None:
            event = self._received_event(message)
            known = self._delivered[key] = self._after_and_sent(number, event)
        return known

    def due(self, number: int) -> tuple[int, tuple[int, ...]]:
        """The state after every deadline, and what is sent by then."""
        known = self._due.get(number)
        if known is None:
            after = number
            sent: tuple[int, ...] = ()
            for rank in range(len(self._states.values[number]) - _FILES):
                event = Event(kind="deadline", rank=rank, is_late=True)
                after, more = self._after_and_sent(after, event)
                sent += more
            known = self._due[number] = after, sent
        return known

    def sent(self, number: int) -> tuple[int, ...]:
        """The messages that the files call for, as the other bank reads them."""
        known = self._sent.get(number)
        if known is None:
            sent = [
                message for file in self._states.values[number][_FILES:] for message in self._sent_by(file)
            ]
            known = self._sent[number] = tuple(sent)
        return known

    def inserted(self, number: int, rank: int) -> int:
        """The state with another call before those from this rank on."""
        return self._with_ranks(number, rank, 1)

    def removed(self, number: int, rank: int) -> int:
        """The state without the call of this rank, which nobody has heard of."""
        return self._with_ranks(number, rank, -1)

    def holds(self, number: int) -> bool:
        """Whether a decision is yet to be written: it may be about any file."""
        return self._states.values[number][_HELD] >= 0

    def closed(self, number: int, ranks: int) -> int:
        """The state without the files of conversations that have ended at both banks."""
        return self._with_files(number, ranks, lambda _: CLOSED, 0)

    def deserted(self, number: int, ranks: int) -> int:
        """The state with no more of these logs than that they are open: their callers are out of them."""
        return self._with_files(
            number, ranks, lambda file: replace(file, records=file.records[:1], is_deserted=True), 1
        )

    # Events

    def _own_outcomes(self, number: int) -> Iterator[Outcome]:
        state = self.state(number)
        if state.held is not None:
            yield self._write(state, state.held)
        elif len(state.files) < self.scope.rfqs:
            yield from self._calls(number, len(state.files))
        for rank, file in enumerate(state.files):
            if file.records:
                for act in self._acts(file):
                    yield from self._outcomes(number, Event(kind="act", rank=rank, act=act))
                if self.scope.has_deadlines:
                    yield from self._outcomes(number, Event(kind="deadline", rank=rank, is_late=True))

    def _calls(self, number: int, known: int) -> Iterator[Outcome]:
        for rank in range(known + 1):
            wider = self.inserted(number, rank)
            for is_late in (False, True)[: 1 + self.scope.has_deadlines]:
                event = Event(kind=CALL_OUT, rank=rank, is_late=is_late, is_brief=known >= _FULL_RFQS)
                effect = self._effect(wider, event)
                assert effect is not None
                call = effect.decision.records[-1]
                # If it had to be made later than the calls that are known, it is there at a later rank.
                if effect.registration is not None and call.transact_time == called_at(rank):
                    for outcome in self._outcomes(wider, event):
                        yield outcome._replace(added=rank)

    def _acts(self, file: File) -> Iterator[str]:
        if file.is_deserted:
            return
        is_brief = file.records[0].settl_type == _BRIEF
        allowed = self.scope.brief if is_brief else self.scope.acts
        done = {turn.step for turn in file.records if isinstance(turn, Turn)}
        for act, step in (_OURS if file.is_ours else _THEIRS).items():
            if act in allowed and act not in file.used and not (act in _ONCE and step in done):
                yield act

    def _receive(self, number: int, message: int) -> Iterator[Outcome]:
        event = self._received_event(message)
        yield from self._outcomes(number, event)
        if self.scope.has_deadlines and event.kind != "turn":
            yield from self._outcomes(number, replace(event, is_late=True))
            if event.kind == "requested":
                yield from self._outcomes(number, replace(event, is_late=True, is_fresh=True))

    def _received_event(self, message: int) -> Event:
        record = self.messages.values[message]
        return Event(kind=type(record).__name__.lower(), rank=rank_of(record.conversation), record=record)

    def _outcomes(self, number: int, event: Event) -> Iterator[Outcome]:
        effect = self._effect(number, event)
        if effect is None:
            return
        is_written = effect.registration is not None or effect.files
        name = event.act or event.kind
        is_held = name in self.scope.held and not self.holds(number)
        if is_written and is_held:
            before = self.state(number).registrations[self._place(number, event)]
            held = Held(event=event, decision=_plain_decision(effect.decision, before))
            after = self._with(number, _HELD, self._held.of(held))
            yield Outcome(after, Effect(event=replace(event, phase="decided")))
        if event.kind == CALL_OUT and is_held:
            return
        after = self._with_effect(number, effect)
        if after != number or effect.is_checked:
            yield Outcome(after, effect)

    # Decisions

    def _effect(self, number: int, event: Event) -> Effect | None:
        numbers = self._states.values[number]
        registration = numbers[self._place(number, event)]
        registered = _registered(self._registrations.values[registration])
        other = -1 if registered is None else numbers[_FILES + registered]
        key = (event, registration, numbers[_FILES + event.rank], other)
        if key not in self._effects:
            state = self.state(number)
            try:
                decision = self._decide(event, state, self._registrations.values[registration])
            except TurnRefused:
                self._effects[key] = None
            else:
                self._effects[key] = self._effect_of(
                    event, decision, state, self._registrations.values[registration]
                )
        return self._effects[key]

    def _decide(self, event: Event, state: State, registration: Registration) -> Decision:
        file, about = state.files[event.rank], _registered(registration)
        registered = UNKNOWN if about is None else state.files[about]
        if file.is_closed:
            return Decision()
        now = LATE if event.is_late else NOW
        whole, rules = _fold(file), self._rules
        match event.kind, event.record:
            case "call out", _:
                call = _call(event)
                return decisions.initiate(
                    call, registration, _fold(registered), _PANELS, now=now, rules=rules
                )
            case "requested", Requested() as call:
                if whole.turns:
                    ends = [turn for turn in whole.turns if turn.place == 0 or turn.concludes]
                    return Decision(again=tuple(ends))
                if event.is_fresh:
                    call = replace(call, valid_until_time=FRESH)
                return decisions.judge(call, registration, _fold(registered), origin=US, now=now, rules=rules)
            case "asked", Asked() as asked:
                return decisions.take(asked, whole, registration, origin=US, now=now, rules=rules)
            case "inquired", Inquired() as inquired:
                return decisions.answer(inquired, whole, registration, origin=US, now=now, rules=rules)
            case "turn", Turn() as turn:
                return decisions.learn(turn, whole, registration, now=now)
            case "deadline", _:
                if file.is_ours:
                    return decisions.give_up(whole, registration, origin=US, now=now)
                return decisions.expire(whole, registration, origin=US, now=now, rules=rules)
        assert event.act is not None
        if file.is_ours:
            return self._want(event.act, whole, registration)
        return self._do(event.act, whole, registration)

    def _want(self, act: str, whole: Conversation, registration: Registration) -> Decision:
        facts = {"counter": _COUNTER, "accept": {"deal_side": BuySell.BUY}}.get(act, {})
        return decisions.want(
            _OURS[act], whole.seen, whole, registration, _TRADER, origin=US, now=NOW, **facts
        )

    def _do(self, act: str, whole: Conversation, registration: Registration) -> Decision:
        return decisions.do(
            _THEIRS[act],
            whole.seen,
            whole,
            registration,
            _TRADER,
            origin=US,
            now=NOW,
            rules=self._rules,
            panels=_PANELS,
            **(_QUOTE if act == "quote" else {}),
        )

    # Writing

    def _place(self, number: int, event: Event) -> int:
        """Where the registration lies that an event is about."""
        file = self._files.values[self._states.values[number][_FILES + event.rank]]
        is_ours = file.is_ours or event.kind in (CALL_OUT, "turn")
        return 0 if is_ours or _IS_ONE_SUBJECT else 1

    def _effect_of(self, event: Event, decision: Decision, state: State, before: Registration) -> Effect:
        registration = plain_registration(decision.registration or before, before)
        registered, had = _registered(registration), _registered(before)
        added: dict[int, list[ConversationRecord]] = {}
        for record in decision.records:
            added.setdefault(rank_of(record.conversation), []).append(record)
        wrong = [
            _wrong_to_write(record, state.files[rank], registration)
            for rank, records in added.items()
            for record in records
        ]
        files = []
        for rank in {event.rank, event.rank if had is None else had, *added}:
            file = state.files[rank]
            after = plain_file(file, added.get(rank, ()), is_registered=registered == rank)
            if event.act in _ONCE and after.is_ours and rank == event.rank:
                after = replace(after, used=tuple(sorted({*after.used, event.act})))
            if after != file:
                files.append((rank, self._files.of(after)))
        return Effect(
            event=event,
            registration=None if decision.registration is None else self._registrations.of(registration),
            files=tuple(files),
            again=tuple(self._message(record) for record in decision.again),
            decision=decision,
            dealt=_dealt(decision),
            ended=_ended(event, decision),
            refused=_refused(event, decision, had),
            wrong=next((text for text in wrong if text is not None), None),
        )

    def _with_effect(self, number: int, effect: Effect) -> int:
        if effect.registration is None and not effect.files:
            return number
        changed = list(self._states.values[number])
        for rank, file in effect.files:
            changed[_FILES + rank] = file
        if effect.event.kind == CALL_OUT:
            place = _FILES + effect.event.rank
            called = self._files.values[changed[place]]
            changed[place] = self._files.of(replace(called, knew=_concluded(self.state(number))))
        if effect.registration is not None:
            place = self._place(number, effect.event)
            changed[place] = effect.registration
            if changed[_HELD] >= 0:
                held = self._held.values[changed[_HELD]]
                if self._place(number, held.event) == place:
                    changed[_HELD] = self._held.of(replace(held, is_stale=True))
        return self._states.of(tuple(changed))

    def _write(self, state: State, held: Held) -> Outcome:
        """Write what is held, unless what it rests on has been replaced, or was written by others."""
        rest = replace(state, held=None)
        number = self._number(rest)
        is_current = held.decision.registration is None or not held.is_stale
        if is_current and _keys_are_free(rest, held.decision):
            event = replace(held.event, phase="written")
            before = rest.registrations[self._place(number, event)]
            effect = self._effect_of(event, held.decision, rest, before)
            return Outcome(self._with_effect(number, effect), effect)
        effect = Effect(event=replace(held.event, phase="not written: it rests on what has changed"))
        if held.event.kind == CALL_OUT:
            return Outcome(self.removed(number, held.event.rank), effect, removed=held.event.rank)
        return Outcome(number, effect)

    def _after_and_sent(self, number: int, event: Event) -> tuple[int, tuple[int, ...]]:
        effect = self._effect(number, event)
        assert effect is not None, "only acts are refused"
        written = tuple(self._message(record) for record in effect.decision.records)
        return self._with_effect(number, effect), (*written, *effect.again)

    def _message(self, record: ConversationRecord) -> int:
        return self.messages.of(flipped(record))

    def _sent_by(self, file: int) -> tuple[int, ...]:
        known = self._sent_of.get(file)
        if known is None:
            records = _to_be_sent(self._files.values[file])
            known = self._sent_of[file] = tuple(self._message(record) for record in records)
        return known

    def _number(self, state: State) -> int:
        return self._states.of(
            (
                *map(self._registrations.of, state.registrations),
                -1 if state.held is None else self._held.of(state.held),
                *map(self._files.of, state.files),
            )
        )

    def _with(self, number: int, place: int, value: int) -> int:
        changed = list(self._states.values[number])
        changed[place] = value
        return self._states.of(tuple(changed))

    def _with_ranks(self, number: int, rank: int, by: int) -> int:
        known = self._moved.get((number, rank, by))
        if known is None:
            known = self._number(_with_ranks(self.state(number), rank, by))
            self._moved[number, rank, by] = known
        return known

    def _with_files(self, number: int, ranks: int, change: Callable[[File], File], kind: int) -> int:
        known = self._changed.get((number, ranks, kind))
        if known is None:
            state = self.state(number)
            files = [change(file) if ranks >> rank & 1 else file for rank, file in enumerate(state.files)]
            known = self._number(replace(state, files=tuple(files)))
            self._changed[number, ranks, kind] = known
        return known


def _registered(registration: Registration) -> int | None:
    return None if registration.conversation is None else rank_of(registration.conversation)


def _fold(file: File) -> Conversation:
    return fold_conversation(file.records)


def _call(event: Event) -> Requested:
    """A call. Brief ones are told by their tenor, which no decision looks at."""
    return Requested(
        origin=US,
        transact_time=called_at(event.rank),
        conversation=name_of(event.rank),
        principal=US,
        initiating=US,
        destination=THEM,
        symbol=OUR_SYMBOL,
        order_qty=Decimal(1_000_000),
        settl_type=_BRIEF if event.is_brief else _FULL,
        step=Step.REQUESTED,
        quote_req_id="1",
        trader=_TRADER,
        terminal="terminal",
        panel=1,
        valid_until_time=DEADLINE,
    )


def _to_be_sent(file: File) -> Iterator[ConversationRecord]:
    """What a file calls for; a bank that is out of a conversation, or may be bound by it, inquires."""
    yield from (record for record in file.records if not isinstance(record, Turn) or not file.is_ours)
    whole = _fold(file)
    if file.is_ours and (whole.left is not None or whole.exposed):
        assert whole.any is not None
        yield of_same(whole.any, Inquired, origin=US, transact_time=NOW, answers=-1, attempt=0)


def _plain_decision(decision: Decision, before: Registration) -> Decision:
    registration = decision.registration
    if registration is not None:
        registration = plain_registration(registration, before)
    return Decision(registration=registration, records=decision.records)


def _with_ranks(state: State, rank: int, by: int) -> State:
    def to(old: int) -> int:
        return old + by if old >= rank + (by < 0) else old

    files = [moved_file(file, to) for file in state.files]
    if by > 0:
        files.insert(rank, UNKNOWN)
    else:
        del files[rank]
    held = state.held
    if held is not None:
        registration = held.decision.registration
        decision = Decision(
            registration=None if registration is None else moved_registration(registration, to),
            records=tuple(moved(record, to) for record in held.decision.records),
        )
        record = held.event.record
        event = replace(
            held.event, rank=to(held.event.rank), record=None if record is None else moved(record, to)
        )
        held = replace(held, event=event, decision=decision)
    ours, theirs = (moved_registration(registration, to) for registration in state.registrations)
    return State(registrations=(ours, theirs), files=tuple(files), held=held)


def _keys_are_free(state: State, decision: Decision) -> bool:
    for record in decision.records:
        file = state.files[rank_of(record.conversation)]
        if file.is_closed or any(known.sort_key == record.sort_key for known in file.records):
            return False
    return True


def _concluded(state: State) -> tuple[int, ...]:
    logs = [(rank, _fold(file)) for rank, file in enumerate(state.files) if not file.is_ours]
    return tuple(rank for rank, log in logs if log.conclusion is not None)


def _is_log(record: ConversationRecord) -> TypeGuard[Turn]:
    return isinstance(record, Turn) and record.principal == record.destination


def _dealt(decision: Decision) -> int | None:
    for record in decision.records:
        if _is_log(record) and record.step is Step.DEALT:
            return rank_of(record.conversation)
    return None


def _ended(event: Event, decision: Decision) -> int:
    if event.is_late or event.act is not None:
        return 0
    ended = 0
    for record in decision.records:
        is_left = isinstance(record, Asked) and record.step in _LEAVING
        is_over = _is_log(record) and record.concludes and record.step is not Step.DEALT
        if is_left or is_over:
            ended |= 1 << rank_of(record.conversation)
    return ended


def _refused(event: Event, decision: Decision, registered: int | None) -> tuple[int, int] | None:
    if event.kind != "requested" or registered is None or (event.is_late and not event.is_fresh):
        return None
    for record in decision.records:
        if isinstance(record, Turn) and record.place == 0 and record.step in (Step.DUPLICATE, Step.WITHDRAWN):
            return event.rank, registered
    return None


def _wrong_to_write(record: ConversationRecord, file: File, registration: Registration) -> str | None:
    if file.is_closed:
        return "something follows a conclusion that both banks know"
    if any(known.sort_key == record.sort_key for known in file.records):
        return "a record is written over"
    if not _is_log(record):
        return None
    log = _fold(file)
    if log.conclusion is not None:
        return "a turn follows the conclusion"
    if record.place != log.seen + 1:
        return "a place of the log is left out"
    if log.last is not None and record.transact_time <= log.last.transact_time:
        return "a turn is not later than the one before it"
    if record.concludes and registration.conversation == record.conversation:
        return "concluded in the log, and still registered"
    if record.step is Step.DEALT and (log.standing is None or record.price not in _prices(log.standing)):
        return "dealt at another price than the one that stands"
    return None


def _prices(standing: Turn) -> tuple[Decimal | None, ...]:
    return (standing.price,) if standing.step is Step.COUNTERED else (standing.offer_px,)
