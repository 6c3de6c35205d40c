"""Another process that moves a run while a step of it is being prepared."""

from collections.abc import Callable

import pytest

from thetaloom.domain.book.orders import Order
from thetaloom.domain.run.runs import Outcome, RunStatus
from thetaloom.engine import commands
from thetaloom.engine.handlers import handle
from thetaloom.errors import MarketDataUnavailable, ThetaloomError
from thetaloom.ports.market_data import Underlying
from thetaloom.testing.broker import ScriptedBroker
from thetaloom.testing.desk import ANNA, STRATEGY, DeskBench
from thetaloom.testing.market import FixedMarket


class MeddlingMarket(FixedMarket):
    """A market during whose first answer something happens elsewhere; then it may fail."""

    meddle: Callable[[], object] | None = None
    fault: ThetaloomError | None = None

    def underlying(self, symbol: str) -> Underlying | None:
        """Answer, after what happens meanwhile."""
        meddle, self.meddle = self.meddle, None
        if meddle is not None:
            meddle()
            if self.fault is not None:
                raise self.fault
        return super().underlying(symbol)


class MeddledBroker(ScriptedBroker):
    """A broker to which a new order is on its way while something happens elsewhere."""

    meddle: Callable[[], object] | None = None

    def submit(self, order: Order) -> None:
        """Take the order, after what happens meanwhile."""
        meddle, self.meddle = self.meddle, None
        if meddle is not None:
            meddle()
        super().submit(order)


def test_an_order_canceled_elsewhere_while_it_is_on_its_way_is_canceled_on_arrival(bench: DeskBench) -> None:
    broker = MeddledBroker(bench.clock)
    bench.restart(broker=broker)
    run = bench.engine.handle(commands.StartRun(user_id=ANNA, symbol="SPY", strategy_id=STRATEGY))
    assert hasattr(run, "id")
    broker.meddle = lambda: handle(bench.desk, commands.CancelRun(user_id=ANNA, run_id=run.id))

    bench.engine.settle()

    assert broker.arrivals == {bench.order(run.id).client_order_id: 1}
    assert broker.open_orders() == []
    assert bench.run(run.id).outcome is Outcome.CANCELED


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(None, id="then the step is done"),
        pytest.param(MarketDataUnavailable("down"), id="then the source is down"),
        pytest.param(ThetaloomError("broken"), id="then the step fails"),
    ],
)
def test_a_run_paused_elsewhere_during_a_step_stays_paused(bench: DeskBench, fault: ThetaloomError | None) -> None:
    market = MeddlingMarket(bench.clock, always_fresh=True)
    market.set_spot("SPY", 575)
    run = bench.engine.handle(commands.StartRun(user_id=ANNA, symbol="SPY", strategy_id=STRATEGY))
    assert hasattr(run, "id")
    market.fault = fault
    market.meddle = lambda: handle(bench.desk, commands.PauseRun(user_id=ANNA, run_id=run.id))

    bench.restart(market=market)
    bench.engine.settle()

    paused = bench.run(run.id)
    assert (paused.status, paused.returns_to) == (RunStatus.PAUSED, RunStatus.SCANNING)
    assert len(bench.lineage(run.id)) == 1  # the trigger; nothing of the step that came too late
    assert bench.faults(run.id) == []


def test_a_run_paused_elsewhere_is_not_made_due_by_a_quote(bench: DeskBench) -> None:
    run = bench.enter()
    handle(bench.desk, commands.PauseRun(user_id=ANNA, run_id=run))

    bench.market.set_quote("SPY 2026-01-16 P 560", 9.0, 9.2)
    bench.engine.settle()

    assert bench.run(run).status is RunStatus.PAUSED
