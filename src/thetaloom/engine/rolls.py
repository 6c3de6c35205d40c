"""A roll at work: what the run of the successor reads of the position that makes way, and what it asks of it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.rolls import (
    ClosingTerms,
    Progress,
    Roll,
    RollState,
    opening_floor,
    opening_quantity,
    progress_of,
    works_for_roll,
)
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.proposals import Proposal
from thetaloom.domain.run.runs import RunStatus, StepName, WorkflowRun
from thetaloom.domain.strategy.roll_selection import RollWish
from thetaloom.domain.values.ids import ClientOrderId, FillId, RunId
from thetaloom.domain.values.money import NOTHING, Money, Price
from thetaloom.domain.values.ticks import TickRule
from thetaloom.engine.desk import Desk
from thetaloom.engine.findings import Candidate
from thetaloom.engine.lineage import output_of
from thetaloom.engine.order_work import LegQuote
from thetaloom.engine.step import tell
from thetaloom.errors import InvariantError, NotFound
from thetaloom.ports.store import UnitOfWork

LOOK = timedelta(seconds=15)  # how often the successor looks at the closing order, beside being woken by it


@dataclass(frozen=True, slots=True, kw_only=True)
class RollWork:
    """Where a roll stands, read from the books in one snapshot."""

    roll: Roll
    progress: Progress
    parent: WorkflowRun  # the run of the position that makes way
    position: Position
    legs: tuple[LegQuote, ...]  # of the closing side; only while nothing was asked
    closed: int = 0  # units of the closing side that are closed
    brought: Money = NOTHING  # what closing them has moved, before fees
    closed_at: datetime | None = None
    is_staged: bool = False  # whether the closing order is in our books
    gives_up_at: datetime | None = None  # when a closing order that was never staged is not waited for any more

    @property
    def is_closed(self) -> bool:
        """Whether the old side is off, and its successor is due."""
        return self.progress is Progress.CLOSED


def roll_of(uow: UnitOfWork, run: RunId) -> tuple[Roll, Position] | None:
    """Return the roll that this run is about with the position it is asked of; ``None`` for any other run."""
    roll = uow.rolls.get(run)
    if roll is None:
        return None
    position = uow.positions.get(roll.position_id)
    if position is None:
        raise InvariantError(f"{run} rolls a position that does not exist")
    return roll, position


def wish_of(desk: Desk, uow: UnitOfWork, run: RunId) -> RollWish | None:
    """Return how the successor's legs are to be chosen; ``None`` for a run that is no roll."""
    found = roll_of(uow, run)
    if found is None:
        return None
    roll, position = found
    names = leg_names_of(desk, uow, position)
    known = [names.get((leg.contract.occ_symbol, leg.contract.multiplier), "") for leg in roll.legs]
    return RollWish(
        legs=roll.legs,
        leg_names=tuple(known) if all(known) else (),
        same_strikes=roll.strikes.value == "same",
        is_added=not roll.closes,
        expires_on=roll.expires_on,
        dte=roll.dte,
    )


def leg_names_of(desk: Desk, uow: UnitOfWork, position: Position) -> dict[tuple[str, int], str]:
    """Return the strategy's name of each leg that the position's run selected; empty where no record tells."""
    try:
        chosen = output_of(desk, uow, position.run_id, StepName.SELECT_STRUCTURE, Candidate)
    except NotFound:
        return {}
    pairs = zip(chosen.legs, chosen.leg_names, strict=False)
    return {(leg.contract.occ_symbol, leg.contract.multiplier): name for leg, name in pairs}


def work_of(desk: Desk, uow: UnitOfWork, run: WorkflowRun, now: datetime) -> RollWork | None:
    """Read how far the closing side of a roll got; ``None`` where nothing is closed."""
    found = roll_of(uow, run.id)
    if found is None or not found[0].closes:
        return None
    roll, position = found
    parent = uow.runs.get(roll.position_run_id)
    if parent is None:
        raise InvariantError(f"{run.id} rolls the position of a run that does not exist")
    orders = uow.orders.of_run(parent.id)
    progress = progress_of(roll, position, orders)
    fills = uow.orders.fills_of(roll.order_id) if progress is Progress.CLOSED else ()
    asked = roll.asked_at
    mine = next((order for order in orders if order.client_order_id == roll.order_id), None)
    closed_at = max((fill.filled_at for fill in fills), default=None)
    if closed_at is not None and mine is not None and mine.remaining:  # it gave up on the rest only at its end
        closed_at = max(closed_at, min(now, mine.expires_at))
    return RollWork(
        roll=roll,
        progress=progress,
        parent=parent,
        position=position,
        legs=closing_quotes(desk, roll, now) if progress is Progress.NOT_ASKED else (),
        closed=sum(fill.quantity for fill in fills),
        brought=sum((cash_of(fill, position.multiplier) for fill in fills), NOTHING),
        closed_at=closed_at,
        is_staged=mine is not None,
        gives_up_at=None if asked is None else asked + timedelta(seconds=desk.settings.approved_age_seconds_max),
    )


def closing_quotes(desk: Desk, roll: Roll, now: datetime) -> tuple[LegQuote, ...]:
    """Return the legs of the closing side, as closing trades them, with their quotes of this moment."""
    quotes = desk.market.quotes([leg.contract for leg in roll.closing_legs], now)
    return tuple(LegQuote(leg=leg, quote=quotes.get(leg.contract)) for leg in roll.closing_legs)


def cash_of(fill: Fill, multiplier: int) -> Money:
    """Return what a fill moved before fees, by the net price that was agreed."""
    return fill.price.times(multiplier, fill.quantity)


def after_close(position: Position, roll: Roll) -> Position:
    """Return the position as the closing side leaves it, for what limits and margin say of the rest."""
    done = Fill(
        fill_id=FillId("as if closed"),
        client_order_id=ClientOrderId("as if closed"),
        quantity=roll.quantity,
        price=Price(0),
        fees=NOTHING,
        filled_at=position.opened_at,
        legs=(),
    )
    return position.with_close_fill(done, roll.part, keep=roll.keep)


def quantity_to_open(work: RollWork, proposal: Proposal) -> int:
    """Return how many structures the successor may have."""
    return opening_quantity(work.roll, proposal.quantity, work.closed)


def floor_left(work: RollWork, proposal: Proposal, quantity: int, ticks: TickRule) -> Price:
    """Return the worst price to open at: the approved net, less what closing has brought."""
    return opening_floor(
        terms_of(proposal),
        brought=work.brought,
        closed=work.closed,
        quantity=quantity,
        multiplier=proposal.legs[0].contract.multiplier,
        ticks=ticks,
    )


def terms_of(proposal: Proposal) -> ClosingTerms:
    """Return the closing side of a roll's proposal."""
    if proposal.closing is None:
        raise InvariantError(f"{proposal.id} is a roll without a closing side")
    return proposal.closing


def ask_close(uow: UnitOfWork, run: WorkflowRun, work: RollWork, proposal: Proposal, now: datetime) -> None:
    """Tell the run of the position to close what was approved; both runs move in this one transaction."""
    terms = terms_of(proposal)
    uow.rolls.save(replace(work.roll, state=RollState.CLOSING, asked_at=now, close_floor=terms.limit_floor))
    parent = replace(work.parent, next_step=StepName.MANAGE_POSITION, due_at=now, updated_at=now)
    uow.runs.save(parent)
    facts = {"position": work.position.id, "successor": run.id, "floor": terms.limit_floor}
    tell(uow, parent, EventKind.ROLL_STARTED, now, **facts)


def call_off(uow: UnitOfWork, run: WorkflowRun, work: RollWork, reason: str, now: datetime) -> None:
    """End the roll with the old position as it is; a closing order that is about to be staged can't be any more."""
    uow.rolls.save(replace(work.roll, state=RollState.ENDED))
    if not work.parent.is_final:  # its version moves, so that no step of it ends on what it read before
        uow.runs.save(replace(work.parent, updated_at=now))
    tell(uow, run, EventKind.ROLL_NOT_CLOSED, now, position=work.position.id, reason=reason)


def note_closed(uow: UnitOfWork, run: WorkflowRun, work: RollWork, now: datetime, floor: Price) -> None:
    """Write that the old side is off and the new one goes out."""
    uow.rolls.save(replace(work.roll, state=RollState.CLOSED))
    facts = {"position": work.position.id, "brought": work.brought, "floor": floor, "closed": work.closed}
    tell(uow, run, EventKind.ROLL_CLOSED, now, **facts)


def note_incomplete(uow: UnitOfWork, run: WorkflowRun, roll: Roll, cause: str, now: datetime) -> None:
    """Tell plainly that the old position is closed and was not opened again."""
    if roll.state is not RollState.ENDED:
        uow.rolls.save(replace(roll, state=RollState.ENDED))
    tell(uow, run, EventKind.ROLL_INTERRUPTED, now, position=roll.position_id, cause=cause)


def end_incomplete(uow: UnitOfWork, run: WorkflowRun, order: Order, now: datetime) -> None:
    """Tell of an opening order that ended without a fill after its roll had closed."""
    roll = uow.rolls.get(run.id)
    if roll is not None:
        note_incomplete(uow, run, roll, f"{order.client_order_id}: {order.status.value} {order.reason}".strip(), now)


def wake_successor(uow: UnitOfWork, order: Order, now: datetime) -> RunId | None:
    """Make the successor's run due once the closing order of its roll has ended."""
    if not works_for_roll(order) or order.is_open:
        return None
    position = uow.positions.of_run(order.run_id)
    roll = None if position is None else uow.rolls.closing(position.id)
    run = None if roll is None else uow.runs.get(roll.run_id)
    if roll is None or roll.order_id != order.client_order_id or run is None or run.returns_to is not None:
        return None
    if run.status is not RunStatus.EXECUTING:
        return None
    uow.runs.save(replace(run, due_at=now, updated_at=now))
    return run.id


def link_successor(uow: UnitOfWork, run: WorkflowRun, position: Position, now: datetime) -> None:
    """Mark the old position as what it has become, once the first fill of its successor is booked."""
    roll = uow.rolls.get(run.id)
    old = None if roll is None else uow.positions.get(roll.position_id)
    if roll is None or old is None:
        return
    became = "adjusted" if old.is_open else "rolled"
    uow.positions.save(replace(old, ended_as=became))
    uow.rolls.save(replace(roll, state=RollState.ENDED))
    tell(uow, run, EventKind.POSITION_ROLLED, now, position=old.id, successor=position.id, became=became)


def linked(uow: UnitOfWork, run: RunId, position: Position) -> Position:
    """Return a position about to be opened with its place in the chain."""
    roll = uow.rolls.get(run)
    old = None if roll is None else uow.positions.get(roll.position_id)
    return position if old is None else replace(position, rolled_from=old.id, chain_id=old.chain_id)


def is_from_roll(uow: UnitOfWork, run: RunId) -> bool:
    """Say whether an entry of this run follows what its roll has closed."""
    roll = uow.rolls.get(run)
    return roll is not None and roll.closes
