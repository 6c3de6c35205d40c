"""Alerts: what a person should look at, the most urgent first."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import case, select, true

from thetaloom.domain.book.alerts import RANKS, Alert, Priority, Urgency
from thetaloom.domain.book.protection import PositionCare
from thetaloom.domain.values.ids import UserId
from thetaloom.store.care_tables import alerts as table
from thetaloom.store.care_tables import position_care
from thetaloom.store.database import Database
from thetaloom.store.queries.listing import USUAL, Listing, Wish, each_of, sortable
from thetaloom.store.queries.paging import FIRST_PAGE, Page, Window, matching, owned
from thetaloom.store.schema import positions
from thetaloom.store.statements import columns_of, value_of

_RANK = case({priority.value: rank for priority, rank in RANKS.items()}, value=table.c.priority, else_=len(RANKS))
ALERTS = Listing(
    table=table,
    kind=Alert,
    usual=(_RANK, table.c.raised_at.desc(), table.c.id),
    sorts={**sortable(table, "symbol", "reason", "current_value", "threshold_value", "raised_at"), "priority": _RANK},
    texts=(table.c.subject, table.c.symbol, table.c.cause, table.c.reason, table.c.details, table.c.recommended_action),
    choices={
        "show": {"over": table.c.ended_at.is_not(None), "all": true()},
        "priority": each_of(table.c.priority, Priority),
        "urgency": each_of(table.c.urgency, Urgency),
    },
    words={"symbol": table.c.symbol, "position": table.c.position_id},
)


def list_alerts(
    database: Database,
    user: UserId,
    *,
    standing: bool | None = True,
    position: str | None = None,
    symbol: str | None = None,
    wish: Wish = USUAL,
    window: Window = FIRST_PAGE,
) -> Page[Alert]:
    """Return the user's alerts: those that stand, those that are over, or both; the most urgent first."""
    wanted = [*matching(table.c.position_id, position), *matching(table.c.symbol, symbol)]
    if standing is not None:
        wanted.append(table.c.ended_at.is_(None) if standing else table.c.ended_at.is_not(None))
    return ALERTS.page(database, user, *wanted, wish=wish, window=window)


def every_alert(
    database: Database, user: UserId, *, standing: bool | None = True, wish: Wish = USUAL
) -> Iterator[Alert]:
    """Yield all of the user's alerts that fit."""
    stands = table.c.ended_at.is_(None)
    return ALERTS.every(database, user, *([] if standing is None else [stands if standing else ~stands]), wish=wish)


def cares_of_user(database: Database, user: UserId) -> Sequence[tuple[PositionCare, datetime | None]]:
    """Return what is known of the protection of the user's positions, each with when it closed."""
    chosen = select(*columns_of(position_care, PositionCare), positions.c.closed_at).join(
        positions, positions.c.id == position_care.c.position_id
    )
    with database.connect() as connection:
        rows = connection.execute(chosen.where(owned(position_care, user))).all()
    return [(value_of(PositionCare, row), row.closed_at) for row in rows]
