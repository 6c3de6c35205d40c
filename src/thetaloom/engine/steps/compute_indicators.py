"""Step 4: the numbers of the market that entry conditions may test; what can't be computed stays unknown."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.market.indicators import atm_iv, historical_volatility, put_call_ratio, rsi
from thetaloom.domain.run.runs import RunStatus, StepName, WorkflowRun
from thetaloom.domain.strategy.strategies import Metric
from thetaloom.domain.values.reasons import ALLOWED
from thetaloom.engine.desk import Desk
from thetaloom.engine.findings import Indicators, MarketReading
from thetaloom.engine.lineage import Decider, output_of
from thetaloom.engine.step import Step, next_step
from thetaloom.errors import InvariantError
from thetaloom.ports.store import UnitOfWork

IV_DAYS = 30  # the life that the volatility index looks at
HISTORY_DAYS = 400  # calendar days of daily bars; a year of sessions and some to spare


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The chain and the closes."""

    chain: OptionChain
    expirations: tuple[Expiration, ...]
    closes: tuple[float, ...]  # daily, oldest first, complete sessions only
    rate: float
    dividend_yield: float
    now: datetime


def gather(desk: Desk, run: WorkflowRun) -> Inputs:
    now = desk.clock.now()
    with desk.store.reading() as uow:
        market = output_of(desk, uow, run.id, StepName.FETCH_MARKET, MarketReading)
    if market.chain is None:
        raise InvariantError(f"{run.id}: fetch_market allowed a chain that is missing")
    today = desk.calendar.exchange_date(now)
    bars = desk.market.history(run.symbol, today - timedelta(days=HISTORY_DAYS), today)
    return Inputs(
        chain=market.chain,
        expirations=market.expirations,
        closes=tuple(round(bar.close, 6) for bar in bars),
        rate=desk.settings.rates.at(IV_DAYS / 365),
        dividend_yield=desk.settings.dividend_yield,
        now=now,
    )


def decide(given: Inputs) -> Indicators:
    found = {
        Metric.UNDERLYING_PRICE: float(given.chain.spot) if given.chain.spot is not None else None,
        Metric.ATM_IV: _percent(atm_iv(given.chain, given.expirations, given.rate, given.dividend_yield)),
        Metric.PUT_CALL_RATIO: put_call_ratio(given.chain),
        Metric.HV_30: _percent(historical_volatility(given.closes)),
        Metric.RSI_14: rsi(given.closes),
    }
    metrics = {metric: _exact(number) for metric, number in found.items() if number is not None}
    return Indicators(verdict=ALLOWED, metrics=metrics, sessions_of_history=len(given.closes))


def act(desk: Desk, uow: UnitOfWork, run: WorkflowRun, given: Inputs, said: Indicators) -> WorkflowRun:
    return next_step(run, StepName.DRAW_CHART, RunStatus.SCANNING, given.now)


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else fraction * 100


def _exact(number: float) -> Decimal:
    return Decimal(f"{number:.6f}").normalize() + 0


STEP = Step(
    name=StepName.COMPUTE_INDICATORS,
    decider=Decider(name="compute_indicators", inputs=Inputs, decide=decide),
    gather=gather,
    act=act,
)
