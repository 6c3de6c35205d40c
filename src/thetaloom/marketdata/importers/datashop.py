"""Cboe DataShop: end-of-day summaries, with the greeks of 15:45 where these were bought too, and intervals."""

from thetaloom.marketdata.importers.layouts import Layout

LAYOUT = Layout(
    name="datashop",
    title="Cboe DataShop end of day or intervals, with or without calcs",
    needs=("underlying_symbol", "root", "expiration", "strike", "option_type"),
    columns={
        "quote_time": ("quotedatetime",),
        "quote_date": ("quotedate",),
        "underlying": ("underlyingsymbol",),
        "root": ("root",),
        "expiration": ("expiration",),
        "strike": ("strike",),
        "right": ("optiontype",),
        "bid": ("bideod", "bid"),
        "ask": ("askeod", "ask"),
        "bid_size": ("bidsizeeod", "bidsize"),
        "ask_size": ("asksizeeod", "asksize"),
        "last": ("close",),
        "volume": ("tradevolume",),
        "open_interest": ("openinterest",),
        "implied_vol": ("impliedvolatility1545", "impliedvolatility"),
        "delta": ("delta1545", "delta"),
        "gamma": ("gamma1545", "gamma"),
        "theta": ("theta1545", "theta"),
        "vega": ("vega1545", "vega"),
        "rho": ("rho1545", "rho"),
        "spot_bid": ("underlyingbideod", "underlyingbid"),
        "spot_ask": ("underlyingaskeod", "underlyingask"),
        "underlying_price": (
            "activeunderlyingprice1545",
            "impliedunderlyingprice1545",
            "activeunderlyingprice",
            "impliedunderlyingprice",
        ),
    },
    note="At the end of the day the closing quote, and volatility and greeks of 15:45; of intervals each one's own.",
)
