"""The life of an order at any broker: identity, races, time in force, and what works."""

from dataclasses import replace
from typing import Any

from thetaloom.domain.book.orders import Order, OrderStatus, TimeInForce
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.book.reports import ReportKind as K
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.money import Money, Price
from thetaloom.testing import builders as b
from thetaloom.testing.broker_contract.abilities import Ability
from thetaloom.testing.broker_contract.rig import Rig
from thetaloom.testing.broker_contract.scenarios import Register

scenario = Register()
UNKNOWN_ID = ClientOrderId("tl-never-sent")
SECOND = ClientOrderId("tl-order-2")


def resting(**changes: Any) -> Order:
    """Return an order that the market does not take."""
    return b.order(limit="1.50", **changes)


@scenario("SUB-001")
def _an_order_is_accepted_and_works(rig: Rig) -> None:
    order = resting()
    rig.submit(order)
    found = rig.broker.find(order.client_order_id)
    rig.expect(order.client_order_id, K.ACCEPTED)
    assert rig.followed(order).status is OrderStatus.WORKING
    assert found is not None and found.is_open and found.filled == 0 and found.limit_price == Price("1.50")
    assert found.broker_order_id == rig.followed(order).broker_order_id


@scenario("SUB-002")
def _what_never_arrived_is_not_found(rig: Rig) -> None:
    assert rig.broker.find(UNKNOWN_ID) is None


@scenario("IDS-001")
def _an_id_seen_before_is_not_a_second_order(rig: Rig) -> None:
    order = resting()
    rig.submit(order)
    rig.submit(order)
    rig.expect(order.client_order_id, K.ACCEPTED)
    assert len(rig.broker.open_orders()) == 1


@scenario("IDS-002")
def _an_id_seen_before_with_another_quantity_changes_nothing(rig: Rig) -> None:
    order = resting()
    rig.submit(order)
    rig.submit(replace(order, quantity=5))
    rig.fill(order)
    assert rig.followed(order).filled == 1 and set(map(abs, rig.broker.holdings().values())) == {1}


@scenario("IDS-003")
def _an_id_that_has_filled_does_not_trade_again(rig: Rig) -> None:
    order = rig.done(b.order(limit="0.90"))
    rig.done(order)
    rig.expect(order.client_order_id, K.ACCEPTED, K.FILLED)


@scenario("IDS-004")
def _an_id_that_was_canceled_does_not_work_again(rig: Rig) -> None:
    order = resting()
    rig.submit(order)
    rig.cancel(order.client_order_id)
    rig.submit(order)
    rig.expect(order.client_order_id, K.ACCEPTED, K.CANCELED)
    assert not rig.broker.open_orders()


@scenario("IDS-005")
def _an_id_is_known_after_a_restart(rig: Rig) -> None:
    order = resting()
    rig.submit(order)
    again = rig.restart()
    rig.submit(order)
    found = again.find(order.client_order_id)
    assert found is not None and found.is_open and len(again.open_orders()) == 1


@scenario("CAN-001")
def _a_cancel_ends_a_working_order(rig: Rig) -> None:
    order = resting()
    rig.submit(order)
    rig.cancel(order.client_order_id)
    found = rig.broker.find(order.client_order_id)
    rig.expect(order.client_order_id, K.ACCEPTED, K.CANCELED)
    assert found is not None and not found.is_open and found.status is OrderStatus.CANCELED


@scenario("CAN-002")
def _a_cancel_that_lost_the_race_is_refused(rig: Rig) -> None:
    order = rig.done(b.order(limit="0.90"))
    rig.cancel(order.client_order_id)
    rig.expect(order.client_order_id, K.ACCEPTED, K.FILLED, K.CANCEL_REFUSED)
    assert rig.followed(order).status is OrderStatus.FILLED


@scenario("CAN-003")
def _a_second_cancel_is_refused(rig: Rig) -> None:
    order = resting()
    rig.submit(order)
    rig.cancel(order.client_order_id)
    rig.cancel(order.client_order_id)
    rig.expect(order.client_order_id, K.ACCEPTED, K.CANCELED, K.CANCEL_REFUSED)
    assert rig.followed(order).status is OrderStatus.CANCELED


@scenario("CAN-004")
def _a_cancel_of_an_unknown_order_is_refused(rig: Rig) -> None:
    rig.cancel(UNKNOWN_ID)
    rig.expect(UNKNOWN_ID, K.CANCEL_REFUSED)
    assert rig.broker.find(UNKNOWN_ID) is None


@scenario("REP-001", Ability.REPLACE)
def _a_replace_of_an_unknown_order_is_refused(rig: Rig) -> None:
    rig.replace(UNKNOWN_ID, Price(1), 1)
    rig.expect(UNKNOWN_ID, K.REPLACE_REFUSED)
    assert rig.broker.find(UNKNOWN_ID) is None


@scenario("REP-002", Ability.REPLACE)
def _a_replace_moves_the_limit_of_the_same_order(rig: Rig) -> None:
    order = resting()
    rig.submit(order)
    rig.replace(order.client_order_id, Price("1.40"), 1)
    after = rig.broker.find(order.client_order_id)
    assert after is not None and after.limit_price == Price("1.40") and after.client_order_id == order.client_order_id
    assert len(rig.broker.open_orders()) == 1 and rig.followed(order).limit_price == Price("1.40")


@scenario("REP-011", Ability.REPLACE, Ability.SAME_ID)
def _a_replaced_order_keeps_its_number_at_the_broker(rig: Rig) -> None:
    order = resting()
    rig.submit(order)
    before = rig.broker.find(order.client_order_id)
    rig.replace(order.client_order_id, Price("1.40"), 1)
    after = rig.broker.find(order.client_order_id)
    assert before is not None and after is not None and before.broker_order_id == after.broker_order_id


@scenario("REP-003", Ability.REPLACE)
def _a_replaced_order_fills_at_its_new_limit(rig: Rig) -> None:
    order = resting()
    rig.submit(order)
    rig.replace(order.client_order_id, Price("0.85"), 1)
    rig.fill(replace(order, limit_price=Price("0.85")))
    fill = rig.reports(order.client_order_id)[-1].fill
    rig.expect(order.client_order_id, K.ACCEPTED, K.REPLACED, K.FILLED)
    assert fill is not None and fill.price == Price("0.85")


@scenario("REP-004", Ability.REPLACE)
def _an_older_revision_changes_nothing(rig: Rig) -> None:
    order = resting()
    rig.submit(order)
    rig.replace(order.client_order_id, Price("1.40"), 2)
    rig.replace(order.client_order_id, Price("1.45"), 1)
    found = rig.broker.find(order.client_order_id)
    assert found is not None and found.limit_price == Price("1.40")


@scenario("REP-005", Ability.REPLACE)
def _the_same_revision_twice_is_one_replacement(rig: Rig) -> None:
    order = resting()
    rig.submit(order)
    rig.replace(order.client_order_id, Price("1.40"), 1)
    rig.replace(order.client_order_id, Price("1.35"), 1)
    found = rig.broker.find(order.client_order_id)
    assert found is not None and found.limit_price == Price("1.40")
    rig.expect(order.client_order_id, K.ACCEPTED, K.REPLACED)


@scenario("REP-006", Ability.REPLACE)
def _a_replace_of_what_was_canceled_is_refused(rig: Rig) -> None:
    order = resting()
    rig.submit(order)
    rig.cancel(order.client_order_id)
    rig.replace(order.client_order_id, Price("1.40"), 1)
    rig.expect(order.client_order_id, K.ACCEPTED, K.CANCELED, K.REPLACE_REFUSED)
    assert not rig.broker.open_orders()


@scenario("REP-007", Ability.REPLACE)
def _a_replace_of_what_has_filled_is_refused(rig: Rig) -> None:
    order = rig.done(b.order(limit="0.90"))
    rig.replace(order.client_order_id, Price("1.40"), 1)
    rig.expect(order.client_order_id, K.ACCEPTED, K.FILLED, K.REPLACE_REFUSED)
    assert rig.followed(order).status is OrderStatus.FILLED


@scenario("REP-008", Ability.REPLACE)
def _a_replace_after_a_restart_moves_the_order_that_works(rig: Rig) -> None:
    order = resting()
    rig.submit(order)
    again = rig.restart()
    rig.replace(order.client_order_id, Price("1.40"), 1)
    assert [one.limit_price for one in again.open_orders()] == [Price("1.40")]


@scenario("REP-009", Ability.REPLACE)
def _a_replaced_order_is_canceled_by_the_same_id(rig: Rig) -> None:
    order = resting()
    rig.submit(order)
    rig.replace(order.client_order_id, Price("1.40"), 1)
    rig.cancel(order.client_order_id)
    rig.expect(order.client_order_id, K.ACCEPTED, K.REPLACED, K.CANCELED)
    assert not rig.broker.open_orders()


@scenario("REP-010", Ability.REPLACE)
def _a_replaced_order_keeps_what_it_filled(rig: Rig) -> None:
    order = b.order(limit="0.90", quantity=3)
    rig.plan_parts(order, (1,))
    rig.done(order)
    rig.replace(order.client_order_id, Price("0.85"), 1)
    found = rig.broker.find(order.client_order_id)
    assert found is not None and (found.filled, found.quantity, found.is_open) == (1, 3, True)


@scenario("CAN-005")
def _an_order_canceled_after_a_part_keeps_the_part(rig: Rig) -> None:
    order = b.order(limit="0.90", quantity=3)
    rig.plan_parts(order, (2,))
    rig.done(order)
    rig.cancel(order.client_order_id)
    known = rig.followed(order)
    assert (known.status, known.filled) == (OrderStatus.CANCELED, 2)
    assert set(map(abs, rig.broker.holdings().values())) == {2}


@scenario("TIF-001")
def _a_day_order_ends_with_the_day(rig: Rig) -> None:
    order = resting()
    rig.submit(order)
    rig.expire(order)
    assert rig.followed(order).status is OrderStatus.EXPIRED and not rig.broker.open_orders()


@scenario("TIF-002", Ability.REPLACE)
def _what_has_expired_can_neither_be_canceled_nor_replaced(rig: Rig) -> None:
    order = resting()
    rig.submit(order)
    rig.expire(order)
    rig.cancel(order.client_order_id)
    rig.replace(order.client_order_id, Price("1.40"), 1)
    rig.expect(order.client_order_id, K.ACCEPTED, K.EXPIRED, K.CANCEL_REFUSED, K.REPLACE_REFUSED)


@scenario("TIF-003", Ability.SESSIONS, Ability.GTC)
def _an_order_until_canceled_works_on_in_the_next_session(rig: Rig) -> None:
    order = resting(time_in_force=TimeInForce.GTC)
    rig.submit(order)
    rig.pass_session()
    rig.expect(order.client_order_id, K.ACCEPTED)
    assert len(rig.broker.open_orders()) == 1


@scenario("TIF-004", Ability.SESSIONS, Ability.GTC)
def _an_order_until_canceled_fills_in_a_later_session(rig: Rig) -> None:
    order = b.order(limit="0.90", time_in_force=TimeInForce.GTC)
    rig.submit(order)
    rig.pass_session()
    rig.fill(order)
    assert rig.followed(order).status is OrderStatus.FILLED


@scenario("TIF-005", Ability.SESSIONS, Ability.GTC, Ability.REPLACE)
def _an_order_until_canceled_stays_so_when_replaced(rig: Rig) -> None:
    order = resting(time_in_force=TimeInForce.GTC)
    rig.submit(order)
    rig.replace(order.client_order_id, Price("1.40"), 1)
    rig.pass_session()
    assert [one.limit_price for one in rig.broker.open_orders()] == [Price("1.40")]


@scenario("TIF-006", Ability.SESSIONS, Ability.GTC)
def _an_order_until_canceled_survives_restart_and_night(rig: Rig) -> None:
    order = resting(time_in_force=TimeInForce.GTC)
    rig.submit(order)
    rig.pass_session()
    again = rig.restart()
    rig.cancel(order.client_order_id)
    found = again.find(order.client_order_id)
    assert found is not None and found.status is OrderStatus.CANCELED


@scenario("TIF-007", Ability.SESSIONS)
def _an_order_of_the_evening_works_in_the_next_session_or_is_refused_at_once_as_closed(rig: Rig) -> None:
    rig.wait_for_evening()
    order = b.order(limit="0.90")
    rig.submit(order)
    if rig.followed(order).status is OrderStatus.REJECTED:
        assert rig.followed(order).refusal is Refusal.MARKET_CLOSED
        return
    assert len(rig.broker.open_orders()) == 1
    rig.pass_session()
    rig.fill(order)
    assert rig.followed(order).status is OrderStatus.FILLED


@scenario("SUB-003")
def _what_works_is_told_oldest_first(rig: Rig) -> None:
    first, second = resting(), resting(client_order_id=SECOND)
    rig.submit(first)
    rig.submit(second)
    assert [one.client_order_id for one in rig.broker.open_orders()] == [first.client_order_id, SECOND]
    rig.cancel(first.client_order_id)
    assert [one.client_order_id for one in rig.broker.open_orders()] == [SECOND]


@scenario("SUB-004")
def _what_works_is_told_whole(rig: Rig) -> None:
    order = resting(quantity=3)
    rig.submit(order)
    (told,) = rig.broker.open_orders()
    assert (told.legs, told.quantity, told.status) == (order.legs, 3, OrderStatus.WORKING)
    assert told.placed_at == rig.reports(order.client_order_id)[0].reported_at
    assert told == rig.broker.find(order.client_order_id)


@scenario("SUB-005", Ability.OUTSIDE)
def _an_order_from_elsewhere_works_without_an_id_of_ours(rig: Rig) -> None:
    before = len(rig.broker.reports_since(0))
    theirs = rig.world.place_elsewhere(b.legs(), 2, Price("1.50"))
    (told,) = rig.broker.open_orders()
    assert (told.client_order_id, told.broker_order_id, told.quantity) == (None, theirs, 2)
    assert len(rig.broker.reports_since(0)) == before


@scenario("CAN-006", Ability.OUTSIDE)
def _an_order_of_ours_canceled_elsewhere_is_reported(rig: Rig) -> None:
    order = resting()
    rig.submit(order)
    found = rig.broker.find(order.client_order_id)
    assert found is not None
    rig.world.cancel_elsewhere(found.broker_order_id)
    rig.expect(order.client_order_id, K.ACCEPTED, K.CANCELED)


@scenario("TCK-001", Ability.JUDGES)
def _more_legs_than_the_broker_takes_are_refused(rig: Rig) -> None:
    count = rig.broker.capabilities.legs_max + 1
    order = b.order(*(f"+1 SPY 2026-01-16 P {500 + strike}" for strike in range(count)), limit="-5.00")
    rig.submit(order)
    (report,) = rig.reports(order.client_order_id)
    assert (report.kind, report.refusal) == (K.REJECTED, Refusal.TOO_MANY_LEGS)
    assert rig.preview(replace(order, client_order_id=SECOND)).refusal is Refusal.TOO_MANY_LEGS


@scenario("TCK-004", Ability.JUDGES)
def _ratios_with_a_common_factor_are_refused_or_traded_at_the_limit_that_was_meant(rig: Rig) -> None:
    before = rig.broker.account().cash
    order = b.order("-2 SPY 2026-01-16 P 560", "+2 SPY 2026-01-16 P 555", limit="1.80")
    rig.submit(order)
    (report,) = rig.reports(order.client_order_id)
    if report.kind is K.REJECTED:
        assert report.refusal is Refusal.NOT_PERMITTED and not rig.broker.open_orders()
        return
    rig.fill(order)
    after = rig.broker.account().cash
    assert before is not None and after is not None and after - before == Money(180) + rig.fees()


@scenario("REJ-001", Ability.JUDGES)
def _an_order_beyond_the_buying_power_is_refused_with_its_reason(rig: Rig) -> None:
    order = b.order(limit="0.90", quantity=1000)
    rig.submit(order)
    (report,) = rig.reports(order.client_order_id)
    assert (report.kind, report.refusal) == (K.REJECTED, Refusal.INSUFFICIENT_BUYING_POWER)


@scenario("REJ-002", Ability.JUDGES)
def _a_close_of_what_is_not_held_is_refused(rig: Rig) -> None:
    order = b.closing(b.order(), limit="-1.10")
    rig.submit(order)
    (report,) = rig.reports(order.client_order_id)
    assert (report.kind, report.refusal) == (K.REJECTED, Refusal.QUANTITY_CONFLICT)


SCENARIOS = scenario.scenarios
