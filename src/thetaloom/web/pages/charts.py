"""The charts of a symbol as its history is now."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query
from starlette.responses import Response

from thetaloom.web.charts import charts_of_symbol, symbol_of
from thetaloom.web.front import Front, FrontDoor
from thetaloom.web.pages.chart_choice import ChartOfPage, Choosing, chart_of_page
from thetaloom.web.pages.forms import see
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.looks import usual_symbol
from thetaloom.web.pages.render import page

router = APIRouter(prefix="/charts")
SYMBOLS_SHOWN = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartsView:
    """The form, and the chart once a symbol is named."""

    frame: Frame
    symbol: str
    symbols: Sequence[str]
    chart: ChartOfPage | None


@router.get("")
def choose(front: FrontDoor, symbol: Annotated[str, Query(max_length=12)] = "") -> Response:
    """Ask for a symbol, or go to the one that was named."""
    if symbol.strip():
        return see(f"/charts/{quote(symbol_of(symbol), safe='')}")
    return page("charts.html", _view(front, usual_symbol(front), None))


@router.get("/{symbol}")
def charts(front: FrontDoor, symbol: str, choice: Choosing) -> Response:
    """Show the daily or the weekly chart of a symbol."""
    wanted = symbol_of(symbol)
    found = charts_of_symbol(front, wanted)
    return page("charts.html", _view(front, wanted, chart_of_page(found, choice, f"/charts/{quote(wanted, safe='')}")))


def _view(front: Front, symbol: str, chart: ChartOfPage | None) -> ChartsView:
    known = tuple(front.platform.market.symbols())[:SYMBOLS_SHOWN]
    return ChartsView(frame=frame_of(front, "charts"), symbol=symbol, symbols=known, chart=chart)
