"""Step 10: the proposal is shown, and waits for a person or for the strategy's own rule."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from thetaloom.domain.book.price_walk import approved_floor
from thetaloom.domain.book.rolls import ClosingTerms, Roll
from thetaloom.domain.book.targets import target_orders, target_text
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.proposals import Proposal, ProposalStatus
from thetaloom.domain.run.runs import Outcome, RunStatus, StepName, WorkflowRun
from thetaloom.domain.strategy.evaluation import LegEvaluation, quoted_mid
from thetaloom.domain.strategy.strategies import ApprovalMode, Strategy
from thetaloom.domain.values.ids import AccountId, ProposalId, RunId, UserId, make_proposal_id
from thetaloom.domain.values.money import Money, Price
from thetaloom.domain.values.reasons import ALLOWED, Reason, Verdict, denied
from thetaloom.domain.values.ticks import TickRule, quoted_in_pennies, tick_rule
from thetaloom.engine.desk import Desk
from thetaloom.engine.findings import Candidate, Judgement, RiskFinding
from thetaloom.engine.lineage import Decider, output_of
from thetaloom.engine.order_work import LegQuote, judge_legs, net_prices, ticks_of
from thetaloom.engine.rolls import closing_quotes
from thetaloom.engine.step import Step, ended, next_step, proposals_of, strategy_of, tell
from thetaloom.engine.walks import EXIT_REACH, walk_of
from thetaloom.errors import InvariantError
from thetaloom.ports.store import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a person wants otherwise than it was proposed."""

    supersedes: ProposalId
    entry_price: Price | None  # a limit that does not walk


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What is to be proposed, or the proposal that waits."""

    run_id: RunId
    user_id: UserId
    account_id: AccountId
    symbol: str
    strategy: Strategy
    strategy_revision: int
    waiting: Proposal | None
    attempt: int
    proposals_max: int
    candidate: Candidate
    judgement: Judgement
    risk: RiskFinding
    fee_per_contract: Money
    closes_at: datetime
    now: datetime
    penny_classes: tuple[str, ...] = ()
    roll: Roll | None = None  # a person asked for it, and a person decides on it
    closing: tuple[LegQuote, ...] = ()  # of a roll: the legs that are closed first
    change: Change | None = None  # a person's, of the proposal that waits
    superseded: int = 0  # of the attempts so far those that a person changed


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Where the proposal stands now; ``verdict`` denies when it was rejected or has expired."""

    verdict: Verdict
    status: ProposalStatus
    proposal: Proposal
    content_hash: str
    automatic: bool


def gather(desk: Desk, run: WorkflowRun) -> Inputs:
    now = desk.clock.now()
    with desk.store.reading() as uow:
        earlier = proposals_of(uow, run.id)
        candidate = output_of(desk, uow, run.id, StepName.SELECT_STRUCTURE, Candidate)
        judgement = output_of(desk, uow, run.id, StepName.EVALUATE, Judgement)
        risk = output_of(desk, uow, run.id, StepName.CHECK_RISK, RiskFinding)
        roll = uow.rolls.get(run.id)
    newest = earlier[-1] if earlier else None
    return Inputs(
        run_id=run.id,
        user_id=run.user_id,
        account_id=run.account_id,
        symbol=run.symbol,
        strategy=strategy_of(desk, run),
        strategy_revision=run.strategy_revision,
        waiting=newest if newest is not None and newest.status is not ProposalStatus.SPENT else None,
        attempt=len(earlier) + 1,
        proposals_max=desk.settings.proposals_max,
        candidate=candidate,
        judgement=judgement,
        risk=risk,
        fee_per_contract=desk.settings.fee_per_contract,
        closes_at=desk.calendar.next_close(now),
        now=now,
        penny_classes=desk.settings.penny_classes,
        roll=roll,
        superseded=sum(one.status is ProposalStatus.SUPERSEDED for one in earlier),
        closing=() if roll is None or not roll.closes else closing_quotes(desk, roll, now),
    )


def decide(given: Inputs) -> Output:
    if given.waiting is None:
        return _propose(given)
    verdict = _verdict_on(given.waiting, given.now)
    status = given.waiting.status
    if verdict.reason is Reason.APPROVAL_EXPIRED:
        status = ProposalStatus.EXPIRED
    return Output(
        verdict=verdict,
        status=status,
        proposal=given.waiting,
        content_hash=given.waiting.content_hash,
        automatic=False,
    )


def act(desk: Desk, uow: UnitOfWork, run: WorkflowRun, given: Inputs, said: Output) -> WorkflowRun:
    proposal = said.proposal
    if given.waiting is None and said.status is not ProposalStatus.EXPIRED:
        uow.proposals.add(proposal)
        tell(uow, run, EventKind.PROPOSAL_CREATED, given.now, proposal=proposal.id, expires_at=proposal.expires_at)
    if said.status is ProposalStatus.PENDING:
        return next_step(
            run, StepName.REQUEST_APPROVAL, RunStatus.PENDING_APPROVAL, given.now, due_at=proposal.expires_at
        )
    if said.status is ProposalStatus.EXPIRED:
        if given.waiting is not None:  # else the run has asked often enough, and this one was never shown
            uow.proposals.save(proposal.decided(ProposalStatus.EXPIRED, by="clock", at=given.now))
            tell(uow, run, EventKind.APPROVAL_EXPIRED, given.now, proposal=proposal.id)
        is_unpriced = given.waiting is None and said.verdict.reason is not Reason.PRICE_MOVED
        outcome = Outcome.NO_TRADE if is_unpriced else Outcome.APPROVAL_EXPIRED
        return ended(uow, run, outcome, said.verdict, given.now)
    if said.status is ProposalStatus.REJECTED:
        return ended(uow, run, Outcome.REFUSED, said.verdict, given.now)
    if said.automatic:
        tell(uow, run, EventKind.APPROVAL_GRANTED, given.now, proposal=proposal.id, by=proposal.decided_by)
    return next_step(run, StepName.SUBMIT_ORDER, RunStatus.EXECUTING, given.now)


def _verdict_on(proposal: Proposal, now: datetime) -> Verdict:
    if proposal.status is ProposalStatus.REJECTED:
        return denied(Reason.APPROVAL_REJECTED, by=proposal.decided_by, note=proposal.decision_note)
    if proposal.status is ProposalStatus.PENDING and now >= proposal.expires_at:
        return denied(Reason.APPROVAL_EXPIRED, expired_at=proposal.expires_at.isoformat())
    return ALLOWED


def _propose(given: Inputs) -> Output:
    proposal = _proposal(given)
    if given.roll is not None and given.roll.closes:
        unpriced = judge_legs(given.closing, given.now, given.strategy.liquidity.quote_age_seconds_max, closes=True)
        if not unpriced.is_allowed:
            return _unpriced(proposal, unpriced)
        proposal = replace(proposal, closing=_closing_terms(given, given.roll, proposal))
    if given.change is not None:  # a person made it, and a person decides on it
        return Output(
            verdict=ALLOWED,
            status=proposal.status,
            proposal=proposal,
            content_hash=proposal.content_hash,
            automatic=False,
        )
    if given.attempt - given.superseded > given.proposals_max:
        spent = denied(Reason.PRICE_MOVED, proposals=given.attempt, limit=given.proposals_max)
        expired = ProposalStatus.EXPIRED
        return Output(
            verdict=spent, status=expired, proposal=proposal, content_hash=proposal.content_hash, automatic=False
        )
    rule = given.strategy.approval
    by_rule = rule.mode is ApprovalMode.AUTOMATIC and given.roll is None
    automatic = by_rule and _within(given.risk.max_loss, rule.max_loss_automatic)
    automatic = automatic and not given.risk.needs_confirmation  # then a person decides, with the warning before them
    if automatic:
        proposal = proposal.decided(
            ProposalStatus.APPROVED,
            by=f"rule:{given.strategy.id}",
            at=given.now,
            note=Reason.APPROVAL_AUTOMATIC.value,
        )
    return Output(
        verdict=ALLOWED,
        status=proposal.status,
        proposal=proposal,
        content_hash=proposal.content_hash,
        automatic=automatic,
    )


def _unpriced(proposal: Proposal, verdict: Verdict) -> Output:
    # What can't be priced can't be shown, and what was not shown can't be approved.
    expired = ProposalStatus.EXPIRED
    return Output(
        verdict=verdict, status=expired, proposal=proposal, content_hash=proposal.content_hash, automatic=False
    )


def _closing_terms(given: Inputs, roll: Roll, proposal: Proposal) -> ClosingTerms:
    mid, natural = net_prices(given.closing)
    if mid is None or natural is None:
        raise InvariantError(f"{given.run_id}: a closing side without prices passed its checks")
    rule = replace(walk_of(given.strategy), reach=EXIT_REACH)
    ticks = ticks_of(given.closing, given.penny_classes)
    floor = approved_floor(rule, mid=mid, natural=natural, ticks=ticks)
    contracts = sum(abs(one.leg.ratio) for one in given.closing) * roll.quantity
    opened = proposal.limit_floor.times(proposal.legs[0].contract.multiplier, proposal.quantity)
    return ClosingTerms(
        position_id=roll.position_id,
        part=roll.part,
        legs=roll.closing_legs,
        quantity=roll.quantity,
        mid_price=mid,
        natural_price=natural,
        limit_floor=floor,
        fees=given.fee_per_contract * -contracts,
        releases=given.risk.releases,
        net_floor=floor.times(roll.legs[0].contract.multiplier, roll.quantity) + opened,
    )


def _within(max_loss: Money | None, limit: Money | None) -> bool:
    return limit is None or (max_loss is not None and max_loss <= limit)


def _proposal(given: Inputs) -> Proposal:
    evaluation, risk = given.judgement.evaluation, given.risk
    mid, natural, spot = quoted_mid(evaluation), evaluation.natural_price, given.judgement.spot
    chosen = None if given.change is None else given.change.entry_price
    if mid is None or natural is None or spot is None or risk.buying_power_effect is None:
        raise InvariantError(f"{given.run_id}: a candidate without prices passed its checks")
    legs = tuple(entry.leg for entry in evaluation.legs)
    floor = approved_floor(
        walk_of(given.strategy),
        mid=mid,
        natural=natural,
        ticks=_ticks(evaluation.legs, given.penny_classes),
        decision_floor=given.judgement.decision_floor,
    )
    contracts = sum(abs(entry.leg.ratio) for entry in evaluation.legs) * risk.quantity
    expires_at = given.now + timedelta(minutes=given.strategy.approval.expires_minutes)
    return Proposal(
        id=make_proposal_id(given.run_id, given.attempt),
        run_id=given.run_id,
        user_id=given.user_id,
        account_id=given.account_id,
        strategy_id=given.strategy.id,
        strategy_revision=given.strategy_revision,
        symbol=given.symbol,
        spot=spot,
        structure_name=evaluation.structure_name,
        legs=legs,
        quantity=risk.quantity,
        mid_price=mid,
        natural_price=natural,
        limit_floor=floor if chosen is None else chosen,
        max_profit=None if evaluation.max_profit is None else evaluation.max_profit * risk.quantity,
        max_loss=risk.max_loss,
        breakevens=evaluation.breakevens,
        pop=evaluation.pop,
        net_delta=_scaled(evaluation.net_delta, risk.quantity),
        net_theta=_scaled(evaluation.net_theta, risk.quantity),
        net_vega=_scaled(evaluation.net_vega, risk.quantity),
        buying_power_effect=risk.buying_power_effect,
        fees=given.fee_per_contract * -contracts,
        reasons=(*given.candidate.reasons, *map(target_text, target_orders(evaluation, given.strategy))),
        synthetic=given.judgement.synthetic,
        as_of=given.judgement.as_of or given.now,
        created_at=given.now,
        expires_at=min(expires_at, given.closes_at),
        needs_confirmation=risk.needs_confirmation,
        warnings=risk.warnings,
        entry_price=chosen,
        supersedes=None if given.change is None else given.change.supersedes,
    )


def _ticks(legs: tuple[LegEvaluation, ...], penny_classes: tuple[str, ...]) -> TickRule:
    proved = [one.leg.contract.root for one in legs if quoted_in_pennies((one.bid, one.ask))]
    return tick_rule([one.leg for one in legs], (*penny_classes, *proved))


def _scaled(number: Decimal | None, quantity: int) -> Decimal | None:
    return None if number is None else number * quantity


STEP = Step(
    name=StepName.REQUEST_APPROVAL,
    decider=Decider(name="request_approval", inputs=Inputs, decide=decide),
    gather=gather,
    act=act,
)
