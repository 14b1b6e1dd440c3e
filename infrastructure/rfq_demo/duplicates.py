"""Scenes of duplicates: what the patent prevents, in its own words."""

import threading
from collections.abc import Mapping
from typing import Any

from chalicelib.records.conversations import Step
from chalicelib.rfq.decisions import CALL_ALREADY_IN_PROGRESS, DUPLICATE_CALL

from ..client import RequestRefused, until
from ..demo.cues import expect
from ..demo.stage import Stage
from ..demo.story import Story
from .rest import come_to_rest
from .traders import SOON, Trader, denial, refusal, request_for, traders

CROSSINGS = 4

# What the patent has the panel show, letter for letter: not as the product has it.
_OWN_CALL = "Request Denied: Call Already in Progress"
_THEIR_CALL = "Duplicate Call In Progress"


def denied(stage: Stage, story: Story) -> None:
    xenia, xaver, yves, yael = traders(stage, "xenia", "xaver", "yves", "yael")
    with story.step("Xenia calls BANKY for EURUSD (R7)", "in both its queues") as came:
        number = xenia.call("BANKY")
        for trader in (yves, yael):
            trader.await_queued(number)
            came.append(f"{trader.terminal}: {len(trader.queue())} call")
    for symbol in ("EURUSD", "USDEUR"):
        with story.step(
            f"Xaver calls BANKY for {symbol} while it waits (R5, R6)",
            f"`{_OWN_CALL}`, and nothing at BANKY",
        ) as came:
            problem = denial(xaver, "BANKY", symbol)
            came.append(f"{problem['status']} {problem['detail']}; Y1 shows {len(yves.queue())} call")
            expect(problem["detail"] == _OWN_CALL == CALL_ALREADY_IN_PROGRESS, "other words")
            expect(yves.queue() == [number], "it arrived")
    with story.step(
        "Yael of BANKY calls BANKX back for EURUSD (R6)", f"`{_THEIR_CALL}`, and nothing at BANKX"
    ) as came:
        problem = denial(yael, "BANKX")
        came.append(f"{problem['status']} {problem['detail']}; X1 shows {len(xenia.queue())} calls")
        expect(problem["detail"] == _THEIR_CALL == DUPLICATE_CALL, "other words")
        expect(not xenia.queue(), "it arrived")
    with story.step("The panel of a denied call (R6)", "shows why, and can only be cleared") as came:
        panel = yael.panels()[0]
        late = refusal(yael, "POST", f"/rfqs/{panel['Conversation']}/pass", {"Answers": 0})
        yael.clear(panel["Conversation"])
        came.append(f"panel {panel['Panel']}: {panel['Step']}, {panel['Text']}; pass: {late['status']}")
        expect((panel["Step"], panel["Text"]) == (Step.DENIED, _THEIR_CALL), "something else")
        expect(late["status"] == 409 and not yael.panels(), "it is not over")
    with story.step(
        "Meanwhile Xaver calls BANKY for EURGBP, and HOUSE for EURUSD (R10)", "both get through"
    ) as came:
        hugo = Trader.at(stage, "hugo")
        for trader, bank, symbol in ((yves, "BANKY", "EURGBP"), (hugo, "HOUSE", "EURUSD")):
            trader.await_queued(xaver.call(bank, symbol))
            came.append(f"{symbol} is queued at {bank}")


def crossed(stage: Stage, story: Story) -> None:
    xenia, yves = traders(stage, "xenia", "yves")
    with story.step(
        f"Xenia and Yves call each other for EURUSD at the same instant, {CROSSINGS} times (R11)",
        f"one conversation each time, never two; the other panel shows `{_THEIR_CALL}`",
    ) as came:
        crossings = 0
        for _ in range(CROSSINGS):
            calls = call_at_once((xenia, "BANKY"), (yves, "BANKX"))
            crossings += all("status" not in call for call in calls)
            numbers = [call["Conversation"] for call in calls]
            seen = until(one_is_over, lambda: [xenia.rfq(numbers[0]), yves.rfq(numbers[1])], SOON, 0.05)
            expect(one_is_over(seen), f"{[one['Step'] for one in seen]} after {SOON:.0f} s")
            queues = [yves.queue(), xenia.queue()]
            expect(sorted(map(len, queues)) == [0, 1], f"queues {queues}")
            come_to_rest(stage)
        came.append(f"{CROSSINGS} tries, {crossings} crossed on the way, 1 conversation each time")
        expect(crossings > 0, "none crossed")


def call_at_once(*calls: tuple[Trader, str]) -> list[Mapping[str, Any]]:
    """Several calls at the same instant: what each was answered, be it a denial."""
    gate = threading.Barrier(len(calls))
    answers: dict[int, Mapping[str, Any]] = {}

    def call(place: int, trader: Trader, bank: str) -> None:
        request = request_for(bank)
        gate.wait(SOON)
        try:
            answers[place] = trader.request(request)
        except RequestRefused as refused:
            answers[place] = refused.problem

    threads = [threading.Thread(target=call, args=(n, *who)) for n, who in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * SOON)
    return [answers[place] for place in sorted(answers)]


def one_is_over(seen: list[Mapping[str, Any]]) -> bool:
    """Whether of two conversations one is queued, and the other has ended as a duplicate."""
    queued = [one for one in seen if one["Step"] == Step.QUEUED]
    return len(queued) == 1 and any(one.get("Text") == _THEIR_CALL for one in seen)
