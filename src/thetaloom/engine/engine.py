"""The engine: the one owner of runs, orders and positions in a process. Others post commands to it."""

from collections.abc import Mapping

from thetaloom.engine.commands import Command
from thetaloom.engine.desk import Desk
from thetaloom.engine.handlers import handle
from thetaloom.engine.lineage import Decider
from thetaloom.engine.monitor import Monitor
from thetaloom.engine.order_manager import REPORT_DECIDER, apply_reports
from thetaloom.engine.reconcile import Reconciled, reconcile
from thetaloom.engine.runner import work
from thetaloom.engine.steps import STEP_DECIDERS
from thetaloom.ports.broker import SimulatedBroker

DECIDERS: Mapping[str, Decider] = {**STEP_DECIDERS, REPORT_DECIDER.name: REPORT_DECIDER}


class Engine:
    """Does all there is to do at the clock's now; a driver moves the clock and calls again."""

    def __init__(self, desk: Desk, simulated: SimulatedBroker | None = None) -> None:
        self.desk = desk
        self._simulated = simulated
        self._monitor = Monitor(desk)
        self.turns = 0  # so far, in this process

    def start(self) -> Reconciled:
        """Take over from whatever came before: settle what was in doubt, then watch what is open."""
        self.desk.dispatch.take_over()
        settled = reconcile(self.desk)
        self._monitor.reload()
        return settled

    def handle(self, command: Command) -> object:
        """Carry out a command."""
        return handle(self.desk, command)

    def turn(self) -> bool:
        """Do everything that is due now, once around; return whether anything was done."""
        self.turns += 1
        if self._simulated is not None:
            self._simulated.tick()
        moved = bool(apply_reports(self.desk))
        batch = self.desk.market.poll()
        if batch is not None:
            moved |= bool(self._monitor.on_quotes(batch))
        moved |= work(self.desk) > 0
        if moved:
            self._monitor.reload()
        return moved

    def settle(self, turns_max: int = 1000) -> int:
        """Turn until nothing is left to do now; return how many turns did something."""
        turns = 0
        while turns < turns_max and self.turn():
            turns += 1
        return turns
