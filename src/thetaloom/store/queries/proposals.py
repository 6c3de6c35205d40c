"""Proposals: the queue of what waits for a decision, and what was decided."""

from sqlalchemy import select

from thetaloom.domain.run.proposals import Proposal, ProposalStatus
from thetaloom.domain.values.ids import ProposalId, StrategyId, UserId
from thetaloom.errors import NotFound
from thetaloom.store.database import Database
from thetaloom.store.queries.paging import FIRST_PAGE, Page, Window, matching, owned, page_of
from thetaloom.store.schema import proposals as table
from thetaloom.store.statements import columns_of, value_of

_SELECT = select(*columns_of(table, Proposal))


def list_proposals(
    database: Database,
    user: UserId,
    *,
    status: ProposalStatus | None = None,
    symbol: str | None = None,
    strategy: StrategyId | None = None,
    window: Window = FIRST_PAGE,
) -> Page[Proposal]:
    """Return the user's proposals, newest first."""
    wanted = [
        *matching(table.c.status, status),
        *matching(table.c.symbol, symbol),
        *matching(table.c.strategy_id, strategy),
    ]
    chosen = _SELECT.where(owned(table, user), *wanted)
    with database.connect() as connection:
        # Versions of one instant: the one that stands comes before those whose place it took.
        is_past = table.c.status == ProposalStatus.SUPERSEDED
        ordered = chosen.order_by(table.c.created_at.desc(), is_past, table.c.id)
        return page_of(connection, ordered, window, lambda row: value_of(Proposal, row))


def proposal_detail(database: Database, user: UserId, proposal: ProposalId) -> Proposal:
    """Return the proposal. Raises ``NotFound`` for one that is not the user's."""
    with database.connect() as connection:
        row = connection.execute(_SELECT.where(owned(table, user), table.c.id == proposal)).first()
    if row is None:
        raise NotFound(f"there is no proposal {proposal}", advice="`thetaloom approval list` shows what waits.")
    return value_of(Proposal, row)
