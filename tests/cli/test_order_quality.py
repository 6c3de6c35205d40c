from decimal import Decimal
from pathlib import Path

from tests.cli.conftest import TRADABLE, Command
from tests.cli.test_commands import answer
from tests.web.conftest import pass_minutes
from thetaloom.bootstrap import open_demo, write_pulse
from thetaloom.config import load_settings


def test_what_a_fill_cost_is_told_as_json_and_as_a_table(tradable_home: Path, thetaloom: Command) -> None:
    thetaloom("run", "start", "goog", "--json")
    (waiting,) = answer(thetaloom("approval", "list", "--json"))["rows"]
    thetaloom("approval", "approve", waiting["id"])
    before = answer(thetaloom("order", "quality", "--json"))
    with open_demo(load_settings(), start=TRADABLE) as platform:
        platform.engine.start()
        pass_minutes(platform, 30)
        write_pulse(platform, alive=False)

    found = answer(thetaloom("order", "quality", "--json"))
    shown = thetaloom("order", "quality", "--since", "2015-12-24")
    later = answer(thetaloom("order", "quality", "--since", "2015-12-25", "--json"))

    (one,) = found["orders"]
    given_up = (Decimal(str(one["arrival_mid"])) - Decimal(str(one["fill_price"]))) * 100 * one["quantity"]
    assert before["orders"] == later["orders"] == []
    assert Decimal(str(one["arrival_cost"])) == given_up
    assert found["summary"]["orders"] == 1
    assert shown.exit_code == 0
    assert "given up against hindsight" in shown.output
    assert "execution" in thetaloom("order", "show", one["client_order_id"]).output
