"""Proposals: the queue of what waits for a decision, and what was decided."""

from sqlalchemy import select

from thetaloom.domain.run.proposals import Proposal, ProposalStatus
from thetaloom.domain.values.ids import ProposalId, StrategyId, UserId
from thetaloom.errors import NotFound
from thetaloom.store.database import Database
from thetaloom.store.queries.listing import USUAL, Listing, Wish, each_of, sortable
from thetaloom.store.queries.paging import FIRST_PAGE, Page, Window, matching, owned
from thetaloom.store.schema import proposals as table
from thetaloom.store.statements import columns_of, value_of

_SELECT = select(*columns_of(table, Proposal))
PROPOSALS = Listing(
    table=table,
    kind=Proposal,
    # Versions of one instant: the one that stands comes before those whose place it took.
    usual=(table.c.created_at.desc(), table.c.status == ProposalStatus.SUPERSEDED, table.c.id),
    sorts=sortable(
        table,
        "id",
        "symbol",
        "structure_name",
        "quantity",
        "mid_price",
        "max_profit",
        "max_loss",
        "pop",
        "status",
        "expires_at",
        "decided_at",
    ),
    texts=(
        table.c.id,
        table.c.run_id,
        table.c.symbol,
        table.c.strategy_id,
        table.c.structure_name,
        table.c.decided_by,
        table.c.decision_note,
    ),
    choices={"status": each_of(table.c.status, ProposalStatus)},
    words={"symbol": table.c.symbol, "strategy": table.c.strategy_id},
)


def list_proposals(
    database: Database,
    user: UserId,
    *,
    status: ProposalStatus | None = None,
    symbol: str | None = None,
    strategy: StrategyId | None = None,
    wish: Wish = USUAL,
    window: Window = FIRST_PAGE,
) -> Page[Proposal]:
    """Return the user's proposals, newest first."""
    wanted = [
        *matching(table.c.status, status),
        *matching(table.c.symbol, symbol),
        *matching(table.c.strategy_id, strategy),
    ]
    return PROPOSALS.page(database, user, *wanted, wish=wish, window=window)


def proposal_detail(database: Database, user: UserId, proposal: ProposalId) -> Proposal:
    """Return the proposal. Raises ``NotFound`` for one that is not the user's."""
    with database.connect() as connection:
        row = connection.execute(_SELECT.where(owned(table, user), table.c.id == proposal)).first()
    if row is None:
        raise NotFound(f"there is no proposal {proposal}", advice="`thetaloom approval list` shows what waits.")
    return value_of(Proposal, row)
