"""Deribit: chains of inverse options as CSV, prices in units of the coin, volatility in percent."""

from thetaloom.marketdata.importers.layouts import Layout, Zone

LAYOUT = Layout(
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
    is_option_symbol=False,
    snapshot="fetched",
)
