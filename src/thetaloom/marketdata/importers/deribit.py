"""Deribit: chains of inverse options as CSV, prices in units of the coin, volatility in percent."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from thetaloom.marketdata.importers import cells
from thetaloom.marketdata.importers.layouts import CHANGES, Layout, Zone

if TYPE_CHECKING:
    import polars as pl

INSTRUMENT = r"^(?<root>[A-Z0-9_]+)-(?<day>\d{1,2}[A-Z]{3}\d{2})-(?<strike>\d+(?:[d.]\d+)?)-(?<right>[CP])$"


def contracts(column: pl.Series) -> pl.DataFrame:
    """Return root, expiration, right and strike of instruments such as BTC-28AUG26-46000-P; nothing for others."""
    import polars as pl

    found = column.str.extract_groups(INSTRUMENT).struct.unnest()
    strike = found["strike"].str.replace("d", ".", literal=True).cast(pl.Float64)
    return found.select("root", "right").with_columns(strike, cells.days(found["day"]).alias("expiration"))


CHAIN = Layout(
    name="deribit",
    title="Deribit chain CSV (inverse, prices in the coin)",
    needs=("instrument", "underlying", "expiry", "strike", "type", "mark_iv"),
    columns={
        "quote_time": ("snapshotutc", "timestamp", "quotetime"),
        "underlying": ("underlying",),
        "contract_symbol": ("instrument", "instrumentname"),
        "expiration": ("expiry", "expiration"),
        "strike": ("strike",),
        "right": ("type", "optiontype"),
        "mark_price": ("markprice",),
        "bid": ("bid", "bidprice", "bestbidprice"),
        "ask": ("ask", "askprice", "bestaskprice"),
        "implied_vol": ("markiv",),
        "delta": ("delta",),
        "gamma": ("gamma",),
        "vega": ("vega",),
        "theta": ("theta",),
        "open_interest": ("openinterest",),
        "volume": ("volume24h", "volume"),
        "underlying_price": ("underlyingprice",),
    },
    zone=Zone.UTC,
    iv_in_percent=True,
    is_listed=False,
    read_contracts=contracts,
    snapshot="fetched",
)
SUMMARY = replace(
    CHAIN,
    title="Deribit book summary or tickers, saved as CSV",
    needs=("instrument_name", "mark_iv", "mark_price", "underlying_price"),
    columns={
        **CHAIN.columns,
        "quote_time": ("timestamp", "creationtimestamp", "quotetime"),
        "last": ("last", "lastprice"),
        "bid_size": ("bestbidamount",),
        "ask_size": ("bestaskamount",),
    },
)
TARDIS = replace(
    CHAIN,
    title="Deribit options_chain of tardis.dev",
    needs=("symbol", "timestamp", "local_timestamp", "type", "strike_price", "expiration", "mark_iv"),
    columns={
        **CHAIN.columns,
        "quote_time": (),
        "quote_unix": ("timestamp",),
        "contract_symbol": ("symbol",),
        "expiration": ("expiration",),
        "strike": ("strikeprice",),
        "last": ("lastprice",),
        "bid_size": ("bidamount",),
        "ask_size": ("askamount",),
        "rho": ("rho",),
    },
    snapshot=None,
    grain=CHANGES,
    note="Each row is a change of one contract: the chain of an instant is what stood before it.",
)
EDITIONS = (CHAIN, TARDIS, SUMMARY)
