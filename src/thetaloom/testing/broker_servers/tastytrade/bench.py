"""How fast tastytrade's stream is read and an order is sent, measured against the server on loopback."""

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from thetaloom.domain.market.quotes import Quote
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.instruments import OptionContract, Right
from thetaloom.domain.values.money import Price
from thetaloom.ports.broker_plugin import BrokerSetup
from thetaloom.testing import builders as b
from thetaloom.testing.broker_servers.backend import Backend
from thetaloom.testing.broker_servers.tastytrade.server import TastytradeServer
from thetaloom.testing.clock import FakeClock
from thetaloom.testing.market import FixedMarket

CONTRACTS = 20_000
FRAME_EVENTS, FRAMES, SDK_FRAMES = 1000, 200, 20
ORDERS = 15
WAIT_SECONDS_MAX = 60.0
LOOK_SECONDS = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFigures:
    """What was measured."""

    first_quotes_seconds: float  # from the first question for the chain to the quotes of all contracts
    reconnect_seconds: float  # from the server's return to a fresh quote
    all_fresh_seconds: float  # and to fresh quotes of all
    event_microseconds: float  # from bytes to the board
    sdk_event_microseconds: float
    submit_milliseconds: float
    sdk_submit_milliseconds: float  # the SDK and the server alone


def measure_stream() -> StreamFigures:
    """Measure a whole SPX chain, its decoding, a reconnection, and what an order costs."""
    with _desk() as desk:
        submit, alone = _submission(desk)  # before the chain, which keeps this process busy
        first, one, every = _first_quotes(desk)
    ours, sdk = _decoding()
    return StreamFigures(
        first_quotes_seconds=first,
        reconnect_seconds=one,
        all_fresh_seconds=every,
        event_microseconds=ours,
        sdk_event_microseconds=sdk,
        submit_milliseconds=submit,
        sdk_submit_milliseconds=alone,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Desk:
    contracts: tuple[OptionContract, ...]
    server: Any
    connected: Any
    clock: Any


def _first_quotes(desk: _Desk) -> tuple[float, float, float]:
    market = desk.connected.market
    began = time.perf_counter()
    market.chain("SPX", desk.clock.now())
    _until(lambda: _quoted(desk) == CONTRACTS)
    first = time.perf_counter() - began
    desk.server.go_down(True)
    _until(lambda: not market.links()[0].is_up)
    desk.clock.advance(seconds=30)
    desk.server.go_down(False)
    back = time.perf_counter()
    _until(lambda: _fresh(desk, desk.contracts[:1]) == 1)
    one = time.perf_counter() - back
    _until(lambda: _fresh(desk, desk.contracts) == CONTRACTS)
    every = time.perf_counter() - back
    return first, one, every


def _decoding() -> tuple[float, float]:
    import msgspec
    from tastytrade.dxfeed import Quote as SdkQuote

    from thetaloom.brokers.tastytrade.compact import FIELDS, CompactDecoder
    from thetaloom.links.quote_board import QuoteBoard

    contracts = _contracts()
    clock = FakeClock()
    board = QuoteBoard(clock, "bench")
    decoder = CompactDecoder(board, clock)
    slots = board.list_chain("SPX", contracts)
    decoder.listen({one.streamer: int(slot) for one, slot in zip(contracts, slots, strict=True)}, {})
    ours = [_frame(contracts, number, FIELDS["Quote"], clock.now()) for number in range(FRAMES)]
    took = _timed(lambda: [decoder.take(msgspec.json.decode(frame)["data"]) for frame in ours])
    names = tuple(field.alias or name for name, field in SdkQuote.model_fields.items())
    theirs = [_frame(contracts, number, names, clock.now()) for number in range(SDK_FRAMES)]
    sdk = _timed(lambda: [SdkQuote.from_stream(json.loads(frame)["data"][1]) for frame in theirs])
    return took * 1000 / (FRAMES * FRAME_EVENTS), sdk * 1000 / (SDK_FRAMES * FRAME_EVENTS)


def _submission(desk: _Desk) -> tuple[float, float]:
    from thetaloom.brokers.tastytrade.render import limit_order

    broker = desk.connected.broker
    order = b.order(limit="1.50")

    async def bare(number: int) -> None:
        raw = limit_order(replace(order, client_order_id=ClientOrderId(f"bare-{number}")))
        await broker._account.place_order(broker._session, raw, dry_run=False)  # the SDK alone

    def alone(number: int) -> None:
        broker._loop.call(bare(number), WAIT_SECONDS_MAX)

    ours, sdk = [], []
    for number in range(ORDERS):
        mine = replace(order, client_order_id=ClientOrderId(f"ours-{number}"))
        ours.append(_timed(partial(broker.submit, mine)))
        sdk.append(_timed(partial(alone, number)))
    return sorted(ours)[ORDERS // 2], sorted(sdk)[ORDERS // 2]


@contextmanager
def _desk() -> Iterator[_Desk]:
    from thetaloom.brokers.tastytrade.plugin import PLUGIN

    contracts = _contracts()
    clock = FakeClock()
    with TemporaryDirectory(prefix="thetaloom-bench-") as home:
        market = _market(contracts, clock)
        backend = Backend(market, clock, b.trading_calendar(), Path(home))
        server = TastytradeServer(backend)
        server.start()
        setup = BrokerSetup(
            is_live=False,
            account="",
            secrets=server.secrets,
            options=server.options | {"silence_seconds": "20", "request_timeout_seconds": "20"},
            books_url=f"sqlite:///{home}/told.db",
            clock=clock,
            calendar=b.trading_calendar(),
        )
        connected = PLUGIN.connect(setup)
        try:
            yield _Desk(contracts=contracts, server=server, connected=connected, clock=clock)
        finally:
            connected.close()
            server.stop()
            backend.close()


def _market(contracts: tuple[OptionContract, ...], clock: Any) -> Any:

    class WholeChain(FixedMarket):
        """20,000 quotes that are found at once, beside those of the order that is sent."""

        def quotes(self, asked: Iterable[OptionContract], at: datetime) -> Mapping[OptionContract, Quote]:
            wanted = tuple(asked)
            quote = Quote(bid=Price("1.00"), ask=Price("1.10"), quoted_at=clock.now(), bid_size=10, ask_size=10)
            return {one: quote for one in wanted if one.root == "SPXW"} or super().quotes(wanted, at)

    market = WholeChain(clock, always_fresh=True)
    market.set_spot("SPX", 6900)
    market.set_spot("SPY", 575)
    market.chains["SPX"] = b.chain(dict.fromkeys(contracts, (1, 1.1)), spot=6900, at=clock.now())
    for leg, sides in zip(b.legs(), ((2.00, 2.10), (1.30, 1.40)), strict=True):
        market.set_quote(leg.contract, *sides)
    return market


def _contracts() -> tuple[OptionContract, ...]:
    first = date(2026, 1, 12)
    days, strikes = 50, CONTRACTS // 100
    return tuple(
        OptionContract(
            root="SPXW", expires_on=first + timedelta(days=7 * week), right=right, strike=Decimal(5900 + 10 * step)
        )
        for week in range(days)
        for step in range(strikes)
        for right in Right
    )


def _frame(contracts: tuple[OptionContract, ...], number: int, names: Iterable[str], now: datetime) -> bytes:
    at = int(now.timestamp() * 1000) - 1000
    known = {"bidTime": at, "askTime": at, "askPrice": 1.1 + number / 100, "bidSize": 10, "askSize": 12, "eventTime": 0}
    known |= {"bidPrice": 1.0 + number / 100, "sequence": 0, "timeNanoPart": 0}
    flat: list[Any] = []
    for step in range(FRAME_EVENTS):
        symbol = contracts[(number * FRAME_EVENTS + step) % len(contracts)].streamer
        flat += [symbol if name == "eventSymbol" else known.get(name, "C") for name in names]
    return json.dumps({"type": "FEED_DATA", "channel": 1, "data": ["Quote", flat]}).encode()


def _quoted(desk: _Desk) -> int:
    return len(desk.connected.market.board.quotes(desk.contracts, desk.clock.now()))


def _fresh(desk: _Desk, contracts: tuple[OptionContract, ...]) -> int:
    now = desk.clock.now()
    return sum(one.quoted_at == now for one in desk.connected.market.board.quotes(contracts, now).values())


def _until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_SECONDS_MAX
    pause = threading.Event()  # never set: a wait with an end
    while not is_so() and time.monotonic() < end:
        pause.wait(LOOK_SECONDS)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000
