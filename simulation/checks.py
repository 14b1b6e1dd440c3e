"""What must hold: cheap checks after each step, full ones when all is quiet."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import Decimal

from chalicelib.bootstrap import Here
from chalicelib.customer import inquiry
from chalicelib.enterprise import Holding, Side
from chalicelib.entry.answers import order_answer
from chalicelib.records.fix import BuySell, ExecType, OrdStatus
from chalicelib.records.ledger import AssetKind, Posting
from chalicelib.records.numbers import account_key
from chalicelib.records.orders import Claim, ExecutionReport
from chalicelib.records.orders import Found as Outcome
from chalicelib.records.record import Item, Record, item_bytes, read_record
from chalicelib.refusals import UnknownOrder
from chalicelib.state.holdings import fold_holdings
from chalicelib.state.orders import OrderState
from chalicelib.tables.reading import read_ledger

from .workload import BROKER, Workload, is_out_of_reach
from .world import ACCOUNTS, SECRET, World


class Found(AssertionError):
    """Something that must hold does not.

    Found
    ├── Lost         what was accepted is not there, or does not go on
    ├── Doubled      an order is claimed or executed twice, or for too much
    ├── Divergent    a copy differs from its source, or two utilities answer differently
    └── Unbalanced   the books are not what was executed
    """


class Lost(Found):
    pass


class Doubled(Found):
    pass


class Divergent(Found):
    pass


class Unbalanced(Found):
    pass


_ENDED = {OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.REJECTED}


class Watch:
    """The cheap checks: reads of each table only what has come since the last look."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._seen: dict[str, int] = defaultdict(int)
        self._executed: dict[tuple[str, str], dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        self._claimed: dict[tuple[str, str], set[str]] = defaultdict(set)

    def look(self) -> None:
        """Found if something that has come may not be."""
        hold(not self._world.overwritten, Divergent, "; ".join(self._world.overwritten[:1]))
        hold(not self._world.set_aside, Lost, "; ".join(self._world.set_aside[:1]))
        for name, table in self._world.tables.items():
            for item in table.stream[self._seen[name] :]:
                most = Record.kinds.get(item.get("RecordType", ""), Record).bytes_max
                assert item_bytes(item) <= most, f"{item['sk']} is too large"
                self._check(name, item)
            self._seen[name] = len(table.stream)

    def _check(self, name: str, item: Item) -> None:
        owner = self._world.owners[name]
        kind = item.get("RecordType")
        if kind == "Claim" and item["Found"] == Outcome.CLAIMED:
            claim = Claim.from_item(item)
            place = (claim.partition_key, claim.number.prefix)
            self._claimed[place].add(claim.origin)
            by = sorted(self._claimed[place])
            hold(len(by) == 1, Doubled, f"claimed by {by}: {place}")
        if kind == "ExecutionReport" and item["Origin"] == owner and item["ExecType"] == ExecType.TRADE:
            self._check_execution(ExecutionReport.from_item(item))

    def _check_execution(self, report: ExecutionReport) -> None:
        assert report.last_qty is not None
        assert report.order_qty is not None
        by = self._executed[report.partition_key, report.number.prefix]
        by[report.origin] += report.last_qty
        hold(len(by) == 1, Doubled, f"{report.order_id} is executed by {sorted(by)}")
        hold(sum(by.values()) <= report.order_qty, Doubled, f"{report.order_id} is executed for too much")


def hold(holds: bool, otherwise: type[Found], what: str) -> None:
    """Raise what was found unless it holds."""
    if not holds:
        raise otherwise(what)


def check_all(world: World, workload: Workload) -> None:
    """Everything, once all is quiet: Found says what does not hold."""
    check_nothing_waits(world)
    check_replicas(world)
    check_accepted(world, workload)
    check_books(world)


def check_nothing_waits(world: World) -> None:
    """It has come to rest: no message waits, is dead, or has been set aside for people to read."""
    for name, queue in world.queues.items():
        hold(not queue.messages, Lost, f"{name} still has {len(queue.messages)} messages")
        hold(not queue.dead, Lost, f"{name} still has {len(queue.dead)} dead letters")


def check_replicas(world: World) -> None:
    """Copies equal their sources, record for record."""
    for writer in world.enterprise.utilities:
        for holding in writer.writes:
            written = _by_key(world, writer.name, holding, writer.name)
            for holder in world.enterprise.holders(writer, holding):
                held = _by_key(world, holder, holding, writer.name)
                hold(held == written, Divergent, f"{holder} differs from {writer.name} in {holding} records")


def check_accepted(world: World, workload: Workload) -> None:
    """What was accepted is there at every customer utility, alike, and has come to where it should."""
    customers = [utility.name for utility in world.enterprise.on(Side.CUSTOMER)]
    for order_id, terms in workload.numbers().items():
        states = [_state(world, order_id, name) for name in customers]
        answers = [order_answer(state) for state in states]
        hold(answers[0] == answers[-1], Divergent, f"{order_id} is answered differently")
        state = states[0]
        hold(state.terms == terms, Divergent, f"{order_id} has other terms than were accepted")
        hold(not state.exceptions, Doubled, f"{order_id}: {state.exceptions}")
        hold(not state.waits_for, Lost, f"{order_id} waits for {state.waits_for}")
        goes_on = state.ord_status in _ENDED or is_out_of_reach(terms)
        hold(goes_on, Lost, f"{order_id} has come no further than {state.ord_status}")
    for order_id, cl_ord_id in workload.cancels:
        ended = _state(world, order_id, customers[0]).ord_status in _ENDED
        hold(ended, Lost, f"{order_id} goes on after its cancel {cl_ord_id}")


def check_books(world: World) -> None:
    """What accounts have is what they brought in and what was executed, at the firm and everywhere."""
    wanted = _traded(_executions(world))
    firm = world.enterprise.on(Side.FIRM)[0]
    holders = [firm.name, *world.enterprise.holders(firm, Holding.FIRM)]
    for holder in holders:
        books = world.tables[world.enterprise.table(holder, Holding.FIRM)]
        for account in ACCOUNTS:
            for kind, asset, brought in (
                (AssetKind.BALANCE, "USD", Decimal(1_000_000)),
                (AssetKind.POSITION, "AAPL", Decimal(1000)),
            ):
                ledger = read_ledger(account_key(account, SECRET), kind, books)
                has = {posting.asset: posting.quantity for posting in fold_holdings(ledger).postings}
                should = brought + wanted.get((account, asset), Decimal(0))
                hold(
                    has[asset] == should,
                    Unbalanced,
                    f"{account} has {has[asset]} {asset} at {holder}, not {should}",
                )
    _check_postings(world)


def _check_postings(world: World) -> None:
    """Each posting follows from the one before it."""
    firm = world.enterprise.on(Side.FIRM)[0].name
    last: dict[tuple[str, str, str], Posting] = {}
    for item in sorted(world.tables[world.enterprise.table(firm, Holding.FIRM)].everything(), key=_place):
        record = read_record(item) if "RecordType" in item else None
        if isinstance(record, Posting):
            key = (record.account, record.asset, record.day)
            before = last.get(key)
            if before is not None:
                follows = record.version == before.version + 1
                adds_up = record.quantity == before.quantity + record.change
                hold(follows and adds_up, Unbalanced, f"{record} does not follow from {before}")
            last[key] = record


def _executions(world: World) -> Iterable[ExecutionReport]:
    for street in world.enterprise.on(Side.STREET):
        for item in world.tables[world.enterprise.table(street.name, Holding.STREET)].everything():
            if item["Origin"] == street.name and item.get("ExecType") == ExecType.TRADE:
                yield ExecutionReport.from_item(item)


def _traded(reports: Iterable[ExecutionReport]) -> Mapping[tuple[str, str], Decimal]:
    total: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for report in reports:
        assert report.symbol is not None
        assert report.last_qty is not None
        assert report.last_px is not None
        sign = 1 if report.side is BuySell.BUY else -1
        total[report.account, report.symbol] += sign * report.last_qty
        total[report.account, "USD"] -= sign * report.last_qty * report.last_px
    return total


def _state(world: World, order_id: str, utility: str) -> OrderState:
    here = world.here(utility)
    try:
        return _inquire(order_id, here, world)
    except UnknownOrder:
        raise Lost(f"{order_id} is unknown at {utility}") from None


def _inquire(order_id: str, here: Here, world: World) -> OrderState:
    return inquiry.inquire_order(
        order_id,
        BROKER,
        SECRET,
        code=here.utility.code,
        held=here.held(),
        # Later than any clock says, so that nothing is set aside.
        now=world.now + timedelta(minutes=5),
    )


def _by_key(world: World, holder: str, holding: Holding, origin: str) -> dict[tuple[str, str], Item]:
    table = world.tables[world.enterprise.table(holder, holding)]
    return {(item["pk"], item["sk"]): item for item in table.everything() if item.get("Origin") == origin}


def _place(item: Item) -> tuple[str, str]:
    return item["pk"], item["sk"]
