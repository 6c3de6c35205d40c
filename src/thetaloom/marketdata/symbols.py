"""What the offline sources know of well-known symbols: their name and whether they are a fund or an index."""

from thetaloom.domain.values.instruments import INDEX_ROOTS
from thetaloom.ports.market_data import Underlying

INDEX_NAMES = {
    "SPX": "S&P 500 Index",
    "XSP": "Mini-S&P 500 Index",
    "NDX": "Nasdaq-100 Index",
    "RUT": "Russell 2000 Index",
    "VIX": "Cboe Volatility Index",
    "DJX": "Dow Jones Industrial Average, 1/100",
}
FUND_NAMES = {
    "SPY": "SPDR S&P 500 ETF Trust",
    "QQQ": "Invesco QQQ Trust",
    "IWM": "iShares Russell 2000 ETF",
    "DIA": "SPDR Dow Jones Industrial Average ETF Trust",
    "TLT": "iShares 20+ Year Treasury Bond ETF",
    "GLD": "SPDR Gold Shares",
    "XLF": "Financial Select Sector SPDR Fund",
}
EQUITY_NAMES = {"AAPL": "Apple Inc.", "GOOG": "Alphabet Inc. Class C"}

_INDICES = {root.underlying for root in INDEX_ROOTS.values()}


def describe(symbol: str) -> Underlying:
    """Return what is known of ``symbol``; one that is neither fund nor index counts as a stock."""
    if symbol in _INDICES:
        return Underlying(symbol=symbol, name=INDEX_NAMES.get(symbol, symbol), kind="index")
    if symbol in FUND_NAMES:
        return Underlying(symbol=symbol, name=FUND_NAMES[symbol], kind="etf")
    return Underlying(symbol=symbol, name=EQUITY_NAMES.get(symbol, symbol), kind="equity")
