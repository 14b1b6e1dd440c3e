"""Scenes in which utilities are killed, at the worst moments."""

import contextlib
import signal
import time

from chalicelib.customer.gateway import NobodyAnswered
from chalicelib.records.fix import OrdStatus
from chalicelib.records.numbers import parse_number
from chalicelib.records.orders import Found

from ..client import until
from ..local import GATEWAY
from .cues import (
    LATER,
    SOON,
    all_orders,
    await_sign,
    await_status,
    claim_of,
    executed_by,
    expect,
    holding,
    in_inbox,
    market,
    order_first_at,
    resting,
    told,
)
from .stage import Stage
from .story import Story


def customer_utility_killed(stage: Stage, story: Story) -> None:
    gateway, c2 = stage.client(GATEWAY, who="alice"), stage.client("c2", who="alice")
    copied = c2.order(**market())["OrderID"]
    await_status(c2, copied, OrdStatus.FILLED)
    with story.step(
        "Customer 1 is killed after it accepts an order and before it copies it",
        "the order is accepted; customer 2 says it is not here yet",
    ) as came:
        stage.kill("c1")
        stage.start("c1", fault="before:c2-customer:")
        cl_ord_id = f"uncopied-{time.time_ns()}"
        number = str(stage.number("C01", "A-1001", cl_ord_id))
        # It may be killed so soon after accepting that the answer does not get out.
        with contextlib.suppress(NobodyAnswered):
            stage.client("c1", who="alice").order(**resting(), ClOrdID=cl_ord_id)
        expect(until(lambda up: not up, lambda: stage.is_running("c1"), SOON) is False, "c1 lives on")
        state = c2.status(number)
        came.append(f"{number} accepted; c2: waits for {state['WaitsFor'][0]}")
        expect("placed" in state["WaitsFor"][0], "it was copied")
    with story.step(
        "Through the gateway the customer goes on", "what was copied is there, new orders are filled"
    ) as came:
        came.append(f"earlier order: {told(gateway.status(copied))}")
        new = gateway.order(**market())
        came.append(
            f"new order from {new['Origin']}: {told(await_status(gateway, new['OrderID'], OrdStatus.FILLED))}"
        )
        expect(new["Origin"] == "c2", "accepted by a dead utility")
    with story.step(
        "Customer 1 starts again", "the order appears at customer 2, once, and nothing is missing"
    ) as came:
        stage.start("c1")
        state = until(
            lambda s: s.get("OrdStatus") == OrdStatus.NEW and not s["WaitsFor"],
            lambda: c2.status(number),
            LATER,
        )
        listed = [order["OrderID"] for order in all_orders(c2, "A-1001")]
        came.append(f"{told(state)}; listed {listed.count(number)} time of {len(listed)} orders")
        expect(state["OrdStatus"] == OrdStatus.NEW, "it has not appeared")
        expect(
            len(listed) == len(set(listed)) and {number, copied, new["OrderID"]} <= set(listed),
            "missing",
        )


def street_utility_killed_before_claim(stage: Stage, story: Story) -> None:
    c1, c2 = stage.client("c1"), stage.client("c2")
    with story.step(
        "Street 1 is killed between an order's message and its claim",
        "the order is taken back and filled at street 2",
    ) as came:
        stage.signal("s1", signal.SIGSTOP)
        number = order_first_at(stage, c1, "s1", "unclaimed")
        arrived = until(bool, lambda: in_inbox(stage, "s1", parse_number(number)), SOON)
        stage.kill("s1")
        expect(bool(arrived), "no message")
        state = await_status(c2, number, OrdStatus.FILLED, LATER)
        came.append(f"{told(state)} by {executed_by(state)}")
        expect(executed_by(state) == {"s2"}, "executed elsewhere")
    with story.step("New orders while street 1 is down", "filled at street 2, at once") as came:
        states = [
            await_status(c2, order_first_at(stage, c1, "s1", f"meanwhile-{n}"), OrdStatus.FILLED)
            for n in range(5)
        ]
        came.append(
            ", ".join(f"{told(state)} by {executed_by(state)}" for state in states[:1])
            + f", {len(states)} times"
        )
        expect(all(executed_by(state) == {"s2"} for state in states), "executed elsewhere")
    with story.step("Street 1 returns", "it finds the order taken back; nothing is executed twice") as came:
        stage.start("s1")
        await_sign(stage, "s1")
        after = order_first_at(stage, c1, "s1", "after")
        # Its inbox is handled in order: once a newer order is filled there, the old one has been seen.
        until(lambda s: executed_by(s) == {"s1"}, lambda: c2.status(after), LATER)
        state = c2.status(number)
        expect(executed_by(c2.status(after)) == {"s1"}, "it does not execute")
        claim = claim_of(stage, "s1", parse_number(number))
        came.append(f"at s1 the order is {claim.found}; {told(state)}, CumQty {state['CumQty']}")
        expect(claim.found is Found.TAKEN_BACK and state["CumQty"] == "100", "executed twice")


def street_utility_killed_after_claim(stage: Stage, story: Story) -> None:
    c1, c2 = stage.client("c1"), stage.client("c2")
    with story.step(
        "Street 1 is killed between its claim and its acknowledgement",
        "the order says `with s1, unknown`, and is not sent anywhere else",
    ) as came:
        stage.kill("s1")
        stage.start("s1", fault="after:s1-inbox:#claim")
        await_sign(stage, "s1")
        number = order_first_at(stage, c1, "s1", "claimed")
        expect(until(lambda up: not up, lambda: stage.is_running("s1"), SOON) is False, "s1 lives on")
        state = until(lambda s: "with s1, unknown" in s["WaitsFor"], lambda: c2.status(number), LATER)
        came.append(f"{told(state)}, waits for: {'; '.join(state['WaitsFor'])}")
        expect("with s1, unknown" in state["WaitsFor"], "it does not say so")
    with story.step("New orders meanwhile", "filled at street 2") as came:
        state = await_status(c2, order_first_at(stage, c1, "s1", "beside"), OrdStatus.FILLED, LATER)
        came.append(f"{told(state)} by {executed_by(state)}")
        expect(executed_by(state) == {"s2"}, "executed elsewhere")
    with story.step("Street 1 returns", "the order is filled there, once") as came:
        stage.start("s1")
        state = await_status(c2, number, OrdStatus.FILLED, LATER)
        came.append(f"{told(state)} by {executed_by(state)}, {len(state['Executions'])} execution")
        expect(
            executed_by(state) == {"s1"} and len(state["Executions"]) == 1,
            "executed elsewhere, or twice",
        )


def firm_killed(stage: Stage, story: Story) -> None:
    c1, c2 = stage.client("c1"), stage.client("c2")
    with story.step("The firm is killed", "orders go on; positions stay as they were") as came:
        stage.kill("firm")
        before = holding(c2, "/positions", "Positions", "A-1004", "FB")
        for _ in range(5):
            placed = c1.order(**market("100", "FB", "A-1004"))
            state = await_status(c2, placed["OrderID"], OrdStatus.FILLED)
        now = holding(c2, "/positions", "Positions", "A-1004", "FB")
        came.append(f"5 orders, the last {told(state)}; FB was {before}, is {now}")
        expect(now == before, "booked without a firm")
    with story.step("The firm returns", "the books catch up: FB +500") as came:
        stage.start("firm")
        after = until(
            lambda quantity: quantity == before + 500,
            lambda: holding(c2, "/positions", "Positions", "A-1004", "FB"),
            LATER,
        )
        came.append(f"FB {after}")
        expect(after == before + 500, "not booked")
