"""A small market by chance: random walks, options at Black and Scholes, and feeds that fail at times.

What the exchange trades at is always true; what the platform is shown may be stale, crossed or missing.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np

from thetaloom.domain.market.chain import ARRAY_TYPES, OptionChain, from_date, from_strike
from thetaloom.domain.market.events import Events
from thetaloom.domain.market.quotes import Quote, price_from_float
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.instruments import OptionContract, Right
from thetaloom.domain.values.money import Price
from thetaloom.errors import MarketDataUnavailable
from thetaloom.maths.black_scholes import chain_greeks
from thetaloom.ports.clock import Clock
from thetaloom.ports.market_data import Bar, QuoteBatch, Underlying
from thetaloom.testing.simulation.chances import Chances
from thetaloom.testing.simulation.faults import Fault

MINUTES_PER_YEAR = 252 * 390
RATE = 0.04
SIDES_MAX = 64  # pictures of the market that are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An underlying with its options: strikes around its first price, on some expirations."""

    symbol: str
    spot: float
    step: int  # dollars between strikes
    strikes_each_side: int
    iv: float
    half_width: float  # of a quote, as a share of the mid, never less than a cent


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """A time in which something is wrong."""

    fault: Fault
    starts_at: datetime
    ends_at: datetime

    def covers(self, at: datetime) -> bool:
        """Say whether the spell is on."""
        return self.starts_at <= at < self.ends_at


@dataclass(frozen=True, slots=True)
class _Sides:
    bid: np.ndarray
    ask: np.ndarray
    delta: np.ndarray


@dataclass(frozen=True, slots=True)
class _List:
    """The contracts of one underlying as columns."""

    strikes: np.ndarray
    calls: np.ndarray
    expirations: np.ndarray  # the place of each one's expiration
    firsts: tuple[int, ...]  # the place of a contract of each expiration

    @classmethod
    def of(cls, contracts: Sequence[OptionContract]) -> "_List":
        dates = [one.expires_on for one in contracts]
        known = sorted(set(dates))
        return cls(
            strikes=np.array([float(one.strike) for one in contracts]),
            calls=np.array([one.right is Right.CALL for one in contracts]),
            expirations=np.array([known.index(on) for on in dates]),
            firsts=tuple(dates.index(on) for on in known),
        )


class SimulatedMarket:
    """Implements ``ports.market_data.ReplayedMarket``; ``fair`` is for the exchange alone."""

    name = "simulated"
    synthetic = True

    def __init__(
        self,
        clock: Clock,
        calendar: TradingCalendar,
        chances: Chances,
        listed: Sequence[Listed],
        *,
        first_on: date,
        sessions: int,
        minutes: int,
        expirations: Sequence[date],
        turbulence: float = 1.0,
    ) -> None:
        self._clock, self._calendar = clock, calendar
        self._listed = {one.symbol: one for one in listed}
        self.instants = _instants(calendar, first_on, sessions, minutes)
        self._paths = {one.symbol: _path(chances, one, len(self.instants), minutes, turbulence) for one in listed}
        self._contracts = {one.symbol: _contracts(one, expirations) for one in listed}
        self._lists = {symbol: _List.of(contracts) for symbol, contracts in self._contracts.items()}
        self._places = {
            contract: (symbol, place)
            for symbol, contracts in self._contracts.items()
            for place, contract in enumerate(contracts)
        }
        self._sides: dict[tuple[str, int], _Sides] = {}
        self.spells: tuple[Spell, ...] = ()
        self.watched: frozenset[OptionContract] = frozenset()
        self._polled = -1

    def underlying(self, symbol: str) -> Underlying | None:
        """Return the symbol when it is listed."""
        return Underlying(symbol=symbol, name=symbol, kind="etf") if symbol in self._listed else None

    def symbols(self) -> Sequence[str]:
        """Return the listed underlyings."""
        return sorted(self._listed)

    def chain(self, underlying: str, at: datetime) -> OptionChain | None:
        """Return all contracts of an underlying."""
        place = self._shown_place(at)
        if underlying not in self._listed or place < 0:
            return None
        contracts, sides = self._contracts[underlying], self._shown(underlying, place)
        arrays = _columns(contracts, sides, self._quoted_at(at))
        spot = self.spot(underlying, at)
        return OptionChain(underlying=underlying, as_of=at, spot=spot, source=self.name, synthetic=True, **arrays)

    def quotes(self, contracts: Iterable[OptionContract], at: datetime) -> Mapping[OptionContract, Quote]:
        """Return the quotes as the feed shows them."""
        place, quoted_at = self._shown_place(at), self._quoted_at(at)
        found = {}
        for contract in contracts:
            known = self._places.get(contract)
            if known is None or place < 0:
                continue
            sides = self._shown(known[0], place)
            found[contract] = _quote(sides, known[1], quoted_at)
        return found

    def fair(self, contracts: Iterable[OptionContract], at: datetime) -> dict[OptionContract, Quote]:
        """Return the quotes as they truly are."""
        place = self._place(at)
        keys = {contract: self._places[contract] for contract in contracts}
        return {contract: _quote(self._true(key[0], place), key[1], at) for contract, key in keys.items()}

    def contracts(self, underlying: str) -> Sequence[OptionContract]:
        """Return what is listed on an underlying."""
        return self._contracts[underlying]

    def true_spot(self, underlying: str, at: datetime) -> Price:
        """Return the price of an underlying as it truly was."""
        return _cents(self._paths[underlying][self._place(at)])

    def spot(self, underlying: str, at: datetime) -> Price | None:
        """Return the price of an underlying."""
        place = self._shown_place(min(at, self._clock.now()))
        return None if underlying not in self._listed or place < 0 else _cents(self._paths[underlying][place])

    def history(self, symbol: str, first: date, last: date) -> Sequence[Bar]:
        """Return nothing: no strategy here looks at bars."""
        return ()

    def intraday(self, symbol: str, minutes: int, count: int) -> Sequence[Bar]:
        """Return nothing: no strategy here looks at bars."""
        return ()

    def iv_history(self, symbol: str, first: date, last: date) -> Sequence[tuple[date, float]]:
        """Return nothing: no strategy here looks at past volatility."""
        return ()

    def corporate_events(self, symbol: str, first: date, last: date) -> Events | None:
        """Return that nothing is known."""
        return None

    def watch(self, contracts: Iterable[OptionContract]) -> None:
        """Replace the set of contracts whose changes ``poll`` reports."""
        self.watched = frozenset(contracts)
        self._polled = -1

    def poll(self) -> QuoteBatch | None:
        """Return the watched quotes when the market has moved since the last poll."""
        now = self._clock.now()
        place = self._shown_place(now)
        if place == self._polled or not self.watched:
            return None
        self._polled = place
        ordered = sorted(self.watched, key=lambda contract: contract.occ_symbol)
        spots = {symbol: self.spot(symbol, now) for symbol in sorted({one.underlying for one in ordered})}
        known = {symbol: spot for symbol, spot in spots.items() if spot is not None}
        return QuoteBatch(as_of=now, quotes=self.quotes(ordered, now), spots=known)

    def on_change(self, wake: Callable[[], None]) -> None:
        """Do nothing: who moves the clock looks."""

    def next_change(self, after: datetime) -> datetime | None:
        """Return the instant of the next move."""
        place = bisect_right(self.instants, after)
        return self.instants[place] if place < len(self.instants) else None

    def starts_at(self) -> datetime:
        """Return the instant of the first quote."""
        return self.instants[0]

    def _is(self, fault: Fault, at: datetime) -> Spell | None:
        return next((spell for spell in self.spells if spell.fault is fault and spell.covers(at)), None)

    def _place(self, at: datetime) -> int:
        return bisect_right(self.instants, at) - 1

    def _shown_place(self, at: datetime) -> int:
        now = self._clock.now()
        if self._is(Fault.MARKET_IS_AWAY, now) is not None:
            raise MarketDataUnavailable("the simulated market is away")
        stale = self._is(Fault.QUOTES_ARE_STALE, now)
        return self._place(at if stale is None else min(at, stale.starts_at))

    def _quoted_at(self, at: datetime) -> datetime:
        stale = self._is(Fault.QUOTES_ARE_STALE, self._clock.now())
        known = at if stale is None else min(at, stale.starts_at)
        # A quote counts as confirmed until the close of its trading session.
        return known if self._calendar.is_open(known) else self.instants[max(self._place(known), 0)]

    def _shown(self, symbol: str, place: int) -> _Sides:
        sides, now = self._true(symbol, place), self._clock.now()
        if self._is(Fault.QUOTES_ARE_CROSSED, now) is not None:
            return replace(sides, bid=sides.ask, ask=sides.bid)
        if self._is(Fault.QUOTES_ARE_STUBS, now) is not None:
            return replace(sides, bid=np.zeros_like(sides.bid), ask=np.round(sides.ask * 3 + 5, 2))
        return sides

    def _true(self, symbol: str, place: int) -> _Sides:
        key = (symbol, place)
        if key not in self._sides:
            if len(self._sides) >= SIDES_MAX:
                del self._sides[next(iter(self._sides))]
            self._sides[key] = self._price(self._listed[symbol], place)
        return self._sides[key]

    def _price(self, listed: Listed, place: int) -> _Sides:
        at, contracts = self.instants[place], self._contracts[listed.symbol]
        spot = float(_cents(self._paths[listed.symbol][place]))
        listing = self._lists[listed.symbol]
        each = [max(self._calendar.year_fraction(at, contracts[first]), 1e-6) for first in listing.firsts]
        years = np.array(each)[listing.expirations]
        greeks = chain_greeks(spot, listing.strikes, years, listing.calls, listed.iv, RATE, 0.0)
        half = np.maximum(greeks.price * listed.half_width, 0.01)
        bid = np.maximum(np.round(greeks.price - half, 2), 0.0)
        return _Sides(bid=bid, ask=np.maximum(np.round(greeks.price + half, 2), bid + 0.01), delta=greeks.delta)


def _instants(calendar: TradingCalendar, first_on: date, sessions: int, minutes: int) -> list[datetime]:
    found, session = [], calendar.session_on(first_on) or calendar.next_session(first_on)
    for _ in range(sessions):
        at = session.open_at
        while at <= session.close_at:
            found.append(at)
            at += timedelta(minutes=minutes)
        session = calendar.next_session(session.session_on)
    return found


def _path(chances: Chances, listed: Listed, count: int, minutes: int, turbulence: float) -> np.ndarray:
    deviation = listed.iv * turbulence * np.sqrt(minutes / MINUTES_PER_YEAR)
    moves = chances.numbers.normal(0.0, deviation, count)
    leaps = chances.numbers.random(count) < 0.01 * turbulence
    moves = np.where(leaps, moves * 8, moves)
    return listed.spot * np.exp(np.cumsum(moves))


def _contracts(listed: Listed, expirations: Sequence[date]) -> list[OptionContract]:
    middle = round(listed.spot / listed.step) * listed.step
    reach = range(-listed.strikes_each_side, listed.strikes_each_side + 1)
    return [
        OptionContract(root=listed.symbol, expires_on=on, right=right, strike=Decimal(middle + number * listed.step))
        for on in sorted(expirations)
        for number in reach
        for right in (Right.CALL, Right.PUT)
    ]


def _columns(contracts: Sequence[OptionContract], sides: _Sides, quoted_at: datetime) -> dict[str, np.ndarray]:
    count = len(contracts)
    unknown = np.full(count, np.nan)
    hundred = np.full(count, 100.0)
    known: dict[str, object] = {
        "root": [one.root for one in contracts],
        "expires_on": [from_date(one.expires_on) for one in contracts],
        "strike": [from_strike(one.strike) for one in contracts],
        "is_call": [one.right is Right.CALL for one in contracts],
        "bid": sides.bid.copy(),
        "ask": sides.ask.copy(),
        "bid_size": hundred,
        "ask_size": hundred.copy(),
        "volume": np.full(count, 1000.0),
        "open_interest": np.full(count, 5000.0),
        "iv": unknown,
        "delta": sides.delta.copy(),
        "quoted_at": np.full(count, round(quoted_at.timestamp() * 1_000_000)),
    }
    return {name: np.asarray(known[name], dtype=kind) for name, kind in ARRAY_TYPES.items()}


def _quote(sides: _Sides, place: int, quoted_at: datetime) -> Quote:
    return Quote(
        bid=price_from_float(float(sides.bid[place])),
        ask=price_from_float(float(sides.ask[place])),
        quoted_at=quoted_at,
        bid_size=100,
        ask_size=100,
    )


def _cents(price: float) -> Price:
    return Price(f"{price:.2f}")
