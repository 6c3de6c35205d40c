"""Of ``thetaloom bench``: a server whose quotes come from a made-up source at a known rate; a process of its own."""

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from thetaloom.bootstrap import open_demo
from thetaloom.cli.bench_figures import pause
from thetaloom.config import MarketSource, load_settings
from thetaloom.web.wire.quotes import quote_text

SYMBOLS = 200
UPDATES_A_SECOND = 1_000
PAUSE_SECONDS = 0.005
MILLISECONDS = 1000


class MadeQuotes:
    """Symbols ``S000`` to ``S199``, each changed five times a second; ``last`` counts the changes of the symbol.

    A quote's timestamp is the wall's time of the tick that took it, so that whoever gets it knows how long it took.
    """

    def __init__(self) -> None:
        self._counts = [0] * SYMBOLS
        self._texts: dict[str, tuple[int, str]] = {}
        self._wakes: list[Callable[[], None]] = []
        threading.Thread(target=self._run, name="quotes", daemon=True).start()

    def name(self, spelt: str) -> str | None:
        """Return the symbol if it is one of ours."""
        return spelt if spelt in NAMES else None

    def read(self, symbols: Iterable[str]) -> Mapping[str, str]:
        """Return the quotes; those that changed carry the time of now."""
        now = time.time_ns() // 1_000_000
        found = {}
        for symbol in symbols:
            count = self._counts[NAMES[symbol]]
            known = self._texts.get(symbol)
            if known is None or known[0] != count:
                text = quote_text(symbol, None, None, Decimal(count), None)
                known = self._texts[symbol] = (count, text.replace('"timestamp":null', f'"timestamp":{now}'))
            found[symbol] = known[1]
        return found

    def on_change(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called at every change."""
        self._wakes.append(wake)

    def _run(self) -> None:
        began, made = time.perf_counter(), 0
        while True:
            due = int((time.perf_counter() - began) * UPDATES_A_SECOND)
            for number in range(made, due):
                self._counts[number % SYMBOLS] += 1
                for wake in self._wakes:
                    wake()
            made = due
            pause(PAUSE_SECONDS)


NAMES = {f"S{number:03}": number for number in range(SYMBOLS)}


def serve(port: int, home: str) -> None:
    """Serve until the process is ended."""
    import uvicorn

    from thetaloom.web.app import create_app
    from thetaloom.web.wire.hub import Hub

    with (
        open_demo(load_settings(home=home, market=MarketSource.RECORDED)) as platform,
        socket.create_server(("127.0.0.1", port), backlog=512) as listening,
    ):
        application = create_app(platform)
        application.state.live = Hub(platform, MadeQuotes())
        settings = uvicorn.Config(
            application, ws="websockets-sansio", ws_per_message_deflate=False, log_level="error", access_log=False
        )
        uvicorn.Server(settings).run(sockets=[listening])


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2])
