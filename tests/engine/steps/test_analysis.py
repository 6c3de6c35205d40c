"""Charts and opinions within a run: recorded with their numbers, replayed, and heeded as the strategy says."""

import os
import signal
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.charts.test_candles import series_of
from thetaloom.charts.painter import AsidePainter, InlinePainter
from thetaloom.domain.market.bars import Bar
from thetaloom.domain.market.chart_series import ChartSeries, ChartTheme, DrawnChart
from thetaloom.domain.market.opinions import AnalysisRequest, NoOpinion, Opinion
from thetaloom.domain.market.words import MarketBias
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.opinion_records import OpinionRecord
from thetaloom.domain.run.runs import Outcome, RunStatus, StepName, StepStatus
from thetaloom.domain.strategy.strategies import AnalysisRule, AnalystName, Bias
from thetaloom.domain.values.ids import RunId
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.findings import ChartFinding
from thetaloom.engine.lineage import output_of
from thetaloom.errors import Unavailable
from thetaloom.testing import builders as b
from thetaloom.testing.desk import DeskBench, put_credit_spread

FREE = AnalysisRule(r_multiple_min=Decimal(0), return_percent_min=Decimal(0))


class Model:
    """An analyst from outside that says what it was told to."""

    name = "llm"

    def __init__(self, answer: Opinion | NoOpinion) -> None:
        self.answer = answer
        self.asked: list[AnalysisRequest] = []

    def opine(self, request: AnalysisRequest) -> Opinion | NoOpinion:
        """Return the answer."""
        self.asked.append(request)
        return self.answer


class SlowPainter(InlinePainter):
    """A painter that is ready only when asked again."""

    def __init__(self) -> None:
        self.asked = 0

    def paint(self, wanted: Sequence[ChartSeries]) -> tuple[DrawnChart, ...] | None:  # type: ignore[override]  # later
        """Return nothing at first."""
        self.asked += 1
        return None if self.asked < 3 else super().paint(wanted)


class BrokenPainter(InlinePainter):
    """A painter that cannot draw now."""

    def paint(self, wanted: Sequence[ChartSeries]) -> tuple[DrawnChart, ...]:
        """Refuse."""
        raise Unavailable("no paint")


def rising(bench: DeskBench, *, count: int = 260, step: float = 0.2, end: float = 575.0) -> None:
    """Give SPY sessions that rise to the spot, but for small setbacks."""
    last = bench.desk.calendar.exchange_date(bench.clock.now()) - timedelta(days=1)
    days = [last - timedelta(days=at) for at in range(count * 2) if (last - timedelta(days=at)).weekday() < 5][:count]
    bars = []
    for at, on in enumerate(days):
        close = end - step * at + (0.6 if at % 3 == 1 else 0.0)
        bars.append(Bar(session_on=on, open=close - 0.3, high=close + 1.5, low=close - 1.5, close=close, volume=1e6))
    bench.market.set_history("SPY", sorted(bars, key=lambda bar: bar.session_on))


def run_with(bench: DeskBench, rule: AnalysisRule, biases: tuple[Bias, ...] = (Bias.BULLISH,), **more: Any) -> RunId:
    """Run the default strategy with this table of analysis."""
    bench.save(put_credit_spread(analysis=rule, biases=biases))
    return bench.start_run(**more)


def opinions(bench: DeskBench, run: RunId) -> Sequence[OpinionRecord]:
    """Return what was kept of the run's opinions."""
    with bench.store.reading() as uow:
        return uow.opinions.of_run(run)


def at_step(bench: DeskBench, run: RunId, step: StepName) -> int:
    """Return the place of a step among the run's records."""
    return bench.steps(run).index(step)


def opinion(bench: DeskBench, direction: MarketBias, confidence: str) -> Opinion:
    """Return an opinion of a model."""
    return Opinion(
        analyst="llm", model="m-1", direction=direction, confidence=Decimal(confidence), made_at=bench.clock.now()
    )


def test_a_strategy_without_the_table_skips_both_steps(bench: DeskBench) -> None:
    run = bench.start_run()

    skipped = [record.step for record in bench.lineage(run) if record.status is StepStatus.SKIPPED]

    assert skipped == [StepName.DRAW_CHART, StepName.ANALYZE]
    assert opinions(bench, run) == ()


def test_charts_are_recorded_with_the_numbers_they_are_drawn_from_and_draw_the_same_again(bench: DeskBench) -> None:
    bench.restart(painter=InlinePainter())
    rising(bench)

    run = run_with(bench, FREE)

    found = bench.said(run, at_step(bench, run, StepName.DRAW_CHART))
    assert [chart["timeframe"] for chart in found["charts"]] == ["1d", "1w"]
    with bench.store.reading() as uow:
        stored = output_of(bench.desk, uow, run, StepName.DRAW_CHART, ChartFinding)
    assert stored.daily is not None
    assert stored.weekly is not None
    assert stored.charts == InlinePainter().paint([stored.daily, stored.weekly])
    assert bench.replay(run).identical
    assert bench.faults(run) == []


def test_a_rise_lets_a_bullish_strategy_in_and_keeps_the_opinion(bench: DeskBench) -> None:
    rising(bench)

    run = run_with(bench, FREE)

    said = bench.said(run, at_step(bench, run, StepName.ANALYZE))
    assert said["weighed"]["direction"] == "bullish"
    assert bench.run(run).status is RunStatus.EXECUTING
    (kept,) = opinions(bench, run)
    assert (kept.analyst, kept.direction, kept.share) == ("rules", MarketBias.BULLISH, Decimal(1))
    assert kept.spot == b.price(575)
    assert kept.stop is not None
    assert kept.targets
    assert EventKind.OPINION_RECORDED in bench.events(run)
    assert bench.facts(EventKind.OPINION_RECORDED)["direction"] == "bullish"


@pytest.mark.parametrize(
    ("rule", "biases", "reason"),
    [
        (FREE, (Bias.BEARISH, Bias.NEUTRAL), Reason.OPINION_AGAINST),
        (AnalysisRule(confidence_min=Decimal("0.9")), (Bias.BULLISH,), Reason.OPINION_UNSURE),
        (AnalysisRule(r_multiple_min=Decimal(3)), (Bias.BULLISH,), Reason.REWARD_TOO_SMALL),
        (
            AnalysisRule(r_multiple_min=Decimal(0), return_percent_min=Decimal(40)),
            (Bias.BULLISH,),
            Reason.RETURN_TOO_SMALL,
        ),
    ],
)
def test_an_opinion_that_does_not_suffice_ends_the_run_with_its_distance(
    bench: DeskBench, rule: AnalysisRule, biases: tuple[Bias, ...], reason: Reason
) -> None:
    rising(bench)

    run = run_with(bench, rule, biases)

    stored = bench.run(run)
    assert (stored.outcome, stored.reason) == (Outcome.NO_TRADE, reason.value)
    refused = [check for check in bench.said(run)["checks"] if check["verdict"]["answer"] != "allow"]
    assert refused[0]["distance"] != "0"
    assert len(opinions(bench, run)) == 1
    assert bench.left_nothing(run)


def test_too_few_candles_are_no_opinion_and_that_denies(bench: DeskBench) -> None:
    rising(bench, count=20)

    run = run_with(bench, FREE)

    assert bench.run(run).reason == Reason.NO_OPINION.value
    (kept,) = opinions(bench, run)
    assert kept.direction is None
    assert kept.no_opinion.startswith("too few daily candles")
    assert bench.left_nothing(run)


def test_no_history_at_all_draws_nothing_and_denies_the_same_way(bench: DeskBench) -> None:
    bench.restart(painter=InlinePainter())

    run = run_with(bench, FREE)

    assert bench.said(run, at_step(bench, run, StepName.DRAW_CHART))["charts"] == []
    assert bench.run(run).reason == Reason.NO_OPINION.value
    assert bench.left_nothing(run)


def test_charts_alone_are_drawn_and_nobody_is_asked(bench: DeskBench) -> None:
    bench.restart(painter=InlinePainter())
    rising(bench)

    run = run_with(bench, AnalysisRule(analyst=AnalystName.NONE))

    statuses = {record.step: record.status for record in bench.lineage(run)}
    assert statuses[StepName.DRAW_CHART] is StepStatus.DONE
    assert statuses[StepName.ANALYZE] is StepStatus.SKIPPED
    assert bench.run(run).status is RunStatus.EXECUTING


def test_a_forced_run_records_the_opinion_and_goes_on_whatever_it_says(bench: DeskBench) -> None:
    rising(bench)

    run = run_with(bench, FREE, (Bias.BEARISH,), forced=True)

    assert bench.run(run).status is RunStatus.EXECUTING
    assert not bench.said(run, at_step(bench, run, StepName.ANALYZE))["decides"]
    assert len(opinions(bench, run)) == 1


@pytest.mark.parametrize("is_silent", [True, False])
def test_a_model_is_by_default_a_witness_that_changes_nothing(bench: DeskBench, is_silent: bool) -> None:
    silence = NoOpinion(analyst="llm", reason="timed out", made_at=bench.clock.now())
    model = Model(silence if is_silent else opinion(bench, MarketBias.BEARISH, "1"))
    bench.restart(analysts={"llm": model})
    rising(bench)

    run = run_with(bench, AnalysisRule(analyst=AnalystName.LLM))

    assert bench.run(run).status is RunStatus.EXECUTING
    assert [kept.analyst for kept in opinions(bench, run)] == ["rules", "llm"]
    assert [kept.share for kept in opinions(bench, run)] == [0, 0]
    assert model.asked[0].daily is not None
    assert bench.replay(run).identical


def test_a_model_with_a_share_can_turn_the_decision_and_its_failure_never_makes_a_trade(bench: DeskBench) -> None:
    rising(bench)
    rule = AnalysisRule(
        analyst=AnalystName.LLM, weight=Decimal("0.7"), r_multiple_min=Decimal(0), return_percent_min=Decimal(0)
    )
    bench.restart(analysts={"llm": Model(opinion(bench, MarketBias.BEARISH, "0.9"))})

    against = run_with(bench, rule)

    assert bench.run(against).reason == Reason.OPINION_AGAINST.value
    bench.restart(analysts={})
    silent = run_with(bench, rule)
    assert bench.run(silent).reason == Reason.OPINION_UNSURE.value
    assert "set up" in opinions(bench, silent)[1].no_opinion


WEIGHED: tuple[tuple[str, MarketBias, str, Reason | None], ...] = (
    ("0", MarketBias.BEARISH, "0.5", None),  # a witness
    ("0.3", MarketBias.BEARISH, "0.5", None),  # 0.7 × 0.85 for a rise, 0.3 × 0.9 for a fall
    ("0.5", MarketBias.BEARISH, "0.4", Reason.OPINION_AGAINST),
    ("1", MarketBias.BEARISH, "0.5", Reason.OPINION_AGAINST),
    ("0.1", MarketBias.BULLISH, "0.87", Reason.OPINION_UNSURE),  # 0.9 × 0.85 + 0.1 × 0.9 = 0.855
    ("0.4", MarketBias.BULLISH, "0.87", None),  # 0.6 × 0.85 + 0.4 × 0.9 = 0.87
    ("0", MarketBias.BULLISH, "0.87", None),
)


@pytest.mark.parametrize(("weight", "direction", "least", "reason"), WEIGHED)
def test_the_weight_alone_changes_what_is_decided(
    bench: DeskBench, weight: str, direction: MarketBias, least: str, reason: Reason | None
) -> None:
    rising(bench)
    bench.restart(analysts={"llm": Model(opinion(bench, direction, "0.9"))})
    rule = AnalysisRule(
        analyst=AnalystName.LLM,
        weight=Decimal(weight),
        confidence_min=Decimal(least),
        r_multiple_min=Decimal(0),
        return_percent_min=Decimal(0),
    )

    run = run_with(bench, rule)

    by_rules, by_model = opinions(bench, run)
    assert (by_rules.confidence, by_model.confidence, by_model.share) == (
        Decimal("0.85"),
        Decimal("0.9"),
        Decimal(weight),
    )
    assert bench.run(run).reason == ("" if reason is None else reason.value)
    assert (bench.run(run).status is RunStatus.EXECUTING) == (reason is None)


def test_charts_that_are_being_drawn_are_waited_for_without_a_record(bench: DeskBench) -> None:
    painter = SlowPainter()
    bench.restart(painter=painter)
    rising(bench)

    run = run_with(bench, FREE)

    assert bench.run(run).next_step is StepName.DRAW_CHART
    assert StepName.DRAW_CHART not in bench.steps(run)
    bench.pass_time(seconds=2)
    assert painter.asked == 3
    assert bench.steps(run).count(StepName.DRAW_CHART) == 1
    assert bench.run(run).status is RunStatus.EXECUTING
    assert bench.replay(run).identical


def test_a_drawing_process_that_is_killed_costs_an_attempt_and_the_run_goes_on_with_another(bench: DeskBench) -> None:
    painter = AsidePainter()
    try:
        bench.restart(painter=painter)
        rising(bench)
        painter.draw(series_of(2), ChartTheme.DARK)
        assert painter.pid is not None
        os.kill(painter.pid, signal.SIGKILL)

        run = run_with(bench, AnalysisRule(r_multiple_min=Decimal(99)))  # it ends once the charts are read
        painter.draw(series_of(3), ChartTheme.DARK)  # charts are drawn in their turn: the run's were tried before it
        bench.pass_time(seconds=1)
        attempts = bench.run(run).attempts
        bench.pass_time(seconds=9)
        painter.draw(series_of(4), ChartTheme.DARK)
        bench.pass_time(seconds=10)
    finally:
        painter.close()

    assert attempts == 1
    assert bench.steps(run).count(StepName.DRAW_CHART) == 1
    assert bench.steps(run)[-1] is StepName.ANALYZE
    assert bench.run(run).outcome is Outcome.NO_TRADE
    assert bench.replay(run).identical


def test_a_painter_that_is_out_of_order_is_tried_again_and_the_run_set_aside_in_the_end(bench: DeskBench) -> None:
    bench.restart(painter=BrokenPainter())
    rising(bench)

    run = run_with(bench, FREE)
    bench.pass_time(minutes=5)

    assert bench.run(run).status is RunStatus.ERROR
    bench.restart(painter=InlinePainter())
