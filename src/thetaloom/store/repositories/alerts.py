"""Alerts: one standing row for each cause and subject; those that are over stay to be read."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, insert, select, update

from thetaloom.domain.book.alerts import Alert
from thetaloom.domain.values.ids import AccountId, UserId
from thetaloom.store.care_tables import alerts as table
from thetaloom.store.statements import columns_of, names_of, row_of, values_of

_STANDING = select(*columns_of(table, Alert)).where(table.c.ended_at.is_(None)).order_by(table.c.raised_at, table.c.id)
_STANDING_OF = _STANDING.where(table.c.subject == bindparam("of_subject"), table.c.user_id == bindparam("of_user"))
_STANDING_IN = _STANDING.where(table.c.account_id == bindparam("of_account"))
_UPDATE = (
    update(table)
    .where(table.c.id == bindparam("of_id"))
    .values({name: bindparam(name) for name in names_of(Alert) if name != "id"})
)


class SqlAlerts:
    """Alerts in the database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, alert: str) -> Alert | None:
        """Return an alert, over or not."""
        wanted = select(*columns_of(table, Alert)).where(table.c.id == alert)
        return next(iter(values_of(Alert, self._connection.execute(wanted))), None)

    def standing_of(self, user: UserId, subject: str) -> Sequence[Alert]:
        """Return the alerts about a subject that are not over, oldest first."""
        wanted = {"of_subject": subject, "of_user": user}
        return values_of(Alert, self._connection.execute(_STANDING_OF, wanted))

    def standing(self, account: AccountId) -> Sequence[Alert]:
        """Return the account's alerts that are not over, oldest first."""
        return values_of(Alert, self._connection.execute(_STANDING_IN, {"of_account": account}))

    def add(self, alert: Alert) -> None:
        """Write a new alert."""
        self._connection.execute(insert(table), row_of(alert))

    def save(self, alert: Alert) -> None:
        """Write a known alert as it is now."""
        row = row_of(alert)
        self._connection.execute(_UPDATE, {**row, "of_id": row.pop("id")})
