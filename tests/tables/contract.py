"""What every store does, whatever keeps it: subclass it with a `store` fixture."""

from collections.abc import Mapping
from itertools import count

import pytest

from chalicelib.records.record import Item
from chalicelib.tables.reading import read_all
from chalicelib.tables.store import Store, span
from tests.builders import Watched, keys

_partitions = count(1)


def item(pk: str, sk: str, **fields: str) -> Mapping[str, str]:
    return {"pk": pk, "sk": sk, **fields}


class StoreContract:
    """Tests share one table, so each has a partition of its own."""

    @pytest.fixture
    def pk(self) -> str:
        return f"partition-{next(_partitions)}"

    @pytest.fixture
    def ten(self, store: Store, pk: str) -> list[Item]:
        made = [item(pk, f"{n:02}", Text=str(n)) for n in range(10)]
        # In no order of their keys.
        for each in made[::2] + made[::-2]:
            store.insert(each)
        return made

    @pytest.mark.requirement("T9", "T11")
    def test_an_insert_of_a_free_key_keeps_the_item(self, store: Store, pk: str) -> None:
        assert store.insert(item(pk, "a", Text="first")) is None
        assert store.get(pk, "a") == item(pk, "a", Text="first")

    @pytest.mark.requirement("T11")
    def test_an_insert_of_a_taken_key_changes_nothing_and_tells_what_has_it(
        self, store: Store, pk: str
    ) -> None:
        store.insert(item(pk, "a", Text="first"))
        assert store.insert(item(pk, "a", Text="second")) == item(pk, "a", Text="first")
        assert store.get(pk, "a") == item(pk, "a", Text="first")

    def test_an_item_that_is_not_there_is_none(self, store: Store, pk: str) -> None:
        assert store.get(pk, "a") is None

    def test_fields_that_nobody_knows_are_kept(self, store: Store, pk: str) -> None:
        strange = item(pk, "a", Expires="1767625200", Future="ü", Text="")
        store.insert(strange)
        store.copy([{**strange, "sk": "b"}])
        assert store.get(pk, "a") == strange
        assert store.get(pk, "b") == {**strange, "sk": "b"}
        assert list(store.query(pk, *span("a")).items) == [strange]

    def test_items_inserted_together_are_all_there(self, store: Store, pk: str) -> None:
        assert store.insert_together([item(pk, "a"), item(pk, "b")], unless=(pk, "gate"))
        assert keys(store.query(pk, *span("")).items) == ["a", "b"]

    @pytest.mark.requirement("T7")
    @pytest.mark.parametrize("taken", ["a", "b", "gate"])
    def test_if_one_key_is_taken_none_of_the_items_is_inserted(
        self, store: Store, pk: str, taken: str
    ) -> None:
        store.insert(item(pk, taken))
        assert not store.insert_together([item(pk, "a"), item(pk, "b")], unless=(pk, "gate"))
        assert keys(store.query(pk, *span("")).items) == [taken]

    @pytest.mark.requirement("T8", "T15")
    def test_copies_may_repeat_within_a_batch_and_between_batches(self, store: Store, pk: str) -> None:
        many = [item(pk, f"{n:02}") for n in range(60)]
        assert list(store.copy([*many[:5], *many])) == []
        assert list(store.copy(many[20:])) == []
        assert list(store.query(pk, *span("")).items) == many

    def test_no_copies_are_no_request(self, store: Store) -> None:
        assert list(store.copy([])) == []

    @pytest.mark.parametrize(
        ("first", "last", "found"),
        [("03", "05", range(3, 6)), ("05", "05", [5]), ("045", "07~", range(5, 8)), ("A", "B", [])],
    )
    def test_a_query_has_both_its_bounds(
        self, store: Store, pk: str, ten: list[Item], first: str, last: str, found: list[int]
    ) -> None:
        assert list(store.query(pk, first, last).items) == [ten[n] for n in found]

    def test_a_query_stays_in_its_partition(self, store: Store, pk: str, ten: list[Item]) -> None:
        store.insert(item(pk + "0", "05"))
        assert keys(store.query(pk, *span("")).items) == keys(ten)
        assert keys(store.query("nothing here", *span("")).items) == []

    @pytest.mark.parametrize("backward", [False, True])
    def test_pages_follow_one_another_until_there_are_no_more(
        self, store: Store, pk: str, ten: list[Item], backward: bool
    ) -> None:
        page = store.query(pk, "01", "08", backward=backward, limit=3)
        found = list(page.items)
        while page.more:
            assert len(page.items) == 3
            page = store.query(pk, "01", "08", backward=backward, limit=3, beyond=page.items[-1]["sk"])
            found.extend(page.items)
        assert found == (ten[8:0:-1] if backward else ten[1:9])

    def test_a_query_without_limit_has_no_more_behind_it(
        self, store: Store, pk: str, ten: list[Item]
    ) -> None:
        assert not store.query(pk, *span("")).more
        assert store.query(pk, *span(""), limit=9).more

    def test_everything_of_a_span_is_read_page_by_page(self, store: Store, pk: str, ten: list[Item]) -> None:
        watched = Watched(store, page_max=4)
        assert read_all(pk, "00", "08", watched) == ten[:9]
        assert watched.asked["query"] == 3
