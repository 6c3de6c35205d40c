"""What a person can ask of a position: to close it or a part of it, and to replace its targets."""

from dataclasses import replace
from datetime import datetime

from thetaloom.domain.book.orders import Order, OrderPurpose
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.resting import target_orders_of
from thetaloom.domain.book.spreads import Spread
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import RunStatus, StepName, WorkflowRun
from thetaloom.domain.strategy.rules import TargetRule
from thetaloom.domain.values.ids import PositionId, UserId
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine import commands
from thetaloom.engine.delivery import deliver
from thetaloom.engine.desk import Desk
from thetaloom.engine.order_manager import ask_cancel, rests_at_target
from thetaloom.engine.step import tell
from thetaloom.errors import InvalidInput, NotAllowed, NotFound
from thetaloom.ports.store import UnitOfWork

# A person who wants out takes the place of a profit target's resting order, too.
CLOSE_ASKED_BY = {RunStatus.MONITORING: StepName.MANAGE_POSITION, RunStatus.CLOSING: StepName.CLOSE_POSITION}


def close_position(desk: Desk, command: commands.ClosePosition) -> Position:
    """Make the run close its position, or the part asked for, at once; its resting targets are canceled first."""
    now = desk.clock.now()
    with desk.store.unit_of_work() as uow:
        position, run = own_position(uow, command.user_id, command.position_id)
        if not position.is_open:
            raise NotAllowed("position_not_open", f"{position.id} holds nothing any more")
        keep = keep_of(position, command)
        if run.status not in CLOSE_ASKED_BY:
            raise NotAllowed("run_not_monitoring", f"{run.id} is {run.status.value}; resume or wait first")
        if run.status is RunStatus.CLOSING and not rests_at_target(uow, run):
            return position  # its order goes down to natural already
        if keep != position.keep_asked:
            position = uow.positions.save(replace(position, keep_asked=keep))
        step = CLOSE_ASKED_BY[run.status]
        asked = replace(run, next_step=step, due_at=now, reason=Reason.MANUAL_CLOSE.value, updated_at=now)
        uow.runs.save(asked)
        uow.commit()
    desk.dispatch.enqueue(run.id, now)
    return position


def replace_targets(desk: Desk, command: commands.ReplaceTargets) -> Position:
    """Give the spreads the targets that their strategy has now: the orders at the broker are canceled and placed anew.

    A target that a person had canceled comes back; nothing else ever changes a working target.
    """
    now = desk.clock.now()
    with desk.store.unit_of_work() as uow:
        position, run = own_position(uow, command.user_id, command.position_id)
        if not position.is_open:
            raise NotAllowed("position_not_open", f"{position.id} holds nothing any more")
        if run.status is not RunStatus.MONITORING:
            raise NotAllowed("run_not_monitoring", f"{run.id} is {run.status.value}; its targets are not at work")
        stored = uow.strategies.latest(command.user_id, position.strategy_id)
        if stored is None:
            raise NotFound(f"no strategy has the id {position.strategy_id!r}")
        orders = list(uow.orders.of_run(run.id))
        targets = {target.name: target for target in stored.strategy.targets}
        spreads = tuple(_retargeted(spread, targets.get(spread.name), orders) for spread in position.spreads)
        position = uow.positions.save(replace(position, spreads=spreads))
        working = [order for order in orders if order.purpose is OrderPurpose.TARGET and order.is_open]
        uow.runs.save(replace(run, next_step=StepName.MANAGE_POSITION, due_at=now, updated_at=now))
        for order in working:
            ask_cancel(desk, uow, order, Reason.TARGETS_REPLACED)
        facts = {one.name: str(one.target_percent) for one in spreads if one.target_percent is not None}
        tell(uow, run, EventKind.TARGETS_REPLACED, now, position=position.id, **facts)
        uow.commit()
    for order in working:
        deliver(desk, order.client_order_id)
    _wake(desk, run, now)
    return position


def _retargeted(spread: Spread, target: TargetRule | None, orders: list[Order]) -> Spread:
    percent = None if target is None else target.percent
    return replace(spread, target_percent=percent, target_orders_before=len(target_orders_of(orders, spread.name)))


def keep_of(position: Position, command: commands.ClosePosition) -> dict[str, int] | None:
    """Return the spreads that stay, by name; ``None`` where all of the position goes."""
    quantity = command.quantity
    if quantity is not None and quantity < 1:
        raise InvalidInput(f"a quantity of {quantity} closes nothing", details={"quantity": quantity})
    if command.part is None:
        if quantity is None:
            return None
        if quantity > position.quantity:
            raise _too_many(position.id, quantity, position.quantity)
        return None if quantity == position.quantity and not position.loose else position.keeping(quantity)
    spread = position.spread(command.part)
    if spread is None:
        names = ", ".join(one.name for one in position.spreads)
        raise InvalidInput(
            f"{position.id} has no part {command.part!r}; it has: {names}",
            details={"part": command.part, "parts": names},
        )
    wanted = spread.quantity if quantity is None else quantity
    if wanted > spread.quantity or not spread.quantity:
        raise _too_many(f"{position.id} {spread.name}", wanted, spread.quantity)
    return {one.name: one.quantity - (wanted if one is spread else 0) for one in position.spreads}


def _too_many(what: str, asked: int, held: int) -> NotAllowed:
    return NotAllowed(
        Reason.MORE_THAN_HELD.value,
        f"{what}: {asked} asked for, {held} held" if held else f"{what} holds nothing any more",
        advice=f"Ask for {held} or fewer." if held else "Look at what is held: thetaloom position show",
        details={"asked": asked, "held": held},
    )


def own_position(uow: UnitOfWork, user: UserId, position_id: PositionId) -> tuple[Position, WorkflowRun]:
    """Return a position of the user's with its run. Raises ``NotFound`` for one of somebody else."""
    position = uow.positions.get(position_id)
    run = None if position is None else uow.runs.get(position.run_id)
    if position is None or run is None or position.user_id != user:
        raise NotFound(
            f"no position has the id {position_id!r}", advice="`thetaloom position list` shows the positions."
        )
    return position, run


def _wake(desk: Desk, run: WorkflowRun, now: datetime) -> None:
    desk.dispatch.enqueue(run.id, now)
