"""Mistakes on purpose: each is planted in the real code, alone, and must be found.

A mistake is a text of a module and what stands there instead; the module is changed on its way in, so
what runs is the product with that one mistake.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """What is wrong, where, and what is changed to make it so."""

    name: str
    module: str
    right: str
    wrong: str


MISTAKES = (
    Mistake(
        name="copies are forwarded again: no origin filter",
        module="infrastructure.event_sources",
        right='_inserted(Origin=[utility.name], RecordType=["Placed", "CancelRequested"])',
        wrong='_inserted(RecordType=["Placed", "CancelRequested"])',
    ),
    Mistake(
        name="a claim that is there already is taken for a failure",
        module="chalicelib.street.execution",
        right="    if taken is None:\n        return\n    first = Claim.from_item(taken)\n",
        wrong="    if taken is None:\n        return\n    raise LookupError(claim.sort_key)\n",
    ),
    Mistake(
        name="an order is taken back without looking for a claim",
        module="chalicelib.customer.routing",
        right="    found = Found.TAKEN_BACK if taken is None else Claim.from_item(taken).found\n",
        wrong="    found = Found.TAKEN_BACK\n",
    ),
    Mistake(
        name="an order is acknowledged without a claim",
        module="chalicelib.street.execution",
        right="    if claim.origin != at.name or claim.found is not Found.CLAIMED:\n        return\n",
        wrong="    claim = following(claim, Claim, origin=at.name, found=Found.CLAIMED,"
        " transact_time=claim.transact_time)\n",
    ),
    Mistake(
        name="an order is answered before it is inserted",
        module="chalicelib.customer.entry",
        right="    taken = records.insert(placed.to_item())\n",
        wrong="    try:\n        taken = records.insert(placed.to_item())\n"
        "    except BaseException:  # it has been answered, whatever becomes of it\n        taken = None\n",
    ),
    Mistake(
        name="whatever was written last has the last word",
        module="chalicelib.state.orders",
        right="    label = _label(mine, executions, cum_qty, terms)\n",
        wrong="    label = _Label(mine[-1].ord_status, mine[-1].transact_time) if mine else None\n",
    ),
    Mistake(
        name="what a peer cannot take is dropped",
        module="chalicelib.network.replication",
        right="        park(left, peers.tables[name].name, peers.queues(name))\n",
        wrong="        pass\n",
    ),
    Mistake(
        name="a message that cannot be delivered is dropped",
        module="chalicelib.network.replication",
        right="        park([item], inbox.name, queue)\n",
        wrong="        pass\n",
    ),
    Mistake(
        name="what is parked is not taken out again",
        module="chalicelib.network.replication",
        right="""    table, items = open_table(parked["table"]), parked["items"]\n""",
        wrong="""    raise Unreachable(parked["table"])\n""",
    ),
    Mistake(
        name="an execution is booked whenever it arrives",
        module="chalicelib.firm.booking",
        right="""        rows = [{"pk": pk, "sk": mark}, *(posting.to_item() for posting in postings)]\n""",
        wrong="""        rows = [posting.to_item() for posting in postings]\n""",
    ),
    Mistake(
        name="an execution forgets those before it",
        module="chalicelib.street.execution",
        right="    leaves_qty = last.leaves_qty - fill.quantity\n",
        wrong="    leaves_qty = (log.claim.order_qty or last.leaves_qty) - fill.quantity\n",
    ),
    Mistake(
        name="nobody looks after an order that is not answered",
        module="chalicelib.customer.routing",
        right="            street.schedule(order.order_id, now + max(street.check_after, waited))\n"
        "            return\n        try:\n",
        wrong="            return\n        try:\n",
    ),
    Mistake(
        name="a cancel that comes before its order is forgotten",
        module="chalicelib.street.execution",
        right="        cancels=tuple(cancels.values()),\n",
        wrong="        cancels=tuple(c for c in cancels.values()"
        " if c.transact_time > claims[0].transact_time),\n",
    ),
    Mistake(
        name="another entry with other terms is taken for the same order",
        module="chalicelib.street.execution",
        right="    if first.terms != order.terms:\n",
        wrong="    if False:\n",
    ),
    Mistake(
        name="a registration is replaced whatever it is by now",
        module="chalicelib.tables.memory",
        right="""                if (there or {}).get(VERSION, "0") != item[VERSION]:\n""",
        wrong="                if False:\n",
    ),
    Mistake(
        name="a transaction that met another is taken to be written",
        module="chalicelib.rfq.node",
        right="        except Unreachable:\n            if attempt ==",
        wrong="        except Unreachable:\n            return decision\n            if attempt ==",
    ),
    Mistake(
        name="a call that is silent past its deadline is given up, whatever was accepted in it",
        module="chalicelib.rfq.decisions",
        right="    if file.exposed or file.left is not None:\n        return Decision(records=(inquired,))\n",
        wrong="    if file.left is not None:\n        return Decision(records=(inquired,))\n",
    ),
    Mistake(
        name="an accept is taken whatever price stands by now",
        module="chalicelib.rfq.decisions",
        right="    if asked.answers != last.place or not _makes_sense(asked.step, file, asked):\n",
        wrong="    if not _makes_sense(asked.step, file, asked):\n",
    ),
    Mistake(
        name="the called bank makes counter-offers, too, and deals at its own",
        module="chalicelib.rfq.turns",
        right="    if wish.step is Step.COUNTERED:\n        raise TurnRefused(\n",
        wrong="    if False:\n        raise TurnRefused(\n",
    ),
    Mistake(
        name="a deal does not free its subject at the called bank",
        module="chalicelib.rfq.decisions",
        right="        return Decision(registration=freed, records=(turn,))\n",
        wrong="        return Decision(records=(turn,))\n",
    ),
    Mistake(
        name="a panel is cleared of a conversation that is late and goes on",
        module="chalicelib.rfq.turns",
        right="        is_over = file.conclusion is not None or file.left is not None\n",
        wrong="        is_over = file.conclusion is not None or file.left is not None"
        " or file.is_overdue(node.clock())\n",
    ),
    Mistake(
        name="nobody looks after a turn that is not taken",
        module="chalicelib.rfq.following",
        right="    if not turn.concludes:\n",
        wrong="    if False:\n",
    ),
    Mistake(
        name="a deal is written down by the called bank alone",
        module="chalicelib.rfq.following",
        right="    if turn.step is Step.DEALT:\n",
        wrong="    if turn.step is Step.DEALT and is_decider:\n",
    ),
    Mistake(
        name="both parties of a deal are on one side of it",
        module="chalicelib.rfq.tickets",
        right="    return turn.deal_side if principal == turn.initiating else _OPPOSITE[turn.deal_side]\n",
        wrong="    return turn.deal_side\n",
    ),
    Mistake(
        name="a city forgets a message that nobody takes",
        module="chalicelib.network.routing",
        right="        park([item], at.inbox(waiting).name, at.queue(waiting))\n",
        wrong="        pass\n",
    ),
    Mistake(
        name="of two calls that cross each bank takes the other's",
        module="chalicelib.rfq.decisions",
        right="    has_crossed = not registered.is_acknowledged and _order(call) < _order_of(registration)\n",
        wrong="    has_crossed = not registered.is_acknowledged\n",
    ),
    Mistake(
        name="a call that crossed another is queued, and the other goes on",
        module="chalicelib.rfq.decisions",
        right="        withdrawn = _leaving(registered, Step.WITHDRAWN, origin, now, text=DUPLICATE_CALL)\n",
        wrong="        withdrawn: tuple[ConversationRecord, ...] = ()\n",
    ),
)


def plant(name: str, mistakes: Sequence[Mistake] = MISTAKES) -> None:
    """Have one mistake in this process, from the next import of its module on."""
    mistake = next(mistake for mistake in mistakes if mistake.name == name)
    assert mistake.module not in sys.modules, f"{mistake.module} has been imported already"
    sys.meta_path.insert(0, _Finder(mistake))


def planted(mistake: Mistake) -> str:
    """A module's text with the mistake; AssertionError if its right text is not there once."""
    text = _source_of(mistake).read_text()
    times = text.count(mistake.right)
    assert times == 1, f"{mistake.name}: its right text is there {times} times"
    return text.replace(mistake.right, mistake.wrong)


def _source_of(mistake: Mistake) -> Path:
    return Path(__file__).parent.parent / f"{mistake.module.replace('.', '/')}.py"


class _Finder(MetaPathFinder):
    """Finds the one module that has a mistake."""

    def __init__(self, mistake: Mistake) -> None:
        self._mistake = mistake

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._mistake.module:
            return None
        source = str(_source_of(self._mistake))
        return spec_from_file_location(fullname, source, loader=_Loader(self._mistake, source))


class _Loader(SourceFileLoader):
    """Loads it from the changed text, never from bytecode, which would be without the mistake."""

    def __init__(self, mistake: Mistake, source: str) -> None:
        super().__init__(mistake.module, source)
        self._mistake = mistake

    def get_code(self, fullname: str) -> CodeType:
        return compile(planted(self._mistake), self.path, "exec")
