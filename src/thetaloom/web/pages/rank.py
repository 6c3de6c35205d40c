"""Which strategy: all strategies on one symbol's market, best first, with what stands against the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from thetaloom.domain.strategy.explanations import CheckLine, line_of
from thetaloom.domain.strategy.ranking import RankedStrategy, Ranking
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.engine.ranking import rank_market
from thetaloom.errors import NotFound
from thetaloom.web.front import Front, FrontDoor
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.looks import picture_of, usual_symbol
from thetaloom.web.pages.numbers import percent
from thetaloom.web.pages.payoff_picture import PayoffPicture
from thetaloom.web.pages.render import page

router = APIRouter(prefix="/rank")
NEAREST = 3  # strategies that a no-trade explanation names
SYMBOLS_SHOWN = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedRow:
    """One strategy of a ranking."""

    ranked: RankedStrategy
    pop: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingFound:
    """A ranking: what may be entered, best first, and what may not, nearest first."""

    ranking: Ranking
    best: RankedStrategy | None
    picture: PayoffPicture | None  # of the best
    hard_stops: Sequence[CheckLine]  # of the market itself
    eligible: Sequence[RankedRow]
    others: Sequence[RankedRow]
    nearest: Sequence[RankedStrategy]  # where none may be entered


@dataclass(frozen=True, slots=True, kw_only=True)
class RankView:
    """The form, and the answer once a symbol is named."""

    frame: Frame
    symbol: str
    symbols: Sequence[str]
    found: RankingFound | None


@router.get("")
def rank(front: FrontDoor, symbol: Annotated[str, Query(max_length=12)] = "") -> Response:
    """Rank all active strategies on a symbol as it is now; nothing is written or started."""
    wanted = canonical_symbol(symbol)
    if wanted and front.platform.market.underlying(wanted) is None:
        raise NotFound(f"{front.platform.market.name} does not know {wanted}", advice="Check the spelling.")
    view = RankView(
        frame=frame_of(front, "rank"),
        symbol=wanted or usual_symbol(front),
        symbols=tuple(front.platform.market.symbols())[:SYMBOLS_SHOWN],
        found=_found(front, wanted) if wanted else None,
    )
    return page("rank.html", view)


def _found(front: Front, symbol: str) -> RankingFound:
    with front.platform.store.reading() as seen:
        active = [one.strategy for one in seen.strategies.all_latest(front.user) if one.strategy.active]
    ranking = rank_market(front.platform.desk, front.user, symbol, active)
    best = next((one for one in ranking.entries if one.strategy_id == ranking.best), None)
    return RankingFound(
        ranking=ranking,
        best=best,
        picture=_picture(front, best, symbol),
        hard_stops=[line_of(check) for check in ranking.hard_stops],
        eligible=[_row(one) for one in ranking.entries if one.is_eligible],
        others=[_row(one) for one in ranking.entries if not one.is_eligible],
        nearest=ranking.entries[:NEAREST] if best is None else (),
    )


def _row(one: RankedStrategy) -> RankedRow:
    return RankedRow(ranked=one, pop=percent(None if one.evaluation is None else one.evaluation.pop))


def _picture(front: Front, best: RankedStrategy | None, symbol: str) -> PayoffPicture | None:
    spot = front.platform.market.spot(symbol, front.now)
    if best is None or best.evaluation is None or spot is None:
        return None
    return picture_of(front, best.evaluation, spot, front.now, symbol)
