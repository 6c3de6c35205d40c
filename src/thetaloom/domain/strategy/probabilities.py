"""Chances of a structure beside that of a profit: half of the most profit, a touch of each short strike, the mean.

All are risk-neutral: the underlying drifts by rate less dividend yield. Each number is computed, not guessed from
another: closed forms for touch and mean, a grid for what depends on the path, and a simulation that can check it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from thetaloom.domain.strategy.payoff import LegKind, Payoff, PayoffLeg, multiplier_of, probability_of_profit
from thetaloom.domain.values.instruments import Right

if TYPE_CHECKING:
    from thetaloom.maths.first_passage import LegColumns

FLOAT_PLACES = 10
P50_PLACES = 4  # what the grid is good for
PROFIT_SHARE = 0.5
SEED = 1
PAIRS = 10_000
MEAN_POINTS = 8001
MEAN_DEVIATIONS = 9.0

P50_MODEL = (
    "finite differences, lognormal with risk-neutral drift at the volatility interpolated to the spot; "
    "each leg priced by Black-Scholes at its own"
)
P50_SIMULATION = "Monte Carlo, antithetic with Brownian bridges"
TOUCH_MODEL = "reflection in closed form, lognormal with risk-neutral drift at the strike's own volatility"
MEAN_MODEL = "closed form, lognormal with risk-neutral drift at the volatility interpolated to the spot, before fees"
MEAN_MODEL_HORIZON = (
    "quadrature at the nearest expiration, lognormal with risk-neutral drift at the volatility interpolated to the "
    "spot, before fees"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbabilityLeg:
    """A leg with what its market says; stock has no life and no volatility."""

    leg: PayoffLeg
    years: float = 0.0
    iv: float = 0.0
    early_exercise: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """The chance that the underlying reaches a short strike at any time until that leg expires."""

    right: Right
    strike: Decimal
    probability: float  # 0 to 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Probabilities:
    """Chances from 0 to 1 and the mean profit in dollars; ``None`` is unknown or, for P50, without meaning."""

    pop: float | None
    p50: float | None  # that the profit at mid reaches half of its most, at any time until the nearest expiration
    touches: tuple[Touch, ...]
    expected_value: float | None  # mean profit at the nearest expiration
    models: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """An estimate with its standard error, and what it was made with."""

    chance: float
    standard_error: float
    paths: int
    seed: int
    model: str = P50_SIMULATION


def structure_probabilities(
    legs: Sequence[ProbabilityLeg], payoff: Payoff, *, spot: float, rate: float, dividend_yield: float
) -> Probabilities:
    """Return the chances of one structure opened at ``payoff.net_price``.

    Half of the most profit: half of ``payoff.max_profit``; where that has no limit, half of the premium.
    """
    view = _View(legs=tuple(legs), payoff=payoff, spot=spot, rate=rate, dividend_yield=dividend_yield)
    ivs = view.by_strike()
    if not ivs or view.horizon is None:
        return Probabilities(pop=None, p50=None, touches=(), expected_value=None, models={})
    pop = probability_of_profit(
        payoff, spot=spot, years=view.horizon, ivs=ivs, rate=rate, dividend_yield=dividend_yield
    )
    p50 = view.p50()
    return Probabilities(
        pop=pop,
        p50=None if p50 is None else round(p50, P50_PLACES),
        touches=view.touches(),
        expected_value=view.expected_value(),
        models={
            "p50": P50_MODEL,
            "touch": TOUCH_MODEL,
            "expected_value": MEAN_MODEL if view.is_single_expiration else MEAN_MODEL_HORIZON,
        },
    )


def simulate_p50(
    legs: Sequence[ProbabilityLeg],
    payoff: Payoff,
    *,
    spot: float,
    rate: float,
    dividend_yield: float,
    pairs: int = PAIRS,
    seed: int = SEED,
) -> Simulated | None:
    """Return P50 by simulation, for a second opinion on the grid; ``pairs`` of antithetic paths."""
    view = _View(legs=tuple(legs), payoff=payoff, spot=spot, rate=rate, dividend_yield=dividend_yield)
    target, iv = view.target(), view.iv_at_spot()
    if target is None or not view.horizon or not iv:
        return None
    from thetaloom.maths import first_passage  # compiles on first use

    dates = first_passage.target_dates(view.horizon)
    spread, drift = iv * math.sqrt(view.horizon), rate - dividend_yield - 0.5 * iv * iv
    step = 2 * first_passage.DEVIATIONS * spread / (first_passage.POINTS - 1)
    low = math.log(spot) - first_passage.DEVIATIONS * spread
    edges = first_passage.target_edges(
        *view.columns(), view.cash, target, rate, dividend_yield, low, step, spread, dates
    )
    normals = np.random.Generator(np.random.PCG64(seed)).standard_normal((pairs, len(dates) - 1))
    chance, error = first_passage.simulated_chance(edges, dates, normals, spot, drift, iv)
    return Simulated(chance=round(chance, 10), standard_error=round(error, 10), paths=2 * pairs, seed=seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    legs: tuple[ProbabilityLeg, ...]
    payoff: Payoff
    spot: float
    rate: float
    dividend_yield: float

    @property
    def options(self) -> list[ProbabilityLeg]:
        return [one for one in self.legs if one.leg.kind is LegKind.OPTION]

    @property
    def horizon(self) -> float | None:
        return min((one.years for one in self.options), default=None)

    @property
    def is_single_expiration(self) -> bool:
        return len({one.years for one in self.options}) == 1

    @property
    def cash(self) -> float:
        return float(self.payoff.net_price) * multiplier_of([one.leg for one in self.legs])

    def by_strike(self) -> dict[float, float]:
        found: dict[float, list[float]] = {}
        for one in self.options:
            if one.iv > 0:
                found.setdefault(float(one.leg.strike or 0), []).append(one.iv)
        return {strike: math.fsum(ivs) / len(ivs) for strike, ivs in found.items()}

    def iv_at_spot(self) -> float:
        ivs = self.by_strike()
        strikes = sorted(ivs)
        return float(np.interp(self.spot, strikes, [ivs[strike] for strike in strikes])) if strikes else 0.0

    def target(self) -> float | None:
        most = self.payoff.max_profit
        full = abs(self.cash) if most is None else float(most)
        return PROFIT_SHARE * full if full > 0 else None

    def columns(self) -> "LegColumns":
        kinds = [0 if one.leg.kind is LegKind.STOCK else (1 if one.leg.is_call else -1) for one in self.legs]
        return (
            np.array(kinds, dtype=np.int8),
            np.array([float(one.leg.strike or 1) for one in self.legs]),
            np.array([float(one.leg.shares) for one in self.legs]),
            np.array([one.years for one in self.legs], dtype=np.float64),
            np.array([one.iv for one in self.legs], dtype=np.float64),
            np.array([one.early_exercise for one in self.legs], dtype=np.bool_),
        )

    def p50(self) -> float | None:
        target, iv = self.target(), self.iv_at_spot()
        if target is None or not self.horizon or iv * math.sqrt(self.horizon) < 1e-6:
            return None
        from thetaloom.maths import first_passage  # compiles on first use

        return first_passage.target_chance(
            *self.columns(), self.cash, target, self.spot, self.rate, self.dividend_yield, iv, self.horizon
        )

    def touches(self) -> tuple[Touch, ...]:
        from thetaloom.maths.probability import probability_of_touch  # compiles on first use

        found = {}
        for one in self.options:
            if one.leg.quantity < 0 and one.leg.right is not None and one.leg.strike is not None:
                chance = probability_of_touch(
                    float(one.leg.strike), self.spot, self.rate, self.dividend_yield, one.iv, one.years
                )
                found[(one.leg.strike, one.leg.right)] = Touch(
                    right=one.leg.right, strike=one.leg.strike, probability=round(chance, FLOAT_PLACES)
                )
        return tuple(found[key] for key in sorted(found, key=lambda key: (key[0], key[1].value)))

    def expected_value(self) -> float | None:
        iv, horizon = self.iv_at_spot(), self.horizon
        if horizon is None or iv <= 0:
            return None
        mean = self._mean_straight(iv, horizon) if self.is_single_expiration else self._mean_bent(iv, horizon)
        return round(mean, FLOAT_PLACES) + 0.0

    def _mean_straight(self, iv: float, horizon: float) -> float:
        from thetaloom.maths.probability import expected_payoff  # compiles on first use

        knots = sorted({one.leg.strike for one in self.options if one.leg.strike is not None})
        heights = [self.cash + sum(float(one.leg.worth_at(knot)) for one in self.legs) for knot in knots]
        below = sum(
            one.leg.shares * (1 if one.leg.kind is LegKind.STOCK else -1)
            for one in self.legs
            if one.leg.kind is LegKind.STOCK or not one.leg.is_call
        )
        above = sum(one.leg.shares for one in self.legs if one.leg.kind is LegKind.STOCK or one.leg.is_call)
        return expected_payoff(
            [float(knot) for knot in knots],
            heights,
            float(below),
            float(above),
            self.spot,
            self.rate,
            self.dividend_yield,
            iv,
            horizon,
        )

    def _mean_bent(self, iv: float, horizon: float) -> float:
        from thetaloom.maths.black_scholes import chain_greeks  # compiles on first use

        spread = iv * math.sqrt(horizon)
        z = np.linspace(-MEAN_DEVIATIONS, MEAN_DEVIATIONS, MEAN_POINTS)
        prices = self.spot * np.exp((self.rate - self.dividend_yield) * horizon - 0.5 * spread * spread + spread * z)
        total = np.full(MEAN_POINTS, self.cash)
        for one in self.legs:
            if one.leg.kind is LegKind.STOCK or one.leg.strike is None:
                total += one.leg.shares * prices
                continue
            strike, left = float(one.leg.strike), one.years - horizon
            worth = chain_greeks(prices, strike, left, one.leg.is_call, one.iv, self.rate, self.dividend_yield).price
            if one.early_exercise:
                worth = np.maximum(worth, prices - strike if one.leg.is_call else strike - prices)
            total += one.leg.shares * worth
        density = np.exp(-0.5 * z * z)
        return float((total * density).sum() / density.sum())
