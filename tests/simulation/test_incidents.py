"""What happened to others, replayed on our platform; each named by its thread."""

from thetaloom.domain.book.orders import Effect, OrderStatus
from thetaloom.domain.book.reports import ReportKind
from thetaloom.domain.run.runs import Outcome, RunStatus
from thetaloom.domain.strategy.strategies import ExitKind, ExitUnit, OrderRule
from thetaloom.domain.values.money import Price
from thetaloom.engine import commands
from thetaloom.engine.reconcile import find_drifts
from thetaloom.testing import builders
from thetaloom.testing.broker import Trouble
from thetaloom.testing.desk import ANNA, DeskBench, exit_rule, put_credit_spread

STOP = exit_rule(ExitKind.STOP_LOSS, 80, ExitUnit.PERCENT_OF_PREMIUM)
EAGER = put_credit_spread(exits=(STOP,), order=OrderRule(interval_seconds=15))
SILENT, LOST = Trouble.ACCEPTED_IN_SILENCE, Trouble.LOST


def test_lean_9292_one_combo_lives_at_the_broker_however_often_it_is_repriced(lite: DeskBench) -> None:
    """Two legs of one combo were queued by order and sent twice; both lived and could fill."""
    lite.save(EAGER)
    lite.broker.plan(SILENT, LOST, SILENT, None, LOST)

    run = lite.start_run()
    for cents in (100, 104, 97, 101, 95, 99):
        lite.quote_spread(cents / 100)
        lite.pass_time(seconds=20)
    lite.broker.release()
    lite.pass_time(minutes=2)

    assert [order.client_order_id for order in lite.broker.open_orders()] == [lite.order(run).client_order_id]
    assert lite.broker.arrivals == {lite.order(run).client_order_id: 1}
    assert len(lite.broker.open_orders()[0].legs) == 2


def test_lean_ib_242_a_reused_number_moves_no_other_order(lite: DeskBench) -> None:
    """Orders lost in a restart of the gateway; their numbers came again, and each answer counted for two orders."""
    lite.save(put_credit_spread(open_runs_max=3))
    lite.broker.plan(LOST)
    first = lite.start_run()
    second = lite.start_run()
    lite.broker.fill(lite.order(second).client_order_id)
    lite.broker.number_anew()
    lite.engine.settle()

    assert lite.order(second).status is OrderStatus.FILLED
    assert lite.order(first).status is OrderStatus.SUBMITTED and lite.position(first) is None

    for _ in range(6):
        lite.pass_time(seconds=20)
    lite.broker.fill(lite.order(first).client_order_id)
    lite.engine.settle()

    assert lite.order(first).broker_order_id == lite.order(second).broker_order_id
    assert set(lite.broker.arrivals.values()) == {1}
    for run in (first, second):
        position = lite.position(run)
        assert position is not None and position.quantity == lite.order(run).filled == lite.order(run).quantity


def test_nautilus_4564_a_modify_during_an_outage_leaves_one_order(lite: DeskBench) -> None:
    """A modify sent into a lost connection left two live orders; the stray one filled six hours later."""
    lite.save(EAGER)
    run = lite.start_run()
    lite.broker.plan(LOST)
    lite.quote_spread(0.97)
    lite.pass_time(seconds=15)
    lite.broker.is_down = True
    lite.pass_time(minutes=2)
    lite.broker.is_down = False
    lite.pass_time(minutes=1)

    (standing,) = lite.broker.open_orders()
    assert standing.client_order_id == lite.order(run).client_order_id
    assert standing.limit_price == lite.order(run).limit_price

    lite.engine.handle(commands.CancelOrder(user_id=ANNA, client_order_id=lite.order(run).client_order_id))
    lite.pass_time(minutes=1)

    assert lite.broker.open_orders() == []
    assert lite.order(run).status is OrderStatus.CANCELED


def test_nautilus_4970_what_was_missed_while_away_counts_once_when_it_is_replayed(lite: DeskBench) -> None:
    """Fills, cancels and accepts that came while the stream was away; the review of the repair (#4991) names the rest.

    A replayed fill must not count again, a cancel must not hide an earlier fill, an old accept must change nothing.
    """
    lite.save(put_credit_spread(exits=(STOP,)))
    run = lite.start_run()
    order = lite.order(run).client_order_id
    lite.broker.withhold()
    lite.broker.fill(order)
    lite.broker.is_down = True
    lite.pass_time(minutes=3)
    lite.broker.is_down = False
    lite.broker.release()
    lite.engine.settle()
    for report in list(lite.broker.reports_since(0)):
        lite.broker.repeat(report.sequence)
    lite.restart()
    lite.pass_time(minutes=1)

    position = lite.position(run)
    assert position is not None and position.quantity == lite.order(run).quantity
    assert lite.order(run).status is OrderStatus.FILLED
    assert [found.kind for found in lite.broker.reports_since(0)].count(ReportKind.FILLED) == 2
    assert lite.run(run).status is RunStatus.MONITORING and lite.faults(run) == []


def test_nautilus_5057_a_working_order_from_before_the_restart_is_still_ours(lite: DeskBench) -> None:
    """After a restart working orders were foreign: no status moved them, and nobody could change or cancel them."""
    lite.save(EAGER)
    run = lite.start_run()
    order = lite.order(run)
    lite.restart()
    lite.quote_spread(0.95)
    lite.pass_time(seconds=45)

    assert lite.broker.arrivals == {order.client_order_id: 1}
    assert lite.order(run).revision > order.revision
    assert lite.broker.open_orders()[0].limit_price == lite.order(run).limit_price

    lite.restart()
    lite.engine.handle(commands.CancelOrder(user_id=ANNA, client_order_id=order.client_order_id))
    lite.engine.settle()

    assert lite.order(run).status is OrderStatus.CANCELED
    assert lite.broker.open_orders() == []
    assert lite.run(run).outcome is Outcome.CANCELED


def test_alpaca_py_774_a_leg_that_the_broker_took_alone_is_told_at_once_and_the_other_minded(lite: DeskBench) -> None:
    """At 15:30 on expiration day the broker bought back the short leg alone; the long leg stayed, an orphan.

    The order was none of the account holder's, and the close of the whole spread was then refused or opened a short.
    """
    run = lite.enter(put_credit_spread(exits=(STOP,)), at="1.00")
    short, long = (next(leg.contract for leg in lite.order(run).legs if leg.ratio * sign > 0) for sign in (-1, 1))
    lite.pass_time(to=builders.new_york("2026-01-16 15:30"))
    before = list(lite.broker.requests)

    lite.broker.liquidate(short, price=Price("0.06"))
    lite.pass_time(seconds=1)

    position = lite.position(run)
    assert position is not None and position.held == {long: 1}
    assert [(one.contract, one.quantity) for one in position.loose] == [(long, 1)]
    with lite.store.reading() as uow:
        (alert,) = [one for one in uow.alerts.standing_of(ANNA, position.id) if one.cause == "legs_alone"]
    assert alert.urgency.value == "IMMEDIATE" and f"position close {position.id}" in alert.recommended_action
    assert lite.broker.requests == before  # a bought leg is no danger: nothing was guessed
    assert find_drifts(lite.desk) == ()

    lite.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=position.id))
    lite.engine.settle()

    closing = lite.order(run, Effect.CLOSE)
    assert [(leg.contract, leg.ratio) for leg in closing.legs] == [(long, -1)] and closing.quantity == 1


def test_ib_async_191_an_order_shown_canceled_that_fills_is_a_position(lite: DeskBench) -> None:
    """A remark about the time in force was taken for a cancel; the order lived on and filled."""
    lite.save(put_credit_spread(exits=(STOP,)))
    run = lite.start_run()
    order = lite.order(run).client_order_id
    lite.broker.tell_falsely(ReportKind.CANCELED, order)
    lite.pass_time(minutes=5)
    lite.broker.fill(order)
    lite.pass_time(minutes=1)

    position = lite.position(run)
    assert position is not None and position.is_open
    assert lite.run(run).status is RunStatus.MONITORING
    assert lite.broker.arrivals == {order: 1}

    lite.quote_spread(2.0)
    lite.pass_time(seconds=10)

    assert lite.order(run, Effect.CLOSE).legs[0].ratio == -lite.order(run, Effect.OPEN).legs[0].ratio
