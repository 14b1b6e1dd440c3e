"""The scenes of the story, in the order in which they are played."""

import csv
import json
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from chalicelib.enterprise import Holding
from chalicelib.records.fix import BuySell, ExecType, OrdStatus, OrdType
from chalicelib.records.numbers import Number, OrderID, parse_number
from chalicelib.records.orders import Claim, ExecutionReport, Found, claim_key, exec_id, placed_key
from chalicelib.records.times import format_time

from ..client import Client, RequestRefused, until
from ..local import CUSTOMERS, GATEWAY
from .stage import Stage
from .story import NotAsExpected, Story

TIMED_ORDERS = 50
MEDIAN_SECONDS_MAX = 1.5
IMPORTED_ORDERS = 1000
SYMBOLS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")

# How long a step waits for what must come; the longest is a killed utility's way back.
_SOON = 20.0
_LATER = 60.0

_NEVER = "1.00"


def play(stage: Stage, story: Story) -> None:
    """Play all scenes."""
    for scene in (
        first_order,
        fifty_orders,
        holdings,
        cancels,
        estimates,
        filled_and_canceled,
        repeated_cl_ord_id,
        customer_utility_killed,
        street_utility_killed_before_claim,
        street_utility_killed_after_claim,
        firm_killed,
        thousand_orders,
    ):
        scene(stage, story)


def market(
    quantity: str = "100", symbol: str = "AAPL", account: str = "A-1001", side: str = "1"
) -> dict[str, str]:
    """A market order's fields."""
    return {"Account": account, "Symbol": symbol, "Side": side, "OrdType": "1", "OrderQty": quantity}


def resting(quantity: str = "100", symbol: str = "AAPL", account: str = "A-1001") -> dict[str, str]:
    """A limit order that no price reaches."""
    return {**market(quantity, symbol, account), "OrdType": "2", "Price": _NEVER}


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
                    _SOON,
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
            _SOON,
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
        came.append(f"{told(state)}, estimate {state['Estimate']}, waits for {state['WaitsFor'][0]}")
        expect(state["Estimate"], "said to be certain")


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
                        _SOON,
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
        placed = stage.client("c1", who="alice").order(**resting())
        number = placed["OrderID"]
        expect(until(lambda up: not up, lambda: stage.is_running("c1"), _SOON) is False, "c1 lives on")
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
            _LATER,
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
        arrived = until(bool, lambda: in_inbox(stage, "s1", parse_number(number)), _SOON)
        stage.kill("s1")
        expect(bool(arrived), "no message")
        state = await_status(c2, number, OrdStatus.FILLED, _LATER)
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
        after = order_first_at(stage, c1, "s1", "after")
        # Its inbox is handled in order: once a newer order is filled there, the old one has been seen.
        until(lambda s: executed_by(s) == {"s1"}, lambda: c2.status(after), _LATER)
        state = c2.status(number)
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
        # The customer utilities believe in s1 again once it has given a sign of life.
        number = order_first_at(stage, c1, "s1", "claimed", wait_for_sign=True)
        expect(until(lambda up: not up, lambda: stage.is_running("s1"), _SOON) is False, "s1 lives on")
        state = until(lambda s: "with s1, unknown" in s["WaitsFor"], lambda: c2.status(number), _LATER)
        came.append(f"{told(state)}, waits for: {'; '.join(state['WaitsFor'])}")
        expect("with s1, unknown" in state["WaitsFor"], "it does not say so")
    with story.step("New orders meanwhile", "filled at street 2") as came:
        state = await_status(c2, order_first_at(stage, c1, "s1", "beside"), OrdStatus.FILLED, _LATER)
        came.append(f"{told(state)} by {executed_by(state)}")
        expect(executed_by(state) == {"s2"}, "executed elsewhere")
    with story.step("Street 1 returns", "the order is filled there, once") as came:
        stage.start("s1")
        state = await_status(c2, number, OrdStatus.FILLED, _LATER)
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
            _LATER,
        )
        came.append(f"FB {after}")
        expect(after == before + 500, "not booked")


def thousand_orders(stage: Stage, story: Story) -> None:
    with story.step(f"{IMPORTED_ORDERS} orders are imported from a file", "all accepted, all Filled") as came:
        file = stage.folder / "orders.csv"
        write_orders(file)
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
            lambda count: count == IMPORTED_ORDERS, lambda: count_filled(stage, accepted), 300, every=1
        )
        came.append(f"{filled} filled after {time.monotonic() - started:.1f} s")
        expect(len(accepted) == filled == IMPORTED_ORDERS, "not all")


def write_orders(file: Path) -> None:
    """A file of market orders, spread over all accounts and symbols."""
    accounts = CUSTOMERS["broker"]
    with file.open("w", newline="") as target:
        rows = csv.writer(target)
        rows.writerow(["Account", "ClOrdID", "Symbol", "Side", "OrdType", "OrderQty"])
        for n in range(IMPORTED_ORDERS):
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


def write_report(
    stage: Stage, number: Number, street: str, exec_type: ExecType, time: datetime, *, account: str
) -> None:
    """A report of an order nobody placed here, as its street utility would write it."""
    is_trade = exec_type is ExecType.TRADE
    report = ExecutionReport(
        origin=street,
        transact_time=time,
        order_id=OrderID(str(number)),
        account=account,
        cl_ord_id="told",
        symbol="IBM",
        side=BuySell.BUY,
        ord_type=OrdType.MARKET,
        order_qty=Decimal(100),
        ord_status=OrdStatus.FILLED if is_trade else OrdStatus.CANCELED,
        exec_id=exec_id(street, number, 1),
        exec_type=exec_type,
        cum_qty=Decimal(100) if is_trade else Decimal(0),
        leaves_qty=Decimal(0),
        avg_px=Decimal("200.98") if is_trade else None,
        last_qty=Decimal(100) if is_trade else None,
        last_px=Decimal("200.98") if is_trade else None,
    )
    stage.table(street, Holding.STREET).insert(report.to_item())


def order_first_at(
    stage: Stage, client: Client, street: str, prefix: str, wait_for_sign: bool = False
) -> str:
    """Enter an order that is brought to this street utility first: its number."""
    if wait_for_sign:
        time.sleep(2)
    cl_ord_id = stage.cl_ord_id_tried_first_at(street, "A-1001", f"{prefix}-{time.time_ns()}")
    number: str = client.order(**market(), ClOrdID=cl_ord_id)["OrderID"]
    return number


def in_inbox(stage: Stage, street: str, number: Number) -> bool:
    """Whether an order's message has arrived at a street utility."""
    inbox = stage.table(street, Holding.INBOX)
    return inbox.get(number.account_key, placed_key(number, "c1")) is not None


def claim_of(stage: Stage, street: str, number: Number) -> Claim:
    """Who won an order's claim key at a street utility."""
    item = stage.table(street, Holding.INBOX).get(number.account_key, claim_key(number))
    if item is None:
        raise NotAsExpected(f"nobody claimed {number} at {street}")
    return Claim.from_item(item)


def await_status(
    client: Client, number: str, status: OrdStatus, seconds_max: float = _SOON
) -> dict[str, Any]:
    """Ask until an order has a status; NotAsExpected if it does not come to that."""

    def ask() -> dict[str, Any] | None:
        try:
            return client.status(number)
        except RequestRefused as refused:
            if refused.status != 404:
                raise
            return None

    state = until(lambda s: s is not None and s.get("OrdStatus") == status, ask, seconds_max)
    if state is None or state.get("OrdStatus") != status:
        raise NotAsExpected(f"{number} is {told(state) if state else 'unknown'} after {seconds_max:.0f} s")
    return dict(state)


def all_orders(client: Client, account: str) -> list[dict[str, Any]]:
    """An account's orders, page by page."""
    orders: list[dict[str, Any]] = []
    page = client.get("/orders", Account=account)
    orders.extend(page["Orders"])
    while "Cursor" in page:
        page = client.get("/orders", Account=account, cursor=page["Cursor"])
        orders.extend(page["Orders"])
    return orders


def holding(client: Client, path: str, name: str, account: str, asset: str) -> Decimal:
    """What an account has of an asset, at one utility."""
    held = client.get(path, Account=account)[name]
    return next((Decimal(entry["Quantity"]) for entry in held if entry["Asset"] == asset), Decimal(0))


def executed_by(state: Mapping[str, Any]) -> set[str]:
    """Which street utilities executed an order."""
    return {execution["ExecID"].split(".")[0] for execution in state["Executions"]}


def told(state: Mapping[str, Any]) -> str:
    """A state in two words."""
    return f"{state.get('OrdStatusName', 'not here yet')}, LeavesQty {state.get('LeavesQty', '?')}"


def same(values: list[Any]) -> bool:
    return all(value == values[0] for value in values)


def expect(holds: bool, otherwise: str) -> None:
    """NotAsExpected unless it holds."""
    if not holds:
        raise NotAsExpected(otherwise)
