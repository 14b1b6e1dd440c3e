"""Anything with a market can be negotiated, and for anybody: the whole protocol, in memory (R12)."""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.records.conversations import (
    Asked,
    ConversationRecord,
    Requested,
    Step,
    Ticket,
    Turn,
    file_key,
)
from chalicelib.records.fix import BuySell
from chalicelib.records.instruments import subject_key
from chalicelib.records.registrations import Registration, RegistrationState
from chalicelib.rfq.decisions import (
    CALL_ALREADY_IN_PROGRESS,
    DUPLICATE_CALL,
    Decision,
    do,
    initiate,
    judge,
    learn,
    take,
    want,
)
from chalicelib.rfq.tickets import execution, ticket
from chalicelib.rfq.value_dates import value_date
from chalicelib.state.conversations import Conversation, fold_conversation
from tests.builders import NOW, SECRET, seconds
from tests.rfq.builders import (
    ANSWERER,
    CALLER,
    DESTINATION,
    INITIATING,
    call,
    panels,
    registration,
    rules,
)

BUND = "DE000BU2Z023"
TREASURY = "US91282CKU44"
MILLION = Decimal(1_000_000)
RULES = rules(value_date=lambda symbol, settl_type, at: f"{value_date(symbol, settl_type, at):%Y%m%d}")


@dataclass
class Dealing:
    """What all nodes keep, applied as it is decided; a second passes with every decision."""

    now: datetime = NOW
    registrations: dict[str, Registration] = field(default_factory=dict)
    files: dict[str, list[ConversationRecord]] = field(default_factory=lambda: defaultdict(list))

    def call(self, conversation: str, symbol: str, quantity: Decimal = MILLION, **parties: Any) -> Requested:
        """A call as its own node lets it through, or denies it."""
        wish = call(self.now, conversation=conversation, symbol=symbol, order_qty=quantity, **parties)
        registered = self.registration(wish.initiating, wish.destination, symbol)
        known = self.file(wish.initiating, registered.conversation)
        shown = panels(wish.initiating)
        self._apply(initiate(wish, registered, known, shown, now=self.now, rules=RULES))
        made = self.file(wish.initiating, conversation).requested
        assert made is not None
        return made

    def arrive(self, made: Requested) -> Turn:
        """The call arrives at the other bank, and what became of it is learned by the first."""
        registered = self.registration(made.destination, made.initiating, made.symbol)
        known = self.file(made.destination, registered.conversation)
        decision = judge(made, registered, known, origin="s2", now=self.now, rules=RULES)
        self._apply(decision)
        return self._learn(decision)

    def do(self, made: Requested, step: Step, **facts: Any) -> Turn:
        """The called bank's trader takes the next turn."""
        decision = do(
            step,
            self.file(made.destination, made.conversation).seen,
            self.file(made.destination, made.conversation),
            self.registration(made.destination, made.initiating, made.symbol),
            ANSWERER,
            origin="s2",
            now=self.now,
            rules=RULES,
            panels=panels(made.destination, ANSWERER) if step is Step.ANSWERED else None,
            **facts,
        )
        self._apply(decision)
        return self._learn(decision)

    def want(self, made: Requested, step: Step, **facts: Any) -> Turn:
        """The calling trader takes the next turn, and the called bank's log has it."""
        file = self.file(made.initiating, made.conversation)
        registered = self.registration(made.initiating, made.destination, made.symbol)
        wished = want(step, file.seen, file, registered, CALLER, origin="s1", now=self.now, **facts)
        self._apply(wished)
        (asked,) = wished.records
        assert isinstance(asked, Asked)
        decision = take(
            asked,
            self.file(made.destination, made.conversation),
            self.registration(made.destination, made.initiating, made.symbol),
            origin="s2",
            now=self.now,
            rules=RULES,
        )
        self._apply(decision)
        return self._learn(decision)

    def registration(self, principal: str, other: str, symbol: str) -> Registration:
        blank = registration(principal, other, subject_key(symbol))
        return self.registrations.get(blank.partition_key, blank)

    def file(self, principal: str, conversation: str | None) -> Conversation:
        return fold_conversation(self.files[file_key(principal, conversation or "")])

    def _learn(self, decision: Decision) -> Turn:
        (turn,) = decision.records
        assert isinstance(turn, Turn)
        file = self.file(turn.initiating, turn.conversation)
        registered = self.registration(turn.initiating, turn.destination, turn.symbol)
        self._apply(learn(turn, file, registered, now=self.now))
        return turn

    def _apply(self, decision: Decision) -> None:
        if decision.registration is not None:
            self.registrations[decision.registration.partition_key] = decision.registration
        for record in decision.records:
            self.files[record.partition_key].append(record)
        self.now += seconds(1)


def quoted(dealing: Dealing, made: Requested, bid: str, offer: str) -> Turn:
    """A call that has been answered, and quoted on both sides."""
    assert dealing.arrive(made).step is Step.QUEUED
    dealing.do(made, Step.ANSWERED)
    return dealing.do(made, Step.QUOTED, bid_px=Decimal(bid), offer_px=Decimal(offer))


def tickets(turn: Turn) -> tuple[Ticket, Ticket]:
    """What the deal means for who called and for who was called."""
    nodes = {turn.initiating: ("B01", "s1"), turn.destination: ("B02", "s2")}
    ours, theirs = (
        ticket(turn, principal, execution(turn, principal, code, SECRET, origin))
        for principal, (code, origin) in nodes.items()
    )
    return ours, theirs


def states(dealing: Dealing, symbol: str) -> set[RegistrationState]:
    """What both banks' registrations of a subject say."""
    return {
        dealing.registration(principal, other, symbol).state
        for principal, other in ((INITIATING, DESTINATION), (DESTINATION, INITIATING))
    }


# Any subject


@pytest.mark.requirement("R12", "R9")
@pytest.mark.parametrize(
    ("symbol", "quantity", "bid", "offer", "received", "given", "settles"),
    [
        ("EURUSD", "1000000", "1.1741", "1.1743", "1000000 EUR", "1174300.00 USD", "20260107"),
        ("XAUUSD", "400.125", "4452.10", "4453.60", "400.125 XAU", "1781996.70 USD", "20260107"),
        ("USDCAD", "250000", "1.3731", "1.3733", "250000 USD", "343325.00 CAD", "20260106"),
    ],
)
def test_currencies_and_metals_are_negotiated_alike(
    symbol: str, quantity: str, bid: str, offer: str, received: str, given: str, settles: str
) -> None:
    dealing = Dealing()
    made = dealing.call("call-1", symbol, Decimal(quantity))
    quoted(dealing, made, bid, offer)
    assert states(dealing, symbol) == {RegistrationState.INITIATED, RegistrationState.RECEIVED}
    turn = dealing.want(made, Step.DEALT, deal_side=BuySell.BUY)
    assert (turn.step, turn.price, turn.settl_date) == (Step.DEALT, Decimal(offer), settles)
    assert states(dealing, symbol) == {RegistrationState.FREE}
    ours, theirs = tickets(turn)
    assert f"{ours.received_qty} {ours.received}" == f"{theirs.given_qty} {theirs.given}" == received
    assert f"{ours.given_qty} {ours.given}" == f"{theirs.received_qty} {theirs.received}" == given


@pytest.mark.requirement("R12", "R9")
@pytest.mark.parametrize(
    ("isin", "settles", "accrued", "paid"),
    [
        # 2.2 percent for the 326 days since 2025-02-15, of 365.
        (BUND, "20260107", "19649.32", "991249.32 EUR"),
        # Half of 4.625 percent for the 37 days since 2025-11-30, of 182.
        (TREASURY, "20260106", "4701.24", "976301.24 USD"),
    ],
)
def test_a_bond_is_negotiated_at_a_clean_price_and_its_ticket_shows_what_it_has_accrued(
    isin: str, settles: str, accrued: str, paid: str
) -> None:
    dealing = Dealing()
    made = dealing.call("call-1", isin)
    quoted(dealing, made, "97.16", "97.18")
    turn = dealing.want(made, Step.DEALT, deal_side=BuySell.SELL)
    for shown in tickets(turn):
        assert (shown.price, shown.accrued_interest_amt) == (Decimal("97.16"), Decimal(accrued))
        assert shown.settl_date == settles
    ours, theirs = tickets(turn)
    assert f"{ours.received_qty} {ours.received}" == f"{theirs.given_qty} {theirs.given}" == paid
    assert (ours.given, ours.given_qty) == (theirs.received, theirs.received_qty) == (isin, MILLION)
    assert states(dealing, isin) == {RegistrationState.FREE}


@pytest.mark.requirement("R12", "R4")
def test_a_counter_on_a_bond_is_dealt_at_by_the_bank_that_was_called() -> None:
    dealing = Dealing()
    made = dealing.call("call-1", BUND)
    quoted(dealing, made, "97.10", "97.14")
    dealing.want(made, Step.COUNTERED, deal_side=BuySell.BUY, price=Decimal("97.12"))
    turn = dealing.do(made, Step.DEALT)
    assert (turn.by, turn.price, turn.deal_side) == (DESTINATION, Decimal("97.12"), BuySell.BUY)
    ours, theirs = tickets(turn)
    assert (ours.received, theirs.received) == (BUND, "EUR")
    assert (ours.trader, theirs.trader) == (None, ANSWERER)


@pytest.mark.requirement("R12", "R10")
def test_a_bond_or_a_metal_is_registered_like_a_pair_and_apart_from_every_other_subject() -> None:
    dealing = Dealing()
    for number, symbol in enumerate([BUND, TREASURY, "XAUUSD", "XAGUSD", "EURUSD"]):
        assert dealing.arrive(dealing.call(f"call-{number}", symbol)).step is Step.QUEUED
    for number, symbol in enumerate([BUND, TREASURY, "USDXAU", "USDXAG", "USDEUR"]):
        denied = dealing.call(f"again-{number}", symbol)
        assert (denied.step, denied.text) == (Step.DENIED, CALL_ALREADY_IN_PROGRESS)
        back = dealing.call(f"back-{number}", symbol, initiating=DESTINATION, destination=INITIATING)
        assert (back.step, back.text) == (Step.DENIED, DUPLICATE_CALL)


# Any principal


@pytest.mark.requirement("R12", "R10")
def test_a_broker_deals_for_two_principals_on_one_subject_with_one_bank_at_once() -> None:
    dealing = Dealing()
    first = dealing.call("call-1", "XAUUSD", initiating="MERCURY", destination=DESTINATION)
    second = dealing.call("call-2", "XAUUSD", initiating="NEPTUNE", destination=DESTINATION)
    quoted(dealing, first, "4452.10", "4453.60")
    quoted(dealing, second, "4452.00", "4453.70")
    bought = dealing.want(first, Step.DEALT, deal_side=BuySell.BUY)
    assert dealing.registration("MERCURY", DESTINATION, "XAUUSD").state is RegistrationState.FREE
    assert dealing.registration("NEPTUNE", DESTINATION, "XAUUSD").state is RegistrationState.INITIATED
    sold = dealing.want(second, Step.DEALT, deal_side=BuySell.SELL)
    assert [bought.price, sold.price] == [Decimal("4453.60"), Decimal("4452.00")]
    ours, theirs = tickets(bought)[0], tickets(sold)[0]
    assert (ours.principal, ours.received) == ("MERCURY", "XAU")
    assert (theirs.principal, theirs.received) == ("NEPTUNE", "USD")
    assert ours.exec_id != theirs.exec_id


@pytest.mark.requirement("R12", "R5")
def test_a_brokers_principal_has_one_conversation_on_a_subject_whatever_its_others_do() -> None:
    dealing = Dealing()
    dealing.arrive(dealing.call("call-1", BUND, initiating="MERCURY"))
    assert dealing.call("call-2", BUND, initiating="MERCURY").text == CALL_ALREADY_IN_PROGRESS
    back = dealing.call("call-3", BUND, initiating=DESTINATION, destination="MERCURY")
    assert back.text == DUPLICATE_CALL
    other = dealing.call("call-4", BUND, initiating=DESTINATION, destination="NEPTUNE")
    assert dealing.arrive(other).step is Step.QUEUED


@pytest.mark.requirement("R12")
def test_two_principals_of_one_broker_deal_with_each_other() -> None:
    dealing = Dealing()
    made = dealing.call("call-1", BUND, initiating="MERCURY", destination="NEPTUNE")
    quoted(dealing, made, "97.10", "97.14")
    turn = dealing.want(made, Step.DEALT, deal_side=BuySell.BUY)
    reports = [execution(turn, name, "B03", SECRET, "broker") for name in ("MERCURY", "NEPTUNE")]
    assert reports[0].exec_id != reports[1].exec_id
    assert reports[0].partition_key != reports[1].partition_key
    assert reports[0].net_money == reports[1].net_money


@pytest.mark.requirement("R12", "R4")
def test_time_runs_out_for_gold_as_for_anything() -> None:
    dealing = Dealing()
    made = dealing.call("call-1", "XAUUSD")
    late = replace(dealing, now=dealing.now + RULES.turn + timedelta(seconds=1))
    assert late.arrive(made).step is Step.EXPIRED
    assert states(late, "XAUUSD") == {RegistrationState.FREE}
