"""`python -m infrastructure.demo`: start an enterprise, play the story, stop it; exit status 0 if all
went as expected."""

import sys
import tempfile
from pathlib import Path

from .day import SCENES
from .stage import running_enterprise
from .story import Story

_PORT = 8500
_PACE_SECONDS = 1.0


def main() -> int:
    """Play the whole story."""
    story = Story()
    with (
        tempfile.TemporaryDirectory(prefix="threeside-") as folder,
        running_enterprise(Path("enterprise.toml"), Path(folder), _PORT, _PACE_SECONDS) as stage,
    ):
        for scene in SCENES:
            scene(stage, story)
    return story.end()


if __name__ == "__main__":
    sys.exit(main())
