"""DoltHub post-no-preference/options: end-of-day CSV, where ``vol`` is the implied volatility."""

from thetaloom.marketdata.importers.layouts import Layout

LAYOUT = Layout(
    name="dolthub",
    title="DoltHub post-no-preference/options CSV",
    needs=("date", "act_symbol", "expiration", "strike", "call_put", "bid", "ask"),
    columns={
        "quote_date": ("date",),
        "underlying": ("actsymbol",),
        "expiration": ("expiration",),
        "strike": ("strike",),
        "right": ("callput",),
        "bid": ("bid",),
        "ask": ("ask",),
        "implied_vol": ("vol",),
        "delta": ("delta",),
        "gamma": ("gamma",),
        "theta": ("theta",),
        "vega": ("vega",),
        "rho": ("rho",),
    },
)
