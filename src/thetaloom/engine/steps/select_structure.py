"""Step 7: the strategy's legs on the listed contracts, or the reasons why none fit."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.market.indicators import atm_straddle
from thetaloom.domain.run.runs import Outcome, RunStatus, StepName, WorkflowRun
from thetaloom.domain.strategy.roll_selection import RollWish, select_successor
from thetaloom.domain.strategy.selection import Selection
from thetaloom.domain.strategy.selection import select_structure as select
from thetaloom.domain.strategy.strategies import Metric, Strategy, WidthBy
from thetaloom.domain.values.calendar import DAYS_PER_YEAR
from thetaloom.domain.values.money import Money, Price
from thetaloom.engine.desk import Desk
from thetaloom.engine.findings import Candidate, Indicators, MarketReading
from thetaloom.engine.lineage import Decider, output_of
from thetaloom.engine.portfolio import tradeable_capital_of
from thetaloom.engine.rolls import wish_of
from thetaloom.engine.step import Step, ended, next_step, strategy_of
from thetaloom.errors import InvariantError
from thetaloom.ports.store import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The strategy revision and the chain."""

    strategy: Strategy
    chain: OptionChain
    expirations: tuple[Expiration, ...]
    rate: float
    dividend_yield: float
    now: datetime
    readings: dict[Metric, Decimal] = field(default_factory=dict)  # of the market
    tradeable_capital: Money | None = None  # asked for only where the strategy's widths depend on it
    relaxed: bool = False  # a person forced the run: strikes may miss by more
    roll: RollWish | None = None  # the legs take the place of others, or join them


def gather(desk: Desk, run: WorkflowRun) -> Inputs:
    with desk.store.reading() as uow:
        market = output_of(desk, uow, run.id, StepName.FETCH_MARKET, MarketReading)
        indicators = output_of(desk, uow, run.id, StepName.COMPUTE_INDICATORS, Indicators)
        roll = wish_of(desk, uow, run.id)
    if market.chain is None:
        raise InvariantError(f"{run.id}: fetch_market allowed a chain that is missing")
    strategy, now = strategy_of(desk, run), desk.clock.now()
    return Inputs(
        strategy=strategy,
        chain=market.chain,
        expirations=market.expirations,
        rate=desk.settings.rates.at(strategy.expiration.dte_target / DAYS_PER_YEAR),
        dividend_yield=desk.settings.dividend_yield,
        now=now,
        readings=indicators.metrics,
        tradeable_capital=tradeable_capital_of(desk, now, without=run.id) if _needs_capital(strategy) else None,
        relaxed=run.forced and roll is None,
        roll=roll,
    )


def decide(given: Inputs) -> Candidate:
    found = _selected(given)
    return Candidate(
        verdict=found.verdict,
        legs=found.legs,
        leg_names=found.leg_names,
        expires_on=found.expires_on,
        reasons=found.reasons,
        rejections=found.rejections,
        expected_move=_expected_move(given.chain, found),
    )


def act(desk: Desk, uow: UnitOfWork, run: WorkflowRun, given: Inputs, said: Candidate) -> WorkflowRun:
    if not said.verdict.is_allowed:
        return ended(uow, run, Outcome.NO_TRADE, said.verdict, given.now)
    return next_step(run, StepName.EVALUATE, RunStatus.EVALUATING, given.now)


def _selected(given: Inputs) -> Selection:
    if given.roll is not None:
        return select_successor(
            given.roll,
            given.strategy,
            given.chain,
            given.expirations,
            now=given.now,
            rate=given.rate,
            dividend_yield=given.dividend_yield,
            tradeable_capital=given.tradeable_capital,
            readings=given.readings,
        )
    return select(
        given.strategy,
        given.chain,
        given.expirations,
        now=given.now,
        rate=given.rate,
        dividend_yield=given.dividend_yield,
        tradeable_capital=given.tradeable_capital,
        readings=given.readings,
        relaxed=given.relaxed,
    )


def _needs_capital(strategy: Strategy) -> bool:
    return strategy.width_table is not None and strategy.width_table.by is WidthBy.TRADEABLE_CAPITAL


def _expected_move(chain: OptionChain, found: Selection) -> Price | None:
    near = next((leg.contract for leg in found.legs if leg.contract.expires_on == found.expires_on), None)
    return None if near is None else atm_straddle(chain, near.expires_on, near.root)


STEP = Step(
    name=StepName.SELECT_STRUCTURE,
    decider=Decider(name="select_structure", inputs=Inputs, decide=decide),
    gather=gather,
    act=act,
)
