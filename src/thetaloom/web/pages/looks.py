"""One strategy on the market of this moment, and the picture of what it would open."""

from dataclasses import dataclass
from datetime import datetime

from thetaloom.domain.strategy.evaluation import Evaluation
from thetaloom.domain.strategy.payoff_shape import payoff_shape
from thetaloom.domain.strategy.ranking import RankedStrategy
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.money import Price
from thetaloom.engine.ranking import rank_market
from thetaloom.errors import Unavailable
from thetaloom.web.front import Front
from thetaloom.web.pages.payoff_picture import PayoffPicture, payoff_picture

USUAL = "SPY"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketLook:
    """What a strategy would open on a symbol now, and what stands against it."""

    symbol: str
    ranked: RankedStrategy | None  # None = the market is not there
    picture: PayoffPicture | None
    problem: str


def usual_symbol(front: Front, strategy: Strategy | None = None) -> str:
    """Return the symbol to look at when none is named: the strategy's, else the most traded one there is."""
    traded = list(front.platform.market.symbols())
    wished = [*(() if strategy is None else strategy.symbols), USUAL, *traded]
    return next((symbol for symbol in wished if symbol in traded), "")


def look_at(front: Front, strategy: Strategy, symbol: str) -> MarketLook:
    """Look at what a strategy would open on ``symbol`` now."""
    try:
        ranked = rank_market(front.platform.desk, front.user, symbol, [strategy]).entries[0]
    except Unavailable as error:
        return MarketLook(symbol=symbol, ranked=None, picture=None, problem=error.message)
    spot, found = front.platform.market.spot(symbol, front.now), ranked.evaluation
    picture = None
    if found is not None and spot is not None:
        picture = picture_of(front, found, spot, front.now, symbol)
    return MarketLook(symbol=symbol, ranked=ranked, picture=picture, problem="")


def picture_of(
    front: Front, found: Evaluation, spot: Price, at: datetime, symbol: str, quantity: int = 1
) -> PayoffPicture | None:
    """Return the payoff picture of an evaluated structure as of ``at``; ``None`` where a price is not known."""
    calendar, settings = front.platform.desk.calendar, front.platform.desk.settings
    years = {one.leg.contract: calendar.year_fraction(at, one.leg.contract) for one in found.legs}
    shape = payoff_shape(
        found,
        spot,
        years,
        rate=settings.rates.at(min(years.values(), default=0.0)),
        dividend_yield=settings.dividend_yield,
    )
    return None if shape is None else payoff_picture(shape, symbol, quantity)
