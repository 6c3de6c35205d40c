"""Step 2: the symbol becomes an underlying that the source knows."""

from dataclasses import dataclass
from datetime import datetime

from thetaloom.domain.run.runs import Outcome, RunStatus, StepName, WorkflowRun
from thetaloom.domain.values.reasons import ALLOWED, Reason, Verdict, denied
from thetaloom.engine.desk import Desk
from thetaloom.engine.lineage import Decider
from thetaloom.engine.step import Step, ended, next_step
from thetaloom.engine.symbols import look_up, remember, underlying_of
from thetaloom.ports.market_data import Underlying
from thetaloom.ports.store import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What the source says of the symbol."""

    symbol: str
    source: str
    found: Underlying | None
    known_symbols: tuple[str, ...]  # a few, for the message
    now: datetime
    looked: str = ""  # how the registry answered: hits, misses, stale_served
    warning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """The underlying."""

    verdict: Verdict
    underlying: Underlying | None


def gather(desk: Desk, run: WorkflowRun) -> Inputs:
    now = desk.clock.now()
    looked = look_up(desk, run.symbol, now)
    return Inputs(
        symbol=run.symbol,
        source=desk.market.name,
        found=underlying_of(looked),
        known_symbols=tuple(desk.market.symbols())[:10],
        now=now,
        looked=looked.counted,
        warning=looked.warning,
    )


def decide(given: Inputs) -> Output:
    if given.found is None:
        verdict = denied(
            Reason.UNKNOWN_SYMBOL, symbol=given.symbol, source=given.source, known=" ".join(given.known_symbols)
        )
        return Output(verdict=verdict, underlying=None)
    return Output(verdict=ALLOWED, underlying=given.found)


def act(desk: Desk, uow: UnitOfWork, run: WorkflowRun, given: Inputs, said: Output) -> WorkflowRun:
    if given.looked:
        remember(uow, given.looked, given.found, given.source, given.now)
    if not said.verdict.is_allowed:
        return ended(uow, run, Outcome.NO_TRADE, said.verdict, given.now)
    return next_step(run, StepName.FETCH_MARKET, RunStatus.SCANNING, given.now)


STEP = Step(
    name=StepName.RESOLVE_SYMBOL,
    decider=Decider(name="resolve_symbol", inputs=Inputs, decide=decide),
    gather=gather,
    act=act,
)
