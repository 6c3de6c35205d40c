"""The ladder at work: one order a day for each spread, at the table's limit, whatever fails or is killed between."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.engine.test_targets import FILL, PARTS, trident
from thetaloom.domain.book.alerts import Alert, Urgency
from thetaloom.domain.book.orders import Effect, Order, OrderPurpose, OrderStatus, TimeInForce
from thetaloom.domain.book.resting import beyond_held
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import Outcome, RunStatus
from thetaloom.domain.strategy.exit_rules import LadderRule
from thetaloom.domain.strategy.strategies import ExitKind, ExitUnit, Strategy
from thetaloom.domain.values.ids import RunId
from thetaloom.domain.values.money import Price
from thetaloom.engine import commands
from thetaloom.engine.reconcile import find_drifts
from thetaloom.testing.broker import Trouble
from thetaloom.testing.desk import ANNA, DeskBench, exit_rule, put_credit_spread

TARGET = exit_rule(ExitKind.PROFIT_TARGET, 50, ExitUnit.PERCENT_OF_PREMIUM)
LOW = exit_rule(ExitKind.UNDERLYING_BELOW, 550, ExitUnit.DOLLARS)
LADDERED = put_credit_spread(exits=(TARGET, LOW), ladder=LadderRule(threshold_dte=7))
EXPIRES = 16  # of January 2026, a Friday
LIMITS = {7: "-1.00", 4: "-4.60", 3: "-5", 2: "-5", 1: "-5", 0: "-5"}  # a credit of 1.00, five wide; 6 and 5: weekend


def day(dte: int, hour: int = 14, minute: int = 30) -> datetime:
    """An instant so many days before expiration; 14:30 UTC is the open."""
    return datetime(2026, 1, EXPIRES - dte, hour, minute, tzinfo=UTC)


class Trade:
    """One run of a strategy with a ladder, filled, and what a test asks of it."""

    def __init__(self, desk: DeskBench, strategy: Strategy = LADDERED) -> None:
        self.desk = desk
        if strategy.targets:
            desk.market.set_quotes({"SPY 2026-01-16 C 590": (1.70, 1.90), "SPY 2026-01-16 C 595": (0.70, 0.90)})
        desk.save(strategy)
        self.run: RunId = desk.start_run()
        legs = FILL if strategy.targets else ("2.00", "1.00")
        desk.broker.fill(desk.order(self.run).client_order_id, leg_prices=legs)
        desk.engine.settle()

    def of(self, purpose: OrderPurpose = OrderPurpose.LADDER) -> list[Order]:
        """The run's orders of a purpose, oldest first."""
        return [one for one in self.desk.orders(self.run) if one.purpose is purpose]

    def to(self, dte: int, hour: int = 14, minute: int = 30) -> None:
        """Let time pass; what ends with the session ends."""
        self.desk.pass_time(to=day(dte, hour, minute))

    def end_session(self, dte: int) -> None:
        """Let the day end, and with it the day orders."""
        self.to(dte, 21, 0)
        for order in self.of():
            if order.is_open:
                self.desk.broker.expire(order.client_order_id)
        self.desk.engine.settle()

    def alerts(self) -> list[Alert]:
        """The ladder's alerts that stand."""
        with self.desk.store.reading() as uow:
            found = uow.alerts.standing(self.desk.desk.broker.account_id)
            return [one for one in found if one.reason == "expiry_ladder"]

    def is_sound(self) -> bool:
        """Whether the books are the broker's, and every intent became one order that closes no more than is held."""
        desk = self.desk
        sent = desk.sent("submit")
        return (
            find_drifts(desk.desk) == ()
            and len(sent) == len(set(sent))
            and beyond_held(desk.position(self.run), desk.orders(self.run, Effect.CLOSE)) == ()
            and desk.faults(self.run) == []
            and desk.replay(self.run).identical
        )


def test_every_day_has_one_order_at_the_limit_of_the_table(lite: DeskBench) -> None:
    trade = Trade(lite)
    trade.to(8, 20, 59)
    assert trade.of() == []

    for count, (dte, limit) in enumerate(LIMITS.items(), 1):
        trade.to(dte)  # the open
        order = trade.of()[-1]
        assert (len(trade.of()), order.limit_price, order.quantity) == (count, Price(limit), 1)
        assert order.status is OrderStatus.WORKING and order.time_in_force is TimeInForce.DAY
        trade.to(dte, 20, 0)  # 22 checks later
        assert len(trade.of()) == count
        trade.end_session(dte)

    lite.pass_time(to=datetime(2026, 1, 17, 15, 0, tzinfo=UTC))
    assert len(trade.of()) == len(LIMITS)
    assert not any(one.is_open for one in trade.of())
    assert trade.of(OrderPurpose.EXIT) == []  # expired never takes the close path
    assert lite.faults(trade.run) == [] and lite.replay(trade.run).identical


def test_a_fill_of_the_ladder_ends_the_run_by_its_own_reason(lite: DeskBench) -> None:
    trade = Trade(lite)
    trade.to(7)

    lite.broker.fill(trade.of()[-1].client_order_id)
    lite.engine.settle()

    run = lite.run(trade.run)
    assert (run.outcome, run.reason) == (Outcome.CLOSED, "expiry_ladder")
    assert trade.is_sound()


def test_targets_are_canceled_first_and_the_limit_is_a_tenth_above_them(lite: DeskBench) -> None:
    trade = Trade(lite, trident(60, 40, 50, ladder=LadderRule(threshold_dte=7)))
    assert len(trade.of(OrderPurpose.TARGET)) == 3

    lite.broker.plan(Trouble.UNREPORTED)  # the word on the first cancel is late
    trade.to(7)
    late = [one for one in trade.of(OrderPurpose.TARGET) if one.status is OrderStatus.PENDING_CANCEL]
    assert {one.part for one in trade.of()} == set(PARTS) - {one.part for one in late}
    assert len(late) == 1
    lite.broker.release()
    lite.pass_time(seconds=30)

    assert not any(one.is_open for one in trade.of(OrderPurpose.TARGET))
    assert {one.part: one.limit_price for one in trade.of()} == dict.fromkeys(PARTS, Price("-1.00"))
    assert len(trade.of()) == 3
    trade.to(7, 20, 0)
    assert len(trade.of(OrderPurpose.TARGET)) == 3, "no target comes back"
    assert trade.is_sound()


def test_a_dear_target_raises_the_breakeven(lite: DeskBench) -> None:
    # The target of a hundredth of the credit: 0.99, and a tenth more is 1.09.
    trade = Trade(lite, trident(1, 40, 50, ladder=LadderRule(threshold_dte=7)))
    trade.to(7)
    lite.pass_time(seconds=30)

    limits = {one.part: one.limit_price for one in trade.of()}
    assert limits == {"put_1": Price("-1.09"), "put_2": Price("-1.00"), "call": Price("-1.00")}
    assert trade.is_sound()


def test_a_target_that_fills_while_it_is_canceled_leaves_nothing_to_the_ladder(lite: DeskBench) -> None:
    trade = Trade(lite, trident(ladder=LadderRule(threshold_dte=7)))
    lite.broker.plan(Trouble.UNREPORTED)  # the word on the first cancel is late
    trade.to(7)
    (late,) = [one for one in trade.of(OrderPurpose.TARGET) if one.status is OrderStatus.PENDING_CANCEL]

    lite.broker.fill(late.client_order_id)
    lite.broker.release(reverse=True)
    lite.pass_time(seconds=30)

    assert {one.part for one in trade.of()} == set(PARTS) - {late.part}
    assert trade.is_sound()


def test_three_retries_at_the_checks_and_then_a_person_is_told_once(lite: DeskBench) -> None:
    trade = Trade(lite)
    trade.to(7, 14, 29)
    lite.broker.plan(*[Trouble.REFUSED] * 4)

    trade.to(7, 14, 30)
    assert len(trade.of()) == 1
    for checks in (1, 2, 3):
        lite.pass_time(minutes=15)
        assert len(trade.of()) == 1 + checks
    assert lite.events().count(EventKind.LADDER_ANNOUNCED) == 0
    trade.to(7, 20, 0)

    assert len(trade.of()) == 4 and all(one.status is OrderStatus.REJECTED for one in trade.of())
    assert lite.events().count(EventKind.LADDER_ANNOUNCED) == 1
    (alert,) = trade.alerts()
    assert (
        alert.urgency is Urgency.IMMEDIATE
        and "3 retries failed" in alert.details
        and "hand" in alert.recommended_action
    )
    trade.to(4)
    assert (trade.of()[-1].limit_price, len(trade.of())) == (Price("-4.60"), 5), "the fall of the days starts over"
    assert trade.alerts() == []
    assert trade.is_sound()


def test_a_persons_cancel_holds_for_the_day(lite: DeskBench) -> None:
    trade = Trade(lite)
    trade.to(7)
    cancel = commands.CancelOrder(user_id=ANNA, client_order_id=trade.of()[-1].client_order_id)

    lite.engine.handle(cancel)
    trade.to(7, 20, 0)
    assert [one.status for one in trade.of()] == [OrderStatus.CANCELED]

    trade.to(4)
    assert [one.limit_price for one in trade.of()] == [Price("-1.00"), Price("-4.60")]


def test_without_a_target_a_person_is_told_and_nothing_is_sent(lite: DeskBench) -> None:
    trade = Trade(lite, put_credit_spread(exits=(LOW,), ladder=LadderRule(threshold_dte=7)))

    trade.to(7, 20, 0)
    assert trade.of() == [] and lite.events().count(EventKind.LADDER_ANNOUNCED) == 1
    assert len(trade.alerts()) == 1
    trade.to(4)
    assert lite.events().count(EventKind.LADDER_ANNOUNCED) == 2, "each day is told of once"
    assert len(trade.alerts()) == 1
    assert trade.is_sound()


def test_an_order_of_yesterday_that_still_works_is_replaced(lite: DeskBench) -> None:
    trade = Trade(lite)
    trade.to(7)
    trade.to(4)  # nobody told us that the day's order ended

    assert [one.status for one in trade.of()] == [OrderStatus.CANCELED, OrderStatus.WORKING]
    assert trade.of()[-1].limit_price == Price("-4.60")
    assert trade.is_sound()


def test_another_exit_takes_the_ladders_place(lite: DeskBench) -> None:
    trade = Trade(lite)
    trade.to(7)

    lite.market.set_spot("SPY", 549)
    lite.engine.settle()
    lite.pass_time(seconds=30)

    assert trade.of()[-1].status is OrderStatus.CANCELED
    assert lite.run(trade.run).status is RunStatus.CLOSING
    (leaving,) = trade.of(OrderPurpose.EXIT)
    lite.broker.fill(leaving.client_order_id)
    lite.engine.settle()
    assert lite.run(trade.run).reason == "underlying_level"
    assert trade.is_sound()


def test_a_profit_target_does_not_disturb_the_ladder(lite: DeskBench) -> None:
    trade = Trade(lite)
    trade.to(7)

    lite.quote_spread(0.30)  # a profit of 70 %
    trade.to(7, 18, 0)

    assert trade.of(OrderPurpose.EXIT) == []
    assert [one.status for one in trade.of()] == [OrderStatus.WORKING]


def test_a_restart_after_every_step_changes_nothing(lite: DeskBench) -> None:
    trade = Trade(lite, trident(ladder=LadderRule(threshold_dte=7)))
    for dte in (7, 4, 3):
        for minute in (30, 31, 45):
            lite.restart()
            trade.to(dte, 14, minute)
            lite.restart()
            lite.engine.settle()
        assert {one.part for one in trade.of() if one.is_open} == set(PARTS)
        trade.end_session(dte)

    assert len(trade.of()) == 9
    assert trade.is_sound()


@pytest.mark.parametrize("commit", range(1, 8))
def test_a_kill_at_any_commit_loses_and_doubles_nothing(lite: DeskBench, commit: int) -> None:
    trade = Trade(lite, trident(ladder=LadderRule(threshold_dte=7)))
    trade.to(7, 14, 29)

    lite.clock.move_to(day(7))
    kill_after(lite, commit)
    lite.restart()
    lite.pass_time(minutes=16)

    assert {(one.part, one.limit_price) for one in trade.of()} == {(part, Price("-1.00")) for part in PARTS}
    assert [one.status for one in trade.of()] == [OrderStatus.WORKING] * 3
    assert trade.is_sound()


class Killed(BaseException):
    """The process is gone."""


def kill_after(desk: DeskBench, commits: int) -> None:
    """Let the engine work until it has written so often, and be gone then."""
    made = 0

    def count(moment: str) -> None:
        nonlocal made
        if moment == "after":
            made += 1
            if made == commits:
                raise Killed

    desk.database.on_commit = count
    try:
        desk.engine.settle()
    except Killed:
        pass
    finally:
        desk.database.on_commit = None


def test_memory_of_a_monitor_never_overwrites_the_ladder(lite: DeskBench) -> None:
    trade = Trade(lite)
    trade.to(7)
    lite.quote_spread(0.80)  # the highest profit so far: the monitor writes its memory
    lite.pass_time(minutes=1)

    with lite.store.reading() as uow:
        position = lite.position(trade.run)
        assert position is not None
        watch = uow.watches.get(position.id)
    assert watch is not None
    assert watch.high_close == Price("-0.80")
    assert watch.ladders["whole"].last_processed_dte == 7
    assert watch.ladders["whole"].current_order_id == trade.of()[-1].client_order_id
    assert Decimal(watch.ladders["whole"].current_limit_price or 0) == Decimal(-1)
