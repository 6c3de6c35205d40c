"""A completed run starts the next one where its strategy says so: cooled down, never under a halt or a loss guard."""

from datetime import timedelta

import pytest

from thetaloom.domain.book.orders import Effect
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import Outcome, RunStatus, TriggerKind, WorkflowRun
from thetaloom.domain.strategy.strategies import RestartAfter, RestartRule
from thetaloom.domain.values.ids import RunId
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine import commands
from thetaloom.store.database import Database
from thetaloom.testing.desk import ANNA, STRATEGY, DeskBench, put_credit_spread


@pytest.fixture
def bench(database: Database) -> DeskBench:
    """A desk."""
    return DeskBench(database)


def live(bench: DeskBench, rule: RestartRule | None, *, at: float = -0.50) -> RunId:
    """Open and close one position."""
    run = bench.enter(put_credit_spread(restart=rule))
    close(bench, run, at=at)
    return run


def close(bench: DeskBench, run: RunId, *, at: float) -> None:
    """Close the position of a run."""
    position = bench.position(run)
    assert position is not None
    bench.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=position.id))
    bench.engine.settle()
    bench.broker.fill(bench.order(run, Effect.CLOSE).client_order_id, at=at)
    bench.engine.settle()
    assert bench.run(run).outcome is Outcome.CLOSED


def following(bench: DeskBench) -> list[WorkflowRun]:
    """Return the runs that wait or work."""
    with bench.store.reading() as uow:
        return list(uow.runs.open_of(ANNA, STRATEGY, "SPY"))


def test_without_a_rule_nothing_follows(bench: DeskBench) -> None:
    live(bench, None)
    assert following(bench) == []


def test_the_next_run_waits_until_it_has_cooled_down(bench: DeskBench) -> None:
    run = live(bench, RestartRule(cooldown_days=2))
    (next_run,) = following(bench)
    assert next_run.trigger is TriggerKind.RESTART and next_run.status is RunStatus.SCANNING
    assert next_run.due_at == bench.clock.now() + timedelta(days=2)
    assert EventKind.RUN_RESTARTED in bench.events(run)
    bench.pass_time(minutes=60)
    assert bench.lineage(next_run.id) == []
    bench.pass_time(to=bench.clock.now() + timedelta(days=2))
    assert bench.orders(next_run.id, Effect.OPEN)


def test_no_more_start_on_one_day_than_the_rule_allows(bench: DeskBench) -> None:
    live(bench, RestartRule(cooldown_days=0, max_per_day=1))
    (next_run,) = following(bench)
    bench.broker.fill(bench.order(next_run.id).client_order_id)
    bench.engine.settle()
    close(bench, next_run.id, at=-0.50)
    assert following(bench) == []


def test_only_the_ends_that_are_named_count(bench: DeskBench) -> None:
    live(bench, RestartRule(after=(RestartAfter.EXPIRED,), cooldown_days=0))
    assert following(bench) == []


def test_nothing_follows_under_a_halt(bench: DeskBench) -> None:
    run = bench.enter(put_credit_spread(restart=RestartRule(cooldown_days=0)))
    bench.engine.handle(commands.Halt(user_id=ANNA, note="enough"))
    close(bench, run, at=-0.50)
    assert following(bench) == []


def test_a_halt_while_it_cools_down_denies_it(bench: DeskBench) -> None:
    live(bench, RestartRule(cooldown_days=1))
    (next_run,) = following(bench)
    bench.engine.handle(commands.Halt(user_id=ANNA, note="enough"))
    bench.pass_time(to=bench.clock.now() + timedelta(days=1, minutes=1))
    ended = bench.run(next_run.id)
    assert ended.outcome is Outcome.NO_TRADE and ended.reason == Reason.HALTED.value


def test_a_loss_guard_denies_it(bench: DeskBench) -> None:
    bench.engine.handle(commands.SetLimit(user_id=ANNA, name="max_losses_in_a_row", limit="1"))
    run = bench.enter(put_credit_spread(restart=RestartRule(cooldown_days=0)))
    close(bench, run, at=-3.00)
    with bench.store.reading() as uow:
        told = [one.event for one in uow.events.since(0) if one.event.kind is EventKind.RUN_RESTARTED]
    (event,) = told
    ended = bench.run(RunId(event.facts["following"]))
    assert ended.outcome is Outcome.DENIED and bench.orders(ended.id) == []


def test_a_kill_between_neither_loses_nor_doubles_the_next_run(bench: DeskBench) -> None:
    live(bench, RestartRule(cooldown_days=1))
    for _ in range(3):
        bench.restart()
        bench.engine.settle()
    assert len(following(bench)) == 1
