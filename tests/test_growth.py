"""What is asked and read does not grow: with utilities, with records held, with an account's history."""

from collections.abc import Callable, Sequence

import pytest

from bench.growth import CASES, Case, counted, exponent


@pytest.mark.parametrize(("name", "target", "sizes", "make"), CASES, ids=[case[0] for case in CASES])
def test_what_is_asked_and_read_is_the_same_at_every_size(
    name: str, target: float, sizes: Sequence[int], make: Callable[[int], Case]
) -> None:
    counts = counted(sizes, make)
    assert counts[0], "it asks for something"
    assert all(counter == counts[0] for counter in counts), counts


def test_an_order_is_entered_with_one_write_and_inquired_of_with_two_reads() -> None:
    requests = {name: counted(sizes[:1], make)[0]["requests"] for name, _, sizes, make in CASES}
    assert all(count == (1 if name.startswith("order entry") else 2) for name, count in requests.items())


@pytest.mark.parametrize("power", [0, 0.5, 1, 2])
def test_an_exponent_is_the_power_that_costs_grow_by(power: float) -> None:
    sizes = (10, 20, 40, 80)
    assert exponent(sizes, [3 * size**power for size in sizes]) == pytest.approx(power)


def test_what_is_never_used_does_not_grow() -> None:
    assert exponent((1, 2, 4), (0, 0, 0)) == 0
