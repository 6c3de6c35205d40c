"""The commands on positions: spreads and targets shown, a part closed, refusals told."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import TRADABLE, Command
from thetaloom.bootstrap import open_demo, write_pulse
from thetaloom.config import load_settings
from thetaloom.marketdata.clocks import VirtualClock


@pytest.fixture
def position_id(home: Path, thetaloom: Command) -> str:
    """A position of the recorded day, its entry approved and filled."""
    with open_demo(load_settings(), start=TRADABLE) as platform:
        write_pulse(platform, alive=False)
    thetaloom("run", "start", "GOOG", "--json")
    (waiting,) = json.loads(thetaloom("approval", "list", "--json").stdout)["rows"]
    thetaloom("approval", "approve", waiting["id"])
    with open_demo(load_settings()) as platform:
        assert isinstance(platform.clock, VirtualClock)
        for _ in range(15):
            platform.clock.move_to(platform.clock.now() + timedelta(minutes=1))
            platform.engine.settle()
        write_pulse(platform, alive=False)
    return str(listed(thetaloom)[0]["id"])


def listed(thetaloom: Command) -> list[dict[str, Any]]:
    """The rows of ``position list``."""
    return list(json.loads(thetaloom("position", "list", "--json").stdout)["rows"])


def test_a_position_is_shown_with_its_spreads_and_refuses_more_than_it_holds(
    position_id: str, thetaloom: Command
) -> None:
    shown = json.loads(thetaloom("position", "show", position_id, "--json").stdout)
    targets = json.loads(thetaloom("position", "targets", position_id, "--json").stdout)
    too_many = thetaloom("position", "close", position_id, "--quantity", "99")
    no_part = thetaloom("position", "close", position_id, "--part", "fly")

    (spread,) = shown["spreads"]
    assert (shown["status"], spread["name"], spread["remaining"]) == ("open_full", "whole", shown["quantity"])
    assert shown["lots"] == spread["lots"] != []
    assert (targets["position"], targets["targets"][0]["target_percent"]) == (position_id, None)
    assert (too_many.exit_code, "99 asked for" in too_many.stderr) == (3, True)
    assert no_part.exit_code != 0 and "it has: whole" in no_part.stderr
    assert listed(thetaloom)[0]["status"] == "open_full"
    assert thetaloom("position", "show", position_id).exit_code == 0
    assert thetaloom("position", "targets", position_id, "--replace").exit_code == 0
