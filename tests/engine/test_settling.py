"""What the broker says became of expired and assigned contracts, in our books: all of it, once, and to the cent."""

from datetime import timedelta

import pytest

from thetaloom.domain.book.orders import Effect, OrderStatus
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import Outcome, RunStatus
from thetaloom.domain.strategy.strategies import SelectBy, Side, SizeRule, Unit
from thetaloom.domain.values.ids import RunId
from thetaloom.domain.values.instruments import Right
from thetaloom.domain.values.money import Money, Price
from thetaloom.engine import commands
from thetaloom.engine.reconcile import find_drifts
from thetaloom.engine.settling import apply_transactions
from thetaloom.testing import builders
from thetaloom.testing.desk import ANNA, DeskBench, put_credit_spread

SHORT, LONG = builders.contract("SPY 2026-01-16 P 560"), builders.contract("SPY 2026-01-16 P 555")
AFTER_CLOSE = builders.new_york("2026-01-16 16:30")


def moved(bench: DeskBench) -> Money:
    """Return what all transactions of the account add up to."""
    return sum((one.cash + one.fees for one in bench.broker.transactions(0)), Money(0))


def single(bench: DeskBench, side: Side, right: Right, symbol: str) -> RunId:
    """Open one 575 contract, a sold one beside a wing that will be worth nothing, and pass its expiration."""
    wing = 590 if right is Right.CALL else 560
    bench.market.set_spot(symbol, 575)
    at, beside = (f"{symbol} 2026-01-16 {right.value} {strike}" for strike in (575, wing))
    bench.market.set_quotes({at: (3.90, 4.10), beside: (0.40, 0.50)})
    legs = [builders.leg_rule("only", side, right, SelectBy.STRIKE, 575, Unit.DOLLARS)]
    if side is Side.SELL:
        legs.append(builders.leg_rule("wing", Side.BUY, right, SelectBy.STRIKE, wing, Unit.DOLLARS))
    bench.save(put_credit_spread(legs=tuple(legs)))
    run = bench.start_run(symbol)
    bench.broker.fill(bench.order(run).client_order_id)
    bench.pass_time(to=AFTER_CLOSE)
    return run


@pytest.mark.parametrize("side", [Side.SELL, Side.BUY])
@pytest.mark.parametrize("right", [Right.CALL, Right.PUT])
@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("symbol", ["SPY", "XSP"])
def test_every_way_to_expire_adds_up_to_the_transactions(
    lite: DeskBench, side: Side, right: Right, inside: bool, symbol: str
) -> None:
    run = single(lite, side, right, symbol)
    spot = 580 if (right is Right.CALL) is inside else 570

    lite.settle_expired(spot)

    position = lite.position(run)
    assert position is not None and not position.holds_contracts
    physical = inside and symbol == "SPY"
    sign = (1 if side is Side.BUY else -1) * (1 if right is Right.CALL else -1)
    assert position.shares_held == (100 * sign if physical else 0)
    if physical:
        assert [lot.price for lot in position.shares] == [Price(575)]
        assert lite.run(run).status is RunStatus.MONITORING
        lite.broker.trade_shares_elsewhere("SPY", -100 * sign, Price(spot))
        lite.engine.settle()
        position = lite.position(run)
    assert position is not None and not position.is_open
    assert position.realized_pnl == moved(lite)
    worthless = not inside
    expected = "expired_worthless" if worthless else "assigned" if physical else "cash_settled"
    assert lite.run(run).reason == expected
    assert lite.run(run).outcome is (Outcome.ASSIGNED if physical else Outcome.EXPIRED)
    assert find_drifts(lite.desk) == () and lite.faults(run) == [] and lite.replay(run).identical


def test_a_spread_in_the_money_on_both_sides_leaves_no_shares(lite: DeskBench) -> None:
    run = lite.enter(at="1.00")
    lite.pass_time(to=AFTER_CLOSE)

    lite.settle_expired(540)

    position = lite.position(run)
    assert position is not None and not position.is_open and position.shares == ()
    assert position.realized_pnl == moved(lite)
    assert position.endings == ("assignment", "exercise")
    assert lite.run(run).outcome is Outcome.ASSIGNED


@pytest.mark.parametrize("assigned", [1, 2])
def test_an_early_assignment_leaves_the_long_leg_loose_and_the_shares_at_the_strike(
    lite: DeskBench, assigned: int
) -> None:
    run = lite.enter(put_credit_spread(size=SizeRule(quantity=2)), at="1.00")

    lite.broker.assign(SHORT, assigned)
    lite.engine.settle()

    position = lite.position(run)
    assert position is not None and position.is_open
    assert (position.quantity, position.shares_held) == (2 - assigned, 100 * assigned)
    assert [(one.contract, one.quantity) for one in position.loose] == [(LONG, 1)] * assigned
    assert lite.run(run).status is RunStatus.MONITORING
    assert EventKind.EARLY_ASSIGNED in lite.events(run)
    advice = lite.facts(EventKind.DEFENCE_ADVISED)
    assert advice["best"] == "close_and_trade" and "exercise" in advice["exercise_long"] and "hold" in advice
    assert find_drifts(lite.desk) == ()

    lite.broker.exercise(LONG, assigned)
    lite.pass_time(to=AFTER_CLOSE)
    if assigned == 1:
        lite.settle_expired(575)

    position = lite.position(run)
    assert position is not None and not position.is_open
    assert position.realized_pnl == moved(lite)
    assert (lite.run(run).outcome, lite.run(run).reason) == (Outcome.ASSIGNED, "assigned")
    assert lite.faults(run) == [] and lite.replay(run).identical


def test_an_assignment_takes_back_the_closing_order_of_what_is_gone(lite: DeskBench) -> None:
    run = lite.enter(at="1.00")
    position = lite.position(run)
    assert position is not None
    lite.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=position.id))
    lite.engine.settle()
    closing = lite.order(run, Effect.CLOSE)
    assert closing.status is OrderStatus.WORKING

    lite.broker.assign(SHORT)
    lite.engine.settle()

    assert lite.broker.requests[-1][0] != "replace"
    assert lite.orders(run, Effect.CLOSE)[0].status is OrderStatus.CANCELED
    held = lite.position(run)
    assert held is not None and held.held == {LONG: 1}
    assert lite.faults(run) == [] and lite.replay(run).identical


def test_transactions_are_applied_once_over_restarts(lite: DeskBench) -> None:
    run = lite.enter(at="1.00")
    lite.broker.assign(SHORT)
    lite.engine.settle()
    before = lite.position(run)

    lite.restart()
    lite.engine.settle()

    assert apply_transactions(lite.desk) == []
    assert lite.position(run) == before


def test_the_oldest_position_is_assigned_first(lite: DeskBench) -> None:
    lite.save(put_credit_spread(open_runs_max=2))
    first = lite.start_run()
    lite.broker.fill(lite.order(first).client_order_id)
    lite.pass_time(minutes=1)
    second = lite.start_run(forced=True)
    lite.broker.fill(lite.order(second).client_order_id)
    lite.engine.settle()

    lite.broker.assign(SHORT, 1)
    lite.engine.settle()

    shares = [0 if one is None else one.shares_held for one in map(lite.position, (first, second))]
    assert shares == [100, 0]


def test_what_no_position_holds_is_passed_by(lite: DeskBench) -> None:
    run = lite.enter(at="1.00")
    before = lite.position(run)
    other = builders.contract("SPY 2026-01-16 C 600")
    lite.broker.trade_elsewhere(builders.legs("-1 SPY 2026-01-16 C 600"), 1, Price(1))
    lite.broker.assign(other)
    lite.engine.settle()

    assert lite.position(run) == before
    with lite.store.unit_of_work() as uow:
        assert uow.accounts.transaction_cursor(lite.made.account_id) == lite.broker.transactions(0)[-1].sequence


def test_a_broker_that_differs_from_our_own_sum_is_believed_and_told_of(lite: DeskBench) -> None:
    run = lite.enter(at="1.00")
    lite.market.set_spot("SPY", 575, at=AFTER_CLOSE - timedelta(minutes=31))
    lite.pass_time(to=AFTER_CLOSE)

    lite.settle_expired("558")

    position = lite.position(run)
    assert position is not None and position.shares_held == 100
    assert "assignment, where we expected expiration" in lite.facts(EventKind.SETTLEMENT_DIFFERED)["differences"]


def test_a_fill_that_is_told_after_the_end_of_its_contracts_is_waited_for(lite: DeskBench) -> None:
    lite.save(put_credit_spread())
    run = lite.start_run()
    lite.broker.withhold()
    lite.broker.fill(lite.order(run).client_order_id)
    lite.broker.assign(SHORT)
    lite.engine.settle()
    assert lite.position(run) is None

    lite.broker.release()
    lite.engine.settle()

    position = lite.position(run)
    assert position is not None and position.held == {LONG: 1} and position.shares_held == 100


def test_shares_that_the_account_held_beside_a_call_are_not_the_positions(lite: DeskBench) -> None:
    lite.set_balances(shares={"SPY": 100})
    call = "SPY 2026-01-16 C 580"
    lite.market.set_quotes({call: (1.90, 2.10)})
    rule = builders.leg_rule("call", Side.SELL, Right.CALL, SelectBy.STRIKE, 580, Unit.DOLLARS)
    run = lite.enter(put_credit_spread(legs=(rule,), shares=100), at=2)

    lite.broker.assign(builders.contract(call))
    lite.engine.settle()

    position = lite.position(run)
    assert position is not None and not position.is_open
    assert position.realized_pnl == Money("200") + position.fees
    assert lite.run(run).outcome is Outcome.ASSIGNED


@pytest.mark.parametrize(
    ("contract", "last", "settles"),
    [
        ("SPX 2026-01-16 P 6000", "2026-01-15 16:15", "2026-01-16 09:30"),
        ("SPXW 2026-01-16 P 6000", "2026-01-16 16:00", "2026-01-16 16:00"),
        ("SPY 2026-11-27 P 560", "2026-11-27 13:00", "2026-11-27 13:00"),
    ],
)
def test_nothing_is_closed_after_its_last_trade(lite: DeskBench, contract: str, last: str, settles: str) -> None:
    calendar, wanted = lite.desk.calendar, builders.contract(contract)

    assert calendar.last_trading_at(wanted) == builders.new_york(last)
    assert calendar.settles_at(wanted) == builders.new_york(settles)


def test_a_person_who_wants_out_after_the_last_trade_gets_no_order(lite: DeskBench) -> None:
    run = lite.enter(at="1.00")
    position = lite.position(run)
    assert position is not None
    lite.pass_time(to=AFTER_CLOSE)

    lite.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=position.id))
    lite.pass_time(minutes=5)

    assert lite.orders(run, Effect.CLOSE) == []
    assert lite.run(run).status is RunStatus.MONITORING
    lite.settle_expired(575)
    assert lite.run(run).outcome is Outcome.EXPIRED
