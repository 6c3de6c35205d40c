"""Contract ids: searched once, kept over restarts, and never guessed."""

from collections.abc import Callable

import pytest

from thetaloom.brokers.ibkr.market_data import IbkrMarket
from thetaloom.domain.book.reports import ReportKind as K
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.errors import BrokerUnavailable, MarketDataUnavailable
from thetaloom.testing import builders as b
from thetaloom.testing.broker_servers.backend import ServerTrouble
from thetaloom.testing.broker_servers.ibkr.listing import conid_of
from thetaloom.testing.broker_servers.ibkr.placing import AskedContract
from thetaloom.testing.broker_servers.ibkr.rig import SHORT, Bench
from thetaloom.testing.broker_servers.ibkr.wire import framed

DETAILS, CONID = "10", 12  # the message that names a contract, and where in it the id stands
SAMPLES = "79"  # the answer to a search


def words(message: bytes) -> list[str]:
    return message[4:].decode().split("\0")[:-1]


def searches(bench: Bench) -> list[str]:
    """Note from now on what is looked up."""
    found: list[str] = []

    def note(message: bytes) -> bytes:
        told = words(message)
        if told[0] == DETAILS:
            found.append(told[2])
        return message

    bench.server.shared.twist = note
    return found


def twofold(change: Callable[[list[str]], list[str]]) -> Callable[[bytes], bytes]:
    """Have everything that is looked up found twice, the second time changed."""

    def twist(message: bytes) -> bytes:
        told = words(message)
        return message + framed(*change(told)) if told[0] == DETAILS else message

    return twist


def with_conid(told: list[str]) -> list[str]:
    return [*told[:CONID], "4711", *told[CONID + 1 :]]


def test_a_search_finds_what_has_options_in_dollars(bench: Bench) -> None:
    bench.market.set_spot("SPX", "5750")
    bench.connect()
    market = bench.connection.market
    assert isinstance(market, IbkrMarket)
    assert list(market.matching("sp")) == ["SPX", "SPY"]

    def changed(message: bytes) -> bytes:
        told = words(message)
        if told[0] != SAMPLES:
            return message
        in_euros = ["1", "SPYE", "STK", "AEB", "EUR", "1", "OPT", "", ""]
        without_options = ["2", "SPYW", "STK", "ARCA", "USD", "1", "CFD", "", ""]
        as_future = ["3", "SPYF", "FUT", "CME", "USD", "1", "OPT", "", ""]
        return framed(*told[:2], "5", *in_euros, *without_options, *as_future, *told[3:])

    bench.server.shared.twist = changed
    assert list(market.matching("sp")) == ["SPX", "SPY"]


def test_a_search_that_is_refused_or_cannot_be_read_is_our_error(bench: Bench) -> None:
    bench.connect(request_timeout_seconds="0.5")
    market = bench.connection.market
    assert isinstance(market, IbkrMarket)

    bench.server.shared.twist = lambda told: framed(*words(told)[:4]) if words(told)[0] == SAMPLES else told
    with pytest.raises(MarketDataUnavailable, match="did not answer in time"):
        market.matching("sp")

    bench.backend.plan("read", ServerTrouble.BUSY)
    with pytest.raises(MarketDataUnavailable, match="TWS is busy"):
        market.matching("sp")


def test_the_market_tells_the_number_and_the_exchange_of_a_symbol(bench: Bench) -> None:
    broker = bench.connect()
    market = bench.connection.market
    assert isinstance(market, IbkrMarket)

    found, resolved = market.underlying("SPY"), broker.resolve("SPY")

    assert found is not None and resolved is not None
    assert found.conid == resolved.conid == conid_of("SPY")
    assert found.exchange == "SMART"


def test_after_a_restart_nothing_is_searched_again(bench: Bench) -> None:
    before = bench.connect()
    known = before.resolve("SPY")
    before.submit(b.order(limit="1.50"))
    again = bench.connect()
    asked = searches(bench)

    assert again.resolve("SPY") == known
    again.submit(b.order(limit="1.40", client_order_id=ClientOrderId("tl-second")))

    assert asked == []


def test_how_tws_writes_a_class_of_shares_is_kept_over_a_restart(bench: Bench) -> None:
    put, order = "BRKB 2026-01-16 P 480", b.order("-1 BRKB 2026-01-16 P 480", limit="5.00")
    bench.market.set_quote(put, "1.90", "2.10")
    before = bench.connect()
    known = before.resolve("BRKB")
    before.submit(order)
    again = bench.connect()
    asked = searches(bench)

    assert known is not None and (known.symbol, known.listed) == ("BRKB", "BRK B")
    assert again.resolve("BRKB") == known
    again.submit(b.order("-1 BRKB 2026-01-16 P 480", limit="5.10", client_order_id=ClientOrderId("tl-second")))

    assert asked == []


def test_after_a_week_a_symbol_is_searched_anew(bench: Bench) -> None:
    bench.connect().resolve("SPY")
    bench.clock.advance(days=8)
    again = bench.connect()
    asked = searches(bench)

    again.resolve("SPY")

    assert asked == ["SPY"]


def test_of_two_listings_the_one_at_home_is_meant(bench: Bench) -> None:
    broker = bench.connect()
    bench.server.shared.twist = twofold(lambda told: [*with_conid(told)[:20], "ARCA", *told[21:]])

    found = broker.resolve("SPY")

    assert found is not None and (found.conid, found.exchange) == (4711, "ARCA")


def test_a_contract_that_is_listed_twice_is_not_traded(bench: Bench) -> None:
    broker, order = bench.connect(), b.order(limit="1.50")
    bench.server.shared.twist = twofold(with_conid)

    with pytest.raises(BrokerUnavailable, match=r"TWS lists SPY 2026-01-16 P 56?.. more than once: conids 4711, "):
        broker.submit(order)

    bench.server.shared.twist = None
    assert bench.backend.by_client_id(order.client_order_id) == []
    broker.submit(order)
    assert len(bench.backend.by_client_id(order.client_order_id)) == 1
    assert bench.connection.book.mark(f"conid:{SHORT.occ_symbol}:100") is not None


def test_an_am_settled_option_is_searched_by_its_last_day_of_trading_and_kept_under_its_own(bench: Bench) -> None:
    put, order = "SPX 2026-01-16 P 5600", b.order("-1 SPX 2026-01-16 P 5600", limit="20.00")
    bench.market.set_spot("SPX", "5750")
    bench.market.set_quote(put, "20.00", "21.00")
    broker = bench.connect()

    broker.submit(order)
    bench.clock.advance(seconds=1)
    bench.backend.tick()
    bench.until(lambda: K.FILLED in bench.kinds(order) or K.LEG_FILLED in bench.kinds(order))

    (told,) = bench.server.shared.listing.matching(AskedContract(kind="OPT", symbol="SPX", trading_class="SPX"))
    assert (told.trades_until, told.expires) == ("20260115", "20260116")
    assert broker.holdings() == {b.contract(put): -1}
