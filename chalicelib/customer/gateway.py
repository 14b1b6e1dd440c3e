"""A gateway's core: each request goes to a customer utility that answers (T4, T5).

Requests take turns over the utilities that are not known to be down. On no answer the next one gets
the very same request, to the byte:

    gateway             c1                      c2
    │── POST /orders ──▶│ writes the order
    │   ... silent ...  │ (killed before it answers)
    │── POST /orders ───────────────────────────▶│ writes it too
    │◀────────────────────────────────── 201 ────│

which is safe, for every request here may be repeated: inquiries write nothing, and an order or a
cancel carries its ClOrdID and its TransactTime, by which the street utilities know that both
are one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from threading import Lock
from typing import Protocol

from ..records.times import Clock

# For how long a utility that did not answer is asked last: long enough that not every request waits
# for it in vain, short enough that it soon takes its part again.
LEFT_ALONE = timedelta(seconds=5)

# After this long no other utility is tried. What is under way then ends by its transport's limits.
PATIENCE = timedelta(seconds=10)

# What a proxy, or the utility itself, says when the utility cannot do its work now.
_NO_ANSWER = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


class NoAnswer(Exception):
    """One utility did not answer: no connection, no answer in time, or one that says 429, 502, 503 or 504."""


class NobodyAnswered(Exception):
    """No utility answered a request; `reasons` says why, by utility.

    The request may have been carried out all the same: the same again finds out.
    """

    def __init__(self, reasons: Mapping[str, str]) -> None:
        told = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        super().__init__(f"no customer utility answered ({told}); send the same request again")
        self.reasons = reasons


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked; `target` is path and query, as HTTP has it."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What was answered, and by which utility."""

    utility: str
    status: int
    headers: Mapping[str, str]
    body: bytes


class Send(Protocol):
    """Brings a request to a utility's address: its answer, or NoAnswer, within a limited time."""

    def __call__(self, utility: str, address: str, request: Request, /) -> Answer: ...


class Gateway:
    """Picks the utility for each request. Any number of threads may use one."""

    def __init__(self, addresses: Mapping[str, str], send: Send, clock: Clock) -> None:
        if not addresses:
            raise ValueError("a gateway needs the address of at least one customer utility")
        self._addresses = dict(addresses)
        self._send = send
        self._clock = clock
        self._lock = Lock()
        self._turns = 0
        # The utilities that did not answer when last asked, and until when they are left alone.
        self._left_alone: dict[str, datetime] = {}

    def request(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """The answer of the first utility that gives one; NobodyAnswered if none does."""
        request = Request(method=method, target=target, headers=headers, body=body)
        give_up = self._clock() + PATIENCE
        reasons: dict[str, str] = {}
        for name in self._in_turn():
            if reasons and self._clock() >= give_up:
                reasons[name] = "not tried, there was no time left"
                continue
            try:
                return self._ask(name, request)
            except NoAnswer as silence:
                reasons[name] = str(silence)
        raise NobodyAnswered(reasons)

    def standing(self) -> dict[str, bool]:
        """Each utility, and whether it is believed to be up: not known to be down."""
        with self._lock:
            trusted = self._trusted(self._clock())
        return {name: name in trusted for name in self._addresses}

    def _ask(self, name: str, request: Request) -> Answer:
        try:
            answer = self._send(name, self._addresses[name], request)
            if answer.status in _NO_ANSWER:
                raise NoAnswer(f"answered {answer.status}")
        except NoAnswer:
            self._leave_alone(name)
            raise
        with self._lock:
            self._left_alone.pop(name, None)
        return answer

    def _in_turn(self) -> tuple[str, ...]:
        """All utilities in the order in which to ask them for one request."""
        with self._lock:
            now = self._clock()
            trusted = self._trusted(now)
            ahead = self._turns % len(trusted) if trusted else 0
            self._turns += 1
            order = trusted[ahead:] + trusted[:ahead] + self._distrusted(now)
            if order[0] in self._left_alone:
                # This request finds out whether it is back. Until that is known the others go on
                # without it, or all of them would wait for it at once.
                self._left_alone[order[0]] = now + LEFT_ALONE
            return order

    def _trusted(self, now: datetime) -> tuple[str, ...]:
        return tuple(name for name in self._addresses if self._left_alone.get(name, now) <= now)

    def _distrusted(self, now: datetime) -> tuple[str, ...]:
        """Who is left alone, the one that has been for longest first."""
        still = {name: until for name, until in self._left_alone.items() if until > now}
        return tuple(sorted(still, key=still.__getitem__))

    def _leave_alone(self, name: str) -> None:
        with self._lock:
            self._left_alone[name] = self._clock() + LEFT_ALONE
