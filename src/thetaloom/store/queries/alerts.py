"""Alerts: what a person should look at, the most urgent first."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import case, select

from thetaloom.domain.book.alerts import RANKS, Alert
from thetaloom.domain.book.protection import PositionCare
from thetaloom.domain.values.ids import UserId
from thetaloom.store.care_tables import alerts as table
from thetaloom.store.care_tables import position_care
from thetaloom.store.database import Database
from thetaloom.store.queries.paging import FIRST_PAGE, Page, Window, matching, owned, page_of
from thetaloom.store.schema import positions
from thetaloom.store.statements import columns_of, value_of

_SELECT = select(*columns_of(table, Alert))
_RANK = case({priority.value: rank for priority, rank in RANKS.items()}, value=table.c.priority, else_=len(RANKS))


def list_alerts(
    database: Database,
    user: UserId,
    *,
    standing: bool | None = True,
    position: str | None = None,
    symbol: str | None = None,
    window: Window = FIRST_PAGE,
) -> Page[Alert]:
    """Return the user's alerts: those that stand, those that are over, or both; the most urgent first."""
    wanted = [*matching(table.c.position_id, position), *matching(table.c.symbol, symbol)]
    if standing is not None:
        wanted.append(table.c.ended_at.is_(None) if standing else table.c.ended_at.is_not(None))
    ordered = _SELECT.where(owned(table, user), *wanted).order_by(_RANK, table.c.raised_at.desc(), table.c.id)
    with database.connect() as connection:
        return page_of(connection, ordered, window, lambda row: value_of(Alert, row))


def cares_of_user(database: Database, user: UserId) -> Sequence[tuple[PositionCare, datetime | None]]:
    """Return what is known of the protection of the user's positions, each with when it closed."""
    chosen = select(*columns_of(position_care, PositionCare), positions.c.closed_at).join(
        positions, positions.c.id == position_care.c.position_id
    )
    with database.connect() as connection:
        rows = connection.execute(chosen.where(owned(position_care, user))).all()
    return [(value_of(PositionCare, row), row.closed_at) for row in rows]
