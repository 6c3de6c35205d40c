"""Decisions on many proposals at once; each is answered for itself."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from thetaloom.domain.run.proposals import ProposalStatus
from thetaloom.web.api.queries import NO_NUL
from thetaloom.web.api.records import Record
from thetaloom.web.deciding import DECIDED_MAX, Decision, approving, decide_each, rejecting
from thetaloom.web.front import FrontDoor
from thetaloom.web.problems import COMMANDED, Problem

router = APIRouter(prefix="/workflow", tags=["workflow"])
Ids = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=NO_NUL)]],
    Field(min_length=1, max_length=DECIDED_MAX, description="Ids of proposals, or of their runs."),
]
Words = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500, pattern=NO_NUL)]


class BulkApprove(BaseModel):
    """Approve many."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"ids": ["prop-inoajoosnq37n4fc"], "confirmed": False}]}
    )

    ids: Ids
    note: Words = ""
    confirmed: bool = Field(default=False, description="The warnings that ask for confirmation were read.")


class BulkReject(BaseModel):
    """Reject many, with one reason in words."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"ids": ["prop-inoajoosnq37n4fc"], "reason": "earnings next week"}]},
    )

    ids: Ids
    reason: Annotated[Words, StringConstraints(min_length=1)]


class BulkResult(Record):
    """What became of one; ``error`` is set where it was not decided."""

    id: str
    run_id: str | None
    status: ProposalStatus | None
    error: Problem | None


class BulkAnswer(Record):
    """What became of each, in the order that was asked."""

    results: list[BulkResult]
    decided: int
    refused: int


@router.post("/approve/bulk", responses=COMMANDED)
async def approve_many(front: FrontDoor, asked: BulkApprove) -> BulkAnswer:
    """Approve many proposals; what one is refused for never stops the others."""
    decide = approving(front, confirmed=asked.confirmed, hashes={}, note=asked.note)
    return _answer(await decide_each(front, asked.ids, decide))


@router.post("/reject/bulk", responses=COMMANDED)
async def reject_many(front: FrontDoor, asked: BulkReject) -> BulkAnswer:
    """Reject many proposals with one reason."""
    return _answer(await decide_each(front, asked.ids, rejecting(front, reason=asked.reason)))


def _answer(decisions: list[Decision]) -> BulkAnswer:
    results = [_result(one) for one in decisions]
    refused = sum(one.error is not None for one in results)
    return BulkAnswer(results=results, decided=len(results) - refused, refused=refused)


def _result(one: Decision) -> BulkResult:
    proposal, error = one.proposal, one.error
    told = None
    if error is not None:
        told = Problem(code=str(error.code), message=error.message, advice=error.advice, details=dict(error.details))
    return BulkResult(
        id=one.id,
        run_id=None if proposal is None else proposal.run_id,
        status=None if proposal is None else proposal.status,
        error=told,
    )
