"""What needs a look, and the journal of trades."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from thetaloom.domain.book.alerts import Priority, Urgency
from thetaloom.domain.values.ids import PositionId
from thetaloom.engine.commands import NoteTrade
from thetaloom.engine.journal import own_position, read_entry
from thetaloom.engine.trade_record import JournalEntry
from thetaloom.store.queries.alerts import list_alerts
from thetaloom.store.queries.positions import list_positions
from thetaloom.web.api.queries import Id, PageWindow
from thetaloom.web.api.records import Exact, Page, Record, paged
from thetaloom.web.api.workflow import Asked
from thetaloom.web.front import FrontDoor
from thetaloom.web.problems import COMMANDED, documented

router = APIRouter(tags=["positions"])


class ExitSignal(Record):
    """One alert: what is near, how soon to act, and how."""

    id: str
    position_id: str | None
    subject: str = Field(description="What it is about: a position, an order or an account.")
    symbol: str
    cause: str = Field(examples=["stop_loss:0"])
    priority: Priority
    reason: str
    details: str
    recommended_action: str
    urgency: Urgency
    current_value: Exact | None
    threshold_value: Exact | None
    unit: str
    order_type: str = Field(description="Suggested; empty: no order is.", examples=["LIMIT"])
    limit_price: Exact | None = Field(description="Suggested, net per share of one unit; a credit is positive.")
    raised_at: datetime
    changed_at: datetime | None = Field(description="When it came into its band.")
    ended_at: datetime | None = Field(description="null while it stands.")


class Trade(Record):
    """The record of one trade; money is of the whole position, what is unknown is null."""

    position_id: str
    run_id: str
    account_id: str
    strategy_id: str
    chain_id: str
    symbol: str
    structure: str
    quantity: int
    is_open: bool
    opened_at: datetime
    closed_at: datetime | None
    days_held: int | None
    entry_reason: str
    exit_reason: str
    outcome: str
    entry_price: Exact | None
    exit_price: Exact | None
    entry_spot: Exact | None
    entry_iv: Exact | None
    entry_score: Exact | None
    entry_delta: Exact | None
    entry_gamma: Exact | None
    entry_theta: Exact | None
    entry_vega: Exact | None
    pop: Exact | None
    p50: Exact | None
    max_profit: Exact | None
    max_loss: Exact | None
    realized: Exact = Field(description="Before fees.")
    fees: Exact
    pnl: Exact = Field(description="Of what is closed, after fees.")
    is_winner: bool | None
    percent_of_max_profit: Exact | None
    return_on_risk_percent: Exact | None
    mfe: Exact | None = Field(description="The highest profit while it was held, before fees.")
    mae: Exact | None = Field(description="The lowest.")
    unprotected_minutes: int
    compliance: Mapping[str, bool | None] = Field(description="Rule and whether it was kept; null: cannot be told.")
    compliance_percent: Exact | None
    note: str


class Note(Asked):
    """A person's words on a trade."""

    note: str = Field(
        max_length=4000, pattern=r"^[^\x00]*$", description="In the place of the one before; empty takes it out."
    )


@router.get("/exit-signals", responses=documented())
def exit_signals(
    front: FrontDoor,
    window: PageWindow,
    position: Annotated[str | None, Query(max_length=64)] = None,
    symbol: Annotated[str | None, Query(max_length=12)] = None,
    standing: Annotated[bool | None, Query(description="false: those that are over.")] = True,
) -> Page[ExitSignal]:
    """List what needs a look, the most urgent first."""
    wanted = symbol.upper() if symbol else None
    found = list_alerts(front.database, front.user, standing=standing, position=position, symbol=wanted, window=window)
    return paged(found, ExitSignal)


@router.get("/journal", responses=documented())
def journal(
    front: FrontDoor,
    window: PageWindow,
    is_open: Annotated[bool | None, Query(alias="open", description="Held, no longer held, or both.")] = None,
    symbol: Annotated[str | None, Query(max_length=12)] = None,
) -> Page[Trade]:
    """List the records of trades, newest first."""
    wanted = symbol.upper() if symbol else None
    found = list_positions(front.database, front.user, is_open=is_open, symbol=wanted, window=window)
    with front.platform.store.reading() as uow:
        entries = [read_entry(front.platform.desk, uow, one, front.now) for one in found.rows]
    items = [Trade.model_validate(one) for one in entries]
    return Page(items=items, total=found.total, limit=found.limit, offset=found.offset)


@router.get("/journal/{position_id}", responses=documented(404))
def trade(front: FrontDoor, position_id: Id) -> Trade:
    """Return the record of one trade."""
    with front.platform.store.reading() as uow:
        held = own_position(uow, front.user, PositionId(position_id))
        return Trade.model_validate(read_entry(front.platform.desk, uow, held, front.now))


@router.post("/journal/{position_id}/note", responses=COMMANDED)
async def note(front: FrontDoor, position_id: Id, asked: Note) -> Trade:
    """Write a note to a trade."""
    wish = NoteTrade(user_id=front.user, position_id=PositionId(position_id), note=asked.note)
    return Trade.model_validate(await front.ask(wish, JournalEntry))
