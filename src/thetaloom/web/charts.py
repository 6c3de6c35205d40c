"""Charts for pages and programs: of a run as it recorded them, or of a symbol as its history is now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgspec

from thetaloom.charts.seams import seams_of
from thetaloom.domain.market.chart_series import ChartSeries, ChartTheme, Picture, Timeframe
from thetaloom.domain.run.opinion_records import OpinionRecord
from thetaloom.domain.run.watchlists import clean_symbols
from thetaloom.domain.values.canonical import canonical_json
from thetaloom.domain.values.ids import RunId
from thetaloom.engine.charting import series_now
from thetaloom.errors import InvalidInput, NotFound, Unavailable
from thetaloom.store.queries.charts import RecordedCharts, recorded_charts
from thetaloom.store.queries.lineage import evidence_content
from thetaloom.store.queries.runs import run_detail
from thetaloom.web.front import Front

FRAME_NAMES = {Timeframe.DAILY: "daily", Timeframe.WEEKLY: "weekly"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartShown:
    """One chart: its numbers as JSON, and where its pictures are."""

    timeframe: Timeframe
    numbers: str  # digest of the series
    series: Mapping[str, Any]
    seams: Sequence[str]  # sentences on breaks of the history
    pictures: Mapping[ChartTheme, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartsShown:
    """The charts of a run, or of a symbol, and what analysts said of them."""

    symbol: str
    run_id: RunId | None
    charts: Sequence[ChartShown]
    opinions: Sequence[OpinionRecord]

    @property
    def address(self) -> str:
        """Where programs get the same."""
        return _address(self.symbol, self.run_id)


def symbol_of(text: str) -> str:
    """Read a symbol out of an address. Raises ``InvalidInput`` for what is none."""
    cleaned = clean_symbols([text])
    if not cleaned:
        raise InvalidInput("no symbol; a good one: SPY", details={"field": "symbol"})
    return cleaned[0]


def charts_of_run(front: Front, run: RunId) -> ChartsShown | None:
    """Return the charts that a run recorded; ``None`` where it has none. Raises ``NotFound`` for no run."""
    found, symbol = _recorded(front, run)
    if found is None:
        return None
    with front.platform.store.reading() as seen:
        opinions = seen.opinions.of_run(run)
    charts = [_shown(_address(symbol, run), chart.timeframe, chart.series, chart.numbers) for chart in found.charts]
    return ChartsShown(symbol=symbol, run_id=run, charts=charts, opinions=opinions)


def charts_of_symbol(front: Front, symbol: str) -> ChartsShown:
    """Return the charts of a symbol as of now. Raises ``NotFound`` for one that the market does not know."""
    charts = [
        _shown(_address(symbol, None), series.timeframe, series, msgspec.json.decode(canonical_json(series)))
        for series in _series_now(front, symbol)
    ]
    return ChartsShown(symbol=symbol, run_id=None, charts=charts, opinions=())


def picture_of_run(front: Front, run: RunId, timeframe: Timeframe, theme: ChartTheme) -> Picture:
    """Return the picture of a recorded chart: the one that was kept, or one drawn from the numbers kept with it."""
    found, symbol = _recorded(front, run)
    charts = () if found is None else found.charts
    chart = next((one for one in charts if one.timeframe is timeframe), None)
    if chart is None:
        raise NotFound(
            f"run {run} has no {FRAME_NAMES[timeframe]} chart of {symbol}",
            advice="Its strategy asks for none, it has not come that far, or there were too few sound candles.",
        )
    digest = chart.kept.get(theme)
    if digest is not None:
        return Picture(evidence_content(front.database, front.user, run, digest)[1])
    return _drawn(front, chart.series, theme)


def picture_of_symbol(front: Front, symbol: str, timeframe: Timeframe, theme: ChartTheme) -> Picture:
    """Return the picture of a symbol's chart as of now."""
    series = next((one for one in _series_now(front, symbol) if one.timeframe is timeframe), None)
    if series is None:
        raise NotFound(f"there are fewer than two sound {FRAME_NAMES[timeframe]} candles of {symbol}")
    return _drawn(front, series, theme)


def _recorded(front: Front, run: RunId) -> tuple[RecordedCharts | None, str]:
    detail = run_detail(front.database, front.user, run)
    return recorded_charts(front.database, front.user, detail), detail.run.symbol


def _series_now(front: Front, symbol: str) -> list[ChartSeries]:
    market, calendar = front.platform.market, front.platform.desk.calendar
    if market.underlying(symbol) is None:
        raise NotFound(f"{market.name} does not know {symbol}", advice="Check the spelling.")
    found = series_now(market, symbol, calendar.exchange_date(front.now))
    return [series for series in found if series is not None]


def _drawn(front: Front, series: ChartSeries, theme: ChartTheme) -> Picture:
    painter = front.platform.desk.painter
    if painter is None:
        raise Unavailable("nothing here draws charts")
    return painter.draw(series, theme)


def _shown(address: str, timeframe: Timeframe, series: ChartSeries, numbers: Mapping[str, Any]) -> ChartShown:
    return ChartShown(
        timeframe=timeframe,
        numbers=series.digest,
        series=numbers,
        seams=[seam.text for seam in seams_of(series)],
        pictures={theme: f"{address}/{timeframe}.png?theme={theme}" for theme in ChartTheme},
    )


def _address(symbol: str, run: RunId | None) -> str:
    return f"/api/charts/symbol/{quote(symbol, safe='')}" if run is None else f"/api/charts/run/{run}"
