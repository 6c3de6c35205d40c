"""Findings and comparisons: what was found at the broker, what waits for a person, and when was looked."""

from sqlalchemy import select

from thetaloom.domain.book.elsewhere import STANDING, Finding
from thetaloom.domain.book.looks import Reconciliation
from thetaloom.domain.values.ids import UserId
from thetaloom.store.database import Database
from thetaloom.store.queries.paging import FIRST_PAGE, Page, Window, owned, page_of
from thetaloom.store.schema import findings, reconciliations
from thetaloom.store.statements import columns_of, value_of

_FINDINGS = select(*columns_of(findings, Finding))
_LOOKS = select(*columns_of(reconciliations, Reconciliation))


def list_findings(
    database: Database, user: UserId, *, standing: bool | None = None, window: Window = FIRST_PAGE
) -> Page[Finding]:
    """Return the user's findings, newest first; those that stand, those that are settled, or both."""
    wanted = [owned(findings, user)]
    if standing is not None:
        stands = findings.c.status.in_(STANDING)
        wanted.append(stands if standing else ~stands)
    ordered = _FINDINGS.where(*wanted).order_by(findings.c.found_at.desc(), findings.c.id)
    with database.connect() as connection:
        return page_of(connection, ordered, window, lambda row: value_of(Finding, row))


def list_reconciliations(database: Database, user: UserId, *, window: Window = FIRST_PAGE) -> Page[Reconciliation]:
    """Return the user's comparisons with the broker, newest first."""
    ordered = _LOOKS.where(owned(reconciliations, user)).order_by(reconciliations.c.id.desc())
    with database.connect() as connection:
        return page_of(connection, ordered, window, lambda row: value_of(Reconciliation, row))
