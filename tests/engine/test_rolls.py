"""Rolls: one approval closes and opens; nothing is ever closed twice or opened without its close."""

import shutil
from contextlib import closing
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.conftest import MEMORY
from thetaloom.domain.book.orders import Effect, OrderPurpose, OrderStatus
from thetaloom.domain.book.position_status import PositionStatus, position_status
from thetaloom.domain.book.rolls import StrikesFrom
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.proposals import Proposal, ProposalStatus
from thetaloom.domain.run.runs import Outcome, RunStatus, TriggerKind, WorkflowRun
from thetaloom.domain.strategy.strategies import SelectBy, Side, SizeRule, Strategy, TargetRule, Unit
from thetaloom.domain.values.ids import RunId
from thetaloom.domain.values.instruments import Right
from thetaloom.domain.values.money import Money, Price
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine import commands
from thetaloom.engine.reconcile import find_drifts
from thetaloom.errors import InvalidInput, NotAllowed, NotFound
from thetaloom.store.database import Database, open_database
from thetaloom.store.queries.chains import chain_of
from thetaloom.testing import builders
from thetaloom.testing.desk import ANNA, BERT, DeskBench, put_credit_spread

LATER = {
    "SPY 2026-02-20 P 565": (5.00, 5.20),
    "SPY 2026-02-20 P 560": (3.40, 3.60),
    "SPY 2026-02-20 P 555": (2.10, 2.30),
    "SPY 2026-02-20 P 550": (1.40, 1.60),
}
FEBRUARY = date(2026, 2, 20)
CALLS = {
    "SPY 2026-01-16 C 590": (1.90, 2.10),
    "SPY 2026-01-16 C 595": (1.10, 1.30),
    "SPY 2026-02-20 C 590": (3.40, 3.60),
    "SPY 2026-02-20 C 595": (2.50, 2.70),
}


def iron_condor() -> Strategy:
    """Return a condor whose two halves have profit targets of their own."""
    leg = builders.leg_rule
    legs = (
        leg("short_put", Side.SELL, Right.PUT, SelectBy.STRIKE, 560, Unit.DOLLARS),
        leg("long_put", Side.BUY, Right.PUT, SelectBy.WIDTH, 5, Unit.DOLLARS, of="short_put"),
        leg("short_call", Side.SELL, Right.CALL, SelectBy.STRIKE, 590, Unit.DOLLARS),
        leg("long_call", Side.BUY, Right.CALL, SelectBy.WIDTH, 5, Unit.DOLLARS, of="short_call"),
    )
    half = Decimal(50)
    return put_credit_spread(
        legs=legs,
        targets=(
            TargetRule(name="puts", legs=("short_put", "long_put"), percent=half),
            TargetRule(name="calls", legs=("short_call", "long_call"), percent=half),
        ),
    )


@pytest.fixture
def bench(database: Database) -> DeskBench:
    """A desk that holds the January spread, and where February is listed."""
    bench = DeskBench(database)
    bench.market.set_quotes(LATER)
    return bench


def ask(bench: DeskBench, run: RunId, **how: Any) -> WorkflowRun:
    """Ask for a roll, and let the successor propose it."""
    position = bench.position(run)
    assert position is not None
    how = {"expires_on": FEBRUARY, "strikes": StrikesFrom.SAME, **how}
    wish: dict[str, Any] = how
    child = bench.engine.handle(commands.RollPosition(user_id=ANNA, position_id=position.id, **wish))
    assert isinstance(child, WorkflowRun)
    bench.engine.settle()
    return bench.run(child.id)


def proposed(bench: DeskBench, child: WorkflowRun) -> Proposal:
    """Return what waits for a decision."""
    (proposal,) = bench.proposals(child.id)
    assert proposal.status is ProposalStatus.PENDING, bench.run(child.id)
    return proposal


def approve(bench: DeskBench, child: WorkflowRun) -> None:
    """Approve what was shown, bound to it."""
    shown = proposed(bench, child)
    command = commands.ApproveProposal(user_id=ANNA, proposal_id=shown.id, content_hash=shown.content_hash)
    bench.engine.handle(command)
    bench.engine.settle()


def fill(bench: DeskBench, run: RunId, effect: Effect, *, at: float | None = None, quantity: int | None = None) -> None:
    """Fill the run's newest order of this effect."""
    bench.broker.fill(bench.order(run, effect).client_order_id, quantity, at=at)
    bench.engine.settle()


def evidence_holds(bench: DeskBench, *runs: RunId) -> bool:
    """Say whether the lineage of these runs verifies and replays."""
    return all(not bench.faults(run) and bench.replay(run).identical for run in runs)


def test_a_roll_shows_both_sides_before_anything_happens(bench: DeskBench) -> None:
    run = bench.enter()
    child = ask(bench, run)
    shown = proposed(bench, child)
    assert child.trigger is TriggerKind.ROLL and child.status is RunStatus.PENDING_APPROVAL
    assert shown.closing is not None
    assert shown.closing.mid_price == Price("-1.00") and shown.closing.natural_price == Price("-1.20")
    assert shown.closing.limit_floor == Price("-1.20")
    assert [leg.contract.expires_on for leg in shown.legs] == [FEBRUARY, FEBRUARY]
    assert shown.mid_price == Price("1.30") and shown.max_loss == Money("370.00")
    assert shown.closing.net_floor == (shown.limit_floor + shown.closing.limit_floor).times(100, 1)
    assert shown.closing.fees == Money("-1.30") and shown.fees == Money("-1.30")
    assert shown.closing.releases is not None and shown.closing.releases > 0
    assert bench.orders(run, Effect.CLOSE) == [] and bench.run(run).status is RunStatus.MONITORING


def test_a_rule_never_approves_a_roll(bench: DeskBench) -> None:
    run = bench.enter(put_credit_spread())  # approved by rule
    assert proposed(bench, ask(bench, run)).status is ProposalStatus.PENDING


def test_a_roll_closes_first_and_opens_with_what_the_approved_net_leaves(bench: DeskBench) -> None:
    run = bench.enter(at=1.00)
    child = ask(bench, run)
    shown = proposed(bench, child)
    approve(bench, child)
    taken = bench.order(run, Effect.CLOSE)
    assert taken.purpose is OrderPurpose.ROLL and taken.floor == Price("-1.20")
    assert bench.orders(child.id) == []
    fill(bench, run, Effect.CLOSE, at=-1.05)
    opening = bench.order(child.id, Effect.OPEN)
    assert shown.closing is not None and opening.floor is not None
    assert opening.floor == shown.limit_floor + shown.closing.limit_floor + Price("1.05")
    fill(bench, child.id, Effect.OPEN, at=1.28)
    old, new = bench.position(run), bench.position(child.id)
    assert old is not None and new is not None
    assert old.ended_as == "rolled" and position_status(old) is PositionStatus.ROLLED
    assert new.rolled_from == old.id and new.chain_id == old.chain_id == old.id
    assert bench.run(run).outcome is Outcome.CLOSED and bench.run(run).reason == Reason.ROLL.value
    assert bench.run(child.id).status is RunStatus.MONITORING
    assert evidence_holds(bench, run, child.id)


def test_a_closing_side_that_does_not_fill_changes_nothing(bench: DeskBench) -> None:
    run = bench.enter()
    child = ask(bench, run)
    approve(bench, child)
    bench.quote_spread(3.0)  # out of reach of what was approved
    bench.pass_time(minutes=11)
    assert bench.order(run, Effect.CLOSE).status is OrderStatus.CANCELED
    bench.pass_time(minutes=1)
    ended = bench.run(child.id)
    position = bench.position(run)
    assert ended.outcome is Outcome.UNFILLED and ended.reason == Reason.ROLL_NOT_CLOSED.value
    assert position is not None and position.is_open and position.ended_as == ""
    assert bench.run(run).status is RunStatus.MONITORING and bench.orders(child.id) == []
    assert len(bench.orders(run, Effect.CLOSE)) == 1
    assert evidence_holds(bench, run, child.id)


def test_an_opening_side_that_does_not_fill_is_told_plainly(bench: DeskBench) -> None:
    run = bench.enter()
    child = ask(bench, run)
    approve(bench, child)
    fill(bench, run, Effect.CLOSE, at=-1.10)
    bench.pass_time(minutes=62)
    ended, position = bench.run(child.id), bench.position(run)
    assert ended.outcome is Outcome.UNFILLED and ended.reason == Reason.ROLL_INCOMPLETE.value
    assert position is not None and not position.is_open and position_status(position) is PositionStatus.CLOSED
    assert EventKind.ROLL_INTERRUPTED in bench.events(child.id)
    assert evidence_holds(bench, run, child.id)


def test_a_halt_after_the_close_leaves_the_position_closed_and_says_so(bench: DeskBench) -> None:
    run = bench.enter()
    child = ask(bench, run)
    approve(bench, child)
    bench.engine.handle(commands.Halt(user_id=ANNA, note="enough"))
    fill(bench, run, Effect.CLOSE, at=-1.10)
    ended = bench.run(child.id)
    assert ended.outcome is Outcome.UNFILLED and ended.reason == Reason.ROLL_INCOMPLETE.value
    assert bench.orders(child.id) == []
    assert Reason.HALTED.value in bench.facts(EventKind.ROLL_INTERRUPTED)["cause"]


def test_a_halt_before_the_close_stops_the_roll_whole(bench: DeskBench) -> None:
    run = bench.enter()
    child = ask(bench, run)
    bench.engine.handle(commands.Halt(user_id=ANNA, note="enough"))
    approve(bench, child)
    assert bench.run(child.id).outcome is Outcome.DENIED
    assert bench.orders(run, Effect.CLOSE) == [] and bench.run(run).status is RunStatus.MONITORING


def test_only_as_many_are_opened_as_were_closed(bench: DeskBench) -> None:
    run = bench.enter(put_credit_spread(size=SizeRule(quantity=3)))
    child = ask(bench, run)
    approve(bench, child)
    fill(bench, run, Effect.CLOSE, at=-1.05, quantity=2)
    bench.quote_spread(3.0)
    bench.pass_time(minutes=11)
    opening = bench.order(child.id, Effect.OPEN)
    assert opening.quantity == 2
    fill(bench, child.id, Effect.OPEN, at=1.30)
    old, new = bench.position(run), bench.position(child.id)
    assert old is not None and new is not None and (old.quantity, new.quantity) == (1, 2)
    assert position_status(old) is PositionStatus.ADJUSTED


def test_a_part_of_the_quantity_can_be_rolled(bench: DeskBench) -> None:
    run = bench.enter(put_credit_spread(size=SizeRule(quantity=3)))
    child = ask(bench, run, quantity=1)
    approve(bench, child)
    assert bench.order(run, Effect.CLOSE).quantity == 1
    fill(bench, run, Effect.CLOSE, at=-1.05)
    assert bench.order(child.id, Effect.OPEN).quantity == 1
    assert bench.run(run).status is RunStatus.MONITORING


def test_the_same_approval_never_closes_twice(bench: DeskBench) -> None:
    run = bench.enter()
    child = ask(bench, run)
    approve(bench, child)
    for _ in range(3):
        bench.restart()
        bench.engine.settle()
    assert len(bench.orders(run, Effect.CLOSE)) == 1
    fill(bench, run, Effect.CLOSE, at=-1.05)
    for _ in range(3):
        bench.restart()
        bench.engine.settle()
    assert len(bench.orders(child.id, Effect.OPEN)) == 1
    assert all(count == 1 for count in bench.broker.arrivals.values())


def test_a_person_who_wants_out_takes_the_place_of_a_roll(bench: DeskBench) -> None:
    run = bench.enter()
    child = ask(bench, run)
    approve(bench, child)
    position = bench.position(run)
    assert position is not None
    bench.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=position.id))
    bench.engine.settle()
    bench.pass_time(minutes=2)
    orders = bench.orders(run, Effect.CLOSE)
    assert [order.purpose for order in orders] == [OrderPurpose.ROLL, OrderPurpose.EXIT]
    fill(bench, run, Effect.CLOSE, at=-1.05)
    bench.pass_time(minutes=1)
    assert bench.run(child.id).reason == Reason.ROLL_NOT_CLOSED.value and bench.orders(child.id) == []


def test_one_roll_at_a_time(bench: DeskBench) -> None:
    run = bench.enter()
    child = ask(bench, run)
    with pytest.raises(NotAllowed, match="about it already"):
        ask(bench, run)
    bench.engine.handle(commands.CancelRun(user_id=ANNA, run_id=child.id))
    assert ask(bench, run).status is RunStatus.PENDING_APPROVAL


def test_a_run_whose_old_side_is_being_closed_cannot_be_canceled(bench: DeskBench) -> None:
    run = bench.enter()
    child = ask(bench, run)
    approve(bench, child)
    with pytest.raises(NotAllowed) as caught:
        bench.engine.handle(commands.CancelRun(user_id=ANNA, run_id=child.id))
    assert caught.value.code == Reason.ROLL_CLOSING.value


@pytest.mark.parametrize(
    "how",
    [
        {"quantity": 5},
        {"quantity": 0},
        {"part": "calls"},
        {"expires_on": date(2026, 1, 16)},
        {"expires_on": date(2020, 1, 17)},
    ],
)
def test_a_senseless_roll_is_refused(bench: DeskBench, how: dict[str, Any]) -> None:
    run = bench.enter()
    with pytest.raises((InvalidInput, NotAllowed)):
        ask(bench, run, **how)


def test_nobody_rolls_what_is_not_theirs(bench: DeskBench) -> None:
    position = bench.position(bench.enter())
    assert position is not None
    with pytest.raises(NotFound):
        bench.engine.handle(commands.RollPosition(user_id=BERT, position_id=position.id))


def test_an_expiration_that_is_not_listed_ends_the_roll_with_the_nearest(bench: DeskBench) -> None:
    run = bench.enter()
    child = ask(bench, run, expires_on=date(2026, 3, 20))
    assert child.outcome is Outcome.NO_TRADE and child.reason == Reason.NO_EXPIRATION.value
    assert bench.run(run).status is RunStatus.MONITORING


def test_an_added_spread_is_a_linked_position(bench: DeskBench) -> None:
    run = bench.enter()
    position = bench.position(run)
    assert position is not None
    command = commands.AdjustPosition(user_id=ANNA, position_id=position.id, add="whole", expires_on=FEBRUARY)
    child = bench.engine.handle(command)
    assert isinstance(child, WorkflowRun)
    bench.engine.settle()
    approve(bench, child)
    fill(bench, child.id, Effect.OPEN, at=1.30)
    old, new = bench.position(run), bench.position(child.id)
    assert old is not None and new is not None
    assert old.is_open and position_status(old) is PositionStatus.ADJUSTED
    assert new.rolled_from == old.id and new.chain_id == old.id
    assert bench.orders(run, Effect.CLOSE) == [] and evidence_holds(bench, run, child.id)


def test_the_decision_is_bound_to_the_closing_side_too(bench: DeskBench) -> None:
    shown = proposed(bench, ask(bench, bench.enter()))
    assert shown.closing is not None
    other = replace(
        shown, closing=replace(shown.closing, limit_floor=shown.closing.limit_floor - Price(Decimal("0.01")))
    )
    assert other.content_hash != shown.content_hash


def test_half_of_a_condor_can_be_rolled_alone(bench: DeskBench) -> None:
    bench.market.set_quotes(CALLS)
    run = bench.enter(iron_condor(), at=1.80)
    position = bench.position(run)
    assert position is not None and [one.name for one in position.spreads] == ["puts", "calls"]
    child = ask(bench, run, part="puts")
    shown = proposed(bench, child)
    assert shown.closing is not None and shown.closing.part == "puts"
    assert {leg.contract.right.value for leg in (*shown.legs, *shown.closing.legs)} == {"P"}
    approve(bench, child)
    for target in bench.orders(run, Effect.CLOSE):  # they make way first
        bench.broker.arrive() if target.is_open else None
    bench.pass_time(seconds=20)
    fill(bench, run, Effect.CLOSE, at=-1.05)
    fill(bench, child.id, Effect.OPEN, at=1.30)
    old, new = bench.position(run), bench.position(child.id)
    assert old is not None and new is not None
    left = {one.name: one.quantity for one in old.spreads}
    assert left == {"puts": 0, "calls": 1} and position_status(old) is PositionStatus.ADJUSTED
    assert new.chain_id == old.id and evidence_holds(bench, run, child.id)


@given(st.data())
@settings(max_examples=12)
def test_a_chain_came_to_what_its_fills_have_moved(sqlite_template: Path, data: st.DataObject) -> None:
    with (
        TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder,
        closing(open_database(Path(shutil.copy(sqlite_template, folder)))) as database,
    ):
        bench = DeskBench(database)
        bench.market.set_quotes(LATER)
        # What a partial roll leaves behind stays a position of its own.
        bench.engine.handle(commands.SetLimit(user_id=ANNA, name="max_positions_per_symbol", limit="9"))
        quantity = data.draw(st.integers(1, 3), label="quantity")
        run = bench.enter(put_credit_spread(size=SizeRule(quantity=quantity)), at=1.00)
        runs, days = [run], [date(2026, 2, 20), date(2026, 1, 16)]
        for number in range(data.draw(st.integers(1, 3), label="links")):
            held = bench.position(runs[-1])
            assert held is not None
            part = data.draw(st.integers(1, held.quantity), label="rolled")
            child = ask(bench, runs[-1], quantity=part, expires_on=days[number % 2])
            approve(bench, child)
            if data.draw(st.booleans(), label="killed"):
                bench.restart()
            fill(bench, runs[-1], Effect.CLOSE)
            fill(bench, child.id, Effect.OPEN)
            runs.append(child.id)
        moved = Money(0)
        with bench.store.reading() as uow:
            for order in (order for one in runs for order in bench.orders(one)):
                for done in uow.orders.fills_of(order.client_order_id):
                    moved += done.price.times(100, done.quantity) + done.fees
        last = bench.position(runs[-1])
        assert last is not None
        chain = chain_of(database, ANNA, last.id)
        assert [link.run_id for link in chain.links] == runs
        assert chain.cash == moved == sum((link.cash for link in chain.links), Money(0))
        assert chain.realized_pnl == chain.realized + chain.fees
        assert find_drifts(bench.desk) == ()
