"""The simulated TWS: listens on loopback in a thread of its own and lets tests make trouble."""

import asyncio
import itertools
import threading
from collections.abc import Callable

from thetaloom.testing.broker_servers.backend import Backend, Change
from thetaloom.testing.broker_servers.ibkr import telling
from thetaloom.testing.broker_servers.ibkr.client import Client
from thetaloom.testing.broker_servers.ibkr.shared import Shared

QUOTES_EVERY_SECONDS = 0.05
START_SECONDS_MAX = 10.0


class IbkrServer:
    """Implements ``testing.broker_servers.BrokerServer``."""

    def __init__(self, backend: Backend, port: int = 0) -> None:
        self.backend = backend
        self.shared = Shared(backend)
        self.port = port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._server: asyncio.Server | None = None
        self._is_ready = threading.Event()
        self._client_ids = itertools.count()
        backend.on_change(self._changed)

    @property
    def faults(self) -> list[str]:
        """What the client did that the protocol does not allow."""
        return self.shared.faults

    @property
    def options(self) -> dict[str, str]:
        """How to reach it, with a client id of one's own each time: TWS takes each only once at a time.

        The budget that protects the real TWS is as good as none.
        """
        own = str(next(self._client_ids))
        return {"host": "127.0.0.1", "port": str(self.port), "client_id": own, "messages_per_second": "5000"}

    @property
    def secrets(self) -> dict[str, str]:
        """None: who reaches the port is in."""
        return {}

    @property
    def account(self) -> str:
        """The number of the account, as TWS tells it."""
        return self.shared.accounts.number

    def start(self) -> None:
        """Listen on a free port, or again on the one it had."""
        self._is_ready.clear()
        self._thread = threading.Thread(target=self._run, name="ibkr server", daemon=True)
        self._thread.start()
        assert self._is_ready.wait(START_SECONDS_MAX), "the simulated TWS did not start"

    def stop(self) -> None:
        """Hang up and end."""
        if self._loop is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_SECONDS_MAX)
        self._loop = None

    def drop_streams(self) -> None:
        """Cut every line that is open."""
        self._do(self._cut_all)

    def mute(self, on: bool) -> None:
        """Keep the lines open and say nothing more on them, or speak again."""
        self._do(lambda: setattr(self.shared, "is_mute", on))

    def expire_tokens(self) -> None:
        """TWS has no tokens: nothing ends."""

    def go_down(self, on: bool) -> None:
        """Stop to listen and hang up, or come back on the same port."""
        if on:
            self.shared.is_down = True
            self.stop()
        else:
            self.shared.is_down = False
            self.start()

    def log_out(self, on: bool) -> None:
        """Take connections without being logged in, as TWS does before its login."""
        self.shared.is_logged_out = on
        self.drop_streams()

    def say_error(self, code: int, text: str, request_id: int = -1) -> None:
        """Send a message about a line to all clients."""
        self._do(lambda: self.say_raw(telling.error(request_id, code, text)))

    def say_raw(self, *messages: bytes) -> None:
        """Send any messages to all clients; from the server's thread, see ``do``."""
        for client in list(self.shared.clients):
            client.say(*messages)

    def do(self, act: Callable[[], object]) -> None:
        """Have something done in the server's thread, and wait until it is."""
        self._do(act)

    def _do(self, act: Callable[[], object]) -> None:
        done = threading.Event()

        def run() -> None:
            act()
            done.set()

        if self._loop is None:
            act()
            return
        self._loop.call_soon_threadsafe(run)
        assert done.wait(START_SECONDS_MAX), "the simulated TWS hangs"

    def _changed(self, change: Change) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._tell, change)

    def _tell(self, change: Change) -> None:
        for client in list(self.shared.clients):
            client.tell(change)

    def _cut_all(self) -> None:
        for client in list(self.shared.clients):
            client.cut()

    def _run(self) -> None:
        loop = self._loop = asyncio.new_event_loop()
        try:
            loop.run_until_complete(self._listen())
            self._is_ready.set()
            quotes = loop.create_task(self._quote())
            loop.run_forever()
            quotes.cancel()
            self._cut_all()
            if self._server is not None:
                self._server.close()
            loop.run_until_complete(asyncio.gather(quotes, return_exceptions=True))
        finally:
            loop.close()

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Client(self.shared), "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _quote(self) -> None:
        while True:
            await asyncio.sleep(QUOTES_EVERY_SECONDS)
            for client in list(self.shared.clients):
                client.tell_quotes()
