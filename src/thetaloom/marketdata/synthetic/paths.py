"""The path of one made-up underlying: spot and variance, minute by minute, one session after the other.

The logarithm of variance returns to its mean and is shocked against spot; about once in four months a stress
session brings a fall, a jump of variance, or both. A session's shocks come from generators seeded with (seed,
session) for the market and (seed, symbol, session) for the symbol alone, and it starts where the session
before it ended: the path is a function of the seed and the first session, and no part depends on a later one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock

import numpy as np

from thetaloom.domain.market.chain import Floats, from_date
from thetaloom.domain.values.calendar import TradingSession
from thetaloom.marketdata.synthetic.models import SESSIONS_PER_YEAR, SymbolModel
from thetaloom.ports.market_data import Bar

OVERNIGHT_SHARE = 0.3  # of a day's variance; the rest falls evenly on the minutes of the session
VOLATILITY_RANGE = (0.05, 1.5)
STRESS_CHANCE = 0.012  # per session
STRESS_MINUTES = 40
CENTS = 2
MARKET_KEY = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PathDay:
    """One session: entry ``i`` is ``i`` minutes after the open, the last entry is the close."""

    spots: Floats
    variances: Floats  # annualized
    bar: Bar


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Shocks:
    spot: Floats  # standard normals; entry 0 is the night
    variance: Floats
    is_stress: bool
    stress_at: int  # minute
    fall: float  # logarithmic
    jump: float  # of the logarithm of variance


class SymbolPath:
    """Grows by one session at a time, as far as it was asked for."""

    def __init__(self, model: SymbolModel, seed: int, sessions: Sequence[TradingSession]) -> None:
        self._model = model
        self._seed = seed
        self._sessions = sessions
        self._days: list[PathDay] = []
        self._closes: list[float] = []
        self._growing = Lock()
        # Below the square of iv by half the stationary variance of the logarithm, so that the mean is right.
        spread = model.vol_of_variance**2 / (2 * model.reversion)
        self._mean_log_variance = math.log(model.iv**2) - spread / 2

    def day(self, index: int) -> PathDay:
        """Return the session at ``index``."""
        with self._growing:
            while len(self._days) <= index:
                day = self._next_day()
                self._days.append(day)
                self._closes.append(day.bar.close)
        return self._days[index]

    def closes(self, first: int, end: int) -> list[float]:
        """Return the closes of the sessions from ``first`` up to, without, ``end``."""
        if end > 0:
            self.day(end - 1)
        return self._closes[first:end]

    def _next_day(self) -> PathDay:
        model, index = self._model, len(self._days)
        session = self._sessions[index]
        minutes = (session.close_at - session.open_at) // timedelta(minutes=1)
        shocks = self._draw(from_date(session.session_on), minutes)
        years = np.full(minutes + 1, (1 - OVERNIGHT_SHARE) / SESSIONS_PER_YEAR / minutes)
        years[0] = OVERNIGHT_SHARE / SESSIONS_PER_YEAR

        if index:
            before = self._days[-1]
            log_spot, log_variance = math.log(before.spots[-1]), math.log(before.variances[-1])
        else:
            log_spot, log_variance = math.log(model.first_spot), self._mean_log_variance
        variances = self._variances(log_variance, years, shocks)
        # What a step moves by was known when it began.
        known = np.concatenate(([math.exp(log_variance)], variances[:-1]))
        steps = (model.drift - known / 2) * years + np.sqrt(known * years) * shocks.spot
        if shocks.is_stress:
            last = min(shocks.stress_at + STRESS_MINUTES, minutes + 1)
            steps[shocks.stress_at : last] -= shocks.fall * model.crash_beta / STRESS_MINUTES
        spots = np.round(np.exp(log_spot + np.cumsum(steps)), CENTS)
        return PathDay(spots=spots, variances=variances, bar=self._bar(session, spots, variances))

    def _variances(self, log_variance: float, years: Floats, shocks: _Shocks) -> Floats:
        model = self._model
        inflows = model.vol_of_variance * np.sqrt(years) * shocks.variance
        if shocks.is_stress:
            inflows[shocks.stress_at] += shocks.jump
        # x[i] = mean + decay[i]·(x[0] - mean) + what came in since, each part decayed from where it came in.
        decay = np.exp(-model.reversion * np.cumsum(years))
        away = decay * ((log_variance - self._mean_log_variance) + np.cumsum(inflows / decay))
        lowest, highest = (2 * math.log(volatility) for volatility in VOLATILITY_RANGE)
        return np.asarray(np.exp(np.clip(self._mean_log_variance + away, lowest, highest)))

    def _draw(self, day: int, minutes: int) -> _Shocks:
        model = self._model
        market = _generator(self._seed, MARKET_KEY, day)
        common_spot, common_other = market.standard_normal((2, minutes + 1))
        is_stress = market.random() < STRESS_CHANCE
        stress_at = int(market.integers(0, minutes - STRESS_MINUTES))
        fall, jump = market.uniform(0.0, 0.045), market.uniform(0.5, 1.6)
        own_spot, own_other = _generator(self._seed, model.key, day).standard_normal((2, minutes + 1))
        share, rest = model.market_share, math.sqrt(1 - model.market_share**2)
        spot = share * common_spot + rest * own_spot
        other = share * common_other + rest * own_other
        return _Shocks(
            spot=spot,
            variance=model.leverage * spot + math.sqrt(1 - model.leverage**2) * other,
            is_stress=is_stress,
            stress_at=stress_at,
            fall=fall,
            jump=jump,
        )

    def _bar(self, session: TradingSession, spots: Floats, variances: Floats) -> Bar:
        unrest = math.sqrt(float(variances.mean())) / self._model.iv
        return Bar(
            session_on=session.session_on,
            open=float(spots[0]),
            high=float(spots.max()),
            low=float(spots.min()),
            close=float(spots[-1]),
            volume=round(self._model.shares_per_day * unrest * (len(spots) - 1) / 390),
        )


def _generator(seed: int, key: int, day: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, key, day])))
