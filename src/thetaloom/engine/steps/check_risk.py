"""Step 9: how many structures the account may trade, and every limit that says no."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import partial

from thetaloom.domain.book.imbalance import Conflict
from thetaloom.domain.risk.limits import RiskLimits
from thetaloom.domain.risk.margin import buying_power_effect
from thetaloom.domain.risk.margin_rules import MarginLeg
from thetaloom.domain.risk.violations import Action, violations_of
from thetaloom.domain.run.runs import Outcome, RunStatus, StepName, WorkflowRun
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.reasons import Reason, unknown
from thetaloom.engine.desk import Desk
from thetaloom.engine.dry_runs import ask_dry_run, held_against, tells_beforehand
from thetaloom.engine.findings import DryRun, Indicators, Judgement, RiskFinding
from thetaloom.engine.held import held_legs
from thetaloom.engine.imbalance import conflict_of, conflict_verdict
from thetaloom.engine.lineage import Decider, output_of
from thetaloom.engine.portfolio import portfolio_of
from thetaloom.engine.risk_check import RiskBasis, Wanted, basis_of, judge_risk
from thetaloom.engine.roll_risk import RollSide, freed, released, roll_side, sized_for_roll
from thetaloom.engine.signal_context import size_factor_of
from thetaloom.engine.step import Step, ended, next_step, strategy_of
from thetaloom.ports.store import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The candidate in numbers, and what it is judged by."""

    symbol: str
    strategy: Strategy
    legs: tuple[Leg, ...]
    judgement: Judgement
    basis: RiskBasis
    held: tuple[MarginLeg, ...] | None  # on the same underlying, at today's prices; None = a price is not known
    held_shares: int  # of the underlying
    is_cash_account: bool
    now: datetime
    conflict: Conflict | None = None  # with what others hold or are opening
    roll: RollSide | None = None  # what makes way, or is added to
    signal_factor: Decimal | None = None  # by which the signal that started the run scales its size
    quantity: int | None = None  # that a person wants; None = by the strategy's rule
    dry_run: DryRun | None = None  # of what would be allowed; None = the broker was not asked
    preview_tolerance: Decimal = Decimal(0)


def gather(desk: Desk, run: WorkflowRun) -> Inputs:
    return with_dry_run(desk, run, gather_ours(desk, run))


def with_dry_run(desk: Desk, run: WorkflowRun, given: Inputs) -> Inputs:
    """Add what the broker says of the trade that our own numbers allow; a roll's other side would mislead it."""
    if given.roll is not None or not tells_beforehand(desk):
        return given
    ours = decide(given)
    if not ours.verdict.is_allowed:
        return given
    said = ask_dry_run(desk, run, given.judgement.evaluation, ours.quantity)
    return replace(given, dry_run=said, preview_tolerance=desk.settings.preview_tolerance)


def gather_ours(desk: Desk, run: WorkflowRun) -> Inputs:
    """Gather what is judged by our own numbers alone."""
    now, strategy = desk.clock.now(), strategy_of(desk, run)
    snapshot = desk.broker.account()
    with desk.store.reading() as uow:
        judgement = output_of(desk, uow, run.id, StepName.EVALUATE, Judgement)
        indicators = output_of(desk, uow, run.id, StepName.COMPUTE_INDICATORS, Indicators)
        limits = RiskLimits.from_settings(uow.accounts.limits(run.user_id))
        roll = roll_side(desk, uow, run, now)
        instead = None if roll is None else roll.after
        portfolio = portfolio_of(desk, uow, snapshot, limits, now, without=run.id, instead=instead)
        metrics = {metric.value: number for metric, number in indicators.metrics.items()}
        held = held_legs(desk, uow, run.symbol, now, without=run.id, instead=instead)
        legs = tuple(entry.leg for entry in judgement.evaluation.legs)
        conflict = conflict_of(desk, uow, run.id, legs, instead=instead)
        basis = basis_of(desk, uow, run.symbol, portfolio, limits, strategy, metrics, now)
        signal_factor = size_factor_of(desk, uow, run)
    return Inputs(
        symbol=run.symbol,
        strategy=strategy,
        legs=legs,
        judgement=judgement,
        basis=basis,
        held=held,
        held_shares=(snapshot.shares or {}).get(run.symbol, 0),
        is_cash_account=snapshot.is_cash_account,
        now=now,
        conflict=conflict,
        roll=roll,
        signal_factor=signal_factor,
    )


def decide(given: Inputs) -> RiskFinding:
    found = _by_our_numbers(given)
    if given.dry_run is None or not found.verdict.is_allowed:
        return found
    return held_against(found, given.dry_run, given.basis.portfolio.buying_power, given.preview_tolerance)


def _by_our_numbers(given: Inputs) -> RiskFinding:
    if given.conflict is not None:
        refused = conflict_verdict(given.conflict)
        return RiskFinding(verdict=refused, quantity=0, max_loss=None, buying_power_effect=None, checks=())
    evaluation, spot, strategy = given.judgement.evaluation, given.judgement.spot, given.strategy
    if evaluation.mid_price is None or spot is None:
        refused = unknown(Reason.NO_QUOTE)
        return RiskFinding(verdict=refused, quantity=0, max_loss=None, buying_power_effect=None, checks=())
    mids = {entry.leg.contract: entry.mid for entry in evaluation.legs if entry.mid is not None}
    effect = partial(
        buying_power_effect,
        given.legs,
        evaluation.mid_price,
        spot=spot,
        is_cash_account=given.is_cash_account,
        prices=mids,
        held_shares=given.held_shares,
    )
    wanted = Wanted(
        symbol=given.symbol,
        evaluation=evaluation,
        buying_power_effect=effect(),
        # Where the worth of what is held is unknown, the order is looked at alone.
        effect_beside_held=lambda quantity: effect(quantity=quantity, held=given.held or ()),
        structures_max=given.judgement.structures_max,
        shares_loss=spot.times(max(0, evaluation.shares)),
        size=strategy.size,
        strategy_id=strategy.id,
        positions_max=strategy.positions_max,
        capital_percent_max=strategy.capital_percent_max,
        undefined_risk_allowed=strategy.allow_undefined_risk,
    )
    if given.roll is None:
        factor = given.signal_factor if given.quantity is None else None  # a person's own number is not scaled
        return judge_risk(given.basis, replace(wanted, signal_factor=factor, quantity=given.quantity))
    releases = released(given.roll, spot=spot, is_cash_account=given.is_cash_account, shares=given.held_shares)
    wanted = replace(wanted, quantity=given.roll.quantity)
    return sized_for_roll(judge_risk(freed(given.basis, releases), wanted), given.roll, releases)


def act(desk: Desk, uow: UnitOfWork, run: WorkflowRun, given: Inputs, said: RiskFinding) -> WorkflowRun:
    if not said.verdict.is_allowed:
        for violation in violations_of(
            said.checks,
            user_id=run.user_id,
            account_id=run.account_id,
            run_id=run.id,
            symbol=run.symbol,
            action=Action.DENIED,
            now=given.now,
        ):
            uow.violations.add(violation)
        return ended(uow, run, Outcome.DENIED, said.verdict, given.now)
    return next_step(run, StepName.REQUEST_APPROVAL, RunStatus.PENDING_APPROVAL, given.now)


STEP = Step(
    name=StepName.CHECK_RISK,
    decider=Decider(name="check_risk", inputs=Inputs, decide=decide),
    gather=gather,
    act=act,
)
