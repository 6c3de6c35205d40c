"""The last gate before the wire: what is asked of an order in the moment in which it would be sent."""

from datetime import datetime, timedelta

import structlog

from thetaloom.domain.book.halts import StandingHalt, scopes_over
from thetaloom.domain.book.orders import Effect, Order
from thetaloom.domain.book.resting import beyond_held
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.values.ids import UserId
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.desk import Desk
from thetaloom.engine.step import halted_scope, tell_user
from thetaloom.ports.store import UnitOfWork

log = structlog.get_logger()


def barred_by(desk: Desk, uow: UnitOfWork, order: Order) -> Reason | None:
    """Return why an order may not be sent now; closing orders are stopped by nothing but their end."""
    # Only after a crash between staging and sending can the two gates see different things.
    now = desk.clock.now()
    if now >= order.expires_at:
        return Reason.ORDER_TIMED_OUT
    run = uow.runs.get(order.run_id)
    if order.effect is Effect.CLOSE and order in beyond_held(
        uow.positions.of_run(order.run_id), uow.orders.of_run(order.run_id)
    ):
        return Reason.MORE_THAN_HELD  # it would open the reverse
    if order.effect is Effect.CLOSE or run is None:
        return None
    if halted_scope(halts_now(desk, uow), order.account_id, run.strategy_id) is not None:
        return Reason.HALTED
    age_max = timedelta(seconds=desk.settings.approved_age_seconds_max)
    return Reason.ORDER_TIMED_OUT if now - order.staged_at > age_max else None


def is_stopped(desk: Desk, order: Order) -> bool:
    """Look at the flags alone, right before a send: whether a halt covers this entry in this very moment."""
    if order.effect is Effect.CLOSE:
        return False
    raised = desk.halts.raised()
    if not raised:
        return False
    with desk.store.reading() as uow:
        run = uow.runs.get(order.run_id)
    return run is None or any(scope in raised for scope in scopes_over(order.account_id, run.strategy_id))


def halts_now(desk: Desk, uow: UnitOfWork) -> dict[str, str]:
    """Return the halted scopes and why: by a flag, by our books, or by both."""
    return {scope: halt.reason for scope, halt in standing_halts(desk, uow).items()}


def standing_halts(desk: Desk, uow: UnitOfWork) -> dict[str, StandingHalt]:
    """Return the halts in force by scope, a flag's own words first where it has any."""
    rows = {scope: StandingHalt(scope=scope, reason=reason) for scope, reason in uow.accounts.halts().items()}
    raised = desk.halts.raised()
    silent = {scope for scope, halt in raised.items() if not halt.at and scope in rows}
    return dict(sorted((rows | {scope: halt for scope, halt in raised.items() if scope not in silent}).items()))


def put_halt(desk: Desk, uow: UnitOfWork, halt: StandingHalt, user: UserId, now: datetime) -> bool:
    """Halt a scope: its flag at once, our books with the commit; return whether the flag could be raised."""
    try:
        desk.halts.hoist(halt)
        is_up = True
    except OSError as error:
        log.warning("halt_flag_not_raised", scope=halt.scope, error=str(error))
        is_up = False
    if halt.scope not in uow.accounts.halts():
        uow.accounts.halt(halt.scope, halt.reason, now)
        tell_user(uow, user, EventKind.TRADING_HALTED, now, scope=halt.scope, note=halt.reason, by=halt.by)
    return is_up
