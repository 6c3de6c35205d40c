"""What was changed, by whom: for those who administer."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from thetaloom.store.database import Database
from thetaloom.store.people_tables import audit, users
from thetaloom.store.queries.paging import Page, Window, matching, page_of, since


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One change, or a try at one."""

    id: int
    at: datetime
    user_id: str
    name: str  # of the person, as it is now
    token_id: str
    address: str
    action: str
    subject: str
    status: int
    fields: tuple[str, ...]


def list_audit(
    database: Database, *, user: str | None = None, start: datetime | None = None, window: Window
) -> Page[AuditRow]:
    """Return changes, the newest first; of one person by id, where one is meant."""
    wanted = select(audit, users.c.name).outerjoin(users, users.c.id == audit.c.user_id)
    wanted = wanted.where(*matching(audit.c.user_id, user), *since(audit.c.at, start)).order_by(audit.c.id.desc())
    with database.connect() as connection:
        return page_of(connection, wanted, window, _read)


def _read(row: AuditRow) -> AuditRow:
    return AuditRow(
        id=row.id,
        at=row.at,
        user_id=row.user_id,
        name=row.name or row.user_id,
        token_id=row.token_id,
        address=row.address,
        action=row.action,
        subject=row.subject,
        status=row.status,
        fields=row.fields,
    )
