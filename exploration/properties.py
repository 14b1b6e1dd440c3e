"""What must hold of two banks, in every state and of every step between two."""

from dataclasses import dataclass

from chalicelib.records.conversations import Step
from chalicelib.state.conversations import Conversation, fold_conversation

from .bank import Effect, Scope, State
from .likeness import File


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What a state of one bank says, with a bit for each conversation.

    `own` are those that it called and has not seen concluded. Of these it has `left` some, is `exposed`
    in some by the fold's account; by its own wishes that are not answered it may be `bound` to some,
    and `accepts` in some; some it knows to be queued (`acknowledged`). `known` are those that it knows to
    be over. Where it is called itself the log is `open` or `concluded`; in some a counter `stands`,
    some are `deserted` by their caller. `knew` are those concluded in its logs when it made the call
    that is `registered`.
    """

    registered: int = 0
    own: int = 0
    left: int = 0
    exposed: int = 0
    accepts: int = 0
    acknowledged: int = 0
    known: int = 0
    bound: int = 0
    open: int = 0
    stands: int = 0
    deserted: int = 0
    concluded: int = 0
    knew: int = 0


def facts_of(state: State) -> Facts:
    """The facts that properties are about."""
    found = dict.fromkeys(Facts.__slots__, 0)
    for rank in state.registered:
        found["registered"] |= 1 << rank
        found["knew"] |= sum(1 << known for known in state.files[rank].knew)
    for rank, file in enumerate(state.files):
        for name in _facts_of_file(file):
            found[name] |= 1 << rank
    return Facts(**found)


def _facts_of_file(file: File) -> list[str]:
    if file.is_closed:
        return ["known"]
    whole = fold_conversation(file.records)
    if not file.is_ours and whole.last is None:
        return []
    facts = _facts_of_ours(whole) if file.is_ours else _facts_of_log(whole)
    return [name for name, holds in facts.items() if holds] + ["deserted"] * file.is_deserted


def _facts_of_ours(whole: Conversation) -> dict[str, bool]:
    places = {turn.place for turn in whole.turns}
    wishes = {asked.step for asked in whole.asked if asked.answers + 1 not in places}
    return {
        "own": whole.conclusion is None,
        "known": whole.conclusion is not None,
        "left": whole.left is not None,
        "exposed": whole.exposed,
        "accepts": Step.DEALT in wishes,
        "bound": bool(wishes & {Step.DEALT, Step.COUNTERED}),
        "acknowledged": whole.last is not None,
    }


def _facts_of_log(whole: Conversation) -> dict[str, bool]:
    is_open = whole.conclusion is None
    return {
        "open": is_open,
        "concluded": not is_open,
        "stands": is_open and whole.standing is not None and whole.standing.step is Step.COUNTERED,
    }


def wrong_state(us: Facts, them: Facts) -> str | None:
    """What is wrong with a state of two banks."""
    live = (us.open & _may_deal(them)) | (them.open & _may_deal(us))
    if live & (live - 1):
        return "two conversations can both still reach a deal"
    for caller, called in ((us, them), (them, us)):
        if caller.accepts & called.open & ~caller.registered:
            return "an accept is unanswered, and its bank is free for another conversation"
        if caller.bound & called.open & ~caller.registered:
            return "a counter is unanswered, and its bank is free for another conversation"
        if called.stands & ~caller.registered:
            return "a counter stands, and its bank is free for another conversation"
        if caller.known & called.open:
            return "ended at the bank that called, and not in the log"
        if caller.registered & caller.known:
            return "ended, and still registered at the bank that called"
        if called.registered & called.concluded:
            return "concluded in the log, and still registered"
    return None


def _may_deal(caller: Facts) -> int:
    return caller.own & (~caller.left | caller.exposed)


def wrong_step(effect: Effect, before: Facts, other: Facts) -> str | None:
    """What is wrong with a step of one bank, while the other is as it is."""
    if effect.wrong is not None:
        return effect.wrong
    if effect.dealt is not None and not other.registered >> effect.dealt & 1:
        return "dealt with a bank that is free for another conversation"
    ended = effect.ended & (before.acknowledged | other.acknowledged & ~other.left)
    if ended:
        return "an acknowledged conversation is ended by neither its parties nor its deadline"
    if effect.refused is not None:
        call, favoured = (1 << rank for rank in effect.refused)
        is_live = other.registered & call & ~other.left
        if is_live and favoured & other.knew:
            return "a call is refused for a conversation that its bank had seen concluded when it called"
    return None


def wrong_at_rest(us: Facts, them: Facts, scope: Scope) -> str | None:
    """What is wrong when all that was sent has arrived."""
    if us.registered != them.registered:
        return "all has arrived, and the registrations disagree"
    called = us.own | us.known | them.own | them.known
    if scope.must_survive and us.registered != called & -called:
        return "calls have crossed, and the earliest is not left"
    return None


def wrong_drained(us: Facts, them: Facts) -> str | None:
    """What is wrong when all that was sent was lost, and every deadline is over."""
    if us.registered or them.registered:
        return "all is lost and overdue, and a registration stays"
    return None
