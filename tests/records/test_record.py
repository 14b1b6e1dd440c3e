"""Every kind of record, at its largest: what is stored, and what is read again."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.network.routing import PASSED_MAX
from chalicelib.records.conversations import Asked, Inquired, Message, Requested, Step, Ticket, Turn
from chalicelib.records.fix import (
    BuySell,
    CxlRejReason,
    CxlRejResponseTo,
    ExecRestatementReason,
    ExecType,
    OrdStatus,
    OrdType,
    QuoteRequestRejectReason,
    TimeInForce,
)
from chalicelib.records.instruments import Instrument, InstrumentKind
from chalicelib.records.ledger import AssetKind, DayClosed, DayOpened, Posting
from chalicelib.records.market import MarketData, SignOfLife
from chalicelib.records.numbers import OrderID
from chalicelib.records.orders import (
    CancelRequested,
    Claim,
    ExecutionReport,
    Found,
    Notice,
    OrderCancelReject,
    OrderRecord,
    Placed,
    Released,
    ReplaceRequested,
    Routed,
    exec_id,
)
from chalicelib.records.record import (
    BYTES_MAX,
    Record,
    UnreadableRecord,
    fix_name,
    item_bytes,
    read_record,
)
from chalicelib.records.registrations import PANELS, Panels, Registration, RegistrationState, Shown
from chalicelib.records.times import format_time
from chalicelib.rfq.decisions import CALL_ALREADY_IN_PROGRESS
from tests.builders import number, placed

ACCOUNT = "A" * 36
UTILITY = "u" * 16
SYMBOL = "S" * 16
QTY = Decimal(1_000_000_000)
PRICE = Decimal("10000000.00")
MONEY = Decimal("-99999999999999999.999999")
TEXT = "ClOrdID was placed with other terms as " + "C" * 39
TIME = datetime(2026, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
NUMBER = number(account=ACCOUNT, cl_ord_id="O" * 36)
EXEC_ID = exec_id(UTILITY, NUMBER, 9999)

WRITTEN: dict[str, Any] = {"origin": UTILITY, "transact_time": TIME}
ORDER: dict[str, Any] = {
    **WRITTEN,
    "order_id": OrderID(str(NUMBER)),
    "account": ACCOUNT,
    "cl_ord_id": "O" * 36,
    "symbol": SYMBOL,
    "side": BuySell.SELL,
    "ord_type": OrdType.STOP_LIMIT,
    "order_qty": QTY,
    "price": PRICE,
    "stop_px": PRICE,
    "time_in_force": TimeInForce.GOOD_TILL_DATE,
    "expire_time": TIME,
    "correlation_id": "c" * 36,
}
CANCEL: dict[str, Any] = {**ORDER, "cl_ord_id": "K" * 36, "orig_cl_ord_id": "O" * 36}
ASSET: dict[str, Any] = {**WRITTEN, "account_key": NUMBER.account_key, "account": ACCOUNT, "day": "20261231"}

NUMBER_OF_CALL = f"C01{NUMBER.day}-{NUMBER.tag}"
CALL: dict[str, Any] = {
    **WRITTEN,
    "conversation": NUMBER_OF_CALL,
    "principal": "P" * 12,
    "initiating": "P" * 12,
    "destination": "D" * 12,
    "symbol": "US91282CKU44",
    "side": BuySell.BUY,
    "order_qty": Decimal("999999999999.123"),
    "settl_type": "M12",
    "correlation_id": "c" * 36,
}
PANELS_TAKEN: dict[str, Any] = {f"panel{number}": NUMBER_OF_CALL for number in range(1, PANELS + 1)}
JUDGED: dict[str, Any] = {"judged": NUMBER_OF_CALL, "judged_time": TIME, "judged_step": Step.WITHDRAWN}
TURN = Turn(
    **CALL,
    place=9999,
    step=Step.COUNTERED,
    by="P" * 12,
    trader="t" * 64,
    terminal="T" * 12,
    valid_until_time=TIME,
    bid_px=PRICE,
    offer_px=PRICE,
    price=PRICE,
    deal_side=BuySell.SELL,
    settl_date="20270104",
    panel=6,
    text="t" * 128,
    quote_request_reject_reason=QuoteRequestRejectReason.OTHER,
)

LARGEST: Mapping[type[Record], Record] = {
    type(record): record
    for record in (
        Placed(**ORDER, orig_time=TIME, entered_by="s" * 255),
        CancelRequested(**CANCEL, request_tag=NUMBER.tag, orig_time=TIME, entered_by="s" * 255),
        ReplaceRequested(
            **CANCEL,
            entry_tag=NUMBER.tag[:8],
            request_tag=NUMBER.tag,
            orig_time=TIME,
            entered_by="s" * 64,
            changed="ExpireTime,OrdType,OrderQty,Price,StopPx,TimeInForce",
        ),
        Routed(**ORDER, street=UTILITY, found=Found.TAKEN_BACK),
        ExecutionReport(
            **CANCEL,
            entry_tag=NUMBER.tag[:8],
            ord_status=OrdStatus.PARTIALLY_FILLED,
            exec_id=EXEC_ID,
            exec_type=ExecType.TRADE_CORRECT,
            exec_ref_id=EXEC_ID,
            notice_id="N" * 36,
            prior_last_qty=QTY,
            prior_last_px=PRICE,
            cum_qty=QTY,
            leaves_qty=QTY,
            avg_px=Decimal("9999999.123456"),
            last_qty=QTY,
            last_px=PRICE,
            last_mkt="SIMX",
            text="t" * 128,
        ),
        OrderCancelReject(
            **CANCEL,
            ord_status=OrdStatus.FILLED,
            cxl_rej_response_to=CxlRejResponseTo.ORDER_CANCEL_REQUEST,
            cxl_rej_reason=CxlRejReason.TOO_LATE_TO_CANCEL,
            request_tag=NUMBER.tag,
            text=TEXT,
        ),
        Notice(
            **ORDER,
            ord_status=OrdStatus.FILLED,
            notice_id="N" * 36,
            exec_type=ExecType.TRADE_CORRECT,
            exec_ref_id=EXEC_ID,
            exec_restatement_reason=ExecRestatementReason.OTHER,
            last_qty=QTY,
            last_px=PRICE,
            text="t" * 128,
        ),
        Released(**ORDER, exec_id=EXEC_ID, text="SIMX does not answer"),
        Claim(**ORDER, found=Found.TAKEN_BACK),
        Posting(
            **ASSET,
            contra_account="street",
            kind=AssetKind.POSITION,
            asset=SYMBOL,
            version=10**9,
            change=MONEY,
            quantity=MONEY,
            order_id=OrderID(str(NUMBER)),
            exec_id=EXEC_ID,
            settl_date="20270104",
            text=TEXT,
            correlation_id="c" * 36,
        ),
        Requested(
            **CALL,
            **JUDGED,
            step=Step.REQUESTED,
            quote_req_id="Q" * 36,
            trader="t" * 64,
            terminal="T" * 12,
            panel=6,
            called_terminal="T" * 12,
            valid_until_time=TIME,
            text=CALL_ALREADY_IN_PROGRESS,
        ),
        TURN,
        Asked(
            **CALL,
            answers=9999,
            step=Step.COUNTERED,
            trader="t" * 64,
            price=PRICE,
            deal_side=BuySell.SELL,
            text="t" * 128,
        ),
        Inquired(**CALL, answers=9999, attempt=9999),
        Ticket(
            **CALL,
            trader="t" * 64,
            price=PRICE,
            deal_side=BuySell.SELL,
            received="US91282CKU44",
            received_qty=MONEY,
            given="USD",
            given_qty=MONEY,
            accrued_interest_amt=MONEY,
            settl_date="20270104",
            exec_id=EXEC_ID,
        ),
        Message(
            **WRITTEN,
            conversation=NUMBER_OF_CALL,
            message="turn#9999#asked#9999",
            sender=UTILITY,
            recipient=UTILITY,
            passed=",".join([f"{UTILITY}@{format_time(TIME)}"] * PASSED_MAX),
            content=json.dumps(TURN.to_item()),
            correlation_id="c" * 36,
        ),
        Registration(
            **WRITTEN,
            **JUDGED,
            version=10**9,
            principal="P" * 12,
            counterparty="D" * 12,
            subject="US91282CKU44",
            state=RegistrationState.INITIATED,
            conversation=NUMBER_OF_CALL,
            opened=TIME,
            valid_until_time=TIME,
            last=NUMBER_OF_CALL,
            last_step=Step.WITHDRAWN,
            last_time=TIME,
        ),
        Panels(
            **WRITTEN,
            version=10**9,
            principal="P" * 12,
            trader="t" * 64,
            **PANELS_TAKEN,
        ),
        Shown(
            **WRITTEN,
            principal="P" * 12,
            key=f"{NUMBER_OF_CALL}#turn#9999",
            content=json.dumps(TURN.to_item()),
            expires=10**10,
        ),
        DayOpened(**ASSET, kind=AssetKind.POSITION, count=10**6),
        DayClosed(**ASSET, next_day="20270101"),
        Instrument(
            **WRITTEN,
            symbol=SYMBOL,
            name="N" * 64,
            kind=InstrumentKind.CURRENCIES,
            lot=PRICE,
            tick=PRICE,
            order_qty_max=MONEY,
            price_max=MONEY,
            currency="USD",
            calendar="XNYS",
            settlement_days=30,
        ),
        MarketData(
            **WRITTEN,
            symbol=SYMBOL,
            last_px=PRICE,
            first_px=PRICE,
            high_px=PRICE,
            low_px=PRICE,
            market_date="20101231",
            expires=10**11,
        ),
        SignOfLife(**WRITTEN, until=TIME, expires=10**11),
    )
}
EVERY_KIND = [kind for kind in Record.kinds.values() if kind is not OrderRecord]

every_kind = pytest.mark.parametrize("kind", EVERY_KIND, ids=lambda kind: kind.__name__)


@pytest.mark.requirement("T9")
@every_kind
def test_a_record_reads_back_as_it_was_written(kind: type[Record]) -> None:
    assert read_record(LARGEST[kind].to_item()) == LARGEST[kind]


@every_kind
def test_a_record_at_its_largest_is_one_write_unit_and_what_carries_one_at_most_four(
    kind: type[Record],
) -> None:
    carries = kind in (Message, Shown)
    assert item_bytes(LARGEST[kind].to_item()) <= (4 * BYTES_MAX if carries else BYTES_MAX)


@every_kind
def test_every_value_of_an_item_is_a_string_and_every_key_is_ascii_from_bang_to_tilde(
    kind: type[Record],
) -> None:
    item = LARGEST[kind].to_item()
    assert {type(value) for value in item.values()} == {str}
    assert all("!" <= character < "~" for character in item["pk"] + item["sk"])


@every_kind
def test_fields_that_are_not_known_are_ignored_by_reading(kind: type[Record]) -> None:
    assert read_record({**LARGEST[kind].to_item(), "MaxFloor": "0"}) == LARGEST[kind]


@pytest.mark.requirement("T9", "T13")
@pytest.mark.parametrize(
    "kind", [kind for kind in EVERY_KIND if issubclass(kind, OrderRecord)], ids=lambda kind: kind.__name__
)
def test_every_record_of_an_order_carries_number_type_status_time_and_terms(
    kind: type[Record],
) -> None:
    item = LARGEST[kind].to_item()
    named = ("OrderID", "OrdType", "OrdStatus", "TransactTime", "Account", "Symbol", "Side", "Price")
    assert all(item[name] for name in named)
    assert item["OrderQty"] == "1000000000"
    record = LARGEST[kind]
    assert isinstance(record, OrderRecord)
    assert record.terms is not None
    assert record.terms.cl_ord_id == "O" * 36


def test_what_is_not_set_is_not_written() -> None:
    item = placed().to_item()
    assert "Price" not in item
    assert read_record(item) == placed()


@pytest.mark.parametrize(
    ("value", "text"),
    [("1E+3", "1000"), ("0.0000001", "0.0000001"), ("12.50", "12.50"), ("-0.10", "-0.10")],
)
def test_numbers_are_written_in_plain_digits(value: str, text: str) -> None:
    assert replace(placed(), order_qty=Decimal(value)).to_item()["OrderQty"] == text


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"RecordType": "Wish"}, "unknown RecordType 'Wish'"),
        ({"OrderQty": "ten"}, "OrderQty"),
        ({"OrderQty": "NaN"}, "OrderQty"),
        ({"Price": "Infinity"}, "Price"),
        ({"TransactTime": "today"}, "TransactTime"),
        ({"Side": "9"}, "Side"),
    ],
)
def test_an_item_that_cannot_be_read_is_refused_by_field_and_place(
    change: dict[str, str], named: str
) -> None:
    item = {**placed().to_item(), **change}
    with pytest.raises(UnreadableRecord, match=named) as refusal:
        read_record(item)
    assert item["sk"] in str(refusal.value)


@pytest.mark.parametrize(("missing", "named"), [("OrderID", "order_id"), ("OrigTime", "orig_time")])
def test_an_item_that_lacks_a_field_is_refused_by_it(missing: str, named: str) -> None:
    item = {name: value for name, value in placed().to_item().items() if name != missing}
    with pytest.raises(UnreadableRecord, match=named):
        read_record(item)


def test_an_item_without_a_type_is_refused() -> None:
    with pytest.raises(UnreadableRecord, match="unknown RecordType None"):
        read_record({"pk": "a", "sk": "b"})


@pytest.mark.parametrize(
    ("name", "fix"),
    [("cl_ord_id", "ClOrdID"), ("order_qty", "OrderQty"), ("orig_cl_ord_id", "OrigClOrdID")],
)
def test_fields_have_the_names_that_fix_gives_them(name: str, fix: str) -> None:
    assert fix_name(name) == fix
