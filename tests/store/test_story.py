from typing import Any

import pytest

from thetaloom.domain.run.lineage import LineageRecord
from thetaloom.domain.run.runs import StepName, StepStatus
from thetaloom.domain.values.ids import RunId
from thetaloom.store.queries.lineage import Evidence, StepRecord
from thetaloom.store.queries.story import tell_step
from thetaloom.testing import builders as b

METRICS = {"rsi_14": "61.5", "underlying_price": "575", "beta": "1.1", "vix": "17", "stress": "15.25"}
WORDS = {"regime": {"word": "high_volatility"}, "bands": {"word": "inside"}}


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (
            {"metrics": METRICS, "view": {"words": WORDS}},
            "underlying_price 575.00, rsi_14 61.50, stress 15.25, regime high volatility and 3 more",
        ),
        ({"metrics": {"atm_iv": "14.1"}, "view": {"words": {}}}, "atm_iv 14.10"),
        ({"metrics": {"atm_iv": "14.1"}}, "atm_iv 14.10"),
        ({"metrics": {}, "view": {"words": {}}}, "nothing could be computed"),
    ],
)
def test_a_market_is_told_by_its_headline(said: dict[str, Any], line: str) -> None:
    assert told(StepName.COMPUTE_INDICATORS, said) == line


BULLISH = {
    "analyst": "rules",
    "direction": "bullish",
    "confidence": "0.7500",
    "entry": "559.40",
    "stop": "548",
    "targets": ["571", "580"],
}
SILENT = {"opinion": None, "no_opinion": "2 of 4 agree"}
NEUTRAL: dict[str, Any] = {"analyst": "llm", "direction": "neutral", "confidence": "0.5", "entry": None, "targets": []}


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (
            {"reading": {"opinion": BULLISH}, "witness": None, "silence": None, "decides": True},
            "rules: bullish, confidence 0.75, entry 559.40, stop 548, target 571",
        ),
        (
            {"reading": SILENT, "witness": NEUTRAL, "silence": None, "decides": False},
            "llm: neutral, confidence 0.50; rules: no opinion, 2 of 4 agree; recorded only",
        ),
        (
            {"reading": SILENT, "silence": {"analyst": "llm", "reason": "timed out"}, "decides": True},
            "rules: no opinion, 2 of 4 agree; llm: no opinion, timed out",
        ),
    ],
)
def test_opinions_are_told_with_their_levels(said: dict[str, Any], line: str) -> None:
    assert told(StepName.ANALYZE, said) == line


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (
            {"daily": {"candles": {"closes": [1, 2, 3]}}, "weekly": {"candles": {"closes": [1, 2]}}, "charts": [{}]},
            "daily chart of 3 candles, weekly chart of 2 candles",
        ),
        (
            {"daily": {"candles": {"closes": [1, 2, 3]}}, "weekly": None, "charts": []},
            "daily chart of 3 candles; none was drawn",
        ),
        ({"daily": None, "weekly": None, "charts": []}, "too few candles for a chart; none was drawn"),
    ],
)
def test_charts_are_told_by_their_candles(said: dict[str, Any], line: str) -> None:
    assert told(StepName.DRAW_CHART, said) == line


@pytest.mark.parametrize(
    ("given", "said", "line"),
    [
        ({"trigger": "manual", "forced": True, "signal": None}, {}, "started by hand, forced"),
        ({"trigger": "schedule", "forced": False}, {}, "started by the clock"),
        (
            {"trigger": "signal", "forced": False, "signal": {"own": {"source": "desk", "direction": "bullish"}}},
            {"signal": {"confidence": {"total": "61.50"}}},
            "started by a signal of desk: bullish, confidence 62 of 100",
        ),
    ],
)
def test_what_started_a_run_is_told(given: dict[str, Any], said: dict[str, Any], line: str) -> None:
    assert told(StepName.TRIGGER, said, {"given": given}) == line


def told(step: StepName, said: dict[str, Any], asked: dict[str, Any] | None = None) -> str:
    """What is told of a step that is done."""
    record = LineageRecord(
        run_id=RunId("run-1"),
        seq=4,
        step=step,
        status=StepStatus.DONE,
        started_at=b.NOW,
        duration_us=1,
        input_digest="",
        output_digest="",
        code_version="0",
        strategy_id="s",
        strategy_revision=1,
    )
    given = None if asked is None else Evidence(digest="", kind="json", size=0, content=asked)
    output = Evidence(digest="", kind="json", size=0, content=said)
    return tell_step(StepRecord(record=record, input=given, output=output))
