"""The state machine that makes histories: what customers do, what is delivered, and what goes wrong."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
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

from chalicelib.records.fix import BuySell
from chalicelib.records.numbers import OrderID

from .checks import Watch, check_all
from .workload import Workload, other_terms, out_of_reach
from .world import ACCOUNTS, World, fingerprint, small_enterprise

UTILITIES = ("c1", "c2", "s1", "s2", "firm")
CUSTOMERS = ("c1", "c2")

# Any two clocks differ by up to a minute.
_SKEW_SECONDS_MAX = 30

_seeds = st.integers(min_value=0, max_value=2**32)
_any_utility = st.sampled_from(UTILITIES)
_any_customer = st.sampled_from(CUSTOMERS)
_place = st.integers(min_value=0, max_value=99)


class Enterprise(RuleBasedStateMachine):
    """One history of one enterprise."""

    struck: Counter[str]
    digest: "Digest"

    @initialize(skews=st.lists(st.integers(-_SKEW_SECONDS_MAX, _SKEW_SECONDS_MAX), min_size=5, max_size=5))
    def begin(self, skews: list[int]) -> None:
        self.world = World(
            small_enterprise(),
            {name: timedelta(seconds=skew) for name, skew in zip(UTILITIES, skews, strict=True)},
        )
        if any(skews):
            self.world.faults.struck["clocks differ"] += 1
        self.workload = Workload(self.world)
        self.watch = Watch(self.world)

    # What customers do

    @rule(
        account=st.sampled_from(ACCOUNTS),
        side=st.sampled_from(list(BuySell)),
        quantity=st.sampled_from([1, 40, 130]),
        limit=st.sampled_from(["market", "reachable", "out of reach"]),
        symbol=st.sampled_from(["AAPL", "AAPL", "AAPL", "ENRN"]),
        first=_any_customer,
    )
    def place(self, account: str, side: BuySell, quantity: int, limit: str, symbol: str, first: str) -> None:
        price = {"market": None, "reachable": Decimal("575.00"), "out of reach": out_of_reach(side)}[limit]
        order = self.workload.place(account, side, quantity, price, symbol)
        self.workload.enter_somewhere(order, (first, *(name for name in CUSTOMERS if name != first)))

    @precondition(lambda self: self.workload.entered)
    @rule(place=_place, utility=_any_customer)
    def repeat(self, place: int, utility: str) -> None:
        entered = self.workload.entered
        self.workload.enter(entered[place % len(entered)], utility)

    @precondition(lambda self: self.workload.entered)
    @rule(place=_place, utility=_any_customer)
    def repeat_with_other_terms(self, place: int, utility: str) -> None:
        entered = self.workload.entered
        self.workload.enter(other_terms(entered[place % len(entered)]), utility)

    @precondition(lambda self: self.workload.accepted)
    @rule(place=_place, utility=_any_customer, again=st.booleans())
    def cancel(self, place: int, utility: str, again: bool) -> None:
        numbers: list[OrderID] = list(self.workload.accepted)
        number = numbers[place % len(numbers)]
        self.workload.cancel(number, f"cancel-{number[-6:]}-{int(again)}", utility)

    # What is delivered, and when

    @rule(steps=st.integers(1, 30), seed=_seeds)
    def deliver(self, steps: int, seed: int) -> None:
        random, world = Random(seed), self.world
        for _ in range(steps):
            ready = [stream for stream in world.streams if stream.left and stream.utility in world.up]
            if ready and random.random() < 0.8:
                world.deliver_stream(random.choice(ready), random)
            else:
                utility, source = random.choice(world.queue_sources)
                world.deliver_queue(utility, source, random)

    @rule(seed=_seeds)
    def deliver_again(self, seed: int) -> None:
        random = Random(seed)
        self.world.deliver_again(random.choice(self.world.streams), random)

    @rule(seconds=st.sampled_from([1, 5, 20, 70]))
    def wait(self, seconds: int) -> None:
        self.world.advance(timedelta(seconds=seconds))

    # What goes wrong

    @rule(utility=_any_utility, writes=st.integers(0, 4), moment=st.sampled_from(["before", "after"]))
    def kill(self, utility: str, writes: int, moment: str) -> None:
        self.world.faults.dies_at[utility] = (writes, moment)

    @rule(utility=_any_utility)
    def restart(self, utility: str) -> None:
        self.world.restart(utility)

    @rule(by=_any_utility, owner=_any_utility)
    def cut(self, by: str, owner: str) -> None:
        if by != owner:
            self.world.faults.cut.add((by, owner))

    @rule()
    def mend_links(self) -> None:
        self.world.faults.cut.clear()

    @rule(utility=_any_utility, answers=st.integers(1, 3))
    def lose_answers(self, utility: str, answers: int) -> None:
        self.world.faults.loses[utility] = answers

    # What must hold

    @invariant()
    def nothing_impossible_has_come(self) -> None:
        if hasattr(self, "watch"):
            self.watch.look()

    def teardown(self) -> None:
        if not hasattr(self, "watch"):
            return
        self.world.settle(Random(0), self.watch.look)
        check_all(self.world, self.workload)
        self.struck.update(self.world.faults.struck)
        self.struck["(orders accepted)"] += len(self.workload.accepted)
        self.struck["(cancels accepted)"] += len(self.workload.cancels)
        self.digest.add(fingerprint(self.world))


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
