"""How a gateway picks the utility for a request, and what it does when one is silent."""

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from chalicelib.customer.gateway import (
    LEFT_ALONE,
    PATIENCE,
    Answer,
    Gateway,
    NoAnswer,
    NobodyAnswered,
    Request,
)

THREE = {"c1": "http://one", "c2": "http://two", "c3": "http://three"}
ORDER = b'{"ClOrdID": "O-1", "TransactTime": "20260105-15:00:00.000000"}'
A_MOMENT = timedelta(milliseconds=1)


def _nothing(utility: str) -> None:
    pass


@dataclass
class World:
    """Utilities that answer or not, what they were asked, and the time."""

    now: datetime = datetime(2026, 1, 5, 15, tzinfo=UTC)
    down: set[str] = field(default_factory=set)
    statuses: dict[str, int] = field(default_factory=dict)
    asked: list[tuple[str, str, Request]] = field(default_factory=list)
    on_asking: Callable[[str], None] = _nothing

    def send(self, utility: str, address: str, request: Request) -> Answer:
        self.asked.append((utility, address, request))
        self.on_asking(utility)
        if utility in self.down:
            raise NoAnswer("connection refused")
        return Answer(utility=utility, status=self.statuses.get(utility, 200), headers={}, body=b"{}")

    def clock(self) -> datetime:
        return self.now

    def gateway(self, addresses: Mapping[str, str] = THREE) -> Gateway:
        return Gateway(addresses=addresses, send=self.send, clock=self.clock)

    def names_asked(self) -> list[str]:
        """Who was asked since this was last called."""
        names = [utility for utility, _, _ in self.asked]
        self.asked.clear()
        return names


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.requirement("T4", "T5")
def test_requests_take_turns_over_the_utilities(world: World) -> None:
    gateway = world.gateway()

    answered = [_enter(gateway).utility for _ in range(6)]

    assert answered == ["c1", "c2", "c3", "c1", "c2", "c3"]
    assert world.names_asked() == answered


@pytest.mark.requirement("T4")
def test_on_no_answer_another_utility_gets_the_very_same_request(world: World) -> None:
    world.down = {"c1", "c2"}
    headers = {"Authorization": "Bearer token"}

    answer = world.gateway().request("POST", "/orders", headers, ORDER)

    same = Request(method="POST", target="/orders", headers=headers, body=ORDER)
    assert answer.utility == "c3"
    assert world.asked == [(name, address, same) for name, address in THREE.items()]


@pytest.mark.requirement("T4")
@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_an_answer_that_is_none_is_tried_elsewhere(world: World, status: int) -> None:
    world.statuses = {"c1": status}

    assert _enter(world.gateway()).utility == "c2"
    assert world.names_asked() == ["c1", "c2"]


@pytest.mark.parametrize("status", [201, 400, 401, 404, 409, 422, 500, 501])
def test_any_other_answer_is_the_answer(world: World, status: int) -> None:
    world.statuses = {"c1": status}
    gateway = world.gateway()

    assert _enter(gateway).status == status
    assert world.names_asked() == ["c1"]
    assert all(gateway.standing().values())


@pytest.mark.requirement("T5", "T17")
def test_a_silent_utility_is_left_alone_for_a_while_and_the_others_share_its_load(
    world: World,
) -> None:
    gateway = world.gateway()
    world.down = {"c1"}
    _enter(gateway)
    world.asked.clear()

    world.now += LEFT_ALONE - A_MOMENT
    answered = Counter(_enter(gateway).utility for _ in range(10))

    assert answered == {"c2": 5, "c3": 5}
    assert len(world.asked) == 10
    assert gateway.standing() == {"c1": False, "c2": True, "c3": True}


@pytest.mark.requirement("T5", "T17")
def test_a_utility_that_is_back_takes_its_part_again(world: World) -> None:
    gateway = world.gateway()
    world.down = {"c1"}
    _enter(gateway)

    world.down = set()
    world.now += LEFT_ALONE

    assert Counter(_enter(gateway).utility for _ in range(9)) == {"c1": 3, "c2": 3, "c3": 3}
    assert all(gateway.standing().values())


def test_only_one_request_finds_out_whether_a_utility_is_back(world: World) -> None:
    gateway = world.gateway({"c1": "http://one", "c2": "http://two"})
    world.down = {"c1"}
    _enter(gateway)
    world.now += LEFT_ALONE
    meanwhile: list[str] = []

    def others_ask(utility: str) -> None:
        if utility == "c1":
            meanwhile.extend(_enter(gateway).utility for _ in range(4))

    world.asked.clear()
    world.on_asking = others_ask
    while not meanwhile:
        _enter(gateway)

    assert meanwhile == ["c2"] * 4
    assert world.names_asked().count("c1") == 1


@pytest.mark.requirement("T17")
def test_a_utility_that_is_left_alone_is_asked_all_the_same_if_no_other_answers(world: World) -> None:
    gateway = world.gateway()
    world.down = {"c1"}
    _enter(gateway)
    world.asked.clear()

    world.down = {"c2", "c3"}

    assert _enter(gateway).utility == "c1"
    assert world.names_asked()[-1] == "c1"
    assert gateway.standing() == {"c1": True, "c2": False, "c3": False}


def test_of_the_utilities_left_alone_the_longest_silent_is_asked_first(world: World) -> None:
    def takes_a_moment(utility: str) -> None:
        world.now += A_MOMENT

    gateway = world.gateway()
    world.on_asking = takes_a_moment
    world.down = {"c1"}
    _enter(gateway)
    world.down = set(THREE)
    for _ in range(2):
        world.asked.clear()
        with pytest.raises(NobodyAnswered):
            _enter(gateway)

    # The turn was c3's, then c2's, and c1 was left alone: so they fell silent again in this order.
    assert world.names_asked() == ["c3", "c2", "c1"]


def test_when_nobody_answers_one_error_says_why_for_each(world: World) -> None:
    world.down = {"c1", "c3"}
    world.statuses = {"c2": 503}

    with pytest.raises(NobodyAnswered, match="no customer utility answered") as raised:
        _enter(world.gateway())

    assert raised.value.reasons == {
        "c1": "connection refused",
        "c2": "answered 503",
        "c3": "connection refused",
    }
    assert "c2: answered 503" in str(raised.value)


def test_no_other_utility_is_tried_once_there_is_no_time_left(world: World) -> None:
    world.down = {"c1", "c2"}

    def takes_long(utility: str) -> None:
        world.now += PATIENCE / 2

    world.on_asking = takes_long

    with pytest.raises(NobodyAnswered) as raised:
        _enter(world.gateway())

    assert world.names_asked() == ["c1", "c2"]
    assert raised.value.reasons["c3"] == "not tried, there was no time left"


def test_an_error_that_is_not_silence_is_not_tried_elsewhere(world: World) -> None:
    def breaks(utility: str) -> None:
        raise ZeroDivisionError

    world.on_asking = breaks

    with pytest.raises(ZeroDivisionError):
        _enter(world.gateway())
    assert world.names_asked() == ["c1"]


def test_a_gateway_to_no_utility_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="at least one customer utility"):
        world.gateway({})


@pytest.mark.requirement("T4", "T5", "T17")
@given(
    steps=some.lists(
        some.tuples(some.sets(some.sampled_from(sorted(THREE))), some.integers(0, 7)), max_size=12
    )
)
def test_a_request_is_answered_whenever_a_utility_answers_and_asks_none_twice(
    steps: list[tuple[set[str], int]],
) -> None:
    world = World()
    gateway = world.gateway()
    for down, waited in steps:
        world.down = down
        world.now += timedelta(seconds=waited)
        try:
            answered = _enter(gateway).utility
        except NobodyAnswered:
            assert down == set(THREE)
            assert sorted(world.names_asked()) == sorted(THREE)
        else:
            names = world.names_asked()
            assert answered not in down
            assert names[-1] == answered
            assert len(set(names)) == len(names)


def test_threads_share_the_turns(world: World) -> None:
    gateway = world.gateway()

    with ThreadPoolExecutor(max_workers=8) as threads:
        answers = list(threads.map(lambda _: _enter(gateway), range(300)))

    assert Counter(answer.utility for answer in answers) == {"c1": 100, "c2": 100, "c3": 100}


def _enter(gateway: Gateway) -> Answer:
    return gateway.request("POST", "/orders", {}, ORDER)
