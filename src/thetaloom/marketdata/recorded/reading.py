"""Opens recorded files and refuses, by file and column, what cannot be a recording."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from thetaloom.domain.values.instruments import ROOT_PATTERN
from thetaloom.errors import InvalidInput

if TYPE_CHECKING:
    import polars as pl

INSTANT, DAY, TEXT, NUMBER, YES_NO = "an instant with a time zone", "a date", "text", "a number", "true or false"
REQUIRED = {
    "quote_time": INSTANT,
    "underlying": TEXT,
    "expiration": DAY,
    "strike": NUMBER,
    "right": TEXT,
    "bid": NUMBER,
    "ask": NUMBER,
}
OPTIONAL = {
    "session_date": DAY,
    "snapshot": TEXT,
    "root": TEXT,
    "bid_size": NUMBER,
    "ask_size": NUMBER,
    "volume": NUMBER,
    "open_interest": NUMBER,
    "implied_vol": NUMBER,
    "delta": NUMBER,
    "underlying_price": NUMBER,
    # Of our own recorder: when each quote was last known good, and whether the source made it up.
    "quoted_at": INSTANT,
    "synthetic": YES_NO,
}
KEYS = ("quote_time", "underlying", "expiration", "strike", "right")
PRICES = ("bid", "ask")
COUNTS = ("bid_size", "ask_size", "volume", "open_interest")
FLOATS = ("strike", *PRICES, "implied_vol", "delta", "underlying_price")
# Prices are kept as ten-thousandths and counts as they are, both in 32 bits.
PRICE_LIMIT = 200_000
COUNT_LIMIT = 2**31
STRIKE_LIMIT = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One file, or one frame in memory, whose columns have been checked and whose rows have not."""

    name: str
    rows: pl.LazyFrame
    columns: frozenset[str]

    def load(self, underlying: str) -> pl.DataFrame:
        """Return the rows of one underlying in one set of types, every one of them possible."""
        import polars as pl

        wanted = pl.col("underlying") == underlying
        frame = _collect(
            self,
            lambda rows: rows.filter(wanted).drop("underlying").with_columns(_unified(self.columns - {"underlying"})),
        )
        _check_rows(self.name, frame)
        return frame


def open_recordings(sources: Iterable[Path | str | pl.DataFrame]) -> list[Recording]:
    """Open files, folders of Parquet files and frames; check that each has the columns of a recording."""
    return [_open(source) for listed in sources for source in _expand(listed)]


def list_instants(recording: Recording) -> pl.DataFrame:
    """Return the distinct pairs of ``underlying`` and ``quote_time``, sorted; none at all is refused."""
    import polars as pl

    wanted = ["underlying", "quote_time"]
    frame = _collect(recording, lambda rows: rows.select(wanted).unique()).with_columns(_unified(frozenset(wanted)))
    if frame.is_empty():
        _refuse(recording.name, "quote_time", "the file has no rows")
    for column in wanted:
        if frame[column].null_count():
            _refuse(recording.name, column, "has rows without one")
    _refuse_rows(recording.name, frame, "underlying", ~pl.col("underlying").str.contains(_ROOT), "is no symbol")
    return frame.sort(wanted)


def made_up_symbols(recording: Recording) -> frozenset[str]:
    """Return the symbols of which the file marks any row as made up."""
    import polars as pl

    if "synthetic" not in recording.columns:
        return frozenset()
    frame = _collect(recording, lambda rows: rows.filter(pl.col("synthetic")).select("underlying").unique())
    return frozenset(str(symbol) for symbol in frame["underlying"].drop_nulls())


_ROOT = f"^(?:{ROOT_PATTERN.pattern})$"


def _expand(source: Path | str | pl.DataFrame) -> list[Path] | list[pl.DataFrame]:
    if not isinstance(source, (str, Path)):
        return [source]
    path = Path(source)
    if not path.is_dir():
        return [path]
    found = sorted(path.glob("*.parquet"))
    if not found:
        raise InvalidInput(f"folder {path} holds no .parquet file", details={"file": str(path)})
    return found


def _open(source: Path | pl.DataFrame) -> Recording:
    import polars as pl

    name = "frame" if isinstance(source, pl.DataFrame) else str(source)
    try:
        rows = source.lazy() if isinstance(source, pl.DataFrame) else pl.scan_parquet(source)
        schema = rows.collect_schema()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise _unreadable(name, error) from error
    for column, wanted in (REQUIRED | OPTIONAL).items():
        if column not in schema:
            if column in REQUIRED:
                _refuse(name, column, "is missing")
        elif not _fits(schema[column], wanted):
            _refuse(name, column, f"is {schema[column]}, not {wanted}")
    known = [column for column in schema if column in REQUIRED | OPTIONAL]
    return Recording(name=name, rows=rows.select(known), columns=frozenset(known))


def _fits(found: pl.DataType, wanted: str) -> bool:
    import polars as pl

    if wanted == INSTANT:
        return isinstance(found, pl.Datetime) and found.time_zone is not None
    if isinstance(found, pl.Null):
        return True  # a column that is null throughout carries no other type
    if wanted == YES_NO:
        return isinstance(found, pl.Boolean)
    if wanted == DAY:
        return isinstance(found, pl.Date)
    if wanted == TEXT:
        return isinstance(found, (pl.String, pl.Categorical, pl.Enum))
    return found.is_numeric()


def _collect(recording: Recording, ask: Callable[[pl.LazyFrame], pl.LazyFrame]) -> pl.DataFrame:
    import polars as pl

    try:
        return ask(recording.rows).collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise _unreadable(recording.name, error) from error


def _unreadable(name: str, error: BaseException) -> InvalidInput:
    return InvalidInput(
        f"{name}: cannot be read as Parquet: {str(error)[:200]}",
        advice="`thetaloom data import` makes such files from other formats.",
        details={"file": name},
    )


def _unified(columns: frozenset[str]) -> list[pl.Expr]:
    import polars as pl

    casts = {
        "quote_time": pl.col("quote_time").dt.convert_time_zone("UTC").dt.cast_time_unit("us"),
        "quoted_at": pl.col("quoted_at").cast(pl.Datetime("us", "UTC")),
        "synthetic": pl.col("synthetic").cast(pl.Boolean),
        "underlying": pl.col("underlying").cast(pl.String),
        "root": pl.col("root").cast(pl.String),
        "right": pl.col("right").cast(pl.String),
        "session_date": pl.col("session_date").cast(pl.Date),
        "expiration": pl.col("expiration").cast(pl.Date),
        **{name: pl.col(name).cast(pl.Float64).fill_nan(None) for name in (*FLOATS, *COUNTS)},
    }
    return [cast for name, cast in casts.items() if name in columns]


def _check_rows(name: str, frame: pl.DataFrame) -> None:
    import polars as pl

    for column in KEYS:
        if column in frame.columns and frame[column].null_count():
            _refuse(name, column, f"has {frame[column].null_count()} rows without one")
    if not frame["quote_time"].is_sorted():
        _refuse(name, "quote_time", "goes back: the rows are not sorted by time")
    thousandths = pl.col("strike") * 1000
    impossible = {
        "right": (~pl.col("right").is_in(["C", "P"]), "is neither C nor P"),
        "strike": (
            ~pl.col("strike").is_between(0, STRIKE_LIMIT, closed="none")
            | ((thousandths - thousandths.round()).abs() > 1e-6),
            f"is not above 0, below {STRIKE_LIMIT} and of whole thousandths",
        ),
        "root": (~pl.col("root").str.contains(_ROOT), "is no root"),
        "underlying_price": (~pl.col("underlying_price").is_between(0, 1e9, closed="none"), "is not above 0"),
        **{column: (~pl.col(column).is_between(0, PRICE_LIMIT), "is negative or too large") for column in PRICES},
        **{
            column: (~pl.col(column).is_between(0, COUNT_LIMIT, closed="left"), "is negative or too large")
            for column in COUNTS
        },
    }
    for column, (wrong, why) in impossible.items():
        if column in frame.columns:
            _refuse_rows(name, frame, column, wrong, why)


def _refuse_rows(name: str, frame: pl.DataFrame, column: str, wrong: pl.Expr, why: str) -> None:
    found = frame.filter(wrong)
    if not found.is_empty():
        first = found.row(0, named=True)
        _refuse(name, column, f"{first[column]!r} {why} ({found.height} such rows, the first at {first['quote_time']})")


def refuse_duplicates(name: str, count: int) -> NoReturn:
    """Say that a contract stands more than once at one instant."""
    _refuse(name, "quote_time", f"has {count} duplicates: a contract stands more than once at one instant")


def _refuse(name: str, column: str, problem: str) -> NoReturn:
    raise InvalidInput(
        f"{name}: column {column} {problem}",
        advice="`thetaloom data check` lists what is wrong with a file.",
        details={"file": name, "column": column, "problem": problem},
    )
