"""What the tests of conversations are built from: two principals, a call, its log, and the rules."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from chalicelib.records.conversations import Requested, Step, Turn
from chalicelib.records.fix import BuySell
from chalicelib.records.registrations import Panels, Registration
from chalicelib.rfq.decisions import Policy, Rules
from tests.builders import NOW, seconds

# ALPHA calls BRAVO: Ada at ALPHA1 calls, Bob at BRAVO1 answers. Each has a node of its own.
INITIATING = "ALPHA"
DESTINATION = "BRAVO"
INITIATING_NODE = "s1"
DESTINATION_NODE = "s2"
CALLER = "ada"
ANSWERER = "bob"

CONVERSATION = "S0120260105-ada-1"
SYMBOL = "EURUSD"
QUANTITY = Decimal(1_000_000)
TURN_TIME = seconds(60)
VALUE_DATE = "20260107"


def rules(policy: Policy = Policy.EARLIEST, **agreed: Any) -> Rules:
    """What the banks have agreed on; every deal settles on one day unless `value_date` is given."""
    usual: dict[str, Any] = {
        "turn": TURN_TIME,
        "value_date": lambda symbol, settl_type, time: VALUE_DATE,
    }
    return Rules(policy=policy, **{**usual, **agreed})


def call(at: datetime = NOW, **facts: Any) -> Requested:
    """ALPHA's request for a quote of a million euros against dollars, either way."""
    usual: dict[str, Any] = {
        **_subject(),
        "principal": facts.get("initiating", INITIATING),
        "origin": INITIATING_NODE,
        "transact_time": at,
        "step": Step.REQUESTED,
        "quote_req_id": "ask-1",
        "trader": CALLER,
        "terminal": "ALPHA1",
        "panel": 1,
        "valid_until_time": at + TURN_TIME,
    }
    return Requested(**{**usual, **facts})


def turn(place: int, step: Step, at: datetime = NOW, **facts: Any) -> Turn:
    """A place of the log, in the called bank's file unless `principal` says otherwise."""
    usual: dict[str, Any] = {
        **_subject(),
        "principal": facts.get("destination", DESTINATION),
        "origin": DESTINATION_NODE,
        "transact_time": at,
        "place": place,
        "step": step,
        "by": facts.get("destination", DESTINATION),
        "valid_until_time": at + TURN_TIME,
    }
    return Turn(**{**usual, **facts})


def dealt(at: datetime = NOW, **facts: Any) -> Turn:
    """The turn that binds: ALPHA has bought at 1.0843."""
    usual: dict[str, Any] = {
        "by": facts.get("initiating", INITIATING),
        "trader": CALLER,
        "price": Decimal("1.0843"),
        "deal_side": BuySell.BUY,
        "settl_date": VALUE_DATE,
        "valid_until_time": at,
    }
    return turn(3, Step.DEALT, at, **{**usual, **facts})


def registration(
    principal: str = INITIATING, counterparty: str = DESTINATION, subject: str = SYMBOL, **facts: Any
) -> Registration:
    """A principal's registration of a subject with another: free, unless `state` says otherwise."""
    usual: dict[str, Any] = {"origin": INITIATING_NODE, "transact_time": NOW - timedelta(days=1)}
    return Registration(principal=principal, counterparty=counterparty, subject=subject, **{**usual, **facts})


def panels(principal: str = INITIATING, trader: str = CALLER, **shown: str) -> Panels:
    """A trader's panels: all free, but for those that are given (`panel1="..."`)."""
    facts: dict[str, Any] = dict(shown)
    return Panels(
        principal=principal,
        trader=trader,
        origin=INITIATING_NODE,
        transact_time=NOW - timedelta(days=1),
        **facts,
    )


def _subject() -> dict[str, Any]:
    return {
        "conversation": CONVERSATION,
        "initiating": INITIATING,
        "destination": DESTINATION,
        "symbol": SYMBOL,
        "order_qty": QUANTITY,
    }
