"""Folds that are wrong on purpose: the scenarios tell each of them from the right one."""

import sys
from collections.abc import Sequence
from importlib import import_module
from inspect import getsource
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import pytest

from simulation.mistakes import Mistake, planted

from .playing import Fold, differences
from .scenarios import APPENDIX, MORE, read_scenarios
from .test_order_states import KNOWN_DIFFERENCES

SCENARIOS = read_scenarios(APPENDIX, MORE)
PAGE = Path(__file__).parents[2] / "docs" / "order-states.md"

# What the fold is made of, each after what it imports.
_PARTS = tuple(f"chalicelib.state.{name}" for name in ("history", "terms", "executions", "status", "orders"))
_HISTORY, _, _EXECUTIONS, _STATUS, _FOLD = _PARTS

# Each mistake, and the scenarios that find it.
WRONG_FOLDS: Sequence[tuple[Mistake, Sequence[str]]] = (
    (
        Mistake(
            name="the first record of an end freezes the order",
            module=_HISTORY,
            right="    reports: list[ExecutionReport] = []\n",
            wrong="    ordered = [r for r in ordered if not isinstance(r, ExecutionReport) or not any("
            "e.transact_time < r.transact_time for e in ordered"
            " if isinstance(e, ExecutionReport)"
            " and e.exec_type.name in ('CANCELED', 'EXPIRED', 'REJECTED'))]\n"
            "    reports: list[ExecutionReport] = []\n",
        ),
        ("J.1.b", "F.1.a", "expired"),
    ),
    (
        Mistake(
            name="busts do not count",
            module=_EXECUTIONS,
            right="            busted[root] = change.exec_id\n",
            wrong="            continue\n",
        ),
        ("J.1.b", "J.1.a", "J.1.d", "expired"),
    ),
    (
        Mistake(
            name="filled goes above pending",
            module=_STATUS,
            right="    if course.pending is not None:\n",
            wrong="    if course.pending is not None and completed is None:\n",
        ),
        ("B.1.c", "C.1.c", "J.1.a"),
    ),
    (
        Mistake(
            name="a replacement below CumQty is not raised to CumQty",
            module=_EXECUTIONS,
            right="            quantity = max(quantity, running)\n",
            wrong="            pass\n",
        ),
        ("C.3.c",),
    ),
    (
        Mistake(
            name="a Stopped report's LastQty is counted as a fill",
            module=_HISTORY,
            right="            (trades if record.exec_type is _TRADE else others)",
            wrong="            (trades if record.exec_type.name in ('TRADE', 'STOPPED') else others)",
        ),
        ("L.1.a", "stopped"),
    ),
)


def wrong_fold(mistake: Mistake) -> Fold:
    """`fold_order` as it is with the mistake: all that it is made of, loaded once more."""
    sources = {name: getsource(import_module(name)) for name in _PARTS} | {mistake.module: planted(mistake)}
    with patch.dict(sys.modules):
        for name, source in sources.items():
            module = sys.modules[name] = ModuleType(name)
            module.__package__ = name.rpartition(".")[0]
            exec(compile(source, name, "exec"), module.__dict__)
        fold: Fold = sys.modules[_FOLD].fold_order
    return fold


def found_by(fold: Fold | None = None) -> list[str]:
    """The scenarios that a fold, or else the right one, fails."""
    given = {} if fold is None else {"fold": fold}
    return [
        scenario.name
        for scenario in SCENARIOS
        if differences(scenario, with_figures=False, **given) != KNOWN_DIFFERENCES.get(scenario.name, {})
    ]


@pytest.mark.requirement("T14")
@pytest.mark.parametrize(("mistake", "scenarios"), WRONG_FOLDS, ids=[m.name for m, _ in WRONG_FOLDS])
def test_a_wrong_fold_is_found_and_the_page_says_by_what(mistake: Mistake, scenarios: Sequence[str]) -> None:
    assert found_by(wrong_fold(mistake)) == list(scenarios)
    assert f"| {mistake.name} | {', '.join(scenarios)} |" in PAGE.read_text()


def test_the_right_fold_fails_nowhere_also_when_it_is_planted_with_nothing() -> None:
    same = Mistake(name="none", module=_FOLD, right="def fold_order(", wrong="def fold_order(")
    assert found_by() == []
    assert found_by(wrong_fold(same)) == []
