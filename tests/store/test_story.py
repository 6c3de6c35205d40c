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
    record = LineageRecord(
        run_id=RunId("run-1"),
        seq=4,
        step=StepName.COMPUTE_INDICATORS,
        status=StepStatus.DONE,
        started_at=b.NOW,
        duration_us=1,
        input_digest="",
        output_digest="",
        code_version="0",
        strategy_id="s",
        strategy_revision=1,
    )
    output = Evidence(digest="", kind="json", size=0, content=said)

    assert tell_step(StepRecord(record=record, input=None, output=output)) == line
