"""Slow and broken connections: each is let go after its bound, holds up nobody, and half a change is no change."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
import uvicorn
from starlette.testclient import TestClient
from starlette.types import Message

from tests.web.conftest import BEARER, ORIGIN, START_SECONDS, TOKEN
from thetaloom.bootstrap import Platform
from thetaloom.web.app import create_app
from thetaloom.web.connections import BoundedConnection

PATIENCE = 60  # of the test, where the server has none
HALT = b"POST /api/halt HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer " + TOKEN.encode() + b"\r\n"
JSON = b"content-type: application/json\r\n"
GOOD = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n"


class Hasty(BoundedConnection):
    """The same with bounds that a test can wait for."""

    request_seconds = 0.3
    answer_seconds = 0.3


@pytest.fixture
def port(platform: Platform) -> Iterator[int]:
    """Where a hasty server listens."""
    listener = socket.create_server(("127.0.0.1", 0))
    configuration = uvicorn.Config(
        create_app(platform), http=Hasty, ws="websockets-sansio", log_config=None, timeout_keep_alive=PATIENCE
    )
    server = uvicorn.Server(configuration)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join(START_SECONDS)
    listener.close()


def connected(port: int) -> closing[socket.socket]:
    """A connection to the server."""
    return closing(socket.create_connection(("127.0.0.1", port), PATIENCE))


def rest_of(connection: socket.socket) -> bytes:
    """Everything that still comes until the server hangs up."""
    got = b""
    while part := connection.recv(65536):
        got += part
    return got


PARTS = (
    b"",
    b"G",
    GOOD,
    GOOD + b"x-slow: ",
    HALT + JSON + b"content-length: 40\r\n\r\n",
    HALT + JSON + b'content-length: 40\r\n\r\n{"note": "x"',
    HALT + JSON + b"transfer-encoding: chunked\r\n\r\n4\r\n{}  ",
)


def test_a_request_that_never_ends_is_ended_and_done_in_no_part(client: TestClient, port: int) -> None:
    with ExitStack() as every:
        slow = [every.enter_context(connected(port)) for _ in PARTS]
        for connection, part in zip(slow, PARTS, strict=True):
            connection.sendall(part)
        other = every.enter_context(connected(port))
        other.sendall(GOOD + b"connection: close\r\n\r\n")
        assert rest_of(other).startswith(b"HTTP/1.1 200 ")

        answers = [rest_of(connection) for connection in slow]

    assert [answer[:13] for answer in answers] == [b"HTTP/1.1 408 "] * len(PARTS)
    assert client.get("/api/halts").json() == {"halted": False, "halts": {}}


def test_a_byte_now_and_then_wins_no_time(port: int) -> None:
    with connected(port) as slow:
        slow.settimeout(0.02)
        answer = b""
        with pytest.raises(OSError, match=r"reset|pipe"):
            for _ in range(PATIENCE * 50):
                slow.sendall(b"x")
                try:
                    answer += slow.recv(4096)
                except TimeoutError:
                    continue

    assert answer.startswith(b"HTTP/1.1 408 ")


def test_who_reads_nothing_of_the_answers_is_let_go(port: int) -> None:
    ask = b"GET /static/vendor/uplot-1.6.32.iife.min.js HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
    with connected(port) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with pytest.raises(OSError, match=r"reset|pipe"):
            while True:
                deaf.sendall(ask)


def test_a_quick_client_keeps_its_connection(port: int) -> None:
    with connected(port) as quick:
        for _ in range(3):
            quick.sendall(GOOD + b"\r\n")
            got = b""
            while b"}" not in got:
                got += quick.recv(65536)
            assert got.startswith(b"HTTP/1.1 200 ")


def test_a_body_that_breaks_off_is_no_change(client: TestClient) -> None:
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/halts",
        "query_string": b"",
        "scheme": "http",
        "headers": [
            (b"host", ORIGIN.removeprefix("http://").encode()),
            (b"authorization", BEARER["authorization"].encode()),
            (b"content-type", b"application/x-www-form-urlencoded"),
            (b"content-length", b"30"),
        ],
    }
    coming: list[Message] = [
        {"type": "http.request", "body": b"scope=all&no", "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return coming.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    async def ask() -> None:
        await client.app(scope, receive, send)

    asyncio.run(ask())

    assert sent[0]["status"] == 400
    assert client.get("/api/halts").json() == {"halted": False, "halts": {}}


def test_a_length_that_is_no_plain_number_is_refused(client: TestClient) -> None:
    for length in ("²", "-1", "1e3", "+1", "9" * 5000, " ", "1,1"):
        answer = client.post("/api/halt", content=b"{}", headers={b"content-length": length.encode("latin-1")})

        assert answer.status_code == 413, length[:10]
    assert client.get("/api/halts").json()["halted"] is False
