"""Orders: what was sent, what fills it found."""

from dataclasses import dataclass

from sqlalchemy import select

from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.orders import Effect, Order, OrderPurpose, OrderStatus
from thetaloom.domain.values.ids import ClientOrderId, RunId, UserId
from thetaloom.errors import NotFound
from thetaloom.store.database import Database
from thetaloom.store.queries.listing import USUAL, Listing, Wish, each_of, sortable
from thetaloom.store.queries.paging import FIRST_PAGE, Page, Window, matching, owned
from thetaloom.store.schema import fills
from thetaloom.store.schema import orders as table
from thetaloom.store.statements import columns_of, value_of, values_of

_SELECT = select(*columns_of(table, Order))
ORDERS = Listing(
    table=table,
    kind=Order,
    usual=(table.c.staged_at.desc(), table.c.client_order_id),
    sorts=sortable(
        table, "client_order_id", "effect", "purpose", "filled", "limit_price", "revision", "status", "staged_at"
    ),
    texts=(table.c.client_order_id, table.c.broker_order_id, table.c.run_id, table.c.reason, table.c.part),
    choices={
        "status": each_of(table.c.status, OrderStatus),
        "effect": each_of(table.c.effect, Effect),
        "purpose": each_of(table.c.purpose, OrderPurpose),
        "open": {"yes": table.c.is_open.is_(True), "no": table.c.is_open.is_(False)},
    },
    words={"run": table.c.run_id},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDetail:
    """One order with its fills, oldest first."""

    order: Order
    fills: tuple[Fill, ...]


def list_orders(
    database: Database,
    user: UserId,
    *,
    is_open: bool | None = None,
    status: OrderStatus | None = None,
    run: RunId | None = None,
    wish: Wish = USUAL,
    window: Window = FIRST_PAGE,
) -> Page[Order]:
    """Return the user's orders, newest first."""
    wanted = [
        *matching(table.c.is_open, is_open),
        *matching(table.c.status, status),
        *matching(table.c.run_id, run),
    ]
    return ORDERS.page(database, user, *wanted, wish=wish, window=window)


def order_detail(database: Database, user: UserId, order: ClientOrderId) -> OrderDetail:
    """Return the order with its fills. Raises ``NotFound`` for one that is not the user's."""
    with database.connect() as connection:
        row = connection.execute(_SELECT.where(owned(table, user), table.c.client_order_id == order)).first()
        if row is None:
            raise NotFound(f"there is no order {order}", advice="`thetaloom order list` shows the orders.")
        chosen = select(*columns_of(fills, Fill)).where(owned(fills, user), fills.c.client_order_id == order)
        found = connection.execute(chosen.order_by(fills.c.filled_at, fills.c.fill_id))
        return OrderDetail(order=value_of(Order, row), fills=values_of(Fill, found))
