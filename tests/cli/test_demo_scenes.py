"""Every scene of the demo ends as it says, with its evidence verified and replayed."""

import json

import pytest
from typer.testing import CliRunner

from thetaloom.cli.app import app

ENDS = {
    "roll": ["closed", "closed"],
    "partial": ["closed"],
    "ladder": ["closed"],
    "triggers": ["closed"] * 4,
    "assignment": ["assigned"],  # the shares that were delivered are sold
}


@pytest.mark.parametrize("scene", sorted(ENDS))
def test_a_scene_ends_as_it_says(scene: str) -> None:
    done = CliRunner().invoke(app, ["demo", "--scene", scene, "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["scene"] == scene and found["synthetic"]
    assert [run["outcome"] for run in found["runs"]] == ENDS[scene]
    assert found["lineage"]["verified"] and found["lineage"]["identical"]
    if scene == "assignment":
        assert found["runs"][0]["shares"] == 0 and found["runs"][0]["holds"] == ""
        assert found["runs"][0]["reason"] == "assigned" and found["runs"][0]["realized_pnl"] < 0
    purposes = [order["purpose"] for order in found["orders"] if order["filled"]]
    if scene == "roll":
        assert purposes == ["entry", "roll", "entry", "exit"] and found["runs"][0]["reason"] == "roll"
    if scene == "partial":
        assert [fill["quantity"] for fill in found["fills"]] == [3, 1, 2]
    if scene == "ladder":
        assert purposes == ["entry", "ladder"] and found["runs"][0]["reason"] == "expiry_ladder"
    if scene == "triggers":
        assert [run["trigger"] for run in found["runs"]] == ["manual", "signal", "scan", "schedule"]
