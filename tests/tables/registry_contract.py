"""What every registry does, whatever keeps it: subclass it with a `registry` fixture."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Barrier

import pytest

from chalicelib.records.record import Item
from chalicelib.tables.registry import VERSION, Key, Registry
from tests.tables.contract import item

_AT_ONCE = 8
_ROUNDS = 20

_partitions = count(1)


def kept(pk: str, version: int, **fields: str) -> Item:
    """An item as it is to be kept, in place of the version it says it is."""
    return item(pk, "kept", **{VERSION: str(version), **fields})


class RegistryContract:
    """Tests share two tables, so each has partitions of its own."""

    @pytest.fixture
    def pk(self) -> str:
        return f"registration-{next(_partitions)}"

    def test_what_is_not_there_is_none_in_the_order_asked(self, registry: Registry, pk: str) -> None:
        for name in "ca":
            assert registry.commit([kept(f"{pk}{name}", 0)], [])
        read = registry.read(*(_key(f"{pk}{name}") for name in "abcd"))
        assert [found and found["pk"] for found in read] == [f"{pk}a", None, f"{pk}c", None]

    @pytest.mark.requirement("R5")
    def test_an_item_is_put_in_place_of_the_version_that_was_read(self, registry: Registry, pk: str) -> None:
        assert registry.commit([kept(pk, 0, State="free", Last="A")], [])
        assert registry.commit([kept(pk, 1, State="initiated")], [])
        assert registry.read(_key(pk)) == [kept(pk, 2, State="initiated")]

    @pytest.mark.requirement("R5")
    @pytest.mark.parametrize("version", [0, 1, 3])
    def test_an_item_that_has_another_version_stays_and_nothing_is_written(
        self, registry: Registry, pk: str, version: int
    ) -> None:
        assert registry.commit([kept(pk, 0)], [])
        assert registry.commit([kept(pk, 1, State="first")], [])
        assert not registry.commit([kept(pk, version, State="second")], [item(pk, "record")])
        assert registry.read(_key(pk)) == [kept(pk, 2, State="first")]
        assert registry.records.get(pk, "record") is None

    @pytest.mark.requirement("R5")
    def test_an_item_that_is_not_there_has_no_version_but_none(self, registry: Registry, pk: str) -> None:
        assert not registry.commit([kept(pk, 1)], [item(pk, "record")])
        assert registry.read(_key(pk)) == [None]
        assert registry.records.get(pk, "record") is None

    @pytest.mark.requirement("R9")
    def test_what_is_replaced_and_inserted_is_there_together(self, registry: Registry, pk: str) -> None:
        replaced = [kept(pk, 0), kept(f"{pk}panels", 0)]
        assert registry.commit(replaced, [item(pk, "one"), item(pk, "two")])
        assert registry.read(_key(pk), _key(f"{pk}panels")) == [kept(pk, 1), kept(f"{pk}panels", 1)]
        assert registry.records.get(pk, "one") == item(pk, "one")
        assert registry.records.get(pk, "two") == item(pk, "two")

    @pytest.mark.requirement("R5", "R9")
    def test_if_one_of_the_items_has_another_version_none_is_replaced(
        self, registry: Registry, pk: str
    ) -> None:
        assert registry.commit([kept(f"{pk}panels", 0)], [])
        assert not registry.commit([kept(pk, 0), kept(f"{pk}panels", 0)], [item(pk, "record")])
        assert registry.read(_key(pk), _key(f"{pk}panels")) == [None, kept(f"{pk}panels", 1)]
        assert registry.records.get(pk, "record") is None

    @pytest.mark.requirement("R5", "R9")
    def test_if_one_records_key_is_taken_nothing_is_written(self, registry: Registry, pk: str) -> None:
        registry.records.insert(item(pk, "two", Text="first"))
        assert not registry.commit([kept(pk, 0)], [item(pk, "one"), item(pk, "two", Text="second")])
        assert registry.read(_key(pk)) == [None]
        assert registry.records.get(pk, "one") is None
        assert registry.records.get(pk, "two") == item(pk, "two", Text="first")

    def test_records_alone_are_inserted_together(self, registry: Registry, pk: str) -> None:
        assert registry.commit([], [item(pk, "one"), item(pk, "two")])
        assert not registry.commit([], [item(pk, "two"), item(pk, "three")])
        assert registry.records.get(pk, "three") is None

    @pytest.mark.requirement("R5")
    def test_the_same_again_is_not_written_twice(self, registry: Registry, pk: str) -> None:
        assert registry.commit([kept(pk, 0)], [])
        assert not registry.commit([kept(pk, 0)], [])
        assert registry.read(_key(pk)) == [kept(pk, 1)]


class AtomicRegistryContract(RegistryContract):
    """What is true only where conditions hold among threads as well."""

    @pytest.mark.requirement("R5", "R11")
    def test_of_many_at_once_each_version_is_replaced_by_one_alone(self, registry: Registry, pk: str) -> None:
        gate = Barrier(_AT_ONCE)

        def contend(name: str) -> list[bool]:
            won = []
            for version in range(_ROUNDS):
                gate.wait()
                won.append(registry.commit([kept(pk, version, By=name)], [item(pk, f"{version:02}{name}")]))
            return won

        with ThreadPoolExecutor(_AT_ONCE) as threads:
            won = list(threads.map(contend, map(str, range(_AT_ONCE))))
        assert [round_.count(True) for round_ in zip(*won, strict=True)] == [1] * _ROUNDS
        written = registry.records.query(pk, "00", "~").items
        assert len(written) == _ROUNDS
        assert registry.read(_key(pk)) == [kept(pk, _ROUNDS, By=written[-1]["sk"][2:])]

    @pytest.mark.requirement("R5", "R11")
    def test_nothing_is_lost_of_what_many_write_one_upon_another(self, registry: Registry, pk: str) -> None:
        def add(name: int) -> None:
            _until_done(lambda: registry.commit([_increased(registry, pk)], [item(pk, f"{name:02}")]))

        with ThreadPoolExecutor(_AT_ONCE) as threads:
            list(threads.map(add, range(_ROUNDS)))
        assert registry.read(_key(pk)) == [kept(pk, _ROUNDS, Count=str(_ROUNDS))]


def _key(pk: str) -> Key:
    return pk, "kept"


def _increased(registry: Registry, pk: str) -> Item:
    (found,) = registry.read(_key(pk))
    found = found or kept(pk, 0, Count="0")
    return {**found, "Count": str(int(found["Count"]) + 1)}


def _until_done(attempt: Callable[[], bool]) -> None:
    while not attempt():
        pass
