"""The last gate before the wire: what is asked of an order in the moment in which it would be sent."""

from datetime import timedelta

from thetaloom.domain.book.orders import Effect, Order
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.desk import Desk
from thetaloom.engine.step import halted_scope
from thetaloom.ports.store import UnitOfWork


def barred_by(desk: Desk, uow: UnitOfWork, order: Order) -> Reason | None:
    """Return why an order may not be sent now; closing orders are stopped by nothing but their end."""
    # Only after a crash between staging and sending can the two gates see different things.
    now = desk.clock.now()
    if now >= order.expires_at:
        return Reason.ORDER_TIMED_OUT
    run = uow.runs.get(order.run_id)
    if order.effect is Effect.CLOSE or run is None:
        return None
    if halted_scope(dict(uow.accounts.halts()), order.account_id, run.strategy_id) is not None:
        return Reason.HALTED
    age_max = timedelta(seconds=desk.settings.approved_age_seconds_max)
    return Reason.ORDER_TIMED_OUT if now - order.staged_at > age_max else None
