"""Charts: the numbers that were drawn, the levels that analysts named, and the pictures."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import Field
from starlette.responses import Response

from thetaloom.domain.market.chart_series import ChartTheme, Picture, Timeframe
from thetaloom.domain.market.words import MarketBias
from thetaloom.domain.values.ids import RunId
from thetaloom.errors import NotFound
from thetaloom.web.api.queries import NO_NUL, Id
from thetaloom.web.api.records import Exact, Record
from thetaloom.web.charts import (
    ChartsShown,
    charts_of_run,
    charts_of_symbol,
    picture_of_run,
    picture_of_symbol,
    symbol_of,
)
from thetaloom.web.front import FrontDoor
from thetaloom.web.problems import documented

router = APIRouter(prefix="/charts", tags=["charts"])
SymbolPath = Annotated[str, Path(min_length=1, max_length=12, pattern=NO_NUL)]
ThemeQuery = Annotated[ChartTheme, Query(description="The ground that it is drawn on.")]
PNG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}}, "description": "1920 x 1080 pixels."}}


class Chart(Record):
    """One timeframe; `series` has the candles and every line, each as long as the candles are."""

    timeframe: Timeframe
    numbers: str = Field(description="Digest of `series`, as it also stands in the picture under the word Numbers.")
    series: dict[str, Any] = Field(description="As recorded: days since 1970-01-01, prices as JSON numbers.")
    seams: list[str] = Field(description="Where the history is broken, in words.")
    pictures: dict[ChartTheme, str] = Field(description="Where the pictures are.")


class Levels(Record):
    """What an analyst said of the charts; null is not said."""

    analyst: str
    direction: MarketBias | None
    entry: Exact | None
    stop: Exact | None
    targets: list[Exact]


class Charts(Record):
    """The daily chart and the weekly one, as far as there are candles, and the levels named by analysts."""

    symbol: str
    run_id: str | None
    charts: list[Chart]
    levels: list[Levels]

    @classmethod
    def of(cls, found: ChartsShown) -> "Charts":
        """Read off what a page shows."""
        return cls(
            symbol=found.symbol,
            run_id=found.run_id,
            charts=[Chart.model_validate(chart) for chart in found.charts],
            levels=[Levels.model_validate(opinion) for opinion in found.opinions],
        )


@router.get("/run/{run_id}", responses=documented(404))
def of_run(front: FrontDoor, run_id: Id) -> Charts:
    """Return the charts that a run recorded, from exactly its evidence, and what analysts said of them."""
    found = charts_of_run(front, RunId(run_id))
    if found is None:
        raise NotFound(f"run {run_id} has no charts", advice="Its strategy asks for none, or it has not come that far.")
    return Charts.of(found)


@router.get("/run/{run_id}/{timeframe}.png", response_class=Response, responses={**documented(404, 503), **PNG})
def picture_of_a_run(
    front: FrontDoor, run_id: Id, timeframe: Timeframe, theme: ThemeQuery = ChartTheme.LIGHT
) -> Response:
    """Return a recorded chart as PNG: the kept picture, or the same numbers on the other ground."""
    return _png(picture_of_run(front, RunId(run_id), timeframe, theme))


@router.get("/symbol/{symbol}", responses=documented(404))
def of_symbol(front: FrontDoor, symbol: SymbolPath) -> Charts:
    """Return the charts of a symbol as its history is now; nothing is recorded."""
    return Charts.of(charts_of_symbol(front, symbol_of(symbol)))


@router.get("/symbol/{symbol}/{timeframe}.png", response_class=Response, responses={**documented(404, 503), **PNG})
def picture_of_a_symbol(
    front: FrontDoor, symbol: SymbolPath, timeframe: Timeframe, theme: ThemeQuery = ChartTheme.LIGHT
) -> Response:
    """Return the chart of a symbol as PNG, as its history is now."""
    return _png(picture_of_symbol(front, symbol_of(symbol), timeframe, theme))


def _png(picture: Picture) -> Response:
    headers = {"ETag": f'"{picture.digest}"', "Cache-Control": "private, no-cache"}
    return Response(picture.content, media_type="image/png", headers=headers)
