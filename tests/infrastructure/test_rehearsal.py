"""What the rehearsal on the local cloud is made of; it is too long to be played here."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.enterprise import Holding
from infrastructure.deployment.deployed import DOOMS, Doom, without
from infrastructure.deployment.packaging import PackageError
from infrastructure.deployment.upgrade import ITS_VALUE, NEW_FIELD, write_next

INFRASTRUCTURE = Path(__file__).parents[2] / "infrastructure"


def test_every_fault_of_the_stories_has_its_place_on_a_cloud() -> None:
    armed = {
        fault
        for story in ("demo", "rfq_demo")
        for path in (INFRASTRUCTURE / story).glob("*.py")
        for fault in re.findall(r'fault="([^"]+)"', path.read_text())
    }
    assert armed == set(DOOMS)


def test_a_utility_that_is_doomed_is_told_of_all_but_what_it_is_to_die_at() -> None:
    image = {"Origin": {"S": ["c1"]}, "RecordType": {"S": ["Placed", "CancelRequested"]}}
    pattern = {"eventName": ["INSERT"], "dynamodb": {"NewImage": image}}
    by_kind = without(pattern, Doom(Holding.CUSTOMER, "RecordType", "Placed"))
    assert by_kind["dynamodb"]["NewImage"] == {**image, "RecordType": {"S": ["CancelRequested"]}}
    by_key = without(pattern, Doom(Holding.CUSTOMER, "sk", "turn#0003"))
    assert by_key["dynamodb"]["NewImage"] == {**image, "sk": {"S": [{"anything-but": ["turn#0003"]}]}}
    removed = {"eventName": ["REMOVE"]}
    assert without(removed, Doom(Holding.CUSTOMER, "sk", "turn#0003")) == removed


def test_the_next_version_has_one_more_field_and_writes_it(tmp_path: Path) -> None:
    write_next(tmp_path / "next")
    asked = "from chalicelib.records.orders import ExecutionReport as R; print(R.last_capacity)"
    asked += "; import chalicelib.street.steps"
    run = [sys.executable, "-c", asked]
    told = subprocess.run(run, cwd=tmp_path / "next", capture_output=True, text=True, check=True)
    assert told.stdout == "None\n"
    steps = (tmp_path / "next" / "chalicelib" / "street" / "steps.py").read_text()
    assert (NEW_FIELD, f"last_capacity='{ITS_VALUE}'" in steps) == ("LastCapacity", True)


def test_a_next_version_that_would_be_the_same_is_refused(tmp_path: Path) -> None:
    change = ("app.py", "what is not there", "whatever")
    with pytest.raises(PackageError, match=r"app\.py: the next version changes 'what is not there', found 0"):
        write_next(tmp_path / "next", [change])
