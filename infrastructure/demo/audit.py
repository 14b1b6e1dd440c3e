"""The last scene: the books against the executions, and every utility against every other."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal

from chalicelib.enterprise import Holding, Side
from chalicelib.records.fix import BuySell, OrdStatus
from chalicelib.records.instruments import find_subject
from chalicelib.records.ledger import Posting
from chalicelib.records.orders import EXECUTIONS, ExecutionReport
from chalicelib.records.record import Item, read_record

from ..client import until
from ..local import CUSTOMERS
from .cues import all_orders, expect
from .stage import Stage
from .story import Story

_SETTLED_SECONDS_MAX = 240

_ENDED = (OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.EXPIRED, OrdStatus.REJECTED)

Assets = Mapping[tuple[str, str], Decimal]


def play(stage: Stage, story: Story) -> None:
    """Compare everything with everything."""
    with story.step("When all is quiet", "every table equals its sources, record for record") as came:
        differing = until(lambda count: count == 0, lambda: differences(stage), _SETTLED_SECONDS_MAX, 1)
        tables = sum(len(stage.enterprise.tables(utility)) for utility in stage.enterprise.utilities)
        came.append(f"{differing} records differ in {tables} tables")
        expect(differing == 0, "copies are missing")
    with story.step("Executions", "no order executed for more than its quantity, or twice") as came:
        reports = executions(stage)
        twice = [count for count in Counter(report.exec_id for report in reports).values() if count > 1]
        over = overfilled(reports)
        came.append(f"{len(reports)} executions, {len(twice)} repeated, {len(over)} orders overfilled")
        expect(not twice and not over, f"{over[:3]}")
    with story.step(
        "The books", "cash and securities equal the sum of all executions, to the last digit"
    ) as came:
        booked = until(
            lambda booked: booked == traded(executions(stage)),
            lambda: changes(stage),
            _SETTLED_SECONDS_MAX,
            1,
        )
        wanted = traded(executions(stage))
        cash = sum((amount for (_, asset), amount in booked.items() if asset == "USD"), Decimal(0))
        came.append(f"{len(booked)} holdings changed, cash by {cash}; by the executions {sum_usd(wanted)}")
        expect(booked == wanted, "the books differ")
    with story.step("Every order of every account, asked for at both utilities", "alike") as came:
        differing, asked = 0, 0
        for account in CUSTOMERS["broker"]:
            lists = [all_orders(stage.client(name), account) for name in ("c1", "c2")]
            asked += len(lists[0])
            differing += sum(one != other for one, other in zip(*lists, strict=True))
        came.append(f"{asked} orders, {differing} differ")
        expect(differing == 0 and asked > 0, "answers differ")
    with story.step("Whatever was accepted", "has come to an end, or rests at a price") as came:
        open_ = [
            order
            for account in CUSTOMERS["broker"]
            for order in all_orders(stage.client("c1"), account)
            if order["OrdStatus"] not in _ENDED
        ]
        stuck = [order["OrderID"] for order in open_ if order["OrdStatus"] != OrdStatus.NEW]
        came.append(f"{len(open_)} at rest, {len(stuck)} stuck")
        expect(not stuck, str(stuck))


def differences(stage: Stage) -> int:
    """How many records some holder has not, or has otherwise than its writer."""
    enterprise, count = stage.enterprise, 0
    for writer in enterprise.utilities:
        for holding in writer.writes:
            if holding in (Holding.MARKET, Holding.LINKS):
                continue  # prices and signs of life go on all the time
            written = by_key(stage.everything(writer.name, holding), writer.name)
            for holder in enterprise.holders(writer, holding):
                held = by_key(stage.everything(holder, holding), writer.name)
                count += sum(held.get(key) != item for key, item in written.items())
                count += sum(key not in written for key in held)
    return count


def by_key(items: Iterable[Item], origin: str) -> dict[tuple[str, str], Item]:
    return {(item["pk"], item["sk"]): item for item in items if item.get("Origin") == origin}


def executions(stage: Stage) -> list[ExecutionReport]:
    """Every execution that a street utility reported, and what busts or corrects one, from its own table."""
    return [
        ExecutionReport.from_item(item)
        for street in stage.enterprise.on(Side.STREET)
        for item in stage.everything(street.name, Holding.STREET)
        if item["Origin"] == street.name and item.get("ExecType") in EXECUTIONS
    ]


def overfilled(reports: Iterable[ExecutionReport]) -> list[str]:
    """Orders of which more was executed than was asked for, at whatever utilities."""
    filled: dict[str, Decimal] = defaultdict(Decimal)
    asked: dict[str, Decimal] = {}
    for report in reports:
        order = f"{report.partition_key}/{report.number.prefix}"
        filled[order] += (report.last_qty or 0) - (report.prior_last_qty or 0)
        asked[order] = report.order_qty or Decimal(0)
    return [order for order, quantity in filled.items() if quantity > asked[order]]


def traded(reports: Iterable[ExecutionReport]) -> Assets:
    """What executions change, by account and asset."""
    total: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for report in reports:
        assert report.symbol is not None
        sign = 1 if report.side is BuySell.BUY else -1
        pair = find_subject(report.symbol)
        bought = pair.base if pair is not None else report.symbol
        total[report.account, bought] += sign * ((report.last_qty or 0) - (report.prior_last_qty or 0))
        total[report.account, report.settl_currency or "USD"] -= sign * (
            _money(report) - _prior_money(report)
        )
    return {key: amount for key, amount in total.items() if amount}


def _money(report: ExecutionReport) -> Decimal:
    if report.net_money is not None:
        return report.net_money
    return (report.last_qty or Decimal(0)) * (report.last_px or Decimal(0))


def _prior_money(report: ExecutionReport) -> Decimal:
    if report.prior_net_money is not None:
        return report.prior_net_money
    return (report.prior_last_qty or Decimal(0)) * (report.prior_last_px or Decimal(0))


def changes(stage: Stage) -> Assets:
    """What the firm's books say has changed since each account was opened."""
    first: dict[tuple[str, str], Decimal] = {}
    last: dict[tuple[str, str], Posting] = {}
    firm = stage.enterprise.on(Side.FIRM)[0].name
    for item in stage.everything(firm, Holding.FIRM):
        record = read_record(item) if "RecordType" in item else None
        if not isinstance(record, Posting):
            continue
        key = (record.account, record.asset)
        if record.text == "brought in":
            first[key] = record.quantity
        if key not in last or (last[key].day, last[key].version) < (record.day, record.version):
            last[key] = record
    changed = {key: posting.quantity - first.get(key, Decimal(0)) for key, posting in last.items()}
    return {key: amount for key, amount in changed.items() if amount}


def sum_usd(assets: Assets) -> Decimal:
    return sum((amount for (_, asset), amount in assets.items() if asset == "USD"), Decimal(0))
