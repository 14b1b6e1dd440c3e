"""The file of prices that the simulated exchange replays."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from chalicelib.bootstrap import read_bars
from chalicelib.street.exchange import SimulatedExchange
from infrastructure.prices import FIRST_DATE, LAST_DATE, SYMBOLS, replay_bars, write_replay

ROW = {
    "Ticker": "IBM",
    "Date": "2012-05-18",
    "Open": "198.78",
    "High": "199.5",
    "Low": "195.16",
    "Close": "195.875",
    "Volume": "5737100",
}
BAR = ("2012-05-18", "198.78", "199.50", "195.16", "195.88", "5737100")


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("prices") / "replay.json"
    write_replay(path)
    return path


def test_the_file_is_what_the_exchange_reads(replay: Path) -> None:
    bars = read_bars(replay)

    assert sorted(bars) == sorted(SYMBOLS)
    assert {len(of_symbol) for of_symbol in bars.values()} == {196}
    assert (bars["FB"][0].date, bars["FB"][0].open_px) == (FIRST_DATE, Decimal("42.05"))
    assert (bars["GOOG"][-1].date, bars["GOOG"][-1].close_px) == (LAST_DATE, Decimal("806.19"))


@pytest.mark.requirement("T6")
def test_an_exchange_shows_the_prices_of_the_file(replay: Path) -> None:
    epoch = datetime(2026, 1, 1, tzinfo=UTC)
    tick = timedelta(seconds=15)
    exchange = SimulatedExchange(bars=read_bars(replay), epoch=epoch, tick=tick)

    # FB fell on its first day: open, high, low, close.
    shown = [exchange.at("FB", epoch + index * tick).price for index in range(4)]

    assert shown == [Decimal("42.05"), Decimal("45.00"), Decimal("38.00"), Decimal("38.23")]


def test_everything_in_the_file_is_text_and_prices_have_two_decimals(replay: Path) -> None:
    for bars in json.loads(replay.read_text()).values():
        for bar in bars:
            assert all(isinstance(value, str) for value in bar)
            assert all(len(price.partition(".")[2]) == 2 for price in bar[1:5])


def test_bars_go_forward_in_time_and_each_price_lies_within_its_day(replay: Path) -> None:
    for bars in read_bars(replay).values():
        dates = [bar.date for bar in bars]
        assert dates == sorted(set(dates))
        for bar in bars:
            assert 0 < bar.low_px <= min(bar.prices)
            assert max(bar.prices) <= bar.high_px
            assert bar.volume > 0


def test_no_share_was_split_in_the_window(replay: Path) -> None:
    for bars in read_bars(replay).values():
        for before, after in pairwise(bars):
            assert Decimal("0.7") < after.open_px / before.close_px < Decimal("1.4")


def test_the_same_bytes_are_written_each_time(replay: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.json"
    write_replay(again)

    assert again.read_bytes() == replay.read_bytes()


def test_a_bar_is_kept_with_its_prices_rounded_to_cents() -> None:
    assert replay_bars([ROW])["IBM"] == [BAR]


@pytest.mark.parametrize(
    "wrong",
    [
        {"Volume": "0"},
        {"Volume": ""},
        {"Open": ""},
        {"Close": "NaN"},
        {"Low": "0"},
        {"Open": "199.51"},
        {"Open": "195.15"},
        {"Close": "199.51"},
        {"Close": "195.15"},
        {"Date": "2012-05-17"},
        {"Date": "2013-03-02"},
        {"Ticker": "SPY"},
    ],
    ids=lambda wrong: "-".join(f"{name}={value}" for name, value in wrong.items()),
)
def test_a_row_that_is_no_day_of_trading_in_the_window_is_dropped(wrong: dict[str, str]) -> None:
    assert replay_bars([ROW | wrong]) == {symbol: [] for symbol in SYMBOLS}


def test_rows_in_any_order_make_bars_in_order_of_time() -> None:
    later = ROW | {"Date": "2012-05-21"}

    assert [bar[0] for bar in replay_bars([later, ROW])["IBM"]] == ["2012-05-18", "2012-05-21"]


def test_pandas_is_not_needed_to_write_the_file(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib; from infrastructure.prices import write_replay; "
        "write_replay(pathlib.Path(sys.argv[1])); "
        "sys.exit(int('pandas' in sys.modules or 'bokeh_sampledata.stocks' in sys.modules))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "replay.json")],
        check=False,
        cwd=Path(__file__).parents[2],
    )

    assert finished.returncode == 0
