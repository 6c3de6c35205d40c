"""Proposals: saved by compare-and-swap, so that the first decision stands."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, bindparam, insert, select

from thetaloom.domain.run.proposals import Proposal
from thetaloom.domain.values.ids import ProposalId, RunId
from thetaloom.store.schema import proposals as table
from thetaloom.store.statements import columns_of, row_of, swap, value_of, values_of, versioned_update

_SELECT = select(*columns_of(table, Proposal))
_GET = _SELECT.where(table.c.id == bindparam("of_id"))
_OF_RUN = _SELECT.where(table.c.run_id == bindparam("of_run")).order_by(table.c.created_at, table.c.id)
_UPDATE = versioned_update(table)


class SqlProposals:
    """Proposals in the database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, proposal: Proposal) -> None:
        """Write a new proposal."""
        self._connection.execute(insert(table), row_of(proposal))

    def get(self, proposal: ProposalId) -> Proposal | None:
        """Return the proposal as it stands."""
        row = self._connection.execute(_GET, {"of_id": proposal}).first()
        return None if row is None else value_of(Proposal, row)

    def of_run(self, run: RunId) -> Sequence[Proposal]:
        """Return what the run has shown, oldest first."""
        return values_of(Proposal, self._connection.execute(_OF_RUN, {"of_run": run}))

    def save(self, proposal: Proposal) -> Proposal:
        """Write the proposal if its version is still the stored one and return it with the next version."""
        saved = replace(proposal, version=proposal.version + 1)
        swap(self._connection, _UPDATE, saved)
        return saved
