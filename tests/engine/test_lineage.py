"""Lineage: complete, sealed, kept once, and replayed to the byte."""

from dataclasses import replace

import pytest
from sqlalchemy import delete, func, select, update

from thetaloom.domain.run.runs import StepName, StepStatus
from thetaloom.domain.strategy.strategies import ExitKind, ExitUnit
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.engine import DECIDERS
from thetaloom.engine.findings import RiskFinding
from thetaloom.engine.lineage import Decider, first_difference, output_of
from thetaloom.engine.steps import PIPELINE, check_risk
from thetaloom.errors import NotFound
from thetaloom.store.schema import evidence, lineage
from thetaloom.testing.desk import DeskBench, exit_rule, put_credit_spread

TARGET = exit_rule(ExitKind.PROFIT_TARGET, 50, ExitUnit.PERCENT_OF_PREMIUM)


def one_more(given: check_risk.Inputs) -> RiskFinding:
    """Decide as before, but for one structure more."""
    said = check_risk.decide(given)
    return replace(said, quantity=said.quantity + 1)


def test_each_of_the_thirteen_steps_has_its_place_and_its_decision() -> None:
    assert set(PIPELINE) == set(StepName)
    assert all(DECIDERS[step.decider.name] is step.decider for step in PIPELINE.values())


def test_a_full_run_records_every_step(bench: DeskBench) -> None:
    run = bench.enter(put_credit_spread(exits=(TARGET,)), at="1.00")
    bench.quote_spread(0.40)
    bench.engine.settle()
    bench.broker.fill(bench.order(run).client_order_id)
    bench.engine.settle()

    records = bench.lineage(run)

    assert {record.step for record in records} == set(StepName)
    assert [record.seq for record in records] == list(range(1, len(records) + 1))
    skipped = {record.step for record in records if record.status is StepStatus.SKIPPED}
    assert skipped == {StepName.DRAW_CHART, StepName.ANALYZE}
    assert all(record.reason == "not_requested" for record in records if record.step in skipped)
    assert [record.parent for record in records] == [None, *range(1, len(records))]
    report = bench.replay(run)
    assert (report.identical, report.replayed) == (True, len(records))


def test_a_chain_is_kept_once_however_many_steps_rest_on_it(bench: DeskBench) -> None:
    bench.start_run()

    with bench.database.connect() as connection:
        chains = connection.scalar(select(func.count()).where(evidence.c.kind == "chain"))

    assert chains == 2  # the whole chain, and the slice of it that was evaluated


def test_altered_evidence_is_found(bench: DeskBench) -> None:
    run = bench.start_run()
    digest = bench.lineage(run)[8].output_digest
    with bench.database.begin() as connection:
        connection.execute(update(evidence).where(evidence.c.digest == digest).values(content=b"{}"))

    assert any("altered" in fault for fault in bench.faults(run))


def test_missing_evidence_is_found(bench: DeskBench) -> None:
    run = bench.start_run()
    with bench.database.begin() as connection:
        connection.execute(delete(evidence).where(evidence.c.kind == "chain"))

    assert any("there is no evidence" in fault for fault in bench.faults(run))


@pytest.mark.parametrize(("column", "content"), [("reason", "halted"), ("duration_us", 1), ("input_digest", "00")])
def test_an_altered_record_is_found(bench: DeskBench, column: str, content: object) -> None:
    run = bench.start_run()
    with bench.database.begin() as connection:
        of = (lineage.c.run_id == run, lineage.c.seq == 5)
        connection.execute(update(lineage).where(*of).values({column: content}))

    assert any("not what was sealed" in fault for fault in bench.faults(run))


@pytest.mark.parametrize("seq", [1, 5, 11])
def test_a_dropped_record_is_found(bench: DeskBench, seq: int) -> None:
    run = bench.start_run()
    with bench.database.begin() as connection:
        connection.execute(delete(lineage).where(lineage.c.run_id == run, lineage.c.seq == seq))

    assert bench.faults(run) != []


def test_a_changed_decision_is_named_by_its_first_differing_field(bench: DeskBench) -> None:
    run = bench.start_run()
    changed = Decider(name="check_risk", inputs=check_risk.Inputs, decide=one_more)

    report = bench.replay(run, {**DECIDERS, "check_risk": changed})

    assert not report.identical
    assert report.difference == "record 9 check_risk: quantity: stored 1, now 2"


def test_a_decision_that_is_gone_cannot_be_replayed(lite: DeskBench) -> None:
    run = lite.start_run()

    with pytest.raises(NotFound, match="check_risk"):
        lite.replay(run, {name: decider for name, decider in DECIDERS.items() if name != "check_risk"})


def test_the_output_of_a_step_not_taken_is_not_found(lite: DeskBench) -> None:
    run = lite.start_run()

    with lite.store.unit_of_work() as uow, pytest.raises(NotFound, match="manage_position"):
        output_of(lite.desk, uow, run, StepName.MANAGE_POSITION, RiskFinding)


@pytest.mark.parametrize(
    ("stored", "again", "said"),
    [
        ({"a": 1}, {"a": 2}, "a: stored 1, now 2"),
        ({"a": {"b": [1, {"c": 2}]}}, {"a": {"b": [1, {"c": 3}]}}, "a.b[1].c: stored 2, now 3"),
        ({"a": None}, {}, "a: stored None, now None"),
        ([1], [1, 2], "output: stored [1], now [1, 2]"),
        (1, 2, "output: stored 1, now 2"),
        ({"a": 1}, {"a": 1}, "output: stored {'a': 1}, now {'a': 1}"),
    ],
)
def test_the_first_difference_is_named_by_its_path(stored: object, again: object, said: str) -> None:
    assert first_difference(stored, again) == said


def test_reasons_in_records_are_codes_of_the_dictionary(lite: DeskBench) -> None:
    run = lite.start_run()

    assert all(not record.reason or Reason.of(record.reason) for record in lite.lineage(run))
