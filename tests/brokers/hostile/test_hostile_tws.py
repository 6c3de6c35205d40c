"""What no TWS should say: a book with a hole is no book, a price that cannot be read ends the line."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pytest

from thetaloom.brokers.ibkr.market_data import IbkrMarket
from thetaloom.brokers.ibkr.trading import IbkrBroker
from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.reports import ReportKind
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.money import Price
from thetaloom.errors import BrokerUnavailable, MarketDataUnavailable, ThetaloomError
from thetaloom.ports.links import LinkStatus
from thetaloom.testing import builders as b
from thetaloom.testing.broker_servers.ibkr.rig import SHORT, Bench
from thetaloom.testing.broker_servers.ibkr.wire import framed

ABSURD = ("", "NaN", "-1", "1e308", "nonsense", "9" * 5000, "99999999999999999999", "Infinity", "\ud7ff", "0")
OPEN_ORDER, DETAILS, EXECUTION, POSITION, SUMMARY, COMPLETED = 5, 10, 11, 61, 63, 101


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("hostile"))
    made.quote_spread()
    made.connect()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def honest(bench: Bench) -> Iterator[None]:
    yield
    bench.server.shared.twist = None
    bench.soon(lambda: gateway(bench).is_up)


def gateway(bench: Bench) -> LinkStatus:
    return bench.connection.broker.links()[0]


def words(message: bytes) -> list[str]:
    return message[4:].decode().split("\0")[:-1]


def torn(number: int, message: bytes) -> bytes:
    """Return a message as it is, or cut short where it is of a kind."""
    told = words(message)
    return framed(*told[:6]) if told[0] == str(number) else message


_names = iter(range(1_000_000))


def fresh_order() -> Order:
    return b.order(limit="1.50", client_order_id=ClientOrderId(f"tl-tws-{next(_names)}"))


READS: dict[int, Callable[[IbkrBroker, Order], object]] = {
    OPEN_ORDER: lambda broker, order: broker.open_orders(),
    DETAILS: lambda broker, order: broker.resolve("QQQ"),
    POSITION: lambda broker, order: broker.holdings(),
    SUMMARY: lambda broker, order: broker.account(),
}


@pytest.mark.parametrize("number", READS)
def test_a_book_with_a_row_that_cannot_be_read_is_none_and_the_line_stands(bench: Bench, number: int) -> None:
    order = fresh_order()
    bench.market.set_spot("QQQ", "500")
    broker, drops = bench.connection.broker, gateway(bench).drops
    broker.submit(order)
    if number == POSITION:
        hold_something(bench)
    bench.server.shared.twist = partial(torn, number)

    with pytest.raises(BrokerUnavailable, match="cannot be read"):
        READS[number](broker, order)

    bench.server.shared.twist = None
    assert READS[number](broker, order)
    assert gateway(bench).drops == drops
    broker.cancel(order.client_order_id)


def hold_something(bench: Bench) -> None:
    order = b.order(limit="0.90", client_order_id=ClientOrderId("tl-tws-held"))
    bench.connection.broker.submit(order)
    bench.fill(order)
    bench.until(lambda: ReportKind.LEG_FILLED in bench.kinds(order))
    bench.quote_spread()


@pytest.mark.parametrize("number", [OPEN_ORDER, COMPLETED])
def test_an_order_that_cannot_be_read_is_not_gone(bench: Bench, number: int) -> None:
    order = fresh_order()
    broker = bench.connection.broker
    broker.submit(order)
    if number == COMPLETED:
        broker.cancel(order.client_order_id)
        bench.until(lambda: ReportKind.CANCELED in bench.kinds(order))
    bench.server.shared.twist = partial(torn, number)

    with pytest.raises(BrokerUnavailable, match="cannot be read"):
        broker.find(order.client_order_id)

    bench.server.shared.twist = None
    assert broker.find(order.client_order_id) is not None
    if number == OPEN_ORDER:
        broker.cancel(order.client_order_id)


def test_an_execution_that_cannot_be_read_is_read_again_until_it_can_be(bench: Bench) -> None:
    order = b.order(limit="0.90", client_order_id=ClientOrderId("tl-tws-executed"))
    broker = bench.connection.broker
    broker.submit(order)
    bench.server.shared.twist = partial(torn, EXECUTION)
    bench.fill(order)
    assert ReportKind.LEG_FILLED not in bench.kinds(order)

    bench.server.shared.twist = None
    bench.until(lambda: bench.kinds(order).count(ReportKind.LEG_FILLED) == 2)

    bench.quote_spread()


NOISE: dict[str, bytes] = {
    "a message of another age": framed(9999, "x"),
    "a message without a number": framed("", "x"),
    "a number that is none": framed("NaN"),
    "an empty message": b"\0\0\0\0",
    "a tick of nobody's": framed(1, 6, 424242, 1, "1.00", "5", 0),
    "a kind of tick that is newer than the SDK": framed(1, 6, 1, 9876, "1.00", "5", 0),
    "no UTF-8": b"\0\0\0\x05\xff\xfe\xfd\0\0",
    "an error of nobody's": framed(4, 2, 987654, 201, "Order rejected", ""),
    "a status of nobody's order": framed(3, 424242, "Filled", 1, 0, "1.20", 987654, 0, "1.20", 7, "", 0),
    "a status of an order by hand": framed(3, 0, "Cancelled", 0, 0, 0, 0, 0, 0, 0, "", 0),
    "a status that is newer than we": framed(3, 424242, "Reconsidered", 0, 1, 0, 987654, 0, 0, 7, "", 0),
    "an order that is bound": framed(100, 4711, 7, 5),
    "an id that was used": framed(9, 1, 1),
    "the accounts once more": framed(15, 1, "DU1234567"),
    "a fee of nobody's execution": framed(59, 1, "0000ffff.1.01.01", "1e308", "USD", "1.7976931348623157E308", "", ""),
    "the time unasked": framed(49, 1, 1767625200),
    "a bulletin": framed(14, 1, 1, 1, "The exchange is slow.", "CBOE"),
    "a rule of ticks": framed(93, 26, 1, "0", "0.01"),
    "a value of the account": framed(6, 2, "NetLiquidation", "nonsense", "USD", "DU1234567"),
    "profit and loss": framed(94, 4711, "1.7976931348623157E308", "", ""),
    "the end of a list that nobody asked for": framed(62, 1) + framed(53, 1) + framed(102),
}


@pytest.mark.parametrize("name", NOISE)
def test_what_nobody_waits_for_changes_nothing(bench: Bench, name: str) -> None:
    before = gateway(bench).drops
    bench.server.do(lambda: bench.server.say_raw(NOISE[name]))

    assert bench.connection.broker.account().cash is not None
    assert gateway(bench).drops == before


BROKEN: dict[str, bytes] = {
    "a length beyond all": b"\xff\xff\xff\xffGET",
    "another protocol": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "a price that is none": framed(1, 6, 1, 1, "a dollar", "5", 0),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_gone_on_from_ends_the_line_and_the_next_one_works(bench: Bench, name: str) -> None:
    before = gateway(bench).drops

    bench.server.do(lambda: bench.server.say_raw(BROKEN[name]))
    bench.soon(lambda: gateway(bench).drops == before + 1 and gateway(bench).is_up)

    assert bench.connection.broker.account().cash is not None


def test_a_line_that_breaks_in_the_middle_of_a_message_is_opened_anew(bench: Bench) -> None:
    before = gateway(bench).drops

    def break_off() -> None:
        bench.server.say_raw(framed(*["61"] * 30)[:40])
        for client in list(bench.server.shared.clients):
            client.cut()

    bench.server.do(break_off)
    bench.soon(lambda: gateway(bench).drops == before + 1 and gateway(bench).is_up)

    assert bench.connection.broker.account().cash is not None


def asked(market: IbkrMarket) -> Price | None:
    """Return the ask of the sold put."""
    quote = market.quotes([SHORT], b.NOW).get(SHORT)
    return None if quote is None else quote.ask


@pytest.mark.parametrize(("field", "said"), [(4, "-5"), (4, "1e300"), (4, "Infinity"), (4, "NaN"), (5, "-3")])
def test_a_price_or_a_size_that_cannot_be_is_unknown(bench: Bench, field: int, said: str) -> None:
    market = bench.connection.market
    assert isinstance(market, IbkrMarket)

    def bent(message: bytes) -> bytes:
        told = words(message)
        if told[0] == "1" and told[3] == "1":  # a bid
            told[field] = said
        return framed(*told)

    market.watch([SHORT])
    bench.soon(lambda: asked(market) is not None)
    ask = b.price("2.15") if asked(market) != b.price("2.15") else b.price("2.25")
    bench.server.shared.twist = bent
    bench.market.set_quote(SHORT, ask - b.price("0.25"), ask)  # both move; of the two the bid is told first
    bench.soon(lambda: asked(market) == ask)

    quote = market.quotes([SHORT], b.NOW)[SHORT]
    assert quote.bid is None or field == 5
    assert quote.bid_size is None or quote.bid_size > 0


def test_two_listings_of_one_symbol_are_one_clear_error(bench: Bench) -> None:
    bench.market.set_spot("CAT", "400")

    def twofold(message: bytes) -> bytes:
        told = words(message)
        if told[0] != str(DETAILS):
            return message
        told[20] = "LSEETF"
        return framed(*told) + framed(*told[:12], "4711", *told[13:])

    bench.server.shared.twist = twofold
    market = bench.connection.market
    assert market is not None

    with pytest.raises(MarketDataUnavailable, match="TWS knows CAT more than once: conids 4711, "):
        market.underlying("CAT")


@pytest.mark.parametrize("number", range(4))
def test_fields_that_are_absurd_end_in_our_errors_and_one_order(bench: Bench, number: int) -> None:
    chance, order = np.random.default_rng(number), fresh_order()
    broker = bench.connect(request_timeout_seconds="0.3")
    before = len(broker.reports_since(0))

    def bent(message: bytes) -> bytes:
        told = words(message)
        if told[0] not in {"9", "15"} and len(told) > 2 and chance.integers(3) == 0:
            told[int(chance.integers(1, len(told)))] = ABSURD[int(chance.integers(len(ABSURD)))]
        return framed(*told)

    bench.server.shared.twist = bent
    for act in (
        partial(broker.submit, order),
        partial(broker.find, order.client_order_id),
        broker.open_orders,
        broker.holdings,
    ):
        try:
            act()
        except ThetaloomError:
            continue
    bench.server.shared.twist = None
    bench.soon(lambda: gateway(bench).is_up)

    assert len(bench.backend.by_client_id(order.client_order_id)) <= 1
    kinds = {one.kind for one in broker.reports_since(0)[before:]}
    assert not kinds & {ReportKind.FILLED, ReportKind.LEG_FILLED}
