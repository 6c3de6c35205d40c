"""The shares that an assignment left: traded away once on a person's word, whatever the line to the broker does."""

from dataclasses import replace
from datetime import datetime

import pytest

from tests.engine.test_care import standing
from tests.engine.test_ended_alerts import AFTER_CLOSE, LONG, SHORT
from tests.engine.test_settling import moved
from thetaloom.brokers.paper.broker import PaperBroker
from thetaloom.domain.book.orders import OrderStatus
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.share_orders import ShareOrder, share_order_of, shares_advice, shares_text
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import Outcome, RunStatus
from thetaloom.domain.strategy.ending_rules import AssignmentRule, SharesPolicy
from thetaloom.domain.strategy.strategies import SizeRule
from thetaloom.domain.values.ids import RunId, make_client_order_id, make_position_id
from thetaloom.domain.values.money import Money, Price
from thetaloom.engine import commands
from thetaloom.engine.reconcile import find_drifts
from thetaloom.engine.reviews import review_position
from thetaloom.engine.share_sales import settle_share_orders
from thetaloom.errors import IllegalTransitionError, NotAllowed, NotFound
from thetaloom.testing import builders
from thetaloom.testing.broker import Trouble
from thetaloom.testing.desk import ANNA, BERT, DeskBench, put_credit_spread

MONDAY = builders.new_york("2026-01-20 10:00")  # after a holiday


def assigned(bench: DeskBench, quantity: int = 1) -> RunId:
    """Hold the shares of short puts that ended in the money, the long ones worthless, at the next open."""
    run = bench.enter(put_credit_spread(size=SizeRule(quantity=quantity)), at="1.00")
    bench.pass_time(to=AFTER_CLOSE)
    bench.settle_expired(558)
    bench.pass_time(to=MONDAY)
    bench.broker.share_price = Price("559.50")
    assert held(bench, run).shares_held == 100 * quantity
    return run


def share_order(staged_at: datetime) -> ShareOrder:
    """An order that sells a hundred shares of SPY."""
    return ShareOrder(
        client_order_id=builders.order().client_order_id,
        run_id=RunId("run-1"),
        position_id=make_position_id(RunId("run-1")),
        user_id=ANNA,
        account_id=builders.ACCOUNT,
        symbol="SPY",
        quantity=-100,
        staged_at=staged_at,
    )


def held(bench: DeskBench, run: RunId) -> Position:
    """The run's position."""
    found = bench.position(run)
    assert found is not None
    return found


def sell(bench: DeskBench, run: RunId) -> Position:
    """Ask for the sale of the shares, and let the engine do what follows."""
    found = bench.engine.handle(commands.SellShares(user_id=ANNA, position_id=held(bench, run).id))
    assert isinstance(found, Position)
    bench.engine.settle()
    return held(bench, run)


def share_orders(bench: DeskBench, run: RunId) -> list[ShareOrder]:
    """The orders for the shares, oldest first."""
    with bench.store.reading() as uow:
        return list(uow.share_orders.of_position(held(bench, run).id))


def test_a_sale_closes_the_position_and_adds_up_to_the_transactions(bench: DeskBench) -> None:
    run = assigned(bench)

    position = sell(bench, run)

    assert not position.is_open and position.realized_pnl == moved(bench)
    assert bench.run(run).outcome is Outcome.ASSIGNED
    assert [one.status for one in share_orders(bench, run)] == [OrderStatus.FILLED]
    assert bench.facts(EventKind.SHARES_TRADED)["price"] == "559.50"
    assert find_drifts(bench.desk) == () and bench.faults(run) == [] and bench.replay(run).identical
    with pytest.raises(NotAllowed) as refused:
        sell(bench, run)
    assert refused.value.code == "no_shares"


def test_shares_sold_short_are_bought_back(lite: DeskBench) -> None:
    run = lite.enter(at="1.00")
    lite.broker.exercise(LONG)
    lite.engine.settle()
    assert shares_text(held(lite, run)) == "is short 100 SPY shares"
    lite.broker.share_price = Price(550)

    sell(lite, run)

    assert lite.broker.happened[-1].quantity == 100 and held(lite, run).shares_held == 0
    assert held(lite, run).held == {SHORT: -1}  # the contract that is left goes on
    assert lite.run(run).status is RunStatus.MONITORING


@pytest.mark.parametrize("trouble", [Trouble.LOST, Trouble.ACCEPTED_IN_SILENCE, Trouble.UNAVAILABLE, Trouble.REFUSED])
def test_whatever_goes_wrong_it_is_traded_at_most_once(lite: DeskBench, trouble: Trouble) -> None:
    run = assigned(lite)
    lite.broker.plan(trouble)

    position = sell(lite, run)

    arrived = trouble is Trouble.ACCEPTED_IN_SILENCE
    assert position.is_open is not arrived
    if trouble is Trouble.LOST:  # in doubt: neither sent again nor given up
        with pytest.raises(NotAllowed) as refused:
            sell(lite, run)
        assert refused.value.code == "shares_on_order"
        lite.restart()
        lite.pass_time(minutes=3)
    assert lite.broker.requests.count(("trade_shares", share_orders(lite, run)[0].client_order_id)) == 1
    if arrived:
        return
    assert [one.status for one in share_orders(lite, run)] == [
        OrderStatus.REJECTED if trouble is Trouble.REFUSED else OrderStatus.CANCELED
    ]
    assert EventKind.SHARES_RETAINED in lite.events(run)

    assert not sell(lite, run).is_open  # a person may ask again once it is certain
    assert set(lite.broker.arrivals.values()) == {1} and find_drifts(lite.desk) == ()


@pytest.mark.parametrize("minutes", [0, 5])
def test_a_crash_before_the_send_sends_it_once_or_lets_an_old_wish_go(lite: DeskBench, minutes: int) -> None:
    run = assigned(lite)
    order = share_order_of(held(lite, run), 1, lite.clock.now())
    lite.write(lambda uow: uow.share_orders.add(order))
    lite.clock.advance(minutes=minutes)

    lite.restart()
    lite.engine.settle()

    assert held(lite, run).is_open is bool(minutes)
    assert len(lite.sent("trade_shares")) == (0 if minutes else 1)


def test_shares_sold_elsewhere_meanwhile_are_not_sold_again(lite: DeskBench) -> None:
    run = assigned(lite)
    order = share_order_of(held(lite, run), 1, lite.clock.now())
    lite.write(lambda uow: uow.share_orders.add(order))
    lite.broker.trade_shares_elsewhere("SPY", -100, Price(558))
    lite.engine.settle()

    settle_share_orders(lite.desk)

    assert lite.sent("trade_shares") == [] and not held(lite, run).is_open
    assert share_orders(lite, run)[0].status is OrderStatus.CANCELED


def test_a_sale_is_booked_to_the_position_that_it_was_for(lite: DeskBench) -> None:
    lite.save(put_credit_spread(open_runs_max=2))
    runs = [lite.start_run(forced=True) for _ in range(2)]
    for run in runs:
        lite.broker.fill(lite.order(run).client_order_id, at="1.00")
        lite.pass_time(minutes=1)
    lite.pass_time(to=AFTER_CLOSE)
    lite.settle_expired(558)
    lite.pass_time(to=MONDAY)

    sell(lite, runs[1])

    assert [held(lite, run).shares_held for run in runs] == [100, 0]


def test_what_cannot_be_is_refused_with_advice(lite: DeskBench) -> None:
    run = assigned(lite)
    with pytest.raises(NotFound):
        lite.engine.handle(commands.SellShares(user_id=BERT, position_id=held(lite, run).id))
    lite.pass_time(to=builders.new_york("2026-01-20 17:00"))
    with pytest.raises(NotAllowed) as closed:
        sell(lite, run)
    assert closed.value.code == "market_closed" and "2026-01-21 14:30Z" in closed.value.advice
    lite.broker.capabilities = replace(lite.broker.capabilities, shares=False)
    with pytest.raises(NotAllowed) as unable:
        sell(lite, run)
    assert unable.value.code == "shares_not_traded" and unable.value.advice.startswith("No rule watches")
    assert "Sell them at the broker" in shares_advice(held(lite, run), by_us=False)
    assert share_orders(lite, run) == []


def test_the_worth_of_shares_and_loose_legs_is_part_of_the_unrealized_profit(lite: DeskBench) -> None:
    run = lite.enter(at="1.00")
    strategy = put_credit_spread()
    lite.broker.assign(SHORT)
    lite.engine.settle()
    lite.market.set_spot("SPY", 550)
    lite.market.set_quote(LONG.notation, "5.90", "6.10")
    position = held(lite, run)
    (loose,) = position.loose

    shown = review_position(lite.desk, position, strategy, lite.clock.now()).unrealized_pnl

    assert shown == Money(-1000) + Money(600) + loose.premium
    assert position.shares_pnl(Price(561)) == Money(100)


def test_the_paper_broker_trades_them_once_and_never_more_than_it_holds(paper: DeskBench) -> None:
    assert isinstance(paper.made, PaperBroker)
    broker = paper.made
    broker.trade_shares_elsewhere("SPY", 100, Price(560))
    order = replace(share_order(paper.clock.now()), account_id=broker.account_id)

    first, second = broker.trade_shares(order), broker.trade_shares(order)

    assert (first.refusal, second.refusal) == (None, None)
    done = [one for one in broker.transactions(0) if one.client_order_id == order.client_order_id]
    assert [(one.quantity, one.price) for one in done] == [(-100, Price(575))]
    again = replace(order, client_order_id=make_client_order_id(RunId("run-1"), "shares", 2))
    refused = broker.trade_shares(again)
    assert refused.refusal is not None and refused.refusal.value == "quantity_conflict"


@pytest.mark.parametrize("said", SharesPolicy)
@pytest.mark.parametrize("setting", [SharesPolicy.ASK, SharesPolicy.CLOSE])
def test_what_the_strategy_says_of_shares_counts_and_not_the_setting(
    lite: DeskBench, said: SharesPolicy, setting: SharesPolicy
) -> None:
    lite.restart(settings=replace(lite.desk.settings, assignment_policy=setting))
    lite.save(put_credit_spread(assignment=AssignmentRule(policy=said)))
    run = lite.enter(at="1.00")
    lite.pass_time(to=AFTER_CLOSE)
    lite.settle_expired(558)
    lite.pass_time(minutes=5)
    assert lite.sent("trade_shares") == []  # nothing is traded while the exchange is closed
    assert ("unprotected" in standing(lite, run)) is (said is not SharesPolicy.KEEP)

    lite.pass_time(to=MONDAY)

    closes = said is SharesPolicy.CLOSE
    assert len(lite.sent("trade_shares")) == closes and held(lite, run).is_open is not closes
    assert (lite.run(run).outcome is Outcome.ASSIGNED) is closes


def test_the_policy_gives_up_after_three_refusals_a_day(lite: DeskBench) -> None:
    lite.save(put_credit_spread(assignment=AssignmentRule(policy=SharesPolicy.CLOSE)))
    run = lite.enter(at="1.00")
    lite.pass_time(to=AFTER_CLOSE)
    lite.settle_expired(558)
    lite.broker.plan(*[Trouble.REFUSED] * 9)

    lite.pass_time(to=MONDAY)
    for _ in range(20):
        lite.pass_time(seconds=30)

    assert len(lite.sent("trade_shares")) == 3 and held(lite, run).is_open
    assert "unprotected" in standing(lite, run)
    lite.pass_time(to=builders.new_york("2026-01-21 10:00"))
    assert len(lite.sent("trade_shares")) > 3


def test_no_order_for_shares_goes_back() -> None:
    order = replace(share_order(builders.new_york("2026-01-05 10:00")), status=OrderStatus.FILLED)
    for status in OrderStatus:
        with pytest.raises(IllegalTransitionError):
            order.moved_to(status)
