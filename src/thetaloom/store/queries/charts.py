"""The charts of a run: the numbers as they were recorded, and the pictures that were kept of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from thetaloom.domain.market.chart_series import ChartSeries, ChartTheme, Timeframe
from thetaloom.domain.run.runs import StepName, StepStatus
from thetaloom.domain.values.canonical import from_plain
from thetaloom.domain.values.ids import RunId, UserId
from thetaloom.store.database import Database
from thetaloom.store.queries.lineage import step_record
from thetaloom.store.queries.runs import RunDetail

SIDES = {Timeframe.DAILY: "daily", Timeframe.WEEKLY: "weekly"}
PICTURE_MARK = "$picture"  # as the engine's evidence names a picture


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedChart:
    """One chart; ``numbers`` is its series as JSON, exactly as it lies in the evidence."""

    timeframe: Timeframe
    numbers: Mapping[str, Any]
    kept: Mapping[ChartTheme, str]  # digests of pictures

    @property
    def series(self) -> ChartSeries:
        """The numbers, to be drawn again."""
        return from_plain(self.numbers, ChartSeries)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCharts:
    """The charts of a run, the daily one first, and when they were drawn."""

    run_id: RunId
    drawn_at: datetime
    seq: int  # of the record
    charts: tuple[RecordedChart, ...]


def recorded_charts(database: Database, user: UserId, detail: RunDetail) -> RecordedCharts | None:
    """Return the last charts of a run; ``None`` where it has drawn none, or their evidence is gone."""
    wanted = (StepName.DRAW_CHART, StepStatus.DONE)
    records = [record for record in detail.timeline if (record.step, record.status) == wanted]
    if not records:
        return None
    last = records[-1]
    output = step_record(database, user, detail.run.id, seq=last.seq).output
    if output is None or not isinstance(output.content, dict):
        return None
    said = output.content
    found = [_chart(said, timeframe) for timeframe, side in SIDES.items() if said.get(side)]
    return RecordedCharts(run_id=detail.run.id, drawn_at=last.started_at, seq=last.seq, charts=tuple(found))


def _chart(said: Mapping[str, Any], timeframe: Timeframe) -> RecordedChart:
    kept = {
        ChartTheme(chart["theme"]): chart["picture"][PICTURE_MARK]
        for chart in said.get("charts") or ()
        if chart["timeframe"] == timeframe
    }
    return RecordedChart(timeframe=timeframe, numbers=said[SIDES[timeframe]], kept=kept)
