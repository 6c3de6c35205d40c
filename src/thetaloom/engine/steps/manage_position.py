"""Step 12: the position against its exit rules, on every quote and at the instants its clock rules name."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from thetaloom.domain.book.exit_numbers import EARLY_CLOSE_MINUTES
from thetaloom.domain.book.exits import ExitAnswer, ExitDecision, decide_exit, target_price
from thetaloom.domain.book.guarded_exits import GuardInputs, for_the_record, held_back, look
from thetaloom.domain.book.imbalance import LegsAction, LegsDecision, LegsMatter, decide_legs
from thetaloom.domain.book.ladder_plan import NOTHING_TO_DO, LadderFacts, LadderPlan, plan_ladder, under_ladder
from thetaloom.domain.book.mark_guard import GuardDecision
from thetaloom.domain.book.marks import Marks
from thetaloom.domain.book.orders import Effect, Order, OrderPurpose, OrderStatus, TimeInForce
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.resting import TargetPlan, plan_targets
from thetaloom.domain.book.rolls import Roll, may_stage
from thetaloom.domain.book.watch import PositionWatch, observed
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import RunStatus, StepName, WorkflowRun
from thetaloom.domain.strategy.strategies import ExitKind, Strategy
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.reasons import ALLOWED, Answer, Reason, Verdict
from thetaloom.engine.desk import Desk
from thetaloom.engine.ended_contracts import Awaited, awaited_of, ends_of
from thetaloom.engine.entry_facts import remembered
from thetaloom.engine.findings import ExitFinding
from thetaloom.engine.imbalance import completing, completing_id, legs_matter
from thetaloom.engine.ladder_work import climb, delivered_by, ladder_facts
from thetaloom.engine.lineage import Decider
from thetaloom.engine.marks import PositionView, mark
from thetaloom.engine.position_views import read_view
from thetaloom.engine.price_guard import guard_look
from thetaloom.engine.slow_facts import needs_of
from thetaloom.engine.step import Step, next_step, strategy_of, tell
from thetaloom.errors import InvariantError
from thetaloom.ports.store import UnitOfWork

LEGS_LOOK = timedelta(seconds=5)  # how soon a cancel of an order for missing legs is looked at again
ORDERS_LEGS = frozenset({LegsAction.COMPLETE, LegsAction.CANCEL})
ROUND = timedelta(minutes=15)  # how often what comes with no quote of the legs is looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The position with its marks' sources, what a person asked for, and what expiration brought."""

    view: PositionView
    close_asked: bool
    settles_at: datetime  # the last of what is held
    next_check_at: datetime
    awaited: Awaited | None = None  # contracts that trade no longer, of which the broker has not told yet
    orders: tuple[Order, ...] = ()  # of the run, oldest first; only where spreads have targets
    staged_today: tuple[ClientOrderId, ...] = ()
    market_is_open: bool = True
    pause_seconds: int = 60  # before a target that ended at the broker is placed again
    legs: LegsMatter | None = None  # where legs stand alone
    roll: Roll | None = None  # approved: the position makes way, unless an exit rule is met first
    ladder: LadderFacts | None = None  # where the strategy asks for one
    guard: GuardInputs | None = None  # of the exits that rest on quotes


def gather(desk: Desk, run: WorkflowRun) -> Inputs:
    now = desk.clock.now()
    strategy = strategy_of(desk, run)
    with desk.store.reading() as uow:
        position = uow.positions.of_run(run.id)
        if position is None:
            raise InvariantError(f"{run.id} manages a position that does not exist")
        orders = tuple(uow.orders.of_run(run.id))
        watch = remembered(desk, uow, position)
        legs = legs_matter(desk, uow, run, position, now)
        roll = uow.rolls.closing(position.id)
    view = read_view(desk, position, strategy, now, watch=watch)
    contracts = list(position.held) or [leg.contract for leg in position.legs]
    settles_at = max(desk.calendar.settles_at(contract) for contract in contracts)
    awaited = awaited_of(desk, run, position, now)
    return Inputs(
        view=view,
        close_asked=run.reason == Reason.MANUAL_CLOSE.value,
        legs=legs,
        settles_at=settles_at,
        next_check_at=_next_check(desk, strategy, now, ends_of(desk, contracts)),
        awaited=awaited,
        market_is_open=desk.calendar.is_open(now),
        pause_seconds=desk.settings.exit_interval_seconds,
        roll=roll if roll is not None and may_stage(roll, position, orders) else None,
        ladder=ladder_facts(desk, strategy, position, orders, now),
        guard=None if awaited is not None else _guard(desk, view, strategy),
        **_targets_of(desk, strategy, position, orders, now),
    )


def decide(given: Inputs) -> ExitFinding:
    position = given.view.position
    if not position.holds_contracts:  # shares are left, which no order of ours trades
        return _held_on(position)
    if given.awaited is not None:  # no rule closes what trades no longer
        return _held_on(position, asks=given.awaited.asks)
    marks = mark(given.view)
    rules, fired, before = given.view.rules, frozenset(position.exits_fired), given.view.watch
    guard = None if given.guard is None else look(given.guard, rules, position, marks, fired, before)[1]
    watch = None if before is None else observed(before, position, for_the_record(marks, guard))
    if given.close_asked:
        return _asked(position, marks, watch)
    legs = None if given.legs is None else decide_legs(given.legs)
    if legs is not None and legs.action is LegsAction.UNWIND:
        return _unwind(position, legs, marks, watch)
    said = _exit(given, marks, watch, held_back(rules, guard))
    if given.roll is not None and not _overrules(said) and legs is None:
        return _makes_way(given.roll, position, marks, watch)
    if said.answer is ExitAnswer.CLOSE and given.legs is not None and _completing(given.legs) is not None:
        # What opens must be gone before all is closed.
        said = replace(said, answer=ExitAnswer.HOLD)
        legs = LegsDecision(action=LegsAction.CANCEL, look_at=given.view.now + LEGS_LOOK)
    if said.answer is ExitAnswer.HOLD:
        plan, ladder = _plan(given), _ladder(given)
        return ExitFinding(
            verdict=ALLOWED,
            kind="hold",
            keep_quantity=position.quantity,
            exit=said,
            marks=marks,
            place=plan.place,
            look_at=_first(plan.look_at, ladder.look_at, None if legs is None else legs.look_at),
            ladder=ladder.steps,
            watch=watch,
            legs=legs,
        )
    return ExitFinding(
        verdict=Verdict(answer=Answer.ALLOW, reason=said.reason, facts={**said.facts, **_witness(said, guard)}),
        kind="close",
        keep_quantity=position.quantity - said.quantity,
        exit=said,
        marks=marks,
        floor=None if said.rule is None else target_price(position, said.rule, marks, watch, rules),
        keep=position.keeping(said.quantity),
        watch=watch,
    )


def act(desk: Desk, uow: UnitOfWork, run: WorkflowRun, given: Inputs, said: ExitFinding) -> WorkflowRun:
    now, position = given.view.now, given.view.position
    if said.watch is not None:
        uow.watches.save((said.watch,))
    if said.asks:
        return _ask(uow, run, given)
    if said.wish_met:
        uow.positions.save(replace(position, keep_asked=None))
        return replace(next_step(run, StepName.MANAGE_POSITION, RunStatus.MONITORING, now), reason="")
    if said.kind == "hold":
        climb(desk, uow, run, position, said.ladder, now)
        _place(uow, run, given, said)
        _settle_legs(uow, run, given, said)
        due_at = given.next_check_at if said.look_at is None else min(given.next_check_at, said.look_at)
        return next_step(run, StepName.MANAGE_POSITION, RunStatus.MONITORING, now, due_at=due_at)
    reason = said.verdict.reason.value if said.verdict.reason else ""
    tell(uow, run, EventKind.EXIT_TRIGGERED, now, position=position.id, reason=reason, **said.verdict.facts)
    return replace(next_step(run, StepName.CLOSE_POSITION, RunStatus.CLOSING, now), reason=reason)


def _unwind(position: Position, legs: LegsDecision, marks: Marks, watch: PositionWatch | None) -> ExitFinding:
    stays = {spread.name: spread.quantity for spread in position.spreads}
    return ExitFinding(
        verdict=Verdict(answer=Answer.ALLOW, reason=Reason.LEGS_UNWOUND, facts={"naked": str(legs.naked)}),
        kind="close",
        keep_quantity=position.quantity,
        exit=None,
        marks=marks,
        keep=stays,
        watch=watch,
        legs=legs,
        unwind=True,
    )


def _completing(matter: LegsMatter) -> Order | None:
    return next((order for order in matter.completing if order.is_open), None)


def _first(*instants: datetime | None) -> datetime | None:
    return min((at for at in instants if at is not None), default=None)


def _settle_legs(uow: UnitOfWork, run: WorkflowRun, given: Inputs, said: ExitFinding) -> None:
    now, legs = given.view.now, said.legs
    if legs is None or given.legs is None:
        return
    if legs.action is LegsAction.COMPLETE:
        order = completing(run, given.legs, legs)
        uow.orders.add(order)
        facts = {"order": order.client_order_id, "limit": order.limit_price, "effect": order.effect.value}
        tell(uow, run, EventKind.ORDER_STAGED, now, **facts)
    standing = _completing(given.legs)
    if legs.action is LegsAction.CANCEL and standing is not None and standing.status is not OrderStatus.PENDING_CANCEL:
        sent = standing.status is not OrderStatus.STAGED
        status = OrderStatus.PENDING_CANCEL if sent else OrderStatus.CANCELED
        uow.orders.save(standing.moved_to(status, Reason.ORDER_TIMED_OUT.value))


def _deliveries(given: Inputs, said: ExitFinding) -> tuple[ClientOrderId, ...]:
    targets = (*delivered_by(said.ladder), *(target.client_order_id for target in said.place))
    if said.legs is None or given.legs is None or said.legs.action not in ORDERS_LEGS:
        return targets
    return (*targets, completing_id(given.view.position.run_id, given.legs))


def _guard(desk: Desk, view: PositionView, strategy: Strategy) -> GuardInputs | None:
    found = guard_look(desk, view, strategy.guard, mark(view), view.watch)
    return None if found is None else found.given


def _witness(said: ExitDecision, guard: GuardDecision | None) -> dict[str, str]:
    if guard is None:
        return {}
    found = next((one.witness.value for one in guard.rules if one.rule == said.index), None)
    return {} if found is None else {"believed_by": found}


def _asked(position: Position, marks: Marks, watch: PositionWatch | None) -> ExitFinding:
    if position.keep_asked is not None and not position.leaving(position.keep_asked):
        return ExitFinding(
            verdict=ALLOWED,
            kind="hold",
            keep_quantity=position.quantity,
            exit=None,
            marks=None,
            wish_met=True,
            watch=watch,
        )
    return ExitFinding(
        verdict=Verdict(answer=Answer.ALLOW, reason=Reason.MANUAL_CLOSE),
        kind="close",
        keep_quantity=0,
        exit=None,
        marks=marks,
        keep=position.keep_asked or {},
        watch=watch,
    )


def _overrules(said: ExitDecision) -> bool:
    # An exit that is due closes for good; a profit that is reached is taken by the roll as well.
    return said.answer is ExitAnswer.CLOSE and (said.rule is None or said.rule.kind is not ExitKind.PROFIT_TARGET)


def _makes_way(roll: Roll, position: Position, marks: Marks, watch: PositionWatch | None) -> ExitFinding:
    facts = {"successor": roll.run_id, "floor": str(roll.close_floor)}
    return ExitFinding(
        verdict=Verdict(answer=Answer.ALLOW, reason=Reason.ROLL, facts=facts),
        kind="close",
        keep_quantity=0,
        exit=None,
        marks=marks,
        floor=roll.close_floor,
        keep=roll.keep,
        roll=roll.run_id,
        watch=watch,
    )


def _exit(given: Inputs, marks: Marks, watch: PositionWatch | None, waits: frozenset[int]) -> ExitDecision:
    position, rules = given.view.position, given.view.rules
    fired = frozenset(position.exits_fired)
    if under_ladder(position, given.ladder):  # breakeven is asked for now; a target's order would be in its way
        return decide_exit(rules, position, marks, fired, beside_target=True, watch=watch, held_back=waits)
    said = decide_exit(rules, position, marks, fired, watch=watch, held_back=waits)
    if said.rule is not None and said.rule.kind is ExitKind.PROFIT_TARGET:
        # A target's order would be overtaken at once, and then staged again, for as long as both rules are met.
        other = decide_exit(rules, position, marks, fired, beside_target=True, watch=watch, held_back=waits)
        said = other if other.answer is ExitAnswer.CLOSE else said
    return said


def _targets_of(
    desk: Desk, strategy: Strategy, position: Position, orders: tuple[Order, ...], now: datetime
) -> dict[str, Any]:
    if strategy.ladder is None and all(spread.target_percent is None for spread in position.spreads):
        return {}
    today = desk.calendar.exchange_date(now)
    of_today = (one.client_order_id for one in orders if desk.calendar.exchange_date(one.staged_at) == today)
    return {"orders": orders, "staged_today": tuple(of_today)}


def _plan(given: Inputs) -> TargetPlan:
    if not given.orders or not given.market_is_open:
        return TargetPlan()
    return plan_targets(
        given.view.position,
        given.orders,
        frozenset(given.staged_today),
        now=given.view.now,
        pause_seconds=given.pause_seconds,
        without=under_ladder(given.view.position, given.ladder),
    )


def _ladder(given: Inputs) -> LadderPlan:
    if given.ladder is None or not given.market_is_open:
        return NOTHING_TO_DO
    states = {} if given.view.watch is None else given.view.watch.ladders
    return plan_ladder(given.view.position, given.orders, states, given.ladder, now=given.view.now)


def _place(uow: UnitOfWork, run: WorkflowRun, given: Inputs, said: ExitFinding) -> None:
    now = given.view.now
    for target in said.place:
        order = Order(
            client_order_id=target.client_order_id,
            run_id=run.id,
            account_id=run.account_id,
            effect=Effect.CLOSE,
            purpose=OrderPurpose.TARGET,
            part=target.part,
            legs=target.legs,
            quantity=target.quantity,
            limit_price=target.limit_price,
            floor=target.limit_price,
            time_in_force=TimeInForce.GTC,
            staged_at=now,
            expires_at=given.settles_at,
        )
        uow.orders.add(order)
        facts = {"order": order.client_order_id, "limit": order.limit_price, "effect": order.effect.value}
        tell(uow, run, EventKind.ORDER_STAGED, now, **facts, part=target.part, percent=target.percent)
    if said.place:
        parts = ", ".join(target.part for target in said.place)
        tell(uow, run, EventKind.TARGETS_PLACED, now, position=given.view.position.id, parts=parts)


def _held_on(position: Position, *, asks: bool = False) -> ExitFinding:
    verdict = Verdict(answer=Answer.ALLOW, reason=Reason.SETTLEMENT_MISSING) if asks else ALLOWED
    return ExitFinding(verdict=verdict, kind="hold", keep_quantity=position.quantity, exit=None, marks=None, asks=asks)


def _ask(uow: UnitOfWork, run: WorkflowRun, given: Inputs) -> WorkflowRun:
    now, position, awaited = given.view.now, given.view.position, given.awaited
    contracts = "" if awaited is None else ", ".join(one.notation for one in awaited.contracts)
    tell(uow, run, EventKind.SETTLEMENT_MISSED, now, position=position.id, contracts=contracts)
    held = next_step(run, StepName.MANAGE_POSITION, RunStatus.MONITORING, now, due_at=given.next_check_at)
    return replace(held, reason=Reason.SETTLEMENT_MISSING.value)


def _next_check(desk: Desk, strategy: Strategy, now: datetime, ends: tuple[datetime, ...]) -> datetime:
    calendar = desk.calendar
    instants = [calendar.next_open(now), *ends]
    for rule in strategy.exits:
        if rule.kind is ExitKind.MINUTES_TO_CLOSE:
            instants.append(calendar.next_close(now) - timedelta(minutes=int(rule.threshold)))
        if rule.at_minute is not None:
            instants.append(_clock_instant(calendar, rule.at_minute, now))
    if calendar.is_open(now) and (strategy.ladder is not None or needs_of(strategy.exits)):
        instants.append(now + ROUND)
    ahead = [instant for instant in instants if instant > now]
    return min(ahead, default=now + ROUND)


def _clock_instant(calendar: TradingCalendar, minute: int, now: datetime) -> datetime:
    close_at = calendar.next_close(now)
    at = calendar.at_minute(calendar.exchange_date(close_at), minute)
    return at if at < close_at else close_at - timedelta(minutes=EARLY_CLOSE_MINUTES)


STEP = Step(
    name=StepName.MANAGE_POSITION,
    decider=Decider(name="manage_position", inputs=Inputs, decide=decide),
    gather=gather,
    act=act,
    is_quiet=lambda said: (
        said.kind == "hold"
        and not said.place
        and not said.wish_met
        and not said.ladder
        and not said.asks
        and (said.legs is None or said.legs.action not in ORDERS_LEGS)
    ),
    delivers=_deliveries,
)
