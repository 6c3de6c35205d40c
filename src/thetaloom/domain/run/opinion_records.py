"""An opinion as it is kept: whose, of which run, with what weight, and what it may be scored against later."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from thetaloom.domain.market.chart_reading import ChartReading, opinion_of
from thetaloom.domain.market.opinions import AnalysisRequest, NoOpinion, Opinion
from thetaloom.domain.market.words import MarketBias
from thetaloom.domain.run.runs import WorkflowRun
from thetaloom.domain.values.ids import RunId, StrategyId, UserId, make_opinion_id
from thetaloom.domain.values.money import Money, Price


@dataclass(frozen=True, slots=True, kw_only=True)
class OpinionRecord:
    """One answer of an analyst in one run; without a direction it was no opinion, and ``no_opinion`` says why."""

    id: str
    user_id: UserId
    run_id: RunId
    strategy_id: StrategyId
    symbol: str
    analyst: str
    model: str
    share: Decimal  # of it in the confidence that decided; 0 = a witness
    direction: MarketBias | None
    confidence: Decimal | None
    entry: Price | None
    stop: Price | None
    targets: tuple[Price, ...]
    r_multiple: Decimal | None
    expected_return_percent: Decimal | None
    reasons: tuple[str, ...]
    no_opinion: str
    cost: Money | None
    spot: Price | None  # of the underlying when it was asked
    synthetic: bool
    made_at: datetime


def opinion_records(
    run: WorkflowRun,
    request: AnalysisRequest,
    reading: ChartReading,
    answer: Opinion | NoOpinion | None,
    share_of: Mapping[str, Decimal],
) -> tuple[OpinionRecord, ...]:
    """Return what is kept of the rules' reading and of the answer from outside, if one was asked for."""
    said = [opinion_of(request, reading), *([answer] if answer is not None else [])]
    return tuple(_record(run, request, one, share_of.get(one.analyst, Decimal(0))) for one in said)


def _record(run: WorkflowRun, request: AnalysisRequest, said: Opinion | NoOpinion, share: Decimal) -> OpinionRecord:
    opinion = said if isinstance(said, Opinion) else None
    return OpinionRecord(
        id=make_opinion_id(run.id, said.analyst, run.seq),
        user_id=run.user_id,
        run_id=run.id,
        strategy_id=run.strategy_id,
        symbol=run.symbol,
        analyst=said.analyst,
        model=said.model,
        share=share,
        direction=None if opinion is None else opinion.direction,
        confidence=None if opinion is None else opinion.confidence,
        entry=None if opinion is None else opinion.entry,
        stop=None if opinion is None else opinion.stop,
        targets=() if opinion is None else opinion.targets,
        r_multiple=None if opinion is None else opinion.r_multiple,
        expected_return_percent=None if opinion is None else opinion.expected_return_percent,
        reasons=() if opinion is None else opinion.reasons,
        no_opinion=said.reason if isinstance(said, NoOpinion) else "",
        cost=said.cost,
        spot=request.spot,
        synthetic=request.synthetic,
        made_at=said.made_at,
    )
