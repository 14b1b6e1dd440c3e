"""Where the two halves meet: customers' orders in currencies, too large for the house's own rate."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from chalicelib.records.conversations import Step
from chalicelib.records.fix import OrdStatus

from ..client import Client, until
from ..demo.cues import await_status, expect, holding, told
from ..demo.stage import Stage
from ..demo.story import NotAsExpected, Story
from .traders import LATER, SOON, Trader, traders

_ACCOUNT = "A-1004"


def play(stage: Stage, story: Story) -> None:
    """Orders that the house's desk deals by calling banks."""
    c1, c2 = stage.client("c1"), stage.client("c2")
    banks = traders(stage, "xenia", "yves", "maia", "nora")
    with story.step(
        "A customer orders 2,000,000 euros: the house's desk calls a bank, which quotes 1.0843",
        "Filled at that price, at both utilities; the answer names the conversation",
    ) as came:
        before = in_both(c1)
        placed = c1.order(**euros("2000000"))
        bank, number = called(banks)
        bank.answer(number)
        bank.quote(number, "1.0841", "1.0843")
        states = [await_status(client, placed["OrderID"], OrdStatus.FILLED, LATER) for client in (c1, c2)]
        execution = states[1]["Executions"][0]
        came.append(f"{bank.principal}: {told(states[1])} at {states[1]['AvgPx']} in {number}")
        expect(execution.get("Conversation") == number, "another conversation, or none")
        expect(states[1]["AvgPx"] == "1.0843", "another price")
        bank.clear(number)
    with story.step("The customer's balances", "2,000,000 euros more, 2,168,600 dollars less") as came:
        wanted = (before[0] + 2_000_000, before[1] - 2_168_600)
        after = until(lambda has: has == wanted, lambda: in_both(c2), SOON)
        came.append(f"EUR {before[0]} to {after[0]}, USD {before[1]} to {after[1]}")
        expect(after == wanted, "not as executed")
    with story.step(
        "An order with a limit: the first bank's price will not do, the second's does",
        "the desk hangs up on the first; Filled at the second's price",
    ) as came:
        placed = c1.order(**{**euros("1000000"), "OrdType": "2", "Price": "1.08400"})
        first, number = called(banks)
        first.answer(number)
        first.quote(number, "1.0841", "1.0843")
        seen = first.await_step(number, Step.PASSED, Step.WITHDRAWN)
        came.append(f"{first.principal}: {seen['Step']}")
        first.clear(number)
        second, number = called([bank for bank in banks if bank.principal != first.principal])
        second.answer(number)
        second.quote(number, "1.0837", "1.0839")
        state = await_status(c2, placed["OrderID"], OrdStatus.FILLED, LATER)
        came.append(f"{second.principal}: {told(state)} at {state['AvgPx']}")
        expect(state["AvgPx"] == "1.0839", "another price")
        second.clear(number)
    with story.step(
        "An order is canceled while the bank that was called thinks it over",
        "Canceled; the call leaves the bank's queue",
    ) as came:
        placed = c1.order(**euros("3000000"))
        bank, number = called(banks)
        c2.cancel(placed["OrderID"])
        state = await_status(c1, placed["OrderID"], OrdStatus.CANCELED, LATER)
        left = until(lambda queue: number not in queue, bank.queue, SOON)
        came.append(f"{told(state)}; in the queue of {bank.principal}: {number in left}")
        expect(number not in left, "it still waits")


def euros(amount: str) -> dict[str, str]:
    """A market order for euros against dollars."""
    return {"Account": _ACCOUNT, "Symbol": "EURUSD", "Side": "1", "OrdType": "1", "OrderQty": amount}


def in_both(client: Client) -> tuple[Decimal, Decimal]:
    """What the account has in euros and in dollars."""
    euro, dollar = (holding(client, "/balances", "Balances", _ACCOUNT, asset) for asset in ("EUR", "USD"))
    return euro, dollar


def called(banks: Sequence[Trader]) -> tuple[Trader, str]:
    """Wait for one of these banks to be called: who has the call in the queue, and the conversation."""

    def look() -> tuple[Trader, str] | None:
        return next(((bank, queue[0]) for bank in banks if (queue := bank.queue())), None)

    found: Any = until(bool, look, LATER, 0.1)
    if found is None:
        raise NotAsExpected("no bank has been called")
    bank, number = found
    return bank, number
