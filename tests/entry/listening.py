"""What the product logs meanwhile, as lines that go where a test wants them."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from chalicelib.entry.logs import JsonLines


@contextmanager
def listening(lines: JsonLines) -> Iterator[None]:
    """Have everything from INFO on written there, and to nobody afterwards."""
    package = logging.getLogger("chalicelib")
    level = package.level
    package.addHandler(lines)
    package.setLevel(logging.INFO)
    try:
        yield
    finally:
        package.setLevel(level)
        package.removeHandler(lines)
        lines.close()
