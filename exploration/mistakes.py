"""Mistakes on purpose, each in the real decisions or in how a node applies them, and what finds it.

They are planted as the simulation's are; each is looked for in the scope that is meant for it.
"""

from simulation.mistakes import Mistake, plant

_DECISIONS = "chalicelib.rfq.decisions"
_NODE = "exploration.bank"

# By the scope in which each is looked for.
MISTAKES = {
    "crossing": (
        Mistake(
            name="a call is not registered on receipt",
            module=_DECISIONS,
            right="    return Decision(registration=opened, records=(*ended, turn))\n",
            wrong="    return Decision(records=(*ended, turn))\n",
        ),
        Mistake(
            name="under earliest, too, each bank refuses the other's call",
            module=_DECISIONS,
            right="    if has_crossed and rules.policy is Policy.EARLIEST:\n",
            wrong="    if False:\n",
        ),
        Mistake(
            name="under earliest, each bank withdraws its own call",
            module=_DECISIONS,
            right="not registered.is_acknowledged and _order(call) < _order_of(registration)\n",
            wrong="not registered.is_acknowledged\n",
        ),
        Mistake(
            name="under earliest, the later of two calls that cross is taken for the earlier",
            module=_DECISIONS,
            right="not registered.is_acknowledged and _order(call) < _order_of(registration)\n",
            wrong="not registered.is_acknowledged and _order(call) > _order_of(registration)\n",
        ),
        Mistake(
            name="the key of a subject depends on the order of its currencies",
            module="chalicelib.records.instruments",
            right="    return parse_subject(symbol).key\n",
            wrong="    return symbol\n",
        ),
        Mistake(
            name="what was checked is registered whatever has been registered since",
            module=_NODE,
            right="        is_current = held.decision.registration is None or not held.is_stale\n",
            wrong="        is_current = True\n",
        ),
        Mistake(
            name="a refusal is not written down",
            module=_DECISIONS,
            right="    return Decision(registration=judged, records=(turn,))\n",
            wrong="    return Decision(again=(turn,))\n",
        ),
    ),
    "two": (
        Mistake(
            name="an overdue registration is taken without contesting the log",
            module=_DECISIONS,
            right="        ended = (_next_turn(last, Step.EXPIRED, origin, last.destination, now),)\n",
            wrong="        ended = ()\n",
        ),
        Mistake(
            name="the bank that accepts concludes its copy: two decide",
            module=_DECISIONS,
            right="    return Decision(registration=registration, records=(asked,))\n",
            wrong="    assert file.last is not None\n"
            "    dealt = _next_turn(file.last, Step.DEALT, origin, call.initiating, now)\n"
            "    if step is not Step.DEALT:\n"
            "        return Decision(registration=registration, records=(asked,))\n"
            "    return Decision(registration=_free(registration, step, now), records=(asked, dealt))\n",
        ),
        Mistake(
            name="de-registered after the deal is recorded, not with it",
            module=_DECISIONS,
            right="        return Decision(registration=freed, records=(turn,))\n",
            wrong="        freed = None if step is Step.DEALT else freed\n"
            "        return Decision(registration=freed, records=(turn,))\n",
        ),
        Mistake(
            name="what may bind is not looked at: a bank is free while its accept is unanswered",
            module="chalicelib.state.conversations",
            right="        return wished or (standing is not None and standing.step is Step.COUNTERED)\n",
            wrong="        return False\n",
        ),
        Mistake(
            name="a wish is taken to be answered by any later place of the log",
            module="chalicelib.state.conversations",
            right="asked.step in BINDING and asked.answers + 1 not in places for",
            wrong="asked.step in BINDING and asked.answers >= self.seen for",
        ),
        Mistake(
            name="what binds is written without the registration that stays",
            module=_DECISIONS,
            right="    return Decision(registration=registration, records=(asked,))\n",
            wrong="    return Decision(records=(asked,))\n",
        ),
        Mistake(
            name="an inquiry is not answered with the conclusion",
            module=_DECISIONS,
            right="    return replace(decision, again=_after(file, inquired.answers))\n",
            wrong="    return decision\n",
        ),
        Mistake(
            name="a call does not carry what was judged",
            module=_DECISIONS,
            right="        judged=free.judged,\n        judged_time=free.judged_time,\n",
            wrong="",
        ),
        Mistake(
            name="an acknowledged call is withdrawn for one that crosses it",
            module=_DECISIONS,
            right="not registered.is_acknowledged and _order(call) < _order_of(registration)\n",
            wrong="_order(call) < _order_of(registration)\n",
        ),
        Mistake(
            name="a call that is repeated is judged again",
            module=_NODE,
            right="                if whole.turns:\n",
            wrong="                if False:\n",
        ),
    ),
    "three": (
        Mistake(
            name="a call is later than the last that was registered, not than all",
            module=_DECISIONS,
            right="    times = [registration.opened and registration.transact_time,",
            wrong="    times = [registration.opened,",
        ),
    ),
    "interleaved": (
        Mistake(
            name="what acknowledges is written without the registration",
            module=_DECISIONS,
            right="        changed = registration\n",
            wrong="        changed = None\n",
        ),
        Mistake(
            name="a conversation is given up by a file that was read before its registration",
            module=_NODE,
            right="        is_current = held.decision.registration is None or not held.is_stale\n",
            wrong="        is_current = held.decision.registration is None or not held.is_stale\n"
            "        is_current = is_current or held.event.rank in rest.registered\n",
        ),
    ),
}


def scope_of(name: str) -> str:
    """The scope in which a mistake is looked for."""
    return next(scope for scope, planted in MISTAKES.items() if name in [mistake.name for mistake in planted])


def plant_one(name: str) -> None:
    """Have one mistake in this process, from the next import of its module on."""
    plant(name, MISTAKES[scope_of(name)])
