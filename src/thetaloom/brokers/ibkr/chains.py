"""Chains near the money: listed once a day, then swept over the lines that are free for as long as somebody asks.

TWS takes some 50 messages a second, and a sweep two for each contract. So a chain of a few thousand contracts takes
minutes; whoever asks meanwhile hears that its answer is pending, and nobody decides on half a chain.
"""

import asyncio
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal

from thetaloom.brokers.ibkr.parse import day_of
from thetaloom.brokers.ibkr.quote_lines import QuoteLines
from thetaloom.brokers.ibkr.registry import Registry
from thetaloom.brokers.ibkr.session import Session
from thetaloom.brokers.ibkr.settings import IbkrSettings
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.errors import MarketDataPending
from thetaloom.links.quote_board import QuoteBoard
from thetaloom.ports.clock import Clock

WAIT_SECONDS = 3.0  # for a reading that goes on; it does not end with that
SWEPT_EVERY = timedelta(seconds=60)  # from the end of one sweep to the beginning of the next, while somebody asks


class Chains:
    """Reads chains onto a board; all but the constructor runs in the loop of the connection."""

    def __init__(
        self,
        *,
        settings: IbkrSettings,
        session: Session,
        registry: Registry,
        lines: QuoteLines,
        board: QuoteBoard,
        clock: Clock,
        calendar: TradingCalendar,
    ) -> None:
        self._settings = settings
        self._session = session
        self._registry = registry
        self._lines = lines
        self._board = board
        self._clock = clock
        self._calendar = calendar
        self._listed_on: dict[str, date] = {}
        self._listed: dict[str, list[OptionContract]] = {}
        self._swept_at: dict[str, datetime] = {}
        self._readings: dict[str, asyncio.Task[bool]] = {}

    async def read(self, symbol: str) -> bool:
        """Have a chain on the board that was swept a short while ago; ``False`` where TWS has none.

        Raises ``MarketDataPending`` while it is being read.
        """
        reading = self._readings.get(symbol)
        if reading is None or (reading.done() and self._is_old(symbol, reading)):
            reading = asyncio.get_running_loop().create_task(self._read(symbol))
            self._readings[symbol] = reading
        await asyncio.wait({reading}, timeout=WAIT_SECONDS)
        if not reading.done():
            raise MarketDataPending(f"TWS is being asked for the quotes of {symbol}, one after the other")
        return reading.result()

    async def follow(self, symbol: str) -> None:
        """Keep a line on an underlying, and wait for its first price."""
        if await self._registry.underlying(symbol) is None:
            return
        await self._lines.follow(symbol)
        await self._session.until(lambda: self._spot(symbol) is not None)

    def _is_old(self, symbol: str, reading: "asyncio.Task[bool]") -> bool:
        if reading.cancelled() or reading.exception() is not None or not reading.result():
            return True
        now = self._clock.now()
        is_of_today = self._listed_on[symbol] == self._calendar.exchange_date(now)
        return not is_of_today or now - self._swept_at[symbol] >= SWEPT_EVERY

    async def _read(self, symbol: str) -> bool:
        today = self._calendar.exchange_date(self._clock.now())
        if self._listed_on.get(symbol) != today:
            found = await self._list(symbol, today)
            if not found:
                return False
            self._board.list_chain(symbol, found)
            self._listed[symbol], self._listed_on[symbol] = found, today
        await self._lines.sweep(self._listed[symbol])
        self._swept_at[symbol] = self._clock.now()
        return True

    async def _list(self, symbol: str, today: date) -> list[OptionContract]:
        await self.follow(symbol)
        last = today + timedelta(days=self._settings.chain_days)
        contracts: list[OptionContract] = []
        for one in await self._registry.option_parameters(symbol):
            for day in sorted(map(day_of, one.expirations)):
                if today <= day <= last:
                    contracts += await self._registry.listed(symbol, one.tradingClass, day)
        return self._near(contracts, self._spot(symbol))

    def _near(self, contracts: Iterable[OptionContract], spot: Price | None) -> list[OptionContract]:
        if spot is None:
            return list(contracts)
        reach = Decimal(spot) * Decimal(str(self._settings.chain_percent)) / 100
        return [one for one in contracts if abs(one.strike - Decimal(spot)) <= reach]

    def _spot(self, symbol: str) -> Price | None:
        return self._board.spot(symbol, self._clock.now())
