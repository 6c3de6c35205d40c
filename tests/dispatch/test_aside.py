"""Work in a process beside the engine: answered, told of, and begun anew after that process has died."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor

import pytest

from thetaloom.dispatch.aside import NICENESS, AsideProcess

PATIENCE = 120


@pytest.fixture
def aside() -> Iterator[AsideProcess]:
    made = AsideProcess()
    yield made
    made.close()


def test_a_work_is_done_in_another_less_urgent_process_and_whoever_asked_is_told(aside: AsideProcess) -> None:
    told = threading.Event()
    aside.on_done(told.set)

    answer = aside.submit(os.nice, 0)

    assert answer.result(PATIENCE) >= min(19, os.nice(0) + NICENESS)
    assert told.wait(PATIENCE)
    assert aside.submit(abs, -3).result(PATIENCE) == 3


def test_a_fault_of_the_work_comes_back_to_who_asked(aside: AsideProcess) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        aside.submit(int, "no number").result(PATIENCE)


def test_after_the_process_died_or_was_closed_another_one_is_started(aside: AsideProcess) -> None:
    with pytest.raises(BrokenExecutor):
        aside.submit(os._exit, 1).result(PATIENCE)
    assert aside.submit(abs, -1).result(PATIENCE) == 1

    aside.close()

    assert aside.submit(abs, -2).result(PATIENCE) == 2


def test_an_interrupt_of_the_terminal_is_left_to_the_server(aside: AsideProcess) -> None:
    assert aside.submit(signal.getsignal, signal.SIGINT).result(PATIENCE) is signal.SIG_IGN
