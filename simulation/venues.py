"""What venues say by themselves of orders that street utilities work."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from chalicelib.enterprise import Holding
from chalicelib.records.fix import ExecRestatementReason, ExecType
from chalicelib.street.notices import give_notice

from .courses import Course
from .terms import is_currencies
from .world import World

_ZERO = Decimal(0)


@dataclass
class Venues:
    """The venues of a world.

    `said` says each notice again. What a venue has busted or canceled it knows to be so.
    """

    world: World
    said: list[Callable[[], bool]] = field(default_factory=list)
    _busted: set[str] = field(default_factory=set)
    _canceled: set[str] = field(default_factory=set)

    def speak(self, course: Course, random: Random) -> None:
        """Have a venue say something of an order, mostly what makes sense by what has become of it."""
        said = self._word(course, random)
        if said is None:
            return
        word, facts = said
        claim, inbox = course.claim, self.world.held(course.claim.origin, Holding.INBOX)
        name, at = f"notice-{len(self.said)}", self.world.now

        def say() -> bool:
            return give_notice(claim, word, name, inbox, venue="venue", now=at, **facts)

        self.said.append(say)
        say()
        self.world.faults.struck[f"venue says {word.name.lower().replace('_', ' ')}"] += 1

    def repeat(self, random: Random) -> None:
        """Have a venue say something again."""
        if self.said:
            random.choice(self.said)()

    def _word(self, course: Course, random: Random) -> tuple[ExecType, dict[str, Any]] | None:
        standing = [root for root in course.executions if root not in self._busted]
        is_done = course.is_done or course.claim.order_id in self._canceled
        if standing and (is_done or random.random() < 0.5):
            return self._about_execution(course, random.choice(standing), random)
        if is_done:
            return None
        if course.is_suspended:
            return ExecType.RESTATED, {}
        order_qty = course.terms.order_qty
        words: list[tuple[ExecType, dict[str, Any]]] = [
            (ExecType.STOPPED, {"last_qty": order_qty, "last_px": Decimal("570.00")}),
            (ExecType.RESTATED, {}),
        ]
        if not is_currencies(course.terms):
            words += [(ExecType.SUSPENDED, {})] * 6
            words += [(ExecType.CANCELED, {"reason": ExecRestatementReason.CANCEL_ON_SYSTEM_FAILURE})] * 2
        if order_qty is not None and not is_currencies(course.terms):
            declined = ExecRestatementReason.PARTIAL_DECLINE_OF_ORDER_QTY
            words.append((ExecType.RESTATED, {"restated_qty": order_qty / 2, "reason": declined}))
        word, facts = random.choice(words)
        if word is ExecType.CANCELED:
            self._canceled.add(course.claim.order_id)
        return word, facts

    def _about_execution(self, course: Course, root: str, random: Random) -> tuple[ExecType, dict[str, Any]]:
        last = course.executions[root]
        # A correction may be named as what is changed next.
        facts: dict[str, Any] = {"exec_ref_id": random.choice((root, last.exec_id))}
        if random.random() < 0.5:
            self._busted.add(root)
            return ExecType.TRADE_CANCEL, facts
        quantity, price = last.last_qty or _ZERO, last.last_px or _ZERO
        if random.random() < 0.8:
            facts["last_qty"] = max(quantity + random.choice((-20, 0, 0, 30)), Decimal(1))
        else:
            facts["last_qty"] = quantity
        facts["last_px"] = price + random.choice((Decimal("-0.25"), _ZERO, Decimal("0.01")))
        return ExecType.TRADE_CORRECT, facts
