"""Orders for shares: saved by compare-and-swap."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, bindparam, insert, select, update

from thetaloom.domain.book.orders import OrderStatus
from thetaloom.domain.book.share_orders import ShareOrder
from thetaloom.domain.values.ids import AccountId, ClientOrderId, PositionId
from thetaloom.errors import StaleVersionError
from thetaloom.store.schema_shares import share_orders as table
from thetaloom.store.statements import columns_of, names_of, row_of, values_of

_SELECT = select(*columns_of(table, ShareOrder)).order_by(table.c.staged_at, table.c.client_order_id)
_UPDATE = (
    update(table)
    .where(table.c.client_order_id == bindparam("of_order"), table.c.version == bindparam("of_version"))
    .values({name: bindparam(name) for name in names_of(ShareOrder) if name != "client_order_id"})
)


class SqlShareOrders:
    """Orders for shares in the database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, order: ShareOrder) -> None:
        """Write a new order."""
        self._connection.execute(insert(table), row_of(order))

    def get(self, order: ClientOrderId) -> ShareOrder | None:
        """Return an order."""
        wanted = _SELECT.where(table.c.client_order_id == order)
        return next(iter(values_of(ShareOrder, self._connection.execute(wanted))), None)

    def of_position(self, position: PositionId) -> Sequence[ShareOrder]:
        """Return the orders of a position, oldest first."""
        return values_of(ShareOrder, self._connection.execute(_SELECT.where(table.c.position_id == position)))

    def in_flight(self, account: AccountId) -> Sequence[ShareOrder]:
        """Return the account's orders that can still trade, oldest first."""
        is_open = table.c.status.in_((OrderStatus.STAGED, OrderStatus.SUBMITTED))
        return values_of(ShareOrder, self._connection.execute(_SELECT.where(table.c.account_id == account, is_open)))

    def save(self, order: ShareOrder) -> ShareOrder:
        """Write the order if its version is still the stored one and return it with the next version."""
        saved = replace(order, version=order.version + 1)
        row = row_of(saved)
        key = {"of_order": row.pop("client_order_id"), "of_version": order.version}
        if self._connection.execute(_UPDATE, row | key).rowcount != 1:
            raise StaleVersionError(f"order {order.client_order_id} is no longer at version {order.version}")
        return saved
