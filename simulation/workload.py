"""What customers do: enter orders, enter them again elsewhere, cancel them - and remember what they were
told."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from chalicelib.customer import entry
from chalicelib.customer.customers import Customer
from chalicelib.customer.entry import NewCancel, NewOrder
from chalicelib.records.fix import BuySell, OrdType
from chalicelib.records.numbers import OrderID, parse_number
from chalicelib.records.orders import CancelRequested, Placed, Terms
from chalicelib.refusals import Refused
from chalicelib.tables.store import Unreachable

from .faults import Killed
from .world import ACCOUNTS, World

# A price that the replay never reaches, for a buy; a sell is put as far above.
_OUT_OF_REACH = {BuySell.BUY: Decimal("1.00"), BuySell.SELL: Decimal("99999.00")}

BROKER = Customer(subject="broker", accounts=frozenset(ACCOUNTS))


@dataclass
class Workload:
    """Customers of a world.

    `accepted` has what was answered with a number; `entered` all that was ever tried, which may have
    been accepted without the customer hearing of it.
    """

    world: World
    entered: list[NewOrder] = field(default_factory=list)
    accepted: dict[OrderID, Placed] = field(default_factory=dict)
    cancels: dict[tuple[OrderID, str], CancelRequested] = field(default_factory=dict)

    def place(
        self, account: str, side: BuySell, quantity: int, price: Decimal | None, symbol: str
    ) -> NewOrder:
        """A new order, not sent yet."""
        order = NewOrder(
            terms=Terms(
                account=account,
                cl_ord_id=f"order-{len(self.entered)}",
                symbol=symbol,
                side=side,
                ord_type=OrdType.MARKET if price is None else OrdType.LIMIT,
                order_qty=Decimal(quantity),
                price=price,
            ),
            transact_time=self.world.now,
        )
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
        except Refused:
            return True
        self.accepted[placed.order_id] = placed
        return True

    def enter_somewhere(self, order: NewOrder, utilities: tuple[str, ...]) -> bool:
        """Send an order as a gateway does: to one utility after another until one answers."""
        return any(self.enter(order, utility) for utility in utilities)

    def cancel(self, order_id: OrderID, cl_ord_id: str, utility: str) -> None:
        """Ask a utility to cancel an order."""
        here = self.world.here(utility)
        if utility not in self.world.up:
            return
        asked = NewCancel(cl_ord_id=cl_ord_id, transact_time=self.world.now)
        try:
            requested, _ = self.world.call(
                utility,
                lambda: entry.request_cancel(
                    asked, order_id, BROKER, here.desk(), records=here.own(), clock=here.clock
                ),
            )
        except (Killed, Unreachable, Refused):
            return
        self.cancels[order_id, cl_ord_id] = requested

    def numbers(self) -> Mapping[OrderID, Terms]:
        """Every number that a customer was told, and its terms."""
        return {
            order_id: placed.terms
            for order_id, placed in self.accepted.items()
            if placed.terms is not None and parse_number(order_id)
        }


def out_of_reach(side: BuySell) -> Decimal:
    """A limit at which an order rests for ever."""
    return _OUT_OF_REACH[side]


def is_out_of_reach(terms: Terms) -> bool:
    """Whether an order rests until it is canceled."""
    return terms.price == _OUT_OF_REACH[terms.side]


def other_terms(order: NewOrder) -> NewOrder:
    """The same ClOrdID for one share more: of two such entries one is to be refused."""
    return replace(order, terms=replace(order.terms, order_qty=(order.terms.order_qty or Decimal(0)) + 1))
