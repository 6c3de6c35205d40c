"""Where runs begin, whoever asks for them: written in the transaction of what asks, due now."""

from datetime import datetime

from thetaloom.domain.run.runs import TriggerKind, WorkflowRun
from thetaloom.domain.run.schedules import Firing
from thetaloom.domain.run.watchlists import LIQUID, LIQUID_SYMBOLS, Watchlist
from thetaloom.domain.values.ids import StrategyId, UserId, make_run_id
from thetaloom.engine.commands import StartRun
from thetaloom.engine.desk import Desk
from thetaloom.errors import NotFound
from thetaloom.ports.store import UnitOfWork


def write_run(desk: Desk, uow: UnitOfWork, wanted: StartRun, now: datetime) -> WorkflowRun | None:
    """Write a run that is due now; ``None`` where the strategy is gone. Who commits has it enqueued."""
    stored = uow.strategies.latest(wanted.user_id, wanted.strategy_id)
    if stored is None:
        return None
    run = WorkflowRun(
        id=make_run_id(desk.store.installation_id(), uow.runs.next_number()),
        user_id=wanted.user_id,
        account_id=desk.broker.account_id,
        strategy_id=wanted.strategy_id,
        strategy_revision=stored.revision,
        symbol=wanted.symbol,
        trigger=wanted.trigger,
        forced=wanted.forced,
        due_at=now,
        signal_id=wanted.signal_id,
        schedule_id=wanted.schedule_id,
        schedule_due_at=wanted.schedule_due_at,
        scan_id=wanted.scan_id,
        created_at=now,
        updated_at=now,
    )
    uow.runs.add(run)
    return run


def wanted_run(firing: Firing, strategy: StrategyId, symbol: str) -> StartRun:
    """Return what a firing of a schedule asks for on one symbol."""
    return StartRun(
        user_id=firing.user_id,
        symbol=symbol,
        strategy_id=strategy,
        trigger=TriggerKind.SCHEDULE,
        schedule_id=firing.schedule_id,
        schedule_due_at=firing.due_at,
    )


def watchlist_of(uow: UnitOfWork, user: UserId, name: str, now: datetime) -> Watchlist:
    """Return the user's list of a name, or the one that ships. Raises ``NotFound``."""
    found = uow.watchlists.get(user, name)
    if found is not None:
        return found
    if name == LIQUID:
        return Watchlist(user_id=user, name=LIQUID, symbols=LIQUID_SYMBOLS, changed_at=now)
    raise NotFound(f"no watchlist has the name {name!r}", advice="`thetaloom watchlist list` shows them.")
