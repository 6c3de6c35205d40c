"""Cash dividends until the expiration: what they are worth today, and how that moves with the rate."""

import math

from numba import njit

from thetaloom.maths.black_scholes import FloatArray


@njit(cache=True, error_model="numpy")
def dividends_present_value(
    rate: float, start: float, years: float, dividend_years: FloatArray, dividend_amounts: FloatArray
) -> float:
    """Give the worth at ``start`` of the dividends from then until the expiration, both days included."""
    total = 0.0
    if years > 0.0:
        for i in range(dividend_years.size):
            if start <= dividend_years[i] <= years:
                total += dividend_amounts[i] * math.exp(-rate * (dividend_years[i] - start))
    return total


@njit(cache=True, error_model="numpy")
def dividends_rate_slope(rate: float, years: float, dividend_years: FloatArray, dividend_amounts: FloatArray) -> float:
    """Give by how much the escrowed spot rises per unit of rate."""
    total = 0.0
    for i in range(dividend_years.size):
        if 0.0 <= dividend_years[i] <= years:
            total += dividend_years[i] * dividend_amounts[i] * math.exp(-rate * dividend_years[i])
    return total
