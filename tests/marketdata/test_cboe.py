"""Cboe's delayed chains, read by the real client from a server on loopback."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from thetaloom.domain.market.chain import ARRAY_TYPES, OptionChain
from thetaloom.domain.values.money import Price
from thetaloom.errors import ConfigError, MarketDataUnavailable
from thetaloom.marketdata.cboe import CboeMarket, CboeSettings
from thetaloom.marketdata.cboe.client import CboeClient, path_of
from thetaloom.marketdata.cboe.parse import CboeChain, ChainReader
from thetaloom.testing import builders
from thetaloom.testing.cboe_server import DELAY, CboeServer, cboe_payload, cboe_server, cutting, refusing
from thetaloom.testing.clock import FakeClock

WAIT_SECONDS = 10.0
SPX_QUOTES = {
    "SPX 2026-01-16 P 5600": (21.0, 21.4),
    "SPXW 2026-01-16 P 5600": (20.8, 21.3),
    "SPXW 2026-01-16 C 5600": (30.1, 29.9),  # crossed, as feeds are at times
    "SPXW 2026-01-09 P 5000": (0.0, 0.05),
}
SMALL: dict[str, Any] = {
    "timestamp": "2026-01-05 15:45:00",
    "data": {
        "symbol": "SPY",
        "current_price": 575.5,
        "last_trade_time": "2026-01-05T10:29:59",
        "options": [{"option": "SPY260116P00560000", "bid": 1.9, "ask": 2.1, "iv": 0.2, "delta": -0.3}],
    },
}


@pytest.fixture
def server() -> Iterator[CboeServer]:
    with cboe_server() as state:
        yield state
        assert state.faults == []


class Hands:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def market(server: CboeServer, clock: FakeClock, hands: Hands) -> Iterator[CboeMarket]:
    settings = CboeSettings(base_url=server.url, request_timeout_seconds=0.5, answer_bytes_max=100_000)
    made = CboeMarket(settings, clock, monotonic=hands)
    yield made
    made.close()


def spx(clock: FakeClock) -> OptionChain:
    columns = {
        "iv": dict.fromkeys(SPX_QUOTES, 0.18),
        "delta": dict.fromkeys(SPX_QUOTES, -0.4),
        "open_interest": dict.fromkeys(SPX_QUOTES, 1200.0),
        "volume": dict.fromkeys(SPX_QUOTES, 7.0),
    }
    return builders.chain(SPX_QUOTES, spot=5750.25, at=clock.now() - DELAY, columns=columns, synthetic=False)


def read(changes: dict[str, Any], **of_data: Any) -> CboeChain:
    import json

    told = {**SMALL, **changes}
    told["data"] = {**SMALL["data"], **of_data}
    return ChainReader(DELAY).read("SPY", json.dumps(told).encode())


def test_a_chain_arrives_as_it_was_with_both_roots_and_the_time_of_its_quotes(
    market: CboeMarket, server: CboeServer, clock: FakeClock
) -> None:
    sent = spx(clock)
    server.hold("SPX", cboe_payload(sent, clock.now()))

    chain = market.chain("SPX", clock.now())

    assert chain is not None
    assert server.asked == ["_SPX"]
    assert (chain.source, chain.synthetic, chain.spot) == ("cboe", False, Price("5750.25"))
    assert chain.as_of == clock.now() - DELAY
    for name in ARRAY_TYPES:
        np.testing.assert_array_equal(getattr(chain, name), getattr(sent, name))


def test_quotes_and_spot_come_from_the_same_answer(market: CboeMarket, server: CboeServer, clock: FakeClock) -> None:
    server.hold("SPX", cboe_payload(spx(clock), clock.now()))
    listed, other = builders.contract("SPX 2026-01-16 P 5600"), builders.contract("SPX 2026-01-16 P 9000")

    quotes = market.quotes([listed, other], clock.now())

    assert {contract: quote.bid for contract, quote in quotes.items()} == {listed: Price("21")}
    assert quotes[listed].quoted_at == clock.now() - DELAY
    assert market.spot("SPX", clock.now()) == Price("5750.25")
    assert market.symbols() == ("SPX",)
    known = market.underlying("SPX")
    assert known is not None
    assert known.kind == "index"
    assert server.asked == ["_SPX"]


def test_nothing_of_the_past_is_made_up(market: CboeMarket, clock: FakeClock) -> None:
    today = clock.now().date()

    assert list(market.history("SPY", today, today)) == []
    assert list(market.intraday("SPY", 5, 10)) == []
    assert list(market.iv_history("SPY", today, today)) == []
    assert market.corporate_events("SPY", today, today) is None


def test_an_answer_is_kept_as_long_as_it_cannot_have_changed(
    market: CboeMarket, server: CboeServer, clock: FakeClock, hands: Hands
) -> None:
    server.headers["cache-control"] = "public, max-age=120"
    server.hold("SPX", cboe_payload(spx(clock), clock.now()))
    for _ in range(3):
        market.chain("SPX", clock.now())
        hands.seconds += 39
    asked_while_young = len(server.asked)
    hands.seconds += 1000

    market.chain("SPX", clock.now())

    assert (asked_while_young, len(server.asked), server.unchanged) == (1, 2, 1)


def test_an_unchanged_file_leaves_the_quotes_as_old_as_they_are(
    market: CboeMarket, server: CboeServer, clock: FakeClock
) -> None:
    as_of = clock.now() - DELAY
    server.hold("SPX", cboe_payload(spx(clock), clock.now()))
    market.refresh("SPX")
    clock.advance(minutes=10)
    market.refresh("SPX")

    chain = market.chain("SPX", clock.now())

    assert chain is not None
    assert chain.as_of == as_of
    assert server.unchanged == 1


def test_a_newer_file_replaces_the_older_and_an_older_one_does_not(
    market: CboeMarket, server: CboeServer, clock: FakeClock
) -> None:
    old = cboe_payload(spx(clock), clock.now())
    clock.advance(minutes=1)
    new = cboe_payload(builders.chain({"SPX 2026-01-16 P 5600": (25.0, 25.4)}, spot=5700), clock.now())
    market_time = clock.now() - DELAY
    for told in (new, old):  # two machines of one network of caches
        server.hold("SPX", told)
        market.refresh("SPX")

    quote = market.quotes([builders.contract("SPX 2026-01-16 P 5600")], clock.now())

    assert [(one.bid, one.quoted_at) for one in quote.values()] == [(Price("25"), market_time)]
    assert market.spot("SPX", clock.now()) == Price("5700")


def test_the_file_s_own_time_is_in_utc_and_its_last_trade_in_new_york() -> None:
    told = read({})

    assert told.made_at == datetime(2026, 1, 5, 15, 45, tzinfo=UTC)
    assert told.as_of == datetime(2026, 1, 5, 15, 30, tzinfo=UTC)
    assert told.spot_at == datetime(2026, 1, 5, 15, 29, 59, tzinfo=UTC)


def test_a_file_that_would_be_older_than_its_trade_is_stamped_in_new_york() -> None:
    told = read({"timestamp": "2026-01-05 10:45:00"})

    assert told.made_at == datetime(2026, 1, 5, 15, 45, tzinfo=UTC)


def test_summer_time_is_known() -> None:
    told = read({"timestamp": "2026-07-06 14:45:00"}, last_trade_time="2026-07-06T10:29:59")

    assert told.spot_at == datetime(2026, 7, 6, 14, 29, 59, tzinfo=UTC)


def test_without_a_last_trade_the_price_is_as_of_the_quotes() -> None:
    assert read({}, last_trade_time=None).spot_at == datetime(2026, 1, 5, 15, 30, tzinfo=UTC)


def test_a_file_from_the_future_counts_as_of_now(market: CboeMarket, server: CboeServer, clock: FakeClock) -> None:
    server.hold("SPX", cboe_payload(spx(clock), clock.now() + timedelta(hours=2)))

    chain = market.chain("SPX", clock.now())

    assert chain is not None
    assert chain.as_of == clock.now()


@pytest.mark.parametrize(
    ("row", "known"),
    [
        ({"bid": 0, "ask": 0}, (None, None)),
        ({"bid": 0, "ask": 0.05}, (0.0, 0.05)),
        ({"bid": None, "ask": 2.1}, (None, 2.1)),
        ({"bid": "1.9", "ask": "NaN"}, (1.9, None)),
        ({"bid": True, "ask": [1]}, (None, None)),
        ({"bid": 5, "ask": 2.1}, (5.0, 2.1)),
        ({"bid": float("nan"), "ask": float("inf")}, (None, None)),
    ],
)
def test_sides_are_read_as_what_they_are(row: dict[str, Any], known: tuple[float | None, float | None]) -> None:
    columns = read({}, options=[{"option": "SPY260116P00560000", **row}]).columns

    found = tuple(None if np.isnan(columns[side][0]) else columns[side][0] for side in ("bid", "ask"))

    assert found == known


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"iv": 0, "delta": 0}, "iv"),
        ({"iv": 0, "delta": 0}, "delta"),
        ({"iv": 0.2, "delta": -1.5}, "delta"),
        ({"bid_size": -1}, "bid_size"),
        ({"open_interest": "many"}, "open_interest"),
        ({}, "volume"),
    ],
)
def test_what_cannot_be_a_number_of_the_market_is_unknown(row: dict[str, Any], name: str) -> None:
    columns = read({}, options=[{"option": "SPY260116P00560000", **row}]).columns

    assert np.isnan(columns[name][0])


def test_rows_that_are_no_contract_of_the_symbol_are_left_out_and_counted() -> None:
    good = SMALL["data"]["options"][0]
    odd = [{"option": "SPY"}, {"option": 5}, {"option": "QQQ260116P00560000"}, "row", good]

    told = read({}, options=[good, *odd])

    assert len(told.contracts) == 1
    assert dict(told.rejected) == {"no option symbol": 2, "another underlying": 1, "no object": 1, "stands twice": 1}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is no JSON"),
        (b"<html>maintenance</html>", "begins with '<html>maintenance"),
        (b'{"timestamp": "2026-01-05 15:45:00", "data": {"options": [{"opt', "is no JSON"),
        (b"\xff\xfe{}", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"[]", "the answer is no object"),
        (b"{}", "data is no object"),
        (b'{"data": []}', "data is no object"),
        (b'{"data": {"options": []}}', "no list of contracts"),
        (b'{"data": {"options": {"a": 1}}}', "no list of contracts"),
        (b'{"data": {"options": [{}], "symbol": "QQQ"}}', 'is of "QQQ"'),
        (b'{"timestamp": "soon", "data": {"options": [{}]}}', "'soon' is no time"),
        (b'{"timestamp": "2026-01-05 15:45:00", "data": {"options": [{}]}}', "none of its 1 rows"),
    ],
)
def test_an_answer_that_is_no_chain_is_unavailable_with_the_reason(content: bytes, reason: str) -> None:
    with pytest.raises(MarketDataUnavailable, match=r"^cboe: SPY: ") as raised:
        ChainReader(DELAY).read("SPY", content)

    assert reason in raised.value.message


def test_a_broken_answer_leaves_what_is_kept(market: CboeMarket, server: CboeServer, clock: FakeClock) -> None:
    server.hold("SPX", cboe_payload(spx(clock), clock.now()))
    market.refresh("SPX")
    server.hold("SPX", b"<html>maintenance</html>")

    with pytest.raises(MarketDataUnavailable, match="no JSON"):
        market.refresh("SPX")

    chain = market.chain("SPX", clock.now())
    assert chain is not None
    assert len(chain) == len(SPX_QUOTES)
    assert [(link.is_up, link.drops) for link in market.links()] == [(False, 1)]


def test_a_refused_symbol_is_not_asked_for_again_and_others_are(
    market: CboeMarket, server: CboeServer, clock: FakeClock
) -> None:
    server.hold("SPX", cboe_payload(spx(clock), clock.now()))
    for _ in range(2):
        with pytest.raises(MarketDataUnavailable, match=r"NOBODY: refused \(403\)"):
            market.chain("NOBODY", clock.now())

    chain = market.chain("SPX", clock.now())

    assert chain is not None
    assert server.asked == ["NOBODY", "_SPX"]


def test_a_symbol_that_is_not_there_has_no_market(market: CboeMarket, server: CboeServer, clock: FakeClock) -> None:
    server.troubles.append(refusing(404))

    assert market.chain("NOBODY", clock.now()) is None


@pytest.mark.parametrize("told", ["90", "Mon, 05 Jan 2026 15:31:30 GMT"])
def test_a_server_that_is_asked_too_often_is_left_in_peace_as_long_as_it_says(
    market: CboeMarket, server: CboeServer, clock: FakeClock, hands: Hands, told: str
) -> None:
    clock.move_to(datetime(2026, 1, 5, 15, 30, tzinfo=UTC))
    server.hold("SPX", cboe_payload(spx(clock), clock.now()))
    server.troubles.append(refusing(429, retry_after=told))
    with pytest.raises(MarketDataUnavailable, match="too often"):
        market.chain("SPX", clock.now())
    hands.seconds += 89
    for symbol in ("SPX", "SPY"):
        with pytest.raises(MarketDataUnavailable, match="too often"):
            market.chain(symbol, clock.now())
    hands.seconds += 2

    chain = market.chain("SPX", clock.now())

    assert chain is not None
    assert server.asked == ["_SPX", "_SPX"]


def test_pauses_grow_while_the_server_fails_and_begin_anew_after_a_success(
    market: CboeMarket, server: CboeServer, clock: FakeClock, hands: Hands
) -> None:
    server.hold("SPX", cboe_payload(spx(clock), clock.now()))
    server.troubles += [refusing(503)] * 3
    for pause in (5, 10, 20):
        with pytest.raises(MarketDataUnavailable, match="503"):
            market.refresh("SPX")
        hands.seconds += pause - 1
        with pytest.raises(MarketDataUnavailable, match="not asked for another 1 seconds"):
            market.refresh("SPX")
        hands.seconds += 1
    market.refresh("SPX")
    server.troubles.append(refusing(500))

    with pytest.raises(MarketDataUnavailable, match="500"):
        market.refresh("SPX")

    hands.seconds += 5
    market.refresh("SPX")
    assert [link.is_up for link in market.links()] == [True]


@pytest.mark.parametrize("trouble", ["hang", "drip", "cut", "flood", "moved"])
def test_an_answer_that_never_ends_or_breaks_off_is_unavailable(
    market: CboeMarket, server: CboeServer, clock: FakeClock, trouble: str
) -> None:
    troubles = {"hang": server.hang, "drip": server.drip, "cut": cutting(b"{" * 1000), "moved": refusing(302)}
    reasons = {
        "hang": "no answer within 0.5 seconds",
        "drip": "no end within 0.5 seconds",
        "cut": "cboe: SPX: ",
        "flood": "more than 100,000 bytes",
        "moved": "answered with 302",
    }
    server.hold("SPX", b" " * 200_000)
    if trouble in troubles:
        server.troubles.append(troubles[trouble])

    with pytest.raises(MarketDataUnavailable, match=reasons[trouble]):
        market.chain("SPX", clock.now())


def test_a_server_that_is_not_there_is_unavailable(clock: FakeClock) -> None:
    with cboe_server() as gone:
        url = gone.url
    market = CboeMarket(CboeSettings(base_url=url), clock)

    with pytest.raises(MarketDataUnavailable, match=r"^cboe: SPY: "):
        market.chain("SPY", clock.now())

    assert [(link.is_up, link.attempts) for link in market.links()] == [(False, 1)]
    market.close()


def test_watched_symbols_are_kept_fresh_and_a_change_wakes(
    market: CboeMarket, server: CboeServer, clock: FakeClock, hands: Hands
) -> None:
    contract = builders.contract("SPX 2026-01-16 P 5600")
    woken = threading.Event()
    market.on_change(woken.set)
    server.hold("SPX", cboe_payload(spx(clock), clock.now()))
    market.watch([contract])
    assert woken.wait(WAIT_SECONDS)
    first = market.poll()
    woken.clear()
    clock.advance(minutes=1)
    server.hold("SPX", cboe_payload(builders.chain({"SPX 2026-01-16 P 5600": (25.0, 25.4)}, spot=5700), clock.now()))
    hands.seconds += 61
    market.chain("SPX", clock.now())  # whoever asks gets what is kept, and has it renewed
    assert woken.wait(WAIT_SECONDS)

    second = market.poll()

    assert first is not None
    assert second is not None
    assert (first.quotes[contract].bid, second.quotes[contract].bid) == (Price("21"), Price("25"))
    assert second.spots == {"SPX": Price("5700")}
    assert market.poll() is None


def test_whoever_watches_a_symbol_never_waits_for_the_server(
    market: CboeMarket, server: CboeServer, clock: FakeClock
) -> None:
    contract = builders.contract("SPX 2026-01-16 P 5600")
    server.troubles.append(server.hang)
    market.watch([contract])

    with pytest.raises(MarketDataUnavailable, match=r"not read yet|no answer"):
        market.quotes([contract], clock.now())


def test_after_closing_nothing_is_asked(market: CboeMarket, server: CboeServer, clock: FakeClock) -> None:
    market.close()

    with pytest.raises(MarketDataUnavailable, match="closed"):
        market.chain("SPY", clock.now())

    assert server.asked == []


def test_a_class_of_shares_is_asked_for_as_cboe_lists_it_and_once_only(
    market: CboeMarket, server: CboeServer, clock: FakeClock, hands: Hands
) -> None:
    put = builders.contract("BRKB 2026-01-16 P 480")
    sent = builders.chain({put: (1.9, 2.1)}, spot=500, at=clock.now() - DELAY, synthetic=False)
    server.hold("BRKB", cboe_payload(sent, clock.now()))

    chain = market.chain("BRKB", clock.now())
    hands.seconds += 3600
    market.refresh("BRKB")

    assert chain is not None and chain.underlying == "BRKB" and chain.find(put) is not None
    assert server.asked == ["BRKB", "BRK.B", "BRK.B"]


@pytest.mark.parametrize("url", ["ftp://feeds.example", "feeds.example", ""])
def test_an_address_that_is_none_is_refused_at_the_start(clock: FakeClock, url: str) -> None:
    with pytest.raises(ConfigError, match="base_url"):
        CboeClient(CboeSettings(base_url=url), clock)


@pytest.mark.parametrize(
    ("symbol", "path"), [("SPX", "_SPX"), ("XSP", "_XSP"), ("VIX", "_VIX"), ("SPY", "SPY"), ("../A", "..%2FA")]
)
def test_indices_stand_under_an_underscore_and_no_symbol_leaves_the_folder(symbol: str, path: str) -> None:
    assert path_of(symbol) == f"/api/global/delayed_quotes/options/{path}.json"
