"""Messages between banks' nodes: city by city, round what is down, and delivered once (R1)."""

import json
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from itertools import combinations, permutations

import pytest

from chalicelib.network.life import give_sign_of_life
from chalicelib.network.replication import SUSPECTED_FOR
from chalicelib.network.replication import retry as retry_at_a_bank
from chalicelib.network.routing import PASSED_MAX, CityNode, dispatch, hops, relay, retry, unwrap
from chalicelib.records.conversations import Asked, ConversationRecord, Inquired, Message, Step
from chalicelib.records.fix import BuySell
from chalicelib.records.record import BYTES_MAX, Record, UnreadableRecord, item_bytes
from chalicelib.tables.memory import MemoryStore
from chalicelib.tables.store import Unreachable
from tests.builders import BANKS, LINKS, NOW, HeldMessages, Watched, enterprise, later, placed, seconds

PLAN = enterprise(banks=BANKS, links=LINKS)

INQUIRED = Inquired(
    origin="bankx",
    transact_time=NOW,
    conversation="B0120260105-mzq2kx7f3wd5a",
    principal="BANKX",
    initiating="BANKX",
    destination="BANKY",
    symbol="EURUSD",
    order_qty=Decimal(1_000_000),
    answers=3,
    attempt=1,
)


class Network:
    """The cities and banks, each with an inbox; what is parked goes nowhere until it is tried again."""

    def __init__(self) -> None:
        self.now = NOW
        self.inboxes = {name: Watched(MemoryStore(f"demo-{name}-inbox")) for name in (*BANKS, *LINKS)}
        self.queues: dict[tuple[str, str], HeldMessages] = {}
        self.cities = {name: self._city(name) for name in LINKS}
        self._relayed: set[tuple[str, str, str]] = set()
        self.give_signs_of_life()

    def _city(self, name: str) -> CityNode:
        return CityNode(
            name=name,
            cities=BANKS,
            links={city.name: city.links for city in map(PLAN.utility, LINKS)},
            life=MemoryStore(f"demo-{name}-links"),
            inbox=self.inboxes.__getitem__,
            queue=lambda peer: self.queue(name, peer),
        )

    def queue(self, of: str, peer: str) -> HeldMessages:
        return self.queues.setdefault((of, peer), HeldMessages())

    def give_signs_of_life(self, *, silent: Iterable[str] = ()) -> None:
        for city in self.cities.values():
            for other in set(LINKS) - set(silent):
                give_sign_of_life(other, period=seconds(20), signs=city.life, now=self.now)

    def send(
        self, record: ConversationRecord = INQUIRED, *, sender: str = "bankx", to: str = "banky"
    ) -> None:
        dispatch(
            record,
            to=to,
            sender=sender,
            message_id="message-1",
            now=self.now,
            city_inbox=self.inboxes[BANKS[sender]],
            queue=self.queue(sender, BANKS[sender]),
        )

    def run(self) -> None:
        """Have the cities relay whatever is new, each hop a second after the one before."""
        while new := [
            (city, message)
            for city in LINKS
            for message in self.messages(city)
            if (city, message.conversation, message.message) not in self._relayed
        ]:
            for city, message in new:
                self._relayed.add((city, message.conversation, message.message))
                self.now += seconds(1)
                relay(message, self.cities[city], now=self.now)

    def retry(self, of: str, peer: str) -> None:
        opened = {inbox.name: inbox for inbox in self.inboxes.values()}
        queue = self.queue(of, peer)
        for body in list(queue.bodies):
            if of in LINKS:
                retry(body, self.cities[of], opened.__getitem__, now=self.now)
            else:
                retry_at_a_bank(body, opened.__getitem__)
            queue.bodies.remove(body)

    def messages(self, name: str) -> list[Message]:
        kept = self.inboxes[name].kept
        assert isinstance(kept, MemoryStore)
        return [Message.from_item(item) for item in kept.everything()]

    def way(self, name: str = "banky") -> list[str]:
        """What the one message in an inbox has passed."""
        (message,) = self.messages(name)
        return [hop.node for hop in hops(message)]

    def parked(self) -> dict[tuple[str, str], int]:
        return {place: len(queue.bodies) for place, queue in self.queues.items() if queue.bodies}


@pytest.fixture
def network() -> Network:
    return Network()


# The way


@pytest.mark.requirement("R1")
def test_a_message_goes_from_city_to_city_and_says_when_it_left_each(network: Network) -> None:
    network.send()
    network.run()
    (message,) = network.messages("banky")
    assert [(hop.node, hop.left) for hop in hops(message)] == [
        ("bankx", NOW),
        ("tokyo", later(1)),
        ("london", later(2)),
        ("zurich", later(3)),
    ]
    assert unwrap(message) == INQUIRED


@pytest.mark.requirement("R1")
@pytest.mark.parametrize(("sender", "to"), list(permutations(BANKS, 2)))
def test_any_bank_reaches_any_other(network: Network, sender: str, to: str) -> None:
    network.send(sender=sender, to=to)
    network.run()
    assert [unwrap(message) for message in network.messages(to)] == [INQUIRED]
    assert network.parked() == {}


@pytest.mark.requirement("R12")
def test_a_message_between_two_principals_of_one_node_goes_by_its_city(network: Network) -> None:
    network.send(sender="broker", to="broker")
    network.run()
    assert network.way("broker") == ["broker", "newyork"]


@pytest.mark.requirement("R1")
def test_a_bank_writes_to_its_own_citys_inbox_alone(network: Network) -> None:
    network.send()
    assert {name: dict(inbox.asked) for name, inbox in network.inboxes.items() if inbox.asked} == {
        "tokyo": {"insert": 1}
    }


# What is down


@pytest.mark.requirement("R1", "T17")
def test_a_silent_city_is_gone_round(network: Network) -> None:
    network.now = later(60.1)
    network.give_signs_of_life(silent=["london"])
    network.send()
    network.run()
    assert network.way() == ["bankx", "tokyo", "newyork", "zurich"]
    assert not network.inboxes["london"].asked


@pytest.mark.requirement("R1", "T17")
def test_a_city_that_does_not_answer_is_gone_round_and_not_asked_again_for_a_while(
    network: Network,
) -> None:
    network.inboxes["london"].is_down = True
    network.send()
    network.send(replace(INQUIRED, conversation="B0120260105-another"))
    network.run()
    assert len(network.messages("banky")) == 2
    assert network.inboxes["london"].asked == {"insert": 1}
    network.inboxes["london"].is_down = False
    network.now += SUSPECTED_FOR
    network.give_signs_of_life()
    network.send(replace(INQUIRED, conversation="B0120260105-a third"))
    network.run()
    assert len(network.messages("london")) == 1


@pytest.mark.requirement("R1", "T17")
def test_the_only_way_is_taken_though_its_city_is_silent(network: Network) -> None:
    # Its inbox takes messages while its city node is down; they go on when that is back.
    network.now = later(60.1)
    network.give_signs_of_life(silent=["zurich"])
    network.send()
    network.run()
    assert network.way() == ["bankx", "tokyo", "london", "newyork", "zurich"]


@pytest.mark.requirement("R1", "T17")
def test_whatever_else_is_down_a_message_arrives_or_waits_and_is_never_lost() -> None:
    for count in range(len(LINKS)):
        for down in combinations(LINKS, count):
            for sender, to in permutations(BANKS, 2):
                if BANKS[sender] not in down:
                    _arrives_or_waits(sender, to, down)


def _arrives_or_waits(sender: str, to: str, down: tuple[str, ...]) -> None:
    network = Network()
    for name in down:
        network.inboxes[name].is_down = True
    network.send(sender=sender, to=to)
    network.run()
    assert len(network.messages(to)) + sum(network.parked().values()) == 1
    for name in down:
        network.inboxes[name].is_down = False
    for place in list(network.queues):
        network.retry(*place)
    network.run()
    assert [unwrap(message) for message in network.messages(to)] == [INQUIRED]


@pytest.mark.requirement("R1", "T17")
def test_a_message_that_waited_takes_another_way_if_there_is_one_by_now(network: Network) -> None:
    for name in ("london", "newyork"):
        network.inboxes[name].is_down = True
    network.send()
    network.run()
    assert network.parked() == {("tokyo", "london"): 1}
    with pytest.raises(Unreachable, match="waiting for london"):
        network.retry("tokyo", "london")
    network.inboxes["newyork"].is_down = False
    network.now += SUSPECTED_FOR
    network.retry("tokyo", "london")
    network.run()
    assert network.way() == ["bankx", "tokyo", "newyork", "zurich"]
    (message,) = network.messages("banky")
    assert hops(message)[1].left == later(1) + SUSPECTED_FOR


@pytest.mark.requirement("R1", "T17")
def test_a_message_waits_at_the_last_city_for_a_node_that_is_down(network: Network) -> None:
    network.inboxes["banky"].is_down = True
    network.send()
    network.run()
    assert network.parked() == {("zurich", "banky"): 1}
    with pytest.raises(Unreachable, match="waiting for banky"):
        network.retry("zurich", "banky")
    network.inboxes["banky"].is_down = False
    network.retry("zurich", "banky")
    assert network.way() == ["bankx", "tokyo", "london", "zurich"]


@pytest.mark.requirement("R1", "T17")
def test_a_message_waits_at_its_bank_for_a_city_that_is_down(network: Network) -> None:
    network.inboxes["tokyo"].is_down = True
    network.send()
    assert network.parked() == {("bankx", "tokyo"): 1}
    network.inboxes["tokyo"].is_down = False
    network.retry("bankx", "tokyo")
    network.run()
    assert [unwrap(message) for message in network.messages("banky")] == [INQUIRED]


@pytest.mark.requirement("T17")
def test_what_else_a_city_has_parked_is_copied_as_it_is(network: Network) -> None:
    sign = {"RecordType": "SignOfLife", "pk": "life#tokyo", "sk": "20260105-15:00:00.000000"}
    links = MemoryStore("demo-london-links")
    body = json.dumps({"table": links.name, "items": [sign]})
    retry(body, network.cities["tokyo"], {links.name: links}.__getitem__, now=NOW)
    assert links.everything() == [sign]


# Once, and with an end


@pytest.mark.requirement("R1", "T15")
def test_a_repeat_that_takes_another_way_is_delivered_once(network: Network) -> None:
    network.send()
    network.run()
    (message,) = network.messages("tokyo")
    network.inboxes["london"].is_down = True
    relay(message, network.cities["tokyo"], now=later(10))
    network.run()
    assert [len(network.messages(name)) for name in ("newyork", "zurich", "banky")] == [1, 1, 1]
    assert network.way() == ["bankx", "tokyo", "london", "zurich"]


@pytest.mark.requirement("R1")
def test_a_message_never_goes_back_to_a_city_it_has_passed(network: Network) -> None:
    network.inboxes["zurich"].is_down = True
    network.send()
    network.run()
    assert network.parked() == {("newyork", "zurich"): 1}
    for name in ("tokyo", "london", "newyork"):
        assert len(network.messages(name)) == 1


@pytest.mark.requirement("R1")
def test_a_message_all_of_whose_ways_lead_back_waits(network: Network) -> None:
    network.send()
    (message,) = network.messages("tokyo")
    circled = replace(message, passed=",".join(_left("bankx", "newyork", "london")))
    relay(circled, network.cities["tokyo"], now=NOW)
    assert network.parked() == {("tokyo", "london"): 1}


@pytest.mark.requirement("R1")
def test_a_message_that_has_passed_too_many_nodes_is_set_aside(network: Network) -> None:
    network.send()
    (message,) = network.messages("tokyo")
    nodes = [f"city{n}" for n in range(PASSED_MAX)]
    with pytest.raises(UnreadableRecord, match="has passed 16 nodes"):
        relay(replace(message, passed=",".join(_left(*nodes))), network.cities["tokyo"], now=NOW)
    relay(replace(message, passed=",".join(_left(*nodes[1:]))), network.cities["tokyo"], now=NOW)
    assert len(hops(network.messages("london")[0])) == PASSED_MAX


@pytest.mark.requirement("R1")
def test_a_message_to_nobody_known_is_set_aside(network: Network) -> None:
    network.send()
    (message,) = network.messages("tokyo")
    with pytest.raises(UnreadableRecord, match="no bank's node 'elsewhere'"):
        relay(replace(message, recipient="elsewhere"), network.cities["tokyo"], now=NOW)


@pytest.mark.parametrize("passed", ["", "tokyo", "tokyo@noon", "tokyo@20260105-15:00:00,"])
def test_a_message_that_does_not_say_what_it_has_passed_is_set_aside(network: Network, passed: str) -> None:
    network.send()
    (message,) = network.messages("tokyo")
    with pytest.raises(UnreadableRecord, match="Passed"):
        relay(replace(message, passed=passed), network.cities["tokyo"], now=NOW)


def _left(*nodes: str) -> Iterable[str]:
    return [f"{node}@20260105-15:00:00.000000" for node in nodes]


# What is in it


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "Expecting"),
        ("[]", "expected a record"),
        ('{"RecordType":1}', "expected a record"),
        ('{"RecordType":"Bid"}', "unknown RecordType 'Bid'"),
        (json.dumps(placed().to_item()), "Placed is of no conversation"),
    ],
)
def test_content_that_is_no_record_of_a_conversation_is_refused(content: str, reason: str) -> None:
    message = Message(
        origin="bankx",
        transact_time=NOW,
        conversation="C",
        message="M",
        sender="bankx",
        recipient="banky",
        passed="",
        content=content,
    )
    with pytest.raises(UnreadableRecord, match=reason):
        unwrap(message)


@pytest.mark.requirement("R1")
def test_the_longest_record_that_has_passed_the_most_nodes_is_an_item(network: Network) -> None:
    network.send(_longest())
    (message,) = network.messages("tokyo")
    passed = [f"sixteen{n:09}" for n in range(PASSED_MAX - 1)]
    relay(replace(message, passed=",".join(_left(*passed))), network.cities["tokyo"], now=NOW)
    (relayed,) = network.messages("london")
    assert item_bytes(relayed.to_item()) <= Message.bytes_max < 4 * Record.bytes_max + 1
    assert unwrap(relayed) == _longest()


def _longest() -> Asked:
    """A record of the most bytes, as many of them as can be doubled in JSON."""
    asked = Asked(
        **{name: value for name, value in vars(INQUIRED).items() if name != "attempt"},
        step=Step.COUNTERED,
        trader="x1",
        price=Decimal("1.08345"),
        deal_side=BuySell.BUY,
        text="",
    )
    return replace(asked, text='"' * (BYTES_MAX - item_bytes(asked.to_item())))
