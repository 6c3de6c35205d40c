import math
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from thetaloom.domain.strategy.horizon import HorizonLeg, horizon_payoff
from thetaloom.domain.strategy.payoff import LegKind, PayoffLeg, exact_payoff
from thetaloom.domain.strategy.probabilities import ProbabilityLeg, simulate_p50, structure_probabilities
from thetaloom.domain.values.instruments import Right
from thetaloom.domain.values.money import Price
from thetaloom.maths.black_scholes import bsm_price

Parts = Sequence[tuple[str, float, int]]
MARKET: dict[str, Any] = {"spot": 100.0, "rate": 0.04, "dividend_yield": 0.01}
CONDOR = (("P", 95, -1), ("P", 90, 1), ("C", 105, -1), ("C", 110, 1))
PUT_SPREAD = (("P", 95, -1), ("P", 90, 1))
BUTTERFLY = (("C", 95, 1), ("C", 100, -2), ("C", 105, 1))
LONG_CALL = (("C", 102, 1),)
YEARS = 45 / 365


@pytest.fixture
def opened() -> Callable[..., tuple[list[ProbabilityLeg], Price]]:
    """Legs bought and sold at their model price, with the net price."""

    def make(parts: Parts, *, iv: float = 0.2, years: float = YEARS) -> tuple[list[ProbabilityLeg], Price]:
        legs, net = [], 0.0
        for right, strike, quantity in parts:
            net -= quantity * bsm_price(right == "C", 100.0, strike, years, 0.04, 0.01, iv)
            leg = PayoffLeg(
                kind=LegKind.OPTION,
                quantity=quantity,
                right=Right(right),
                strike=Decimal(str(strike)),
                expires_on=date(2026, 7, 17),
            )
            legs.append(ProbabilityLeg(leg=leg, years=years, iv=iv, early_exercise=False))
        return legs, Price(str(round(net, 4)))

    return make


@pytest.fixture
def brute_p50() -> Callable[..., tuple[float, float]]:
    """Plain paths of two thousand steps, watched at each; a few would be missed between them."""

    def count(parts: Parts, net: float, target: float, *, iv: float = 0.2, years: float = YEARS) -> tuple[float, float]:
        rng = np.random.default_rng(5)
        steps, paths = 2000, 4000
        x = np.full(paths, math.log(100.0))
        reached = np.zeros(paths, dtype=bool)
        for step in range(1, steps + 1):
            wait = years / steps
            x += (0.03 - 0.5 * iv * iv) * wait + iv * math.sqrt(wait) * rng.standard_normal(paths)
            left = years - step * wait
            price = np.exp(x)
            worth = np.full(paths, 100 * net)
            for right, strike, quantity in parts:
                sign = 1 if right == "C" else -1
                root = iv * math.sqrt(max(left, 1e-12))
                d1 = (np.log(price / strike) + 0.03 * left) / root + root / 2
                stock, cash = price * math.exp(-0.01 * left), strike * math.exp(-0.04 * left)
                worth += 100 * quantity * sign * (stock * norm.cdf(sign * d1) - cash * norm.cdf(sign * (d1 - root)))
            reached |= worth >= target
        chance = float(reached.mean())
        return chance, math.sqrt(chance * (1 - chance) / paths)

    return count


@pytest.mark.parametrize("parts", [PUT_SPREAD, CONDOR, BUTTERFLY, LONG_CALL])
def test_p50_is_what_plain_paths_count(
    parts: Parts,
    opened: Callable[..., tuple[list[ProbabilityLeg], Price]],
    brute_p50: Callable[..., tuple[float, float]],
    compiled: bool,
) -> None:
    if not compiled:
        pytest.skip("grids of thousands of prices are only for compiled kernels")
    legs, net = opened(parts)
    payoff = exact_payoff([one.leg for one in legs], net, 100)
    most = abs(float(net)) * 100 if payoff.max_profit is None else float(payoff.max_profit)
    counted, error = brute_p50(parts, float(net), 0.5 * most)

    p50 = structure_probabilities(legs, payoff, **MARKET).p50

    assert p50 is not None
    assert counted - 4 * error < p50 < counted + 4 * error + 0.015  # what two thousand looks miss


@pytest.mark.parametrize("parts", [PUT_SPREAD, CONDOR, BUTTERFLY, LONG_CALL])
def test_the_simulation_agrees_with_the_grid(
    parts: Parts, opened: Callable[..., tuple[list[ProbabilityLeg], Price]], compiled: bool
) -> None:
    if not compiled:
        pytest.skip("thousands of paths are only for compiled kernels")
    legs, net = opened(parts)
    payoff = exact_payoff([one.leg for one in legs], net, 100)

    first = simulate_p50(legs, payoff, **MARKET)
    again = simulate_p50(legs, payoff, **MARKET)
    p50 = structure_probabilities(legs, payoff, **MARKET).p50

    assert first is not None
    assert first == again
    assert first.paths == 20_000
    assert 0 < first.standard_error < 0.005
    assert first.chance == pytest.approx(p50, abs=4 * first.standard_error + 0.002)
    other = simulate_p50(legs, payoff, **MARKET, seed=2)
    assert other is not None
    assert other.chance != first.chance


def test_touch_and_mean_have_closed_forms(opened: Callable[..., tuple[list[ProbabilityLeg], Price]]) -> None:
    legs, net = opened(CONDOR)
    payoff = exact_payoff([one.leg for one in legs], net, 100)

    found = structure_probabilities(legs, payoff, **MARKET)

    s, drift = 0.2 * math.sqrt(YEARS), (0.03 - 0.02) * YEARS
    for touch, strike in zip(found.touches, (95.0, 105.0), strict=True):
        b = math.log(strike / 100.0)
        eta = 1.0 if b < 0 else -1.0
        truth = norm.cdf(eta * (b - drift) / s) + math.exp(2 * drift * b / s**2) * norm.cdf(eta * (b + drift) / s)
        assert touch.probability == pytest.approx(truth, abs=1e-9)
        assert float(touch.strike) == strike
    # At the volatility it was priced with, the mean is what the credit earns in interest.
    interest = float(net) * 100 * (1 - math.exp(0.04 * YEARS))
    assert found.expected_value == pytest.approx(interest, abs=0.01)
    assert set(found.models) == {"p50", "touch", "expected_value"}


def test_a_calendars_mean_is_an_integral() -> None:
    near, far = 30 / 365, 60 / 365
    prices = [bsm_price(True, 100.0, 100.0, life, 0.04, 0.01, 0.2) for life in (near, far)]
    legs = [
        PayoffLeg(
            kind=LegKind.OPTION, quantity=quantity, right=Right.CALL, strike=Decimal(100), expires_on=date(2026, m, 17)
        )
        for quantity, m in ((-1, 7), (1, 8))
    ]
    net = Price(str(round(prices[0] - prices[1], 6)))
    later = [HorizonLeg(leg=legs[0], years_left=0), HorizonLeg(leg=legs[1], years_left=far - near, iv=0.2)]
    payoff = horizon_payoff(later, net, rate=0.04, dividend_yield=0.01)
    parts = [
        ProbabilityLeg(leg=leg, years=life, iv=0.2, early_exercise=False)
        for leg, life in zip(legs, (near, far), strict=True)
    ]

    found = structure_probabilities(parts, payoff, **MARKET)

    cost = float(net) * 100
    assert found.expected_value == pytest.approx(cost * (1 - math.exp(0.04 * near)), abs=0.01)
    assert found.p50 is not None
    assert 0.1 < found.p50 < 0.6
    assert found.models["expected_value"].startswith("quadrature")


@settings(max_examples=20)
@given(strike=st.floats(85.0, 115.0), iv=st.floats(0.1, 0.8), width=st.floats(1.0, 8.0))
def test_half_of_the_profit_is_reached_at_least_as_often_as_it_is_kept(strike: float, iv: float, width: float) -> None:
    low, high = round(strike, 2), round(strike + width, 2)
    net = sum(sign * bsm_price(False, 100.0, k, YEARS, 0.04, 0.01, iv) for sign, k in ((-1.0, low), (1.0, high)))
    assume(abs(net) < width - 0.05)
    assume(abs(net) > 0.05)
    legs = [
        PayoffLeg(
            kind=LegKind.OPTION,
            quantity=quantity,
            right=Right.PUT,
            strike=Decimal(str(k)),
            expires_on=date(2026, 7, 17),
        )
        for quantity, k in ((1, low), (-1, high))
    ]
    payoff = exact_payoff(legs, Price(str(round(net, 4))), 100)
    parts = [ProbabilityLeg(leg=leg, years=YEARS, iv=iv, early_exercise=False) for leg in legs]

    found = structure_probabilities(parts, payoff, **MARKET)

    # At expiration half of the profit is kept above this price; before it, it may be reached and lost again.
    level = high - float(net) / 2
    s = iv * math.sqrt(YEARS)
    kept = norm.cdf((math.log(100.0 / level) + 0.03 * YEARS) / s - s / 2)
    assert found.p50 is not None
    assert kept - 2e-3 <= found.p50 <= 1.0
    assert found.touches[0].probability <= 1.0


def test_without_a_life_or_a_volatility_nothing_is_guessed(
    opened: Callable[..., tuple[list[ProbabilityLeg], Price]],
) -> None:
    legs, net = opened(PUT_SPREAD)
    payoff = exact_payoff([one.leg for one in legs], net, 100)
    blind = [ProbabilityLeg(leg=one.leg, years=one.years, iv=0.0) for one in legs]

    assert structure_probabilities(blind, payoff, **MARKET).p50 is None
    assert structure_probabilities(blind, payoff, **MARKET).expected_value is None
    assert simulate_p50(blind, payoff, **MARKET) is None


def test_a_trade_that_cannot_win_has_no_half_of_its_profit() -> None:
    leg = PayoffLeg(kind=LegKind.OPTION, quantity=-1, right=Right.PUT, strike=Decimal(95), expires_on=date(2026, 7, 17))
    payoff = exact_payoff([leg], Price("-0.50"), 100)  # sold, and paid for it

    found = structure_probabilities([ProbabilityLeg(leg=leg, years=YEARS, iv=0.2)], payoff, **MARKET)

    assert found.p50 is None
    assert found.pop == 0.0
