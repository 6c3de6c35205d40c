"""Who the rows belong to."""

from sqlalchemy import select

from thetaloom.domain.values.ids import UserId
from thetaloom.store.database import Database
from thetaloom.store.schema import users


def first_user(database: Database) -> UserId | None:
    """Return the oldest user; ``None`` in an empty database."""
    found = database.first(select(users.c.id).order_by(users.c.created_at, users.c.id).limit(1))
    return None if found is None else UserId(found)
