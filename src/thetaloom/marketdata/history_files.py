"""Daily bars from Parquet or CSV files, with the 30-day volatility of each session where a file holds it.

Columns: ``date`` (or ``session_date``), ``open``, ``high``, ``low``, ``close``, and if known ``symbol``, ``volume``
and ``iv`` (0.20 = 20 %). Without ``symbol`` the file's name up to the first ``_`` is the symbol: SPY_daily.csv.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from thetaloom.domain.market.bars import PLACES, Bar
from thetaloom.errors import InvalidInput

if TYPE_CHECKING:
    import polars as pl

PRICES = ("open", "high", "low", "close")
IV_MAX = 20.0  # 2000 %: above it the file holds percent, not fractions


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyHistory:
    """Bars and volatilities by symbol, oldest first."""

    bars: dict[str, tuple[Bar, ...]]
    ivs: dict[str, tuple[tuple[date, float], ...]]


def read_histories(paths: Iterable[Path | str]) -> DailyHistory:
    """Read the files; of two bars of one session the later file's stands."""
    bars: dict[str, dict[date, Bar]] = {}
    ivs: dict[str, dict[date, float]] = {}
    for path in map(Path, paths):
        for row in _rows(path):
            bar = _bar(path, row)
            bars.setdefault(row["symbol"], {})[bar.session_on] = bar
            if row.get("iv") is not None and math.isfinite(row["iv"]):
                if not 0 < row["iv"] <= IV_MAX:
                    _refuse(path, f"iv {row['iv']} on {bar.session_on} is no volatility, 0.20 being 20 %")
                ivs.setdefault(row["symbol"], {})[bar.session_on] = float(row["iv"])
    return DailyHistory(
        bars={symbol: tuple(days[on] for on in sorted(days)) for symbol, days in bars.items()},
        ivs={symbol: tuple(sorted(days.items())) for symbol, days in ivs.items()},
    )


def _rows(path: Path) -> list[dict[str, Any]]:
    import polars as pl

    try:
        frame = pl.read_csv(path, try_parse_dates=True) if path.suffix == ".csv" else pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InvalidInput(f"{path}: cannot be read: {str(error)[:200]}", details={"file": str(path)}) from error
    if "date" not in frame.columns and "session_date" in frame.columns:
        frame = frame.rename({"session_date": "date"})
    _check_columns(path, frame)
    if "symbol" not in frame.columns:
        frame = frame.with_columns(pl.lit(path.stem.split("_")[0]).alias("symbol"))
    wanted = [name for name in ("symbol", "date", *PRICES, "volume", "iv") if name in frame.columns]
    return frame.select(wanted).to_dicts()


def _check_columns(path: Path, frame: pl.DataFrame) -> None:
    import polars as pl

    for name in ("date", *PRICES):
        if name not in frame.columns:
            _refuse(path, f"column {name} is missing")
    if frame.schema["date"] != pl.Date:
        _refuse(path, f"column date is {frame.schema['date']}, not a date")
    for name in (*PRICES, "volume", "iv"):
        # A column that is empty throughout carries no type.
        if name in frame.columns and not frame.schema[name].is_numeric() and frame[name].null_count() < len(frame):
            _refuse(path, f"column {name} is {frame.schema[name]}, not a number")


def _bar(path: Path, row: dict[str, Any]) -> Bar:
    prices = [row[name] for name in PRICES]
    day = row["date"]
    if day is None or any(price is None for price in prices):
        _refuse(path, f"the bar of {day} has no date or lacks a price")
    # Adjusted prices carry float noise, by which a close can come to lie above its high.
    opened, high, low, close = (round(float(price), PLACES) for price in prices)
    if not 0 < low <= min(opened, close) <= max(opened, close) <= high < math.inf:
        _refuse(path, f"the bar of {day} cannot be right: open {opened}, high {high}, low {low}, close {close}")
    volume = row.get("volume")
    return Bar(
        session_on=day,
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=None if volume is None or math.isnan(volume) else float(volume),
    )


def _refuse(path: Path, problem: str) -> NoReturn:
    raise InvalidInput(f"{path}: {problem}", details={"file": str(path), "problem": problem})
