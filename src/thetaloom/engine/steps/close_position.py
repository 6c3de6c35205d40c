"""Step 13: the closing order, walked down to natural if need be; one close intent per position."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from thetaloom.domain.book.exits import decide_exit
from thetaloom.domain.book.guarded_exits import for_the_record, held_back
from thetaloom.domain.book.imbalance import contracts_of, first_to_unwind, naked
from thetaloom.domain.book.ladder_plan import in_force
from thetaloom.domain.book.orders import OPEN, Effect, Order, OrderPurpose, OrderStatus
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.refusals import Refusal, next_valid_price
from thetaloom.domain.book.rolls import may_stage
from thetaloom.domain.book.watch import observed
from thetaloom.domain.run.runs import RunStatus, StepName, WorkflowRun
from thetaloom.domain.strategy.rules import USUAL_WALK
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import ClientOrderId, make_client_order_id
from thetaloom.domain.values.money import Price
from thetaloom.domain.values.reasons import ALLOWED, Reason, Verdict
from thetaloom.engine.desk import Desk
from thetaloom.engine.ended_contracts import ended_contracts
from thetaloom.engine.entry_facts import remembered
from thetaloom.engine.findings import ExitFinding
from thetaloom.engine.lineage import Decider, output_of
from thetaloom.engine.marks import mark
from thetaloom.engine.order_manager import leg_quotes, perform
from thetaloom.engine.order_work import DELIVERED, OrderAction, OrderMove, OrderWork, next_move
from thetaloom.engine.position_views import read_view
from thetaloom.engine.price_guard import guard_look
from thetaloom.engine.step import Step, next_step, strategy_of
from thetaloom.engine.walks import EXIT_REACH, opened_at, past_places, walk_of
from thetaloom.errors import InvariantError
from thetaloom.ports.store import UnitOfWork

TARGET_MINUTES_MAX = 24 * 60  # a profit target's order rests until the close of the trading session
EXITS = frozenset({OrderPurpose.EXIT, OrderPurpose.UNWIND, OrderPurpose.ROLL})
TARGET_LOOK = timedelta(seconds=15)  # how soon a target that was to be canceled is looked at again
RESTING = frozenset({OrderPurpose.TARGET, OrderPurpose.LADDER})  # of single spreads; all make way for an exit


@dataclass(frozen=True, slots=True, kw_only=True)
class RollAsked:
    """The roll that the position makes way for, and whether its one closing order may still be staged."""

    client_order_id: ClientOrderId
    may_stage: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The position, how much of it goes, and the closing order's work."""

    client_order_id: ClientOrderId
    position: Position
    legs: tuple[Leg, ...]  # of the order to be staged
    quantity: int  # of it; 0 = nothing is left to close
    part: str  # the spread it closes, where the broker takes no order of all legs
    resting: tuple[Order, ...]  # targets' and ladders', which must be gone before anything else is sent
    overtaken_by: Reason | None  # another exit rule that is met while a profit target's order rests
    retry_at: datetime | None  # after a closing order died: when the next one may be staged
    settles_at: datetime  # the first of what it closes
    has_ended: bool  # something of it trades no longer
    work: OrderWork
    refused_limit: Price | None = None  # at which the broker said no for its price
    purpose: OrderPurpose = OrderPurpose.EXIT
    in_balance: bool = False  # the leg that the order takes back has found its place meanwhile
    roll: RollAsked | None = None  # it closes for a roll


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """The next move of the closing order."""

    verdict: Verdict
    move: OrderMove
    gives_up: bool = False  # the position is handed back: there is nothing to close, or it is too late to trade
    withdraw: tuple[ClientOrderId, ...] = ()  # targets to be canceled


def gather(desk: Desk, run: WorkflowRun) -> Inputs:
    now, settings = desk.clock.now(), desk.settings
    strategy = strategy_of(desk, run)
    with desk.store.reading() as uow:
        position = uow.positions.of_run(run.id)
        finding = output_of(desk, uow, run.id, StepName.MANAGE_POSITION, ExitFinding)
        closing = [order for order in uow.orders.of_run(run.id) if order.effect is Effect.CLOSE]
        roll = None if position is None else _roll_asked(uow, position, finding, closing)
    if position is None:
        raise InvariantError(f"{run.id} closes a position that does not exist")
    earlier = [order for order in closing if order.purpose in EXITS]
    standing = [order for order in earlier if order.status in OPEN]
    rule = replace(walk_of(strategy), reach=EXIT_REACH)
    legs, quantity, part, purpose = _to_close(position, finding, desk.broker.capabilities.legs_max)
    wanted = standing[0].legs if standing else legs
    interval = min(rule.interval_seconds or settings.exit_interval_seconds, settings.exit_interval_seconds)
    if (standing[0].purpose if standing else purpose) is OrderPurpose.UNWIND:
        rule = replace(USUAL_WALK, reach=EXIT_REACH)
        interval = min(interval, settings.unwind_interval_seconds)
    rests = finding.floor is not None and finding.roll is None
    works = timedelta(minutes=TARGET_MINUTES_MAX if rests else settings.order_minutes_max)
    if finding.roll is not None:  # the other half of what was approved waits for it
        works = min(works, timedelta(seconds=settings.approved_age_seconds_max))
    work = OrderWork(
        legs=leg_quotes(desk, wanted, now),
        order=standing[0] if standing else None,
        rule=rule,
        interval_seconds=interval,
        floor=finding.floor,
        quote_age_seconds_max=strategy.liquidity.quote_age_seconds_max,
        is_open=desk.calendar.is_open(now),
        next_open_at=desk.calendar.next_open(now),
        cancel_at=min(now + works, desk.calendar.next_close(now)),
        now=now,
        closes=True,
        opened_at=opened_at(desk, now),
        urgent=finding.floor is None,
        past_places=past_places(desk, rule, run.account_id, Effect.CLOSE, wanted),
        penny_classes=settings.penny_classes,
    )
    return Inputs(
        client_order_id=_exit_order_id(run, earlier, standing, purpose, roll),
        purpose=purpose,
        in_balance=bool(standing) and _is_in_balance(position, standing[0]),
        position=position,
        legs=legs,
        quantity=quantity,
        part=part,
        resting=tuple(order for order in closing if order.purpose in RESTING and order.is_open),
        overtaken_by=None if finding.floor is None else _overtaken(desk, run, position, strategy, now),
        retry_at=None if roll is not None else _retry_at(desk, earlier, settings.exit_interval_seconds),
        roll=roll,
        refused_limit=_refused_limit(earlier),
        settles_at=min(desk.calendar.settles_at(leg.contract) for leg in legs or position.legs),
        has_ended=bool(ended_contracts(desk.calendar, position, now)),
        work=work,
    )


def decide(given: Inputs) -> Output:
    work = given.work
    if work.order is None and not given.quantity:
        return _wait(work.now, gives_up=True)
    if work.order is None and given.roll is not None and not given.roll.may_stage:
        return _wait(work.now, gives_up=True)  # it had its one order, or was called off
    if given.resting:
        return _withdraw(given)
    if work.order is None and given.has_ended:  # too late to trade: the broker tells what becomes of it
        return _wait(work.now, gives_up=True)
    if work.order is None and given.retry_at is not None and work.now < given.retry_at:
        return _wait(given.retry_at)  # a broker that refuses at once must not be asked without pause
    move = next_move(work)
    if given.in_balance and work.order is not None and work.order.status is OrderStatus.WORKING:
        return Output(verdict=ALLOWED, move=replace(move, action=OrderAction.CANCEL))
    if given.overtaken_by is not None and work.order is not None and work.order.status is OrderStatus.WORKING:
        cancel = replace(move, action=OrderAction.CANCEL)
        return Output(verdict=Verdict(answer=ALLOWED.answer, reason=given.overtaken_by), move=cancel)
    if move.action is OrderAction.REFUSE:  # an exit is never given up: it waits for the open or for better quotes
        return _wait(min(move.look_again_at, given.settles_at))
    if move.action is OrderAction.STAGE and given.refused_limit is not None and move.limit_price is not None:
        move = replace(move, limit_price=next_valid_price(move.limit_price))
    return Output(verdict=move.verdict, move=move)


def act(desk: Desk, uow: UnitOfWork, run: WorkflowRun, given: Inputs, said: Output) -> WorkflowRun:
    now, order = given.work.now, given.work.order
    if said.gives_up:
        return next_step(run, StepName.MANAGE_POSITION, RunStatus.MONITORING, now)
    for target in given.resting:
        if target.client_order_id in said.withdraw:
            # What was never sent is gone at once; of the rest only the broker knows.
            sent = target.status is not OrderStatus.STAGED
            status = OrderStatus.PENDING_CANCEL if sent else OrderStatus.CANCELED
            uow.orders.save(target.moved_to(status, Reason.TARGET_WITHDRAWN.value))
    if said.move.action is OrderAction.STAGE:
        order = _stage(uow, run, given, said)
    perform(uow, run, order, said.move, now)
    return next_step(run, StepName.CLOSE_POSITION, RunStatus.CLOSING, now, due_at=said.move.look_again_at)


def _to_close(
    position: Position, finding: ExitFinding, legs_max: int
) -> tuple[tuple[Leg, ...], int, str, OrderPurpose]:
    """Return the legs of the next closing order, its quantity, the spread that it is for if for one, and its purpose.

    A sold leg without cover goes before everything else, what else stands alone after it, one leg at a time.
    """
    keep = position.keeping(position.quantity - finding.keep_quantity) if finding.keep is None else finding.keep
    legs, quantity = position.closing(keep)
    going, part = position.leaving(keep), ""
    if len(position.spreads) > 1 and (len(going) == 1 or len(legs) > legs_max):
        part, quantity = next(iter(going.items()))
        legs = next(spread.legs for spread in position.spreads if spread.name == part)
    purpose, alone = OrderPurpose.EXIT, first_to_unwind(position.loose)
    bare_first = not keep and bool(naked(contracts_of(position.loose)))
    if alone is not None and (finding.unwind or bare_first or (not quantity and not keep)):
        legs, quantity, part, purpose = (alone[0],), alone[1], "", OrderPurpose.UNWIND
    return tuple(Leg(contract=leg.contract, ratio=-leg.ratio) for leg in legs), quantity, part, purpose


def _is_in_balance(position: Position, order: Order) -> bool:
    if order.purpose is not OrderPurpose.UNWIND:
        return False
    loose = contracts_of(position.loose)
    return any(loose.get(leg.contract, 0) * leg.ratio >= 0 for leg in order.legs)


def _withdraw(given: Inputs) -> Output:
    # A target may fill while it is being canceled: what is left is known once the broker has spoken of each.
    asked = tuple(order.client_order_id for order in given.resting if order.status is not OrderStatus.PENDING_CANCEL)
    waits = _wait(given.work.now + TARGET_LOOK)
    return replace(waits, withdraw=asked)


def _overtaken(desk: Desk, run: WorkflowRun, position: Position, strategy: Strategy, now: datetime) -> Reason | None:
    # While a profit target's order rests, a person or any other rule takes its place.
    if run.reason == Reason.MANUAL_CLOSE.value:
        return Reason.MANUAL_CLOSE
    with desk.store.reading() as uow:
        watch = remembered(desk, uow, position)
    view = read_view(desk, position, strategy, now, watch=watch)
    marks, fired, rules = mark(view), frozenset(position.exits_fired), strategy.exits
    if in_force(strategy, position, marks.dte):
        return Reason.EXPIRY_LADDER
    found = guard_look(desk, view, strategy.guard, marks, watch)
    guard = None if found is None else found.decision
    watch, waits = observed(watch, position, for_the_record(marks, guard)), held_back(rules, guard)
    return decide_exit(rules, position, marks, fired, beside_target=True, watch=watch, held_back=waits).reason


def _retry_at(desk: Desk, earlier: list[Order], seconds: int) -> datetime | None:
    # What we took back ourselves was answered; a broker that refuses is not to be asked again at once.
    if not earlier or not earlier[-1].remaining or earlier[-1].status in {OrderStatus.CANCELED, OrderStatus.DENIED}:
        return None
    if earlier[-1].refusal is Refusal.MARKET_CLOSED:
        return desk.calendar.next_open(earlier[-1].staged_at)
    return earlier[-1].staged_at + timedelta(seconds=seconds)


def _refused_limit(earlier: list[Order]) -> Price | None:
    return earlier[-1].limit_price if earlier and earlier[-1].refusal is Refusal.BAD_PRICE else None


def _wait(until: datetime, *, gives_up: bool = False) -> Output:
    waits = OrderMove(verdict=ALLOWED, action=OrderAction.WAIT, look_again_at=until)
    return Output(verdict=ALLOWED, move=waits, gives_up=gives_up)


def _roll_asked(uow: UnitOfWork, position: Position, finding: ExitFinding, closing: list[Order]) -> RollAsked | None:
    roll = None if finding.roll is None else uow.rolls.get(finding.roll)
    if roll is None:
        return None
    return RollAsked(client_order_id=roll.order_id, may_stage=may_stage(roll, position, closing))


def _exit_order_id(
    run: WorkflowRun, earlier: list[Order], standing: list[Order], purpose: OrderPurpose, roll: RollAsked | None
) -> ClientOrderId:
    if standing:
        return standing[0].client_order_id
    if roll is not None:
        return roll.client_order_id
    return make_client_order_id(run.id, purpose.value, len(earlier) + 1)


def _stage(uow: UnitOfWork, run: WorkflowRun, given: Inputs, said: Output) -> Order:
    if said.move.limit_price is None:
        raise InvariantError(f"{run.id}: a closing order without a limit price was about to be staged")
    order = Order(
        client_order_id=given.client_order_id,
        run_id=run.id,
        account_id=run.account_id,
        effect=Effect.CLOSE,
        purpose=given.purpose if given.roll is None else OrderPurpose.ROLL,
        part=given.part,
        legs=given.legs,
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
    is_quiet=lambda said: said.move.action is OrderAction.WAIT and not said.withdraw,
    delivers=lambda given, said: (
        *said.withdraw,
        *((given.client_order_id,) if said.move.action in DELIVERED else ()),
    ),
)
