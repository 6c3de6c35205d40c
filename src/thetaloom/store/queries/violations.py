"""Violations: which limits refused what."""

from thetaloom.domain.risk.violations import Severity, Violation
from thetaloom.domain.values.ids import UserId
from thetaloom.store.database import Database
from thetaloom.store.queries.listing import USUAL, Listing, Wish, each_of, sortable
from thetaloom.store.queries.paging import FIRST_PAGE, Page, Window, matching
from thetaloom.store.schema import risk_violations as table

VIOLATIONS = Listing(
    table=table,
    kind=Violation,
    usual=(table.c.happened_at.desc(), table.c.id.desc()),
    sorts=sortable(table, "rule", "symbol", "severity", "reason", "happened_at"),
    texts=(table.c.rule, table.c.symbol, table.c.reason, table.c.run_id),
    choices={"severity": each_of(table.c.severity, Severity)},
    words={"rule": table.c.rule, "symbol": table.c.symbol},
)


def list_violations(
    database: Database,
    user: UserId,
    *,
    rule: str | None = None,
    symbol: str | None = None,
    wish: Wish = USUAL,
    window: Window = FIRST_PAGE,
) -> Page[Violation]:
    """Return the user's violations, newest first."""
    wanted = [*matching(table.c.rule, rule), *matching(table.c.symbol, symbol)]
    return VIOLATIONS.page(database, user, *wanted, wish=wish, window=window)
