"""optionsDX: monthly text files, bracketed headers, the call and the put of a strike in one row.

Of coins each contract has a row, with Deribit's name for it.
"""

from thetaloom.marketdata.importers import deribit
from thetaloom.marketdata.importers.layouts import Layout

_SIDE = {
    "bid": "bid",
    "ask": "ask",
    "bid_size": "size",
    "ask_size": "size",
    "last": "last",
    "volume": "volume",
    "implied_vol": "iv",
    "delta": "delta",
    "gamma": "gamma",
    "theta": "theta",
    "vega": "vega",
    "rho": "rho",
}

LAYOUT = Layout(
    name="optionsdx",
    title="optionsDX text",
    needs=("EXPIRE_DATE", "STRIKE", "C_BID", "C_ASK", "P_BID", "P_ASK"),
    columns={
        "quote_unix": ("quoteunixtime",),
        "quote_time": ("quotereadtime",),
        "quote_date": ("quotedate",),
        "underlying": ("symbol", "underlyingsymbol"),
        "underlying_price": ("underlyinglast",),
        "expiration": ("expiredate",),
        "strike": ("strike",),
    },
    sides={side: {ours: (f"{side.lower()}{theirs}",) for ours, theirs in _SIDE.items()} for side in "CP"},
    needs_symbol=True,
    note="The symbol stands in the file's name alone (spx_eod_202001.txt), or is given with --symbol.",
)

COINS = Layout(
    name="optionsdx",
    title="optionsDX text of Bitcoin and Ether (inverse, prices in the coin)",
    needs=("INSTRUMENT_NAME", "EXPIRY_DATE", "OPTION_RIGHT", "STRIKE", "BID_PRICE", "ASK_PRICE", "MARK_IV"),
    columns={
        "quote_unix": ("quoteunixtime",),
        "underlying": ("basecurrency",),
        "contract_symbol": ("instrumentname",),
        "expiration": ("expirydate",),
        "strike": ("strike",),
        "right": ("optionright",),
        "bid": ("bidprice",),
        "ask": ("askprice",),
        "bid_size": ("bidsize",),
        "ask_size": ("asksize",),
        "volume": ("volume",),
        "open_interest": ("openinterest",),
        "implied_vol": ("markiv",),
        "delta": ("delta",),
        "gamma": ("gamma",),
        "theta": ("theta",),
        "vega": ("vega",),
        "rho": ("rho",),
        "underlying_price": ("underlyingprice",),
    },
    iv_in_percent=True,
    is_listed=False,
    read_contracts=deribit.contracts,
    note="The instant is the one that is counted since 1970.",
)
EDITIONS = (LAYOUT, COINS)
