"""An end that is told before the fill it met frees no capacity: what the broker's books say has filled is reserved."""

import pytest

from thetaloom.domain.book.orders import Effect, OrderStatus
from thetaloom.domain.book.reports import ReportKind
from thetaloom.domain.risk.limits import RiskLimits
from thetaloom.domain.run.runs import RunStatus
from thetaloom.domain.strategy.strategies import SizeRule
from thetaloom.domain.values.ids import make_position_id
from thetaloom.domain.values.money import Money
from thetaloom.engine import commands
from thetaloom.engine.reconcile import find_drifts
from thetaloom.testing.desk import ANNA, DeskBench, put_credit_spread

TWO = put_credit_spread(size=SizeRule(quantity=2))


@pytest.mark.parametrize("ends", ["canceled", "expired"])
@pytest.mark.parametrize("filled", [1, 2])
@pytest.mark.parametrize("told", [True, False])
def test_capacity_stays_reserved_until_the_fill_is_told(lite: DeskBench, ends: str, filled: int, told: bool) -> None:
    lite.save(TWO)
    run = lite.start_run()
    order = lite.order(run)
    risk = lite.portfolio(RiskLimits()).risk_in_use
    lite.broker.fill(order.client_order_id, filled, silent=True)
    if filled == 2:
        lite.broker.tell_falsely(ReportKind(ends), order.client_order_id)
    elif ends == "canceled":
        lite.engine.handle(commands.CancelOrder(user_id=ANNA, client_order_id=order.client_order_id))
    else:
        lite.broker.expire(order.client_order_id)
    lite.engine.settle()

    assert lite.order(run).status is OrderStatus.PENDING_CANCEL
    assert lite.run(run).status is RunStatus.EXECUTING
    assert lite.portfolio(RiskLimits()).risk_in_use == risk != Money(0)

    if told:
        lite.broker.release()
        lite.engine.settle()
    else:  # the transactions tell of it
        lite.restart()
        lite.pass_time(minutes=2)

    position = lite.position(run)
    assert position is not None and position.quantity == filled
    expected = OrderStatus.FILLED if filled == 2 else OrderStatus(ends.upper())
    assert lite.order(run).status is expected and lite.run(run).status is RunStatus.MONITORING
    assert find_drifts(lite.desk) == () and lite.faults(run) == [] and lite.replay(run).identical


@pytest.mark.parametrize("ends", ["canceled", "expired"])
@pytest.mark.parametrize("told", [True, False])
def test_no_order_closes_what_one_that_ended_has_closed_already(lite: DeskBench, ends: str, told: bool) -> None:
    run = lite.enter(TWO, at="1.00")
    lite.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=make_position_id(run)))
    lite.engine.settle()
    order = lite.order(run, Effect.CLOSE)
    lite.broker.fill(order.client_order_id, 1, silent=True)
    if ends == "canceled":
        lite.engine.handle(commands.CancelOrder(user_id=ANNA, client_order_id=order.client_order_id))
    else:
        lite.broker.expire(order.client_order_id)
    lite.engine.settle()

    assert lite.order(run, Effect.CLOSE).status is OrderStatus.PENDING_CANCEL
    assert len(lite.orders(run, Effect.CLOSE)) == 1  # two are still held by our books, and one by the broker's

    if told:
        lite.broker.release()
        lite.engine.settle()
    lite.pass_time(minutes=2)

    first, *others = lite.orders(run, Effect.CLOSE)
    assert (first.filled, [one.quantity for one in others]) == (1, [1])
    assert lite.faults(run) == [] and lite.replay(run).identical
