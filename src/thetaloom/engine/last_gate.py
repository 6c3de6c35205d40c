"""The last gate before the wire: what is asked of an order in the moment in which it would be sent."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from thetaloom.domain.book.halts import GUARD, StandingHalt, scopes_over
from thetaloom.domain.book.orders import Effect, Order, OrderPurpose, OrderStatus
from thetaloom.domain.book.resting import beyond_held
from thetaloom.domain.risk.limits import NOBODY, RUNAWAY_LIMITS, RiskLimits, Trade
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import WorkflowRun
from thetaloom.domain.values.ids import PositionId, UserId, make_position_id
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.desk import Desk
from thetaloom.engine.imbalance import conflict_of
from thetaloom.engine.sent import contracts_of, notional_of, sent_of
from thetaloom.engine.step import halted_scope, tell, tell_user
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
    halts = blocking(order, halts_now(desk, uow))
    if halted_scope(halts, order.account_id, run.strategy_id) is not None:
        return Reason.HALTED
    if stop_runaway(desk, uow, order, run, now):
        return Reason.HALTED
    conflict = conflict_of(desk, uow, run.id, order.legs)
    if conflict is not None:
        return Reason.LEGS_ALONE if conflict.contract is None else Reason.WOULD_CLOSE_ANOTHER
    age_max = timedelta(seconds=desk.settings.approved_age_seconds_max)
    return Reason.ORDER_TIMED_OUT if now - order.staged_at > age_max else None


def stop_runaway(desk: Desk, uow: UnitOfWork, order: Order, run: WorkflowRun, now: datetime) -> bool:
    """Halt the account where this entry would be more than may be sent; counted from committed orders alone."""
    limits = RiskLimits.from_settings(uow.accounts.limits(run.user_id)).in_force()
    trade = Trade(
        symbol=order.legs[0].contract.underlying,
        quantity=order.quantity,
        max_loss=None,
        buying_power_effect=None,
        net_delta=None,
        at_wire=True,
        contracts=contracts_of(order.legs, order.quantity),
        notional=notional_of(order.legs, order.quantity),
        replaces=order.revision,
    )
    portfolio = replace(NOBODY, sent=sent_of(desk, uow, now, without=order.client_order_id))
    tripped = [limit.name for limit in RUNAWAY_LIMITS if not limit.check(limits, portfolio, trade).verdict.is_allowed]
    if not tripped:
        return False
    first = next(limit for limit in RUNAWAY_LIMITS if limit.name == tripped[0]).check(limits, portfolio, trade)
    reason = f"runaway: {tripped[0]} would be {first.value}, above {first.bound}"
    halt = StandingHalt(scope=f"account:{order.account_id}", reason=reason, by=GUARD, at=now.isoformat())
    put_halt(desk, uow, halt, run.user_id, now)
    tell(uow, run, EventKind.RUNAWAY_STOPPED, now, order=order.client_order_id, limits=", ".join(tripped), note=reason)
    log.error("runaway_stopped", order=order.client_order_id, reason=reason)
    return True


def is_moved_too_often(desk: Desk, uow: UnitOfWork, order: Order) -> bool:
    """Halt the account where a working entry is moved without end."""
    run = uow.runs.get(order.run_id)
    if run is None or order.effect is Effect.CLOSE or order.status is not OrderStatus.WORKING or not order.revision:
        return False
    limits = RiskLimits.from_settings(uow.accounts.limits(run.user_id)).in_force()
    if order.revision <= limits.max_replaces_per_order:
        return False
    return stop_runaway(desk, uow, order, run, desk.clock.now())


def is_stopped(desk: Desk, order: Order) -> bool:
    """Look at the flags alone, right before a send: whether a halt covers this entry in this very moment."""
    if order.effect is Effect.CLOSE:
        return False
    raised = desk.halts.raised()
    if not raised:
        return False
    with desk.store.reading() as uow:
        run = uow.runs.get(order.run_id)
    blocked = blocking(order, {scope: halt.reason for scope, halt in raised.items()})
    return run is None or any(scope in blocked for scope in scopes_over(order.account_id, run.strategy_id))


def blocking(order: Order, halts: Mapping[str, str]) -> dict[str, str]:
    """Return the halts that bar an order: one for missing legs is not barred by the halt for those legs."""
    own = legs_note(make_position_id(order.run_id)) if order.purpose is OrderPurpose.COMPLETE else None
    return {scope: why for scope, why in halts.items() if own is None or not why.startswith(own)}


def legs_note(position: PositionId) -> str:
    """Return how the reason of a halt begins that stands for a position's loose legs."""
    return f"{position} holds legs alone"


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
