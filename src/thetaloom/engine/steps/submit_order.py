"""Step 11: the approved proposal becomes an order, after everything was checked again, and is walked to its fill."""

from dataclasses import dataclass, replace
from datetime import timedelta

from thetaloom.domain.book.orders import Effect, Order, OrderPurpose, OrderStatus
from thetaloom.domain.book.refusals import NextAction, Refusal, next_valid_price
from thetaloom.domain.book.rolls import Progress, can_close
from thetaloom.domain.risk.limits import LimitCheck
from thetaloom.domain.risk.violations import Action, violations_of
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.proposals import Proposal
from thetaloom.domain.run.runs import Outcome, RunStatus, StepName, WorkflowRun
from thetaloom.domain.values.ids import ClientOrderId, make_client_order_id
from thetaloom.domain.values.money import Price
from thetaloom.domain.values.reasons import ALLOWED, Reason, Verdict, denied
from thetaloom.engine.desk import Desk
from thetaloom.engine.entry_gate import Gate, may_wait, pass_gate, read_gate
from thetaloom.engine.findings import RiskFinding
from thetaloom.engine.lineage import Decider, output_of
from thetaloom.engine.order_manager import leg_quotes, perform
from thetaloom.engine.order_work import (
    DELIVERED,
    QUOTE_RETRY,
    OrderAction,
    OrderMove,
    OrderWork,
    judge_legs,
    net_prices,
    next_move,
    ticks_of,
)
from thetaloom.engine.rolls import (
    LOOK,
    RollWork,
    ask_close,
    call_off,
    floor_left,
    note_closed,
    note_incomplete,
    quantity_to_open,
    terms_of,
    work_of,
)
from thetaloom.engine.step import Step, ended, next_step, proposals_of, strategy_of, tell
from thetaloom.engine.walks import opened_at, past_places, walk_of
from thetaloom.errors import InvariantError
from thetaloom.ports.store import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The proposal, the gate (only while no order stands), and the order's work."""

    client_order_id: ClientOrderId
    proposal: Proposal
    gate: Gate | None
    work: OrderWork
    queues: bool = True  # whether it may wait for the open
    refused_limit: Price | None = None  # at which the broker said no for its price
    roll: RollWork | None = None  # the position that makes way first
    quantity: int = 0  # to be opened; 0 = as proposed


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """The next move, and the limits as they stood at the gate."""

    verdict: Verdict
    move: OrderMove
    checks: tuple[LimitCheck, ...]
    queued: bool = False  # waits for the open
    asks_again: bool = False  # what was approved does not cover the market as it is now
    asks_close: bool = False  # of a roll: all holds still, the position that makes way is closed now
    called_off: bool = False  # of a roll: nothing was closed, and nothing will be


WAITED_OUT = frozenset({Reason.MAX_ENTRY_QUOTE_AGE, Reason.MAX_QUOTE_AGE})  # quotes that may be fresh in a moment
SUPERSEDED_BY = frozenset({NextAction.QUEUE, NextAction.REPRICE, NextAction.REGENERATE})


def gather(desk: Desk, run: WorkflowRun) -> Inputs:
    now, settings = desk.clock.now(), desk.settings
    strategy = strategy_of(desk, run)
    with desk.store.reading() as uow:
        proposal = proposals_of(uow, run.id)[-1]
        entries = [order for order in uow.orders.of_run(run.id) if order.effect is Effect.OPEN]
        approved = output_of(desk, uow, run.id, StepName.CHECK_RISK, RiskFinding)
        roll = work_of(desk, uow, run, now)
    refused = entries[-1] if entries and is_superseded(entries[-1]) else None
    order = entries[-1] if entries and refused is None else None
    legs = leg_quotes(desk, proposal.legs, now)
    waits = roll is not None and roll.progress in {Progress.WAITS, Progress.NOT_CLOSED}
    gate = None if order is not None or waits else read_gate(desk, run, proposal, approved, legs, now, roll)
    quantity, floor = proposal.quantity, proposal.limit_floor
    if roll is not None and roll.is_closed:
        quantity = quantity_to_open(roll, proposal)
        ticks = ticks_of(legs, settings.penny_classes)
        floor = floor_left(roll, proposal, quantity, ticks) if quantity else floor
    session_end = desk.calendar.next_close(now)
    rule = walk_of(strategy)
    work = OrderWork(
        legs=legs,
        order=order,
        rule=rule,
        interval_seconds=rule.interval_seconds or settings.exit_interval_seconds,
        floor=floor,
        quote_age_seconds_max=strategy.liquidity.quote_age_seconds_max,
        is_open=desk.calendar.is_open(now),
        next_open_at=desk.calendar.next_open(now),
        cancel_at=min(now + timedelta(minutes=settings.order_minutes_max), session_end),
        now=now,
        opened_at=opened_at(desk, now),
        past_places=past_places(desk, rule, run.account_id, Effect.OPEN, proposal.legs),
        penny_classes=settings.penny_classes,
        chosen=proposal.entry_price,
    )
    return Inputs(
        client_order_id=order.client_order_id if order else make_client_order_id(run.id, "entry", len(entries) + 1),
        proposal=proposal,
        gate=gate,
        work=work,
        queues=strategy.approval.queue_for_open,
        refused_limit=refused.limit_price if refused and refused.refusal is Refusal.BAD_PRICE else None,
        roll=roll,
        quantity=quantity,
    )


def is_superseded(order: Order) -> bool:
    """Say whether an entry was refused whole, for a cause after which another order may take its place."""
    refusal = order.refusal
    whole = order.status is OrderStatus.REJECTED and not order.filled
    return whole and refusal is not None and refusal.action in SUPERSEDED_BY


def decide(given: Inputs) -> Output:
    if given.work.order is None and given.roll is not None and given.gate is None:
        return _for_the_close(given, given.roll)
    if given.gate is None:
        move = next_move(given.work)
        return Output(verdict=move.verdict, move=move, checks=())
    earlier = _of_another_session(given)
    if earlier is not None:
        return earlier
    return _at_the_gate(given, given.gate)


def _at_the_gate(given: Inputs, gate: Gate) -> Output:
    verdict, checks = pass_gate(gate, given.proposal, given.work.now)
    if verdict.reason in WAITED_OUT and given.work.now + QUOTE_RETRY <= gate.give_up_at:
        return _waits(given, checks)
    if not verdict.is_allowed:
        refused = OrderMove(verdict=verdict, action=OrderAction.REFUSE, look_again_at=given.work.now)
        return Output(verdict=verdict, move=refused, checks=checks)
    move = _on_coarser_tick(next_move(given.work), given.refused_limit)
    if given.roll is None or not given.roll.is_closed:  # else it works at its floor: what was sold is off already
        move = _within_band(move, given.work)
    if move.action is OrderAction.REFUSE and may_wait(move, gate, given.work.now):
        return _waits(given, checks)
    if given.roll is not None and given.roll.progress is Progress.NOT_ASKED and move.action is OrderAction.STAGE:
        return _asks_close(given, given.roll, checks)
    asks_again = move.verdict.reason is Reason.PRICE_MOVED
    return Output(verdict=move.verdict, move=move, checks=checks, asks_again=asks_again)


def _asks_close(given: Inputs, roll: RollWork, checks: tuple[LimitCheck, ...]) -> Output:
    # Both sides are looked at once more before the first of them is touched.
    work = given.work
    verdict = judge_legs(roll.legs, work.now, work.quote_age_seconds_max, closes=True)
    mid, natural = net_prices(roll.legs)
    terms = terms_of(given.proposal)
    wait = OrderMove(verdict=ALLOWED, action=OrderAction.WAIT, look_again_at=work.now + QUOTE_RETRY)
    if not verdict.is_allowed or mid is None:
        if given.gate is not None and wait.look_again_at <= given.gate.give_up_at:
            return Output(verdict=ALLOWED, move=wait, checks=checks)
        refused = replace(wait, verdict=verdict, action=OrderAction.REFUSE)
        return Output(verdict=verdict, move=refused, checks=checks)
    if not can_close(roll.roll, roll.position):
        changed = denied(Reason.APPROVAL_CONTENT_CHANGED, position=roll.position.id, held=roll.position.quantity)
        refused = replace(wait, verdict=changed, action=OrderAction.REFUSE)
        return Output(verdict=changed, move=refused, checks=checks)
    if mid < terms.limit_floor:
        moved = denied(Reason.PRICE_MOVED, closing_mid=mid, floor=terms.limit_floor, natural=natural)
        refused = replace(wait, verdict=moved, action=OrderAction.REFUSE)
        return Output(verdict=moved, move=refused, checks=checks, asks_again=True)
    asks = Verdict(answer=ALLOWED.answer, reason=Reason.ROLL_CLOSING, facts={"floor": str(terms.limit_floor)})
    return Output(verdict=asks, move=replace(wait, look_again_at=work.now + LOOK), checks=checks, asks_close=True)


def _for_the_close(given: Inputs, roll: RollWork) -> Output:
    now = given.work.now
    wait = OrderMove(verdict=ALLOWED, action=OrderAction.WAIT, look_again_at=now + LOOK)
    late = roll.gives_up_at is not None and now >= roll.gives_up_at and not roll.is_staged
    if roll.progress is Progress.WAITS and not late:
        return Output(verdict=ALLOWED, move=wait, checks=())
    verdict = denied(Reason.ROLL_NOT_CLOSED, position=roll.position.id, held=roll.position.quantity)
    refused = replace(wait, verdict=verdict, action=OrderAction.REFUSE)
    return Output(verdict=verdict, move=refused, checks=(), called_off=True)


def _waits(given: Inputs, checks: tuple[LimitCheck, ...]) -> Output:
    waits = OrderMove(verdict=ALLOWED, action=OrderAction.WAIT, look_again_at=given.work.now + QUOTE_RETRY)
    return Output(verdict=ALLOWED, move=waits, checks=checks)


def _of_another_session(given: Inputs) -> Output | None:
    # An approved trade that meets a closed market waits for the open; there it is judged and approved anew, because
    # a night lies between what was approved and what the market is.
    work, gate = given.work, given.gate
    if gate is None or not given.queues or (given.roll is not None and given.roll.is_closed):
        return None
    if not work.is_open:
        facts = {"until": work.next_open_at.isoformat()}
        verdict = Verdict(answer=ALLOWED.answer, reason=Reason.WAITING_FOR_OPEN, facts=facts)
        move = OrderMove(verdict=verdict, action=OrderAction.WAIT, look_again_at=work.next_open_at)
        return Output(verdict=verdict, move=move, checks=(), queued=True)
    if gate.session_opened_at is None or gate.decided_at >= gate.session_opened_at:
        return None
    verdict = denied(Reason.APPROVAL_EXPIRED, approved_at=gate.decided_at.isoformat(), asks="again")
    move = OrderMove(verdict=verdict, action=OrderAction.REFUSE, look_again_at=work.now)
    return Output(verdict=verdict, move=move, checks=(), asks_again=True)


def _on_coarser_tick(move: OrderMove, refused: Price | None) -> OrderMove:
    if refused is None or move.limit_price is None:
        return move
    return replace(move, limit_price=next_valid_price(max(refused, move.limit_price)))


def act(desk: Desk, uow: UnitOfWork, run: WorkflowRun, given: Inputs, said: Output) -> WorkflowRun:
    now, move, order = given.work.now, said.move, given.work.order
    if said.queued:
        until = said.move.look_again_at
        tell(uow, run, EventKind.ORDER_QUEUED, now, proposal=given.proposal.id, until=until.isoformat())
        return next_step(run, StepName.SUBMIT_ORDER, RunStatus.EXECUTING, now, due_at=until)
    if said.asks_close and given.roll is not None:
        ask_close(uow, run, given.roll, given.proposal, now)
        return next_step(run, StepName.SUBMIT_ORDER, RunStatus.EXECUTING, now, due_at=move.look_again_at)
    if said.called_off and given.roll is not None:
        call_off(uow, run, given.roll, str(said.verdict), now)
        return ended(uow, run, Outcome.UNFILLED, said.verdict, now)
    if said.asks_again:
        uow.proposals.save(given.proposal.spent())
        return next_step(run, StepName.EVALUATE, RunStatus.EVALUATING, now)
    if not said.verdict.is_allowed:
        for violation in violations_of(
            said.checks,
            user_id=run.user_id,
            account_id=run.account_id,
            run_id=run.id,
            symbol=run.symbol,
            action=Action.DENIED_AT_ENTRY,
            now=now,
        ):
            uow.violations.add(violation)
        if given.roll is not None and given.roll.is_closed:
            cause = str(said.verdict)
            note_incomplete(uow, run, given.roll.roll, cause, now)
            return ended(uow, run, Outcome.UNFILLED, denied(Reason.ROLL_INCOMPLETE, cause=cause), now)
        return ended(uow, run, Outcome.DENIED, said.verdict, now)
    if move.action is OrderAction.STAGE:
        order = _stage(uow, run, given, said)
        if given.roll is not None and order.floor is not None:
            note_closed(uow, run, given.roll, now, order.floor)
    perform(uow, run, order, move, now)
    return next_step(run, StepName.SUBMIT_ORDER, RunStatus.EXECUTING, now, due_at=move.look_again_at)


def _within_band(move: OrderMove, work: OrderWork) -> OrderMove:
    # What was approved does not cover a market that has left the band; the run asks again.
    mid, floor = move.mid_price, work.floor
    if work.chosen is not None:  # a limit above mid is what the person chose; it fills there or better, or not at all
        return move
    if move.action is not OrderAction.STAGE or mid is None or floor is None or mid >= floor:
        return move
    moved = denied(Reason.PRICE_MOVED, mid=mid, floor=floor, natural=move.natural_price)
    return replace(move, verdict=moved, action=OrderAction.REFUSE, limit_price=None, look_again_at=work.now)


def _stage(uow: UnitOfWork, run: WorkflowRun, given: Inputs, said: Output) -> Order:
    if said.move.limit_price is None:
        raise InvariantError(f"{run.id}: an order without a limit price was about to be staged")
    order = Order(
        client_order_id=given.client_order_id,
        run_id=run.id,
        account_id=run.account_id,
        effect=Effect.OPEN,
        purpose=OrderPurpose.ENTRY,
        legs=given.proposal.legs,
        quantity=given.quantity or given.proposal.quantity,
        limit_price=said.move.limit_price,
        floor=given.work.floor,
        staged_at=given.work.now,
        expires_at=given.work.cancel_at,
    )
    uow.orders.add(order)
    return order


STEP = Step(
    name=StepName.SUBMIT_ORDER,
    decider=Decider(name="submit_order", inputs=Inputs, decide=decide),
    gather=gather,
    act=act,
    is_quiet=lambda said: said.move.action is OrderAction.WAIT and not said.queued and not said.asks_close,
    delivers=lambda given, said: (given.client_order_id,) if said.move.action in DELIVERED else (),
)
