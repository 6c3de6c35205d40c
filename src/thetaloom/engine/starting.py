"""Runs that start by themselves: written in the transaction of what asks for them, due now."""

from datetime import datetime

from thetaloom.domain.run.runs import TriggerKind, WorkflowRun
from thetaloom.domain.run.watchlists import LIQUID, LIQUID_SYMBOLS, Watchlist
from thetaloom.domain.values.ids import StrategyId, UserId, make_run_id
from thetaloom.engine.desk import Desk
from thetaloom.errors import NotFound
from thetaloom.ports.store import UnitOfWork


def write_run(
    desk: Desk,
    uow: UnitOfWork,
    user: UserId,
    strategy: StrategyId,
    symbol: str,
    trigger: TriggerKind,
    now: datetime,
) -> WorkflowRun | None:
    """Write a run that is due now; ``None`` where the strategy is gone. Who commits has it enqueued."""
    stored = uow.strategies.latest(user, strategy)
    if stored is None:
        return None
    run = WorkflowRun(
        id=make_run_id(desk.store.installation_id(), uow.runs.next_number()),
        user_id=user,
        account_id=desk.broker.account_id,
        strategy_id=strategy,
        strategy_revision=stored.revision,
        symbol=symbol,
        trigger=trigger,
        due_at=now,
        created_at=now,
        updated_at=now,
    )
    uow.runs.add(run)
    return run


def watchlist_of(uow: UnitOfWork, user: UserId, name: str, now: datetime) -> Watchlist:
    """Return the user's list of a name, or the one that ships. Raises ``NotFound``."""
    found = uow.watchlists.get(user, name)
    if found is not None:
        return found
    if name == LIQUID:
        return Watchlist(user_id=user, name=LIQUID, symbols=LIQUID_SYMBOLS, changed_at=now)
    raise NotFound(f"no watchlist has the name {name!r}", advice="`thetaloom watchlist list` shows them.")
