"""Targets of spreads: placed at the broker, placed again, and out of the way before anything else closes."""

from collections import Counter
from decimal import Decimal
from itertools import permutations

import pytest

from thetaloom.domain.book.orders import Effect, Order, OrderPurpose, OrderStatus, TimeInForce
from thetaloom.domain.book.position_status import PositionStatus, position_status, spreads_shown
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.book.resting import beyond_held
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import Outcome, RunStatus
from thetaloom.domain.strategy.rules import TargetRule
from thetaloom.domain.strategy.strategies import ExitKind, ExitUnit, SelectBy, Side, SizeRule, Strategy, Unit
from thetaloom.domain.values.ids import RunId
from thetaloom.domain.values.instruments import Right
from thetaloom.domain.values.money import Money, Price
from thetaloom.engine import commands
from thetaloom.engine.reconcile import find_drifts
from thetaloom.errors import InvalidInput, NotAllowed
from thetaloom.testing import builders
from thetaloom.testing.broker import Trouble
from thetaloom.testing.desk import ANNA, DeskBench, exit_rule, put_credit_spread

PARTS = ("put_1", "put_2", "call")
FILL = ("2.00", "1.00", "1.80", "0.80")  # of the 560 and 555 puts and the 590 and 595 calls: a credit of 1.00 each
STOP = exit_rule(ExitKind.UNDERLYING_BELOW, 550, ExitUnit.DOLLARS)


def trident(*percents: int, quantity: int = 1, **changes: object) -> Strategy:
    """Two put spreads and a call spread, each with a target of its own."""
    rules = [
        TargetRule(
            name=name,
            legs=("short_call", "long_call") if name == "call" else ("short_put", "long_put"),
            percent=Decimal(percent),
        )
        for name, percent in zip(PARTS, percents or (40, 60, 50), strict=True)
    ]
    legs = (
        builders.leg_rule("short_put", Side.SELL, Right.PUT, SelectBy.STRIKE, 560, Unit.DOLLARS, ratio=2),
        builders.leg_rule("long_put", Side.BUY, Right.PUT, SelectBy.WIDTH, 5, Unit.DOLLARS, of="short_put", ratio=2),
        builders.leg_rule("short_call", Side.SELL, Right.CALL, SelectBy.STRIKE, 590, Unit.DOLLARS),
        builders.leg_rule("long_call", Side.BUY, Right.CALL, SelectBy.WIDTH, 5, Unit.DOLLARS, of="short_call"),
    )
    fields = {"legs": legs, "targets": tuple(rules), "size": SizeRule(quantity=quantity), "exits": (STOP,)}
    return put_credit_spread(**(fields | changes))


@pytest.fixture
def desk(lite: DeskBench) -> DeskBench:
    """A desk whose market has the calls of the trident, too."""
    lite.market.set_quotes({"SPY 2026-01-16 C 590": (1.70, 1.90), "SPY 2026-01-16 C 595": (0.70, 0.90)})
    return lite


@pytest.fixture
def trade(desk: DeskBench) -> "Trade":
    """A trident of one structure, filled, with its targets at the broker."""
    return Trade(desk, trident())


class Trade:
    """One run of a trident and what a test asks of it."""

    def __init__(self, desk: DeskBench, strategy: Strategy, *, filled: int | None = None) -> None:
        self.desk = desk
        desk.save(strategy)
        self.run: RunId = desk.start_run()
        desk.broker.fill(desk.order(self.run).client_order_id, filled, leg_prices=FILL)
        desk.engine.settle()

    @property
    def position(self) -> Position:
        """The position as stored."""
        found = self.desk.position(self.run)
        assert found is not None
        return found

    @property
    def exits(self) -> list[Order]:
        """The closing orders that are no targets."""
        return [one for one in self.desk.orders(self.run, Effect.CLOSE) if one.purpose is OrderPurpose.EXIT]

    def targets(self, part: str = "") -> list[Order]:
        """The target orders, of one spread or of all."""
        found = [one for one in self.desk.orders(self.run) if one.purpose is OrderPurpose.TARGET]
        return [one for one in found if part in ("", one.part)]

    def fill(self, part: str, quantity: int | None = None) -> None:
        """Fill the newest target of a spread."""
        self.desk.broker.fill(self.targets(part)[-1].client_order_id, quantity)
        self.desk.engine.settle()

    def close(self, quantity: int | None = None, part: str | None = None) -> None:
        """Ask for the position to be closed, or a part of it."""
        wish = commands.ClosePosition(user_id=ANNA, position_id=self.position.id, quantity=quantity, part=part)
        self.desk.engine.handle(wish)
        self.desk.engine.settle()

    def fill_exit(self) -> None:
        """Fill the newest closing order."""
        self.desk.broker.fill(self.exits[-1].client_order_id)
        self.desk.engine.settle()

    def remaining(self) -> dict[str, int]:
        """What is left of each spread."""
        return {one.name: one.quantity for one in self.position.spreads}

    def is_sound(self) -> bool:
        """Whether our books are the broker's, nothing was sent twice, and no order closes more than is held."""
        sent = Counter(self.desk.sent("submit"))
        closing = [one for one in self.desk.orders(self.run, Effect.CLOSE) if one.is_open]
        return (
            find_drifts(self.desk.desk) == ()
            and max(sent.values()) == 1
            and beyond_held(self.position, closing) == ()
            and self.desk.faults(self.run) == []
            and self.desk.replay(self.run).identical
        )


def test_each_spread_gets_its_own_order_good_until_canceled(trade: Trade) -> None:
    placed = {one.part: one for one in trade.targets()}

    assert [(name, placed[name].limit_price, placed[name].quantity) for name in PARTS] == [
        ("put_1", Price("-0.60"), 1),
        ("put_2", Price("-0.40"), 1),
        ("call", Price("-0.50"), 1),
    ]
    assert all(one.time_in_force is TimeInForce.GTC and one.status is OrderStatus.WORKING for one in placed.values())
    assert trade.desk.run(trade.run).status is RunStatus.MONITORING
    assert [one.entry_price for one in trade.position.spreads] == [Price(1)] * 3
    assert (trade.position.quantity, trade.position.entry_price) == (1, Price(3))
    assert trade.is_sound()


@pytest.mark.parametrize("order", list(permutations(PARTS)))
def test_targets_fill_in_any_order_with_a_restart_between_any_two(trade: Trade, order: tuple[str, ...]) -> None:
    for number, part in enumerate(order, start=1):
        trade.fill(part)
        trade.desk.restart()
        trade.desk.engine.settle()

        assert trade.remaining() == {name: int(name not in order[:number]) for name in PARTS}
        assert len(trade.targets()) == 3

    ended = trade.desk.run(trade.run)
    assert (ended.status, ended.outcome, ended.reason) == (RunStatus.COMPLETED, Outcome.CLOSED, "profit_target")
    assert [one.realized for one in trade.position.spreads] == [Money(40), Money(60), Money(50)]
    assert trade.position.realized == Money(150)
    assert trade.is_sound()


def test_a_partly_filled_target_leaves_the_rest_at_work(desk: DeskBench) -> None:
    trade = Trade(desk, trident(quantity=2))

    trade.fill("put_1", 1)

    assert trade.remaining() == {"put_1": 1, "put_2": 2, "call": 2}
    assert trade.targets("put_1")[-1].remaining == 1
    assert position_status(trade.position, desk.orders(trade.run)) is PositionStatus.OPEN_PARTIAL
    assert trade.is_sound()


def test_a_partial_entry_gets_targets_once_it_ended_and_a_late_fill_gets_its_own(desk: DeskBench) -> None:
    trade = Trade(desk, trident(quantity=2), filled=1)
    entry = desk.order(trade.run, Effect.OPEN).client_order_id
    assert trade.targets() == []

    desk.engine.handle(commands.CancelOrder(user_id=ANNA, client_order_id=entry))
    desk.engine.settle()
    assert [one.quantity for one in trade.targets()] == [1, 1, 1]
    desk.broker.fill(entry, leg_prices=FILL)
    desk.engine.settle()

    assert Counter(one.part for one in trade.targets() if one.is_open) == dict.fromkeys(PARTS, 2)
    assert trade.is_sound()


def test_targets_refused_by_books_that_lag_behind_the_entry_are_placed_again(desk: DeskBench) -> None:
    desk.broker.refusal = Refusal.QUANTITY_CONFLICT
    desk.save(trident())
    run = desk.start_run()
    desk.broker.plan(*[Trouble.REFUSED] * 3)
    desk.broker.fill(desk.order(run).client_order_id, leg_prices=FILL)
    held, desk.broker.held = desk.broker.held, {}  # as told to whoever asks at once

    desk.engine.settle()

    assert desk.run(run).status is RunStatus.MONITORING
    desk.broker.held = held
    desk.pass_time(minutes=10)
    open_now = [one for one in desk.orders(run, Effect.CLOSE) if one.status is OrderStatus.WORKING]
    assert Counter(one.part for one in open_now) == dict.fromkeys(PARTS, 1)


def test_a_kill_before_the_targets_are_sent_sends_each_once(desk: DeskBench) -> None:
    desk.broker.plan(None, Trouble.UNAVAILABLE, Trouble.LOST, Trouble.ACCEPTED_IN_SILENCE)
    trade = Trade(desk, trident())
    desk.broker.release()

    for _ in range(4):
        desk.restart()
        desk.pass_time(minutes=2)

    assert len(trade.targets()) == 3
    assert {one.status for one in trade.targets()} == {OrderStatus.WORKING}
    assert find_drifts(desk.desk) == () and len(desk.broker.open_orders()) == 3


def test_a_target_that_ends_at_the_broker_comes_back_three_times_a_day(trade: Trade) -> None:
    for _ in range(5):
        trade.desk.broker.expire(trade.targets("call")[-1].client_order_id)
        trade.desk.pass_time(minutes=5)
        if not trade.targets("call")[-1].is_open:
            break

    assert len(trade.targets("call")) == 4
    assert trade.desk.events(trade.run).count(EventKind.TARGET_ABANDONED) == 1
    assert trade.desk.facts(EventKind.TARGET_ABANDONED)["part"] == "call"
    trade.desk.pass_time(to=builders.new_york("2026-01-06 09:31"))
    assert len(trade.targets("call")) == 5
    assert trade.is_sound()


def test_a_target_that_a_person_canceled_stays_away(trade: Trade) -> None:
    order = trade.targets("put_1")[-1]

    trade.desk.engine.handle(commands.CancelOrder(user_id=ANNA, client_order_id=order.client_order_id))
    trade.desk.pass_time(to=builders.new_york("2026-01-07 11:00"))

    assert len(trade.targets("put_1")) == 1
    assert trade.is_sound()


def test_a_changed_strategy_touches_no_target_until_a_person_asks(trade: Trade) -> None:
    trade.desk.save(trident(40, 60, 80))
    trade.desk.restart()
    trade.desk.pass_time(minutes=30)
    assert [one.limit_price for one in trade.targets("call")] == [Price("-0.50")]

    trade.desk.engine.handle(commands.ReplaceTargets(user_id=ANNA, position_id=trade.position.id))
    trade.desk.engine.settle()

    assert [(one.status, one.limit_price) for one in trade.targets("call")] == [
        (OrderStatus.CANCELED, Price("-0.50")),
        (OrderStatus.WORKING, Price("-0.20")),
    ]
    assert [one.target_percent for one in spreads_shown(trade.position, trade.desk.orders(trade.run))] == [40, 60, 80]
    assert trade.is_sound()


def test_another_exit_cancels_the_targets_first_and_closes_what_is_left_as_one_order(trade: Trade) -> None:
    trade.fill("put_1")

    trade.desk.market.set_spot("SPY", 549)
    trade.desk.engine.settle()

    verbs = [verb for verb, _ in trade.desk.broker.requests]
    assert verbs[-3:] == ["cancel", "cancel", "submit"]
    (exit_order,) = trade.exits
    assert sorted(leg.ratio for leg in exit_order.legs) == [-1, -1, 1, 1] and exit_order.quantity == 1
    trade.fill_exit()
    ended = trade.desk.run(trade.run)
    assert (ended.outcome, ended.reason) == (Outcome.CLOSED, "underlying_level")
    assert trade.is_sound()


def test_an_unequal_rest_is_one_ratio_order(trade: Trade) -> None:
    trade.close()

    assert [leg.ratio for leg in trade.exits[-1].legs] == [2, -2, 1, -1]
    assert position_status(trade.position, trade.desk.orders(trade.run)) is PositionStatus.CLOSING


def test_beyond_the_legs_a_broker_takes_the_rest_is_split_by_spread(trade: Trade) -> None:
    trade.desk.broker.capabilities = trade.desk.broker.capabilities.__class__(
        legs_max=2, gtc=True, replace=True, native_oco=False, absence_seconds=0, orders_per_second=1_000
    )

    trade.close()
    for _ in PARTS:
        trade.fill_exit()

    assert [one.part for one in trade.exits] == list(PARTS)
    assert trade.desk.run(trade.run).outcome is Outcome.CLOSED
    assert trade.is_sound()


def test_a_target_that_fills_while_it_is_being_canceled_counts(trade: Trade) -> None:
    trade.desk.broker.plan(Trouble.UNREPORTED)  # the word on the first cancel is late
    first = trade.targets("put_1")[-1].client_order_id
    trade.close()
    assert trade.exits == []

    trade.desk.broker.fill(first)
    trade.desk.broker.release(reverse=True)
    trade.desk.pass_time(minutes=1)

    assert trade.remaining() == {"put_1": 0, "put_2": 1, "call": 1}
    assert [(sorted(leg.ratio for leg in one.legs), one.quantity) for one in trade.exits] == [([-1, -1, 1, 1], 1)]
    trade.fill_exit()
    assert trade.is_sound()


def test_a_target_that_fills_late_shrinks_the_closing_order(trade: Trade) -> None:
    first = trade.targets("put_1")[-1].client_order_id
    trade.close()
    assert len(trade.exits) == 1

    trade.desk.broker.fill(first)  # after its cancel was confirmed
    trade.desk.engine.settle()
    trade.desk.pass_time(minutes=3)

    assert [one.status for one in trade.exits] == [OrderStatus.CANCELED, OrderStatus.WORKING]
    trade.fill_exit()
    assert not trade.position.is_open
    assert trade.is_sound()


@pytest.mark.parametrize("silence", [Trouble.LOST, Trouble.ACCEPTED_IN_SILENCE, Trouble.UNAVAILABLE, Trouble.REFUSED])
def test_one_close_intent_whatever_the_cancels_bring_and_however_often_it_is_killed(
    trade: Trade, silence: Trouble
) -> None:
    trade.desk.broker.plan(silence, silence, silence)
    trade.desk.market.set_spot("SPY", 549)
    trade.desk.engine.settle()

    for _ in range(4):
        trade.desk.restart()
        trade.close()
        trade.desk.pass_time(minutes=2)
        trade.desk.broker.release()

    assert len([one for one in trade.exits if one.is_open]) == 1
    assert [one.is_open for one in trade.targets()] == [False] * 3
    assert trade.is_sound()


def test_a_part_is_closed_and_the_rest_goes_on_with_its_targets(trade: Trade) -> None:
    trade.close(part="put_2")
    assert [leg.ratio for leg in trade.exits[-1].legs] == [1, -1]
    trade.fill_exit()

    assert trade.remaining() == {"put_1": 1, "put_2": 0, "call": 1}
    monitoring = trade.desk.run(trade.run)
    assert (monitoring.status, monitoring.reason) == (RunStatus.MONITORING, "")
    assert sorted(one.part for one in trade.targets() if one.is_open) == ["call", "put_1"]
    assert trade.position.keep_asked is None
    trade.desk.pass_time(minutes=30)
    assert len(trade.exits) == 1 and trade.is_sound()


def test_a_quantity_is_closed_in_proportion(desk: DeskBench) -> None:
    trade = Trade(desk, trident(quantity=3))

    trade.close(quantity=1)
    trade.fill_exit()

    assert trade.remaining() == {"put_1": 2, "put_2": 2, "call": 2}
    assert [one.quantity for one in trade.targets() if one.is_open] == [2, 2, 2]
    assert position_status(trade.position, desk.orders(trade.run)) is PositionStatus.OPEN_PARTIAL
    assert trade.is_sound()


def test_more_than_is_held_and_unknown_parts_are_refused(trade: Trade) -> None:
    before = trade.desk.broker.requests.copy()

    for quantity, part, wanted in (
        (2, None, NotAllowed),
        (2, "call", NotAllowed),
        (0, None, InvalidInput),
        (1, "fly", InvalidInput),
    ):
        with pytest.raises(wanted):
            trade.close(quantity, part)

    assert trade.desk.broker.requests == before
    trade.fill("call")
    with pytest.raises(NotAllowed, match="holds nothing"):
        trade.close(part="call")


def test_a_plain_position_is_closed_in_part_too(lite: DeskBench) -> None:
    run = lite.enter(put_credit_spread(size=SizeRule(quantity=3)))
    held = lite.position(run)
    assert held is not None

    lite.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=held.id, quantity=2))
    lite.engine.settle()
    lite.broker.fill(lite.order(run, Effect.CLOSE).client_order_id)
    lite.engine.settle()

    left = lite.position(run)
    assert left is not None and (left.quantity, left.opened_quantity) == (1, 3)
    assert lite.run(run).status is RunStatus.MONITORING
    assert position_status(left) is PositionStatus.OPEN_PARTIAL


def test_what_targets_leave_is_settled_at_expiration(trade: Trade) -> None:
    trade.fill("put_1")

    trade.desk.pass_time(to=builders.new_york("2026-01-16 16:30"))
    trade.desk.settle_expired()

    assert trade.desk.run(trade.run).outcome is Outcome.EXPIRED
    assert position_status(trade.position) is PositionStatus.EXPIRED
    assert trade.position.realized == Money(40 + 200)
