"""Connecting: what is wrong is told apart, and what was lost is read again."""

import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from structlog.testing import capture_logs

from thetaloom.brokers.ibkr.plugin import PLUGIN
from thetaloom.brokers.ibkr.positions import MARK, read_held
from thetaloom.domain.book.reports import ReportKind as K
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.money import Money
from thetaloom.errors import BrokerUnavailable, ConfigError, NotAllowed
from thetaloom.ports.broker_plugin import BrokerSetup, ConnectedBroker, Use
from thetaloom.ports.links import LinkStatus
from thetaloom.testing import builders as b
from thetaloom.testing.broker_servers.ibkr import telling
from thetaloom.testing.broker_servers.ibkr.rig import LONG, SHORT, Bench


def named(links: Sequence[LinkStatus], part: str) -> LinkStatus:
    return next(one for one in links if part in one.name)


def test_a_gateway_that_does_not_run_is_down(bench: Bench) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])

    with pytest.raises(BrokerUnavailable, match="the gateway is down") as caught:
        bench.connect(port=port, request_timeout_seconds="0.2")

    assert caught.value.advice


def test_a_gateway_that_takes_connections_and_says_nothing_is_not_logged_in(bench: Bench) -> None:
    bench.server.log_out(True)

    with pytest.raises(BrokerUnavailable, match="not logged in"):
        bench.connect(request_timeout_seconds="0.2")


def test_a_client_id_that_another_program_has_is_named(bench: Bench) -> None:
    first = bench.connect(client_id="3")
    assert first.links()

    with pytest.raises(BrokerUnavailable, match="client id is already in use"):
        bench.open_beside(client_id="3", request_timeout_seconds="0.3")


def test_an_account_with_real_money_is_refused_in_paper_mode(bench: Bench) -> None:
    bench.server.shared.accounts.number = "U1234567"

    with pytest.raises(NotAllowed) as caught:
        bench.connect()

    assert caught.value.code == "live_account_in_paper_mode"
    assert "with the paper account" in caught.value.advice


def test_a_paper_account_is_refused_in_live_mode(bench: Bench) -> None:
    with pytest.raises(NotAllowed) as caught:
        bench.connect(is_live=True)

    assert caught.value.code == "paper_account_in_live_mode"
    assert "with the live account" in caught.value.advice


def test_an_account_with_real_money_says_so_in_live_mode(bench: Bench) -> None:
    bench.server.shared.accounts.number = "U1234567"

    assert bench.connect(is_live=True).account().is_live


def test_an_account_that_tws_does_not_have_is_refused(bench: Bench) -> None:
    with pytest.raises(ConfigError, match="DU1234567") as caught:
        bench.connect(account="DU7654321")

    assert "Set broker_account" in caught.value.advice


def test_a_line_that_we_hang_up_is_not_told_as_lost(bench: Bench) -> None:
    bench.connect()

    with capture_logs() as logged:
        bench.disconnect()

    assert "stream_lost" not in {line["event"] for line in logged}


def test_a_symbol_is_resolved_to_its_contract_id(bench: Bench) -> None:
    broker = bench.connect()

    found = broker.resolve("SPY")

    assert found is not None and found.conid > 0 and (found.symbol, found.kind) == ("SPY", "equity")
    assert broker.resolve("NOSUCH") is None


def test_contract_ids_are_kept_over_a_restart(bench: Bench) -> None:
    bench.connect().submit(b.order(limit="1.50"))
    bench.connect()
    bench.market.set_spot("SPY", "575")

    kept = bench.connection.book.mark(f"conid:{SHORT.occ_symbol}:100")

    assert kept == f"{bench.server.shared.listing.learn(SHORT)} SPY"


def test_without_a_line_to_ibkr_no_order_is_sent_and_the_link_says_so(bench: Bench) -> None:
    broker, order = bench.connect(), b.order(limit="1.50")
    bench.server.say_error(1100, "Connectivity between IB and Trader Workstation has been lost.")
    bench.soon(lambda: not named(broker.links(), "server").is_up)

    with pytest.raises(BrokerUnavailable, match="no line to IBKR"):
        broker.submit(order)

    assert bench.backend.by_client_id(order.client_order_id) == []
    assert named(broker.links(), "gateway").is_up and "lost" in named(broker.links(), "server").reason


@pytest.mark.parametrize("code", [1101, 1102])
def test_fills_of_an_outage_of_ibkr_are_read_when_the_line_is_restored(bench: Bench, code: int) -> None:
    broker, order = bench.connect(), b.order(limit="0.90")
    broker.submit(order)
    bench.server.say_error(1100, "Connectivity between IB and Trader Workstation has been lost.")
    bench.server.mute(True)
    bench.fill(order)
    bench.server.mute(False)
    assert bench.kinds(order) == [K.ACCEPTED]

    bench.server.say_error(code, "Connectivity between IB and Trader Workstation has been restored.")
    bench.until(lambda: len(bench.kinds(order)) == 3)

    assert bench.kinds(order) == [K.ACCEPTED, K.LEG_FILLED, K.LEG_FILLED]
    assert named(broker.links(), "server").is_up and named(broker.links(), "server").drops == 1


def test_a_farm_that_is_down_is_a_link_of_its_own(bench: Bench) -> None:
    broker = bench.connect()

    bench.server.say_error(2103, "Market data farm connection is broken:usopt")
    bench.soon(lambda: not named(broker.links(), "market data").is_up)

    assert named(broker.links(), "history").is_up
    bench.server.say_error(2104, "Market data farm connection is OK:usopt")
    bench.soon(lambda: named(broker.links(), "market data").is_up)


def test_a_farm_that_rests_is_not_down(bench: Bench) -> None:
    broker = bench.connect()

    bench.server.say_error(2108, "Market data farm connection is inactive but should be available upon demand.usopt")
    bench.server.say_error(2107, "HMDS data farm connection is inactive but should be available upon demand.ushmds")

    assert broker.account().cash is not None
    assert named(broker.links(), "market data").is_up and named(broker.links(), "history").is_up


def test_what_is_held_is_told_as_tws_has_it(bench: Bench) -> None:
    broker, order = bench.connect(), b.order(limit="0.90", quantity=2)
    broker.submit(order)
    bench.fill(order)
    bench.until(lambda: len(bench.kinds(order)) == 3)

    assert bench.connect().holdings() == {SHORT: -2, LONG: 2}


def beside(bench: Bench, use: Use) -> ConnectedBroker:
    """Connect as another process of the same home does."""
    setup = BrokerSetup(
        is_live=False,
        account="",
        secrets={},
        options=bench.server.options | bench.options | {"client_id": "0"},
        books_url=f"sqlite:///{bench.folder}/books.db",
        clock=bench.clock,
        calendar=bench.calendar,
        use=use,
    )
    return PLUGIN.connect(setup)


def test_commands_stand_beside_the_server_under_numbers_of_their_own(bench: Bench) -> None:
    order = b.order()
    bench.connect().submit(b.sent(order))

    with closing(beside(bench, Use.COMMAND)) as first, closing(beside(bench, Use.COMMAND)) as second:
        seen = [one.client_order_id for one in second.broker.open_orders()]
        numbers = sorted(one.client_id or 0 for one in bench.server.shared.clients)
        with pytest.raises(BrokerUnavailable, match="orders go out under 0"):
            first.broker.submit(b.sent(b.order(client_order_id=ClientOrderId("tl-other"))))

    assert seen == [order.client_order_id]
    assert numbers == [0, 1, 2]
    assert bench.connection.broker.open_orders()[0].is_open


def test_a_client_id_that_is_taken_is_known_by_its_number_in_whatever_language_tws_speaks(bench: Bench) -> None:
    bench.connect()
    german = telling.error(-1, 326, "Verbindung nicht möglich, da die Client-ID bereits verwendet wird.")
    bench.server.shared.twist = lambda message: german if b"\x00326\x00" in message else message

    with closing(beside(bench, Use.COMMAND)), closing(beside(bench, Use.COMMAND)):
        numbers = sorted(one.client_id or 0 for one in bench.server.shared.clients)

    assert numbers == [0, 1, 2]


def test_an_order_of_the_servers_number_is_canceled_from_beside_where_nothing_else_works(bench: Bench) -> None:
    order = b.order()
    bench.connect().submit(b.sent(order))

    with closing(beside(bench, Use.COMMAND)) as other:
        other.broker.cancel(order.client_order_id)

    bench.until(lambda: bench.kinds(order) == [K.ACCEPTED, K.CANCELED])


def test_beside_other_orders_a_cancel_of_the_servers_order_is_refused_with_the_reason(bench: Bench) -> None:
    order = b.order()
    bench.connect().submit(b.sent(order))
    bench.backend.world.place_elsewhere(b.legs("1 SPY 2026-01-16 P 555"), 1, b.price("-0.01"))

    with closing(beside(bench, Use.COMMAND)) as other:
        other.broker.cancel(order.client_order_id)

    told = bench.reports(order.client_order_id)[-1]
    assert told.kind is K.CANCEL_REFUSED
    assert "client id 0" in told.message


def test_another_farm_that_is_up_does_not_stand_for_one_that_is_broken(bench: Bench) -> None:
    broker = bench.connect()

    bench.server.say_error(2103, "Market data farm connection is broken:usopt.nj")
    bench.server.say_error(2104, "Market data farm connection is OK:usfarm")
    bench.server.say_error(2108, "Market data farm connection is inactive but should be available upon demand.usopt")
    assert broker.account().cash is not None
    assert not named(broker.links(), "market data").is_up

    bench.server.say_error(2104, "Market data farm connection is OK:usopt.nj")
    bench.soon(lambda: named(broker.links(), "market data").is_up)


def test_a_tws_that_comes_back_with_another_login_is_not_read_as_the_same_account(bench: Bench) -> None:
    broker, order = bench.connect(request_timeout_seconds="0.2"), b.order(limit="1.50")
    accounts = bench.server.shared.accounts
    accounts.number, before = "U7654321", accounts.number
    bench.server.drop_streams()
    bench.soon(lambda: "U7654321" in named(broker.links(), "gateway").reason)

    with pytest.raises(BrokerUnavailable):
        broker.submit(order)

    accounts.number = before
    bench.soon(lambda: named(broker.links(), "gateway").is_up)
    assert broker.open_orders() == [] == bench.backend.orders()


def test_balances_in_another_currency_are_not_taken_for_dollars(bench: Bench) -> None:
    broker = bench.connect()
    bench.server.shared.accounts.currency = "JPY"

    with pytest.raises(BrokerUnavailable, match="in JPY"):
        broker.account()


def test_a_read_only_api_is_named_as_the_reason(bench: Bench) -> None:
    refused = telling.error(-1, 321, "Error validating request.-'cG' : cause - The API is in Read-Only mode.")
    bench.server.shared.twist = lambda message: refused if message[4:].startswith(b"53\0") else message

    with pytest.raises(BrokerUnavailable, match="Read-Only"):
        bench.connect()


def test_balances_are_asked_for_one_after_the_other_however_many_ask(bench: Bench) -> None:
    broker = bench.connect()
    positions_told, held_back = [], []

    def slowly(message: bytes) -> bytes:
        kind = message[4:].split(b"\0")[0]
        positions_told.extend([kind] if kind == b"62" else [])
        held_back.extend([message] if kind == b"64" else [])
        return b"" if kind == b"64" else message

    bench.server.shared.twist = slowly
    with ThreadPoolExecutor(4) as many:
        asked = [many.submit(broker.account) for _ in range(4)]
        bench.soon(lambda: len(positions_told) == 4 and bool(held_back))
        bench.server.shared.twist = None
        bench.server.do(lambda: bench.server.say_raw(*held_back))
        told = [one.result().cash for one in asked]

    assert len(held_back) == 1
    assert len(set(told)) == 1 and told[0] is not None


def test_cash_that_came_by_itself_is_counted_with_the_next_opening(bench: Bench) -> None:
    bench.connect()
    values = bench.server.shared.accounts.values
    bench.disconnect()
    richer = {**values(), "TotalCashValue": "123456.78"}
    bench.server.shared.accounts.values = lambda: richer  # type: ignore[method-assign]  # interest of a month

    bench.connect()

    kept = bench.connection.book.mark(MARK)
    assert kept is not None and read_held(kept).cash == Money("123456.78")
