"""Strategies: the list, and one with its rules in words and as TOML."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.responses import Response

from thetaloom.domain.strategy.toml_text import strategy_toml
from thetaloom.domain.values.ids import StrategyId
from thetaloom.errors import NotFound
from thetaloom.ports.store import StoredStrategy
from thetaloom.web.front import FrontDoor
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.render import page
from thetaloom.web.pages.words import Rules, in_words

router = APIRouter(prefix="/strategies")


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategiesView:
    """All strategies."""

    frame: Frame
    strategies: Sequence[StoredStrategy]


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyView:
    """One strategy."""

    frame: Frame
    stored: StoredStrategy
    rules: Sequence[Rules]
    toml: str
    symbols: Sequence[str]


@router.get("")
def strategies(front: FrontDoor) -> Response:
    """List the strategies."""
    with front.platform.store.reading() as seen:
        every = seen.strategies.all_latest(front.user)
    return page("strategies.html", StrategiesView(frame=frame_of(front, "strategies"), strategies=every))


@router.get("/{strategy_id}")
def strategy(front: FrontDoor, strategy_id: str) -> Response:
    """Show one strategy."""
    with front.platform.store.reading() as seen:
        stored = seen.strategies.latest(front.user, StrategyId(strategy_id))
    if stored is None:
        raise NotFound(f"there is no strategy {strategy_id!r}", advice="The list of strategies shows those there are.")
    view = StrategyView(
        frame=frame_of(front, "strategies"),
        stored=stored,
        rules=in_words(stored.strategy),
        toml=strategy_toml(stored.strategy),
        symbols=tuple(front.platform.market.symbols())[:500],
    )
    return page("strategy.html", view)
