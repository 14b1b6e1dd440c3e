"""The item that a record is kept as: FIX's names, every value a string, at most 1,024 bytes.

Strings keep a Decimal exact through JSON, DynamoDB and streams alike; whoever copies an item copies
fields it does not know yet along with the rest.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, FrozenInstanceError, dataclass, fields
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import UnionType
from typing import Any, ClassVar, Self, Union, dataclass_transform, get_args, get_origin, get_type_hints

from .times import format_time, parse_time

Item = Mapping[str, str]

BYTES_MAX = 1024

_ACRONYMS = {"id": "ID"}


class UnreadableRecord(ValueError):
    """An item that cannot be read as the record it says it is."""


@dataclass_transform(kw_only_default=True, frozen_default=True)
class _Said:
    """A frozen dataclass by being derived from this.

    What a dataclass has compiled for each kind by itself - to make one, compare it, show it and keep it as it
    is - is here once for all of them: a function starts the sooner, and reads the faster.
    """

    # What is said if nothing else is, and what must be.
    _defaults: ClassVar[Mapping[str, Any]]
    _required: ClassVar[frozenset[str]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        kind: Any = dataclass(init=False, repr=False, eq=False, kw_only=True)(cls)
        defaults = {field.name: field.default for field in fields(kind)}
        cls._defaults = {name: value for name, value in defaults.items() if value is not MISSING}
        cls._required = frozenset(defaults.keys() - cls._defaults.keys())

    def __init__(self, **values: Any) -> None:
        said = vars(self)
        said.update(self._defaults)
        said.update(values)
        if len(said) != len(self._defaults) + len(self._required) or not self._required <= said.keys():
            missing = self._required - said.keys()
            unknown = said.keys() - self._required - self._defaults.keys()
            raise TypeError(f"without {sorted(missing)}" if missing else f"has no {sorted(unknown)}")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(frozenset(vars(self).items()))

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={value!r}" for name, value in vars(self).items() if value is not None)
        return f"{type(self).__name__}({said})"

    def __setattr__(self, name: str, value: object) -> None:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"cannot delete field {name!r}")


class Record(_Said):
    """What every record says: who wrote it, and when it came to be so."""

    origin: str
    transact_time: datetime

    kinds: ClassVar[dict[str, type["Record"]]] = {}
    bytes_max: ClassVar[int] = BYTES_MAX

    def __init_subclass__(cls, abstract: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not abstract:
            Record.kinds[cls.__name__] = cls

    @property
    def partition_key(self) -> str:
        """The item's pk."""
        raise NotImplementedError

    @property
    def sort_key(self) -> str:
        """The item's sk: its place in the partition, never given to other content."""
        raise NotImplementedError

    def to_item(self) -> dict[str, str]:
        """The record as it is stored, copied and read."""
        item = {
            "pk": self.partition_key,
            "sk": self.sort_key,
            "RecordType": type(self).__name__,
        }
        said = vars(self)
        for name, fix_name, write in _codec(type(self)).writers:
            value = said[name]
            if value is not None:
                item[fix_name] = write(value)
        size = item_bytes(item)
        assert size <= self.bytes_max, f"{type(self).__name__} of {size} bytes"
        return item

    @classmethod
    def from_item(cls, item: Item) -> Self:
        """Read an item as this kind of record; fields it does not know are left alone."""
        values: dict[str, Any] = {}
        readers = _codec(cls).readers
        for fix_name, text in item.items():
            reader = readers.get(fix_name)
            if reader is not None:
                name, read = reader
                try:
                    values[name] = read(text)
                except (ValueError, ArithmeticError) as error:
                    raise UnreadableRecord(f"{fix_name} of {_place(item)}: {error}") from None
        try:
            return cls(**values)
        except TypeError as error:
            raise UnreadableRecord(f"{_place(item)}: {error}") from None


def read_record(item: Item) -> Record:
    """Read an item as whatever record it is; UnreadableRecord says what is wrong with it."""
    kind = Record.kinds.get(item.get("RecordType", ""))
    if kind is None:
        raise UnreadableRecord(f"{_place(item)}: unknown RecordType {item.get('RecordType')!r}")
    return kind.from_item(item)


def item_bytes(item: Item) -> int:
    """What DynamoDB counts: names and values in UTF-8."""
    return len("".join((*item, *item.values())).encode())


def fix_name(name: str) -> str:
    """`cl_ord_id` as FIX writes it: ClOrdID."""
    return "".join(_ACRONYMS.get(part, part.capitalize()) for part in name.split("_"))


def format_decimal(value: Decimal) -> str:
    """Plain digits, never an exponent."""
    return f"{value:f}"


def _place(item: Item) -> str:
    return f"{item.get('pk')}/{item.get('sk')}"


def _parse_decimal(text: str) -> Decimal:
    value = Decimal(text)
    if not value.is_finite():
        raise ValueError(f"expected a number, found {text!r}")
    return value


@dataclass(frozen=True)
class _Codec:
    """How a kind of record is written and read, by field and by FIX name."""

    writers: tuple[tuple[str, str, Callable[[Any], str]], ...]
    readers: Mapping[str, tuple[str, Callable[[str], Any]]]


_codecs: dict[type["Record"], _Codec] = {}


def _codec(kind: type[Record]) -> _Codec:
    known = _codecs.get(kind)
    if known is None:
        known = _codecs[kind] = _make_codec(kind)
    return known


def _make_codec(kind: type[Record]) -> _Codec:
    hints = get_type_hints(kind)
    both = [(field.name, fix_name(field.name), *_write_and_read(hints[field.name])) for field in fields(kind)]
    return _Codec(
        writers=tuple((name, fix_name, write) for name, fix_name, write, _ in both),
        readers={fix_name: (name, read) for name, fix_name, _, read in both},
    )


def _write_and_read(hint: Any) -> tuple[Callable[[Any], str], Callable[[str], Any]]:
    if get_origin(hint) in (Union, UnionType):
        hint = next(part for part in get_args(hint) if part is not type(None))
    hint = getattr(hint, "__supertype__", hint)
    if hint is datetime:
        return format_time, parse_time
    if hint is Decimal:
        return format_decimal, _parse_decimal
    if hint is int or issubclass(hint, StrEnum):
        return str, hint
    assert hint is str, f"no way to write {hint}"
    return str, str
