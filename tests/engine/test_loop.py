"""The engine's own thread: commands and their answers, outages, failures and the end."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from thetaloom.dispatch.aside import AsideProcess
from thetaloom.domain.book.halts import StandingHalt
from thetaloom.domain.run.runs import RunStatus, WorkflowRun
from thetaloom.engine import commands
from thetaloom.engine.loop import SWEEP_SECONDS, EngineLoop
from thetaloom.errors import ConfigError, NotFound, StoreUnavailable
from thetaloom.testing.desk import ANNA, STRATEGY, DeskBench

START = commands.StartRun(user_id=ANNA, symbol="SPY", strategy_id=STRATEGY)
PATIENCE = 20.0
MakeLoop = Callable[[Callable[[], None]], EngineLoop]


@pytest.fixture
def turned() -> threading.Event:
    """Set at the end of each turn."""
    return threading.Event()


@pytest.fixture
def make_loop(lite: DeskBench) -> MakeLoop:
    """Make a loop over a desk whose clock stands still."""

    def make(each_turn: Callable[[], None]) -> EngineLoop:
        return EngineLoop(
            lite.engine, seconds_until=lambda at: (at - lite.clock.now()).total_seconds(), each_turn=each_turn
        )

    return make


@pytest.fixture
def loop(make_loop: MakeLoop, turned: threading.Event) -> Iterator[EngineLoop]:
    """A loop that says when it has turned."""
    made = make_loop(turned.set)
    yield made
    made.stop()


def test_a_command_is_carried_out_and_answered(lite: DeskBench, loop: EngineLoop) -> None:
    loop.start()

    run = loop.post(START).result(PATIENCE)

    assert isinstance(run, WorkflowRun)
    assert loop.is_alive and loop.failure is None
    loop.stop()
    assert lite.run(run.id).status is RunStatus.EXECUTING
    assert not loop.is_alive


def test_a_refusal_reaches_the_asker_and_the_loop_goes_on(loop: EngineLoop) -> None:
    loop.start()

    refused = loop.post(commands.LiftHalt(user_id=ANNA))

    with pytest.raises(NotFound):
        refused.result(PATIENCE)
    assert isinstance(loop.post(START).result(PATIENCE), WorkflowRun)


def test_what_is_done_beside_the_engine_wakes_the_loop(lite: DeskBench, make_loop: MakeLoop) -> None:
    told: list[Callable[[], None]] = []

    class Keeping(AsideProcess):
        """A place beside the engine that keeps whom it is to tell."""

        def on_done(self, tell: Callable[[], None]) -> None:
            """Keep whom to tell."""
            told.append(tell)

    lite.restart(aside=Keeping())
    made = make_loop(lambda: None)
    made.start()
    made.stop()

    assert told == [made.wake]


def test_news_of_the_broker_wakes_the_loop(
    lite: DeskBench, make_loop: MakeLoop, loop: EngineLoop, turned: threading.Event
) -> None:
    loop.start()
    run = loop.post(START).result(PATIENCE)
    assert isinstance(run, WorkflowRun)
    loop.stop()
    again = make_loop(turned.set)
    again.start()

    lite.broker.fill(lite.order(run.id).client_order_id)
    turned.clear()
    again.wake()

    assert turned.wait(PATIENCE)
    again.stop()
    assert lite.run(run.id).status is RunStatus.MONITORING


def test_a_command_whose_asker_went_away_is_not_carried_out(lite: DeskBench, loop: EngineLoop) -> None:
    gone = loop.post(START)
    assert gone.cancel()

    loop.start()
    answered = loop.post(START).result(PATIENCE)

    assert isinstance(answered, WorkflowRun)
    assert loop.failure is None
    loop.stop()
    with lite.store.unit_of_work() as uow:
        assert uow.runs.created_since(ANNA, lite.clock.now()) == 1


def test_what_was_posted_to_a_loop_that_ended_is_refused(loop: EngineLoop) -> None:
    loop.start()
    loop.stop()

    refused = loop.post(START)

    with pytest.raises(RuntimeError, match="has stopped"):
        refused.result(PATIENCE)


def test_a_fault_that_nobody_expected_ends_the_loop_and_is_told_to_all(make_loop: MakeLoop) -> None:
    def fail() -> None:
        raise ConfigError("the disk is gone")

    loop = make_loop(fail)
    waiting = loop.post(START)
    gone = loop.post(START)
    assert gone.cancel()
    loop.start()
    assert isinstance(waiting.result(PATIENCE), WorkflowRun)
    loop.stop()

    late = loop.post(START)

    assert isinstance(loop.failure, ConfigError)
    with pytest.raises(ConfigError):
        late.result(PATIENCE)


def test_a_command_canceled_after_the_end_is_passed_over(loop: EngineLoop) -> None:
    loop.start()
    loop.stop()

    assert loop.post(START).exception(PATIENCE) is not None


def test_an_outage_of_the_store_does_not_end_the_loop(make_loop: MakeLoop) -> None:
    turns: list[int] = []
    through = threading.Event()

    def fail_once() -> None:
        turns.append(1)
        if len(turns) == 1:
            raise StoreUnavailable("busy")
        through.set()

    loop = make_loop(fail_once)
    loop.start()
    loop.wake()

    assert through.wait(PATIENCE)
    loop.stop()
    assert loop.failure is None


def test_a_flag_that_cannot_be_heeded_lets_the_loop_rest(lite: DeskBench, make_loop: MakeLoop) -> None:
    turns: list[str] = []
    twice = threading.Event()
    loop: EngineLoop

    def fail() -> None:
        lite.desk.halts.hoist(StandingHalt(scope="strategy:other", reason="full", by="anna", at=""))
        turns.append(loop.held_up_by)
        if len(turns) == 2:
            twice.set()
        raise StoreUnavailable("the disk is full")

    loop = make_loop(fail)
    began = time.monotonic()
    loop.start()
    assert twice.wait(PATIENCE)
    loop.stop()

    assert turns[:2] == ["", "the disk is full"]
    assert time.monotonic() - began > SWEEP_SECONDS / 2  # the flag alone would have woken it at once


def test_a_broker_that_is_down_at_the_start_is_waited_for(lite: DeskBench, loop: EngineLoop) -> None:
    lite.broker.is_down = True
    loop.start()
    run = loop.post(START).result(PATIENCE)
    assert isinstance(run, WorkflowRun)

    lite.broker.is_down = False
    loop.wake()
    loop.post(commands.Halt(user_id=ANNA, scope="strategy:other")).result(PATIENCE)

    assert loop.failure is None


def test_the_loop_sleeps_until_something_is_due(lite: DeskBench, make_loop: MakeLoop, loop: EngineLoop) -> None:
    loop.start()
    loop.post(START).result(PATIENCE)
    loop.stop()
    lite.clock.advance(seconds=61)
    turned = threading.Event()

    late = make_loop(turned.set)
    late.start()

    assert turned.wait(PATIENCE)
    late.stop()
    assert len(lite.sent("replace")) == 1
