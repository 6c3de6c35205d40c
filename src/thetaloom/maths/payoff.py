"""Profit and loss of a set of legs over a grid of underlying prices, at expiration or at any earlier date."""

import math
from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit

from thetaloom.maths.black_scholes import FloatArray, bsm_price, chain_columns

PUT: Final = -1
STOCK: Final = 0
CALL: Final = 1

KindArray = npt.NDArray[np.int8]


def expiration_payoff(
    prices: npt.ArrayLike,
    kinds: npt.ArrayLike,
    strikes: npt.ArrayLike,
    quantities: npt.ArrayLike,
    entry_prices: npt.ArrayLike,
) -> FloatArray:
    """Give, for each underlying price, what the legs are worth at expiration less what was paid for them.

    ``kinds`` holds ``CALL``, ``PUT`` or ``STOCK``; quantities are signed, and carry a multiplier if wanted.
    """
    grid = np.ascontiguousarray(np.atleast_1d(np.asarray(prices, dtype=np.float64)))
    strike, quantity, entry = chain_columns(strikes, quantities, entry_prices)
    curve = np.empty(grid.size)
    fill_expiration_payoff(grid, _kind_column(kinds, strike.size), strike, quantity, entry, curve)
    return curve


def payoff_at(
    prices: npt.ArrayLike,
    kinds: npt.ArrayLike,
    strikes: npt.ArrayLike,
    quantities: npt.ArrayLike,
    entry_prices: npt.ArrayLike,
    years: npt.ArrayLike,
    iv: npt.ArrayLike,
    rate: float,
    dividend_yield: float,
) -> FloatArray:
    """Give the same by Black–Scholes while each leg still has its ``years`` to live, at its ``iv``."""
    grid = np.ascontiguousarray(np.atleast_1d(np.asarray(prices, dtype=np.float64)))
    strike, quantity, entry, life, vol = chain_columns(strikes, quantities, entry_prices, years, iv)
    curve = np.empty(grid.size)
    kind = _kind_column(kinds, strike.size)
    fill_payoff_at(grid, kind, strike, quantity, entry, life, vol, float(rate), float(dividend_yield), curve)
    return curve


def _kind_column(kinds: npt.ArrayLike, size: int) -> KindArray:
    column = np.asarray(kinds)
    if not np.isin(column, (PUT, STOCK, CALL)).all():
        raise ValueError("each kind is CALL, PUT or STOCK")
    return np.ascontiguousarray(np.broadcast_to(column.astype(np.int8), (size,)))


@njit(cache=True, error_model="numpy", nogil=True)
def fill_expiration_payoff(
    grid: FloatArray,
    kinds: KindArray,
    strikes: FloatArray,
    quantities: FloatArray,
    entry_prices: FloatArray,
    curve: FloatArray,
) -> None:
    """Write the profit and loss at expiration over the grid."""
    for i in range(grid.size):
        total = 0.0
        for leg in range(strikes.size):
            total += quantities[leg] * (_intrinsic(kinds[leg], grid[i], strikes[leg]) - entry_prices[leg])
        curve[i] = total


@njit(cache=True, error_model="numpy", nogil=True)
def fill_payoff_at(
    grid: FloatArray,
    kinds: KindArray,
    strikes: FloatArray,
    quantities: FloatArray,
    entry_prices: FloatArray,
    years: FloatArray,
    iv: FloatArray,
    rate: float,
    dividend_yield: float,
    curve: FloatArray,
) -> None:
    """Write the profit and loss before expiration over the grid; a leg past its life counts its intrinsic."""
    for i in range(grid.size):
        total = 0.0
        for leg in range(strikes.size):
            if kinds[leg] == STOCK or years[leg] <= 0.0 or grid[i] <= 0.0:
                kept = strikes[leg] * math.exp(-rate * max(0.0, years[leg]))
                worth = _intrinsic(kinds[leg], grid[i], kept)
            else:
                is_call = kinds[leg] == CALL
                worth = bsm_price(is_call, grid[i], strikes[leg], years[leg], rate, dividend_yield, iv[leg])
            total += quantities[leg] * (worth - entry_prices[leg])
        curve[i] = total


@njit(cache=True, error_model="numpy")
def _intrinsic(kind: int, price: float, strike: float) -> float:
    if kind == STOCK:
        return price
    return max(0.0, kind * (price - strike))
