"""Signs of life: whoever gives none for three periods is taken to be silent."""

import pytest

from chalicelib.network.life import give_sign_of_life
from chalicelib.records.market import SignOfLife
from chalicelib.tables.memory import MemoryStore
from chalicelib.tables.reading import is_silent
from tests.builders import NOW, later, seconds


@pytest.mark.requirement("T17")
def test_a_sign_of_life_holds_for_three_periods() -> None:
    signs = MemoryStore("demo-tokyo-links")
    give_sign_of_life("london", period=seconds(60), signs=signs, now=NOW)
    assert not is_silent("london", signs, later(180))
    assert is_silent("london", signs, later(180.000001))


def test_a_sign_of_life_may_be_forgotten_after_an_hour() -> None:
    signs = MemoryStore("demo-s1-market")
    give_sign_of_life("s1", period=seconds(60), signs=signs, now=NOW)
    (item,) = signs.everything()
    assert SignOfLife.from_item(item).expires == int(later(3600).timestamp())
