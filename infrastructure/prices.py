"""The prices that the simulated exchange replays: real daily bars of five shares.

They come with the PyPI package bokeh-sampledata, which took them from Quandl's WIKI prices (public
domain, as is). Read from its file directly: the package's own module wants pandas or gives floats.
"""

import csv
import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from pathlib import Path

SYMBOLS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")

# From FB's first day to the last day there is. The prices are unadjusted, and none of the five was
# split between these dates, so no step in them is anything but trading. (Longer, there would be one:
# AAPL's of 2005, MSFT's of 2003.)
FIRST_DATE = "2012-05-18"
LAST_DATE = "2013-03-01"

_CENT = Decimal("0.01")

# Date, open, high, low, close, volume, as the exchange's file of bars has them.
BarTexts = tuple[str, str, str, str, str, str]


def write_replay(path: Path) -> None:
    """Write the file that `bootstrap.read_bars` reads; the same bytes each time."""
    path.write_text(json.dumps(replay_bars(_packaged_rows()), sort_keys=True) + "\n")


def replay_bars(rows: Iterable[Mapping[str, str]]) -> dict[str, list[BarTexts]]:
    """Each symbol's bars, by date; rows that are no trading day are left out."""
    bars: dict[str, list[BarTexts]] = {symbol: [] for symbol in SYMBOLS}
    for row in rows:
        if row["Ticker"] in bars and FIRST_DATE <= row["Date"] <= LAST_DATE:
            bars[row["Ticker"]].extend(_bar(row))
    return {symbol: sorted(of_symbol) for symbol, of_symbol in bars.items()}


def _packaged_rows() -> Iterator[dict[str, str]]:
    packaged = files("bokeh_sampledata") / "_data" / "stocks.csv.gz"
    with packaged.open("rb") as compressed, gzip.open(compressed, "rt", newline="") as lines:
        yield from csv.DictReader(lines)


def _bar(row: Mapping[str, str]) -> Iterator[BarTexts]:
    """The row's bar, or none if it is no day of trading: a gap, a zero, a price beyond its range.

    Some prices have up to four decimals (trades off the exchanges); rounded to cents they stay in
    their order.
    """
    try:
        open_px, high_px, low_px, close_px = (
            Decimal(row[name]).quantize(_CENT) for name in ("Open", "High", "Low", "Close")
        )
        volume = int(row["Volume"])
        is_traded = volume > 0 and low_px > 0
        is_within = low_px <= min(open_px, close_px) and max(open_px, close_px) <= high_px
    except (InvalidOperation, ValueError):
        return
    if is_traded and is_within:
        prices = (str(open_px), str(high_px), str(low_px), str(close_px))
        yield row["Date"], *prices, str(volume)
