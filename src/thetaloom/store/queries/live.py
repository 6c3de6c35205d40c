"""Facts as the live wire tells them: each with the run, the order and the proposal that it names."""

from collections.abc import Sequence
from dataclasses import dataclass

from thetaloom.domain.book.orders import Order
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.proposals import Proposal
from thetaloom.domain.run.runs import WorkflowRun
from thetaloom.domain.run.tidings import is_denial
from thetaloom.domain.values.ids import ClientOrderId, ProposalId, RunId, UserId
from thetaloom.ports.store import StoredEvent, UnitOfWork
from thetaloom.store.repositories.events import read_events
from thetaloom.store.unit_of_work import SqlStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One fact and what it is about, as that stands now."""

    stored: StoredEvent
    run: WorkflowRun | None
    order: Order | None
    proposal: Proposal | None


def facts_after(store: SqlStore, sequence: int, limit: int, user: UserId | None = None) -> Sequence[Told]:
    """Return the facts after number ``sequence``, of one user or of all, oldest first."""
    with store.database.connect() as connection:
        found = read_events(connection, sequence, limit, user)
    if not found:
        return ()
    with store.reading() as uow:
        wanted = {one.event.run_id for one in found if one.event.run_id is not None}
        runs: dict[RunId, WorkflowRun] = {run.id: run for run in uow.runs.many(wanted)} if wanted else {}
        return [_told(uow, one, runs) for one in found]


def _told(uow: UnitOfWork, stored: StoredEvent, runs: dict[RunId, WorkflowRun]) -> Told:
    event = stored.event
    order, proposal = None, None
    if named := event.facts.get("order"):
        order = uow.orders.get(ClientOrderId(named))
    elif event.run_id is not None and is_denial(event):
        order = max(uow.orders.of_run(event.run_id), key=lambda one: one.staged_at, default=None)
    if event.kind is EventKind.PROPOSAL_CREATED and (made := event.facts.get("proposal")):
        proposal = uow.proposals.get(ProposalId(made))
    run = None if event.run_id is None else runs.get(event.run_id)
    return Told(stored=stored, run=run, order=order, proposal=proposal)
