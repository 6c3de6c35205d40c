"""Step 8: the candidate in numbers, held against every condition of the strategy."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np

from thetaloom.domain.book.price_walk import approved_floor, decision_floor
from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.expirations import Expiration, list_expirations, nearest_years
from thetaloom.domain.market.view import MarketView
from thetaloom.domain.run.runs import Outcome, RunStatus, StepName, WorkflowRun
from thetaloom.domain.strategy.candidate_checks import structures_covered
from thetaloom.domain.strategy.evaluation import Evaluation, evaluate_structure
from thetaloom.domain.strategy.hard_stops import Moment, sells_american
from thetaloom.domain.strategy.judging import Judged, judge_candidate
from thetaloom.domain.strategy.strategies import Metric, Strategy
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.money import Price
from thetaloom.domain.values.ticks import PENNIES
from thetaloom.engine.desk import Desk
from thetaloom.engine.findings import Candidate, Indicators, Judgement
from thetaloom.engine.lineage import Decider, output_of
from thetaloom.engine.shares import free_shares
from thetaloom.engine.step import Step, ended, next_step, strategy_of
from thetaloom.engine.walks import walk_of
from thetaloom.errors import MarketDataUnavailable
from thetaloom.ports.store import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The legs with their quotes of this moment, the strategy, and the market's metrics."""

    strategy: Strategy
    legs: tuple[Leg, ...]
    chain: OptionChain  # only the legs' contracts
    expirations: tuple[Expiration, ...]
    metrics: dict[Metric, Decimal]
    expected_move: Price | None
    rate: float
    dividend_yield: float
    now: datetime
    leg_names: tuple[str, ...] = ()
    shares_held: int | None = None  # asked for only where the strategy needs shares
    view: MarketView = field(default_factory=MarketView)
    today: date | None = None  # the exchange's
    is_open: bool | None = None
    next_open_at: datetime | None = None
    data_age_seconds_max: int | None = None
    forced: bool = False
    net_price: Price | None = None  # at which a person wants to trade; None = mid


def gather(desk: Desk, run: WorkflowRun) -> Inputs:
    now = desk.clock.now()
    with desk.store.reading() as uow:
        candidate = output_of(desk, uow, run.id, StepName.SELECT_STRUCTURE, Candidate)
        indicators = output_of(desk, uow, run.id, StepName.COMPUTE_INDICATORS, Indicators)
    chain = desk.market.chain(run.symbol, now)
    if chain is None:
        raise MarketDataUnavailable(f"{desk.market.name} has no chain of {run.symbol} now")
    part = slice_of(chain, candidate.legs)
    strategy = strategy_of(desk, run)
    expirations = list_expirations(part, desk.calendar, now)
    return Inputs(
        strategy=strategy,
        legs=candidate.legs,
        leg_names=candidate.leg_names,
        chain=part,
        expirations=expirations,
        metrics=indicators.metrics,
        expected_move=candidate.expected_move,
        rate=desk.settings.rates.at(nearest_years(expirations)),
        dividend_yield=desk.settings.dividend_yield,
        now=now,
        shares_held=_shares_held(desk, run, strategy),
        view=indicators.view,
        today=desk.calendar.exchange_date(now),
        is_open=desk.calendar.is_open(now),
        next_open_at=desk.calendar.next_open(now),
        data_age_seconds_max=desk.settings.data_age_seconds_max,
        forced=run.forced,
    )


def _shares_held(desk: Desk, run: WorkflowRun, strategy: Strategy) -> int | None:
    if not strategy.shares:
        return None
    snapshot = desk.broker.account()
    with desk.store.reading() as uow:
        return free_shares(desk, uow, snapshot, run.symbol, user=run.user_id, without=run.id)


def slice_of(chain: OptionChain, legs: tuple[Leg, ...]) -> OptionChain:
    """Return the part of the chain that holds the legs' contracts."""
    mask = np.zeros(len(chain), dtype=np.bool_)
    for leg in legs:
        index = chain.find(leg.contract)
        if index is not None:
            mask[index] = True
    return chain.select(mask)


def decide(given: Inputs) -> Judgement:
    evaluation = _evaluated(given, given.net_price)
    judged = _judged(given, evaluation)
    return Judgement(
        verdict=judged.verdict,
        evaluation=evaluation,
        checks=judged.checks,
        score=judged.score,
        spot=given.chain.spot,
        synthetic=given.chain.synthetic,
        as_of=given.chain.as_of,
        structures_max=structures_covered(given.strategy, given.shares_held),
        decision_floor=_decision_floor(given, evaluation) if judged.verdict.is_allowed else None,
    )


def _evaluated(given: Inputs, net_price: Price | None = None) -> Evaluation:
    return evaluate_structure(
        given.legs,
        given.chain,
        now=given.now,
        expirations=given.expirations,
        rate=given.rate,
        dividend_yield=given.dividend_yield,
        quote_age_max=timedelta(seconds=given.strategy.liquidity.quote_age_seconds_max),
        names=given.leg_names,
        shares=given.strategy.shares,
        net_price=net_price,
    )


def _judged(given: Inputs, evaluation: Evaluation) -> Judged:
    metrics = dict(given.metrics)
    if given.expected_move is not None and given.chain.spot:
        metrics[Metric.EXPECTED_MOVE_PERCENT] = given.expected_move.ratio(given.chain.spot) * 100
    return judge_candidate(
        given.strategy,
        evaluation,
        given.view,
        _moment(given),
        metrics,
        shares_held=given.shares_held,
        forced=given.forced,
    )


def _decision_floor(given: Inputs, evaluation: Evaluation) -> Price | None:
    """Return the worst price an order may reach at which every check still passes; ``None`` where all of them do."""
    mid, natural = evaluation.mid_price, evaluation.natural_price
    if mid is None or natural is None or given.net_price is not None:  # a limit that does not walk has no floor below
        return None
    worst = approved_floor(walk_of(given.strategy), mid=mid, natural=natural, ticks=PENNIES)

    def holds(price: Price) -> bool:
        return _judged(given, _evaluated(given, price)).verdict.is_allowed

    return decision_floor(holds, mid=mid, worst=worst)


def _moment(given: Inputs) -> Moment:
    return Moment(
        symbol=given.chain.underlying,
        today=given.today or given.now.date(),
        has_short_american=sells_american(given.legs),
        is_open=given.is_open,
        next_open="" if given.next_open_at is None else given.next_open_at.isoformat(),
        data_age_seconds=int((given.now - given.chain.as_of).total_seconds()),
        data_age_seconds_max=given.data_age_seconds_max,
    )


def act(desk: Desk, uow: UnitOfWork, run: WorkflowRun, given: Inputs, said: Judgement) -> WorkflowRun:
    if not said.verdict.is_allowed:
        return ended(uow, run, Outcome.NO_TRADE, said.verdict, given.now)
    return next_step(run, StepName.CHECK_RISK, RunStatus.EVALUATING, given.now)


STEP = Step(
    name=StepName.EVALUATE,
    decider=Decider(name="evaluate", inputs=Inputs, decide=decide),
    gather=gather,
    act=act,
)
