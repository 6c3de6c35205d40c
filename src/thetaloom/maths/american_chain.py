"""Whole chains of American options: contracts that share right, expiration, rate and yield share their boundaries.

The boundary scales with the strike and is smooth in the volatility. So each such group gets boundaries at a few
volatilities (Chebyshev's nodes in the logarithm), and each contract the one interpolated to its own. Where that is not
to be had, and with cash dividends, the small trees of ``LIVE`` stand in.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from thetaloom.maths.american import LIVE, american_greeks, early_exercise_never_pays
from thetaloom.maths.american_volatility import american_implied_volatility
from thetaloom.maths.black_scholes import FloatArray, bsm_greeks, call_column, chain_columns
from thetaloom.maths.implied_volatility import OK, bsm_implied_volatility
from thetaloom.maths.shared_boundaries import (
    SINES,
    group_boundaries,
    group_decays,
    group_greeks,
    group_volatility,
    is_inside,
)

Flags = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]

# The lowest volatility looked for, over the lowest that European options would have at the same prices.
IV_REACH = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class AmericanGreeks:
    """Price and greeks of each contract, in the units of ``ChainGreeks``; NaN where the input makes no sense."""

    price: FloatArray
    delta: FloatArray
    gamma: FloatArray
    theta: FloatArray
    vega: FloatArray


def chain_american_greeks(
    spot: npt.ArrayLike,
    strikes: npt.ArrayLike,
    years: npt.ArrayLike,
    is_call: npt.ArrayLike,
    iv: npt.ArrayLike,
    rate: npt.ArrayLike,
    dividend_yield: npt.ArrayLike,
    dividends: tuple[FloatArray, FloatArray] | None = None,
) -> AmericanGreeks:
    """Price a whole American chain; each argument is one number or one per contract, ``dividends`` years and cash."""
    s, k, t, v, r, q = chain_columns(spot, strikes, years, iv, rate, dividend_yield)
    calls = call_column(is_call, s.size)
    table = np.empty((5, s.size))
    if dividends is not None and len(dividends[0]):
        when, cash = chain_columns(*dividends)
        _fill_by_tree(s, k, t, v, r, q, calls, when, cash, table)
    else:
        order, starts = _groups(calls, t, r, q)
        _fill_greeks(s, k, t, v, r, q, calls, order, starts, table)
    return AmericanGreeks(price=table[0], delta=table[1], gamma=table[2], theta=table[3], vega=table[4])


def chain_american_volatility(
    price: npt.ArrayLike,
    spot: npt.ArrayLike,
    strikes: npt.ArrayLike,
    years: npt.ArrayLike,
    is_call: npt.ArrayLike,
    rate: npt.ArrayLike,
    dividend_yield: npt.ArrayLike,
    dividends: tuple[FloatArray, FloatArray] | None = None,
) -> tuple[FloatArray, npt.NDArray[np.int8]]:
    """Give the volatility of each American contract, NaN where there is none, and its ``ImpliedStatus``."""
    p, s, k, t, r, q = chain_columns(price, spot, strikes, years, rate, dividend_yield)
    calls = call_column(is_call, s.size)
    iv, status = np.empty(s.size), np.empty(s.size, dtype=np.int8)
    if dividends is not None and len(dividends[0]):
        when, cash = chain_columns(*dividends)
        _fill_volatility_by_tree(p, s, k, t, r, q, calls, when, cash, iv, status)
    else:
        order, starts = _groups(calls, t, r, q)
        _fill_volatility(p, s, k, t, r, q, calls, order, starts, iv, status)
    return iv, status


def _groups(is_call: Flags, years: FloatArray, rate: FloatArray, dividend_yield: FloatArray) -> tuple[Counts, Counts]:
    order = np.lexsort((dividend_yield, rate, years, is_call))
    columns = np.stack([is_call[order].astype(np.float64), years[order], rate[order], dividend_yield[order]])
    changes = np.flatnonzero((np.diff(columns, axis=1) != 0.0).any(axis=0)) + 1
    return order.astype(np.int64), np.concatenate([[0], changes, [order.size]]).astype(np.int64)


@njit(cache=True, error_model="numpy", nogil=True)
def _fill_greeks(
    spot: FloatArray,
    strikes: FloatArray,
    years: FloatArray,
    iv: FloatArray,
    rate: FloatArray,
    dividend_yield: FloatArray,
    is_call: Flags,
    order: Counts,
    starts: Counts,
    table: FloatArray,
) -> None:
    nothing = np.empty(0)
    boundary = np.empty(SINES.size + 1)
    for g in range(starts.size - 1):
        first = order[starts[g]]
        call, t, r, q = is_call[first], years[first], rate[first], dividend_yield[first]
        european = early_exercise_never_pays(call, r, q, t, nothing) or t == 0.0
        low, high = np.inf, 0.0
        for n in range(starts[g], starts[g + 1]):
            v = iv[order[n]]
            if 0.0 < v < np.inf and not european:
                low, high = min(low, v), max(high, v)
        # A call on the stock is a put on the strike in units of the stock.
        own, given = (q, r) if call else (r, q)
        count, center, half, logs = group_boundaries(t, own, given, low, high)
        decays = group_decays(t, own, given)
        for n in range(starts[g], starts[g + 1]):
            i = order[n]
            if european:
                found = bsm_greeks(call, spot[i], strikes[i], t, r, q, iv[i])[:5]
            elif count == 0 or not is_inside(iv[i], center, half) or not (spot[i] > 0.0 and strikes[i] > 0.0):
                found = american_greeks(call, spot[i], strikes[i], t, r, q, iv[i], nothing, nothing, LIVE, LIVE)[:5]
            else:
                found = group_greeks(call, spot[i], strikes[i], t, r, q, iv[i], center, half, logs, decays, boundary)
            table[0, i], table[1, i], table[2, i], table[3, i], table[4, i] = found


@njit(cache=True, error_model="numpy", nogil=True)
def _fill_volatility(
    price: FloatArray,
    spot: FloatArray,
    strikes: FloatArray,
    years: FloatArray,
    rate: FloatArray,
    dividend_yield: FloatArray,
    is_call: Flags,
    order: Counts,
    starts: Counts,
    iv: FloatArray,
    status: npt.NDArray[np.int8],
) -> None:
    nothing = np.empty(0)
    boundary = np.empty(SINES.size + 1)
    for g in range(starts.size - 1):
        first = order[starts[g]]
        call, t, r, q = is_call[first], years[first], rate[first], dividend_yield[first]
        european = early_exercise_never_pays(call, r, q, t, nothing)
        low, high = np.inf, 0.0
        for n in range(starts[g], starts[g + 1]):
            i = order[n]
            iv[i], status[i] = bsm_implied_volatility(call, price[i], spot[i], strikes[i], t, r, q)
            if status[i] == OK and not european:
                low, high = min(low, iv[i]), max(high, iv[i])
        if european:
            continue
        own, given = (q, r) if call else (r, q)
        count, center, half, logs = group_boundaries(t, own, given, IV_REACH * low, high)
        decays = group_decays(t, own, given)
        for n in range(starts[g], starts[g + 1]):
            i = order[n]
            twin = iv[i]
            found = -1.0
            if status[i] == OK and count > 0:
                found = group_volatility(
                    call, price[i], spot[i], strikes[i], t, r, q, twin, center, half, logs, decays, boundary
                )
            if found > 0.0:
                iv[i] = found
            else:
                iv[i], status[i] = american_implied_volatility(
                    call, price[i], spot[i], strikes[i], t, r, q, nothing, nothing, LIVE
                )


@njit(cache=True, error_model="numpy", nogil=True)
def _fill_by_tree(
    spot: FloatArray,
    strikes: FloatArray,
    years: FloatArray,
    iv: FloatArray,
    rate: FloatArray,
    dividend_yield: FloatArray,
    is_call: Flags,
    when: FloatArray,
    cash: FloatArray,
    table: FloatArray,
) -> None:
    for i in range(strikes.size):
        (table[0, i], table[1, i], table[2, i], table[3, i], table[4, i]) = american_greeks(
            is_call[i], spot[i], strikes[i], years[i], rate[i], dividend_yield[i], iv[i], when, cash, LIVE, LIVE
        )[:5]


@njit(cache=True, error_model="numpy", nogil=True)
def _fill_volatility_by_tree(
    price: FloatArray,
    spot: FloatArray,
    strikes: FloatArray,
    years: FloatArray,
    rate: FloatArray,
    dividend_yield: FloatArray,
    is_call: Flags,
    when: FloatArray,
    cash: FloatArray,
    iv: FloatArray,
    status: npt.NDArray[np.int8],
) -> None:
    for i in range(price.size):
        iv[i], status[i] = american_implied_volatility(
            is_call[i], price[i], spot[i], strikes[i], years[i], rate[i], dividend_yield[i], when, cash, LIVE
        )
