"""LEAN's bars of shares, funds and indices, with the factors that adjust them; rates, maps and factors as they are.

They go to the folder ``underlying`` beside the recordings, the daily ones as the settings' files of history.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from thetaloom.errors import InvalidInput
from thetaloom.marketdata.importers import cells
from thetaloom.marketdata.importers.dates import read_day
from thetaloom.marketdata.importers.lean_archives import QUOTE_COLUMNS, SCALE, STEPS, bar_ends, read_archive
from thetaloom.marketdata.importers.opening import SNIFFED, encoding_of, read_members, reading
from thetaloom.marketdata.importers.tables import LINE

if TYPE_CHECKING:
    import polars as pl

PRICES = ("open", "high", "low", "close")
PLACES = 6  # what a division may add is no price
ROOM = {"option": ("equity",), "indexoption": ("index",), "equity": ("equity",), "index": ("index",)}


def find_bars(option_path: Path, underlying: str, step: str, days: Iterable[date]) -> list[Path]:
    """Return the archives with the bars of an option's underlying in the same data folder, if there are any."""
    parts = [part.lower() for part in option_path.parts]
    at = next((place for place in range(len(parts) - 1, -1, -1) if parts[place] in ("option", "indexoption")), None)
    if at is None:
        return []
    market = option_path.parts[at + 1]
    folder = Path(*option_path.parts[:at]) / ROOM[parts[at]][0] / market / step
    symbol = underlying.lower()
    if step == "minute":
        found = [folder / symbol / f"{on:%Y%m%d}_trade.zip" for on in days]
    else:
        found = [folder / f"{symbol}.zip"]
    return [one for one in found if one.is_file()]


def read_bars(path: Path, step: str) -> pl.DataFrame:
    """Return bars by ``bar_end`` on the wall of the exchange, with open, high, low, close and volume; no bad rows."""
    frame, _ = checked_bars(path, step)
    return frame


def checked_bars(path: Path, step: str) -> tuple[pl.DataFrame, list[tuple[int, str, str, str]]]:
    """Return the bars of an archive and its rejected rows: line, side, reason and text."""
    import polars as pl

    is_quote = "_quote" in path.name.lower()
    columns = QUOTE_COLUMNS if is_quote else ("time", *PRICES, "volume")
    archive = read_archive(path, columns, columns)
    scale = 1.0 if _is_index(path) else SCALE
    on = read_day(path.name.split("_")[0]) if step in ("minute", "second") else None
    frame = archive.frame
    days = pl.Series([on] * frame.height, dtype=pl.Date)
    frame = bar_ends(frame, days, "minute" if step == "daily" else step)
    if is_quote:
        sides = {
            name: (f"bid_{name}" if name != "close" else "bid", f"ask_{name}" if name != "close" else "ask")
            for name in PRICES
        }
        middle = {
            name: (cells.numbers(frame[bid])[0] + cells.numbers(frame[ask])[0]) / 2
            for name, (bid, ask) in sides.items()
        }
        frame = frame.with_columns(pl.Series(name, numbers) for name, numbers in middle.items())
    else:
        frame = frame.with_columns(cells.numbers(frame[name])[0].alias(name) for name in (*PRICES, "volume"))
    frame = frame.with_columns((pl.col(name) / scale).round(PLACES) for name in PRICES)
    length = STEPS.get("minute" if step == "daily" else step, timedelta(0))
    wall = pl.col("quote_time").dt.convert_time_zone("America/New_York").dt.replace_time_zone(None)
    frame = frame.with_columns((wall - length if step == "daily" else wall).alias("bar_end"))
    low = pl.min_horizontal("open", "close")
    high = pl.max_horizontal("open", "close")
    possible = (pl.col("low") > 0) & (pl.col("low") <= low + 1e-9) & (pl.col("high") >= high - 1e-9)
    torn = pl.col(LINE).replace_strict(archive.torn, default=None, return_dtype=pl.String)
    reason = (
        pl.when(pl.col("#bad_time"))
        .then(pl.lit("bad_time"))
        .when(~possible.fill_null(False) if not is_quote else pl.col("close").is_null())
        .then(pl.lit("bad_bar"))
    )
    frame = frame.with_columns(pl.coalesce(torn, reason).alias("#reason"))
    again = ~pl.when(pl.col("#reason").is_null()).then(pl.col("bar_end")).is_first_distinct()
    twice = pl.when(pl.col("#reason").is_null() & again).then(pl.lit("duplicate"))
    frame = frame.with_columns(pl.coalesce("#reason", twice).alias("#reason"))
    bad = frame.filter(pl.col("#reason").is_not_null())
    rejected = [(line, "", why, archive.lines[line]) for line, why in bad.select(LINE, "#reason").iter_rows()]
    kept = ["bar_end", *PRICES, *(["volume"] if "volume" in frame.columns else [])]
    return frame.filter(pl.col("#reason").is_null()).select(kept), rejected


def _is_index(path: Path) -> bool:
    return "index" in (part.lower() for part in path.parts)


def factors_for(path: Path) -> pl.DataFrame | None:
    """Return the factors of an archive of daily bars in the same data folder, the newest, if there are any.

    Up to and with each date its prices are multiplied by both.
    """
    import polars as pl

    folder, security = path.parent.parent / "factor_files", path.stem.lower()
    for file in (folder / f"{security}.csv", *sorted(folder.glob("factor_files_*.zip"), reverse=True)):
        if file.is_file():
            found = checked_factors(file)[0].filter(pl.col("security") == security)
            if found.height:
                return found.drop("security")
    return None


def checked_factors(path: Path) -> tuple[pl.DataFrame, list[tuple[int, str, str, str]]]:
    """Return the factors of a file, or of an archive of them, and its rejected rows: line, side, reason and text."""
    import polars as pl

    rows, bad = [], []
    for security, number, line in lines_of(path):
        parts = line.split(",")
        on = read_day(parts[0])
        try:
            numbers = [float(part) for part in parts[1:4]]
        except ValueError:
            numbers = []
        is_whole = len(numbers) >= 2 and all(map(math.isfinite, numbers)) and min(numbers[:2]) > 0
        if on is None or not is_whole:
            bad.append((number, "", "bad_entry", line))
            continue
        rows.append((security, on, numbers[0], numbers[1], numbers[2] if len(numbers) > 2 else None))
    if not rows:
        raise InvalidInput(f"{path}: no line holds a date and its factors", details={"path": str(path)})
    numbered = ("price_factor", "split_factor", "reference_price")
    schema = {"security": pl.String, "date": pl.Date, **dict.fromkeys(numbered, pl.Float64)}
    return pl.DataFrame(rows, schema=schema, orient="row").sort("security", "date"), bad


def lines_of(path: Path) -> Iterator[tuple[str, int, str]]:
    """Give the lines of a small file, or of the files of an archive: its security, the number and the text."""
    before = 0
    names, texts = read_members(path) if path.suffix.lower() == ".zip" else ([path.name], [_bytes(path)])
    for name, content in zip(names, texts, strict=True):
        lines = content.decode(encoding_of(content[:SNIFFED]), "replace").splitlines()
        for number, line in enumerate(lines, start=before + 1):
            if line.strip():
                yield Path(name).stem.lower(), number, line
        before += len(lines)


def _bytes(path: Path) -> bytes:
    with reading(path) as stream:
        return stream.read()


def adjusted(daily: pl.DataFrame, factors: pl.DataFrame) -> pl.DataFrame:
    """Add to daily bars the factors in force on each day and the close that they make."""
    import polars as pl

    found = daily.sort("date").join_asof(factors.drop("reference_price"), on="date", strategy="forward")
    one = [pl.col(name).fill_null(1.0) for name in ("price_factor", "split_factor")]
    return found.with_columns(one).with_columns(
        (pl.col("close") * pl.col("price_factor") * pl.col("split_factor")).round(6).alias("adjusted_close")
    )
