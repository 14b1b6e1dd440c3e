"""The dealing desk: customers' orders in currencies and metals, executed by the house.

A small order is dealt against the house's own rate. A larger one is dealt in a conversation that the
desk's automatic trader begins with one bank after another, until one quotes a price that will do.

Nothing is remembered but the files of the conversations, and their numbers follow from the order: so
what is next follows from the order, the files and the time (`next_step`, pure), and whoever asks again
finds the same call, the same deal.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from itertools import count

from ..enterprise import Principal
from ..records.conversations import REQUESTED_KEY, Requested, Step, Turn
from ..records.fix import BuySell
from ..records.instruments import SubjectKind, find_subject, money_of, parse_subject
from ..records.numbers import MalformedNumber, OrderID, parse_number
from ..refusals import PanelsTaken, RequestTaken, TurnRefused
from ..state.conversations import Conversation
from .calls import QuoteRequest, call_number, request_quote
from .decisions import CALL_ALREADY_IN_PROGRESS
from .following import GRACE
from .node import BankNode, Trader, read_file, read_panels
from .rates import IndicativeRates, Rate
from .tickets import OFF_EXCHANGE
from .turns import Act, act, clear, see_to
from .value_dates import SPOT

# LastMkt of what the house deals against its own rate: ISO 10383, systematic internaliser. What it deals
# in a conversation is OFF_EXCHANGE.
OWN_RATE = "SINT"

_TRADER = "desk"
_REQUEST = "desk"

# A bank that the house is calling for another order is waited for: longer each time, and after so many
# times in a row the next is called.
_BUSY = timedelta(seconds=5)
_BUSY_IN_A_ROW = 3

# When to look again at what only the other bank can end.
_UNANSWERED = timedelta(minutes=1)

_STEPS_MAX = 100
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True)
class Desk:
    """A house's dealing desk: `limit` is the most, in the base currency, that it deals at its own rate.

    `rates` are asked for only when a pair of currencies is: to read their fixings takes a while.
    """

    house: Principal
    node: BankNode
    rates: Callable[[], IndicativeRates]
    limit: Decimal

    @property
    def trader(self) -> Trader:
        """Who calls for the desk: no person, with six panels of its own."""
        return Trader(principal=self.house.name, trader=_TRADER, terminal=self.house.terminals[0])


@dataclass(frozen=True, kw_only=True)
class CustomerOrder:
    """What is left to do of a customer's order; any price will do if `price` is None.

    `since` is when its terms were last changed, `last_fill` when it was last executed.
    """

    order_id: OrderID
    symbol: str
    side: BuySell
    leaves: Decimal
    price: Decimal | None
    since: datetime
    last_fill: datetime | None = None
    correlation_id: str | None = None


# What an order gets


@dataclass(frozen=True, kw_only=True)
class Deal:
    """This much of the order is executed: in a conversation, or at the house's own rate."""

    quantity: Decimal
    price: Decimal
    net_money: Decimal
    settl_currency: str
    settl_date: str
    market: str
    conversation: str | None = None


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Nothing yet; `until` is when to ask again if nothing has been heard before."""

    until: datetime


@dataclass(frozen=True, kw_only=True)
class NoDeal:
    """No bank is left to call."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Committed:
    """The order is dealt: it cannot be let go of any more."""

    text: str


# What is next


@dataclass(frozen=True, kw_only=True)
class AtOwnRate:
    """Deal against the house's own rate, if that will do."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """Call a bank."""

    bank: str


@dataclass(frozen=True, kw_only=True)
class Accept:
    """Deal at the price that stands."""


@dataclass(frozen=True, kw_only=True)
class HangUp:
    """Leave the conversation: its price will not do, or its terms are no longer the order's."""


@dataclass(frozen=True, kw_only=True)
class GiveUp:
    """The deadline is over and nothing was heard: presume that the conversation has expired."""


NextStep = Deal | Waiting | NoDeal | AtOwnRate | Call | Accept | HangUp | GiveUp


def lists(symbol: str, desk: Desk) -> bool:
    """Whether the desk deals in a symbol: a pair of currencies or of a metal that it has a rate of."""
    subject = find_subject(symbol)
    if subject is None or subject.kind is SubjectKind.BOND:
        return False
    rates = desk.rates()
    return rates.mid(symbol, rates.epoch) is not None


def execute(order: CustomerOrder, desk: Desk, now: datetime) -> Deal | Waiting | NoDeal:
    """Do what is next for an order, and say what it gets; asked again, it does nothing twice."""
    banks = banks_for(order.order_id, desk)
    for _ in range(_STEPS_MAX):
        calls = _read_calls(order.order_id, desk)
        _tidy(calls, desk)
        step = next_step(order, calls, banks, desk.limit, now)
        match step:
            case Deal() | Waiting() | NoDeal():
                return step
            case AtOwnRate():
                return _at_own_rate(order, desk, now)
            case Call():
                if not _call(step.bank, len(calls), order, desk):
                    return Waiting(until=now + _BUSY)
            case Accept() | HangUp() | GiveUp():
                _take(step, calls[-1], order.side, desk)
    return Waiting(until=now + _BUSY)


def release(order: CustomerOrder, desk: Desk, now: datetime) -> Committed | Waiting | None:
    """Let go of an order: None once none of its conversations can lead to a deal any more."""
    for _ in range(_STEPS_MAX):
        calls = _read_calls(order.order_id, desk)
        _tidy(calls, desk)
        if not calls:
            return None
        last = calls[-1]
        if _is_over(last):
            is_dealt = _unreported(last, order) is not None
            return Committed(text=f"dealt in conversation {_number(last)}") if is_dealt else None
        if last.exposed:
            return Waiting(until=_until(last, now))
        _take(HangUp(), last, order.side, desk)
    return Waiting(until=now + _BUSY)


def next_step(
    order: CustomerOrder, calls: Sequence[Conversation], banks: Sequence[str], limit: Decimal, now: datetime
) -> NextStep:
    """What is next for an order after the calls that have been made for it (pure).

    What has been begun is brought to its end first, whatever the limit is by now. Calls made before the
    order was last changed or executed are over, and say nothing about what banks would do now.
    """
    if calls and not _is_over(calls[-1]):
        return _in_conversation(order, calls[-1], now)
    dealt = _unreported(calls[-1], order) if calls else None
    if dealt is not None:
        return _deal_of(dealt, order)
    if order.leaves <= limit:
        return AtOwnRate()
    begun = order.since if order.last_fill is None else max(order.since, order.last_fill + _TICK)
    if now < begun:
        # By their times calls are told from those of before, so none is made before its time.
        return Waiting(until=begun)
    recent = [call for call in calls if _requested(call).transact_time >= begun]
    bank = _next_bank(recent, banks)
    if bank is None:
        return NoDeal(text="no bank dealt")
    free = _free_again(recent)
    return Waiting(until=free) if free is not None and now < free else Call(bank=bank)


def banks_for(order_id: OrderID, desk: Desk) -> tuple[str, ...]:
    """The other principals in the order in which they are called: another for each order.

    Rendezvous hashing: it depends on nothing but the names, so a bank that joins moves no other.
    """

    def weight(name: str) -> bytes:
        return blake2b(f"{name}\x1f{order_id}".encode(), digest_size=8).digest()

    names = (principal.name for principal in desk.node.enterprise.principals)
    return tuple(sorted((name for name in names if name != desk.house.name), key=weight))


def order_of(requested: Requested) -> OrderID | None:
    """The order that a call was made for; None if a person made it."""
    kind, _, rest = requested.quote_req_id.partition(":")
    number, _, _attempt = rest.partition(":")
    if (requested.trader, kind) != (_TRADER, _REQUEST):
        return None
    try:
        parse_number(number)
    except MalformedNumber:
        return None
    return OrderID(number)


def order_behind(turn: Turn, desk: Desk) -> OrderID | None:
    """The order for which a turn is news: in the house's own file of a call that the desk made."""
    if not turn.principal == turn.initiating == desk.house.name:
        return None
    item = desk.node.registry.records.get(turn.partition_key, REQUESTED_KEY)
    return None if item is None else order_of(Requested.from_item(item))


# Deciding


def _in_conversation(order: CustomerOrder, file: Conversation, now: datetime) -> NextStep:
    requested = _requested(file)
    if file.exposed:
        return Waiting(until=_until(file, now))
    if (requested.symbol, requested.side, requested.order_qty) != (order.symbol, order.side, order.leaves):
        return HangUp()
    if file.is_overdue(now):
        # The called bank's node says so, or else it is presumed.
        until = _deadline(file)
        return Waiting(until=until) if now < until else GiveUp()
    quote = file.standing
    if quote is None or file.may_miss_a_price:
        return Waiting(until=_deadline(file))
    price = quote.offer_px if order.side is BuySell.BUY else quote.bid_px
    return Accept() if price is not None and _will_do(price, order) else HangUp()


def _will_do(price: Decimal, order: CustomerOrder) -> bool:
    """Whether a price is no worse than the order's limit."""
    if order.price is None:
        return True
    return price <= order.price if order.side is BuySell.BUY else price >= order.price


def _next_bank(calls: Sequence[Conversation], banks: Sequence[str]) -> str | None:
    """Which bank is called next, None if no more are: each once, but a busy one again after the others."""
    if len(calls) >= 2 * len(banks) + 10:
        return None
    had = {_requested(call).destination for call in calls if not _is_busy(call)}
    busy = [_requested(call).destination for call in calls if _is_busy(call)]
    left = [bank for bank in banks if bank not in had]
    return min(left, key=lambda bank: busy.count(bank) // _BUSY_IN_A_ROW, default=None)


def _free_again(calls: Sequence[Conversation]) -> datetime | None:
    """When it makes sense to call after a bank was busy."""
    if not calls or not _is_busy(calls[-1]):
        return None
    times = sum(map(_is_busy, calls))
    return _requested(calls[-1]).transact_time + times * _BUSY


def _is_busy(file: Conversation) -> bool:
    """Whether a call was denied because the house is calling that bank on that subject already."""
    requested = _requested(file)
    return requested.step is Step.DENIED and requested.text == CALL_ALREADY_IN_PROGRESS


def _is_over(file: Conversation) -> bool:
    """Whether nothing more can come of a conversation: it is concluded, or was left without being bound."""
    return file.conclusion is not None or (file.left is not None and not file.exposed)


def _unreported(file: Conversation, order: CustomerOrder) -> Turn | None:
    """The deal that a conversation came to, unless the order has been executed since it was called."""
    ended = file.conclusion
    if not isinstance(ended, Turn) or ended.step is not Step.DEALT:
        return None
    is_reported = order.last_fill is not None and order.last_fill >= _requested(file).transact_time
    return None if is_reported else ended


def _deal_of(turn: Turn, order: CustomerOrder) -> Deal:
    assert turn.price is not None
    assert turn.settl_date is not None
    return _deal(
        order,
        # No more than the order has left, should it have been changed while somebody dealt for it.
        min(turn.order_qty, order.leaves),
        turn.price,
        turn.settl_date,
        market=OFF_EXCHANGE,
        conversation=turn.conversation,
    )


def _deal(
    order: CustomerOrder,
    quantity: Decimal,
    price: Decimal,
    settl_date: str,
    *,
    market: str,
    conversation: str | None = None,
) -> Deal:
    subject = parse_subject(order.symbol)
    return Deal(
        quantity=quantity,
        price=price,
        net_money=money_of(subject, quantity, price),
        settl_currency=subject.quote,
        settl_date=settl_date,
        market=market,
        conversation=conversation,
    )


def _deadline(file: Conversation) -> datetime:
    """When a turn is overdue even for who waits for news of it."""
    until = file.valid_until_time
    assert until is not None, "what was called has a deadline"
    return until + GRACE


def _until(file: Conversation, now: datetime) -> datetime:
    """When to look again at what the other bank has to end, however long it takes."""
    deadline = _deadline(file)
    return deadline if now < deadline else now + _UNANSWERED


def _requested(file: Conversation) -> Requested:
    assert file.requested is not None, "the file of who calls begins with the request"
    return file.requested


def _number(file: Conversation) -> str:
    return _requested(file).conversation


# Doing


def _read_calls(order_id: OrderID, desk: Desk) -> tuple[Conversation, ...]:
    """The calls that have been made for an order, up to one that is not over: there is none after it."""
    calls: list[Conversation] = []
    for attempt in count():
        number = call_number(_quote_req_id(order_id, attempt), _day(order_id), desk.trader, desk.node)
        file = read_file(desk.node, desk.house.name, number)
        if file.any is None:
            break
        calls.append(file)
        if not _is_over(file):
            break
    return tuple(calls)


def _call(bank: str, attempt: int, order: CustomerOrder, desk: Desk) -> bool:
    """Call a bank, unless that was done before; False if the desk has no panel for it."""
    request = QuoteRequest(
        quote_req_id=_quote_req_id(order.order_id, attempt),
        destination=bank,
        terminal=None,
        symbol=order.symbol,
        side=order.side,
        order_qty=order.leaves,
        settl_type=SPOT,
        transact_time=desk.node.clock(),
        day=_day(order.order_id),
        correlation_id=order.correlation_id,
    )
    for _ in range(2):
        try:
            request_quote(request, desk.trader, desk.node)
        except PanelsTaken:
            _clear_panels(desk)
        except RequestTaken:
            # Somebody who knew the order or its calls otherwise has made this one: look again.
            return True
        else:
            return True
    return False


def _take(step: Accept | HangUp | GiveUp, file: Conversation, side: BuySell, desk: Desk) -> None:
    """Do it if the conversation still is as it was read; what it has become instead is read next."""
    number = _number(file)
    if isinstance(step, GiveUp):
        see_to(desk.house.name, number, desk.node)
        return
    about = _requested(file).correlation_id
    if isinstance(step, Accept):
        wish = Act(step=Step.DEALT, answers=file.seen, side=side, correlation_id=about)
    else:
        wish = Act(step=Step.PASSED, answers=file.seen, correlation_id=about)
    with suppress(TurnRefused):
        act(wish, number, desk.trader, desk.node)


def _at_own_rate(order: CustomerOrder, desk: Desk, now: datetime) -> Deal | Waiting | NoDeal:
    rates = desk.rates()
    rate = rates.at(order.symbol, now)
    if rate is None:
        return NoDeal(text=f"no rate of {order.symbol}")
    price = _price_of(rate, order.side)
    if not _will_do(price, order):
        return Waiting(until=rate.time + rates.tick)
    settl_date = desk.node.rules.value_date(order.symbol, SPOT, now)
    return _deal(order, order.leaves, price, settl_date, market=OWN_RATE)


def _price_of(rate: Rate, side: BuySell) -> Decimal:
    """A customer buys at the offer and sells at the bid."""
    return rate.offer if side is BuySell.BUY else rate.bid


def _tidy(calls: Sequence[Conversation], desk: Desk) -> None:
    """Free the panel of the last call once it is over; those of calls before it were before it was made."""
    if not calls or not _is_over(calls[-1]):
        return
    number = _number(calls[-1])
    if read_panels(desk.node, desk.trader).number_of(number) is not None:
        clear(number, desk.trader, desk.node)


def _clear_panels(desk: Desk) -> None:
    """Free the panels of all that is over: who began it may never have come back to it."""
    for number in read_panels(desk.node, desk.trader).conversations.values():
        with suppress(TurnRefused):
            clear(number, desk.trader, desk.node)


def _quote_req_id(order_id: OrderID, attempt: int) -> str:
    return f"{_REQUEST}:{order_id}:{attempt}"


def _day(order_id: OrderID) -> str:
    """The order's own day, on which its calls are numbered: the same whenever it is worked."""
    return parse_number(order_id).day
