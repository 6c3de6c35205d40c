"""Cboe's delayed chains as a source of market data: asked for seldom, kept, and never called younger than they are."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np
import structlog

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.events import Events
from thetaloom.domain.market.quotes import Quote
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.errors import MarketDataUnavailable
from thetaloom.links.backoff import Backoff
from thetaloom.links.quote_board import QuoteBoard
from thetaloom.links.request_budget import RequestBudget
from thetaloom.marketdata.cboe.client import CboeClient, CboeRefused
from thetaloom.marketdata.cboe.parse import CboeChain, ChainReader
from thetaloom.marketdata.cboe.settings import SOURCE, CboeSettings
from thetaloom.marketdata.instants import to_microseconds
from thetaloom.marketdata.symbols import describe
from thetaloom.ports.clock import Clock
from thetaloom.ports.links import LinkStatus
from thetaloom.ports.market_data import Bar, QuoteBatch, Underlying

log = structlog.get_logger()

LINK = "cboe delayed chains"
NEGLECT = 5  # refreshes that were due and did not come; then whoever asks waits for one


@dataclass(slots=True, kw_only=True)
class _Kept:
    """What is known of asking for one symbol; times are monotonic seconds."""

    tag: str = ""
    has_chain: bool = False
    is_missing: bool = False  # the server does not carry it
    next_at: float = 0.0
    failure: str = ""


class CboeMarket:
    """Implements ``ports.market_data.MarketData``; a symbol is asked for when it is first named.

    The first question for a symbol waits for the server. Later ones are answered from what is kept, and a thread
    of its own asks for what is due of the symbols that are watched or were asked for since.
    """

    name = SOURCE
    synthetic = False

    def __init__(
        self, settings: CboeSettings, clock: Clock, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._monotonic = monotonic
        self._client = CboeClient(settings, clock)
        self._reader = ChainReader(timedelta(seconds=settings.delay_seconds))
        self._board = QuoteBoard(clock, SOURCE)
        self._budget = RequestBudget(settings.requests_per_second, settings.requests_burst, monotonic)
        self._backoff = Backoff(first_seconds=settings.pause_seconds_first, cap_seconds=settings.pause_seconds_max)
        self._paused_until = 0.0
        self._kept: dict[str, _Kept] = {}
        self._asking = threading.Lock()  # one request at a time
        self._due = threading.Condition()
        self._wanted: set[str] = set()  # asked for though due, by those who do not wait
        self._watched: frozenset[str] = frozenset()
        self._status = LinkStatus(
            name=LINK, is_up=False, since=None, heard_at=None, attempts=0, reason="not yet asked", is_needed=False
        )
        self._is_closed = threading.Event()
        self._thread: threading.Thread | None = None

    def underlying(self, symbol: str) -> Underlying | None:
        """Return what is known of ``symbol``; ``None`` when the server does not carry it."""
        return describe(symbol) if self._ensure(symbol) else None

    def symbols(self) -> Sequence[str]:
        """Return the symbols that were read so far; the server has no list of them."""
        return self._board.symbols()

    def chain(self, underlying: str, at: datetime) -> OptionChain | None:
        """Return the newest chain, which is as of a quarter of an hour ago."""
        return self._board.chain(underlying, at) if self._ensure(underlying) else None

    def quotes(self, contracts: Iterable[OptionContract], at: datetime) -> Mapping[OptionContract, Quote]:
        """Return the quotes of those ``contracts`` that have a bid or an ask."""
        wanted = tuple(contracts)
        for symbol in sorted({contract.underlying for contract in wanted}):
            self._ensure_soon(symbol)
        return self._board.quotes(wanted, at)

    def spot(self, underlying: str, at: datetime) -> Price | None:
        """Return the price of the underlying, as of a quarter of an hour ago."""
        return self._board.spot(underlying, at) if self._ensure_soon(underlying) else None

    def history(self, symbol: str, first: date, last: date) -> Sequence[Bar]:
        """Return none: the server tells of the present alone."""
        return ()

    def intraday(self, symbol: str, minutes: int, count: int) -> Sequence[Bar]:
        """Return none."""
        return ()

    def iv_history(self, symbol: str, first: date, last: date) -> Sequence[tuple[date, float]]:
        """Return none."""
        return ()

    def corporate_events(self, symbol: str, first: date, last: date) -> Events | None:
        """Return nothing: the server does not tell."""
        return None

    def watch(self, contracts: Iterable[OptionContract]) -> None:
        """Replace the watched contracts, and keep their underlyings fresh from now on."""
        wanted = tuple(contracts)
        self._board.watch(wanted)
        with self._due:
            self._watched = frozenset(contract.underlying for contract in wanted)
            self._due.notify()
        if wanted:
            self._start()

    def poll(self) -> QuoteBatch | None:
        """Return what changed among the watched contracts; it never asks the server."""
        return self._board.poll()

    def on_change(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called when a refresh brought something."""
        self._board.on_change(wake)

    def links(self) -> Sequence[LinkStatus]:
        """Return how the server answered last."""
        return (self._status,)

    def refresh(self, symbol: str) -> None:
        """Ask the server now, whatever is kept; a failure raises ``MarketDataUnavailable``."""
        with self._asking:
            self._ask(symbol)

    def close(self) -> None:
        """Stop asking."""
        self._is_closed.set()
        with self._due:
            self._due.notify()
        if self._thread is not None:
            self._thread.join()
        self._client.close()

    def _ensure_soon(self, symbol: str) -> bool:
        """As ``_ensure``; but whoever watches a symbol must not wait for it, since a thread asks for it already."""
        if symbol not in self._watched:
            return self._ensure(symbol)
        kept = self._kept.get(symbol)
        if kept is None or not (kept.has_chain or kept.is_missing):
            reason = f"cboe: {symbol}: not read yet" if kept is None or not kept.failure else kept.failure
            raise MarketDataUnavailable(reason, details={"symbol": symbol})
        return kept.has_chain

    def _ensure(self, symbol: str) -> bool:
        """Have a chain of ``symbol`` kept if there is one; return whether there is."""
        kept = self._kept.setdefault(symbol, _Kept())
        late = self._monotonic() - kept.next_at
        if late < 0:
            if kept.failure and not kept.has_chain:
                raise MarketDataUnavailable(kept.failure, details={"symbol": symbol})
            return kept.has_chain
        if kept.has_chain and (kept.failure or late < NEGLECT * self._settings.refresh_seconds):
            with self._due:
                self._wanted.add(symbol)
                self._due.notify()
            self._start()
            return True
        with self._asking:
            if self._monotonic() >= kept.next_at:  # nobody else asked in the meantime
                try:
                    self._ask(symbol)
                except MarketDataUnavailable:
                    if not (kept.has_chain or kept.is_missing):
                        raise
        return kept.has_chain

    def _ask(self, symbol: str) -> None:
        kept = self._kept.setdefault(symbol, _Kept())
        try:
            self._wait(symbol)
            answer = self._client.fetch(symbol, kept.tag)
            if answer.content is not None:
                self._take(symbol, self._reader.read(symbol, answer.content))
                kept.tag, kept.has_chain = answer.tag, True
            kept.is_missing, kept.failure = False, ""
            kept.next_at = self._monotonic() + max(self._settings.refresh_seconds, answer.max_age_seconds)
            self._backoff.reset()
            self._mark_up()
        except MarketDataUnavailable as error:
            self._note_failure(kept, error)
            raise

    def _wait(self, symbol: str) -> None:
        seconds = self._paused_until - self._monotonic()
        if seconds > 0:
            reason = self._status.reason or "it failed before"
            raise MarketDataUnavailable(
                f"cboe: {symbol}: not asked for another {seconds:.0f} seconds, since {reason}",
                details={"symbol": symbol, "wait_seconds": round(seconds)},
            )
        if self._is_closed.wait(self._budget.take()):
            raise MarketDataUnavailable(f"cboe: {symbol}: the source is closed")

    def _take(self, symbol: str, told: CboeChain) -> None:
        slots = self._board.list_chain(symbol, told.contracts)
        columns = told.columns
        self._board.put_counts_many(slots, volumes=columns["volume"], open_interests=columns["open_interest"])
        self._board.put_greeks_many(slots, columns["iv"], columns["delta"])
        self._board.put_spot(symbol, told.spot, told.spot_at)
        self._board.put_many(
            slots,
            columns["bid"],
            columns["ask"],
            columns["bid_size"],
            columns["ask_size"],
            np.full(len(slots), to_microseconds(told.as_of)),
            is_streamed=False,
        )
        if told.rejected:
            log.warning("cboe_rows_rejected", symbol=symbol, reasons=dict(told.rejected))

    def _note_failure(self, kept: _Kept, error: MarketDataUnavailable) -> None:
        now = self._monotonic()
        kept.failure = error.message
        if isinstance(error, CboeRefused) and error.is_of_symbol:
            kept.is_missing = error.status == 404
            kept.next_at = now + max(self._settings.pause_seconds_max, error.retry_after_seconds)
            return
        if self._paused_until > now:  # it was not asked at all
            kept.next_at = self._paused_until
            return
        told = error.retry_after_seconds if isinstance(error, CboeRefused) else 0.0
        self._paused_until = kept.next_at = now + max(self._backoff.next_seconds(), told)
        was_up = self._status.is_up
        self._status = replace(
            self._status,
            is_up=False,
            since=self._clock.now() if was_up else self._status.since,
            attempts=self._status.attempts + 1,
            reason=error.message,
            drops=self._status.drops + was_up,
            is_needed=True,
        )
        if was_up:
            log.warning("market_source_lost", source=SOURCE, reason=error.message)

    def _mark_up(self) -> None:
        now = self._clock.now()
        since = self._status.since if self._status.is_up else now
        self._status = replace(
            self._status, is_up=True, since=since, heard_at=now, attempts=0, reason="", is_needed=True
        )

    def _start(self) -> None:
        with self._due:
            if self._thread is None and not self._is_closed.is_set():
                self._thread = threading.Thread(target=self._keep_fresh, name="cboe", daemon=True)
                self._thread.start()

    def _keep_fresh(self) -> None:
        while not self._is_closed.is_set():
            symbol = self._next_due()
            if symbol is None:
                continue
            with self._asking:
                try:
                    if self._monotonic() >= self._kept.setdefault(symbol, _Kept()).next_at:
                        self._ask(symbol)
                except MarketDataUnavailable as error:
                    log.info("cboe_refresh_failed", symbol=symbol, reason=error.message)

    def _next_due(self) -> str | None:
        """Wait until a symbol is due, or something changed; return the symbol."""
        with self._due:
            now = self._monotonic()
            times = {symbol: self._kept.setdefault(symbol, _Kept()).next_at for symbol in self._watched | self._wanted}
            for symbol, due_at in sorted(times.items(), key=lambda item: item[1]):
                if due_at <= now:
                    self._wanted.discard(symbol)
                    return symbol
            if not self._is_closed.is_set():
                self._due.wait(min(times.values()) - now if times else None)
            return None
