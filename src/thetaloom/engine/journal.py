"""Reading the journal: from a position's run, its fills, its lineage and what was seen while it was held."""

from datetime import datetime

from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.protection import ProtectionShown, shown_protection
from thetaloom.domain.values.ids import PositionId, UserId
from thetaloom.engine import commands
from thetaloom.engine.desk import Desk
from thetaloom.engine.standing_fills import standing_fills
from thetaloom.engine.trade_facts import read_entry_record, read_exit_record, read_plan
from thetaloom.engine.trade_record import JournalEntry, TradeRecord, journal_entry
from thetaloom.errors import InvalidInput, NotFound
from thetaloom.ports.store import UnitOfWork

NOTE_MAX = 4000


def read_entry(desk: Desk, uow: UnitOfWork, position: Position, now: datetime) -> JournalEntry:
    """Return the journal of one position."""
    run = uow.runs.get(position.run_id)
    filled = [(one.order, fill) for one in standing_fills(uow, position) for fill in one.fills]
    trades = sorted(filled, key=lambda one: one[1].filled_at)
    proposals = uow.proposals.of_run(position.run_id)
    watch, care = uow.watches.get(position.id), uow.care.get(position.id)
    protection = read_protection(desk, uow, position, now)
    return journal_entry(
        TradeRecord(
            position=position,
            trades=trades,
            proposals=proposals,
            trigger="" if run is None else run.trigger.value,
            exit_reason="" if run is None else run.reason,
            outcome="" if run is None or run.outcome is None else run.outcome.value,
            entry=read_entry_record(desk, uow, position),
            plan=read_plan(uow, position, run, proposals, trades),
            exit=read_exit_record(desk, uow, position, trades),
            high_water=None if watch is None else watch.high_water,
            low_water=None if care is None else care.low_water,
            unprotected_minutes=0 if protection is None else protection.unprotected_minutes,
            note=uow.care.note_of(position.id),
        )
    )


def read_protection(desk: Desk, uow: UnitOfWork, position: Position, now: datetime) -> ProtectionShown | None:
    """Return who protects a position now, and for how long nobody did; ``None`` for one that nobody has looked at."""
    care = uow.care.get(position.id)
    if care is None and not position.is_open:
        return None
    if position.closed_at is not None:
        return shown_protection(care, None, position.closed_at, desk.calendar)
    return shown_protection(care, uow.care.last_look(position.account_id), now, desk.calendar)


def note_trade(desk: Desk, command: commands.NoteTrade) -> JournalEntry:
    """Write a person's note into the journal; an empty one takes it out."""
    if len(command.note) > NOTE_MAX:
        raise InvalidInput(f"a note has at most {NOTE_MAX} characters", details={"length": len(command.note)})
    now = desk.clock.now()
    with desk.store.unit_of_work() as uow:
        position = own_position(uow, command.user_id, command.position_id)
        uow.care.note(command.user_id, position.id, command.note.strip(), now)
        found = read_entry(desk, uow, position, now)
        uow.commit()
    return found


def own_position(uow: UnitOfWork, user: UserId, position_id: PositionId) -> Position:
    """Return a position of the user's. Raises ``NotFound``."""
    position = uow.positions.get(position_id)
    if position is None or position.user_id != user:
        raise NotFound(f"no position has the id {position_id!r}", advice="`thetaloom position list` shows them.")
    return position
