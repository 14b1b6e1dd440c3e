"""Races of calls: exactly one gets through, whoever else is at it and whatever goes wrong meanwhile (R11).

A few rounds of each, or as many as RACE_ROUNDS says; then with a table of what they came to.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from itertools import count
from random import Random
from threading import Barrier
from typing import Any

import pytest

from chalicelib.records.conversations import Requested, Step
from chalicelib.records.fix import BuySell
from chalicelib.records.record import Item
from chalicelib.records.registrations import RegistrationState
from chalicelib.refusals import Refused, TurnRefused
from chalicelib.rfq.calls import receive_call
from chalicelib.rfq.decisions import CALL_ALREADY_IN_PROGRESS, Policy
from chalicelib.rfq.node import Trader
from chalicelib.rfq.turns import Act, act, receive_asked, see_to
from chalicelib.state.conversations import Conversation
from chalicelib.tables.dynamodb import DynamoDBRegistry, DynamoDBStore
from chalicelib.tables.registry import VERSION, Registry, next_version
from chalicelib.tables.store import Unreachable
from infrastructure.engine import REGION, address, client, is_free, local_credentials, start_engine
from infrastructure.provision import create_table
from tests.races.dealing import RACERS, Dealing, Fault, Faults, Racers, trader
from tests.tables.registry_contract import AtomicRegistryContract

# Any that is free: many rounds take long, and others test meanwhile.
_PORTS = range(8596, 8650)
_TICK = timedelta(milliseconds=1)

# So many rounds of every race, if it is to be many.
_ROUNDS = int(os.environ.get("RACE_ROUNDS", "0"))
_PROGRESS_EVERY = 50

FREE, INITIATED, RECEIVED = RegistrationState

# One round of a race: what it came to, in a word. An AssertionError if that must not be.
Play = Callable[[Dealing, int], str]
MakeRegistry = Callable[[DynamoDBStore, DynamoDBStore], Registry]


@dataclass
class Races:
    """The engine that races are run on, and what they came to."""

    endpoint: str
    racers: Racers
    results: list[str] = field(default_factory=list)
    _tables: Iterator[int] = field(default_factory=lambda: count(1))

    def run(
        self,
        name: str,
        play: Play,
        *,
        usual: int,
        share: int = 1,
        policy: Policy = Policy.EARLIEST,
        make: MakeRegistry = DynamoDBRegistry,
    ) -> Counter[str]:
        """Play the rounds of a race, and see to it that no registration outlives its deadline.

        If there are to be many rounds, it shares them with so many of its kind.
        """
        rounds = _ROUNDS // share or usual
        dealing = self.dealing(rounds, policy, make)
        outcomes: Counter[str] = Counter()
        begun = time.monotonic()
        for number in range(rounds):
            outcomes[play(dealing, number)] += 1
            if _ROUNDS and (number + 1) % _PROGRESS_EVERY == 0:
                print(f"{name}: {number + 1} of {rounds}", file=sys.stderr, flush=True)
        dealing.let_it_end()
        assert {registration.state for registration in dealing.registrations()} == {FREE}
        self._note(name, outcomes, dealing, time.monotonic() - begun)
        return outcomes

    def dealing(self, rounds: int, policy: Policy, make: MakeRegistry) -> Dealing:
        """Two nodes with empty tables."""
        number = next(self._tables)
        registries = {}
        for name in "XY":
            stores = [self.store(f"{name}{number}-{table}") for table in ("registrations", "conversations")]
            registries[name] = make(*stores)
        return Dealing(registries, self.racers, rounds, policy)

    def store(self, name: str) -> DynamoDBStore:
        create_table(client("dynamodb", self.endpoint), name)
        return DynamoDBStore(name, REGION, self.endpoint)

    def _note(self, name: str, outcomes: Counter[str], dealing: Dealing, seconds: float) -> None:
        met = sum((line.met for line in dealing.lines.values()), Counter[str]())
        faults = sum(met[fault] for fault in Fault)
        retries = sum(times for attempt, times in dealing.pauses.items() if attempt)
        came = ", ".join(f"{outcome} {times}" for outcome, times in sorted(outcomes.items()))
        self.results.append(
            f"{name:44} {sum(outcomes.values()):6} {met['overtaken']:9} {faults:7} {retries:8}"
            f" {max(dealing.pauses) + 1:8} {seconds:8.1f}  {came}"
        )


_HEADING = (
    f"{'race':44} {'rounds':>6} {'overtaken':>9} {'faults':>7} {'retries':>8} {'attempts':>8} {'seconds':>8}"
)


@pytest.fixture(scope="module")
def races(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Races]:
    with pytest.MonkeyPatch.context() as environment:
        for name, value in local_credentials().items():
            environment.setenv(name, value)
        port = next(port for port in _PORTS if is_free(port))
        engine = start_engine(port, tmp_path_factory.mktemp("engine") / "log")
        made = Races(address(port), Racers())
        try:
            yield made
        finally:
            made.racers.end()
            engine.kill()
            engine.wait()
        if _ROUNDS:
            print("", _HEADING, *made.results, sep="\n")


@pytest.fixture(scope="module")
def contract(races: Races) -> DynamoDBRegistry:
    return DynamoDBRegistry(races.store("registrations"), races.store("conversations"))


class TestDynamoDBRegistryOnTheEngine(AtomicRegistryContract):
    @pytest.fixture
    def registry(self, contract: DynamoDBRegistry) -> DynamoDBRegistry:
        return contract


# One bank's traders


@pytest.mark.requirement("R5", "R6", "R10", "R11")
def test_of_64_traders_who_call_at_once_exactly_one_gets_through(races: Races) -> None:
    races.run("64 traders of one bank", call_at_once, usual=10)


@pytest.mark.requirement("R5", "R10", "R11")
def test_of_64_traders_who_have_all_found_it_free_exactly_one_gets_through(races: Races) -> None:
    races.run("64 traders, all have read", call_once_all_have_read, usual=3, share=4)


@pytest.mark.requirement("R5", "R11")
def test_transactions_that_meet_and_refuse_each_other_let_one_through_in_the_end(races: Races) -> None:
    races.run("64 traders, transactions meet", call_as_transactions_meet, usual=2, share=4)


def call_at_once(dealing: Dealing, number: int) -> str:
    callers, called = calling(number)
    came = dealing.at_once(number, calls_of(dealing, callers, called))
    through = expect_one_through(dealing, callers, called, came)
    hang_up_or_not(dealing, through, number)
    return "one"


def call_once_all_have_read(dealing: Dealing, number: int) -> str:
    dealing.lines["X"].gate = Barrier(RACERS)
    return call_at_once(dealing, number)


def call_as_transactions_meet(dealing: Dealing, number: int) -> str:
    dealing.lines["X"].seconds = 0.02
    return call_once_all_have_read(dealing, number)


def call_with(faults: Faults) -> Play:
    """Calls at once while tables fail, and all of them again: whoever was told something is told the same."""

    def play(dealing: Dealing, number: int) -> str:
        callers, called = calling(number)
        dealing.lines["X"].faults = faults
        came = dealing.racers.at_once(number, calls_of(dealing, callers, called))
        dealing.calm()
        expect_nothing_untrue(dealing, came, called)
        again = dealing.at_once(f"again-{number}", calls_of(dealing, callers, called))
        for first, second in zip(came, again, strict=True):
            assert not isinstance(second, Exception)
            assert isinstance(first, Exception) or second == (first[0], False)
        through = expect_one_through(dealing, callers, called, again)
        hang_up_or_not(dealing, through, number)
        return "one" if not any(isinstance(first, Exception) for first in came) else "one, some asked again"

    return play


def sown(verb: str, time: int, chance: Random) -> Fault | None:
    """Now and then anything fails: also so that it is written long after nobody waits for it."""
    if verb != "commit":
        return Fault.THROTTLED if chance.random() < 0.05 else None
    kinds = (None, Fault.CONFLICT, Fault.THROTTLED, Fault.LOST, Fault.LATE)
    return chance.choices(kinds, weights=(60, 15, 5, 10, 10))[0]


def first_commit(fault: Fault) -> Faults:
    """Everybody's first attempt to write fails, and no other."""
    return lambda verb, time, chance: fault if (verb, time) == ("commit", 1) else None


@pytest.mark.requirement("R5", "R11")
@pytest.mark.parametrize(
    ("name", "faults"),
    [
        ("faults now and then", sown),
        ("all first attempts conflict", first_commit(Fault.CONFLICT)),
        ("all first answers are lost", first_commit(Fault.LOST)),
        ("all first attempts come late", first_commit(Fault.LATE)),
    ],
)
def test_whatever_fails_one_gets_through_and_nobody_is_told_what_is_not_so(
    races: Races, name: str, faults: Faults
) -> None:
    races.run(f"64 traders, {name}", call_with(faults), usual=1, share=4)


def calling(number: int) -> tuple[list[Trader], str]:
    """Traders who have never called, and whom: in two rounds the same, whom nobody has called before."""
    return [trader("X0", f"{number}-{n}") for n in range(RACERS)], f"Y{number // 2}"


Came = Sequence[tuple[Requested, bool] | Refused | Unreachable]


def calls_of(
    dealing: Dealing, callers: Sequence[Trader], called: str
) -> list[Callable[[], tuple[Requested, bool]]]:
    return [lambda by=by: dealing.call(by, called) for by in callers]  # type: ignore[misc]


def expect_nothing_untrue(dealing: Dealing, came: Came, called: str) -> None:
    registered = dealing.registration("X0", called).conversation
    for answer in came:
        assert not isinstance(answer, Refused)
        if not isinstance(answer, Unreachable):
            assert (answer[0].step is Step.REQUESTED) == (answer[0].conversation == registered)


def expect_one_through(dealing: Dealing, callers: Sequence[Trader], called: str, came: Came) -> Requested:
    told = [answer[0] for answer in came if not isinstance(answer, Exception)]
    through = [call for call in told if call.step is Step.REQUESTED]
    assert len(through) == 1
    denied = {(call.step, call.text) for call in told if call is not through[0]}
    assert denied == {(Step.DENIED, CALL_ALREADY_IN_PROGRESS)}
    registration = dealing.registration("X0", called)
    assert (registration.state, registration.conversation) == (INITIATED, through[0].conversation)
    written = [record for record in dealing.written("X") if isinstance(record, Requested)]
    assert Counter(call.step for call in written) == {Step.REQUESTED: 1, Step.DENIED: RACERS - 1}
    shown = [panels.conversations for panels in dealing.panels(callers)]
    assert shown == [{call.panel: call.conversation} for call in told]
    return through[0]


def hang_up_or_not(dealing: Dealing, through: Requested, number: int) -> None:
    """Every other round leaves its registration to the deadline."""
    if number % 2 == 0:
        by = Trader(principal="X0", trader=through.trader, terminal=through.terminal)
        dealing.act(by, through.conversation, Step.PASSED)
    dealing.react()


# Two banks


@pytest.mark.requirement("R11")
def test_of_two_banks_that_call_each_other_at_once_one_call_survives(races: Races) -> None:
    came = races.run("two banks, earliest", cross, usual=20)
    assert set(came) == {"one"}


@pytest.mark.requirement("R11")
def test_by_the_patent_two_calls_that_cross_never_both_survive(races: Races) -> None:
    came = races.run("two banks, patent", cross, usual=20, policy=Policy.PATENT)
    assert set(came) <= {"one", "none"}


def cross(dealing: Dealing, number: int) -> str:
    x, y = trader(f"X{number}", number), trader(f"Y{number}", number)
    chance = Random(f"cross-{number}")
    dealing.skew = {name: timedelta(seconds=chance.uniform(-0.02, 0.02)) for name in "XY"}
    came = dealing.at_once(
        number, [lambda: dealing.call(x, y.principal), lambda: dealing.call(y, x.principal, "USDEUR")]
    )
    calls = told(came)
    dealing.react()
    arriving = [dealing.sent.popleft() for _ in range(len(dealing.sent))]
    dealing.receive(f"arrive-{number}", arriving)
    dealing.deliver(number)
    return expect_at_most_one(dealing, calls)


@pytest.mark.requirement("R5", "R11")
@pytest.mark.parametrize("policy", Policy)
def test_of_a_call_that_comes_in_as_one_goes_out_at_most_one_is_registered(
    races: Races, policy: Policy
) -> None:
    came = races.run(f"one in, one out, {policy}", come_and_go, usual=8, policy=policy)
    assert set(came) <= ({"one"} if policy is Policy.EARLIEST else {"one", "none"})


def come_and_go(dealing: Dealing, number: int) -> str:
    x, y = trader(f"X{number}", number), trader(f"Y{number}", number)
    coming, _ = dealing.call(y, x.principal, "USDEUR")
    dealing.react()
    dealing.sent.clear()
    if number % 2:
        dealing.lines["X"].gate = Barrier(2)
    came = dealing.at_once(
        number,
        [lambda: dealing.call(x, y.principal), lambda: receive_call(coming, dealing.at("X"))],
    )
    (going,) = told(came[:1])
    expect_one_registered(dealing, going, coming)
    dealing.deliver(number)
    return expect_at_most_one(dealing, [going, coming])


def expect_one_registered(dealing: Dealing, going: Requested, coming: Requested) -> None:
    """At the node where both are known."""
    now, principal = dealing.clock("X"), going.initiating
    is_open = {
        going.conversation: dealing.file(principal, going.conversation).status(now) is Step.REQUESTED,
        coming.conversation: dealing.file(principal, coming.conversation).status(now) is Step.QUEUED,
    }
    registered = dealing.registration(principal, coming.initiating).conversation
    assert [name for name, still in is_open.items() if still] == [registered]


def expect_at_most_one(dealing: Dealing, calls: Sequence[Requested]) -> str:
    """Not two, and what is registered is the one that both banks have, or nothing."""
    alive = []
    for call in calls:
        at_both = [
            dealing.file(principal, call.conversation).status(dealing.clock("X")) is Step.QUEUED
            for principal in (call.initiating, call.destination)
        ]
        assert at_both[0] == at_both[1]
        if at_both[0]:
            alive.append(call)
    assert len(alive) <= 1
    expected: dict[str, Any] = dict.fromkeys((calls[0].initiating, calls[0].destination), (FREE, None))
    for call in alive:
        expected[call.initiating] = INITIATED, call.conversation
        expected[call.destination] = RECEIVED, call.conversation
    for principal, other in zip(expected, reversed(expected), strict=True):
        registration = dealing.registration(principal, other)
        assert (registration.state, registration.conversation) == expected[principal]
    return "one" if alive else "none"


def told(came: Sequence[Any]) -> list[Requested]:
    return [answer[0] for answer in came]


# One conversation


@pytest.mark.requirement("R3", "R11")
def test_of_traders_who_answer_the_same_call_at_once_one_has_it(races: Races) -> None:
    races.run("4 traders answer one call", answer_at_once, usual=5)


def answer_at_once(dealing: Dealing, number: int) -> str:
    call, _ = dealing.call(trader(f"X{number}", number), f"Y{number}")
    dealing.deliver(number)
    answerers = [trader(f"Y{number}", f"{number}-{n}") for n in range(4)]
    if number % 2:
        dealing.lines["Y"].gate = Barrier(len(answerers))
    answers = [lambda by=by: dealing.act(by, call.conversation, Step.ANSWERED, answers=0) for by in answerers]
    came: list[Any] = dealing.at_once(number, answers)
    has_it = [isinstance(answer, Conversation) for answer in came]
    assert has_it.count(True) == 1
    assert all(has or isinstance(answer, TurnRefused) for has, answer in zip(has_it, came, strict=True))
    shown = [call.conversation in panels.conversations.values() for panels in dealing.panels(answerers)]
    assert shown == has_it
    assert dealing.file(f"Y{number}", call.conversation).answered_by == answerers[has_it.index(True)].trader
    return "one"


@pytest.mark.requirement("R9", "R11")
def test_of_a_deal_a_hang_up_and_an_expiry_at_once_one_concludes(races: Races) -> None:
    races.run("a deal, a hang-up and an expiry", conclude_at_once, usual=5)


def conclude_at_once(dealing: Dealing, number: int) -> str:
    x, y = trader(f"X{number}", number), trader(f"Y{number}", number)
    conversation = quoted(dealing, x, y)
    dealing.act(x, conversation, Step.DEALT, side=BuySell.BUY)
    dealing.react()
    asked: Any = dealing.sent.pop().record
    due = dealing.file(y.principal, conversation).valid_until_time
    assert due is not None
    # Two of the node's processes, whose clocks do not agree on whether the deadline is over.
    in_time = replace(dealing.at("Y"), clock=lambda: due - _TICK)
    late = replace(dealing.at("Y"), clock=lambda: due + _TICK)
    if number % 2:
        dealing.lines["Y"].gate = Barrier(3)
    came = dealing.at_once(
        number,
        [
            lambda: receive_asked(asked, in_time),
            lambda: act(Act(step=Step.PASSED, answers=asked.answers), conversation, y, in_time),
            lambda: see_to(y.principal, conversation, late),
        ],
    )
    return expect_one_conclusion(dealing, x, y, conversation, has_passed=isinstance(came[1], Conversation))


def quoted(dealing: Dealing, x: Trader, y: Trader) -> str:
    conversation = dealing.call(x, y.principal)[0].conversation
    dealing.deliver(conversation)
    dealing.act(y, conversation, Step.ANSWERED)
    dealing.act(y, conversation, Step.QUOTED, bid_px=Decimal("1.0841"), offer_px=Decimal("1.0843"))
    dealing.deliver(conversation)
    return conversation


def expect_one_conclusion(
    dealing: Dealing, x: Trader, y: Trader, conversation: str, *, has_passed: bool
) -> str:
    concluding = [turn for turn in dealing.file(y.principal, conversation).turns if turn.concludes]
    assert len(concluding) == 1
    step = concluding[0].step
    assert has_passed == (step is Step.PASSED)
    dealing.deliver(conversation)
    for mine, other in ((x.principal, y.principal), (y.principal, x.principal)):
        registration = dealing.registration(mine, other)
        assert (registration.state, registration.last_step) == (FREE, step)
        file = dealing.file(mine, conversation)
        assert [turn.step for turn in file.turns if turn.concludes] == [step]
        assert (file.ticket is not None) == (step is Step.DEALT)
    return step


# That the races can tell


class Careless(DynamoDBRegistry):
    """Broken on purpose: it writes whatever version is there by now."""

    def commit(self, replaced: Sequence[Item], inserted: Sequence[Item]) -> bool:
        self.kept.copy([next_version(item) for item in replaced])
        return self.records.insert_together(inserted)


class InTwoSteps(Careless):
    """Broken on purpose: it looks at the versions, and then it writes."""

    def commit(self, replaced: Sequence[Item], inserted: Sequence[Item]) -> bool:
        there = self.read(*((item["pk"], item["sk"]) for item in replaced))
        versions = [found[VERSION] if found is not None else "0" for found in there]
        return versions == [item[VERSION] for item in replaced] and super().commit(replaced, inserted)


@pytest.mark.requirement("R5", "R11")
@pytest.mark.parametrize("make", [Careless, InTwoSteps])
@pytest.mark.parametrize(
    "play",
    [call_once_all_have_read, come_and_go, answer_at_once],
    ids=lambda play: play.__name__,
)
def test_a_race_finds_out_a_registry_that_does_not_check_and_register_in_one(
    races: Races, play: Play, make: MakeRegistry
) -> None:
    dealing = races.dealing(20, Policy.EARLIEST, make)
    with pytest.raises(AssertionError):
        play_all(play, dealing)


def play_all(play: Play, dealing: Dealing) -> None:
    for number in range(dealing.principals):
        play(dealing, number)
