"""A position as its exit rules see it now, for a step or a page that has no facts of its own at hand."""

from datetime import datetime

from thetaloom.domain.book.marks import NO_FACTS, MarketFacts
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.watch import PositionWatch
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.engine.desk import Desk
from thetaloom.engine.marks import PositionView, view_position
from thetaloom.engine.order_manager import leg_quotes
from thetaloom.engine.slow_facts import needs_of, read_facts
from thetaloom.errors import MarketDataUnavailable


def read_view(
    desk: Desk,
    position: Position,
    strategy: Strategy,
    now: datetime,
    *,
    watch: PositionWatch | None,
    facts: MarketFacts | None = None,
) -> PositionView:
    """Read all that the exit rules of a position look at; ``facts`` that are known already are not read again."""
    if facts is None:
        facts = _facts(desk, position.symbol, strategy, now)
    quotes = leg_quotes(desk, position.held_legs, now)
    age_max = strategy.liquidity.quote_age_seconds_max
    return view_position(desk, position, strategy.exits, quotes, age_max, now, watch=watch, facts=facts)


def _facts(desk: Desk, symbol: str, strategy: Strategy, now: datetime) -> MarketFacts:
    try:
        return read_facts(desk, symbol, needs_of(strategy.exits), now)
    except MarketDataUnavailable:
        return NO_FACTS  # what rests on it is unknown; the other rules go on
