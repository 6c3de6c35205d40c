"""The ladder at work: what it rests on, and what its steps change in our books."""

from collections.abc import Sequence
from datetime import datetime

from thetaloom.domain.book.alerts import Alert, Priority, Urgency
from thetaloom.domain.book.ladder import LadderAction, LadderState
from thetaloom.domain.book.ladder_plan import LadderFacts, LadderStep, has_target, ladder_order_of
from thetaloom.domain.book.orders import Effect, Order, OrderPurpose, OrderStatus
from thetaloom.domain.book.positions import Position
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import WorkflowRun
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.alerts import end_alert, raise_alert
from thetaloom.engine.desk import Desk
from thetaloom.engine.step import tell
from thetaloom.ports.store import UnitOfWork


def ladder_facts(
    desk: Desk, strategy: Strategy, position: Position, orders: Sequence[Order], now: datetime
) -> LadderFacts | None:
    """Return what the ladder of a position rests on; ``None`` where its strategy asks for none."""
    if strategy.ladder is None:
        return None
    is_ours = any(order.effect is Effect.OPEN and order.filled for order in orders)
    return LadderFacts(
        threshold_dte=strategy.ladder.threshold_dte,
        is_managed=is_ours and has_target(strategy, position),
        today=desk.calendar.exchange_date(now),
        penny_classes=desk.settings.penny_classes,
    )


def delivered_by(steps: Sequence[LadderStep]) -> tuple[ClientOrderId, ...]:
    """Return the orders that must be brought to the broker: cancels first."""
    asked = [order for step in steps for order in step.withdraw]
    placed = [step.client_order_id for step in steps if step.client_order_id is not None]
    return (*asked, *placed)


def climb(
    desk: Desk, uow: UnitOfWork, run: WorkflowRun, position: Position, steps: Sequence[LadderStep], now: datetime
) -> None:
    """Write the steps of a position's ladder: what is withdrawn, placed and told, and what is remembered of each."""
    if not steps:
        return
    known = uow.watches.get(position.id)
    states: dict[str, LadderState] = {} if known is None else dict(known.ladders)
    for step in steps:
        states[step.part] = step.state
        for order_id in step.withdraw:
            _withdraw(uow, order_id)
        if step.action is LadderAction.PLACE:
            _place(desk, uow, run, position, step, now)
        elif step.action is LadderAction.NOTIFY:
            _notify(uow, run, position, step, now)
    uow.watches.set_ladders(position.id, states)


def _withdraw(uow: UnitOfWork, order_id: ClientOrderId) -> None:
    order = uow.orders.get(order_id)
    if order is None or not order.is_open or order.status is OrderStatus.PENDING_CANCEL:
        return
    # What was never sent is gone at once; of the rest only the broker knows.
    status = OrderStatus.CANCELED if order.status is OrderStatus.STAGED else OrderStatus.PENDING_CANCEL
    is_target = order.purpose is OrderPurpose.TARGET
    uow.orders.save(order.moved_to(status, (Reason.TARGET_WITHDRAWN if is_target else Reason.EXPIRY_LADDER).value))


def _place(desk: Desk, uow: UnitOfWork, run: WorkflowRun, position: Position, step: LadderStep, now: datetime) -> None:
    order = ladder_order_of(position, step, now=now, expires_at=desk.calendar.next_close(now))
    uow.orders.add(order)
    facts = {"order": order.client_order_id, "limit": order.limit_price, "effect": order.effect.value}
    tell(uow, run, EventKind.ORDER_STAGED, now, **facts, part=step.part)
    why = {"part": step.part, "dte": step.dte, "retry": step.state.retry_count}
    tell(uow, run, EventKind.LADDER_PLACED, now, position=position.id, **facts, **why)
    end_alert(uow, run.user_id, position.id, _cause(step), now, run=run.id)


def _notify(uow: UnitOfWork, run: WorkflowRun, position: Position, step: LadderStep, now: datetime) -> None:
    tell(uow, run, EventKind.LADDER_ANNOUNCED, now, position=position.id, part=step.part, dte=step.dte, why=step.why)
    alert = Alert(
        user_id=run.user_id,
        account_id=run.account_id,
        subject=position.id,
        position_id=position.id,
        symbol=position.symbol,
        cause=_cause(step),
        priority=Priority.CRITICAL,
        reason=Reason.EXPIRY_LADDER.value,
        details=f"{step.part}, {step.dte} DTE: {step.why}",
        recommended_action=f"Close {step.part} by hand today.",
        urgency=Urgency.IMMEDIATE,
        current_value=None,
        threshold_value=None,
        unit="days",
        order_type="LIMIT",
        limit_price=step.state.current_limit_price,
        raised_at=now,
    )
    raise_alert(uow, alert, run=run.id)


def _cause(step: LadderStep) -> str:
    return f"expiry_ladder:{step.part}"
