"""Positions at the market's prices of this moment."""

from collections.abc import Iterable, Mapping

from thetaloom.domain.book.positions import Position
from thetaloom.domain.values.ids import PositionId
from thetaloom.engine.reviews import ExitReview, review_position
from thetaloom.errors import Unavailable
from thetaloom.web.front import Front


def reviews_of(front: Front, positions: Iterable[Position]) -> Mapping[PositionId, ExitReview]:
    """Return what is known now of those positions that are open; one without market data is left out."""
    held = [position for position in positions if position.is_open]
    if not held:
        return {}
    found = {}
    with front.platform.store.reading() as seen:
        strategies = {}
        for position in held:
            run = seen.runs.get(position.run_id)
            if run is not None:
                strategies[position.id] = seen.strategies.revision(run.user_id, run.strategy_id, run.strategy_revision)
    now = front.now
    for position in held:
        stored = strategies.get(position.id)
        if stored is None:
            continue
        try:
            found[position.id] = review_position(front.platform.desk, position, stored.strategy, now)
        except Unavailable:
            continue
    return found
