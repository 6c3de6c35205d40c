"""The whole life of a run, on both databases."""

from thetaloom.domain.book.orders import OrderStatus
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import Outcome, RunStatus, StepName
from thetaloom.domain.strategy.strategies import ExitKind, ExitUnit
from thetaloom.engine.reconcile import find_drifts
from thetaloom.testing.desk import DeskBench, exit_rule, money, put_credit_spread

ENTRY = [
    StepName.TRIGGER,
    StepName.RESOLVE_SYMBOL,
    StepName.FETCH_MARKET,
    StepName.COMPUTE_INDICATORS,
    StepName.DRAW_CHART,
    StepName.ANALYZE,
    StepName.SELECT_STRUCTURE,
    StepName.EVALUATE,
    StepName.CHECK_RISK,
    StepName.REQUEST_APPROVAL,
    StepName.SUBMIT_ORDER,
]


def test_a_run_goes_from_trigger_to_completed(bench: DeskBench) -> None:
    target = exit_rule(ExitKind.PROFIT_TARGET, 50, ExitUnit.PERCENT_OF_PREMIUM)
    run = bench.enter(put_credit_spread(exits=(target,)), at="1.00")
    assert bench.run(run).status is RunStatus.MONITORING

    bench.quote_spread(0.40)
    bench.engine.settle()
    bench.broker.fill(bench.order(run).client_order_id, at="-0.40")
    bench.engine.settle()

    done, position = bench.run(run), bench.position(run)
    assert (done.status, done.outcome, done.reason) == (RunStatus.COMPLETED, Outcome.CLOSED, "profit_target")
    assert position is not None and not position.is_open
    assert position.realized_pnl == money("60") + money("-0.65") * 4
    assert bench.steps(run)[:11] == ENTRY
    assert [order.status for order in bench.orders(run)] == [OrderStatus.FILLED, OrderStatus.FILLED]
    assert find_drifts(bench.desk) == ()
    assert bench.faults(run) == []
    assert bench.replay(run).identical


def test_a_paper_run_fills_and_closes_by_itself(paper: DeskBench) -> None:
    target = exit_rule(ExitKind.PROFIT_TARGET, 50, ExitUnit.PERCENT_OF_PREMIUM)
    paper.save(put_credit_spread(exits=(target,)))

    run = paper.start_run()
    paper.pass_time(minutes=5)
    paper.quote_spread(0.38, half_width=0.01)
    paper.pass_time(minutes=5)

    done = paper.run(run)
    assert (done.status, done.outcome) == (RunStatus.COMPLETED, Outcome.CLOSED)
    assert find_drifts(paper.desk) == ()
    assert paper.replay(run).identical


def test_each_turn_of_a_run_is_told(bench: DeskBench) -> None:
    target = exit_rule(ExitKind.PROFIT_TARGET, 50, ExitUnit.PERCENT_OF_PREMIUM)
    run = bench.enter(put_credit_spread(exits=(target,)))
    bench.quote_spread(0.40)
    bench.engine.settle()
    bench.broker.fill(bench.order(run).client_order_id)
    bench.engine.settle()

    assert bench.events(run) == [
        EventKind.RUN_STARTED,
        EventKind.PROPOSAL_CREATED,
        EventKind.APPROVAL_GRANTED,
        EventKind.ORDER_STAGED,
        EventKind.ORDER_SUBMITTED,
        EventKind.ORDER_ACCEPTED,
        EventKind.ORDER_FILLED,
        EventKind.POSITION_OPENED,
        EventKind.EXIT_TRIGGERED,
        EventKind.ORDER_STAGED,
        EventKind.ORDER_SUBMITTED,
        EventKind.ORDER_ACCEPTED,
        EventKind.ORDER_FILLED,
        EventKind.POSITION_CLOSED,
        EventKind.RUN_COMPLETED,
    ]
