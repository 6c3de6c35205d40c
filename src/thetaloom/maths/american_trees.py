"""Many American options, each on two trees of its own: prices alone, or with greeks.

An option gets the same price here whatever stands beside it, so that two valuations of one book can be compared.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from thetaloom.maths.american import american_greeks, american_price
from thetaloom.maths.black_scholes import FloatArray, call_column, chain_columns

# Steps of the two trees: some 10 µs a price, off by 1e-4 of a dollar at a strike of 100, by 1e-3 in one case of 100.
STEPS = (101, 203)


def tree_prices(
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
    fill_tree_prices(s, k, t, v, r, q, call_column(is_call, s.size), np.empty(0), prices)
    return prices


def tree_greeks(
    spot: npt.ArrayLike,
    strikes: npt.ArrayLike,
    years: npt.ArrayLike,
    is_call: npt.ArrayLike,
    iv: npt.ArrayLike,
    rate: npt.ArrayLike,
    dividend_yield: npt.ArrayLike,
) -> FloatArray:
    """Give rows price, delta, gamma, theta, vega and rho, at some five times the work of the prices."""
    s, k, t, v, r, q = chain_columns(spot, strikes, years, iv, rate, dividend_yield)
    table = np.empty((6, s.size))
    fill_tree_greeks(s, k, t, v, r, q, call_column(is_call, s.size), np.empty(0), table)
    return table


@njit(cache=True, error_model="numpy", nogil=True)
def fill_tree_prices(
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
            is_call[i], spot[i], strikes[i], years[i], rate[i], dividend_yield[i], iv[i], nothing, nothing, STEPS
        )


@njit(cache=True, error_model="numpy", nogil=True)
def fill_tree_greeks(
    spot: FloatArray,
    strikes: FloatArray,
    years: FloatArray,
    iv: FloatArray,
    rate: FloatArray,
    dividend_yield: FloatArray,
    is_call: npt.NDArray[np.bool_],
    nothing: FloatArray,
    table: FloatArray,
) -> None:
    """Write price and greeks of each option to the columns of ``table``."""
    for i in range(spot.size):
        found = american_greeks(
            is_call[i], spot[i], strikes[i], years[i], rate[i], dividend_yield[i], iv[i], nothing, nothing, STEPS, STEPS
        )
        for row in range(6):
            table[row, i] = found[row]
