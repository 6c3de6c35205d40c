"""Accounts, how far their reports were read, the limits of users, and halts."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from thetaloom.domain.book.reports import AccountSnapshot
from thetaloom.domain.values.ids import AccountId, UserId
from thetaloom.errors import ConfigError, NotFound
from thetaloom.store.balance_tables import balances
from thetaloom.store.database import Database
from thetaloom.store.schema import accounts as table
from thetaloom.store.schema import halts, risk_limits
from thetaloom.store.statements import insert_or_skip

CURSORS = {"report_cursor": 0, "transaction_cursor": 0}  # nothing was read yet
_CURSOR = {name: select(table.c[name]).where(table.c.id == bindparam("of_account")) for name in CURSORS}
_SET_CURSOR = {
    name: update(table).where(table.c.id == bindparam("of_account")).values({name: bindparam("to_sequence")})
    for name in CURSORS
}
_LIMITS = (
    select(risk_limits.c.name, risk_limits.c.amount)
    .where(risk_limits.c.user_id == bindparam("of_user"))
    .order_by(risk_limits.c.name)
)
_HALTS = select(halts.c.scope, halts.c.reason).order_by(halts.c.scope)


class SqlAccounts:
    """Accounts in the database."""

    def __init__(self, connection: Connection, database: Database) -> None:
        self._connection = connection
        self._database = database

    def ensure(self, account: AccountId, user: UserId, broker: str, is_live: bool) -> None:
        """Make the account known. One that is known must be the same: paper money never turns into real money."""
        given = {"user_id": user, "broker": broker, "is_live": is_live}
        self._connection.execute(insert_or_skip(self._database, table), {"id": account, **CURSORS} | given)
        row = self._connection.execute(select(table).where(table.c.id == account)).one()
        known = {name: row._mapping[name] for name in given}
        if known != given:
            raise ConfigError(
                f"account {account} is known with other properties",
                advice="Give another account another id.",
                details={name: f"{known[name]} is known, {given[name]} was given" for name in given},
            )

    def is_live(self, account: AccountId) -> bool | None:
        """Return whether a person allowed real money on the account; ``None`` where it is not known."""
        return self._connection.scalar(select(table.c.is_live).where(table.c.id == account))

    def allow_live(self, account: AccountId, *, is_allowed: bool) -> None:
        """Allow real money on the account, or allow it no more. Raises ``NotFound``."""
        changed = update(table).where(table.c.id == account).values(is_live=is_allowed)
        if self._connection.execute(changed).rowcount != 1:
            raise NotFound(f"there is no account {account}")

    def owner(self, account: AccountId) -> UserId | None:
        """Return whose account it is."""
        return self._connection.scalar(select(table.c.user_id).where(table.c.id == account))

    def note_balances(self, snapshot: AccountSnapshot) -> None:
        """Keep what the account was worth; nothing where its worth is unknown."""
        if snapshot.net_liquidating_value is None:
            return
        kept = ("account_id", "net_liquidating_value", "cash", "buying_power")
        row = {name: getattr(snapshot, name) for name in kept}
        self._connection.execute(insert_or_skip(self._database, balances), row | {"at": snapshot.as_of})

    def report_cursor(self, account: AccountId) -> int:
        """Return the sequence of the last report that was read."""
        return self._cursor(account, "report_cursor")

    def set_report_cursor(self, account: AccountId, sequence: int) -> None:
        """Remember the sequence of the last report that was read."""
        self._set_cursor(account, "report_cursor", sequence)

    def transaction_cursor(self, account: AccountId) -> int:
        """Return the sequence of the last transaction that was read."""
        return self._cursor(account, "transaction_cursor")

    def set_transaction_cursor(self, account: AccountId, sequence: int) -> None:
        """Remember the sequence of the last transaction that was read."""
        self._set_cursor(account, "transaction_cursor", sequence)

    def _cursor(self, account: AccountId, name: str) -> int:
        cursor = self._connection.scalar(_CURSOR[name], {"of_account": account})
        if cursor is None:
            raise NotFound(f"there is no account {account}")
        return int(cursor)

    def _set_cursor(self, account: AccountId, name: str, sequence: int) -> None:
        moved = {"of_account": account, "to_sequence": sequence}
        if self._connection.execute(_SET_CURSOR[name], moved).rowcount != 1:
            raise NotFound(f"there is no account {account}")

    def limits(self, user: UserId) -> Mapping[str, str]:
        """Return the user's own risk limits, name → number as text."""
        rows = self._connection.execute(_LIMITS, {"of_user": user})
        return {row.name: row.amount for row in rows}

    def set_limit(self, user: UserId, name: str, limit: str, now: datetime) -> None:
        """Set one of the user's own limits."""
        of = (risk_limits.c.user_id == user, risk_limits.c.name == name)
        self._connection.execute(delete(risk_limits).where(*of))
        self._connection.execute(insert(risk_limits), {"user_id": user, "name": name, "amount": limit, "set_at": now})

    def halt(self, scope: str, reason: str, now: datetime) -> None:
        """Halt new risk in ``scope``; a halt that stands keeps its reason and time."""
        row = {"scope": scope, "reason": reason, "halted_at": now}
        self._connection.execute(insert_or_skip(self._database, halts), row)

    def resume(self, scope: str) -> None:
        """Lift the halt of ``scope``."""
        self._connection.execute(delete(halts).where(halts.c.scope == scope))

    def halts(self) -> Mapping[str, str]:
        """Return the halted scopes and why."""
        rows = self._connection.execute(_HALTS)
        return {row.scope: row.reason for row in rows}
