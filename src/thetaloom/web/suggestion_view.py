"""From a proposal and its evidence to a suggestion: nothing is decided here."""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal

from thetaloom.domain.run.proposals import Proposal, ProposalStatus
from thetaloom.domain.strategy.evaluation import Evaluation, LegEvaluation
from thetaloom.domain.strategy.plain_risk import plain_risk
from thetaloom.domain.strategy.scoring import Score
from thetaloom.domain.strategy.strategies import Metric
from thetaloom.domain.strategy.verticals import Vertical, verticals_of
from thetaloom.domain.values.instruments import Right
from thetaloom.domain.values.ticks import TickRule, quoted_in_pennies, tick_rule
from thetaloom.engine.findings import Indicators
from thetaloom.store.queries.proposal_evidence import ProposalEvidence
from thetaloom.web.api import records
from thetaloom.web.api.suggestion_records import (
    Suggestion,
    SuggestionAges,
    SuggestionChange,
    SuggestionGreeks,
    SuggestionLeg,
    SuggestionSpread,
)


def suggestion_of(found: ProposalEvidence, now: datetime, penny_classes: Collection[str]) -> Suggestion:
    """Return a proposal as a suggestion, with the ages of ``now``."""
    proposal, judgement = found.proposal, found.judgement
    evaluation = None if judgement is None else judgement.evaluation
    legs = _plain_legs(proposal) if evaluation is None else [_leg(one, proposal, now) for one in evaluation.legs]
    spreads = () if evaluation is None else verticals_of(evaluation.legs)
    first_end = min(leg.contract.expires_on for leg in proposal.legs)
    score = None if judgement is None else judgement.score
    rejected = proposal.status is ProposalStatus.REJECTED
    return Suggestion(
        id=proposal.id,
        run_id=proposal.run_id,
        strategy=proposal.strategy_id,
        strategy_revision=proposal.strategy_revision,
        account_id=proposal.account_id,
        status=proposal.status,
        structure=proposal.structure_name,
        underlying_symbol=proposal.symbol,
        underlying_price=proposal.spot,
        expiration_date=first_end,
        dte=(first_end - proposal.created_at.date()).days,
        iv_rank=_iv_rank(found.indicators),
        quantity=proposal.quantity,
        legs=legs,
        spreads=[_spread(one) for one in spreads],
        total_credit=proposal.natural_price,
        total_mid_credit=proposal.mid_price,
        price_effect="credit" if proposal.mid_price > 0 else "debit",
        limit_floor=proposal.limit_floor,
        tick=ticks_of_proposal(proposal, evaluation, penny_classes).tick(proposal.mid_price),
        max_risk=proposal.max_loss,
        max_profit=proposal.max_profit,
        breakevens=list(proposal.breakevens),
        pop=proposal.pop,
        greeks=_greeks(found),
        required_capital=proposal.buying_power_effect,
        fees=proposal.fees,
        score=None if score is None else _score(score),
        reasons=list(proposal.reasons),
        plain_risk=risk_text(proposal, evaluation),
        warnings=list(proposal.warnings),
        needs_confirmation=proposal.needs_confirmation,
        synthetic=proposal.synthetic,
        generated_at=proposal.created_at,
        as_of=proposal.as_of,
        expires_at=proposal.expires_at,
        ages=_ages(found, now),
        content_hash=proposal.content_hash,
        decided_by=proposal.decided_by,
        decided_at=proposal.decided_at,
        rejection_reason=(proposal.decision_note or None) if rejected else None,
        entry_credit=proposal.entry_price,
        supersedes=proposal.supersedes,
        superseded_by=found.next_id,
        changes=[SuggestionChange.model_validate(one) for one in found.changes],
        order=None if found.order is None else records.Order.model_validate(found.order),
    )


def risk_text(proposal: Proposal, evaluation: Evaluation | None) -> str:
    """Say what a proposal can lose and make."""
    return plain_risk(
        proposal.symbol,
        proposal.legs,
        proposal.mid_price if proposal.entry_price is None else proposal.entry_price,
        max_loss=proposal.max_loss,
        max_profit=proposal.max_profit,
        shares=0 if evaluation is None else evaluation.shares,
    )


def ticks_of_proposal(proposal: Proposal, evaluation: Evaluation | None, penny_classes: Collection[str]) -> TickRule:
    """Return the steps of its net price; quotes between nickels prove that a class moves in pennies."""
    quoted = () if evaluation is None else evaluation.legs
    proved = [one.leg.contract.root for one in quoted if quoted_in_pennies((one.bid, one.ask))]
    return tick_rule(proposal.legs, (*penny_classes, *proved))


def _leg(one: LegEvaluation, proposal: Proposal, now: datetime) -> SuggestionLeg:
    contract = one.leg.contract
    since = int((now - proposal.created_at).total_seconds())
    return SuggestionLeg(
        name=one.name,
        occ_symbol=contract.occ_symbol,
        right=contract.right.value,
        strike=contract.strike,
        expiration=contract.expires_on,
        ratio=one.leg.ratio,
        quantity=one.leg.ratio * proposal.quantity,
        multiplier=contract.multiplier,
        bid=one.bid,
        ask=one.ask,
        mid=one.mid,
        iv=one.iv,
        delta=one.delta,
        age_seconds=None if one.quote_age_seconds is None else one.quote_age_seconds + since,
    )


def _plain_legs(proposal: Proposal) -> list[SuggestionLeg]:
    return [
        SuggestionLeg(
            name="",
            occ_symbol=leg.contract.occ_symbol,
            right=leg.contract.right.value,
            strike=leg.contract.strike,
            expiration=leg.contract.expires_on,
            ratio=leg.ratio,
            quantity=leg.ratio * proposal.quantity,
            multiplier=leg.contract.multiplier,
            bid=None,
            ask=None,
            mid=None,
            iv=None,
            delta=None,
            age_seconds=None,
        )
        for leg in proposal.legs
    ]


def _spread(one: Vertical) -> SuggestionSpread:
    side = "put" if one.right is Right.PUT else "call"
    kind = "spread" if one.width is not None else "sold" if one.long is None else "bought"
    return SuggestionSpread(
        name=f"{side}_{kind}",
        right=one.right.value,
        expiration=one.expires_on,
        short_strike=one.short,
        long_strike=one.long,
        width=one.width,
        quantity=one.quantity,
        natural_credit=one.natural_credit,
        mid_credit=one.mid_credit,
    )


def _score(score: Score) -> records.Score:
    return records.Score(
        total=f"{score.total:f}",
        label=score.label.value,
        minimum=f"{score.minimum:f}",
        reasons=list(score.reasons),
        unknown=list(score.unknown),
    )


def _greeks(found: ProposalEvidence) -> SuggestionGreeks:
    gamma = None if found.judgement is None else found.judgement.evaluation.net_gamma
    return SuggestionGreeks(
        delta=found.proposal.net_delta,
        gamma=None if gamma is None else gamma * found.proposal.quantity,
        theta=found.proposal.net_theta,
        vega=found.proposal.net_vega,
    )


def _iv_rank(indicators: Indicators | None) -> Decimal | None:
    return None if indicators is None else indicators.metrics.get(Metric.IV_RANK)


def _ages(found: ProposalEvidence, now: datetime) -> SuggestionAges:
    proposal = found.proposal
    ranked = None if found.indicators is None else found.indicators.view.numbers.get(Metric.IV_RANK.value)
    made, quoted = _seconds(now, proposal.created_at), _seconds(now, proposal.as_of)
    return SuggestionAges(
        suggestion_seconds=made,
        quotes_seconds=quoted,
        underlying_seconds=quoted,
        iv_rank_seconds=None if ranked is None else _seconds(now, ranked.as_of),
        greeks_seconds=made,
        balance_seconds=made,
    )


def _seconds(now: datetime, at: datetime) -> int:
    return max(0, int((now - at).total_seconds()))
