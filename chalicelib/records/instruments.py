"""What may be traded, and in which steps."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, kw_only=True)
class InstrumentClass:
    """The steps and limits that instruments of one kind share.

    Quantities are multiples of `lot`, prices of `tick` in `currency`; `settlement_days` counts
    business days of `calendar` (an ISO 10383 market code) from trade to settlement.
    """

    lot: Decimal
    tick: Decimal
    order_qty_max: Decimal
    price_max: Decimal
    currency: str
    calendar: str
    settlement_days: int


# Settled on the day after the trade: SEC rule 15c6-1, since 2024-05-28.
EQUITY = InstrumentClass(
    lot=Decimal(1),
    tick=Decimal("0.01"),
    order_qty_max=Decimal(1_000_000_000),
    price_max=Decimal(10_000_000),
    currency="USD",
    calendar="XNYS",
    settlement_days=1,
)
