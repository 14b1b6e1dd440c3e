import pytest

from chalicelib.records.record import Item
from chalicelib.tables.memory import MemoryRegistry, MemoryStore
from tests.tables.contract import StoreContract, item
from tests.tables.registry_contract import AtomicRegistryContract


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore("demo-c1-customer")


class TestMemoryRegistry(AtomicRegistryContract):
    @pytest.fixture
    def registry(self) -> MemoryRegistry:
        return MemoryRegistry(MemoryStore("demo-s1-registrations"), MemoryStore("demo-s1-conversations"))


def test_a_stream_hears_of_every_new_item_once_and_of_no_repeat() -> None:
    heard: list[Item] = []
    store = MemoryStore("demo-c1-customer", heard.append)
    for _ in range(2):
        store.insert(item("a", "1"))
        store.copy([item("a", "2"), item("a", "2")])
        store.insert_together([item("a", "3")])
    assert heard == [item("a", "1"), item("a", "2"), item("a", "3")]
    assert store.everything() == heard


def test_what_is_kept_does_not_change_with_what_was_given() -> None:
    given = {"pk": "a", "sk": "1", "Text": "before"}
    store = MemoryStore("demo-c1-customer")
    store.insert(given)
    given["Text"] = "after"
    assert store.get("a", "1") == {"pk": "a", "sk": "1", "Text": "before"}
