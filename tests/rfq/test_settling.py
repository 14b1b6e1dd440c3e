"""How a node's decisions are written: decided anew as often as needed, and not for ever."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from chalicelib.records.conversations import Step
from chalicelib.records.record import Item
from chalicelib.records.registrations import RegistrationState
from chalicelib.tables.registry import Key, Registry
from chalicelib.tables.store import Store, Unreachable
from tests.rfq.banks import XAVER, XENIA, Banks


@dataclass
class Disturbed:
    """A registry on whose commits something else comes first, one thing on each; or after its reads."""

    registry: Registry
    first: list[Callable[[], object]]
    after: list[Callable[[], object]] = field(default_factory=list)
    commits: int = field(default=0, init=False)

    @property
    def kept(self) -> Store:
        return self.registry.kept

    @property
    def records(self) -> Store:
        return self.registry.records

    def read(self, *keys: Key) -> list[Item | None]:
        found = self.registry.read(*keys)
        if self.after:
            self.after.pop(0)()
        return found

    def commit(self, replaced: Sequence[Item], inserted: Sequence[Item]) -> bool:
        self.commits += 1
        if self.first:
            self.first.pop(0)()
        return self.registry.commit(replaced, inserted)


@pytest.fixture
def banks() -> Banks:
    return Banks()


def disturb(banks: Banks, *first: Callable[[], object], principal: str = "BANKX") -> Disturbed:
    """Have these come before the next commits at a bank's node."""
    node = banks.at(principal)
    disturbed = Disturbed(node.registry, list(first))
    banks.nodes[node.name] = replace(node, registry=disturbed)
    return disturbed


def conflict() -> None:
    raise Unreachable("another transaction is at the same items")


@pytest.mark.requirement("R5", "R11")
def test_a_call_that_is_overtaken_while_it_is_decided_is_decided_anew(banks: Banks) -> None:
    overtaking = []
    disturb(banks, lambda: overtaking.append(banks.call(XAVER, "BANKY")))
    denied = banks.call(XENIA, "BANKY")
    assert (overtaking[0].step, denied.step) == (Step.REQUESTED, Step.DENIED)
    assert banks.registration("BANKX", "BANKY").conversation == overtaking[0].conversation


@pytest.mark.requirement("R11")
def test_a_request_that_is_sent_twice_at_once_is_let_through_once_and_answered_alike(banks: Banks) -> None:
    first = []
    disturb(banks, lambda: first.append(banks.call(XENIA, "BANKY", quote_req_id="R-1")))
    assert banks.call(XENIA, "BANKY", quote_req_id="R-1") == first[0]
    assert first[0].step is Step.REQUESTED
    assert banks.registration("BANKX", "BANKY").conversation == first[0].conversation


@pytest.mark.requirement("R9", "R11")
def test_a_call_that_arrives_while_its_hanging_up_is_looked_at_is_not_left_registered(banks: Banks) -> None:
    number = banks.call(XENIA, "BANKY").conversation
    banks.act(XENIA, number, Step.PASSED)
    banks.react()
    called, hung_up = banks.sent.popleft(), banks.sent.popleft()
    disturb(banks, principal="BANKY").after.append(lambda: banks.receive(called))
    banks.receive(hung_up)
    assert [turn.step for turn in banks.file("BANKY", number).turns] == [Step.QUEUED, Step.WITHDRAWN]
    assert banks.registration("BANKY", "BANKX").state is RegistrationState.FREE


@pytest.mark.requirement("R11")
def test_a_call_whose_transactions_meet_others_is_made_in_the_end(banks: Banks) -> None:
    disturbed = disturb(banks, *[conflict] * 15)
    assert banks.call(XENIA, "BANKY").step is Step.REQUESTED
    assert disturbed.commits == 16


def test_a_registration_that_stays_busy_is_given_up_and_nothing_is_written(banks: Banks) -> None:
    disturbed = disturb(banks, *[conflict] * 100)
    with pytest.raises(Unreachable):
        banks.call(XENIA, "BANKY")
    assert disturbed.commits == 16
    assert banks.registration("BANKX", "BANKY").state is RegistrationState.FREE
    assert banks.deliver() == 0


@pytest.mark.requirement("T17")
def test_who_waits_for_a_table_that_does_not_answer_is_told_in_time(banks: Banks) -> None:
    def answer_nothing() -> None:
        banks.now += timedelta(seconds=3)
        conflict()

    begun = banks.now
    disturb(banks, *[answer_nothing] * 100)
    with pytest.raises(Unreachable):
        banks.call(XENIA, "BANKY")
    assert banks.now - begun < timedelta(seconds=10)
