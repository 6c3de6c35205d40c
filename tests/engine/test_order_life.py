"""What went wrong elsewhere, and must not here: doubt, races, lies and refusals, by the threads that tell of them."""

from dataclasses import replace
from decimal import Decimal

import pytest

from thetaloom.brokers.paper.broker import PaperBroker
from thetaloom.domain.book.orders import Effect, OrderStatus
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.risk.limits import RiskLimits
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.proposals import ProposalStatus
from thetaloom.domain.run.runs import Outcome, RunStatus, StepName
from thetaloom.domain.strategy.strategies import LegRule, SelectBy, Side, SizeRule, Unit
from thetaloom.domain.values.ids import RunId
from thetaloom.domain.values.instruments import Right, parse_option_symbol
from thetaloom.domain.values.money import Price
from thetaloom.engine import commands
from thetaloom.engine.held import held_legs
from thetaloom.engine.leg_balance import imbalances
from thetaloom.engine.order_doubt import Resolution
from thetaloom.engine.reconcile import find_drifts
from thetaloom.testing import builders
from thetaloom.testing.broker import Trouble
from thetaloom.testing.desk import ANNA, DeskBench, money, put_credit_spread

TWO = put_credit_spread(size=SizeRule(quantity=2))
SHORT, LONG = parse_option_symbol("SPY 2026-01-16 P 560"), parse_option_symbol("SPY 2026-01-16 P 555")


def close(bench: DeskBench, run: RunId) -> None:
    """Ask for the run's position to be closed."""
    position = bench.position(run)
    assert position is not None
    bench.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=position.id))
    bench.engine.settle()


def wait(bench: DeskBench, seconds: int) -> None:
    """Let time pass in looks of fifteen seconds."""
    for _ in range(seconds // 15):
        bench.pass_time(seconds=15)


def with_absence(bench: DeskBench, seconds: int) -> None:
    """Give the broker a quarantine."""
    bench.broker.capabilities = replace(bench.broker.capabilities, absence_seconds=seconds)


def test_an_acknowledgement_sixty_seconds_late_leaves_one_order(bench: DeskBench) -> None:
    with_absence(bench, 60)
    bench.broker.plan(Trouble.LATE)
    run = bench.start_run()
    wait(bench, 60)
    assert bench.order(run).absent_since is not None and bench.sent("submit") == [bench.order(run).client_order_id]

    bench.broker.arrive()
    wait(bench, 120)

    assert list(bench.broker.arrivals.values()) == [1] and len(bench.sent("submit")) == 1
    assert bench.order(run).status is OrderStatus.WORKING
    assert bench.events(run).count(EventKind.ORDER_UNRESOLVED) == 1
    assert bench.events(run).count(EventKind.ORDER_RESOLVED) == 1


def test_a_look_that_fails_begins_the_proof_of_absence_anew(lite: DeskBench) -> None:
    with_absence(lite, 40)
    lite.broker.plan(Trouble.LOST)
    run = lite.start_run()
    wait(lite, 45)
    assert lite.order(run).absent_since is not None

    lite.broker.is_down = True
    wait(lite, 15)
    assert lite.order(run).absent_since is None

    lite.broker.is_down = False
    wait(lite, 30)
    assert len(lite.sent("submit")) == 1
    wait(lite, 30)
    assert len(lite.sent("submit")) == 2 and lite.order(run).status is OrderStatus.WORKING


def test_restarts_do_not_shorten_the_proof_of_absence(lite: DeskBench) -> None:
    with_absence(lite, 60)
    lite.broker.plan(Trouble.LATE)
    run = lite.start_run()
    for _ in range(5):
        lite.restart()
    assert len(lite.sent("submit")) == 1
    assert lite.events(run).count(EventKind.ORDER_UNRESOLVED) == 1


def test_an_order_in_doubt_keeps_what_it_may_cost_reserved(bench: DeskBench) -> None:
    before = bench.portfolio(RiskLimits())
    bench.broker.plan(Trouble.LOST)
    run = bench.start_run()

    after = bench.portfolio(RiskLimits())

    cost = money(500) - bench.order(run).limit_price.times(100)
    assert before.buying_power is not None and after.buying_power == before.buying_power - cost
    assert after.risk_in_use == cost and after.open_positions == 1
    with bench.store.reading() as uow:
        held = held_legs(bench.desk, uow, "SPY", bench.clock.now()) or ()
        assert {leg.contract: leg.quantity for leg in held} == {SHORT: -1, LONG: 1}
        assert held_legs(bench.desk, uow, "SPY", bench.clock.now(), without=run) == ()


def test_a_person_may_have_an_order_in_doubt_looked_up_now(bench: DeskBench) -> None:
    with_absence(bench, 600)
    bench.broker.plan(Trouble.LATE)
    run = bench.start_run()
    ask = commands.ResolveOrder(user_id=ANNA, client_order_id=bench.order(run).client_order_id)

    missed = bench.engine.handle(ask)
    bench.broker.arrive()
    found = bench.engine.handle(ask)

    assert isinstance(missed, Resolution) and missed.in_doubt and missed.known is None
    assert "do not know it" in missed.next and "600 s" in missed.next
    assert isinstance(found, Resolution) and not found.in_doubt and found.known is not None
    assert bench.order(run).status is OrderStatus.WORKING and len(bench.sent("submit")) == 1


def test_lean_tradestation_106_a_new_limit_reported_and_never_set_is_not_believed(bench: DeskBench) -> None:
    run = bench.start_run()
    bench.broker.plan(Trouble.IN_WORD_ONLY)

    bench.pass_time(seconds=60)

    assert bench.order(run).limit_price == Price("1.01"), "what stands is what the broker's books say"
    bench.pass_time(seconds=60)
    assert bench.order(run).limit_price == Price("0.95")


def test_a_replace_without_any_answer_is_settled_by_the_books(bench: DeskBench) -> None:
    run = bench.start_run()
    bench.broker.plan(Trouble.LOST)
    bench.pass_time(seconds=60)
    assert (bench.order(run).awaits_answer, bench.order(run).limit_price) == (True, Price("0.98"))

    wait(bench, 45)

    known = bench.broker.find(bench.order(run).client_order_id)
    assert known is not None and known.limit_price == bench.order(run).limit_price == Price("0.98")
    assert not bench.order(run).awaits_answer and bench.order(run).unresolved_since is None


def test_reports_of_two_new_limits_in_reverse_leave_the_one_that_stands(bench: DeskBench) -> None:
    run = bench.start_run()
    bench.broker.withhold()
    for _ in range(2):
        bench.pass_time(seconds=60)

    bench.broker.release(reverse=True)
    bench.engine.settle()

    known = bench.broker.find(bench.order(run).client_order_id)
    assert known is not None and known.limit_price == bench.order(run).limit_price


def test_lean_tradestation_84_a_fill_during_a_replace_is_booked_once(bench: DeskBench) -> None:
    bench.save(TWO)
    run = bench.start_run()
    order = bench.order(run).client_order_id
    bench.broker.withhold()
    bench.pass_time(seconds=60)
    bench.broker.fill(order, 1)
    bench.broker.fill(order, 1)

    bench.broker.release(reverse=True)
    bench.engine.settle()

    position = bench.position(run)
    assert position is not None and position.quantity == 2 and find_drifts(bench.desk) == ()
    close(bench, run)
    bench.broker.fill(bench.order(run, Effect.CLOSE).client_order_id)
    bench.engine.settle()
    assert bench.run(run).outcome is Outcome.CLOSED


def test_ib_async_191_an_order_shown_canceled_that_fills_is_booked(bench: DeskBench) -> None:
    bench.save(TWO)
    run = bench.start_run()
    order = bench.order(run).client_order_id
    bench.broker.fill(order, 1)
    bench.engine.handle(commands.CancelOrder(user_id=ANNA, client_order_id=order))
    bench.engine.settle()
    assert bench.order(run).status is OrderStatus.CANCELED

    bench.broker.fill(order, 1)
    bench.engine.settle()

    position = bench.position(run)
    assert position is not None and position.quantity == 2
    assert bench.order(run).status is OrderStatus.FILLED and find_drifts(bench.desk) == ()


def test_nautilus_4564_a_modify_during_an_outage_leaves_one_live_order(bench: DeskBench) -> None:
    run = bench.start_run()
    bench.broker.is_down = True
    bench.pass_time(seconds=61)
    assert bench.order(run).unresolved_since is not None
    bench.broker.is_down = False
    bench.restart()
    wait(bench, 60)

    assert [known.client_order_id for known in bench.broker.open_orders()] == [bench.order(run).client_order_id]
    assert list(bench.broker.arrivals.values()) == [1]


def test_a_cancel_told_before_the_fill_it_met_keeps_the_fill(bench: DeskBench) -> None:
    bench.save(TWO)
    run = bench.start_run()
    order = bench.order(run).client_order_id
    bench.broker.withhold()
    bench.broker.fill(order, 1)
    bench.engine.handle(commands.CancelOrder(user_id=ANNA, client_order_id=order))

    bench.broker.release(reverse=True)
    bench.engine.settle()

    position = bench.position(run)
    assert position is not None and position.quantity == 1
    assert (bench.order(run).status, bench.run(run).status) == (OrderStatus.CANCELED, RunStatus.MONITORING)


def test_an_entry_never_sent_is_denied_by_us_and_says_why(lite: DeskBench) -> None:
    run = lite.start_run()
    lite.set_order(run, status=OrderStatus.STAGED, broker_order_id=None)
    lite.write(lambda uow: uow.accounts.halt("all", "by another process", lite.clock.now()))

    lite.restart()
    lite.engine.settle()

    assert lite.order(run).status is OrderStatus.DENIED and "halted" in lite.order(run).reason
    assert (lite.run(run).outcome, lite.run(run).reason) == (Outcome.DENIED, "halted")
    assert lite.events(run).count(EventKind.ORDER_DENIED) == 1


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        (Refusal.INSUFFICIENT_BUYING_POWER, "insufficient_buying_power"),
        (Refusal.NOT_PERMITTED, "not_permitted"),
        (Refusal.TOO_MANY_LEGS, "too_many_legs"),
        (Refusal.BROKER_ERROR, "broker_error"),
        (Refusal.QUANTITY_CONFLICT, "quantity_conflict"),
        (Refusal.UNKNOWN, "order_rejected"),
        (None, "order_rejected"),
    ],
)
def test_a_refusal_that_only_a_person_can_mend_ends_the_run_and_tells_the_advice(
    lite: DeskBench, refusal: Refusal | None, reason: str
) -> None:
    lite.broker.refusal = refusal
    lite.broker.plan(Trouble.REFUSED)

    run = lite.start_run()
    lite.pass_time(minutes=30)

    assert (lite.run(run).outcome, lite.run(run).reason) == (Outcome.DENIED, reason)
    assert lite.facts(EventKind.ORDER_REFUSED)["advice"] == (refusal or Refusal.UNKNOWN).text
    assert len(lite.sent("submit")) == 1 and lite.order(run).refusal is refusal
    assert lite.replay(run).identical


def test_a_strike_that_is_gone_has_the_proposal_made_anew(bench: DeskBench) -> None:
    bench.broker.refusal = Refusal.STRIKE_GONE
    bench.broker.plan(Trouble.REFUSED)

    run = bench.start_run()

    first, second = bench.proposals(run)
    assert (first.status, second.status) == (ProposalStatus.SPENT, ProposalStatus.APPROVED)
    assert bench.steps(run).count(StepName.SELECT_STRUCTURE) == 2
    assert len({order.client_order_id for order in bench.orders(run)}) == 2 == len(bench.sent("submit"))
    assert bench.order(run).status is OrderStatus.WORKING and bench.replay(run).identical


def test_a_price_that_is_refused_is_mended_once_on_a_coarser_tick(bench: DeskBench) -> None:
    bench.broker.refusal = Refusal.BAD_PRICE
    bench.broker.plan(Trouble.REFUSED)

    run = bench.start_run()

    assert [order.limit_price for order in bench.orders(run)] == [Price("1.01"), Price("1.05")]
    assert bench.order(run).status is OrderStatus.WORKING and bench.replay(run).identical


def test_a_price_that_is_refused_twice_denies_the_run(bench: DeskBench) -> None:
    bench.broker.refusal = Refusal.BAD_PRICE
    bench.broker.plan(Trouble.REFUSED, Trouble.REFUSED)

    run = bench.start_run()

    assert (bench.run(run).outcome, bench.run(run).reason) == (Outcome.DENIED, "bad_price")
    assert len(bench.sent("submit")) == 2


@pytest.mark.parametrize("queues", [True, False])
def test_a_broker_that_says_closed_has_the_order_wait_for_the_open(lite: DeskBench, queues: bool) -> None:
    lite.save(put_credit_spread(approval=replace(put_credit_spread().approval, queue_for_open=queues)))
    lite.broker.refusal = Refusal.MARKET_CLOSED
    lite.broker.plan(Trouble.REFUSED)

    run = lite.start_run()

    if not queues:
        assert (lite.run(run).outcome, lite.run(run).reason) == (Outcome.DENIED, "market_closed")
        return
    assert lite.run(run).due_at == builders.new_york("2026-01-06 09:30")
    lite.pass_time(to=builders.new_york("2026-01-06 09:31"))
    assert len(lite.proposals(run)) == 2 and len(lite.sent("submit")) == 2
    assert lite.order(run).status is OrderStatus.WORKING and lite.replay(run).identical


def test_a_duplicate_refused_is_the_first_send_that_arrived(bench: DeskBench) -> None:
    bench.broker.plan(Trouble.ACCEPTED_IN_SILENCE)
    run = bench.start_run()
    bench.broker.refusal = Refusal.DUPLICATE
    bench.broker.tell_rejected(bench.order(run).client_order_id, "client order id in use")
    bench.engine.settle()

    assert bench.order(run).is_open
    wait(bench, 45)
    assert bench.order(run).status is OrderStatus.WORKING and len(bench.sent("submit")) == 1


def test_alpaca_282_a_closing_order_in_conflict_with_what_is_held_waits_for_a_person(bench: DeskBench) -> None:
    run = bench.enter()
    bench.pass_time(minutes=1)  # until then its books might only be late
    bench.broker.held.pop(LONG)  # somebody sold it elsewhere
    bench.broker.refusal = Refusal.QUANTITY_CONFLICT
    bench.broker.plan(Trouble.REFUSED)

    close(bench, run)
    bench.pass_time(minutes=10)

    assert (bench.run(run).status, bench.run(run).reason) == (RunStatus.ERROR, "quantity_conflict")
    assert len(bench.sent("submit")) == 2


def test_a_closing_order_in_conflict_with_a_reservation_that_passes_is_tried_again(bench: DeskBench) -> None:
    run = bench.enter()
    bench.broker.refusal = Refusal.QUANTITY_CONFLICT
    bench.broker.plan(Trouble.REFUSED)

    close(bench, run)
    bench.pass_time(minutes=3)

    assert bench.run(run).status is RunStatus.CLOSING
    assert bench.order(run, Effect.CLOSE).status is OrderStatus.WORKING and len(bench.sent("submit")) == 3


def test_more_closed_than_is_held_is_told_and_nothing_of_it_is_lost(bench: DeskBench) -> None:
    run = bench.enter()
    close(bench, run)
    bench.broker.overfill(bench.order(run, Effect.CLOSE).client_order_id, 2)

    bench.engine.settle()

    position = bench.position(run)
    assert bench.orders(run, Effect.CLOSE)[0].overfilled == 1
    assert position is not None and position.held == {SHORT: 1, LONG: -1} == bench.broker.held
    assert {one.cause for one in position.loose} == {"beyond_held"}
    assert bench.facts(EventKind.ORDER_CONTRADICTED)["contradiction"] == "overfill"
    assert find_drifts(bench.desk) == ()
    assert "account:TEST-1" in bench.desk.halts.raised()
    with bench.store.reading() as uow:
        assert "account:TEST-1" in uow.accounts.halts()


def test_legs_reported_one_by_one_make_one_position_with_their_own_prices(bench: DeskBench) -> None:
    bench.save(TWO)
    run = bench.start_run()
    order = bench.order(run).client_order_id
    bench.broker.execute(order, SHORT, -2, "2.01")
    bench.broker.execute(order, LONG, 1, "1.00")
    bench.engine.settle()
    position = bench.position(run)
    assert position is not None and position.quantity == 1
    assert [dict(one.legs) for one in imbalances(bench.desk)] == [{SHORT: -1}]

    bench.broker.execute(order, LONG, 1, "1.02", execution_id="again")
    bench.broker.execute(order, LONG, 1, "1.02", execution_id="again")
    bench.engine.settle()

    position = bench.position(run)
    assert position is not None and [lot.price for lot in position.lots] == [Price("1.01"), Price("0.99")]
    assert bench.order(run).status is OrderStatus.FILLED and bench.run(run).status is RunStatus.MONITORING
    assert imbalances(bench.desk) == () and find_drifts(bench.desk) == ()
    assert bench.faults(run) == [] and bench.replay(run).identical


def test_legs_out_of_balance_are_told_after_a_second_and_once(bench: DeskBench) -> None:
    run = bench.start_run()
    bench.broker.execute(bench.order(run).client_order_id, SHORT, -1, "2.00")
    bench.engine.settle()
    assert EventKind.LEGS_UNBALANCED not in bench.events(run)

    for _ in range(3):
        bench.pass_time(seconds=1)

    assert bench.events(run).count(EventKind.LEGS_UNBALANCED) == 1
    assert bench.facts(EventKind.LEGS_UNBALANCED)["legs"] == f"-1 {SHORT.notation}"


def test_an_order_that_ends_with_one_leg_alone_halts_the_account(bench: DeskBench) -> None:
    run = bench.start_run()
    order = bench.order(run).client_order_id
    bench.broker.execute(order, SHORT, -1, "2.00")
    bench.broker.expire(order)
    bench.engine.settle()

    bench.pass_time(seconds=2)

    with bench.store.reading() as uow:
        assert "holds legs alone" in uow.accounts.halts()["account:TEST-1"]
    position = bench.position(run)
    assert position is not None and position.held == {SHORT: -1} == bench.broker.held
    assert imbalances(bench.desk) == ()


def test_orders_of_one_instant_are_in_the_order_they_were_staged(bench: DeskBench) -> None:
    bench.broker.refusal = Refusal.BAD_PRICE
    bench.broker.plan(Trouble.REFUSED)
    run = bench.start_run()

    with bench.store.reading() as uow:
        stored = uow.orders.of_run(run)

    assert len({order.staged_at for order in stored}) == 1
    assert [order.client_order_id for order in stored] == bench.sent("submit")


def strike(name: str, side: Side, at: int, ratio: int) -> LegRule:
    """Return the rule of a put at a strike."""
    return builders.leg_rule(name, side, Right.PUT, SelectBy.STRIKE, at, Unit.DOLLARS, ratio=ratio)


RATIO = put_credit_spread(
    legs=(
        strike("near_short", Side.SELL, 560, 2),
        strike("near_long", Side.BUY, 555, 2),
        strike("far_short", Side.SELL, 565, 1),
        strike("far_long", Side.BUY, 550, 1),
    ),
    size=SizeRule(quantity=3),
)


def allow_losses(bench: DeskBench) -> None:
    """Raise the limits that a structure of six contracts would meet."""
    for name in ("max_loss_per_trade_percent", "max_allocation_percent"):
        bench.engine.handle(commands.SetLimit(user_id=ANNA, name=name, limit=Decimal(50)))


def held_of(bench: DeskBench, run: RunId) -> list[int]:
    """Return the contracts held of the four legs, in their order."""
    theirs, position = bench.made.holdings(), bench.position(run)
    assert position is not None
    return [theirs.get(leg.contract, 0) for leg in position.legs]


def test_ratio_legs_trade_as_one_order_through_partial_fills(bench: DeskBench) -> None:
    bench.save(RATIO)
    allow_losses(bench)
    run = bench.start_run()
    order = bench.order(run)
    assert sorted(abs(leg.ratio) for leg in order.legs) == [1, 1, 2, 2]
    for quantity in (1, 2):
        bench.broker.fill(order.client_order_id, quantity)
        bench.engine.settle()
        assert find_drifts(bench.desk) == ()
    assert held_of(bench, run) == [leg.ratio * 3 for leg in order.legs]

    close(bench, run)
    closing = bench.order(run, Effect.CLOSE)
    assert [leg.ratio for leg in closing.legs] == [-leg.ratio for leg in order.legs] and closing.quantity == 3
    for quantity in (2, 1):
        bench.broker.fill(closing.client_order_id, quantity)
        bench.engine.settle()

    assert bench.run(run).outcome is Outcome.CLOSED and find_drifts(bench.desk) == ()
    assert bench.sent("submit") == [order.client_order_id, closing.client_order_id]


def test_ratio_legs_trade_as_one_order_at_the_paper_broker(paper: DeskBench) -> None:
    assert isinstance(paper.made, PaperBroker)
    paper.made.script(lambda order: True, fills=(1, 2))
    before = paper.made.account().cash
    paper.save(RATIO)
    allow_losses(paper)
    run = paper.start_run()
    paper.pass_time(minutes=8)
    assert held_of(paper, run) == [leg.ratio * 3 for leg in paper.order(run).legs]

    close(paper, run)
    paper.pass_time(minutes=8)

    position, after = paper.position(run), paper.made.account().cash
    assert paper.run(run).outcome is Outcome.CLOSED and paper.made.holdings() == {}
    assert position is not None and before is not None and after == before + position.realized_pnl
    assert len(paper.orders(run)) == 2 and paper.replay(run).identical
