"""What a venue says by itself, as it is put into the inbox of the street utility that works the order."""

from datetime import datetime
from decimal import Decimal

from ..records.fix import ExecRestatementReason, ExecType
from ..records.orders import EXECUTIONS, Claim, Notice, following
from ..records.times import stamp
from ..tables.store import Store

# What may be said of an order that nobody asked about.
SAID = (
    ExecType.TRADE_CANCEL,
    ExecType.TRADE_CORRECT,
    ExecType.STOPPED,
    ExecType.SUSPENDED,
    ExecType.RESTATED,
    ExecType.CANCELED,
)


def give_notice(
    claim: Claim,
    exec_type: ExecType,
    notice_id: str,
    inbox: Store,
    *,
    venue: str,
    now: datetime,
    exec_ref_id: str | None = None,
    restated_qty: Decimal | None = None,
    last_qty: Decimal | None = None,
    last_px: Decimal | None = None,
    reason: ExecRestatementReason | None = None,
    text: str | None = None,
) -> bool:
    """Put a notice of a claimed order into its street utility's inbox: once, however often it is said.

    A bust or a correction names the execution, a correction and a guarantee the quantity and the price.
    """
    assert exec_type in SAID, f"{exec_type} is nothing that a venue says by itself"
    assert exec_type not in EXECUTIONS or exec_ref_id is not None, "which execution?"
    notice = following(
        claim,
        Notice,
        origin=venue,
        transact_time=stamp(now, claim.transact_time),
        notice_id=notice_id,
        exec_type=exec_type,
        exec_ref_id=exec_ref_id,
        exec_restatement_reason=reason,
        restated_qty=restated_qty,
        last_qty=last_qty,
        last_px=last_px,
        text=text,
    )
    return inbox.insert(notice.to_item()) is None
