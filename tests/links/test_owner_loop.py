"""One thread owns what is asynchronous of a connection."""

import asyncio
import threading

import pytest

from thetaloom.errors import InvariantError
from thetaloom.links.owner_loop import OwnerLoop
from thetaloom.links.request_budget import RequestBudget


def test_work_runs_in_the_loops_own_thread_and_its_answer_comes_back() -> None:
    loop = OwnerLoop("mine")

    async def whose() -> str:
        return threading.current_thread().name

    assert loop.call(whose(), 5) == "mine"
    loop.stop()


def test_work_that_takes_too_long_is_cancelled() -> None:
    loop = OwnerLoop("mine")
    ended = threading.Event()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(TimeoutError):
        loop.call(wait(), 0.01)
    assert ended.wait(5)
    loop.stop()


def test_the_loops_own_thread_may_not_wait_for_itself() -> None:
    loop = OwnerLoop("mine")

    async def nothing() -> None:
        return None

    async def wait_for_myself() -> None:
        loop.call(nothing(), 1)

    with pytest.raises(InvariantError):
        loop.call(wait_for_myself(), 5)
    loop.stop()


def test_a_stop_cancels_what_runs_and_refuses_what_comes() -> None:
    loop = OwnerLoop("mine")
    began, ended = threading.Event(), threading.Event()

    async def wait() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def nothing() -> None:
        return None

    loop.post(wait())
    assert began.wait(5)
    loop.stop()

    assert ended.is_set()
    with pytest.raises(InvariantError):
        loop.call(nothing(), 1)


def test_a_budget_lets_a_burst_through_and_then_holds_the_rate() -> None:
    now = [0.0]
    budget = RequestBudget(10, burst=3, monotonic=lambda: now[0])

    waits = [round(budget.take(), 6) for _ in range(5)]
    now[0] = 10.0

    assert waits == [0, 0, 0, 0.1, 0.2]
    assert budget.take() == 0


def test_a_budget_rests_for_as_long_as_the_other_side_says() -> None:
    now = [0.0]
    budget = RequestBudget(10, burst=3, monotonic=lambda: now[0])

    budget.pause(2)

    assert budget.take() == pytest.approx(2.1)
