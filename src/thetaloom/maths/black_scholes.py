"""Black–Scholes–Merton: the price of a European option and its greeks in one pass.

Units: theta and charm per calendar day, vega per 0.01 of volatility, rho per 0.01 of rate, vanna the change
of delta and vomma the change of vega per 0.01 of volatility.

Everything is written in terms of the out-of-the-money side: with x = -|ln(forward / strike)|, s the total
volatility, h = x / s and t = s / 2, its price is G·(Y(h + t) - Y(h - t)), where Y(z) = N(z) / n(z) and
G = spot·exp(-yield·years)·n(d1). Nothing cancels there, however far the tail. The other side is parity.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from thetaloom.maths.normal import SQRT_TWO_PI, log_ratio, mills, normal_below

FloatArray = npt.NDArray[np.float64]
Greeks = tuple[float, float, float, float, float, float, float, float, float]

DAYS_PER_YEAR = 365.0
# Below this the total volatility counts as none: the squares of h would no longer fit a float.
TOTAL_VOLATILITY_MIN = 1e-150
NAN = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainGreeks:
    """Price and greeks of each contract of a chain, NaN where the input makes no sense."""

    price: FloatArray
    delta: FloatArray
    gamma: FloatArray
    theta: FloatArray
    vega: FloatArray
    rho: FloatArray
    vanna: FloatArray
    vomma: FloatArray
    charm: FloatArray


def chain_greeks(
    spot: npt.ArrayLike,
    strikes: npt.ArrayLike,
    years: npt.ArrayLike,
    is_call: npt.ArrayLike,
    iv: npt.ArrayLike,
    rate: npt.ArrayLike,
    dividend_yield: npt.ArrayLike,
) -> ChainGreeks:
    """Price a whole chain with all greeks; each argument is one number or one per contract."""
    s, k, t, v, r, q = chain_columns(spot, strikes, years, iv, rate, dividend_yield)
    table = np.empty((9, s.size))
    fill_chain_greeks(s, k, t, v, r, q, call_column(is_call, s.size), table)
    return ChainGreeks(
        price=table[0],
        delta=table[1],
        gamma=table[2],
        theta=table[3],
        vega=table[4],
        rho=table[5],
        vanna=table[6],
        vomma=table[7],
        charm=table[8],
    )


def chain_columns(*columns: npt.ArrayLike) -> tuple[FloatArray, ...]:
    """Stretch numbers and arrays to contiguous columns, so that one compiled kernel serves them all."""
    arrays = np.broadcast_arrays(*(np.atleast_1d(np.asarray(column, dtype=np.float64)) for column in columns))
    return tuple(np.array(array, order="C") for array in arrays)  # to a kernel, read-only columns are another type


def call_column(is_call: npt.ArrayLike, size: int) -> npt.NDArray[np.bool_]:
    """Stretch the flags to a contiguous column of ``size``."""
    return np.array(np.broadcast_to(np.asarray(is_call, dtype=np.bool_), (size,)))


@njit(cache=True, error_model="numpy", nogil=True)
def fill_chain_greeks(
    spot: FloatArray,
    strikes: FloatArray,
    years: FloatArray,
    iv: FloatArray,
    rate: FloatArray,
    dividend_yield: FloatArray,
    is_call: npt.NDArray[np.bool_],
    table: FloatArray,
) -> None:
    """Write price and greeks, in the order of ``ChainGreeks``, to the rows of ``table``."""
    for i in range(spot.size):
        (
            table[0, i],
            table[1, i],
            table[2, i],
            table[3, i],
            table[4, i],
            table[5, i],
            table[6, i],
            table[7, i],
            table[8, i],
        ) = bsm_greeks(is_call[i], spot[i], strikes[i], years[i], rate[i], dividend_yield[i], iv[i])


@njit(cache=True, error_model="numpy")
def bsm_price(
    is_call: bool, spot: float, strike: float, years: float, rate: float, dividend_yield: float, iv: float
) -> float:
    """Price one European option; NaN for input that makes no sense."""
    return bsm_greeks(is_call, spot, strike, years, rate, dividend_yield, iv)[0]


@njit(cache=True, error_model="numpy", nogil=True)
def bsm_prices_at(
    spots: FloatArray, is_call: bool, strike: float, years: float, rate: float, dividend_yield: float, iv: float
) -> FloatArray:
    """Price one European option at many spots."""
    prices = np.empty(spots.size)
    for i in range(spots.size):
        prices[i] = bsm_price(is_call, spots[i], strike, years, rate, dividend_yield, iv)
    return prices


@njit(cache=True, error_model="numpy")
def bsm_greeks(
    is_call: bool, spot: float, strike: float, years: float, rate: float, dividend_yield: float, iv: float
) -> Greeks:
    """Price one European option with delta, gamma, theta, vega, rho, vanna, vomma and charm."""
    # Written so that a NaN fails it.
    sane = 0.0 < spot < math.inf and 0.0 < strike < math.inf and 0.0 <= years < math.inf and 0.0 <= iv < math.inf
    if not (sane and abs(rate) < math.inf and abs(dividend_yield) < math.inf):
        return NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN
    stock = spot * math.exp(-dividend_yield * years)
    cash = strike * math.exp(-rate * years)
    m = log_ratio(spot, strike) + (rate - dividend_yield) * years
    root = math.sqrt(years)
    s = iv * root
    if s < TOTAL_VOLATILITY_MIN:
        return _without_volatility(is_call, spot, years, rate, dividend_yield, stock, cash, m)

    call_is_out = m <= 0.0
    h = -abs(m) / s
    t = 0.5 * s
    density = math.sqrt(stock) * math.sqrt(cash) * math.exp(-0.5 * (h * h + t * t)) / SQRT_TWO_PI
    near, far, price = _out_of_the_money(stock if call_is_out else cash, cash if call_is_out else stock, h, t, density)

    # Signed worth of the shares and of the strike that exercise would exchange: price = shares - money.
    if call_is_out:
        shares, money = near, far
    else:
        shares, money = -far, -near
    if is_call and not call_is_out:
        shares, money, price = shares + stock, money + cash, price + (stock - cash)
    elif call_is_out and not is_call:
        shares, money, price = shares - stock, money - cash, price + (cash - stock)

    d1 = m / s + t
    d2 = m / s - t
    vega = density * root
    decay = -0.5 * density * iv / root - rate * money + dividend_yield * shares
    drift = 2.0 * (rate - dividend_yield) * years - d2 * s
    charm = dividend_yield * shares / spot - density / spot * drift / (2.0 * years * s)
    return (
        price,
        shares / spot,
        density / (spot * spot * s),
        decay / DAYS_PER_YEAR,
        0.01 * vega,
        0.01 * years * money,
        -0.01 * density / spot * d2 / iv,
        0.0001 * vega * d1 * d2 / iv,
        charm / DAYS_PER_YEAR,
    )


@njit(cache=True, error_model="numpy")
def _out_of_the_money(gained: float, given: float, h: float, t: float, density: float) -> tuple[float, float, float]:
    if density == 0.0:
        return 0.0, 0.0, 0.0
    if h + t > 5.0:  # Y would grow like exp(z²/2); here the plain formula loses nothing
        near = gained * normal_below(h + t)
        far = given * normal_below(h - t)
        return near, far, near - far
    near = density * mills(-h - t)
    far = density * mills(t - h)
    return near, far, density * mills_difference(h, t)


@njit(cache=True, error_model="numpy")
def mills_difference(h: float, t: float) -> float:
    """Give Y(h + t) - Y(h - t), the price of the out-of-the-money side over its vega, for h <= 0 < t."""
    if t > 0.05:
        return mills(-h - t) - mills(t - h)
    # The difference of two near equal numbers, as the odd part of a Taylor series; Y' = 1 + z·Y.
    y0 = mills(-h)
    y1 = 1.0 + h * y0
    y2 = y0 + h * y1
    y3 = 2.0 * y1 + h * y2
    y4 = 3.0 * y2 + h * y3
    y5 = 4.0 * y3 + h * y4
    y6 = 5.0 * y4 + h * y5
    y7 = 6.0 * y5 + h * y6
    y8 = 7.0 * y6 + h * y7
    y9 = 8.0 * y7 + h * y8
    tt = t * t
    series = y1 + tt / 6.0 * (y3 + tt / 20.0 * (y5 + tt / 42.0 * (y7 + tt / 72.0 * y9)))
    return 2.0 * t * series


@njit(cache=True, error_model="numpy")
def _without_volatility(
    is_call: bool,
    spot: float,
    years: float,
    rate: float,
    dividend_yield: float,
    stock: float,
    cash: float,
    m: float,
) -> Greeks:
    # The limits as volatility goes to nothing. Exactly at the kink delta and rho are the mean of both sides,
    # vega has a limit, and gamma, which has none, is given as 0 so that sums over a book stay finite.
    sign = 1.0 if is_call else -1.0
    exercised = 0.5 if m == 0.0 else (1.0 if sign * m > 0.0 else 0.0)
    shares = sign * exercised * stock
    money = sign * exercised * cash
    vega = stock / SQRT_TWO_PI * math.sqrt(years) if m == 0.0 else 0.0
    return (
        max(0.0, sign * (stock - cash)),
        shares / spot,
        0.0,
        (dividend_yield * shares - rate * money) / DAYS_PER_YEAR,
        0.01 * vega,
        0.01 * years * money,
        0.0,
        0.0,
        dividend_yield * shares / spot / DAYS_PER_YEAR,
    )
