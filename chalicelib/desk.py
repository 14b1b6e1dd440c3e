"""The dealing desk as a venue: where the street side's orders and the bank's conversations meet."""

from dataclasses import dataclass
from datetime import datetime

from .records.fix import OrdRejReason, OrdType
from .records.instruments import WrongPrice, WrongQuantity, check_price, check_quantity, parse_subject
from .records.orders import Terms
from .records.terms import AT_ONCE
from .rfq.desk import (
    Committed,
    CustomerOrder,
    Deal,
    Desk,
    NoDeal,
    Waiting,
    execute,
    lists,
    release,
)
from .rfq.tickets import OFF_EXCHANGE
from .rfq.value_dates import day_end
from .street.venues import Bound, Declined, Fill, Granted, Objection, Resting, Working


@dataclass(frozen=True, kw_only=True)
class DealingDesk:
    """A house's dealing desk as a street utility asks it for its customers' orders in currencies."""

    desk: Desk
    market: str = OFF_EXCHANGE

    def lists(self, symbol: str) -> bool:
        """Whether the house shows a rate of this pair."""
        return lists(symbol, self.desk)

    def answers(self, now: datetime) -> bool:
        """It is in the street utility itself."""
        return True

    def objection(self, terms: Terms) -> Objection | None:
        """Why not: an order is for an amount of the base currency, at any price or at a limit.

        One that has to be executed at once cannot wait for a bank to be asked.
        """
        if terms.ord_type not in (OrdType.MARKET, OrdType.LIMIT):
            return _unsupported("expected a market or a limit order")
        if terms.order_qty is None:
            return _unsupported("expected OrderQty, an amount of the base currency")
        if terms.time_in_force in AT_ONCE and terms.order_qty > self.desk.limit:
            return _unsupported(f"no more than {self.desk.limit:f} is dealt in at once")
        subject = parse_subject(terms.symbol)
        try:
            check_quantity(subject, terms.order_qty)
            if terms.price is not None:
                check_price(subject, terms.price)
        except WrongQuantity as error:
            return Objection(reason=OrdRejReason.INCORRECT_QUANTITY, text=str(error))
        except WrongPrice as error:
            return Objection(reason=OrdRejReason.INVALID_PRICE_INCREMENT, text=str(error))
        return None

    def ask(self, order: Working, now: datetime) -> Granted:
        """Deal at the house's own rate, or see to the conversations in which the order is being dealt."""
        match execute(_customer_order(order), self.desk, now):
            case Deal() as deal:
                return Fill(**vars(deal))
            case Waiting(until=until):
                return Resting(until=until)
            case NoDeal(text=text):
                return Declined(text=text)

    def day_ends(self, order: Working) -> datetime:
        """The foreign exchange day on which it became a day order is over at 17:00 in New York."""
        return day_end(order.since)

    def release(self, order: Working, now: datetime) -> Bound | Resting | None:
        """Hang up; what is dealt already cannot be let go of."""
        match release(_customer_order(order), self.desk, now):
            case Committed(text=text):
                return Bound(text=text)
            case Waiting(until=until):
                return Resting(until=until)
            case None:
                return None


def _customer_order(order: Working) -> CustomerOrder:
    terms = order.terms
    assert order.leaves is not None, "an order by money or by percent is objected to"
    return CustomerOrder(
        order_id=order.order_id,
        symbol=terms.symbol,
        side=terms.side,
        leaves=order.leaves,
        price=terms.price if terms.ord_type is OrdType.LIMIT else None,
        since=order.since,
        last_fill=order.last_fill,
        correlation_id=order.correlation_id,
    )


def _unsupported(text: str) -> Objection:
    return Objection(reason=OrdRejReason.UNSUPPORTED_ORDER_CHARACTERISTIC, text=text)
