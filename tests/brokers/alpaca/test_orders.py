"""The life of an order at Alpaca, through the SDK and over loopback."""

from tests.brokers.alpaca.conftest import Desk
from thetaloom.domain.book.orders import OrderStatus
from thetaloom.domain.book.reports import ReportKind as K
from thetaloom.domain.values.money import Price
from thetaloom.testing import builders as b


def test_an_order_is_taken_works_and_is_canceled(opened: Desk) -> None:
    order = b.order(limit="1.50")

    opened.broker.submit(order)
    found = opened.broker.find(order.client_order_id)
    opened.broker.cancel(order.client_order_id)

    assert found is not None and found.is_open and found.limit_price == Price("1.50") and found.legs == order.legs
    assert opened.kinds(order) == [K.ACCEPTED, K.CANCELED]
    after = opened.broker.find(order.client_order_id)
    assert after is not None and after.status is OrderStatus.CANCELED and opened.broker.open_orders() == []


def test_a_fill_is_told_leg_by_leg_and_once(opened: Desk) -> None:
    order = b.order(limit="0.90", quantity=2)

    opened.broker.submit(order)
    opened.fill(order)

    opened.await_kinds(order, K.ACCEPTED, K.LEG_FILLED, K.LEG_FILLED)
    done = [one.execution for one in opened.reports(order) if one.execution is not None]
    assert [(one.contract, one.quantity) for one in done] == [(leg.contract, 2 * leg.ratio) for leg in order.legs]
    assert opened.broker.holdings() == {leg.contract: 2 * leg.ratio for leg in order.legs}


def test_a_replacement_stays_the_same_order_of_ours(opened: Desk) -> None:
    order = b.order(limit="1.50")

    opened.broker.submit(order)
    opened.broker.replace(order.client_order_id, Price("1.40"), 1)

    found = opened.broker.find(order.client_order_id)
    assert found is not None and found.is_open and found.limit_price == Price("1.40")
    assert opened.kinds(order) == [K.ACCEPTED, K.REPLACED] and len(opened.broker.open_orders()) == 1


def test_a_replacement_of_what_filled_further_meanwhile_is_taken_back(opened: Desk) -> None:
    order = b.order(limit="1.50", quantity=3)
    opened.broker.submit(order)
    (shown,) = opened.backend.by_client_id(order.client_order_id)
    answered: list[bytes] = []

    def fill_behind_the_answer(content: bytes) -> tuple[int | None, dict[str, str], bytes]:
        is_look = content.startswith(b"{") and shown.broker_order_id.encode() in content
        if is_look and not answered:  # the adapter's look at the order, which is to be moved
            answered.append(content)
            for leg in order.legs:
                opened.backend.execute(shown.broker_order_id, leg.contract, leg.ratio, Price("1.00"))
        return None, {}, content

    with opened.broker._books.lock:  # nobody else reads the books meanwhile
        opened.server.http.twist = fill_behind_the_answer
        opened.broker.replace(order.client_order_id, Price("1.40"), 1)
        opened.server.http.twist = None

    assert opened.server.faults == ["a replacement of 3 where 2 are left would overfill"]  # what Alpaca lets happen
    opened.server.faults.clear()
    assert answered and not opened.broker.open_orders()
    ended = opened.broker.find(order.client_order_id)
    assert ended is not None and ended.status is OrderStatus.CANCELED and ended.filled == 1
