"""The scene of what operators do to a deployed enterprise: their commands, by a profile."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from chalicelib.enterprise import Holding
from chalicelib.records.times import day_of

from ..demo.audit import differences
from ..demo.cues import expect
from ..demo.story import Story
from ..engine import REGION, local_credentials
from .deployed import Deployed

_PROFILE = "operator"
_LOST = 2
_SECONDS_MAX = 120.0

# A command, and the last of what it says.
Operate = Callable[..., str]


def play(stage: Deployed, story: Story) -> None:
    """Compare, lose records and mend them, have functions react again, and look for what cannot be right."""
    operate = _operator(stage)
    with story.step(
        f"{_LOST} records are deleted by hand at customer 2; `catch-up` compares, and brings them back",
        "missing, then copied; no table differs from its copies",
    ) as came:
        _lose(stage)
        came.append(operate("catch-up", "c2", "--compare", fails=True))
        came.append(operate("catch-up", "c2"))
        left = differences(stage)
        came.append(f"{left} records differ")
        expect(came[0] == f"{_LOST} missing, 0 different", "not as many as were lost")
        expect(came[1] == f"{_LOST} copied, 0 different", "not all came back")
        expect(left == 0, "copies differ")
    with story.step(
        "The firm is to react again to all reports that it has, as when they came",
        "handled, and nothing is booked twice",
    ) as came:
        before = len(stage.everything("firm", Holding.FIRM))
        came.append(operate("react", "firm", "--since", day_of(datetime.now(UTC))))
        booked = len(stage.everything("firm", Holding.FIRM)) - before
        came.append(f"{booked} new records")
        expect(came[0].endswith(" handled, 0 failed") and not came[0].startswith("0 "), "not handled")
        expect(booked == 0, "booked twice")
    with story.step("What was set aside, and what cannot be right", "nothing") as came:
        came.append(operate("aside", "s1"))
        came.append(operate("exceptions"))
        expect(came == ["nothing is set aside at s1", "nothing that cannot be right"], "something is")


def _operator(stage: Deployed) -> Operate:
    """Somebody with a profile of AWS's command line, and nothing else."""
    credentials = stage.folder / "credentials"
    told = {name.lower(): value for name, value in local_credentials().items()}
    keys = [f"{name} = {told[name]}" for name in ("aws_access_key_id", "aws_secret_access_key")]
    credentials.write_text("\n".join([f"[{_PROFILE}]", *keys, ""]))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "AWS_SHARED_CREDENTIALS_FILE": str(credentials),
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": str(stage.cloud.endpoint),
    }

    def operate(*words: str, fails: bool = False) -> str:
        ran = subprocess.run(
            [sys.executable, "-m", "infrastructure", *words, "--profile", _PROFILE],
            env=environment,
            capture_output=True,
            text=True,
            timeout=_SECONDS_MAX,
            check=False,
        )
        expect(ran.returncode == int(fails), f"{' '.join(words)}: {ran.stderr[-400:]}")
        return ran.stdout.splitlines()[-1]

    return operate


def _lose(stage: Deployed) -> None:
    """Delete some copies of what street utilities have said."""
    table = stage.enterprise.table("c2", Holding.STREET)
    dynamodb = stage.cloud.client("dynamodb", stage.enterprise.utility("c2").region)
    for item in stage.everything("c2", Holding.STREET)[:_LOST]:
        dynamodb.delete_item(TableName=table, Key={name: {"S": item[name]} for name in ("pk", "sk")})
