"""The enterprise: its utilities, the tables each has, and who holds whose records (pure).

An enterprise file is the one list of utilities. Everything else - table names, the copies of a
record, the street utilities an order is tried at - is computed from it here (FIG. 1 and 2 of the
transaction patent).
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar


class EnterpriseError(ValueError):
    """The enterprise file contradicts itself; the message names what and where."""


class Side(StrEnum):
    """The three sides of an enterprise."""

    CUSTOMER = "customer"
    STREET = "street"
    FIRM = "firm"


class Holding(StrEnum):
    """What a table holds: one side's records, messages to the utility, or prices."""

    CUSTOMER = "customer"
    STREET = "street"
    FIRM = "firm"
    INBOX = "inbox"
    MARKET = "market"


# What the utilities of a side hold. The first is the utility's own, writable by it alone.
HOLDINGS: Mapping[Side, tuple[Holding, ...]] = {
    Side.CUSTOMER: (Holding.CUSTOMER, Holding.STREET, Holding.FIRM, Holding.MARKET),
    Side.STREET: (Holding.STREET, Holding.FIRM, Holding.INBOX, Holding.MARKET),
    Side.FIRM: (Holding.FIRM, Holding.CUSTOMER, Holding.STREET),
}

# What the utilities of a side write, each copied to every other utility that holds the same.
WRITES: Mapping[Side, tuple[Holding, ...]] = {
    Side.CUSTOMER: (Holding.CUSTOMER,),
    Side.STREET: (Holding.STREET, Holding.MARKET),
    Side.FIRM: (Holding.FIRM,),
}

_T = TypeVar("_T")

_FIRST_DAY, _LAST_DAY = "00000000", "99999999"
_NAME = re.compile(r"[a-z][a-z0-9]{0,15}")
_DAY = re.compile(r"\d{8}")
_CODE = re.compile(r"[A-Z][A-Z0-9]{2}")


@dataclass(frozen=True, kw_only=True)
class Utility:
    """One utility: where it is and the code that begins every number it gives out (T10).

    `since` and `until` are days (20261122): a street utility takes part in the orders of days from
    `since` on and before `until`.
    """

    name: str
    side: Side
    code: str
    region: str
    since: str = _FIRST_DAY
    until: str = _LAST_DAY

    @property
    def own(self) -> Holding:
        """The records only this utility writes and every other of its side copies."""
        return HOLDINGS[self.side][0]


@dataclass(frozen=True, kw_only=True)
class Enterprise:
    """One firm, many customer side and many street side utilities."""

    name: str
    version: int
    utilities: tuple[Utility, ...]

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

    def author(self, code: str) -> Utility | None:
        """The utility whose numbers begin with this code."""
        return next((utility for utility in self.utilities if utility.code == code), None)

    def table(self, utility: str, holding: Holding) -> str:
        """The table's name: no dots, for queues, buckets and stacks take none."""
        return f"{self.name}-{utility}-{holding}"

    def tables(self, utility: Utility) -> tuple[str, ...]:
        """All tables of a utility."""
        return tuple(self.table(utility.name, holding) for holding in HOLDINGS[utility.side])

    def owner(self, table: str) -> Utility:
        """The utility that a table belongs to; EnterpriseError if it is nobody's."""
        for utility in self.utilities:
            if table in self.tables(utility):
                return utility
        raise EnterpriseError(f"no table {table!r} in enterprise {self.name!r}")

    def peers(self, utility: Utility) -> tuple[str, ...]:
        """Every utility that this one writes to: holders of its records, and inboxes."""
        names = {name for holding in WRITES[utility.side] for name in self.holders(utility, holding)}
        if utility.side is Side.CUSTOMER:
            names.update(street.name for street in self.on(Side.STREET))
        return tuple(other.name for other in self.utilities if other.name in names)

    def holders(self, utility: Utility, holding: Holding) -> tuple[str, ...]:
        """Who keeps a copy of what this utility writes there: the whole of FIG. 2 (T8)."""
        if holding not in WRITES[utility.side]:
            return ()
        return tuple(
            other.name for other in self.utilities if other != utility and holding in HOLDINGS[other.side]
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

        streets = [street for street in self.on(Side.STREET) if street.since <= day < street.until]
        return tuple(sorted((street.name for street in streets), key=weight))


def queue_purposes(enterprise: Enterprise, utility: Utility) -> tuple[str, ...]:
    """What a utility has queues for: one per peer for what it could not take, one for timers."""
    parked = tuple(f"parked-{peer}" for peer in enterprise.peers(utility))
    return parked if utility.side is Side.FIRM else (*parked, "checks")


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
    _refuse_repeats("name", [utility.name for utility in utilities])
    _refuse_repeats("code", [utility.code for utility in utilities])
    firms = [utility.name for utility in utilities if utility.side is Side.FIRM]
    if len(firms) != 1:
        raise EnterpriseError(f"an enterprise has exactly one firm, this one has {firms or 'none'}")
    for side in (Side.CUSTOMER, Side.STREET):
        if not any(utility.side is side for utility in utilities):
            raise EnterpriseError(f"an enterprise needs at least one {side} utility")
    if not any(u.side is Side.STREET and u.since == _FIRST_DAY and u.until == _LAST_DAY for u in utilities):
        raise EnterpriseError("an enterprise needs a street utility that takes part on every day")
    return Enterprise(name=name, version=version, utilities=utilities)


def _parse_utility(entry: Mapping[str, Any]) -> Utility:
    name = _expect(entry, "name", str, "a utility")
    if not _NAME.fullmatch(name):
        raise EnterpriseError(f"utility name {name!r}: expected a-z, then a-z and 0-9, at most 16")
    where = f"utility {name!r}"
    unknown = sorted(set(entry) - {"name", "side", "code", "region", "since", "until"})
    if unknown:
        raise EnterpriseError(f"{where}: unknown setting {unknown[0]!r}")
    code = _expect(entry, "code", str, where)
    if not _CODE.fullmatch(code):
        raise EnterpriseError(f"{where}: code {code!r}: expected three of A-Z and 0-9, a letter first")
    side = _expect(entry, "side", str, where)
    if side not in tuple(Side):
        raise EnterpriseError(f"{where}: side {side!r}: expected one of {', '.join(Side)}")
    region = _expect(entry, "region", str, where)
    days = {key: _expect_day(entry, key, where) for key in ("since", "until") if key in entry}
    return Utility(name=name, side=Side(side), code=code, region=region, **days)


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
        raise EnterpriseError(f"{what} {repeated[0]!r} is given to more than one utility")
