"""Scenes of an ordinary day at the terminals."""

import statistics
import time
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from chalicelib.records.conversations import Step
from chalicelib.records.fix import BuySell
from chalicelib.records.registrations import PANELS

from ..client import Client, until
from ..demo.cues import expect, holding, same
from ..demo.stage import Stage
from ..demo.story import Story
from ..local import BACK_OFFICE
from .traders import (
    SOON,
    Trader,
    await_both,
    clear_all,
    dealt,
    quoted,
    refusal,
    request_for,
    traders,
)

TIMED_CALLS = 6
# What is on its way between two banks passes three cities, each by a stream that is asked at intervals.
MEDIAN_SECONDS_MAX = 2.0

# What the first deal is about, and what it costs at 1.0843: 2710750.596365, to the cent.
AMOUNT, COST = "2500000.55", "2710750.60"

_GOLD, _BOND = "XAUUSD", "US91282CKU44"
_SEVEN = ("EURUSD", "EURGBP", "EURJPY", "USDJPY", "GBPUSD", "USDCHF", "AUDUSD")


def opening(stage: Stage, story: Story) -> None:
    xenia, yves, hugo = traders(stage, "xenia", "yves", "hugo")
    with story.step(
        "Three terminals are opened (R3)",
        "indicative rates of the European Central Bank, not stale; nothing in the queue, no panel taken",
    ) as came:
        for trader in (xenia, yves, hugo):
            look = until(lambda look: "Rates" in look, trader.look, SOON)
            came.append(f"{trader.terminal}: {rates_told(look)}, stale {look.get('RatesStale')}")
            expect("EURUSD" in look.get("Rates", {}), "no rate of the euro")
            expect(look["RatesStale"] is False, "said to be stale")
            expect(not look["Queue"] and not look["Panels"], "something is shown already")


def rates_told(look: Mapping[str, Any]) -> str:
    """How many rates a terminal shows, and one of them."""
    rates = look.get("Rates", {})
    return f"{len(rates)} rates, EURUSD {rates.get('EURUSD')}"


def first_deal(stage: Stage, story: Story) -> None:
    xenia, xaver, yves, yael = traders(stage, "xenia", "xaver", "yves", "yael")
    office = stage.client("c1", who=BACK_OFFICE)
    with story.step(
        "Xenia of BANKX calls BANKY for EURUSD (R2, R7)", "in the queues of both its terminals"
    ) as came:
        before = balances(office)
        started = time.monotonic()
        number = xenia.call("BANKY", OrderQty=AMOUNT)
        for trader in (yves, yael):
            trader.await_queued(number)
        seconds = time.monotonic() - started
        came.append(f"{number} at Y1 and Y2 in {seconds:.2f} s")
    with story.step("Yves answers it (R4)", "it leaves Yael's queue, who cannot take it any more") as came:
        yves.answer(number)
        expect(not until(lambda queue: not queue, yael.queue, SOON), "it still waits at Y2")
        late = refusal(yael, "POST", f"/rfqs/{number}/answer", {"Answers": 0})
        panel = yves.panels()[0]["Panel"]
        came.append(f"Yves has it in panel {panel}; Yael: {late['status']} {late['detail']}")
        expect(late["status"] == 409, "answered twice")
    with story.step(
        "They quote, counter, write and quote again; then Xenia deals (R4)",
        "a deal at both banks, with the same price, amount and value date",
    ) as came:
        xenia.await_step(number, Step.ANSWERED)
        yves.quote(number, "1.0841", "1.0845")
        xenia.await_step(number, Step.QUOTED)
        xenia.turn(number, "counter", Price="1.0842", Side=BuySell.BUY)
        yves.await_step(number, Step.COUNTERED)
        yves.turn(number, "message", Text="cannot do better than 43")
        xenia.await_step(number, Step.MESSAGE)
        yves.quote(number, "1.0841", "1.0843")
        xenia.await_step(number, Step.QUOTED)
        xenia.turn(number, "accept", Side=BuySell.BUY)
        deals = [deal_of(seen) for seen in await_both(number, Step.DEALT, xenia, yves)]
        steps = [turn["Step"] for turn in yves.rfq(number)["Turns"]]
        came.extend((f"turns {', '.join(steps)}", *(" ".join(deal) for deal in deals)))
        expect(same(deals) and deals[0][:2] == ("1.0843", AMOUNT), "not the same deal")
    with story.step("Their tickets", "what one receives the other gives, to the last digit") as came:
        tickets = [await_ticket(trader, number) for trader in (xenia, yves)]
        came.extend(ticket_told(ticket) for ticket in tickets)
        expect(movements(tickets[0]) == ("EUR", AMOUNT, "USD", COST), "another amount")
        expect(movements(tickets[1]) == ("USD", COST, "EUR", AMOUNT), "not its mirror image")
    with story.step(
        "The books, as customer 1 has them (T7, T8)",
        "an execution, and balances in both currencies changed by the deal, to the last digit",
    ) as came:
        amount, cost = Decimal(AMOUNT), Decimal(COST)
        wanted = {
            ("BANKX", "EUR"): amount,
            ("BANKX", "USD"): -cost,
            ("BANKY", "EUR"): -amount,
            ("BANKY", "USD"): cost,
        }
        changed = until(lambda changed: changed == wanted, lambda: change(office, before), 2 * SOON)
        came.append(", ".join(f"{' '.join(key)} {by:+}" for key, by in changed.items()))
        orders = office.get("/orders", Account="BANKX")["Orders"]
        order: Mapping[str, Any] = next((o for o in orders if o.get("ClOrdID") == number), {})
        came.append(f"{order.get('OrdStatusName')}, {order.get('CumQty')} at {order.get('AvgPx')}")
        expect(changed == wanted, "another change")
        expect(order.get("CumQty") == AMOUNT, "no execution")
    with story.step(
        "The panels are cleared (R3)", "free at both; Xaver's and Yael's were never taken"
    ) as came:
        clear_all(number, xenia, yves)
        taken = {trader.name: len(trader.panels()) for trader in (xenia, xaver, yves, yael)}
        came.append(f"panels taken {taken}")
        expect(not any(taken.values()), "still taken")


def balances(office: Client) -> Mapping[tuple[str, str], Decimal]:
    """What both banks have of both currencies."""
    return {
        (bank, currency): holding(office, "/balances", "Balances", bank, currency)
        for bank in ("BANKX", "BANKY")
        for currency in ("EUR", "USD")
    }


def change(office: Client, before: Mapping[tuple[str, str], Decimal]) -> Mapping[tuple[str, str], Decimal]:
    """By how much balances have changed."""
    return {key: now - before[key] for key, now in balances(office).items()}


def deal_of(seen: Mapping[str, Any]) -> tuple[str, str, str]:
    """A deal's price, amount and value date, as one terminal shows it."""
    deal = seen["Deal"]
    return deal["Price"], seen["OrderQty"], deal["SettlDate"]


def await_ticket(trader: Trader, number: str, seconds_max: float = SOON) -> Mapping[str, Any]:
    """A trader's ticket of a deal, which is written once the deal binds."""
    seen = until(lambda seen: "ExecID" in seen.get("Deal", {}), lambda: trader.rfq(number), seconds_max)
    ticket: Mapping[str, Any] = seen.get("Deal", {})
    expect("ExecID" in ticket, f"no ticket at {trader.principal}")
    return ticket


def movements(ticket: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """What a ticket's party receives and gives."""
    return ticket["Received"], ticket["ReceivedQty"], ticket["Given"], ticket["GivenQty"]


def ticket_told(ticket: Mapping[str, Any]) -> str:
    received, received_qty, given, given_qty = movements(ticket)
    return f"+{received_qty} {received} -{given_qty} {given} on {ticket['SettlDate']}"


def no_deal(stage: Stage, story: Story) -> None:
    xenia, yves = traders(stage, "xenia", "yves")
    with story.step("Yves refuses (R4, R9)", "passed at both, and the next call gets through") as came:
        number = quoted(xenia, yves)
        yves.hang_up(number)
        seen = await_both(number, Step.PASSED, xenia, yves)
        came.append(steps_told(seen))
    with story.step(
        "Xenia hangs up, and calls again at once (R9)",
        "withdrawn at both; the new call is in the queue",
    ) as came:
        number = quoted(xenia, yves)
        xenia.hang_up(number)
        again = xenia.call("BANKY")
        yves.await_queued(again)
        came.append(f"{steps_told(await_both(number, Step.WITHDRAWN, xenia, yves))}; then {again} is queued")


def time_outs(stage: Stage, story: Story) -> None:
    xenia, yves = traders(stage, "xenia", "yves")
    with story.step(
        f"Nobody answers, and a turn may take {stage.turn_seconds:.0f} s (R4, R9)",
        "expired at the caller, gone from the queue, and the next call gets through",
    ) as came:
        number = xenia.call("BANKY")
        yves.await_queued(number)
        xenia.await_step(number, Step.EXPIRED, seconds_max=xenia.expired_by)
        again = xenia.call("BANKY")
        yves.await_queued(again)
        came.append(f"expired; the queue has {len(yves.queue())} call, the new one")
        expect(yves.queue() == [again], "another queue")
        xenia.hang_up(again)
    with story.step(
        "A quote is good for 2 s, and Xenia accepts after 4 (R4)",
        "409, with the conclusion: expired",
    ) as came:
        number = xenia.call("BANKY")
        yves.answer(number)
        yves.quote(number, "1.0841", "1.0843", good_for=2)
        # The log's last place, whatever Xenia has seen of it by now.
        answers = yves.rfq(number)["Answers"]
        time.sleep(4)
        late = refusal(xenia, "POST", f"/rfqs/{number}/accept", {"Answers": answers, "Side": "1"})
        seen = await_both(number, Step.EXPIRED, xenia, yves, seconds_max=xenia.expired_by)
        came.append(f"{late['status']} {late['detail']}; {steps_told(seen)}")
        expect(late["status"] == 409, "it was taken")
        expect(late["Now"]["Conversation"] == number, "without the conversation")
        clear_all(number, xenia, yves)


def steps_told(seen: list[dict[str, Any]]) -> str:
    return " and ".join(str(one["Step"]) for one in seen)


def panels(stage: Stage, story: Story) -> None:
    xenia, xaver = traders(stage, "xenia", "xaver")
    with story.step(
        "Xenia calls seven times, for seven pairs (R3)", "six panels; the seventh is refused"
    ) as came:
        for symbol in _SEVEN[:PANELS]:
            xenia.call("BANKY", symbol)
        seventh = refusal(xenia, "POST", "/rfqs", request_for("BANKY", _SEVEN[PANELS]))
        came.append(f"panels {[panel['Panel'] for panel in xenia.panels()]}; then {seventh['detail']}")
        expect(len(xenia.panels()) == PANELS and seventh["status"] == 409, "a seventh")
        xaver.call("BANKY", _SEVEN[PANELS])
        came.append("Xaver has panels of his own")
    with story.step("She leaves one and clears it (R3)", "its panel is free, and taken by the next") as came:
        third = xenia.panels()[2]["Conversation"]
        early = refusal(xenia, "POST", f"/rfqs/{third}/clear", {})
        xenia.hang_up(third)
        xenia.clear(third)
        new = xenia.call("BANKY", "NZDUSD")
        number_of = {panel["Conversation"]: panel["Panel"] for panel in xenia.panels()}
        came.append(f"cleared before it was over: {early['status']}; the next is in panel {number_of[new]}")
        expect(number_of[new] == 3 and early["status"] == 422, "another panel")


def one_terminal(stage: Stage, story: Story) -> None:
    xenia, xaver, yves, yael = traders(stage, "xenia", "xaver", "yves", "yael")
    with story.step(
        "Xaver calls BANKY, then Xenia calls its terminal Y2 (R2, R3)",
        "Y2 has both, hers first and marked; Y1 has only his",
    ) as came:
        anybodys = xaver.call("BANKY", "EURGBP")
        yael.await_queued(anybodys)
        hers = xenia.call("BANKY", "EURJPY", Terminal="Y2")
        yael.await_queued(hers)
        yves.await_queued(anybodys)
        queue = [(call["Conversation"], call["ForThisTerminal"]) for call in yael.look()["Queue"]]
        came.append(
            f"Y2: {['for Y2' if marked else 'for anybody' for _, marked in queue]}; Y1: {len(yves.queue())}"
        )
        expect(queue == [(hers, True), (anybodys, False)], f"Y2 shows {queue}")
        expect(yves.queue() == [anybodys], "Y1 shows another queue")
        other = refusal(yves, "POST", f"/rfqs/{hers}/answer", {"Answers": 0})
        came.append(f"Yves: {other['detail']}")


def broker(stage: Stage, story: Story) -> None:
    xenia, maia, nora = traders(stage, "xenia", "maia", "nora")
    with story.step(
        "Xenia calls MERCURY and NEPTUNE, two principals of one broker's node, for EURUSD (R12)",
        "two calls, each at its own principal's terminal alone",
    ) as came:
        calls = {trader: xenia.call(trader.principal) for trader in (maia, nora)}
        for trader, number in calls.items():
            trader.await_queued(number)
            expect(trader.queue() == [number], f"{trader.name} has {trader.queue()}")
            came.append(f"{trader.terminal}: {len(trader.queue())} call")
    with story.step("MERCURY deals with NEPTUNE (R12)", "a deal, with a ticket for each") as came:
        number = dealt(maia, nora)
        came.extend(ticket_told(await_ticket(trader, number)) for trader in (maia, nora))
        clear_all(number, maia, nora)


def other_subjects(stage: Stage, story: Story) -> None:
    xenia, hugo = traders(stage, "xenia", "hugo")
    for subject, fields, quote, what in (
        (_GOLD, {"OrderQty": "250.125"}, ("4081.10", "4081.90"), "250.125 ounces of gold"),
        (_BOND, {"OrderQty": "5000000"}, ("102.5", "102.515625"), "a Treasury bond by its ISIN"),
    ):
        with story.step(f"Xenia buys {what} from HOUSE (R12)", "dealt, and paid for in dollars") as came:
            number = xenia.call("HOUSE", subject, Side="1", **fields)
            hugo.answer(number)
            hugo.quote(number, *quote)
            xenia.await_step(number, Step.QUOTED)
            xenia.turn(number, "accept")
            await_both(number, Step.DEALT, xenia, hugo)
            ticket = await_ticket(xenia, number)
            came.append(ticket_told(ticket))
            accrued = Decimal(ticket.get("AccruedInterestAmt", 0))
            clean = Decimal(fields["OrderQty"]) * Decimal(quote[1])
            if subject == _BOND:
                came.append(f"of which accrued interest {accrued}")
                expect(accrued > 0, "nothing accrued")
                clean /= 100
            paid = Decimal(ticket["GivenQty"])
            expect(paid == clean.quantize(Decimal("0.01")) + accrued, f"paid {paid}")
            clear_all(number, xenia, hugo)


def repeats(stage: Stage, story: Story) -> None:
    xenia, yves = traders(stage, "xenia", "yves")
    with story.step(
        "Xenia's terminal sends her request twice, and her accept twice", "one conversation, one deal"
    ) as came:
        request = request_for("BANKY")
        numbers = [xenia.request(request)["Conversation"] for _ in range(2)]
        number = numbers[0]
        expect(same(numbers), "two conversations")
        yves.answer(number)
        yves.quote(number, "1.0841", "1.0843")
        answers = xenia.await_step(number, Step.QUOTED)["Answers"]
        for _ in range(2):
            xenia.turn(number, "accept", answers, Side=BuySell.BUY)
        await_both(number, Step.DEALT, xenia, yves)
        turns = [turn["Step"] for turn in yves.rfq(number)["Turns"]]
        came.append(f"{number}, {len(xenia.panels())} panel; turns {', '.join(turns)}")
        expect(turns.count(Step.DEALT) == 1 and len(xenia.panels()) == 1, "twice")
        expect(xenia.request(request)["Conversation"] == number, "another one after the deal")
        clear_all(number, xenia, yves)
    with story.step(
        "Xenia accepts a quote that Yves has replaced meanwhile (R4)",
        "409, and the answer shows what there is now",
    ) as came:
        number = quoted(xenia, yves)
        old = xenia.rfq(number)["Answers"]
        yves.quote(number, "1.0851", "1.0853")
        until(lambda seen: seen["Answers"] > old, lambda: xenia.rfq(number), SOON)
        crossed = refusal(xenia, "POST", f"/rfqs/{number}/accept", {"Answers": old, "Side": "1"})
        now = crossed["Now"]
        came.append(f"{crossed['status']} {crossed['detail']}; now {now['Step']} at {now['OfferPx']}")
        expect(crossed["status"] == 409 and now["OfferPx"] == "1.0853", "something else")


def latencies(stage: Stage, story: Story) -> None:
    xenia, yves = traders(stage, "xenia", "yves")
    with story.step(
        f"{TIMED_CALLS} calls, one at a time, each to a deal",
        f"median under {MEDIAN_SECONDS_MAX} s from POST to the other's terminal, and from accept to both",
    ) as came:
        seconds = list(timed_calls(xenia, yves))
        for what, timed in zip(
            ("visible at the other bank", "deal known at both"), zip(*seconds, strict=True), strict=True
        ):
            came.append(f"{what}: median {statistics.median(timed):.2f} s, worst {max(timed):.2f} s")
            expect(statistics.median(timed) < MEDIAN_SECONDS_MAX, "too slow")


def timed_calls(caller: Trader, called: Trader) -> Iterator[tuple[float, float]]:
    """Seconds from POST to the other's terminal, and from accept to where both know of the deal."""
    for _ in range(TIMED_CALLS):
        cursor = called.look()["Cursor"]
        started = time.monotonic()
        number = caller.call(called.principal)
        until(
            lambda look: number in [call["Conversation"] for call in look["Queue"]],
            lambda: called.look(cursor),
            SOON,
        )
        visible = time.monotonic() - started
        called.turn(number, "answer", 0)
        called.quote(number, "1.0841", "1.0843")
        answers = caller.await_step(number, Step.QUOTED)["Answers"]
        started = time.monotonic()
        caller.turn(number, "accept", answers, Side=BuySell.BUY)
        await_both(number, Step.DEALT, caller, called)
        yield visible, time.monotonic() - started
        clear_all(number, caller, called)
