"""Log lines that are one JSON object each, some of them metrics as well.

CloudWatch takes a line with `_aws` in it for metrics (embedded metric format): they cost no call. The
library that does this, Powertools, takes longer to import than all that a stream function needs besides.
"""

import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

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


class JsonLines(logging.Formatter):
    """One JSON object per line: level, time, what the line is about, the message, and any exception.

    `always` is said by every line that does not say otherwise.
    """

    def __init__(self, **always: str) -> None:
        super().__init__()
        self._always = always

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "level": record.levelname,
            "time": f"{datetime.fromtimestamp(record.created, UTC).isoformat(timespec='microseconds')[:-6]}Z",
            **self._always,
            **_about.get(),
            "message": record.getMessage(),
            **getattr(record, "said", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _encode(line)


def write_json_lines(to: TextIO | None = None, **always: str) -> None:
    """Have this process log in JSON lines, to its output: its own from INFO on, others' from WARNING on."""
    # What no line says need not be found out for each.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    output = logging.StreamHandler(to or sys.stdout)
    output.setFormatter(JsonLines(**always))
    logging.basicConfig(handlers=[output], level=logging.WARNING, force=True)
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
    """Write a line that CloudWatch reads as metrics, too."""
    if not log.isEnabledFor(level):
        return
    described = {
        "Namespace": namespace,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, "Unit": unit} for name, (_, unit) in metrics.items()],
    }
    line = {
        **{name: value for name, value in said.items() if value is not None},
        **dimensions,
        **{name: value for name, (value, _) in metrics.items()},
        "_aws": {
            "Timestamp": int(datetime.now(UTC).timestamp() * 1000),
            "CloudWatchMetrics": [described],
        },
    }
    log.log(level, message, extra={"said": line})
