"""Which contracts are listed in a session, and when each stops trading and settles.

A contract once listed stays until it expires: the strikes of an expiration cover every close since its first
listing, so that a position never loses its quote because spot ran away.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from thetaloom.domain.market.chain import Floats, from_date, from_strike
from thetaloom.domain.values.calendar import TradingCalendar, TradingSession
from thetaloom.domain.values.instruments import OptionContract, Right, third_friday
from thetaloom.marketdata.instants import to_microseconds
from thetaloom.marketdata.synthetic.models import SESSIONS_PER_YEAR, SymbolModel
from thetaloom.marketdata.synthetic.paths import OVERNIGHT_SHARE, SymbolPath

DAILY_SESSIONS, WEEKLY_DAYS, MONTHLY_DAYS = 5, 63, 365
SMALL_STEP_DAYS = 63  # small steps between strikes are listed no earlier
LOOK_AHEAD = timedelta(days=MONTHLY_DAYS + 7)
Strikes = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """How far strikes reach around spot, as shares of it."""

    near: float  # in small steps
    wings: float  # in large ones


NEAR_LADDER = Ladder(near=0.06, wings=0.20)
MONTHLY_LADDER = Ladder(near=0.10, wings=0.45)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One listed expiration of one root."""

    root: str
    expires_on: date
    listed_from: date
    ladder: Ladder
    last_trading_us: int
    settles_us: int
    settles_elapsed: float  # years of the variance clock, see ``elapsed_years``


@dataclass(frozen=True, kw_only=True, eq=False)
class Listing:
    """The contracts of one underlying in one session, in the order of a chain."""

    series: tuple[Series, ...]
    series_of: NDArray[np.int32]  # by contract
    strike: Strikes  # thousandths
    is_call: NDArray[np.bool_]
    reference: float  # close of the session before; open interest gathers around it

    @cached_property
    def root(self) -> NDArray[np.str_]:
        """The root by contract."""
        return np.array([series.root for series in self.series])[self.series_of]

    @cached_property
    def expires_on(self) -> NDArray[np.int32]:
        """The expiration by contract."""
        return self.series_days[self.series_of].astype(np.int32)

    @cached_property
    def series_days(self) -> NDArray[np.int64]:
        """The expiration of each series, in days since 1970-01-01."""
        return np.array([from_date(series.expires_on) for series in self.series], np.int64)

    @cached_property
    def last_trading_us(self) -> NDArray[np.int64]:
        """When each series stops trading."""
        return np.array([series.last_trading_us for series in self.series], np.int64)

    @cached_property
    def settles_us(self) -> Floats:
        """When each series settles."""
        return np.array([series.settles_us for series in self.series], np.float64)

    @cached_property
    def settles_elapsed(self) -> Floats:
        """The same on the variance clock."""
        return np.array([series.settles_elapsed for series in self.series], np.float64)

    @cached_property
    def _strikes_by_series(self) -> dict[tuple[str, date], tuple[int, frozenset[int]]]:
        return {
            (series.root, series.expires_on): (place, frozenset(self.strike[self.series_of == place].tolist()))
            for place, series in enumerate(self.series)
        }

    def place(self, contract: OptionContract) -> int | None:
        """Return which series ``contract`` belongs to; ``None`` when it is not listed."""
        found = self._strikes_by_series.get((contract.root, contract.expires_on))
        if found is None or from_strike(contract.strike) not in found[1]:
            return None
        return found[0]


def elapsed_years(index: int, share: float) -> float:
    """Return the variance clock at ``share`` of the session at ``index``: a night counts for a part of a day."""
    return (index + OVERNIGHT_SHARE + (1 - OVERNIGHT_SHARE) * share) / SESSIONS_PER_YEAR


def list_contracts(
    model: SymbolModel, calendar: TradingCalendar, sessions: dict[date, int], path: SymbolPath, today: TradingSession
) -> Listing:
    """Return what is listed in the session ``today``; ``sessions`` gives the index on the path by date."""
    index = sessions[today.session_on]
    closes = path.closes(0, index) or [model.start_spot]
    listed = _list_series(model, calendar, sessions, today.session_on)
    ladders = [_strikes(model, series, closes, sessions, today.session_on) for series in listed]
    strike = np.concatenate([np.repeat(strikes, 2) for strikes in ladders])
    series_of = np.repeat(np.arange(len(listed), dtype=np.int32), [2 * len(strikes) for strikes in ladders])
    is_call = np.tile([True, False], len(strike) // 2)
    days = np.array([from_date(series.expires_on) for series in listed])[series_of]
    # Series are sorted by root within an expiration, and so is their place.
    order = np.lexsort((series_of, ~is_call, strike, days))
    return Listing(
        series=listed,
        series_of=series_of[order],
        strike=strike[order],
        is_call=is_call[order],
        reference=closes[-1],
    )


def _list_series(
    model: SymbolModel, calendar: TradingCalendar, sessions: dict[date, int], today: date
) -> tuple[Series, ...]:
    found: dict[tuple[date, str], Series] = {}

    def add(expires_on: date, root: str, ladder: Ladder, listed_from: date) -> None:
        if expires_on >= today and (expires_on, root) not in found:
            found[expires_on, root] = _series(calendar, sessions, expires_on, root, ladder, listed_from)

    for months in range(MONTHLY_DAYS // 28 + 1):
        year, month = divmod(today.year * 12 + today.month - 1 + months, 12)
        monthly = _session_at_or_before(calendar, third_friday(year, month + 1))
        if (monthly - today).days <= MONTHLY_DAYS:
            add(monthly, model.root, MONTHLY_LADDER, monthly - timedelta(days=MONTHLY_DAYS))
    friday = today + timedelta(days=(4 - today.weekday()) % 7)
    for weeks in range(WEEKLY_DAYS // 7 + 1):
        weekly = _session_at_or_before(calendar, friday + timedelta(weeks=weeks))
        if (weekly - today).days <= WEEKLY_DAYS:
            add(weekly, model.weekly_root, NEAR_LADDER, weekly - timedelta(days=WEEKLY_DAYS))
    if model.daily_expirations:
        days = calendar.sessions_between(today, today + timedelta(days=14))[: DAILY_SESSIONS + 1]
        for session in days:
            # Listed at most two weeks ahead, whatever holidays fall in between.
            add(session.session_on, model.weekly_root, NEAR_LADDER, session.session_on - timedelta(days=14))
    return tuple(found[key] for key in sorted(found))


def _series(
    calendar: TradingCalendar, sessions: dict[date, int], expires_on: date, root: str, ladder: Ladder, listed_from: date
) -> Series:
    contract = OptionContract(root=root, expires_on=expires_on, right=Right.CALL, strike=Decimal(1))
    settles_at = calendar.settles_at(contract)
    at_close = settles_at == calendar.sessions_between(expires_on, expires_on)[0].close_at
    return Series(
        root=root,
        expires_on=expires_on,
        listed_from=listed_from,
        ladder=ladder,
        last_trading_us=to_microseconds(calendar.last_trading_at(contract)),
        settles_us=to_microseconds(settles_at),
        settles_elapsed=elapsed_years(sessions[expires_on], 1.0 if at_close else 0.0),
    )


def _session_at_or_before(calendar: TradingCalendar, day: date) -> date:
    return day if calendar.session_on(day) else calendar.previous_session(day).session_on


def _strikes(
    model: SymbolModel, series: Series, closes: list[float], sessions: dict[date, int], today: date
) -> Strikes:
    low, high = _range_since(closes, sessions, series.listed_from)
    strikes = _ladder(low * (1 - series.ladder.wings), high * (1 + series.ladder.wings), model.wing_step)
    dense_from = max(series.expires_on - timedelta(days=SMALL_STEP_DAYS), series.listed_from)
    if today >= dense_from:
        low, high = _range_since(closes, sessions, dense_from)
        near = _ladder(low * (1 - series.ladder.near), high * (1 + series.ladder.near), model.strike_step)
        strikes = np.union1d(strikes, near)
    return strikes


def _range_since(closes: list[float], sessions: dict[date, int], day: date) -> tuple[float, float]:
    # From the last close before ``day`` on; the path's beginning where it was listed earlier.
    ahead = (sessions.get(day + timedelta(days=days)) for days in range(10))
    first = next((index for index in ahead if index is not None), 0)
    known = closes[max(min(first, len(closes)) - 1, 0) :]
    return min(known), max(known)


def _ladder(low: float, high: float, step: int) -> Strikes:
    first, last = max(round(low * 1000) // step, 1), -(round(high * 1000) // -step)
    return np.arange(first, last + 1, dtype=np.int64) * step
