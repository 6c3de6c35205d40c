"""The plan of a position's last days, with what the radar says, for whoever asks."""

from datetime import datetime

from thetaloom.domain.book.assignment import RadarBlip
from thetaloom.domain.book.expiry import ExpiryPlan, plan_expiry
from thetaloom.domain.book.positions import Position
from thetaloom.engine.desk import Desk
from thetaloom.engine.expiry_watch import radar
from thetaloom.errors import MarketDataUnavailable, NotFound


def expiry_plan(desk: Desk, position: Position, now: datetime) -> tuple[ExpiryPlan, tuple[RadarBlip, ...]]:
    """Return what time does to a position, and how likely its sold contracts are assigned before."""
    with desk.store.reading() as uow:
        run = uow.runs.get(position.run_id)
        stored = None if run is None else uow.strategies.revision(run.user_id, run.strategy_id, run.strategy_revision)
    if stored is None:
        raise NotFound(f"the strategy of {position.id} is gone")
    try:
        spot, blips = desk.market.spot(position.symbol, now), radar(desk, position, now)
    except MarketDataUnavailable:
        spot, blips = None, ()
    return plan_expiry(position, stored.strategy.exits, desk.calendar, now, spot), blips
