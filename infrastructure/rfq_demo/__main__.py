"""`python -m infrastructure.rfq_demo`: start an enterprise, play a day of dealing, stop it; exit status 0
if all went as expected."""

import sys
import tempfile
from pathlib import Path

from ..demo.stage import running_enterprise
from ..demo.story import Story
from . import duplicates, failures, orders, rest, rush, scenes
from .traders import TURN_SECONDS

_SCENES = (
    scenes.opening,
    scenes.first_deal,
    scenes.no_deal,
    scenes.time_outs,
    duplicates.denied,
    duplicates.crossed,
    scenes.panels,
    scenes.one_terminal,
    scenes.broker,
    scenes.other_subjects,
    scenes.repeats,
    scenes.latencies,
    orders.play,
    failures.city_killed,
    failures.own_city_killed,
    failures.bank_killed_before_accept,
    failures.bank_killed_after_deal,
    failures.caller_killed_before_accept_is_sent,
    rush.play,
    rest.play,
)
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
        for scene in _SCENES:
            rest.come_to_rest(stage)
            scene(stage, story)
    return story.end()


if __name__ == "__main__":
    sys.exit(main())
