"""The runner: outages, faults, rivals, caps, and starting again in any state."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from thetaloom.dispatch.embedded import EmbeddedDispatch
from thetaloom.domain.book.orders import Effect, OrderStatus
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import RunStatus, StepName, StepStatus
from thetaloom.domain.strategy.strategies import ApprovalRule, ExitKind, ExitUnit
from thetaloom.domain.values.calendar import TradingCalendar, TradingSession
from thetaloom.domain.values.ids import RunId
from thetaloom.engine import commands
from thetaloom.engine.engine import Engine
from thetaloom.engine.reconcile import find_drifts
from thetaloom.engine.runner import advance, work
from thetaloom.errors import ConfigError
from thetaloom.ports.market_data import Bar
from thetaloom.store.database import Database, open_database
from thetaloom.store.schema import runs
from thetaloom.store.unit_of_work import SqlStore
from thetaloom.testing.broker import Trouble
from thetaloom.testing.clock import FakeClock
from thetaloom.testing.desk import ANNA, STRATEGY, DeskBench, exit_rule, put_credit_spread

LONG_AGO = TradingSession(
    session_on=date(1999, 1, 4),
    open_at=datetime(1999, 1, 4, 14, 30, tzinfo=UTC),
    close_at=datetime(1999, 1, 4, 21, 0, tzinfo=UTC),
)
NOT_A_BAR = Bar(session_on=date(2026, 1, 2), open=1, high=1, low=1, close=float("nan"), volume=1)
TARGET = exit_rule(ExitKind.PROFIT_TARGET, 50, ExitUnit.PERCENT_OF_PREMIUM)


class Misconfigured(FakeClock):
    """A clock that says that a setting is wrong."""

    def now(self) -> datetime:
        """Refuse."""
        raise ConfigError("no such zone")


def test_an_outage_is_waited_out(bench: DeskBench) -> None:
    bench.market.is_down = True
    run = bench.start_run()
    assert bench.run(run).attempts == 1
    bench.pass_time(seconds=6)
    assert bench.run(run).attempts == 3

    bench.market.is_down = False
    bench.pass_time(seconds=8)

    assert (bench.run(run).status, bench.run(run).attempts) == (RunStatus.EXECUTING, 0)


def test_an_outage_that_lasts_sets_a_run_without_risk_aside(bench: DeskBench) -> None:
    bench.market.is_down = True
    run = bench.start_run()

    bench.pass_time(seconds=31)

    failed, record = bench.run(run), bench.lineage(run)[-1]
    assert (failed.status, failed.reason, failed.due_at) == (RunStatus.ERROR, "step_failed", None)
    assert (record.status, record.error) == (StepStatus.FAILED, "5 attempts: the fixed market is down")
    assert bench.events(run)[-1] is EventKind.RUN_FAILED
    assert bench.faults(run) == []


def test_an_outage_never_makes_a_position_unwatched(bench: DeskBench) -> None:
    run = bench.enter(put_credit_spread(exits=(TARGET,)), at="1.00")
    position = bench.position(run)
    assert position is not None
    bench.market.is_down = True
    bench.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=position.id))
    bench.pass_time(minutes=20)
    assert bench.run(run).status is RunStatus.MONITORING

    bench.market.is_down = False
    bench.pass_time(seconds=40)

    assert bench.run(run).status is RunStatus.CLOSING
    assert bench.order(run, Effect.CLOSE).status is OrderStatus.WORKING


def test_a_market_that_fails_while_it_reports_does_not_stop_the_engine(bench: DeskBench) -> None:
    run = bench.enter(put_credit_spread(exits=(TARGET,)), at="1.00")
    bench.quote_spread(0.40)
    bench.market.is_down = True
    bench.engine.settle()
    assert bench.run(run).status is RunStatus.MONITORING

    bench.market.is_down = False
    bench.quote_spread(0.39)
    bench.engine.settle()

    assert bench.run(run).status is RunStatus.CLOSING


def test_a_broker_that_is_down_does_not_stop_the_engine(bench: DeskBench) -> None:
    bench.save(put_credit_spread(approval=ApprovalRule()))
    waiting = bench.start_run()
    bench.broker.is_down = True
    bench.pass_time(minutes=60)
    assert bench.run(waiting).reason == "approval_expired"

    bench.broker.is_down = False
    assert bench.run(bench.start_run()).status is RunStatus.PENDING_APPROVAL


def test_news_of_a_broker_that_was_down_is_read_when_it_is_back(bench: DeskBench) -> None:
    run = bench.start_run()
    bench.broker.fill(bench.order(run).client_order_id)
    bench.broker.is_down = True
    bench.engine.settle()
    assert bench.run(run).status is RunStatus.EXECUTING

    bench.broker.is_down = False
    bench.engine.settle()

    assert bench.run(run).status is RunStatus.MONITORING


def test_an_unexpected_fault_waits_for_a_person_and_goes_on_after_it(bench: DeskBench) -> None:
    bench.market.set_history("SPY", [NOT_A_BAR])
    run = bench.start_run()
    failed, record = bench.run(run), bench.lineage(run)[-1]
    assert (failed.status, failed.returns_to) == (RunStatus.ERROR, RunStatus.SCANNING)
    assert (record.step, record.status) == (StepName.COMPUTE_INDICATORS, StepStatus.FAILED)
    assert "InvalidInput" in record.error
    assert bench.engine.settle() == 0 and bench.faults(run) == []

    bench.market.set_history("SPY", [])
    bench.engine.handle(commands.ResumeRun(user_id=ANNA, run_id=run))
    bench.engine.settle()

    assert bench.run(run).status is RunStatus.EXECUTING
    assert bench.replay(run).identical and bench.faults(run) == []


def test_a_failed_step_is_recorded_with_its_inputs(bench: DeskBench) -> None:
    run = bench.start_run()
    lost = replace(bench.run(run), next_step=StepName.TRIGGER, due_at=bench.clock.now())
    bench.write(lambda uow: uow.runs.save(lost))

    bench.engine.settle()

    record = bench.lineage(run)[-1]
    assert (record.step, record.status, record.reason) == (StepName.TRIGGER, StepStatus.FAILED, "step_failed")
    assert record.error.startswith("IllegalTransitionError")
    assert bench.inputs(run)["given"]["strategy_id"] == STRATEGY


def test_why_a_position_is_closed_outlives_a_fault(bench: DeskBench) -> None:
    run = bench.enter(at="1.00")
    position = bench.position(run)
    assert position is not None
    bench.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=position.id))
    broken = replace(
        bench.desk, calendar=TradingCalendar(exchange="XNYS", zone_name="America/New_York", sessions=(LONG_AGO,))
    )
    assert advance(broken, run) is not None
    assert (bench.run(run).status, bench.run(run).reason) == (RunStatus.ERROR, "manual_close")

    bench.engine.handle(commands.ResumeRun(user_id=ANNA, run_id=run))
    bench.engine.settle()

    assert (bench.run(run).status, bench.run(run).reason) == (RunStatus.CLOSING, "manual_close")


def test_a_wrong_setting_stops_everything(lite: DeskBench) -> None:
    lite.start_run()
    lite.restart()

    with pytest.raises(ConfigError):
        Engine(replace(lite.desk, clock=Misconfigured())).turn()


def test_a_run_moved_by_somebody_else_is_left_to_them(bench: DeskBench) -> None:
    run = bench.start_run()

    assert advance(bench.desk, run) is None  # not due
    assert advance(bench.desk, RunId("run-nowhere")) is None


def test_a_paused_run_that_was_made_due_is_put_to_sleep(bench: DeskBench) -> None:
    run = bench.start_run()
    bench.engine.handle(commands.PauseRun(user_id=ANNA, run_id=run))
    bench.desk.dispatch.enqueue(run, bench.clock.now())

    bench.engine.settle()

    assert bench.run(run).due_at is None
    assert bench.desk.dispatch.next_due_at() is None


def test_no_more_evaluations_than_the_cap_are_claimed_at_once(bench: DeskBench) -> None:
    bench.save(put_credit_spread(open_runs_max=50))
    command = commands.StartRun(user_id=ANNA, symbol="SPY", strategy_id=STRATEGY)
    for _ in range(7):
        bench.engine.handle(command)

    claimed = bench.desk.dispatch.claim(bench.clock.now())

    assert len(claimed) == 5
    for run in claimed:
        bench.desk.dispatch.done(run)
    work(bench.desk)
    assert {bench.run(run).status for run in claimed} <= {RunStatus.EXECUTING, RunStatus.COMPLETED}


@pytest.mark.parametrize(
    ("prepare", "then"),
    [
        pytest.param(lambda bench: None, RunStatus.MONITORING, id="nothing in doubt"),
        pytest.param(lambda bench: bench.broker.plan(Trouble.LOST), RunStatus.MONITORING, id="never arrived"),
        pytest.param(
            lambda bench: bench.broker.plan(Trouble.ACCEPTED_IN_SILENCE), RunStatus.MONITORING, id="accepted in silence"
        ),
        pytest.param(lambda bench: bench.broker.plan(Trouble.UNREPORTED), RunStatus.MONITORING, id="late answer"),
    ],
)
def test_a_new_engine_takes_over_an_entry_in_any_state(
    bench: DeskBench, prepare: Callable[[DeskBench], object], then: RunStatus
) -> None:
    prepare(bench)
    run = bench.start_run()

    bench.restart()
    for _ in range(3):  # looks into the broker's books
        bench.pass_time(seconds=15)
    bench.broker.release()
    bench.broker.fill(bench.order(run).client_order_id)
    bench.restart()
    bench.engine.settle()

    assert bench.run(run).status is then
    assert len(bench.orders(run)) == 1
    assert find_drifts(bench.desk) == ()
    assert bench.replay(run).identical and bench.faults(run) == []


def test_a_new_engine_sends_what_was_staged_and_certainly_not_sent(bench: DeskBench) -> None:
    bench.broker.plan(Trouble.LOST)
    run = bench.start_run()
    bench.set_order(run, status=OrderStatus.STAGED)

    bench.restart()

    assert bench.order(run).status is OrderStatus.WORKING
    assert len(bench.sent("submit")) == 2
    assert bench.broker.find(bench.order(run).client_order_id) is not None


@pytest.mark.parametrize("waits", ["halted", "too old", "expired"])
def test_a_new_engine_does_not_send_an_entry_that_may_no_longer_be(bench: DeskBench, waits: str) -> None:
    bench.broker.plan(Trouble.LOST)
    run = bench.start_run()
    bench.set_order(run, status=OrderStatus.STAGED)
    if waits == "halted":
        bench.write(lambda uow: uow.accounts.halt("account:TEST-1", "lunch", bench.clock.now()))
    bench.clock.advance(seconds={"halted": 0, "too old": 601, "expired": 3600}[waits])

    bench.restart()
    bench.engine.settle()

    assert len(bench.sent("submit")) == 1
    assert bench.order(run).status is OrderStatus.DENIED
    assert bench.run(run).reason == ("halted" if waits == "halted" else "order_timed_out")
    assert bench.replay(run).identical and bench.faults(run) == []


def test_a_new_engine_brings_a_lost_replace_to_the_broker(bench: DeskBench) -> None:
    run = bench.start_run()
    bench.broker.plan(Trouble.LOST)
    bench.pass_time(seconds=60)
    order = bench.order(run)
    known = bench.broker.find(order.client_order_id)
    assert known is not None and known.limit_price != order.limit_price

    bench.restart()

    known = bench.broker.find(order.client_order_id)
    assert known is not None and known.limit_price == order.limit_price


def test_a_new_engine_watches_what_the_old_one_watched(bench: DeskBench) -> None:
    run = bench.enter(put_credit_spread(exits=(TARGET,)), at="1.00")

    bench.restart()
    bench.quote_spread(0.40)
    bench.engine.settle()
    bench.restart()
    bench.broker.fill(bench.order(run, Effect.CLOSE).client_order_id)
    bench.engine.settle()

    assert bench.run(run).is_final and len(bench.orders(run)) == 2


@pytest.mark.postgres
def test_two_engines_on_one_database_never_take_the_same_step(postgres_database: Database) -> None:
    bench = DeskBench(postgres_database)
    bench.save(put_credit_spread(open_runs_max=50, approval=ApprovalRule()))
    command = commands.StartRun(user_id=ANNA, symbol="SPY", strategy_id=STRATEGY)
    started = [bench.engine.handle(command) for _ in range(10)]
    other = open_database(postgres_database.url.render_as_string(hide_password=False))
    rival = replace(bench.desk, store=SqlStore(other), dispatch=EmbeddedDispatch(other, runs, owner="worker-2"))
    threads = [threading.Thread(target=work, args=(desk,)) for desk in (bench.desk, rival)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bench.engine.settle()
    other.close()

    for run in started:
        assert hasattr(run, "id")
        assert bench.run(run.id).status is RunStatus.PENDING_APPROVAL
        assert len(bench.lineage(run.id)) == 10 and len(bench.proposals(run.id)) == 1
        assert bench.faults(run.id) == []
