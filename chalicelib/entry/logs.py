"""Log lines that are one JSON object each, some of them metrics as well.

CloudWatch takes a line with `_aws` in it for metrics (embedded metric format): they cost no call. The
library that does this, Powertools, takes longer to import than all that a stream function needs besides.
"""

import json
import logging
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, ClassVar, TextIO

_about: ContextVar[Mapping[str, Any]] = ContextVar("_about", default={})  # noqa: B039

_encode = json.JSONEncoder(default=str).encode

# As long as the identifiers that gateways give to requests.
_WELL_FORMED = re.compile(r"[A-Za-z0-9._:-]{1,36}", re.ASCII)

# A metric's value, or several, and its unit.
Metrics = Mapping[str, tuple[float, str]]


@contextmanager
def about(**said: Any) -> Iterator[None]:
    """Have every line within say this; None says nothing."""
    token = _about.set({**_about.get(), **{name: value for name, value in said.items() if value is not None}})
    try:
        yield
    finally:
        _about.reset(token)


def is_well_formed(correlation_id: str) -> bool:
    """Whether it can go through every hop: at most 36 letters, digits, and `.`, `_`, `:`, `-`."""
    return _WELL_FORMED.fullmatch(correlation_id) is not None


class JsonLines(logging.Handler):
    """Writes one JSON object per line: level, time, what the line is about, the message, and any exception.

    `always` is said by every line that does not say otherwise. Metrics are written to every one that is open.
    """

    open: ClassVar[list["JsonLines"]] = []

    def __init__(self, write: Callable[[str], object], **always: str) -> None:
        super().__init__()
        self._write = write
        self._always = always
        self.open.append(self)

    def close(self) -> None:
        if self in self.open:
            self.open.remove(self)
        super().close()

    def emit(self, record: logging.LogRecord) -> None:
        exception = {}
        if record.exc_info:
            exception["exception"] = logging.Formatter().formatException(record.exc_info)
        self.say(record.levelno, record.created, record.getMessage(), exception)

    def say(self, level: int, created: float, message: str, said: Mapping[str, Any]) -> None:
        """Write a line."""
        line = {
            "level": logging.getLevelName(level),
            "time": f"{datetime.fromtimestamp(created, UTC).isoformat(timespec='microseconds')[:-6]}Z",
            **self._always,
            **_about.get(),
            "message": message,
            **said,
        }
        self._write(_encode(line) + "\n")


def write_json_lines(to: TextIO | None = None, **always: str) -> None:
    """Have this process log in JSON lines, to its output: its own from INFO on, others' from WARNING on."""
    output = to or sys.stdout

    def write(line: str) -> None:
        output.write(line)
        output.flush()

    logging.basicConfig(handlers=[JsonLines(write, **always)], level=logging.WARNING, force=True)
    for package in ("chalicelib", "infrastructure"):
        logging.getLogger(package).setLevel(logging.INFO)


def log_metrics(
    log: logging.Logger,
    level: int,
    message: str,
    *,
    namespace: str,
    dimensions: Mapping[str, str],
    metrics: Metrics,
    **said: Any,
) -> None:
    """Write a line that CloudWatch reads as metrics, too. Through `logging` it would cost twice as much."""
    if not JsonLines.open or not log.isEnabledFor(level):
        return
    now = time.time()
    described = {
        "Namespace": namespace,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, "Unit": unit} for name, (_, unit) in metrics.items()],
    }
    line = {
        **{name: value for name, value in said.items() if value is not None},
        **dimensions,
        **{name: value for name, (value, _) in metrics.items()},
        "_aws": {"Timestamp": int(now * 1000), "CloudWatchMetrics": [described]},
    }
    for lines in JsonLines.open:
        lines.say(level, now, message, line)
