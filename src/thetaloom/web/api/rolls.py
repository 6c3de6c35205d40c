"""Rolling and adjusting positions, and the chain of successors with its profit and loss."""

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import Field

from thetaloom.domain.book.position_status import PositionStatus
from thetaloom.domain.book.rolls import StrikesFrom
from thetaloom.domain.risk.sizing import QUANTITY_MAX
from thetaloom.domain.run.runs import WorkflowRun
from thetaloom.domain.strategy.leg_rules import DTE_MAX
from thetaloom.domain.values.ids import PositionId
from thetaloom.engine.commands import AdjustPosition, RollPosition
from thetaloom.store.queries.chains import chain_of
from thetaloom.web.api import records
from thetaloom.web.api.queries import Id
from thetaloom.web.api.records import Exact, Legs, Record
from thetaloom.web.api.workflow import Asked
from thetaloom.web.front import FrontDoor
from thetaloom.web.problems import COMMANDED, documented

router = APIRouter(tags=["positions"])


class Roll(Asked):
    """How to roll; without a body, all of it by the strategy's own rules into a later expiration."""

    expiration: date | None = Field(default=None, description="The expiration to open in.")
    dte: int | None = Field(default=None, ge=0, le=DTE_MAX, description="The expiration nearest to so many days.")
    strikes: StrikesFrom = Field(default=StrikesFrom.BY_RULE, description="Keep the strikes, or choose them anew.")
    quantity: int | None = Field(default=None, ge=1, le=QUANTITY_MAX, description="Structures to roll; absent: all.")
    part: str | None = Field(default=None, max_length=40, description="The spread to roll; absent: whole structures.")


class Adjust(Asked):
    """Which spread to add, as a proposal, or to take off at once; one of the two."""

    add: str | None = Field(default=None, max_length=40, description="Open one more of this spread.")
    take_off: str | None = Field(default=None, max_length=40, description="Close this spread.")
    quantity: int | None = Field(default=None, ge=1, le=QUANTITY_MAX)
    expiration: date | None = None
    dte: int | None = Field(default=None, ge=0, le=DTE_MAX)
    strikes: StrikesFrom = StrikesFrom.SAME


class Link(Record):
    """One position of a chain."""

    position_id: str
    run_id: str
    rolled_from: str | None
    status: PositionStatus
    legs: Legs
    opened_quantity: int
    quantity: int = Field(description="Still held.")
    opened_at: datetime
    closed_at: datetime | None
    realized: Exact = Field(description="Of what is closed, before fees.")
    fees: Exact
    realized_pnl: Exact = Field(description="After fees.")
    cash: Exact = Field(description="All that its orders have moved so far, after fees.")


class Chain(Record):
    """A chain of rolls and adjustments, oldest link first, with its sums."""

    chain_id: str
    symbol: str
    is_open: bool
    realized: Exact
    fees: Exact
    realized_pnl: Exact
    cash: Exact
    links: list[Link]


@router.post("/positions/{position_id}/roll", responses=COMMANDED)
async def roll(front: FrontDoor, position_id: Id, asked: Annotated[Roll | None, Body()] = None) -> records.Run:
    """Start the run that proposes to close a position and to open its successor, under one approval."""
    wish = asked or Roll()
    command = RollPosition(
        user_id=front.user,
        position_id=PositionId(position_id),
        expires_on=wish.expiration,
        dte=wish.dte,
        strikes=wish.strikes,
        quantity=wish.quantity,
        part=wish.part,
    )
    return records.Run.model_validate(await front.ask(command, WorkflowRun))


@router.post("/positions/{position_id}/adjust", responses=COMMANDED)
async def adjust(front: FrontDoor, position_id: Id, asked: Adjust) -> records.Run:
    """Add a spread to a position, as a proposal to be approved, or take one off at once."""
    command = AdjustPosition(
        user_id=front.user,
        position_id=PositionId(position_id),
        add=asked.add,
        take_off=asked.take_off,
        quantity=asked.quantity,
        expires_on=asked.expiration,
        dte=asked.dte,
        strikes=asked.strikes,
    )
    return records.Run.model_validate(await front.ask(command, WorkflowRun))


@router.get("/positions/{position_id}/chain", responses=documented(404))
def chain(front: FrontDoor, position_id: Id) -> Chain:
    """Return the chain that a position belongs to, with the profit and loss of all of it."""
    return Chain.model_validate(chain_of(front.database, front.user, PositionId(position_id)))
