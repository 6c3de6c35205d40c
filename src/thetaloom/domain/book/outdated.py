"""Alerts about what a position holds no longer."""

from thetaloom.domain.book.alerts import Alert
from thetaloom.domain.book.assignment import ASSIGNED_EARLY, ExpiryAlert
from thetaloom.domain.book.distance_alerts import BY_DISTANCE
from thetaloom.domain.book.positions import Position
from thetaloom.domain.values.reasons import Reason


def is_outdated(alert: Alert, position: Position) -> bool:
    """Say whether an alert is about something that the position holds no more."""
    if not position.is_open:
        return True
    if alert.cause == ASSIGNED_EARLY:
        return not position.shares
    if alert.cause == Reason.LEGS_ALONE.value:
        return not position.loose
    if alert.reason in set(ExpiryAlert):
        contract = alert.cause.removeprefix(alert.reason).strip()
        return contract not in {one.notation for one, quantity in position.held.items() if quantity < 0}
    word, _, part = alert.cause.partition(":")
    if word == Reason.EXPIRY_LADDER.value:
        spread = position.spread(part)
        return spread is None or not spread.quantity
    return word in BY_DISTANCE and not position.lots
