"""historicaloptiondata.com level 3: end-of-day CSV with greeks."""

from dataclasses import replace

from thetaloom.marketdata.importers.layouts import Layout

LOWER_CASE = Layout(
    name="l3",
    title="historicaloptiondata.com L3 CSV",
    needs=("underlying", "optionroot", "type", "expiration", "quotedate", "strike", "bid", "ask"),
    columns={
        "underlying": ("underlying",),
        "underlying_price": ("underlyinglast",),
        # An alias is a symbol only where it is one: others are read as nothing.
        "contract_symbol": ("optionroot", "optionalias"),
        "right": ("type",),
        "expiration": ("expiration",),
        "quote_date": ("quotedate",),
        "strike": ("strike",),
        "last": ("last",),
        "bid": ("bid",),
        "ask": ("ask",),
        "volume": ("volume",),
        "open_interest": ("openinterest",),
        "implied_vol": ("impliedvol", "iv"),
        "delta": ("delta",),
        "gamma": ("gamma",),
        "theta": ("theta",),
        "vega": ("vega",),
    },
)
# What the vendor sends: L2 without volatility and greeks, L3 with them.
AS_SENT = replace(
    LOWER_CASE,
    title="historicaloptiondata.com (Delta Neutral) L2 and L3 CSV",
    needs=("UnderlyingSymbol", "Type", "Expiration", "DataDate", "Strike", "Bid", "Ask"),
    columns={
        **LOWER_CASE.columns,
        "underlying": ("underlyingsymbol",),
        "underlying_price": ("underlyingprice",),
        "contract_symbol": ("optionsymbol", "optionroot", "aka"),
        "quote_date": ("datadate",),
        "implied_vol": ("iv", "ivmean", "impliedvol"),
    },
)
EDITIONS = (LOWER_CASE, AS_SENT)
# Columns of the tables in the same archive: prices of shares, and sums over all options of a symbol.
COMPANIONS = (
    frozenset({"symbol", "quotedate", "open", "high", "low", "close", "adjustedclose"}),
    frozenset({"symbol", "quotedate", "iv30call", "iv30put", "calloi", "putoi"}),
)
