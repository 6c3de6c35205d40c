"""The turn to write: one at a time, in the order of asking, and never lost."""

import signal
import threading
from collections.abc import Callable

import pytest

from thetaloom.store.turns import Turns

LONG = 60.0


def wait_until(happens: Callable[[], bool]) -> None:
    """Look until something happens; the time-out of the test is the limit."""
    while not happens():
        threading.Event().wait(0.001)


def test_who_has_waited_longest_is_next() -> None:
    turns, order = Turns(), list[int]()

    def write(number: int) -> None:
        assert turns.acquire(LONG)
        order.append(number)
        turns.release()

    assert turns.acquire(LONG)
    threads = [threading.Thread(target=write, args=(number,)) for number in range(5)]
    for number, thread in enumerate(threads, start=1):
        thread.start()
        wait_until(lambda number=number: turns.waiting == number)  # type: ignore[misc]  # a default binds the loop's value
    turns.release()
    assert turns.acquire(LONG)  # who comes back at once stands behind those that wait
    for thread in threads:
        thread.join(LONG)

    assert order == [0, 1, 2, 3, 4]
    turns.release()


def test_only_one_has_the_turn() -> None:
    turns, inside, most = Turns(), 0, 0

    def write() -> None:
        nonlocal inside, most
        for _ in range(500):
            assert turns.acquire(LONG)
            inside += 1
            most = max(most, inside)
            inside -= 1
            turns.release()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)

    assert most == 1 and turns.waiting == 0


def test_who_gives_up_waiting_takes_no_turn() -> None:
    turns = Turns()
    assert turns.acquire(LONG)

    assert not turns.acquire(0.01)
    assert turns.waiting == 0
    turns.release()

    assert turns.acquire(0.01)


def test_who_is_interrupted_while_waiting_takes_no_turn() -> None:
    turns = Turns()
    assert turns.acquire(LONG)

    here = threading.get_ident()

    def interrupt() -> None:
        wait_until(lambda: turns.waiting == 1)
        signal.pthread_kill(here, signal.SIGINT)

    def complain(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, complain)
    try:
        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            turns.acquire(LONG)
    finally:
        signal.signal(signal.SIGINT, before)

    assert turns.waiting == 0
    turns.release()
    assert turns.acquire(0.01)
