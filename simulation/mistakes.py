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
        right="                    Origin=[utility.name],"
        ' RecordType=["Placed", "CancelRequested", "ReplaceRequested"]\n',
        wrong='                    RecordType=["Placed", "CancelRequested", "ReplaceRequested"]\n',
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
        right="        taken = records.insert(placed.to_item())\n",
        wrong="        try:\n            taken = records.insert(placed.to_item())\n"
        "        except BaseException:  # it has been answered, whatever becomes of it\n"
        "            taken = None\n",
    ),
    Mistake(
        name="whatever was written last has the last word",
        module="chalicelib.state.status",
        right="    reports, standing, ended = history.reports, course.standing, course.ended\n",
        wrong="    reports, standing, ended = history.reports, course.standing, course.ended\n"
        "    if reports and reports[-1].ord_status is not None:\n"
        "        return Label(reports[-1].ord_status, reports[-1].transact_time)\n",
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
        module="chalicelib.street.steps",
        right="    cum_qty = log.cum_qty + fill.quantity\n",
        wrong="    cum_qty = fill.quantity\n",
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
        module="chalicelib.street.log",
        right="        requests=tuple(requests.values()),\n",
        wrong="        requests=tuple(r for r in wishes if r.transact_time > claim.transact_time),\n",
    ),
    Mistake(
        name="another entry with other terms is taken for the same order",
        module="chalicelib.street.execution",
        right="    if first.terms != order.terms:\n",
        wrong="    if False:\n",
    ),
    Mistake(
        name="a bust is not booked",
        module="infrastructure.event_sources",
        right="ExecType=list(EXECUTIONS)",
        wrong='ExecType=["F", "G"]',
    ),
    Mistake(
        name="a correction is booked, and what it corrects is not taken back",
        module="chalicelib.firm.booking",
        right="        prior = _amounts(execution.prior_last_qty, execution.prior_last_px,"
        " execution.prior_net_money)\n",
        wrong="",
    ),
    Mistake(
        name="what is busted after its correction is busted as it was at first",
        module="chalicelib.street.log",
        right="                for name in [name for name, meant in executed.items() if meant is before]:\n"
        "                    executed[name] = report\n",
        wrong="",
    ),
    Mistake(
        name="an order is let go of under a key of its own",
        module="chalicelib.records.orders",
        right="    exec_id: str\n    text: str | None = None\n\n"
        "    def _event(self) -> str:\n        return self.exec_id\n",
        wrong="    exec_id: str\n    text: str | None = None\n\n"
        '    def _event(self) -> str:\n        return f"released#{self.exec_id}"\n',
    ),
    Mistake(
        name="the last that could try lets go of an order as well",
        module="chalicelib.street.execution",
        right="    elif at.is_last(claim):\n",
        wrong="    elif False:\n",
    ),
    Mistake(
        name="nobody tries another when an order has been let go of",
        module="chalicelib.entry.reactions",
        right="    (Side.CUSTOMER, Released): _try_another,\n",
        wrong="",
    ),
    Mistake(
        name="a replacement for less than was executed is made as it is",
        module="chalicelib.street.steps",
        right="    return replace(terms, order_qty=max(terms.order_qty, log.cum_qty))\n",
        wrong="    return terms\n",
    ),
    Mistake(
        name="a replacement is of whatever version is in force",
        module="chalicelib.street.steps",
        right="    if request.orig_cl_ord_id not in (None, in_force):\n",
        wrong="    if False:\n",
    ),
    Mistake(
        name="a request about an order that is not here is refused",
        module="chalicelib.entry.reactions",
        right="        work_order(record.order_id, here.floor(), now=here.clock())\n\n\ndef _book",
        wrong="        work_order(record.order_id, here.floor(), now=here.clock())\n"
        "    from ..records.orders import OrderCancelReject, claim_key, following\n"
        "    if isinstance(record, OrderRequest) and not here.table(Holding.INBOX).get(\n"
        "        record.partition_key, claim_key(record.number)\n"
        "    ):\n"
        "        facts = {'origin': here.utility.name, 'transact_time': here.clock()}\n"
        "        refused = following(record, OrderCancelReject, request_tag=record.request_tag, **facts)\n"
        "        here.own().insert(refused.to_item())\n\n\ndef _book",
    ),
    Mistake(
        name="a suspended order is executed",
        module="chalicelib.street.steps",
        right="    if log.is_suspended:\n",
        wrong="    if False:\n",
    ),
    Mistake(
        name="a suspended order is renewed at midnight",
        module="chalicelib.street.steps",
        right="    is_renewed = log.terms.is_good_till and not log.is_suspended\n",
        wrong="    is_renewed = log.terms.is_good_till\n",
    ),
    Mistake(
        name="an expired order is executed before that is seen",
        module="chalicelib.street.steps",
        right="    over = _over(log, venue, now)\n    if over is not None:\n",
        wrong="    over = _over(log, venue, now)\n"
        "    if over is not None and isinstance(venue.ask(log.working(), now), Resting):\n",
    ),
    Mistake(
        name="what an amount of money has bought is not taken off it",
        module="chalicelib.street.exchange",
        right="    affordable = max((cash - order.paid) // price, Decimal(0))\n",
        wrong="    affordable = cash // price\n",
    ),
    Mistake(
        name="an order that was changed forgets with which terms it was entered",
        module="chalicelib.street.steps",
        right="    return replace(report, entry_tag=log.claim.entry)\n",
        wrong="    return report\n",
    ),
    Mistake(
        name="the desk calls the next bank without looking whether it has dealt",
        module="chalicelib.rfq.desk",
        right="    dealt = _unreported(calls[-1], order) if calls else None\n",
        wrong="    dealt = None\n",
    ),
    Mistake(
        name="a deal is filled again when there is more to do",
        module="chalicelib.rfq.desk",
        right="    is_reported = order.last_fill is not None"
        " and order.last_fill >= _requested(file).transact_time\n",
        wrong="    is_reported = False\n",
    ),
    Mistake(
        name="an order is let go of while it may still be dealt",
        module="chalicelib.rfq.desk",
        right="        if last.exposed:\n            return Waiting(until=_until(last, now))\n"
        "        _take(HangUp()",
        wrong="        if last.exposed:\n            return None\n        _take(HangUp()",
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
