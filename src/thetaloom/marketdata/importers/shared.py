"""What many rows tell alike: their moment, session, expiration and symbols, read where it changes.

A chain's rows stand together in nearly every file, so that a batch of a hundred thousand has few of these.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from thetaloom.domain.values.instruments import INDEX_ROOTS
from thetaloom.marketdata.importers import cells
from thetaloom.marketdata.importers.instants import add_instants
from thetaloom.marketdata.importers.layouts import Facts, Layout, Told

if TYPE_CHECKING:
    import polars as pl

SHARED = ("quote_unix", "quote_time", "quote_date", "underlying", "root", "expiration")
DAYS = ("expiration", "quote_date", "quote_time")
ROOT, UNDERLYING, OTHER_ROOT = range(3)
ADJUSTED = re.compile(r"[A-Z]+[1-9]")


def read_shared(batch: pl.DataFrame, chosen: Mapping[str, str], layout: Layout, facts: Facts) -> pl.DataFrame:
    """Return what the ``SHARED`` columns tell, for every row of the batch; ``chosen`` is where each stands."""
    import polars as pl

    nothing = pl.Series("#nothing", [None], dtype=pl.String).new_from_index(0, batch.height)
    spelled = pl.DataFrame([nothing, *(batch[chosen[name]].alias(name) for name in SHARED if name in chosen)])
    begins = spelled.select(pl.any_horizontal(pl.all().ne_missing(pl.all().shift(1)))).to_series().to_numpy()
    begins = np.concatenate((np.ones(min(1, len(begins)), bool), begins[1:]))
    if batch.height < cells.RUNS_FROM or np.count_nonzero(begins) > batch.height // cells.RUN_ROWS:
        return _read(spelled, layout, facts)
    found = _read(spelled.filter(pl.Series(begins)), layout, facts)
    return found[pl.Series(np.cumsum(begins, dtype=np.uint32) - 1)]


def _read(spelled: pl.DataFrame, layout: Layout, facts: Facts) -> pl.DataFrame:
    import polars as pl

    text = {name: spelled[name] for name in spelled.columns}
    nothing = text.pop("#nothing")
    spelled_day = text.get("expiration", nothing)
    day_first = cells.are_days_first(text[name] for name in DAYS if name in text)
    frame = pl.DataFrame({"expiration": cells.days(spelled_day, day_first=day_first)})
    if frame["expiration"].null_count():
        unread = frame["expiration"].is_null() & cells.stripped(spelled_day).is_not_null()
        frame = frame.with_columns(unread.alias("#unread_expiration"))
    if "underlying" in text:
        frame = frame.with_columns(
            symbols_of(text["underlying"], UNDERLYING).alias("#underlying"),
            symbols_of(text["underlying"], OTHER_ROOT).alias("#other_root"),
        )
    if "root" in text:
        frame = frame.with_columns(symbols_of(text["root"], ROOT).alias("#named_root"))
    return (
        frame if layout.told is Told.BY_NEWEST_TRADE else add_instants(frame, text, layout, facts, day_first=day_first)
    )


def add_symbols(frame: pl.DataFrame, symbol: str | None, *, is_of_one: bool = False) -> pl.DataFrame:
    """Add ``underlying`` and, where any is known, ``root``: told by the contract, a column or the file's ``symbol``.

    A root stands for its underlying: SPXW is SPX, AAPL1 is AAPL. Where the file ``is_of_one`` symbol the contracts of
    others are marked.
    """
    import polars as pl

    told, height = frame["#root"], frame.height
    if told.null_count() and "#named_root" in frame.columns:
        told = told.zip_with(told.is_not_null(), frame["#named_root"])
    if "#underlying" in frame.columns:
        underlying = frame["#underlying"]
        if told.null_count():
            told = told.zip_with(told.is_not_null(), frame["#other_root"])
    else:
        parts = symbol_parts(symbol or "")
        underlying = pl.Series([parts[UNDERLYING]], dtype=pl.String).new_from_index(0, height)
        if symbol and told.null_count() == height:
            told = pl.Series([parts[OTHER_ROOT]], dtype=pl.String).new_from_index(0, height)
    if underlying.null_count():
        underlying = underlying.zip_with(underlying.is_not_null(), symbols_of(told, UNDERLYING))
    frame = frame.with_columns(underlying.alias("underlying"), told.alias("root"))
    if is_of_one:
        differs = (symbols_of(told, UNDERLYING) != underlying).fill_null(False)
        frame = frame.with_columns(differs.alias("#other_underlying"))
    return frame.drop("root") if told.null_count() == height else frame


def symbols_of(column: pl.Series, part: int) -> pl.Series:
    """Return the ``ROOT``, the ``UNDERLYING`` or the ``OTHER_ROOT`` that each text names."""
    import polars as pl

    return cells.each_once(column, lambda spelled: symbol_parts(spelled)[part], pl.String)


def symbol_parts(spelled: str) -> tuple[str | None, str | None, str | None]:
    """Return the symbol as the OCC writes it, its underlying, and the symbol again where it is another's root."""
    plain = cells.plain_symbol(spelled)
    if plain is None:
        return None, None, None
    underlying = INDEX_ROOTS[plain].underlying if plain in INDEX_ROOTS else plain
    if ADJUSTED.fullmatch(plain):
        underlying = plain[:-1]
    return plain, underlying, plain if plain != underlying else None
