"""historicaloptiondata.com level 3: end-of-day CSV with greeks."""

from thetaloom.marketdata.importers.layouts import Layout

LAYOUT = Layout(
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
