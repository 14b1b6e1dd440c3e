"""What a deal means: a ticket for each party, and its execution for the books (pure).

Everything follows from the turn that binds, so each party's node comes to it by itself, the same
whenever it is asked again; and the two are mirror images, to the last digit.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ..records.conversations import Step, Ticket, Turn, of_same
from ..records.fix import BuySell, ExecType, OrdStatus, OrdType
from ..records.instruments import Subject, accrued_of, money_of, parse_subject
from ..records.numbers import Number, OrderID, account_key, order_tag
from ..records.orders import ExecutionReport, exec_id
from ..records.times import day_of
from .value_dates import accrued_interest

# ISO 10383: dealt off exchange.
OFF_EXCHANGE = "XOFF"

_OPPOSITE = {BuySell.BUY: BuySell.SELL, BuySell.SELL: BuySell.BUY}


@dataclass(frozen=True, kw_only=True)
class _Amounts:
    """What is paid for the quantity of a deal: `net` includes what a bond has accrued."""

    subject: Subject
    net: Decimal
    accrued: Decimal | None


def execution(turn: Turn, principal: str, code: str, secret: bytes, origin: str) -> ExecutionReport:
    """A deal as the street side's record of it, for one of its parties.

    The account is the principal, the order its conversation, numbered with the `code` of its node.
    """
    price, settl_date = turn.price, turn.settl_date
    assert price is not None
    assert settl_date is not None
    number = deal_number(turn, principal, code, secret)
    amounts = _amounts(turn, price, settl_date)
    return ExecutionReport(
        origin=origin,
        transact_time=turn.transact_time,
        order_id=OrderID(str(number)),
        account=principal,
        cl_ord_id=turn.conversation,
        symbol=turn.symbol,
        side=side_of(turn, principal),
        ord_type=OrdType.PREVIOUSLY_QUOTED,
        order_qty=turn.order_qty,
        price=price,
        ord_status=OrdStatus.FILLED,
        exec_id=exec_id(origin, number, 1),
        exec_type=ExecType.TRADE,
        cum_qty=turn.order_qty,
        leaves_qty=Decimal(0),
        avg_px=price,
        last_qty=turn.order_qty,
        last_px=price,
        last_mkt=OFF_EXCHANGE,
        settl_date=settl_date,
        settl_currency=amounts.subject.quote,
        accrued_interest_amt=amounts.accrued,
        net_money=amounts.net,
        correlation_id=turn.correlation_id,
    )


def ticket(turn: Turn, principal: str, report: ExecutionReport) -> Ticket:
    """A deal as one of its parties reads it; `report` is the same deal's execution for that party."""
    assert turn.deal_side is not None
    assert report.side is not None
    assert report.price is not None
    assert report.settl_date is not None
    assert report.settl_currency is not None
    assert report.net_money is not None
    base = (parse_subject(turn.symbol).base, turn.order_qty)
    money = (report.settl_currency, report.net_money)
    received, given = (base, money) if report.side is BuySell.BUY else (money, base)
    return of_same(
        turn,
        Ticket,
        principal=principal,
        origin=report.origin,
        transact_time=report.transact_time,
        trader=turn.trader if turn.by == principal else None,
        price=report.price,
        deal_side=turn.deal_side,
        received=received[0],
        received_qty=received[1],
        given=given[0],
        given_qty=given[1],
        accrued_interest_amt=report.accrued_interest_amt,
        settl_date=report.settl_date,
        exec_id=report.exec_id,
    )


def deal_number(turn: Turn, principal: str, code: str, secret: bytes) -> Number:
    """The transaction number of a deal for one of its parties: of the day (UTC) on which it was made."""
    return Number(
        code=code,
        day=day_of(turn.transact_time),
        account_key=account_key(principal, secret),
        tag=order_tag(principal, turn.conversation, secret),
    )


def side_of(turn: Turn, principal: str) -> BuySell:
    """Which side of a deal a principal is on."""
    assert turn.step is Step.DEALT
    assert turn.deal_side is not None
    assert principal in (turn.initiating, turn.destination)
    return turn.deal_side if principal == turn.initiating else _OPPOSITE[turn.deal_side]


def _amounts(turn: Turn, price: Decimal, settl_date: str) -> _Amounts:
    subject = parse_subject(turn.symbol)
    money = money_of(subject, turn.order_qty, price)
    if subject.bond is None:
        return _Amounts(subject=subject, net=money, accrued=None)
    per_nominal = accrued_interest(subject.bond, date.fromisoformat(settl_date))
    accrued = accrued_of(subject, turn.order_qty, per_nominal)
    return _Amounts(subject=subject, net=money + accrued, accrued=accrued)
