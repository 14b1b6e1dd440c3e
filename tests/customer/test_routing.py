"""An order's way to the street: wherever it is tried, it is executed once at most."""

from dataclasses import dataclass, field
from datetime import datetime
from itertools import permutations

import pytest

from chalicelib.customer.routing import Street, check_order, route_order, route_request
from chalicelib.records.fix import ExecType
from chalicelib.records.market import SignOfLife
from chalicelib.records.numbers import OrderID
from chalicelib.records.orders import Claim, Found, Placed, Released, Routed, claim_key, following
from chalicelib.records.record import Item, read_record
from chalicelib.tables.memory import MemoryStore
from tests.builders import NOW, Watched, cancel, keys, later, placed, report, seconds, terms

ORDER = placed()
IN_AN_HOUR = later(3600)
STREETS = ("s1", "s2", "s3")


@dataclass
class StreetSide:
    """Three street utilities by their inboxes, and what a customer utility sees and does of them."""

    inboxes: dict[str, Watched] = field(
        default_factory=lambda: {name: Watched(MemoryStore(f"demo-{name}-inbox")) for name in STREETS}
    )
    records: MemoryStore = field(default_factory=lambda: MemoryStore("demo-c1-customer"))
    replica: MemoryStore = field(default_factory=lambda: MemoryStore("demo-c1-street"))
    market: MemoryStore = field(default_factory=lambda: MemoryStore("demo-c1-market"))
    scheduled: list[tuple[OrderID, datetime]] = field(default_factory=list)

    def gives_signs(self, *names: str, until: datetime = IN_AN_HOUR) -> None:
        for name in names:
            sign = SignOfLife(origin=name, transact_time=NOW, until=until, expires=1)
            self.market.insert(sign.to_item())

    def seen(self, sequence: tuple[str, ...] = STREETS) -> Street:
        return Street(
            sequence=lambda number, symbol: sequence,
            inbox=lambda name: self.inboxes[name],
            deliver=self.deliver,
            schedule=lambda order_id, due: self.scheduled.append((order_id, due)),
            market=self.market,
            check_after=seconds(5),
            patience=seconds(60),
        )

    def deliver(self, name: str, item: Item) -> None:
        self.inboxes[name].insert(item)

    def route(self, order: Placed = ORDER, *, now: datetime = NOW) -> None:
        self.records.insert(order.to_item())
        route_order(order, self.seen(), records=self.records, now=now)

    def check(self, order: Placed = ORDER, *, now: datetime) -> None:
        check_order(
            order.order_id,
            order.origin,
            self.seen(),
            records=self.records,
            replica=self.replica,
            now=now,
        )

    def claim(self, name: str, order: Placed = ORDER) -> bool:
        """What a street utility does with an order that has arrived: whether it may execute it."""
        mine = Claim.on(order, Found.CLAIMED, origin=name, transact_time=NOW)
        return self.inboxes[name].insert(mine.to_item()) is None

    def has(self, name: str) -> list[str]:
        """What lies in an inbox: `placed`, `claimed` or `taken back`."""
        item_claim = self.inboxes[name].kept.get(ORDER.partition_key, claim_key(ORDER.number))
        found = [] if item_claim is None else [Claim.from_item(item_claim).found.value]
        own = self.inboxes[name].kept.get(ORDER.partition_key, ORDER.sort_key)
        return found + ([] if own is None else ["placed"])

    def said(self) -> list[tuple[str, Found]]:
        """What the customer utility wrote of the order's way."""
        written = [read_record(item) for item in self.records.everything()]
        return [(record.street, record.found) for record in written if isinstance(record, Routed)]


@pytest.fixture
def side() -> StreetSide:
    made = StreetSide()
    made.gives_signs(*STREETS)
    return made


@pytest.mark.requirement("T2", "T6")
def test_a_fresh_order_goes_to_the_first_of_its_sequence_and_is_checked(side: StreetSide) -> None:
    side.route()
    assert [side.has(name) for name in STREETS] == [["placed"], [], []]
    assert side.scheduled == [(ORDER.order_id, later(5))]
    assert side.said() == []


@pytest.mark.requirement("T15")
def test_routing_again_changes_nothing(side: StreetSide) -> None:
    for _ in range(3):
        side.route()
    assert [side.has(name) for name in STREETS] == [["placed"], [], []]


@pytest.mark.requirement("T17")
@pytest.mark.parametrize("sign", [None, later(-1)], ids=["none", "overdue"])
def test_an_order_is_taken_back_from_a_silent_utility_and_sent_to_the_next(
    sign: datetime | None,
) -> None:
    side = StreetSide()
    side.gives_signs("s2", "s3")
    if sign is not None:
        side.gives_signs("s1", until=sign)
    side.route()
    assert [side.has(name) for name in STREETS] == [["taken back"], ["placed"], []]
    assert side.said() == [("s1", Found.TAKEN_BACK)]
    assert not side.claim("s1")


@pytest.mark.requirement("T17")
def test_patience_ends_with_a_utility_that_gives_signs_but_does_not_answer(side: StreetSide) -> None:
    side.route()
    side.check(now=later(59))
    assert side.has("s1") == ["placed"]
    side.check(now=later(60))
    assert [side.has(name) for name in STREETS] == [["taken back", "placed"], ["placed"], []]
    side.check(now=later(119))
    assert side.has("s3") == []
    side.check(now=later(120))
    assert [side.has(name)[0] for name in STREETS] == ["taken back", "taken back", "placed"]


@pytest.mark.requirement("R13", "T17")
def test_an_order_that_was_claimed_and_let_go_of_goes_to_the_next(side: StreetSide) -> None:
    side.route()
    assert side.claim("s1")
    released = following(
        ORDER, Released, origin="s1", transact_time=later(1), exec_id="s1.1", text="SIMX does not answer"
    )
    side.replica.insert(released.to_item())
    side.check(now=later(2))
    assert [side.has(name) for name in STREETS] == [["claimed", "placed"], ["placed"], []]
    side.gives_signs("s3", until=later(3600))
    side.check(now=later(300))
    assert [side.has(name)[0] for name in STREETS] == ["claimed", "taken back", "placed"]


@pytest.mark.requirement("T17")
def test_checks_are_further_and_further_apart(side: StreetSide) -> None:
    side.route()
    side.check(now=later(5))
    side.check(now=later(20))
    assert [due for _, due in side.scheduled] == [later(5), later(10), later(40)]


@pytest.mark.requirement("T17")
def test_a_claimed_order_is_said_to_be_there_and_not_sent_on(side: StreetSide) -> None:
    side.route()
    assert side.claim("s1")
    side.check(now=later(60))
    assert [side.has(name) for name in STREETS] == [["claimed", "placed"], [], []]
    assert side.said() == [("s1", Found.CLAIMED)]
    assert len(side.scheduled) == 1


@pytest.mark.requirement("T15")
def test_what_was_found_is_stamped_later_than_the_claim(side: StreetSide) -> None:
    mine = Claim.on(ORDER, Found.CLAIMED, origin="s1", transact_time=later(65))
    side.inboxes["s1"].insert(mine.to_item())
    side.route(now=later(60))
    (routed,) = [
        record for record in map(read_record, side.records.everything()) if isinstance(record, Routed)
    ]
    assert routed.transact_time > later(65)


@pytest.mark.requirement("T17")
def test_the_last_of_the_sequence_keeps_the_order_however_silent_it_is() -> None:
    side = StreetSide()
    for now in (NOW, later(1000)):
        side.route(now=now)
    assert [side.has(name) for name in STREETS] == [["taken back"], ["taken back"], ["placed"]]
    assert side.claim("s3")


@pytest.mark.requirement("T17")
def test_a_check_of_an_answered_order_does_nothing(side: StreetSide) -> None:
    side.route()
    side.replica.insert(report(ORDER, 1, ExecType.NEW, at=later(1)).to_item())
    side.check(now=later(1000))
    assert [side.has(name) for name in STREETS] == [["placed"], [], []]
    assert len(side.scheduled) == 1


def test_an_answer_to_another_orders_terms_is_no_answer_to_this_one(side: StreetSide) -> None:
    side.route()
    other = placed(terms(qty=7), origin="c2")
    side.replica.insert(report(other, 1, ExecType.NEW, at=later(1)).to_item())
    side.check(now=later(60))
    assert side.has("s1") == ["taken back", "placed"]


def test_a_check_of_an_order_that_is_not_here_does_nothing(side: StreetSide) -> None:
    side.check(now=later(1000))
    assert [side.has(name) for name in STREETS] == [[], [], []]


@pytest.mark.requirement("T17")
def test_a_table_that_cannot_be_reached_is_not_passed_over_but_asked_again(side: StreetSide) -> None:
    side.route()
    side.inboxes["s1"].is_down = True
    side.check(now=later(60))
    assert [side.has(name) for name in STREETS] == [["placed"], [], []]
    assert side.said() == []
    _, due = side.scheduled[-1]
    assert due == later(120)
    side.inboxes["s1"].is_down = False
    side.check(now=due)
    assert side.has("s1") == ["taken back", "placed"]
    assert side.said()[0] == ("s1", Found.TAKEN_BACK)


@pytest.mark.requirement("T10", "T17")
def test_an_order_whose_cl_ord_id_is_claimed_with_other_terms_is_brought_to_the_claimer_for_its_answer(
    side: StreetSide,
) -> None:
    assert side.claim("s1")
    other = placed(terms(qty=7), origin="c2")
    side.route(other, now=later(60))
    assert side.said() == [("s1", Found.CLAIMED)]
    inbox = side.inboxes["s1"].kept
    assert inbox.get(other.partition_key, other.sort_key) == other.to_item()


# Races

AGAIN = placed(origin="c2", at=later(1))


@pytest.mark.requirement("T17")
@pytest.mark.parametrize("order_of_events", list(permutations(["claim", "check", "check again"])))
def test_of_a_claim_and_a_taking_back_exactly_one_wins(order_of_events: tuple[str, ...]) -> None:
    side = StreetSide()
    side.gives_signs(*STREETS)
    side.route()
    executing: list[str] = []
    for event in order_of_events:
        if event == "claim":
            executing += ["s1"] if side.claim("s1") else []
        else:
            side.check(now=later(60))
    sent_on = side.has("s2") == ["placed"]
    executing += ["s2"] if sent_on and side.claim("s2") else []
    assert executing == (["s1"] if order_of_events[0] == "claim" else ["s2"])
    assert side.said() == [("s1", Found.CLAIMED if executing == ["s1"] else Found.TAKEN_BACK)]


@pytest.mark.requirement("T5", "T17")
@pytest.mark.parametrize(
    "order_of_events",
    list(permutations(["c1 checks", "c2 enters", "c2 checks", "s1 claims", "s2 claims"])),
    ids=", ".join,
)
def test_an_order_entered_at_two_utilities_is_never_executed_by_two(
    order_of_events: tuple[str, ...],
) -> None:
    """Every order of two entries of one ClOrdID, their checks, and two street utilities at work."""
    c1 = StreetSide()
    c1.gives_signs(*STREETS)
    c2 = StreetSide(inboxes=c1.inboxes, market=c1.market)
    c1.route()
    executing: list[str] = []
    for event in [*order_of_events, "s1 claims", "s2 claims", "s3 claims"]:
        match event:
            case "c1 checks":
                c1.check(now=later(60))
            case "c2 enters":
                c2.route(AGAIN, now=later(1))
            case "c2 checks":
                c2.check(AGAIN, now=later(61))
            case _:
                name = event[:2]
                has_arrived = any(
                    "#placed" in key
                    for key in keys(c1.inboxes[name].query(ORDER.partition_key, "!", "~").items)
                )
                executing += [name] if has_arrived and c1.claim(name) else []
    assert len(executing) == 1


@pytest.mark.requirement("T5", "T17")
def test_a_second_entry_walks_the_same_sequence_to_where_the_first_one_is(side: StreetSide) -> None:
    side.route(now=later(60))
    assert [side.has(name) for name in STREETS[:2]] == [["taken back"], ["placed"]]
    c2 = StreetSide(inboxes=side.inboxes, market=side.market)
    c2.route(AGAIN, now=later(62))
    # Found taken back at s1 when c2's own patience ends, and only then tried at s2.
    assert keys(side.inboxes["s2"].query(ORDER.partition_key, "!", "~").items) == [
        ORDER.sort_key,
        AGAIN.sort_key,
    ]
    assert c2.said() == [("s1", Found.TAKEN_BACK)]


@pytest.mark.requirement("T12")
def test_a_cancel_goes_to_every_street_utility(side: StreetSide) -> None:
    wish = cancel(ORDER)
    route_request(wish, side.seen())
    for name in STREETS:
        assert side.inboxes[name].get(wish.partition_key, wish.sort_key) == wish.to_item()
