"""Approvals: what waits for a decision, and one proposal with all that the decision rests on."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Form, Query
from starlette.responses import Response

from thetaloom.domain.run.proposals import Proposal, ProposalStatus
from thetaloom.domain.run.runs import StepName
from thetaloom.domain.strategy.evaluation import LegEvaluation, TouchChance
from thetaloom.domain.values.canonical import from_plain
from thetaloom.domain.values.ids import ProposalId
from thetaloom.domain.values.money import Money
from thetaloom.engine.commands import ApproveProposal, RejectProposal
from thetaloom.engine.findings import Judgement
from thetaloom.store.queries.lineage import step_record
from thetaloom.store.queries.proposals import list_proposals, proposal_detail
from thetaloom.store.queries.runs import run_detail
from thetaloom.web.front import Front, FrontDoor
from thetaloom.web.pages.forms import Notice, PageNumber, Words, see
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.paging import Pager, pager_of, window_of
from thetaloom.web.pages.payoff_picture import PayoffPicture, payoff_picture
from thetaloom.web.pages.render import page

router = APIRouter(prefix="/approvals")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalsView:
    """What waits, and what was decided."""

    frame: Frame
    waiting: Sequence[Proposal]
    decided: Sequence[Proposal]
    pager: Pager


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalView:
    """One proposal; what depends on the clock is worked out for now."""

    frame: Frame
    proposal: Proposal
    is_open: bool  # may still be decided on
    age_seconds: int  # of the quotes
    seconds_left: int
    legs: Sequence[LegEvaluation]  # as they were judged; empty when the record is gone
    greeks_model: str
    pop_model: str
    pop_percent: str
    p50_percent: str
    touch_text: str
    expected_value: Money | None
    probability_models: Sequence[str]
    picture: PayoffPicture | None


@router.get("")
def approvals(
    front: FrontDoor, number: Annotated[PageNumber, Query(alias="page")] = 1, notice: Notice = ""
) -> Response:
    """List what waits for a decision, then what was decided."""
    waiting = list_proposals(front.database, front.user, status=ProposalStatus.PENDING)
    every = list_proposals(front.database, front.user, window=window_of(number))
    view = ApprovalsView(
        frame=frame_of(front, "approvals", notice),
        waiting=waiting.rows,
        decided=[proposal for proposal in every.rows if proposal.status is not ProposalStatus.PENDING],
        pager=pager_of("/approvals", every),
    )
    return page("approvals.html", view)


@router.get("/{proposal_id}")
def proposal(front: FrontDoor, proposal_id: str, notice: Notice = "") -> Response:
    """Show one proposal."""
    found = proposal_detail(front.database, front.user, ProposalId(proposal_id))
    judged = _judgement(front, found)
    now = front.now
    view = ProposalView(
        frame=frame_of(front, "approvals", notice),
        proposal=found,
        is_open=found.status is ProposalStatus.PENDING and now < found.expires_at,
        age_seconds=int((now - found.as_of).total_seconds()),
        seconds_left=max(0, int((found.expires_at - now).total_seconds())),
        legs=() if judged is None else judged.evaluation.legs,
        greeks_model="" if judged is None else judged.evaluation.greeks_model,
        pop_model="" if judged is None else judged.evaluation.pop_model,
        pop_percent=_percent(found.pop),
        p50_percent=_percent(None if judged is None else judged.evaluation.p50),
        touch_text="" if judged is None else _touch_text(judged.evaluation.touches),
        expected_value=None if judged is None else judged.evaluation.expected_value,
        probability_models=() if judged is None else judged.evaluation.probability_models,
        picture=payoff_picture(found),
    )
    return page("proposal.html", view)


@router.post("/{proposal_id}/approval")
async def approve(
    front: FrontDoor,
    proposal_id: str,
    content_hash: Annotated[str, Form(min_length=64, max_length=64)],
    note: Words = "",
) -> Response:
    """Approve exactly what was shown."""
    command = ApproveProposal(
        user_id=front.user, proposal_id=ProposalId(proposal_id), content_hash=content_hash, note=note.strip()
    )
    decided = await front.ask(command, Proposal)
    return see(f"/runs/{decided.run_id}", "approved")


@router.post("/{proposal_id}/rejection")
async def reject(front: FrontDoor, proposal_id: str, reason: Words = "") -> Response:
    """Reject, with a reason in words."""
    command = RejectProposal(user_id=front.user, proposal_id=ProposalId(proposal_id), note=reason.strip())
    decided = await front.ask(command, Proposal)
    return see(f"/approvals/{decided.id}", "rejected")


def _judgement(front: Front, found: Proposal) -> Judgement | None:
    timeline = run_detail(front.database, front.user, found.run_id).timeline
    before = [
        record for record in timeline if record.step is StepName.EVALUATE and record.started_at <= found.created_at
    ]
    if not before:
        return None
    evidence = step_record(front.database, front.user, found.run_id, seq=before[-1].seq).output
    return None if evidence is None else from_plain(evidence.content, Judgement)


def _percent(chance: Decimal | None) -> str:
    return "unknown" if chance is None else f"{chance * 100:.1f} %"


def _touch_text(touches: Sequence[TouchChance]) -> str:
    return ", ".join(f"{touch.right.value} {touch.strike:f}: {_percent(touch.probability)}" for touch in touches)
