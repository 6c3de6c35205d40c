"""Every number of a proposal on recorded chains, worked out a second time by QuantLib and plain quadrature."""

import math
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import QuantLib
from scipy.special import ndtr

from tests.domain.strategy.real_markets import DATA, RealMarket, moments, real_market
from thetaloom.domain.strategy.evaluation import Evaluation, LegEvaluation, evaluate_structure
from thetaloom.domain.strategy.selection import select_structure
from thetaloom.domain.strategy.structures import is_single_expiration
from thetaloom.domain.values.instruments import ExerciseStyle, Right
from thetaloom.domain.values.money import Money
from thetaloom.store.catalogue import load_catalogue

RATE, DIVIDEND_YIELD = 0.0365, 0.012
SAMPLES = {
    "cboe_snapshots_2026/SPY.parquet": (4, 20),
    "cboe_snapshots_2026/SPX.parquet": (7,),
    "cboe_snapshots_2026/AAPL.parquet": (3, 30),
    "cboe_snapshots_2026/IWM.parquet": (12,),
    "cboe_snapshots_2026/DIA.parquet": (25,),
    "cboe_quotedata/SPY_20230914.parquet": (0,),
}
TODAY = QuantLib.Date(2, 1, 2026)
Misses = dict[str, list[float]]


class Truth:
    """One contract in QuantLib; its life is scaled to a year, which leaves the price as it is."""

    def __init__(self, leg: LegEvaluation, spot: float, years: float) -> None:
        contract, count = leg.leg.contract, QuantLib.Actual365Fixed()
        is_call, strike = contract.right is Right.CALL, float(contract.strike)
        self.spot, self.years, self.iv = spot, years, leg.iv or 0.0
        self.quote = QuantLib.SimpleQuote(spot)
        self.volatility = QuantLib.SimpleQuote(self.iv * math.sqrt(years))
        curves = [
            QuantLib.YieldTermStructureHandle(QuantLib.FlatForward(TODAY, level * years, count))
            for level in (DIVIDEND_YIELD, RATE)
        ]
        smile = QuantLib.BlackConstantVol(TODAY, QuantLib.NullCalendar(), QuantLib.QuoteHandle(self.volatility), count)
        model = QuantLib.BlackScholesMertonProcess(
            QuantLib.QuoteHandle(self.quote), *curves, QuantLib.BlackVolTermStructureHandle(smile)
        )
        american = contract.exercise_style is ExerciseStyle.AMERICAN
        exercise = QuantLib.AmericanExercise if american else QuantLib.EuropeanExercise
        last = TODAY + 365
        right = QuantLib.Option.Call if is_call else QuantLib.Option.Put
        payoff = QuantLib.PlainVanillaPayoff(right, strike)
        self.option = QuantLib.VanillaOption(payoff, exercise(TODAY, last) if american else exercise(last))
        engine = (
            QuantLib.QdFpAmericanEngine(model, QuantLib.QdFpAmericanEngine.highPrecisionScheme())
            if american
            else QuantLib.AnalyticEuropeanEngine(model)
        )
        self.option.setPricingEngine(engine)

    def price(self, spot: float | None = None, iv: float | None = None) -> float:
        self.quote.setValue(self.spot if spot is None else spot)
        self.volatility.setValue((self.iv if iv is None else iv) * math.sqrt(self.years))
        return float(self.option.NPV())

    def greeks(self) -> tuple[float, float, float, float]:
        # Five points for the spot, so that the bump itself does not show.
        step = 0.04 * self.spot * self.iv * math.sqrt(self.years)
        far_down, down, here, up, far_up = (self.price(self.spot + k * step) for k in (-2, -1, 0, 1, 2))
        delta = (far_down - 8 * down + 8 * up - far_up) / (12 * step)
        gamma = (-far_down + 16 * down - 30 * here + 16 * up - far_up) / (12 * step**2)
        drift = RATE * here - (RATE - DIVIDEND_YIELD) * self.spot * delta
        theta = (drift - 0.5 * self.iv**2 * self.spot**2 * gamma) / 365
        vega = (self.price(iv=self.iv * 1.001) - self.price(iv=self.iv * 0.999)) / (0.2 * self.iv)
        return delta, gamma, theta, vega


def evaluations(market: RealMarket) -> Iterator[Evaluation]:
    for strategy in load_catalogue():
        terms: dict[str, Any] = {"rate": RATE, "dividend_yield": DIVIDEND_YIELD, "now": market.chain.as_of}
        chosen = select_structure(
            strategy, market.chain, market.expirations, **terms, tradeable_capital=Money(50_000), relaxed=True
        )
        if chosen.legs:
            found = evaluate_structure(
                chosen.legs,
                market.chain,
                expirations=market.expirations,
                quote_age_max=timedelta(days=1),
                shares=strategy.shares,
                **terms,
            )
            if found.verdict.is_allowed:
                yield found


def measure(market: RealMarket, found: Evaluation, misses: Misses) -> None:
    """Add how far each number lies from its second working."""
    spot = float(market.chain.spot or 0)
    lives: dict[tuple[str, object], float] = {(one.root, one.expires_on): one.years for one in market.expirations}
    for leg in found.legs:
        years = lives[leg.leg.contract.root, leg.leg.contract.expires_on]
        # Hours from the end QuantLib's own bumps reach over the kink.
        if leg.iv is None or years < 2 / 365:
            continue
        truth = Truth(leg, spot, years)
        misses["price, $"].append(abs(truth.price() - float(leg.mid or 0)))
        names = ("delta", "gamma × spot", "theta, $", "vega, $")
        ours = (leg.delta or 0, leg.gamma or 0, leg.theta or 0, leg.vega or 0)
        scales = (1.0, spot, 1.0, 1.0)
        for name, mine, other, scale in zip(names, ours, truth.greeks(), scales, strict=True):
            misses[name].append(abs(mine - other) * scale)
    if is_single_expiration([leg.leg for leg in found.legs]):
        _measure_payoff(found, spot, lives, misses)


def _measure_payoff(found: Evaluation, spot: float, lives: dict[tuple[str, object], float], misses: Misses) -> None:
    def pnl(prices: np.ndarray) -> np.ndarray:
        total = np.full(prices.shape, float(found.mid_price or 0) * 100) + found.shares * (prices - spot)
        for leg in found.legs:
            sign = 1 if leg.leg.contract.right is Right.CALL else -1
            total += 100 * leg.leg.ratio * np.maximum(0, sign * (prices - float(leg.leg.contract.strike)))
        return total

    strikes = sorted({float(leg.leg.contract.strike) for leg in found.legs})
    knots = np.array([0.0, *strikes, 2 * strikes[-1], 3 * strikes[-1]])
    at_knots = pnl(knots)
    rises = at_knots[-1] - at_knots[-2]
    assert found.is_profit_unlimited == (rises > 1e-6)
    assert found.is_loss_unlimited == (rises < -1e-6)
    if found.max_profit is not None:
        misses["max profit, $"].append(abs(float(found.max_profit) - float(at_knots.max())))
    if found.max_loss is not None:
        misses["max loss, $"].append(abs(float(found.max_loss) - max(0.0, -float(at_knots.min()))))
    for level in found.breakevens:
        misses["breakeven, $ of the position"].append(abs(float(pnl(np.array([float(level)]))[0])))
    grid = np.unique([*np.linspace(0, 4 * spot, 400_001), *strikes])
    signs = np.sign(np.round(pnl(grid), 6))
    crossings = int((np.diff(signs[signs != 0]) != 0).sum())
    assert len(found.breakevens) >= crossings
    _measure_chance(
        found,
        spot,
        min(lives[leg.leg.contract.root, leg.leg.contract.expires_on] for leg in found.legs),
        misses,
        grid,
        signs,
    )


def _measure_chance(
    found: Evaluation, spot: float, years: float, misses: Misses, grid: np.ndarray, signs: np.ndarray
) -> None:
    by_strike: dict[float, list[float]] = defaultdict(list)
    for leg in found.legs:
        if leg.iv is not None:
            by_strike[float(leg.leg.contract.strike)].append(leg.iv)
    if found.pop is None or not by_strike:
        return
    knots = sorted(by_strike)
    ivs = np.interp(grid[1:], knots, [float(np.mean(by_strike[knot])) for knot in knots])
    deviation = ivs * math.sqrt(years)
    below = ndtr((np.log(grid[1:] / spot) - (RATE - DIVIDEND_YIELD - ivs**2 / 2) * years) / deviation)
    below = np.concatenate([[0.0], below])
    wins = signs > 0
    edges = np.flatnonzero(np.diff(wins.astype(int)))
    marks = [0.0, *((below[i] + below[i + 1]) / 2 for i in edges), 1.0]
    first = bool(wins[1])
    chance = sum(max(0.0, high - low) for n, (low, high) in enumerate(pairwise(marks)) if (n % 2 == 0) == first)
    misses["pop"].append(abs(float(found.pop) - chance))


@pytest.mark.shared_data
def test_every_number_of_a_proposal_is_what_independent_code_finds() -> None:
    if not DATA.is_dir():
        pytest.skip(f"recorded data is not beside the checkout: {DATA}")
    misses: Misses = defaultdict(list)
    for file, places in SAMPLES.items():
        for place in places:
            market = real_market(file, place % len(moments(file)))
            for found in evaluations(market):
                measure(market, found, misses)

    worst = {name: max(each) for name, each in misses.items()}
    assert len(misses["delta"]) > 300
    assert worst["price, $"] < 1e-4
    assert worst["delta"] < 1e-5
    assert worst["gamma × spot"] < 1e-3
    assert worst["theta, $"] < 1e-4
    assert worst["vega, $"] < 5e-4
    assert max(worst["max profit, $"], worst["max loss, $"]) < 0.01
    assert worst["breakeven, $ of the position"] < 0.01
    assert worst["pop"] < 5e-4
