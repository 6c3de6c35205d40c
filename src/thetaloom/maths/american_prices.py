"""Prices alone of many American options by the live trees: a third of the work of their greeks."""

import numpy as np
import numpy.typing as npt
from numba import njit

from thetaloom.maths.american import LIVE, american_price
from thetaloom.maths.black_scholes import FloatArray, call_column, chain_columns


def american_chain_prices(
    spot: npt.ArrayLike,
    strikes: npt.ArrayLike,
    years: npt.ArrayLike,
    is_call: npt.ArrayLike,
    iv: npt.ArrayLike,
    rate: npt.ArrayLike,
    dividend_yield: npt.ArrayLike,
) -> FloatArray:
    """Price each American option; each argument is one number or one per option."""
    s, k, t, v, r, q = chain_columns(spot, strikes, years, iv, rate, dividend_yield)
    prices = np.empty(s.size)
    fill_american_prices(s, k, t, v, r, q, call_column(is_call, s.size), np.empty(0), prices)
    return prices


@njit(cache=True, error_model="numpy", nogil=True)
def fill_american_prices(
    spot: FloatArray,
    strikes: FloatArray,
    years: FloatArray,
    iv: FloatArray,
    rate: FloatArray,
    dividend_yield: FloatArray,
    is_call: npt.NDArray[np.bool_],
    nothing: FloatArray,
    prices: FloatArray,
) -> None:
    """Write the price of each option."""
    for i in range(spot.size):
        prices[i] = american_price(
            is_call[i], spot[i], strikes[i], years[i], rate[i], dividend_yield[i], iv[i], nothing, nothing, LIVE
        )
