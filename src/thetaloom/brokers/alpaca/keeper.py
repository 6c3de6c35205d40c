"""One thread that reads Alpaca's books when a stream says that something changed, and now and then anyway."""

import queue
import threading
import time
from collections.abc import Mapping
from typing import Any

import structlog

from thetaloom.brokers.alpaca.books import AlpacaBooks
from thetaloom.errors import ThetaloomError
from thetaloom.links.nonsense import NONSENSE

log = structlog.get_logger()

STOP_SECONDS = 5.0
Update = Mapping[str, Any]


class BooksKeeper:
    """Takes updates in the order in which they came; a failure to read ends nothing, the next sweep reads again."""

    def __init__(self, books: AlpacaBooks, sweep_seconds: float, ask_seconds: float) -> None:
        self._books = books
        self._sweep_seconds = sweep_seconds
        self._ask_seconds = ask_seconds  # between two questions at somebody's wish
        self._asked_at = -ask_seconds
        self._updates: queue.SimpleQueue[Update | None] = queue.SimpleQueue()
        self._is_stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alpaca books", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def take(self, update: Update) -> None:
        """Take a message of the stream, from its thread."""
        self._updates.put(update)

    def ask(self) -> None:
        """Have everything that moved read soon, without waiting for it, and not too often."""
        now = time.monotonic()
        if now - self._asked_at >= self._ask_seconds:
            self._asked_at = now
            self._updates.put({})

    def stop(self) -> None:
        """End, after what is being read."""
        self._is_stopped.set()
        self._updates.put(None)
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while not self._is_stopped.is_set():
            try:
                update = self._updates.get(timeout=self._sweep_seconds)
            except queue.Empty:
                self._try(None)
                continue
            if update is not None:
                self._try(update)

    def _try(self, update: Update | None) -> None:
        try:
            if update is None:
                self._books.sweep()
            elif not update:
                self._books.read_activities()
            else:
                self._books.hear(update)
        except ThetaloomError as error:
            log.warning("alpaca_books_unread", error=error.message)
        except NONSENSE as error:  # whatever it was: without this thread nothing of the account is read any more
            log.error("alpaca_books_fault", error=repr(error), exc_info=error)
