"""Alerts that follow what a position holds: over at once when it is gone, and what to do with shares that came."""

from datetime import datetime

from thetaloom.domain.book.alerts import Alert, Priority, Urgency
from thetaloom.domain.book.assignment import ASSIGNED_EARLY, defences
from thetaloom.domain.book.positions import Position
from thetaloom.domain.run.events import EventKind
from thetaloom.engine.alerts import end_alert, raise_alert
from thetaloom.engine.care import end_care, end_outdated
from thetaloom.engine.desk import Desk
from thetaloom.engine.step import tell
from thetaloom.errors import InvariantError, MarketDataUnavailable
from thetaloom.ports.store import UnitOfWork


def mind_alerts(desk: Desk, uow: UnitOfWork, before: Position, after: Position, now: datetime) -> None:
    """Let alerts be over about what a position holds no longer; to be called by whoever changed what it holds."""
    if not after.is_open:
        if before.is_open:
            end_care(desk, uow, after, now)
        return
    end_outdated(uow, after, now)
    if (before.shares, before.loose) == (after.shares, after.loose):
        return
    if end_alert(uow, after.user_id, after.id, ASSIGNED_EARLY, now, run=after.run_id):
        tell_defences(desk, uow, after, now)  # there are other ways out now than it named


def tell_defences(desk: Desk, uow: UnitOfWork, position: Position, now: datetime) -> None:
    """Tell the ways to deal with shares that came of an early assignment, and raise the alert for them."""
    bought = [one.contract for one in position.loose if one.quantity > 0]
    try:
        spot, quotes = desk.market.spot(position.symbol, now), desk.market.quotes(bought, now)
    except MarketDataUnavailable:
        spot, quotes = None, {}
    bids = [(one, quotes[one].bid if one in quotes else None) for one in bought]
    ways = defences(position, spot, bids)
    if not ways:
        return
    run = uow.runs.get(position.run_id)
    if run is None:
        raise InvariantError(f"{position.id} belongs to no run")
    facts = {way.name: f"cash {way.cash}, at most {way.loss_max} lost after it: {way.what}" for way in ways}
    tell(uow, run, EventKind.DEFENCE_ADVISED, now, position=position.id, best=ways[0].name, **facts)
    alert = Alert(
        user_id=position.user_id,
        account_id=position.account_id,
        subject=position.id,
        position_id=position.id,
        symbol=position.symbol,
        cause=ASSIGNED_EARLY,
        priority=Priority.CRITICAL,
        reason=ASSIGNED_EARLY,
        details=f"{position.shares_held:+d} {position.symbol} shares came of an early assignment.",
        recommended_action=f"{ways[0].what} Cash of it: {ways[0].cash}.",
        urgency=Urgency.IMMEDIATE,
        raised_at=now,
    )
    raise_alert(uow, alert, run=run.id)


def advises_defence(uow: UnitOfWork, position: Position) -> bool:
    """Say whether a person is being told the ways to deal with the position's shares."""
    return any(one.cause == ASSIGNED_EARLY for one in uow.alerts.standing_of(position.user_id, position.id))
