"""Waiting for what another thread does, without sleeping longer than needed."""

import threading
import time
from collections.abc import Callable

DEADLINE_SECONDS = 10.0
_LOOK_SECONDS = 0.005


def until(is_so: Callable[[], bool], told: Callable[[], str]) -> None:
    """Wait until something is so; fail with what is told instead where it does not become so."""
    pause, deadline = threading.Event(), time.monotonic() + DEADLINE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, told()
        pause.wait(_LOOK_SECONDS)
