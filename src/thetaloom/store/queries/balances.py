"""What an account was worth over time."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from thetaloom.domain.values.ids import UserId
from thetaloom.domain.values.money import Money
from thetaloom.store.balance_tables import balances as table
from thetaloom.store.database import Database
from thetaloom.store.schema import accounts

POINTS_MAX = 2_000  # of one curve; more are thinned out, the newest always stays


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """Net liquidating value at an instant."""

    at: datetime
    worth: Money


def worth_over_time(database: Database, user: UserId) -> list[Worth]:
    """Return what the user's accounts were worth, oldest first."""
    chosen = (
        select(table.c.at, table.c.net_liquidating_value)
        .join(accounts, accounts.c.id == table.c.account_id)
        .where(accounts.c.user_id == user)
        .order_by(table.c.at)
    )
    with database.connect() as connection:
        found = [Worth(at=row.at, worth=row.net_liquidating_value) for row in connection.execute(chosen)]
    every = -(-len(found) // POINTS_MAX) or 1
    return found[::-1][::every][::-1]
