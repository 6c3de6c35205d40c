"""What TWS says of an order is taken for the order that it is of, and for no more than it means."""

from contextlib import closing

import pytest

from thetaloom.brokers.ibkr.connecting import Connection
from thetaloom.brokers.ibkr.settings import read_settings
from thetaloom.brokers.ibkr.trading import IbkrBroker
from thetaloom.domain.book.orders import Order, TimeInForce
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.book.reports import ReportKind as K
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.money import Price
from thetaloom.errors import BrokerUnavailable
from thetaloom.ports.broker_plugin import BrokerSetup
from thetaloom.testing import builders as b
from thetaloom.testing.broker_servers.ibkr import telling
from thetaloom.testing.broker_servers.ibkr.rig import Bench
from thetaloom.testing.broker_servers.ibkr.telling import ToldOrder
from thetaloom.testing.broker_servers.ibkr.wire import framed

GTC = b.order(limit="1.50", time_in_force=TimeInForce.GTC)


def another_program(bench: Bench, client_id: str) -> Connection:
    """Connect a program with books of its own under another number."""
    given = bench.server.options | bench.options | {"client_id": client_id}
    setup = BrokerSetup(
        is_live=False,
        account="",
        secrets={},
        options=given,
        books_url=f"sqlite:///{bench.folder}/others.db",
        clock=bench.clock,
        calendar=bench.calendar,
    )
    connection = Connection(setup, read_settings(given, is_live=False))
    connection.open()
    return connection


def told(bench: Bench, order: Order) -> ToldOrder:
    found = bench.server.shared.accounts.order(bench.number_of(order))
    assert found is not None
    return found


def working(broker: IbkrBroker) -> dict[ClientOrderId | None, Price]:
    return {one.client_order_id: one.limit_price for one in broker.open_orders()}


def test_an_order_of_another_program_under_the_same_order_id_is_not_ours(bench: Bench) -> None:
    mine, theirs = b.order(limit="1.50"), b.order(limit="1.60", client_order_id=ClientOrderId("tl-theirs"))
    broker = bench.connect(client_id="0")
    broker.submit(mine)

    with closing(another_program(bench, "7")) as other:
        other.broker.submit(theirs)
        # Other libraries than ours count from one.
        bench.server.shared.accounts.placed[bench.number_of(theirs)].order_id = told(bench, mine).order_id
        assert len(broker.open_orders()) == 2
        bench.backend.cancel(bench.number_of(theirs))
        bench.server.do(lambda: bench.server.say_raw(telling.order_status(told(bench, theirs))))
        assert working(broker) == {mine.client_order_id: Price("1.50")}

    assert bench.kinds(mine) == [K.ACCEPTED]
    sent = bench.connection.book.sent(mine.client_order_id)
    assert sent is not None and sent.is_open and sent.broker_order_ids == (bench.number_of(mine),)


def test_under_another_client_id_an_order_is_neither_changed_nor_sent_a_second_time(bench: Bench) -> None:
    bench.connect(client_id="0").submit(GTC)
    broker = bench.connect(client_id="3")

    broker.replace(GTC.client_order_id, Price("1.40"), 1)

    refused = bench.reports(GTC.client_order_id)[-1]
    assert (refused.kind, refused.refusal) == (K.REPLACE_REFUSED, Refusal.NOT_PERMITTED)
    assert "client id 0" in refused.message
    assert working(broker) == {GTC.client_order_id: Price("1.50")} and len(bench.backend.orders()) == 1


def test_under_another_client_id_an_order_is_canceled_where_nothing_else_works(bench: Bench) -> None:
    bench.connect(client_id="0").submit(GTC)
    broker = bench.connect(client_id="3")

    broker.cancel(GTC.client_order_id)

    bench.until(lambda: broker.open_orders() == [])


def test_an_order_that_tws_no_longer_has_is_not_placed_anew_by_a_change(bench: Bench) -> None:
    bench.connect().submit(GTC)
    bench.disconnect()
    number = bench.number_of(GTC)
    bench.backend.cancel(number)
    bench.server.shared.ids.clear()  # as after a restart with its order ids reset: an old id is a new order's
    bench.server.shared.forget_order_ids()
    bench.server.shared.twist = lambda message: b"" if message[4:].split(b"\0")[0] in {b"3", b"5", b"101"} else message
    broker = bench.connect()

    broker.replace(GTC.client_order_id, Price("1.40"), 1)

    refused = bench.reports(GTC.client_order_id)[-1]
    assert (refused.kind, refused.refusal) == (K.REPLACE_REFUSED, Refusal.QUANTITY_CONFLICT)
    assert [one.broker_order_id for one in bench.backend.orders()] == [number]


@pytest.mark.parametrize("status", ["PendingSubmit", "PreSubmitted", "PendingCancel", "ApiPending"])
def test_an_order_that_is_not_over_works(bench: Bench, status: str) -> None:
    broker = bench.connect()
    broker.submit(GTC)
    bench.server.shared.accounts.stands[bench.number_of(GTC)] = status

    assert working(broker) == {GTC.client_order_id: Price("1.50")}
    assert bench.kinds(GTC) == [K.ACCEPTED]


def test_an_order_that_became_inactive_while_nobody_listened_is_over(bench: Bench) -> None:
    bench.connect().submit(GTC)
    bench.disconnect()
    bench.server.shared.accounts.stands[bench.number_of(GTC)] = "Inactive"

    broker = bench.connect()

    assert bench.kinds(GTC) == [K.ACCEPTED, K.REJECTED]
    found = broker.find(GTC.client_order_id)
    assert found is not None and not found.is_open and working(broker) == {}


def test_an_order_that_is_inactive_because_it_is_held_works_on(bench: Bench) -> None:
    broker = bench.connect()
    broker.submit(GTC)
    accounts, number = bench.server.shared.accounts, bench.number_of(GTC)
    accounts.stands[number], accounts.why_held[number] = "Inactive", "locate"

    assert working(broker) == {GTC.client_order_id: Price("1.50")} and bench.kinds(GTC) == [K.ACCEPTED]


def test_an_order_that_becomes_inactive_is_looked_up_in_the_books(bench: Bench) -> None:
    bench.connect().submit(GTC)
    bench.server.shared.accounts.stands[bench.number_of(GTC)] = "Inactive"

    bench.server.do(lambda: bench.server.say_raw(telling.order_status(told(bench, GTC))))

    bench.until(lambda: bench.kinds(GTC) == [K.ACCEPTED, K.REJECTED])


def test_an_order_that_is_called_inactive_and_works_in_the_books_works_on(bench: Bench) -> None:
    broker = bench.connect()
    broker.submit(GTC)
    stands = bench.server.shared.accounts.stands
    stands[bench.number_of(GTC)] = "Inactive"
    said = telling.order_status(told(bench, GTC))
    stands.clear()

    bench.server.do(lambda: bench.server.say_raw(said))

    broker.replace(GTC.client_order_id, Price("1.40"), 1)
    assert bench.kinds(GTC) == [K.ACCEPTED, K.REPLACED] and working(broker) == {GTC.client_order_id: Price("1.40")}


def test_a_warning_about_a_preview_is_not_its_answer(bench: Bench) -> None:
    broker, warned = bench.connect(), telling.error

    def with_warning(message: bytes) -> bytes:
        words = message[4:].split(b"\0")
        is_answer = words[0] == b"5" and words[1] != b"0"
        said = (warned(int(words[1]), code, "Order Message") for code in (399, 10349, 2109)) if is_answer else ()
        return b"".join([*said, message])

    bench.server.shared.twist = with_warning

    told_of = broker.preview(GTC)

    assert told_of.refusal is None and told_of.buying_power_effect is not None


def test_an_order_that_is_not_numbered_yet_is_there_and_bears_no_number(bench: Bench) -> None:
    broker = bench.connect()
    broker.submit(GTC)
    number = bench.number_of(GTC)

    def unnumbered(message: bytes) -> bytes:
        words = message[4:].decode().split("\0")[:-1]
        return framed(*("0" if one == number else one for one in words))

    bench.server.shared.twist = unnumbered

    with pytest.raises(BrokerUnavailable, match="cannot be read"):
        broker.find(GTC.client_order_id)

    assert broker.open_orders() == []
