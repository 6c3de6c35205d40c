"""The life of an order: walked, filled, refused, canceled, in doubt, and never sent twice."""

import pytest

from thetaloom.domain.book.orders import Effect, OrderStatus
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import Outcome, RunStatus, StepName
from thetaloom.domain.strategy.strategies import SizeRule
from thetaloom.domain.values.money import Price
from thetaloom.engine import commands
from thetaloom.engine.reconcile import find_drifts
from thetaloom.testing import builders
from thetaloom.testing.broker import Trouble
from thetaloom.testing.desk import ANNA, DeskBench, put_credit_spread

THREE = put_credit_spread(size=SizeRule(quantity=3))


def look_twice(bench: DeskBench) -> None:
    """Let the engine look into the broker's books until what is absent is proven so."""
    for _ in range(4):
        bench.pass_time(seconds=15)


def test_an_entry_walks_from_better_than_mid_toward_natural_and_gives_up(bench: DeskBench) -> None:
    run = bench.start_run()
    limits = [bench.order(run).limit_price]
    for _ in range(6):
        bench.pass_time(seconds=60)
        limits.append(bench.order(run).limit_price)

    assert limits[:5] == [Price(text) for text in ("1.01", "0.98", "0.95", "0.92", "0.88")]
    assert limits[5:] == [Price("0.88")] * 2
    assert bench.sent("replace") == bench.sent("submit") * 4
    bench.pass_time(minutes=60)
    assert (bench.run(run).outcome, bench.run(run).reason) == (Outcome.UNFILLED, "order_timed_out")
    assert bench.order(run).status is OrderStatus.CANCELED
    assert bench.replay(run).identical


def test_an_entry_near_the_close_is_canceled_with_the_session(lite: DeskBench) -> None:
    lite.clock.move_to(builders.new_york("2026-01-05 15:40"))
    run = lite.start_run()
    assert lite.order(run).expires_at == builders.new_york("2026-01-05 16:00")

    lite.pass_time(to=builders.new_york("2026-01-05 16:00"))

    assert lite.run(run).outcome is Outcome.UNFILLED


def test_partial_fills_make_one_position_once_the_order_is_done(bench: DeskBench) -> None:
    bench.save(THREE)
    run = bench.start_run()
    order = bench.order(run).client_order_id
    bench.broker.fill(order, 1)
    bench.engine.settle()
    assert bench.run(run).status is RunStatus.EXECUTING

    bench.broker.fill(order, 2)
    bench.engine.settle()

    position = bench.position(run)
    assert bench.run(run).status is RunStatus.MONITORING
    assert position is not None and (position.quantity, len(position.lots)) == (3, 2)
    assert bench.events(run).count(EventKind.POSITION_OPENED) == 1


def test_what_filled_before_the_cancel_is_kept_and_watched(bench: DeskBench) -> None:
    bench.save(THREE)
    run = bench.start_run()
    bench.broker.fill(bench.order(run).client_order_id, 1)
    bench.engine.settle()

    bench.engine.handle(commands.CancelOrder(user_id=ANNA, client_order_id=bench.order(run).client_order_id))
    bench.engine.settle()

    position = bench.position(run)
    assert bench.run(run).status is RunStatus.MONITORING
    assert position is not None and position.quantity == 1


def test_a_refused_order_ends_the_run(bench: DeskBench) -> None:
    bench.broker.plan(Trouble.REFUSED)

    run = bench.start_run()

    assert (bench.run(run).outcome, bench.run(run).reason) == (Outcome.DENIED, "order_rejected")
    assert bench.order(run).reason == "refused as planned"


def test_an_order_rejected_late_ends_the_run(bench: DeskBench) -> None:
    run = bench.start_run()

    bench.broker.reject(bench.order(run).client_order_id, "margin call")
    bench.engine.settle()

    assert (bench.run(run).outcome, bench.run(run).reason) == (Outcome.DENIED, "order_rejected")


def test_an_order_canceled_by_a_person_ends_the_run_so(bench: DeskBench) -> None:
    run = bench.start_run()

    bench.engine.handle(commands.CancelOrder(user_id=ANNA, client_order_id=bench.order(run).client_order_id))
    bench.engine.settle()

    assert (bench.run(run).outcome, bench.run(run).reason) == (Outcome.CANCELED, "order_canceled")


def test_an_order_canceled_by_the_kill_switch_says_halted(bench: DeskBench) -> None:
    run = bench.start_run()

    bench.engine.handle(commands.Halt(user_id=ANNA))
    bench.engine.settle()

    assert (bench.run(run).outcome, bench.run(run).reason) == (Outcome.DENIED, "halted")
    assert len(bench.sent("cancel")) == 1


def test_an_order_that_expires_leaves_the_run_unfilled(bench: DeskBench) -> None:
    run = bench.start_run()

    bench.broker.expire(bench.order(run).client_order_id)
    bench.engine.settle()

    assert (bench.run(run).outcome, bench.run(run).reason) == (Outcome.UNFILLED, "order_expired")


def test_a_fill_after_the_cancel_reopens_the_run(bench: DeskBench) -> None:
    run = bench.start_run()
    order = bench.order(run).client_order_id
    bench.engine.handle(commands.CancelOrder(user_id=ANNA, client_order_id=order))
    bench.engine.settle()
    assert bench.run(run).is_final

    bench.broker.fill(order)
    bench.engine.settle()

    reopened = bench.run(run)
    assert (reopened.status, reopened.outcome, reopened.reason) == (RunStatus.MONITORING, None, "")
    assert bench.order(run).status is OrderStatus.FILLED
    assert find_drifts(bench.desk) == ()
    assert bench.faults(run) == [] and bench.replay(run).identical


def test_a_report_told_twice_counts_once(bench: DeskBench) -> None:
    bench.save(THREE)
    run = bench.start_run()
    bench.broker.fill(bench.order(run).client_order_id, 1)
    bench.engine.settle()

    for sequence in (1, 2):
        bench.broker.repeat(sequence)
    bench.engine.settle()

    assert (bench.order(run).filled, bench.order(run).status) == (1, OrderStatus.WORKING)
    assert find_drifts(bench.desk) == ()


def test_a_fill_may_come_before_its_acknowledgement(bench: DeskBench) -> None:
    bench.broker.withhold()
    run = bench.start_run()
    bench.broker.fill(bench.order(run).client_order_id)

    bench.broker.release(reverse=True)
    bench.engine.settle()

    assert bench.order(run).status is OrderStatus.FILLED
    assert bench.run(run).status is RunStatus.MONITORING


def test_an_acknowledgement_after_the_closing_fill_changes_nothing(bench: DeskBench) -> None:
    run = bench.enter()
    position = bench.position(run)
    assert position is not None
    bench.broker.withhold()
    bench.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=position.id))
    bench.engine.settle()
    bench.broker.fill(bench.order(run, Effect.CLOSE).client_order_id)

    bench.broker.release(reverse=True)
    bench.engine.settle()

    assert (bench.run(run).outcome, bench.run(run).reason) == (Outcome.CLOSED, "manual_close")
    assert bench.events(run).count(EventKind.RUN_COMPLETED) == 1


def test_a_late_acknowledgement_lets_the_walk_begin(bench: DeskBench) -> None:
    bench.broker.plan(Trouble.UNREPORTED)
    run = bench.start_run()
    bench.pass_time(seconds=14)
    assert bench.order(run).status is OrderStatus.SUBMITTED and bench.sent("replace") == []

    bench.broker.release()
    bench.pass_time(seconds=60)

    assert bench.order(run).status is OrderStatus.WORKING
    assert len(bench.sent("replace")) == 1


@pytest.mark.parametrize("trouble", [Trouble.LOST, Trouble.UNAVAILABLE])
def test_an_order_that_never_arrived_is_sent_again_once_the_books_prove_it(bench: DeskBench, trouble: Trouble) -> None:
    bench.broker.plan(trouble)
    run = bench.start_run()
    assert bench.order(run).status is OrderStatus.SUBMITTED
    assert bench.events(run).count(EventKind.ORDER_UNRESOLVED) == 1

    bench.pass_time(seconds=14)
    assert len(bench.sent("submit")) == 1
    for _ in range(4):
        bench.pass_time(seconds=15)

    assert len(bench.sent("submit")) == 2
    assert bench.order(run).status is OrderStatus.WORKING


def test_an_order_accepted_in_silence_is_never_sent_again(bench: DeskBench) -> None:
    bench.broker.plan(Trouble.ACCEPTED_IN_SILENCE)
    run = bench.start_run()
    assert bench.order(run).status is OrderStatus.SUBMITTED
    for _ in range(4):
        bench.pass_time(seconds=15)
    bench.restart()
    assert bench.order(run).status is OrderStatus.WORKING, "the broker's books know it"
    assert bench.events(run).count(EventKind.ORDER_RESOLVED) == 1

    bench.broker.release()
    bench.broker.fill(bench.order(run).client_order_id)
    bench.engine.settle()

    assert len(bench.sent("submit")) == 1
    assert bench.run(run).status is RunStatus.MONITORING


def test_an_order_that_never_arrived_is_withdrawn_when_new_risk_is_halted(bench: DeskBench) -> None:
    bench.broker.plan(Trouble.LOST)
    run = bench.start_run()
    bench.write(lambda uow: uow.accounts.halt("all", "by another process", bench.clock.now()))

    bench.restart()
    assert not bench.run(run).is_final, "one look proves nothing"
    look_twice(bench)

    assert (bench.run(run).outcome, bench.run(run).reason) == (Outcome.DENIED, "halted")
    assert len(bench.sent("submit")) == 1
    assert bench.replay(run).identical


def test_an_order_that_never_arrived_is_not_sent_after_its_time(bench: DeskBench) -> None:
    bench.broker.plan(Trouble.LOST)
    run = bench.start_run()
    bench.clock.advance(minutes=61)

    bench.restart()
    look_twice(bench)

    assert (bench.run(run).outcome, bench.run(run).reason) == (Outcome.UNFILLED, "order_timed_out")
    assert len(bench.sent("submit")) == 1


def test_canceling_an_order_that_never_arrived_ends_the_run(bench: DeskBench) -> None:
    bench.broker.plan(Trouble.LOST)
    run = bench.start_run()

    bench.engine.handle(commands.CancelOrder(user_id=ANNA, client_order_id=bench.order(run).client_order_id))
    look_twice(bench)

    assert (bench.run(run).outcome, bench.run(run).reason) == (Outcome.CANCELED, "order_canceled")
    assert bench.sent("cancel") == []


def test_a_cancel_without_an_answer_is_asked_again(bench: DeskBench) -> None:
    run = bench.start_run()
    bench.broker.plan(Trouble.LOST)
    bench.engine.handle(commands.CancelOrder(user_id=ANNA, client_order_id=bench.order(run).client_order_id))
    assert bench.order(run).status is OrderStatus.PENDING_CANCEL

    for _ in range(3):
        bench.pass_time(seconds=15)

    assert bench.run(run).outcome is Outcome.CANCELED
    assert len(bench.sent("cancel")) == 2


def test_a_cancel_that_came_too_late_leaves_the_fill(bench: DeskBench) -> None:
    run = bench.start_run()
    order = bench.order(run).client_order_id
    bench.broker.fill(order)

    bench.engine.handle(commands.CancelOrder(user_id=ANNA, client_order_id=order))
    bench.engine.settle()

    assert bench.run(run).status is RunStatus.MONITORING


def test_a_refused_cancel_lets_the_order_work_on(bench: DeskBench) -> None:
    run = bench.start_run()
    bench.broker.plan(Trouble.REFUSED)

    bench.engine.handle(commands.CancelOrder(user_id=ANNA, client_order_id=bench.order(run).client_order_id))
    bench.engine.settle()

    assert bench.order(run).status is OrderStatus.WORKING


def test_a_refused_replace_leaves_the_limit_that_stands_at_the_broker(bench: DeskBench) -> None:
    run = bench.start_run()
    bench.broker.plan(Trouble.REFUSED)

    bench.pass_time(seconds=60)

    assert (bench.order(run).limit_price, bench.order(run).revision) == (Price("1.01"), 1)
    bench.pass_time(seconds=60)
    assert bench.order(run).limit_price == Price("0.95")


@pytest.mark.parametrize("filled", [0, 1])
def test_a_halt_waits_for_nobody_and_spares_exits(bench: DeskBench, filled: int) -> None:
    bench.save(THREE)
    run = bench.enter()
    position = bench.position(run)
    assert position is not None
    bench.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=position.id))
    bench.engine.settle()
    if filled:
        bench.broker.fill(bench.order(run, Effect.CLOSE).client_order_id, filled)

    bench.engine.handle(commands.Halt(user_id=ANNA, scope="strategy:strategy-1"))
    bench.engine.settle()

    assert bench.order(run, Effect.CLOSE).status is OrderStatus.WORKING
    assert bench.sent("cancel") == []


def test_a_late_fill_cancels_the_closing_order_that_would_sell_too_much(bench: DeskBench) -> None:
    run = bench.enter()
    position = bench.position(run)
    assert position is not None
    bench.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=position.id))
    bench.engine.settle()
    first = bench.order(run, Effect.CLOSE).client_order_id
    bench.broker.expire(first)
    bench.pass_time(seconds=60)
    second = bench.order(run, Effect.CLOSE).client_order_id
    assert second != first

    bench.broker.fill(first)
    bench.engine.settle()

    assert bench.run(run).outcome is Outcome.CLOSED
    assert bench.sent("cancel") == [second]
    assert find_drifts(bench.desk) == ()


def test_a_fill_of_a_rejected_order_is_booked_and_halts_the_account(bench: DeskBench) -> None:
    other = bench.enter()
    run = bench.start_run()
    order = bench.order(run)
    bench.broker.reject(order.client_order_id, "no")
    bench.broker.fill(order.client_order_id)

    bench.engine.settle()

    position = bench.position(run)
    assert position is not None and position.quantity == 1
    assert bench.run(run).status is RunStatus.MONITORING, "what is held is watched"
    assert find_drifts(bench.desk) == ()
    assert bench.facts(EventKind.ORDER_CONTRADICTED)["contradiction"] == "refused_and_filled"
    with bench.store.unit_of_work() as uow:
        assert "account:TEST-1" in uow.accounts.halts()
    assert bench.run(other).status is RunStatus.MONITORING
    assert bench.faults(run) == [] and bench.replay(run).identical


def test_an_overfill_is_booked_whole_and_halts_the_account(bench: DeskBench) -> None:
    run = bench.start_run()
    bench.broker.overfill(bench.order(run).client_order_id, 3)

    bench.engine.settle()

    position, order = bench.position(run), bench.order(run)
    assert position is not None and position.quantity == 3
    assert (order.filled, order.overfilled, order.status) == (3, 2, OrderStatus.FILLED)
    assert find_drifts(bench.desk) == ()
    assert bench.facts(EventKind.ORDER_CONTRADICTED)["contradiction"] == "overfill"
    with bench.store.unit_of_work() as uow:
        assert "3 of 1 filled" in uow.accounts.halts()["account:TEST-1"]


def test_a_contradiction_in_an_open_run_makes_it_wait_for_a_person(bench: DeskBench) -> None:
    run = bench.enter()
    order = bench.order(run)
    bench.write(lambda uow: uow.positions.save(builders.with_lots(uow.positions.of_run(run) or builders.position())))
    close = builders.closing(order, limit="-1.00", run_id=run, staged_at=bench.clock.now(), status=OrderStatus.WORKING)
    bench.write(lambda uow: uow.orders.add(close))
    bench.broker.submit(close)
    bench.broker.fill(close.client_order_id)

    bench.engine.settle()

    failed = bench.run(run)
    assert (failed.status, failed.due_at) == (RunStatus.ERROR, None)
    assert bench.steps(run)[-1] is StepName.CLOSE_POSITION
