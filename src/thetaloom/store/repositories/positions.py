"""Positions: saved by compare-and-swap."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, select

from thetaloom.domain.book.positions import Position
from thetaloom.domain.values.ids import AccountId, PositionId, RunId, StrategyId
from thetaloom.ports.store import OpenStamp
from thetaloom.store.schema import position_watch, runs
from thetaloom.store.schema import positions as table
from thetaloom.store.statements import columns_of, row_of, rows_in, swap, value_of, values_of, versioned_update

_SELECT = select(*columns_of(table, Position))
_GET = _SELECT.where(table.c.id == bindparam("of_id"))
_OF_RUN = _SELECT.where(table.c.run_id == bindparam("of_run"))
_OF_RUNS = _SELECT.where(table.c.run_id.in_(bindparam("of_any", expanding=True)))
_OPEN = _SELECT.where(table.c.is_open).order_by(table.c.opened_at, table.c.id)
_STAMPS = (
    select(
        table.c.id.label("position_id"),
        table.c.run_id,
        table.c.version,
        runs.c.version.label("run_version"),
        runs.c.status,
        position_watch.c.high_at,
    )
    .join(runs, runs.c.id == table.c.run_id)
    .outerjoin(position_watch, position_watch.c.position_id == table.c.id)
    .where(table.c.is_open, table.c.account_id == bindparam("of_account"))
    .order_by(table.c.opened_at, table.c.id)
)
_UPDATE = versioned_update(table)


class SqlPositions:
    """Positions in the database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, position: Position) -> None:
        """Write a new position of a stored run, which opens at most one."""
        self._connection.execute(insert(table), row_of(position, is_open=position.is_open))

    def get(self, position: PositionId) -> Position | None:
        """Return the position as it stands."""
        row = self._connection.execute(_GET, {"of_id": position}).first()
        return None if row is None else value_of(Position, row)

    def of_run(self, run: RunId) -> Position | None:
        """Return the position the run opened."""
        row = self._connection.execute(_OF_RUN, {"of_run": run}).first()
        return None if row is None else value_of(Position, row)

    def open_positions(self, account: AccountId | None = None) -> Sequence[Position]:
        """Return what is held, of one account or of all, oldest first."""
        held = _OPEN if account is None else _OPEN.where(table.c.account_id == account)
        return values_of(Position, self._connection.execute(held))

    def of_runs(self, runs: Iterable[RunId]) -> Sequence[Position]:
        """Return the positions that these runs opened, in no order."""
        return values_of(Position, rows_in(self._connection, _OF_RUNS, runs))

    def open_stamps(self, account: AccountId) -> Sequence[OpenStamp]:
        """Return a stamp of each open position, oldest first."""
        return values_of(OpenStamp, self._connection.execute(_STAMPS, {"of_account": account}))

    def closed_since(self, account: AccountId, since: datetime) -> Sequence[Position]:
        """Return what was closed from ``since`` on, in the order of closing."""
        closed = _SELECT.where(table.c.account_id == account, table.c.closed_at >= since)
        return values_of(Position, self._connection.execute(closed.order_by(table.c.closed_at, table.c.id)))

    def opened_since(self, account: AccountId, since: datetime) -> int:
        """Count the positions opened from ``since`` on."""
        count = select(func.count()).where(table.c.account_id == account, table.c.opened_at >= since)
        return self._connection.scalar(count) or 0

    def all_closed(self, account: AccountId) -> Sequence[Position]:
        """Return every position that holds nothing any more, in the order of closing."""
        closed = _SELECT.where(table.c.account_id == account, table.c.closed_at.is_not(None))
        return values_of(Position, self._connection.execute(closed.order_by(table.c.closed_at, table.c.id)))

    def closed_of(self, account: AccountId, strategy: StrategyId) -> Sequence[Position]:
        """Return the strategy's positions that hold nothing any more, in the order of closing."""
        closed = _SELECT.where(
            table.c.account_id == account, table.c.strategy_id == strategy, table.c.closed_at.is_not(None)
        )
        return values_of(Position, self._connection.execute(closed.order_by(table.c.closed_at, table.c.id)))

    def of_chain(self, chain: PositionId) -> Sequence[Position]:
        """Return the positions of a chain of rolls and adjustments, oldest first."""
        linked = _SELECT.where(table.c.chain_id == chain)
        return values_of(Position, self._connection.execute(linked.order_by(table.c.opened_at, table.c.id)))

    def symbols_opened_since(self, account: AccountId, since: datetime) -> Sequence[str]:
        """Return the symbol of each position opened from ``since`` on."""
        opened = select(table.c.symbol).where(table.c.account_id == account, table.c.opened_at >= since)
        return list(self._connection.scalars(opened.order_by(table.c.symbol)))

    def save(self, position: Position) -> Position:
        """Write the position if its version is still the stored one and return it with the next version."""
        saved = replace(position, version=position.version + 1)
        swap(self._connection, _UPDATE, saved, is_open=saved.is_open)
        return saved
