"""Volatility and greeks of one contract from its price, by the model that its exercise style calls for.

Whatever shows or sums greeks asks here, so that the same quote gives the same numbers everywhere. American
contracts are held to their exercise boundary at a continuous yield, European ones to Black–Scholes–Merton.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from thetaloom.domain.values.instruments import ExerciseStyle, OptionContract, Right
from thetaloom.domain.values.money import Price

FLOAT_PLACES = 10
KEPT = 8192  # contracts; strategies that are ranked together choose among the same ones
GREEKS_MODELS: dict[ExerciseStyle, str] = {
    ExerciseStyle.AMERICAN: "American by exercise boundary (Andersen-Lake-Offengenden) at a continuous yield",
    ExerciseStyle.EUROPEAN: "European by Black-Scholes-Merton",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LegGreeks:
    """Of one long contract, per share; ``None`` is unknown.

    An American option that trades at what exercise brings has greeks but no volatility.
    """

    iv: float | None = None  # 0.20 = 20 %
    delta: float | None = None
    gamma: float | None = None
    theta: float | None = None  # per calendar day
    vega: float | None = None  # per vol point


def leg_greeks(
    contract: OptionContract, price: Price, *, spot: Price, years: float, rate: float, dividend_yield: float
) -> LegGreeks:
    """Imply volatility and greeks from the price of one contract, rounded so that they are the same to the byte."""
    is_american = contract.exercise_style is ExerciseStyle.AMERICAN
    is_call, strike = contract.right is Right.CALL, float(contract.strike)
    return _greeks(is_american, is_call, float(price), float(spot), strike, years, rate, dividend_yield)


def greeks_model(contracts: Iterable[OptionContract]) -> str:
    """Return the name of the model, or models, that the greeks of these contracts come from."""
    styles = {contract.exercise_style for contract in contracts}
    return "; ".join(model for style, model in GREEKS_MODELS.items() if style in styles)


@lru_cache(maxsize=KEPT)
def _greeks(
    is_american: bool,
    is_call: bool,
    price: float,
    spot: float,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
) -> LegGreeks:
    from thetaloom.maths.american_contract import american_contract_greeks  # compiles on first use
    from thetaloom.maths.black_scholes import bsm_greeks
    from thetaloom.maths.implied_volatility import OK, bsm_implied_volatility

    if is_american:
        iv, _, *greeks = american_contract_greeks(is_call, price, spot, strike, years, rate, dividend_yield)
    else:
        iv, status = bsm_implied_volatility(is_call, price, spot, strike, years, rate, dividend_yield)
        if status != OK:
            return LegGreeks()
        greeks = list(bsm_greeks(is_call, spot, strike, years, rate, dividend_yield, iv)[1:5])
    delta, gamma, theta, vega = (_finite(number) for number in greeks)
    return LegGreeks(iv=_finite(iv), delta=delta, gamma=gamma, theta=theta, vega=vega)


def _finite(number: float) -> float | None:
    return round(number, FLOAT_PLACES) + 0.0 if math.isfinite(number) else None
