"""What the firm has listed, looked up without a read per order.

What a symbol is listed as seldom changes: an answer is remembered for a minute, 'not listed' too, and
for as long as the table cannot be read.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from ..records.instruments import Instrument, instrument_key
from ..records.record import UnreadableRecord
from .store import Store, Unreachable, span

REMEMBERED_FOR = timedelta(seconds=60)
REMEMBERED_MAX = 4096


@dataclass(frozen=True, kw_only=True)
class _Answer:
    instrument: Instrument | None
    until: datetime


class Instruments:
    """The instruments in a table that holds the firm's records."""

    def __init__(self, records: Store) -> None:
        self._records = records
        self._known: dict[str, _Answer] = {}
        # Around what is remembered alone: nobody waits for another's read.
        self._lock = Lock()

    def find(self, symbol: str, now: datetime) -> Instrument | None:
        """The latest listing of a symbol, None if none has arrived; Unreachable if that is not known."""
        known = self._known.get(symbol)
        if known is not None and now < known.until:
            return known.instrument
        try:
            instrument = self._read(symbol)
        except Unreachable:
            if known is None:
                raise
            # For another while: not every order has to find out that the table does not answer.
            instrument = known.instrument
        self._remember(symbol, _Answer(instrument=instrument, until=now + REMEMBERED_FOR))
        return instrument

    def _read(self, symbol: str) -> Instrument | None:
        page = self._records.query(instrument_key(symbol), *span(""), backward=True, limit=1)
        try:
            return Instrument.from_item(page.items[0]) if page.items else None
        except UnreadableRecord:
            # Of a newer version, of a kind that is not known here: not to be ordered here.
            return None

    def _remember(self, symbol: str, answer: _Answer) -> None:
        with self._lock:
            self._known.pop(symbol, None)
            while len(self._known) >= REMEMBERED_MAX:
                # The one that was asked for longest ago; asked again, it is read again.
                del self._known[next(iter(self._known))]
            self._known[symbol] = answer
