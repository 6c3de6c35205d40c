"""The recorded chains beside the checkout, one moment at a time."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.expirations import Expiration, list_expirations
from thetaloom.marketdata.calendar_table import SHIPPED_TABLE, read_table
from thetaloom.marketdata.clocks import VirtualClock
from thetaloom.marketdata.recorded.market import RecordedMarket

DATA = Path(__file__).parents[4] / "shared" / "data"
FILES = (
    "cboe_snapshots_2026/SPY.parquet",
    "cboe_snapshots_2026/SPX.parquet",
    "cboe_snapshots_2026/AAPL.parquet",
    "cboe_snapshots_2026/IWM.parquet",
    "cboe_snapshots_2026/DIA.parquet",
    "cboe_quotedata/SPX_20220204.parquet",
    "cboe_quotedata/SPX_20230207.parquet",
    "cboe_quotedata/SPX_20230914.parquet",
    "cboe_quotedata/SPX_20240105.parquet",
    "cboe_quotedata/SPY_20230914.parquet",
    "cboe_quotedata/XSP_20230914.parquet",
    "full_term_greeks_2026/chains_20260715_16.parquet",
)
LATE = datetime(2030, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class RealMarket:
    """One chain as it was recorded, and its expirations."""

    name: str
    chain: OptionChain
    expirations: tuple[Expiration, ...]


@cache
def moments(file: str) -> tuple[tuple[str, datetime], ...]:
    """Return the symbols of a file with the instants they were recorded at."""
    import polars as pl

    frame = pl.read_parquet(DATA / file, columns=["underlying", "quote_time"]).unique().sort("underlying", "quote_time")
    return tuple((symbol, at.astimezone(UTC)) for symbol, at in frame.iter_rows())


@cache
def recording(file: str) -> RecordedMarket:
    """Open a file as a market."""
    return RecordedMarket(DATA / file, VirtualClock(LATE), snapshots=True)


@cache
def real_market(file: str, at: int) -> RealMarket:
    """Return the ``at``-th moment of a file, counted around."""
    known = moments(file)
    symbol, instant = known[at % len(known)]
    chain = recording(file).chain(symbol, instant)
    assert chain is not None
    calendar = read_table(SHIPPED_TABLE)
    return RealMarket(
        name=f"{symbol} {instant:%Y-%m-%d %H:%M}", chain=chain, expirations=list_expirations(chain, calendar, instant)
    )
