"""Scenes of the lives that orders have: changed on the way, cut short, busted, by money, in euros."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from chalicelib.enterprise import Holding, Utility
from chalicelib.records.fix import OrdStatus
from chalicelib.records.times import format_time

from ..client import Client, until
from ..venue import say
from .cues import LATER, SOON, await_status, expect, holding, market, resting, told
from .stage import Stage
from .story import Story

FUND = "THREEX"


def changes(stage: Stage, story: Story) -> None:
    """Orders that are changed, triggered, cut short."""
    c1, c2 = stage.client("c1"), stage.client("c2")
    with story.step(
        "An order that rests is replaced at the other utility: fewer shares, at market",
        "Filled for 40, under the replacement's ClOrdID",
    ) as came:
        placed = c1.order(**resting())
        await_status(c1, placed["OrderID"], OrdStatus.NEW)
        asked = c2.replace(placed["OrderID"], OrderQty="40", OrdType="1")
        state = await_status(c1, placed["OrderID"], OrdStatus.FILLED)
        came.append(f"{told(state)}, OrderQty {state['OrderQty']}, {state['ClOrdID']}")
        expect((state["OrderQty"], state["ClOrdID"]) == ("40", asked["ClOrdID"]), "other terms")
    with story.step("A replacement of a version that is no more", "refused, and the order as it was") as came:
        placed = c1.order(**resting())
        first = c1.replace(placed["OrderID"], OrderQty="70", OrigClOrdID=placed["ClOrdID"])
        await_quantity(c1, placed["OrderID"], "70")
        c2.replace(placed["OrderID"], OrderQty="80", OrigClOrdID=placed["ClOrdID"])
        refusal = await_refusal(c1, placed["OrderID"])
        came.append(f"{refusal['RecordType']}: {refusal['Text']}")
        expect(first["ClOrdID"] in refusal["Text"], "it does not say which version there is")
        c1.cancel(placed["OrderID"])
        await_status(c1, placed["OrderID"], OrdStatus.CANCELED)
    with story.step("A stop order", "Triggered at its price, then Filled") as came:
        placed = c1.order(**{**market(), "OrdType": "3", "StopPx": "1.00"})
        state = await_status(c2, placed["OrderID"], OrdStatus.FILLED)
        kinds = [record.get("ExecType", "-") for record in trail(c2, placed["OrderID"])]
        came.append(f"{told(state)}; ExecTypes {' '.join(kinds)}")
        expect("L" in kinds, "it was not triggered")
    with story.step("More than there is, immediate or cancel", "what there was, the rest Canceled") as came:
        placed = c1.order(**market("90000", "GOOG"), TimeInForce="3")
        state = await_status(c2, placed["OrderID"], OrdStatus.CANCELED)
        came.append(f"{told(state)}, CumQty {state['CumQty']}")
        expect(Decimal(state["CumQty"]) > 0, "nothing was executed")
    with story.step("More than there is, fill or kill", "Canceled, nothing executed") as came:
        placed = c1.order(**market("90000", "GOOG"), TimeInForce="4")
        state = await_status(c2, placed["OrderID"], OrdStatus.CANCELED)
        came.append(f"{told(state)}, CumQty {state['CumQty']}")
        expect(state["CumQty"] == "0", "something was executed")
    with story.step("Good for two seconds", "Expired") as came:
        ends = format_time(datetime.now(UTC) + timedelta(seconds=2))
        placed = c1.order(**resting(), TimeInForce="6", ExpireTime=ends)
        state = await_status(c2, placed["OrderID"], OrdStatus.EXPIRED)
        came.append(f"{told(state)}, asked for until {ends}")
    with story.step("Sent again with PossResend", "where it stands, and no second order") as came:
        fields = {"ClOrdID": f"perhaps-{time.time_ns()}", "TransactTime": format_time(datetime.now(UTC))}
        placed = c1.order(**market(), **fields)
        await_status(c1, placed["OrderID"], OrdStatus.FILLED)
        again = c1.order(**market(), **fields, PossResend="Y")
        came.append(f"{again['OrderID']}: {told(again)}")
        expect((again["OrderID"], again["OrdStatus"]) == (placed["OrderID"], OrdStatus.FILLED), "another")


def venues_own_words(stage: Stage, story: Story) -> None:
    """What a venue says by itself."""
    c1, c2 = stage.client("c1"), stage.client("c2")

    def inbox(of: Utility) -> Any:
        return stage.table(of.name, Holding.INBOX)

    with story.step(
        "The exchange busts an execution", "taken back at both utilities and in the books; executed anew"
    ) as came:
        before = holding(c1, "/positions", "Positions", "A-1002", "IBM")
        placed = c1.order(**market("10", "IBM", "A-1002"))
        state = await_status(c1, placed["OrderID"], OrdStatus.FILLED)
        busted = state["Executions"][0]["ExecID"]
        at = say("bust", placed["OrderID"], stage.enterprise, inbox, exec_ref_id=busted)
        state = until(
            lambda s: len(s["Executions"]) == 2 and s["OrdStatus"] == OrdStatus.FILLED,
            lambda: c2.status(placed["OrderID"]),
            LATER,
        )
        shown = [execution.get("BustedBy", "counts") for execution in state["Executions"]]
        came.append(f"said to {at.name}; {told(state)}; executions: {', '.join(shown)}")
        expect(len(shown) == 2 and shown[1] == "counts" and shown[0] != "counts", "not as it should be")
        after = until(
            lambda quantity: quantity == before + 10,
            lambda: holding(c2, "/positions", "Positions", "A-1002", "IBM"),
            SOON,
        )
        came.append(f"IBM {before} +10 is {after} at c2")
        expect(after == before + 10, "the books have it twice, or not at all")


def by_money(stage: Stage, story: Story) -> None:
    """Orders by amounts: shares, a fund, euros."""
    c1, c2 = stage.client("c1"), stage.client("c2")
    with story.step("Shares for 5,000.00 dollars", "whole shares, for no more than that") as came:
        placed = c1.order(**by_cash("AAPL", "5000.00"))
        state = await_status(c2, placed["OrderID"], OrdStatus.FILLED)
        paid = Decimal(state["CumQty"]) * Decimal(state["AvgPx"])
        came.append(f"{told(state)}: {state['CumQty']} shares for {paid:.2f}")
        expect(0 < paid <= 5000, "it cost more")
    with story.step(
        f"{FUND} for 1,000.00 dollars, then all of it redeemed", "priced at the net asset value; nothing left"
    ) as came:
        account = {"Account": "A-1003"}
        placed = c1.order(**{**by_cash(FUND, "1000.00"), **account})
        state = await_status(c2, placed["OrderID"], OrdStatus.FILLED, LATER)
        units = Decimal(state["CumQty"])
        came.append(f"{units} units at {state['AvgPx']}, paid {state['Executions'][0]['NetMoney']}")
        until(
            lambda quantity: quantity == units,
            lambda: holding(c1, "/positions", "Positions", "A-1003", FUND),
            SOON,
        )
        fields = {"Symbol": FUND, "Side": "2", "OrdType": "1", "OrderPercent": "100", **account}
        placed = c2.order(**fields)
        state = await_status(c1, placed["OrderID"], OrdStatus.FILLED, LATER)
        left = until(
            lambda quantity: quantity == 0,
            lambda: holding(c1, "/positions", "Positions", "A-1003", FUND),
            SOON,
        )
        came.append(f"redeemed {state['CumQty']} units at {state['AvgPx']}, {left} left")
        expect(Decimal(state["CumQty"]) == units and left == 0, "not all of it")
    with story.step(
        "100,000 euros for dollars", "Filled at the house's own rate, in both currencies' balances"
    ) as came:
        before = {asset: holding(c1, "/balances", "Balances", "A-1003", asset) for asset in ("EUR", "USD")}
        fields = {"Account": "A-1003", "Symbol": "EURUSD", "Side": "1", "OrdType": "1", "OrderQty": "100000"}
        placed = c1.order(**fields)
        state = await_status(c2, placed["OrderID"], OrdStatus.FILLED, LATER)
        execution = state["Executions"][0]
        money = Decimal(execution["NetMoney"])
        came.append(
            f"{told(state)} at {state['AvgPx']} by {execution['LastMkt']}, settles {execution['SettlDate']}"
        )
        after = until(
            lambda has: has == {"EUR": before["EUR"] + 100_000, "USD": before["USD"] - money},
            lambda: {asset: holding(c2, "/balances", "Balances", "A-1003", asset) for asset in before},
            SOON,
        )
        came.append(f"EUR {before['EUR']} to {after['EUR']}, USD {before['USD']} to {after['USD']}")
        expect(after["EUR"] - before["EUR"] == 100_000, "no euros")


def by_cash(symbol: str, amount: str) -> dict[str, str]:
    """A market order for an amount of money."""
    return {"Account": "A-1001", "Symbol": symbol, "Side": "1", "OrdType": "1", "CashOrderQty": amount}


def trail(client: Client, number: str) -> list[Mapping[str, Any]]:
    """Every record of an order that has arrived."""
    return list(client.get(f"/orders/{number}/records")["Records"])


def await_quantity(client: Client, number: str, quantity: str) -> None:
    """Wait until an order is for so much."""
    state = until(lambda s: s.get("OrderQty") == quantity, lambda: client.status(number), SOON)
    expect(state.get("OrderQty") == quantity, f"{number} is for {state.get('OrderQty')}")


def await_refusal(client: Client, number: str) -> Mapping[str, Any]:
    """Wait for an OrderCancelReject of an order."""

    def ask() -> list[Mapping[str, Any]]:
        return [record for record in trail(client, number) if record["RecordType"] == "OrderCancelReject"]

    refusals = until(bool, ask, SOON)
    expect(bool(refusals), "no refusal")
    return dict(refusals[0])
