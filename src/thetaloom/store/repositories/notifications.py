"""Notifications in the database: no message is written twice to a destination, and none is taken by two."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, and_, delete, func, insert, not_, select, text, update

from thetaloom.domain.run.notifications import Delivery, DeliveryStatus, Destination
from thetaloom.domain.values.ids import UserId
from thetaloom.ports.notifications import Place, PostState
from thetaloom.store.database import Database
from thetaloom.store.notification_tables import deliveries as table
from thetaloom.store.notification_tables import destinations, postman
from thetaloom.store.schema import events
from thetaloom.store.statements import columns_of, insert_once, insert_or_skip, row_of, value_of, values_of

ONE = "postman"
_SELECT = select(*columns_of(table, Delivery))
_DESTINATIONS = select(*columns_of(destinations, Destination)).order_by(destinations.c.user_id, destinations.c.name)
_ONE_READER_AT_A_TIME = text("SELECT pg_advisory_xact_lock(7108021)")


class SqlNotifications:
    """Notifications in the database."""

    def __init__(self, connection: Connection, database: Database) -> None:
        self._connection = connection
        self._database = database

    def state(self) -> PostState | None:
        """Return how far events were read."""
        row = self._connection.execute(select(*columns_of(postman, PostState)).where(postman.c.name == ONE)).first()
        return None if row is None else value_of(PostState, row)

    def save_state(self, state: PostState) -> None:
        """Write how far facts were read; a state that is further already stays."""
        self._connection.execute(insert_or_skip(self._database, postman), row_of(state, name=ONE))
        known = postman.c.name == ONE
        for name in ("sequence", "summed_at"):
            new = getattr(state, name)
            further = update(postman).where(known, postman.c[name] < new).values({name: new})
            self._connection.execute(further)

    def newest_event(self) -> int:
        """Return the number of the newest event, 0 before the first."""
        return self._connection.scalar(select(func.max(events.c.sequence))) or 0

    def take_turn(self) -> None:
        """Let one reader of events at a time go on, until this transaction ends; SQLite has one writer anyhow."""
        if not self._database.is_sqlite:
            self._connection.execute(_ONE_READER_AT_A_TIME)

    def destination(self, user: UserId, name: str) -> Destination | None:
        """Return a destination."""
        wanted = _DESTINATIONS.where(destinations.c.user_id == user, destinations.c.name == name)
        row = self._connection.execute(wanted).first()
        return None if row is None else value_of(Destination, row)

    def destinations(self, user: UserId | None = None) -> Sequence[Destination]:
        """Return the destinations of one user or of all, by name."""
        wanted = _DESTINATIONS if user is None else _DESTINATIONS.where(destinations.c.user_id == user)
        return values_of(Destination, self._connection.execute(wanted))

    def save_destination(self, destination: Destination) -> None:
        """Write a destination in the place of the one before."""
        self._delete(destination.user_id, destination.name)
        self._connection.execute(insert(destinations), row_of(destination))

    def remove_destination(self, user: UserId, name: str) -> bool:
        """Take a destination out and drop what still waits for it; False when there was none."""
        waits = (table.c.user_id == user, table.c.destination == name, table.c.status == DeliveryStatus.WAITING)
        gone = {"status": DeliveryStatus.DROPPED, "due_at": None, "error": "the destination was removed"}
        self._connection.execute(update(table).where(*waits).values(gone))
        return self._delete(user, name)

    def add(self, delivery: Delivery) -> bool:
        """Write a message to a destination; False when it is there already."""
        return insert_once(self._connection, self._database, table, row_of(delivery))

    def due(self, now: datetime, limit: int, but: Collection[Place] = ()) -> Sequence[Delivery]:
        """Return what waits and is due, the urgent first, then the oldest, nothing of the destinations in ``but``."""
        others = (not_(and_(table.c.user_id == user, table.c.destination == name)) for user, name in but)
        wanted = _SELECT.where(table.c.due_at.is_not(None), table.c.due_at <= now, *others)
        ordered = wanted.order_by(table.c.is_urgent.desc(), table.c.made_at, table.c.id).limit(limit)
        return values_of(Delivery, self._connection.execute(ordered))

    def claim(self, delivery: Delivery, until: datetime) -> Delivery | None:
        """Take a delivery that nobody else has taken; it is due again at ``until`` if nothing becomes of it."""
        claimed = replace(delivery, attempts=delivery.attempts + 1, due_at=until)
        as_read = (table.c.id == delivery.id, table.c.due_at == delivery.due_at, table.c.attempts == delivery.attempts)
        taken = update(table).where(*as_read).values(attempts=claimed.attempts, due_at=until)
        return claimed if self._connection.execute(taken).rowcount == 1 else None

    def settle(self, delivery: Delivery) -> None:
        """Write what became of a claimed delivery; what was sent stays sent."""
        key = (table.c.id == delivery.id, table.c.status != DeliveryStatus.SENT)
        self._connection.execute(update(table).where(*key).values(row_of(delivery)))

    def sent_since(self, user: UserId, destination: str, since: datetime) -> Sequence[datetime]:
        """Return when messages went out, oldest first; those that left together count once."""
        of = (table.c.user_id == user, table.c.destination == destination, table.c.sent_at > since)
        return self._connection.scalars(select(table.c.sent_at).where(*of).distinct().order_by(table.c.sent_at)).all()

    def _delete(self, user: UserId, name: str) -> bool:
        of = (destinations.c.user_id == user, destinations.c.name == name)
        return self._connection.execute(delete(destinations).where(*of)).rowcount == 1
