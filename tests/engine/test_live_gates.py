"""The gates of live trading: each alone refuses, at the start and before every order."""

from collections.abc import Callable, Hashable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from thetaloom.domain.book.live_gates import GateFacts, shut_gates
from thetaloom.domain.book.orders import Effect, OrderStatus
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import Outcome, WorkflowRun
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine import commands
from thetaloom.engine.engine import Engine
from thetaloom.engine.errands import Errands
from thetaloom.engine.live_gates import refuse_shut_gates
from thetaloom.errors import NotAllowed
from thetaloom.ports.live_switches import Switches
from thetaloom.store.database import Database
from thetaloom.testing.broker import ScriptedBroker
from thetaloom.testing.desk import ANNA, STRATEGY, DeskBench

OPEN = GateFacts(
    is_simulated=False,
    wants_live=True,
    allows_live=True,
    account_allowed=True,
    session_is_live=True,
    data_synthetic=False,
)
# What is missing, how it shows, and whether exits are barred as well.
GATES = [
    ("mode", Reason.LIVE_ACCOUNT_IN_PAPER_MODE, True),
    ("allow_live", Reason.LIVE_NOT_ALLOWED, False),
    ("account", Reason.ACCOUNT_NOT_LIVE, False),
    ("session", Reason.SESSION_NOT_LIVE, True),
    ("data", Reason.SYNTHETIC_DATA, True),
]


FEBRUARY = {
    "SPY 2026-02-20 P 565": (5.00, 5.20),
    "SPY 2026-02-20 P 560": (3.40, 3.60),
    "SPY 2026-02-20 P 555": (2.10, 2.30),
}


class HeldSwitches:
    """Switches that a test turns."""

    def __init__(self) -> None:
        self.held = Switches(wants_live=True, allows_live=True)

    def now(self) -> Switches:
        """Return them as they stand."""
        return self.held


class LastMoment(Errands):
    """Lets something happen right before anything is sent."""

    def __init__(self, happen: Callable[[], None]) -> None:
        super().__init__()
        self._happen = happen

    def begin(self, subject: Hashable, start: Callable[[], None]) -> None:
        """Begin after it has happened."""
        self._happen()
        super().begin(subject, start)


class LiveDesk:
    """A desk at a broker of real money, with all gates open, and ways to shut each."""

    def __init__(self, database: Database) -> None:
        self.bench = DeskBench(database, make_broker=lambda clock, market: ScriptedBroker(clock, simulated=False))
        self.bench.market.synthetic = False
        self.switches = HeldSwitches()
        self.bench.restart(switches=self.switches)
        self.allow(True)

    def allow(self, is_allowed: bool) -> None:
        """Set the account's own flag."""
        with self.bench.store.unit_of_work() as uow:
            uow.accounts.allow_live(self.bench.made.account_id, is_allowed=is_allowed)
            uow.commit()

    def open_all(self) -> None:
        """Open every gate."""
        self.switches.held = Switches(wants_live=True, allows_live=True)
        self.allow(True)
        self.bench.set_balances(is_live=True)
        self.bench.market.synthetic = False

    def shut_at_sending(self, gate: str) -> None:
        """Shut one gate once an order is written down and not yet sent."""
        self.bench.restart(errands=LastMoment(lambda: self.shut(gate)))

    def shut(self, gate: str) -> None:
        """Shut one gate."""
        match gate:
            case "mode":
                self.switches.held = replace(self.switches.held, wants_live=False)
            case "allow_live":
                self.switches.held = replace(self.switches.held, allows_live=False)
            case "account":
                self.allow(False)
            case "session":
                self.bench.set_balances(is_live=False)
            case "data":
                self.bench.market.synthetic = True


@pytest.fixture
def live(sqlite_database: Database) -> LiveDesk:
    """A desk with all gates open."""
    return LiveDesk(sqlite_database)


def test_with_all_gates_open_an_order_reaches_the_broker(live: LiveDesk) -> None:
    refuse_shut_gates(live.bench.desk)

    run = live.bench.start_run()

    assert live.bench.broker.requests == [("submit", live.bench.order(run).client_order_id)]


@pytest.mark.parametrize(("gate", "reason", "bars_exits"), GATES)
def test_each_gate_alone_refuses_at_the_start(live: LiveDesk, gate: str, reason: Reason, bars_exits: bool) -> None:
    live.shut(gate)

    with pytest.raises(NotAllowed) as refused:
        refuse_shut_gates(live.bench.desk)

    assert (refused.value.code, refused.value.details["gates"]) == (reason.value, [reason.value])


@pytest.mark.parametrize(("gate", "reason", "bars_exits"), GATES)
def test_each_gate_alone_bars_an_entry_in_the_moment_of_sending(
    live: LiveDesk, gate: str, reason: Reason, bars_exits: bool
) -> None:
    live.shut_at_sending(gate)

    run = live.bench.start_run()

    assert live.bench.broker.requests == []
    assert live.bench.order(run).status is OrderStatus.DENIED
    assert (live.bench.run(run).outcome, live.bench.run(run).reason) == (Outcome.DENIED, reason.value)


@pytest.mark.parametrize(("gate", "reason", "bars_exits"), GATES)
def test_each_gate_alone_bars_an_entry_before_it_is_staged(
    live: LiveDesk, gate: str, reason: Reason, bars_exits: bool
) -> None:
    live.shut(gate)  # after the start

    run = live.bench.start_run()

    assert live.bench.broker.requests == [] and live.bench.orders(run) == []
    assert (live.bench.run(run).outcome, live.bench.run(run).reason) == (Outcome.DENIED, reason.value)
    assert live.bench.said(run)["verdict"]["reason"] == reason.value and live.bench.replay(run).identical


@pytest.mark.parametrize(("gate", "reason", "bars_exits"), GATES)
def test_an_exit_passes_where_only_the_leave_was_withdrawn(
    live: LiveDesk, gate: str, reason: Reason, bars_exits: bool
) -> None:
    run = live.bench.enter()
    held = live.bench.position(run)
    assert held is not None
    live.shut(gate)

    live.bench.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=held.id))
    live.bench.engine.settle()

    exit_order = live.bench.order(run, Effect.CLOSE)
    sent = [order for verb, order in live.bench.broker.requests if verb == "submit"]
    assert (exit_order.client_order_id in sent) is not bars_exits


@pytest.mark.parametrize(("gate", "reason"), [(gate, reason) for gate, reason, bars_exits in GATES if bars_exits])
def test_an_exit_that_waits_for_a_gate_is_told_once_and_sent_when_it_opens(
    live: LiveDesk, gate: str, reason: Reason
) -> None:
    run = live.bench.enter()
    held = live.bench.position(run)
    assert held is not None
    live.shut(gate)

    live.bench.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=held.id))
    live.bench.pass_time(seconds=40)
    waiting = live.bench.order(run, Effect.CLOSE)
    live.open_all()
    live.bench.pass_time(seconds=60)

    assert (waiting.status, waiting.reason) == (OrderStatus.STAGED, reason.value)
    told = live.bench.facts(EventKind.EXIT_BARRED)
    assert live.bench.events(run).count(EventKind.EXIT_BARRED) == 1
    assert (told["order"], told["text"]) == (waiting.client_order_id, reason.text)
    assert live.bench.sent("submit").count(waiting.client_order_id) == 1
    assert live.bench.order(run, Effect.CLOSE).reason == ""


@pytest.mark.parametrize(("gate", "reason", "bars_exits"), GATES)
def test_a_roll_closes_nothing_that_it_may_not_open_again(
    live: LiveDesk, gate: str, reason: Reason, bars_exits: bool
) -> None:
    live.bench.market.set_quotes(FEBRUARY)
    held = live.bench.position(live.bench.enter())
    assert held is not None
    roll = live.bench.engine.handle(
        commands.RollPosition(user_id=ANNA, position_id=held.id, expires_on=date(2026, 2, 20))
    )
    assert isinstance(roll, WorkflowRun)
    live.bench.engine.settle()
    before = list(live.bench.broker.requests)
    live.shut(gate)

    proposal = live.bench.proposals(roll.id)[-1]
    live.bench.engine.handle(commands.ApproveProposal(user_id=ANNA, proposal_id=proposal.id))
    live.bench.engine.settle()

    assert live.bench.broker.requests == before
    assert (live.bench.run(roll.id).outcome, live.bench.run(roll.id).reason) == (Outcome.DENIED, reason.value)
    assert live.bench.position(held.run_id) == held


def test_each_worker_has_switches_of_its_own_and_none_sends_what_another_denied(database: Database) -> None:
    live = LiveDesk(database)
    other_switches = HeldSwitches()
    other_switches.held = replace(other_switches.held, allows_live=False)
    other = Engine(replace(live.bench.desk, switches=other_switches))
    run = live.bench.engine.handle(commands.StartRun(user_id=ANNA, symbol="SPY", strategy_id=STRATEGY))
    assert isinstance(run, WorkflowRun)

    other.settle()
    live.bench.engine.settle()

    assert live.bench.broker.requests == []
    assert live.bench.run(run.id).reason == Reason.LIVE_NOT_ALLOWED.value


@pytest.mark.parametrize(("gate", "reason", "bars_exits"), GATES)
def test_each_gate_alone_bars_an_entry_from_another_price_and_cancels_it(
    live: LiveDesk, gate: str, reason: Reason, bars_exits: bool
) -> None:
    run = live.bench.start_run()
    live.shut(gate)

    live.bench.pass_time(seconds=61)
    live.bench.engine.settle()

    assert live.bench.sent("replace") == []
    assert live.bench.order(run).status is OrderStatus.CANCELED
    assert (live.bench.run(run).outcome, live.bench.run(run).reason) == (Outcome.DENIED, reason.value)


def test_with_all_gates_open_an_entry_gets_another_price(live: LiveDesk) -> None:
    run = live.bench.start_run()

    live.bench.pass_time(seconds=61)

    assert live.bench.sent("replace") == [live.bench.order(run).client_order_id]


def test_an_entry_stays_where_it_is_while_the_session_cannot_be_asked(live: LiveDesk) -> None:
    live.bench.start_run()
    live.bench.broker.is_down = True

    live.bench.pass_time(seconds=61)

    assert live.bench.sent("replace") == []


def test_an_order_waits_while_the_session_cannot_be_asked(live: LiveDesk) -> None:
    live.bench.broker.is_down = True

    live.bench.start_run()

    assert live.bench.broker.requests == []
    assert EventKind.ORDER_SUBMITTED not in live.bench.events()


def test_what_was_decided_on_in_a_made_world_is_never_sent_at_a_real_broker(live: LiveDesk) -> None:
    live.bench.market.synthetic = True
    run = live.bench.start_run()
    live.bench.market.synthetic = False

    again = live.bench.start_run(forced=True)

    assert live.bench.run(run).reason == Reason.SYNTHETIC_DATA.value
    assert live.bench.run(again).reason != Reason.SYNTHETIC_DATA.value


@pytest.mark.parametrize("changes", [{}, {"wants_live": False}, {"session_is_live": False}, {"data_synthetic": True}])
def test_a_broker_whose_exchange_is_ours_has_no_gates(changes: dict[str, Any]) -> None:
    assert shut_gates(replace(OPEN, is_simulated=True, **changes)) == ()


def test_a_paper_account_of_a_real_broker_needs_no_leave() -> None:
    paper = replace(OPEN, wants_live=False, allows_live=False, account_allowed=False, session_is_live=False)

    assert shut_gates(paper) == ()
    assert shut_gates(replace(paper, data_synthetic=True)) == (Reason.SYNTHETIC_DATA,)
