"""Reconciliation: what was found at the broker, what waits for a person, and when was looked."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from fastapi import APIRouter
from starlette.responses import Response

from thetaloom.domain.book.elsewhere import Finding, FindingStatus
from thetaloom.domain.book.looks import Reconciliation
from thetaloom.domain.book.positions import Position
from thetaloom.domain.values.ids import PositionId, StrategyId
from thetaloom.engine.commands import AdoptPosition, AssignClose, IgnoreFinding, Reconcile
from thetaloom.errors import InvalidInput
from thetaloom.store.queries.findings import FINDINGS, LOOKS, list_findings, list_reconciliations
from thetaloom.store.queries.paging import Window
from thetaloom.web.front import FrontDoor
from thetaloom.web.pages.csv_files import csv_file
from thetaloom.web.pages.forms import Notice, Word, see
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.log_rules import FINDINGS_TABLE, LOOKS_TABLE
from thetaloom.web.pages.render import page
from thetaloom.web.pages.tables import Asking, TableShown, read_asked, table_of

router = APIRouter(prefix="/reconcile")
SHOWN_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcilePage:
    """What waits, what was settled, and the looks."""

    frame: Frame
    waiting: Sequence[Finding]
    found: Sequence[Finding]
    looks: Sequence[Reconciliation]
    strategies: Sequence[str]
    table: TableShown
    findings: TableShown


@router.get("")
def reconcile_page(front: FrontDoor, asking: Asking, notice: Notice = "") -> Response:
    """Show what was found, and what waits for a decision."""
    asked = read_asked(LOOKS_TABLE, asking)
    if asked.is_csv:
        return csv_file(LOOKS_TABLE, LOOKS.every(front.database, front.user, wish=asked.wish))
    every = read_asked(FINDINGS_TABLE, asking)
    if every.is_csv:
        return csv_file(FINDINGS_TABLE, FINDINGS.every(front.database, front.user, wish=every.wish))
    standing = list_findings(front.database, front.user, standing=True, window=Window(limit=SHOWN_MAX)).rows
    looks = list_reconciliations(front.database, front.user, wish=asked.wish, window=asked.window)
    found = list_findings(front.database, front.user, wish=every.wish, window=every.window)
    with front.platform.store.reading() as seen:
        strategies = [one.strategy.id for one in seen.strategies.all_latest(front.user)]
    view = ReconcilePage(
        frame=frame_of(front, "reconcile", notice),
        waiting=[one for one in standing if one.status is FindingStatus.WAITING],
        found=found.rows,
        looks=looks.rows,
        strategies=strategies,
        table=table_of(LOOKS_TABLE, asked, looks),
        findings=table_of(FINDINGS_TABLE, every, found),
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
