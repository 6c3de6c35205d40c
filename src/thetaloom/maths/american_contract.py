"""One American contract from its price: volatility and greeks, by few boundaries made for it alone.

The European twin's volatility bounds the American one from above and is near it, so that the range to make
boundaries for is narrow. Where that fails, the contract's own boundary is solved for each volatility tried.
"""

import numpy as np
from numba import njit

from thetaloom.maths.american import BOUNDARY, BOUNDARY_BUMP, american_greeks, american_price, early_exercise_never_pays
from thetaloom.maths.american_volatility import american_implied_volatility
from thetaloom.maths.black_scholes import NAN, bsm_greeks
from thetaloom.maths.implied_volatility import OK, bsm_implied_volatility
from thetaloom.maths.shared_boundaries import SINES, group_boundaries, group_decays, group_greeks, group_volatility

ContractGreeks = tuple[float, int, float, float, float, float]

REACHES = (0.9, 0.6)  # the lowest volatility looked for, over the European twin's
EXERCISE_NOISE = 1e-12  # of spot and strike


@njit(cache=True, error_model="numpy", nogil=True)
def american_contract_greeks(
    is_call: bool, price: float, spot: float, strike: float, years: float, rate: float, dividend_yield: float
) -> ContractGreeks:
    """Give volatility, ``ImpliedStatus``, delta, gamma, theta and vega in the units of ``bsm_greeks``.

    A price that is no more than exercise brings, though the European twin still has a volatility there, has none
    itself, and the greeks of an option to exercise at once. Else all are NaN without a volatility.
    """
    nothing = np.empty(0)
    twin, status = bsm_implied_volatility(is_call, price, spot, strike, years, rate, dividend_yield)
    if early_exercise_never_pays(is_call, rate, dividend_yield, years, nothing):
        if status != OK:
            return NAN, status, NAN, NAN, NAN, NAN
        european = bsm_greeks(is_call, spot, strike, years, rate, dividend_yield, twin)
        return twin, status, european[1], european[2], european[3], european[4]
    if status == OK:
        own, given = (dividend_yield, rate) if is_call else (rate, dividend_yield)
        decays = group_decays(years, own, given)
        boundary = np.empty(SINES.size + 1)
        for reach in REACHES:
            count, center, half, logs = group_boundaries(years, own, given, reach * twin, twin)
            if count == 0:
                break
            iv = group_volatility(
                is_call, price, spot, strike, years, rate, dividend_yield, twin, center, half, logs, decays, boundary
            )
            if iv > 0.0:
                found = group_greeks(
                    is_call, spot, strike, years, rate, dividend_yield, iv, center, half, logs, decays, boundary
                )
                return iv, status, found[1], found[2], found[3], found[4]
    return _by_own_boundary(is_call, price, spot, strike, years, rate, dividend_yield, status == OK)


@njit(cache=True, error_model="numpy")
def _by_own_boundary(
    is_call: bool,
    price: float,
    spot: float,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
    has_twin: bool,
) -> ContractGreeks:
    nothing = np.empty(0)
    sign = 1.0 if is_call else -1.0
    exercise, noise = sign * (spot - strike), EXERCISE_NOISE * (spot + strike)
    iv, status = american_implied_volatility(
        is_call, price, spot, strike, years, rate, dividend_yield, nothing, nothing, BOUNDARY
    )
    if status == OK:
        found = american_greeks(
            is_call, spot, strike, years, rate, dividend_yield, iv, nothing, nothing, BOUNDARY, BOUNDARY_BUMP
        )
        return iv, status, found[1], found[2], found[3], found[4]
    if has_twin and price <= exercise + noise:
        least = american_price(is_call, spot, strike, years, rate, dividend_yield, 0.0, nothing, nothing, BOUNDARY)
        if least <= exercise + noise:
            return NAN, status, sign, 0.0, 0.0, 0.0
    return NAN, status, NAN, NAN, NAN, NAN
