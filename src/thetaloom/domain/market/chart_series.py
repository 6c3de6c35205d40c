"""What a chart shows: candles of one timeframe with their indicators, as numbers that can be stored and drawn again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np

from thetaloom.domain.market import technicals
from thetaloom.domain.market.bars import PLACES, Bar, Bars, week_of
from thetaloom.domain.market.chain import Floats, from_date
from thetaloom.domain.values.canonical import canonical_json, digest_of

Series = tuple[float | None, ...]  # one number a candle; None where too few came before it

SMA_PERIODS = (20, 50, 200)
WARM_UP = max(SMA_PERIODS) - 1  # candles before the first one shown, so that every line is whole


class Timeframe(StrEnum):
    """The length of a candle."""

    DAILY = "1d"
    WEEKLY = "1w"

    @property
    def shown_max(self) -> int:
        """How many candles a chart of it shows: a year of sessions, or three years of weeks."""
        return 252 if self is Timeframe.DAILY else 156


class ChartTheme(StrEnum):
    """The ground that a chart is drawn on."""

    DARK = "dark"
    LIGHT = "light"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candles:
    """Bars as columns, oldest first, with their opens."""

    days: tuple[int, ...] = ()  # since 1970-01-01; of a week, its last session so far
    opens: tuple[float, ...] = ()
    highs: tuple[float, ...] = ()
    lows: tuple[float, ...] = ()
    closes: tuple[float, ...] = ()
    volumes: tuple[float, ...] = ()  # shares; empty where any is unknown, or nothing was ever traded

    def __len__(self) -> int:
        return len(self.closes)

    @property
    def bars(self) -> Bars:
        """The same without the opens, as indicators take them."""
        return Bars(days=self.days, highs=self.highs, lows=self.lows, closes=self.closes, volumes=self.volumes)

    @property
    def are_prices(self) -> bool:
        """Whether every candle can be right."""
        rows = zip(self.lows, self.opens, self.highs, strict=True)
        return self.bars.are_prices and all(low <= start <= high for low, start, high in rows)

    def last(self, count: int) -> "Candles":
        """Return the latest ``count`` candles."""
        start = max(len(self) - count, 0)
        columns = {name: getattr(self, name)[start:] for name in self.__slots__}
        return Candles(**columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartSeries:
    """The candles of a chart and every line that is drawn with them, each as long as the candles are."""

    symbol: str
    timeframe: Timeframe
    candles: Candles
    sma_20: Series
    sma_50: Series
    sma_200: Series
    band_lower: Series  # Bollinger 20/2
    band_upper: Series
    supertrend: Series  # 10/3
    supertrend_direction: Series  # 1 up, -1 down
    macd: Series  # 12/26/9
    macd_signal: Series
    macd_histogram: Series
    rsi: Series  # 14
    obv: Series  # all None without volume
    atr: Series  # 14, dollars
    source: str = ""
    synthetic: bool = False

    @property
    def digest(self) -> str:
        """The content address of these numbers."""
        return digest_of(canonical_json(self))


class Picture:
    """A drawn chart.

    Not a dataclass on purpose: evidence keeps it as a blob of PNG, never as a field of JSON.
    """

    __slots__ = ("content", "digest")

    content: bytes
    digest: str

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.digest = digest_of(content)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Picture) and other.content == self.content

    def __hash__(self) -> int:
        return hash(self.digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnChart:
    """A chart and the numbers that it was drawn from."""

    timeframe: Timeframe
    theme: ChartTheme
    picture: Picture
    numbers: str  # digest of the series


def daily_candles(bars: Iterable[Bar]) -> Candles:
    """Return ``bars``, oldest first, as candles."""
    rows = list(bars)
    # A source may count shares in whole numbers; read back from JSON they would be others, with another digest.
    volumes = tuple(float(bar.volume) for bar in rows if bar.volume is not None)
    return Candles(
        days=tuple(from_date(bar.session_on) for bar in rows),
        opens=_rounded(bar.open for bar in rows),
        highs=_rounded(bar.high for bar in rows),
        lows=_rounded(bar.low for bar in rows),
        closes=_rounded(bar.close for bar in rows),
        volumes=volumes if len(volumes) == len(rows) and any(volumes) else (),
    )


def weekly_candles(daily: Candles) -> Candles:
    """Return one candle for each week that begins on a Monday; the last may be of a week that is not over."""
    starts = [at for at, day in enumerate(daily.days) if at == 0 or week_of(day) != week_of(daily.days[at - 1])]
    parts = list(pairwise([*starts, len(daily)]))
    return Candles(
        days=tuple(daily.days[end - 1] for _, end in parts),
        opens=tuple(daily.opens[start] for start, _ in parts),
        highs=tuple(max(daily.highs[start:end]) for start, end in parts),
        lows=tuple(min(daily.lows[start:end]) for start, end in parts),
        closes=tuple(daily.closes[end - 1] for _, end in parts),
        volumes=tuple(sum(daily.volumes[start:end]) for start, end in parts) if daily.volumes else (),
    )


def chart_series(
    symbol: str, timeframe: Timeframe, candles: Candles, *, source: str = "", synthetic: bool = False
) -> ChartSeries | None:
    """Compute every line over all ``candles`` and keep as many as a chart shows.

    ``None`` where there are fewer than two candles, or where some cannot be right.
    """
    if len(candles) < 2 or not candles.are_prices:
        return None
    shown = timeframe.shown_max
    bars = candles.bars
    bands = technicals.bollinger(bars.closes)
    trailing = technicals.supertrend(bars)
    moving = technicals.macd(bars.closes)
    fast, middle, slow = (_kept(technicals.sma(bars.closes, period), shown) for period in SMA_PERIODS)
    return ChartSeries(
        symbol=symbol,
        timeframe=timeframe,
        candles=candles.last(shown),
        sma_20=fast,
        sma_50=middle,
        sma_200=slow,
        band_lower=_kept(bands.lower, shown),
        band_upper=_kept(bands.upper, shown),
        supertrend=_kept(trailing.line, shown),
        supertrend_direction=_kept(trailing.direction, shown),
        macd=_kept(moving.line, shown),
        macd_signal=_kept(moving.signal, shown),
        macd_histogram=_kept(moving.histogram, shown),
        rsi=_kept(technicals.rsi(bars.closes), shown),
        obv=_kept(technicals.obv(bars), shown),
        atr=_kept(technicals.atr(bars), shown),
        source=source,
        synthetic=synthetic,
    )


def _kept(line: Floats, shown: int) -> Series:
    return tuple(None if np.isnan(number) else round(float(number), PLACES) for number in line[-shown:])


def _rounded(prices: Iterable[float]) -> tuple[float, ...]:
    return tuple(round(float(price), PLACES) for price in prices)


def latest_of(series: Sequence[float | None]) -> float | None:
    """Return the newest number of a line; ``None`` where it is not known."""
    return series[-1] if series else None
