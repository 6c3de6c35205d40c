"""Orders that tastytrade keeps together: one cancels the other, one brings two others."""

from decimal import Decimal

import pytest

from tests.brokers.tastytrade.conftest import Desk
from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.reports import ReportKind as K
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.money import Price
from thetaloom.errors import InvalidInput, NotFound
from thetaloom.ports.broker import Bracket
from thetaloom.testing import builders as b


@pytest.fixture
def entry() -> Order:
    return b.order(limit="0.90")


@pytest.fixture
def bracket(entry: Order) -> Bracket:
    return Bracket(
        target=b.closing(entry, limit="-0.30", client_order_id=ClientOrderId("tl-target")),
        stop=b.closing(entry, limit="-2.00", client_order_id=ClientOrderId("tl-stop")),
        stop_trigger=Price("1.80"),
    )


def test_when_the_target_fills_the_stop_ends(desk: Desk, entry: Order, bracket: Bracket) -> None:
    desk.broker.submit(entry)
    desk.fill(entry)
    desk.expect(entry, K.ACCEPTED, K.FILLED)
    assert desk.broker.place_oco(bracket) is not None
    desk.fill(bracket.target)

    desk.expect(bracket.target, K.ACCEPTED, K.FILLED)
    desk.expect(bracket.stop, K.ACCEPTED, K.CANCELED)


def test_an_entry_brings_target_and_stop_once_it_is_filled(desk: Desk, entry: Order, bracket: Bracket) -> None:
    assert desk.broker.place_otoco(entry, bracket) is not None
    waiting = {one.status for one in desk.server.rest.desk.placed.values() if one.complex_tag == "OTOCO::order"}
    desk.fill(entry)
    desk.expect(entry, K.ACCEPTED, K.FILLED)
    desk.fill(bracket.target)

    assert waiting == {"Contingent"}
    desk.expect(bracket.target, K.ACCEPTED, K.FILLED)
    desk.expect(bracket.stop, K.ACCEPTED, K.CANCELED)
    assert not desk.broker.holdings()


def test_when_the_target_is_canceled_the_stop_ends_with_it(desk: Desk, entry: Order, bracket: Bracket) -> None:
    desk.broker.submit(entry)
    desk.fill(entry)
    desk.broker.place_oco(bracket)
    stop = desk.number(bracket.stop.client_order_id)
    desk.broker.cancel(bracket.target.client_order_id)
    desk.expect(bracket.target, K.ACCEPTED, K.CANCELED)

    desk.expect(bracket.stop, K.ACCEPTED, K.CANCELED)
    placed = desk.server.rest.desk.placed[stop]
    # A stop of several legs has a limit: tastytrade takes none at the market.
    assert (placed.order_type, placed.stop_trigger, placed.price) == ("Stop Limit", Decimal("1.80"), Decimal("-2.00"))


def test_a_stop_of_one_leg_closes_at_the_market(desk: Desk) -> None:
    entry = b.order(limit="2.00", legs=b.legs()[:1])
    bracket = Bracket(
        target=b.closing(entry, limit="-0.30", client_order_id=ClientOrderId("tl-target")),
        stop=b.closing(entry, limit="-4.00", client_order_id=ClientOrderId("tl-stop")),
        stop_trigger=Price("3.80"),
    )
    desk.broker.submit(entry)
    desk.fill(entry)
    desk.expect(entry, K.ACCEPTED, K.FILLED)
    assert desk.broker.place_oco(bracket) is not None
    placed = desk.server.rest.desk.placed[desk.number(bracket.stop.client_order_id)]

    assert (placed.order_type, placed.stop_trigger, placed.price) == ("Stop", Decimal("3.80"), None)


def test_a_pair_that_closes_what_is_gone_is_refused(desk: Desk, bracket: Bracket) -> None:
    assert desk.broker.place_oco(bracket) is None

    desk.expect(bracket.target, K.REJECTED)
    desk.expect(bracket.stop, K.REJECTED)


def test_a_group_is_canceled_as_one(desk: Desk, entry: Order, bracket: Bracket) -> None:
    group = desk.broker.place_otoco(entry, bracket)
    assert group is not None
    desk.broker.cancel_group(group)
    for order in (entry, bracket.target, bracket.stop):
        desk.broker.find(order.client_order_id)

    desk.expect(entry, K.ACCEPTED, K.CANCELED)
    desk.expect(bracket.target, K.ACCEPTED, K.CANCELED)
    desk.expect(bracket.stop, K.ACCEPTED, K.CANCELED)


def test_an_unknown_group_is_not_found(desk: Desk) -> None:
    with pytest.raises(NotFound):
        desk.broker.cancel_group("12")


def test_an_order_that_was_sent_is_not_sent_again_in_a_group(desk: Desk, entry: Order, bracket: Bracket) -> None:
    desk.broker.submit(entry)

    with pytest.raises(InvalidInput):
        desk.broker.place_otoco(entry, bracket)
    assert len(desk.server.rest.desk.placed) == 1
