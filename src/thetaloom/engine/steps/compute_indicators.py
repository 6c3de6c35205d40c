"""Step 4: the numbers of the market that entry conditions may test; what can't be computed stays unknown."""

from thetaloom.domain.market.reading import MarketInputs, read_market
from thetaloom.domain.run.runs import RunStatus, StepName, WorkflowRun
from thetaloom.domain.strategy.metrics import METRIC_OF
from thetaloom.domain.values.reasons import ALLOWED
from thetaloom.engine.desk import Desk
from thetaloom.engine.findings import Indicators, MarketReading
from thetaloom.engine.lineage import Decider, output_of
from thetaloom.engine.market_inputs import inputs_of as inputs_of
from thetaloom.engine.step import Step, next_step
from thetaloom.errors import InvariantError
from thetaloom.ports.store import UnitOfWork


def gather(desk: Desk, run: WorkflowRun) -> MarketInputs:
    now = desk.clock.now()
    with desk.store.reading() as uow:
        market = output_of(desk, uow, run.id, StepName.FETCH_MARKET, MarketReading)
    if market.chain is None:
        raise InvariantError(f"{run.id}: fetch_market allowed a chain that is missing")
    return inputs_of(desk.market, desk.calendar, desk.settings, market.chain, market.expirations, now)


def decide(given: MarketInputs) -> Indicators:
    view = read_market(given)
    return Indicators(
        verdict=ALLOWED,
        metrics={METRIC_OF[name]: one.number for name, one in view.numbers.items()},
        sessions_of_history=len(given.bars),
        view=view,
    )


def act(desk: Desk, uow: UnitOfWork, run: WorkflowRun, given: MarketInputs, said: Indicators) -> WorkflowRun:
    return next_step(run, StepName.DRAW_CHART, RunStatus.SCANNING, given.now)


STEP = Step(
    name=StepName.COMPUTE_INDICATORS,
    decider=Decider(name="compute_indicators", inputs=MarketInputs, decide=decide),
    gather=gather,
    act=act,
)
