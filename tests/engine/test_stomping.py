"""Several strategies in one account: none closes, opens against or counts what another one holds."""

import pytest

from thetaloom.domain.book.orders import Effect, OrderStatus
from thetaloom.domain.run.proposals import ProposalStatus
from thetaloom.domain.run.runs import Outcome, WorkflowRun
from thetaloom.domain.strategy.strategies import ApprovalMode, ApprovalRule, SelectBy, Side, Strategy, Unit
from thetaloom.domain.values.ids import RunId, StrategyId
from thetaloom.domain.values.instruments import Right, parse_option_symbol
from thetaloom.engine import commands
from thetaloom.testing import builders
from thetaloom.testing.desk import ANNA, DeskBench, put_credit_spread

SHORT, LONG = parse_option_symbol("SPY 2026-01-16 P 560"), parse_option_symbol("SPY 2026-01-16 P 555")
ASKED = ApprovalRule(mode=ApprovalMode.MANUAL)


def sells(name: str, strike: int, width: int = 5, **changes: object) -> Strategy:
    """A strategy that sells the put of this strike and buys the one below."""
    legs = (
        builders.leg_rule("short_put", Side.SELL, Right.PUT, SelectBy.STRIKE, strike, Unit.DOLLARS),
        builders.leg_rule("long_put", Side.BUY, Right.PUT, SelectBy.WIDTH, width, Unit.DOLLARS, of="short_put"),
    )
    return put_credit_spread(**({"id": StrategyId(name), "legs": legs} | changes))


def start(bench: DeskBench, strategy: Strategy) -> RunId:
    """Save and start a strategy, and do all there is to do now."""
    bench.save(strategy)
    run = bench.engine.handle(commands.StartRun(user_id=ANNA, symbol="SPY", strategy_id=strategy.id))
    assert isinstance(run, WorkflowRun)
    bench.engine.settle()
    return run.id


def fill(bench: DeskBench, run: RunId) -> None:
    """Fill the run's newest order."""
    bench.broker.fill(bench.order(run).client_order_id)
    bench.engine.settle()


@pytest.mark.parametrize("is_filled", [True, False])
def test_an_entry_that_would_net_against_another_position_is_denied_with_its_name(
    bench: DeskBench, is_filled: bool
) -> None:
    first = start(bench, sells("first", 560))
    if is_filled:
        fill(bench, first)

    second = start(bench, sells("second", 565, width=10))  # sells 565, buys 555: the same side as the first
    third = start(bench, sells("third", 555))  # sells what the first has bought

    assert bench.orders(second) and not bench.orders(third)
    refused = bench.run(third)
    position = bench.position(first)
    assert (refused.outcome, refused.reason) == (Outcome.DENIED, "would_close_another")
    facts = bench.said(third, -1)["verdict"]["facts"]
    assert facts["holder"] == (position.id if position else bench.order(first).client_order_id)
    assert facts["contract"] == LONG.notation and facts["held"] == "+1"
    assert facts["alternative"] == "the nearest strike that nobody holds against it: SPY 2026-01-16 P 560"
    assert bench.replay(third).identical


def test_three_strategies_on_the_same_side_add_up_and_each_closes_its_own(bench: DeskBench) -> None:
    bench.engine.handle(commands.SetLimit(user_id=ANNA, name="max_positions_per_symbol", limit="5"))
    runs = [start(bench, sells(name, 560)) for name in ("first", "second", "third")]
    for run in runs:
        fill(bench, run)
    assert bench.broker.held == {SHORT: -3, LONG: 3}
    position = bench.position(runs[1])
    assert position is not None

    bench.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=position.id))
    bench.engine.settle()
    order = bench.order(runs[1], Effect.CLOSE)
    fill(bench, runs[1])

    assert order.quantity == 1 and {leg.ratio for leg in order.legs} == {1, -1}
    assert bench.run(runs[1]).outcome is Outcome.CLOSED
    assert bench.broker.held == {SHORT: -2, LONG: 2}
    assert [held.quantity for run in (runs[0], runs[2]) if (held := bench.position(run)) is not None] == [1, 1]


def test_what_came_between_approval_and_the_order_is_seen_at_the_gate(bench: DeskBench) -> None:
    waiting = start(bench, sells("waiting", 555, approval=ASKED))
    fill(bench, start(bench, sells("first", 560)))
    (proposal,) = bench.proposals(waiting)
    assert proposal.status is ProposalStatus.PENDING

    bench.engine.handle(commands.ApproveProposal(user_id=ANNA, proposal_id=proposal.id))
    bench.engine.settle()

    assert (bench.run(waiting).outcome, bench.run(waiting).reason) == (Outcome.DENIED, "would_close_another")
    assert bench.orders(waiting) == []
    assert bench.replay(waiting).identical


def test_two_approvals_that_fit_alone_but_not_together_are_one_order(bench: DeskBench) -> None:
    # One may lose 400 of 100,000 and two 800.
    bench.engine.handle(commands.SetLimit(user_id=ANNA, name="max_allocation_percent", limit="0.6"))
    runs = [start(bench, sells(name, 560, approval=ASKED)) for name in ("first", "second")]
    asked = [bench.proposals(run)[0] for run in runs]

    for proposal in asked:  # both are approved before the engine does anything
        bench.engine.handle(commands.ApproveProposal(user_id=ANNA, proposal_id=proposal.id))
    bench.engine.settle()

    ends = sorted((str(bench.run(run).outcome), len(bench.orders(run))) for run in runs)
    denied = next(run for run in runs if not bench.orders(run))
    assert [count for _, count in ends] in ([0, 1], [1, 0])
    assert bench.run(denied).reason == "max_allocation"
    assert len(bench.sent("submit")) == 1
    other = next(run for run in runs if run != denied)
    assert bench.order(other).status is OrderStatus.WORKING
