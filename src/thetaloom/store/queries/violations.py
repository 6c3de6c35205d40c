"""Violations: which limits refused what."""

from sqlalchemy import select

from thetaloom.domain.risk.violations import Violation
from thetaloom.domain.values.ids import UserId
from thetaloom.store.database import Database
from thetaloom.store.queries.paging import FIRST_PAGE, Page, Window, matching, owned, page_of
from thetaloom.store.schema import risk_violations as table
from thetaloom.store.statements import columns_of, value_of

_SELECT = select(*columns_of(table, Violation))


def list_violations(
    database: Database,
    user: UserId,
    *,
    rule: str | None = None,
    symbol: str | None = None,
    window: Window = FIRST_PAGE,
) -> Page[Violation]:
    """Return the user's violations, newest first."""
    wanted = [*matching(table.c.rule, rule), *matching(table.c.symbol, symbol)]
    ordered = _SELECT.where(owned(table, user), *wanted).order_by(table.c.happened_at.desc(), table.c.id.desc())
    with database.connect() as connection:
        return page_of(connection, ordered, window, lambda row: value_of(Violation, row))
