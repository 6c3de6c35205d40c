"""The newest number of every indicator: from a whole history at once, or bar by bar as they come.

Both begin their averages a little differently, as TA-Lib and talipp do; after some two hundred bars nothing is
left of it but the last digits. The live ones need no history again at each bar, whatever the length of a bar.
"""

import math
from dataclasses import dataclass
from typing import Any

from thetaloom.domain.market import technicals
from thetaloom.domain.market.bars import Bar, Bars
from thetaloom.domain.market.chain import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Technicals:
    """Indicators with their usual parameters as of the latest bar; ``None`` where too few bars are known."""

    sma_20: float | None = None
    ema_20: float | None = None
    macd: float | None = None
    macd_signal: float | None = None
    macd_histogram: float | None = None
    rsi_14: float | None = None
    adx_14: float | None = None
    plus_di: float | None = None
    minus_di: float | None = None
    band_lower: float | None = None
    band_upper: float | None = None
    atr_14: float | None = None
    supertrend: float | None = None  # the line
    supertrend_is_up: bool | None = None
    obv: float | None = None
    stochastic_k: float | None = None
    stochastic_d: float | None = None


def latest(bars: Bars) -> Technicals:
    """Return the indicators as of the last of ``bars``, by TA-Lib."""
    if not len(bars) or not bars.are_prices:
        return Technicals()
    moving = technicals.macd(bars.closes)
    trend = technicals.adx(bars)
    bands = technicals.bollinger(bars.closes)
    trailing = technicals.supertrend(bars)
    swing = technicals.stochastic(bars)
    direction = _last(trailing.direction)
    return Technicals(
        sma_20=_last(bands.middle),
        ema_20=_last(technicals.ema(bars.closes)),
        macd=_last(moving.line),
        macd_signal=_last(moving.signal),
        macd_histogram=_last(moving.histogram),
        rsi_14=_last(technicals.rsi(bars.closes)),
        adx_14=_last(trend.adx),
        plus_di=_last(trend.plus),
        minus_di=_last(trend.minus),
        band_lower=_last(bands.lower),
        band_upper=_last(bands.upper),
        atr_14=_last(technicals.atr(bars)),
        supertrend=_last(trailing.line),
        supertrend_is_up=None if direction is None else direction > 0,
        obv=_last(technicals.obv(bars)),
        stochastic_k=_last(swing.k),
        stochastic_d=_last(swing.d),
    )


class LiveTechnicals:
    """The same indicators, fed one bar at a time, by talipp; each bar costs some tens of microseconds."""

    def __init__(self) -> None:
        from talipp import indicators as live  # takes a twentieth of a second to import

        self._sma, self._ema = live.SMA(20), live.EMA(20)
        self._macd, self._rsi = live.MACD(12, 26, 9), live.RSI(14)
        self._bands = live.BB(20, 2)
        self._adx, self._atr = live.ADX(14, 14), live.ATR(14)
        self._supertrend, self._obv = live.SuperTrend(10, 3), live.OBV()
        # Its own %K is the fast one: smoothed once it is the slow one, which is %D of period 3.
        self._stochastic, self._slow_d = live.Stoch(14, 3), live.SMA(3)
        self._of_closes = (self._sma, self._ema, self._macd, self._rsi, self._bands)
        self._of_bars = (self._adx, self._atr, self._supertrend, self._stochastic)
        self._knows_volume = True

    def add(self, bar: Bar) -> Technicals:
        """Take the next bar, which must be complete, and return the indicators as of it."""
        from talipp.ohlcv import OHLCV

        row = OHLCV(bar.open, bar.high, bar.low, bar.close, bar.volume)
        for indicator in self._of_closes:
            indicator.add(bar.close)
        for indicator in self._of_bars:
            indicator.add(row)
        self._knows_volume = self._knows_volume and bar.volume is not None
        if self._knows_volume:
            self._obv.add(row)
        slow_k = _part(self._stochastic, "d")
        if slow_k is not None:
            self._slow_d.add(slow_k)
        return self._now()

    def _now(self) -> Technicals:
        trailing = self._supertrend[-1]
        return Technicals(
            sma_20=_number(self._sma),
            ema_20=_number(self._ema),
            macd=_part(self._macd, "macd"),
            macd_signal=_part(self._macd, "signal"),
            macd_histogram=_part(self._macd, "histogram"),
            rsi_14=_number(self._rsi),
            adx_14=_part(self._adx, "adx"),
            plus_di=_part(self._adx, "plus_di"),
            minus_di=_part(self._adx, "minus_di"),
            band_lower=_part(self._bands, "lb"),
            band_upper=_part(self._bands, "ub"),
            atr_14=_number(self._atr),
            supertrend=_part(self._supertrend, "value"),
            supertrend_is_up=None if trailing is None else trailing.trend.name == "UP",
            obv=_number(self._obv) if self._knows_volume else None,
            stochastic_k=_part(self._stochastic, "d"),
            stochastic_d=_number(self._slow_d) if len(self._slow_d) else None,
        )


def _last(series: Floats) -> float | None:
    return float(series[-1]) if len(series) and math.isfinite(series[-1]) else None


def _number(indicator: Any) -> float | None:
    return indicator[-1] if len(indicator) else None


def _part(indicator: Any, name: str) -> float | None:
    newest = _number(indicator)
    return None if newest is None else getattr(newest, name)
