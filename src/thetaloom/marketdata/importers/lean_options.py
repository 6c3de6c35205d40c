"""LEAN's archives of options: quotes, trades and open interest of one symbol put together, with the underlying.

By the minute LEAN keeps changes alone: a trade in a minute without a quote stands beside the quote before it.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING

from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.instruments import INDEX_ROOTS
from thetaloom.errors import InvalidInput
from thetaloom.marketdata.importers import cells
from thetaloom.marketdata.importers.building import DOUBTS, REASON, SIDE, settle_numbers, with_reasons
from thetaloom.marketdata.importers.importing import Recognized, Taken
from thetaloom.marketdata.importers.instants import add_session
from thetaloom.marketdata.importers.layouts import Layout
from thetaloom.marketdata.importers.lean_archives import COLUMNS, MEMBER, SCALE, Archive, bar_ends, read_archive
from thetaloom.marketdata.importers.lean_bars import PLACES, find_bars, read_bars
from thetaloom.marketdata.importers.lean_names import LeanContract, LeanJob, contract_of
from thetaloom.marketdata.importers.tables import LINE

if TYPE_CHECKING:
    import polars as pl

LAYOUT = Layout(name="lean", title="LEAN data folder or zip", columns={})
CONTRACT = ["expiration", "strike", "right"]
SIZES = ("bid_size", "ask_size")
PRICES = ("bid", "ask", "last")
NUMBERS = (*PRICES, *SIZES, "volume", "open_interest")
WANTED = frozenset(("time", *NUMBERS))


def recognize_options(job: LeanJob, calendar: TradingCalendar) -> Recognized:
    """Return the archives of one symbol and day, or year, as one source."""
    step = job.grain
    ticks = {_tick(path): path for path in job.paths}
    if "futureoption" in (part.lower() for part in job.paths[0].parts):
        raise _futures(job.paths[0])

    def batches() -> Generator[Taken, None, None]:
        import polars as pl

        archives = _read_all(ticks)
        typed = {tick: _typed(archive, ticks[tick], tick, step, calendar) for tick, archive in archives.items()}
        lines = reduce(add, (archive.lines for archive in archives.values()))
        put_together = _together(typed, step)
        whole = _with_underlying(put_together.frame, job.paths[0], step)
        bad = [frame.filter(pl.col(REASON).is_not_null()) for frame in typed.values()]
        for frame in (*bad, *put_together.aside):
            if frame.height:
                twice = int((frame[REASON] == "duplicate").sum())
                yield Taken(frame=frame, doubts={"duplicates": twice}, lines=lines)
        doubts = dict.fromkeys(DOUBTS, 0) | {"merged": put_together.merged}
        good = with_reasons(settle_numbers(whole, LAYOUT, doubts))
        yield Taken(frame=good, doubts=doubts, lines=lines)

    return Recognized(
        name=job.name,
        format_name="lean",
        snapshot="close" if step == "daily" else None,
        grain=step,
        is_listed=True,
        batches=batches,
    )


def _read_all(ticks: Mapping[str, Path]) -> dict[str, Archive]:
    archives: dict[str, Archive] = {}
    first = 1
    for tick, path in ticks.items():
        archives[tick] = read_archive(path, COLUMNS[tick], WANTED, first)
        first = archives[tick].next_line
    return archives


def _tick(path: Path) -> str:
    return next((tick for tick in COLUMNS if f"_{tick}" in path.name.lower()), "quote")


def _typed(archive: Archive, path: Path, tick: str, step: str, calendar: TradingCalendar) -> pl.DataFrame:
    import polars as pl

    found = [contract_of(name) for name in archive.members]
    if not any(found):
        raise InvalidInput(
            f"{path} holds no member that is named as LEAN names contracts",
            advice="A member is named as 20151224_goog_minute_quote_american_call_7500000_20160115.csv.",
            details={"path": str(path)},
        )
    schema = {name: getattr(pl, kind) for name, kind in _SCHEMA.items()}
    listed = pl.DataFrame([_row(one) for one in found], schema=schema)
    frame = archive.frame.hstack(listed[archive.frame[MEMBER]])
    frame = bar_ends(frame, frame["day"], "tick" if tick == "openinterest" and step in ("second", "minute") else step)
    frame = add_session(frame.drop("day"), calendar, is_listed=True)
    if step == "hour":
        # The last bar of a session is as long as the session lets it be.
        frame = frame.with_columns(pl.min_horizontal("quote_time", "#close").alias("quote_time"))
    checked = with_reasons(frame.with_columns(*_numbers(frame, path), pl.lit("").alias(SIDE)))
    torn = pl.col(LINE).replace_strict(archive.torn, default=None, return_dtype=pl.String)
    unnamed = pl.Series("#unnamed", [one is None for one in found])
    unnamed_rows = unnamed.gather(archive.frame[MEMBER])
    return checked.with_columns(
        pl.coalesce(pl.when(unnamed_rows).then(pl.lit("bad_member")), torn, REASON).alias(REASON)
    )


def _numbers(frame: pl.DataFrame, path: Path) -> list[pl.Series]:
    found: list[pl.Series] = []
    for name in (one for one in NUMBERS if one in frame.columns):
        numbers, faulty = cells.numbers(frame[name])
        if name in PRICES:
            is_fraction = (numbers != numbers.floor()).fill_null(False)
            if is_fraction.sum() * 2 > len(numbers):
                raise _futures(path)
            numbers, faulty = (numbers / SCALE).round(PLACES), faulty | is_fraction
        found += [numbers.alias(name), faulty.alias(f"#{name}")]
    return found


def _futures(path: Path) -> InvalidInput:
    return InvalidInput(
        f"{path} holds options on futures, or prices that are not in ten-thousandths of a dollar",
        advice="Of LEAN's options those on shares, funds and indices are read.",
        details={"path": str(path)},
    )


_SCHEMA = {
    "day": "Date",
    "root": "String",
    "underlying": "String",
    "right": "String",
    "strike": "Float64",
    "expiration": "Date",
}


def _row(one: LeanContract | None) -> dict[str, object]:
    if one is None:
        return dict.fromkeys(_SCHEMA)
    root = cells.plain_symbol(one.symbol) or ""
    return {
        "day": one.day,
        "root": root,
        "underlying": INDEX_ROOTS[root].underlying if root in INDEX_ROOTS else root,
        "right": one.right,
        "strike": one.strike,
        "expiration": one.expiration,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """Rows put together; how many stand in another's row, and those that found no place, with their reasons."""

    frame: pl.DataFrame
    merged: int
    aside: tuple[pl.DataFrame, ...]


def _together(typed: Mapping[str, pl.DataFrame], step: str) -> Together:
    import polars as pl

    good = {tick: frame.filter(pl.col(REASON).is_null()).drop(REASON) for tick, frame in typed.items()}
    keys = ["quote_time", *CONTRACT]
    merged = 0
    aside: list[pl.DataFrame] = []
    frame = good.get("quote")
    trades = good.get("trade")
    if trades is not None and frame is None:
        frame = trades
    elif trades is not None and frame is not None:
        trades, twice = _once(trades, keys)
        aside.append(twice)
        frame, apart = _with_trades(frame, trades, keys, carries=step in ("second", "minute"))
        merged += trades.height - apart
    interest = good.get("openinterest")
    if interest is not None and frame is None:
        frame = interest
    elif interest is not None and frame is not None:
        # Open interest is told once, before the session begins, and stands for all of it.
        on = [*CONTRACT, "session_date"]
        interest, twice = _once(interest, on)
        alone = interest.join(frame, on=on, how="anti", maintain_order="left")
        aside += [twice, alone.with_columns(pl.lit("no_quote").alias(REASON))]
        merged += interest.height - alone.height
        frame = frame.join(interest.select(*on, "open_interest"), on=on, how="left", maintain_order="left")
    if frame is None:
        raise InvalidInput("the archive holds neither quotes nor trades nor open interest")
    for name in ("bid", "ask"):
        if name not in frame.columns:
            frame = frame.with_columns(pl.lit(None, pl.Float64).alias(name))
    return Together(frame=frame, merged=merged, aside=tuple(aside))


def _once(frame: pl.DataFrame, keys: list[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    import polars as pl

    is_first = frame.select(pl.struct(keys).is_first_distinct()).to_series()
    return frame.filter(is_first), frame.filter(~is_first).with_columns(pl.lit("duplicate").alias(REASON))


def _with_trades(
    quotes: pl.DataFrame, trades: pl.DataFrame, keys: list[str], *, carries: bool
) -> tuple[pl.DataFrame, int]:
    """Return quotes and trades together, and how many trades stand in rows of their own."""
    import polars as pl

    # Few minutes have trades: the quotes are looked through once.
    pairs = trades.select(*keys, "last", "volume").with_row_index("#trade")
    pairs = pairs.join(quotes.select(keys).with_row_index("#quote"), on=keys, how="inner")
    nothing = pl.Series([None], dtype=pl.Float64).new_from_index(0, quotes.height)
    told = (nothing.scatter(pairs["#quote"], pairs[name]).alias(name) for name in ("last", "volume"))
    frame = quotes.with_columns(*told)
    is_alone = pl.Series([True]).new_from_index(0, trades.height).scatter(pairs["#trade"].unique(), False)
    alone = trades.filter(is_alone)
    if alone.is_empty():
        return frame, 0
    if carries:
        carried = ["bid", "ask", *(name for name in SIZES if name in quotes.columns)]
        before = quotes.join(alone.select(CONTRACT).unique(), on=CONTRACT, how="semi")
        before = before.select(*keys, *carried).sort("quote_time", maintain_order=True)
        alone = alone.sort("quote_time").join_asof(before, on="quote_time", by=CONTRACT, check_sortedness=False)
    return pl.concat([frame, alone], how="diagonal"), alone.height


def _with_underlying(frame: pl.DataFrame, path: Path, step: str) -> pl.DataFrame:
    symbols = frame["underlying"].drop_nulls().unique().to_list()
    files = find_bars(path, symbols[0], step, frame["session_date"].drop_nulls().unique().to_list()) if symbols else []
    if not files:
        return frame
    import polars as pl

    bars = pl.concat([read_bars(one, step) for one in files]).select("bar_end", "close").sort("bar_end")
    bars = bars.unique("bar_end", keep="last", maintain_order=True).rename({"close": "underlying_price"})
    if step == "daily":
        days = bars.select(pl.col("bar_end").dt.date().alias("session_date"), "underlying_price")
        return frame.join(days, on="session_date", how="left", maintain_order="left")
    at = bars.with_columns(pl.col("bar_end").dt.replace_time_zone("America/New_York").dt.convert_time_zone("UTC"))
    return (
        frame.sort("quote_time", maintain_order=True)
        .join_asof(at, left_on="quote_time", right_on="bar_end")
        .drop("bar_end")
    )
