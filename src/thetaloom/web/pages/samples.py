"""A strategy tried on the market of this moment: the sample trade, what stands against it, and its picture."""

from dataclasses import dataclass
from datetime import datetime

from thetaloom.domain.strategy.ranking import MarketState
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.money import Price
from thetaloom.engine.trial import WISH_MAX, Trial, read_desk, try_expirations, try_wishes
from thetaloom.errors import Unavailable
from thetaloom.web.front import Front
from thetaloom.web.pages.looks import picture_of
from thetaloom.web.pages.payoff_picture import PayoffPicture


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleShown:
    """What a strategy would open on a symbol; ``trial`` is ``None`` where the market is not there."""

    symbol: str
    as_of: datetime | None = None
    spot: Price | None = None
    source: str = ""
    trial: Trial | None = None
    picture: PayoffPicture | None = None
    problem: str = ""


def sample_of(front: Front, strategy: Strategy, symbol: str) -> SampleShown:
    """Try a strategy on a symbol as `strategy test` does, at the days to expiration that it wishes."""
    if front.platform.market.underlying(symbol) is None:
        return SampleShown(
            symbol=symbol, problem=f"{front.platform.market.name} does not know {symbol or 'no symbol'}."
        )
    try:
        state = read_desk(front.platform.desk, front.user, symbol)
    except Unavailable as error:
        return SampleShown(symbol=symbol, problem=error.message)
    trial = _tried(strategy, state)
    found, spot = None if trial is None else trial.evaluation, state.chain.spot
    return SampleShown(
        symbol=symbol,
        as_of=state.chain.as_of,
        spot=spot,
        source=state.chain.source,
        trial=trial,
        picture=None if found is None or spot is None else picture_of(front, found, spot, state.now, symbol),
        problem="" if trial is not None else "No expiration is listed.",
    )


def _tried(strategy: Strategy, state: MarketState) -> Trial | None:
    wish = strategy.expiration.dte_target
    if wish <= WISH_MAX:
        return try_wishes(strategy, state, [wish])[0]
    tried = try_expirations(strategy, state)
    return min(
        (one for one in tried if one.front is not None),
        key=lambda one: abs((0 if one.front is None else one.front.dte) - wish),
        default=None,
    )
