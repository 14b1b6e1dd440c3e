"""A rush hour: many conversations at once between three banks, each going as chance has it."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus

from chalicelib.customer.gateway import NobodyAnswered
from chalicelib.records.conversations import CONCLUDING, Step
from chalicelib.records.fix import BuySell

from ..client import RequestRefused, until
from ..demo.cues import expect
from ..demo.stage import Stage
from ..demo.story import NotAsExpected, Story
from .traders import LATER, SOON, Trader, traders

_SEED = 5258908
_SYMBOLS = ("EURUSD", "USDEUR", "EURGBP", "USDJPY", "GBPUSD", "USDCHF", "AUDUSD", "EURJPY", "USDCAD")
_LOOKS_EVERY = 0.4


@dataclass(frozen=True)
class Desk:
    """A trader in a rush, and the panels left for calls either way."""

    trader: Trader
    to_call: threading.Semaphore
    to_answer: threading.Semaphore


def play(stage: Stage, story: Story) -> None:
    people = traders(stage, "xenia", "xaver", "yves", "yael", "hugo", "hanna")
    desks = [
        Desk(
            replace(trader, looks_every=_LOOKS_EVERY),
            to_call=threading.Semaphore(stage.panels_each_way),
            to_answer=threading.Semaphore(stage.panels_each_way),
        )
        for trader in people
    ]
    at_once = len(desks) * stage.panels_each_way
    # So few that calls get in each other's way.
    symbols = _SYMBOLS[: at_once // 2]
    with story.step(
        f"{stage.rush} calls between three banks on {len(symbols)} symbols, {at_once} at once,"
        " each to an end as chance has it",
        "every one comes to an end, some of every kind",
    ) as came:
        started = time.monotonic()
        with ThreadPoolExecutor(at_once) as at_work:
            ends = Counter(
                at_work.map(lambda n: converse(desks, symbols, random.Random(_SEED + n)), range(stage.rush))
            )
        came.append(", ".join(f"{count} {end}" for end, count in sorted(ends.items())))
        came.append(f"in {time.monotonic() - started:.1f} s")
        expect(not {*ends} - {*CONCLUDING}, "some have not ended")
        expect({Step.DEALT, Step.DENIED, Step.PASSED, Step.WITHDRAWN} <= {*ends}, "not of every kind")


def converse(desks: Sequence[Desk], symbols: Sequence[str], chance: random.Random) -> str:
    """One call, and whatever comes of it: how it ended for its caller."""
    caller = chance.choice(desks)
    called = chance.choice([desk for desk in desks if desk.trader.principal != caller.trader.principal])
    with caller.to_call, called.to_answer:
        return _converse(caller.trader, called.trader, chance.choice(symbols), chance)


def _converse(caller: Trader, called: Trader, symbol: str, chance: random.Random) -> str:
    try:
        number = caller.call(called.principal, symbol, OrderQty=str(chance.randrange(1, 10**8)))
    except RequestRefused as refused:
        _clear(caller, refused.problem["Conversation"])
        return Step.DENIED
    with _overtaken():
        until(bool, lambda: _has_heard(called, number), SOON, _LOOKS_EVERY)
        called.turn(number, "answer", 0)
        caller.await_step(number, Step.ANSWERED)
        _negotiate(number, caller, called, chance)
    seen = caller.await_step(number, *CONCLUDING, seconds_max=LATER)
    for trader in (caller, called):
        _clear(trader, number)
    return str(seen["Step"])


def _clear(trader: Trader, number: str) -> None:
    """Clear a panel as soon as the conversation lets go of it, if the trader has one."""

    def is_free() -> bool:
        try:
            trader.clear(number)
        except RequestRefused as refused:
            # What nobody answered, or never arrived, is in nobody's panel.
            return refused.status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
        return True

    expect(until(bool, is_free, LATER, _LOOKS_EVERY), f"{trader.name} cannot clear {number}")


def _has_heard(trader: Trader, number: str) -> bool:
    try:
        trader.rfq(number)
    except RequestRefused:
        return False
    return True


def _negotiate(number: str, caller: Trader, called: Trader, chance: random.Random) -> None:
    """Quotes and whatever is said to them, until somebody has had enough."""
    for _ in range(chance.randrange(1, 4)):
        bid = chance.randrange(10_000, 20_000)
        called.quote(number, f"{bid / 10_000:.4f}", f"{(bid + 3) / 10_000:.4f}")
        seen = caller.await_step(number, Step.QUOTED, *CONCLUDING)
        if seen["Step"] in CONCLUDING:
            return
        match chance.choice(("accept", "accept", "accept", "counter", "message", "hang up", "refuse")):
            case "accept":
                caller.turn(number, "accept", Side=chance.choice(tuple(BuySell)))
                return
            case "counter":
                caller.turn(
                    number, "counter", Price=f"{(bid + 1) / 10_000:.4f}", Side=chance.choice(tuple(BuySell))
                )
                called.await_step(number, Step.COUNTERED)
                if chance.random() < 0.5:
                    called.turn(number, "accept")
                    return
            case "message":
                caller.turn(number, "message", Text="anything better?")
                called.await_step(number, Step.MESSAGE)
            case "hang up":
                caller.hang_up(number)
                return
            case "refuse":
                called.hang_up(number)
                return
    if chance.random() < 0.9:
        caller.hang_up(number)


@contextmanager
def _overtaken() -> Iterator[None]:
    """Whatever a trader was about to do, the conversation went another way: it is over, or has gone on."""
    try:
        yield
    except (RequestRefused, NotAsExpected, NobodyAnswered):
        return
