"""Runs: lists, one in full, and how many stand where."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.positions import Position
from thetaloom.domain.run.lineage import LineageRecord
from thetaloom.domain.run.proposals import Proposal
from thetaloom.domain.run.runs import Outcome, RunStatus, TriggerKind, WorkflowRun
from thetaloom.domain.values.ids import ProposalId, RunId, StrategyId, UserId
from thetaloom.errors import NotFound
from thetaloom.store.database import Database
from thetaloom.store.queries.listing import USUAL, Listing, Wish, each_of, sortable
from thetaloom.store.queries.paging import FIRST_PAGE, Page, Window, matching, owned, since
from thetaloom.store.schema import fills, lineage, orders, positions, proposals
from thetaloom.store.schema import runs as table
from thetaloom.store.statements import columns_of, value_of, values_of

RUNS = Listing(
    table=table,
    kind=WorkflowRun,
    usual=(table.c.created_at.desc(), table.c.id),
    sorts=sortable(table, "id", "symbol", "strategy_id", "trigger", "status", "outcome", "reason", "created_at"),
    texts=(table.c.id, table.c.symbol, table.c.strategy_id, table.c.reason),
    choices={
        "status": each_of(table.c.status, RunStatus),
        "outcome": each_of(table.c.outcome, Outcome),
        "trigger": each_of(table.c.trigger, TriggerKind),
    },
    words={"symbol": table.c.symbol, "strategy": table.c.strategy_id},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDetail:
    """One run with everything that belongs to it, each list in the order of time."""

    run: WorkflowRun
    timeline: tuple[LineageRecord, ...]
    proposals: tuple[Proposal, ...]
    orders: tuple[Order, ...]
    fills: tuple[Fill, ...]
    position: Position | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStats:
    """How many runs stand where, and how the completed ones ended."""

    total: int
    by_status: Mapping[RunStatus, int]
    by_outcome: Mapping[Outcome, int]


def list_runs(
    database: Database,
    user: UserId,
    *,
    status: RunStatus | None = None,
    symbol: str | None = None,
    strategy: StrategyId | None = None,
    wish: Wish = USUAL,
    window: Window = FIRST_PAGE,
) -> Page[WorkflowRun]:
    """Return the user's runs, newest first."""
    wanted = [
        *matching(table.c.status, status),
        *matching(table.c.symbol, symbol),
        *matching(table.c.strategy_id, strategy),
    ]
    return RUNS.page(database, user, *wanted, wish=wish, window=window)


def run_detail(database: Database, user: UserId, run: RunId) -> RunDetail:
    """Return the run in full. Raises ``NotFound`` for one that is not the user's."""
    with database.connect() as connection:
        found = the_run(connection, user, run)
        placed = values_of(
            Order,
            connection.execute(
                select(*columns_of(orders, Order)).where(orders.c.run_id == run).order_by(orders.c.sequence)
            ),
        )
        position = connection.execute(select(*columns_of(positions, Position)).where(positions.c.run_id == run)).first()
        return RunDetail(
            run=found,
            timeline=timeline_of(connection, run),
            proposals=_proposals_of(connection, run),
            orders=placed,
            fills=values_of(
                Fill,
                connection.execute(
                    select(*columns_of(fills, Fill))
                    .join(orders, orders.c.client_order_id == fills.c.client_order_id)
                    .where(orders.c.run_id == run)
                    .order_by(fills.c.filled_at, fills.c.fill_id)
                ),
            ),
            position=None if position is None else value_of(Position, position),
        )


def _proposals_of(connection: Connection, run: RunId) -> tuple[Proposal, ...]:
    # versions can be made at one instant, and then only the chain of them tells their order
    wanted = select(*columns_of(proposals, Proposal)).where(proposals.c.run_id == run).order_by(proposals.c.id)
    found = values_of(Proposal, connection.execute(wanted))
    before = {one.id: one.supersedes for one in found}

    def versions_before(proposal: ProposalId) -> int:
        earlier = before.get(proposal)
        return 0 if earlier is None else 1 + versions_before(earlier)

    return tuple(sorted(found, key=lambda one: (one.created_at, versions_before(one.id))))


def run_stats(database: Database, user: UserId, *, start: datetime | None = None) -> RunStats:
    """Count the user's runs, of all time or those created from ``start`` on."""
    mine = (owned(table, user), *since(table.c.created_at, start))
    with database.connect() as connection:
        counted = select(table.c.status, table.c.outcome, func.count()).where(*mine)
        rows = connection.execute(counted.group_by(table.c.status, table.c.outcome)).all()
    by_status = dict.fromkeys(RunStatus, 0)
    by_outcome = dict.fromkeys(Outcome, 0)
    for status, outcome, count in rows:
        by_status[status] += count
        if outcome is not None:
            by_outcome[outcome] += count
    return RunStats(total=sum(by_status.values()), by_status=by_status, by_outcome=by_outcome)


def the_run(connection: Connection, user: UserId, run: RunId) -> WorkflowRun:
    """Return the run. Raises ``NotFound`` for one that is not the user's: that it exists is nobody else's business."""
    row = connection.execute(
        select(*columns_of(table, WorkflowRun)).where(owned(table, user), table.c.id == run)
    ).first()
    if row is None:
        raise NotFound(f"there is no run {run}", advice="`thetaloom run list` shows the runs.")
    return value_of(WorkflowRun, row)


def timeline_of(connection: Connection, run: RunId) -> tuple[LineageRecord, ...]:
    """Return the records of a run in their order."""
    chosen = select(*columns_of(lineage, LineageRecord)).where(lineage.c.run_id == run)
    return values_of(LineageRecord, connection.execute(chosen.order_by(lineage.c.seq)))
