"""What traders do: call each other's banks, quote, deal and hang up - and remember what they were told."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any, TypeVar

from chalicelib.enterprise import Holding
from chalicelib.records.conversations import ConversationRecord, Requested, Step, file_key
from chalicelib.records.fix import BuySell
from chalicelib.records.record import read_record
from chalicelib.refusals import Refused
from chalicelib.rfq.calls import QuoteRequest, request_quote
from chalicelib.rfq.node import Trader
from chalicelib.rfq.terminal import look
from chalicelib.rfq.turns import Act, act, clear
from chalicelib.state.conversations import Conversation, fold_conversation
from chalicelib.tables.store import Unreachable, span

from .faults import Killed
from .world import World

_T = TypeVar("_T")

TRADERS = (
    Trader(principal="HOUSE", trader="hilda", terminal="H1"),
    Trader(principal="HOUSE", trader="hugo", terminal="H2"),
    Trader(principal="BANKX", trader="xenia", terminal="X1"),
    Trader(principal="BANKX", trader="xaver", terminal="X2"),
    Trader(principal="MERCURY", trader="maia", terminal="M1"),
    Trader(principal="NEPTUNE", trader="nora", terminal="N1"),
)
# Nobody: who calls for the customers' orders of the one bank that takes them.
HOUSE = "HOUSE"
DESK = Trader(principal=HOUSE, trader="desk", terminal="H1")

PRINCIPALS = tuple(dict.fromkeys(trader.principal for trader in TRADERS))

# Mostly one subject, in either order of its currencies: so that calls meet.
SYMBOLS = ("EURUSD", "USDEUR", "EURUSD", "USDEUR", "EURUSD", "USDJPY", "XAUUSD", "US912810QL52")

_QUANTITY = Decimal(1_000_000)
_BID, _OFFER, _BETWEEN = Decimal("1.0841"), Decimal("1.0843"), Decimal("1.0842")

# What a bank that calls, and one that is called, does after each step; some do so more often.
_CALLER = {
    Step.QUEUED: (Step.PASSED,),
    Step.ANSWERED: (Step.MESSAGE,),
    Step.QUOTED: (Step.DEALT, Step.DEALT, Step.DEALT, Step.COUNTERED, Step.COUNTERED, Step.PASSED),
    Step.COUNTERED: (Step.PASSED, Step.MESSAGE),
    Step.MESSAGE: (Step.DEALT, Step.COUNTERED),
}
_CALLED = {
    Step.QUEUED: (Step.ANSWERED, Step.ANSWERED, Step.ANSWERED, Step.ANSWERED, Step.PASSED),
    Step.ANSWERED: (Step.QUOTED, Step.QUOTED, Step.QUOTED, Step.MESSAGE, Step.PASSED),
    Step.QUOTED: (Step.MESSAGE, Step.QUOTED),
    Step.COUNTERED: (Step.DEALT, Step.DEALT, Step.DEALT, Step.QUOTED, Step.PASSED),
    Step.MESSAGE: (Step.QUOTED, Step.DEALT),
}
_TURNS = (Step.ANSWERED, Step.QUOTED, Step.COUNTERED, Step.MESSAGE, Step.DEALT, Step.PASSED)


@dataclass(frozen=True)
class Done:
    """A turn that a trader was told is taken, or asked for."""

    by: Trader
    conversation: str
    wish: Act
    is_dealt: bool


@dataclass
class Traders:
    """The traders of a world's banks.

    `calls` are all that were ever tried; `told` what was answered; `done` the turns that were.
    """

    world: World
    calls: list[tuple[Trader, QuoteRequest]] = field(default_factory=list)
    told: list[Requested] = field(default_factory=list)
    done: list[Done] = field(default_factory=list)
    _files: dict[str, dict[str, None]] = field(default_factory=dict)
    _read: dict[str, int] = field(default_factory=dict)

    def call(
        self, by: Trader, to: str, symbol: str, side: BuySell | None, terminal: str | None = None
    ) -> None:
        """Have a trader call a bank."""
        request = QuoteRequest(
            quote_req_id=f"call-{len(self.calls)}",
            destination=to,
            terminal=terminal,
            symbol=symbol,
            side=side,
            order_qty=_QUANTITY,
            settl_type="0",
            transact_time=self.world.node(by.principal).clock(),
        )
        self.calls.append((by, request))
        self.request(by, request)

    def request(self, by: Trader, request: QuoteRequest) -> None:
        """Send a request, perhaps one that was sent before."""
        node = self.world.node(by.principal)
        told = self._at(by, lambda: request_quote(request, by, node.node())[0])
        if told is not None:
            self.told.append(told)

    def turn(self, by: Trader, file: Conversation, random: Random) -> None:
        """Have a trader take a turn, mostly one that makes sense by what the principal's file shows."""
        node = self.world.node(by.principal).node()
        record = file.any
        assert record is not None
        conversation = record.conversation
        wish = _wish(file, record, random)
        after = self._at(by, lambda: act(wish, conversation, by, node))
        if after is not None:
            is_dealt = after.conclusion is not None and after.conclusion.step is Step.DEALT
            self.done.append(Done(by, conversation, wish, is_dealt))

    def clear(self, by: Trader, conversation: str) -> None:
        """Have a trader clear the panel of a conversation, whether or not it is over."""
        node = self.world.node(by.principal).node()
        self._at(by, lambda: clear(conversation, by, node))

    def look(self, by: Trader) -> list[str]:
        """The conversations that a trader's terminal shows, those in the queue last."""
        node = self.world.node(by.principal).node()
        shown = self._at(by, lambda: look(by, node))
        if shown is None:
            return []
        return [panel.conversation for panel in shown.panels] + [turn.conversation for turn in shown.queue]

    def files(self, principal: str) -> list[str]:
        """All conversations that a principal has a file of, in the order in which they came."""
        for name in {self.world.node(principal).utility.name for principal in PRINCIPALS}:
            stream = self.world.held(name, Holding.CONVERSATIONS).stream
            for item in stream[self._read.get(name, 0) :]:
                owner, conversation = item["pk"].split("#")
                self._files.setdefault(owner, {}).setdefault(conversation)
            self._read[name] = len(stream)
        return list(self._files.get(principal, ()))

    def _at(self, by: Trader, do: Callable[[], _T]) -> _T | None:
        """What came of something at a trader's node; None if nothing that the trader was told."""
        utility = self.world.node(by.principal).utility.name
        if utility not in self.world.up:
            return None
        try:
            result: _T = self.world.call(utility, do)
        except (Killed, Unreachable):
            return None
        except Refused as refused:
            self.world.faults.struck[f"({type(refused).__name__})"] += 1
            return None
        return result


def colleagues(principal: str) -> Iterator[Trader]:
    """The traders of a principal."""
    return (trader for trader in TRADERS if trader.principal == principal)


def file_of(world: World, principal: str, conversation: str) -> Conversation:
    """A principal's file of a conversation as it is, whatever is down."""
    table = world.held(world.node(principal).utility.name, Holding.CONVERSATIONS)
    items = table.query(file_key(principal, conversation), *span("")).items
    records = [read_record(item) for item in items]
    return fold_conversation(record for record in records if isinstance(record, ConversationRecord))


def _wish(file: Conversation, record: ConversationRecord, random: Random) -> Act:
    last = file.last
    is_called = record.principal == record.destination
    steps = (_CALLED if is_called else _CALLER).get(last.step if last else Step.QUEUED, _TURNS)
    step = random.choice(_TURNS if random.random() < 0.1 else steps)
    answers = file.seen if random.random() < 0.95 else max(file.seen - 1, 0)
    facts: dict[str, Any] = {}
    if step is Step.QUOTED:
        facts = {"bid_px": _BID, "offer_px": _OFFER}
    if not is_called and step in (Step.DEALT, Step.COUNTERED):
        facts = {"side": record.side or random.choice(list(BuySell))}
    if step is Step.COUNTERED:
        facts |= {"price": _BETWEEN}
    if step is Step.MESSAGE:
        facts = {"text": random.choice(("please hold", "what about two"))}
    return Act(step=step, answers=answers, **facts)
