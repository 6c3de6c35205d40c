"""Findings and comparisons: what was found at the broker, what waits for a person, and when was looked."""

from thetaloom.domain.book.elsewhere import STANDING, Finding, FindingKind, FindingStatus
from thetaloom.domain.book.looks import Cause, Reconciliation
from thetaloom.domain.values.ids import UserId
from thetaloom.store.database import Database
from thetaloom.store.queries.listing import USUAL, Listing, Wish, each_of, sortable
from thetaloom.store.queries.paging import FIRST_PAGE, Page, Window
from thetaloom.store.schema import findings, reconciliations

FINDINGS = Listing(
    table=findings,
    kind=Finding,
    usual=(findings.c.found_at.desc(), findings.c.id),
    sorts=sortable(findings, "kind", "symbol", "status", "found_at", "settled_at", "settled_as"),
    texts=(findings.c.id, findings.c.symbol, findings.c.text, findings.c.settled_as, findings.c.order),
    choices={
        "status": each_of(findings.c.status, FindingStatus),
        "kind": each_of(findings.c.kind, FindingKind),
    },
    words={"symbol": findings.c.symbol},
)
LOOKS = Listing(
    table=reconciliations,
    kind=Reconciliation,
    usual=(reconciliations.c.id.desc(),),
    sorts=sortable(reconciliations, "looked_at", "cause", "updated", "created", "errors", "waiting", "drifts"),
    texts=(reconciliations.c.digest, reconciliations.c.account_id),
    choices={"cause": each_of(reconciliations.c.cause, Cause)},
)


def list_findings(
    database: Database,
    user: UserId,
    *,
    standing: bool | None = None,
    wish: Wish = USUAL,
    window: Window = FIRST_PAGE,
) -> Page[Finding]:
    """Return the user's findings, newest first; those that stand, those that are settled, or both."""
    stands = findings.c.status.in_(STANDING)
    wanted = [] if standing is None else [stands if standing else ~stands]
    return FINDINGS.page(database, user, *wanted, wish=wish, window=window)


def list_reconciliations(
    database: Database, user: UserId, *, wish: Wish = USUAL, window: Window = FIRST_PAGE
) -> Page[Reconciliation]:
    """Return the user's comparisons with the broker, newest first."""
    return LOOKS.page(database, user, wish=wish, window=window)
