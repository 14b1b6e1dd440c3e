"""Scenes in which nodes are killed: cities, and banks in mid-conversation."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from chalicelib.customer.gateway import NobodyAnswered
from chalicelib.enterprise import Holding
from chalicelib.records.conversations import Step
from chalicelib.records.fix import BuySell
from chalicelib.tables.reading import is_silent

from ..client import until
from ..demo.cues import expect
from ..demo.stage import Stage
from ..demo.story import NotAsExpected, Story
from .scenes import await_ticket, ticket_told
from .traders import (
    LATER,
    SOON,
    Trader,
    await_both,
    clear_all,
    dealt,
    denial,
    quoted,
    tidy,
    traders,
)

_FROM_TO = ("tokyo", "zurich")


def city_killed(stage: Stage, story: Story) -> None:
    xenia, yves = traders(stage, "xenia", "yves")
    with story.step(
        "The city by which messages from Tokyo to Zurich go is killed (R1)",
        "once its signs of life are missed they take another way; a deal within each turn's time",
    ) as came:
        city = usual_way(stage, xenia, yves)
        stage.kill(city)
        for neighbour in _FROM_TO:
            await_silence(stage, city, neighbour)
        started = time.monotonic()
        number = dealt(xenia, yves)
        came.append(f"{city} is down; dealt in {time.monotonic() - started:.2f} s by {way(stage, number)}")
        expect(city not in way(stage, number), "by a dead city")
        clear_all(number, xenia, yves)
    with story.step("It returns", "a deal again") as came:
        stage.start(city)
        number = dealt(xenia, yves)
        came.append(way(stage, number))
        clear_all(number, xenia, yves)


def usual_way(stage: Stage, caller: Trader, called: Trader) -> str:
    """The city between, by which a call goes while all cities are up."""
    number = caller.call(called.principal)
    called.await_queued(number)
    between = way(stage, number).split(", ")[1:-1]
    tidy((caller,))
    expect(len(between) == 3, f"the call went by {between}")
    return between[1]


def way(stage: Stage, number: str) -> str:
    """The nodes that a conversation's call has left, as `route` tells an operator."""
    command = [
        sys.executable,
        "-m",
        "infrastructure",
        "--folder",
        str(stage.folder),
        "route",
        number,
        "--json",
    ]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=LATER)
    messages = json.loads(told.stdout)
    call = next(message for message in messages if message["message"] == "requested")
    return ", ".join([*(hop["node"] for hop in call["passed"]), call["at"]])


def await_silence(stage: Stage, city: str, neighbour: str) -> None:
    """Wait until a city has missed another's signs of life."""
    signs = stage.table(neighbour, Holding.LINKS)
    if not until(bool, lambda: is_silent(city, signs, datetime.now(UTC)), LATER):
        raise NotAsExpected(f"{neighbour} still hears of {city}")


def own_city_killed(stage: Stage, story: Story) -> None:
    xenia, yves = traders(stage, "xenia", "yves")
    with story.step("Zurich is killed, BANKY's own city; Xenia calls", "the call waits on the way") as came:
        stage.kill("zurich")
        number = xenia.call("BANKY")
        time.sleep(2)
        came.append(f"for Xenia: {xenia.rfq(number)['Step']}; Y1 shows {len(yves.queue())} calls")
        expect(not yves.queue(), "it arrived")
    with story.step("Zurich returns within the turn's time", "the call arrives, and is answered") as came:
        stage.start("zurich")
        yves.answer(number)
        seen = await_both(number, Step.ANSWERED, xenia, yves)
        came.append(f"{seen[0]['Step']}; {way(stage, number)}")
        xenia.hang_up(number)
        xenia.clear(number)
        yves.await_step(number, Step.WITHDRAWN)
    with story.step(
        "Zurich is killed again, for longer than the call's time (R4)",
        "expired at the caller; when Zurich returns, nothing is shown at BANKY, and the subject is free",
    ) as came:
        stage.kill("zurich")
        number = xenia.call("BANKY")
        xenia.await_step(number, Step.EXPIRED, seconds_max=xenia.expired_by)
        stage.start("zurich")
        concluded = until(bool, lambda: xenia.rfq(number)["Turns"], LATER)
        came.append(
            f"for Xenia: {xenia.rfq(number)['Step']}; BANKY says: {[turn['Step'] for turn in concluded]}"
        )
        expect([turn["Step"] for turn in concluded] == [Step.EXPIRED], "something else came of it")
        again = xenia.call("BANKY")
        yves.await_queued(again)
        came.append(f"then a new call is queued, {len(yves.queue())} in the queue")
        expect(yves.queue() == [again], "the old one is shown")


def bank_killed_before_accept(stage: Stage, story: Story) -> None:
    xenia, xaver, yves = traders(stage, "xenia", "xaver", "yves")
    for late in (False, True):
        time_over = "after its quote is over" if late else "while its quote is good"
        with story.step(
            "BANKY's node is killed after its quote; Xenia accepts (R9, R13)",
            "the accept is not answered; the subject stays registered, and a second call is denied",
        ) as came:
            number = quoted(xenia, yves, good_for=6 if late else None)
            stage.kill("banky")
            xenia.turn(number, "accept", Side=BuySell.BUY)
            seen = until(lambda seen: seen["Overdue"] is late, lambda: xenia.rfq(number), SOON)
            problem = denial(xaver, "BANKY")
            came.append(f"{seen['Step']}, pending: {seen.get('Pending')}; overdue {seen['Overdue']}")
            came.append(f"Xaver: {problem['status']} {problem['detail']}")
            expect(seen.get("Pending") == Step.DEALT and seen["Overdue"] is late, "not pending")
            expect(problem["status"] == 409, "a second call got through")
        wanted = Step.EXPIRED if late else Step.DEALT
        with story.step(
            f"It returns {time_over}", f"{wanted} at both, and the next call gets through"
        ) as came:
            stage.start("banky")
            seen_by = await_both(number, wanted, xenia, yves, seconds_max=LATER)
            came.append(" and ".join(one["Step"] for one in seen_by))
            again = xaver.call("BANKY")
            yves.await_queued(again, LATER)
            came.append(f"{again} is queued")
            xaver.hang_up(again)
            tidy((xenia, xaver, yves))


def bank_killed_after_deal(stage: Stage, story: Story) -> None:
    xenia, yves = traders(stage, "xenia", "yves")
    with story.step(
        "BANKY's node is killed when the deal is written and nobody told (R9)",
        "Xenia does not know yet, and her accept is pending",
    ) as came:
        stage.kill("banky")
        # What it sends to its city first is what it tells anybody: the turn after the quote.
        stage.start("banky", fault="before:zurich-inbox:turn#0003")
        number = quoted(xenia, yves)
        xenia.turn(number, "accept", Side=BuySell.BUY)
        expect(not until(lambda up: not up, lambda: stage.is_running("banky"), SOON), "it lives on")
        steps = steps_in_file(stage, "banky", number)
        seen = xenia.rfq(number)
        came.append(f"in BANKY's file: {steps[-1]}; for Xenia: {seen['Step']}, pending {seen.get('Pending')}")
        expect(steps[-1] == Step.DEALT and seen.get("Pending") == Step.DEALT, "another moment")
    with story.step("It returns", "the deal is known at both, with tickets") as came:
        stage.start("banky")
        await_both(number, Step.DEALT, xenia, yves, seconds_max=LATER)
        came.extend(ticket_told(await_ticket(trader, number, LATER)) for trader in (xenia, yves))
        clear_all(number, xenia, yves)


def caller_killed_before_accept_is_sent(stage: Stage, story: Story) -> None:
    xenia, yves = traders(stage, "xenia", "yves")
    with story.step(
        "BANKX's node is killed when Xenia's accept is written and not yet sent",
        "Yves waits at his quote; whether it binds is for BANKY's log to say",
    ) as came:
        stage.kill("bankx")
        stage.start("bankx", fault="before:tokyo-inbox:asked#0002")
        number = quoted(xenia, yves)
        with contextlib.suppress(NobodyAnswered):
            xenia.turn(number, "accept", Side=BuySell.BUY)
        expect(not until(lambda up: not up, lambda: stage.is_running("bankx"), SOON), "it lives on")
        seen = yves.rfq(number)
        came.append(f"for Yves: {seen['Step']}, overdue {seen['Overdue']}")
        expect(seen["Step"] == Step.QUOTED, "it was sent")
    with story.step("It returns within the turn's time", "dealt at both, with tickets") as came:
        stage.start("bankx")
        await_both(number, Step.DEALT, xenia, yves, seconds_max=LATER)
        came.extend(ticket_told(await_ticket(trader, number, LATER)) for trader in (xenia, yves))
        clear_all(number, xenia, yves)


def steps_in_file(stage: Stage, node: str, number: str) -> Sequence[str]:
    """The log of a conversation as it lies in a node's table."""
    items = stage.everything(node, Holding.CONVERSATIONS)
    turns = [item for item in items if item["pk"].endswith(number) and item["RecordType"] == "Turn"]
    return [turn["Step"] for turn in sorted(turns, key=lambda turn: turn["sk"])]
