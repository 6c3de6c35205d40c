"""Commands: what each changes, what it refuses, and that nobody reaches another user's rows."""

from decimal import Decimal

import pytest

from thetaloom.domain.book.orders import OrderStatus
from thetaloom.domain.risk.limits import RiskLimits
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import Outcome, RunStatus
from thetaloom.domain.strategy.strategies import ApprovalRule, SizeRule
from thetaloom.domain.values.ids import ClientOrderId, PositionId, ProposalId, RunId, StrategyId
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine import commands
from thetaloom.engine.commands import Command
from thetaloom.engine.delivery import deliver
from thetaloom.errors import InvalidInput, NotAllowed, NotFound
from thetaloom.testing import builders
from thetaloom.testing.desk import ANNA, BERT, STRATEGY, DeskBench, put_credit_spread

NOWHERE = RunId("run-nowhere")


@pytest.mark.parametrize(
    "command",
    [
        commands.StartRun(user_id=ANNA, symbol="SPY", strategy_id=StrategyId("nothing")),
        commands.ApproveProposal(user_id=ANNA, proposal_id=ProposalId("nothing")),
        commands.RejectProposal(user_id=ANNA, proposal_id=ProposalId("nothing"), note="no"),
        commands.CancelRun(user_id=ANNA, run_id=NOWHERE),
        commands.PauseRun(user_id=ANNA, run_id=NOWHERE),
        commands.ResumeRun(user_id=ANNA, run_id=NOWHERE),
        commands.CancelOrder(user_id=ANNA, client_order_id=ClientOrderId("nothing")),
        commands.ClosePosition(user_id=ANNA, position_id=PositionId("nothing")),
        commands.LiftHalt(user_id=ANNA),
        commands.DeleteStrategy(user_id=ANNA, strategy_id=StrategyId("nothing")),
        commands.DeleteStrategy(user_id=BERT, strategy_id=STRATEGY),
    ],
)
def test_what_is_not_there_is_not_found(lite: DeskBench, command: Command) -> None:
    with pytest.raises(NotFound):
        lite.engine.handle(command)


def test_nobody_trades_on_the_account_of_somebody_else(lite: DeskBench) -> None:
    with pytest.raises(NotAllowed) as refused:
        lite.engine.handle(commands.StartRun(user_id=BERT, symbol="SPY", strategy_id=STRATEGY))

    assert refused.value.code == Reason.NO_ACCOUNT


@pytest.mark.parametrize(
    "command",
    [
        commands.StartRun(user_id=ANNA, symbol="", strategy_id=STRATEGY),
        commands.StartRun(user_id=ANNA, symbol="SP Y", strategy_id=STRATEGY),
        commands.StartRun(user_id=ANNA, symbol="ABCDEFGHIJKLM", strategy_id=STRATEGY),
        commands.RejectProposal(user_id=ANNA, proposal_id=ProposalId("any"), note="  "),
        commands.Halt(user_id=ANNA, scope="strategy:"),
        commands.LiftHalt(user_id=ANNA, scope="everything"),
        commands.SetLimit(user_id=ANNA, name="max_fun", limit=Decimal(1)),
        commands.SetLimit(user_id=ANNA, name="max_quantity", limit=Decimal(-1)),
    ],
)
def test_what_makes_no_sense_is_refused(lite: DeskBench, command: Command) -> None:
    with pytest.raises(InvalidInput):
        lite.engine.handle(command)


def test_another_users_rows_are_not_found(bench: DeskBench) -> None:
    run = bench.enter()
    position, order = bench.position(run), bench.order(run).client_order_id
    assert position is not None
    strange: list[Command] = [
        commands.CancelRun(user_id=BERT, run_id=run),
        commands.PauseRun(user_id=BERT, run_id=run),
        commands.ResumeRun(user_id=BERT, run_id=run),
        commands.CancelOrder(user_id=BERT, client_order_id=order),
        commands.ClosePosition(user_id=BERT, position_id=position.id),
    ]

    for command in strange:
        with pytest.raises(NotFound):
            bench.engine.handle(command)

    assert bench.run(run).status is RunStatus.MONITORING


def test_a_symbol_is_tidied(lite: DeskBench) -> None:
    assert lite.run(lite.start_run(" spy ")).symbol == "SPY"


def test_a_waiting_run_is_canceled_with_its_proposal(bench: DeskBench) -> None:
    bench.save(put_credit_spread(approval=ApprovalRule()))
    run = bench.start_run()

    bench.engine.handle(commands.CancelRun(user_id=ANNA, run_id=run))
    again = bench.engine.handle(commands.CancelRun(user_id=ANNA, run_id=run))
    bench.engine.settle()

    assert (bench.run(run).outcome, bench.run(run).reason) == (Outcome.CANCELED, "canceled_by_user")
    assert again == bench.run(run)
    assert bench.proposals(run)[0].decision_note == "the run was canceled"
    assert bench.left_nothing(run)


def test_a_run_with_a_working_order_is_canceled_through_the_broker(bench: DeskBench) -> None:
    run = bench.start_run()

    bench.engine.handle(commands.CancelRun(user_id=ANNA, run_id=run))
    assert bench.order(run).status is OrderStatus.PENDING_CANCEL and not bench.run(run).is_final
    bench.engine.handle(commands.CancelRun(user_id=ANNA, run_id=run))  # asked twice, sent on once more, no harm
    bench.engine.settle()

    assert bench.run(run).outcome is Outcome.CANCELED


def test_a_run_whose_order_was_only_staged_is_canceled_at_once(bench: DeskBench) -> None:
    second = bench.start_run()
    staged = builders.order(run_id=second, client_order_id=ClientOrderId("tl-staged"), staged_at=bench.clock.now())
    bench.engine.handle(commands.CancelOrder(user_id=ANNA, client_order_id=bench.order(second).client_order_id))
    bench.write(lambda uow: uow.orders.add(staged))

    bench.engine.handle(commands.CancelRun(user_id=ANNA, run_id=second))

    assert bench.run(second).outcome is Outcome.CANCELED
    assert "tl-staged" not in bench.sent("submit")


def test_a_run_that_holds_a_position_is_not_canceled(bench: DeskBench) -> None:
    run = bench.enter()

    with pytest.raises(NotAllowed) as refused:
        bench.engine.handle(commands.CancelRun(user_id=ANNA, run_id=run))

    assert refused.value.code == "holds_position"
    assert "position close" in refused.value.advice


def test_a_run_is_paused_and_goes_on_where_it_was(bench: DeskBench) -> None:
    run = bench.start_run()
    bench.engine.handle(commands.PauseRun(user_id=ANNA, run_id=run))
    bench.pass_time(minutes=5)
    assert bench.sent("replace") == [] and bench.run(run).status is RunStatus.PAUSED

    bench.engine.handle(commands.ResumeRun(user_id=ANNA, run_id=run))
    bench.engine.settle()

    assert bench.run(run).status is RunStatus.EXECUTING
    assert len(bench.sent("replace")) == 1
    assert {EventKind.RUN_PAUSED, EventKind.RUN_RESUMED} <= set(bench.events(run))


def test_a_fill_during_a_pause_is_booked_and_watched_after_it(bench: DeskBench) -> None:
    run = bench.start_run()
    bench.engine.handle(commands.PauseRun(user_id=ANNA, run_id=run))
    bench.broker.fill(bench.order(run).client_order_id)
    bench.engine.settle()
    paused, position = bench.run(run), bench.position(run)
    assert (paused.status, paused.returns_to) == (RunStatus.PAUSED, RunStatus.MONITORING)
    assert position is not None and position.is_open

    bench.engine.handle(commands.ResumeRun(user_id=ANNA, run_id=run))
    bench.engine.settle()

    assert bench.run(run).status is RunStatus.MONITORING


def test_what_runs_cannot_be_resumed_and_what_is_over_cannot_be_paused(lite: DeskBench) -> None:
    run = lite.start_run()
    with pytest.raises(NotAllowed) as running:
        lite.engine.handle(commands.ResumeRun(user_id=ANNA, run_id=run))
    lite.engine.handle(commands.CancelRun(user_id=ANNA, run_id=run))
    lite.engine.settle()

    with pytest.raises(NotAllowed) as over:
        lite.engine.handle(commands.PauseRun(user_id=ANNA, run_id=run))

    assert (running.value.code, over.value.code) == ("not_paused", "run_completed")


def test_an_order_that_is_over_cannot_be_canceled(lite: DeskBench) -> None:
    run = lite.enter()

    with pytest.raises(NotAllowed) as refused:
        lite.engine.handle(commands.CancelOrder(user_id=ANNA, client_order_id=lite.order(run).client_order_id))

    assert refused.value.code == "order_not_open"


def test_a_position_is_closed_only_while_it_is_monitored_and_open(lite: DeskBench) -> None:
    lite.save(put_credit_spread(size=SizeRule(quantity=2)))
    run = lite.start_run()
    lite.broker.fill(lite.order(run).client_order_id, 1)
    lite.engine.settle()
    position = lite.position(run)
    assert position is not None
    close = commands.ClosePosition(user_id=ANNA, position_id=position.id)
    with pytest.raises(NotAllowed) as early:
        lite.engine.handle(close)
    lite.broker.fill(lite.order(run).client_order_id, 1)
    lite.engine.settle()
    lite.engine.handle(close)
    lite.engine.settle()
    lite.broker.fill(lite.order(run).client_order_id)
    lite.engine.settle()

    with pytest.raises(NotAllowed) as late:
        lite.engine.handle(close)

    assert (early.value.code, late.value.code) == ("run_not_monitoring", "position_not_open")


def test_a_halt_cancels_entries_of_its_scope_and_is_lifted(bench: DeskBench) -> None:
    run = bench.start_run()
    bench.engine.handle(commands.Halt(user_id=ANNA, scope="strategy:other"))
    assert bench.order(run).status is OrderStatus.WORKING
    bench.engine.handle(commands.Halt(user_id=ANNA, scope="account:TEST-1", note="stop"))
    bench.engine.settle()
    assert bench.run(run).reason == "halted"

    bench.engine.handle(commands.LiftHalt(user_id=ANNA, scope="account:TEST-1"))

    assert bench.run(bench.start_run()).status is RunStatus.EXECUTING
    assert [kind for kind in bench.events() if kind in {EventKind.TRADING_HALTED, EventKind.TRADING_RESUMED}][1:] == [
        EventKind.TRADING_HALTED,
        EventKind.TRADING_RESUMED,
    ]


def test_a_run_keeps_the_revision_it_was_started_with(bench: DeskBench) -> None:
    bench.save(put_credit_spread(approval=ApprovalRule()))
    run = bench.start_run()
    before = bench.run(run).strategy_revision

    bench.save(put_credit_spread(active=False))
    bench.engine.handle(commands.DeleteStrategy(user_id=ANNA, strategy_id=STRATEGY))
    bench.engine.handle(commands.ApproveProposal(user_id=ANNA, proposal_id=bench.proposals(run)[0].id))
    bench.engine.settle()

    assert bench.run(run).strategy_revision == before
    assert bench.run(run).status is RunStatus.EXECUTING
    with pytest.raises(NotFound):
        bench.start_run()


def test_a_limit_is_set_for_its_user_alone(bench: DeskBench) -> None:
    limits = bench.engine.handle(commands.SetLimit(user_id=ANNA, name="max_positions", limit=Decimal(3)))

    with bench.store.unit_of_work() as uow:
        assert uow.accounts.limits(ANNA) == {"max_positions": "3"} and uow.accounts.limits(BERT) == {}
    assert limits == RiskLimits(max_positions=3)


def test_an_order_that_is_gone_is_not_delivered(lite: DeskBench) -> None:
    deliver(lite.desk, ClientOrderId("nothing"))

    assert lite.broker.requests == []
