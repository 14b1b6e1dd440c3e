"""`python -m infrastructure.rfq_demo`: start an enterprise, play a day of dealing, stop it; exit status 0
if all went as expected."""

import sys
import tempfile
from pathlib import Path

from ..demo.stage import TURN_SECONDS, running_enterprise
from ..demo.story import Story
from . import day

_PORT = 8700
_PACE_SECONDS = 1.0


def main() -> int:
    """Play the whole day."""
    story = Story()
    with (
        tempfile.TemporaryDirectory(prefix="threeside-") as folder,
        running_enterprise(
            Path("enterprise.toml"), Path(folder), _PORT, _PACE_SECONDS, "--turn", str(TURN_SECONDS)
        ) as stage,
    ):
        day.play(stage, story)
    return story.end()


if __name__ == "__main__":
    sys.exit(main())
