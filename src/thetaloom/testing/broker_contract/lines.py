"""Streams that break, fall silent, repeat themselves or leave something out, and clocks that differ."""

from functools import partial
from typing import Any

from thetaloom.domain.book.orders import Order, OrderStatus
from thetaloom.domain.book.reports import ReportKind as K
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.money import Money, Price
from thetaloom.ports.links import Linked, LinkStatus
from thetaloom.testing import builders as b
from thetaloom.testing.broker_contract.abilities import Ability
from thetaloom.testing.broker_contract.rig import Rig, error_of
from thetaloom.testing.broker_contract.scenarios import Register
from thetaloom.testing.broker_contract.world import Break, Call

scenario = Register()
SECOND = ClientOrderId("tl-order-2")
SHORT, LONG = (leg.contract for leg in b.legs())
SKEWS = {"ahead": 90.0, "behind": -90.0}  # seconds


def links(rig: Rig) -> list[LinkStatus]:
    """Return how the broker's connections stand."""
    return list(rig.broker.links()) if isinstance(rig.broker, Linked) else []


def up(rig: Rig) -> None:
    """Check that every line comes up."""
    rig.soon(lambda: all(one.is_up for one in links(rig)))


def resting(rig: Rig, **changes: Any) -> Order:
    """Let an order work that the market does not take."""
    order = b.order(limit="1.50", **changes)
    rig.submit(order)
    return order


@scenario("STR-001", Ability.STREAMS)
def _the_lines_say_that_they_are_up(rig: Rig) -> None:
    up(rig)
    assert links(rig) and all(one.since is not None and one.heard_at is not None for one in links(rig))


@scenario("STR-002", Ability.STREAMS, cites="Lean.IB#249")
def _a_fill_while_the_stream_is_down_is_told_when_it_is_back(rig: Rig) -> None:
    order = b.order(limit="0.90", quantity=2)
    rig.submit(order)
    rig.lines.drop()
    rig.fill(order)
    rig.soon(lambda: rig.kinds(order.client_order_id) == [K.ACCEPTED, K.FILLED])
    assert set(map(abs, rig.broker.holdings().values())) == {2}


@scenario("STR-003", Ability.STREAMS, cites="tastyware#137, #229, #338")
def _silence_is_a_failure_and_the_line_is_opened_again(rig: Rig) -> None:
    up(rig)
    order = b.order(limit="0.90")
    rig.submit(order)
    before = sum(one.drops for one in links(rig))
    rig.lines.mute(True)
    rig.fill(order)
    rig.soon(lambda: sum(one.drops for one in links(rig)) > before)
    rig.lines.mute(False)
    rig.soon(lambda: rig.kinds(order.client_order_id) == [K.ACCEPTED, K.FILLED])
    up(rig)


@scenario("STR-004", Ability.STREAMS)
def _a_line_that_breaks_again_and_again_comes_back_each_time(rig: Rig) -> None:
    for number in range(3):
        up(rig)
        order = b.order(limit="0.90", client_order_id=ClientOrderId(f"tl-drop-{number}"))
        rig.submit(order)
        rig.lines.drop()
        rig.fill(order)
        rig.soon(partial(_is_filled, rig, order))
    assert set(map(abs, rig.broker.holdings().values())) == {3}


@scenario("STR-005", Ability.STREAMS, Ability.OUTSIDE)
def _a_cancel_while_the_stream_is_down_is_told_when_it_is_back(rig: Rig) -> None:
    order = resting(rig)
    found = rig.broker.find(order.client_order_id)
    assert found is not None
    rig.lines.drop()
    rig.world.cancel_elsewhere(found.broker_order_id)
    rig.soon(lambda: rig.kinds(order.client_order_id) == [K.ACCEPTED, K.CANCELED])


@scenario("STR-006", Ability.STREAMS, cites="Lean.IB#249: dropped and never read again")
def _what_is_told_before_and_after_a_break_counts_once(rig: Rig) -> None:
    order = b.order(limit="0.90", quantity=3)
    rig.plan_parts(order, (1,))
    rig.submit(order)
    rig.fill(order)
    rig.lines.drop()
    rig.fill(order)
    rig.soon(partial(_is_filled, rig, order))
    fills = [one.fill for one in rig.reports(order.client_order_id) if one.fill is not None]
    assert sum(one.quantity for one in fills) == 3 and len({one.fill_id for one in fills}) == len(fills)
    assert set(map(abs, rig.broker.holdings().values())) == {3}
    assert len({one.transaction_id for one in rig.moves(0)}) == len(rig.moves(0)) == 4


@scenario("STR-007", Ability.STREAMS, Ability.WIRE)
def _a_fill_while_everything_is_down_is_told_when_it_is_back(rig: Rig) -> None:
    order = b.order(limit="0.90")
    rig.submit(order)
    rig.line.go_down(True)
    rig.lines.drop()
    rig.fill(order)
    rig.line.go_down(False)
    rig.soon(lambda: rig.kinds(order.client_order_id) == [K.ACCEPTED, K.FILLED])
    up(rig)


@scenario("STR-008", Ability.STREAMS, Ability.WIRE)
def _the_lines_say_since_when_they_are_down_and_why(rig: Rig) -> None:
    up(rig)
    rig.line.go_down(True)
    rig.lines.drop()
    rig.soon(lambda: any(not one.is_up for one in links(rig)))
    lost = [one for one in links(rig) if not one.is_up]
    rig.line.go_down(False)
    assert all(one.since is not None and one.reason and one.drops >= 1 for one in lost)
    up(rig)


@scenario("STR-009", Ability.STREAMS)
def _orders_are_sent_while_the_stream_is_down(rig: Rig) -> None:
    rig.lines.drop()
    order = b.order(limit="1.50")
    assert rig.attempt(order) is None
    rig.soon(lambda: rig.kinds(order.client_order_id) == [K.ACCEPTED])
    assert len(rig.broker.open_orders()) == 1


@scenario("STR-010", Ability.STREAMS)
def _a_break_wakes_nobody_with_what_was_known(rig: Rig) -> None:
    order = rig.done(b.order(limit="0.90"))
    before = [one.sequence for one in rig.broker.reports_since(0)]
    rig.lines.drop()
    up(rig)
    rig.settle()
    assert [one.sequence for one in rig.broker.reports_since(0)] == before
    assert rig.kinds(order.client_order_id) == [K.ACCEPTED, K.FILLED]


@scenario("LAT-005", breaks=((Call.STREAM, Break.TWICE),))
def _an_acceptance_told_twice_is_one_report(rig: Rig) -> None:
    rig.line.plan(Call.STREAM, Break.TWICE)
    order = resting(rig)
    rig.expect(order.client_order_id, K.ACCEPTED)
    rig.cancel(order.client_order_id)
    rig.expect(order.client_order_id, K.ACCEPTED, K.CANCELED)


@scenario("LAT-006", breaks=((Call.STREAM, Break.TWICE),), cites="ib_insync#36")
def _a_fill_told_twice_counts_once(rig: Rig) -> None:
    order = b.order(limit="0.90", quantity=2)
    rig.plan_parts(order, (1,))
    rig.submit(order)
    rig.line.plan(Call.STREAM, Break.TWICE, Break.TWICE)
    rig.fill(order)
    rig.fill(order)
    rig.expect(order.client_order_id, K.ACCEPTED, K.FILLED, K.FILLED)
    assert rig.followed(order).status is OrderStatus.FILLED
    assert set(map(abs, rig.broker.holdings().values())) == {2} and len(rig.moves(0)) == 4


@scenario("LAT-007", breaks=((Call.STREAM, Break.TWICE),))
def _a_cancel_told_twice_is_one_report(rig: Rig) -> None:
    order = resting(rig)
    rig.line.plan(Call.STREAM, Break.TWICE)
    rig.cancel(order.client_order_id)
    rig.expect(order.client_order_id, K.ACCEPTED, K.CANCELED)


@scenario("REC-001", Ability.STREAMS, breaks=((Call.STREAM, Break.NOT_TOLD),), cites="field 3.4")
def _an_acceptance_that_the_stream_left_out_is_found_in_the_books(rig: Rig) -> None:
    order = b.order(limit="1.50")
    rig.line.plan(Call.STREAM, Break.NOT_TOLD)
    assert rig.attempt(order) is None
    rig.lines.drop()
    rig.soon(lambda: rig.kinds(order.client_order_id) == [K.ACCEPTED])


@scenario("REC-002", Ability.STREAMS, breaks=((Call.STREAM, Break.NOT_TOLD),), cites="Lean.IB#249")
def _a_fill_that_the_stream_left_out_is_found_in_the_books(rig: Rig) -> None:
    order = b.order(limit="0.90", quantity=2)
    rig.submit(order)
    rig.line.plan(Call.STREAM, Break.NOT_TOLD)
    rig.fill(order)
    rig.lines.drop()
    rig.soon(lambda: rig.kinds(order.client_order_id) == [K.ACCEPTED, K.FILLED])
    rig.soon(lambda: len(rig.moves(0)) == 2)


@scenario("REC-003", Ability.STREAMS, Ability.OUTSIDE, breaks=((Call.STREAM, Break.NOT_TOLD),))
def _a_cancel_that_the_stream_left_out_is_found_in_the_books(rig: Rig) -> None:
    order = resting(rig)
    found = rig.broker.find(order.client_order_id)
    assert found is not None
    rig.line.plan(Call.STREAM, Break.NOT_TOLD)
    rig.world.cancel_elsewhere(found.broker_order_id)
    rig.lines.drop()
    rig.soon(lambda: rig.kinds(order.client_order_id) == [K.ACCEPTED, K.CANCELED])


@scenario("REC-004", Ability.STREAMS, breaks=((Call.STREAM, Break.NOT_TOLD),), cites="ib_async#191")
def _a_restart_finds_what_the_stream_left_out(rig: Rig) -> None:
    order = b.order(limit="0.90")
    rig.submit(order)
    rig.line.plan(Call.STREAM, Break.NOT_TOLD)
    rig.fill(order)
    rig.restart()
    rig.soon(lambda: rig.kinds(order.client_order_id) == [K.ACCEPTED, K.FILLED])


@scenario("REC-005", Ability.OUTSIDE)
def _what_was_assigned_while_we_were_away_is_in_the_transactions(rig: Rig) -> None:
    rig.done(b.order(limit="0.90", quantity=2))
    seen = len(rig.moves(0))
    rig.world.assign(SHORT, 1)
    again = rig.restart()
    rig.soon(lambda: len(rig.moves(0)) == seen + 2)
    assert again.holdings() == {SHORT: -1, LONG: 2}


@scenario("REC-006", Ability.STREAMS, Ability.OUTSIDE)
def _a_trade_elsewhere_while_the_stream_is_down_is_found_in_the_books(rig: Rig) -> None:
    rig.lines.drop()
    rig.world.trade_elsewhere(b.legs(), 1, Price("1.00"))
    rig.soon(lambda: len(rig.moves(0)) == 2)
    assert {one.client_order_id for one in rig.moves(0)} == {None}
    assert rig.broker.reports_since(0) == [] and rig.broker.holdings() == {SHORT: -1, LONG: 1}


def clocks_differ(seconds: float, rig: Rig) -> None:
    """Live an order's life with a broker whose clock is wrong."""
    rig.lines.skew(seconds)
    order = b.order(limit="0.90", quantity=2)
    rig.plan_parts(order, (1,))
    rig.submit(order)
    rig.fill(order)
    rig.fill(order)
    rig.expect(order.client_order_id, K.ACCEPTED, K.FILLED, K.FILLED)
    assert rig.followed(order).status is OrderStatus.FILLED and rig.broker.account().cash is not None


def clocks_differ_at_a_break(seconds: float, rig: Rig) -> None:
    """Miss a fill at a broker whose clock is wrong: it is found by what is new, not by what is late."""
    first = rig.done(b.order(limit="0.90"))
    rig.lines.skew(seconds)
    order = b.order(limit="0.90", client_order_id=SECOND)
    rig.submit(order)
    rig.lines.drop()
    rig.fill(order)
    rig.soon(partial(_is_filled, rig, order))
    assert rig.kinds(first.client_order_id) == [K.ACCEPTED, K.FILLED] and len(rig.moves(0)) == 4


for _number, (_words, _seconds) in enumerate(SKEWS.items(), start=1):
    scenario.add(
        f"CLK-{_number:03d}",
        f"an_order_lives_its_life_at_a_broker_whose_clock_is_{_words}_of_ours",
        partial(clocks_differ, _seconds),
        Ability.STREAMS,
    )
    scenario.add(
        f"CLK-{_number + 10:03d}",
        f"a_fill_missed_at_a_broker_whose_clock_is_{_words}_of_ours_is_found_once",
        partial(clocks_differ_at_a_break, _seconds),
        Ability.STREAMS,
    )


@scenario("CLK-021", Ability.STREAMS)
def _balances_of_a_broker_ahead_of_us_carry_our_time(rig: Rig) -> None:
    rig.lines.skew(90)
    before = rig.broker.account().as_of
    rig.lines.skew(-90)
    assert rig.broker.account().as_of == before and rig.broker.account().cash == Money(100_000)
    assert error_of(rig.broker.open_orders) is None


def _is_filled(rig: Rig, order: Order) -> bool:
    return rig.followed(order).status is OrderStatus.FILLED


SCENARIOS = scenario.scenarios
