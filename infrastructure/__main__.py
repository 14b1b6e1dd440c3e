"""The command line: `python -m infrastructure COMMAND`; each takes --json and --help."""

from .commands import enterprise, operation, ordering
from .commands.line import main

# The commands are there once they are imported.
__all__ = ["enterprise", "main", "operation", "ordering"]

if __name__ == "__main__":
    main(prog_name="python -m infrastructure")
