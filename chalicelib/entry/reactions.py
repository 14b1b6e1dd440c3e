"""Which use case a record calls for, by the side it arrives at.

This table is how a record of one side reaches another: the sides themselves do not know each other.
A use case is imported by what calls for it, so that a function loads no more than its side.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ..bootstrap import Here
from ..enterprise import Holding, Side
from ..records.conversations import Asked, ConversationRecord, Inquired, Message, Requested, Turn
from ..records.fix import ExecType
from ..records.instruments import find_subject
from ..records.orders import (
    EXECUTIONS,
    CancelRequested,
    Claim,
    ExecutionReport,
    Notice,
    OrderRequest,
    Placed,
    Released,
    ReplaceRequested,
)
from ..records.record import Item, Record, UnreadableRecord, read_record

Reaction = Callable[[Any, Here], object]


def _route_order(order: Placed, here: Here) -> None:
    from ..customer.routing import route_order

    route_order(order, here.street(), records=here.own(), now=here.clock())


def _route_request(request: OrderRequest, here: Here) -> None:
    from ..customer.routing import route_request

    route_request(request, here.street())


def _try_another(released: Released, here: Here) -> None:
    from ..customer.routing import check_order

    check_order(
        released.order_id,
        here.utility.name,
        here.street(),
        records=here.own(),
        replica=here.table(Holding.STREET),
        now=here.clock(),
    )


def _claim(order: Placed, here: Here) -> None:
    from ..street.execution import claim_order

    claim_order(order, here.floor(), now=here.clock())


def _acknowledge(claim: Claim, here: Here) -> None:
    from ..street.execution import acknowledge

    acknowledge(claim, here.floor(), now=here.clock())


def _work(record: OrderRequest | Notice | ExecutionReport, here: Here) -> None:
    from ..street.execution import work_order

    # What opens an order's log: a request that came before its order is answered then.
    if not isinstance(record, ExecutionReport) or record.exec_type in (ExecType.NEW, ExecType.REJECTED):
        work_order(record.order_id, here.floor(), now=here.clock())


def _book(report: ExecutionReport, here: Here) -> None:
    from ..firm.booking import book_execution

    if report.exec_type in EXECUTIONS:
        book_execution(report, here.books(), now=here.clock())


def _receive(message: Message, here: Here) -> None:
    from ..network.routing import unwrap
    from ..rfq.calls import receive_call
    from ..rfq.turns import receive_asked, receive_inquired, receive_turn

    by_kind: Mapping[type[Record], Callable[[Any, Any], None]] = {
        Requested: receive_call,
        Turn: receive_turn,
        Asked: receive_asked,
        Inquired: receive_inquired,
    }
    record = unwrap(message)
    received = by_kind.get(type(record))
    if received is None:
        raise UnreadableRecord(f"{message.sort_key}: a {type(record).__name__} is no message")
    _expect_ours(record, here)
    received(record, here.node())


def _expect_ours(record: ConversationRecord, here: Here) -> None:
    """UnreadableRecord unless it is for a principal of this node, from another, on what is dealt in here."""
    # Turns go to who called, all else to who was called.
    ends = (record.initiating, record.destination)
    ours, other = ends if isinstance(record, Turn) else reversed(ends)
    recipient = here.enterprise.principal(ours)
    if recipient is None or recipient.node != here.utility.name:
        raise UnreadableRecord(f"{record.conversation}: {ours} does not deal at {here.utility.name}")
    if other == ours or here.enterprise.principal(other) is None:
        raise UnreadableRecord(f"{record.conversation}: there is no other principal {other}")
    if find_subject(record.symbol) is None:
        raise UnreadableRecord(f"{record.conversation}: {record.symbol} is not dealt in here")


def _follow(record: ConversationRecord, here: Here) -> None:
    from ..rfq.following import follow

    follow(record, here.node(), book=lambda report: here.own().insert(report.to_item()))
    if isinstance(record, Turn):
        _work_dealt(record, here)


def _work_dealt(turn: Turn, here: Here) -> None:
    """What is new in a conversation that the desk began is acted on at once for the order behind it."""
    from ..rfq.desk import order_behind
    from ..street.execution import work_order

    at = here.dealing_desk()
    order_id = order_behind(turn, at.desk) if at is not None else None
    if order_id is not None:
        work_order(order_id, here.floor(), now=here.clock())


def _relay(message: Message, here: Here) -> None:
    from ..network.routing import relay

    relay(message, here.city(), now=here.clock())


REACTIONS: Mapping[tuple[Side, type[Record]], Reaction] = {
    (Side.CUSTOMER, Placed): _route_order,
    (Side.CUSTOMER, CancelRequested): _route_request,
    (Side.CUSTOMER, ReplaceRequested): _route_request,
    (Side.CUSTOMER, Released): _try_another,
    (Side.STREET, Placed): _claim,
    (Side.STREET, Claim): _acknowledge,
    (Side.STREET, CancelRequested): _work,
    (Side.STREET, ReplaceRequested): _work,
    (Side.STREET, Notice): _work,
    (Side.STREET, ExecutionReport): _work,
    (Side.STREET, Message): _receive,
    (Side.STREET, Requested): _follow,
    (Side.STREET, Turn): _follow,
    (Side.STREET, Asked): _follow,
    (Side.STREET, Inquired): _follow,
    (Side.FIRM, ExecutionReport): _book,
    (Side.NETWORK, Message): _relay,
}


def react(item: Item, here: Here) -> None:
    """Do what a record that has arrived calls for; the same again whenever it is repeated."""
    record = read_record(item)
    reaction = REACTIONS.get((here.utility.side, type(record)))
    if reaction is not None:
        reaction(record, here)
