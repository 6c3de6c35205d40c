"""Tridents whose trades the exchange busts, at each broker, by the commands that a person uses: two real processes."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.scenarios.practising import Practice
from tests.scenarios.test_simulated_brokers import AT_NIGHT, BROKERS, OVER, enter, run_of, working
from tests.scenarios.test_simulated_brokers import practice_at as practice_at

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), AT_NIGHT]
TRADES_MAX = 20  # of one entry


def drifts(practice: Practice) -> Any:
    """Compare the books by the command, and return what differs."""
    return json.loads(practice.command("reconcile", "--json"))["drifts"]


@pytest.mark.parametrize("broker", BROKERS)
def test_a_trident_ends_whose_entry_is_busted_whole(practice_at: Callable[[str], Practice], broker: str) -> None:
    practice = practice_at(broker)
    run = enter(practice)

    for _ in range(TRADES_MAX):
        held = practice.books()["holdings"]
        if not held:
            break
        practice.control("/bust", contract=next(iter(held)))

    practice.wait("the end", lambda: run_of(practice, run)["status"] in OVER)
    ended = run_of(practice, run)
    assert (ended["status"], ended["outcome"], ended["reason"]) == ("COMPLETED", "unfilled", "trade_busted")
    practice.wait("its targets to be gone", lambda: not working(practice))
    assert practice.books()["faults"] == [] and practice.books()["holdings"] == {} and drifts(practice) == []
    assert json.loads(practice.command("lineage", "replay", run, "--json"))["identical"]


@pytest.mark.parametrize("broker", BROKERS)
def test_a_trident_that_lost_one_leg_waits_for_a_person(practice_at: Callable[[str], Practice], broker: str) -> None:
    practice = practice_at(broker)
    run = enter(practice)
    sold = next(name for name, held in practice.books()["holdings"].items() if held < 0)

    practice.control("/bust", contract=sold)

    practice.wait("the run to be set aside", lambda: run_of(practice, run)["status"] == "PAUSED")
    practice.wait("its orders to be gone", lambda: not working(practice))
    orders = len(practice.books()["orders"])
    practice.pass_minutes(30, lambda: False)
    assert run_of(practice, run)["reason"] == "trade_busted" and len(practice.books()["orders"]) == orders
    assert drifts(practice) == [] and practice.books()["faults"] == []
    practice.command("run", "resume", run)
    (position,) = [one for one in practice.get("/api/positions")["items"] if one["run_id"] == run]
    practice.command("position", "close", position["id"])
    practice.wait("the close", lambda: working(practice) or not practice.books()["holdings"])
