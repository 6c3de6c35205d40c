"""Which chart a page shows: the timeframe and the ground, as its address says."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query

from thetaloom.domain.market.chart_series import ChartTheme, Timeframe
from thetaloom.domain.run.opinion_records import OpinionRecord
from thetaloom.domain.values.ids import RunId
from thetaloom.web.charts import FRAME_NAMES, ChartShown, ChartsShown, charts_of_run
from thetaloom.web.front import Front, FrontDoor

GROUNDS = {theme.value: theme for theme in ChartTheme}
FRAMES = {name: timeframe for timeframe, name in FRAME_NAMES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartChoice:
    """What was chosen."""

    timeframe: Timeframe = Timeframe.DAILY
    theme: ChartTheme = ChartTheme.DARK  # as pages are unless a person says otherwise


USUAL_CHOICE = ChartChoice()


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One of several charts to look at."""

    name: str
    href: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartOfPage:
    """The chart that is shown, and the others to choose from."""

    symbol: str
    address: str  # of its numbers
    shown: ChartShown | None  # None: too few sound candles
    timeframe_name: str
    theme: ChartTheme
    picture: str  # its address
    frames: Sequence[Option]
    grounds: Sequence[Option]
    opinions: Sequence[OpinionRecord]


def the_choice(
    front: FrontDoor,
    frame: Annotated[str, Query(max_length=10)] = "",
    ground: Annotated[str, Query(max_length=10)] = "",
) -> ChartChoice:
    """Read the choice; a word that means nothing counts for the usual one, and for the person's own theme."""
    own = GROUNDS.get(front.person.theme.value, USUAL_CHOICE.theme)
    return ChartChoice(timeframe=FRAMES.get(frame, USUAL_CHOICE.timeframe), theme=GROUNDS.get(ground, own))


Choosing = Annotated[ChartChoice, Depends(the_choice)]


def chart_of_run(front: Front, run: RunId, choice: ChartChoice) -> ChartOfPage | None:
    """Return the chosen chart of a run; ``None`` where it has drawn none."""
    found = charts_of_run(front, run)
    return None if found is None else chart_of_page(found, choice, f"/runs/{run}")


def chart_of_page(found: ChartsShown, choice: ChartChoice, path: str) -> ChartOfPage:
    """Return the chosen one of some charts, on the page at ``path``."""
    shown = next((chart for chart in found.charts if chart.timeframe is choice.timeframe), None)
    frame, ground = FRAME_NAMES[choice.timeframe], choice.theme.value
    return ChartOfPage(
        symbol=found.symbol,
        address=found.address,
        shown=shown,
        timeframe_name=frame,
        theme=choice.theme,
        picture="" if shown is None else shown.pictures[choice.theme],
        frames=[_option(path, name, frame=name, ground=ground, chosen=name == frame) for name in FRAMES],
        grounds=[_option(path, name, frame=frame, ground=name, chosen=name == ground) for name in GROUNDS],
        opinions=found.opinions,
    )


def _option(path: str, name: str, *, frame: str, ground: str, chosen: bool) -> Option:
    return Option(name=name, href=f"{path}?frame={frame}&ground={ground}#chart", chosen=chosen)
