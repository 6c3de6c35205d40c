"""Raising and ending alerts: one of each cause about each subject, told once for each band."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from thetaloom.domain.book.alerts import Alert
from thetaloom.domain.run.events import Event, EventKind
from thetaloom.domain.values.ids import RunId, UserId, make_alert_id
from thetaloom.ports.store import UnitOfWork


def raise_alert(uow: UnitOfWork, alert: Alert, *, run: RunId | None = None) -> Alert:
    """Write an alert, or keep the one that stands for its cause and subject; return it as it stands.

    The same matter in the same band writes nothing and tells nothing. Another band writes the numbers anew and
    tells again: so does a change of what is recommended.
    """
    known = next(
        (one for one in uow.alerts.standing_of(alert.user_id, alert.subject) if one.cause == alert.cause), None
    )
    if known is None:
        made = make_alert_id(alert.user_id, alert.subject, alert.cause, alert.raised_at.isoformat())
        new = replace(alert, id=made, changed_at=alert.raised_at, ended_at=None)
        if uow.alerts.get(made) is None:
            uow.alerts.add(new)
        else:  # ended and back within one instant
            uow.alerts.save(new)
        _tell(uow, EventKind.ALERT_RAISED, new, alert.raised_at, run)
        return new
    is_same = known.priority is alert.priority and known.urgency is alert.urgency and known.reason == alert.reason
    if is_same:
        return known
    changed = replace(alert, id=known.id, raised_at=known.raised_at, changed_at=alert.raised_at, ended_at=None)
    uow.alerts.save(changed)
    _tell(uow, EventKind.ALERT_RAISED, changed, alert.raised_at, run, was=known.priority.value)
    return changed


def end_alert(
    uow: UnitOfWork, user: UserId, subject: str, cause: str, now: datetime, *, run: RunId | None = None
) -> bool:
    """End the alert that stands for a cause; return whether one stood."""
    return bool(_end(uow, user, subject, now, run, {cause}, frozenset()))


def end_alerts(
    uow: UnitOfWork,
    user: UserId,
    subject: str,
    now: datetime,
    *,
    but: Collection[str] = (),
    run: RunId | None = None,
) -> int:
    """End all alerts about a subject ``but`` those of these causes; return how many stood."""
    return _end(uow, user, subject, now, run, None, but)


def _end(
    uow: UnitOfWork,
    user: UserId,
    subject: str,
    now: datetime,
    run: RunId | None,
    causes: Collection[str] | None,
    but: Collection[str],
) -> int:
    over = [
        one
        for one in uow.alerts.standing_of(user, subject)
        if one.cause not in but and (causes is None or one.cause in causes)
    ]
    for one in over:
        uow.alerts.save(replace(one, ended_at=now))
        _tell(uow, EventKind.ALERT_ENDED, one, now, run)
    return len(over)


def _tell(uow: UnitOfWork, kind: EventKind, alert: Alert, now: datetime, run: RunId | None, **more: str) -> None:
    facts = {
        "alert": alert.id,
        "subject": alert.subject,
        "symbol": alert.symbol,
        "cause": alert.cause,
        "priority": alert.priority.value,
        "urgency": alert.urgency.value,
        "reason": alert.reason,
        "details": alert.details,
        "recommended_action": alert.recommended_action,
    }
    uow.events.add(Event(kind=kind, user_id=alert.user_id, happened_at=now, run_id=run, facts=facts | more))
