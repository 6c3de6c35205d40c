"""What a made-up world knows of its own past and future: volatility at each close, and when its stocks report."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import date, datetime, timedelta

import numpy as np

from thetaloom.domain.market.bars import Bar
from thetaloom.domain.market.events import DAYS_MAX, EventKind, Events
from thetaloom.domain.values.calendar import YEAR, TradingSession
from thetaloom.marketdata.event_files import NOT_APPLICABLE
from thetaloom.marketdata.intraday import bars_of_session, latest_bars
from thetaloom.marketdata.symbols import describe
from thetaloom.marketdata.synthetic.listings import elapsed_years
from thetaloom.marketdata.synthetic.models import SymbolModel
from thetaloom.marketdata.synthetic.paths import SymbolPath

LIFE = timedelta(days=30)
WEEK = timedelta(weeks=1)
FLOAT_PLACES = 10
EARNINGS_MONTHS = (1, 4, 7, 10)
EARNINGS_FIRST_DAY, EARNINGS_DAYS = 18, 12  # of the month; who reports when is drawn among these days


class CloseVolatilities:
    """The volatility at each close of one path, worked out once."""

    def __init__(self, model: SymbolModel, path: SymbolPath, sessions: Sequence[TradingSession]) -> None:
        """Take the path; it grows only as far as it is asked for."""
        self._model, self._path, self._sessions = model, path, sessions
        self._known: dict[int, float] = {}

    def at(self, index: int) -> float:
        """Return the volatility at the close of the session at ``index``."""
        if index not in self._known:
            self._known[index] = volatility_at_close(self._model, self._path, self._sessions, index)
        return self._known[index]


def volatility_at_close(model: SymbolModel, path: SymbolPath, sessions: Sequence[TradingSession], index: int) -> float:
    """Return the at-the-money volatility for 30 days at the close of the session at ``index``.

    Total variance is that of the surface at the weekly expirations on either side of the 30th day, and in a
    straight line between, as it is read from a chain.
    """
    closed_at = sessions[index].close_at
    target_on = sessions[index].session_on + LIFE
    friday = target_on + timedelta(days=(4 - target_on.weekday()) % 7)
    expirations = [bisect_right(sessions, friday + weeks * WEEK, key=_session_on) - 1 for weeks in (-1, 0, 1)]
    thetas = model.expected_variances(
        float(path.day(index).variances[-1]),
        np.array([elapsed_years(at, 1.0) - elapsed_years(index, 1.0) for at in expirations]),
    )
    years = [(sessions[at].close_at - closed_at) / YEAR for at in expirations]
    target = LIFE / YEAR
    return round(float(np.sqrt(np.interp(target, years, thetas) / target)), FLOAT_PLACES)


def intraday_bars(
    path: SymbolPath, sessions: Sequence[TradingSession], index: int, minute: int, minutes: int, count: int
) -> list[Bar]:
    """Return the last ``count`` bars of ``minutes`` that are complete at ``minute`` of the session at ``index``."""
    found: list[list[Bar]] = []
    while index >= 0 and sum(map(len, found)) < count:
        spots = path.day(index).spots
        known = spots if found or minute >= len(spots) else spots[: minute + 1]
        is_over = len(known) == len(spots)
        seconds = np.arange(len(known), dtype=np.int64) * 60
        found.append(bars_of_session(sessions[index].session_on, seconds, known, minutes, is_over=is_over))
        index -= 1
    return latest_bars(found, count)


def made_up_events(
    model: SymbolModel, seed: int, sessions: Sequence[TradingSession], now: datetime, first: date, last: date
) -> Events:
    """Return the earnings of ``model`` from ``first`` to ``last``; they are known a year ahead.

    The prices of this world do not feel them; nothing in it pays a dividend, which its prices rest on.
    """
    known_until = now.date() + timedelta(days=DAYS_MAX)
    until = min(last, known_until)
    never = NOT_APPLICABLE[describe(model.symbol).kind]
    reports = () if EventKind.EARNINGS in never else _reports(model, seed, sessions, first, until)
    return Events(
        as_of=now,
        source="synthetic",
        earnings=tuple(reports),
        earnings_known_until=until,
        dividends_known_until=until,
        not_applicable=never,
    )


def _reports(model: SymbolModel, seed: int, sessions: Sequence[TradingSession], first: date, until: date) -> list[date]:
    found = []
    for year in range(first.year, until.year + 1):
        for month in EARNINGS_MONTHS:
            draw = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, model.key, year, month])))
            wished = date(year, month, EARNINGS_FIRST_DAY + int(draw.integers(EARNINGS_DAYS)))
            place = bisect_left(sessions, wished, key=_session_on)
            on = sessions[place].session_on if place < len(sessions) else wished
            if first <= on <= until:
                found.append(on)
    return found


def _close_at(session: TradingSession) -> datetime:
    return session.close_at


def _session_on(session: TradingSession) -> date:
    return session.session_on
