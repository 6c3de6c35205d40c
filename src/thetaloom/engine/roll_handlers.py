"""What a person can ask of a position beyond closing it: to roll it, and to add a spread or take one off."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.rolls import Roll, RollKind, RollState, StrikesFrom
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import RunStatus, TriggerKind, WorkflowRun
from thetaloom.domain.strategy.structures import Leg, is_single_expiration
from thetaloom.domain.values.ids import make_run_id
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine import commands
from thetaloom.engine.desk import Desk
from thetaloom.engine.position_handlers import close_position, keep_of, own_position
from thetaloom.engine.step import tell
from thetaloom.errors import InvalidInput, NotAllowed
from thetaloom.ports.store import UnitOfWork

STILL_MANAGED = frozenset({RunStatus.MONITORING})


def roll_position(desk: Desk, command: commands.RollPosition) -> WorkflowRun:
    """Start the run that proposes the roll; nothing happens to the position before the proposal is approved."""
    wish = commands.ClosePosition(
        user_id=command.user_id,
        position_id=command.position_id,
        quantity=command.quantity,
        part=command.part,
    )
    with desk.store.unit_of_work() as uow:
        position, parent = _rollable(uow, command)
        keep = keep_of(position, wish) or {}
        legs, quantity, part = _going(position, keep)
        _refuse_expiration(desk, legs, command.expires_on, command.strikes)
        if len(legs) > desk.broker.capabilities.legs_max:
            raise NotAllowed(
                Reason.TOO_MANY_LEGS.value,
                f"{position.id}: {len(legs)} legs do not go into one order of this broker",
                advice="Roll it part by part: --part NAME.",
            )
        roll = Roll(
            run_id=parent.id,
            user_id=command.user_id,
            position_id=position.id,
            position_run_id=parent.id,
            kind=RollKind.ROLL,
            strikes=command.strikes,
            legs=legs,
            quantity=quantity,
            keep=keep,
            part=part,
            expires_on=command.expires_on,
            dte=command.dte,
        )
        child = _start(desk, uow, parent, roll)
        uow.commit()
    desk.dispatch.enqueue(child.id, child.created_at)
    return child


def adjust_position(desk: Desk, command: commands.AdjustPosition) -> WorkflowRun:
    """Start the run that proposes one more spread; one that is taken off is closed at once, as any close asked for."""
    if (command.add is None) == (command.take_off is None):
        raise InvalidInput("an adjustment adds one spread or takes one off", advice="Name one: --add or --take-off.")
    if command.take_off is not None:
        return _take_off(desk, command, command.take_off)
    with desk.store.unit_of_work() as uow:
        position, parent = _rollable(uow, command)
        spread = position.spread(command.add or "")
        if spread is None:
            names = ", ".join(one.name for one in position.spreads)
            raise InvalidInput(
                f"{position.id} has no part {command.add!r}; it has: {names}", details={"part": command.add or ""}
            )
        _refuse_expiration(desk, spread.legs, command.expires_on, command.strikes, is_added=True)
        expires_on = command.expires_on
        if expires_on is None and command.dte is None and command.strikes is StrikesFrom.SAME:
            expires_on = max(leg.contract.expires_on for leg in spread.legs)
        roll = Roll(
            run_id=parent.id,
            user_id=command.user_id,
            position_id=position.id,
            position_run_id=parent.id,
            kind=RollKind.ADD,
            strikes=command.strikes,
            legs=spread.legs,
            quantity=command.quantity or 1,
            keep={one.name: one.quantity for one in position.spreads},
            part=spread.name,
            expires_on=expires_on,
            dte=command.dte,
        )
        child = _start(desk, uow, parent, roll)
        uow.commit()
    desk.dispatch.enqueue(child.id, child.created_at)
    return child


def refuse_while_closing(uow: UnitOfWork, run: WorkflowRun) -> None:
    """Refuse to end a run whose old position is being closed for it: the books must say first what became of that."""
    roll = uow.rolls.get(run.id)
    if roll is not None and roll.state is RollState.CLOSING:
        raise NotAllowed(
            Reason.ROLL_CLOSING.value,
            f"{run.id}: {roll.position_id} is being closed for it",
            advice=f"To stop the closing: thetaloom order cancel {roll.order_id}",
        )


def _take_off(desk: Desk, command: commands.AdjustPosition, part: str) -> WorkflowRun:
    wish = commands.ClosePosition(
        user_id=command.user_id, position_id=command.position_id, quantity=command.quantity, part=part
    )
    with desk.store.reading() as uow:
        position, parent = _rollable(uow, command)
        if not any((keep_of(position, wish) or {}).values()):
            raise NotAllowed(
                "nothing_left",
                f"{position.id} would hold nothing: that is a close, not an adjustment",
                advice=f"thetaloom position close {position.id}",
            )
    close_position(desk, wish)
    with desk.store.unit_of_work() as uow:
        position, parent = own_position(uow, command.user_id, command.position_id)
        uow.positions.save(replace(position, ended_as="adjusted"))
        uow.commit()
    return parent


def _rollable(
    uow: UnitOfWork, command: "commands.RollPosition | commands.AdjustPosition"
) -> tuple[Position, WorkflowRun]:
    position, parent = own_position(uow, command.user_id, command.position_id)
    if not position.is_open:
        raise NotAllowed("position_not_open", f"{position.id} holds nothing any more")
    if parent.status not in STILL_MANAGED:
        raise NotAllowed("run_not_monitoring", f"{parent.id} is {parent.status.value}; resume or wait first")
    if position.loose:
        raise NotAllowed(
            "legs_loose", f"{position.id} holds legs of no spread", advice="Complete or unwind them first."
        )
    if command.quantity is not None and command.quantity < 1:
        raise InvalidInput(f"a quantity of {command.quantity} moves nothing", details={"quantity": command.quantity})
    for earlier in uow.rolls.of_position(position.id):
        run = uow.runs.get(earlier.run_id)
        if run is not None and not run.is_final and uow.positions.of_run(run.id) is None:
            raise NotAllowed(
                Reason.ROLL_UNDER_WAY.value,
                f"{position.id}: {run.id} is about it already",
                advice=f"Decide on it, or cancel it: thetaloom run cancel {run.id}",
            )
    return position, parent


def _going(position: Position, keep: Mapping[str, int]) -> tuple[tuple[Leg, ...], int, str]:
    going = position.leaving(keep)
    if len(position.spreads) > 1 and len(going) == 1:
        part, quantity = next(iter(going.items()))
        return next(one.legs for one in position.spreads if one.name == part), quantity, part
    legs, quantity = position.closing(keep)
    return legs, quantity, ""


def _refuse_expiration(
    desk: Desk, legs: tuple[Leg, ...], expires_on: date | None, strikes: StrikesFrom, *, is_added: bool = False
) -> None:
    if strikes is StrikesFrom.SAME and not is_single_expiration(legs):
        raise InvalidInput(
            "legs of two expirations can't keep their strikes", advice="Roll them with --strikes by-rule."
        )
    if expires_on is None:
        return
    if expires_on < desk.calendar.exchange_date(desk.clock.now()):
        raise InvalidInput(f"{expires_on} is past", details={"expiration": expires_on.isoformat()})
    if strikes is StrikesFrom.SAME and not is_added and expires_on == legs[0].contract.expires_on:
        raise InvalidInput(
            f"the same strikes on {expires_on} are what is held",
            advice="Name a later expiration, or --strikes by-rule.",
        )


def _start(desk: Desk, uow: UnitOfWork, parent: WorkflowRun, roll: Roll) -> WorkflowRun:
    now = desk.clock.now()
    child = WorkflowRun(
        id=make_run_id(desk.store.installation_id(), uow.runs.next_number()),
        user_id=parent.user_id,
        account_id=parent.account_id,
        strategy_id=parent.strategy_id,
        strategy_revision=parent.strategy_revision,
        symbol=parent.symbol,
        trigger=TriggerKind.ROLL,
        forced=True,  # its parent is an open run of the pair, and the market's score is for entries
        due_at=now,
        created_at=now,
        updated_at=now,
    )
    uow.runs.add(child)
    uow.rolls.add(replace(roll, run_id=child.id))
    facts = {"position": roll.position_id, "asked": roll.kind.value, "successor": child.id}
    tell(uow, parent, EventKind.ROLL_ASKED, now, **facts)
    return child
