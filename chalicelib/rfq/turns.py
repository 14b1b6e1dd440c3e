"""Turns: what traders do in a conversation, and what arrives of what the other bank did."""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from ..records.conversations import Asked, ConversationRecord, Inquired, Step, Turn
from ..records.fix import BuySell, QuoteRejectReason, SessionRejectReason
from ..records.instruments import check_price, parse_subject
from ..records.registrations import Registration
from ..refusals import Malformed, NotInConversation, TurnRefused, UnknownConversation
from ..state.conversations import Conversation
from .decisions import Decision, answer, do, expire, give_up, learn, take, want
from .node import (
    BankNode,
    Trader,
    read_conversation,
    read_file,
    read_own_file,
    read_panels,
    read_registration,
    settle,
)


@dataclass(frozen=True, kw_only=True)
class Act:
    """What a trader does, having seen the log up to `answers`."""

    step: Step
    answers: int
    bid_px: Decimal | None = None
    offer_px: Decimal | None = None
    price: Decimal | None = None
    side: BuySell | None = None
    valid_until_time: datetime | None = None
    text: str | None = None
    correlation_id: str | None = None


def act(wish: Act, conversation: str, by: Trader, node: BankNode) -> Conversation:
    """Take a turn: at the called bank it is in the log at once, at the other it is asked for.

    Where the conversation stands then. The same again is answered as the first time. The refusals of
    TurnRefused; nothing was written.
    """

    def decide() -> Decision:
        registration, file = read_conversation(node, by.principal, conversation)
        record = file.any
        assert record is not None
        if _done_before(wish, file, by, is_ours=record.principal == record.destination):
            return Decision()
        if record.principal == record.destination:
            return _do(wish, file, registration, by, node)
        return _want(wish, file, registration, by, node)

    settle(node, decide)
    return read_own_file(node, by.principal, conversation)


def clear(conversation: str, by: Trader, node: BankNode) -> None:
    """Free the panel of a conversation that is over for this trader; once, however often asked.

    One that is overdue and has not been ended yet is ended with it: it may not go on in no panel.
    """

    def decide() -> Decision:
        registration, file = read_conversation(node, by.principal, conversation)
        panels = read_panels(node, by)
        number = panels.number_of(conversation)
        if number is None:
            if by.trader not in (file.answered_by, file.requested and file.requested.trader):
                raise NotInConversation(by.trader, conversation)
            return Decision()
        is_over = file.conclusion is not None or file.left is not None
        ended = Decision() if is_over else _due(registration, file, node)
        if not (is_over or ended.records) or file.exposed:
            raise TurnRefused(
                "the conversation is not over: pass or deal first, or wait for the other bank's answer",
                field="Conversation",
                reason=QuoteRejectReason.OTHER,
            )
        return replace(ended, panels=panels.cleared(number))

    settle(node, decide)


def receive_asked(asked: Asked, node: BankNode) -> None:
    """The initiating bank wants its turn: it competes for the log's next place."""
    _in_the_log(asked, node, take)


def receive_inquired(inquired: Inquired, node: BankNode) -> None:
    """The initiating bank asks what came of a conversation."""
    _in_the_log(inquired, node, answer)


def receive_turn(turn: Turn, node: BankNode) -> None:
    """A turn of the called bank's log has arrived."""
    principal = turn.initiating
    # The copy is this node's record: it is the one that brings it to whoever keeps copies of the file.
    copy = replace(turn, origin=node.name)

    def decide() -> Decision:
        registration = read_registration(node, principal, turn.destination, turn.symbol)
        file = read_file(node, principal, turn.conversation)
        return learn(copy, file, registration, now=node.clock())

    _send_again(settle(node, decide), turn, node)


def see_to(principal: str, conversation: str, node: BankNode) -> None:
    """A deadline of a conversation has come: see what is due."""

    # There is no file only if somebody made up the timer.
    with suppress(UnknownConversation):
        settle(node, lambda: _due(*read_conversation(node, principal, conversation), node))


def _due(registration: Registration, file: Conversation, node: BankNode) -> Decision:
    """What an overdue conversation calls for, nothing if it is not overdue."""
    now = node.clock()
    if file.any is not None and file.any.principal == file.any.destination:
        return expire(file, registration, origin=node.name, now=now, rules=node.rules)
    return give_up(file, registration, origin=node.name, now=now)


def _in_the_log(wish: Any, node: BankNode, decision: Any) -> None:
    def decide() -> Decision:
        registration = read_registration(node, wish.destination, wish.initiating, wish.symbol)
        file = read_file(node, wish.destination, wish.conversation)
        made: Decision = decision(
            wish, file, registration, origin=node.name, now=node.clock(), rules=node.rules
        )
        return made

    _send_again(settle(node, decide), wish, node)


def _send_again(decision: Decision, cause: ConversationRecord, node: BankNode) -> None:
    """What answers a repeat is sent under an identifier of its own, or it would be taken for one."""
    for record in decision.again:
        node.send(record, record.other, f"{record.sort_key}#{cause.sort_key}")


def _do(wish: Act, file: Conversation, registration: Registration, by: Trader, node: BankNode) -> Decision:
    if wish.step is Step.COUNTERED:
        raise TurnRefused(
            "only the bank that calls makes a counter-offer; quote another price",
            field="Conversation",
            reason=QuoteRejectReason.NOT_AUTHORIZED,
        )
    facts: dict[str, Any] = {"correlation_id": wish.correlation_id}
    panels = None
    if wish.step is Step.ANSWERED:
        _expect_called(file, by)
        panels = read_panels(node, by)
        facts["terminal"] = by.terminal
    if wish.step is Step.QUOTED:
        facts |= _quoted(wish, file, node.clock())
    if wish.step is Step.DEALT:
        _expect_standing_side(wish, file)
    if wish.text is not None:
        facts["text"] = wish.text
    return do(
        wish.step,
        wish.answers,
        file,
        registration,
        by.trader,
        origin=node.name,
        now=node.clock(),
        rules=node.rules,
        panels=panels,
        **facts,
    )


def _want(wish: Act, file: Conversation, registration: Registration, by: Trader, node: BankNode) -> Decision:
    record = file.any
    assert record is not None
    if wish.step in (Step.ANSWERED, Step.QUOTED):
        raise TurnRefused(
            f"only the bank that is called {'answers' if wish.step is Step.ANSWERED else 'quotes'}",
            field="Conversation",
            reason=QuoteRejectReason.NOT_AUTHORIZED,
        )
    facts: dict[str, Any] = {"text": wish.text, "correlation_id": wish.correlation_id}
    if wish.step in (Step.DEALT, Step.COUNTERED):
        facts["deal_side"] = _side_of(wish, record)
    if wish.step is Step.COUNTERED:
        facts["price"] = _price(wish.price, "Price", record)
    step = Step.WITHDRAWN if wish.step is Step.PASSED else wish.step
    return want(
        step,
        wish.answers,
        file,
        registration,
        by.trader,
        origin=node.name,
        now=node.clock(),
        **facts,
    )


def _side_of(wish: Act, record: ConversationRecord) -> BuySell:
    """Which side of a price the initiating bank deals on: by the request, or else by this turn."""
    side = wish.side or record.side
    if side is None:
        raise Malformed(
            "the request was for both sides: expected Side, 1 to buy or 2 to sell",
            field="Side",
            reason=SessionRejectReason.REQUIRED_TAG_MISSING,
        )
    if record.side not in (None, side):
        raise TurnRefused(
            "expected the side that the request was for", field="Side", reason=QuoteRejectReason.OTHER
        )
    return side


def _expect_standing_side(wish: Act, file: Conversation) -> None:
    """The called bank deals at a counter-offer, whose side has been said; it may say it, too."""
    side = file.standing and file.standing.deal_side
    if None not in (side, wish.side) and side is not wish.side:
        raise TurnRefused(
            "expected the calling bank's side of its counter-offer",
            field="Side",
            reason=QuoteRejectReason.OTHER,
        )


def _quoted(wish: Act, file: Conversation, now: datetime) -> dict[str, Any]:
    """The prices of a quote: both, or the one of the side that was asked for."""
    record = file.any
    assert record is not None
    needed = {None: ("BidPx", "OfferPx"), BuySell.BUY: ("OfferPx",), BuySell.SELL: ("BidPx",)}
    prices = {"BidPx": wish.bid_px, "OfferPx": wish.offer_px}
    for field in needed[record.side]:
        _price(prices[field], field, record)
    for field, price in prices.items():
        if price is not None:
            _price(price, field, record)
    if wish.bid_px is not None and wish.offer_px is not None and wish.bid_px > wish.offer_px:
        raise TurnRefused(
            f"expected a bid not above the offer, found {wish.bid_px:f} and {wish.offer_px:f}",
            field="BidPx",
            reason=QuoteRejectReason.INVALID_BID_ASK_SPREAD,
        )
    facts: dict[str, Any] = {"bid_px": wish.bid_px, "offer_px": wish.offer_px}
    if wish.valid_until_time is not None:
        if wish.valid_until_time <= now:
            raise TurnRefused(
                "expected a ValidUntilTime that is still to come",
                field="ValidUntilTime",
                reason=QuoteRejectReason.TOO_LATE_TO_ENTER,
            )
        facts["valid_until_time"] = wish.valid_until_time
    return facts


def _price(price: Decimal | None, field: str, record: ConversationRecord) -> Decimal:
    if price is None:
        raise Malformed(f"{field} is required", field=field, reason=SessionRejectReason.REQUIRED_TAG_MISSING)
    try:
        check_price(parse_subject(record.symbol), price)
    except ValueError as error:
        raise TurnRefused(str(error), field=field, reason=QuoteRejectReason.INVALID_PRICE) from None
    return price


def _expect_called(file: Conversation, by: Trader) -> None:
    """A call for one terminal is answered there."""
    first = file.turns[0]
    if first.terminal not in (None, by.terminal):
        raise TurnRefused(
            f"the call is for terminal {first.terminal}",
            field="Conversation",
            reason=QuoteRejectReason.NOT_AUTHORIZED,
        )


def _done_before(wish: Act, file: Conversation, by: Trader, *, is_ours: bool) -> bool:
    """Whether this very turn has been taken, or asked for and not lost: the answer may have been."""
    there = next((turn for turn in file.turns if turn.place == wish.answers + 1), None)
    if is_ours:
        if there is None or (there.by, there.trader, there.step) != (by.principal, by.trader, wish.step):
            return False
        return (there.bid_px, there.offer_px, there.text) == (wish.bid_px, wish.offer_px, wish.text)
    step = Step.WITHDRAWN if wish.step is Step.PASSED else wish.step
    if there is not None and there.by != by.principal and step is not Step.WITHDRAWN:
        return False
    return any(
        (asked.step, asked.trader, asked.price, asked.text) == (step, by.trader, wish.price, wish.text)
        and wish.side in (None, asked.deal_side)
        and (asked.answers == wish.answers or step is Step.WITHDRAWN)
        for asked in file.asked
    )
