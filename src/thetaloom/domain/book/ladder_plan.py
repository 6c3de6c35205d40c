"""The ladder of a whole position: which spreads get an order now, what must be out of the way first, who is told."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from thetaloom.domain.book.ladder import (
    FRESH,
    LadderAction,
    LadderOrder,
    LadderSpread,
    LadderState,
    decide_ladder,
    ladder_limit,
    ladder_order,
    with_cancelled_targets,
    with_error,
)
from thetaloom.domain.book.orders import Effect, Order, OrderPurpose, OrderStatus
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.price_walk import most_to_pay
from thetaloom.domain.book.resting import TAKEN_BACK, beyond_held
from thetaloom.domain.book.spreads import Spread
from thetaloom.domain.strategy.strategies import ExitKind, Strategy
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import ClientOrderId, make_client_order_id
from thetaloom.domain.values.instruments import Right
from thetaloom.domain.values.money import CENT, Price
from thetaloom.domain.values.reasons import Reason
from thetaloom.domain.values.ticks import tick_rule

CHECK_EVERY = timedelta(minutes=15)  # of market hours; an order that died is tried again at the next check


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderStep:
    """What to do about one spread, and what to remember of it."""

    part: str
    action: LadderAction
    why: str
    dte: int
    state: LadderState
    withdraw: tuple[ClientOrderId, ...] = ()  # to be canceled before anything is placed
    client_order_id: ClientOrderId | None = None  # of the order to place
    legs: tuple[Leg, ...] = ()  # as closing trades them
    quantity: int = 0
    limit_price: Price | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderPlan:
    """The steps, and when to look again for what may not be tried yet."""

    steps: tuple[LadderStep, ...] = ()
    look_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderFacts:
    """What the ladder of a position rests on beside the position itself."""

    threshold_dte: int
    is_managed: bool  # opened by us, and with a target
    today: date  # of the exchange
    penny_classes: tuple[str, ...] = ()


NOTHING_TO_DO = LadderPlan()


def in_force(strategy: Strategy, position: Position, dte: int) -> bool:
    """Say whether the ladder closes this position, so that profit targets no longer do."""
    ladder = strategy.ladder
    return ladder is not None and 0 <= dte <= ladder.threshold_dte and has_target(strategy, position)


def has_target(strategy: Strategy, position: Position) -> bool:
    """Say whether any target takes this position's profit: an exit rule, or one of a spread."""
    by_rule = any(rule.kind is ExitKind.PROFIT_TARGET for rule in strategy.exits)
    return by_rule or any(spread.target_percent is not None for spread in position.spreads)


def under_ladder(position: Position, facts: LadderFacts | None) -> frozenset[str]:
    """Return the names of the spreads that the ladder closes; no target is placed for them."""
    if facts is None or not facts.is_managed:
        return frozenset()
    near = (one for one in position.spreads if _dte(one, facts.today) <= facts.threshold_dte)
    return frozenset(one.name for one in near)


def plan_ladder(
    position: Position,
    orders: Sequence[Order],
    states: Mapping[str, LadderState],
    facts: LadderFacts,
    *,
    now: datetime,
) -> LadderPlan:
    """Say what the ladder does now; ``orders`` are the run's, oldest first. Asked again it finds nothing new to do."""
    steps: list[LadderStep] = []
    waits: list[datetime] = []
    staged = list(orders)
    for spread in position.spreads:
        dte = _dte(spread, facts.today)
        if not spread.quantity or not 0 <= dte <= facts.threshold_dte:
            continue
        state = states.get(spread.name, FRESH)
        step = _step(position, spread, orders, state, facts, now)
        if step.action is LadderAction.KEEP:
            again = _again_at(orders, state, dte)
            if again is not None and again > now:
                waits.append(again)
            continue
        if step.action is LadderAction.PLACE and not step.withdraw:
            order = _as_order(position, step, now)
            if any(over.client_order_id == order.client_order_id for over in beyond_held(position, [*staged, order])):
                continue  # what works already could close all that is held; its end calls for another look
            staged.append(order)
        steps.append(step)
    return LadderPlan(steps=tuple(steps), look_at=min(waits, default=None))


def _step(
    position: Position,
    spread: Spread,
    orders: Sequence[Order],
    state: LadderState,
    facts: LadderFacts,
    now: datetime,
) -> LadderStep:
    dte = _dte(spread, facts.today)
    kept = LadderStep(part=spread.name, action=LadderAction.KEEP, why="", dte=dte, state=state)
    order, stands = _newest(orders, state)
    if order is not None and stands is LadderOrder.DEAD and state.last_processed_dte == dte:
        if order.reason == Reason.ORDER_CANCELED.value:
            return replace(kept, why="a person canceled it; it comes back with the next day")
        if order.reason not in TAKEN_BACK and now < _pause_ends(order):
            return replace(kept, why="the next check tries again")
        state = _after_death(state, order)
    judged = _judged(spread, facts)
    legs = tuple(Leg(contract=leg.contract, ratio=-leg.ratio) for leg in spread.legs)
    attempt = 1 + sum(one.purpose is OrderPurpose.LADDER and one.part == spread.name for one in orders)
    working = _in_the_way(orders, spread.name)
    tick = CENT
    if judged.is_managed:
        limits = tuple(one.limit_price for one in working if one.purpose is OrderPurpose.TARGET)
        state = with_cancelled_targets(state, limits)
        tick = tick_rule(legs, facts.penny_classes).tick(ladder_limit(judged, dte, state.cancelled_targets))
    said = decide_ladder(
        state,
        judged,
        dte,
        stands,
        threshold_dte=facts.threshold_dte,
        now=now,
        order_id=make_client_order_id(position.run_id, OrderPurpose.LADDER.value, attempt, spread.name),
        tick=tick,
    )
    step = replace(kept, action=said.action, why=said.why, state=said.state)
    if said.action is LadderAction.REPLACE and order is not None:
        return replace(step, state=state, withdraw=(order.client_order_id,))
    if said.action is not LadderAction.PLACE:
        return step
    if working:
        return _cleared(replace(step, state=state), kept, working)
    return replace(
        step,
        client_order_id=said.state.current_order_id,
        legs=legs,
        quantity=spread.quantity,
        limit_price=said.limit_price,
    )


def _cleared(step: LadderStep, kept: LadderStep, working: Iterable[Order]) -> LadderStep:
    asked = tuple(one.client_order_id for one in working if one.status is not OrderStatus.PENDING_CANCEL)
    if not asked:  # it may still fill: what is left is known once the broker has spoken
        return replace(kept, why="a target is being canceled")
    return replace(step, action=LadderAction.REPLACE, withdraw=asked)


def _newest(orders: Iterable[Order], state: LadderState) -> tuple[Order | None, LadderOrder]:
    order = next((one for one in orders if one.client_order_id == state.current_order_id), None)
    stands = ladder_order(order)
    # It filled, and more is held since: an entry's late fill.
    return order, LadderOrder.DEAD if stands is LadderOrder.FILLED else stands


def _after_death(state: LadderState, order: Order) -> LadderState:
    if order.reason in TAKEN_BACK:  # it made way for another exit, which came to nothing: no failed try
        return replace(state, last_processed_dte=None)
    return with_error(state, order.reason or order.status.value.lower())


def _judged(spread: Spread, facts: LadderFacts) -> LadderSpread:
    """Return the spread as the ladder looks at it; one without a known most that it can lose is only told of."""
    closing = tuple(Leg(contract=leg.contract, ratio=-leg.ratio) for leg in spread.legs)
    worths = [most_to_pay(spread.legs), most_to_pay(closing)]
    bounds = [-worth for worth in worths if worth is not None]
    entry = spread.entry_price
    width = max(bounds, default=Price(0))
    fits = width > 0 and entry != 0 and -width <= entry <= width
    if entry > 0:
        fits = fits and None not in worths and _is_covered(spread.legs)
    return LadderSpread(entry_price=entry, width=width, is_managed=facts.is_managed and fits)


def _is_covered(legs: Iterable[Leg]) -> bool:
    held: Counter[Right] = Counter()
    for leg in legs:
        held[leg.contract.right] += leg.ratio
    return all(number >= 0 for number in held.values())


def _in_the_way(orders: Iterable[Order], part: str) -> list[Order]:
    """Return the closing orders that must be gone before the ladder's: the spread's targets, and earlier exits."""
    others = (OrderPurpose.TARGET, OrderPurpose.EXIT)
    closing = (one for one in orders if one.effect is Effect.CLOSE and one.is_open and one.purpose in others)
    return [one for one in closing if one.part in ("", part)]


def _again_at(orders: Sequence[Order], state: LadderState, dte: int) -> datetime | None:
    order = next((one for one in orders if one.client_order_id == state.current_order_id), None)
    if order is None or order.is_open or state.last_processed_dte != dte:
        return None
    return _pause_ends(order)


def _pause_ends(order: Order) -> datetime:
    return order.staged_at + CHECK_EVERY


def _as_order(position: Position, step: LadderStep, now: datetime) -> Order:
    return ladder_order_of(position, step, now=now, expires_at=now)


def ladder_order_of(position: Position, step: LadderStep, *, now: datetime, expires_at: datetime) -> Order:
    """Return the order that a step places."""
    return Order(
        client_order_id=step.client_order_id or ClientOrderId(""),
        run_id=position.run_id,
        account_id=position.account_id,
        effect=Effect.CLOSE,
        purpose=OrderPurpose.LADDER,
        part=step.part,
        legs=step.legs,
        quantity=step.quantity,
        limit_price=step.limit_price if step.limit_price is not None else Price(0),
        floor=step.limit_price,
        staged_at=now,
        expires_at=expires_at,
    )


def _dte(spread: Spread, today: date) -> int:
    return min(leg.contract.dte(today) for leg in spread.legs)
