"""Technical indicators over whole histories, by TA-Lib; NaN where too few bars came before.

Every parameter has a range, and one outside of it is refused. Bars are daily or of any other length: the
periods count bars.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thetaloom.domain.market.bars import Bars
from thetaloom.domain.market.chain import Floats
from thetaloom.domain.market.ta_library import ta_lib
from thetaloom.errors import InvalidInput

Prices = Floats | Sequence[float]

RANGES: dict[str, tuple[float, float]] = {
    "moving average period": (1, 500),
    "macd fast period": (2, 200),
    "macd slow period": (3, 500),
    "macd signal period": (1, 200),
    "rsi period": (2, 200),
    "adx period": (2, 200),
    "bollinger period": (2, 500),
    "bollinger deviation": (0.5, 5),
    "atr period": (1, 200),
    "supertrend period": (2, 200),
    "supertrend multiplier": (0.5, 10),
    "stochastic period": (1, 200),
    "stochastic smoothing": (1, 50),
    "range period": (1, 500),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Macd:
    """Moving average convergence and divergence."""

    line: Floats  # fast less slow
    signal: Floats
    histogram: Floats  # line less signal


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Adx:
    """Wilder's directional movement."""

    adx: Floats
    plus: Floats  # DI+
    minus: Floats  # DI−


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BollingerBands:
    """The average of closes and its bands; the deviation is that of the whole window (divided by n)."""

    lower: Floats
    middle: Floats
    upper: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SuperTrend:
    """The trailing line and which side of it the close is on."""

    line: Floats
    direction: Floats  # 1 up, -1 down


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stochastic:
    """The slow stochastic: %K smoothed once, %D twice."""

    k: Floats
    d: Floats


def sma(closes: Prices, period: int = 20) -> Floats:
    """Return the simple moving average."""
    _check("moving average period", period)
    return _array(ta_lib().SMA(_floats(closes), period))


def ema(closes: Prices, period: int = 20) -> Floats:
    """Return the exponential moving average with factor 2/(period + 1), begun with a simple one."""
    _check("moving average period", period)
    return _array(ta_lib().EMA(_floats(closes), period))


def macd(closes: Prices, fast: int = 12, slow: int = 26, signal: int = 9) -> Macd:
    """Return MACD; ``fast`` must be below ``slow``."""
    _check("macd fast period", fast)
    _check("macd slow period", slow)
    _check("macd signal period", signal)
    if fast >= slow:
        raise InvalidInput(f"macd fast period is {fast}; expected less than the slow one, {slow}")
    line, signal_line, histogram = ta_lib().MACD(_floats(closes), fast, slow, signal)
    return Macd(line=_array(line), signal=_array(signal_line), histogram=_array(histogram))


def rsi(closes: Prices, period: int = 14) -> Floats:
    """Return Wilder's relative strength index, 0 to 100; 50 as long as nothing moved."""
    _check("rsi period", period)
    prices = _floats(closes)
    found = _array(ta_lib().RSI(prices, period))
    if len(prices):
        never_moved = np.maximum.accumulate(prices) == np.minimum.accumulate(prices)
        found = np.where(never_moved & ~np.isnan(found), 50.0, found)
    return found


def adx(bars: Bars, period: int = 14) -> Adx:
    """Return Wilder's average directional index with DI+ and DI−, each 0 to 100."""
    _check("adx period", period)
    high, low, close = _columns(bars)
    library = ta_lib()
    return Adx(
        adx=_array(library.ADX(high, low, close, period)),
        plus=_array(library.PLUS_DI(high, low, close, period)),
        minus=_array(library.MINUS_DI(high, low, close, period)),
    )


def bollinger(closes: Prices, period: int = 20, deviation: float = 2.0) -> BollingerBands:
    """Return the Bollinger bands."""
    _check("bollinger period", period)
    _check("bollinger deviation", deviation)
    upper, middle, lower = ta_lib().BBANDS(_floats(closes), period, deviation, deviation)
    return BollingerBands(lower=_array(lower), middle=_array(middle), upper=_array(upper))


def atr(bars: Bars, period: int = 14) -> Floats:
    """Return Wilder's average true range, in dollars."""
    _check("atr period", period)
    return _array(ta_lib().ATR(*_columns(bars), period))


def supertrend(bars: Bars, period: int = 10, multiplier: float = 3.0) -> SuperTrend:
    """Return the SuperTrend line and its direction."""
    _check("supertrend period", period)
    _check("supertrend multiplier", multiplier)
    line, direction = ta_lib().SUPERTREND(*_columns(bars), period, multiplier)
    return SuperTrend(
        line=_array(line), direction=np.where(np.isnan(line), np.nan, np.asarray(direction, dtype=np.float64))
    )


def obv(bars: Bars) -> Floats:
    """Return the on-balance volume, begun with the first bar's; only its changes mean anything."""
    if len(bars.volumes) != len(bars):
        return np.full(len(bars), np.nan)
    return _array(ta_lib().OBV(_floats(bars.closes), _floats(bars.volumes)))


def stochastic(bars: Bars, period: int = 14, k_smoothing: int = 3, d_smoothing: int = 3) -> Stochastic:
    """Return the slow stochastic, 0 to 100."""
    _check("stochastic period", period)
    _check("stochastic smoothing", k_smoothing)
    _check("stochastic smoothing", d_smoothing)
    k, d = ta_lib().STOCH(*_columns(bars), period, k_smoothing, 0, d_smoothing, 0)
    return Stochastic(k=_array(k), d=_array(d))


def support(bars: Bars, period: int = 20) -> Floats:
    """Return the lowest low of the latest ``period`` bars."""
    _check("range period", period)
    return _rolled(bars.lows, period, highest=False)


def resistance(bars: Bars, period: int = 20) -> Floats:
    """Return the highest high of the latest ``period`` bars."""
    _check("range period", period)
    return _rolled(bars.highs, period, highest=True)


def _rolled(prices: Prices, period: int, *, highest: bool) -> Floats:
    known = _floats(prices)
    found = np.full(len(known), np.nan)
    if len(known) >= period:
        windows = np.lib.stride_tricks.sliding_window_view(known, period)
        found[period - 1 :] = windows.max(axis=1) if highest else windows.min(axis=1)
    return found


def _check(name: str, number: float) -> None:
    least, most = RANGES[name]
    if not least <= number <= most:
        raise InvalidInput(f"{name} is {number}; expected {least:g} to {most:g}", details={"field": name})


def _columns(bars: Bars) -> tuple[Floats, Floats, Floats]:
    return _floats(bars.highs), _floats(bars.lows), _floats(bars.closes)


def _floats(prices: Prices) -> Floats:
    return np.ascontiguousarray(prices, dtype=np.float64)


def _array(found: object) -> Floats:
    return np.asarray(found, dtype=np.float64)
