"""Which proposal an id means, for programs and pages alike."""

from thetaloom.domain.run.proposals import Proposal
from thetaloom.domain.run.runs import RunStatus
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
        meant = run_detail(front.database, front.user, RunId(given))
    except NotFound:
        raise NotFound(
            f"no proposal and no run has the id {given!r}", advice="GET /api/workflow/pending lists what waits."
        ) from None
    if meant.proposals:
        return meant.proposals[-1]
    if meant.run.status is RunStatus.PENDING_APPROVAL:  # its risk is checked, and its proposal is made next
        raise NotAllowed(
            "no_proposal",
            f"the proposal of run {given} is being made",
            advice="Ask again in a moment: GET /api/workflow/pending lists it as soon as it can be approved.",
        )
    raise NotAllowed("no_proposal", f"run {given} has not proposed anything", advice="See its status for why.")
