"""``risk scenarios`` on a home that holds a position."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from tests.cli.conftest import TRADABLE, Command
from thetaloom.bootstrap import open_demo, write_pulse
from thetaloom.cli.scenarios import scenarios
from thetaloom.config import load_settings
from thetaloom.domain.values.ids import StrategyId
from thetaloom.engine.commands import ApproveProposal, StartRun
from thetaloom.errors import InvalidInput
from thetaloom.marketdata.clocks import VirtualClock
from thetaloom.store.queries.proposals import list_proposals

Stress = Callable[..., Result]


@pytest.fixture
def stress() -> Stress:
    """Run the command by itself."""
    app = typer.Typer(add_completion=False)
    app.command()(scenarios)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    return run


@pytest.fixture
def holding(tradable_home: Path) -> Path:
    """A home that holds the demo's put spread on GOOG."""
    with open_demo(load_settings(), start=TRADABLE) as platform:
        user, clock = platform.user_id, platform.clock
        assert isinstance(clock, VirtualClock)
        platform.engine.start()
        strategy = StrategyId("goog-demo-put-credit-spread")
        platform.engine.handle(StartRun(user_id=user, symbol="GOOG", strategy_id=strategy))
        platform.engine.settle()
        (waiting,) = list_proposals(platform.database, user).rows
        platform.engine.handle(ApproveProposal(user_id=user, proposal_id=waiting.id))
        for _ in range(10):
            clock.move_to(clock.now() + timedelta(minutes=1))
            platform.engine.settle()
        write_pulse(platform, alive=False)
    return tradable_home


def test_scenarios_are_a_verb_of_risk(tradable_home: Path, thetaloom: Command) -> None:
    assert json.loads(thetaloom("risk", "scenarios", "--json").stdout)["worst"] is None


def test_an_empty_account_says_so(tradable_home: Path, stress: Stress) -> None:
    assert "no open position" in stress().output
    assert json.loads(stress("--json").output)["worst"] is None


def test_a_held_position_is_shown_with_its_worst_case_and_what_is_unknown(holding: Path, stress: Stress) -> None:
    shown = stress("--spots", "-10,-5,0,5%", "--ivs", "0,50")

    assert shown.exit_code == 0, shown.output
    assert [word in shown.output for word in ("iv +50%", "-5.0%", "worst:", "not in the one-day figures")] == [True] * 4
    found = json.loads(stress("--spots", "-10,0", "--json").output)
    assert found["spot_shocks"] == [-0.1, 0.0]
    assert found["worst"]["pnl"] == min((cell for row in found["pnl"] for cell in row), key=float)
    assert found["is_complete"] is False and "greeks" not in found
    told = json.loads(stress("--spots", "0", "--ivs", "0", "--greeks", "--json").output)["greeks"]
    assert float(told["delta_usd"][0][0]) > 0 > float(told["vega"][0][0])  # a sold put spread


@pytest.mark.parametrize("asked", [("--spots", "a,b"), ("--ivs", "1,,2"), ("--days", "x"), ("--spots", "-100")])
def test_moves_without_sense_are_refused(home: Path, stress: Stress, asked: tuple[str, str]) -> None:
    found = stress(*asked)

    assert isinstance(found.exception, InvalidInput)
