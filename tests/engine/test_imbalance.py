"""Legs that stand alone: seen at once, and completed, taken back or brought before a person."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest

from thetaloom.domain.book.imbalance import ImbalancePolicy, contracts_of, naked
from thetaloom.domain.book.orders import Effect, Order, OrderPurpose
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import Outcome, RunStatus
from thetaloom.domain.strategy.ending_rules import ImbalanceRule
from thetaloom.domain.strategy.strategies import LegRule, SelectBy, Side, Strategy, Unit
from thetaloom.domain.values.ids import RunId
from thetaloom.domain.values.instruments import Right, parse_option_symbol
from thetaloom.domain.values.money import Price
from thetaloom.engine import commands
from thetaloom.engine.reconcile import find_drifts
from thetaloom.testing import builders
from thetaloom.testing.desk import ANNA, DeskBench, put_credit_spread

SHORT, LONG = parse_option_symbol("SPY 2026-01-16 P 560"), parse_option_symbol("SPY 2026-01-16 P 555")
QUOTES = {
    "SPY 2026-01-16 P 560": (1.90, 2.10),
    "SPY 2026-01-16 P 555": (0.90, 1.10),
    "SPY 2026-01-16 P 550": (0.40, 0.50),
    "SPY 2026-01-16 C 590": (1.90, 2.10),
    "SPY 2026-01-16 C 595": (0.90, 1.10),
}


def leg(name: str, side: Side, right: Right, strike: int) -> LegRule:
    """A leg at a strike."""
    return builders.leg_rule(name, side, right, SelectBy.STRIKE, strike, Unit.DOLLARS)


SHORT_PUT, LONG_PUT = leg("sp", Side.SELL, Right.PUT, 560), leg("lp", Side.BUY, Right.PUT, 555)
SHORT_CALL, LONG_CALL = leg("sc", Side.SELL, Right.CALL, 590), leg("lc", Side.BUY, Right.CALL, 595)
CONDOR = put_credit_spread(legs=(SHORT_PUT, LONG_PUT, SHORT_CALL, LONG_CALL))


def with_policy(bench: DeskBench, policy: ImbalancePolicy) -> None:
    """Start the engine anew under a policy."""
    bench.restart(settings=replace(bench.desk.settings, imbalance_policy=policy))


def unwinding(bench: DeskBench, run: RunId) -> list[Order]:
    """The orders that take back what stands alone."""
    return [order for order in bench.orders(run) if order.purpose is OrderPurpose.UNWIND]


def lift(bench: DeskBench) -> None:
    """Lift the account's halt, as a person who has read it."""
    standing = bench.desk.halts.raised()["account:TEST-1"]
    bench.engine.handle(commands.LiftHalt(user_id=ANNA, scope="account:TEST-1", token=standing.token))
    bench.engine.settle()


def left_short(bench: DeskBench, strategy: Strategy | None = None) -> RunId:
    """A run whose entry ended with its short leg done alone."""
    if strategy is not None:
        bench.save(strategy)
    run = bench.start_run()
    order = bench.order(run).client_order_id
    bench.broker.execute(order, SHORT, -1, "2.00")
    bench.broker.expire(order)
    bench.engine.settle()
    return run


def test_a_sold_leg_left_alone_is_taken_back_within_two_seconds_and_the_alert_ends(bench: DeskBench) -> None:
    run = left_short(bench)
    began = bench.clock.now()
    position = bench.position(run)
    assert position is not None and position.held == {SHORT: -1} and bench.run(run).status is RunStatus.MONITORING
    with bench.store.reading() as uow:
        (alert,) = uow.alerts.standing_of(ANNA, position.id)
    assert (alert.cause, alert.urgency.value, alert.priority.value) == ("legs_alone", "IMMEDIATE", "critical")
    assert unwinding(bench, run) == []

    bench.pass_time(seconds=1)
    (order,) = unwinding(bench, run)
    assert order.legs == builders.legs("+1 SPY 2026-01-16 P 560") and order.effect is Effect.CLOSE
    assert order.staged_at - began <= timedelta(seconds=1)
    for _ in range(10):
        bench.pass_time(seconds=5)
    natural = bench.order(run).limit_price
    bench.broker.fill(order.client_order_id)
    bench.engine.settle()

    assert natural == Price("-2.10")
    assert bench.broker.held.get(SHORT, 0) == 0 and find_drifts(bench.desk) == ()
    assert (bench.run(run).outcome, bench.run(run).reason) == (Outcome.CLOSED, "legs_unwound")
    with bench.store.reading() as uow:
        assert not uow.alerts.standing_of(ANNA, position.id)
    assert bench.faults(run) == [] and bench.replay(run).identical


@pytest.mark.parametrize("said", ImbalancePolicy)
@pytest.mark.parametrize("setting", [ImbalancePolicy.ASK, ImbalancePolicy.UNWIND])
def test_what_the_strategy_says_of_legs_alone_counts_and_not_the_setting(
    lite: DeskBench, said: ImbalancePolicy, setting: ImbalancePolicy
) -> None:
    with_policy(lite, setting)
    run = left_short(lite, put_credit_spread(imbalance=ImbalanceRule(policy=said)))

    lite.pass_time(seconds=2)

    after = [order.purpose for order in lite.orders(run) if order.purpose is not OrderPurpose.ENTRY]
    wanted = {ImbalancePolicy.ASK: [], ImbalancePolicy.COMPLETE: [OrderPurpose.COMPLETE]}
    assert after == wanted.get(said, [OrderPurpose.UNWIND])
    assert lite.faults(run) == [] and lite.replay(run).identical


def test_a_leg_that_comes_after_all_ends_the_unwinding(bench: DeskBench) -> None:
    run = left_short(bench)
    entry = bench.order(run).client_order_id
    bench.pass_time(seconds=1)
    (order,) = unwinding(bench, run)

    bench.broker.execute(entry, LONG, 1, "1.00")
    bench.engine.settle()
    for _ in range(3):
        bench.pass_time(seconds=5)

    position = bench.position(run)
    assert position is not None and (position.quantity, position.loose) == (1, ())
    assert not next(one for one in bench.orders(run) if one.client_order_id == order.client_order_id).is_open
    assert bench.run(run).status is RunStatus.MONITORING
    assert find_drifts(bench.desk) == () and bench.replay(run).identical


@pytest.mark.parametrize("fills", [True, False])
def test_missing_legs_are_ordered_within_what_was_approved_or_the_rest_goes(bench: DeskBench, fills: bool) -> None:
    with_policy(bench, ImbalancePolicy.COMPLETE)
    run = left_short(bench)
    floor = bench.orders(run)[0].floor
    bench.pass_time(seconds=1)
    order = bench.order(run)
    assert (order.purpose, order.legs) == (OrderPurpose.COMPLETE, builders.legs("+1 SPY 2026-01-16 P 555"))
    assert floor is not None and order.limit_price == floor - Price(2)
    assert bench.sent("submit")[-1] == order.client_order_id  # the halt for these legs does not bar it

    if fills:
        bench.broker.fill(order.client_order_id)
        bench.engine.settle()
    else:
        for _ in range(8):
            bench.pass_time(seconds=5)

    position = bench.position(run)
    assert position is not None
    if fills:
        assert position.loose == () and position.quantity == 1 and find_drifts(bench.desk) == ()
    else:
        assert not bench.orders(run)[1].is_open
        assert [one.legs for one in unwinding(bench, run)] == [builders.legs("+1 SPY 2026-01-16 P 560")]
    assert bench.faults(run) == [] and bench.replay(run).identical


def test_a_bought_leg_alone_is_asked_about_and_nothing_new_comes_on_the_symbol(bench: DeskBench) -> None:
    run = bench.start_run()
    order = bench.order(run).client_order_id
    bench.broker.execute(order, LONG, 1, "1.00")
    for _ in range(5):
        bench.pass_time(seconds=1)
    assert bench.order(run).is_open  # what has a bound may still be done by its own order
    bench.broker.expire(order)
    bench.engine.settle()
    for _ in range(5):
        bench.pass_time(seconds=5)
    position = bench.position(run)
    assert position is not None and unwinding(bench, run) == []
    with bench.store.reading() as uow:
        (alert,) = uow.alerts.standing_of(ANNA, position.id)
        halt = uow.accounts.halts()["account:TEST-1"]
    assert alert.recommended_action.endswith(f"thetaloom position close {position.id}")
    assert halt.startswith(f"{position.id} holds legs alone")

    lift(bench)
    other = bench.start_run(forced=True)

    assert (bench.run(other).outcome, bench.run(other).reason) == (Outcome.DENIED, "legs_alone")


def test_a_working_order_that_leaves_a_sold_leg_bare_is_canceled_and_the_leg_taken_back(bench: DeskBench) -> None:
    run = bench.start_run()
    entry = bench.order(run).client_order_id
    bench.broker.execute(entry, SHORT, -1, "2.00")
    bench.engine.settle()
    began = bench.clock.now()

    for _ in range(3):
        bench.pass_time(seconds=1)

    (order,) = unwinding(bench, run)
    assert not bench.orders(run)[0].is_open and bench.orders(run)[0].reason == "legs_alone"
    assert order.staged_at - began <= timedelta(seconds=3)
    assert bench.events(run).count(EventKind.LEGS_UNBALANCED) == 1


def test_a_person_who_closes_a_broken_position_gets_rid_of_the_bare_leg_first(bench: DeskBench) -> None:
    with_policy(bench, ImbalancePolicy.ASK)
    run = left_short(bench)
    for _ in range(5):
        bench.pass_time(seconds=5)
    assert unwinding(bench, run) == []
    position = bench.position(run)
    assert position is not None

    bench.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=position.id))
    bench.engine.settle()
    (order,) = unwinding(bench, run)
    bench.broker.fill(order.client_order_id)
    bench.engine.settle()

    assert (bench.run(run).outcome, bench.run(run).reason) == (Outcome.CLOSED, "manual_close")


def histories() -> Iterator[tuple[int, ...]]:
    """Every order in which some of four legs come, one of them missing."""
    for missing in range(4):
        yield from permutations([number for number in range(4) if number != missing])


@pytest.mark.parametrize("history", list(histories())[::5])
def test_a_condor_with_a_leg_missing_ends_with_no_sold_leg_bare(lite: DeskBench, history: tuple[int, ...]) -> None:
    lite.market.set_quotes(QUOTES)
    lite.save(CONDOR)
    run = lite.start_run()
    entry = lite.order(run)
    for number in history:
        leg = entry.legs[number]
        lite.broker.execute(entry.client_order_id, leg.contract, leg.ratio, "1.00", execution_id=f"E-{number}")
        lite.broker.execute(entry.client_order_id, leg.contract, leg.ratio, "1.00", execution_id=f"E-{number}")
        lite.engine.settle()
    for _ in range(20):
        lite.pass_time(seconds=1)
        for order in lite.orders(run):
            if order.purpose is OrderPurpose.UNWIND and order.is_open:
                lite.broker.fill(order.client_order_id)
        lite.engine.settle()

    position = lite.position(run)
    bare = naked(lite.broker.held)
    if position is not None:
        assert not naked(contracts_of(position.loose)) and position.held == {
            contract: number for contract, number in lite.broker.held.items() if number
        }
    assert bare == {}
    assert lite.faults(run) == [] and lite.replay(run).identical
