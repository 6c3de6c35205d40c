"""Networks that fail in every way: one error that says what, where and what to do, in time, and no secret in it."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from thetaloom.brokers.alpaca.plugin import PLUGIN as ALPACA
from thetaloom.brokers.ibkr.plugin import PLUGIN as IBKR
from thetaloom.brokers.tastytrade.plugin import PLUGIN as TASTYTRADE
from thetaloom.errors import BrokerUnavailable, ConfigError, MarketDataUnavailable, ThetaloomError
from thetaloom.marketdata.cboe import CboeMarket, CboeSettings
from thetaloom.ports.broker_plugin import BrokerPlugin, BrokerSetup
from thetaloom.testing import builders as b
from thetaloom.testing.clock import FakeClock

SECONDS = 0.3
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
ELSEWHERE = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: %s/stolen\r\nContent-Length: 0\r\n\r\n"
SECRETS = {"client-secret": "plum-one", "refresh-token": "plum-two", "key-id": "PKPLUM3", "secret-key": "plum-four"}
PROXY = "http://" + "someone:plum-five@127.0.0.1:9"
PLUMS = (*SECRETS.values(), "plum-five")


@dataclass
class BadServer:
    """Takes connections on loopback and treats each as ``act`` does, in a thread of its own."""

    act: Callable[["BadServer", socket.socket], None]
    heard: list[bytes] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    elsewhere: str = ""

    def __post_init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.place = f"127.0.0.1:{self.listening.getsockname()[1]}"
        threading.Thread(target=self._take, daemon=True).start()

    def close(self) -> None:
        self.over.set()
        self.listening.shutdown(socket.SHUT_RDWR)  # which ends a thread that waits for a connection
        self.listening.close()

    def _take(self) -> None:
        while not self.over.is_set():
            try:
                line, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        with line:
            try:
                self.heard.append(line.recv(65536))
                self.act(self, line)
            except OSError:
                return


def say_nothing(server: BadServer, line: socket.socket) -> None:
    server.over.wait()


def drip(server: BadServer, line: socket.socket) -> None:
    line.sendall(HEAD)
    while not server.over.wait(0.02):
        line.sendall(b"{")


def reset(server: BadServer, line: socket.socket) -> None:
    line.sendall(HEAD + b'{"data":')
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hang_up(server: BadServer, line: socket.socket) -> None:
    """Hang up without a word."""


def send_elsewhere(server: BadServer, line: socket.socket) -> None:
    line.sendall(ELSEWHERE % server.elsewhere.encode())


def talk_plainly(server: BadServer, line: socket.socket) -> None:
    line.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


ACTS = {
    "half open": (say_nothing, "http", "within 0.3 seconds"),
    "a byte at a time": (drip, "http", "within 0.3 seconds"),
    "reset in the middle": (reset, "http", ""),
    "hung up": (hang_up, "http", ""),
    "a redirect to another host": (send_elsewhere, "http", "307"),
    "plain where TLS is wanted": (talk_plainly, "https", "SSL"),
}


@pytest.fixture
def opened() -> Iterator[list[BadServer]]:
    found: list[BadServer] = []
    yield found
    for one in found:
        one.close()


@pytest.fixture
def ask(tmp_path: Path) -> Callable[[str, str], ThetaloomError]:
    """Reach for a source at an address, and return what comes of it."""

    def asked(name: str, url: str) -> ThetaloomError:
        if name == "cboe":
            market = CboeMarket(CboeSettings(base_url=url, request_timeout_seconds=SECONDS), FakeClock())
            with pytest.raises(MarketDataUnavailable) as raised:
                market.refresh("SPY")
            market.close()
            return raised.value
        plugin: BrokerPlugin = ALPACA if name == "alpaca" else TASTYTRADE
        with pytest.raises(BrokerUnavailable) as refused:
            plugin.connect(setup_of(tmp_path, plugin, api_url=url))
        return refused.value

    return asked


def setup_of(folder: Path, plugin: BrokerPlugin, **options: str) -> BrokerSetup:
    wanted = {one.name for one in plugin.fields if one.is_secret}
    return BrokerSetup(
        is_live=False,
        account="",
        secrets={name: text for name, text in SECRETS.items() if name in wanted},
        options={"request_timeout_seconds": str(SECONDS)} | options,
        books_url=f"sqlite:///{folder}/told.db",
        clock=FakeClock(),
        calendar=b.trading_calendar(),
    )


def check(error: ThetaloomError, place: str, said: str) -> None:
    """Check that an error says where and what, and shows nothing that is secret."""
    whole = f"{error.message} {error.advice} {error.details}"
    assert said in error.message and place in error.message, whole
    assert not any(secret in whole for secret in PLUMS), whole


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("name", ["alpaca", "tastytrade", "cboe"])
def test_a_server_that_misbehaves_is_unavailable_with_what_and_where(
    name: str, act: str, opened: list[BadServer], ask: Callable[[str, str], ThetaloomError]
) -> None:
    does, scheme, said = ACTS[act]
    opened += [BadServer(does), other := BadServer(talk_plainly)]
    server = opened[0]
    server.elsewhere = f"http://{other.place}"

    error = ask(name, f"{scheme}://{server.place}")

    check(error, "" if does is send_elsewhere else server.place, said)
    assert server.heard and not other.heard


@pytest.mark.parametrize("name", ["alpaca", "tastytrade", "cboe"])
def test_a_server_that_is_not_there_is_unavailable_with_advice(
    name: str, ask: Callable[[str, str], ThetaloomError]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{free.getsockname()[1]}"

    error = ask(name, f"http://{place}")

    check(error, place, "")
    assert "online" in error.advice


@pytest.mark.parametrize("name", ["alpaca", "tastytrade", "cboe"])
def test_a_name_that_nobody_knows_is_unavailable_with_the_name(
    name: str, monkeypatch: pytest.MonkeyPatch, ask: Callable[[str, str], ThetaloomError]
) -> None:
    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    check(ask(name, "https://broker.example"), "broker.example", "its name was not found")


@pytest.mark.parametrize("name", ["alpaca", "tastytrade", "cboe"])
def test_a_proxy_that_is_not_there_is_unavailable_without_its_password(
    name: str, monkeypatch: pytest.MonkeyPatch, ask: Callable[[str, str], ThetaloomError]
) -> None:
    for variable in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(variable, PROXY)

    check(ask(name, "https://broker.example"), "broker.example", "")


@pytest.mark.parametrize(
    "url",
    [
        "http://broker.example",
        "broker.example",
        "ftp://broker.example",
        "https://",
        "https://" + "a:b@c.example",
        "https://broker.example:99999",
    ],
)
@pytest.mark.parametrize("plugin", [ALPACA, TASTYTRADE], ids=lambda one: one.name)
def test_no_secret_goes_to_an_address_that_is_none_or_in_the_clear(
    plugin: BrokerPlugin, url: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="api_url") as raised:
        plugin.connect(setup_of(tmp_path, plugin, api_url=url))

    assert raised.value.advice


GATEWAYS = {
    "half open": (say_nothing, "not logged in"),
    "a byte at a time": (drip, "no message of TWS"),
    "hung up": (hang_up, "hung up"),
    "another protocol": (talk_plainly, "no message of TWS"),
}


@pytest.mark.parametrize("act", GATEWAYS)
def test_a_gateway_that_misbehaves_is_unavailable_with_what_and_where(
    act: str, opened: list[BadServer], tmp_path: Path
) -> None:
    does, said = GATEWAYS[act]
    opened.append(BadServer(does))
    host, port = opened[0].place.split(":")

    with pytest.raises(BrokerUnavailable) as raised:
        IBKR.connect(setup_of(tmp_path, IBKR, host=host, port=port))

    check(raised.value, opened[0].place, said)
    assert raised.value.advice


def test_a_gateway_whose_name_nobody_knows_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    with pytest.raises(BrokerUnavailable, match=r"tws\.example:4002 cannot be reached: .*its name was not found"):
        IBKR.connect(setup_of(tmp_path, IBKR, host="tws.example"))
