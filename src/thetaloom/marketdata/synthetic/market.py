"""The made-up options world as a source of market data, on any clock."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from thetaloom.domain.market.chain import STRIKE_SCALE, Floats, OptionChain, from_date, from_strike
from thetaloom.domain.market.events import Events
from thetaloom.domain.market.quotes import Quote
from thetaloom.domain.values.calendar import TradingCalendar, TradingSession
from thetaloom.domain.values.instruments import OptionContract, Right
from thetaloom.domain.values.money import Price
from thetaloom.errors import InvalidInput
from thetaloom.marketdata.clocks import checked
from thetaloom.marketdata.instants import to_microseconds, wake_on_changes
from thetaloom.marketdata.prices import exact_price
from thetaloom.marketdata.symbols import describe
from thetaloom.marketdata.synthetic.facts import CloseVolatilities, intraday_bars, made_up_events
from thetaloom.marketdata.synthetic.listings import LOOK_AHEAD, Listing, elapsed_years, list_contracts
from thetaloom.marketdata.synthetic.models import MODELS, SymbolModel
from thetaloom.marketdata.synthetic.paths import SymbolPath
from thetaloom.ports.clock import Clock
from thetaloom.ports.market_data import Bar, QuoteBatch, Underlying

SOURCE = "synthetic"
SEED_LIMIT = 2**62
SESSIONS_BEFORE = 260  # of history at the start
YEAR_US = 365 * 86_400_000_000
MINUTE = timedelta(minutes=1)
FIRST_CLOCK_DELAY = timedelta(minutes=30)  # the clock starts at 10:00, when spreads have calmed
LISTINGS_KEPT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One instant of the grid on which quotes change: ``minute`` of the session at ``index`` of the path."""

    index: int
    minute: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Selection:
    """Contracts to be quoted, as columns for the kernel."""

    strikes: Floats  # dollars
    is_call: NDArray[np.bool_]
    series_of: NDArray[np.int32]


class SyntheticMarket:
    """Spot paths, listings and surfaces that follow from ``seed`` and ``start_on`` alone.

    Outside of sessions everything stands as at the last close. Quotes change every ``minutes_per_change``
    minutes of a session and at its close, whichever of them are asked for.
    """

    name = SOURCE
    synthetic = True

    def __init__(
        self,
        seed: int,
        start_on: date,
        calendar: TradingCalendar,
        clock: Clock,
        minutes_per_change: int = 1,
        symbols: Iterable[str] = tuple(MODELS),
    ) -> None:
        wanted = tuple(symbols)
        _check(seed, minutes_per_change, wanted)
        self._seed = seed
        self._calendar = calendar
        self._clock = clock
        self._step = minutes_per_change
        first = bisect_left([session.session_on for session in calendar.sessions], start_on)
        begin = max(first - SESSIONS_BEFORE, 0)
        self._first = first - begin
        # As far as the calendar can date what is listed.
        end_on = calendar.last_on - LOOK_AHEAD
        self._sessions = calendar.sessions[begin:]
        self._end = bisect_right([session.session_on for session in self._sessions], end_on)
        if start_on < calendar.first_on or self._first >= self._end:
            raise InvalidInput(
                f"start {start_on} is not within {calendar.first_on} to {end_on}", details={"field": "start_on"}
            )
        self._opens = [session.open_at for session in self._sessions[: self._end]]
        self._index_of = {session.session_on: index for index, session in enumerate(self._sessions)}
        self._paths = {symbol: SymbolPath(MODELS[symbol], seed, self._sessions, self._first) for symbol in wanted}
        self._volatilities = {
            symbol: CloseVolatilities(MODELS[symbol], path, self._sessions) for symbol, path in self._paths.items()
        }
        self._listings: dict[tuple[str, int], Listing] = {}
        self._watched: dict[str, list[OptionContract]] = {}
        self._prepared: dict[str, tuple[int, list[OptionContract], Selection]] = {}
        self._reported: dict[OptionContract, tuple[float, ...]] = {}
        self._reported_spots: dict[str, Price] = {}

    def underlying(self, symbol: str) -> Underlying | None:
        """Return what is known of ``symbol``; ``None`` when this world has none of that name."""
        return describe(symbol) if symbol in self._paths else None

    def symbols(self) -> Sequence[str]:
        """Return the symbols of this world in the order of the alphabet."""
        return tuple(sorted(self._paths))

    def chain(self, underlying: str, at: datetime) -> OptionChain | None:
        """Return the chain at the newest instant of the grid up to ``at`` or, when that lies ahead, now."""
        moment = self._moment(at)
        if moment is None or underlying not in self._paths:
            return None
        listing = self._listing(underlying, moment.index)
        alive = (listing.last_trading_us > to_microseconds(moment.at))[listing.series_of]
        selection = Selection(
            strikes=listing.strike[alive] / STRIKE_SCALE,
            is_call=listing.is_call[alive],
            series_of=listing.series_of[alive],
        )
        table = self._quote(underlying, listing, selection, moment)
        return OptionChain(
            underlying=underlying,
            as_of=moment.at,
            spot=exact_price(self._spot(underlying, moment)),
            source=SOURCE,
            synthetic=True,
            root=listing.root[alive],
            expires_on=listing.expires_on[alive],
            strike=listing.strike[alive],
            is_call=selection.is_call,
            quoted_at=np.full(len(selection.strikes), to_microseconds(moment.at), np.int64),
            **_columns(table),
        )

    def quotes(self, contracts: Iterable[OptionContract], at: datetime) -> Mapping[OptionContract, Quote]:
        """Return the quotes of those ``contracts`` that are listed and still trade at ``at``."""
        moment = self._moment(at)
        if moment is None:
            return {}
        quotes: dict[OptionContract, Quote] = {}
        for underlying, wanted in self._grouped(contracts).items():
            listed, selection = self._select(underlying, wanted, moment.index)
            quotes |= {
                contract: _quote(row, moment.at) for contract, row in self._rows(underlying, listed, selection, moment)
            }
        return quotes

    def spot(self, underlying: str, at: datetime) -> Price | None:
        """Return the price of the underlying."""
        moment = self._moment(at)
        if moment is None or underlying not in self._paths:
            return None
        return exact_price(self._spot(underlying, moment))

    def history(self, symbol: str, first: date, last: date) -> Sequence[Bar]:
        """Return the daily bars up to the last close, from about a year before the start on."""
        path = self._paths.get(symbol)
        return [] if path is None else [path.day(index).bar for index in self._closed(first, last)]

    def intraday(self, symbol: str, minutes: int, count: int) -> Sequence[Bar]:
        """Return the last bars of the path, made of its minutes."""
        path, moment = self._paths.get(symbol), self._moment(self._clock.now())
        if path is None or moment is None:
            return []
        return intraday_bars(path, self._sessions, moment.index, moment.minute, minutes, count)

    def iv_history(self, symbol: str, first: date, last: date) -> Sequence[tuple[date, float]]:
        """Return the volatility that the surface of this world had at each close up to the last one."""
        known = self._volatilities.get(symbol)
        if known is None:
            return []
        return [(self._sessions[index].session_on, known.at(index)) for index in self._closed(first, last)]

    def corporate_events(self, symbol: str, first: date, last: date) -> Events | None:
        """Return the earnings made up for the stocks of this world, where nothing pays a dividend."""
        if symbol not in self._paths:
            return None
        now = self._clock.now()
        return made_up_events(MODELS[symbol], self._seed, self._sessions, now, first, last)

    def watch(self, contracts: Iterable[OptionContract]) -> None:
        """Replace the watched contracts; the next ``poll`` reports all of them."""
        self._watched = self._grouped(contracts)
        self._prepared, self._reported, self._reported_spots = {}, {}, {}

    def poll(self) -> QuoteBatch | None:
        """Return what changed among the watched contracts; what is not in the batch stands, as of its instant."""
        moment = self._moment(self._clock.now())
        if moment is None:
            return None
        quotes: dict[OptionContract, Quote] = {}
        spots: dict[str, Price] = {}
        for underlying, watched in self._watched.items():
            prepared = self._prepared.get(underlying)
            if prepared is None or prepared[0] != moment.index:
                prepared = (moment.index, *self._select(underlying, watched, moment.index))
                self._prepared[underlying] = prepared
            for contract, row in self._rows(underlying, prepared[1], prepared[2], moment):
                if self._reported.get(contract) != row:
                    self._reported[contract] = row
                    quotes[contract] = _quote(row, moment.at)
            spot = exact_price(self._spot(underlying, moment))
            if spot is not None and spot != self._reported_spots.get(underlying):
                spots[underlying] = self._reported_spots[underlying] = spot
        return QuoteBatch(as_of=moment.at, quotes=quotes, spots=spots) if quotes or spots else None

    def on_change(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called when the clock passes an instant of the grid, if the clock can call back."""
        wake_on_changes(self._clock, self.next_change, wake)

    def next_change(self, after: datetime) -> datetime | None:
        """Return the first instant of the grid after ``after``; ``None`` when the calendar ends."""
        after = checked(after)
        index = bisect_right(self._opens, after) - 1
        if index >= self._first:
            session = self._sessions[index]
            if after < session.close_at:
                steps = (after - session.open_at) // (self._step * MINUTE) + 1
                return min(session.open_at + steps * self._step * MINUTE, session.close_at)
        index = max(index + 1, self._first)
        return self._opens[index] if index < self._end else None

    def starts_at(self) -> datetime:
        """Return half an hour after the first open."""
        return self._opens[self._first] + FIRST_CLOCK_DELAY

    def _closed(self, first: date, last: date) -> range:
        now = self._clock.now()
        begin = bisect_left(self._sessions, first, key=_session_on)
        end = min(bisect_right(self._sessions, last, key=_session_on), bisect_right(self._sessions, now, key=_close_at))
        return range(begin, min(end, self._end))

    def _moment(self, at: datetime) -> Moment | None:
        at = min(checked(at), self._clock.now())
        index = bisect_right(self._opens, at) - 1
        if index < self._first:
            return None
        session = self._sessions[index]
        if at >= session.close_at:
            return Moment(index=index, minute=_minutes(session), at=session.close_at)
        minute = (at - session.open_at) // (self._step * MINUTE) * self._step
        return Moment(index=index, minute=minute, at=session.open_at + minute * MINUTE)

    def _spot(self, underlying: str, moment: Moment) -> float:
        return float(self._paths[underlying].day(moment.index).spots[moment.minute])

    def _listing(self, underlying: str, index: int) -> Listing:
        key = (underlying, index)
        listing = self._listings.get(key)
        if listing is None:
            listing = list_contracts(
                MODELS[underlying], self._calendar, self._index_of, self._paths[underlying], self._sessions[index]
            )
            older = [other for other in self._listings if other[0] == underlying]
            for other in older[: 1 - LISTINGS_KEPT]:
                self._listings.pop(other, None)
            self._listings[key] = listing
        return listing

    def _grouped(self, contracts: Iterable[OptionContract]) -> dict[str, list[OptionContract]]:
        grouped: dict[str, list[OptionContract]] = {}
        for contract in contracts:
            if contract.underlying in self._paths:
                grouped.setdefault(contract.underlying, []).append(contract)
        return grouped

    def _select(
        self, underlying: str, contracts: Sequence[OptionContract], index: int
    ) -> tuple[list[OptionContract], Selection]:
        listing = self._listing(underlying, index)
        found = [(contract, place) for contract in contracts if (place := listing.place(contract)) is not None]
        return [contract for contract, _ in found], Selection(
            strikes=np.array([from_strike(contract.strike) for contract, _ in found]) / STRIKE_SCALE,
            is_call=np.array([contract.right is Right.CALL for contract, _ in found], np.bool_),
            series_of=np.array([place for _, place in found], np.int32),
        )

    def _rows(
        self, underlying: str, contracts: Sequence[OptionContract], selection: Selection, moment: Moment
    ) -> list[tuple[OptionContract, tuple[float, ...]]]:
        # The same kernel as for the chain, over these contracts alone: bid, ask and their sizes.
        from thetaloom.marketdata.synthetic.surface import ASK, ASK_SIZE, BID, BID_SIZE

        if not contracts:
            return []
        listing = self._listing(underlying, moment.index)
        table = self._quote(underlying, listing, selection, moment)
        alive = (listing.last_trading_us > to_microseconds(moment.at))[selection.series_of].tolist()
        rows = zip(*(table[column].tolist() for column in (BID, ASK, BID_SIZE, ASK_SIZE)), strict=True)
        return [(contract, row) for contract, row, trades in zip(contracts, rows, alive, strict=True) if trades]

    def _quote(self, underlying: str, listing: Listing, selection: Selection, moment: Moment) -> Floats:
        # numba takes a second to import.
        from thetaloom.marketdata.synthetic.surface import COLUMNS, fill_quotes

        model = MODELS[underlying]
        day = self._paths[underlying].day(moment.index)
        minutes = len(day.spots) - 1
        variance = float(day.variances[moment.minute])
        ahead = listing.settles_elapsed - elapsed_years(moment.index, moment.minute / minutes)
        table = np.empty((COLUMNS, len(selection.strikes)))
        fill_quotes(
            selection.strikes,
            selection.is_call,
            selection.series_of,
            listing.series_days,
            (listing.settles_us - to_microseconds(moment.at)) / YEAR_US,
            model.expected_variances(variance, ahead),
            _scalars(model, listing.reference, float(day.spots[moment.minute]), variance, moment.minute, minutes),
            self._seed + model.key,
            from_date(self._sessions[moment.index].session_on),
            moment.minute,
            table,
        )
        return table


def _check(seed: int, minutes_per_change: int, symbols: Sequence[str]) -> None:
    if not 0 <= seed < SEED_LIMIT:
        raise InvalidInput(f"seed {seed} is not from 0 up to 2^62", details={"field": "seed"})
    if minutes_per_change < 1:
        raise InvalidInput(
            f"{minutes_per_change} minutes per change are not at least 1", details={"field": "minutes_per_change"}
        )
    unknown = [symbol for symbol in symbols if symbol not in MODELS]
    if unknown or not symbols:
        raise InvalidInput(
            f"symbols {unknown} are not among {', '.join(MODELS)}" if unknown else "no symbol was named",
            details={"field": "symbols"},
        )


def _scalars(
    model: SymbolModel, reference: float, spot: float, variance: float, minute: int, minutes: int
) -> tuple[float, ...]:
    unrest = min(max(math.sqrt(variance) / model.iv, 0.8), 4.0)
    return (
        spot,
        reference,
        model.rate,
        model.dividend_yield,
        model.surface.rho,
        model.surface.eta,
        model.surface.gamma,
        model.tick_low,
        model.tick_high,
        model.width_base,
        model.width_factor,
        unrest * (1 + 1.5 * math.exp(-minute / 10)),  # wide at the open
        model.contracts_per_day,
        minute / minutes,
    )


def _columns(table: Floats) -> dict[str, Floats]:
    from thetaloom.marketdata.synthetic import surface

    return {
        "bid": table[surface.BID],
        "ask": table[surface.ASK],
        "bid_size": table[surface.BID_SIZE],
        "ask_size": table[surface.ASK_SIZE],
        "volume": table[surface.VOLUME],
        "open_interest": table[surface.OPEN_INTEREST],
        "iv": table[surface.IV],
        "delta": table[surface.DELTA],
    }


def _quote(row: tuple[float, ...], at: datetime) -> Quote:
    bid, ask, bid_size, ask_size = row
    return Quote(
        bid=exact_price(bid),
        ask=exact_price(ask),
        quoted_at=at,
        bid_size=int(bid_size),
        ask_size=int(ask_size),
    )


def _minutes(session: TradingSession) -> int:
    return (session.close_at - session.open_at) // MINUTE


def _session_on(session: TradingSession) -> date:
    return session.session_on


def _close_at(session: TradingSession) -> datetime:
    return session.close_at
