"""What a street utility asks of a market, whichever it is: one small protocol.

A venue decides nothing that it was not asked, and may be asked the same again at any time: what it grants
follows from the order and the time, so that a street utility that was stopped half way asks again and
gets the same. What a venue has to say by itself - that an execution is busted, that an order is stopped -
comes as a `Notice` into the street utility's inbox.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from ..records.fix import OrdRejReason
from ..records.numbers import OrderID
from ..records.orders import Terms

# When to try a venue again that does not answer.
SILENCE = timedelta(seconds=15)


@dataclass(frozen=True, kw_only=True)
class Working:
    """An order as a venue is asked about it.

    `terms` are those in force; `leaves` is None while an amount of money or a percentage has not been
    turned into a quantity. `received` is when the order reached the street utility, `since` when its terms
    were last changed (its place in a queue), `last_fill` when it was last executed, `cum_qty` and `paid`
    for how much and how much money, and `triggered` whether its stop price has been reached.
    """

    order_id: OrderID
    terms: Terms
    leaves: Decimal | None
    received: datetime
    since: datetime
    last_fill: datetime | None = None
    cum_qty: Decimal = Decimal(0)
    paid: Decimal = Decimal(0)
    triggered: bool = False
    correlation_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Objection:
    """Why a venue does not take an order, as FIX has it."""

    reason: OrdRejReason
    text: str


@dataclass(frozen=True, kw_only=True)
class Fill:
    """An execution that a venue grants now.

    `order_qty` is what the order's money or percentage comes to, where the venue knows it only now. What
    is paid is quantity times price in the instrument's currency, unless `net_money` of `settl_currency` says
    otherwise; `conversation` is the one that it was dealt in, `market` who granted it (LastMkt).
    """

    quantity: Decimal
    price: Decimal
    market: str
    order_qty: Decimal | None = None
    net_money: Decimal | None = None
    settl_currency: str | None = None
    settl_date: str | None = None
    conversation: str | None = None


@dataclass(frozen=True, kw_only=True)
class Triggered:
    """The stop price has been reached: the order is a market or a limit order from now on."""


@dataclass(frozen=True, kw_only=True)
class Resting:
    """Nothing yet; `until` is when to ask again, None if only a notice can change that."""

    until: datetime | None


@dataclass(frozen=True, kw_only=True)
class Declined:
    """Nothing more, ever: the venue cannot do the rest of the order."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Spent:
    """The order's money is used up: it was for what has been executed."""

    text: str


Granted = Fill | Triggered | Resting | Declined | Spent


@dataclass(frozen=True, kw_only=True)
class Bound:
    """The venue cannot let go of an order any more: a cancel comes too late."""

    text: str


class Venue(Protocol):
    """One market."""

    @property
    def market(self) -> str:
        """Its ISO 10383 code, or what stands for one in LastMkt."""

    def lists(self, symbol: str) -> bool:
        """Whether the symbol is traded here."""

    def answers(self, now: datetime) -> bool:
        """Whether the venue can be reached: what cannot be sent to it now may be sent by another utility."""

    def objection(self, terms: Terms) -> Objection | None:
        """Why an order with these terms is not taken, None if it is."""

    def ask(self, order: Working, now: datetime) -> Granted:
        """What an order gets now."""

    def day_ends(self, order: Working) -> datetime | None:
        """When a day order that has come to nothing is over; None if it is good for the next day then."""

    def release(self, order: Working, now: datetime) -> Bound | Resting | None:
        """Let go of an order, so that it can be canceled or changed: None once nothing more can come of it.

        Resting says when to ask again: it is being let go of.
        """


class Nowhere:
    """Where what is traded nowhere is traded."""

    market = "nowhere"

    def lists(self, symbol: str) -> bool:
        """Whatever it is."""
        return True

    def answers(self, now: datetime) -> bool:
        """Always."""
        return True

    def objection(self, terms: Terms) -> Objection:
        """That it is traded nowhere."""
        return Objection(reason=OrdRejReason.UNKNOWN_SYMBOL, text=f"{terms.symbol} is not traded here")

    def ask(self, order: Working, now: datetime) -> Declined:
        """Nothing: it was traded once, or there would be no order."""
        return Declined(text=f"{order.terms.symbol} is not traded here any more")

    def day_ends(self, order: Working) -> None:
        """Never."""

    def release(self, order: Working, now: datetime) -> None:
        """At once."""


def venue_of(symbol: str, venues: Sequence[Venue]) -> Venue:
    """Where a symbol is traded."""
    return next((venue for venue in venues if venue.lists(symbol)), _NOWHERE)


_NOWHERE = Nowhere()
