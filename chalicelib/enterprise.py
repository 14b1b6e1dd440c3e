"""The enterprise: its utilities, the tables each has, and who holds whose records (pure).

An enterprise file is the one list of utilities. Everything else - table names, the copies of a
record, the street utilities an order is tried at, the routes between banks - is computed from it
here (FIG. 1 and 2 of the transaction patent, FIG. 1 of the dealing patent).
"""

import re
import tomllib
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar


class EnterpriseError(ValueError):
    """The enterprise file contradicts itself; the message names what and where."""


class Side(StrEnum):
    """The three sides of an enterprise, and the network whose city nodes join the banks."""

    CUSTOMER = "customer"
    STREET = "street"
    FIRM = "firm"
    NETWORK = "network"


class Holding(StrEnum):
    """What a table holds.

    One side's records, messages to the utility, or prices; at a bank's node also its registrations
    and its conversations; at a city node the signs of life of the cities it is linked to.
    """

    CUSTOMER = "customer"
    STREET = "street"
    FIRM = "firm"
    INBOX = "inbox"
    MARKET = "market"
    REGISTRATIONS = "registrations"
    CONVERSATIONS = "conversations"
    LINKS = "links"


# What the utilities of a side hold. The first is the utility's own, writable by it alone.
_HOLDINGS: Mapping[Side, tuple[Holding, ...]] = {
    Side.CUSTOMER: (Holding.CUSTOMER, Holding.STREET, Holding.FIRM, Holding.MARKET),
    Side.STREET: (Holding.STREET, Holding.FIRM, Holding.INBOX, Holding.MARKET),
    Side.FIRM: (Holding.FIRM, Holding.CUSTOMER, Holding.STREET, Holding.CONVERSATIONS),
    Side.NETWORK: (Holding.LINKS, Holding.INBOX),
}

# What the utilities of a side write, each copied to every other utility that keeps copies of it.
_WRITES: Mapping[Side, tuple[Holding, ...]] = {
    Side.CUSTOMER: (Holding.CUSTOMER,),
    Side.STREET: (Holding.STREET, Holding.MARKET, Holding.CONVERSATIONS),
    Side.FIRM: (Holding.FIRM,),
    Side.NETWORK: (Holding.LINKS,),
}

# What a utility holds of its own alone, whoever else has a table of the same kind.
_NEVER_COPIES = frozenset({Holding.INBOX, Holding.REGISTRATIONS})

# What the file may say of a utility besides what it says of every one.
_SETTINGS: Mapping[Side, Set[str]] = {
    Side.CUSTOMER: frozenset(),
    Side.STREET: frozenset({"since", "until", "orders", "city"}),
    Side.FIRM: frozenset(),
    Side.NETWORK: frozenset({"links"}),
}

_T = TypeVar("_T")

_FIRST_DAY, _LAST_DAY = "00000000", "99999999"
_NAME = re.compile(r"[a-z][a-z0-9]{0,15}")
_PARTY = re.compile(r"[A-Z][A-Z0-9]{0,11}")
_DAY = re.compile(r"\d{8}")
_ACCOUNT = re.compile(r"\d{12}")
_KEY = re.compile(r"(mrk-)?[0-9a-f-]{32,36}")
_CODE = re.compile(r"[A-Z][A-Z0-9]{2}")


@dataclass(frozen=True, kw_only=True)
class Utility:
    """One utility: where it is and the code that begins every number it gives out (T10).

    `account` is the AWS account it is deployed in; None if all are in one, whichever that is. `key` is the
    identifier of its tables' KMS key, which whoever writes to them from another account has to use.

    `since` and `until` are days (20261122): a street utility takes part in the orders of days from
    `since` on and before `until`, if it takes `orders` at all; one that does not is another bank's,
    and keeps nobody's records but its own. A street utility at a `city` is a bank's node, and deals;
    a city node has `links` to others.
    """

    name: str
    side: Side
    code: str
    region: str
    account: str | None = None
    key: str | None = None
    since: str = _FIRST_DAY
    until: str = _LAST_DAY
    orders: bool = True
    city: str | None = None
    links: tuple[str, ...] = ()

    @property
    def own(self) -> Holding:
        """The records only this utility writes and every other of its side copies."""
        return _HOLDINGS[self.side][0]

    @property
    def deals(self) -> bool:
        """Whether this is a bank's node, with terminals, registrations and conversations."""
        return self.side is Side.STREET and self.city is not None

    @property
    def holdings(self) -> tuple[Holding, ...]:
        """What it has tables of."""
        held = _HOLDINGS[self.side] if self.orders else (Holding.STREET, Holding.INBOX)
        return held + ((Holding.REGISTRATIONS, Holding.CONVERSATIONS) if self.deals else ())

    @property
    def writes(self) -> tuple[Holding, ...]:
        """What it writes that others keep copies of."""
        return tuple(h for h in _WRITES[self.side] if h in self.holdings)

    def copies(self, holding: Holding, writer: "Utility") -> bool:
        """Whether it keeps copies of what another utility writes."""
        if holding is Holding.CONVERSATIONS:
            # For audit: no bank reads another's.
            return self.side is Side.FIRM
        if holding is Holding.LINKS:
            return self.name in writer.links
        if not self.orders:
            return False
        return holding in self.holdings and holding not in _NEVER_COPIES


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Who deals: a bank, or a client of a broker's node. It has one node, and its terminals are there."""

    name: str
    node: str
    terminals: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Enterprise:
    """One firm, many customer side and many street side utilities, and the network between banks."""

    name: str
    version: int
    utilities: tuple[Utility, ...]
    principals: tuple[Principal, ...] = ()

    @cached_property
    def _by_name(self) -> Mapping[str, Utility]:
        return {utility.name: utility for utility in self.utilities}

    def utility(self, name: str) -> Utility:
        """The utility of that name; EnterpriseError if there is none."""
        try:
            return self._by_name[name]
        except KeyError:
            known = ", ".join(self._by_name)
            raise EnterpriseError(
                f"no utility {name!r} in enterprise {self.name!r}: there are {known}"
            ) from None

    def on(self, side: Side) -> tuple[Utility, ...]:
        """The utilities of one side, in the file's order."""
        return tuple(utility for utility in self.utilities if utility.side is side)

    @cached_property
    def _principals_by_name(self) -> Mapping[str, Principal]:
        return {principal.name: principal for principal in self.principals}

    def principal(self, name: str) -> Principal | None:
        """The principal of that name."""
        return self._principals_by_name.get(name)

    def principals_at(self, node: str) -> tuple[Principal, ...]:
        """The principals that deal at a node: one, or a broker's several (R12)."""
        return tuple(principal for principal in self.principals if principal.node == node)

    def table(self, utility: str, holding: Holding) -> str:
        """The table's name: no dots, for queues, buckets and stacks take none."""
        return f"{self.name}-{utility}-{holding}"

    def tables(self, utility: Utility) -> tuple[str, ...]:
        """All tables of a utility."""
        return tuple(self.table(utility.name, holding) for holding in utility.holdings)

    def owner(self, table: str) -> Utility:
        """The utility that a table belongs to; EnterpriseError if it is nobody's."""
        for utility in self.utilities:
            if table in self.tables(utility):
                return utility
        raise EnterpriseError(f"no table {table!r} in enterprise {self.name!r}")

    def peers(self, utility: Utility) -> tuple[str, ...]:
        """Every utility that this one writes to: holders of its records, and inboxes."""
        names = {name for holding in utility.writes for name in self.holders(utility, holding)}
        if utility.side is Side.CUSTOMER:
            names.update(street.name for street in self.on(Side.STREET) if street.orders)
        if utility.city is not None:
            names.add(utility.city)
        if utility.side is Side.NETWORK:
            names.update(node.name for node in self.utilities if node.city == utility.name)
        return tuple(other.name for other in self.utilities if other.name in names)

    def holders(self, utility: Utility, holding: Holding) -> tuple[str, ...]:
        """Who keeps a copy of what this utility writes there: the whole of FIG. 2 (T8)."""
        if holding not in utility.writes:
            return ()
        return tuple(
            other.name for other in self.utilities if other != utility and other.copies(holding, utility)
        )

    def sequence(self, day: str, *subject: str) -> tuple[str, ...]:
        """The street utilities of a day, in the one order in which they are tried for a subject.

        Rendezvous hashing: every utility computes the same order with nothing shared, each
        street utility is first for an equal part, and it does not depend on who answers. Who takes
        part follows from the order's own day: so whoever has the file before a change takes effect
        agrees on every order, before and after it.
        """
        text = "\x1f".join(subject)

        def weight(name: str) -> bytes:
            return blake2b(f"{name}\x1f{text}".encode(), digest_size=8).digest()

        streets = [s for s in self.on(Side.STREET) if s.orders and s.since <= day < s.until]
        return tuple(sorted((street.name for street in streets), key=weight))


def queue_purposes(enterprise: Enterprise, utility: Utility) -> tuple[str, ...]:
    """What a utility has queues for: one per peer for what it could not take, one for timers."""
    parked = tuple(f"parked-{peer}" for peer in enterprise.peers(utility))
    has_timers = utility.side in (Side.CUSTOMER, Side.STREET)
    return (*parked, "checks") if has_timers else parked


def load_enterprise(path: Path) -> Enterprise:
    """Read and check an enterprise file (TOML)."""
    try:
        content = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise EnterpriseError(f"no enterprise file at {path}") from None
    except tomllib.TOMLDecodeError as error:
        raise EnterpriseError(f"{path} is not TOML: {error}") from None
    return parse_enterprise(content)


def parse_enterprise(content: Mapping[str, Any]) -> Enterprise:
    """Build an enterprise from a file's content; EnterpriseError names what is wrong with it."""
    name = _expect(content, "name", str, "the enterprise")
    if not _NAME.fullmatch(name):
        raise EnterpriseError(f"enterprise name {name!r}: expected a-z, then a-z and 0-9, at most 16")
    version = _expect(content, "version", int, "the enterprise")
    utilities = tuple(_parse_utility(entry) for entry in content.get("utility", ()))
    principals = tuple(_parse_principal(entry) for entry in content.get("principal", ()))
    _refuse_repeats("name", [utility.name for utility in utilities])
    _refuse_repeats("code", [utility.code for utility in utilities])
    _refuse_repeats("principal", [principal.name for principal in principals])
    _expect_accounts_of_all_or_none(utilities)
    firms = [utility.name for utility in utilities if utility.side is Side.FIRM]
    if len(firms) != 1:
        raise EnterpriseError(f"an enterprise has exactly one firm, this one has {firms or 'none'}")
    for side in (Side.CUSTOMER, Side.STREET):
        if not any(utility.side is side for utility in utilities):
            raise EnterpriseError(f"an enterprise needs at least one {side} utility")
    if not any(_takes_orders_every_day(utility) for utility in utilities):
        raise EnterpriseError("an enterprise needs a street utility that takes part on every day")
    cities = {utility.name for utility in utilities if utility.side is Side.NETWORK}
    _check_network(utilities, principals, cities)
    return Enterprise(
        name=name, version=version, utilities=_linked_both_ways(utilities), principals=principals
    )


def _expect_accounts_of_all_or_none(utilities: Sequence[Utility]) -> None:
    """A utility in one account has to be told in which another is."""
    without = [utility.name for utility in utilities if utility.account is None]
    if 0 < len(without) < len(utilities):
        raise EnterpriseError(
            f"utility {without[0]!r}: expected account = the 12 digits of its AWS account, as another utility"
            " has one: give it for all of them, or for none"
        )


def _takes_orders_every_day(utility: Utility) -> bool:
    always = (utility.since, utility.until) == (_FIRST_DAY, _LAST_DAY)
    return utility.side is Side.STREET and utility.orders and always


def _check_network(utilities: Sequence[Utility], principals: Sequence[Principal], cities: Set[str]) -> None:
    """A city has at least one bank, a bank at least one terminal, and every bank can reach every other."""
    for utility in utilities:
        where = f"utility {utility.name!r}"
        if utility.city is not None and utility.city not in cities:
            raise EnterpriseError(f"{where}: city {utility.city!r} is no network utility")
        for link in utility.links:
            if link not in cities or link == utility.name:
                raise EnterpriseError(f"{where}: link {link!r} is no other network utility")
    nodes = {utility.name: utility.city for utility in utilities if utility.deals}
    for utility in utilities:
        if not (utility.orders or utility.deals):
            raise EnterpriseError(f"utility {utility.name!r} takes no orders and is at no city")
    for principal in principals:
        where = f"principal {principal.name!r}"
        if principal.node not in nodes:
            raise EnterpriseError(f"{where}: node {principal.node!r} is no street utility with a city")
        if not principal.terminals:
            raise EnterpriseError(f"{where}: expected at least one terminal")
    for city in sorted(cities):
        if city not in nodes.values():
            raise EnterpriseError(f"city {city!r} has no bank's node")
    for node in nodes:
        if not any(principal.node == node for principal in principals):
            raise EnterpriseError(f"utility {node!r} is at a city and needs a principal that deals there")
    linked = {u.name: set(u.links) for u in _linked_both_ways(utilities)}
    first = min(cities, default="")
    for other in sorted(cities - {first}):
        if not routes(linked, first, other):
            raise EnterpriseError(f"no links lead from city {first!r} to city {other!r}")


def _linked_both_ways(utilities: Sequence[Utility]) -> tuple[Utility, ...]:
    """A link named at either end is one at both."""
    return tuple(
        replace(
            utility,
            links=tuple(
                other.name
                for other in utilities
                if other.name in utility.links or utility.name in other.links
            ),
        )
        for utility in utilities
    )


def routes(
    links: Mapping[str, Collection[str]], start: str, end: str, avoiding: Collection[str] = ()
) -> tuple[str, ...]:
    """The next cities from `start` that lead to `end`, the shortest way first, never through `avoiding`."""
    away = {end: 0}
    frontier = [end]
    while frontier:
        ahead = [n for city in frontier for n in sorted(links[city]) if n not in away and n != start]
        ahead = [city for city in dict.fromkeys(ahead) if city not in avoiding]
        away.update(dict.fromkeys(ahead, max(away.values()) + 1))
        frontier = ahead
    return tuple(sorted((n for n in links[start] if n in away), key=lambda n: (away[n], n)))


def _parse_utility(entry: Mapping[str, Any]) -> Utility:
    name = _expect(entry, "name", str, "a utility")
    if not _NAME.fullmatch(name):
        raise EnterpriseError(f"utility name {name!r}: expected a-z, then a-z and 0-9, at most 16")
    where = f"utility {name!r}"
    code = _expect(entry, "code", str, where)
    if not _CODE.fullmatch(code):
        raise EnterpriseError(f"{where}: code {code!r}: expected three of A-Z and 0-9, a letter first")
    side = _expect(entry, "side", str, where)
    if side not in tuple(Side):
        raise EnterpriseError(f"{where}: side {side!r}: expected one of {', '.join(Side)}")
    unknown = sorted(
        set(entry) - {"name", "side", "code", "region", "account", "key"} - _SETTINGS[Side(side)]
    )
    if unknown:
        raise EnterpriseError(f"{where}: unknown setting {unknown[0]!r}")
    region = _expect(entry, "region", str, where)
    days = {key: _expect_day(entry, key, where) for key in ("since", "until") if key in entry}
    return Utility(
        name=name,
        side=Side(side),
        code=code,
        region=region,
        account=_expect_account(entry, where) if "account" in entry else None,
        key=_expect_key(entry, where) if "key" in entry else None,
        orders=_expect(entry, "orders", bool, where) if "orders" in entry else True,
        city=_expect(entry, "city", str, where) if "city" in entry else None,
        links=_expect_names(entry, "links", where) if "links" in entry else (),
        **days,
    )


def _parse_principal(entry: Mapping[str, Any]) -> Principal:
    name = _expect(entry, "name", str, "a principal")
    if not _PARTY.fullmatch(name):
        raise EnterpriseError(f"principal name {name!r}: expected A-Z, then A-Z and 0-9, at most 12")
    where = f"principal {name!r}"
    unknown = sorted(set(entry) - {"name", "node", "terminals"})
    if unknown:
        raise EnterpriseError(f"{where}: unknown setting {unknown[0]!r}")
    terminals = _expect_names(entry, "terminals", where)
    wrong = next((terminal for terminal in terminals if not _PARTY.fullmatch(terminal)), None)
    if wrong is not None:
        raise EnterpriseError(f"{where}: terminal {wrong!r}: expected A-Z, then A-Z and 0-9, at most 12")
    return Principal(name=name, node=_expect(entry, "node", str, where), terminals=terminals)


def _expect_names(entry: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    names = _expect(entry, key, list, where)
    if not all(isinstance(name, str) for name in names):
        raise EnterpriseError(f"{where}: {key} {names!r}: expected names")
    return tuple(names)


def _expect_account(entry: Mapping[str, Any], where: str) -> str:
    account = _expect(entry, "account", str, where)
    if not _ACCOUNT.fullmatch(account):
        raise EnterpriseError(f"{where}: account {account!r}: expected the 12 digits of an AWS account")
    return account


def _expect_key(entry: Mapping[str, Any], where: str) -> str:
    key = _expect(entry, "key", str, where)
    if not _KEY.fullmatch(key):
        raise EnterpriseError(f"{where}: key {key!r}: expected the identifier of its tables' KMS key")
    return key


def _expect_day(entry: Mapping[str, Any], key: str, where: str) -> str:
    day = _expect(entry, key, str, where)
    if not _DAY.fullmatch(day):
        raise EnterpriseError(f"{where}: {key} {day!r}: expected a day such as 20261122")
    return day


def _expect(content: Mapping[str, Any], key: str, kind: type[_T], where: str) -> _T:
    value = content.get(key)
    if not isinstance(value, kind):
        raise EnterpriseError(f"{where}: expected {key} = {kind.__name__}, found {value!r}")
    return value


def _refuse_repeats(what: str, values: list[str]) -> None:
    repeated = sorted({value for value in values if values.count(value) > 1})
    if repeated:
        raise EnterpriseError(f"{what} {repeated[0]!r} is given more than once")
