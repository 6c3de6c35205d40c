"""Destinations of messages, and the log of what was sent to them."""

from collections.abc import Sequence

from sqlalchemy import select

from thetaloom.domain.run.notifications import Delivery, DeliveryStatus, Destination, Topic
from thetaloom.domain.values.ids import UserId
from thetaloom.errors import NotFound
from thetaloom.store.database import Database
from thetaloom.store.notification_tables import deliveries, destinations
from thetaloom.store.queries.listing import USUAL, Listing, Wish, each_of, sortable
from thetaloom.store.queries.paging import FIRST_PAGE, Page, Window, matching, owned
from thetaloom.store.statements import columns_of, values_of

DELIVERIES = Listing(
    table=deliveries,
    kind=Delivery,
    usual=(deliveries.c.made_at.desc(), deliveries.c.id),
    sorts=sortable(deliveries, "title", "destination", "topic", "status", "attempts", "made_at", "error"),
    texts=(deliveries.c.title, deliveries.c.destination, deliveries.c.body, deliveries.c.error),
    choices={
        "status": each_of(deliveries.c.status, DeliveryStatus),
        "topic": each_of(deliveries.c.topic, Topic),
    },
    words={"destination": deliveries.c.destination},
)


def list_destinations(database: Database, user: UserId) -> Sequence[Destination]:
    """Return the user's destinations by name."""
    chosen = select(*columns_of(destinations, Destination)).where(owned(destinations, user))
    with database.connect() as connection:
        return values_of(Destination, connection.execute(chosen.order_by(destinations.c.name)))


def destination_named(database: Database, user: UserId, name: str) -> Destination:
    """Return a destination. Raises ``NotFound``."""
    found = next((one for one in list_destinations(database, user) if one.name == name), None)
    if found is None:
        raise NotFound(f"no destination is called {name[:60]!r}", advice="`thetaloom notify list` shows them.")
    return found


def list_deliveries(
    database: Database,
    user: UserId,
    *,
    destination: str | None = None,
    status: DeliveryStatus | None = None,
    wish: Wish = USUAL,
    window: Window = FIRST_PAGE,
) -> Page[Delivery]:
    """Return what the user was told, newest first, with what became of it."""
    wanted = [*matching(deliveries.c.destination, destination), *matching(deliveries.c.status, status)]
    return DELIVERIES.page(database, user, *wanted, wish=wish, window=window)
