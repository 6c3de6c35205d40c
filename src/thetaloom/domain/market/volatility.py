"""Volatility past and implied: rank, percentile, term structure, skew, beta. ``None`` where it cannot be known."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from thetaloom.domain.market.bars import Bars
from thetaloom.domain.market.chain import STRIKE_SCALE, Floats, OptionChain, from_date
from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.market.indicators import FLOAT_PLACES, SESSIONS_PER_YEAR, iv_at_life, iv_at_the_money
from thetaloom.domain.values.calendar import DAYS_PER_YEAR

BENCHMARK = "SPY"
IV_SESSIONS_MIN = 126  # half a year: a rank of less would not be the year's
BETA_SESSIONS_MIN = 126
SKEW_DELTA = 0.25
SKEW_DELTA_GAP = 0.15  # the deltas on either side of 25 must lie this near, or the strikes are too few to tell
SKEW_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class IvHistory:
    """30-day at-the-money volatility by session, 0.20 = 20 %, oldest first; today's is not among them."""

    days: tuple[int, ...] = ()  # since 1970-01-01
    ivs: tuple[float, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TermPoint:
    """At-the-money volatility of one expiration."""

    expires_on: date
    root: str
    years: float
    iv: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Skew:
    """Volatility of the 25-delta options on both sides, interpolated to 30 days, 0.20 = 20 %."""

    put_iv: float
    call_iv: float

    @property
    def put_over_call(self) -> float:
        """Put less call: above 0 where falls are feared more than rises."""
        return self.put_iv - self.call_iv

    @property
    def risk_reversal(self) -> float:
        """Call less put."""
        return self.call_iv - self.put_iv


def iv_rank(past: Sequence[float], iv: float) -> float | None:
    """Return where ``iv`` lies between the low and the high of the last 252 sessions, itself among them, 0 to 100."""
    window = _window(past)
    if window is None:
        return None
    low, high = min(*window, iv), max(*window, iv)
    return round((iv - low) / (high - low) * 100, FLOAT_PLACES) if high > low else None


def iv_percentile(past: Sequence[float], iv: float) -> float | None:
    """Return the share of the last 252 sessions before today with a volatility below ``iv``, 0 to 100."""
    window = _window(past, SESSIONS_PER_YEAR)
    if window is None:
        return None
    return round(sum(one < iv for one in window) / len(window) * 100, FLOAT_PLACES)


def _window(past: Sequence[float], count: int = SESSIONS_PER_YEAR - 1) -> Sequence[float] | None:
    window = past[-count:]
    return window if len(window) + 1 >= IV_SESSIONS_MIN and all(0 < one < math.inf for one in window) else None


def term_structure(
    chain: OptionChain, expirations: Sequence[Expiration], rate: float, dividend_yield: float
) -> tuple[TermPoint, ...]:
    """Return the at-the-money volatility of each expiration where it is known, the nearest first."""
    points = []
    for expiration in sorted(expirations, key=lambda one: (one.years, one.root)):
        iv = iv_at_the_money(chain, expiration, rate, dividend_yield) if expiration.years > 0 else None
        if iv is not None:
            points.append(
                TermPoint(expires_on=expiration.expires_on, root=expiration.root, years=expiration.years, iv=iv)
            )
    return tuple(points)


def skew_25_delta(
    chain: OptionChain, expirations: Sequence[Expiration], rate: float, dividend_yield: float
) -> Skew | None:
    """Return the volatility of the 25-delta put and call for a life of 30 days.

    At each expiration it is interpolated over delta between the two listed strikes on either side, from
    out-of-the-money quotes with a bid; between expirations as ``atm_iv`` does.
    """
    put_iv = _iv_at_30_days(chain, expirations, rate, dividend_yield, is_call=False)
    call_iv = _iv_at_30_days(chain, expirations, rate, dividend_yield, is_call=True)
    return None if put_iv is None or call_iv is None else Skew(put_iv=put_iv, call_iv=call_iv)


def beta(bars: Bars, benchmark: Bars) -> float | None:
    """Return the slope of daily log returns against the benchmark's over the last 252 sessions both traded."""
    common, here, there = np.intersect1d(bars.days, benchmark.days, return_indices=True)
    count = min(len(common), SESSIONS_PER_YEAR + 1)
    if count <= BETA_SESSIONS_MIN:
        return None
    closes = np.array((np.asarray(bars.closes)[here[-count:]], np.asarray(benchmark.closes)[there[-count:]]))
    if not (closes > 0).all():
        return None
    own, others = np.diff(np.log(closes))
    variance = float(others.var())
    if not variance > 0:
        return None
    return round(float(((own - own.mean()) * (others - others.mean())).mean()) / variance, FLOAT_PLACES)


def expected_move(spot: float, iv: float, days: float) -> float:
    """Return one standard deviation of the price over ``days`` calendar days: spot · iv · √(days/365)."""
    return spot * iv * math.sqrt(days / DAYS_PER_YEAR)


def _iv_at_30_days(
    chain: OptionChain, expirations: Sequence[Expiration], rate: float, dividend_yield: float, *, is_call: bool
) -> float | None:
    def iv_of(expiration: Expiration) -> float | None:
        return _iv_at_delta(chain, expiration, rate, dividend_yield, is_call=is_call)

    return iv_at_life(expirations, SKEW_DAYS / DAYS_PER_YEAR, iv_of)


def _iv_at_delta(
    chain: OptionChain, expiration: Expiration, rate: float, dividend_yield: float, *, is_call: bool
) -> float | None:
    from thetaloom.maths.black_scholes import chain_greeks  # compiles on first use
    from thetaloom.maths.implied_volatility import OK, chain_implied_volatility

    if chain.spot is None:
        return None
    spot = float(chain.spot)
    listed = (chain.expires_on == from_date(expiration.expires_on)) & (chain.root == expiration.root)
    quoted = (chain.bid > 0) & (chain.bid <= chain.ask)
    outside = chain.strike >= spot * STRIKE_SCALE if is_call else chain.strike <= spot * STRIKE_SCALE
    chosen = np.flatnonzero(listed & quoted & outside & (chain.is_call == is_call))
    if len(chosen) < 2:
        return None
    strikes = chain.strike[chosen] / STRIKE_SCALE
    mids = (chain.bid[chosen] + chain.ask[chosen]) / 2
    ivs, status = chain_implied_volatility(mids, spot, strikes, expiration.years, is_call, rate, dividend_yield)
    solved = status == OK
    greeks = chain_greeks(spot, strikes[solved], expiration.years, is_call, ivs[solved], rate, dividend_yield)
    return _interpolated(np.abs(greeks.delta), ivs[solved])


def _interpolated(deltas: Floats, ivs: Floats) -> float | None:
    below, above = np.flatnonzero(deltas <= SKEW_DELTA), np.flatnonzero(deltas > SKEW_DELTA)
    if not len(below) or not len(above):
        return None
    low, high = below[np.argmax(deltas[below])], above[np.argmin(deltas[above])]
    if max(SKEW_DELTA - deltas[low], deltas[high] - SKEW_DELTA) > SKEW_DELTA_GAP:
        return None
    weight = (SKEW_DELTA - deltas[low]) / (deltas[high] - deltas[low])
    return float(ivs[low] + weight * (ivs[high] - ivs[low]))
