"""Positions: what is held, and what was."""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import select

from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.positions import Position
from thetaloom.domain.values.ids import PositionId, RunId, UserId
from thetaloom.errors import NotFound
from thetaloom.store.database import Database
from thetaloom.store.queries.paging import FIRST_PAGE, Page, Window, matching, owned, page_of
from thetaloom.store.schema import orders
from thetaloom.store.schema import positions as table
from thetaloom.store.statements import columns_of, value_of

_SELECT = select(*columns_of(table, Position))


def list_positions(
    database: Database,
    user: UserId,
    *,
    is_open: bool | None = None,
    symbol: str | None = None,
    window: Window = FIRST_PAGE,
) -> Page[Position]:
    """Return the user's positions, newest first: held, no longer held, or both."""
    wanted = [*matching(table.c.is_open, is_open), *matching(table.c.symbol, symbol)]
    ordered = _SELECT.where(owned(table, user), *wanted).order_by(table.c.opened_at.desc(), table.c.id)
    with database.connect() as connection:
        return page_of(connection, ordered, window, lambda row: value_of(Position, row))


def closed_positions(database: Database, user: UserId) -> Sequence[Position]:
    """Return all of the user's positions that are no longer held, in the order of their ends."""
    chosen = _SELECT.where(owned(table, user), table.c.closed_at.is_not(None)).order_by(table.c.closed_at, table.c.id)
    with database.connect() as connection:
        return [value_of(Position, row) for row in connection.execute(chosen)]


def position_detail(database: Database, user: UserId, position: PositionId) -> Position:
    """Return the position. Raises ``NotFound`` for one that is not the user's."""
    with database.connect() as connection:
        row = connection.execute(_SELECT.where(owned(table, user), table.c.id == position)).first()
    if row is None:
        raise NotFound(f"there is no position {position}", advice="`thetaloom position list` shows the positions.")
    return value_of(Position, row)


def orders_of_positions(
    database: Database, user: UserId, positions: Iterable[Position]
) -> Mapping[PositionId, Sequence[Order]]:
    """Return the orders that opened, close or closed each position, oldest first."""
    runs: dict[RunId, PositionId] = {position.run_id: position.id for position in positions}
    found: dict[PositionId, list[Order]] = {position: [] for position in runs.values()}
    if not runs:
        return found
    chosen = select(*columns_of(orders, Order)).where(owned(orders, user), orders.c.run_id.in_(list(runs)))
    with database.connect() as connection:
        for row in connection.execute(chosen.order_by(orders.c.sequence)):
            order = value_of(Order, row)
            found[runs[order.run_id]].append(order)
    return found
