"""Prices from one SSVI surface per instant, and the quotes that market makers of the made-up world put around them.

Every bid is at or below its price and every ask at or above it. Since the prices are those of one surface free of
static arbitrage, nothing can be locked in by trading at bids and asks.
"""

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from thetaloom.maths.black_scholes import bsm_greeks

Floats = npt.NDArray[np.float64]

PRICE, BID, ASK, BID_SIZE, ASK_SIZE, VOLUME, OPEN_INTEREST, IV, DELTA = range(9)
COLUMNS = 9
TICK_CHANGES_AT = 3.0  # dollars
TYPICAL_IV = 0.2


@njit(cache=True, error_model="numpy")
def total_variance(log_moneyness: float, theta: float, rho: float, eta: float, gamma: float) -> float:
    """Give SSVI's total variance at the logarithm of strike over forward; theta is that at the money."""
    phi = eta * math.pow(theta, -gamma) * math.pow(1.0 + theta, gamma - 1.0)
    x = phi * log_moneyness
    return 0.5 * theta * (1.0 + rho * x + math.sqrt((x + rho) * (x + rho) + 1.0 - rho * rho))


@njit(cache=True, error_model="numpy")
def fill_quotes(
    strikes: Floats,
    is_call: npt.NDArray[np.bool_],
    series_of: npt.NDArray[np.int32],
    days: npt.NDArray[np.int64],
    years: Floats,
    thetas: Floats,
    scalars: tuple[float, ...],
    seed: int,
    today: int,
    moment: int,
    table: Floats,
) -> None:
    """Write the columns of ``table`` for each contract; days, years and thetas are by series.

    ``scalars``: spot, reference spot, rate, dividend yield, rho, eta, gamma, ticks below and above 3 dollars,
    base and factor of the bid-ask width, its widening at this instant, volume per day, share of the day gone.
    """
    (
        spot, reference, rate, dividend_yield, rho, eta, gamma, tick_low, tick_high,
        width_base, width_factor, widening, contracts_per_day, day_share,
    ) = scalars  # fmt: skip
    for i in range(strikes.size):
        strike, years_left, theta = strikes[i], years[series_of[i]], thetas[series_of[i]]
        log_moneyness = math.log(strike / spot) - (rate - dividend_yield) * years_left
        variance = total_variance(log_moneyness, theta, rho, eta, gamma)
        iv = math.sqrt(variance / years_left)
        price, delta, _, _, vega, _, _, _, _ = bsm_greeks(
            is_call[i], spot, strike, years_left, rate, dividend_yield, iv
        )

        sign = 1.0 if is_call[i] else -1.0
        inner = max(sign * (spot - strike), 0.0)
        outer = max(price - inner, 0.0)
        half = 0.5 * widening * width_factor
        half *= width_base + 0.0025 * outer + 0.002 * inner + 0.012 * vega
        table[PRICE, i] = price
        table[BID, i] = _down(max(price - half, 0.0), tick_low, tick_high)
        table[ASK, i] = max(_up(price + half, tick_low, tick_high), tick_low)
        table[IV, i] = iv
        table[DELTA, i] = delta

        # Interest gathers near the money, at near expirations and at round strikes, and stands still all session.
        day, thousandths = days[series_of[i]], round(strike * 1000.0)
        contract = _mixed(seed, day * 2 + (1 if is_call[i] else 0), thousandths)
        years_listed = (day - today) / 365.0
        away = math.log(strike / reference) / (TYPICAL_IV * math.sqrt(max(years_listed, 0.02)))
        crowd = math.exp(-0.5 * away * away) / (1.0 + 4.0 * years_listed)
        crowd *= 1.0 if thousandths % 10000 == 0 else 0.45
        table[OPEN_INTEREST, i] = math.floor(3.0 * contracts_per_day * crowd * (0.2 + 1.6 * _share(contract, 1)))
        table[VOLUME, i] = math.floor(contracts_per_day * crowd * _share(contract, today) ** 2 * day_share)
        depth = 5.0 + 120.0 * crowd / widening
        table[BID_SIZE, i] = 1.0 + math.floor(depth * _share(contract, 2 * moment)) if table[BID, i] > 0.0 else 0.0
        table[ASK_SIZE, i] = 1.0 + math.floor(depth * _share(contract, 2 * moment + 1))


@njit(cache=True, error_model="numpy")
def _tick(price: float, tick_low: float, tick_high: float) -> float:
    return tick_low if price < TICK_CHANGES_AT else tick_high


@njit(cache=True, error_model="numpy")
def _down(price: float, tick_low: float, tick_high: float) -> float:
    # Multiplied by whole ticks per dollar and divided again, a price comes out as the nearest float to its decimals.
    per_dollar = round(1.0 / _tick(price, tick_low, tick_high))
    return math.floor(price * per_dollar) / per_dollar


@njit(cache=True, error_model="numpy")
def _up(price: float, tick_low: float, tick_high: float) -> float:
    per_dollar = round(1.0 / _tick(price, tick_low, tick_high))
    return math.ceil(price * per_dollar) / per_dollar


@njit(cache=True, error_model="numpy")
def _mixed(seed: int, first: int, second: int) -> np.int64:
    mixed = np.uint64(seed) ^ (np.uint64(first) * np.uint64(0x9E3779B97F4A7C15))
    mixed ^= np.uint64(second) * np.uint64(0xC2B2AE3D27D4EB4F)
    return np.int64(_scrambled(mixed) >> np.uint64(2))


@njit(cache=True, error_model="numpy")
def _share(number: np.int64, salt: int) -> float:
    # A number in [0, 1) that only looks like chance.
    mixed = _scrambled(np.uint64(number) + np.uint64(salt) * np.uint64(0x9E3779B97F4A7C15))
    return float(mixed >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@njit(cache=True, error_model="numpy")
def _scrambled(number: np.uint64) -> np.uint64:
    # The finalizer of splitmix64 (Steele, Lea and Flood, 2014).
    mixed = (number ^ (number >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
