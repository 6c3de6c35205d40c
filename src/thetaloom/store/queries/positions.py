"""Positions: what is held, and what was."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.positions import Position
from thetaloom.domain.values.ids import PositionId, RunId, UserId
from thetaloom.domain.values.money import NOTHING, Money
from thetaloom.errors import NotFound
from thetaloom.store.database import Database
from thetaloom.store.queries.listing import USUAL, Listing, Wish, exactly, sortable
from thetaloom.store.queries.paging import FIRST_PAGE, Page, Window, matching, owned
from thetaloom.store.schema import orders
from thetaloom.store.schema import positions as table
from thetaloom.store.statements import columns_of, value_of

_SELECT = select(*columns_of(table, Position))
POSITIONS = Listing(
    table=table,
    kind=Position,
    usual=(table.c.opened_at.desc(), table.c.id),
    sorts={
        **sortable(table, "symbol", "strategy_id", "opened_quantity", "opened_at", "closed_at", "ended_as"),
        "realized": exactly(table.c.realized) + exactly(table.c.fees),
    },
    texts=(table.c.id, table.c.run_id, table.c.symbol, table.c.strategy_id, table.c.ended_as),
    choices={"held": {"open": table.c.is_open.is_(True), "closed": table.c.is_open.is_(False)}},
    words={"symbol": table.c.symbol, "strategy": table.c.strategy_id},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionTally:
    """How the positions of an account ended so far, and how many are held."""

    held: int
    closed: int
    wins: int
    losses: int  # a position that closed at nothing is neither
    realized_pnl: Money


def list_positions(
    database: Database,
    user: UserId,
    *,
    is_open: bool | None = None,
    symbol: str | None = None,
    wish: Wish = USUAL,
    window: Window = FIRST_PAGE,
) -> Page[Position]:
    """Return the user's positions, newest first: held, no longer held, or both."""
    wanted = [*matching(table.c.is_open, is_open), *matching(table.c.symbol, symbol)]
    return POSITIONS.page(database, user, *wanted, wish=wish, window=window)


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


def position_tally(database: Database, user: UserId) -> PositionTally:
    """Count the user's positions and what they brought, after fees; of those still held what closed already."""
    with database.connect() as connection:
        every = [value_of(Position, row) for row in connection.execute(_SELECT.where(owned(table, user)))]
    ended = [position.realized_pnl for position in every if not position.is_open]
    return PositionTally(
        held=len(every) - len(ended),
        closed=len(ended),
        wins=sum(pnl > 0 for pnl in ended),
        losses=sum(pnl < 0 for pnl in ended),
        realized_pnl=sum((position.realized_pnl for position in every), NOTHING),
    )


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
