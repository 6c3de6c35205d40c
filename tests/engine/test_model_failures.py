"""A model that fails, through whole runs: never an opinion, never a trade, and a run that does not need it goes on."""

import json
from pathlib import Path

import pytest

from tests.engine.test_injections import BULLISH, DECIDES, WITNESS, desk, order_of, write_prompt
from thetaloom.domain.run.runs import Outcome, StepName
from thetaloom.domain.strategy.strategies import AnalysisRule
from thetaloom.testing.desk import DeskBench
from thetaloom.testing.llm_server import LlmServer, Script, answering, calling_a_tool, failing, llm_server, saying

FAILURES: tuple[tuple[str, Script], ...] = (
    ("malformed", saying("Buy it!")),
    ("malformed", calling_a_tool("submit_order", {"symbol": "SPY", "quantity": 1000})),
    ("malformed", failing(200, b'{"choices": []}')),
    ("malformed", saying(json.dumps(BULLISH).replace("565", "NaN"))),
    ("wrong_schema", answering(BULLISH, entry=0)),
    ("wrong_schema", answering(BULLISH, stop=-565)),
    ("contradictory", answering(BULLISH, confidence_label="LOW")),
    ("contradictory", answering(BULLISH, stop=585)),
    ("levels_implausible", answering(BULLISH, entry=57_500, stop=56_500, targets=[61_500])),
    ("too_long", answering(BULLISH, reasons=["x" * 25_000])),
    ("refused_by_model", saying(None, refusal="I cannot help with that.")),
    ("cut_off", saying('{"direction": "bul', finish_reason="length")),
    ("refused_by_server", failing(401)),
    ("refused_by_server", failing(404)),
    ("rate_limited", failing(429)),
    ("server_error", failing(500)),
    ("connection_cut", lambda exchange: exchange.cut()),
)


def desk_with(template: Path, folder: Path, server: LlmServer, rule: AnalysisRule) -> DeskBench:
    """A desk whose strategy asks the server's model."""
    bench = desk(template, folder, server.url, rule)
    write_prompt(bench, "{{ symbol }}")
    return bench


@pytest.mark.parametrize(("failure", "script"), FAILURES, ids=[f"{name}{at}" for at, (name, _) in enumerate(FAILURES)])
def test_a_run_goes_on_without_a_witness_and_stops_without_a_judge(
    sqlite_template: Path, tmp_path: Path, failure: str, script: Script
) -> None:
    plain = desk(sqlite_template, tmp_path)
    expected = order_of(plain, plain.start_run())
    with llm_server(script) as server:
        bench = desk_with(sqlite_template, tmp_path, server, WITNESS)
        run = bench.start_run()
        judged = desk_with(sqlite_template, tmp_path, server, DECIDES)
        denied = judged.start_run()

    assert order_of(bench, run) == expected
    with bench.store.reading() as uow:
        kept = uow.opinions.of_run(run)[-1]
    assert (kept.analyst, kept.direction) == ("llm", None) and kept.no_opinion.startswith(failure)
    assert bench.faults(run) == [] and bench.replay(run).identical
    assert (judged.run(denied).outcome, judged.run(denied).reason) == (Outcome.NO_TRADE, "no_opinion")
    assert judged.left_nothing(denied) and judged.broker.requests == []
    told = judged.said(denied, judged.steps(denied).index(StepName.ANALYZE))
    assert failure in told["verdict"]["facts"]["why"]
