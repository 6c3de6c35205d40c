"""The rules analyst once more, from daily rows alone, in plain Python, as its rules are written in the documents.

Nothing of the package takes part: no indicator library, no candles, no levels of ours.
"""

import datetime
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import pairwise

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One session, or one week."""

    on: datetime.date
    high: float
    low: float
    close: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand:
    """What the rules come to."""

    direction: str  # bullish, bearish, neutral, or none
    confidence: str = ""
    stop: Decimal | None = None
    targets: tuple[Decimal, ...] = ()
    r_multiple: Decimal | None = None
    return_percent: Decimal | None = None


def read_by_hand(daily: list[Row], entry: Decimal, shown: int = 252, weeks_shown: int = 156) -> ByHand:
    """Read sessions, oldest first, with the underlying at ``entry``."""
    weekly = weeks_of(daily)
    now, then = direction_of(daily), direction_of(weekly)
    if now is None:
        return ByHand(direction="none")
    if now == "neutral" or (then not in (None, "neutral") and then != now):
        return ByHand(direction="neutral", confidence="0.5")
    sure = {3: Decimal("0.65"), 4: Decimal("0.75")}[votes_of(daily).count(now)]
    sign, span = (1 if now == "bullish" else -1), Decimal(str(round(wilder(ranges_of(daily), 14), 4)))
    stop = cents(entry - sign * 2 * span)
    levels = levels_of(daily[-shown:], daily, sign) + levels_of(weekly[-weeks_shown:], weekly, sign)
    start, targets = entry, []
    for multiple in (3, 5):
        most = cents(entry + sign * multiple * span)
        between = [level for level in levels if sign * (level - start) >= span and sign * (most - level) > 0]
        targets.append(min(between, key=lambda level: sign * level) if between else most)
        start = targets[-1]
    reward, risk = abs(targets[0] - entry), abs(entry - stop)
    return ByHand(
        direction=now,
        confidence=str(sure + (Decimal("0.1") if then == now else 0)),
        stop=stop,
        targets=tuple(targets),
        r_multiple=(reward / risk).quantize(Decimal("0.0001")),
        return_percent=(100 * reward / entry).quantize(Decimal("0.0001")),
    )


def direction_of(rows: list[Row]) -> str | None:
    """Three of the four votes; ``None`` where those not known could still make three."""
    votes = votes_of(rows)
    for side in ("bullish", "bearish"):
        if votes.count(side) >= 3:
            return side
    unknown = votes.count("unknown")
    could = unknown > 0 and max(votes.count("bullish"), votes.count("bearish")) + unknown >= 3
    return None if could else "neutral"


def votes_of(rows: list[Row]) -> list[str]:
    """The votes of SuperTrend 10/3, the average of 20, MACD 12/26/9 and RSI 14."""
    closes = [row.close for row in rows]
    trend = supertrend_of(rows)
    return [
        vote(trend, 0),
        vote(closes[-1] if len(closes) >= 20 else None, sum(closes[-20:]) / 20),
        vote(histogram_of(closes), 0),
        vote(strength_of(closes), 50),
    ]


def vote(number: float | None, middle: float) -> str:
    """Above, below, or exactly between, to four places."""
    if number is None:
        return "unknown"
    apart = round(number, 4) - round(middle, 4)
    return "neutral" if apart == 0 else "bullish" if apart > 0 else "bearish"


def supertrend_of(rows: list[Row], period: int = 10, multiple: float = 3.0) -> float | None:
    """1 above the trailing line, -1 below it."""
    if len(rows) <= period:
        return None
    ranges = ranges_of(rows)
    average = sum(ranges[:period]) / period
    upper = lower = 0.0
    side = 1
    for at in range(period, len(rows)):
        if at > period:
            average = (average * (period - 1) + ranges[at - 1]) / period
        row, before = rows[at], rows[at - 1].close
        middle = (row.high + row.low) / 2
        high, low = middle + multiple * average, middle - multiple * average
        if at == period:
            upper, lower = high, low
            continue  # it begins above the line, by convention
        upper = high if high < upper or before > upper else upper
        lower = low if low > lower or before < lower else lower
        if side > 0 and row.close < lower:
            side = -1
        elif side < 0 and row.close > upper:
            side = 1
    return float(side)


def ranges_of(rows: list[Row]) -> list[float]:
    """True ranges, from the second row on."""
    return [max(row.high, before.close) - min(row.low, before.close) for before, row in pairwise(rows)]


def wilder(numbers: list[float], period: int) -> float:
    """Wilder's average, begun with a plain one."""
    average = sum(numbers[:period]) / period
    for number in numbers[period:]:
        average += (number - average) / period
    return average


def strength_of(closes: list[float], period: int = 14) -> float | None:
    """RSI."""
    moves = [after - before for before, after in pairwise(closes)]
    if len(moves) < period:
        return None
    rises, falls = (wilder([max(sign * move, 0.0) for move in moves], period) for sign in (1, -1))
    return 100 * rises / (rises + falls)


def histogram_of(closes: list[float]) -> float | None:
    """MACD less its signal."""
    if len(closes) < 34:
        return None
    fast, slow = line_of(closes[14:], 12), line_of(closes, 26)  # both begin at the same candle
    moving = [one - other for one, other in zip(fast, slow, strict=True)]
    return moving[-1] - line_of(moving, 9)[-1]


def line_of(numbers: list[float], period: int) -> list[float]:
    """An exponential average, begun with a plain one."""
    line = [sum(numbers[:period]) / period]
    for number in numbers[period:]:
        line.append(line[-1] + (number - line[-1]) * 2 / (period + 1))
    return line


def levels_of(shown: list[Row], every: list[Row], sign: int) -> list[Decimal]:
    """Where a move may be held up: extremes of 20 and of all candles shown, and the long averages."""
    found = [sign * max(sign * (row.high if sign > 0 else row.low) for row in shown)]
    if len(shown) >= 20:
        found.append(sign * max(sign * (row.high if sign > 0 else row.low) for row in shown[-20:]))
    found += [sum(row.close for row in every[-n:]) / n for n in (50, 200) if len(every) >= n]
    return [cents(Decimal(str(round(level, 4)))) for level in found]


def weeks_of(daily: list[Row]) -> list[Row]:
    """Weeks of the calendar, the last one as far as it has come."""
    weeks: dict[tuple[int, int], list[Row]] = {}
    for row in daily:
        year, week, _ = row.on.isocalendar()
        weeks.setdefault((year, week), []).append(row)
    return [
        Row(on=rows[-1].on, high=max(r.high for r in rows), low=min(r.low for r in rows), close=rows[-1].close)
        for rows in weeks.values()
    ]


def cents(number: Decimal) -> Decimal:
    """Rounded to cents, halves to even."""
    return number.quantize(CENT, rounding=ROUND_HALF_EVEN)
