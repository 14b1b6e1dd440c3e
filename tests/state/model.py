"""An order as one thread would keep it: one object, changed in place by what happens, by FIX's rules.

Nothing here knows how records are folded. What happens comes in the order in which the street side acted;
`turn` counts its reports.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from chalicelib.records.fix import OrdStatus

_ZERO = Decimal(0)


@dataclass(eq=False, kw_only=True)
class Wish:
    """A cancel or a replacement that was asked for. `instead_of` is the version that is to be replaced, if
    the customer insisted on one; `via` the numbers under which the wish has reached the street side.
    """

    cl_ord_id: str
    is_cancel: bool
    quantity: Decimal | None = None
    price: Decimal | None = None
    instead_of: str | None = None
    via: set[str] = field(default_factory=set)
    is_pending: bool = False
    is_answered: bool = False

    @property
    def pending(self) -> OrdStatus:
        return OrdStatus.PENDING_CANCEL if self.is_cancel else OrdStatus.PENDING_REPLACE


@dataclass(eq=False, kw_only=True)
class Fill:
    """An execution as corrected. `turn` is its own, `changed` that of its last change."""

    quantity: Decimal
    price: Decimal
    turn: int
    changed: int
    counts: bool = True


@dataclass(frozen=True, kw_only=True)
class View:
    """An order as it was after one of the street side's reports."""

    cl_ord_id: str
    quantity: Decimal
    cum_qty: Decimal
    avg_px: Decimal | None
    ended: OrdStatus | None
    is_filled: bool


@dataclass(eq=False, kw_only=True)
class Order:
    """One order. `numbers` are those under which the street side knows it; `views` are how it was after each
    of the street side's reports, `refusals` how when a wish was refused.
    """

    cl_ord_id: str
    quantity: Decimal
    price: Decimal
    is_good_till: bool
    numbers: set[str] = field(default_factory=set)
    wishes: list[Wish] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    views: list[View] = field(default_factory=list)
    refusals: dict[str, View] = field(default_factory=dict)
    changed: int = 0
    asked: OrdStatus | None = None
    ended: OrdStatus | None = None
    ended_at: int = 0
    canceled_at: int | None = None
    is_stopped: bool = False
    is_suspended: bool = False
    opened_on: date = date.min
    reported_on: date = date.min

    # What there is of it

    @property
    def turn(self) -> int:
        return len(self.views)

    @property
    def live(self) -> Sequence[Fill]:
        return [fill for fill in self.fills if fill.counts]

    @property
    def cum_qty(self) -> Decimal:
        return sum((fill.quantity for fill in self.live), _ZERO)

    @property
    def leaves_qty(self) -> Decimal:
        return _ZERO if self.ended else max(self.quantity - self.cum_qty, _ZERO)

    @property
    def avg_px(self) -> Decimal | None:
        if not self.cum_qty:
            return None
        paid = sum((fill.quantity * fill.price for fill in self.live), _ZERO)
        return (paid / self.cum_qty).quantize(Decimal("0.000001"))

    @property
    def is_filled(self) -> bool:
        return self.filled_at is not None

    @property
    def filled_at(self) -> int | None:
        """The turn of the execution that made it complete, or of the change of quantity that did."""
        if not 0 < self.quantity <= self.cum_qty:
            return None
        filled = _ZERO
        for fill in self.live:
            filled += fill.quantity
            if filled >= self.quantity:
                return max(fill.turn, self.changed)
        return None

    @property
    def open_wishes(self) -> Sequence[Wish]:
        """What has reached the street side and has had no answer, in the order of asking."""
        return [wish for wish in self.wishes if not wish.is_answered and wish.via & self.numbers]

    @property
    def status(self) -> OrdStatus:
        """The first that holds, by FIX's precedence."""
        if not self.views:
            return self.asked or OrdStatus.PENDING_NEW
        pending = {wish.pending for wish in self.wishes if wish.is_pending and not wish.is_answered}
        for status in (OrdStatus.PENDING_CANCEL, OrdStatus.PENDING_REPLACE):
            if status in pending and not self.ended:
                return status
        filled_at = self.filled_at
        if self.asked and filled_at is None and not self.ended:
            return self.asked
        ended_by_cancel = self.ended is OrdStatus.CANCELED
        if filled_at is not None and not (ended_by_cancel and self.ended_at < filled_at):
            return OrdStatus.FILLED
        return self.ended or self._working

    @property
    def _working(self) -> OrdStatus:
        if self.is_stopped:
            return OrdStatus.STOPPED
        if self.is_suspended:
            return OrdStatus.SUSPENDED
        return OrdStatus.PARTIALLY_FILLED if self.cum_qty else OrdStatus.NEW

    @property
    def waits_for(self) -> set[str]:
        """What everybody waits for who has every record."""
        waits = set() if self.views else {"acknowledgement by the street side"}
        if self.status not in (OrdStatus.CANCELED, OrdStatus.EXPIRED, OrdStatus.REJECTED):
            waits |= {unanswered(wish) for wish in self.wishes if not wish.is_answered}
        return waits

    @property
    def exceptions(self) -> set[str]:
        """What cannot be right."""
        found = set()
        if self.cum_qty > self.quantity:
            found.add(f"filled {self.cum_qty} of {self.quantity}")
        filled_at = self.filled_at
        if filled_at is not None and self.canceled_at is not None and filled_at <= self.canceled_at:
            found.add("canceled after it was filled")
        return found

    # What a customer does

    def ask(self, wish: Wish) -> None:
        """Asked for, or asked for again."""
        if wish not in self.wishes:
            self.wishes.append(wish)
        if not wish.is_answered:
            self.asked = wish.pending

    # What the street side does

    def work(
        self, on: date, *, lets_go: str, never: Decimal, grant: tuple[Decimal, Decimal] | None = None
    ) -> bool:
        """All that is due: wishes as they were asked, then the order's time, then what the venue grants.

        Whether it was asked for that. `lets_go` is when the venue lets go of the order, `never` a price that
        it takes none at.
        """
        for wish in self.open_wishes:
            if lets_go == "never" or not self._allows(wish, never):
                self.refuse(wish)
            elif lets_go == "at once":
                self.grant(wish, on)
            elif wish.is_pending:
                return False
            else:
                self.hold(wish, on)
                return False
        if not self.leaves_qty:
            return False
        if self.is_good_till and self.reported_on < on and not self.is_suspended:
            self.renew(on)
        if not self.is_good_till and self.opened_on < on and lets_go == "at once":
            self.expire(on)
            return False
        if self.is_suspended or grant is None:
            return False
        self.fill(*grant, on)
        return True

    def _allows(self, wish: Wish, never: Decimal) -> bool:
        if not self.leaves_qty:
            return False
        return wish.is_cancel or (wish.instead_of in (None, self.cl_ord_id) and wish.price != never)

    def acknowledge(self, on: date) -> None:
        self.opened_on = on
        self._report(on)

    def reject(self, on: date) -> None:
        self._end(OrdStatus.REJECTED, on)

    def fill(self, quantity: Decimal, price: Decimal, on: date) -> None:
        self.fills.append(Fill(quantity=quantity, price=price, turn=self.turn + 1, changed=self.turn + 1))
        self._report(on)

    def bust(self, fill: Fill, on: date) -> None:
        fill.counts, fill.changed = False, self.turn + 1
        self._report(on)

    def correct(self, fill: Fill, quantity: Decimal, price: Decimal | None, on: date) -> None:
        """To be what is said now, also after it was busted."""
        fill.quantity, fill.counts, fill.changed = quantity, True, self.turn + 1
        fill.price = fill.price if price is None else price
        self._report(on)

    def stop(self, on: date) -> None:
        self.is_stopped = True
        self._report(on)

    def suspend(self, on: date) -> None:
        self.is_suspended = True
        self._report(on)

    def restate(self, quantity: Decimal | None, on: date) -> None:
        self.is_suspended = False
        self._order(quantity)
        self._report(on)

    def renew(self, on: date) -> None:
        """Done for the day, and taken up again on the next."""
        self._report(on)
        self.restate(None, on)

    def expire(self, on: date) -> None:
        self._end(OrdStatus.EXPIRED, on)

    def cancel(self, on: date) -> None:
        if self.canceled_at is None:
            self.canceled_at = self.turn + 1
        self._end(OrdStatus.CANCELED, on)

    def hold(self, wish: Wish, on: date) -> None:
        """A wish is pending."""
        wish.is_pending = True
        self._report(on)

    def grant(self, wish: Wish, on: date) -> None:
        wish.is_answered = True
        if wish.is_cancel:
            self.cancel(on)
            return
        self.cl_ord_id = wish.cl_ord_id
        self.price = self.price if wish.price is None else wish.price
        self._order(wish.quantity)
        self._report(on)

    def refuse(self, wish: Wish) -> None:
        wish.is_answered = True
        self.asked = None
        self.refusals[wish.cl_ord_id] = self.views[-1]

    def _order(self, quantity: Decimal | None) -> None:
        """Another quantity, but no less than what has been executed."""
        if quantity is None:
            return
        before, self.quantity = self.quantity, max(quantity, self.cum_qty)
        if self.quantity != before:
            self.changed = self.turn + 1

    def _end(self, status: OrdStatus, on: date) -> None:
        if not self.ended:
            self.ended, self.ended_at = status, self.turn + 1
        self.is_stopped = self.is_suspended = False
        self._report(on)

    def _report(self, on: date) -> None:
        self.asked, self.reported_on = None, on
        view = View(
            cl_ord_id=self.cl_ord_id,
            quantity=self.quantity,
            cum_qty=self.cum_qty,
            avg_px=self.avg_px,
            ended=self.ended,
            is_filled=self.is_filled,
        )
        self.views.append(view)


def unanswered(wish: Wish) -> str:
    """How an answer names a wish that has had none."""
    return f"an answer to {'cancel' if wish.is_cancel else 'replacement'} {wish.cl_ord_id}"
