"""The indicators once more, in plain Python from their textbook definitions, to hold the library against."""

import itertools
from math import sqrt

from thetaloom.domain.market.bars import Bars


def mean(numbers: list[float]) -> float:
    return sum(numbers) / len(numbers)


def ema(closes: list[float], period: int) -> list[float]:
    """From the close at ``period`` on; begun with the mean."""
    found = [mean(closes[:period])]
    for close in closes[period:]:
        found.append(found[-1] + 2 / (period + 1) * (close - found[-1]))
    return found


def macd(closes: list[float]) -> tuple[float, float]:
    """Line and signal at the end. As in TA-Lib both averages begin at the 26th close: the fast one with the
    mean of the twelve closes up to there."""
    fast, slow = ema(closes[14:], 12), ema(closes, 26)
    lines = [one - other for one, other in zip(fast, slow, strict=True)]
    return lines[-1], ema(lines, 9)[-1]


def rsi(closes: list[float], period: int) -> float:
    changes = [after - before for before, after in itertools.pairwise(closes)]
    gain = mean([max(change, 0) for change in changes[:period]])
    loss = mean([max(-change, 0) for change in changes[:period]])
    for change in changes[period:]:
        gain = (gain * (period - 1) + max(change, 0)) / period
        loss = (loss * (period - 1) + max(-change, 0)) / period
    return 100 * gain / (gain + loss)


def true_ranges(bars: Bars) -> list[float]:
    rows = list(zip(bars.highs, bars.lows, bars.closes, strict=True))
    return [max(high, before[2]) - min(low, before[2]) for before, (high, low, _) in itertools.pairwise(rows)]


def atr(bars: Bars, period: int) -> list[float]:
    """From the bar at ``period`` on."""
    ranges = true_ranges(bars)
    found = [mean(ranges[:period])]
    for one in ranges[period:]:
        found.append((found[-1] * (period - 1) + one) / period)
    return found


def adx(bars: Bars, period: int) -> tuple[float, float, float]:
    """ADX, DI+ and DI− at the end; Wilder's sums, begun with one move less as TA-Lib has them."""
    ranges = true_ranges(bars)
    ups = [after - before for before, after in zip(bars.highs, bars.highs[1:], strict=False)]
    downs = [before - after for before, after in zip(bars.lows, bars.lows[1:], strict=False)]
    plus = [up if up > down and up > 0 else 0.0 for up, down in zip(ups, downs, strict=True)]
    minus = [down if down > up and down > 0 else 0.0 for up, down in zip(ups, downs, strict=True)]
    sums = [sum(column[: period - 1]) for column in (ranges, plus, minus)]
    strengths: list[float] = []
    di_plus = di_minus = 0.0
    for at in range(period - 1, len(ranges)):
        sums = [total - total / period + column[at] for total, column in zip(sums, (ranges, plus, minus), strict=True)]
        di_plus, di_minus = 100 * sums[1] / sums[0], 100 * sums[2] / sums[0]
        strengths.append(100 * abs(di_plus - di_minus) / (di_plus + di_minus))
    found = mean(strengths[:period])
    for one in strengths[period:]:
        found = (found * (period - 1) + one) / period
    return found, di_plus, di_minus


def bollinger(closes: list[float], period: int, deviation: float) -> tuple[float, float, float]:
    window = closes[-period:]
    middle = mean(window)
    spread = deviation * sqrt(mean([(close - middle) ** 2 for close in window]))
    return middle - spread, middle, middle + spread


def supertrend(bars: Bars, period: int, multiplier: float) -> tuple[float, bool]:
    """The line and whether it is below the close, at the end."""
    ranges = atr(bars, period)
    upper = lower = line = 0.0
    is_up = True
    for at in range(period, len(bars)):
        middle, reach = (bars.highs[at] + bars.lows[at]) / 2, multiplier * ranges[at - period]
        basic_upper, basic_lower, before = middle + reach, middle - reach, bars.closes[at - 1]
        if at == period:
            upper, lower = basic_upper, basic_lower
        else:
            upper = basic_upper if basic_upper < upper or before > upper else upper
            lower = basic_lower if basic_lower > lower or before < lower else lower
            is_up = bars.closes[at] >= lower if is_up else bars.closes[at] > upper
        line = lower if is_up else upper
    return line, is_up


def stochastic(bars: Bars, period: int) -> tuple[float, float]:
    """Slow %K and %D at the end, each a mean of three."""
    fast = []
    for end in range(len(bars) - 5, len(bars) + 1):
        low, high = min(bars.lows[end - period : end]), max(bars.highs[end - period : end])
        fast.append((bars.closes[end - 1] - low) / (high - low) * 100)
    slow = [mean(fast[end - 3 : end]) for end in range(3, len(fast) + 1)]
    return slow[-1], mean(slow[-3:])


def obv(bars: Bars) -> float:
    total = bars.volumes[0]
    for before, after, volume in zip(bars.closes, bars.closes[1:], bars.volumes[1:], strict=False):
        total += volume if after > before else -volume if after < before else 0
    return total
