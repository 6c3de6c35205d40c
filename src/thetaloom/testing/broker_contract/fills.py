"""Fills at any broker: prices, signs, legs, parts and fees."""

from decimal import Decimal
from functools import partial

from thetaloom.domain.book.orders import OrderStatus
from thetaloom.domain.book.reports import ReportKind as K
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.money import Money, Price
from thetaloom.testing import builders as b
from thetaloom.testing.broker_contract.rig import Rig
from thetaloom.testing.broker_contract.scenarios import Register

scenario = Register()
STRUCTURES = {
    "a_put_credit_spread": (("-1 SPY 2026-01-16 P 560", "+1 SPY 2026-01-16 P 555"), "0.90"),
    "a_call_debit_spread": (("+1 SPY 2026-01-16 C 580", "-1 SPY 2026-01-16 C 590"), "-3.10"),
    "a_spread_for_nothing": (("-1 SPY 2026-01-16 P 560", "+1 SPY 2026-01-16 P 555"), "0.00"),
    "a_long_put": (("+1 SPY 2026-01-16 P 560",), "-2.05"),
    "a_short_put": (("-1 SPY 2026-01-16 P 560",), "1.95"),
    "an_iron_condor": (
        (
            "+1 SPY 2026-01-16 P 550",
            "-1 SPY 2026-01-16 P 555",
            "-1 SPY 2026-01-16 C 590",
            "+1 SPY 2026-01-16 C 595",
        ),
        "1.25",
    ),
    "a_calendar": (("-1 SPY 2026-01-16 P 560", "+1 SPY 2026-01-23 P 560"), "-1.35"),
    "a_butterfly": (("+1 SPY 2026-01-16 P 550", "-2 SPY 2026-01-16 P 555", "+1 SPY 2026-01-16 P 560"), "-0.55"),
    "two_puts_spreads_and_one_call_spread": (
        (
            "+2 SPY 2026-01-16 P 550",
            "-2 SPY 2026-01-16 P 555",
            "-1 SPY 2026-01-16 C 590",
            "+1 SPY 2026-01-16 C 595",
        ),
        "2.15",
    ),
}


def opens_and_closes(structure: str, rig: Rig) -> None:
    """Open a structure at a net price and close it at the opposite one: nothing but fees is left of it."""
    texts, limit = STRUCTURES[structure]
    before = rig.broker.account().cash
    opening = rig.done(b.order(*texts, limit=limit, quantity=2))
    fill = rig.reports(opening.client_order_id)[-1].fill
    assert fill is not None and fill.price == opening.limit_price
    net = sum((-leg.quantity * Decimal(leg.price) for leg in fill.legs), Decimal(0)) / fill.quantity
    assert net == fill.price and all(leg.price >= 0 for leg in fill.legs)
    assert fill.cash == opening.limit_price.times(100, 2) and (fill.fees < 0 or not rig.has_fees_in_fills)
    assert [leg.quantity for leg in fill.legs] == [2 * leg.ratio for leg in opening.legs]
    assert rig.broker.holdings() == {leg.contract: 2 * leg.ratio for leg in opening.legs}
    closing = rig.done(b.closing(opening, limit=-Decimal(opening.limit_price)))
    after, last = rig.broker.account().cash, rig.reports(closing.client_order_id)[-1].fill
    assert last is not None and last.price == closing.limit_price and rig.broker.holdings() == {}
    assert before is not None and after is not None
    assert after - before == (fill.fees + last.fees if rig.tells_fees else rig.fees())


for _number, _name in enumerate(STRUCTURES, start=1):  # a new structure goes to the end: numbers stay
    scenario.add(
        f"SGN-{100 + _number}", f"{_name}_opens_and_closes_at_its_signed_price", partial(opens_and_closes, _name)
    )


@scenario("FIL-001")
def _a_fill_tells_price_cash_legs_and_fees(rig: Rig) -> None:
    order = rig.done(b.order(limit="0.90", quantity=2))
    fill = rig.reports(order.client_order_id)[-1].fill
    assert fill is not None
    assert (fill.quantity, fill.price, fill.cash) == (2, Price("0.90"), Money(180))
    assert fill.fees == Money("-2.60") or not rig.has_fees_in_fills
    assert [leg.quantity for leg in fill.legs] == [-2, 2]
    assert rig.followed(order).status is OrderStatus.FILLED


@scenario("FIL-002")
def _parts_add_up_to_the_order(rig: Rig) -> None:
    order = b.order(limit="0.90", quantity=5)
    rig.plan_parts(order, (2, 1))
    rig.submit(order)
    for _ in range(3):
        rig.fill(order)
    fills = [one.fill for one in rig.reports(order.client_order_id) if one.fill]
    assert [one.quantity for one in fills] == [2, 1, 2]
    assert rig.followed(order).status is OrderStatus.FILLED
    assert set(map(abs, rig.broker.holdings().values())) == {5}


@scenario("FIL-003")
def _parts_have_ids_of_their_own(rig: Rig) -> None:
    order = b.order(limit="0.90", quantity=3)
    rig.plan_parts(order, (1, 1))
    rig.submit(order)
    for _ in range(3):
        rig.fill(order)
    ids = [one.fill.fill_id for one in rig.reports(order.client_order_id) if one.fill]
    assert len(set(ids)) == len(ids) == 3


@scenario("FIL-004")
def _a_part_leaves_the_rest_working(rig: Rig) -> None:
    order = b.order(limit="0.90", quantity=3)
    rig.plan_parts(order, (1,))
    rig.done(order)
    (told,) = rig.broker.open_orders()
    assert (told.filled, told.quantity, told.is_open) == (1, 3, True)
    rig.expect(order.client_order_id, K.ACCEPTED, K.FILLED)


@scenario("FIL-005")
def _ratio_legs_trade_as_one_order_at_one_net_price(rig: Rig) -> None:
    texts, limit = STRUCTURES["two_puts_spreads_and_one_call_spread"]
    order = rig.done(b.order(*texts, limit=limit, quantity=3))
    fill = rig.reports(order.client_order_id)[-1].fill
    rig.expect(order.client_order_id, K.ACCEPTED, K.FILLED)
    assert fill is not None and [leg.quantity for leg in fill.legs] == [6, -6, -3, 3]
    assert fill.cash == Money(645)
    rig.charges(Money("-0.65") * 18)


@scenario("SGN-001")
def _a_spread_is_bought_back_for_no_more_than_its_width(rig: Rig) -> None:
    opening = rig.done(b.order(limit="0.90"))
    closing = rig.done(b.closing(opening, limit="-5.00"))
    fill = rig.reports(closing.client_order_id)[-1].fill
    assert fill is not None and fill.cash == Money(-500) and rig.broker.holdings() == {}


@scenario("FIL-006")
def _a_position_is_closed_in_two_orders(rig: Rig) -> None:
    opening = rig.done(b.order(limit="0.90", quantity=3))
    first = rig.done(b.closing(opening, limit="-0.50", quantity=1))
    assert set(map(abs, rig.broker.holdings().values())) == {2}
    rig.done(b.closing(opening, limit="-0.50", quantity=2, client_order_id=ClientOrderId("tl-second-close")))
    assert rig.broker.holdings() == {} and rig.followed(first).status is OrderStatus.FILLED


@scenario("FIL-007")
def _a_fill_is_reported_once_and_kept(rig: Rig) -> None:
    order = rig.done(b.order(limit="0.90"))
    again = rig.restart()
    fills = [one.fill for one in rig.reports(order.client_order_id) if one.fill]
    found = again.find(order.client_order_id)
    assert len(fills) == 1 and found is not None and (found.filled, found.status) == (1, OrderStatus.FILLED)


SCENARIOS = scenario.scenarios
