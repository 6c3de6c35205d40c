"""Tridents at each broker, by the commands that a person uses: two real processes, and everything that can happen."""

import json
import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.practising import Practice, free_port

BROKERS = ("tastytrade", "alpaca", "ibkr")
AT_NIGHT = pytest.mark.skipif("TESTS_ALL_BROKERS" not in os.environ, reason="minutes each; at night: make nightly")
SEED = 29  # its market takes the call spread first and both put spreads later; a second Trident's puts it never takes
START = "2026-01-05T15:05:00Z"
TARGET_DAYS = ("2026-01-09T15:30:00Z", "2026-01-22T15:30:00Z", "2026-01-26T15:30:00Z")
SECOND_START = "2026-01-27T15:35:00Z"
LADDER_BEGINS, LADDER_PAYS = "2026-03-06T16:00:00Z", "2026-03-10T15:30:00Z"  # 7 and 3 days before it expires
TRIES = 6  # of a busy machine
DAY_MINUTES, DAYS_MAX, DAY_SECONDS = 24 * 60, 3, 15.0  # for a target; and how long a day may take to be seen
OVER = {"COMPLETED", "ERROR"}
FOR_REAL_MONEY = {
    "gate: mode": 'For real money: Set `mode = "live"` in config.toml.',
    "gate: allow_live": "For real money: Set `allow_live = true` in config.toml as well.",
    "gate: session": "For real money: Give the credentials of the live account.",
}


@pytest.fixture
def practice_at(tmp_path: Path) -> Iterator[Callable[[str], Practice]]:
    """Start a broker by its name, and Thetaloom at it."""
    opened: list[Practice] = []

    def start(broker: str) -> Practice:
        opened.append(Practice(broker, tmp_path, start=START, seed=SEED))
        opened[0].keep_secrets()
        opened[0].up()
        return opened[0]

    yield start
    for practice in opened:
        practice.close()


def run_of(practice: Practice, run: str) -> dict[str, Any]:
    """Return a run as it is told."""
    told: dict[str, Any] = practice.get(f"/api/workflow/status/{run}")["run"]
    return told


def working(practice: Practice) -> list[dict[str, Any]]:
    """Return what works at the broker."""
    return [one for one in practice.books()["orders"] if one["is_open"]]


def propose(practice: Practice) -> str:
    """Start a Trident until it is proposed: where the machine is busy, the chain may not come in time."""
    asked = {"symbols": ["QQQ"], "strategy_ids": ["senex-trident"], "force": True}
    for _ in range(TRIES):
        run = str(practice.post("/api/workflow/start", **asked)["runs"][0]["id"])
        if practice.wait("the proposal", partial(proposed, practice, run)) != "nothing":
            return run
        practice.pass_minutes(10, lambda: False)  # and fresh quotes after a jump of the clock take a moment
    raise AssertionError(f"nothing was proposed: {run_of(practice, run)} {practice.said()}")


def proposed(practice: Practice, run: str) -> str:
    """Return the id of a run's proposal once there is one, and ``nothing`` where it ended without."""
    told = practice.get(f"/api/workflow/status/{run}")
    proposals = [str(one["id"]) for one in told["proposals"]]
    return proposals[-1] if proposals else "nothing" if told["run"]["status"] in OVER else ""


def enter(practice: Practice, *, targets: int = 3) -> str:
    """Start a Trident and approve it; where its price was walked in vain, start another."""
    run = next((run for run in map(propose, TRIES * [practice]) if fills(practice, run)), "")
    assert run, f"no entry filled: {practice.said()}"
    practice.wait("the position", lambda: run_of(practice, run)["status"] == "MONITORING")
    practice.wait("its targets", lambda: len(working(practice)) == targets)
    return run


def fills(practice: Practice, run: str) -> bool:
    """Approve a run and let its price be walked; tell whether it filled."""
    before = len(practice.books()["orders"])
    practice.post(f"/api/workflow/approve/{run}")
    practice.wait("the order at the broker", lambda: len(practice.books()["orders"]) > before)
    while not practice.books()["holdings"] and run_of(practice, run)["status"] not in OVER:
        practice.pass_minutes(10, partial(has_moved, practice, limits(practice)))
    return bool(practice.books()["holdings"])


def limits(practice: Practice) -> list[tuple[str, str]]:
    """Return the limits of what works at the broker."""
    return [(one["id"], one["limit_price"]) for one in working(practice)]


def has_moved(practice: Practice, before: list[tuple[str, str]]) -> bool:
    """Tell whether an entry filled, or its limit was moved."""
    return limits(practice) != before


def reach(practice: Practice, at: str, *, contracts: int) -> None:
    """Let days pass from ``at`` on until so few contracts are held: an entry at another price has other targets."""
    practice.jump(at)
    there = partial(holds_at_most, practice, contracts)
    if not any(practice.pass_minutes(minutes, there, DAY_SECONDS) for minutes in (1, *[DAY_MINUTES] * DAYS_MAX)):
        raise AssertionError(f"more than {contracts} contracts are held: {practice.said()} {practice.books()}")


def holds_at_most(practice: Practice, contracts: int) -> bool:
    """Tell whether the broker holds no more than so many contracts."""
    held: dict[str, int] = practice.books()["holdings"]
    return sum(map(abs, held.values())) <= contracts


def ended_well(practice: Practice, run: str, *, contracts: int) -> dict[str, Any]:
    """Check that a run is over, and that the broker has all its contracts back, each once."""
    practice.wait("the end", lambda: run_of(practice, run)["status"] in OVER)
    ended, books = run_of(practice, run), practice.books()
    assert (ended["status"], ended["outcome"]) == ("COMPLETED", "closed")
    assert books["holdings"] == {} and books["faults"] == []
    assert not working(practice)
    traded = [one["quantity"] for one in books["trades"]]
    assert sum(map(abs, traded)) == 2 * contracts and sum(traded) == 0
    names = [one["client_order_id"] for one in books["orders"] if one["client_order_id"]]
    assert len(set(names)) == len(names) or practice.broker == "tastytrade"  # there a replacement bears the same name
    return ended


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("broker", BROKERS)
@AT_NIGHT
def test_tridents_end_at_three_targets_and_by_the_ladder_through_all_that_can_happen(
    practice_at: Callable[[str], Practice], broker: str
) -> None:
    practice = practice_at(broker)
    run = enter(practice)
    assert "another server works on this database" in practice.command("up", "--port", str(free_port()), ends_with=3)

    backup = str(practice.home.with_name("backup.db"))
    practice.command("db", "backup", backup)
    practice.control("/tokens/expire")
    practice.control("/streams/drop")
    reach(practice, TARGET_DAYS[0], contracts=4)
    practice.wait("the first target", lambda: len(working(practice)) == 2)
    practice.kill()
    practice.command("db", "restore", backup, "--confirm")  # it knows nothing of the first target, nor of what was sent
    practice.up()
    practice.wait("the first target in our books", lambda: held(practice) == 2)
    reach(practice, TARGET_DAYS[1], contracts=2)
    practice.wait("the second target", lambda: len(working(practice)) <= 1)
    practice.control("/streams/drop")
    reach(practice, TARGET_DAYS[2], contracts=0)
    ended_well(practice, run, contracts=6)

    practice.jump(max(datetime.fromisoformat(SECOND_START), practice.now() + timedelta(minutes=1)))
    second = enter(practice, targets=2)  # near a Bollinger band its call spread is left out
    practice.jump(LADDER_BEGINS)
    practice.wait("the ladder", lambda: [one for one in orders_of(practice, "ladder") if one["status"] == "WORKING"])
    practice.jump(LADDER_PAYS)
    ended = ended_well(practice, second, contracts=6 + 4)

    assert ended["reason"] == "expiry_ladder"
    # Alpaca takes orders for the day: those of the day of the restore are not in the older books, and end with it.
    left = {(one["kind"], one["status"]) for one in practice.get("/api/findings")["items"]}
    assert left == ({("orphan_order", "gone")} if practice.broker == "alpaca" else set())
    practice.command("lineage", "verify")
    practice.command("lineage", "replay")
    told = {one["name"]: one for one in json.loads(practice.command("doctor", "--json"))["findings"]}
    assert FOR_REAL_MONEY.items() <= {name: one["advice"] for name, one in told.items()}.items()
    assert f"`thetaloom broker allow-live {practice.told['account']}`" in told["gate: account"]["advice"]


def orders_of(practice: Practice, purpose: str) -> list[dict[str, Any]]:
    """Return the orders of our books that are for something."""
    return [one for one in practice.get("/api/orders")["items"] if one["purpose"] == purpose]


def held(practice: Practice) -> int:
    """Return how many spreads our books hold."""
    positions = practice.get("/api/positions")["items"]
    return sum(spread["remaining"] for one in positions for spread in one["spreads"])


@pytest.mark.slow
@pytest.mark.timeout(280)
@pytest.mark.parametrize("broker", BROKERS)
def test_a_trident_is_entered_and_reaches_its_first_target_after_a_disconnect(
    practice_at: Callable[[str], Practice], broker: str
) -> None:
    practice = practice_at(broker)
    enter(practice)

    practice.control("/tokens/expire")
    practice.control("/streams/drop")
    reach(practice, TARGET_DAYS[0], contracts=4)

    practice.wait("the first target", lambda: len(working(practice)) == 2 and held(practice) == 2)
    assert practice.books()["faults"] == [] and practice.get("/api/findings")["items"] == []
