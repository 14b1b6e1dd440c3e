"""`python -m infrastructure.demo`: start an enterprise, play the story, stop it; exit status 0 if all
went as expected."""

import sys
import tempfile
from pathlib import Path

from . import audit, failures, lives, scenes
from .stage import running_enterprise
from .story import Story

_SCENES = (
    scenes.first_order,
    scenes.fifty_orders,
    scenes.holdings,
    scenes.cancels,
    lives.changes,
    lives.venues_own_words,
    lives.by_money,
    scenes.estimates,
    scenes.filled_and_canceled,
    scenes.repeated_cl_ord_id,
    failures.customer_utility_killed,
    failures.street_utility_killed_before_claim,
    failures.street_utility_killed_after_claim,
    failures.firm_killed,
    scenes.many_orders,
    audit.play,
)
_PORT = 8500
_PACE_SECONDS = 1.0


def main() -> int:
    """Play the whole story."""
    story = Story()
    with (
        tempfile.TemporaryDirectory(prefix="threeside-") as folder,
        running_enterprise(Path("enterprise.toml"), Path(folder), _PORT, _PACE_SECONDS) as stage,
    ):
        for scene in _SCENES:
            scene(stage, story)
    return story.end()


if __name__ == "__main__":
    sys.exit(main())
