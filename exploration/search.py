"""Two banks: every state that they can come to, breadth first, and the shortest way to what is wrong."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .bank import Bank, Effect, Event, Outcome, Scope
from .properties import Facts, facts_of, wrong_at_rest, wrong_drained, wrong_state, wrong_step

_BITS = 24
_MASK = (1 << _BITS) - 1
_DRAINED_ROUNDS = 3


@dataclass(frozen=True, kw_only=True)
class Found:
    """What is wrong, and how it came about."""

    what: str
    trace: tuple[str, ...]


@dataclass(kw_only=True)
class Explored:
    """How much has been explored, and what was found."""

    states: int = 1
    transitions: int = 0
    checks: int = 0
    steps: int = 0
    is_whole: bool = False
    found: Found | None = None


class Pair:
    """Two banks; a state is the states of both, and which is which does not matter."""

    def __init__(self, scope: Scope) -> None:
        self.bank = Bank(scope)
        self._facts: list[Facts] = []

    def facts(self, number: int) -> Facts:
        """What a state of one bank says."""
        while len(self._facts) <= number:
            self._facts.append(facts_of(self.bank.state(len(self._facts))))
        return self._facts[number]

    def first(self) -> int:
        """Before anything has happened."""
        return merged(self.bank.first(), self.bank.first())

    def steps(self, us: int, them: int) -> Iterator[tuple[Outcome, int, bool]]:
        """What can happen at one bank, the other's state then, and if it is a message that comes in time."""
        bank = self.bank
        for outcome in bank.own(us):
            other = them
            if outcome.added is not None:
                other = bank.inserted(them, outcome.added)
            elif outcome.removed is not None:
                other = bank.removed(them, outcome.removed)
            yield outcome, other, False
        received = bank.received
        for message in bank.sent(them):
            for outcome in received(us, message):
                yield outcome, them, not outcome.effect.event.is_late

    def plain(self, us: int, them: int) -> tuple[int, int]:
        """The states without what the other bank makes irrelevant: see `likeness`."""
        ours, theirs = self.facts(us), self.facts(them)
        over = theirs.concluded & ~ours.registered & (ours.own | ours.known)
        over |= ours.concluded & ~theirs.registered & (theirs.own | theirs.known)
        if over and not self.bank.holds(us) and not self.bank.holds(them):
            us, them = self.bank.closed(us, over), self.bank.closed(them, over)
        ours_out, theirs_out = out_of(ours, theirs), out_of(theirs, ours)
        if ours_out and not self.bank.holds(them):
            them = self.bank.deserted(them, ours_out)
        if theirs_out and not self.bank.holds(us):
            us = self.bank.deserted(us, theirs_out)
        return us, them

    def drained(self, us: int, them: int) -> tuple[int, int]:
        """The states when all that was sent is lost, all deadlines pass, and what is sent then arrives."""
        us, from_us = self.bank.due(us)
        them, from_them = self.bank.due(them)
        for _ in range(_DRAINED_ROUNDS):
            if not from_us and not from_them:
                break
            us, ours = self._deliver(us, from_them)
            them, theirs = self._deliver(them, from_us)
            from_us, from_them = ours, theirs
        return us, them

    def _deliver(self, number: int, messages: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
        sent: tuple[int, ...] = ()
        for message in messages:
            number, more = self.bank.delivered(number, message)
            sent += more
        return number, sent


def merged(us: int, them: int) -> int:
    """The state of a pair."""
    return us << _BITS | them if us < them else them << _BITS | us


def out_of(caller: Facts, called: Facts) -> int:
    """The conversations whose caller is out of them, while their logs are open and no deal can come of it."""
    return caller.left & ~caller.registered & ~caller.bound & called.open & ~called.stands & ~called.deserted


class Search:
    """A breadth-first search; `before` has for each state the one that it was first reached from."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.pair = Pair(scope)
        self.explored = Explored()
        self._before = {self.pair.first(): -1}

    def run(self, told: Callable[[Explored], object], states_max: int) -> Explored:
        """Search until all is explored, something is found or there are more states than this."""
        frontier = [self.pair.first()]
        explored = self.explored
        while frontier and explored.found is None and explored.states < states_max:
            following: list[int] = []
            for state in frontier:
                explored.found = self._expand(state, following)
                if explored.found is not None:
                    break
            frontier = following
            explored.states = len(self._before)
            explored.steps += 1
            told(explored)
        explored.is_whole = not frontier
        return explored

    def _expand(self, state: int, following: list[int]) -> Found | None:
        pair, before = self.pair, self._before
        us, them = state >> _BITS, state & _MASK
        is_rest = True
        transitions = checks = 0
        for ours, theirs in ((us, them),) if us == them else ((us, them), (them, us)):
            for outcome, other, is_in_time in pair.steps(ours, theirs):
                transitions += 1
                effect = outcome.effect
                if effect.is_checked:
                    checks += 1
                    wrong = wrong_step(effect, pair.facts(ours), pair.facts(theirs))
                    if wrong is not None:
                        return self._found(wrong, state, (ours, effect))
                new = merged(*pair.plain(outcome.after, other))
                if is_in_time and new != state:
                    is_rest = False
                if new not in before:
                    before[new] = state
                    following.append(new)
                    checks += 1
                    wrong = wrong_state(pair.facts(outcome.after), pair.facts(other))
                    if wrong is not None:
                        return self._found(wrong, new)
        if is_rest:
            checks += 1
            wrong = wrong_at_rest(pair.facts(us), pair.facts(them), self.scope)
            if wrong is not None:
                return self._found(wrong, state)
        if self.scope.has_deadlines:
            checks += 1
            after, other = pair.drained(us, them)
            wrong = wrong_drained(pair.facts(after), pair.facts(other))
            if wrong is not None:
                return self._found(wrong, state)
        self.explored.transitions += transitions
        self.explored.checks += checks
        return None

    def _found(self, what: str, state: int, last: tuple[int, Effect] | None = None) -> Found:
        states = [state]
        while self._before[states[-1]] >= 0:
            states.append(self._before[states[-1]])
        return Found(what=what, trace=tuple(self._told(states[::-1], last)))

    def _told(self, states: list[int], last: tuple[int, Effect] | None) -> Iterator[str]:
        banks = {"A": self.pair.bank.first(), "B": self.pair.bank.first()}
        names: list[str] = []
        called = 0
        for number, state in enumerate(states[1:], 1):
            name, outcome, other = self._step_to(state, banks)
            if outcome.added is not None:
                called += 1
                names.insert(outcome.added, f"c{called}")
            yield f"{number:3} {name} {told(outcome.effect.event, names)}"
            if outcome.removed is not None:
                del names[outcome.removed]
            partner = "B" if name == "A" else "A"
            banks[name], banks[partner] = self.pair.plain(outcome.after, other)
        if last is not None:
            name = "A" if banks["A"] == last[0] else "B"
            yield f"{len(states):3} {name} {told(last[1].event, names)}"

    def _step_to(self, state: int, banks: dict[str, int]) -> tuple[str, Outcome, int]:
        for name, partner in (("A", "B"), ("B", "A")):
            for outcome, other, _ in self.pair.steps(banks[name], banks[partner]):
                if merged(*self.pair.plain(outcome.after, other)) == state:
                    return name, outcome, other
        raise LookupError("a state that no step leads to")


def told(event: Event, names: list[str]) -> str:
    """An event in words."""
    name, record = names[event.rank], event.record
    what = f"{event.act or event.kind}, {name}"
    if record is not None:
        facts = [f"{key} {getattr(record, key)}" for key in ("step", "place") if hasattr(record, key)]
        what = f"receives {event.kind}, {name} {', '.join(facts)}"
    late = "; all else is overdue" if event.is_fresh else "; overdue" if event.is_late else ""
    return what + late + (f"; {event.phase}" if event.phase else "")
