"""Times as FIX writes them, and the hybrid logical clock that stamps records."""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]

_TICK = timedelta(microseconds=1)
_USUAL = re.compile(r"\d{8}-\d\d:\d\d:\d\d\.\d{6}", re.ASCII)
_FORMATS = ("%Y%m%d-%H:%M:%S.%f", "%Y%m%d-%H:%M:%S")

# A record stamped further ahead than this is set aside: no clock of ours is that wrong.
AHEAD_MAX = timedelta(minutes=1)


def system_clock() -> datetime:
    """The machine's own time."""
    return datetime.now(UTC)


def stamp(now: datetime, *seen: datetime) -> datetime:
    """The time of a new record: now, but later than every record its writer has seen.

    A hybrid logical clock (Kulkarni et al., 2014). A function on Lambda remembers nothing, so
    what has been seen is what the tables say. Stamps too far ahead are not followed, or one wrong
    clock would carry all others with it.
    """
    credible = [time for time in seen if time <= now + AHEAD_MAX]
    return max([now, *(time + _TICK for time in credible)])


def format_time(time: datetime) -> str:
    """FIX UTCTimestamp with microseconds: 20261122-09:30:00.000000."""
    return f"{time:%Y%m%d-%H:%M:%S.%f}"


def parse_time(text: str) -> datetime:
    """Read a FIX UTCTimestamp, with or without a fraction; ValueError if it is none."""
    if _USUAL.fullmatch(text):
        # As records have it, and in a tenth of the time.
        with suppress(ValueError):
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
    for form in _FORMATS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise ValueError(f"expected a UTCTimestamp such as 20261122-09:30:00.000, found {text!r}")


def day_of(time: datetime) -> str:
    """The UTC date as FIX writes it: 20261122."""
    return f"{time:%Y%m%d}"
