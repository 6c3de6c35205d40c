"""Orders and their fills; an order is never written over by an older copy of itself."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Boolean, Connection, and_, bindparam, func, insert, not_, or_, select, update
from sqlalchemy.sql.dml import ReturningInsert

from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.leg_fills import LegExecution
from thetaloom.domain.book.orders import Effect, Order, OrderStatus
from thetaloom.domain.values.ids import AccountId, ClientOrderId, RunId
from thetaloom.errors import NotFound, StaleVersionError
from thetaloom.store.database import Database
from thetaloom.store.schema import fills, leg_executions, runs
from thetaloom.store.schema import orders as table
from thetaloom.store.statements import columns_of, insert_or_skip, row_of, rows_in, value_of, values_of

# Orders of one instant are told apart by when they were written, never by their ids.
_OLDEST_FIRST = (table.c.staged_at, table.c.sequence, table.c.client_order_id)
_SELECT = select(*columns_of(table, Order))
_GET = _SELECT.where(table.c.client_order_id == bindparam("of_order"))
_OF_RUN = _SELECT.where(table.c.run_id == bindparam("of_run")).order_by(*_OLDEST_FIRST)
_OF_RUNS = _SELECT.where(table.c.run_id.in_(bindparam("of_any", expanding=True))).order_by(*_OLDEST_FIRST)
_LOOSE = _SELECT.where(table.c.legs_loose_since.is_not(None)).order_by(*_OLDEST_FIRST)
_OPEN = _SELECT.where(table.c.is_open).order_by(*_OLDEST_FIRST)
# What was withdrawn before it was sent is no order that anybody saw; an open one of unknown fate may be.
_WITHDRAWN = and_(table.c.status.in_([OrderStatus.CANCELED, OrderStatus.DENIED]), table.c.broker_order_id.is_(None))
_ENTRIES = _SELECT.where(
    table.c.is_open.in_([True, False]),  # so that the index on both is used
    table.c.staged_at >= bindparam("of_since"),
    table.c.account_id == bindparam("of_account"),
    table.c.effect == Effect.OPEN,
    table.c.status != OrderStatus.STAGED,
    not_(_WITHDRAWN),
).order_by(*_OLDEST_FIRST)
_FILLS = (
    select(*columns_of(fills, Fill))
    .where(fills.c.client_order_id == bindparam("of_order"))
    .order_by(fills.c.filled_at, fills.c.fill_id)
)
_RECENT_FILLS = (
    select(*columns_of(fills, Fill))
    .join(table, table.c.client_order_id == fills.c.client_order_id)
    .where(table.c.account_id == bindparam("of_account"), table.c.effect == bindparam("of_effect"))
    .order_by(fills.c.filled_at.desc(), fills.c.fill_id.desc())
    .limit(bindparam("how_many"))
)
_EXECUTIONS = (
    select(*columns_of(leg_executions, LegExecution))
    .where(leg_executions.c.client_order_id == bindparam("of_order"))
    .order_by(leg_executions.c.sequence, leg_executions.c.execution_id)
)
_NEWEST_EXECUTION = select(func.coalesce(func.max(leg_executions.c.sequence), 0)).where(
    leg_executions.c.client_order_id == bindparam("of_order")
)
_NEXT_SEQUENCE = select(func.coalesce(func.max(table.c.sequence), 0) + 1).scalar_subquery()
_OWNER_OF_RUN = select(runs.c.user_id).where(runs.c.id == bindparam("of_run")).scalar_subquery()
_OWNER_OF_ORDER = select(table.c.user_id).where(table.c.client_order_id == bindparam("of_order")).scalar_subquery()
# An order has no version: what may only grow says whether a copy is stale, and a closed order never opens again.
# A correction alone makes less of what is filled.
_UPDATE = update(table).where(
    table.c.client_order_id == bindparam("of_order"),
    table.c.filled <= bindparam("filled_now"),
    table.c.revision <= bindparam("revision_now"),
    or_(table.c.is_open, bindparam("closed_now", type_=Boolean)),
)


class SqlOrders:
    """Orders in the database."""

    def __init__(self, connection: Connection, database: Database) -> None:
        self._connection = connection
        self._insert_fill, self._insert_execution = _inserts(database)

    def add(self, order: Order) -> None:
        """Write a new order of a stored run."""
        owned = insert(table).values(user_id=_OWNER_OF_RUN, sequence=_NEXT_SEQUENCE)
        self._connection.execute(owned, row_of(order, is_open=order.is_open, of_run=order.run_id))

    def get(self, order: ClientOrderId) -> Order | None:
        """Return the order as it stands."""
        row = self._connection.execute(_GET, {"of_order": order}).first()
        return None if row is None else value_of(Order, row)

    def of_run(self, run: RunId) -> Sequence[Order]:
        """Return the orders of the run, oldest first."""
        return values_of(Order, self._connection.execute(_OF_RUN, {"of_run": run}))

    def of_runs(self, runs: Iterable[RunId]) -> Sequence[Order]:
        """Return the orders of these runs, those of each oldest first."""
        return values_of(Order, rows_in(self._connection, _OF_RUNS, runs))

    def open_orders(self) -> Sequence[Order]:
        """Return the orders that are staged, submitted, working or being canceled, oldest first."""
        return values_of(Order, self._connection.execute(_OPEN))

    def entries_since(self, account: AccountId, since: datetime) -> Sequence[Order]:
        """Return the entry orders staged from ``since`` on that were sent, or may have been."""
        return values_of(Order, self._connection.execute(_ENTRIES, {"of_account": account, "of_since": since}))

    def out_of_balance(self) -> Sequence[Order]:
        """Return the orders, open or not, with legs done that belong to no whole structure."""
        return values_of(Order, self._connection.execute(_LOOSE))

    def save(self, order: Order) -> None:
        """Write the order over the stored one.

        Raises ``StaleVersionError`` when that would lose a fill or a replaced limit, or open a closed order again.
        """
        row = row_of(order, is_open=order.is_open)
        now = {"filled_now": order.filled, "revision_now": order.revision, "closed_now": not order.is_open}
        key = now | {"of_order": row.pop("client_order_id")}
        if self._connection.execute(_UPDATE, row | key).rowcount == 1:
            return
        if self.get(order.client_order_id) is None:
            raise NotFound(f"there is no order {order.client_order_id}")
        raise StaleVersionError(
            f"order {order.client_order_id} went on since this copy of it was read",
            details={"status": order.status, "filled": order.filled, "revision": order.revision},
        )

    def correct(self, before: Order, after: Order) -> None:
        """Write a closed order whose fills were busted or corrected: here alone what is filled may become less.

        Raises ``StaleVersionError`` where a fill came to it meanwhile.
        """
        row = row_of(after, is_open=after.is_open)
        of = (table.c.client_order_id == row.pop("client_order_id"), table.c.filled == before.filled)
        if self._connection.execute(update(table).where(*of, ~table.c.is_open).values(row)).rowcount != 1:
            raise StaleVersionError(f"order {after.client_order_id} went on since this copy of it was read")

    def add_fill(self, fill: Fill) -> bool:
        """Add a fill of a stored order; False when this fill of this order is known already."""
        row = row_of(fill, of_order=fill.client_order_id)
        return self._connection.execute(self._insert_fill, row).first() is not None

    def fills_of(self, order: ClientOrderId) -> Sequence[Fill]:
        """Return the fills of the order, oldest first."""
        return values_of(Fill, self._connection.execute(_FILLS, {"of_order": order}))

    def recent_fills(self, account: AccountId, effect: Effect, count: int) -> Sequence[tuple[Order, Fill]]:
        """Return the account's newest fills of this effect with their orders, newest first."""
        wanted = {"of_account": account, "of_effect": effect, "how_many": count}
        fills_read = values_of(Fill, self._connection.execute(_RECENT_FILLS, wanted))
        named = {fill.client_order_id for fill in fills_read}
        chosen = _SELECT.where(table.c.client_order_id.in_(named))
        orders = {order.client_order_id: order for order in values_of(Order, self._connection.execute(chosen))}
        return [(orders[fill.client_order_id], fill) for fill in fills_read]

    def add_execution(self, execution: LegExecution, sequence: int) -> bool:
        """Add one leg's execution, told by the report ``sequence``; False when it is known already."""
        # What the transactions tell comes behind all that reports told: fills that were put together stand.
        newest = self._connection.scalar(_NEWEST_EXECUTION, {"of_order": execution.client_order_id}) or 0
        place = max(sequence, newest + 1)
        row = row_of(execution, of_order=execution.client_order_id, sequence=place)
        return self._connection.execute(self._insert_execution, row).first() is not None

    def executions_of(self, order: ClientOrderId) -> Sequence[LegExecution]:
        """Return the executions of the order's legs, in the order they were told."""
        return values_of(LegExecution, self._connection.execute(_EXECUTIONS, {"of_order": order}))


@lru_cache(maxsize=8)
def _inserts(database: Database) -> tuple[ReturningInsert[Any], ReturningInsert[Any]]:
    # Built once: a turn of the engine opens several transactions, and few of them write a fill.
    fill = insert_or_skip(database, fills).values(user_id=_OWNER_OF_ORDER).returning(fills.c.fill_id)
    execution = insert_or_skip(database, leg_executions).values(user_id=_OWNER_OF_ORDER)
    return fill, execution.returning(leg_executions.c.execution_id)
