"""The card of one proposal on the trading page: its numbers, its pictures and what its scripts compute with."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from thetaloom.config import PAPER_BROKER, Settings
from thetaloom.domain.run.proposals import Proposal, ProposalStatus
from thetaloom.domain.strategy.evaluation import Evaluation
from thetaloom.domain.values.instruments import ExerciseStyle, Right
from thetaloom.domain.values.money import Price
from thetaloom.engine.dry_runs import DryRunShown, dry_run_shown, has_no_dry_run
from thetaloom.store.queries.proposal_evidence import evidence_of_proposals
from thetaloom.web.api.suggestion_records import Suggestion
from thetaloom.web.front import Front
from thetaloom.web.pages.deal import Deal, deal_of
from thetaloom.web.pages.looks import picture_of
from thetaloom.web.pages.numbers import percent
from thetaloom.web.pages.payoff_picture import PayoffPicture
from thetaloom.web.pages.price_line import PriceLine, price_line
from thetaloom.web.suggestion_view import suggestion_of, ticks_of_proposal


@dataclass(frozen=True, slots=True, kw_only=True)
class Age:
    """How old one number is; after ``stale_seconds`` it should not be acted on."""

    name: str
    seconds: int
    stale_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One proposal as it is decided on."""

    proposal: Proposal
    suggestion: Suggestion
    deal: Deal
    is_open: bool
    seconds_left: int
    best_price: Price  # buying at the bid, selling at the ask
    credit: str  # in the field: the person's own limit, else mid on its step
    tick: str
    pop_percent: str
    greeks_model: str
    line: PriceLine
    picture: PayoffPicture | None
    payoff: str  # JSON; empty where a leg's volatility is not known
    ages: Sequence[Age]
    dry_run: DryRunShown | None  # None: the broker was not asked
    has_no_dry_run: bool
    score: str  # that lets it enter; empty: none, or it does not


def ticket_of(front: Front, proposal: Proposal, undo_seconds: int) -> Ticket:
    """Return the card of a proposal, its ages counted to this moment."""
    settings, now = front.platform.desk.settings, front.now
    found = evidence_of_proposals(front.database, [proposal])[0]
    evaluation = None if found.judgement is None else found.judgement.evaluation
    shown = suggestion_of(found, now, settings.penny_classes)
    ticks = ticks_of_proposal(proposal, evaluation, settings.penny_classes)
    net = proposal.mid_price if proposal.entry_price is None else proposal.entry_price
    return Ticket(
        proposal=proposal,
        suggestion=shown,
        deal=deal_of(proposal, where=_where(front.platform.settings), undo_seconds=undo_seconds),
        is_open=proposal.status is ProposalStatus.PENDING and now < proposal.expires_at,
        seconds_left=max(0, int((proposal.expires_at - now).total_seconds())),
        best_price=proposal.mid_price * 2 - proposal.natural_price,
        credit=f"{ticks.up(proposal.mid_price) if proposal.entry_price is None else net:.2f}",
        tick=f"{ticks.tick(proposal.mid_price):f}",
        pop_percent=percent(proposal.pop),
        greeks_model="" if evaluation is None else evaluation.greeks_model,
        line=price_line(proposal.legs, proposal.breakevens, proposal.spot),
        picture=None
        if evaluation is None
        else picture_of(front, evaluation, proposal.spot, proposal.as_of, proposal.symbol, proposal.quantity),
        payoff="" if evaluation is None else payoff_numbers(front, proposal, evaluation, net),
        ages=_ages(front, shown),
        dry_run=dry_run_shown(found.risk, proposal.fees),
        has_no_dry_run=has_no_dry_run(front.platform.desk),
        score=_score_text(shown),
    )


def _where(settings: Settings) -> str:
    if settings.broker == PAPER_BROKER:
        return "the paper broker"
    if settings.is_simulated:
        return f"the simulated {settings.broker}"
    return f"{settings.broker}, with real money" if settings.wants_live else f"the paper account at {settings.broker}"


def _score_text(shown: Suggestion) -> str:
    score = shown.score
    if score is None or Decimal(score.total) < Decimal(score.minimum):
        return ""
    return f"score {score.total}, at least {score.minimum} to enter"


def payoff_numbers(front: Front, proposal: Proposal, evaluation: Evaluation, net_price: Price) -> str:
    """Return as JSON what the page's own payoff is computed from: each leg with its life and its own volatility."""
    calendar, settings = front.platform.desk.calendar, front.platform.desk.settings
    if evaluation.shares or any(one.iv is None for one in evaluation.legs):
        return ""
    lives = [calendar.year_fraction(proposal.as_of, one.leg.contract) for one in evaluation.legs]
    legs = [
        {
            "ratio": one.leg.ratio,
            "call": one.leg.contract.right is Right.CALL,
            "strike": float(one.leg.contract.strike),
            "years": life,
            "iv": one.iv,
            "early": one.leg.contract.exercise_style is ExerciseStyle.AMERICAN,
        }
        for one, life in zip(evaluation.legs, lives, strict=True)
    ]
    line = price_line(proposal.legs, proposal.breakevens, proposal.spot)
    return json.dumps(
        {
            "symbol": proposal.symbol,
            "spot": float(proposal.spot),
            "net": float(net_price),
            "mid": float(proposal.mid_price),
            "quantity": proposal.quantity,
            "multiplier": proposal.legs[0].contract.multiplier,
            "rate": settings.rates.at(min(lives)),
            "yield": settings.dividend_yield,
            "low": float(line.low),
            "high": float(line.high),
            "expires": str(min(leg.contract.expires_on for leg in proposal.legs)),
            "legs": legs,
        }
    )


def _ages(front: Front, shown: Suggestion) -> list[Age]:
    oldest, ages = front.platform.desk.settings.data_age_seconds_max, shown.ages
    counted: list[tuple[str, int | None, Decimal | int]] = [
        ("quotes", ages.quotes_seconds, oldest),
        ("greeks", ages.greeks_seconds, oldest),
        ("balances", ages.balance_seconds, oldest),
        ("IV rank", ages.iv_rank_seconds, 7 * 24 * 3600),
    ]
    known = [(name, seconds, int(most)) for name, seconds, most in counted if seconds is not None]
    return [Age(name=name, seconds=seconds, stale_seconds=most) for name, seconds, most in known]
