"""Reads the Parquet files of recorded chains as chains with what the feed says of volatility and greeks."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from thetaloom.domain.market.chain import OptionChain, from_date
from thetaloom.domain.market.feed_check import FeedNumbers
from thetaloom.domain.values.money import Price
from thetaloom.errors import InvalidInput

# Files without a root leave out the third Fridays, which the index's own root settles in the morning.
ROOTS = {"SPX": "SPXW", "NDX": "NDXP", "RUT": "RUTW"}


def read_chains(path: Path, *, underlying: str | None = None) -> Iterator[tuple[OptionChain, FeedNumbers]]:
    """Give each snapshot of the file, one underlying at a time, in the order of time."""
    frame = pl.read_parquet(path)
    if underlying is not None:
        frame = frame.filter(pl.col("underlying") == underlying)
    if "root" not in frame.columns:
        frame = frame.with_columns(pl.col("underlying").cast(pl.String).replace(ROOTS).alias("root"))
    frame = frame.filter(pl.col("underlying_price").is_not_null())
    keys = ["expiration", "strike", "right", "root"]
    for _, part in frame.sort("quote_time", "underlying").group_by(["quote_time", "underlying"], maintain_order=True):
        yield _chain(part.unique(keys, keep="first").sort(keys), path.stem)


def _chain(part: pl.DataFrame, source: str) -> tuple[OptionChain, FeedNumbers]:
    first = part.row(0, named=True)
    at = first["quote_time"]
    if at.tzinfo is None:
        raise InvalidInput(f"{source}: quote_time has no time zone")

    def floats(name: str) -> Any:
        column = (
            part[name].cast(pl.Float64) if name in part.columns else pl.Series([None] * len(part), dtype=pl.Float64)
        )
        return column.fill_null(float("nan")).to_numpy().copy()

    chain = OptionChain(
        underlying=first["underlying"],
        as_of=at,
        spot=Price(Decimal(str(round(float(first["underlying_price"]), 4)))),
        source=source,
        synthetic=False,
        root=part["root"].cast(pl.String).to_numpy().astype(np.str_),
        expires_on=np.array([from_date(day) for day in part["expiration"]], dtype=np.int32),
        strike=np.array([round(strike * 1000) for strike in part["strike"]], dtype=np.int64),
        is_call=np.array([str(right) == "C" for right in part["right"]], dtype=np.bool_),
        quoted_at=np.full(len(part), int(at.timestamp() * 1_000_000), dtype=np.int64),
        iv=floats("implied_vol"),
        delta=floats("delta"),
        **{name: floats(name) for name in ("bid", "ask", "bid_size", "ask_size", "volume", "open_interest")},
    )
    greeks = {name: floats(name) for name in ("delta", "gamma", "theta", "vega") if name in part.columns}
    return chain, FeedNumbers(iv=floats("implied_vol"), **greeks)
