"""Orders keep their ids over restarts, and what TWS would not take is not sent."""

import pytest

from thetaloom.domain.book.orders import TimeInForce
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.book.reports import ReportKind as K
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.money import Price
from thetaloom.errors import BrokerUnavailable, InvalidInput, OutcomeUnknown
from thetaloom.testing import builders as b
from thetaloom.testing.broker_servers.backend import ServerTrouble
from thetaloom.testing.broker_servers.ibkr import telling
from thetaloom.testing.broker_servers.ibkr.rig import SHORT, Bench
from thetaloom.testing.broker_servers.ibkr.telling import ToldOrder

SECOND = ClientOrderId("tl-order-2")


def test_an_order_id_is_never_used_again_even_where_tws_forgot_it(bench: Bench) -> None:
    bench.connect().submit(b.order(limit="1.50"))
    bench.server.shared.ids.clear()
    bench.server.shared.forget_order_ids()

    bench.connect().submit(b.order(limit="1.50", client_order_id=SECOND))

    first, second = (bench.backend.by_client_id(one)[0].broker_order_id for one in ("tl-order-1", SECOND))
    placed = bench.server.shared.accounts.placed
    assert placed[second].order_id > placed[first].order_id


def test_an_order_of_before_a_restart_is_moved_and_canceled_under_its_order_id(bench: Bench) -> None:
    order = b.order(limit="1.50", time_in_force=TimeInForce.GTC)
    bench.connect().submit(order)
    again = bench.connect()

    again.replace(order.client_order_id, Price("1.40"), 1)
    again.cancel(order.client_order_id)

    assert bench.kinds(order) == [K.ACCEPTED, K.REPLACED, K.CANCELED]
    assert len(bench.backend.orders()) == 1


def test_an_order_whose_answer_was_lost_goes_out_again_under_the_same_order_id(bench: Bench) -> None:
    broker, order = bench.connect(), b.order(limit="1.50")
    bench.backend.plan("submit", ServerTrouble.CUT_BEFORE_TAKING)
    with pytest.raises(OutcomeUnknown):
        broker.submit(order)
    kept = bench.connection.book.mark(f"order_id:{order.client_order_id}")

    broker.submit(order)

    (taken,) = bench.backend.by_client_id(order.client_order_id)
    assert f"{bench.server.shared.accounts.placed[taken.broker_order_id].order_id} 0" == kept
    assert bench.kinds(order) == [K.ACCEPTED]


@pytest.mark.parametrize("code", [103, 104, 105])
def test_an_order_that_is_sent_again_and_stands_there_already_is_not_called_rejected(bench: Bench, code: int) -> None:
    broker, order = bench.connect(), b.order(limit="1.50")
    bench.backend.plan("submit", ServerTrouble.CUT_BEFORE_TAKING, ServerTrouble.REFUSED)
    with pytest.raises(OutcomeUnknown):
        broker.submit(order)

    def other_code(message: bytes) -> bytes:
        words = message[4:].decode().split("\0")
        is_refusal = words[0] == "4" and words[3] == "201"
        return telling.error(int(words[2]), code, "Duplicate order id") if is_refusal else message

    bench.server.shared.twist = other_code

    with pytest.raises(OutcomeUnknown):
        broker.submit(order)

    assert bench.kinds(order) == []


def test_an_order_that_tws_was_too_busy_for_was_not_sent(bench: Bench) -> None:
    broker, order = bench.connect(), b.order(limit="1.50")
    bench.backend.plan("submit", ServerTrouble.BUSY)

    with pytest.raises(BrokerUnavailable):
        broker.submit(order)

    assert bench.backend.orders() == [] and bench.kinds(order) == []


def test_no_order_is_sent_while_ibkr_restarts(bench: Bench) -> None:
    broker, order = bench.connect(restart_window="10:00-11:00"), b.order(limit="1.50")

    broker.submit(order)

    (report,) = bench.reports(order.client_order_id)
    assert (report.kind, report.refusal) == (K.REJECTED, Refusal.MARKET_CLOSED)
    assert "11:00" in report.message and bench.backend.orders() == []


def test_a_fifth_leg_is_refused_before_anything_is_sent(bench: Bench) -> None:
    broker = bench.connect()
    order = b.order(*(f"+1 SPY 2026-01-16 P {500 + strike}" for strike in range(5)), limit="-5.00")

    broker.submit(order)

    (report,) = bench.reports(order.client_order_id)
    assert (report.kind, report.refusal) == (K.REJECTED, Refusal.TOO_MANY_LEGS)


def test_a_contract_that_tws_does_not_list_is_gone(bench: Bench) -> None:
    broker, order = bench.connect(), b.order("-1 SPY 2026-01-16 P 123", "+1 SPY 2026-01-16 P 122", limit="0.10")

    broker.submit(order)

    (report,) = bench.reports(order.client_order_id)
    assert (report.kind, report.refusal) == (K.REJECTED, Refusal.STRIKE_GONE)


def test_an_order_placed_by_hand_in_tws_can_be_canceled_by_client_zero(bench: Bench) -> None:
    broker = bench.connect(client_id="0")
    theirs = bench.backend.world.place_elsewhere(b.legs(), 2, Price("1.50"))

    broker.cancel_orphan(theirs)

    assert broker.open_orders() == []


def test_an_order_placed_by_hand_in_tws_is_beyond_any_other_client(bench: Bench) -> None:
    broker = bench.connect(client_id="5")
    theirs = bench.backend.world.place_elsewhere(b.legs(), 2, Price("1.50"))

    with pytest.raises(InvalidInput, match="another connection"):
        broker.cancel_orphan(theirs)

    (told,) = broker.open_orders()
    assert (told.client_order_id, told.broker_order_id, told.legs) == (None, theirs, b.legs())


def test_an_order_that_tws_tells_of_amid_the_list_of_orders_is_listed_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker, order = bench.connect(), b.order(limit="1.50")
    broker.submit(order)
    (client,) = bench.server.shared.clients
    listed = client.desk.say_orders

    def told_amid(orders: list[ToldOrder]) -> None:
        client.desk.tell_order(bench.number_of(order))
        listed(orders)

    monkeypatch.setattr(client.desk, "say_orders", told_amid)

    assert [one.client_order_id for one in broker.open_orders()] == [order.client_order_id]


def test_an_order_of_yesterday_that_tws_forgot_has_expired(bench: Bench) -> None:
    order = b.order(limit="1.50")
    bench.connect().submit(order)
    bench.disconnect()
    bench.clock.move_to(b.new_york("2026-01-06 10:00"))
    bench.backend.tick()

    bench.connect()

    assert bench.kinds(order) == [K.ACCEPTED, K.EXPIRED]


def test_an_assignment_is_read_off_the_positions(bench: Bench) -> None:
    broker, order = bench.connect(), b.order(limit="0.90", quantity=2)
    broker.submit(order)
    bench.fill(order)
    bench.until(lambda: len(bench.kinds(order)) == 3)
    broker.read_books()

    bench.backend.world.assign(SHORT)
    bench.until(lambda: len(broker.transactions(0)) == 4)

    gone, came = broker.transactions(0)[-2:]
    assert (gone.contract, gone.quantity, came.symbol, came.quantity) == (SHORT, 2, "SPY", 200)


def test_more_orders_on_a_combination_than_ibkr_lets_work_are_refused_before_the_wire(bench: Bench) -> None:
    broker, order = bench.connect(), b.order(limit="1.50")
    for number in range(20):
        bench.connection.book.note_sent(b.order(limit="1.50", client_order_id=ClientOrderId(f"tl-many-{number}")))

    broker.submit(order)

    (report,) = [one for one in broker.reports_since(0) if one.client_order_id == order.client_order_id]
    assert (report.kind, report.refusal) == (K.REJECTED, Refusal.NOT_PERMITTED)
    assert "20 orders" in report.message and bench.backend.orders() == []
