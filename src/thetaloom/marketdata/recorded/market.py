"""Recorded market data as a source: whatever had been said by the clock's now, and nothing later."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from thetaloom.domain.market.chain import OptionChain, from_date, from_strike
from thetaloom.domain.market.events import Events
from thetaloom.domain.market.quotes import Quote
from thetaloom.domain.values.instruments import OptionContract, Right
from thetaloom.domain.values.money import Price
from thetaloom.errors import InvalidInput
from thetaloom.marketdata.event_files import EventTable
from thetaloom.marketdata.instants import from_microseconds, to_microseconds, wake_on_changes
from thetaloom.marketdata.prices import exact_price
from thetaloom.marketdata.recorded.intraday import recorded_bars
from thetaloom.marketdata.recorded.reading import Recording, list_instants, made_up_symbols, open_recordings
from thetaloom.marketdata.recorded.tape import Rows, Tape, load_tape
from thetaloom.marketdata.recorded.volatilities import SessionVolatilities, recorded_sessions
from thetaloom.marketdata.symbols import describe
from thetaloom.ports.clock import Clock
from thetaloom.ports.market_data import Bar, QuoteBatch, Underlying

if TYPE_CHECKING:
    import polars as pl

    Source = Path | str | pl.DataFrame

SOURCE = "recorded"
Key = tuple[str, int, int, bool]


class RecordedMarket:
    """Parquet files of recorded quotes as market data; each underlying is loaded when first asked for.

    In a file of changes a row stands until the contract's next one, and silence confirms it (see ``Tape``).
    In a file of snapshots each instant is complete, and what it leaves out is gone.
    """

    def __init__(
        self,
        recordings: Source | list[Source],
        clock: Clock,
        *,
        name: str = SOURCE,
        snapshots: bool | None = None,
        roots: Mapping[str, str] | None = None,
        bars: Mapping[str, Sequence[Bar]] | None = None,
        ivs: Mapping[str, Sequence[tuple[date, float]]] | None = None,
        events: EventTable | None = None,
        volatilities: SessionVolatilities | None = None,
    ) -> None:
        """Open ``recordings``; ``snapshots`` and ``roots`` as in ``load_tape``.

        ``bars`` and ``ivs`` are by symbol what is known of its sessions; ``volatilities`` works out from the
        recordings what ``ivs`` leaves open.
        """
        opened = open_recordings(recordings if isinstance(recordings, list) else [recordings])
        if not opened:
            raise InvalidInput("no recording was named")
        self.name = name
        self._clock = clock
        self._snapshots = snapshots
        self._roots = dict(roots or {})
        self._bars = {symbol: tuple(days) for symbol, days in (bars or {}).items()}
        self._ivs = {symbol: dict(days) for symbol, days in (ivs or {}).items()}
        self._events = events or EventTable()
        self._volatilities = volatilities
        self._recordings, self._instants = _index(opened)
        self._made_up = frozenset[str]().union(*map(made_up_symbols, opened))
        self.synthetic = bool(self._made_up)  # what a made-up market said stays made up when it is played again
        self._tapes: dict[str, Tape] = {}
        self._places: dict[str, dict[Key, int]] = {}
        self._watched: dict[str, tuple[list[OptionContract], Rows]] = {}
        self._reported: dict[str, Rows] = {}
        self._reported_spots: dict[str, Price] = {}

    @classmethod
    def from_paths(
        cls,
        paths: Iterable[Path | str],
        clock: Clock,
        *,
        snapshots: bool | None = None,
        roots: Mapping[str, str] | None = None,
        bars: Mapping[str, Sequence[Bar]] | None = None,
        ivs: Mapping[str, Sequence[tuple[date, float]]] | None = None,
        events: EventTable | None = None,
        volatilities: SessionVolatilities | None = None,
    ) -> RecordedMarket:
        """Open several files, or folders of them, as one market."""
        return cls(
            [*paths],
            clock,
            snapshots=snapshots,
            roots=roots,
            bars=bars,
            ivs=ivs,
            events=events,
            volatilities=volatilities,
        )

    def underlying(self, symbol: str) -> Underlying | None:
        """Return what is known of ``symbol``; ``None`` when no recording has it."""
        return describe(symbol) if symbol in self._recordings else None

    def symbols(self) -> Sequence[str]:
        """Return the recorded symbols in the order of the alphabet."""
        return tuple(sorted(self._recordings))

    def chain(self, underlying: str, at: datetime) -> OptionChain | None:
        """Return the chain as known at ``at`` or, when that lies ahead, now."""
        found = self._find(underlying, at)
        if found is None:
            return None
        tape, instant = found
        known = tape.known_rows(instant)
        listed = np.flatnonzero(known >= 0)
        rows = known[listed]
        return OptionChain(
            underlying=underlying,
            as_of=from_microseconds(tape.times[instant]),
            spot=exact_price(tape.spot(instant)),
            source=self.name,
            synthetic=underlying in self._made_up,
            root=tape.root[listed],
            expires_on=tape.expires_on[listed],
            strike=tape.strike[listed],
            is_call=tape.is_call[listed],
            bid=tape.price("bid", rows),
            ask=tape.price("ask", rows),
            bid_size=tape.count("bid_size", rows),
            ask_size=tape.count("ask_size", rows),
            volume=tape.volume(instant, rows),
            open_interest=tape.count("open_interest", rows),
            iv=tape.ratio("implied_vol", rows),
            delta=tape.ratio("delta", rows),
            quoted_at=tape.quoted_at(instant, rows),
        )

    def quotes(self, contracts: Iterable[OptionContract], at: datetime) -> Mapping[OptionContract, Quote]:
        """Return the quotes of those ``contracts`` that had a bid or an ask at ``at``."""
        quotes: dict[OptionContract, Quote] = {}
        for underlying, wanted in _by_underlying(contracts).items():
            found = self._find(underlying, at)
            if found is not None:
                tape, instant = found
                rows = _rows_at(tape.known_rows(instant), self._places_of(underlying, wanted))
                quotes |= {
                    contract: quote
                    for contract, quote in _quotes(tape, instant, wanted, rows)
                    if quote.bid is not None or quote.ask is not None
                }
        return quotes

    def spot(self, underlying: str, at: datetime) -> Price | None:
        """Return the price of the underlying; ``None`` when the recording does not tell."""
        found = self._find(underlying, at)
        return None if found is None else exact_price(found[0].spot(found[1]))

    def history(self, symbol: str, first: date, last: date) -> Sequence[Bar]:
        """Return those of the bars given at the start whose session lies wholly before the clock's date."""
        today = self._clock.now().date()
        return [bar for bar in self._bars.get(symbol, ()) if first <= bar.session_on <= last and bar.session_on < today]

    def intraday(self, symbol: str, minutes: int, count: int) -> Sequence[Bar]:
        """Return the last bars of the recorded prices; a few snapshots a day make none."""
        found = self._find(symbol, self._clock.now())
        return [] if found is None else recorded_bars(*found, minutes, count)

    def iv_history(self, symbol: str, first: date, last: date) -> Sequence[tuple[date, float]]:
        """Return the volatilities given at the start, and for other sessions those of their last recorded chain."""
        now = self._clock.now()
        today = now.date()
        known = {on: iv for on, iv in self._ivs.get(symbol, {}).items() if first <= on <= last and on < today}
        if self._volatilities is not None and symbol in self._recordings:
            tape = self._tape(symbol)
            open_ones = [on for on in recorded_sessions(tape, first, last) if on not in known]
            known |= self._volatilities.history(tape, symbol, self.chain, open_ones, now)
        return sorted(known.items())

    def corporate_events(self, symbol: str, first: date, last: date) -> Events | None:
        """Return what the files of events say; ``None`` when they say nothing of ``symbol``."""
        return self._events.events(symbol, first, last, now=self._clock.now(), source=self.name)

    def watch(self, contracts: Iterable[OptionContract]) -> None:
        """Replace the watched contracts; the next ``poll`` reports all of them."""
        watched = {
            underlying: (wanted, self._places_of(underlying, wanted))
            for underlying, wanted in _by_underlying(contracts).items()
            if underlying in self._recordings
        }
        self._watched, self._reported, self._reported_spots = watched, {}, {}

    def poll(self) -> QuoteBatch | None:
        """Return what the feed said of the watched contracts since the last poll.

        A quote without bid and ask says that both are gone. What is not in the batch stands, as of its instant.
        """
        now = self._clock.now()
        quotes: dict[OptionContract, Quote] = {}
        spots: dict[str, Price] = {}
        as_of = 0
        for underlying, (contracts, places) in self._watched.items():
            found = self._find(underlying, now)
            if found is None:
                continue
            tape, instant = found
            as_of = max(as_of, int(tape.times[instant]))
            rows = _rows_at(tape.known_rows(instant), places)
            reported = self._reported.get(underlying)
            changed = rows >= 0 if reported is None else (rows >= 0) & (rows != reported)
            some = np.flatnonzero(changed)
            quotes |= _quotes(tape, instant, [contracts[index] for index in some], rows[some])
            self._reported[underlying] = rows
            spot = exact_price(tape.spot(instant))
            if spot is not None and spot != self._reported_spots.get(underlying):
                spots[underlying] = self._reported_spots[underlying] = spot
        if not quotes and not spots:
            return None
        return QuoteBatch(as_of=from_microseconds(as_of), quotes=quotes, spots=spots)

    def on_change(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called when the clock passes a recorded instant, if the clock can call back."""
        wake_on_changes(self._clock, self.next_change, wake)

    def next_change(self, after: datetime) -> datetime | None:
        """Return the first recorded instant after ``after``; ``None`` when the recordings end."""
        place = bisect_right(self._instants, to_microseconds(after))
        return from_microseconds(self._instants[place]) if place < len(self._instants) else None

    def starts_at(self) -> datetime:
        """Return the first recorded instant."""
        return from_microseconds(self._instants[0])

    def ends_at(self, symbol: str) -> datetime | None:
        """Return the last recorded instant of ``symbol``; ``None`` when no recording has it."""
        return from_microseconds(self._tape(symbol).times[-1]) if symbol in self._recordings else None

    def _find(self, underlying: str, at: datetime) -> tuple[Tape, int] | None:
        if underlying not in self._recordings:
            return None
        tape = self._tape(underlying)
        instant = tape.instant_before(min(to_microseconds(at), to_microseconds(self._clock.now())))
        return (tape, instant) if instant >= 0 else None

    def _tape(self, underlying: str) -> Tape:
        if underlying not in self._tapes:
            self._tapes[underlying] = load_tape(
                self._recordings[underlying], underlying, snapshots=self._snapshots, roots=self._roots
            )
        return self._tapes[underlying]

    def _places_of(self, underlying: str, contracts: Sequence[OptionContract]) -> Rows:
        if underlying not in self._places:
            tape = self._tape(underlying)
            keys = zip(
                tape.root.tolist(), tape.expires_on.tolist(), tape.strike.tolist(), tape.is_call.tolist(), strict=True
            )
            self._places[underlying] = {key: place for place, key in enumerate(keys)}
        places = self._places[underlying]
        return np.array([places.get(_key(contract), -1) for contract in contracts], np.int32)


def _index(opened: Sequence[Recording]) -> tuple[dict[str, list[Recording]], list[int]]:
    by_underlying: dict[str, list[Recording]] = {}
    instants: set[int] = set()
    for recording in opened:
        found = list_instants(recording)
        instants.update(found["quote_time"].to_physical().to_list())
        for underlying in found["underlying"].unique(maintain_order=True):
            by_underlying.setdefault(underlying, []).append(recording)
    return by_underlying, sorted(instants)


def _by_underlying(contracts: Iterable[OptionContract]) -> dict[str, list[OptionContract]]:
    grouped: dict[str, list[OptionContract]] = {}
    for contract in contracts:
        grouped.setdefault(contract.underlying, []).append(contract)
    return grouped


def _key(contract: OptionContract) -> Key:
    return (
        contract.root,
        from_date(contract.expires_on),
        from_strike(contract.strike),
        contract.right is Right.CALL,
    )


def _rows_at(known: Rows, places: Rows) -> Rows:
    return np.where(places >= 0, known[places], np.int32(-1))


def _quotes(
    tape: Tape, instant: int, contracts: Sequence[OptionContract], rows: Rows
) -> list[tuple[OptionContract, Quote]]:
    listed = [(contract, row) for contract, row in zip(contracts, rows.tolist(), strict=True) if row >= 0]
    if not listed:
        return []
    those = np.array([row for _, row in listed], np.int32)
    columns = zip(
        tape.price("bid", those).tolist(),
        tape.price("ask", those).tolist(),
        tape.quoted_at(instant, those).tolist(),
        tape.count("bid_size", those).tolist(),
        tape.count("ask_size", those).tolist(),
        strict=True,
    )
    return [
        (
            contract,
            Quote(
                bid=exact_price(bid),
                ask=exact_price(ask),
                quoted_at=from_microseconds(quoted_at),
                bid_size=_whole(bid_size),
                ask_size=_whole(ask_size),
            ),
        )
        for (contract, _), (bid, ask, quoted_at, bid_size, ask_size) in zip(listed, columns, strict=True)
    ]


def _whole(number: float) -> int | None:
    return None if number != number else int(number)
