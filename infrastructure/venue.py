"""The simulated venues' own voice: what an operator has one say of an order that a street utility works."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

from chalicelib.enterprise import Enterprise, Side, Utility
from chalicelib.records.fix import ExecType
from chalicelib.records.instruments import find_subject
from chalicelib.records.numbers import MalformedNumber, parse_number
from chalicelib.records.orders import Claim, Found, claim_key
from chalicelib.rfq.tickets import OFF_EXCHANGE
from chalicelib.street.exchange import MARKET as EXCHANGE
from chalicelib.street.funds import FUNDS
from chalicelib.street.funds import MARKET as FUND_COMPANY
from chalicelib.street.notices import give_notice
from chalicelib.tables.store import Store

from .local import LocalError

WORDS: Mapping[str, ExecType] = {
    "bust": ExecType.TRADE_CANCEL,
    "correct": ExecType.TRADE_CORRECT,
    "stop": ExecType.STOPPED,
    "suspend": ExecType.SUSPENDED,
    "restate": ExecType.RESTATED,
    "cancel": ExecType.CANCELED,
}


def say(
    word: str, number: str, enterprise: Enterprise, inbox: Callable[[Utility], Store], **facts: Any
) -> Utility:
    """Have the venue say something of an order: which street utility it was said to."""
    claim, utility = find_claim(number, enterprise, inbox)
    notice_id = f"{word}-{token_hex(4)}"
    give_notice(
        claim, WORDS[word], notice_id, inbox(utility), venue=_market(claim), now=datetime.now(UTC), **facts
    )
    return utility


def find_claim(
    number: str, enterprise: Enterprise, inbox: Callable[[Utility], Store]
) -> tuple[Claim, Utility]:
    """Who works an order; LocalError if nobody does."""
    try:
        parsed = parse_number(number)
    except MalformedNumber as error:
        raise LocalError(str(error)) from None
    for utility in enterprise.on(Side.STREET):
        item = inbox(utility).get(parsed.account_key, claim_key(parsed)) if utility.orders else None
        if item is not None and item["Found"] == Found.CLAIMED:
            return Claim.from_item(item), utility
    raise LocalError(f"no street utility has claimed {number}")


def _market(claim: Claim) -> str:
    """Where what a claimed order asks for is traded."""
    assert claim.symbol is not None
    if claim.symbol in FUNDS:
        return FUND_COMPANY
    return EXCHANGE if find_subject(claim.symbol) is None else OFF_EXCHANGE
