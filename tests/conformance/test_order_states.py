"""The scenarios of FIX's appendix on order states, against records and the inquiry.

`FIX_SCENARIOS` in the environment names another file of the same form to run instead.
"""

import os
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from chalicelib.records.numbers import parse_number
from chalicelib.records.orders import read_orders
from chalicelib.state.orders import fold_order

from .playing import Step, Utility, differences, play
from .scenarios import APPENDIX, MORE, Scenario, read_scenarios

_ANOTHER = os.environ.get("FIX_SCENARIOS")
SCENARIOS = read_scenarios(*([Path(_ANOTHER)] if _ANOTHER else [APPENDIX, MORE]))

SHUFFLES = 200

# What is answered otherwise on purpose, by scenario and row; docs/order-states.md says why.
KNOWN_DIFFERENCES: Mapping[str, Mapping[int, Mapping[str, Any]]] = {
    "D.2.b": {7: {"order_qty": Decimal(10_000), "leaves_qty": Decimal(9_000)}},
}

each_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)


@pytest.mark.requirement("T14")
@each_scenario
def test_the_state_follows_from_what_happened_with_nobodys_totals_and_statuses(scenario: Scenario) -> None:
    assert differences(scenario, with_figures=False) == KNOWN_DIFFERENCES.get(scenario.name, {})


@pytest.mark.requirement("T14")
@each_scenario
def test_the_state_is_the_same_with_what_its_author_knew_of_the_whole_order(scenario: Scenario) -> None:
    assert differences(scenario, with_figures=True) == {}


@pytest.mark.requirement("T13", "T14")
@each_scenario
def test_the_last_report_alone_tells_its_authors_state(scenario: Scenario) -> None:
    answered = [step for step in play(scenario, with_figures=True) if step.row.expected is not None]
    for last in answered[-1:]:
        utility = Utility()
        utility.receive(last.items)
        assert last.row.expected is not None
        assert last.row.expected.differences(utility.ask(last.order_id, last.row.at)) == {}


@pytest.mark.requirement("T15")
@each_scenario
def test_arrival_in_any_order_and_repeatedly_ends_in_the_same_state(scenario: Scenario) -> None:
    random = Random(scenario.name)
    for steps in _by_order(play(scenario, with_figures=False)):
        last = steps[-1]
        items = [item for step in steps for item in step.items]
        for _ in range(SHUFFLES):
            arrived = random.sample(items, len(items)) + random.choices(items, k=len(items) // 2)
            utility = Utility()
            utility.receive(arrived)
            state = utility.ask(last.order_id, last.row.at)
            assert last.row.expected is not None
            assert last.row.expected.differences(state) == {}
            # A table puts its records in order; the fold does not need it.
            records, _ = read_orders(arrived)
            assert fold_order(parse_number(last.order_id), records, last.row.at) == state


def _by_order(steps: Sequence[Step]) -> list[list[Step]]:
    """The steps of each order, up to its last report or refusal."""
    orders: dict[str, list[Step]] = {}
    for step in steps:
        orders.setdefault(step.order_id, []).append(step)
    for of_one in orders.values():
        while of_one and of_one[-1].row.expected is None:
            of_one.pop()
    return [of_one for of_one in orders.values() if of_one]
