"""Replication: every peer has its copies, and none waits for another (T8, T17)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from chalicelib.network.replication import (
    PARKED_TOGETHER_MAX,
    Peers,
    back_off,
    deliver,
    replicate,
    retry,
)
from chalicelib.records.record import BYTES_MAX, Item
from chalicelib.tables.memory import MemoryStore
from chalicelib.tables.store import Unreachable
from tests.builders import NOW, HeldMessages, Watched, later, placed, terms

ITEMS = [placed(terms(cl_ord_id=f"order-{n}")).to_item() for n in range(3)]
SQS_BYTES_MAX = 262_144


@dataclass
class Network:
    """Three peers, each with a table and a queue for what it could not take."""

    tables: dict[str, Watched] = field(
        default_factory=lambda: {
            name: Watched(MemoryStore(f"demo-{name}-customer")) for name in ("c2", "c3", "firm")
        }
    )
    queues: dict[str, HeldMessages] = field(
        default_factory=lambda: {name: HeldMessages() for name in ("c2", "c3", "firm")}
    )

    def __post_init__(self) -> None:
        self.peers = Peers(tables=self.tables, queues=self.queues.__getitem__)

    def has(self, name: str) -> list[Item]:
        kept = self.tables[name].kept
        assert isinstance(kept, MemoryStore)
        return kept.everything()

    def retry_all(self, name: str) -> None:
        opened = {table.name: table for table in self.tables.values()}
        for body in list(self.queues[name].bodies):
            retry(body, opened.__getitem__)
            self.queues[name].bodies.remove(body)


@pytest.fixture
def network() -> Network:
    return Network()


def in_key_order(items: Sequence[Item]) -> list[Item]:
    return sorted(items, key=lambda item: (item["pk"], item["sk"]))


@pytest.mark.requirement("T8", "T18")
def test_records_are_copied_to_every_peer_in_one_request_each(network: Network) -> None:
    replicate(ITEMS, network.peers, now=NOW)
    for name, table in network.tables.items():
        assert network.has(name) == in_key_order(ITEMS)
        assert table.asked == {"copy": 1}
        assert network.queues[name].bodies == []


@pytest.mark.requirement("T15")
def test_records_that_come_again_change_nothing(network: Network) -> None:
    for _ in range(3):
        replicate(ITEMS, network.peers, now=NOW)
    assert network.has("c2") == in_key_order(ITEMS)


@pytest.mark.requirement("T17")
def test_what_a_peer_that_is_down_cannot_take_is_parked_and_the_others_have_theirs(
    network: Network,
) -> None:
    network.tables["c3"].is_down = True
    replicate(ITEMS, network.peers, now=NOW)
    assert network.has("c2") == network.has("firm") == in_key_order(ITEMS)
    assert network.has("c3") == []
    (body,) = network.queues["c3"].bodies
    assert json.loads(body) == {"table": "demo-c3-customer", "items": ITEMS}
    assert network.queues["c2"].bodies == network.queues["firm"].bodies == []


@pytest.mark.requirement("T17")
def test_nothing_is_lost_when_a_peer_returns(network: Network) -> None:
    network.tables["c3"].is_down = True
    replicate(ITEMS, network.peers, now=NOW)
    with pytest.raises(Unreachable):
        network.retry_all("c3")
    network.tables["c3"].is_down = False
    network.retry_all("c3")
    assert network.has("c3") == in_key_order(ITEMS)
    assert network.queues["c3"].bodies == []


@pytest.mark.requirement("T15")
def test_a_retry_of_what_has_arrived_meanwhile_is_harmless(network: Network) -> None:
    network.tables["c3"].is_down = True
    replicate(ITEMS, network.peers, now=NOW)
    network.tables["c3"].is_down = False
    replicate(ITEMS, network.peers, now=later(15))
    network.retry_all("c3")
    assert network.has("c3") == in_key_order(ITEMS)


@pytest.mark.requirement("T17")
def test_a_peer_that_did_not_answer_is_not_asked_again_for_a_while(network: Network) -> None:
    network.tables["c3"].is_down = True
    replicate(ITEMS[:1], network.peers, now=NOW)
    network.tables["c3"].is_down = False
    replicate(ITEMS[1:2], network.peers, now=later(14.9))
    assert network.tables["c3"].asked == {"copy": 1}
    assert len(network.queues["c3"].bodies) == 2
    replicate(ITEMS[2:], network.peers, now=later(15))
    assert network.has("c3") == ITEMS[2:]
    assert len(network.has("c2")) == 3


class Slow(Watched):
    """A table that takes one item of each batch: DynamoDB's UnprocessedItems."""

    def copy(self, items: Sequence[Item]) -> Sequence[Item]:
        super().copy(items[:1])
        return items[1:]


@pytest.mark.requirement("T17")
def test_what_a_throttled_peer_leaves_of_a_batch_is_parked_and_it_is_not_suspected(
    network: Network,
) -> None:
    network.tables["c3"] = Slow(network.tables["c3"].kept)
    replicate(ITEMS, network.peers, now=NOW)
    assert json.loads(network.queues["c3"].bodies[0])["items"] == ITEMS[1:]
    with pytest.raises(Unreachable, match="demo-c3-customer: 1 of 2 not taken"):
        network.retry_all("c3")
    replicate(ITEMS, network.peers, now=NOW)
    assert len(network.queues["c3"].bodies) == 2


@pytest.mark.requirement("T17")
def test_however_many_records_are_parked_each_message_is_one_that_a_queue_takes() -> None:
    queue = HeldMessages()
    # The worst there is to write as JSON: text of which every byte is escaped.
    largest = {"pk": "p" * 13, "sk": "s" * 80, "Text": '"' * (BYTES_MAX - 101)}
    many = [{**largest, "sk": f"{n:080}"} for n in range(2 * PARKED_TOGETHER_MAX + 1)]
    table = Watched(MemoryStore("demo-c3-customer"))
    table.is_down = True
    replicate(many, Peers(tables={"c3": table}, queues=lambda name: queue), now=NOW)
    assert len(queue.bodies) == 3
    assert max(len(body.encode()) for body in queue.bodies) <= SQS_BYTES_MAX
    assert [item for body in queue.bodies for item in json.loads(body)["items"]] == many


@pytest.mark.requirement("T17")
def test_an_error_while_parking_fails_the_batch_rather_than_losing_it(network: Network) -> None:
    class Broken(HeldMessages):
        def send(self, body: str, delay: object = None) -> None:
            raise RuntimeError("no queue")

    network.tables["c3"].is_down = True
    network.queues["c3"] = Broken()
    with pytest.raises(RuntimeError, match="no queue"):
        replicate(ITEMS, network.peers, now=NOW)


@pytest.mark.requirement("T17")
@pytest.mark.parametrize("is_down", [False, True])
def test_a_message_is_put_into_the_inbox_or_parked_for_it(is_down: bool) -> None:
    kept = MemoryStore("demo-s1-inbox")
    inbox, queue = Watched(kept), HeldMessages()
    inbox.is_down = is_down
    deliver(ITEMS[0], inbox, queue)
    if is_down:
        assert kept.everything() == []
        inbox.is_down = False
        retry(queue.bodies[0], {"demo-s1-inbox": inbox}.__getitem__)
    else:
        assert queue.bodies == []
    assert kept.everything() == [ITEMS[0]]


def test_tries_are_further_and_further_apart_up_to_a_quarter_of_an_hour() -> None:
    waits = [back_off(tries).total_seconds() for tries in (1, 2, 3, 9, 10, 1000)]
    assert waits == [2, 4, 8, 512, 900, 900]
