"""Delta Neutral: end-of-day CSV with greeks; the contract's symbol stands under ``symbol``."""

from thetaloom.marketdata.importers.layouts import Layout

LAYOUT = Layout(
    name="deltaneutral",
    title="Delta Neutral end-of-day CSV",
    needs=("date", "symbol", "under", "expiration", "strike", "put/call", "bid", "ask"),
    columns={
        "quote_date": ("date",),
        "contract_symbol": ("symbol",),
        "underlying": ("under",),
        "expiration": ("expiration",),
        "strike": ("strike",),
        "right": ("putcall",),
        "bid": ("bid",),
        "ask": ("ask",),
        "last": ("price", "last"),
        "volume": ("volume",),
        "open_interest": ("openinterest",),
        "implied_vol": ("impliedvol", "impliedvolatility"),
        "delta": ("delta",),
        "gamma": ("gamma",),
        "rho": ("rho",),
        "theta": ("theta",),
        "vega": ("vega",),
    },
)
