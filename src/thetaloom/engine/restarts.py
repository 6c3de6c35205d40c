"""The next run after a completed one, where the strategy asks for it: written as the first one ends."""

from datetime import datetime, timedelta

from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import TriggerKind, WorkflowRun
from thetaloom.domain.strategy.strategies import RestartRule
from thetaloom.domain.values.ids import make_run_id
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.desk import Desk
from thetaloom.engine.last_gate import halts_now
from thetaloom.engine.step import halted_scope, tell
from thetaloom.ports.store import UnitOfWork


def restart_after(desk: Desk, uow: UnitOfWork, run: WorkflowRun, now: datetime) -> WorkflowRun | None:
    """Write the run that follows a completed one; ``None`` where none follows.

    It waits until it has cooled down, and then starts like any other: a halt denies it, and so does a loss guard.
    """
    stored = uow.strategies.latest(run.user_id, run.strategy_id)
    rule = None if stored is None else stored.strategy.restart
    if stored is None or rule is None or not stored.strategy.active or not _follows(rule, run):
        return None
    scope = halted_scope(halts_now(desk, uow), run.account_id, run.strategy_id)
    if scope is not None:
        return None  # whoever lifts the halt starts what he wants
    session = desk.calendar.session_on(desk.calendar.exchange_date(now))
    since = now - timedelta(days=1) if session is None else session.open_at
    if uow.runs.restarts_since(run.user_id, run.strategy_id, run.symbol, since) >= rule.max_per_day:
        return None
    due_at = now + timedelta(days=rule.cooldown_days)
    if not desk.calendar.is_open(due_at):
        due_at = desk.calendar.next_open(due_at)
    following = WorkflowRun(
        id=make_run_id(desk.store.installation_id(), uow.runs.next_number()),
        user_id=run.user_id,
        account_id=run.account_id,
        strategy_id=run.strategy_id,
        strategy_revision=stored.revision,
        symbol=run.symbol,
        trigger=TriggerKind.RESTART,
        due_at=due_at,
        created_at=now,
        updated_at=now,
    )
    uow.runs.add(following)
    tell(uow, run, EventKind.RUN_RESTARTED, now, following=following.id, due_at=due_at.isoformat())
    return following


def _follows(rule: RestartRule, run: WorkflowRun) -> bool:
    if run.outcome is None or run.reason == Reason.ROLL.value:  # its successor lives already
        return False
    return run.outcome.value in {after.value for after in rule.after}
