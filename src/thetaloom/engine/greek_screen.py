"""Greeks of many legs at once, near enough to tell which positions a rule on greeks may close.

European contracts are taken at their own model. American ones cost half a millisecond each by theirs; out of the
money the European greeks at the same price lie within known slacks, and elsewhere the position is decided exactly.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from thetaloom.domain.values.calendar import YEAR

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

# Measured from a day to a year, rates to 6 %, yields to 3 %: there the two models differ by half of this at most.
CLEAR_DELTA, CLEAR_YEARS = 0.35, 1.0
DELTA_SLACK, IV_SLACK, THETA_SLACK = 0.05, 0.1, 0.004  # per share, of the volatility, of the price
ROUNDING = 1e-4
YEAR_MICROSECONDS = YEAR.total_seconds() * 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Legs:
    """The legs of some positions, a row each; a ratio of zero is no leg."""

    ratio: Floats
    mid: Floats  # dollars
    strike: Floats
    is_call: Flags
    is_american: Flags
    settles_at: npt.NDArray[np.int64]  # microseconds
    spot: Floats  # one a position


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Per position, as far toward an exit as the exact number can lie; NaN is unknown."""

    net_delta: Floats
    short_delta: Floats
    theta: Floats  # lost a day, of one structure, dollars per share
    iv: Floats


def greek_bounds(legs: Legs, now: int, rate_at: Callable[[float], float], dividend_yield: float) -> Bounds:
    """Return the bounds of each position's greeks."""
    from thetaloom.maths.black_scholes import chain_greeks  # compiles on first use
    from thetaloom.maths.implied_volatility import OK, chain_implied_volatility

    is_leg = legs.ratio != 0
    years = np.maximum((legs.settles_at - now) / YEAR_MICROSECONDS, 0.0)
    nearest = np.where(is_leg, years, np.inf).min(axis=1)
    known, which = np.unique(nearest, return_inverse=True)
    rates = np.array([rate_at(float(one)) if np.isfinite(one) else 0.0 for one in known])[which]
    columns = np.broadcast_arrays(legs.spot[:, None], legs.strike, years, legs.is_call, rates[:, None])
    spot, strike, flat_years, is_call, rate = (column[is_leg] for column in columns)
    price = legs.mid[is_leg]
    iv, status = chain_implied_volatility(price, spot, strike, flat_years, is_call, rate, dividend_yield)
    greeks = chain_greeks(spot, strike, flat_years, is_call, iv, rate, dividend_yield)
    is_american = legs.is_american[is_leg]
    is_clear = ~is_american | ((status == OK) & (np.abs(greeks.delta) <= CLEAR_DELTA) & (flat_years <= CLEAR_YEARS))
    slack = np.where(is_american, 1.0, 0.0)

    def spread(leg: Floats, fill: float = 0.0) -> Floats:
        table = np.full(legs.ratio.shape, fill)
        table[is_leg] = leg
        return table

    def at_least(leg: Floats, room: Floats) -> tuple[Floats, Floats]:
        # What is not clear may be anything.
        return spread(np.where(is_clear, leg, 0.0)), spread(np.where(is_clear, room, np.inf))

    weight = np.abs(legs.ratio)
    delta, delta_room = at_least(greeks.delta, slack * DELTA_SLACK + ROUNDING)
    theta, theta_room = at_least(greeks.theta, slack * (THETA_SLACK * price + ROUNDING) + ROUNDING)
    vol, vol_room = at_least(iv, slack * IV_SLACK * iv + ROUNDING)
    room = np.where(is_leg, weight * np.where(is_leg, delta_room, 0.0), 0.0)
    theta_most = np.where(is_leg, weight * theta_room, 0.0).sum(axis=1) - (legs.ratio * theta).sum(axis=1)
    lowest = np.where(is_leg, weight * (vol - vol_room), 0.0).sum(axis=1)
    shorts = np.where(legs.ratio < 0, np.abs(delta) + delta_room, np.nan)
    return Bounds(
        net_delta=np.abs((legs.ratio * delta).sum(axis=1)) + room.sum(axis=1),
        short_delta=np.fmax.reduce(shorts, axis=1),
        theta=theta_most,
        iv=lowest / weight.sum(axis=1),
    )
