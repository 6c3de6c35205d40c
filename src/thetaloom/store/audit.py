"""The audit: who changed what, when and from where. Names of fields are kept, what stood in them never."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert

from thetaloom.store.database import Database
from thetaloom.store.people_tables import audit
from thetaloom.store.statements import row_of

LENGTH_MAX = 200
FIELDS_MAX = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One change, or a try at one."""

    at: datetime  # by the wall's clock
    user_id: str  # empty where nobody was signed in
    token_id: str
    address: str  # of the asker; cli on the machine itself
    action: str  # the route, or the command
    subject: str  # the ids in the route, or the name in the command
    status: int  # of the answer; 0 for a command that went through
    fields: tuple[str, ...]


def write_entry(database: Database, entry: AuditEntry) -> None:
    """Write an entry down. It does not wait for the disk: only a loss of power can take the newest away."""
    row = row_of(entry, subject=entry.subject[:LENGTH_MAX], fields=entry.fields[:FIELDS_MAX])
    with database.begin(durable=False) as connection:
        connection.execute(insert(audit), row)
