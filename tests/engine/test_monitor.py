"""Watching positions: exits on quotes, on time and on demand, and what expiration brings."""

from datetime import timedelta

import pytest

from thetaloom.domain.book.orders import Effect, OrderStatus
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import Outcome, RunStatus, StepName
from thetaloom.domain.strategy.strategies import ExitKind, ExitUnit, SelectBy, Side, SizeRule, Unit
from thetaloom.domain.values.ids import make_position_id
from thetaloom.domain.values.instruments import Right
from thetaloom.domain.values.money import Price
from thetaloom.engine import commands
from thetaloom.testing import builders
from thetaloom.testing.broker import Trouble
from thetaloom.testing.desk import ANNA, DeskBench, exit_rule, money, put_credit_spread

TARGET = exit_rule(ExitKind.PROFIT_TARGET, 50, ExitUnit.PERCENT_OF_PREMIUM)
STOP = exit_rule(ExitKind.STOP_LOSS, 100, ExitUnit.PERCENT_OF_PREMIUM)
AFTER_CLOSE = builders.new_york("2026-01-16 16:00")


@pytest.mark.parametrize(
    ("contract", "bid", "ask"),
    [
        pytest.param("SPY 2026-01-16 P 560", 3.90, 4.10, id="the leg sold"),
        pytest.param("SPY 2026-01-16 P 555", 0.01, 0.03, id="the leg bought"),
    ],
)
def test_a_quote_of_any_leg_can_trigger_an_exit(bench: DeskBench, contract: str, bid: float, ask: float) -> None:
    stop = exit_rule(ExitKind.STOP_LOSS, 90, ExitUnit.PERCENT_OF_PREMIUM)
    run = bench.enter(put_credit_spread(exits=(stop,)), at="1.00")

    bench.market.set_quote(contract, bid, ask)
    bench.engine.settle()

    assert bench.run(run).status is RunStatus.CLOSING
    assert bench.facts(EventKind.EXIT_TRIGGERED)["reason"] == "stop_loss"


def test_the_price_of_the_underlying_can_trigger_an_exit(bench: DeskBench) -> None:
    below = exit_rule(ExitKind.UNDERLYING_BELOW, 565, ExitUnit.DOLLARS)
    run = bench.enter(put_credit_spread(exits=(below,)))
    bench.market.set_spot("SPY", 566)
    bench.engine.settle()
    assert bench.run(run).status is RunStatus.MONITORING

    bench.market.set_spot("SPY", 564)
    bench.engine.settle()

    assert bench.run(run).status is RunStatus.CLOSING


@pytest.mark.parametrize(
    "rule",
    [
        exit_rule(ExitKind.SHORT_DELTA, "0.5", ExitUnit.DELTA),
        exit_rule(ExitKind.POSITION_DELTA, "0.1", ExitUnit.DELTA),
    ],
)
def test_a_delta_can_trigger_an_exit(lite: DeskBench, rule: object) -> None:
    run = lite.enter(put_credit_spread(exits=(rule,)))
    lite.market.set_quote("SPY 2026-01-16 P 560", 9.00, 9.20)
    lite.market.set_quote("SPY 2026-01-16 P 555", 6.00, 6.20)

    lite.market.set_spot("SPY", 556)
    lite.engine.settle()

    assert lite.run(run).status is RunStatus.CLOSING
    assert lite.run(run).reason == "delta_breach"


@pytest.mark.parametrize(("bid", "ask"), [(5.00, 4.00), (None, 4.00), (3.90, None), (-1, 4.10)])
def test_quotes_that_cannot_be_right_trigger_nothing(lite: DeskBench, bid: float | None, ask: float | None) -> None:
    run = lite.enter(put_credit_spread(exits=(STOP, TARGET)))

    lite.market.set_quote("SPY 2026-01-16 P 560", bid, ask)
    lite.engine.settle()

    assert lite.run(run).status is RunStatus.MONITORING


def test_stale_quotes_trigger_nothing(lite: DeskBench) -> None:
    run = lite.enter(put_credit_spread(exits=(STOP,)), at="1.00")
    lite.market.always_fresh = False
    lite.quote_spread(2.50)
    lite.clock.advance(seconds=301)

    lite.engine.settle()

    assert lite.run(run).status is RunStatus.MONITORING


def test_ten_passes_over_a_met_rule_give_one_closing_order(bench: DeskBench) -> None:
    run = bench.enter(put_credit_spread(exits=(TARGET,)), at="1.00")

    for number in range(10):
        bench.quote_spread(0.40 - number / 100)
        bench.clock.advance(seconds=1)
        bench.engine.settle()

    assert len(bench.orders(run, Effect.CLOSE)) == 1
    assert bench.events(run).count(EventKind.EXIT_TRIGGERED) == 1
    assert bench.sent("submit").count(bench.order(run, Effect.CLOSE).client_order_id) == 1


def test_only_runs_that_are_monitoring_are_watched(bench: DeskBench) -> None:
    run = bench.enter(put_credit_spread(exits=(TARGET,)), at="1.00")
    bench.engine.handle(commands.PauseRun(user_id=ANNA, run_id=run))

    bench.quote_spread(0.40)
    bench.engine.settle()
    assert bench.run(run).status is RunStatus.PAUSED

    bench.engine.handle(commands.ResumeRun(user_id=ANNA, run_id=run))
    bench.engine.settle()
    assert bench.run(run).status is RunStatus.CLOSING


def test_a_position_opened_by_another_process_is_found(bench: DeskBench) -> None:
    bench.engine.settle()
    other = bench.engine
    bench.restart()
    run = bench.enter(put_credit_spread(exits=(TARGET,)), at="1.00")
    bench.clock.advance(seconds=61)
    other.settle()

    bench.quote_spread(0.40)
    other.settle()

    assert bench.run(run).status is RunStatus.CLOSING


def test_a_partial_exit_fires_once(bench: DeskBench) -> None:
    half = exit_rule(ExitKind.PROFIT_TARGET, 50, ExitUnit.PERCENT_OF_PREMIUM, quantity_percent=50)
    run = bench.enter(put_credit_spread(exits=(half,), size=SizeRule(quantity=2)), at="1.00")
    bench.quote_spread(0.40)
    bench.engine.settle()
    closing = bench.order(run, Effect.CLOSE)
    assert closing.quantity == 1

    bench.broker.fill(closing.client_order_id, at="-0.40")
    bench.engine.settle()
    bench.quote_spread(0.30)
    bench.pass_time(minutes=2)

    position = bench.position(run)
    assert position is not None and (position.quantity, position.exits_fired) == (1, (0,))
    assert bench.run(run).status is RunStatus.MONITORING
    assert len(bench.orders(run, Effect.CLOSE)) == 1
    assert bench.events(run).count(EventKind.POSITION_REDUCED) == 1


@pytest.mark.parametrize(
    ("rule", "at", "reason"),
    [
        (exit_rule(ExitKind.DTE, 7, ExitUnit.DAYS), "2026-01-09 09:30", "dte_exit"),
        (exit_rule(ExitKind.DAYS_HELD, 2, ExitUnit.DAYS), "2026-01-07 09:30", "days_held_exit"),
        (exit_rule(ExitKind.MINUTES_TO_CLOSE, 30, ExitUnit.MINUTES), "2026-01-05 15:30", "session_end_exit"),
    ],
)
def test_time_closes_a_position_even_without_quotes(bench: DeskBench, rule: object, at: str, reason: str) -> None:
    run = bench.enter(put_credit_spread(exits=(rule,)))
    bench.market.drop_quote("SPY 2026-01-16 P 560")
    bench.pass_time(to=builders.new_york(at) - timedelta(seconds=1))
    assert bench.run(run).status is RunStatus.MONITORING

    bench.pass_time(seconds=1)

    assert (bench.run(run).status, bench.run(run).reason) == (RunStatus.CLOSING, reason)
    assert bench.orders(run, Effect.CLOSE) == []
    bench.quote_spread(0.90)
    bench.pass_time(seconds=15)
    assert len(bench.orders(run, Effect.CLOSE)) == 1


def test_a_person_closes_a_position(bench: DeskBench) -> None:
    run = bench.enter(at="1.00")
    position = bench.position(run)
    assert position is not None

    bench.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=position.id))
    bench.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=position.id))
    bench.engine.settle()
    again = bench.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=position.id))
    bench.broker.fill(bench.order(run, Effect.CLOSE).client_order_id, at="-1.10")
    bench.engine.settle()

    closed = bench.position(run)
    assert again == position
    assert (bench.run(run).outcome, bench.run(run).reason) == (Outcome.CLOSED, "manual_close")
    assert closed is not None and closed.realized_pnl == money("-12.60")
    assert bench.replay(run).identical


def test_a_closing_order_follows_the_market_to_natural_and_beyond(bench: DeskBench) -> None:
    run = bench.enter(put_credit_spread(exits=(STOP,)), at="1.00")
    bench.quote_spread(2.50)
    bench.engine.settle()
    bench.pass_time(minutes=5)
    assert bench.order(run, Effect.CLOSE).limit_price == Price("-2.70")

    bench.quote_spread(3.50)
    bench.pass_time(minutes=1)

    assert bench.order(run, Effect.CLOSE).limit_price == Price("-3.70")


def test_a_closing_order_that_dies_is_tried_again_after_a_pause(bench: DeskBench) -> None:
    run = bench.enter(at="1.00")
    position = bench.position(run)
    assert position is not None
    bench.broker.plan(*[Trouble.REFUSED] * 3)
    bench.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=position.id))

    bench.engine.settle()
    assert len(bench.orders(run, Effect.CLOSE)) == 1  # not one refused order after another
    bench.pass_time(seconds=59)
    assert len(bench.orders(run, Effect.CLOSE)) == 1
    bench.pass_time(minutes=4)

    statuses = [order.status for order in bench.orders(run, Effect.CLOSE)]
    assert statuses == [OrderStatus.REJECTED] * 3 + [OrderStatus.WORKING]
    bench.broker.fill(bench.order(run, Effect.CLOSE).client_order_id)
    bench.engine.settle()
    assert (bench.run(run).outcome, bench.run(run).reason) == (Outcome.CLOSED, "manual_close")


def test_a_closing_order_unfilled_for_an_hour_is_canceled_and_staged_anew(bench: DeskBench) -> None:
    run = bench.enter(put_credit_spread(exits=(STOP,)), at="1.00")
    bench.quote_spread(2.50)

    bench.pass_time(minutes=62)

    first, second = bench.orders(run, Effect.CLOSE)
    assert (first.status, second.status) == (OrderStatus.CANCELED, OrderStatus.WORKING)
    assert second.client_order_id != first.client_order_id


def test_a_rule_no_longer_met_leaves_the_position_open_when_its_order_dies(bench: DeskBench) -> None:
    run = bench.enter(put_credit_spread(exits=(TARGET,)), at="1.00")
    bench.quote_spread(0.40)
    bench.engine.settle()
    bench.quote_spread(0.90)

    bench.broker.expire(bench.order(run, Effect.CLOSE).client_order_id)
    bench.engine.settle()

    assert bench.run(run).status is RunStatus.MONITORING
    assert bench.orders(run, Effect.CLOSE)[0].status is OrderStatus.EXPIRED


@pytest.mark.parametrize(
    ("spot", "outcome", "reason", "pnl"),
    [
        (575, Outcome.EXPIRED, "expired_worthless", "98.70"),
        ("558", Outcome.ASSIGNED, "assigned", "-101.30"),
        (540, Outcome.ASSIGNED, "assigned", "-401.30"),
    ],
)
def test_expiration_settles_at_the_intrinsic_value(
    bench: DeskBench, spot: float | str, outcome: Outcome, reason: str, pnl: str
) -> None:
    run = bench.enter(at="1.00")
    bench.market.set_spot("SPY", spot, at=AFTER_CLOSE - timedelta(minutes=1))

    bench.pass_time(to=AFTER_CLOSE)
    bench.settle_expired()
    held = bench.position(run)
    assert held is not None and not held.holds_contracts
    if held.shares:  # the short leg alone was in the money: the shares it brought are still held
        assert bench.run(run).status is RunStatus.MONITORING
        bench.broker.trade_shares_elsewhere("SPY", -held.shares_held, Price(str(spot)))
        bench.engine.settle()

    position = bench.position(run)
    assert (bench.run(run).outcome, bench.run(run).reason) == (outcome, reason)
    assert position is not None and not position.is_open
    assert position.realized_pnl == money(pnl)
    assert bench.events(run)[-2:] == [EventKind.POSITION_CLOSED, EventKind.RUN_COMPLETED]
    assert bench.replay(run).identical and bench.faults(run) == []


def test_an_index_option_is_settled_in_cash(lite: DeskBench) -> None:
    lite.market.set_spot("XSP", 575)
    lite.market.set_quotes({"XSP 2026-01-16 P 560": (1.90, 2.10), "XSP 2026-01-16 P 555": (0.90, 1.10)})
    lite.save(put_credit_spread())
    run = lite.start_run("XSP")
    lite.broker.fill(lite.order(run).client_order_id)
    lite.market.set_spot("XSP", 550, at=AFTER_CLOSE - timedelta(days=1))

    lite.pass_time(to=AFTER_CLOSE + timedelta(minutes=15))
    lite.settle_expired()

    assert (lite.run(run).outcome, lite.run(run).reason) == (Outcome.EXPIRED, "cash_settled")


def test_an_expired_position_waits_for_the_brokers_word_and_then_somebody_is_asked_once(lite: DeskBench) -> None:
    run = lite.enter()
    lite.market.set_spot("SPY", None)
    lite.pass_time(to=AFTER_CLOSE)
    assert lite.run(run).status is RunStatus.MONITORING

    lite.pass_time(to=builders.new_york("2026-01-20 15:00"))

    assert lite.run(run).reason == "settlement_missing"
    assert lite.events(run).count(EventKind.SETTLEMENT_MISSED) == 1
    assert not lite.sent("cancel") and len(lite.orders(run)) == 1

    lite.settle_expired(575)

    assert lite.run(run).outcome is Outcome.EXPIRED


def test_a_position_whose_close_never_got_a_quote_is_settled_at_expiration(bench: DeskBench) -> None:
    run = bench.enter(at="1.00")
    position = bench.position(run)
    assert position is not None
    bench.market.drop_quote("SPY 2026-01-16 P 560")
    bench.pass_time(to=AFTER_CLOSE - timedelta(minutes=1))
    bench.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=position.id))
    bench.pass_time(seconds=30)
    assert bench.run(run).status is RunStatus.CLOSING

    bench.pass_time(to=AFTER_CLOSE + timedelta(minutes=1))
    bench.settle_expired()

    assert (bench.run(run).outcome, bench.run(run).reason) == (Outcome.EXPIRED, "expired_worthless")
    assert bench.replay(run).identical


def test_a_single_leg_is_watched_and_closed_like_any_other(lite: DeskBench) -> None:
    put = builders.leg_rule("put", Side.BUY, Right.PUT, SelectBy.STRIKE, 555, Unit.DOLLARS)
    run = lite.enter(put_credit_spread(legs=(put,), exits=(TARGET,)))

    lite.market.set_quote("SPY 2026-01-16 P 555", 1.95, 2.05)
    lite.engine.settle()

    assert lite.run(run).status is RunStatus.CLOSING
    assert lite.order(run, Effect.CLOSE).limit_price == Price("2.01")
    assert lite.steps(run)[-1] is StepName.CLOSE_POSITION


def test_a_profit_target_rests_at_its_price_and_gives_nothing_away(bench: DeskBench) -> None:
    run = bench.enter(put_credit_spread(exits=(TARGET,)), at="1.00")
    bench.quote_spread(0.48)

    bench.pass_time(minutes=90)

    (order,) = bench.orders(run, Effect.CLOSE)
    assert order.status is OrderStatus.WORKING
    assert order.limit_price == order.floor == Price("-0.50")


def test_a_stop_takes_the_place_of_a_resting_profit_target(bench: DeskBench) -> None:
    run = bench.enter(put_credit_spread(exits=(TARGET, STOP)), at="1.00")
    bench.quote_spread(0.48)
    bench.pass_time(minutes=1)

    bench.quote_spread(2.50)
    bench.engine.settle()

    resting, stopping = bench.orders(run, Effect.CLOSE)
    assert (resting.status, stopping.status) == (OrderStatus.CANCELED, OrderStatus.WORKING)
    assert stopping.floor is None
    assert bench.run(run).reason == "stop_loss"


def test_a_person_takes_the_place_of_a_resting_profit_target(bench: DeskBench) -> None:
    run = bench.enter(put_credit_spread(exits=(TARGET, STOP)), at="1.00")
    bench.quote_spread(0.48)
    bench.pass_time(minutes=1)

    bench.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=make_position_id(run)))
    bench.engine.settle()

    resting, closing = bench.orders(run, Effect.CLOSE)
    assert (resting.status, closing.status) == (OrderStatus.CANCELED, OrderStatus.WORKING)
    assert closing.floor is None
    assert bench.run(run).reason == "manual_close"


def test_a_spent_partial_rule_does_not_take_the_place_of_a_resting_target(bench: DeskBench) -> None:
    half = exit_rule(ExitKind.UNDERLYING_BELOW, 10_000, ExitUnit.DOLLARS, quantity_percent=50, priority=2)
    run = bench.enter(put_credit_spread(exits=(TARGET, half), size=SizeRule(quantity=2)), at="1.00")
    bench.engine.settle()
    bench.broker.fill(bench.order(run, Effect.CLOSE).client_order_id)
    bench.engine.settle()

    bench.quote_spread(0.48)
    bench.pass_time(minutes=5)

    (resting,) = [order for order in bench.orders(run, Effect.CLOSE) if order.is_open]
    assert (resting.status, resting.floor) == (OrderStatus.WORKING, Price("-0.50"))
