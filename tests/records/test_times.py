from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.records.times import day_of, format_time, parse_time, stamp, system_clock
from tests.builders import NOW, later

MOMENTS = st.timedeltas(timedelta(days=-9000), timedelta(days=9000)).map(lambda away: NOW + away)


@pytest.mark.requirement("T15")
@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(min_value=-1e6, max_value=60)))
def test_a_stamp_is_later_than_all_that_was_seen_and_never_before_now(seen: list[float]) -> None:
    times = [later(offset) for offset in seen]
    made = stamp(NOW, *times)
    assert made >= NOW
    assert all(made > time for time in times)


def test_a_stamp_that_has_seen_nothing_newer_is_now() -> None:
    assert stamp(NOW, later(-1)) == NOW


@pytest.mark.requirement("T15")
def test_a_stamp_does_not_follow_a_clock_that_is_more_than_a_minute_ahead() -> None:
    assert stamp(NOW, later(60.001), later(5)) == later(5) + timedelta(microseconds=1)


@settings(max_examples=50, deadline=None)
@given(MOMENTS)
def test_a_time_reads_back_as_it_was_written(time: datetime) -> None:
    assert parse_time(format_time(time)) == time


@settings(max_examples=50, deadline=None)
@given(MOMENTS, MOMENTS)
def test_times_sort_as_their_text_does(one: datetime, other: datetime) -> None:
    assert (format_time(one) < format_time(other)) == (one < other)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("20260105-15:00:00", NOW),
        ("20260105-15:00:00.5", later(0.5)),
        ("20260105-15:00:00.000001", NOW + timedelta(microseconds=1)),
    ],
)
def test_a_time_may_have_a_fraction_or_none(text: str, time: datetime) -> None:
    assert parse_time(text) == time


@pytest.mark.parametrize("text", ["", "2026-01-05T15:00:00Z", "20261301-00:00:00", "20260105"])
def test_what_is_no_time_is_refused_with_what_came(text: str) -> None:
    with pytest.raises(ValueError, match=f"expected a UTCTimestamp .* found '{text}'"):
        parse_time(text)


def test_a_day_is_the_utc_date() -> None:
    assert day_of(NOW) == "20260105"
    assert system_clock().tzinfo is UTC
