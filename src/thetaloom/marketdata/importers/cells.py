"""Cells of text as numbers, dates, instants, rights and contracts, a whole column at a time.

The plain spelling is taken by polars at full speed; only what that leaves open is looked at more closely.
Dates and words are few and repeated: each spelling is read once and put in its places.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from thetaloom.marketdata.importers.dates import days_come_first, read_day, read_moment

if TYPE_CHECKING:
    import polars as pl

EXCHANGE_ZONE = ZoneInfo("America/New_York")
MISSING_WORDS = ("", "nan", "na", "n/a", "null", "none", "nil", "-", "--", "#n/a", "nat", "\\n", "unch", ".")
THOUSANDS = r"^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$"
DECIMAL_COMMA = r"^[+-]?(\d{1,3}(\.\d{3})+|\d*),\d+([eE][+-]?\d+)?$"
GROUPED_BY_POINTS = r"^[+-]?\d{1,3}(\.\d{3})+$"
DAY_MICROSECONDS = 86_400_000_000
OFFSET_SEEN, FEW, VERY_FEW = "+00:00", 2000, 4
RIGHTS = {"c": "C", "call": "C", "calls": "C", "p": "P", "put": "P", "puts": "P"}
STRIKE_DIGITS = 1000.0
UNIX_UNITS = ((1e11, 1_000_000), (1e14, 1_000), (1e17, 1))  # below each figure: microseconds in its unit
PERCENT_PLACES = 12  # so that 31.04% is 0.3104
SEEN_FIRST = 100
RUNS_FROM, RUN_ROWS = 10_000, 8  # where reading runs is worth its trouble
SIZES = r"\s*(\d+)\s*[xX*]\s*(\d+)\s*"


def stripped(column: pl.Series) -> pl.Series:
    """Return the text without space around it, and nothing where there is none."""
    import polars as pl

    text = column.str.strip_chars(" \t\r\"'\u00a0\u202f")
    is_empty = text == ""
    return pl.select(pl.when(~is_empty).then(text)).to_series() if is_empty.any() else text


def numbers(column: pl.Series, *, comma_decimal: bool = False) -> tuple[pl.Series, pl.Series]:
    """Return the numbers of a column of text, and where text stands that is none.

    A word for absence is no number and no fault. What is not finite is a fault: it is no amount of anything.
    """
    import polars as pl

    if column.dtype.is_float():
        if column.is_finite().all():
            return column, pl.Series([False]).new_from_index(0, len(column))
        endless = column.is_infinite().fill_null(False)
        if column.is_nan().any() or endless.any():
            column = pl.select(pl.when(column.is_finite()).then(column)).to_series()
        return column, endless
    if comma_decimal:
        grouped = column.str.strip_chars(" \t\"'").str.contains(GROUPED_BY_POINTS)
        if grouped.any():
            whole = column.str.replace_all(".", "", literal=True)
            column = pl.select(pl.when(grouped).then(whole).otherwise(column)).to_series()
    # Where spaces pad the cells of a column they pad them all, or nearly all.
    plain = column.str.strip_chars(" ") if column.head(SEEN_FIRST).str.contains(" ", literal=True).any() else column
    found = plain.cast(pl.Float64, strict=False)
    open_ones = found.is_null() & column.is_not_null() & (column != "")
    if open_ones.any():
        slow = _slow_numbers(column.filter(open_ones), comma_decimal)
        found = found.scatter(open_ones.arg_true(), slow)
    endless = found.is_infinite().fill_null(False)
    faulty = endless
    if open_ones.any():
        words = column.str.strip_chars(" \t\r\"'").str.to_lowercase().is_in(MISSING_WORDS)
        faulty = endless | (open_ones & found.is_null() & ~words.fill_null(True))
    if found.is_nan().any() or endless.any():
        found = pl.select(pl.when(found.is_finite()).then(found)).to_series()
    return found, faulty


def finite_columns(columns: Mapping[str, pl.Series]) -> frozenset[str]:
    """Return which columns are numbers already, none of them endless or not a number."""
    import polars as pl

    read = [column.alias(name) for name, column in columns.items() if column.dtype.is_float()]
    if not read:
        return frozenset()
    found = pl.DataFrame(read).select(pl.all().is_finite().all()).row(0, named=True)
    return frozenset(name for name, is_finite in found.items() if is_finite)


def _slow_numbers(column: pl.Series, comma_decimal: bool) -> pl.Series:
    import polars as pl

    text = column.str.replace_all(r"[\s\u00a0\u202f\"'$€£]", "").str.replace(r"^\((.*)\)$", "-$1")
    text = text.str.replace("\u2212", "-")
    if comma_decimal:
        european = text.str.contains(DECIMAL_COMMA)
        plain = text.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
        text = pl.select(pl.when(european).then(plain).otherwise(text)).to_series()
    grouped = text.str.contains(THOUSANDS)
    text = pl.select(pl.when(grouped).then(text.str.replace_all(",", "", literal=True)).otherwise(text)).to_series()
    percent = text.str.ends_with("%")
    found = text.str.strip_suffix("%").cast(pl.Float64, strict=False)
    return pl.select(pl.when(percent).then((found / 100).round(PERCENT_PLACES)).otherwise(found)).to_series()


def each_once(column: pl.Series, read: Callable[[str], Any], kind: Any) -> pl.Series:
    """Read each different text of a column once; ``read`` gives ``None`` for what it cannot read."""
    import polars as pl

    changed = column.ne_missing(column.shift(1))
    if len(column) > RUNS_FROM and changed.sum() < len(column) // RUN_ROWS:
        # What stands in long runs, as days and symbols do, is looked at where it changes.
        begins = pl.concat([pl.Series(column.name, [True]), changed.slice(1)])
        at_changes = each_once(column.filter(begins), read, kind)
        if len(at_changes) == 1:
            return at_changes.new_from_index(0, len(column))
        return at_changes.gather(begins.cast(pl.UInt32).cum_sum() - 1)
    different = column.drop_nulls().unique()
    values = pl.Series([read(text) for text in different.to_list()], dtype=kind)
    return _placed(column, different, values)


def _placed(column: pl.Series, different: pl.Series, values: pl.Series) -> pl.Series:
    import polars as pl

    if values.null_count() == len(values):
        return pl.Series(column.name, [None], dtype=values.dtype).new_from_index(0, len(column))
    if len(different) == 1 and not column.null_count():
        return values.new_from_index(0, len(column)).alias(column.name)
    if len(different) <= VERY_FEW:
        # As words for call and put: to compare each is faster than to look it up.
        placed = (
            pl.when(column == text).then(pl.lit(value, dtype=values.dtype))
            for text, value in zip(different, values, strict=True)
        )
        return pl.select(pl.coalesce(placed)).to_series().alias(column.name)
    return column.replace_strict(different, values, default=None, return_dtype=values.dtype)


def are_days_first(columns: Iterable[pl.Series]) -> bool:
    """Say whether the dates of a file have the day before the month: one column may tell of another, such as 03/01."""
    told = [days_come_first(_changes(column).unique().head(FEW).to_list()) for column in columns]
    return next((order for order in told if order is not None), False)


def _changes(column: pl.Series) -> pl.Series:
    return column.filter(column.ne_missing(column.shift(1))).drop_nulls()


def days(column: pl.Series, *, day_first: bool = False) -> pl.Series:
    """Return the dates of a column, in any spelling; a cell that shows the order of day and month tells for all."""
    import polars as pl

    told = days_come_first(_changes(column).unique().head(FEW).to_list())
    order = day_first if told is None else told
    return each_once(column, lambda text: read_day(text, day_first=order), pl.Date)


def moments(column: pl.Series, zone_name: str, *, day_first: bool = False) -> tuple[pl.Series, pl.Series]:
    """Return the instants of a column in UTC, and the dates of the cells that are a date or its midnight.

    A time without a zone is of the zone named, and so is the midnight of a mere date.
    """
    import polars as pl

    instant = pl.Datetime("us", "UTC")
    zone = EXCHANGE_ZONE if zone_name == "exchange" else ZoneInfo(zone_name)
    if OFFSET_SEEN in str(column.first(ignore_nulls=True)):
        # Nearly every trade has an instant of its own: what is plainly spelled is not looked for twice.
        plain = _plain_moments(column)
        if plain.null_count() == column.null_count():
            return plain, pl.Series(column.name, [None], dtype=pl.Date).new_from_index(0, len(column))
    different = column.drop_nulls().unique()
    plain = _plain_moments(different)
    told = days_come_first(different.head(FEW).to_list())
    order = day_first if told is None else told
    rest = different.filter(plain.is_null())
    read = [read_moment(text, zone, day_first=order) for text in rest.to_list()]
    at = pl.Series([one.astimezone(UTC) if isinstance(one, datetime) else None for one in read], dtype=instant)
    on = pl.Series([None if isinstance(one, datetime) else one for one in read], dtype=pl.Date)
    known = different.filter(plain.is_not_null())
    found = _placed(column, pl.concat([known, rest]), pl.concat([plain.drop_nulls(), at]))
    return found, _placed(column, rest, on)


def _plain_moments(different: pl.Series) -> pl.Series:
    # Instants with their offset, of which a column of trades has very many: other spellings are few.
    import polars as pl

    found = different.str.to_datetime("%Y-%m-%d %H:%M:%S%z", strict=False, time_unit="us", time_zone="UTC")
    at_midnight = found.to_physical() % DAY_MICROSECONDS == 0
    return pl.select(pl.when(~at_midnight).then(found)).to_series()


def from_unix(column: pl.Series) -> pl.Series:
    """Return instants from seconds, or thousandths to billionths of them, since 1970."""
    import polars as pl

    found, _ = numbers(column)
    largest = float(found.max() or 0)  # type: ignore[arg-type]  # the largest of a column of floats is a float
    factor = next((factor for most, factor in UNIX_UNITS if largest < most), 1 / 1000)
    return (found * factor).cast(pl.Int64, strict=False).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def rights(column: pl.Series) -> pl.Series:
    """Return C and P for what stands for call and put."""
    import polars as pl

    return each_once(column, lambda text: RIGHTS.get(text.strip(" \"'").lower()), pl.String)


def contracts(column: pl.Series) -> pl.DataFrame:
    """Return root, expiration, right and strike of OCC symbols, padded or not; nothing where a cell is none."""
    import polars as pl

    text = pl.col("text")
    parts = pl.DataFrame({"text": column}).select(
        text.str.head(-15).alias("root"),
        text.str.slice(-15, 6).alias("day"),
        text.str.slice(-9, 1).alias("right"),
        text.str.slice(-8, 8).alias("strike"),
    )
    strike = parts["strike"].cast(pl.Int64, strict=False) / STRIKE_DIGITS
    found = pl.DataFrame(
        {
            "root": each_once(parts["root"], _root_of, pl.String),
            "expiration": each_once(parts["day"], _spelled_day, pl.Date),
            "right": parts["right"],
            "strike": strike,
        }
    )
    is_right = (pl.col("right") == "C") | (pl.col("right") == "P")
    whole = pl.col("strike").is_not_null() & pl.col("expiration").is_not_null() & is_right
    if found.select(whole.fill_null(False).all()).item():
        return found
    return found.with_columns(pl.when(whole).then(pl.all()))


def _root_of(text: str) -> str | None:
    plain = text.strip(" ._^$")
    return plain if re.fullmatch(r"[A-Z][A-Z0-9]{0,5}", plain) else None


def _spelled_day(text: str) -> date | None:
    try:
        return date(2000 + int(text[:2]), int(text[2:4]), int(text[4:]))
    except ValueError:
        return None


def plain_symbol(text: str) -> str | None:
    """Write one symbol as the OCC does; ``None`` when nothing is left of it."""
    plain = re.sub(r"[/. \-]", "", text.strip(" \"'").upper().lstrip("^$._#"))
    return re.sub(r"(US)?EQUITY$|INDEX$", "", plain) or None


def size_part(column: pl.Series, first: bool) -> pl.Series:
    """Return the bid's or the ask's part of sizes that are written together, as ``5 x 10``; others as they are."""
    import polars as pl

    if column.dtype.is_float() or not column.head(SEEN_FIRST).str.contains(SIZES).any():
        return column

    def part(text: str) -> str:
        found = re.fullmatch(SIZES, text)
        return text if found is None else found[1 if first else 2]

    return each_once(column, part, pl.String)
