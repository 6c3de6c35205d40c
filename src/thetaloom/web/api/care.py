"""What needs a look, and the journal of trades."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from thetaloom.domain.book.alerts import Priority, Urgency
from thetaloom.domain.values.ids import PositionId
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.engine.commands import NoteTrade
from thetaloom.engine.journal import own_position, read_entry
from thetaloom.engine.trade_record import JournalEntry
from thetaloom.store.queries.alerts import list_alerts
from thetaloom.store.queries.positions import list_positions
from thetaloom.web.api.queries import NO_NUL, Id, PageWindow
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


class TradeStep(Record):
    """One order of a trade that filled."""

    order_id: str
    broker_order_id: str
    purpose: str = Field(examples=["entry"])
    part: str = Field(description="The spread it was about; empty: whole structures.")
    first_at: datetime
    quantity: int
    cash: Exact = Field(description="Received positive, before fees.")
    fees: Exact
    fills: list[str] = Field(description="Ids of its fills.")


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
    entry_dte: int | None
    entry_iv_rank: Exact | None = Field(description="0 to 100.")
    entry_iv_change: Exact | None = Field(description="Of the 30-day volatility over 5 sessions, percentage points.")
    entry_vix: Exact | None
    entry_regime: str | None
    exit_spot: Exact | None
    exit_iv: Exact | None
    exit_delta: Exact | None = Field(description="Of as many structures as were opened, when closing was decided.")
    exit_dte: int | None
    exit_iv_rank: Exact | None
    exit_vix: Exact | None
    exit_regime: str | None
    pop: Exact | None
    p50: Exact | None
    touch: Exact | None = Field(description="Chance that the likelier short strike is touched, 0 to 1.")
    expected_value: Exact | None = Field(description="Mean profit at expiration as seen at the entry, before fees.")
    width: Exact | None
    breakevens: list[Exact]
    biases: list[str]
    rationale: list[str] = Field(description="Why these strikes.")
    max_profit: Exact | None
    max_loss: Exact | None
    realized: Exact = Field(description="Before fees.")
    fees: Exact
    pnl: Exact = Field(description="Of what is closed, after fees.")
    is_winner: bool | None
    percent_of_max_profit: Exact | None
    return_on_risk_percent: Exact | None
    planned_price: Exact | None = Field(description="The mid that was approved, net per share.")
    planned_target: Exact | None = Field(description="The profit at which the target closes all.")
    planned_stop: Exact | None = Field(description="The loss at which the stop closes all, positive.")
    planned_exit_dte: int | None
    planned_rules: list[str] = Field(description="All exits of the strategy's revision, in words.")
    risk: Exact | None = Field(description="One R: the smallest stop that closes all, or the max loss if less.")
    r_multiple: Exact | None = Field(description="Profit after fees in R.")
    buying_power: Exact | None = Field(description="What the approved trade ties up.")
    return_on_capital_percent: Exact | None = Field(description="Profit after fees in percent of that.")
    entry_slippage: Exact | None = Field(description="Against the approved mid; negative is worse.")
    exit_slippage: Exact | None = Field(description="Against the mid when closing was decided; negative is worse.")
    managed_at_half: bool | None = Field(description="Closed by an order with half of the max profit or more.")
    steps: list[TradeStep] = Field(description="Every order that filled, oldest first.")
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
    position: Annotated[str | None, Query(max_length=64, pattern=NO_NUL)] = None,
    symbol: Annotated[str | None, Query(max_length=12, pattern=NO_NUL)] = None,
    standing: Annotated[bool | None, Query(description="false: those that are over.")] = True,
) -> Page[ExitSignal]:
    """List what needs a look, the most urgent first."""
    wanted = canonical_symbol(symbol) if symbol else None
    found = list_alerts(front.database, front.user, standing=standing, position=position, symbol=wanted, window=window)
    return paged(found, ExitSignal)


@router.get("/journal", responses=documented())
def journal(
    front: FrontDoor,
    window: PageWindow,
    is_open: Annotated[bool | None, Query(alias="open", description="Held, no longer held, or both.")] = None,
    symbol: Annotated[str | None, Query(max_length=12, pattern=NO_NUL)] = None,
) -> Page[Trade]:
    """List the records of trades, newest first."""
    wanted = canonical_symbol(symbol) if symbol else None
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
