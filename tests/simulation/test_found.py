"""Faults that seeds have found, each as a small scene; the list is in docs/concepts/simulation.md."""

from datetime import date

from thetaloom.domain.run.events import EventKind
from thetaloom.engine import commands
from thetaloom.testing import builders
from thetaloom.testing.desk import ANNA, DeskBench
from thetaloom.testing.simulation.faults import Fault, Faults
from thetaloom.testing.simulation.runner import play_scene, play_seed
from thetaloom.testing.simulation.scene import Scene


def test_a_trade_elsewhere_is_told_of_and_stops_nothing(lite: DeskBench) -> None:
    """Seeds 13, 15, 22 and others: the event that tells of a finding could not be written, and the engine ended."""
    lite.broker.trade_elsewhere(builders.legs("+1 SPY 2026-01-16 P 550"), 2)

    lite.engine.handle(commands.Reconcile(user_id=ANNA))
    lite.pass_time(minutes=2)
    lite.engine.handle(commands.Reconcile(user_id=ANNA))

    assert EventKind.FINDING_RAISED in lite.events()


def test_what_no_report_ever_told_is_found_in_the_books_of_the_broker() -> None:
    lost = Faults({Fault.REPORT_IS_LOST: 0.15})

    played = play_scene(Scene(seed=8, first_on=date(2026, 1, 6), sessions=1, minutes=15, faults=lost))

    assert any("loses filled" in line for line in played.history)
    assert played.failures == ()


def test_a_trade_that_the_transactions_told_first_may_be_closed_at_once() -> None:
    """Seed 126: the report of a fill was late, the books had it from the broker's transactions; no law was broken."""
    assert play_seed(126).failures == ()


def test_legs_that_only_the_transactions_tell_cost_their_fees_once() -> None:
    """Seed 140: such a leg came before one whose fees were booked, and these were booked again with the rest."""
    assert play_seed(140).failures == ()


def test_what_was_heard_while_the_disk_was_full_is_heard_again_at_once() -> None:
    """Seed 148: an assignment was read while nothing could be written, and the next turn passed over it."""
    assert play_seed(148).failures == ()
