"""What customers do: enter orders, enter them again elsewhere, replace and cancel them - and remember
what they were told."""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random

from chalicelib.bootstrap import Here
from chalicelib.customer import entry
from chalicelib.customer.customers import Customer
from chalicelib.customer.entry import NewCancel, NewOrder, NewReplace
from chalicelib.records.numbers import OrderID
from chalicelib.records.orders import OrderRequest, Placed
from chalicelib.refusals import Refused
from chalicelib.tables.store import Unreachable

from .faults import Killed
from .findings import Divergent, hold
from .terms import draw_changes, draw_terms
from .world import ACCOUNTS, World

BROKER = Customer(subject="broker", accounts=frozenset(ACCOUNTS))

# So many ClOrdIDs an order's requests share: some are repeated, and some used for something else.
_REQUEST_NAMES = 6


@dataclass
class Workload:
    """Customers of a world.

    `accepted` has what was answered with a number; `entered` all that was ever tried, which may have
    been accepted without the customer hearing of it. `requests` are the accepted wishes, by where they were.
    """

    world: World
    entered: list[NewOrder] = field(default_factory=list)
    accepted: dict[OrderID, Placed] = field(default_factory=dict)
    requests: dict[tuple[OrderID, str, str], OrderRequest] = field(default_factory=dict)

    def place(self, symbol: str, account: str, random: Random) -> NewOrder:
        """A new order, not sent yet."""
        name = f"order-{len(self.entered)}"
        terms = draw_terms(symbol, account, name, self.world.now, random)
        order = NewOrder(terms=terms, transact_time=self.world.now)
        self.entered.append(order)
        return order

    def enter(self, order: NewOrder, utility: str) -> bool:
        """Send an order to a utility: whether it answered."""
        here = self.world.here(utility)
        if utility not in self.world.up:
            return False
        try:
            placed, _ = self.world.call(
                utility,
                lambda: entry.enter_order(order, BROKER, here.desk(), records=here.own(), clock=here.clock),
            )
        except (Killed, Unreachable):
            return False
        except Refused as refused:
            self.world.faults.struck[f"({type(refused).__name__})"] += 1
            return True
        first = self.accepted.setdefault(placed.order_id, placed)
        hold(placed == first, Divergent, f"{placed.order_id} is answered with {placed} after {first}")
        return True

    def enter_somewhere(self, order: NewOrder, utilities: tuple[str, ...]) -> bool:
        """Send an order as a gateway does: to one utility after another until one answers."""
        return any(self.enter(order, utility) for utility in utilities)

    def cancel(self, order_id: OrderID, utility: str, random: Random) -> None:
        """Ask a utility to cancel an order."""
        asked = NewCancel(cl_ord_id=self._name(order_id, random), transact_time=self.world.now)
        self._ask(asked, order_id, utility)

    def replace(self, order_id: OrderID, utility: str, random: Random) -> None:
        """Ask a utility for other terms, perhaps of one version of the order and no other."""
        first = self.accepted[order_id].terms
        assert first is not None
        insists = random.random() < 0.4
        versions = [first.cl_ord_id, *(name for number, name, _ in self.requests if number == order_id)]
        asked = NewReplace(
            cl_ord_id=self._name(order_id, random),
            changes=draw_changes(first, self.world.now, random),
            transact_time=self.world.now,
            orig_cl_ord_id=random.choice(versions) if insists else None,
        )
        self._ask(asked, order_id, utility)

    def _ask(self, asked: NewCancel | NewReplace, order_id: OrderID, utility: str) -> None:
        here = self.world.here(utility)
        if utility not in self.world.up:
            return
        try:
            requested = self.world.call(utility, lambda: _request(asked, order_id, here))
        except (Killed, Unreachable):
            return
        except Refused as refused:
            self.world.faults.struck[f"({type(refused).__name__})"] += 1
            return
        self.requests[order_id, asked.cl_ord_id, utility] = requested

    def _name(self, order_id: OrderID, random: Random) -> str:
        return f"request-{self.accepted[order_id].cl_ord_id}-{random.randrange(_REQUEST_NAMES)}"


def _request(asked: NewCancel | NewReplace, order_id: OrderID, here: Here) -> OrderRequest:
    if isinstance(asked, NewCancel):
        return entry.request_cancel(
            asked, order_id, BROKER, here.desk(), records=here.own(), clock=here.clock
        )[0]
    return entry.request_replace(asked, order_id, BROKER, here.desk(), records=here.own(), clock=here.clock)[
        0
    ]


def other_terms(order: NewOrder) -> NewOrder:
    """The same ClOrdID for a little more: of two such entries one is to be refused."""
    name = next(
        name for name in ("order_qty", "cash_order_qty", "order_percent") if getattr(order.terms, name)
    )
    more = getattr(order.terms, name) + Decimal(1)
    return replace(order, terms=replace(order.terms, **{name: more}))
