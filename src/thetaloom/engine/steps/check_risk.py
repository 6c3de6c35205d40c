"""Step 9: how many structures the account may trade, and every limit that says no."""

from dataclasses import dataclass
from datetime import datetime

from thetaloom.domain.risk.limits import Portfolio, RiskLimits, Trade, check_limits
from thetaloom.domain.risk.margin import buying_power_effect
from thetaloom.domain.risk.margin_rules import MarginLeg
from thetaloom.domain.risk.sizing import size_structures
from thetaloom.domain.run.runs import Outcome, RunStatus, StepName, WorkflowRun
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.money import Money, Price
from thetaloom.domain.values.reasons import Reason, Verdict, unknown
from thetaloom.engine.desk import Desk
from thetaloom.engine.findings import Judgement, RiskFinding
from thetaloom.engine.lineage import Decider, output_of
from thetaloom.engine.portfolio import held_legs, portfolio_of
from thetaloom.engine.step import Step, ended, next_step, strategy_of
from thetaloom.ports.store import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The candidate in numbers, the account, and the limits in force."""

    symbol: str
    strategy: Strategy
    legs: tuple[Leg, ...]
    judgement: Judgement
    portfolio: Portfolio
    held: tuple[MarginLeg, ...] | None  # on the same underlying, at today's prices; None = a price is not known
    limits: RiskLimits
    is_cash_account: bool
    now: datetime


def gather(desk: Desk, run: WorkflowRun) -> Inputs:
    now = desk.clock.now()
    snapshot = desk.broker.account()
    with desk.store.reading() as uow:
        judgement = output_of(desk, uow, run.id, StepName.EVALUATE, Judgement)
        limits = RiskLimits.from_settings(uow.accounts.limits(run.user_id))
        portfolio = portfolio_of(desk, uow, snapshot, limits, now, without=run.id)
        held = held_legs(desk, uow, run.symbol, now)
    return Inputs(
        symbol=run.symbol,
        strategy=strategy_of(desk, run),
        legs=tuple(entry.leg for entry in judgement.evaluation.legs),
        judgement=judgement,
        portfolio=portfolio,
        held=held,
        limits=limits,
        is_cash_account=snapshot.is_cash_account,
        now=now,
    )


def decide(given: Inputs) -> RiskFinding:
    evaluation, spot = given.judgement.evaluation, given.judgement.spot
    if evaluation.mid_price is None or spot is None:
        return _refused(unknown(Reason.NO_QUOTE))
    alone = _effect(given, evaluation.mid_price, spot, ())
    sizing = size_structures(
        given.strategy.size,
        max_loss=evaluation.max_loss if evaluation.max_loss is not None else _undefined_risk(given.strategy, alone),
        net_liquidating_value=given.portfolio.net_liquidating_value,
    )
    if sizing.quantity == 0:
        return _refused(unknown(sizing.reason or Reason.QUANTITY_ZERO, **sizing.facts))
    # What is held may cover a part of the order. Where its worth is unknown the order is looked at alone.
    effect = _effect(given, evaluation.mid_price, spot, given.held or (), sizing.quantity)
    trade = Trade(
        symbol=given.symbol,
        quantity=sizing.quantity,
        max_loss=_times(evaluation.max_loss, sizing.quantity),
        buying_power_effect=effect,
        net_delta=None if evaluation.net_delta is None else evaluation.net_delta * sizing.quantity,
        undefined_risk_allowed=given.strategy.allow_undefined_risk,
    )
    verdict, checks = check_limits(given.limits, given.portfolio, trade)
    return RiskFinding(
        verdict=verdict,
        quantity=sizing.quantity,
        max_loss=trade.max_loss,
        buying_power_effect=trade.buying_power_effect,
        checks=checks,
    )


def act(desk: Desk, uow: UnitOfWork, run: WorkflowRun, given: Inputs, said: RiskFinding) -> WorkflowRun:
    if not said.verdict.is_allowed:
        return ended(uow, run, Outcome.DENIED, said.verdict, given.now)
    return next_step(run, StepName.REQUEST_APPROVAL, RunStatus.PENDING_APPROVAL, given.now)


def _effect(
    given: Inputs, net_price: Price, spot: Price, held: tuple[MarginLeg, ...], quantity: int = 1
) -> Money | None:
    mids = {entry.leg.contract: entry.mid for entry in given.judgement.evaluation.legs}
    return buying_power_effect(
        given.legs,
        net_price,
        spot=spot,
        is_cash_account=given.is_cash_account,
        quantity=quantity,
        prices={contract: mid for contract, mid in mids.items() if mid is not None},
        held=held,
    )


def _undefined_risk(strategy: Strategy, effect: Money | None) -> Money | None:
    return effect if strategy.allow_undefined_risk else None


def _refused(verdict: Verdict) -> RiskFinding:
    return RiskFinding(verdict=verdict, quantity=0, max_loss=None, buying_power_effect=None, checks=())


def _times(amount: Money | None, quantity: int) -> Money | None:
    return None if amount is None else amount * quantity


STEP = Step(
    name=StepName.CHECK_RISK,
    decider=Decider(name="check_risk", inputs=Inputs, decide=decide),
    gather=gather,
    act=act,
)
