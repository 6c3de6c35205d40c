"""A broker that takes its time is asked aside: no turn waits, what is written comes first, and doubt stays doubt."""

import threading
from collections.abc import Iterator
from typing import Any, cast

import pytest

from thetaloom.domain.book.orders import Effect, OrderStatus
from thetaloom.domain.run.runs import RunStatus
from thetaloom.domain.values.ids import RunId
from thetaloom.engine import commands
from thetaloom.engine.errands import AT_ONCE, KEPT_SECONDS, Errands
from thetaloom.engine.order_doubt import Resolution
from thetaloom.engine.reconcile import Reconciled, reconcile
from thetaloom.engine.reconciliation.answers import Options
from thetaloom.errors import AnswerPending, BrokerUnavailable
from thetaloom.links.patient_broker import PatientBroker
from thetaloom.ports.broker import Broker
from thetaloom.ports.patience import waiting_at_most
from thetaloom.store.database import Database
from thetaloom.testing.broker import Trouble
from thetaloom.testing.desk import ANNA, STRATEGY, DeskBench, put_credit_spread

DEADLINE = 30.0


class Gate:
    """Stands before a broker, and holds back the calls that it was told to hold."""

    def __init__(self, inner: object) -> None:
        self.held: set[str] = set()
        self.opened = threading.Event()
        self.asked: list[str] = []
        self.seen: list[OrderStatus] = []  # in our books, when an order went out
        self.bench: DeskBench | None = None
        self._inner = inner

    def links(self) -> tuple[()]:
        """Stand on no connection."""
        return ()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return self._passed(name, found) if callable(found) and name != "on_report" else found

    def _passed(self, name: str, call: Any) -> Any:
        def passed(*given: Any) -> Any:
            self.asked.append(name)
            if name == "submit" and self.bench is not None:
                with self.bench.store.reading() as uow:
                    order = uow.orders.get(given[0].client_order_id)
                self.seen += [] if order is None else [order.status]
            if name in self.held:
                assert self.opened.wait(DEADLINE)
            return call(*given)

        return passed


class Slow:
    """A desk whose broker is somewhere else, and an engine that may not wait for it."""

    def __init__(self, database: Database) -> None:
        self.bench = DeskBench(database)
        self.gate = Gate(self.bench.made)
        self.gate.bench = self.bench
        self.ended = threading.Event()
        errands = Errands(aside=True)
        errands.on_done(self.ended.set)
        self.patient = PatientBroker(cast(Broker, self.gate))
        self.patient.on_report(self.ended.set)
        self.bench.restart(broker=self.patient, errands=errands)
        self.bench.save(put_credit_spread())

    def turn(self) -> None:
        """Take the turns that there are now, waiting for nobody."""
        with waiting_at_most(0.0):
            self.bench.engine.settle()

    def turn_until(self, is_so: Any) -> None:
        """Take turns, each after something was answered, until it is so."""
        for _ in range(200):
            self.ended.clear()
            self.turn()
            if is_so():
                return
            is_asking = any(thread.name == "errand" for thread in threading.enumerate())
            is_held = bool(self.gate.held) and not self.gate.opened.is_set()
            # What is asked must not grow old by this clock before it is even begun.
            self.ended.wait(0.02 if not is_asking else 1.0 if is_held else DEADLINE)
            self.bench.clock.advance(seconds=1)
        raise AssertionError("it did not come to that")

    def start(self) -> RunId:
        """Start a run and let it come to its order, which the broker has been sent."""
        command = commands.StartRun(user_id=ANNA, symbol="SPY", strategy_id=STRATEGY, forced=True)
        with waiting_at_most(0.0):
            run = self.bench.engine.handle(command)
        run_id: RunId = cast(Any, run).id
        self.turn_until(lambda: "submit" in self.gate.asked)
        return run_id


@pytest.fixture
def slow(sqlite_database: Database) -> Iterator[Slow]:
    made = Slow(sqlite_database)
    yield made
    made.gate.opened.set()
    made.patient.close()


def test_an_order_is_on_disk_before_it_is_sent_and_no_turn_waits_for_its_answer(slow: Slow) -> None:
    slow.gate.held = {"submit"}

    run = slow.start()
    slow.turn()

    assert slow.gate.seen == [OrderStatus.SUBMITTED]
    assert slow.bench.order(run).status is OrderStatus.SUBMITTED
    slow.gate.opened.set()
    slow.turn_until(lambda: slow.bench.order(run).status is OrderStatus.WORKING)
    assert slow.gate.asked.count("submit") == 1


def test_a_cancel_goes_out_after_the_order_that_is_on_its_way(slow: Slow) -> None:
    slow.gate.held = {"submit"}
    run = slow.start()
    order = slow.bench.order(run).client_order_id

    with waiting_at_most(0.0):
        slow.bench.engine.handle(commands.CancelOrder(user_id=ANNA, client_order_id=order))
    slow.turn()

    assert "cancel" not in slow.gate.asked
    assert slow.bench.order(run).status is OrderStatus.PENDING_CANCEL
    slow.gate.opened.set()
    slow.turn_until(lambda: slow.bench.order(run).status is OrderStatus.CANCELED)
    assert slow.bench.broker.requests[-2:] == [("submit", order), ("cancel", order)]


def test_an_order_without_an_answer_stays_in_doubt_and_is_looked_up_and_not_sent_again(slow: Slow) -> None:
    slow.gate.held = {"submit"}
    slow.bench.broker.plan(Trouble.ACCEPTED_IN_SILENCE)
    run = slow.start()
    slow.gate.opened.set()

    slow.turn_until(lambda: slow.bench.order(run).unresolved_since is not None)

    slow.turn_until(lambda: slow.bench.order(run).status is OrderStatus.WORKING)
    assert slow.gate.asked.count("submit") == 1 and "find" in slow.gate.asked


def test_an_exit_goes_out_while_another_order_hangs(slow: Slow) -> None:
    run = slow.start()
    slow.turn_until(lambda: slow.bench.order(run).status is OrderStatus.WORKING)
    slow.bench.broker.fill(slow.bench.order(run).client_order_id)
    slow.turn_until(lambda: slow.bench.run(run).status is RunStatus.MONITORING)
    slow.gate.held, slow.gate.asked = {"submit"}, []
    slow.start()

    position = slow.bench.position(run)
    assert position is not None
    with waiting_at_most(0.0):
        slow.bench.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=position.id))
    slow.turn_until(lambda: slow.gate.asked.count("submit") == 2)

    assert slow.bench.order(run, Effect.CLOSE).status is OrderStatus.SUBMITTED


def test_a_look_into_the_books_holds_up_no_turn_and_its_answer_is_there_at_a_later_try(slow: Slow) -> None:
    slow.gate.held = {"holdings"}
    asked = Options()

    with waiting_at_most(0.0), pytest.raises(AnswerPending, match="still being asked for its books"):
        reconcile(slow.bench.desk, asked)
    slow.turn()
    with waiting_at_most(0.0), pytest.raises(AnswerPending):
        reconcile(slow.bench.desk, asked)
    slow.gate.opened.set()
    found: list[Reconciled] = []

    def is_there() -> bool:
        with waiting_at_most(0.0):
            try:
                found.append(reconcile(slow.bench.desk, asked))
            except AnswerPending:
                return False
        return True

    slow.turn_until(is_there)
    assert len(found[0].phases) == 7 and found[0].suspects == 0
    assert slow.gate.asked.count("open_orders") == 2  # at the start, and once for all tries


def test_a_look_that_was_overtaken_by_a_report_proves_nothing(slow: Slow) -> None:
    run = slow.start()
    slow.turn_until(lambda: slow.bench.order(run).status is OrderStatus.WORKING)
    slow.ended.clear()
    with waiting_at_most(0.0), pytest.raises(AnswerPending):
        reconcile(slow.bench.desk, Options())
    assert slow.ended.wait(DEADLINE)

    slow.bench.broker.fill(slow.bench.order(run).client_order_id)
    slow.turn_until(lambda: slow.bench.position(run) is not None)
    with waiting_at_most(0.0):
        found = reconcile(slow.bench.desk, Options())

    assert [phase.phase.value for phase in found.phases] == ["order_history"]
    assert (found.suspects, found.findings) == (1, ())


def test_an_order_is_resolved_when_the_broker_has_answered(slow: Slow) -> None:
    slow.bench.broker.plan(Trouble.ACCEPTED_IN_SILENCE)
    run = slow.start()
    slow.turn_until(lambda: slow.bench.order(run).unresolved_since is not None)
    slow.gate.held = {"find"}
    command = commands.ResolveOrder(user_id=ANNA, client_order_id=slow.bench.order(run).client_order_id)
    answers: list[object] = []

    def is_answered() -> bool:
        with waiting_at_most(0.0):
            try:
                answers.append(slow.bench.engine.handle(command))
            except AnswerPending:
                slow.gate.opened.set()
                return False
        return True

    slow.turn_until(is_answered)

    (answer,) = answers
    assert isinstance(answer, Resolution) and not answer.in_doubt
    assert slow.bench.order(run).status is OrderStatus.WORKING


def test_more_calls_than_at_once_begin_when_others_have_ended() -> None:
    errands, gate, begun, ended = Errands(aside=True), threading.Event(), [], []
    more = AT_ONCE + 3

    def begin(number: int) -> None:
        begun.append(number)
        errands.run(number, lambda: gate.wait(DEADLINE), lambda outcome: ended.append(outcome()))

    with waiting_at_most(0.0):
        for number in range(more):
            errands.begin(number, lambda number=number: begin(number))  # type: ignore[misc]  # each its own
        assert len(begun) == AT_ONCE
        gate.set()
        pause = threading.Event()
        while len(ended) < more:
            errands.settle()
            pause.wait(0.01)
    assert begun == list(range(more))


def test_an_answer_that_nobody_took_in_time_is_asked_for_anew() -> None:
    now, done, asked = [0.0], threading.Event(), []
    errands = Errands(aside=True, monotonic=lambda: now[0])
    errands.on_done(done.set)

    def count() -> int:
        asked.append(1)
        return len(asked)

    def ask() -> int:
        with waiting_at_most(0.0):
            return errands.answer_of("it", "it", lambda: count)

    def pend() -> None:
        with pytest.raises(AnswerPending):
            ask()
        assert done.wait(DEADLINE)
        done.clear()
        errands.settle()

    pend()
    now[0] = KEPT_SECONDS + 1
    pend()
    assert ask() == 2


def test_a_failure_comes_to_whoever_goes_on_and_a_fault_there_ends_nothing() -> None:
    done = threading.Event()
    errands = Errands(aside=True)
    errands.on_done(done.set)

    def refuse() -> None:
        raise BrokerUnavailable("no")

    def go_on(outcome: Any) -> None:
        with pytest.raises(BrokerUnavailable, match=r"^no$"):
            outcome()
        raise ZeroDivisionError

    with waiting_at_most(0.0):
        errands.run("it", refuse, go_on)
        assert done.wait(DEADLINE)
        assert errands.settle() and not errands.is_busy("it")
