"""Approval: by a person or by rule, once, bound to what was shown, and checked again at execution."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.proposals import ProposalStatus
from thetaloom.domain.run.runs import Outcome, RunStatus, StepName
from thetaloom.domain.strategy.strategies import ApprovalMode, ApprovalRule, OrderRule, SizeRule
from thetaloom.domain.values.ids import RunId
from thetaloom.domain.values.money import Price
from thetaloom.engine import commands
from thetaloom.errors import NotAllowed, NotFound
from thetaloom.testing import builders
from thetaloom.testing.desk import ANNA, BERT, DeskBench, money, put_credit_spread

MANUAL = put_credit_spread(approval=ApprovalRule(expires_minutes=30))
TIGHT = put_credit_spread(order=OrderRule(slippage_max=Price("0.05"), interval_seconds=60))


def test_a_manual_proposal_waits_for_a_person(bench: DeskBench) -> None:
    bench.save(MANUAL)

    run = bench.start_run()

    (proposal,) = bench.proposals(run)
    assert bench.run(run).status is RunStatus.PENDING_APPROVAL
    assert bench.run(run).due_at == proposal.expires_at == bench.clock.now() + timedelta(minutes=30)
    assert (proposal.mid_price, proposal.natural_price, proposal.quantity) == (Price("1.00"), Price("0.80"), 1)
    assert (proposal.max_loss, proposal.max_profit) == (money(400), money(100))
    assert bench.broker.requests == []


def test_an_approved_proposal_becomes_an_order(bench: DeskBench) -> None:
    bench.save(MANUAL)
    run = bench.start_run()
    (proposal,) = bench.proposals(run)

    bench.engine.handle(
        commands.ApproveProposal(user_id=ANNA, proposal_id=proposal.id, content_hash=proposal.content_hash)
    )
    bench.engine.settle()

    assert bench.run(run).status is RunStatus.EXECUTING
    assert len(bench.sent("submit")) == 1
    assert bench.replay(run).identical


def test_a_proposal_pressed_twice_is_approved_once(bench: DeskBench) -> None:
    bench.save(MANUAL)
    run = bench.start_run()
    press = commands.ApproveProposal(user_id=ANNA, proposal_id=bench.proposals(run)[0].id)

    first, second = bench.engine.handle(press), bench.engine.handle(press)
    bench.engine.settle()
    third = bench.engine.handle(press)

    assert first == second == third
    assert len(bench.sent("submit")) == 1
    assert bench.events(run).count(EventKind.APPROVAL_GRANTED) == 1


def test_a_rejected_proposal_ends_the_run(bench: DeskBench) -> None:
    bench.save(MANUAL)
    run = bench.start_run()
    press = commands.RejectProposal(user_id=ANNA, proposal_id=bench.proposals(run)[0].id, note="too close to earnings")

    first, second = bench.engine.handle(press), bench.engine.handle(press)
    bench.engine.settle()

    assert first == second
    assert (bench.run(run).outcome, bench.run(run).reason) == (Outcome.REFUSED, "approval_rejected")
    assert bench.said(run)["verdict"]["facts"]["note"] == "too close to earnings"
    assert bench.left_nothing(run)


def test_an_answer_cannot_be_changed(bench: DeskBench) -> None:
    bench.save(MANUAL)
    run = bench.start_run()
    proposal = bench.proposals(run)[0].id
    bench.engine.handle(commands.RejectProposal(user_id=ANNA, proposal_id=proposal, note="no"))

    with pytest.raises(NotAllowed) as refused:
        bench.engine.handle(commands.ApproveProposal(user_id=ANNA, proposal_id=proposal))

    assert refused.value.code == "approval_already_decided"


def test_an_approval_by_rule_is_not_a_persons_to_press(bench: DeskBench) -> None:
    run = bench.start_run()
    (proposal,) = bench.proposals(run)

    with pytest.raises(NotAllowed) as refused:
        bench.engine.handle(commands.ApproveProposal(user_id=ANNA, proposal_id=proposal.id))

    assert refused.value.code == "approval_already_decided"
    assert proposal.decided_by == "rule:strategy-1"


def test_the_proposal_of_another_user_is_not_found(bench: DeskBench) -> None:
    bench.save(MANUAL)
    proposal = bench.proposals(bench.start_run())[0].id

    with pytest.raises(NotFound):
        bench.engine.handle(commands.ApproveProposal(user_id=BERT, proposal_id=proposal))
    with pytest.raises(NotFound):
        bench.engine.handle(commands.RejectProposal(user_id=BERT, proposal_id=proposal, note="no"))


def test_an_approval_of_something_else_than_is_stored_is_refused(bench: DeskBench) -> None:
    bench.save(MANUAL)
    (proposal,) = bench.proposals(bench.start_run())
    other = replace(proposal, quantity=2)

    with pytest.raises(NotAllowed) as refused:
        bench.engine.handle(
            commands.ApproveProposal(user_id=ANNA, proposal_id=proposal.id, content_hash=other.content_hash)
        )

    assert refused.value.code == "approval_content_changed"
    assert bench.proposals(proposal.run_id)[0].status is ProposalStatus.PENDING


def test_a_proposal_changed_after_its_approval_is_not_executed(bench: DeskBench) -> None:
    bench.save(MANUAL)
    run = bench.start_run()
    approved = bench.engine.handle(commands.ApproveProposal(user_id=ANNA, proposal_id=bench.proposals(run)[0].id))
    assert approved == bench.proposals(run)[0]

    bench.write(lambda uow: uow.proposals.save(replace(uow.proposals.of_run(run)[0], quantity=9)))
    bench.engine.settle()

    assert (bench.run(run).outcome, bench.run(run).reason) == (Outcome.DENIED, "approval_content_changed")
    assert bench.broker.requests == []


def test_a_proposal_expires_by_itself(bench: DeskBench) -> None:
    bench.save(MANUAL)
    run = bench.start_run()

    bench.pass_time(minutes=30)

    assert (bench.run(run).outcome, bench.run(run).reason) == (Outcome.APPROVAL_EXPIRED, "approval_expired")
    assert bench.proposals(run)[0].status is ProposalStatus.EXPIRED
    assert bench.events(run).count(EventKind.APPROVAL_EXPIRED) == 1
    assert bench.left_nothing(run)


def test_an_expired_proposal_cannot_be_approved(bench: DeskBench) -> None:
    bench.save(MANUAL)
    (proposal,) = bench.proposals(bench.start_run())
    bench.clock.move_to(proposal.expires_at)

    with pytest.raises(NotAllowed) as refused:
        bench.engine.handle(commands.ApproveProposal(user_id=ANNA, proposal_id=proposal.id))

    assert refused.value.code == "approval_expired"


def test_a_proposal_does_not_outlive_the_session(lite: DeskBench) -> None:
    lite.save(put_credit_spread(approval=ApprovalRule(expires_minutes=600)))

    run = lite.start_run()

    assert lite.proposals(run)[0].expires_at == builders.new_york("2026-01-05 16:00")


@pytest.mark.parametrize(("limit", "status"), [(400, RunStatus.EXECUTING), (399, RunStatus.PENDING_APPROVAL)])
def test_a_rule_approves_up_to_its_loss_and_asks_a_person_above(lite: DeskBench, limit: int, status: RunStatus) -> None:
    rule = ApprovalRule(mode=ApprovalMode.AUTOMATIC, max_loss_automatic=money(limit))
    lite.save(put_credit_spread(approval=rule))

    run = lite.start_run()

    assert lite.run(run).status is status


def test_a_price_outside_the_approved_band_is_asked_again(bench: DeskBench) -> None:
    bench.save(replace(MANUAL, order=TIGHT.order))
    run = bench.start_run()
    (first,) = bench.proposals(run)
    bench.engine.handle(commands.ApproveProposal(user_id=ANNA, proposal_id=first.id))
    bench.quote_spread(0.90)

    bench.engine.settle()

    spent, second = bench.proposals(run)
    assert (spent.status, second.status) == (ProposalStatus.SPENT, ProposalStatus.PENDING)
    assert (second.mid_price, second.limit_floor) == (Price("0.90"), Price("0.85"))
    assert bench.run(run).status is RunStatus.PENDING_APPROVAL
    bench.engine.handle(commands.ApproveProposal(user_id=ANNA, proposal_id=second.id))
    bench.engine.settle()
    assert [order.limit_price for order in bench.orders(run)] == [Price("0.91")]
    assert bench.replay(run).identical


def test_a_run_asks_only_so_often(lite: DeskBench) -> None:
    lite.save(replace(MANUAL, order=TIGHT.order))
    run = lite.start_run()
    for mid in (0.90, 0.80, 0.70):
        lite.engine.handle(commands.ApproveProposal(user_id=ANNA, proposal_id=lite.proposals(run)[-1].id))
        lite.quote_spread(mid, half_width=0.05)
        lite.engine.settle()

    assert (lite.run(run).outcome, lite.run(run).reason) == (Outcome.APPROVAL_EXPIRED, "price_moved")
    assert [proposal.status for proposal in lite.proposals(run)] == [ProposalStatus.SPENT] * 3
    assert lite.events(run).count(EventKind.PROPOSAL_CREATED) == 3
    assert lite.left_nothing(run)


def test_an_approval_too_old_to_act_on_is_not_executed(bench: DeskBench) -> None:
    bench.save(MANUAL)
    run = bench.start_run()
    bench.engine.handle(commands.ApproveProposal(user_id=ANNA, proposal_id=bench.proposals(run)[0].id))
    bench.clock.advance(seconds=601)

    bench.engine.settle()

    assert (bench.run(run).outcome, bench.run(run).reason) == (Outcome.DENIED, "approval_expired")
    assert bench.left_nothing(run)


def test_a_halt_between_approval_and_sending_stops_the_order(bench: DeskBench) -> None:
    bench.save(MANUAL)
    run = bench.start_run()
    bench.engine.handle(commands.ApproveProposal(user_id=ANNA, proposal_id=bench.proposals(run)[0].id))
    bench.engine.handle(commands.Halt(user_id=ANNA))

    bench.engine.settle()

    assert (bench.run(run).outcome, bench.run(run).reason) == (Outcome.DENIED, "halted")
    assert bench.left_nothing(run)


def test_limits_are_checked_again_at_execution(bench: DeskBench) -> None:
    bench.save(MANUAL)
    run = bench.start_run()
    bench.engine.handle(commands.ApproveProposal(user_id=ANNA, proposal_id=bench.proposals(run)[0].id))
    bench.engine.handle(commands.SetLimit(user_id=ANNA, name="max_loss_per_trade_percent", limit=Decimal("0.3")))

    bench.engine.settle()

    assert (bench.run(run).outcome, bench.run(run).reason) == (Outcome.DENIED, "max_loss_per_trade")
    assert bench.said(run)["checks"]
    assert bench.left_nothing(run)


def approved_at_the_close(lite: DeskBench, *, queue_for_open: bool) -> RunId:
    """Approve a proposal in the last minute and let the market close before the order can be staged."""
    lite.clock.move_to(builders.new_york("2026-01-05 15:40"))
    rule = replace(MANUAL.approval, queue_for_open=queue_for_open)
    lite.save(replace(MANUAL, approval=rule))
    run = lite.start_run()
    lite.clock.move_to(builders.new_york("2026-01-05 15:59"))
    lite.engine.handle(commands.ApproveProposal(user_id=ANNA, proposal_id=lite.proposals(run)[0].id))
    lite.clock.move_to(builders.new_york("2026-01-05 16:00"))
    lite.engine.settle()
    return run


def test_an_approval_that_meets_a_closed_market_waits_for_the_open_and_is_asked_for_again(lite: DeskBench) -> None:
    run = approved_at_the_close(lite, queue_for_open=True)
    assert (lite.run(run).status, lite.orders(run)) == (RunStatus.EXECUTING, [])
    assert lite.facts(EventKind.ORDER_QUEUED)["until"] == "2026-01-06T14:30:00+00:00"
    lite.restart()
    lite.pass_time(to=builders.new_york("2026-01-06 09:29"))
    assert lite.steps(run)[-1] is StepName.SUBMIT_ORDER

    lite.pass_time(to=builders.new_york("2026-01-06 09:31"))

    first, second = lite.proposals(run)
    assert (first.status, second.status) == (ProposalStatus.SPENT, ProposalStatus.PENDING)
    assert lite.run(run).status is RunStatus.PENDING_APPROVAL and lite.orders(run) == []
    lite.engine.handle(commands.ApproveProposal(user_id=ANNA, proposal_id=second.id))
    lite.engine.settle()
    assert lite.sent("submit") == [lite.order(run).client_order_id]
    assert lite.events(run).count(EventKind.ORDER_QUEUED) == 1
    assert lite.replay(run).identical


def test_an_approval_after_the_close_is_not_executed_where_nothing_may_wait_for_the_open(lite: DeskBench) -> None:
    run = approved_at_the_close(lite, queue_for_open=False)

    assert (lite.run(run).outcome, lite.run(run).reason) == (Outcome.DENIED, "market_closed")


def test_quotes_that_fail_for_a_moment_are_waited_out(bench: DeskBench) -> None:
    bench.save(MANUAL)
    run = bench.start_run()
    bench.engine.handle(commands.ApproveProposal(user_id=ANNA, proposal_id=bench.proposals(run)[0].id))
    bench.market.drop_quote("SPY 2026-01-16 P 560")
    bench.engine.settle()
    assert bench.orders(run) == [] and bench.run(run).status is RunStatus.EXECUTING

    bench.quote_spread(1.00)
    bench.pass_time(seconds=15)

    assert len(bench.sent("submit")) == 1


def test_quotes_that_stay_away_end_the_run(lite: DeskBench) -> None:
    lite.save(MANUAL)
    run = lite.start_run()
    lite.engine.handle(commands.ApproveProposal(user_id=ANNA, proposal_id=lite.proposals(run)[0].id))
    lite.market.drop_quote("SPY 2026-01-16 P 560")

    lite.pass_time(minutes=11)

    assert (lite.run(run).outcome, lite.run(run).reason) == (Outcome.DENIED, "no_quote")
    assert lite.left_nothing(run)


def test_an_answer_to_a_paused_run_is_kept_until_it_is_resumed(bench: DeskBench) -> None:
    bench.save(MANUAL)
    run = bench.start_run()
    bench.engine.handle(commands.PauseRun(user_id=ANNA, run_id=run))
    bench.engine.handle(commands.ApproveProposal(user_id=ANNA, proposal_id=bench.proposals(run)[0].id))

    assert bench.engine.settle() == 0
    assert bench.desk.dispatch.next_due_at() is None  # a run that sleeps must not keep the loop awake
    bench.engine.handle(commands.ResumeRun(user_id=ANNA, run_id=run))
    bench.engine.settle()

    assert len(bench.sent("submit")) == 1


def test_the_quantity_and_the_fees_of_a_proposal_are_of_the_whole(lite: DeskBench) -> None:
    lite.save(replace(MANUAL, size=SizeRule(quantity=3)))

    (proposal,) = lite.proposals(lite.start_run())

    assert (proposal.quantity, proposal.max_loss, proposal.fees) == (3, money(1200), money("-3.90"))
    assert lite.steps(proposal.run_id)[-1] is StepName.REQUEST_APPROVAL
