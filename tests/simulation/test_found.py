"""Faults that seeds have found, each as a small scene; the list is in docs/concepts/simulation.md."""

from thetaloom.domain.run.events import EventKind
from thetaloom.engine import commands
from thetaloom.testing import builders
from thetaloom.testing.desk import ANNA, DeskBench


def test_a_trade_elsewhere_is_told_of_and_stops_nothing(lite: DeskBench) -> None:
    """Seeds 13, 15, 22 and others: the event that tells of a finding could not be written, and the engine ended."""
    lite.broker.trade_elsewhere(builders.legs("+1 SPY 2026-01-16 P 550"), 2)

    lite.engine.handle(commands.Reconcile(user_id=ANNA))
    lite.pass_time(minutes=2)
    lite.engine.handle(commands.Reconcile(user_id=ANNA))

    assert EventKind.FINDING_RAISED in lite.events()
