"""What must hold of conversations and deals: after each step, and when all is quiet."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal

from chalicelib.enterprise import Holding, Side
from chalicelib.records.conversations import (
    Asked,
    ConversationRecord,
    Step,
    Ticket,
    Turn,
)
from chalicelib.records.fix import BuySell, ExecType
from chalicelib.records.instruments import parse_subject
from chalicelib.records.ledger import AssetKind
from chalicelib.records.numbers import account_key
from chalicelib.records.orders import ExecutionReport
from chalicelib.records.record import Item, read_record
from chalicelib.records.registrations import Panels, Registration, RegistrationState, Shown
from chalicelib.refusals import Refused
from chalicelib.rfq.decisions import DUPLICATE_CALL
from chalicelib.rfq.turns import clear
from chalicelib.state.conversations import Conversation, fold_conversation
from chalicelib.state.holdings import fold_holdings
from chalicelib.tables.reading import read_ledger

from .findings import Divergent, Doubled, Lost, Unbalanced, hold
from .traders import DESK, PRINCIPALS, TRADERS, Traders, file_of
from .world import SECRET, World

_Subject = tuple[frozenset[str], str]

_BINDING = (Step.DEALT, Step.COUNTERED)


class DealingWatch:
    """The cheap checks of conversations: folds only those of which something has come."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._nodes = [utility.name for utility in world.enterprise.utilities if utility.deals]
        self._seen: dict[str, int] = defaultdict(int)
        self._records: dict[tuple[str, str], dict[str, ConversationRecord]] = defaultdict(dict)
        # Which call another one gave way to, when they crossed.
        self._gave_way: dict[str, str] = {}
        self._going_on: dict[str, ConversationRecord] = {}
        # Those that are in a log and may still reach a deal.
        self._open: dict[_Subject, set[str]] = defaultdict(set)

    def look(self) -> None:
        """Found if two conversations may both reach a deal, or one goes on after its end."""
        for conversation, subject in self._news().items():
            self._look_at(conversation, subject)

    def going_on(self) -> list[ConversationRecord]:
        """A record of each conversation that has not ended, the latest last."""
        return list(self._going_on.values())

    def file(self, principal: str, conversation: str) -> Conversation:
        """A principal's file of a conversation as it was at the last look."""
        return fold_conversation(self._records[conversation, principal].values())

    def _news(self) -> Mapping[str, ConversationRecord]:
        """One record of each conversation of which there is something new."""
        news = {}
        for name in self._nodes:
            stream = self._world.held(name, Holding.CONVERSATIONS).stream
            for place in range(self._seen[name], len(stream)):
                record = read_record(stream[place])
                assert isinstance(record, ConversationRecord)
                if isinstance(record, Asked) and record.text == DUPLICATE_CALL:
                    # Both were written in one transaction.
                    self._check_crossed(record.conversation, stream[place + 1]["Conversation"])
                self._records[record.conversation, record.principal][record.sort_key] = record
                news[record.conversation] = record
            self._seen[name] = len(stream)
        return news

    def _look_at(self, conversation: str, record: ConversationRecord) -> None:
        calling, log = (
            self.file(principal, conversation) for principal in (record.initiating, record.destination)
        )
        check_log(conversation, log)
        check_price(conversation, calling, log)
        self._check_panel(calling, log)
        self._going_on[conversation] = record
        if any(file.conclusion is not None for file in (calling, log)):
            del self._going_on[conversation]
        subject = (
            frozenset((record.initiating, record.destination)),
            parse_subject(record.symbol).key,
        )
        self._check_registered(record, calling, log)
        still_open = self._open[subject]
        still_open.discard(conversation)
        if may_deal(calling, log):
            still_open.add(conversation)
        names = " and ".join(sorted(subject[0]))
        hold(
            len(still_open) <= 1,
            Doubled,
            f"{names} can deal in {subject[1]} in each of {sorted(still_open)}",
        )

    def _check_registered(self, record: ConversationRecord, calling: Conversation, log: Conversation) -> None:
        """What is open is registered at the bank that was called; what may bind the caller, there as well."""
        parties = [record.destination] if log.last is not None and log.conclusion is None else []
        parties += [record.initiating] if may_deal(calling, log) else []
        for party in parties:
            other = record.initiating if party == record.destination else record.destination
            item = registration_item(self._world, party, other, parse_subject(record.symbol).key)
            registered = item and item.get("Conversation")
            hold(
                registered == record.conversation,
                Doubled,
                f"{party} may be bound by {record.conversation}, and has registered {registered}",
            )

    def _check_crossed(self, gone: str, taken: str) -> None:
        """Of two calls that crossed one gives way to the other, not each to the other."""
        self._gave_way[gone] = taken
        hold(self._gave_way.get(taken) != gone, Lost, f"{gone} and {taken} crossed, and none is left")

    def _check_panel(self, *files: Conversation) -> None:
        """Whoever is in a conversation that goes on has it in a panel: so never in more than six."""
        for file in files:
            record = file.any
            if record is None or file.conclusion is not None or file.left is not None:
                continue
            is_calling = record.principal == record.initiating
            called_by = file.requested.trader if file.requested is not None else None
            trader = called_by if is_calling else file.answered_by
            if trader is not None:
                shown = panels_of(self._world, record.principal, trader)
                hold(
                    shown is not None and shown.number_of(record.conversation) is not None,
                    Lost,
                    f"{record.conversation} goes on and is in no panel of {trader}'s",
                )


def may_deal(calling: Conversation, log: Conversation) -> bool:
    """Whether a conversation can still come to a deal, whatever is under way.

    It can while the log is open, and the caller has not left it; or has, with an accept or a counter
    that the log may still take, or a counter in it that stands.
    """
    last = log.last
    if last is None or log.conclusion is not None:
        return False
    if calling.left is None:
        return True
    under_way = any(asked.step in _BINDING and asked.answers >= last.place for asked in calling.asked)
    return under_way or (log.standing is not None and log.standing.step is Step.COUNTERED)


def check_log(conversation: str, log: Conversation) -> None:
    """A log has no gaps, and nothing after its conclusion; so a conversation has at most one deal."""
    places = [turn.place for turn in log.turns]
    hold(places == list(range(len(places))), Lost, f"the log of {conversation} has places {places}")
    ended = [turn.step for turn in log.turns if turn.concludes]
    hold(
        not ended or (len(ended) == 1 and log.turns[-1].concludes),
        Doubled,
        f"the log of {conversation} goes on after {ended[:1]}: {[turn.step for turn in log.turns]}",
    )


def check_price(conversation: str, calling: Conversation, log: Conversation) -> None:
    """A deal is at the price that stands: one of the other bank's, seen by the one that accepts it."""
    deal, standing = log.last, log.standing
    if deal is None or deal.step is not Step.DEALT:
        return
    price = None
    if standing is not None and standing.by != deal.by:
        quoted = standing.offer_px if deal.deal_side is BuySell.BUY else standing.bid_px
        price = standing.price if standing.step is Step.COUNTERED else quoted
    hold(
        price is not None and deal.price == price,
        Unbalanced,
        f"{conversation} is dealt at {deal.price}, and {price} is the other bank's price",
    )
    accepts = [asked.answers for asked in calling.asked if asked.step is Step.DEALT]
    hold(
        deal.by == deal.destination or deal.place - 1 in accepts,
        Unbalanced,
        f"{conversation} is dealt at place {deal.place}, and what was accepted is {accepts}",
    )


def check_dealing(world: World, traders: Traders) -> None:
    """Everything about conversations and deals, once all is quiet: Found says what does not hold."""
    check_conversations(world, traders)
    check_shown(world)
    check_registrations(world)
    check_relayed(world)
    check_deals(world)
    check_told(world, traders)
    check_panels(world, traders)


def check_conversations(world: World, traders: Traders) -> None:
    """Every conversation has ended, and both banks have the same log of it."""
    for principal in PRINCIPALS:
        for conversation in traders.files(principal):
            file = file_of(world, principal, conversation)
            record = file.any
            assert record is not None
            hold(file.conclusion is not None, Lost, f"{principal} has no conclusion of {conversation}")
            if file.requested is not None and file.requested.step is Step.DENIED:
                continue
            other = file_of(world, record.other, conversation)
            hold(
                _log_of(file) == _log_of(other),
                Divergent,
                f"{principal} and {record.other} have different logs of {conversation}",
            )


def check_shown(world: World) -> None:
    """Terminals are shown every record of their principal's conversations, but of a call that was refused
    on arrival nothing is shown where it came to (R7)."""
    for principal in PRINCIPALS:
        kept = (item for item in _kept(world, principal) if item["RecordType"] == Shown.__name__)
        shown = {item["Key"] for item in kept if item["Principal"] == principal}
        for record in _own_records(world):
            if record.principal != principal or isinstance(record, Ticket):
                continue
            is_first = isinstance(record, Turn) and record.place == 0 and principal == record.destination
            is_refused = is_first and isinstance(record, Turn) and record.concludes
            is_shown = f"{record.conversation}#{record.sort_key}" in shown
            name = f"{record.sort_key} of {record.conversation}"
            hold(is_shown or is_refused, Lost, f"{principal} is not shown {name}")
            hold(not (is_shown and is_refused), Doubled, f"{principal} is shown {name}, which it refused")


def check_registrations(world: World) -> None:
    """No subject is registered any more, for all conversations have ended."""
    for principal in PRINCIPALS:
        for item in _kept(world, principal):
            if item["RecordType"] == Registration.__name__:
                registration = Registration.from_item(item)
                hold(
                    registration.state is RegistrationState.FREE,
                    Lost,
                    f"{item['pk']} is {registration.state} for ever: {registration.conversation}",
                )


def check_relayed(world: World) -> None:
    """No message waits for ever: whatever any inbox had on its way, its recipient's has."""
    for utility in world.enterprise.on(Side.NETWORK):
        for item in world.held(utility.name, Holding.INBOX).everything():
            arrived = world.held(item["Recipient"], Holding.INBOX).get(item["pk"], item["sk"])
            hold(
                arrived is not None,
                Lost,
                f"{item['sk']} of {item['pk']} came to {utility.name} and never to {item['Recipient']}",
            )


def check_deals(world: World) -> None:
    """Each deal has one ticket and one execution for each party, the two mirror each other, and the
    firm's books moved by them."""
    moved: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    reports = _executions(world)
    tickets = {(ticket.principal, ticket.conversation): ticket for ticket in _tickets(world)}
    for deal in deals(world):
        parties = (deal.initiating, deal.destination)
        for party in parties:
            ticket = tickets.pop((party, deal.conversation), None)
            hold(ticket is not None, Lost, f"{party} has no ticket of {deal.conversation}")
            assert ticket is not None
            _check_ticket(ticket, deal)
            there = reports.pop((party, deal.conversation), [])
            hold(bool(there), Lost, f"{party}'s deal {deal.conversation} has no execution")
            hold(
                len(there) == 1, Doubled, f"{party}'s deal {deal.conversation} is executed {len(there)} times"
            )
            _check_execution(there[0], ticket)
            moved[party, ticket.received] += ticket.received_qty
            moved[party, ticket.given] -= ticket.given_qty
    hold(not tickets, Doubled, f"there are tickets of no deal: {list(tickets)}")
    hold(not reports, Doubled, f"there are executions of no deal: {list(reports)}")
    _check_books(world, moved)


def _check_ticket(ticket: Ticket, deal: Turn) -> None:
    """A ticket says what the deal means for its party: the one what the other does, mirrored."""
    subject = parse_subject(deal.symbol)
    assert deal.price is not None
    assert deal.deal_side is not None
    buys = (deal.deal_side is BuySell.BUY) is (ticket.principal == deal.initiating)
    base, money = (
        ((ticket.received, ticket.received_qty), (ticket.given, ticket.given_qty))
        if buys
        else ((ticket.given, ticket.given_qty), (ticket.received, ticket.received_qty))
    )
    accrued = ticket.accrued_interest_amt or Decimal(0)
    per = Decimal(1) if subject.bond is None else Decimal(100)
    cost = deal.order_qty * deal.price / per + accrued
    name = f"{ticket.principal}'s ticket of {deal.conversation}"
    hold(base == (subject.base, deal.order_qty), Unbalanced, f"{name} has {base}")
    # To less than a unit of the currency: what is left of it, both parties round alike.
    is_cost = money[0] == subject.quote and abs(money[1] - cost) < 1
    hold(is_cost, Unbalanced, f"{name} has {money}, not {cost}")
    hold(ticket.settl_date == deal.settl_date, Unbalanced, f"{name} settles on {ticket.settl_date}")


def _check_execution(report: ExecutionReport, ticket: Ticket) -> None:
    hold(
        (report.exec_id, report.last_px, report.last_qty) == (ticket.exec_id, ticket.price, ticket.order_qty),
        Divergent,
        f"{ticket.principal}'s execution {report.exec_id} differs from its ticket {ticket.exec_id}",
    )


def _check_books(world: World, moved: Mapping[tuple[str, str], Decimal]) -> None:
    """What principals have is what they dealt, at the firm and at every holder of its books."""
    firm = world.enterprise.on(Side.FIRM)[0]
    for holder in (firm.name, *world.enterprise.holders(firm, Holding.FIRM)):
        books = world.held(holder, Holding.FIRM)
        for principal in PRINCIPALS:
            key = account_key(principal, SECRET)
            has = {
                posting.asset: posting.quantity
                for kind in AssetKind
                for posting in fold_holdings(read_ledger(key, kind, books)).postings
                if posting.quantity
            }
            should = {
                asset: quantity for (by, asset), quantity in moved.items() if by == principal and quantity
            }
            hold(has == should, Unbalanced, f"{principal} has {has} at {holder}, not {should}")


def check_told(world: World, traders: Traders) -> None:
    """Whoever was told of a call, a turn or a deal has it."""
    for told in traders.told:
        file = file_of(world, told.principal, told.conversation)
        hold(file.requested == told, Lost, f"{told.trader} was told {told.step} of {told.conversation}")
    for done in traders.done:
        file = file_of(world, done.by.principal, done.conversation)
        says = f"{done.by.trader} was told that {done.wish.step} after {done.wish.answers}"
        record = file.any
        assert record is not None
        if done.is_dealt:
            ended = file.conclusion
            is_dealt = ended is not None and ended.step is Step.DEALT
            hold(is_dealt, Lost, f"{says} of {done.conversation} is dealt")
        known: Iterable[Turn | Asked] = file.turns if record.principal == record.destination else file.asked
        step = done.wish.step
        if record.principal == record.initiating and step is Step.PASSED:
            step = Step.WITHDRAWN
        there = any(one.step is step and one.trader == done.by.trader for one in known)
        hold(there, Lost, f"{says} of {done.conversation} is taken")


def check_panels(world: World, traders: Traders) -> None:
    """Every panel that is taken can be cleared, and no call is still in a queue."""
    for by in (*TRADERS, DESK):
        node = world.node(by.principal)
        panels = panels_of(world, by.principal, by.trader)
        for conversation in panels.conversations.values() if panels is not None else ():
            try:
                clear(conversation, by, node.node())
            except Refused as refused:
                raise Lost(f"{by.trader} cannot clear {conversation}: {refused}") from None
        shown = traders.look(by)
        hold(not shown, Lost, f"{by.trader}'s terminal still shows {shown}")


def panels_of(world: World, principal: str, trader: str) -> Panels | None:
    """A trader's panels as they are."""
    table = world.held(world.node(principal).utility.name, Holding.REGISTRATIONS)
    item = table.get(f"panels#{principal}#{trader}", "panels")
    return None if item is None else Panels.from_item(item)


def registration_item(world: World, principal: str, other: str, subject: str) -> Item | None:
    """A registration as it is."""
    table = world.held(world.node(principal).utility.name, Holding.REGISTRATIONS)
    return table.get(f"registration#{principal}#{other}#{subject}", "registration")


def deals(world: World) -> list[Turn]:
    """All deals, by the logs that decided them."""
    found = []
    for record in _own_records(world):
        is_decided = isinstance(record, Turn) and record.principal == record.destination
        if is_decided and isinstance(record, Turn) and record.step is Step.DEALT:
            found.append(record)
    return found


def _tickets(world: World) -> list[Ticket]:
    return [record for record in _own_records(world) if isinstance(record, Ticket)]


def _own_records(world: World) -> Iterable[ConversationRecord]:
    for utility in world.enterprise.utilities:
        if utility.deals:
            for item in world.held(utility.name, Holding.CONVERSATIONS).everything():
                record = read_record(item)
                assert isinstance(record, ConversationRecord)
                yield record


def _executions(world: World) -> dict[tuple[str, str], list[ExecutionReport]]:
    """The executions of deals, by party and conversation."""
    found: dict[tuple[str, str], list[ExecutionReport]] = defaultdict(list)
    for utility in world.enterprise.on(Side.STREET):
        for item in world.held(utility.name, Holding.STREET).everything():
            is_own = item["Origin"] == utility.name and item.get("ExecType") == ExecType.TRADE
            if is_own and item["Account"] in PRINCIPALS:
                found[item["Account"], item["ClOrdID"]].append(ExecutionReport.from_item(item))
    return found


def _log_of(file: Conversation) -> list[Item]:
    """The log as a file has it, whoever's it is."""
    items = (turn.to_item() for turn in file.turns)
    return [{k: v for k, v in item.items() if k not in ("pk", "Principal", "Origin")} for item in items]


def _kept(world: World, principal: str) -> list[Item]:
    return world.held(world.node(principal).utility.name, Holding.REGISTRATIONS).everything()
