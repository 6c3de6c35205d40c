"""More of an order's life: restarts with orders working, ids, signs, refusals, balances and positions."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from thetaloom.domain.book.orders import Order, OrderStatus, TimeInForce
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.book.reports import ReportKind as K
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.money import NOTHING, Money, Price
from thetaloom.errors import NotFound
from thetaloom.testing import builders as b
from thetaloom.testing.broker_contract.abilities import Ability
from thetaloom.testing.broker_contract.rig import Rig, error_of
from thetaloom.testing.broker_contract.scenarios import Register
from thetaloom.testing.broker_contract.world import Break, Call

scenario = Register()
SECOND = ClientOrderId("tl-order-2")
SHORT, LONG = (leg.contract for leg in b.legs())
CONDOR_CALLS = ("-1 SPY 2026-01-16 C 590", "+1 SPY 2026-01-16 C 595")
WORKING_ORDERS = 14  # so many were dropped at a restart of others
EXACT_LIMITS = ("0.05", "0.10", "0.35", "1.15", "2.05", "2.30", "4.85")  # some are no floats


def resting(rig: Rig, **changes: Any) -> Order:
    """Let an order work that the market does not take."""
    order = b.order(limit="1.50", **changes)
    rig.submit(order)
    return order


@scenario("RST-003", cites="Nautilus#5057")
def _an_order_that_worked_over_a_restart_fills_and_is_reported(rig: Rig) -> None:
    order = b.order(limit="0.90")
    rig.submit(order)
    rig.restart()
    rig.fill(order)
    rig.expect(order.client_order_id, K.ACCEPTED, K.FILLED)


@scenario("RST-004", cites="Nautilus#5000: 14 working orders dropped; ib_insync#130")
def _fourteen_working_orders_are_all_there_after_a_restart(rig: Rig) -> None:
    names = [ClientOrderId(f"tl-work-{number:02d}") for number in range(WORKING_ORDERS)]
    for name in names:
        resting(rig, client_order_id=name)
    again = rig.restart()
    assert [one.client_order_id for one in again.open_orders()] == names


@scenario("RST-005")
def _restarts_repeat_no_report_and_no_transaction(rig: Rig) -> None:
    rig.done(b.order(limit="0.90"))
    reports, happened = rig.broker.reports_since(0), rig.broker.transactions(0)
    rig.restart()
    again = rig.restart()
    rig.settle()
    assert again.reports_since(0) == reports and again.transactions(0) == happened


@scenario("RST-006", Ability.REPLACE)
def _a_replaced_order_is_known_by_its_id_after_a_restart(rig: Rig) -> None:
    order = resting(rig)
    rig.replace(order.client_order_id, Price("1.40"), 1)
    found = rig.restart().find(order.client_order_id)
    assert found is not None and found.is_open and found.limit_price == Price("1.40")


@scenario("RST-007", cites="Lean.IB#249")
def _a_part_before_a_restart_and_the_rest_after_it_are_the_whole(rig: Rig) -> None:
    order = b.order(limit="0.90", quantity=3)
    rig.plan_parts(order, (1,))
    rig.done(order)
    rig.restart()
    rig.fill(order)
    assert rig.followed(order).status is OrderStatus.FILLED
    assert set(map(abs, rig.broker.holdings().values())) == {3}


@scenario("RST-008")
def _a_cancel_after_a_restart_is_told_once(rig: Rig) -> None:
    order = resting(rig)
    rig.restart()
    rig.cancel(order.client_order_id)
    rig.restart()
    rig.expect(order.client_order_id, K.ACCEPTED, K.CANCELED)


@scenario("IDS-006", Ability.JUDGES)
def _an_id_that_was_refused_is_not_tried_again(rig: Rig) -> None:
    order = b.order(limit="0.90", quantity=1000)
    rig.submit(order)
    rig.submit(order)
    rig.expect(order.client_order_id, K.REJECTED)


@scenario("IDS-007", cites="Lean.IB#242: order ids issued again")
def _the_brokers_numbers_are_not_given_twice_over_a_restart(rig: Rig) -> None:
    numbers = []
    for number in range(3):
        order = resting(rig, client_order_id=ClientOrderId(f"tl-number-{number}"))
        found = rig.restart().find(order.client_order_id)
        assert found is not None
        numbers.append(found.broker_order_id)
    assert len(set(numbers)) == 3


@scenario("IDS-008")
def _an_id_of_full_length_comes_back_unchanged(rig: Rig) -> None:
    name = ClientOrderId("tl-" + "0123456789abcdef"[:13])
    assert len(name) <= rig.broker.capabilities.client_order_id_length_max
    resting(rig, client_order_id=name)
    (told,) = rig.broker.open_orders()
    assert told.client_order_id == name


@scenario("SGN-002")
def _a_credit_is_told_positive_and_to_the_cent(rig: Rig) -> None:
    for number, text in enumerate(EXACT_LIMITS):
        rig.submit(b.order(limit=text, client_order_id=ClientOrderId(f"tl-credit-{number}")))
    told = {
        one.client_order_id: one.limit_price
        for report in rig.broker.reports_since(0)
        if (one := rig.broker.find(report.client_order_id)) is not None
    }
    assert all(isinstance(limit, Decimal) for limit in told.values())
    assert list(told.values()) == list(map(Price, EXACT_LIMITS))


@scenario("SGN-003", cites="Lean.Tastytrade#15")
def _a_debit_is_told_negative(rig: Rig) -> None:
    order = b.order("+1 SPY 2026-01-16 P 560", "-1 SPY 2026-01-16 P 555", limit="-0.35")
    rig.submit(order)
    (told,) = rig.broker.open_orders()
    assert told.limit_price == Price("-0.35") and told.legs == order.legs


@scenario("SGN-004", Ability.REPLACE, cites="Lean.Tastytrade#15")
def _a_debit_that_is_replaced_stays_a_debit(rig: Rig) -> None:
    order = b.order("+1 SPY 2026-01-16 P 560", "-1 SPY 2026-01-16 P 555", limit="-0.35")
    rig.submit(order)
    rig.replace(order.client_order_id, Price("-0.40"), 1)
    (told,) = rig.broker.open_orders()
    assert told.limit_price == Price("-0.40") == rig.followed(order).limit_price


@scenario("SGN-005", Ability.OUTSIDE)
def _orders_from_elsewhere_carry_our_sign(rig: Rig) -> None:
    rig.world.place_elsewhere(b.legs(), 1, Price("1.50"))
    rig.world.place_elsewhere([replace(leg, ratio=-leg.ratio) for leg in b.legs()], 1, Price("-0.20"))
    assert sorted(one.limit_price for one in rig.broker.open_orders()) == [Price("-0.20"), Price("1.50")]


@scenario("SGN-006")
def _a_credit_brings_cash_and_a_debit_costs_it(rig: Rig) -> None:
    opening = rig.done(b.order(limit="0.90"))
    assert sum((one.cash for one in rig.moves(0)), NOTHING) == Money(90)
    rig.done(b.closing(opening, limit="-0.40"))
    assert sum((one.cash for one in rig.moves(0)), NOTHING) == Money(50)


@scenario("TCK-002", Ability.JUDGES, cites="LEAN#9717")
def _a_limit_off_the_tick_is_refused_as_a_bad_price(rig: Rig) -> None:
    order = b.order(limit="1.505")
    rig.submit(order)
    (report,) = rig.reports(order.client_order_id)
    assert (report.kind, report.refusal) == (K.REJECTED, Refusal.BAD_PRICE)


@scenario("TCK-003")
def _as_many_legs_as_the_broker_takes_are_taken(rig: Rig) -> None:
    count = min(rig.broker.capabilities.legs_max, 4)
    texts = ("+1 SPY 2026-01-16 P 550", "-1 SPY 2026-01-16 P 555", *CONDOR_CALLS)[:count]
    order = b.order(*texts, limit="1.25")
    rig.submit(order)
    rig.expect(order.client_order_id, K.ACCEPTED)
    (told,) = rig.broker.open_orders()
    assert told.legs == order.legs


@scenario("REJ-003", Ability.JUDGES)
def _a_contract_that_has_stopped_trading_is_refused_as_gone(rig: Rig) -> None:
    order = b.order("-1 SPY 2026-01-02 P 560", "+1 SPY 2026-01-02 P 555", limit="1.50")
    rig.submit(order)
    (report,) = rig.reports(order.client_order_id)
    assert (report.kind, report.refusal) == (K.REJECTED, Refusal.STRIKE_GONE)


@scenario("REJ-004", Ability.JUDGES)
def _a_refusal_says_why_and_what_to_do_and_leaves_nothing_behind(rig: Rig) -> None:
    order = b.order(limit="0.90", quantity=1000)
    rig.submit(order)
    (said,) = rig.reports(order.client_order_id)
    assert said.message and said.refusal is not None and said.refusal.text
    assert not rig.broker.open_orders() and not rig.moves(0)
    assert rig.broker.account().buying_power == Money(100_000)


@scenario("REJ-005", Ability.JUDGES, cites="Alpaca-API#282")
def _what_a_working_close_has_reserved_cannot_be_closed_twice(rig: Rig) -> None:
    opening = rig.done(b.order(limit="0.90"))
    rig.submit(b.closing(opening, limit="-0.10"))
    rig.submit(b.closing(opening, limit="-0.20", client_order_id=SECOND))
    (report,) = rig.reports(SECOND)
    assert (report.kind, report.refusal) == (K.REJECTED, Refusal.QUANTITY_CONFLICT)


@scenario("REJ-006", breaks=((Call.SUBMIT, Break.REFUSED),))
def _an_order_that_the_broker_refuses_is_reported_rejected(rig: Rig) -> None:
    order = b.order(limit="1.50")
    rig.line.plan(Call.SUBMIT, Break.REFUSED)
    rig.submit(order)
    rig.expect(order.client_order_id, K.REJECTED)
    assert rig.followed(order).status is OrderStatus.REJECTED and rig.broker.open_orders() == []


@scenario("REJ-007", breaks=((Call.CANCEL, Break.REFUSED),))
def _a_cancel_that_the_broker_refuses_leaves_the_order_working(rig: Rig) -> None:
    order = resting(rig)
    rig.line.plan(Call.CANCEL, Break.REFUSED)
    rig.cancel(order.client_order_id)
    rig.expect(order.client_order_id, K.ACCEPTED, K.CANCEL_REFUSED)
    assert rig.followed(order).status is OrderStatus.WORKING and len(rig.broker.open_orders()) == 1


@scenario("REJ-008", Ability.REPLACE, breaks=((Call.REPLACE, Break.REFUSED),), cites="Lean.TradeStation#106")
def _a_replacement_that_the_broker_refuses_leaves_the_old_limit(rig: Rig) -> None:
    order = resting(rig)
    rig.line.plan(Call.REPLACE, Break.REFUSED)
    rig.replace(order.client_order_id, Price("1.40"), 1)
    rig.expect(order.client_order_id, K.ACCEPTED, K.REPLACE_REFUSED)
    assert [one.limit_price for one in rig.broker.open_orders()] == [Price("1.50")]
    assert rig.followed(order).limit_price == Price("1.50")


@scenario("REP-012", Ability.REPLACE, cites="Alpaca-API#282: insufficient quantity")
def _a_working_close_is_replaced_without_a_conflict_with_itself(rig: Rig) -> None:
    opening = rig.done(b.order(limit="0.90", quantity=2))
    closing = b.closing(opening, limit="-0.10")
    rig.submit(closing)
    rig.replace(closing.client_order_id, Price("-0.15"), 1)
    rig.expect(closing.client_order_id, K.ACCEPTED, K.REPLACED)
    assert [(one.limit_price, one.quantity) for one in rig.broker.open_orders()] == [(Price("-0.15"), 2)]


@scenario("REP-013", Ability.REPLACE, cites="Nautilus#4564")
def _an_order_replaced_three_times_is_one_order_at_the_last_limit(rig: Rig) -> None:
    order = resting(rig)
    for revision, limit in enumerate(("1.45", "1.40", "1.35"), start=1):
        rig.replace(order.client_order_id, Price(limit), revision)
    rig.expect(order.client_order_id, K.ACCEPTED, K.REPLACED, K.REPLACED, K.REPLACED)
    (told,) = rig.broker.open_orders()
    assert (told.client_order_id, told.limit_price) == (order.client_order_id, Price("1.35"))


@scenario("REP-014", Ability.REPLACE)
def _a_replaced_order_fills_no_more_than_was_left(rig: Rig) -> None:
    order = b.order(limit="0.90", quantity=3)
    rig.plan_parts(order, (1,))
    rig.done(order)
    rig.replace(order.client_order_id, Price("0.85"), 1)
    rig.fill(replace(order, limit_price=Price("0.85")))
    assert rig.followed(order).filled == 3 and rig.followed(order).status is OrderStatus.FILLED
    assert set(map(abs, rig.broker.holdings().values())) == {3}


@scenario("CAN-007")
def _an_order_that_does_not_work_cannot_be_canceled_as_an_orphan(rig: Rig) -> None:
    order = resting(rig)
    found = rig.broker.find(order.client_order_id)
    rig.cancel(order.client_order_id)
    assert found is not None
    assert isinstance(error_of(partial(rig.broker.cancel_orphan, found.broker_order_id)), NotFound)


@scenario("CAN-008", Ability.OUTSIDE)
def _an_order_from_elsewhere_is_canceled_by_the_brokers_number(rig: Rig) -> None:
    theirs = rig.world.place_elsewhere(b.legs(), 2, Price("1.50"))
    rig.broker.cancel_orphan(theirs)
    rig.soon(lambda: not rig.broker.open_orders())
    assert isinstance(error_of(partial(rig.broker.cancel_orphan, theirs)), NotFound)


@scenario("CAN-009")
def _a_cancel_of_one_order_leaves_the_others_working(rig: Rig) -> None:
    first, _ = resting(rig), resting(rig, client_order_id=SECOND)
    rig.cancel(SECOND)
    assert [one.client_order_id for one in rig.broker.open_orders()] == [first.client_order_id]


@scenario("TIF-008", Ability.SESSIONS, Ability.GTC, cites="Alpaca-API#283: the child's time in force ignored")
def _a_close_until_canceled_works_on_in_the_next_session(rig: Rig) -> None:
    opening = rig.done(b.order(limit="0.90"))
    closing = b.closing(opening, limit="-0.10", time_in_force=TimeInForce.GTC)
    rig.submit(closing)
    rig.pass_session()
    rig.expect(closing.client_order_id, K.ACCEPTED)
    assert [one.client_order_id for one in rig.broker.open_orders()] == [closing.client_order_id]


@scenario("TIF-009", Ability.SESSIONS, Ability.GTC)
def _a_part_filled_until_canceled_keeps_its_part_over_the_night(rig: Rig) -> None:
    order = b.order(limit="0.90", quantity=3, time_in_force=TimeInForce.GTC)
    rig.plan_parts(order, (1,))
    rig.done(order)
    rig.pass_session()
    found = rig.broker.find(order.client_order_id)  # the market of the next day may have taken the rest
    assert found is not None and found.quantity == 3 and found.filled >= 1
    assert found.status in {OrderStatus.WORKING, OrderStatus.FILLED}


@scenario("TIF-010")
def _what_has_expired_is_told_so_by_the_books(rig: Rig) -> None:
    rig.expire(order := resting(rig))
    found = rig.broker.find(order.client_order_id)
    assert found is not None and (found.status, found.is_open) == (OrderStatus.EXPIRED, False)


@scenario("SUB-006")
def _the_books_say_what_has_filled(rig: Rig) -> None:
    order = rig.done(b.order(limit="0.90", quantity=4))
    found = rig.broker.find(order.client_order_id)
    assert found is not None and (found.status, found.filled, found.is_open) == (OrderStatus.FILLED, 4, False)
    assert rig.broker.open_orders() == []


@scenario("SUB-007")
def _the_books_say_what_was_canceled_after_a_part(rig: Rig) -> None:
    order = b.order(limit="0.90", quantity=3)
    rig.plan_parts(order, (2,))
    rig.done(order)
    rig.cancel(order.client_order_id)
    found = rig.broker.find(order.client_order_id)
    assert found is not None and (found.status, found.filled, found.is_open) == (OrderStatus.CANCELED, 2, False)


@scenario("SUB-008")
def _a_working_close_is_told_whole(rig: Rig) -> None:
    opening = rig.done(b.order(limit="0.90", quantity=2))
    closing = b.closing(opening, limit="-0.10")
    rig.submit(closing)
    (told,) = rig.broker.open_orders()
    assert (told.legs, told.quantity, told.limit_price) == (closing.legs, 2, Price("-0.10"))


@scenario("POS-006")
def _nothing_is_held_at_first(rig: Rig) -> None:
    assert rig.broker.holdings() == {} and rig.moves(0) == [] and not rig.broker.account().shares


@scenario("POS-007")
def _structures_of_several_orders_are_held_together(rig: Rig) -> None:
    rig.done(b.order(limit="0.90", quantity=2))
    rig.done(b.order(*CONDOR_CALLS, limit="0.35", client_order_id=SECOND))
    calls = b.legs(*CONDOR_CALLS)
    assert rig.broker.holdings() == {SHORT: -2, LONG: 2, calls[0].contract: -1, calls[1].contract: 1}


@scenario("POS-008")
def _orders_that_add_to_a_contract_add_up(rig: Rig) -> None:
    for number in range(3):
        rig.done(b.order(limit="0.90", client_order_id=ClientOrderId(f"tl-add-{number}")))
    assert rig.broker.holdings() == {SHORT: -3, LONG: 3} and len(rig.moves(0)) == 6


@scenario("POS-009", cites="tastyware#201, #177, #162: half a condor")
def _one_side_of_a_condor_is_closed_and_the_other_stays(rig: Rig) -> None:
    puts = ("+1 SPY 2026-01-16 P 550", "-1 SPY 2026-01-16 P 555")
    rig.done(b.order(*puts, *CONDOR_CALLS, limit="1.25"))
    rig.done(b.closing(b.order(*CONDOR_CALLS), limit="-0.30"))
    assert rig.broker.holdings() == {leg.contract: leg.ratio for leg in b.legs(*puts)}


@scenario("ACC-003")
def _cash_moves_by_what_filled_and_its_fees(rig: Rig) -> None:
    rig.done(b.order(limit="0.90", quantity=2))
    rig.charges(Money("-2.60"))
    assert rig.broker.account().cash == Money(100_180) + rig.fees()


@scenario("ACC-004", Ability.JUDGES)
def _a_working_order_ties_buying_power_up(rig: Rig) -> None:
    before = rig.broker.account().buying_power
    resting(rig, quantity=3)
    after = rig.broker.account()
    assert before is not None and after.buying_power is not None and after.buying_power < before
    assert after.cash == Money(100_000)


@scenario("ACC-005")
def _balances_carry_their_time_in_utc(rig: Rig) -> None:
    as_of = rig.broker.account().as_of
    assert as_of.tzinfo is not None and as_of.utcoffset() == timedelta(0)


SCENARIOS = scenario.scenarios
