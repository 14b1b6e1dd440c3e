"""The page of requirements says what the tests prove, and no more."""

import subprocess
import sys
from pathlib import Path

from tests.requirements import REQUIREMENTS, ROOT, page, unknown


def test_the_page_is_what_the_tests_marks_say_and_every_id_in_a_mark_exists(tmp_path: Path) -> None:
    made = tmp_path / "requirements.md"
    run = subprocess.run(
        [sys.executable, "-m", "tests.requirements", str(made)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    kept = (ROOT / "docs" / "requirements.md").read_text()
    assert kept == made.read_text(), "docs/requirements.md is not up to date: run `make requirements`"


def test_an_id_that_no_requirement_has_is_found() -> None:
    assert unknown({"T1": ["a::b"], "T99": ["a::b"], "X": ["a::b"]}) == ["T99", "X"]


def test_a_requirement_without_tests_is_open_and_one_with_tests_links_them() -> None:
    lines = page({"T1": ["tests/a/test_a.py::test_b", "tests/test_c.py::test_d"]}).splitlines()
    assert f"| T1 | {REQUIREMENTS['T1']} | [2](#t1) |" in lines
    assert f"| T2 | {REQUIREMENTS['T2']} | open |" in lines
    assert lines[lines.index("## T1") + 2 :] == [
        "- [a/test_a.py::test_b](../tests/a/test_a.py)",
        "- [test_c.py::test_d](../tests/test_c.py)",
    ]


def test_every_requirement_is_on_the_page() -> None:
    shown = page({})
    assert list(REQUIREMENTS) == [f"T{n}" for n in range(1, 20)] + [f"R{n}" for n in range(1, 14)]
    assert all(f"| {requirement} | {text} | open |" in shown for requirement, text in REQUIREMENTS.items())
