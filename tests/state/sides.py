"""The two sides as they are run here: utilities of each, and a venue that does what it is told to."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from chalicelib.customer.inquiry import Held, inquire_order
from chalicelib.records.fix import OrdRejReason
from chalicelib.records.numbers import OrderID
from chalicelib.records.orders import Claim, OrderRecord, OrderRequest, Placed, Terms, claim_key
from chalicelib.records.record import Item
from chalicelib.state.orders import OrderState
from chalicelib.street.execution import Floor, acknowledge, claim_order, look_again, work_order
from chalicelib.street.venues import Bound, Granted, Objection, Resting, Working
from chalicelib.tables.memory import MemoryStore
from tests.builders import OWNER, SECRET

# A price that the venue objects to.
NEVER = Decimal("13.13")


@dataclass
class ScriptedVenue:
    """A market that does what it was told to do next."""

    market: str = "TEST"
    is_silent: bool = False
    lets_go: str = "at once"
    grants: list[Granted] = field(default_factory=list)

    def lists(self, symbol: str) -> bool:
        return True

    def answers(self, now: datetime) -> bool:
        return not self.is_silent

    def objection(self, terms: Terms) -> Objection | None:
        return Objection(reason=OrdRejReason.OTHER, text="never") if terms.price == NEVER else None

    def ask(self, order: Working, now: datetime) -> Granted:
        return self.grants.pop() if self.grants else Resting(until=None)

    def day_ends(self, order: Working) -> datetime | None:
        return order.received.replace(hour=21)

    def release(self, order: Working, now: datetime) -> Bound | Resting | None:
        answers = {"at once": None, "later": Resting(until=None), "never": Bound(text="bound")}
        return answers[self.lets_go]


@dataclass
class StreetUtility:
    """A street utility, and what its streams make it do."""

    name: str
    venue: ScriptedVenue
    records: MemoryStore = field(default_factory=lambda: MemoryStore("street"))
    inbox: MemoryStore = field(default_factory=lambda: MemoryStore("inbox"))

    def floor(self, *, is_last: bool = True) -> Floor:
        return Floor(
            name=self.name,
            records=self.records,
            inbox=self.inbox,
            venues=(self.venue,),
            schedule=lambda order_id, due: None,
            is_last=lambda claim: is_last,
        )

    def receive_order(self, order: Placed, now: datetime, *, is_last: bool = True) -> None:
        self.inbox.insert(order.to_item())
        claim_order(order, self.floor(), now=now)
        acknowledge(self.claim(order), self.floor(is_last=is_last), now=now)
        self.work(order.order_id, now)

    def receive_request(self, request: OrderRequest, now: datetime) -> None:
        self.inbox.insert(request.to_item())
        self.work(request.order_id, now)

    def look(self, order_id: OrderID, now: datetime) -> None:
        look_again(order_id, self.floor(), now=now)
        self.work(order_id, now)

    def work(self, order_id: OrderID, now: datetime) -> None:
        work_order(order_id, self.floor(), now=now)

    def claim(self, order: OrderRecord) -> Claim:
        item = self.inbox.get(order.partition_key, claim_key(order.number))
        assert item is not None
        return Claim.from_item(item)


@dataclass
class CustomerUtility:
    """A customer utility: what it accepts, and what has arrived there."""

    name: str
    customer: MemoryStore = field(default_factory=lambda: MemoryStore("customer"))
    street: MemoryStore = field(default_factory=lambda: MemoryStore("street"))

    def receive(self, items: Sequence[Item]) -> None:
        """Have copies, each in the table of its side."""
        for item in items:
            to = self.street if item["Origin"].startswith("s") else self.customer
            to.copy([item])

    def ask(self, order_id: OrderID, now: datetime) -> OrderState:
        held = Held(customer=self.customer, street=self.street, both=lambda one, other: (one(), other()))
        code = self.name.upper().replace("C", "C0")
        return inquire_order(order_id, OWNER, SECRET, code=code, held=held, now=now)
