"""The lines of market data that TWS allows, and what they are used for: first what is watched, then the chain in turns.

TWS gives 100 quotes at a time unless more were bought. Underlyings and watched contracts keep theirs; some are lent
for a while to contracts that somebody asks for, as to the legs of an order; the chain is swept over the rest, a batch
at a time, each contract until it has said both sides or has had its time.
"""

import asyncio
import math
from collections.abc import Iterable, Sequence

from ib_async import Ticker

from thetaloom.brokers.ibkr.registry import Registry
from thetaloom.brokers.ibkr.session import Session
from thetaloom.brokers.ibkr.tws import Tws
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.links.quote_board import QuoteBoard
from thetaloom.ports.clock import Clock

TURN_SECONDS = 2.0  # that a swept contract has to say something
LOOK_SECONDS = 0.01
DELAYED = frozenset({3, 4})  # kinds of market data on which nobody trades
DEAD_SECONDS = 30.0  # before a line on which nothing comes is asked for again
LENT_SECONDS = 60.0  # that a contract keeps its line after somebody asked for it
LENT_SHARE = 4  # one line in so many may be lent
Quoted = OptionContract | str  # a contract, or the symbol of an underlying


class QuoteLines:
    """Opens and closes lines; all but the constructor runs in the loop of the connection."""

    def __init__(self, session: Session, registry: Registry, board: QuoteBoard, clock: Clock, lines_max: int) -> None:
        self._session = session
        self._registry = registry
        self._board = board
        self._clock = clock
        self._lines_max = lines_max
        self._watched: tuple[OptionContract, ...] = ()
        self._symbols: dict[str, None] = {}
        self._lent: dict[OptionContract, float] = {}  # until when, on the loop's clock; asked for last stands last
        self._open: dict[Quoted, Ticker] = {}
        self._by_ticker: dict[int, Quoted] = {}
        self._dead: dict[Quoted, float] = {}  # TWS said that nothing comes on them, and when they are opened again
        self._tws: Tws | None = None
        self._changing = asyncio.Lock()

    async def watch(self, contracts: Sequence[OptionContract]) -> None:
        """Keep lines on these contracts, and on no others but the underlyings."""
        self._watched = tuple(contracts)
        await self.sync()

    async def follow(self, symbol: str) -> None:
        """Keep a line on an underlying."""
        if symbol not in self._symbols:
            self._symbols[symbol] = None
            await self.sync()

    async def reopen(self) -> None:
        """Ask for everything anew: the line was lost, or TWS lost what was asked for on it."""
        self._forget_lines()
        await self.sync()

    def is_open(self, contract: OptionContract) -> bool:
        """Say whether a contract has a line; may be asked from any thread."""
        return contract in self._open and contract not in self._dead

    async def sync(self) -> None:
        """Open what is wanted and close what is not."""
        async with self._changing:
            await self._match(self._kept())

    async def read(self, contracts: Sequence[OptionContract]) -> None:
        """Let contracts say their quotes now: each on a line lent to it, or in turns where these are too few."""
        until = asyncio.get_running_loop().time() + LENT_SECONDS
        for one in contracts:
            self._lent.pop(one, None)
            self._lent[one] = until
        await self.sync()
        await self._wait_for(contracts)
        kept = set(self._kept())
        await self.sweep([one for one in contracts if one not in kept])

    async def sweep(self, contracts: Iterable[OptionContract]) -> None:
        """Let each contract say its quote once, as many at a time as there are lines left."""
        left = list(contracts)
        while left:
            async with self._changing:
                kept = self._kept()
                has_line = set(kept)
                left = [one for one in left if one not in has_line]
                room = max(1, self._lines_max - len(kept))
                turn, left = left[:room], left[room:]
                await self._match([*kept[: self._lines_max - len(turn)], *turn])
                await self._wait_for(turn)
                await self._match(kept)

    def lost(self) -> None:
        """Note that nothing more comes on the lines that are open."""
        self._forget_lines()
        self._board.lost(self._clock.now())

    def _kept(self) -> list[Quoted]:
        now = asyncio.get_running_loop().time()
        self._lent = {one: until for one, until in self._lent.items() if until > now}
        lent = list(reversed(self._lent))[: max(1, self._lines_max // LENT_SHARE)]
        wanted: list[Quoted] = [*self._symbols, *self._watched, *lent]
        return list(dict.fromkeys(wanted))[: self._lines_max]

    async def _wait_for(self, turn: Iterable[OptionContract]) -> None:
        waiting, loop = set(turn), asyncio.get_running_loop()
        until = loop.time() + TURN_SECONDS
        while waiting and loop.time() < until:
            waiting = {one for one in waiting if self.is_open(one) and not _has_said(self._open[one])}
            await asyncio.sleep(LOOK_SECONDS if waiting else 0)

    async def _match(self, wanted: Sequence[Quoted]) -> None:
        tws = await self._session.ready()
        if tws is not self._tws:
            self._forget_lines()
            self._tws = tws
            tws.pendingTickersEvent += self._heard
            tws.quotes_ended = self._ended
        now = asyncio.get_running_loop().time()
        stays = {one for one in wanted if self._dead.get(one, now) >= now}
        for gone in [one for one in self._open if one not in stays]:
            await self._session.pace()
            self._close(tws, gone)
        listed = await self._registry.options(one for one in wanted if isinstance(one, OptionContract))
        for one in wanted:
            if one in self._open:
                continue
            if isinstance(one, str):
                contract = await self._registry.underlying(one)
            else:
                contract = listed.get(one)
            if contract is not None:
                await self._session.pace()
                ticker = tws.reqMktData(contract, "", False, False)
                self._open[one], self._by_ticker[id(ticker)] = ticker, one

    def _close(self, tws: Tws, gone: Quoted) -> None:
        ticker = self._open.pop(gone, None)
        if ticker is None:  # the line was lost meanwhile
            return
        self._by_ticker.pop(id(ticker), None)
        self._dead.pop(gone, None)
        tws.cancel_quotes(ticker)
        if isinstance(gone, OptionContract):
            self._board.release(self._board.place(gone))

    def _ended(self, ticker: Ticker) -> None:
        """Note that nothing comes on a line, as while the user is logged in elsewhere: who asks later reopens it."""
        one = self._by_ticker.get(id(ticker))
        if one is not None:
            self._dead[one] = asyncio.get_running_loop().time() + DEAD_SECONDS
        if isinstance(one, OptionContract):
            self._board.release(self._board.place(one))

    def _forget_lines(self) -> None:
        if self._tws is not None:
            for ticker in self._open.values():
                self._tws.forget_quotes(ticker)
        self._open.clear()
        self._by_ticker.clear()
        self._dead.clear()

    def _heard(self, tickers: Iterable[Ticker]) -> None:
        now = self._clock.now()
        for ticker in tickers:
            one = self._by_ticker.get(id(ticker))
            if ticker.marketDataType in DELAYED:
                continue
            if isinstance(one, str):
                spot = spot_of(ticker)
                if spot is not None:
                    self._board.put_spot(one, spot, now)
            elif one is not None and (_has_side(ticker.bid) or _has_side(ticker.ask) or _has_said(ticker)):
                slot = self._board.place(one)
                self._board.put(
                    slot,
                    bid=_side(ticker.bid),
                    ask=_side(ticker.ask),
                    bid_size=_size(ticker.bidSize),
                    ask_size=_size(ticker.askSize),
                    at=now,
                )
                greeks = ticker.modelGreeks
                if greeks is not None:
                    self._board.put_greeks(slot, iv=_above_zero(greeks.impliedVol), delta=greeks.delta)


def spot_of(ticker: Ticker) -> float | None:
    """Return the price of an underlying: the last trade, else the middle, else the close before."""
    if _is_price(ticker.last):
        return ticker.last
    if _is_price(ticker.bid) and _is_price(ticker.ask):
        return (ticker.bid + ticker.ask) / 2
    return ticker.close if _is_price(ticker.close) else None


def _has_said(ticker: Ticker) -> bool:
    # TWS says -1 for a side that is not there; before it has said anything the SDK has NaN.
    return not math.isnan(ticker.bid) and not math.isnan(ticker.ask)


def _has_side(number: float) -> bool:
    return not math.isnan(number) and number >= 0


def _side(number: float) -> float | None:
    return number if _has_side(number) else None


def _size(number: float) -> float | None:
    return number if math.isfinite(number) and number > 0 else None


def _is_price(number: float) -> bool:
    return math.isfinite(number) and number > 0


def _above_zero(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) and number > 0 else None
