"""An outside world that takes its time, or never answers; and how long the engine's turns last meanwhile."""

import threading
import time
from dataclasses import dataclass
from typing import Any, cast

from thetaloom.domain.strategy.strategies import ApprovalRule, ExitKind, ExitUnit
from thetaloom.engine import commands
from thetaloom.engine.errands import Errands
from thetaloom.engine.loop import OUTSIDE_SECONDS
from thetaloom.links.patient_broker import PatientBroker
from thetaloom.marketdata.remembered import RememberedMarket
from thetaloom.ports.broker import Broker
from thetaloom.ports.market_data import MarketData
from thetaloom.ports.patience import waiting_at_most
from thetaloom.store.database import Database
from thetaloom.testing.desk import ANNA, STRATEGY, DeskBench, exit_rule, put_credit_spread

SLOW = frozenset(
    {
        *("underlying", "chain", "history", "iv_history", "intraday", "corporate_events"),
        *("account", "holdings", "transactions", "open_orders", "find", "submit", "replace", "cancel", "preview"),
    }
)
TURNS = 40  # with slow answers, before and after the exit is due
EXIT_TURNS_MAX = 20


class SlowOutside:
    """Stands before a market or a broker, and lets what needs a request wait."""

    def __init__(self, inner: object) -> None:
        self.seconds = 0.0
        self.asked_in: list[threading.Thread] = []
        self.asked: list[str] = []
        self.let_go = threading.Event()
        self._inner = inner

    def links(self) -> tuple[()]:
        """Stand on no connection."""
        return ()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return self._slowed(name, found) if name in SLOW else found

    def _slowed(self, name: str, call: Any) -> Any:
        def slow(*given: Any) -> Any:
            self.asked_in.append(threading.current_thread())
            self.asked.append(name)
            self.let_go.wait(self.seconds)
            return call(*given)

        return slow


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """How long turns lasted, in milliseconds."""

    worst: float
    exit: float  # from the quote to the order to close, which is then on its way to the broker
    asked: int  # requests that were slow
    asked_here: int  # of them, in the thread of the turns


def measure_turns(database: Database, seconds: float) -> Turns:
    """Let runs start and one position's exit come due while every request takes so long."""
    bench = DeskBench(database)
    target = exit_rule(ExitKind.PROFIT_TARGET, 50, ExitUnit.PERCENT_OF_PREMIUM)
    bench.enter(put_credit_spread(exits=(target,)), at="1.00")
    bench.save(put_credit_spread(exits=(target,), approval=ApprovalRule()))  # the run to come ends at its proposal
    market, broker = SlowOutside(bench.market), SlowOutside(bench.made)
    remembered = RememberedMarket(cast(MarketData, market), bench.clock, bench.desk.calendar)
    patient = PatientBroker(cast(Broker, broker))
    bench.restart(market=remembered, broker=patient, errands=Errands(aside=True))
    bench.engine.settle()
    market.seconds = broker.seconds = seconds
    market.asked_in.clear()
    broker.asked_in.clear()
    broker.asked.clear()
    try:
        with waiting_at_most(OUTSIDE_SECONDS):
            bench.engine.handle(commands.StartRun(user_id=ANNA, symbol="SPY", strategy_id=STRATEGY, forced=True))
            took = [_turn(bench) for _ in range(TURNS)]
            bench.quote_spread(0.40)
            began, turns = time.perf_counter(), 0
            while "submit" not in broker.asked and turns < EXIT_TURNS_MAX:
                took.append(_turn(bench))
                turns += 1
            until_exit = (time.perf_counter() - began) * 1000
            took += [_turn(bench) for _ in range(TURNS)]
    finally:
        market.let_go.set()
        broker.let_go.set()
        remembered.close()
        patient.close()
    asked = [*market.asked_in, *broker.asked_in]
    return Turns(
        worst=max(took),
        exit=until_exit if "submit" in broker.asked else float("inf"),
        asked=len(asked),
        asked_here=asked.count(threading.current_thread()),
    )


def _turn(bench: DeskBench) -> float:
    bench.clock.advance(seconds=0.5)
    began = time.perf_counter()
    bench.engine.turn()
    return (time.perf_counter() - began) * 1000
