"""yfinance: the frames of ``option_chain`` as CSV, calls and puts, with the columns people add to them."""

from thetaloom.marketdata.importers.layouts import Layout, Told

LAYOUT = Layout(
    name="yfinance",
    title="yfinance option_chain CSV",
    needs=("contractSymbol", "lastTradeDate", "strike", "bid", "ask", "impliedVolatility"),
    columns={
        "contract_symbol": ("contractsymbol",),
        "deliverable": ("contractsize",),
        "underlying": ("underlyingsymbol", "symbol", "ticker", "underlying"),
        "right": ("type", "optiontype", "right", "callput"),
        "expiration": ("expiration", "expirationdate", "expiry"),
        "strike": ("strike",),
        "last_trade": ("lasttradedate",),
        "quote_date": (
            "timestamp",
            "datetime",
            "snapshottime",
            "quotetime",
            "fetchtime",
            "fetchedat",
            "snapdate",
            "quotedate",
            "snapshotdate",
            "date",
        ),
        "last": ("lastprice",),
        "bid": ("bid",),
        "ask": ("ask",),
        "volume": ("volume",),
        "open_interest": ("openinterest",),
        "implied_vol": ("impliedvolatility",),
        "underlying_price": ("spotprice", "underlyingprice", "spot"),
    },
    told=Told.BY_NEWEST_TRADE,
    snapshot="fetched",
    note="Where no column was added with the moment of the fetch, the newest trade of the day in the file stands for "
    "it: calls, puts and all expirations of one fetch belong into one file then.",
)
