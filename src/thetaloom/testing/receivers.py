"""Receivers on loopback that take messages, refuse them, dawdle, or hang up: an HTTP hook and a mail server."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler
from typing import Any

from thetaloom.testing.loopback_http import LoopbackHttp, Quiet


class Hook:
    """A webhook that remembers what came."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.statuses: list[int] = []  # of the next answers; 200 when there are none
        self.hangs_up = False  # and does not answer at all
        self.gate = threading.Event()  # closed: it takes the request and says nothing
        self.gate.set()
        self.came = threading.Semaphore(0)
        outer = self

        class Handler(Quiet, BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                outer.came.release()
                outer.gate.wait(300)
                if outer.hangs_up:
                    self.close_connection = True
                    return
                status = outer.statuses.pop(0) if outer.statuses else 200
                if status == 200:
                    headers = {name.lower(): found for name, found in self.headers.items()}
                    outer.received.append((headers, json.loads(body)))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

        self._server = LoopbackHttp(Handler)
        self.port = self._server.port
        self._server.start()

    @property
    def url(self) -> str:
        """Its address, with a secret in its path."""
        return f"{self._server.url}/hooks/planted-path-secret"

    @property
    def titles(self) -> list[str]:
        """The titles of what came, in order."""
        return [str(body["title"]) for _, body in self.received]

    def hang_up(self) -> None:
        """Let go whoever waits for an answer, without one."""
        self.hangs_up = True
        self.gate.set()

    def close(self) -> None:
        """Stop listening."""
        self.gate.set()
        self._server.stop()


class MailServer:
    """A mail server that speaks as much SMTP as a client needs."""

    def __init__(self) -> None:
        self.received: list[EmailMessage] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """An address by which mail to Anna goes through this server."""
        return f"mailto://127.0.0.1:{self.port}?from=desk@example.com&to=anna@example.com&mode=insecure"

    def close(self) -> None:
        """Stop listening."""
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb") as line:
                self._talk(line)

    def _talk(self, line: Any) -> None:
        def say(text: str) -> None:
            line.write(f"{text}\r\n".encode())
            line.flush()

        say("220 loopback")
        while verb := line.readline().decode().strip().upper():
            if verb.startswith("DATA"):
                say("354 go on")
                content = b"".join(iter(line.readline, b".\r\n"))
                self.received.append(message_from_bytes(content, policy=default))
            say("221 bye" if verb.startswith("QUIT") else "250 fine")
            if verb.startswith("QUIT"):
                return


@contextmanager
def hook() -> Iterator[Hook]:
    """A webhook for as long as the block lasts."""
    made = Hook()
    try:
        yield made
    finally:
        made.close()


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """A mail server for as long as the block lasts."""
    made = MailServer()
    try:
        yield made
    finally:
        made.close()
