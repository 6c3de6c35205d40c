"""Reconciliation: what was found at the broker, what waits for a person, and when was looked."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from thetaloom.domain.book.elsewhere import Finding, FindingStatus
from thetaloom.domain.book.looks import Reconciliation
from thetaloom.domain.book.positions import Position
from thetaloom.domain.values.ids import PositionId, StrategyId
from thetaloom.engine.commands import AdoptPosition, AssignClose, IgnoreFinding, Reconcile
from thetaloom.errors import InvalidInput
from thetaloom.store.queries.findings import list_findings, list_reconciliations
from thetaloom.store.queries.paging import Window
from thetaloom.web.front import FrontDoor
from thetaloom.web.pages.forms import Notice, PageNumber, Word, see
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.paging import Pager, pager_of, window_of
from thetaloom.web.pages.render import page

router = APIRouter(prefix="/reconcile")
SHOWN_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcilePage:
    """What waits, what was settled, and the looks."""

    frame: Frame
    waiting: Sequence[Finding]
    ignored: Sequence[Finding]
    settled: Sequence[Finding]
    looks: Sequence[Reconciliation]
    strategies: Sequence[str]
    pager: Pager


@router.get("")
def reconcile_page(
    front: FrontDoor, number: Annotated[PageNumber, Query(alias="page")] = 1, notice: Notice = ""
) -> Response:
    """Show what was found, and what waits for a decision."""
    standing = list_findings(front.database, front.user, standing=True, window=Window(limit=SHOWN_MAX)).rows
    looks = list_reconciliations(front.database, front.user, window=window_of(number))
    with front.platform.store.reading() as seen:
        strategies = [one.strategy.id for one in seen.strategies.all_latest(front.user)]
    view = ReconcilePage(
        frame=frame_of(front, "reconcile", notice),
        waiting=[one for one in standing if one.status is FindingStatus.WAITING],
        ignored=[one for one in standing if one.status is FindingStatus.IGNORED],
        settled=list_findings(front.database, front.user, standing=False, window=Window(limit=20)).rows,
        looks=looks.rows,
        strategies=strategies,
        pager=pager_of("/reconcile", looks),
    )
    return page("reconcile.html", view)


@router.post("/looks")
async def look(front: FrontDoor) -> Response:
    """Compare with the broker now."""
    await front.tell(Reconcile(user_id=front.user))
    return see("/reconcile", "compared")


@router.post("/{finding_id}/adoption")
async def adopt(front: FrontDoor, finding_id: str, strategy: Word = "", price: Word = "") -> Response:
    """Make a position of a holding."""
    try:
        paid = Decimal(price) if price.strip() else None
    except InvalidOperation:
        raise InvalidInput(f"{price!r} is no price; a good one: 1.25") from None
    command = AdoptPosition(user_id=front.user, finding_id=finding_id, strategy_id=StrategyId(strategy), price=paid)
    made = await front.ask(command, Position)
    return see(f"/runs/{made.run_id}", "adopted")


@router.post("/{finding_id}/leaving")
async def ignore(front: FrontDoor, finding_id: str) -> Response:
    """Leave a finding alone."""
    await front.tell(IgnoreFinding(user_id=front.user, finding_id=finding_id))
    return see("/reconcile", "left")


@router.post("/{finding_id}/assignment")
async def assign(front: FrontDoor, finding_id: str, position: Word = "") -> Response:
    """Say which position lost the contracts."""
    command = AssignClose(user_id=front.user, finding_id=finding_id, position_id=PositionId(position))
    lost = await front.ask(command, Position)
    return see(f"/runs/{lost.run_id}", "assigned")
