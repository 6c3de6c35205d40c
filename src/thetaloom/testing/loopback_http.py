"""A web server on loopback in a thread of its own, for the servers that tests and simulators play."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from thetaloom.errors import Unavailable

POLL_SECONDS = 0.01  # how soon it sees that it shall stop


class Quiet:
    """A handler that writes no log; mixed in before ``BaseHTTPRequestHandler``."""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class LoopbackHttp:
    """Listens as soon as it is made, and answers from :meth:`start` to :meth:`stop`."""

    def __init__(self, handler: type[BaseHTTPRequestHandler], *, port: int = 0) -> None:
        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        except OSError as error:
            raise Unavailable(
                f"cannot listen on 127.0.0.1:{port}: {error.strerror}",
                advice="Is another program on that port? Choose one with --port; 0 takes any that is free.",
            ) from error
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(POLL_SECONDS,), daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_port)

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Answer nobody any more, and give the port back."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
