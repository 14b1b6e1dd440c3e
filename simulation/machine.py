"""The state machine that makes histories: what customers do, what is delivered, and what goes wrong."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace as replaced
from datetime import datetime, timedelta
from hashlib import sha256
from random import Random

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from chalicelib.records.conversations import ConversationRecord, Step
from chalicelib.records.fix import BuySell
from chalicelib.records.numbers import OrderID
from chalicelib.rfq.decisions import Policy
from chalicelib.rfq.node import Trader

from .books import check_books, check_dealt
from .checks import Watch, check_all
from .deals import DealingWatch, check_dealing, deals
from .findings import Found
from .traders import DESK, PRINCIPALS, SYMBOLS, TRADERS, Traders, colleagues
from .venues import Venues
from .workload import Workload, other_terms
from .world import ACCOUNTS, FUND, PAIR, SHARE, STARTS, Stream, World, fingerprint, small_enterprise

UTILITIES = tuple(utility.name for utility in small_enterprise().utilities)
CUSTOMERS = ("c1", "c2")
NODES = tuple(utility.name for utility in small_enterprise().utilities if utility.deals)
STREETS = ("s1", "s2")

# Any two clocks differ by up to a minute.
_SKEW_SECONDS_MAX = 30

# The tables through whose streams a conversation goes on, and those through which an order gets to the desk.
_BETWEEN_BANKS = ("-conversations", "-inbox")
_TO_THE_STREET = ("-customer", "s1-inbox", "s1-street")

_seeds = st.integers(min_value=0, max_value=2**32)
_any_utility = st.sampled_from(UTILITIES)
_any_customer = st.sampled_from(CUSTOMERS)
_any_trader = st.sampled_from(TRADERS)
_place = st.integers(min_value=0, max_value=99)


class Enterprise(RuleBasedStateMachine):
    """One history of one enterprise."""

    struck: Counter[str]
    digest: "Digest"
    # What was found ends a history: what follows from it is not looked for.
    has_ended = False

    @initialize(
        skews=st.lists(
            st.integers(-_SKEW_SECONDS_MAX, _SKEW_SECONDS_MAX),
            min_size=len(UTILITIES),
            max_size=len(UTILITIES),
        ),
        policy=st.sampled_from([Policy.EARLIEST, Policy.EARLIEST, Policy.PATENT]),
        start=st.sampled_from(STARTS),
        silent=st.sampled_from([None, None, *STREETS]),
    )
    def begin(self, skews: list[int], policy: Policy, start: datetime, silent: str | None) -> None:
        self.world = World(
            small_enterprise(),
            {name: timedelta(seconds=skew) for name, skew in zip(UTILITIES, skews, strict=True)},
            policy,
            start,
        )
        if silent is not None:
            self.world.faults.silent.add(silent)
        if any(skews):
            self.world.faults.struck["clocks differ"] += 1
        self.workload = Workload(self.world)
        self.traders = Traders(self.world)
        self.venues = Venues(self.world)
        self.watch = Watch(self.world)
        self.dealing = DealingWatch(self.world)
        reacting = [stream for stream in self.world.streams if stream.source.function == "react"]
        self._between_banks = [s for s in reacting if s.table.name.endswith(_BETWEEN_BANKS)]
        self._to_the_street = [s for s in reacting if s.table.name.endswith(_TO_THE_STREET)]

    # What customers do

    @rule(
        symbol=st.sampled_from([SHARE, SHARE, SHARE, SHARE, FUND, PAIR]),
        account=st.sampled_from(ACCOUNTS),
        first=_any_customer,
        seed=_seeds,
    )
    def place(self, symbol: str, account: str, first: str, seed: int) -> None:
        order = self.workload.place(symbol, account, Random(seed))
        self.workload.enter_somewhere(order, (first, *(name for name in CUSTOMERS if name != first)))

    @precondition(lambda self: self.workload.entered)
    @rule(place=_place, utility=_any_customer, other=st.booleans(), resent=st.booleans())
    def repeat(self, place: int, utility: str, other: bool, resent: bool) -> None:
        entered = self.workload.entered
        order = entered[place % len(entered)]
        order = replaced(order, poss_resend=resent)
        self.workload.enter(other_terms(order) if other else order, utility)

    @precondition(lambda self: self.workload.accepted)
    @rule(place=_place, utility=_any_customer, seed=_seeds)
    def cancel(self, place: int, utility: str, seed: int) -> None:
        self.workload.cancel(self._accepted(place), utility, Random(seed))

    @precondition(lambda self: self.workload.accepted)
    @rule(place=_place, times=st.integers(1, 3), seed=_seeds)
    def replace(self, place: int, times: int, seed: int) -> None:
        """An order is replaced, and what it becomes perhaps as well, wherever."""
        random = Random(seed)
        for _ in range(times):
            self.workload.replace(self._accepted(place), random.choice(CUSTOMERS), random)

    @rule(first=_any_customer, seed=_seeds)
    def trade_currencies(self, first: str, seed: int) -> None:
        """An order for the dealing desk, which gets there, and perhaps to a deal."""
        random = Random(seed)
        order = self.workload.place(PAIR, random.choice(ACCOUNTS), random)
        self.workload.enter_somewhere(order, (first,))
        while self._deliver_one(self._to_the_street, random) and random.random() < 0.95:
            pass
        self.look()
        desks = [file for file in self.dealing.going_on() if self._is_desks(file)]
        if desks:
            self._go_on(desks[-1], random.choice((0, 5, 8)), random)

    # What venues do

    @precondition(lambda self: self.watch.courses())
    @rule(place=_place, seed=_seeds)
    def speak(self, place: int, seed: int) -> None:
        """Venues say something of orders, mostly of such as are being worked, and repeat themselves."""
        random = Random(seed)
        for _ in range(random.randint(1, 3)):
            known = [course for course in self.watch.courses() if course.reports]
            worked = [course for course in known if not course.is_done]
            if known:
                of = worked if worked and random.random() < 0.6 else known
                self.venues.speak(of[place % len(of)], random)
        if random.random() < 0.3:
            self.venues.repeat(random)

    @rule(utility=st.sampled_from(STREETS))
    def silence(self, utility: str) -> None:
        self.world.faults.silent.add(utility)

    # What traders do

    @rule(
        by=_any_trader,
        other=st.integers(1, len(PRINCIPALS) - 1),
        symbol=st.sampled_from(SYMBOLS),
        side=st.sampled_from([None, *BuySell]),
        terminal=st.booleans(),
        crossed=st.sampled_from([False, False, True]),
    )
    def call(
        self, by: Trader, other: int, symbol: str, side: BuySell | None, terminal: bool, crossed: bool
    ) -> None:
        to = PRINCIPALS[(PRINCIPALS.index(by.principal) + other) % len(PRINCIPALS)]
        self.traders.call(by, to, symbol, side, next(colleagues(to)).terminal if terminal else None)
        if crossed:
            self.traders.call(next(colleagues(to)), by.principal, symbol, None)

    @precondition(lambda self: self.traders.calls)
    @rule(place=_place, seed=_seeds)
    def repeat_call(self, place: int, seed: int) -> None:
        by, request = self.traders.calls[place % len(self.traders.calls)]
        if Random(seed).random() < 0.2:
            request = replaced(request, order_qty=request.order_qty + 1)
        self.traders.request(by, request)

    @rule(turns=st.integers(2, 8), seed=_seeds)
    def converse(self, turns: int, seed: int) -> None:
        """A conversation goes on, mostly by whose turn it is, with deliveries in between."""
        random = Random(seed)
        if not self.dealing.going_on():
            by, other = random.sample(TRADERS, 2)
            self.traders.call(by, other.principal, random.choice(SYMBOLS), random.choice((None, *BuySell)))
            self.dealing.look()
        going_on = self.dealing.going_on()
        if not going_on:
            return
        desks = [file for file in going_on if self._is_desks(file)]
        called = random.choice(desks if desks and random.random() < 0.5 else going_on)
        self._go_on(called, turns, random)

    @rule(by=_any_trader, seed=_seeds)
    def look_and_act(self, by: Trader, seed: int) -> None:
        """A trader takes a turn in whatever the terminal shows, or clears what can be cleared of it."""
        random = Random(seed)
        shown = self.traders.look(by)
        if shown and random.random() < 0.5:
            self.dealing.look()
            self.traders.turn(by, self.dealing.file(by.principal, random.choice(shown)), random)
            return
        for conversation in shown:
            self.traders.clear(by, conversation)

    @rule(node=st.sampled_from(NODES), seed=_seeds)
    def at_once(self, node: str, seed: int) -> None:
        """Two things happen at a node at once: one is decided on what the other changes."""
        random = Random(seed)
        first, second = (random.choice(self._moves(node, random)) for _ in range(2))
        self.world.faults.meanwhile[node] = second
        first()
        self.world.faults.meanwhile.clear()

    # What is delivered, and when

    @rule(steps=st.integers(1, 30), seed=_seeds)
    def deliver(self, steps: int, seed: int) -> None:
        random, world = Random(seed), self.world
        for _ in range(steps):
            ready = [stream for stream in world.streams if stream.left and stream.utility in world.up]
            due = world.due_queues()
            if ready and (not due or random.random() < 0.8):
                world.deliver_stream(random.choice(ready), random)
            elif due:
                world.deliver_queue(*random.choice(due), random)

    @rule(seed=_seeds)
    def deliver_again(self, seed: int) -> None:
        random = Random(seed)
        self.world.deliver_again(random.choice(self.world.streams), random)

    @rule(seconds=st.sampled_from([1, 5, 20, 70, 130]), timers=st.booleans(), seed=_seeds)
    def wait(self, seconds: int, timers: bool, seed: int) -> None:
        self._pass_time(seconds, timers, Random(seed))

    # What goes wrong

    @rule(utility=_any_utility, writes=st.integers(0, 4), moment=st.sampled_from(["before", "after"]))
    def kill(self, utility: str, writes: int, moment: str) -> None:
        self.world.faults.dies_at[utility] = (writes, moment)

    @rule(utility=_any_utility, what=st.sampled_from(["one", "all", "links", "venues"]))
    def mend(self, utility: str, what: str) -> None:
        if what == "links":
            self.world.faults.cut.clear()
            return
        if what == "venues":
            self.world.faults.silent.clear()
            return
        for name in UTILITIES:
            if name not in self.world.up and (what == "all" or name == utility):
                self.world.restart(name)

    @rule(by=_any_utility, owner=_any_utility)
    def cut(self, by: str, owner: str) -> None:
        if by != owner:
            self.world.faults.cut.add((by, owner))

    @rule(utility=_any_utility, node=st.sampled_from(NODES), times=st.integers(1, 3), lost=st.booleans())
    def lose_answers(self, utility: str, node: str, times: int, lost: bool) -> None:
        """Answers of writes get lost, or transactions meet others."""
        if lost:
            self.world.faults.loses[utility] = times
        else:
            self.world.faults.conflicts[node] = times

    # What must hold

    @invariant()
    def nothing_impossible_has_come(self) -> None:
        if hasattr(self, "watch"):
            self.look()

    def teardown(self) -> None:
        if self.has_ended or not hasattr(self, "watch"):
            return
        self.world.settle(Random(0), self.look)
        check_all(self.world, self.workload, self.watch)
        check_books(self.world, self.watch.courses())
        check_dealt(self.world, self.watch.courses())
        check_dealing(self.world, self.traders)
        self.struck.update(self.world.faults.struck)
        self.struck["(orders accepted)"] += len(self.workload.accepted)
        self.struck["(requests accepted)"] += len(self.workload.requests)
        self._count_reports()
        self.struck["(calls let out)"] += sum(told.step is Step.REQUESTED for told in self.traders.told)
        self.struck["(calls denied)"] += sum(told.step is Step.DENIED for told in self.traders.told)
        self.struck["(turns taken)"] += len(self.traders.done)
        self.struck["(deals)"] += len(deals(self.world))
        self.digest.add(fingerprint(self.world))

    # What rules are made of

    def look(self) -> None:
        try:
            self.watch.look()
            self.dealing.look()
        except Found:
            self.has_ended = True
            raise

    def _accepted(self, place: int) -> OrderID:
        numbers = list(self.workload.accepted)
        return numbers[place % len(numbers)]

    def _count_reports(self) -> None:
        for course in self.watch.courses():
            for report in course.reports:
                self.struck[f"(order {report.exec_type.name.lower().replace('_', ' ')})"] += 1
                self.struck["(dealt for an order)"] += report.conversation is not None

    def _pass_time(self, seconds: int, timers: bool, random: Random) -> None:
        """Time passes; perhaps timers are faster than all that is under way."""
        # What was written is judged by the time at which it was.
        self.look()
        self.world.advance(timedelta(seconds=seconds))
        if timers:
            for utility, source in self.world.due_queues():
                if source.function == "check":
                    self.world.deliver_queue(utility, source, random)

    def _go_on(self, called: ConversationRecord, turns: int, random: Random) -> None:
        """Take some turns of a conversation, with deliveries in between."""
        for _ in range(turns):
            self._deliver_between_banks(random, random.choice((0, 10, 40, 40)))
            if self.dealing.file(called.destination, called.conversation).conclusion is not None:
                return
            if random.random() < 0.1:
                self._pass_time(random.choice((70, 130)), random.random() < 0.5, random)
            self._turn(self._whose_turn(called, random), called.conversation, random)

    def _whose_turn(self, called: ConversationRecord, random: Random) -> str:
        if random.random() < (0.05 if self._is_desks(called) else 0.2):
            return random.choice((called.initiating, called.destination))
        if self._is_desks(called):
            return called.destination
        last = self.dealing.file(called.destination, called.conversation).last
        is_callers = last is not None and last.step is Step.QUOTED
        return called.initiating if is_callers else called.destination

    def _turn(self, principal: str, conversation: str, random: Random) -> None:
        """Whoever of a principal's is in a conversation takes a turn, or clears it; anybody if nobody is."""
        self.dealing.look()
        file = self.dealing.file(principal, conversation)
        if file.any is None:
            return
        there = list(colleagues(principal))
        in_it = (file.answered_by, file.requested and file.requested.trader)
        by = next((t for t in there if t.trader in in_it), random.choice(there))
        if random.random() < 0.1:
            self.traders.clear(by, conversation)
        else:
            self.traders.turn(by, file, random)

    def _deliver_between_banks(self, random: Random, steps: int) -> None:
        for _ in range(steps):
            if not self._deliver_one(self._between_banks, random):
                return
            self.dealing.look()

    def _deliver_one(self, streams: Sequence[Stream], random: Random) -> bool:
        """Deliver a batch of one of some streams: whether there was any."""
        ready = [stream for stream in streams if stream.left and stream.utility in self.world.up]
        if ready:
            self.world.deliver_stream(random.choice(ready), random)
        return bool(ready)

    def _is_desks(self, called: ConversationRecord) -> bool:
        """Whether a conversation was begun by the dealing desk."""
        requested = self.dealing.file(called.initiating, called.conversation).requested
        return requested is not None and requested.trader == DESK.trader

    def _moves(self, node: str, random: Random) -> list[Callable[[], None]]:
        """What may happen at a node."""
        world, traders = self.world, self.traders
        principal = random.choice(world.enterprise.principals_at(node)).name
        by = random.choice(list(colleagues(principal)))
        to = random.choice([name for name in PRINCIPALS if name != principal])
        inbox = next(s for s in world.streams if s.utility == node and s.table.name.endswith("-inbox"))
        timers = next((u, q) for u, q in world.queue_sources if u == node and q.function == "check")
        moves: list[Callable[[], None]] = [
            lambda: traders.call(by, to, random.choice(SYMBOLS[:2]), None),
            lambda: world.deliver_stream(inbox, random),
            lambda: world.deliver_queue(*timers, random),
        ]
        files = traders.files(principal)[-4:]
        if files:
            moves.append(lambda: self._turn(principal, random.choice(files), random))
        return moves


class Digest:
    """What all histories of a seed left behind, in one line."""

    def __init__(self) -> None:
        self._hash = sha256()

    def add(self, text: str) -> None:
        self._hash.update(text.encode())

    def __str__(self) -> str:
        return self._hash.hexdigest()[:16]


def play(number: int, histories: int, steps: int, shorten: bool) -> tuple[Counter[str], str]:
    """Play a seed's histories: what struck, and the digest of what they left.

    Raises what was found, with the shortest history that shows it if it is to `shorten`.
    """
    struck: Counter[str] = Counter()
    digest = Digest()

    class Seeded(Enterprise):
        pass

    Seeded.struck, Seeded.digest = struck, digest
    seeded: type[Enterprise] = seed(number)(Seeded)
    run_state_machine_as_test(
        seeded,
        settings=settings(
            max_examples=histories,
            stateful_step_count=steps,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink) if shorten else (Phase.generate,),
            suppress_health_check=list(HealthCheck),
            print_blob=False,
            report_multiple_bugs=False,
        ),
    )
    return struck, str(digest)
