"""Approvals: what waits for a decision, and one proposal with all that the decision rests on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form
from pydantic import Field
from starlette.datastructures import QueryParams
from starlette.responses import Response

from thetaloom.domain.book.targets import TargetOrder, target_orders
from thetaloom.domain.risk.sizing import Sizing
from thetaloom.domain.risk.sizing_factors import Factor
from thetaloom.domain.run.proposal_changes import ProposalChange
from thetaloom.domain.run.proposals import Proposal, ProposalStatus
from thetaloom.domain.strategy.evaluation import LegEvaluation, TouchChance
from thetaloom.domain.values.ids import ProposalId
from thetaloom.domain.values.money import Money
from thetaloom.engine.commands import ApproveProposal, RejectProposal
from thetaloom.engine.dry_runs import DryRunShown, dry_run_shown, has_no_dry_run
from thetaloom.engine.findings import Judgement, RiskFinding
from thetaloom.errors import InvalidInput
from thetaloom.store.queries.paging import Window
from thetaloom.store.queries.proposal_evidence import evidence_of_proposals
from thetaloom.store.queries.proposals import PROPOSALS, list_proposals, proposal_detail
from thetaloom.store.queries.runs import run_detail
from thetaloom.web.deciding import Decision, approving, decide_each, rejecting
from thetaloom.web.front import Front, FrontDoor
from thetaloom.web.pages.csv_files import csv_file
from thetaloom.web.pages.forms import Notice, Word, Words, see
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.looks import picture_of
from thetaloom.web.pages.numbers import percent
from thetaloom.web.pages.payoff_picture import PayoffPicture
from thetaloom.web.pages.queue import REASONS, Waiting, waiting_of
from thetaloom.web.pages.render import page
from thetaloom.web.pages.table_rules import PROPOSALS_TABLE
from thetaloom.web.pages.tables import Asked, Asking, TableShown, read_asked, table_of

router = APIRouter(prefix="/approvals")
WAITING_SHOWN = 100
Chosen = Annotated[list[Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]] | None, Form(max_length=100)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalsView:
    """What waits, what a decision on several just came to, and every proposal."""

    frame: Frame
    waiting: Sequence[Waiting]
    presets: Sequence[str]
    decisions: Sequence[Decision]
    decided: Sequence[Proposal]
    table: TableShown


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorRow:
    """What one rule of sizing alone would trade."""

    name: str
    quantity: str
    role: str  # whether it takes part, and whether it decided
    facts: str


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
    risk: RiskFinding | None  # how the quantity was found, and the budget
    dry_run: DryRunShown | None  # None: the broker was not asked
    has_no_dry_run: bool
    factors: Sequence[FactorRow]
    targets: Sequence[TargetOrder]
    changes: Sequence[ProposalChange]  # of the version whose place it took
    newest: Proposal  # of its run: itself, or the version that took its place


@router.get("")
def approvals(front: FrontDoor, asking: Asking, notice: Notice = "") -> Response:
    """List what waits for a decision, then every proposal."""
    asked = read_asked(PROPOSALS_TABLE, asking)
    if asked.is_csv:
        return csv_file(PROPOSALS_TABLE, PROPOSALS.every(front.database, front.user, wish=asked.wish))
    return page("approvals.html", _queue(front, asked, notice=notice))


@router.post("/bulk")
async def decide_many(
    front: FrontDoor,
    decision: Word = "",
    chosen: Chosen = None,
    reason: Words = "",
    confirmed: Annotated[str, Form(max_length=8)] = "",
) -> Response:
    """Approve or reject all that were ticked, and show what became of each."""
    hashes = dict(one.partition(":")[::2] for one in chosen or ())
    if decision == "approve":
        decide = approving(front, confirmed=confirmed == "yes", hashes=hashes, note="")
    elif decision == "reject" and reason.strip():
        decide = rejecting(front, reason=reason.strip())
    else:
        raise InvalidInput(
            "a rejection needs a reason in words" if decision == "reject" else "press approve or reject",
            details={"field": "reason" if decision == "reject" else "decision"},
        )
    decisions = await decide_each(front, list(hashes), decide)
    asked = read_asked(PROPOSALS_TABLE, QueryParams())
    return page("approvals.html", await front.read(lambda: _queue(front, asked, decisions=decisions)))


def _queue(front: Front, asked: Asked, *, notice: str = "", decisions: Sequence[Decision] = ()) -> ApprovalsView:
    waiting = list_proposals(
        front.database, front.user, status=ProposalStatus.PENDING, window=Window(limit=WAITING_SHOWN)
    )
    every = list_proposals(front.database, front.user, wish=asked.wish, window=asked.window)
    return ApprovalsView(
        frame=frame_of(front, "approvals", notice),
        waiting=waiting_of(front, waiting.rows),
        presets=REASONS,
        decisions=decisions,
        decided=every.rows,
        table=table_of(PROPOSALS_TABLE, asked, every),
    )


@router.get("/{proposal_id}")
def proposal(front: FrontDoor, proposal_id: str, notice: Notice = "") -> Response:
    """Show one proposal."""
    found = proposal_detail(front.database, front.user, ProposalId(proposal_id))
    evidence = evidence_of_proposals(front.database, [found])[0]
    judged, risk = evidence.judgement, evidence.risk
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
        pop_percent=percent(found.pop),
        p50_percent=percent(None if judged is None else judged.evaluation.p50),
        touch_text="" if judged is None else _touch_text(judged.evaluation.touches),
        expected_value=None if judged is None else judged.evaluation.expected_value,
        probability_models=() if judged is None else judged.evaluation.probability_models,
        picture=None
        if judged is None
        else picture_of(front, judged.evaluation, found.spot, found.as_of, found.symbol, found.quantity),
        risk=risk,
        dry_run=dry_run_shown(risk, found.fees),
        has_no_dry_run=has_no_dry_run(front.platform.desk),
        factors=() if risk is None or risk.sizing is None else factor_rows(risk.sizing),
        targets=() if judged is None else _targets(front, found, judged),
        changes=evidence.changes,
        newest=run_detail(front.database, front.user, found.run_id).proposals[-1],
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
        user_id=front.user,
        by=front.person.id,
        proposal_id=ProposalId(proposal_id),
        content_hash=content_hash,
        note=note.strip(),
    )
    decided = await front.ask(command, Proposal)
    return see(f"/runs/{decided.run_id}", "approved")


@router.post("/{proposal_id}/rejection")
async def reject(front: FrontDoor, proposal_id: str, reason: Words = "") -> Response:
    """Reject, with a reason in words."""
    command = RejectProposal(
        user_id=front.user, by=front.person.id, proposal_id=ProposalId(proposal_id), note=reason.strip()
    )
    decided = await front.ask(command, Proposal)
    return see(f"/approvals/{decided.id}", "rejected")


def factor_rows(sizing: Sizing) -> list[FactorRow]:
    """Return the factors of a size; the one that decided says so."""
    return [
        FactorRow(
            name=factor.name.replace("_", " "),
            quantity=_quantity_text(factor),
            role="decides" if factor.name == sizing.decided_by else "counts" if factor.binds else "shown only",
            facts=", ".join(f"{name.replace('_', ' ')} {fact}" for name, fact in factor.facts.items()),
        )
        for factor in sizing.factors
    ]


def _quantity_text(factor: Factor) -> str:
    if factor.quantity is not None:
        return str(factor.quantity)
    return "unknown" if factor.multiplier is None else f"times {factor.multiplier:f}"


def _targets(front: Front, found: Proposal, judged: Judgement) -> Sequence[TargetOrder]:
    with front.platform.store.reading() as seen:
        stored = seen.strategies.revision(found.user_id, found.strategy_id, found.strategy_revision)
    return () if stored is None else target_orders(judged.evaluation, stored.strategy)


def _touch_text(touches: Sequence[TouchChance]) -> str:
    return ", ".join(f"{touch.right.value} {touch.strike:f}: {percent(touch.probability)}" for touch in touches)
