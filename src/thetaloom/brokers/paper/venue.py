"""The market as the paper exchange sees it, with the rules of the account."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from thetaloom.brokers.paper.buying_power import Book, Marks
from thetaloom.brokers.paper.hours import marks_judged_at
from thetaloom.brokers.paper.ledger import Ledger
from thetaloom.brokers.paper.settings import PaperSettings
from thetaloom.domain.market.events import Events
from thetaloom.domain.market.quotes import Quote, judge_quote
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.errors import MarketDataUnavailable
from thetaloom.ports.market_data import MarketData


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """Quotes and prices; what the market does not answer is unknown: nothing fills and nothing is valued."""

    settings: PaperSettings
    market: MarketData
    calendar: TradingCalendar

    def quotes(self, contracts: Iterable[OptionContract], at: datetime) -> Mapping[OptionContract, Quote]:
        """Return the quotes of those contracts that have one."""
        wanted = sorted(set(contracts))
        try:
            return self.market.quotes(wanted, at) if wanted else {}
        except MarketDataUnavailable:
            return {}

    def spot(self, symbol: str, at: datetime) -> Price | None:
        """Return the price of an underlying."""
        try:
            return self.market.spot(symbol, at)
        except MarketDataUnavailable:
            return None

    def events(self, symbol: str, first: date, last: date) -> Events | None:
        """Return what is known of dividends; a market that does not answer raises ``MarketDataUnavailable``."""
        return self.market.corporate_events(symbol, first, last)

    def mids(self, contracts: Iterable[OptionContract], at: datetime) -> dict[OptionContract, Price]:
        """Return the mids of valid quotes; while the market is shut those of the last close stand."""
        judged_at = marks_judged_at(self.calendar, at)
        mids = {
            contract: quote.mid
            for contract, quote in self.quotes(contracts, at).items()
            if judge_quote(quote, judged_at, self.settings.quote_age_max, to_sell=False).is_allowed
        }
        return {contract: mid for contract, mid in mids.items() if mid is not None}

    def marks(self, contracts: Iterable[OptionContract], symbols: Iterable[str], at: datetime) -> Marks:
        """Return what is known of contracts and their underlyings, and of shares."""
        wanted = set(contracts)
        spots = {symbol: self.spot(symbol, at) for symbol in {one.underlying for one in wanted} | set(symbols)}
        return Marks(
            spots={symbol: spot for symbol, spot in spots.items() if spot is not None}, mids=self.mids(wanted, at)
        )

    def shares(self, ledger: Ledger) -> dict[str, int]:
        """Return the shares of the account: those of the settings and those that came and went since."""
        held = dict(self.settings.shares)
        for symbol, quantity in ledger.shares().items():
            held[symbol] = held.get(symbol, 0) + quantity
        return {symbol: quantity for symbol, quantity in held.items() if quantity}

    def book(self, ledger: Ledger, at: datetime, beside: Iterable[OptionContract] = ()) -> Book:
        """Return what is held, with marks of it and of the contracts ``beside`` it."""
        held, shares = ledger.holdings(), self.shares(ledger)
        marks = self.marks([*held, *beside], shares, at)
        return Book(held=held, shares=shares, marks=marks, is_cash_account=self.settings.is_cash_account)
