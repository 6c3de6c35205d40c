"""What people read of a line that broke, and the proxy that it goes through."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest
from httpx2.websockets import WebSocketDisconnect, WebSocketNetworkError, WebSocketUpgradeError
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close

from tests.brokers.tastytrade.conftest import Desk, until
from thetaloom.brokers.tastytrade.breaks import CUT, HUNG_UP, why_broken
from thetaloom.errors import BrokerUnavailable

GOING_AWAY = Close(1001, "going away")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (WebSocketNetworkError(), CUT),
        (ExceptionGroup("", [ExceptionGroup("", [WebSocketNetworkError()])]), CUT),
        (ConnectionClosedError(None, None), CUT),
        (OSError(), CUT),
        (ConnectionClosedError(GOING_AWAY, None), f"{HUNG_UP}, going away (1001)"),
        (WebSocketDisconnect(1000), f"{HUNG_UP}, without a word (1000)"),
        (WebSocketUpgradeError(httpx2.Response(503)), "no web socket is there: status 503"),
        (TimeoutError(), "no answer in time"),
        (httpx2.ReadTimeout(""), "no answer in time"),
        (KeyError("data"), "what it says cannot be read"),
        (httpx2.ConnectError("All connection attempts failed"), "All connection attempts failed"),
        (BrokerUnavailable("tastytrade gives no token"), "tastytrade gives no token"),
    ],
)
def test_why_a_line_broke_is_said_in_words(error: BaseException, words: str) -> None:
    assert why_broken(error) == words


def test_no_line_that_is_cut_tells_the_name_of_a_class(desk: Desk) -> None:
    reasons: set[str] = set()
    desk.broker._stream.on_change(lambda: reasons.add(desk.broker.links()[0].reason))
    desk.opened[0].market._stream.on_change(lambda: reasons.add(desk.opened[0].market.links()[0].reason))

    desk.server.drop_streams()

    assert until(lambda: len(reasons - {""}) == 2)
    assert reasons - {""} == {
        f"tastytrade's account streamer broke: {CUT}",
        f"tastytrade's market data broke off: {CUT}",
    }


def test_where_nobody_listens_the_address_is_told_once(desk: Desk) -> None:
    nobody = {"api_url": "http://127.0.0.1:9"}

    with pytest.raises(BrokerUnavailable) as caught:
        desk.connect(options=desk.server.options | nobody)

    assert caught.value.message.count("127.0.0.1") == 1


class Proxy:
    """Takes CONNECT and passes bytes on; it remembers where to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, place, _ = head.split(" ", 2)
        self.asked.append(f"{method} {place}")
        host, port = place.rsplit(":", 1)
        there, back = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(passed_on(reader, back), passed_on(there, writer))


async def passed_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while some := await source.read(65_536):
            sink.write(some)
            await sink.drain()
    except OSError:  # one side has hung up
        pass
    finally:
        sink.close()


@contextmanager
def proxy() -> Iterator[Proxy]:
    """A proxy on loopback, in a thread of its own."""
    made, loop, ready = Proxy(), asyncio.new_event_loop(), threading.Event()

    async def listen() -> None:
        server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
        made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()

    def run() -> None:
        loop.run_until_complete(listen())
        loop.run_forever()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(timeout=30)
    try:
        yield made
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_the_stream_of_quotes_goes_through_the_proxy_of_the_environment(
    clean_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with proxy() as through:
        monkeypatch.setenv("ws_proxy", through.url)
        market = clean_desk.connect().market

        assert until(lambda: market.links()[0].is_up)
        assert through.asked == [f"CONNECT {clean_desk.server.options['api_url'].removeprefix('http://')}"]
        clean_desk.opened[0].close()
