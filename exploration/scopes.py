"""What is explored: small scopes, each for what can go wrong only where it looks.

crossing      two calls and nothing else, not even a deadline: one survives, or by the patent none
two           two RFQs, each with at most a quote, a counter and a message of either bank
three         three RFQs that may be answered, passed and hung up: what a third call finds of the first
interleaved   two RFQs in which what frees, registers or binds may be written later than it was decided
three to deal three RFQs, two of which come to quotes, counters and deals, but no messages
all late      as interleaved, with hang-ups, for every decision
three in full three RFQs with every turn: more states than there is room for, so it ends before
"""

from dataclasses import replace

from chalicelib.rfq.decisions import Policy

from .bank import ACTS, CALL_OUT, DECISIONS, Scope

_MESSAGES = frozenset({"our message", "their message"})
_ENDS = frozenset({"answer", "pass", "hang up"})


def scopes(policy: Policy) -> dict[str, Scope]:
    """The scopes by name, under a policy."""
    whole = Scope(policy=policy)
    late = replace(whole, acts=frozenset({"answer", "counter", "hang up"}), held=frozenset(DECISIONS))
    return {
        "crossing": Scope(
            policy=policy,
            acts=frozenset({"answer", "quote"}),
            has_deadlines=False,
            must_survive=policy is Policy.EARLIEST,
        ),
        "two": whole,
        "three": replace(whole, rfqs=3, acts=_ENDS, brief=_ENDS),
        "interleaved": replace(
            late,
            acts=frozenset({"answer", "counter"}),
            held=frozenset({CALL_OUT, "requested", "deadline", "counter"}),
        ),
        "three to deal": replace(whole, rfqs=3, acts=frozenset(ACTS) - _MESSAGES, brief=_ENDS),
        "all late": late,
        "three in full": replace(whole, rfqs=3, brief=frozenset(ACTS)),
    }


USUAL = ("crossing", "two", "three", "interleaved")
ALL = ("three to deal", "all late", "three in full")
