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
FALL_RANGE = (0.0, 0.045)  # of the logarithm of spot, times the symbol's beta
JUMP_RANGE = (0.5, 1.6)  # of the logarithm of variance
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
    """Grows by one session at a time, as far as it was asked for.

    The level is set so that the session ``start`` opens at the model's; those before it only make the history.
    """

    def __init__(self, model: SymbolModel, seed: int, sessions: Sequence[TradingSession], start: int) -> None:
        self._model = model
        self._seed = seed
        self._sessions = sessions
        self._start = start
        self._walked: list[tuple[Floats, Floats]] = []  # logarithm of spot before the level is set, and variance
        self._days: list[PathDay] = []
        self._closes: list[float] = []
        self._growing = Lock()
        # Below the square of iv by half the stationary variance of the logarithm and by what the jumps of stress
        # add to it, so that the mean is right; likewise the drift makes up for the falls.
        stress_per_year = STRESS_CHANCE * SESSIONS_PER_YEAR
        spread = model.vol_of_variance**2 / (2 * model.reversion)
        jumps = stress_per_year * sum(JUMP_RANGE) / 2 / model.reversion
        self._mean_log_variance = math.log(model.iv**2) - spread / 2 - jumps
        self._drift = model.drift + stress_per_year * sum(FALL_RANGE) / 2 * model.crash_beta

    def day(self, index: int) -> PathDay:
        """Return the session at ``index``."""
        if index >= len(self._days):
            with self._growing:
                self._grow(index)
        return self._days[index]

    def closes(self, first: int, end: int) -> list[float]:
        """Return the closes of the sessions from ``first`` up to, without, ``end``."""
        if end > 0:
            self.day(end - 1)
        return self._closes[first:end]

    def _grow(self, index: int) -> None:
        while len(self._walked) <= max(index, self._start):
            self._walked.append(self._walk(len(self._walked)))
        level = math.log(self._model.start_spot) - float(self._walked[self._start][0][0])
        while len(self._days) <= index:
            session = self._sessions[len(self._days)]
            logarithms, variances = self._walked[len(self._days)]
            spots = np.asarray(np.round(np.exp(logarithms + level), CENTS), np.float64)
            bar = self._bar(session, spots, variances)
            self._closes.append(bar.close)
            self._days.append(PathDay(spots=spots, variances=variances, bar=bar))

    def _walk(self, index: int) -> tuple[Floats, Floats]:
        model = self._model
        session = self._sessions[index]
        minutes = (session.close_at - session.open_at) // timedelta(minutes=1)
        shocks = self._draw(from_date(session.session_on), minutes)
        years = np.full(minutes + 1, (1 - OVERNIGHT_SHARE) / SESSIONS_PER_YEAR / minutes)
        years[0] = OVERNIGHT_SHARE / SESSIONS_PER_YEAR

        log_spot, log_variance = 0.0, self._mean_log_variance
        if index:
            spots_before, variances_before = self._walked[-1]
            log_spot, log_variance = float(spots_before[-1]), math.log(variances_before[-1])
        variances = self._variances(log_variance, years, shocks)
        # What a step moves by was known when it began.
        known = np.concatenate(([math.exp(log_variance)], variances[:-1]))
        steps = (self._drift - known / 2) * years + np.sqrt(known * years) * shocks.spot
        if shocks.is_stress:
            last = min(shocks.stress_at + STRESS_MINUTES, minutes + 1)
            steps[shocks.stress_at : last] -= shocks.fall * model.crash_beta / STRESS_MINUTES
        return log_spot + np.cumsum(steps), variances

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
        fall, jump = market.uniform(*FALL_RANGE), market.uniform(*JUMP_RANGE)
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
