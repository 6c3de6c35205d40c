"""Step 12: the position against its exit rules, on every quote and at the instants its clock rules name."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from thetaloom.domain.book.exits import ExitAnswer, decide_exit, target_price
from thetaloom.domain.book.fills import Fill, LegFill
from thetaloom.domain.book.positions import Position
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import Outcome, RunStatus, StepName, WorkflowRun
from thetaloom.domain.strategy.strategies import ExitKind, Strategy
from thetaloom.domain.values.ids import FillId, make_client_order_id
from thetaloom.domain.values.instruments import Right
from thetaloom.domain.values.money import Money, Price
from thetaloom.domain.values.reasons import ALLOWED, Answer, Reason, Verdict
from thetaloom.engine.desk import Desk
from thetaloom.engine.findings import ExitFinding
from thetaloom.engine.lineage import Decider
from thetaloom.engine.marks import PositionView, mark, view_position
from thetaloom.engine.order_manager import leg_quotes
from thetaloom.engine.step import Step, ended, next_step, strategy_of, tell
from thetaloom.errors import InvariantError
from thetaloom.ports.store import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The position with its marks' sources, what a person asked for, and what expiration brought."""

    view: PositionView
    close_asked: bool
    settles_at: datetime
    settlement_spot: Price | None  # known only after ``settles_at``
    cash_settled: bool
    next_check_at: datetime


def gather(desk: Desk, run: WorkflowRun) -> Inputs:
    now = desk.clock.now()
    strategy = strategy_of(desk, run)
    with desk.store.reading() as uow:
        position = uow.positions.of_run(run.id)
    if position is None:
        raise InvariantError(f"{run.id} manages a position that does not exist")
    quotes = leg_quotes(desk, position.held_legs, now)
    view = view_position(desk, position, strategy.exits, quotes, strategy.liquidity.quote_age_seconds_max, now)
    settles_at = max(desk.calendar.settles_at(leg.contract) for leg in position.legs)
    settled = now >= settles_at
    return Inputs(
        view=view,
        close_asked=run.reason == Reason.MANUAL_CLOSE.value,
        settles_at=settles_at,
        settlement_spot=desk.market.spot(run.symbol, settles_at) if settled else None,
        cash_settled=position.legs[0].contract.is_index,
        next_check_at=_next_check(desk, strategy, now, settles_at),
    )


def decide(given: Inputs) -> ExitFinding:
    position = given.view.position
    if given.view.now >= given.settles_at:
        return _settle(given)
    if given.close_asked:
        asked = Verdict(answer=Answer.ALLOW, reason=Reason.MANUAL_CLOSE)
        return ExitFinding(verdict=asked, kind="close", keep_quantity=0, exit=None, marks=mark(given.view))
    marks = mark(given.view)
    fired = frozenset(position.exits_fired)
    said = decide_exit(given.view.rules, position, marks, fired)
    if said.rule is not None and said.rule.kind is ExitKind.PROFIT_TARGET:
        # A target's order would be overtaken at once, and then staged again, for as long as both rules are met.
        other = decide_exit(given.view.rules, position, marks, fired, beside_target=True)
        said = other if other.answer is ExitAnswer.CLOSE else said
    if said.answer is ExitAnswer.HOLD:
        return ExitFinding(verdict=ALLOWED, kind="hold", keep_quantity=position.quantity, exit=said, marks=marks)
    verdict = Verdict(answer=Answer.ALLOW, reason=said.reason, facts=said.facts)
    keep = position.quantity - said.quantity
    floor = target_price(position, said.rule) if said.rule is not None else None
    return ExitFinding(verdict=verdict, kind="close", keep_quantity=keep, exit=said, marks=marks, floor=floor)


def act(desk: Desk, uow: UnitOfWork, run: WorkflowRun, given: Inputs, said: ExitFinding) -> WorkflowRun:
    now, position = given.view.now, given.view.position
    if said.settlement is not None:
        settled = position.with_close_fill(said.settlement)
        uow.positions.save(settled)
        tell(uow, run, EventKind.POSITION_CLOSED, now, position=position.id, realized_pnl=settled.realized_pnl)
        assigned = said.verdict.reason is Reason.ASSIGNED
        return ended(uow, run, Outcome.ASSIGNED if assigned else Outcome.EXPIRED, said.verdict, now)
    if said.kind == "hold":
        return next_step(run, StepName.MANAGE_POSITION, RunStatus.MONITORING, now, due_at=given.next_check_at)
    reason = said.verdict.reason.value if said.verdict.reason else ""
    tell(uow, run, EventKind.EXIT_TRIGGERED, now, position=position.id, reason=reason, **said.verdict.facts)
    return replace(next_step(run, StepName.CLOSE_POSITION, RunStatus.CLOSING, now), reason=reason)


def _settle(given: Inputs) -> ExitFinding:
    view, spot = given.view, given.settlement_spot
    if spot is None:  # nobody knows yet what the legs are worth; the next check asks again
        return ExitFinding(verdict=ALLOWED, kind="hold", keep_quantity=view.position.quantity, exit=None, marks=None)
    fill = _settlement_fill(view.position, spot, view.now)
    if all(leg.price == 0 for leg in fill.legs):
        reason = Reason.EXPIRED_WORTHLESS
    else:
        reason = Reason.CASH_SETTLED if given.cash_settled else Reason.ASSIGNED
    verdict = Verdict(answer=Answer.ALLOW, reason=reason, facts={"spot": str(spot), "price": str(fill.price)})
    return ExitFinding(verdict=verdict, kind="settle", keep_quantity=0, exit=None, marks=None, settlement=fill)


def _settlement_fill(position: Position, spot: Price, now: datetime) -> Fill:
    legs, net = [], Price(0)
    for leg in position.legs:
        strike = Price(leg.contract.strike)
        inside = spot - strike if leg.contract.right is Right.CALL else strike - spot
        worth = max(inside, Price(0))
        net += worth * leg.ratio
        legs.append(LegFill(contract=leg.contract, quantity=-leg.ratio * position.quantity, price=worth))
    return Fill(
        fill_id=FillId(f"settlement-{position.id}"),
        client_order_id=make_client_order_id(position.run_id, "settlement", 1),
        quantity=position.quantity,
        price=net,
        fees=Money(0),
        filled_at=now,
        legs=tuple(legs),
        model="intrinsic value at the settlement price of the underlying",
    )


def _next_check(desk: Desk, strategy: Strategy, now: datetime, settles_at: datetime) -> datetime:
    instants = [desk.calendar.next_open(now), settles_at]
    for rule in strategy.exits:
        if rule.kind is ExitKind.MINUTES_TO_CLOSE:
            instants.append(desk.calendar.next_close(now) - timedelta(minutes=int(rule.threshold)))
    ahead = [instant for instant in instants if instant > now]
    return min(ahead, default=now + timedelta(minutes=15))


STEP = Step(
    name=StepName.MANAGE_POSITION,
    decider=Decider(name="manage_position", inputs=Inputs, decide=decide),
    gather=gather,
    act=act,
    is_quiet=lambda said: said.kind == "hold",
)
