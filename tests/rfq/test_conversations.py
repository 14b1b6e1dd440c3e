"""A conversation from call to conclusion, at both banks (FIG. 3 and 4)."""

from datetime import timedelta
from decimal import Decimal

import pytest

from chalicelib.records.conversations import Step
from chalicelib.records.fix import BuySell
from chalicelib.records.registrations import RegistrationState
from chalicelib.refusals import Concluded, Crossed, NotInConversation, PanelsTaken, RequestTaken, TurnRefused
from chalicelib.rfq.decisions import CALL_ALREADY_IN_PROGRESS, DUPLICATE_CALL, Policy
from chalicelib.rfq.node import Trader
from chalicelib.rfq.turns import clear
from tests.rfq.banks import MAIA, NORA, TURN, XAVER, XENIA, YAEL, YVES, Banks

FREE, INITIATED, RECEIVED = RegistrationState


@pytest.fixture
def banks() -> Banks:
    return Banks()


@pytest.mark.requirement("R2", "R5")
def test_a_call_is_registered_at_both_banks_and_queued_at_the_one_that_is_called(banks: Banks) -> None:
    called = banks.call(XENIA, "BANKY")
    assert banks.registration("BANKX", "BANKY").state is INITIATED
    assert banks.registration("BANKY", "BANKX").state is FREE
    banks.deliver()
    registration = banks.registration("BANKY", "BANKX")
    assert (registration.state, registration.conversation) == (RECEIVED, called.conversation)
    assert banks.file("BANKX", called.conversation).status(banks.now) is Step.QUEUED


@pytest.mark.requirement("R4", "R9")
def test_a_deal_binds_both_banks_and_frees_the_subject_at_both(banks: Banks) -> None:
    number = banks.dealt(XENIA, YVES)
    for principal, other in (("BANKX", "BANKY"), ("BANKY", "BANKX")):
        deal = banks.file(principal, number).conclusion
        assert deal is not None
        assert deal.step is Step.DEALT
        assert deal.price == Decimal("1.0843")  # type: ignore[union-attr]
        registration = banks.registration(principal, other)
        assert (registration.state, registration.last_step) == (FREE, Step.DEALT)


@pytest.mark.requirement("R9")
def test_the_deal_is_written_with_the_de_registration_and_before_any_ticket(banks: Banks) -> None:
    number = banks.quoted(XENIA, YVES)
    banks.act(XENIA, number, Step.DEALT, side=BuySell.SELL)
    banks.react()
    banks.receive(banks.sent.popleft())
    assert banks.file("BANKY", number).conclusion is not None
    assert banks.registration("BANKY", "BANKX").state is FREE
    assert banks.file("BANKY", number).ticket is None
    banks.deliver()
    assert banks.file("BANKY", number).ticket is not None
    assert banks.file("BANKX", number).ticket is not None


@pytest.mark.requirement("R4")
def test_a_counter_offer_is_dealt_at_by_the_called_bank(banks: Banks) -> None:
    number = banks.quoted(XENIA, YVES)
    banks.act(XENIA, number, Step.COUNTERED, price=Decimal("1.0842"), side=BuySell.BUY)
    banks.deliver()
    banks.act(YVES, number, Step.DEALT)
    banks.deliver()
    deal = banks.file("BANKX", number).turns[-1]
    assert (deal.step, deal.price, deal.deal_side) == (Step.DEALT, Decimal("1.0842"), BuySell.BUY)


@pytest.mark.requirement("R6", "R10")
@pytest.mark.parametrize("symbol", ["EURUSD", "USDEUR"])
def test_a_second_call_of_the_same_bank_is_denied_in_the_patents_words(banks: Banks, symbol: str) -> None:
    banks.call(XENIA, "BANKY")
    denied = banks.call(XAVER, "BANKY", symbol)
    assert (denied.step, denied.text) == (Step.DENIED, CALL_ALREADY_IN_PROGRESS)
    assert denied.text == "Request Denied: Call Already in Progress"
    assert denied.panel == 1
    assert banks.deliver() == 2  # the first call, and that it was queued


@pytest.mark.requirement("R5", "R6", "R10")
def test_the_called_bank_is_denied_a_call_back_in_the_patents_words(banks: Banks) -> None:
    banks.call(XENIA, "BANKY")
    banks.deliver()
    denied = banks.call(YAEL, "BANKX", "USDEUR")
    assert (denied.step, denied.text) == (Step.DENIED, "Duplicate Call In Progress")


@pytest.mark.requirement("R10")
def test_other_subjects_and_other_banks_are_free(banks: Banks) -> None:
    calls = [
        banks.call(XENIA, "BANKY"),
        banks.call(XENIA, "BANKY", "EURGBP"),
        banks.call(XENIA, "MERCURY"),
        banks.call(XENIA, "NEPTUNE"),
    ]
    banks.deliver()
    assert {banks.file("BANKX", call.conversation).status(banks.now) for call in calls} == {Step.QUEUED}


@pytest.mark.requirement("R11")
@pytest.mark.parametrize("policy", Policy)
def test_of_two_calls_that_cross_one_survives_under_earliest_and_at_most_one_by_the_patent(
    policy: Policy,
) -> None:
    banks = Banks(policy=policy)
    first = banks.call(XENIA, "BANKY")
    banks.now += timedelta(milliseconds=1)
    second = banks.call(YVES, "BANKX", "USDEUR")
    banks.deliver()
    states = {
        banks.file("BANKX", first.conversation).status(banks.now),
        banks.file("BANKY", second.conversation).status(banks.now),
    }
    if policy is Policy.EARLIEST:
        assert banks.file("BANKX", first.conversation).status(banks.now) is Step.QUEUED
        assert banks.file("BANKY", second.conversation).left is not None
        assert banks.registration("BANKX", "BANKY").conversation == first.conversation
        assert banks.registration("BANKY", "BANKX").conversation == first.conversation
    else:
        assert states == {Step.DUPLICATE}
        assert banks.registration("BANKX", "BANKY").state is FREE
        assert banks.registration("BANKY", "BANKX").state is FREE


@pytest.mark.requirement("R7", "R8")
def test_a_duplicate_frees_the_subject_at_the_callers_bank_alone() -> None:
    banks = Banks(policy=Policy.PATENT)
    first = banks.call(XENIA, "BANKY")
    banks.react()
    crossing = banks.sent.popleft()
    second = banks.call(YVES, "BANKX")
    banks.react()
    banks.receive(banks.sent.popleft())  # X has called, so Y's call is a duplicate there
    banks.react()
    banks.receive(banks.sent.popleft())  # ... and Y is free again
    refused = banks.file("BANKY", second.conversation).turns[0]
    assert (refused.step, refused.text) == (Step.DUPLICATE, DUPLICATE_CALL)
    assert banks.registration("BANKX", "BANKY").state is INITIATED
    banks.receive(crossing)
    banks.deliver()
    assert banks.file("BANKX", first.conversation).status(banks.now) is Step.QUEUED


@pytest.mark.requirement("R5", "R7")
def test_a_call_that_comes_twice_is_judged_once(banks: Banks) -> None:
    called = banks.call(XENIA, "BANKY")
    banks.react()
    again = banks.sent[0]
    banks.deliver()
    banks.act(XENIA, called.conversation, Step.PASSED)
    banks.deliver()
    assert banks.registration("BANKY", "BANKX").state is FREE
    banks.receive(again)
    banks.deliver()
    assert banks.registration("BANKY", "BANKX").state is FREE
    assert len(banks.file("BANKY", called.conversation).turns) == 2


@pytest.mark.requirement("R4", "R9")
def test_a_call_that_nobody_answers_expires_at_both_banks(banks: Banks) -> None:
    called = banks.call(XENIA, "BANKY")
    banks.deliver()
    banks.wait(TURN + timedelta(seconds=3))
    for principal, other in (("BANKX", "BANKY"), ("BANKY", "BANKX")):
        assert banks.file(principal, called.conversation).status(banks.now) is Step.EXPIRED
        assert banks.registration(principal, other).state is FREE


@pytest.mark.requirement("R9", "R13")
def test_a_call_that_never_arrives_is_presumed_to_have_expired(banks: Banks) -> None:
    called = banks.call(XENIA, "BANKY")
    banks.react()
    lost = banks.sent.popleft()
    banks.wait(TURN + timedelta(seconds=3))
    assert banks.registration("BANKX", "BANKY").state is FREE
    banks.receive(lost)
    banks.deliver()
    assert banks.registration("BANKY", "BANKX").state is FREE
    assert banks.file("BANKX", called.conversation).status(banks.now) is Step.EXPIRED


@pytest.mark.requirement("R13")
def test_an_accept_that_is_not_answered_keeps_its_registration_until_the_log_says_what_came_of_it(
    banks: Banks,
) -> None:
    number = banks.quoted(XENIA, YVES)
    banks.act(XENIA, number, Step.DEALT, side=BuySell.BUY)
    banks.react()
    banks.sent.clear()
    banks.now += TURN + timedelta(seconds=3)
    denied = banks.call(XAVER, "BANKY")
    assert denied.step is Step.DENIED
    banks.wait(timedelta(seconds=1))  # the inquiry arrives, and the log says: expired
    assert banks.registration("BANKX", "BANKY").last_step is Step.EXPIRED
    assert banks.file("BANKX", number).ticket is None


@pytest.mark.requirement("R3")
def test_a_trader_has_six_panels_and_a_seventh_call_is_refused(banks: Banks) -> None:
    symbols = ["EURUSD", "EURGBP", "EURJPY", "USDJPY", "GBPUSD", "USDCHF", "AUDUSD"]
    panels = [banks.call(XENIA, "BANKY", symbol).panel for symbol in symbols[:6]]
    assert panels == [1, 2, 3, 4, 5, 6]
    with pytest.raises(PanelsTaken):
        banks.call(XENIA, "BANKY", symbols[6])
    assert banks.registration("BANKX", "BANKY", symbols[6]).state is FREE
    assert banks.call(XAVER, "BANKY", symbols[6]).panel == 1


@pytest.mark.requirement("R3", "R6")
def test_what_is_denied_has_a_panel_that_can_only_be_cleared(banks: Banks) -> None:
    banks.call(XAVER, "BANKY")
    denied = banks.call(XENIA, "BANKY")
    with pytest.raises(Concluded):
        banks.act(XENIA, denied.conversation, Step.PASSED)
    clear(denied.conversation, XENIA, banks.at("BANKX"))
    clear(denied.conversation, XENIA, banks.at("BANKX"))
    assert banks.call(XENIA, "BANKY", "EURGBP").panel == 1


def test_a_conversation_that_goes_on_cannot_be_cleared(banks: Banks) -> None:
    number = banks.quoted(XENIA, YVES)
    with pytest.raises(TurnRefused):
        clear(number, XENIA, banks.at("BANKX"))


@pytest.mark.requirement("R3", "R9")
def test_clearing_an_overdue_conversation_ends_it(banks: Banks) -> None:
    number = banks.call(XENIA, "BANKY").conversation
    banks.deliver()
    banks.now += TURN - timedelta(seconds=1)
    banks.act(YVES, number, Step.ANSWERED)  # and nobody at the other bank hears of it yet
    banks.now += timedelta(seconds=2)
    clear(number, XENIA, banks.at("BANKX"))
    banks.deliver()
    assert banks.file("BANKX", number).status(banks.now) is Step.EXPIRED
    assert banks.registration("BANKX", "BANKY").state is FREE
    with pytest.raises(Concluded):
        banks.act(YVES, number, Step.QUOTED, bid_px=Decimal("1.0841"), offer_px=Decimal("1.0843"))


@pytest.mark.requirement("R4", "R9")
def test_nobody_accepts_a_price_that_has_not_arrived(banks: Banks) -> None:
    number = banks.quoted(XENIA, YVES)
    banks.act(YVES, number, Step.QUOTED, bid_px=Decimal("1.0831"), offer_px=Decimal("1.0833"))
    banks.act(YVES, number, Step.MESSAGE, text="better now?")
    banks.react()
    requote, message = banks.sent
    banks.sent.clear()
    banks.receive(message)
    with pytest.raises(Crossed):
        banks.act(XENIA, number, Step.DEALT, side=BuySell.BUY)
    banks.receive(requote)
    banks.act(XENIA, number, Step.DEALT, side=BuySell.BUY)
    banks.deliver()
    assert banks.file("BANKX", number).turns[-1].price == Decimal("1.0833")


@pytest.mark.requirement("R4")
def test_the_called_bank_does_not_counter_it_quotes_again(banks: Banks) -> None:
    number = banks.quoted(XENIA, YVES)
    banks.act(XENIA, number, Step.COUNTERED, price=Decimal("1.0842"), side=BuySell.BUY)
    banks.deliver()
    with pytest.raises(TurnRefused):
        banks.act(YVES, number, Step.COUNTERED, price=Decimal("1.08425"), side=BuySell.BUY)
    assert len(banks.file("BANKY", number).turns) == 4
    banks.act(YVES, number, Step.QUOTED, bid_px=Decimal("1.0840"), offer_px=Decimal("1.08425"))


@pytest.mark.requirement("R4")
def test_a_turn_that_crosses_another_is_refused(banks: Banks) -> None:
    number = banks.quoted(XENIA, YVES)
    banks.act(YVES, number, Step.QUOTED, bid_px=Decimal("1.0831"), offer_px=Decimal("1.0833"))
    banks.act(XENIA, number, Step.DEALT, side=BuySell.BUY)
    banks.deliver()
    file = banks.file("BANKX", number)
    assert (file.status(banks.now), file.pending) == (Step.QUOTED, None)
    with pytest.raises(Crossed):
        banks.act(XENIA, number, Step.DEALT, side=BuySell.BUY, answers=2)
    banks.act(XENIA, number, Step.DEALT, side=BuySell.BUY)
    banks.deliver()
    assert banks.file("BANKX", number).turns[-1].price == Decimal("1.0833")


def test_the_same_turn_again_is_answered_as_the_first_time(banks: Banks) -> None:
    number = banks.quoted(XENIA, YVES)
    for _ in range(2):
        banks.act(XENIA, number, Step.DEALT, side=BuySell.BUY, answers=2)
    banks.deliver()
    assert len(banks.file("BANKY", number).turns) == 4


def test_the_same_request_again_is_answered_as_the_first_time(banks: Banks) -> None:
    first = banks.call(XENIA, "BANKY", quote_req_id="R-1")
    assert banks.call(XENIA, "BANKY", quote_req_id="R-1") == first
    with pytest.raises(RequestTaken):
        banks.call(XENIA, "BANKY", "EURGBP", quote_req_id="R-1")


def test_only_the_traders_in_a_conversation_take_turns_in_it(banks: Banks) -> None:
    number = banks.quoted(XENIA, YVES)
    for stranger in (XAVER, YAEL):
        with pytest.raises(NotInConversation):
            banks.act(stranger, number, Step.PASSED)


@pytest.mark.requirement("R3")
def test_a_call_for_one_terminal_is_answered_there_alone(banks: Banks) -> None:
    number = banks.call(XENIA, "BANKY", terminal="Y2").conversation
    banks.deliver()
    with pytest.raises(TurnRefused):
        banks.act(YVES, number, Step.ANSWERED)
    assert banks.act(YAEL, number, Step.ANSWERED).answered_by == "yael"


@pytest.mark.requirement("R12")
def test_a_brokers_node_deals_for_two_principals_also_with_each_other(banks: Banks) -> None:
    number = banks.dealt(MAIA, NORA)
    assert {report.account for report in banks.booked} == {"MERCURY", "NEPTUNE"}
    assert banks.file("MERCURY", number).ticket is not None
    assert banks.file("NEPTUNE", number).ticket is not None


@pytest.mark.requirement("R9")
def test_hanging_up_frees_the_callers_bank_at_once_and_the_other_when_it_hears(banks: Banks) -> None:
    number = banks.quoted(XENIA, YVES)
    banks.act(XENIA, number, Step.PASSED)
    assert banks.registration("BANKX", "BANKY").state is FREE
    again = banks.call(XAVER, "BANKY")
    banks.deliver()
    assert again.step is Step.REQUESTED
    assert banks.file("BANKY", number).conclusion is not None
    assert banks.registration("BANKY", "BANKX").conversation == again.conversation


def test_a_call_that_overtakes_the_hanging_up_before_it_is_taken(banks: Banks) -> None:
    number = banks.quoted(XENIA, YVES)
    banks.act(XENIA, number, Step.PASSED)
    again = banks.call(Trader(principal="BANKX", trader="xaver", terminal="X2"), "BANKY")
    banks.react()
    banks.sent.reverse()
    banks.deliver()
    assert banks.file("BANKY", again.conversation).status(banks.now) is Step.QUEUED
    assert banks.file("BANKX", again.conversation).status(banks.now) is Step.QUEUED
    assert banks.file("BANKX", number).conclusion is not None


@pytest.mark.requirement("R13")
def test_a_dormant_node_takes_over_where_the_other_stopped_and_both_at_once_do_no_harm(banks: Banks) -> None:
    dormant = banks.stand_by("BANKY")
    number = banks.quoted(XENIA, YVES)
    banks.act(XENIA, number, Step.DEALT, side=BuySell.BUY)
    banks.react()
    asked = banks.sent[0]
    with dormant:
        banks.deliver()
    banks.receive(asked)
    banks.deliver()
    assert [turn.step for turn in banks.file("BANKX", number).turns][-1] is Step.DEALT
    assert len(banks.file("BANKY", number).turns) == 4


@pytest.mark.requirement("R9", "R13")
def test_hanging_up_meets_an_accept_that_is_made_while_it_is_decided(banks: Banks) -> None:
    number = banks.quoted(XENIA, YVES)
    banks.meanwhile("BANKX", lambda: banks.act(XENIA, number, Step.DEALT, side=BuySell.BUY))
    banks.act(XENIA, number, Step.PASSED, answers=2)
    assert banks.file("BANKX", number).exposed
    assert banks.registration("BANKX", "BANKY").conversation == number
    banks.deliver()
    assert banks.registration("BANKX", "BANKY").state is FREE
