"""The adapter trades at a simulated TWS through the SDK's own client."""

from thetaloom.domain.book.orders import OrderStatus
from thetaloom.domain.book.reports import ReportKind as K
from thetaloom.domain.values.money import Money, Price
from thetaloom.testing import builders as b
from thetaloom.testing.broker_servers.ibkr.rig import LONG, SHORT, Bench


def test_an_order_is_accepted_and_works_under_our_id(bench: Bench) -> None:
    broker, order = bench.connect(), b.order(limit="1.50")

    broker.submit(order)

    found = broker.find(order.client_order_id)
    assert bench.kinds(order) == [K.ACCEPTED]
    assert found is not None and found.is_open and found.limit_price == Price("1.50") and found.legs == order.legs
    assert [one.client_order_id for one in broker.open_orders()] == [order.client_order_id]


def test_a_filled_spread_comes_leg_by_leg_with_its_commissions(bench: Bench) -> None:
    broker, order = bench.connect(), b.order(limit="0.90", quantity=2)
    broker.submit(order)

    bench.fill(order)
    bench.until(lambda: len(bench.kinds(order)) == 3)

    assert bench.kinds(order) == [K.ACCEPTED, K.LEG_FILLED, K.LEG_FILLED]
    legs = [one.execution for one in bench.reports(order.client_order_id) if one.execution]
    assert [(one.contract, one.quantity) for one in legs] == [(SHORT, -2), (LONG, 2)]
    assert [one.fees for one in legs] == [Money("-1.30"), Money("-1.30")]
    assert [(one.contract, one.quantity, one.fees) for one in broker.transactions(0)] == [
        (SHORT, -2, Money("-1.30")),
        (LONG, 2, Money("-1.30")),
    ]
    assert broker.holdings() == {SHORT: -2, LONG: 2}
    found = broker.find(order.client_order_id)
    assert found is not None and (found.status, found.filled) == (OrderStatus.FILLED, 2)


def test_a_preview_is_the_answer_to_what_if_and_places_nothing(bench: Bench) -> None:
    broker, order = bench.connect(), b.order(limit="0.90", quantity=2)

    told = broker.preview(order)

    assert (told.buying_power_effect, told.fees) == (Money("822.60"), Money("-2.60"))
    assert told.buying_power_after == Money("99177.40")
    assert broker.find(order.client_order_id) is None and broker.reports_since(0) == []
