"""Step 13: the closing order, walked down to natural if need be; one close intent per position."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from thetaloom.domain.book.exits import decide_exit
from thetaloom.domain.book.orders import OPEN, Effect, Order, OrderPurpose, OrderStatus
from thetaloom.domain.book.positions import Position
from thetaloom.domain.run.runs import RunStatus, StepName, WorkflowRun
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.ids import ClientOrderId, make_client_order_id
from thetaloom.domain.values.reasons import ALLOWED, Reason, Verdict
from thetaloom.engine.desk import Desk
from thetaloom.engine.findings import ExitFinding
from thetaloom.engine.lineage import Decider, output_of
from thetaloom.engine.marks import closing_legs, mark, view_position
from thetaloom.engine.order_manager import leg_quotes, perform
from thetaloom.engine.order_work import DELIVERED, OrderAction, OrderMove, OrderWork, next_move
from thetaloom.engine.step import Step, next_step, strategy_of
from thetaloom.errors import InvariantError
from thetaloom.ports.store import UnitOfWork

TARGET_MINUTES_MAX = 24 * 60  # a profit target's order rests until the close of the trading session
EXIT_REACH = Decimal(1)  # an exit may pay the whole half-spread: to stay in costs more


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The position, how much of it goes, and the closing order's work."""

    client_order_id: ClientOrderId
    position: Position
    quantity: int
    overtaken_by: Reason | None  # another exit rule that is met while a profit target's order rests
    retry_at: datetime | None  # after a closing order died: when the next one may be staged
    settles_at: datetime
    work: OrderWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """The next move of the closing order."""

    verdict: Verdict
    move: OrderMove
    gives_up: bool = False  # the position is handed back to be settled


def gather(desk: Desk, run: WorkflowRun) -> Inputs:
    now, settings = desk.clock.now(), desk.settings
    strategy = strategy_of(desk, run)
    with desk.store.reading() as uow:
        position = uow.positions.of_run(run.id)
        finding = output_of(desk, uow, run.id, StepName.MANAGE_POSITION, ExitFinding)
        earlier = [order for order in uow.orders.of_run(run.id) if order.effect is Effect.CLOSE]
    if position is None:
        raise InvariantError(f"{run.id} closes a position that does not exist")
    standing = [order for order in earlier if order.status in OPEN]
    minutes = TARGET_MINUTES_MAX if finding.floor is not None else settings.order_minutes_max
    work = OrderWork(
        legs=leg_quotes(desk, closing_legs(position), now),
        order=standing[0] if standing else None,
        rule=replace(strategy.order, reach=EXIT_REACH),
        interval_seconds=min(strategy.order.interval_seconds, settings.exit_interval_seconds),
        floor=finding.floor,
        quote_age_seconds_max=strategy.liquidity.quote_age_seconds_max,
        is_open=desk.calendar.is_open(now),
        next_open_at=desk.calendar.next_open(now),
        cancel_at=min(now + timedelta(minutes=minutes), desk.calendar.next_close(now)),
        now=now,
        closes=True,
    )
    return Inputs(
        client_order_id=_exit_order_id(run, earlier, standing),
        position=position,
        quantity=position.quantity - finding.keep_quantity,
        overtaken_by=None if finding.floor is None else _overtaken(desk, run, position, strategy, now),
        retry_at=_retry_at(earlier, settings.exit_interval_seconds),
        settles_at=max(desk.calendar.settles_at(leg.contract) for leg in position.legs),
        work=work,
    )


def decide(given: Inputs) -> Output:
    work = given.work
    if work.order is None and work.now >= given.settles_at:  # too late to trade: what is left settles
        return _wait(work.now, gives_up=True)
    if work.order is None and given.retry_at is not None and work.now < given.retry_at:
        return _wait(given.retry_at)  # a broker that refuses at once must not be asked without pause
    move = next_move(work)
    if given.overtaken_by is not None and work.order is not None and work.order.status is OrderStatus.WORKING:
        cancel = replace(move, action=OrderAction.CANCEL)
        return Output(verdict=Verdict(answer=ALLOWED.answer, reason=given.overtaken_by), move=cancel)
    if move.action is OrderAction.REFUSE:  # an exit is never given up: it waits for the open or for better quotes
        return _wait(min(move.look_again_at, given.settles_at))
    return Output(verdict=move.verdict, move=move)


def act(desk: Desk, uow: UnitOfWork, run: WorkflowRun, given: Inputs, said: Output) -> WorkflowRun:
    now, order = given.work.now, given.work.order
    if said.gives_up:
        return next_step(run, StepName.MANAGE_POSITION, RunStatus.MONITORING, now)
    if said.move.action is OrderAction.STAGE:
        order = _stage(uow, run, given, said)
    perform(uow, run, order, said.move, now)
    return next_step(run, StepName.CLOSE_POSITION, RunStatus.CLOSING, now, due_at=said.move.look_again_at)


def _overtaken(desk: Desk, run: WorkflowRun, position: Position, strategy: Strategy, now: datetime) -> Reason | None:
    # While a profit target's order rests, a person or any other rule takes its place.
    if run.reason == Reason.MANUAL_CLOSE.value:
        return Reason.MANUAL_CLOSE
    quotes = leg_quotes(desk, position.held_legs, now)
    view = view_position(desk, position, strategy.exits, quotes, strategy.liquidity.quote_age_seconds_max, now)
    fired = frozenset(position.exits_fired)
    return decide_exit(strategy.exits, position, mark(view), fired, beside_target=True).reason


def _retry_at(earlier: list[Order], seconds: int) -> datetime | None:
    # What we canceled ourselves was answered; a broker that refuses is not to be asked again at once.
    if not earlier or not earlier[-1].remaining or earlier[-1].status is OrderStatus.CANCELED:
        return None
    return earlier[-1].staged_at + timedelta(seconds=seconds)


def _wait(until: datetime, *, gives_up: bool = False) -> Output:
    waits = OrderMove(verdict=ALLOWED, action=OrderAction.WAIT, look_again_at=until)
    return Output(verdict=ALLOWED, move=waits, gives_up=gives_up)


def _exit_order_id(run: WorkflowRun, earlier: list[Order], standing: list[Order]) -> ClientOrderId:
    if standing:
        return standing[0].client_order_id
    return make_client_order_id(run.id, "exit", len(earlier) + 1)


def _stage(uow: UnitOfWork, run: WorkflowRun, given: Inputs, said: Output) -> Order:
    if said.move.limit_price is None:
        raise InvariantError(f"{run.id}: a closing order without a limit price was about to be staged")
    order = Order(
        client_order_id=given.client_order_id,
        run_id=run.id,
        account_id=run.account_id,
        effect=Effect.CLOSE,
        purpose=OrderPurpose.EXIT,
        legs=closing_legs(given.position),
        quantity=given.quantity,
        limit_price=said.move.limit_price,
        floor=given.work.floor,
        staged_at=given.work.now,
        expires_at=given.work.cancel_at,
    )
    uow.orders.add(order)
    return order


STEP = Step(
    name=StepName.CLOSE_POSITION,
    decider=Decider(name="close_position", inputs=Inputs, decide=decide),
    gather=gather,
    act=act,
    is_quiet=lambda said: said.move.action is OrderAction.WAIT,
    delivers=lambda given, said: (given.client_order_id,) if said.move.action in DELIVERED else (),
)
