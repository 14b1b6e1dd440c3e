"""What must hold: cheap checks after each step, full ones when all is quiet."""

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta

from chalicelib.bootstrap import Here
from chalicelib.customer import inquiry
from chalicelib.enterprise import Holding, Side
from chalicelib.entry.answers import order_answer
from chalicelib.records.fix import OrdRejReason, OrdStatus
from chalicelib.records.numbers import OrderID, parse_number
from chalicelib.records.orders import (
    Claim,
    ExecutionReport,
    Notice,
    OrderCancelReject,
    OrderRecord,
    OrderRequest,
    Placed,
    Released,
    same_entry,
)
from chalicelib.records.orders import Found as Outcome
from chalicelib.records.record import Item, Record, item_bytes, read_record
from chalicelib.refusals import UnknownOrder
from chalicelib.state.orders import OrderState

from .courses import Course
from .findings import Divergent, Doubled, Lost, hold
from .workload import BROKER, Workload
from .world import ACCOUNTS, SECRET, World

# Where the records of one ClOrdID lie, whatever numbers it was given.
Place = tuple[str, str]

# What others write is read before what a street utility makes of it.
_FIRST = (Holding.CUSTOMER, Holding.INBOX)


class Watch:
    """The cheap checks: reads of each table only what has come since the last look."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._seen: dict[str, int] = defaultdict(int)
        self._tables = sorted(world.tables, key=lambda name: not name.endswith(_FIRST))
        self._courses: dict[tuple[Place, str], Course] = {}
        self._released: set[tuple[Place, str]] = set()
        self._wishes: dict[Place, dict[str, list[OrderRequest]]] = defaultdict(lambda: defaultdict(list))
        self._notices: dict[str, Notice] = {}

    def look(self) -> None:
        """Found if something that has come may not be."""
        hold(not self._world.overwritten, Divergent, "; ".join(self._world.overwritten[:1]))
        hold(not self._world.set_aside, Lost, "; ".join(self._world.set_aside[:1]))
        claimed: list[Place] = []
        for name in self._tables:
            table = self._world.tables[name]
            for item in table.stream[self._seen[name] :]:
                most = Record.kinds.get(item.get("RecordType", ""), Record).bytes_max
                assert item_bytes(item) <= most, f"{item['sk']} is too large"
                if item.get("Account") in ACCOUNTS:
                    claimed += self._check(item, self._world.owners[name], name)
            self._seen[name] = len(table.stream)
        for place in claimed:
            by = [course.claim.origin for course in self.courses(place)]
            hold(len(by) <= 1, Doubled, f"claimed by {sorted(by)}: {place}")

    def courses(self, place: Place | None = None) -> list[Course]:
        """What has become of orders, or of that of one place, at who claimed them and did not let go."""
        return [
            course
            for (where, by), course in self._courses.items()
            if place in (None, where) and (where, by) not in self._released
        ]

    def course(self, order_id: OrderID) -> Course | None:
        """What has become of the order that has taken a number's ClOrdID."""
        return next(iter(self.courses(_place(order_id))), None)

    def _check(self, item: Item, owner: str, table: str) -> Iterable[Place]:
        if not table.endswith((*_FIRST, f"{owner}-{Holding.STREET}")):
            return ()
        record = read_record(item)
        if not isinstance(record, OrderRecord):
            return ()
        place = _place(record.order_id)
        match record:
            case Notice():
                self._notices[record.notice_id] = record
            case Claim(found=Outcome.CLAIMED):
                self._courses[place, record.origin] = Course(record, self._wishes[place], self._notices)
                return (place,)
            case OrderRequest() if record.origin == owner:
                self._wishes[place][record.cl_ord_id].append(record)
            case Released() | ExecutionReport() | OrderCancelReject() if record.origin == owner:
                self._check_said(record, place, owner)
        return ()

    def _check_said(
        self, record: Released | ExecutionReport | OrderCancelReject, place: Place, owner: str
    ) -> None:
        """Who speaks of an order has claimed it, and has not let go of it."""
        course = self._courses.get((place, owner))
        hold(course is not None, Doubled, f"{owner} speaks of {record.order_id}, and has not claimed it")
        assert course is not None
        if isinstance(record, ExecutionReport) and record.order_id != course.claim.order_id:
            is_duplicate = record.ord_rej_reason is OrdRejReason.DUPLICATE_ORDER
            hold(is_duplicate, Doubled, f"{record.exec_id} is of another entry, {record.order_id}")
            return
        is_held = (place, owner) not in self._released
        hold(is_held, Doubled, f"{owner} let go of {record.order_id}, and says {record.sort_key}")
        match record:
            case Released():
                hold(not course.reports, Doubled, f"{owner} works {record.order_id}, and lets go of it")
                self._released.add((place, owner))
                self._world.faults.struck["(order let go of)"] += 1
            case OrderCancelReject():
                course.refusals.append(record)
            case ExecutionReport():
                course.add(record, self._world.here(owner).clock())


def check_all(world: World, workload: Workload, watch: Watch) -> None:
    """Everything about orders, once all is quiet: Found says what does not hold."""
    check_nothing_waits(world, watch)
    check_replicas(world)
    check_accepted(world, workload, watch)
    check_requests(workload, watch)
    check_notices(watch)


def check_nothing_waits(world: World, watch: Watch) -> None:
    """It has come to rest: no message waits, but to look again at what rests or is over; none is dead."""
    for name, queue in world.queues.items():
        left = [message.body for message in queue.messages if not _is_resting(message.body, world, watch)]
        hold(not left, Lost, f"{name} still has {len(left)} messages: {left[:1]}")
        hold(not queue.dead, Lost, f"{name} still has {len(queue.dead)} dead letters")


def _is_resting(body: str, world: World, watch: Watch) -> bool:
    order_id = json.loads(body).get("order_id")
    course = watch.course(order_id) if order_id is not None else None
    return course is not None and (course.is_done or course.rests(world.now))


def check_replicas(world: World) -> None:
    """Copies equal their sources, record for record."""
    for writer in world.enterprise.utilities:
        for holding in writer.writes:
            written = _by_key(world, writer.name, holding, writer.name)
            for holder in world.enterprise.holders(writer, holding):
                held = _by_key(world, holder, holding, writer.name)
                hold(held == written, Divergent, f"{holder} differs from {writer.name} in {holding} records")


def check_accepted(world: World, workload: Workload, watch: Watch) -> None:
    """What was accepted is there at every customer utility, alike, and is what the street made of it."""
    customers = [utility.name for utility in world.enterprise.on(Side.CUSTOMER)]
    for order_id, placed in workload.accepted.items():
        states = [_state(world, order_id, name) for name in customers]
        answers = [order_answer(state) for state in states]
        hold(answers[0] == answers[-1], Divergent, f"{order_id} is answered differently")
        state = states[0]
        hold(not state.waits_for, Lost, f"{order_id} waits for {state.waits_for}")
        course = watch.course(order_id)
        hold(course is not None, Lost, f"{order_id} has been claimed by nobody")
        assert course is not None
        if same_entry(placed, course.claim):
            _check_state(state, course)
            goes_on = not course.is_done and not course.rests(world.now)
            hold(not goes_on, Lost, f"{order_id} has come no further than {state.ord_status}")
        else:
            _check_refused(state, placed)


def _check_state(state: OrderState, course: Course) -> None:
    """The answer is what follows from the street utility's log."""
    name = course.claim.order_id
    hold(bool(course.reports), Lost, f"{name} has been claimed, and no more")
    hold(state.terms == course.terms, Divergent, f"{name} has the terms {state.terms}, not {course.terms}")
    told = (state.cum_qty, state.leaves_qty, state.avg_px)
    wanted = (course.cum_qty, course.leaves_qty, course.avg_px)
    hold(told == wanted, Divergent, f"{name} has CumQty, LeavesQty, AvgPx {told}, not {wanted}")
    order_qty = course.terms.order_qty
    if order_qty is not None and course.cum_qty > order_qty:
        said = f"filled {course.cum_qty:f} of {order_qty:f}"
        hold(said in state.exceptions, Divergent, f"{name} does not say that it is {said}")
    if course.is_raised:
        return
    hold(not state.exceptions, Doubled, f"{name}: {state.exceptions}")
    status = course.ord_status
    hold(state.ord_status is status, Divergent, f"{name} is {state.ord_status!r}, not {status!r}")


def _check_refused(state: OrderState, placed: Placed) -> None:
    """Of two entries with other terms one is refused."""
    name = placed.order_id
    is_refused = state.ord_rej_reason is OrdRejReason.DUPLICATE_ORDER
    hold(is_refused, Lost, f"{name} is a second entry, and has come no further than {state.ord_status}")
    is_untouched = (
        state.ord_status is OrdStatus.REJECTED and not state.cum_qty and state.terms == placed.terms
    )
    hold(is_untouched, Divergent, f"{name} is refused, and answered as {state}")


def check_requests(workload: Workload, watch: Watch) -> None:
    """Each wish has one answer, from whoever has the order, also if that has ended or is refused."""
    for (order_id, cl_ord_id, _), request in workload.requests.items():
        course, placed = watch.course(order_id), workload.accepted.get(order_id)
        if course is None or placed is None or not same_entry(placed, course.claim):
            continue
        answers = course.answers(cl_ord_id, request.request_tag)
        hold(answers > 0, Lost, f"{order_id} has no answer to {cl_ord_id}")
        hold(answers <= 1, Doubled, f"{order_id} has {answers} answers to {cl_ord_id}")


def check_notices(watch: Watch) -> None:
    """Whatever a venue has said of an order is reported."""
    for course in watch.courses():
        heeded = {report.notice_id for report in course.reports}
        for notice in course.notices.values():
            is_of_it = notice.order_id == course.claim.order_id
            hold(not is_of_it or notice.notice_id in heeded, Lost, f"{notice.sort_key} is not reported")


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


def _place(order_id: OrderID) -> Place:
    number = parse_number(order_id)
    return number.account_key, number.prefix
