"""Signs of life: how others know that a utility works, without asking it (T17)."""

from datetime import datetime, timedelta

from ..records.market import SignOfLife
from ..records.times import stamp
from ..tables.store import Store

# Signs of life are gone after this; DynamoDB's time to live may take days longer.
_KEPT = timedelta(hours=1)


def give_sign_of_life(origin: str, *, period: timedelta, signs: Store, now: datetime) -> None:
    """Say that this utility works, and will have said so again within three periods."""
    sign = SignOfLife(
        origin=origin,
        transact_time=stamp(now),
        until=now + 3 * period,
        expires=int((now + _KEPT).timestamp()),
    )
    signs.insert(sign.to_item())
