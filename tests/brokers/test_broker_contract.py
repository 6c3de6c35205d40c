"""Every broker of ours keeps the contract that ``thetaloom.testing.broker_contract`` states, as its page says."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from thetaloom.broker_parts import SHIPPED, SHIPPED_RIGS, rig_of
from thetaloom.testing.broker_contract import GROUPS, SCENARIOS, Rig, Scenario
from thetaloom.testing.broker_contract.certifying import RigsForScenarios, quiet
from thetaloom.testing.broker_contract.rigs import RigSource, paper_rig

SCENARIOS_MIN = 150
RESULTS = Path(__file__).resolve().parents[2] / "docs" / "brokers" / "results.json"


class Tried(NamedTuple):
    """One broker, what makes its rigs, and what was recorded of it."""

    name: str
    rigs: RigsForScenarios
    recorded: Mapping[str, str]


@pytest.fixture(scope="module", params=sorted(SHIPPED_RIGS))
def tried(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    """One broker; what is slow to start is started once."""
    source: RigSource = rig_of(request.param)(tmp_path_factory.mktemp(request.param))
    with quiet():
        recorded = json.loads(RESULTS.read_text())[request.param]
        yield Tried(name=request.param, rigs=RigsForScenarios(source), recorded=recorded)
    source.close()


def keeps(scenario: Scenario, rig: Rig) -> None:
    """Run a scenario on a rig that can do what it needs."""
    scenario.run_on(rig)
    assert rig.wire is None or rig.wire.faults() == ()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.number)
def test_the_contract_is_kept_as_the_page_of_the_broker_says(tried: Tried, scenario: Scenario) -> None:
    rig = tried.rigs.rig_or_reason(scenario)

    assert tried.recorded[scenario.number] == (f"left out: {rig}" if isinstance(rig, str) else "passed")
    if isinstance(rig, str):
        pytest.skip(rig)
    keeps(scenario, rig)


@pytest.mark.postgres
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.number)
def test_the_paper_broker_keeps_it_on_postgres_too(postgres_books: str, scenario: Scenario) -> None:
    rig = paper_rig(postgres_books)
    if reason := scenario.left_out_because(rig):
        rig.close()
        pytest.skip(reason)

    keeps(scenario, rig)

    rig.close()


def test_there_are_a_hundred_and_fifty_scenarios_each_under_a_number_and_a_sentence_of_its_own() -> None:
    assert len({one.number for one in SCENARIOS}) == len({one.name for one in SCENARIOS}) == len(SCENARIOS)
    assert len(SCENARIOS) >= SCENARIOS_MIN
    assert all(re.fullmatch(r"[A-Z]{3}-\d{3}", one.number) for one in SCENARIOS)
    assert {one.number.partition("-")[0] for one in SCENARIOS} == set(GROUPS)


def test_the_table_of_results_holds_every_scenario_of_every_broker_that_ships() -> None:
    table = json.loads(RESULTS.read_text())

    assert set(table) == set(SHIPPED_RIGS) >= set(SHIPPED)
    for told in table.values():
        assert set(told) == {one.number for one in SCENARIOS}
        assert all(outcome == "passed" or outcome.startswith("left out: ") for outcome in told.values())


def test_every_scenario_is_passed_by_a_broker_that_ships() -> None:
    table = json.loads(RESULTS.read_text())
    passed = {number for told in table.values() for number, outcome in told.items() if outcome == "passed"}

    assert {one.number for one in SCENARIOS} - passed == set()
