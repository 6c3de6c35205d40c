"""Many proposals decided at once, each for itself: what one is refused for never stops the others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from thetaloom.domain.run.proposals import Proposal, ProposalStatus
from thetaloom.engine.commands import ApproveProposal, RejectProposal
from thetaloom.errors import InvalidInput, NotAllowed, ThetaloomError
from thetaloom.web.approving import proposal_meant
from thetaloom.web.front import Front

DECIDED_MAX = 100  # at once
Decide = Callable[[Proposal], ApproveProposal | RejectProposal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What became of one of many."""

    id: str  # as it was asked for
    proposal: Proposal | None  # as it stands now; None: it was not decided
    error: ThetaloomError | None


async def decide_each(front: Front, ids: Sequence[str], decide: Decide) -> list[Decision]:
    """Decide on each, in their order; one named twice is decided once."""
    unique = list(dict.fromkeys(ids))
    if not 0 < len(unique) <= DECIDED_MAX:
        raise InvalidInput(f"choose 1 to {DECIDED_MAX} proposals", details={"field": "ids"})
    return [await _decided(front, one, decide) for one in unique]


def approving(front: Front, *, confirmed: bool, hashes: dict[str, str], note: str) -> Decide:
    """Return what approves; one with a warning that asks for confirmation is approved only when that was given."""

    def decide(proposal: Proposal) -> ApproveProposal:
        waits = proposal.status is ProposalStatus.PENDING
        if waits and proposal.needs_confirmation and not confirmed:
            raise NotAllowed(
                "needs_confirmation",
                "its warning was not confirmed: " + "; ".join(proposal.warnings),
                advice="Look at it alone, or confirm the warnings of all.",
            )
        return ApproveProposal(
            user_id=front.user,
            by=front.person.id,
            proposal_id=proposal.id,
            content_hash=hashes.get(proposal.id),
            note=note,
        )

    return decide


def rejecting(front: Front, *, reason: str) -> Decide:
    """Return what rejects with a reason in words."""
    return lambda proposal: RejectProposal(user_id=front.user, by=front.person.id, proposal_id=proposal.id, note=reason)


async def _decided(front: Front, given: str, decide: Decide) -> Decision:
    try:
        meant = await front.read(lambda: proposal_meant(front, given))
        return Decision(id=given, proposal=await front.ask(decide(meant), Proposal), error=None)
    except ThetaloomError as error:
        return Decision(id=given, proposal=None, error=error)
