"""Findings of reconciliations: what waits for a person, and the three things that can be said about it."""

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from thetaloom.domain.book.elsewhere import Finding as Found
from thetaloom.domain.book.positions import Position
from thetaloom.domain.values.ids import PositionId, StrategyId
from thetaloom.engine.commands import AdoptPosition, AssignClose, IgnoreFinding
from thetaloom.store.queries.findings import list_findings
from thetaloom.store.queries.positions import orders_of_positions
from thetaloom.web.api import position_records
from thetaloom.web.api.finding_records import Finding
from thetaloom.web.api.queries import Id, PageWindow
from thetaloom.web.api.records import Page
from thetaloom.web.api.workflow import Asked
from thetaloom.web.front import Front, FrontDoor
from thetaloom.web.problems import COMMANDED, documented

PRICE_MAX = 1_000_000
router = APIRouter(prefix="/findings", tags=["positions"])


class Adopt(Asked):
    """Which strategy watches the position, and its price where the broker did not tell it."""

    strategy_id: str = Field(max_length=80)
    price: Decimal | None = Field(
        default=None, ge=-PRICE_MAX, le=PRICE_MAX, description="Net per structure, received positive."
    )


class Assign(Asked):
    """Which position lost the contracts."""

    position_id: str = Field(max_length=80)


@router.get("", responses=documented())
def findings(
    front: FrontDoor,
    window: PageWindow,
    standing: Annotated[bool | None, Query(description="Those that stand, settled ones, or both.")] = None,
) -> Page[Finding]:
    """List the findings, newest first."""
    found = list_findings(front.database, front.user, standing=standing, window=window)
    items = [Finding.of(one) for one in found.rows]
    return Page(items=items, total=found.total, limit=found.limit, offset=found.offset)


@router.post("/{finding_id}/adopt", responses=COMMANDED)
async def adopt(front: FrontDoor, finding_id: Id, asked: Adopt) -> position_records.HeldPosition:
    """Make a position of a holding that came from elsewhere; no order comes of the adoption itself."""
    command = AdoptPosition(
        user_id=front.user, finding_id=finding_id, strategy_id=StrategyId(asked.strategy_id), price=asked.price
    )
    return _held(front, await front.ask(command, Position))


@router.post("/{finding_id}/ignore", responses=COMMANDED)
async def ignore(front: FrontDoor, finding_id: Id) -> Finding:
    """Leave alone what was found: it is none of ours."""
    return Finding.of(await front.ask(IgnoreFinding(user_id=front.user, finding_id=finding_id), Found))


@router.post("/{finding_id}/assign", responses=COMMANDED)
async def assign(front: FrontDoor, finding_id: Id, asked: Assign) -> position_records.HeldPosition:
    """Say which position lost the contracts that a trade elsewhere closed, or that are gone at the broker."""
    command = AssignClose(user_id=front.user, finding_id=finding_id, position_id=PositionId(asked.position_id))
    return _held(front, await front.ask(command, Position))


def _held(front: Front, found: Position) -> position_records.HeldPosition:
    return position_records.HeldPosition.of(found, orders_of_positions(front.database, front.user, [found])[found.id])
