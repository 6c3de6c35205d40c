"""Step 3: the option chain as known now, and whether it can be decided on."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.expirations import Expiration, list_expirations
from thetaloom.domain.run.runs import Outcome, RunStatus, StepName, WorkflowRun
from thetaloom.domain.values.reasons import ALLOWED, Reason, Verdict, denied, unknown
from thetaloom.engine.desk import Desk
from thetaloom.engine.findings import MarketReading
from thetaloom.engine.lineage import Decider
from thetaloom.engine.step import Step, ended, next_step
from thetaloom.errors import AnswerPending
from thetaloom.ports.store import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The chain and how old it may be."""

    symbol: str
    chain: OptionChain | None
    expirations: tuple[Expiration, ...]
    age_seconds_max: int
    now: datetime


def gather(desk: Desk, run: WorkflowRun) -> Inputs:
    if not desk.may_compute():  # all that a run computes comes after this; nothing that closes a position does
        raise AnswerPending("the kernels of pricing are being compiled, once for this version")
    now = desk.clock.now()
    chain = desk.market.chain(run.symbol, now)
    return Inputs(
        symbol=run.symbol,
        chain=chain,
        expirations=list_expirations(chain, desk.calendar, now) if chain is not None else (),
        age_seconds_max=desk.settings.data_age_seconds_max,
        now=now,
    )


def decide(given: Inputs) -> MarketReading:
    chain = given.chain
    if chain is None:
        return MarketReading(verdict=unknown(Reason.NO_MARKET_DATA, symbol=given.symbol, at=given.now.isoformat()))
    age = int((given.now - chain.as_of).total_seconds())
    return MarketReading(
        verdict=_judge(chain, age, given.age_seconds_max),
        as_of=chain.as_of,
        age_seconds=age,
        source=chain.source,
        synthetic=chain.synthetic,
        spot=chain.spot,
        contracts=len(chain),
        two_sided=int(np.count_nonzero((chain.bid > 0) & (chain.ask >= chain.bid))),
        crossed=int(np.count_nonzero(chain.bid > chain.ask)),
        expirations=given.expirations,
        chain=chain,
    )


def act(desk: Desk, uow: UnitOfWork, run: WorkflowRun, given: Inputs, said: MarketReading) -> WorkflowRun:
    if not said.verdict.is_allowed:
        return ended(uow, run, Outcome.NO_TRADE, said.verdict, given.now)
    return next_step(run, StepName.COMPUTE_INDICATORS, RunStatus.SCANNING, given.now)


def _judge(chain: OptionChain, age: int, age_max: int) -> Verdict:
    if len(chain) == 0:
        return denied(Reason.EMPTY_CHAIN, symbol=chain.underlying, source=chain.source)
    if age > age_max:
        return denied(Reason.STALE_MARKET_DATA, age_seconds=age, limit_seconds=age_max, as_of=chain.as_of.isoformat())
    if chain.spot is None or chain.spot <= 0:
        return unknown(Reason.NO_SPOT, symbol=chain.underlying)
    return ALLOWED


STEP = Step(
    name=StepName.FETCH_MARKET,
    decider=Decider(name="fetch_market", inputs=Inputs, decide=decide),
    gather=gather,
    act=act,
)
