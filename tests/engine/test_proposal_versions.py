"""Versions of a proposal: another limit or quantity is priced and judged anew, and only the newest can be approved."""

from collections.abc import Callable
from typing import Any

import pytest

from thetaloom.domain.book.orders import OrderStatus
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.proposal_changes import changes_between
from thetaloom.domain.run.proposals import Proposal, ProposalStatus
from thetaloom.domain.run.runs import RunStatus
from thetaloom.domain.strategy.strategies import ApprovalRule, Comparison, Condition, Metric
from thetaloom.domain.values.ids import RunId
from thetaloom.domain.values.money import Money, Price
from thetaloom.engine import commands
from thetaloom.errors import InvalidInput, NotAllowed, NotFound
from thetaloom.store.database import Database
from thetaloom.testing.desk import ANNA, BERT, DeskBench, put_credit_spread

BY_HAND = put_credit_spread(approval=ApprovalRule())
Modify = Callable[..., Proposal]


@pytest.fixture
def bench(sqlite_database: Database) -> DeskBench:
    """A desk whose strategy waits for a person."""
    made = DeskBench(sqlite_database)
    made.save(BY_HAND)
    return made


@pytest.fixture
def run(bench: DeskBench) -> RunId:
    """A run whose proposal waits: the 560/555 put spread, mid 1.00, natural 0.80."""
    return bench.start_run()


def modify(bench: DeskBench, proposal: Proposal, **wish: Any) -> Proposal:
    """Ask for a new version."""
    answer = bench.engine.handle(commands.ModifyProposal(user_id=ANNA, proposal_id=proposal.id, **wish))
    assert isinstance(answer, Proposal)
    return answer


def execute(bench: DeskBench, proposal: Proposal, **wish: Any) -> Proposal:
    """Ask for a new version and approve it."""
    answer = bench.engine.handle(commands.ExecuteProposal(user_id=ANNA, proposal_id=proposal.id, **wish))
    assert isinstance(answer, Proposal)
    bench.engine.settle()
    return answer


def approve(bench: DeskBench, proposal: Proposal) -> None:
    """Approve what waits."""
    bench.engine.handle(commands.ApproveProposal(user_id=ANNA, proposal_id=proposal.id))
    bench.engine.settle()


def test_a_version_at_another_limit_takes_the_place_of_the_first(bench: DeskBench, run: RunId) -> None:
    (first,) = bench.proposals(run)

    made = modify(bench, first, credit=Price("0.95"))

    before, after = bench.proposals(run)
    assert (before.status, after.status, after) == (ProposalStatus.SUPERSEDED, ProposalStatus.PENDING, made)
    assert (after.supersedes, after.entry_price, after.limit_floor) == (first.id, Price("0.95"), Price("0.95"))
    assert (after.mid_price, after.natural_price) == (first.mid_price, first.natural_price)
    assert (after.max_profit, after.max_loss) == (Money("95.00"), Money("405.00"))
    assert after.breakevens == (Price("559.05"),)
    assert after.content_hash != first.content_hash
    assert bench.faults(run) == [] and bench.replay(run).identical
    assert bench.events(run)[-1] is EventKind.PROPOSAL_MODIFIED


def test_what_a_version_changed_is_told_number_by_number(bench: DeskBench, run: RunId) -> None:
    (first,) = bench.proposals(run)

    changed = {one.name: (one.before, one.after) for one in changes_between(first, modify(bench, first, quantity=2))}

    assert changed["quantity"] == ("1", "2")
    assert changed["max_loss"] == ("400", "800")
    assert changed["fees"] == (f"{first.fees:f}", f"{first.fees * 2:f}")
    assert "mid_price" not in changed and "spot" not in changed


def test_an_order_rests_at_the_chosen_limit_and_does_not_walk(bench: DeskBench, run: RunId) -> None:
    (first,) = bench.proposals(run)
    approve(bench, modify(bench, first, credit=Price("0.90")))
    bench.pass_time(minutes=8)

    order = bench.order(run)

    assert (order.limit_price, order.floor, order.revision) == (Price("0.90"), Price("0.90"), 0)
    assert order.status is OrderStatus.WORKING
    assert bench.replay(run).identical


def test_a_limit_better_than_mid_is_sent_and_waits_for_the_market(bench: DeskBench, run: RunId) -> None:
    (first,) = bench.proposals(run)

    execute(bench, first, credit=Price("1.10"))

    assert bench.order(run).limit_price == Price("1.10")
    assert bench.run(run).status is RunStatus.EXECUTING


def test_a_version_is_priced_at_the_quotes_of_its_moment(bench: DeskBench, run: RunId) -> None:
    (first,) = bench.proposals(run)
    bench.quote_spread(1.30)

    made = modify(bench, first, quantity=2)

    assert (made.mid_price, made.quantity, made.max_loss) == (Price("1.30"), 2, Money("740.00"))
    assert made.created_at == bench.clock.now() and made.expires_at > first.created_at


@pytest.mark.parametrize(
    ("wish", "code", "facts"),
    [
        ({"credit": Price("0.79")}, "credit_out_of_range", {"natural": "0.80", "best": "1.20", "mid": "1.00"}),
        ({"credit": Price("1.21")}, "credit_out_of_range", {"natural": "0.80", "best": "1.20"}),
        ({"credit": Price("-1.00")}, "credit_out_of_range", {"natural": "0.80"}),
        ({"credit": Price("0.955")}, "credit_off_tick", {"tick": "0.01"}),
        ({"quantity": 5000}, None, {}),
    ],
)
def test_what_cannot_be_is_refused_with_its_numbers_and_changes_nothing(
    bench: DeskBench, run: RunId, wish: dict[str, Any], code: str | None, facts: dict[str, str]
) -> None:
    (first,) = bench.proposals(run)
    records = bench.lineage(run)

    for ask in (modify, execute):
        with pytest.raises(NotAllowed) as refusal:
            ask(bench, first, **wish)
        assert code in (None, refusal.value.code)
        assert {name: Price(str(refusal.value.details[name])) for name in facts} == {
            name: Price(fact) for name, fact in facts.items()
        }

    assert bench.proposals(run) == [first] and bench.lineage(run) == records


def test_a_limit_at_which_the_strategy_says_no_is_refused(bench: DeskBench) -> None:
    bench.save(put_credit_spread(approval=ApprovalRule(), conditions=(credit_of_at_least("0.90"),)))
    run = bench.start_run()
    (first,) = bench.proposals(run)

    with pytest.raises(NotAllowed) as refusal:
        modify(bench, first, credit=Price("0.85"))

    assert refusal.value.code == "credit_too_low"
    assert bench.proposals(run) == [first]


def credit_of_at_least(least: str) -> Condition:
    """The condition that the net credit is at least so much."""
    from decimal import Decimal

    return Condition(metric=Metric.NET_CREDIT, comparison=Comparison.AT_LEAST, threshold=Decimal(least))


def test_a_superseded_version_can_neither_be_approved_nor_rejected_nor_changed(bench: DeskBench, run: RunId) -> None:
    (first,) = bench.proposals(run)
    second = modify(bench, first, quantity=2)

    for command in (
        commands.ApproveProposal(user_id=ANNA, proposal_id=first.id),
        commands.RejectProposal(user_id=ANNA, proposal_id=first.id, note="no"),
        commands.ModifyProposal(user_id=ANNA, proposal_id=first.id, quantity=3),
    ):
        with pytest.raises(NotAllowed) as refusal:
            bench.engine.handle(command)
        assert (refusal.value.code, refusal.value.details) == ("proposal_superseded", {"superseded_by": second.id})


def test_a_version_of_a_version_keeps_the_limit_it_was_given(bench: DeskBench, run: RunId) -> None:
    (first,) = bench.proposals(run)

    third = modify(bench, modify(bench, first, credit=Price("0.95")), quantity=2)

    assert (third.entry_price, third.quantity) == (Price("0.95"), 2)
    assert [one.status for one in bench.proposals(run)] == [ProposalStatus.SUPERSEDED] * 2 + [ProposalStatus.PENDING]
    approve(bench, third)
    assert bench.order(run).quantity == 2
    assert bench.replay(run).identical and bench.faults(run) == []


def test_executing_at_a_limit_is_one_decision_and_a_second_press_gets_its_answer(bench: DeskBench, run: RunId) -> None:
    (first,) = bench.proposals(run)

    once = execute(bench, first, credit=Price("0.95"), note="now")
    again = execute(bench, first, credit=Price("0.95"))

    assert (once.status, once.decision_note, once.approved_hash) == (ProposalStatus.APPROVED, "now", once.content_hash)
    assert again.id == once.id
    assert len(bench.orders(run)) == 1 and len(bench.proposals(run)) == 2
    with pytest.raises(NotAllowed, match="superseded"):
        execute(bench, first, credit=Price("1.00"))


def test_only_what_was_shown_is_changed_and_only_by_its_owner(bench: DeskBench, run: RunId) -> None:
    (first,) = bench.proposals(run)

    with pytest.raises(NotAllowed, match="not what was shown"):
        modify(bench, first, quantity=2, content_hash="0" * 64)
    with pytest.raises(NotFound):
        bench.engine.handle(commands.ModifyProposal(user_id=BERT, proposal_id=first.id, quantity=2))
    for wish in ({}, {"quantity": 0}):
        with pytest.raises(InvalidInput):
            modify(bench, first, **wish)
    assert bench.proposals(run) == [first]


def test_a_decided_or_expired_proposal_is_not_changed(bench: DeskBench, run: RunId) -> None:
    (first,) = bench.proposals(run)
    approve(bench, first)

    with pytest.raises(NotAllowed) as refusal:
        modify(bench, first, quantity=2)

    assert refusal.value.code == "approval_already_decided"


def test_a_version_expires_at_its_own_time(bench: DeskBench, run: RunId) -> None:
    (first,) = bench.proposals(run)
    bench.pass_time(minutes=20)
    second = modify(bench, first, quantity=2)

    bench.pass_time(to=first.expires_at)
    waiting = bench.proposals(run)[-1].status
    bench.pass_time(to=second.expires_at)

    assert (waiting, bench.proposals(run)[-1].status) == (ProposalStatus.PENDING, ProposalStatus.EXPIRED)
    assert bench.run(run).reason == "approval_expired"
