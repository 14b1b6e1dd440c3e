"""What an account has: a fold over its postings (T7).

Each posting says what the account had of its asset after it, so the latest version of an asset is
the answer. A business day begins with opening rows for everything that was carried forward; once
those are all there, older days need not be read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..records.ledger import DayOpened, Posting
from ..records.record import Record


@dataclass(frozen=True, kw_only=True)
class Holdings:
    """The latest posting of every asset of one kind that an account has or had today.

    `day` is the newest business day whose opening rows are all there: nothing older could change
    the answer. None says that older records are still to be read, if there are any.
    """

    postings: tuple[Posting, ...]
    until: datetime | None
    day: str | None


def fold_holdings(records: Iterable[Record]) -> Holdings:
    """Fold the ledger records of one account and kind of asset."""
    arrived: Sequence[Record] = list(records)
    postings = [record for record in arrived if isinstance(record, Posting)]
    latest: dict[str, Posting] = {}
    for posting in postings:
        known = latest.get(posting.asset)
        if known is None or (known.day, known.version) < (posting.day, posting.version):
            latest[posting.asset] = posting
    return Holdings(
        postings=tuple(latest[asset] for asset in sorted(latest)),
        until=max((record.transact_time for record in arrived), default=None),
        day=max(
            (
                opened.day
                for opened in arrived
                if isinstance(opened, DayOpened)
                and opened.count == sum(p.version == 0 and p.day == opened.day for p in postings)
            ),
            default=None,
        ),
    )
