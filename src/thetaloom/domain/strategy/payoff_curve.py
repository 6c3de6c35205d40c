"""The curves of a payoff picture: what a structure has gained or lost today, half-way and at expiration."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from thetaloom.domain.market.chain import Floats
from thetaloom.domain.strategy.horizon import HorizonLeg, horizon_pnl
from thetaloom.domain.strategy.payoff import Payoff, PayoffLeg, probability_of_profit
from thetaloom.domain.strategy.payoff_case import PayoffTerms, name_of, payoff_of, read_terms
from thetaloom.domain.values.calendar import DAYS_PER_YEAR, TradingCalendar
from thetaloom.domain.values.instruments import ExerciseStyle
from thetaloom.domain.values.money import Price

POINTS = 401
ROWS = 10  # about so many round prices in a table
# Room on either side of strikes, breakevens and spot: the widest of these.
ROOM_OF_SPAN = 0.35
ROOM_OF_LEVEL = 0.03
ROOM_OF_DEVIATION = 1.0
FAR_OFF = 50.0  # a spot that many times away is not worth a picture of both
LOG_RANGE_MAX = 50.0  # a likely range beyond this is none


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PayoffCurves:
    """Profit and loss in dollars over prices of the underlying, with the levels to mark on them.

    ``today`` and ``midway`` are by Black–Scholes, and ``None`` where a life or a volatility is not known.
    ``expiration`` is as of the nearest one, and ``likely`` the middle 68 % of where the underlying then is.
    """

    name: str
    legs: tuple[PayoffLeg, ...]
    payoff: Payoff
    underlying: Floats
    today: Floats | None
    midway: Floats | None
    expiration: Floats
    marks: tuple[float, ...]  # those prices that a short table shows: round ones and the levels
    days: float | None  # calendar days to the nearest expiration
    spot: float | None
    strikes: tuple[float, ...]
    pop: float | None
    likely: tuple[float, float] | None
    are_ivs_implied: bool  # from the legs' own prices, where the case gave no volatility


def curves_of_case(case: Mapping[str, Any], calendar: TradingCalendar | None = None) -> PayoffCurves:
    """Return the curves of one case of the ``payoff`` calculator, over the prices that matter."""
    terms = read_terms(case, calendar)
    payoff = payoff_of(terms)
    ivs = leg_ivs(terms)
    lives = [life for life in terms.years if life is not None]
    ends = min(lives) if lives else None
    alive = [
        HorizonLeg(
            leg=leg,
            years_left=life or 0.0,
            iv=iv or 0.0,
            early_exercise=contract is not None and contract.exercise_style is ExerciseStyle.AMERICAN,
        )
        for leg, contract, life, iv in zip(terms.legs, terms.contracts, terms.years, ivs, strict=True)
    ]
    likely_iv = _typical_iv(terms, ivs)
    deviation = None if likely_iv is None or ends is None else likely_iv * math.sqrt(ends)
    levels = _levels(terms, payoff)
    grid, marks = price_grid(levels, deviation=deviation)
    known = ends is not None and None not in ivs

    view = terms.view

    def curve(passed: float) -> Floats:
        return pnl_after(alive, terms.net_price, grid, passed, rate=view.rate, dividend_yield=view.dividend_yield)

    strikes = {float(leg.strike) for leg in terms.legs if leg.strike is not None}
    return PayoffCurves(
        name=name_of(terms),
        legs=terms.legs,
        payoff=payoff,
        underlying=grid,
        today=curve(0.0) if known else None,
        midway=curve((ends or 0.0) / 2) if known else None,
        expiration=curve(math.inf if ends is None else ends),
        marks=marks,
        days=None if ends is None else ends * DAYS_PER_YEAR,
        spot=view.spot,
        strikes=tuple(sorted(strikes)),
        pop=_chance(terms, payoff, ends, ivs),
        likely=_likely(terms, deviation, ends),
        are_ivs_implied=known and view.iv is None and bool(strikes),
    )


def pnl_after(
    legs: Sequence[HorizonLeg],
    net_price: Price,
    underlying: Floats,
    passed_years: float,
    *,
    rate: float,
    dividend_yield: float,
) -> Floats:
    """Return profit and loss once so many years have passed, by Black–Scholes at each leg's own volatility.

    ``years_left`` of the legs counts from now. A leg that has ended by then is worth its intrinsic value. Early
    exercise counts at the nearest expiration alone, as in the extremes and breakevens that are shown beside it.
    """
    ends = min((leg.years_left for leg in legs if leg.leg.strike is not None), default=0.0)
    later = [
        replace(
            leg,
            years_left=max(0.0, leg.years_left - passed_years),
            early_exercise=leg.early_exercise and passed_years >= ends,
        )
        for leg in legs
    ]
    return horizon_pnl(later, net_price, underlying, rate=rate, dividend_yield=dividend_yield)


def price_grid(levels: Sequence[float], *, deviation: float | None = None) -> tuple[Floats, tuple[float, ...]]:
    """Return prices to draw over, and the few of them for a table: the levels and round ones between.

    ``deviation`` is that of the underlying's logarithm until the end.
    """
    low, high = min(levels), max(levels)
    middle = (low + high) / 2
    room = max((high - low) * ROOM_OF_SPAN, middle * ROOM_OF_LEVEL, middle * ROOM_OF_DEVIATION * (deviation or 0.0))
    first, last = max(0.0, low - min(room, middle)), high + min(room, middle)
    step = _round_step((last - first) / ROWS)
    rounds = [round(step * count, 10) for count in range(math.ceil(first / step), math.floor(last / step) + 1)]
    marks = tuple(sorted({*levels, *rounds}))
    return np.unique([*np.linspace(first, last, POINTS), *marks]), marks


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(each * power for each in (1.0, 2.0, 2.5, 5.0, 10.0) if each * power >= rough)


def leg_ivs(terms: PayoffTerms) -> tuple[float | None, ...]:
    """Return each leg's volatility: the case's, else what its own price implies; 0 for stock."""
    view = terms.view
    found: list[float | None] = []
    for leg, life in zip(terms.legs, terms.years, strict=True):
        if leg.strike is None:
            found.append(0.0)
        elif view.iv is not None or view.spot is None or life is None:
            found.append(view.iv)
        else:
            found.append(_implied(leg, view.spot, life, view.rate, view.dividend_yield))
    return tuple(found)


def _implied(leg: PayoffLeg, spot: float, life: float, rate: float, dividend_yield: float) -> float | None:
    from thetaloom.maths.implied_volatility import ImpliedStatus, bsm_implied_volatility  # compiles on first use

    if life == 0.0:
        return 0.0
    iv, code = bsm_implied_volatility(
        leg.is_call, float(leg.price), spot, float(leg.strike or 0), life, rate, dividend_yield
    )
    return float(iv) if ImpliedStatus(code) is ImpliedStatus.OK else None


def _typical_iv(terms: PayoffTerms, ivs: Sequence[float | None]) -> float | None:
    # Of the option nearest to the money, as the likely range is about the underlying and not about a leg.
    spot = terms.view.spot
    options = [(leg, iv) for leg, iv in zip(terms.legs, ivs, strict=True) if leg.strike is not None and iv is not None]
    if terms.view.iv is not None or spot is None or not options:
        return terms.view.iv
    return min(options, key=lambda each: abs(float(each[0].strike or 0) - spot))[1]


def _levels(terms: PayoffTerms, payoff: Payoff) -> list[float]:
    levels = {float(leg.strike) for leg in terms.legs if leg.strike is not None}
    levels |= {float(price) for price in payoff.breakevens if price > 0}
    levels = levels or {float(terms.legs[0].price) or 1.0}
    spot = terms.view.spot
    if spot is not None and min(levels) / FAR_OFF < spot < max(levels) * FAR_OFF:
        levels.add(spot)
    near = max(levels) / FAR_OFF  # a breakeven at a fraction of a cent would stretch the picture to nothing
    return sorted(level for level in levels if level > near)


def _chance(terms: PayoffTerms, payoff: Payoff, ends: float | None, ivs: Sequence[float | None]) -> float | None:
    if terms.view.spot is None or not ends:
        return None
    if terms.view.iv is not None:
        smile: dict[float, float] = {terms.view.spot: terms.view.iv}
    else:
        options = [(leg, iv) for leg, iv in zip(terms.legs, ivs, strict=True) if leg.strike is not None]
        if not options or any(iv is None for _, iv in options):
            return None
        smile = {float(leg.strike or 0): iv or 0.0 for leg, iv in options}
    return probability_of_profit(
        payoff,
        spot=terms.view.spot,
        years=ends,
        ivs=smile,
        rate=terms.view.rate,
        dividend_yield=terms.view.dividend_yield,
    )


def _likely(terms: PayoffTerms, deviation: float | None, ends: float | None) -> tuple[float, float] | None:
    if terms.view.spot is None or not deviation or not ends:
        return None
    drift = (terms.view.rate - terms.view.dividend_yield) * ends - deviation * deviation / 2
    if not abs(drift) + deviation < LOG_RANGE_MAX:
        return None
    median = terms.view.spot * math.exp(drift)
    return median * math.exp(-deviation), median * math.exp(deviation)
