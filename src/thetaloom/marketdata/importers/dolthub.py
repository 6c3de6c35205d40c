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
    is_told_later=True,
    note="A date without a session, as the Saturdays of 2019 are, is of the session before it.",
)
# The other tables of the same repository, and of the one with the shares.
COMPANIONS = (
    frozenset({"date", "act_symbol", "hv_current", "iv_current"}),
    frozenset({"date", "act_symbol", "open", "high", "low", "close"}),
)
