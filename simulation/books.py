"""What must hold of the books when all is quiet, and of what the house dealt for its customers."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal

from chalicelib.enterprise import Holding, Side
from chalicelib.records.fix import BuySell, ExecType
from chalicelib.records.instruments import find_subject
from chalicelib.records.ledger import AssetKind, Posting
from chalicelib.records.numbers import account_key
from chalicelib.records.record import Item, read_record
from chalicelib.rfq.desk import order_of
from chalicelib.state.holdings import fold_holdings
from chalicelib.tables.reading import read_ledger

from .courses import Course, money_of
from .deals import deals
from .findings import Doubled, Lost, Unbalanced, hold
from .traders import HOUSE, file_of
from .world import ACCOUNTS, BROUGHT, SECRET, World


def check_books(world: World, courses: Iterable[Course]) -> None:
    """What accounts have is what they brought in and what was executed, at the firm and everywhere."""
    wanted = _traded(courses)
    firm = world.enterprise.on(Side.FIRM)[0]
    for holder in (firm.name, *world.enterprise.holders(firm, Holding.FIRM)):
        books = world.held(holder, Holding.FIRM)
        for account in ACCOUNTS:
            has = _holdings(account, world, holder)
            should = wanted[account]
            for asset in sorted({*has, *should}):
                told = f"{account} has {has[asset]} {asset} at {holder}, not {should[asset]}"
                hold(has[asset] == should[asset], Unbalanced, told)
        _check_postings(books.everything())


def check_dealt(world: World, courses: Iterable[Course]) -> None:
    """What is executed in a conversation was dealt in it for that order, and each of the desk's deals is."""
    dealt = {deal.conversation: deal for deal in deals(world) if deal.initiating == HOUSE}
    executed: Counter[str] = Counter()
    for course in courses:
        for report in course.reports:
            if report.exec_type is not ExecType.TRADE or report.conversation is None:
                continue
            executed[report.conversation] += 1
            name, deal = report.exec_id, dealt.get(report.conversation)
            hold(deal is not None, Lost, f"{name} was dealt in {report.conversation}, which has no deal")
            assert deal is not None
            requested = file_of(world, HOUSE, deal.conversation).requested
            is_for_it = requested is not None and order_of(requested) == course.claim.order_id
            hold(is_for_it, Doubled, f"{name} was dealt in {deal.conversation}, for another order")
            # What a correction has made of the order meanwhile, the house has dealt for itself.
            quantity = report.last_qty if course.is_raised else deal.order_qty
            has = (report.symbol, report.side, report.last_qty, report.last_px)
            was = (deal.symbol, deal.deal_side, quantity, deal.price)
            hold(has == was, Unbalanced, f"{name} is {has}, and the house dealt {was}")
    for conversation in dealt:
        requested = file_of(world, HOUSE, conversation).requested
        times = int(requested is not None and order_of(requested) is not None)
        found = executed[conversation]
        told = f"{conversation} is dealt, and {found} executions are"
        hold(found >= times, Lost, told)
        hold(found <= times, Doubled, told)


def _traded(courses: Iterable[Course]) -> Mapping[str, Mapping[str, Decimal]]:
    """What each account should have."""
    total: dict[str, dict[str, Decimal]] = {account: defaultdict(Decimal, BROUGHT) for account in ACCOUNTS}
    for course in courses:
        for last in course.executions.values():
            assert last.symbol is not None
            subject = find_subject(last.symbol)
            sign = 1 if last.side is BuySell.BUY else -1
            of_account = total[last.account]
            of_account[subject.base if subject is not None else last.symbol] += sign * (last.last_qty or 0)
            of_account[subject.quote if subject is not None else "USD"] -= sign * money_of(last)
    return total


def _holdings(account: str, world: World, holder: str) -> Mapping[str, Decimal]:
    books = world.held(holder, Holding.FIRM)
    has: dict[str, Decimal] = defaultdict(Decimal)
    for kind in AssetKind:
        for posting in fold_holdings(read_ledger(account_key(account, SECRET), kind, books)).postings:
            has[posting.asset] = posting.quantity
    return has


def _check_postings(items: list[Item]) -> None:
    """Each posting follows from the one before it."""
    last: dict[tuple[str, str, str], Posting] = {}
    for item in items:
        record = read_record(item) if item.get("RecordType") == Posting.__name__ else None
        if isinstance(record, Posting):
            key = (record.account, record.asset, record.day)
            before = last.get(key)
            if before is not None:
                follows = record.version == before.version + 1
                adds_up = record.quantity == before.quantity + record.change
                hold(follows and adds_up, Unbalanced, f"{record} does not follow from {before}")
            last[key] = record
