"""What stands in the picture is read back and compared with the numbers that are recorded."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from tests.charts.test_candles import series_of
from thetaloom.charts.candles import MILLION, composed, draw_candles
from thetaloom.charts.chart_words import compact, price
from thetaloom.domain.market.chart_series import ChartSeries, Series

PRICE, SUPERTREND, VOLUME, MACD, RSI, OBV, ATR = range(7)
SERIES = {"daily": series_of(420), "weekly": series_of(900, weeks=True), "young": series_of(30)}


def drawn_lines(axes: Axes) -> list[list[float | None]]:
    """Return the heights of every line of a panel that has one for each candle."""
    found = [np.asarray(line.get_ydata(), dtype=float) for line in axes.lines]
    return [[None if np.isnan(one) else float(one) for one in line] for line in found]


def words(figure: Figure) -> list[str]:
    """Return everything written beside the panels."""
    return [text.get_text() for text in figure.texts]


def expected_lines(series: ChartSeries) -> Mapping[int, Sequence[Series]]:
    """Return which lines each panel must hold."""
    return {
        PRICE: (series.band_lower, series.band_upper, series.sma_20, series.sma_50, series.sma_200),
        SUPERTREND: (series.candles.closes,),
        MACD: (series.macd, series.macd_signal),
        RSI: (series.rsi,),
        OBV: (tuple(None if one is None else one / MILLION for one in series.obv),),
        ATR: (series.atr,),
    }


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("dark", [True, False])
def test_every_line_of_the_picture_has_the_recorded_numbers(name: str, dark: bool) -> None:
    series = SERIES[name]
    with composed(series, dark=dark) as figure:
        for panel, lines in expected_lines(series).items():
            drawn = drawn_lines(figure.axes[panel])
            for line in lines:
                assert list(line) in drawn or all(number is None for number in line)


def boxes(axes: Axes, zorder: int) -> dict[int, tuple[float, float]]:
    """Return bottom and top of every box of a panel, by the candle that it stands at."""
    found = {}
    for drawn in axes.collections:
        if isinstance(drawn, PolyCollection) and drawn.get_zorder() == zorder:
            for path in drawn.get_paths():
                corners = np.asarray(path.vertices, dtype=np.float64)[:4]
                found[round(float(corners[:, 0].mean()))] = (float(corners[:, 1].min()), float(corners[:, 1].max()))
    return found


def test_candles_and_columns_have_the_recorded_numbers() -> None:
    series = SERIES["daily"]
    candles = series.candles
    with composed(series, dark=True) as figure:
        bodies, columns = boxes(figure.axes[PRICE], 5), boxes(figure.axes[VOLUME], 2)

    pairs = zip(candles.opens, candles.closes, strict=True)
    assert bodies == {at: (min(pair), max(pair)) for at, pair in enumerate(pairs)}
    assert columns == {at: (0.0, traded / MILLION) for at, traded in enumerate(candles.volumes)}


def test_the_words_beside_the_panels_say_the_newest_recorded_numbers() -> None:
    series = SERIES["daily"]
    with composed(series, dark=False) as figure:
        said = words(figure)

    closes = series.candles.closes
    for text in (
        f"close {price(closes[-1])}",
        f"SMA 20 {price(series.sma_20[-1])}",
        f"SMA 50 {price(series.sma_50[-1])}",
        f"SMA 200 {price(series.sma_200[-1])}",
        f"Bollinger 20/2 {price(series.band_lower[-1])}",
        f"to {price(series.band_upper[-1])}",
        f"max {price(max(closes))}",
        f"min {price(min(closes))}",
        f"line {compact(series.macd[-1])}",
        f"signal {compact(series.macd_signal[-1])}",
        f"histogram {compact(series.macd_histogram[-1])}",
        compact(series.rsi[-1]),
        compact(series.atr[-1]),
        "252 candles",
    ):
        assert any(text in one for one in said), text


def test_a_picture_carries_the_digest_of_its_numbers() -> None:
    series = SERIES["young"]

    for dark in (True, False):
        assert b"Numbers\x00" + series.digest.encode() in draw_candles(series, dark=dark)
