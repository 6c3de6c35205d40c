"""Step 7: the strategy's legs on the listed contracts, or the reasons why none fit."""

from dataclasses import dataclass
from datetime import datetime

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.market.indicators import atm_straddle
from thetaloom.domain.run.runs import Outcome, RunStatus, StepName, WorkflowRun
from thetaloom.domain.strategy.selection import Selection
from thetaloom.domain.strategy.selection import select_structure as select
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.money import Price
from thetaloom.engine.desk import Desk
from thetaloom.engine.findings import Candidate, MarketReading
from thetaloom.engine.lineage import Decider, output_of
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


def gather(desk: Desk, run: WorkflowRun) -> Inputs:
    with desk.store.reading() as uow:
        market = output_of(desk, uow, run.id, StepName.FETCH_MARKET, MarketReading)
    if market.chain is None:
        raise InvariantError(f"{run.id}: fetch_market allowed a chain that is missing")
    strategy = strategy_of(desk, run)
    return Inputs(
        strategy=strategy,
        chain=market.chain,
        expirations=market.expirations,
        rate=desk.settings.rates.at(strategy.expiration.dte_target / 365),
        dividend_yield=desk.settings.dividend_yield,
        now=desk.clock.now(),
    )


def decide(given: Inputs) -> Candidate:
    found = select(
        given.strategy,
        given.chain,
        given.expirations,
        now=given.now,
        rate=given.rate,
        dividend_yield=given.dividend_yield,
    )
    return Candidate(
        verdict=found.verdict,
        legs=found.legs,
        expires_on=found.expires_on,
        reasons=found.reasons,
        rejections=found.rejections,
        expected_move=_expected_move(given.chain, found),
    )


def act(desk: Desk, uow: UnitOfWork, run: WorkflowRun, given: Inputs, said: Candidate) -> WorkflowRun:
    if not said.verdict.is_allowed:
        return ended(uow, run, Outcome.NO_TRADE, said.verdict, given.now)
    return next_step(run, StepName.EVALUATE, RunStatus.EVALUATING, given.now)


def _expected_move(chain: OptionChain, found: Selection) -> Price | None:
    if found.expires_on is None:
        return None
    return atm_straddle(chain, found.expires_on, found.legs[0].contract.root)


STEP = Step(
    name=StepName.SELECT_STRUCTURE,
    decider=Decider(name="select_structure", inputs=Inputs, decide=decide),
    gather=gather,
    act=act,
)
