"""Positions for stress, and prices that owe nothing to the code under test."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from thetaloom.domain.risk.scenarios import ScenarioPosition
from thetaloom.testing import builders

Held = Callable[..., ScenarioPosition]


@pytest.fixture(scope="session")
def held() -> Held:
    """Make a position from its notation, ``-2 SPXW 2026-03-20 P 5500``, or ``100 SPY`` for stock."""

    def make(text: str, **changed: Any) -> ScenarioPosition:
        quantity, _, named = text.partition(" ")
        option = builders.contract(named) if " " in named else None
        given: dict[str, Any] = {
            "label": text,
            "underlying": option.underlying if option is not None else named,
            "quantity": int(quantity),
            "contract": option,
            "spot": 100.0,
            "iv": 0.25 if option is not None else None,
            "years": 0.2 if option is not None else 0.0,
        }
        return ScenarioPosition(**{**given, **changed})

    return make


@pytest.fixture(scope="session")
def textbook() -> Callable[..., float]:
    """Black–Scholes–Merton as a textbook writes it, by the error function."""

    def price(right: str, spot: float, strike: float, years: float, rate: float, carry: float, iv: float) -> float:
        sign = 1.0 if right == "C" else -1.0
        if years <= 0.0:
            return max(0.0, sign * (spot - strike))
        spread = iv * math.sqrt(years)
        d1 = (math.log(spot / strike) + (rate - carry + 0.5 * iv * iv) * years) / spread
        chance = [0.5 * (1.0 + math.erf(sign * d / math.sqrt(2.0))) for d in (d1, d1 - spread)]
        return sign * (spot * math.exp(-carry * years) * chance[0] - strike * math.exp(-rate * years) * chance[1])

    return price
