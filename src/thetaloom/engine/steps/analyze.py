"""Step 6: what analysts say of the charts, and whether it suffices for the strategy."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from thetaloom.domain.market.chart_reading import read_charts
from thetaloom.domain.market.opinions import AnalysisRequest, NoOpinion, Opinion
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.opinion_records import opinion_records
from thetaloom.domain.run.runs import Outcome, RunStatus, StepName, WorkflowRun
from thetaloom.domain.strategy.analysis_rules import AnalysisRule, AnalystName
from thetaloom.domain.strategy.judging import first_no
from thetaloom.domain.strategy.opinion_checks import check_opinion, weigh_opinions
from thetaloom.domain.strategy.strategies import Bias, Strategy
from thetaloom.domain.values.reasons import ALLOWED, Reason, denied
from thetaloom.engine.analysis_prompts import with_prompt
from thetaloom.engine.desk import Desk
from thetaloom.engine.findings import AnalysisFinding, ChartFinding, MarketReading
from thetaloom.engine.lineage import Decider, output_of
from thetaloom.engine.opinion_scores import expect_score
from thetaloom.engine.step import Skipped, Step, ended, next_step, strategy_of, tell
from thetaloom.errors import InvalidInput
from thetaloom.ports.store import UnitOfWork

NOT_SET_UP = "no analyst of this name is set up; `thetaloom config show` lists the settings of language models"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What the analysts were shown, what the one from outside answered, and what the strategy asks for."""

    strategy_id: str
    now: datetime
    rule: AnalysisRule | None = None
    biases: tuple[Bias, ...] = ()
    request: AnalysisRequest | None = None
    witness: Opinion | None = None
    silence: NoOpinion | None = None
    forced: bool = False  # a person, or a roll, goes on whatever analysts say


def gather(desk: Desk, run: WorkflowRun) -> Inputs:
    strategy, now = strategy_of(desk, run), desk.clock.now()
    rule = strategy.analysis
    if rule is None or rule.analyst is AnalystName.NONE:
        return Inputs(strategy_id=run.strategy_id, now=now)
    with desk.store.reading() as uow:
        market = output_of(desk, uow, run.id, StepName.FETCH_MARKET, MarketReading)
        charts = output_of(desk, uow, run.id, StepName.DRAW_CHART, ChartFinding)
    request = AnalysisRequest(
        symbol=run.symbol,
        spot=market.spot,
        spot_as_of=market.as_of,
        daily=charts.daily,
        weekly=charts.weekly,
        charts=charts.charts,
        source=market.source,
        synthetic=market.synthetic,
        now=now,
    )
    request, answer = _asked(desk, run, strategy, rule, request)
    return Inputs(
        strategy_id=run.strategy_id,
        now=now,
        rule=rule,
        biases=strategy.biases,
        request=request,
        witness=answer if isinstance(answer, Opinion) else None,
        silence=answer if isinstance(answer, NoOpinion) else None,
        forced=run.forced,
    )


def decide(given: Inputs) -> AnalysisFinding | Skipped:
    rule, request = given.rule, given.request
    if rule is None or request is None:
        return Skipped(verdict=denied(Reason.NOT_REQUESTED, strategy=given.strategy_id))
    reading = read_charts(request)
    weighed = weigh_opinions(rule, reading.opinion, given.witness)
    decides = rule.decides and not given.forced
    checks = check_opinion(rule, given.biases, weighed, _why_silent(given, reading.no_opinion)) if decides else ()
    return AnalysisFinding(
        verdict=first_no(checks) if decides else ALLOWED,
        reading=reading,
        witness=given.witness,
        silence=given.silence,
        share=rule.share,
        weighed=weighed,
        checks=checks,
        decides=decides,
    )


def act(desk: Desk, uow: UnitOfWork, run: WorkflowRun, given: Inputs, said: AnalysisFinding | Skipped) -> WorkflowRun:
    if isinstance(said, Skipped) or given.rule is None or given.request is None:
        return next_step(run, StepName.SELECT_STRUCTURE, RunStatus.EVALUATING, given.now)
    records = opinion_records(
        run, given.request, said.reading, given.witness or given.silence, share_of=_shares(given.rule)
    )
    for record in records:
        uow.opinions.add(record)
        prompt = given.request.prompt_reference if record.analyst == given.rule.analyst.value else ""
        expect_score(desk, uow, record, given.request, prompt)
        direction = record.direction.value if record.direction is not None else "none"
        tell(uow, run, EventKind.OPINION_RECORDED, given.now, analyst=record.analyst, direction=direction)
    if not said.verdict.is_allowed:
        return ended(uow, run, Outcome.NO_TRADE, said.verdict, given.now)
    return next_step(run, StepName.SELECT_STRUCTURE, RunStatus.EVALUATING, given.now)


def _asked(
    desk: Desk, run: WorkflowRun, strategy: Strategy, rule: AnalysisRule, request: AnalysisRequest
) -> tuple[AnalysisRequest, Opinion | NoOpinion | None]:
    if rule.analyst is AnalystName.RULES:  # decided here, so that a replay takes it again
        return request, None
    name = rule.analyst.value
    analyst = desk.analysts.get(name)
    if analyst is None:
        return request, NoOpinion(analyst=name, reason=NOT_SET_UP, made_at=request.now)
    try:
        with desk.store.reading() as uow:
            request = with_prompt(desk, uow, run, strategy, request, name)
    except InvalidInput as error:
        return request, NoOpinion(analyst=name, reason=f"prompt: {error.message}"[:500], made_at=request.now)
    return request, analyst.opine(request)


def _why_silent(given: Inputs, rules: str) -> str:
    heard = (rules, given.silence.reason if given.silence is not None else "")
    return "; ".join(filter(None, heard)) or "no opinion has a share"


def _shares(rule: AnalysisRule) -> dict[str, Decimal]:
    if rule.analyst is AnalystName.RULES:
        return {AnalystName.RULES.value: rule.share}
    return {AnalystName.RULES.value: (1 - rule.share) if rule.decides else Decimal(0), rule.analyst.value: rule.share}


STEP = Step(
    name=StepName.ANALYZE,
    decider=Decider(name="analyze", inputs=Inputs, decide=decide),
    gather=gather,
    act=act,
)
