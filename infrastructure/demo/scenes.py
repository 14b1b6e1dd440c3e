"""Scenes of an ordinary day, and of records that contradict each other."""

import csv
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from chalicelib.enterprise import Holding
from chalicelib.records.fix import ExecType, OrdStatus
from chalicelib.records.times import format_time

from ..client import until
from ..local import CUSTOMERS, GATEWAY
from .cues import SOON, await_status, expect, holding, market, resting, same, told, write_report
from .stage import Stage
from .story import Story

TIMED_ORDERS = 50
MEDIAN_SECONDS_MAX = 1.5
SYMBOLS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")


def first_order(stage: Stage, story: Story) -> None:
    gateway, c2 = stage.client(GATEWAY), stage.client("c2")
    c1 = stage.client("c1")
    with story.step(
        "An order is entered through the gateway", "a number, from one of the customer utilities"
    ) as came:
        placed = gateway.order(**market())
        came.append(f"{placed['OrderID']} from {placed['Origin']}")
        expect(placed["Origin"] in ("c1", "c2"), "it was accepted elsewhere")
    with story.step(
        "A limit order at customer 1 is asked for at customer 2 while it works", "New, LeavesQty 200"
    ) as came:
        working = c1.order(**resting("200"))
        came.append(told(await_status(c2, working["OrderID"], OrdStatus.NEW)))
    with story.step("A market order at customer 1 is asked for at customer 2", "Filled") as came:
        filled = c1.order(**market("300", "IBM"))
        came.append(told(await_status(c2, filled["OrderID"], OrdStatus.FILLED)))
    with story.step(
        "A large order is filled in parts, one price after another", "Filled in more than one execution"
    ) as came:
        large = c1.order(**market("60000", "GOOG"))
        state = await_status(c2, large["OrderID"], OrdStatus.FILLED)
        came.append(f"{told(state)} in {len(state['Executions'])} executions")
        expect(len(state["Executions"]) > 1, "it was filled at once")
    with story.step("A symbol that nobody trades", "Rejected, OrdRejReason 1") as came:
        unknown = c1.order(**market(symbol="ENRN"))
        state = await_status(c2, unknown["OrderID"], OrdStatus.REJECTED)
        came.append(f"{told(state)}, OrdRejReason {state.get('OrdRejReason')}")
        expect(state.get("OrdRejReason") == "1", "another reason")


def fifty_orders(stage: Stage, story: Story) -> None:
    c1, c2 = stage.client("c1"), stage.client("c2")
    with story.step(
        f"{TIMED_ORDERS} orders, one at a time, from POST to Filled at the other customer utility",
        f"median under {MEDIAN_SECONDS_MAX} s",
    ) as came:
        seconds = []
        for turn in range(TIMED_ORDERS):
            enters, asks = (c1, c2) if turn % 2 else (c2, c1)
            started = time.monotonic()
            placed = enters.order(**market(symbol=SYMBOLS[turn % len(SYMBOLS)]))
            await_status(asks, placed["OrderID"], OrdStatus.FILLED)
            seconds.append(time.monotonic() - started)
        median = statistics.median(seconds)
        came.append(f"median {median:.3f} s, fastest {min(seconds):.3f} s, slowest {max(seconds):.3f} s")
        expect(median < MEDIAN_SECONDS_MAX, "too slow")


def holdings(stage: Stage, story: Story) -> None:
    clients = [stage.client("c1"), stage.client("c2")]
    for path, name in (("/balances", "Balances"), ("/positions", "Positions")):
        with story.step(
            f"{name} of bob's account, from both utilities", "the same, after a trade of his"
        ) as came:
            before = holding(clients[0], path, name, "A-1002", "MSFT" if name == "Positions" else "USD")
            placed = clients[0].order(**market("10", "MSFT", "A-1002"))
            state = await_status(clients[1], placed["OrderID"], OrdStatus.FILLED)
            change = Decimal(10) if name == "Positions" else -10 * Decimal(state["AvgPx"])
            asset = "MSFT" if name == "Positions" else "USD"
            after = [
                until(
                    lambda quantity: quantity == before + change,
                    lambda client=client: holding(client, path, name, "A-1002", asset),  # type: ignore[misc]
                    SOON,
                )
                for client in clients
            ]
            came.append(f"{asset} {before} {change:+} is {after[0]} at c1 and {after[1]} at c2")
            expect(set(after) == {before + change}, f"not {before + change}")


def cancels(stage: Stage, story: Story) -> None:
    c1, c2 = stage.client("c1"), stage.client("c2")
    with story.step("An order and its cancel, at different utilities", "Canceled, nothing filled") as came:
        placed = c1.order(**resting())
        c2.cancel(placed["OrderID"])
        state = await_status(c1, placed["OrderID"], OrdStatus.CANCELED)
        came.append(told(state))
        expect(state["CumQty"] == "0", "something was filled")
    with story.step(
        "A cancel that arrives before its order, at another utility",
        "kept; then Canceled, nothing filled",
    ) as came:
        cl_ord_id = f"early-{time.time_ns()}"
        number = str(stage.number("C01", "A-1001", cl_ord_id))
        came.append(f"cancel: {c2.cancel(number)['RecordType']}")
        came.append(f"c2 meanwhile: {told(c2.status(number))}, waits for {c2.status(number)['WaitsFor'][0]}")
        placed = c1.order(**market(), ClOrdID=cl_ord_id)
        expect(placed["OrderID"] == number, "another number")
        for client in (c1, c2):
            state = await_status(client, number, OrdStatus.CANCELED)
        came.append(told(state))
        expect(state["CumQty"] == "0", "something was filled")
    with story.step("A cancel of an order that is filled", "refused: too late, and still Filled") as came:
        placed = c1.order(**market())
        await_status(c1, placed["OrderID"], OrdStatus.FILLED)
        c2.cancel(placed["OrderID"])
        state = until(
            lambda s: s.get("OrdStatus") == OrdStatus.FILLED and not s["WaitsFor"],
            lambda: c2.status(placed["OrderID"]),
            SOON,
        )
        trail = [record["RecordType"] for record in c2.get(f"/orders/{placed['OrderID']}/records")["Records"]]
        came.append(f"{told(state)}; records {', '.join(trail)}")
        expect("OrderCancelReject" in trail, "no refusal")
        expect(state["OrdStatus"] == OrdStatus.FILLED, "no longer filled")


def estimates(stage: Stage, story: Story) -> None:
    with story.step(
        "A filled record without its placed one (T14)", "Filled, an estimate, at both utilities"
    ) as came:
        number = stage.number("C01", "A-1003", f"unplaced-{time.time_ns()}")
        write_report(stage, number, "s1", ExecType.TRADE, datetime.now(UTC), account="A-1003")
        for name in ("c1", "c2"):
            # At c1, whose number it is, it would be unknown if nothing had arrived.
            state = await_status(stage.client(name), str(number), OrdStatus.FILLED)
            expect(state["Estimate"], f"said to be certain at {name}")
        came.append(f"{told(state)}, estimate {state['Estimate']}, waits for {state['WaitsFor'][0]}")


def filled_and_canceled(stage: Stage, story: Story) -> None:
    clients = [stage.client("c1"), stage.client("c2")]
    for first, second in (("filled", "canceled"), ("canceled", "filled")):
        for arrives_first in (first, second):
            with story.step(
                f"Filled by street 1, canceled by street 2: {first} earlier, {arrives_first} arrives first",
                f"{first.capitalize()} at both utilities, 100 executed",
            ) as came:
                number = stage.number("C01", "A-1003", f"both-{time.time_ns()}")
                now = datetime.now(UTC)
                times = {first: now - timedelta(seconds=2), second: now - timedelta(seconds=1)}
                writes: Mapping[str, Callable[[], None]] = {
                    "filled": lambda: write_report(
                        stage, number, "s1", ExecType.TRADE, times["filled"], account="A-1003"
                    ),
                    "canceled": lambda: write_report(
                        stage, number, "s2", ExecType.CANCELED, times["canceled"], account="A-1003"
                    ),
                }
                writes[arrives_first]()
                for client in clients:
                    await_status(client, str(number), OrdStatus[arrives_first.upper()])
                writes[second if arrives_first == first else first]()
                for client in clients:
                    state = until(
                        lambda s: s["Exceptions"] and len(s["RestsOn"]) == 2,
                        lambda: client.status(str(number)),
                        SOON,
                    )
                    came.append(f"{told(state)}, CumQty {state['CumQty']}, {'; '.join(state['Exceptions'])}")
                    expect(state["OrdStatus"] == OrdStatus[first.upper()], "the later one holds")
                    expect(state["CumQty"] == "100", "executions do not count")


def repeated_cl_ord_id(stage: Stage, story: Story) -> None:
    c1, c2 = stage.client("c1"), stage.client("c2")
    with story.step("The same ClOrdID at the same utility again", "the same number, and one order") as came:
        fields = {"ClOrdID": f"again-{time.time_ns()}", "TransactTime": format_time(datetime.now(UTC))}
        placed = [c1.order(**market(), **fields)["OrderID"] for _ in range(2)]
        came.append(f"{placed[0]} and {'the same' if placed[0] == placed[1] else placed[1]}")
        expect(placed[0] == placed[1], "two numbers")
    with story.step(
        "The same ClOrdID at the other utility", "a number of its own, executed once, the same answer"
    ) as came:
        fields = {"ClOrdID": f"twice-{time.time_ns()}", "TransactTime": format_time(datetime.now(UTC))}
        numbers = [client.order(**market(), **fields)["OrderID"] for client in (c1, c2)]
        executed = [
            await_status(client, number, OrdStatus.FILLED)["Executions"]
            for client in (c1, c2)
            for number in numbers
        ]
        came.append(
            f"{numbers[0][:3]} and {numbers[1][:3]}: {len(executed[0])} execution, alike {same(executed)}"
        )
        expect(same(executed) and len(executed[0]) == 1, "executed differently")
    with story.step(
        "The same ClOrdID at the other utility, with another quantity",
        "one Filled, the other Rejected (6)",
    ) as came:
        fields = {"ClOrdID": f"other-{time.time_ns()}", "TransactTime": format_time(datetime.now(UTC))}
        first = c1.order(**market("100"), **fields)["OrderID"]
        await_status(c2, first, OrdStatus.FILLED)
        second = c2.order(**market("200"), **fields)["OrderID"]
        refused = await_status(c1, second, OrdStatus.REJECTED)
        kept = await_status(c1, first, OrdStatus.FILLED)
        came.append(f"{told(kept)}; {told(refused)}, OrdRejReason {refused.get('OrdRejReason')}")
        expect(refused.get("OrdRejReason") == "6", "another reason")


def many_orders(stage: Stage, story: Story) -> None:
    with story.step(f"{stage.imported} orders are imported from a file", "all accepted, all Filled") as came:
        file = stage.folder / "orders.csv"
        write_orders(file, stage.imported)
        started = time.monotonic()
        command = [sys.executable, "-m", "infrastructure", "--folder", str(stage.folder)]
        imported = subprocess.run(
            [*command, "orders", "import", str(file), "--json"],
            capture_output=True,
            text=True,
            check=False,
        )
        results = json.loads(imported.stdout)["results"]
        accepted = [result["OrderID"] for result in results if "OrderID" in result]
        came.append(f"{len(accepted)} accepted in {time.monotonic() - started:.1f} s")
        filled = until(
            lambda count: count == stage.imported, lambda: count_filled(stage, accepted), 300, every=1
        )
        came.append(f"{filled} filled after {time.monotonic() - started:.1f} s")
        expect(len(accepted) == filled == stage.imported, "not all")


def write_orders(file: Path, count: int) -> None:
    """A file of market orders, spread over all accounts and symbols."""
    accounts = CUSTOMERS["broker"]
    with file.open("w", newline="") as target:
        rows = csv.writer(target)
        rows.writerow(["Account", "ClOrdID", "Symbol", "Side", "OrdType", "OrderQty"])
        for n in range(count):
            side = "1" if n % 3 else "2"
            quantity = str(1 + n % 90)
            rows.writerow([accounts[n % len(accounts)], f"import-{n}", SYMBOLS[n % 5], side, "1", quantity])


def count_filled(stage: Stage, numbers: Iterable[str]) -> int:
    """How many of these orders customer 2 has complete executions of."""
    done = {
        item["OrderID"]
        for item in stage.everything("c2", Holding.STREET)
        if item.get("OrdStatus") == OrdStatus.FILLED
    }
    return sum(number in done for number in numbers)
