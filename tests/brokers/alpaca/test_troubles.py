"""What happens on the wire: no answer, errors after taking, refusals, lost lines and restarts."""

import pytest

from tests.brokers.alpaca.conftest import Desk
from tests.brokers.alpaca.waiting import until
from thetaloom.domain.book.orders import OrderStatus
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.book.reports import ReportKind as K
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.money import Price
from thetaloom.errors import BrokerUnavailable, ConfigError, MarketDataUnavailable, OutcomeUnknown
from thetaloom.testing import builders as b
from thetaloom.testing.broker_servers.troubles import ServerTrouble as T

SUBMITS = [("POST", "/v2/orders")]
UNKNOWN = [T.ERROR_AFTER_TAKING, T.CUT_AFTER_TAKING, T.CUT_BEFORE_TAKING, T.DOWN, T.MAINTENANCE]


def sent(desk: Desk) -> list[tuple[str, str]]:
    """Return the orders that were sent."""
    return [one for one in desk.server.http.requests if one == SUBMITS[0]]


def test_keys_that_are_not_taken_are_said_once_with_what_to_do(desk: Desk) -> None:
    with pytest.raises(ConfigError) as caught:
        desk.connect(secrets={"key-id": "PKSIM", "secret-key": "another"})

    assert caught.value.message.count("does not take the keys") == 1
    assert caught.value.advice.startswith("Make new keys")


@pytest.mark.parametrize("trouble", UNKNOWN)
def test_whatever_may_have_been_taken_is_unknown_and_sent_once(opened: Desk, trouble: T) -> None:
    order = b.order(limit="1.50")
    opened.backend.plan("submit", trouble)

    with pytest.raises(OutcomeUnknown):
        opened.broker.submit(order)

    is_there = trouble in {T.ERROR_AFTER_TAKING, T.CUT_AFTER_TAKING}
    found = opened.broker.find(order.client_order_id)
    assert (found is not None) == is_there and sent(opened) == SUBMITS
    assert opened.kinds(order) == ([K.ACCEPTED] if is_there else [])


def test_an_answer_that_never_comes_is_unknown_after_the_time_for_it(desk: Desk) -> None:
    desk.options |= {"request_timeout_seconds": "0.3"}
    order = b.order(limit="1.50")
    desk.backend.plan("submit", T.SILENT_AFTER_TAKING)

    with pytest.raises(OutcomeUnknown):
        desk.broker.submit(order)

    found = desk.broker.find(order.client_order_id)
    assert found is not None and found.is_open and sent(desk) == SUBMITS


@pytest.mark.parametrize("trouble", [T.BUSY, T.TOKEN_EXPIRED])
def test_what_was_not_taken_reached_nobody(opened: Desk, trouble: T) -> None:
    order = b.order(limit="1.50")
    opened.backend.plan("submit", trouble)

    with pytest.raises(BrokerUnavailable):
        opened.broker.submit(order)

    assert opened.broker.find(order.client_order_id) is None and sent(opened) == SUBMITS
    opened.broker.submit(order)
    assert opened.kinds(order) == [K.ACCEPTED]


def test_a_server_that_is_away_was_not_reached(opened: Desk) -> None:
    opened.server.go_down(True)

    with pytest.raises(BrokerUnavailable):
        opened.broker.submit(b.order(limit="1.50"))

    opened.server.go_down(False)
    assert opened.broker.find(b.order().client_order_id) is None


def test_a_refusal_is_a_report_with_its_reason(opened: Desk) -> None:
    order = b.order(limit="1.50")
    opened.backend.plan("submit", T.REFUSED)

    opened.broker.submit(order)

    (report,) = opened.reports(order)
    assert report.kind is K.REJECTED and report.refusal is Refusal.INSUFFICIENT_BUYING_POWER
    assert "insufficient options buying power" in report.message


def test_what_alpaca_judges_too_expensive_is_refused(opened: Desk) -> None:
    order = b.order(limit="0.90", quantity=1_000)

    opened.broker.submit(order)

    assert [one.refusal for one in opened.reports(order)] == [Refusal.INSUFFICIENT_BUYING_POWER]


def test_an_id_that_is_known_there_is_the_first_order(opened: Desk) -> None:
    order = b.order(limit="1.50")
    opened.backend.plan("submit", T.CUT_AFTER_TAKING)
    with pytest.raises(OutcomeUnknown):
        opened.broker.submit(order)

    opened.broker.submit(order)

    assert opened.kinds(order) == [K.ACCEPTED] and len(opened.broker.open_orders()) == 1


def test_a_late_order_is_found_once_it_has_come(opened: Desk) -> None:
    order = b.order(limit="1.50")
    opened.backend.plan("submit", T.LATE)
    with pytest.raises(OutcomeUnknown):
        opened.broker.submit(order)
    assert opened.broker.find(order.client_order_id) is None

    opened.backend.arrive()

    opened.await_kinds(order, K.ACCEPTED)
    assert opened.broker.find(order.client_order_id) is not None


def test_what_no_stream_tells_is_found_in_the_books(desk: Desk) -> None:
    desk.options |= {"sweep_seconds": "0.1"}
    order = b.order(limit="0.90")
    desk.broker.submit(order)
    desk.backend.plan("stream", *[T.NOT_TOLD] * 6)

    desk.fill(order)

    desk.await_kinds(order, K.ACCEPTED, K.LEG_FILLED, K.LEG_FILLED)


def test_what_is_told_twice_counts_once(opened: Desk) -> None:
    order = b.order(limit="0.90")
    opened.broker.submit(order)
    opened.backend.plan("stream", *[T.TWICE] * 6)

    opened.fill(order)

    opened.await_kinds(order, K.ACCEPTED, K.LEG_FILLED, K.LEG_FILLED)
    assert len(opened.broker.transactions(0)) == len({one.transaction_id for one in opened.broker.transactions(0)})


def test_what_fills_while_the_stream_is_lost_is_read_when_it_is_back(opened: Desk) -> None:
    order = b.order(limit="0.90")
    opened.broker.submit(order)
    until(lambda: opened.broker.links()[0].is_up, lambda: "not up")

    opened.server.drop_streams()
    opened.fill(order)

    opened.await_kinds(order, K.ACCEPTED, K.LEG_FILLED, K.LEG_FILLED)
    until(lambda: opened.broker.links()[0].is_up, lambda: "not back")
    assert opened.broker.links()[0].drops == 1


def test_a_restart_knows_the_order_and_reads_what_it_missed(opened: Desk) -> None:
    order = b.order(limit="0.90")
    opened.broker.submit(order)
    before = opened.broker.reports_since(0)
    opened.opened[0].close()
    opened.fill(order)

    again = opened.connect().broker

    assert list(again.reports_since(0))[:1] == list(before)
    assert opened.kinds(order) == [K.ACCEPTED, K.LEG_FILLED, K.LEG_FILLED]
    again.submit(order)
    assert sent(opened) == SUBMITS


def test_a_cancel_that_lost_the_race_is_refused_after_the_fill(opened: Desk) -> None:
    order = b.order(limit="0.90")
    opened.broker.submit(order)
    opened.fill(order)

    opened.broker.cancel(order.client_order_id)

    assert opened.kinds(order) == [K.ACCEPTED, K.LEG_FILLED, K.LEG_FILLED, K.CANCEL_REFUSED]


def test_what_is_not_known_there_is_neither_canceled_nor_replaced(opened: Desk) -> None:
    order = b.order(client_order_id=ClientOrderId("tl-never-sent"))

    opened.broker.cancel(order.client_order_id)
    opened.broker.replace(order.client_order_id, Price(1), 1)

    assert opened.kinds(order) == [K.CANCEL_REFUSED, K.REPLACE_REFUSED]


def test_a_replacement_that_got_no_answer_is_found_by_its_first_id(opened: Desk) -> None:
    order = b.order(limit="1.50")
    opened.broker.submit(order)
    opened.backend.plan("replace", T.CUT_AFTER_TAKING)
    with pytest.raises(OutcomeUnknown):
        opened.broker.replace(order.client_order_id, Price("1.40"), 1)

    found = opened.broker.find(order.client_order_id)

    assert found is not None and found.limit_price == Price("1.40") and found.is_open
    opened.broker.cancel(order.client_order_id)
    assert opened.kinds(order) == [K.ACCEPTED, K.REPLACED, K.CANCELED] and not opened.broker.open_orders()


def test_a_replacement_is_only_for_what_is_left(opened: Desk) -> None:
    order = b.order(limit="0.90", quantity=3)
    opened.backend.script_fills(order.client_order_id, (1,))
    opened.broker.submit(order)
    opened.fill(order)
    opened.await_kinds(order, K.ACCEPTED, K.LEG_FILLED, K.LEG_FILLED)

    opened.broker.replace(order.client_order_id, Price("0.85"), 1)

    found = opened.broker.find(order.client_order_id)
    assert found is not None and (found.quantity, found.filled) == (3, 1)
    assert [one.told(None).quantity for one in opened.broker._books.working()] == [2]


def test_a_replacement_refused_for_its_quantity_leaves_the_limit_that_stood(opened: Desk) -> None:
    opened.backend.plan("replace", T.REFUSED)
    order = b.order(limit="1.50")
    opened.broker.submit(order)

    opened.broker.replace(order.client_order_id, Price("1.40"), 1)

    refused = opened.reports(order)[-1]
    found = opened.broker.find(order.client_order_id)
    assert refused.kind is K.REPLACE_REFUSED and refused.limit_price == Price("1.50")
    assert found is not None and found.limit_price == Price("1.50") and found.status is OrderStatus.WORKING


def test_too_many_questions_about_the_market_keep_no_order_waiting(opened: Desk) -> None:
    market, order = opened.opened[0].market, b.order(limit="1.50")

    def refuse(content: bytes) -> tuple[int | None, dict[str, str], bytes]:
        is_chain = content.startswith(b'{"snapshots"')
        return (429, {"Retry-After": "60"}, b'{"message": "too many requests."}') if is_chain else (None, {}, content)

    opened.server.http.twist = refuse
    for _ in range(2):  # the second is not even sent
        with pytest.raises(MarketDataUnavailable, match="no more requests"):
            market.chain("SPY", opened.clock.now())
    opened.server.http.twist = None
    opened.broker.submit(order)

    assert opened.kinds(order) == [K.ACCEPTED]
    assert [path for _, path in opened.server.http.requests].count("/v1beta1/options/snapshots/SPY") == 1


def test_a_stream_that_offers_no_trade_updates_is_not_taken_for_a_quiet_one(desk: Desk) -> None:
    desk.server.sockets.offered.clear()
    opened = desk.connect()
    until(lambda: opened.broker.links()[0].drops > 0, lambda: str(opened.broker.links()))

    desk.server.sockets.offered.append("trade_updates")
    until(lambda: opened.broker.links()[0].is_up, lambda: str(opened.broker.links()))
    order = b.order(limit="0.90")
    opened.broker.submit(order)
    desk.fill(order)
    desk.await_kinds(order, K.ACCEPTED, K.LEG_FILLED, K.LEG_FILLED)
