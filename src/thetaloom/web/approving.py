"""Which proposal an id means, for programs and pages alike."""

from thetaloom.domain.run.proposals import Proposal
from thetaloom.domain.values.ids import ProposalId, RunId
from thetaloom.errors import NotAllowed, NotFound
from thetaloom.store.queries.proposals import proposal_detail
from thetaloom.store.queries.runs import run_detail
from thetaloom.web.front import Front


def proposal_meant(front: Front, given: str) -> Proposal:
    """Return the proposal with this id, or the newest one of the run with this id."""
    try:
        return proposal_detail(front.database, front.user, ProposalId(given))
    except NotFound:
        pass
    try:
        shown = run_detail(front.database, front.user, RunId(given)).proposals
    except NotFound:
        raise NotFound(
            f"no proposal and no run has the id {given!r}", advice="GET /api/workflow/pending lists what waits."
        ) from None
    if not shown:
        raise NotAllowed("no_proposal", f"run {given} has not proposed anything", advice="See its status for why.")
    return shown[-1]
