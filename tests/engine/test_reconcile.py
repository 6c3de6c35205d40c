"""Reconciliation: what differs is found, and looking changes nothing."""

from thetaloom.domain.book.orders import OrderStatus
from thetaloom.domain.run.runs import RunStatus
from thetaloom.engine.reconcile import Drift, find_drifts, reconcile
from thetaloom.testing import builders
from thetaloom.testing.broker import Trouble
from thetaloom.testing.desk import DeskBench


def test_a_dry_run_only_looks(bench: DeskBench) -> None:
    bench.broker.plan(Trouble.LOST)
    run = bench.start_run()

    found = reconcile(bench.desk, dry_run=True)

    assert (found.reports_applied, found.orders_delivered, found.drifts) == (0, 1, ())
    assert len(bench.sent("submit")) == 1 and bench.order(run).status is OrderStatus.SUBMITTED


def test_holdings_from_elsewhere_are_named(bench: DeskBench) -> None:
    run = bench.enter()
    short, strange = builders.contract("SPY 2026-01-16 P 560"), builders.contract("SPY 2026-01-16 C 600")
    bench.broker.held[short] = 0
    bench.broker.held[strange] = 3

    assert find_drifts(bench.desk) == (
        Drift(contract=strange, ours=0, theirs=3),
        Drift(contract=short, ours=-1, theirs=0),
    )
    assert bench.run(run).status is RunStatus.MONITORING


def test_reports_of_orders_from_elsewhere_are_passed_over(bench: DeskBench) -> None:
    bench.broker.submit(builders.sent(builders.order()))

    assert reconcile(bench.desk).reports_applied == 0
    assert bench.engine.settle() == 0
