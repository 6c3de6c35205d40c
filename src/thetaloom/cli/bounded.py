"""Waiting for a call no longer than somebody who has to act can wait."""

import threading
from collections.abc import Callable
from typing import TypeVar

from thetaloom.errors import Unavailable

T = TypeVar("T")


def within(seconds: float, call: Callable[[], T]) -> T:
    """Return what a call returns, or raise what it raises; ``Unavailable`` when it takes longer than ``seconds``."""
    found: list[T] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            found.append(call())
        except BaseException as error:  # noqa: BLE001  # whoever waits gets it, whatever it is
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if raised:
        raise raised[0]
    if not found:
        raise Unavailable(f"no answer within {seconds:g} s")
    return found[0]
