"""Calls: one goes out, one comes in (FIG. 3 and 4).

A call costs one read and one transaction at either bank, however many conversations are open.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from ..records.conversations import REQUESTED_KEY, Requested, Step, Turn, file_key, turn_key
from ..records.fix import BuySell, QuoteRequestRejectReason, SessionRejectReason
from ..records.instruments import UnknownSubject, check_quantity, parse_subject
from ..records.numbers import conversation_number
from ..records.times import AHEAD_MAX, day_of
from ..refusals import Malformed, QuoteRequestRefused, RequestTaken
from .decisions import Decision, initiate, judge
from .node import BankNode, Trader, read_call, read_file, read_registered, read_registration, settle
from .value_dates import UnknownTenor, value_date

# A retry repeats its TransactTime, so this is for how long a request may be retried.
_AGE_MAX = timedelta(minutes=15)

_TERMS = ("destination", "symbol", "side", "order_qty", "settl_type", "called_terminal")


@dataclass(frozen=True, kw_only=True)
class QuoteRequest:
    """A request for quote as a trader asks for it (QuoteRequest, 35=R).

    The same `quote_req_id` on the same `day` is the same request; it is TransactTime's unless it is said.
    `correlation_id` names the request over HTTP that this is, or came of.
    """

    quote_req_id: str
    destination: str
    terminal: str | None
    symbol: str
    side: BuySell | None
    order_qty: Decimal
    settl_type: str
    transact_time: datetime
    day: str | None = None
    correlation_id: str | None = None


def call_number(quote_req_id: str, day: str, by: Trader, node: BankNode) -> str:
    """The number of the conversation that a trader's request of a day begins."""
    return conversation_number(node.utility.code, day, node.secret, by.principal, by.trader, quote_req_id)


def request_quote(request: QuoteRequest, by: Trader, node: BankNode) -> tuple[Requested, bool]:
    """Let a request out or deny it (R5, R6): its record, and whether it is new or was here already.

    Either way it has one of the trader's panels. QuoteRequestRefused if nothing was written.
    """
    now = node.clock()
    _check(request, by, node, now)
    number = call_number(request.quote_req_id, request.day or day_of(request.transact_time), by, node)
    asked = Requested(
        origin=node.name,
        transact_time=now,
        conversation=number,
        principal=by.principal,
        initiating=by.principal,
        destination=request.destination,
        symbol=request.symbol,
        side=request.side,
        order_qty=request.order_qty,
        settl_type=request.settl_type,
        step=Step.REQUESTED,
        quote_req_id=request.quote_req_id,
        trader=by.trader,
        terminal=by.terminal,
        panel=0,
        called_terminal=request.terminal,
        valid_until_time=now + node.rules.turn,
        correlation_id=request.correlation_id,
    )
    first: Requested | None = None
    is_repeat = False

    def decide() -> Decision:
        nonlocal first, is_repeat
        registration, panels = read_call(node, by, request.destination, request.symbol)
        known = (registration.conversation, registration.last, *panels.conversations.values())
        if is_repeat or number in known:
            first = _read_requested(asked, node)
            if first is not None:
                return Decision()
        # Whatever makes this attempt fail may be that the request was made before.
        is_repeat = True
        registered = read_registered(node, registration)
        return initiate(asked, registration, registered, panels, now=now, rules=node.rules)

    decision = settle(node, decide)
    if first is None:
        return next(r for r in decision.records if isinstance(r, Requested)), True
    if any(getattr(first, name) != getattr(asked, name) for name in _TERMS):
        raise RequestTaken(request.quote_req_id)
    return first, False


def receive_call(call: Requested, node: BankNode) -> None:
    """Judge a call that has come in (R5, R7), once: a repeat is answered with what was written first."""
    judged: Turn | None = None
    is_repeat = False

    def decide() -> Decision:
        nonlocal judged, is_repeat
        registration = read_registration(node, call.destination, call.initiating, call.symbol)
        if is_repeat or call.conversation in (
            registration.conversation,
            registration.last,
            registration.judged,
        ):
            judged = _read_first_turn(call, node)
            if judged is not None:
                return Decision()
        is_repeat = True
        registered = read_registered(node, registration)
        return judge(call, registration, registered, origin=node.name, now=node.clock(), rules=node.rules)

    settle(node, decide)
    if judged is not None:
        for turn in read_file(node, call.destination, call.conversation).turns:
            if turn is judged or turn.concludes or turn.place == 0:
                node.send(turn, call.initiating, f"{turn.sort_key}#repeat")


def _check(request: QuoteRequest, by: Trader, node: BankNode, now: datetime) -> None:
    called = node.enterprise.principal(request.destination)
    if request.destination == by.principal:
        raise _unauthorized("expected another principal than your own", "Destination")
    if called is None:
        raise _unauthorized(f"there is no principal {request.destination[:32]!r}", "Destination")
    if request.terminal is not None and request.terminal not in called.terminals:
        raise _unauthorized(f"{called.name} has no terminal {request.terminal[:32]!r}", "Terminal")
    try:
        subject = parse_subject(request.symbol)
    except UnknownSubject as error:
        raise QuoteRequestRefused(
            str(error), field="Symbol", reason=QuoteRequestRejectReason.UNKNOWN_SYMBOL
        ) from None
    try:
        check_quantity(subject, request.order_qty)
    except ValueError as error:
        raise QuoteRequestRefused(
            str(error), field="OrderQty", reason=QuoteRequestRejectReason.QUOTE_REQUEST_EXCEEDS_LIMIT
        ) from None
    try:
        value_date(request.symbol, request.settl_type, now)
    except UnknownTenor as error:
        raise QuoteRequestRefused(
            str(error), field="SettlType", reason=QuoteRequestRejectReason.OTHER
        ) from None
    if not now - _AGE_MAX <= request.transact_time <= now + AHEAD_MAX:
        raise Malformed(
            "expected a TransactTime of the last quarter of an hour",
            field="TransactTime",
            reason=SessionRejectReason.SENDING_TIME_ACCURACY_PROBLEM,
        )


def _unauthorized(detail: str, field: str) -> QuoteRequestRefused:
    reason = QuoteRequestRejectReason.NOT_AUTHORIZED_TO_REQUEST_QUOTE
    return QuoteRequestRefused(detail, field=field, reason=reason)


def _read_requested(asked: Requested, node: BankNode) -> Requested | None:
    item = node.registry.records.get(asked.partition_key, REQUESTED_KEY)
    return None if item is None else Requested.from_item(item)


def _read_first_turn(call: Requested, node: BankNode) -> Turn | None:
    item = node.registry.records.get(file_key(call.destination, call.conversation), turn_key(0))
    return None if item is None else Turn.from_item(item)
