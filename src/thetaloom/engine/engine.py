"""The engine: the one owner of runs, orders and positions in a process. Others post commands to it."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog

from thetaloom.domain.values.ids import ClientOrderId, RunId
from thetaloom.engine.care import CareRound
from thetaloom.engine.commands import Command
from thetaloom.engine.delivery import apply_reports
from thetaloom.engine.desk import Desk
from thetaloom.engine.exit_markets import EXIT_LOOK, note_exit_markets
from thetaloom.engine.expiry_watch import tell_expiry_alerts
from thetaloom.engine.halting import HaltKeeper
from thetaloom.engine.handlers import handle
from thetaloom.engine.leg_keeper import mind_imbalances
from thetaloom.engine.limit_faults import refuse_unread_limits
from thetaloom.engine.line_watch import GAP_DECIDER, LineWatch
from thetaloom.engine.lineage import Decider
from thetaloom.engine.monitor import Monitor
from thetaloom.engine.opinion_scores import judge_due
from thetaloom.engine.order_doubt import break_proofs
from thetaloom.engine.order_reports import REPORT_DECIDER
from thetaloom.engine.reconcile import Reconciled, settle_in_flight
from thetaloom.engine.reconciliation.adoption import ADOPTION_DECIDER
from thetaloom.engine.reconciliation.corrections import CORRECTION_DECIDER
from thetaloom.engine.reconciliation.holdings import ELSEWHERE_DECIDER
from thetaloom.engine.reconciliation.schedule import LookSchedule
from thetaloom.engine.runner import work
from thetaloom.engine.scanner import Scanner
from thetaloom.engine.scheduler import Scheduler
from thetaloom.engine.settling import SETTLEMENT_DECIDER, apply_transactions
from thetaloom.engine.share_sales import sell_by_policy, settle_share_orders
from thetaloom.engine.signals import INTAKE_DECIDER, next_due_at, start_due
from thetaloom.engine.steps import STEP_DECIDERS
from thetaloom.errors import AnswerPending, BrokerUnavailable, MarketDataUnavailable, StoreUnavailable
from thetaloom.ports.broker import SimulatedBroker
from thetaloom.ports.market_data import QuoteBatch

log = structlog.get_logger()

DECIDERS: Mapping[str, Decider] = {
    **STEP_DECIDERS,
    **{
        one.name: one
        for one in (
            REPORT_DECIDER,
            SETTLEMENT_DECIDER,
            ELSEWHERE_DECIDER,
            ADOPTION_DECIDER,
            CORRECTION_DECIDER,
            INTAKE_DECIDER,
            GAP_DECIDER,
        )
    },
}
BROKER_LOOK = timedelta(seconds=1)  # how often the broker is asked for news that it did not announce
IN_FLIGHT_LOOK = timedelta(seconds=15)  # how often orders without an answer are looked up in the broker's books
ALERT_LOOK = timedelta(minutes=15)  # how often the radar looks for assignments to come
SCORES_LOOK = timedelta(hours=1)  # how often opinions are looked for whose time has come
POSITIONS_LOOK = timedelta(seconds=60)  # how often positions that another process opened are looked for


class Engine:
    """Does all there is to do at the clock's now; a driver moves the clock and calls again."""

    def __init__(self, desk: Desk, simulated: SimulatedBroker | None = None) -> None:
        self.desk = desk
        self._simulated = simulated
        self._monitor = Monitor(desk)
        self._lines = LineWatch(desk)
        self._care = CareRound(desk)
        self._scheduler = Scheduler(desk)
        self._scanner = Scanner(desk)
        self._has_moved = False  # some run, in the turn before
        self.turns = 0  # so far, in this process
        self._in_flight: frozenset[ClientOrderId] = frozenset()
        self._imbalances_told: frozenset[tuple[ClientOrderId, bool]] = frozenset()
        self._last: dict[timedelta, datetime] = {}
        self._has_news = True  # set by the broker from any thread, and by every turn that did something
        self.halts = HaltKeeper(desk)
        self._looks = LookSchedule(desk)
        desk.broker.on_report(self._announce)
        desk.errands.on_done(self._announce)

    def start(self) -> Reconciled | None:
        """Take over from whatever came before: settle what was in doubt, then watch what is open.

        Returns ``None`` when other processes kept looking at the account meanwhile; it is looked at again soon.
        """
        refuse_unread_limits(self.desk)
        self.desk.dispatch.take_over()
        settled = self._looks.look_at_start()
        self._monitor.reload()
        self._care.start()
        return settled

    def handle(self, command: Command) -> object:
        """Carry out a command."""
        answer = handle(self.desk, command)
        self._scheduler.forget()
        self._scanner.forget()
        if isinstance(answer, Reconciled) and not answer.dry_run:
            self._looks.heard(answer)
            self._monitor.refresh(answer.runs)
        return answer

    def reload(self) -> None:
        """Look for positions that another process opened or changed."""
        self._monitor.reload()

    def see(self, batch: QuoteBatch) -> list[RunId]:
        """Take quotes in and return the runs whose positions a rule wants closed, which are due from now on."""
        return self._monitor.on_quotes(batch)

    def turn(self) -> bool:
        """Do everything that is due now, once around; return whether anything was done."""
        self.turns += 1
        moved: set[RunId] = set()
        self.halts.heed()
        if self._lines.look(self._monitor.held):
            self._looks.lost()  # what the books say of the time without the line is read soon
        self._hear_broker(moved)
        has_settled = self.desk.errands.settle()  # after the reports: what was answered may be told by them
        self._monitor.refresh(moved)  # before a quote is held against what a fill has just changed
        self._watch_market(moved)
        has_started = start_due(self.desk)
        moved.update(self._scheduler.turn(has_news=self._has_moved))
        work(self.desk, moved, self._monitor.write_down)
        if self._is_time(POSITIONS_LOOK):
            self.reload()
        elif moved:
            self._monitor.refresh(moved)
        if not moved:  # whatever closes goes first
            self._take_care()
            if self._is_time(SCORES_LOOK):
                judge_due(self.desk)
        has_canceled = self.halts.cancel_some()  # last: whatever closes goes first
        self._has_moved = bool(moved)
        did_something = bool(moved) or has_canceled or has_started or has_settled
        self._has_news |= did_something
        return did_something or self._scan()

    @property
    def next_at(self) -> datetime | None:
        """When there is something to do next, if neither market nor broker has news before."""
        asked = (
            self.desk.dispatch.next_due_at(),
            self.halts.next_at,
            self._monitor.next_look_at,
            next_due_at(self.desk),
            self.scheduled_at,
        )
        return min((at for at in asked if at is not None), default=None)

    @property
    def scheduled_at(self) -> datetime | None:
        """When a schedule is due next, whether the market is open then or not."""
        return self._scheduler.next_at

    @property
    def scan_seen(self) -> int:
        """How many symbols of the scan under way are judged."""
        return self._scanner.seen

    def settle(self, turns_max: int = 1000) -> int:
        """Turn until nothing is left to do now; return how many turns did something."""
        turns = 0
        while turns < turns_max and self.turn():
            turns += 1
        return turns

    def _hear_broker(self, moved: set[RunId]) -> None:
        is_time = self._is_time(BROKER_LOOK)
        if not (is_time or self._has_news):
            return
        self._has_news = False  # before the look: what comes during it calls for another
        try:
            if self._simulated is not None:
                self._simulated.tick()
            moved.update(run.id for run in apply_reports(self.desk))
            moved.update(run.id for run in apply_transactions(self.desk))
            if is_time:
                sell_by_policy(self.desk)
            if settle_share_orders(self.desk):
                moved.update(run.id for run in apply_transactions(self.desk))
            self._settle_in_flight()
            looked = self._looks.look_if_due() if is_time or self._looks.is_under_way else None
            moved.update(() if looked is None else looked.runs)
            if is_time:
                self._imbalances_told = mind_imbalances(self.desk, self._imbalances_told)
            if self._is_time(ALERT_LOOK):
                tell_expiry_alerts(self.desk)
        except AnswerPending:  # not lost: the next turn has it
            self._has_news = True
        except BrokerUnavailable as error:
            self._has_news = True  # nobody heard it yet
            self._looks.lost()
            break_proofs(self.desk)
            log.warning("broker_unavailable", error=error.message)
        except StoreUnavailable:
            self._has_news = True  # heard, and not written down
            raise

    def _settle_in_flight(self) -> None:
        if not self._is_time(IN_FLIGHT_LOOK):
            return
        waited = self._in_flight
        self._in_flight = settle_in_flight(self.desk, waited)
        if waited & self._in_flight:  # the transactions may tell what no report does
            self._looks.look_soon()

    def _watch_market(self, moved: set[RunId]) -> None:
        try:
            batch = self.desk.market.poll()
            if batch is not None:
                moved.update(self.see(batch))
            moved.update(self._monitor.on_time())
            if not moved:
                moved.update(self._monitor.learn())
        except MarketDataUnavailable as error:
            log.warning("market_data_unavailable", error=error.message)

    def _take_care(self) -> None:
        due = self._care.due(self._monitor.held)
        if due:
            glances = (self._monitor.glance(run) for run in due)
            self._care.look([glance for glance in glances if glance is not None])
        if self._is_time(EXIT_LOOK):
            note_exit_markets(self.desk)

    def _scan(self) -> bool:
        has_scanned = self._scanner.turn()
        if has_scanned and not self._scanner.is_busy:
            self._scheduler.forget()
            self._has_moved = True  # a firing may have ended, and runs may have started
        return has_scanned

    def _is_time(self, every: timedelta) -> bool:
        now = self.desk.clock.now()
        last = self._last.get(every)
        if last is not None and now - last < every:
            return False
        self._last[every] = now
        return True

    def _announce(self) -> None:
        self._has_news = True
