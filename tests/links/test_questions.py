"""Who may not wait for an answer from outside gets it at a later try; who may, asks by themselves."""

import threading
from collections.abc import Iterator

import pytest

from thetaloom.errors import AnswerPending, MarketDataPending, MarketDataUnavailable
from thetaloom.links.questions import ASKED_AT_ONCE, LATE_ANSWER_SECONDS, PENDING_SECONDS, Questions
from thetaloom.ports.patience import patience, waiting_at_most

DEADLINE = 10.0


class Outside:
    """Somebody who answers when a test lets them."""

    def __init__(self) -> None:
        self.asked = 0
        self.may_answer = threading.Event()
        self.woken = threading.Event()
        self.now = 0.0
        self.questions = Questions(
            "somebody",
            pending=MarketDataPending,
            missing=MarketDataUnavailable,
            wake=self.woken.set,
            monotonic=lambda: self.now,
        )

    def answer(self) -> int:
        self.asked += 1
        assert self.may_answer.wait(DEADLINE)
        return self.asked

    def ask(self, key: str = "one") -> int:
        return self.questions.ask(key, "a number", self.answer)

    def pend(self, key: str = "one") -> None:
        with waiting_at_most(0.0), pytest.raises(AnswerPending, match="somebody is still being asked for a number"):
            self.ask(key)


@pytest.fixture
def outside() -> Iterator[Outside]:
    one = Outside()
    yield one
    one.may_answer.set()
    one.questions.close()


def test_who_may_wait_asks_in_their_own_thread(outside: Outside) -> None:
    mine = threading.current_thread()

    assert outside.questions.ask("who", "it", threading.current_thread) is mine
    assert patience() is None


def test_who_may_not_wait_has_the_answer_at_a_later_try_and_asked_once(outside: Outside) -> None:
    outside.pend()
    outside.pend()
    outside.may_answer.set()

    assert outside.woken.wait(DEADLINE)
    with waiting_at_most(0.0):
        assert [outside.ask(), outside.ask()] == [1, 1]


def test_a_late_answer_is_kept_for_a_moment_only(outside: Outside) -> None:
    outside.pend()
    outside.may_answer.set()
    assert outside.woken.wait(DEADLINE)
    outside.now = LATE_ANSWER_SECONDS + 0.1

    with waiting_at_most(DEADLINE):
        assert outside.ask() == 2


def test_an_answer_in_time_is_asked_for_anew_the_next_time(outside: Outside) -> None:
    outside.may_answer.set()

    with waiting_at_most(DEADLINE):
        assert [outside.ask(), outside.ask()] == [1, 2]


def test_what_was_asked_before_everything_was_forgotten_answers_nobody(outside: Outside) -> None:
    outside.pend()
    outside.questions.forget()
    outside.may_answer.set()

    with waiting_at_most(DEADLINE):
        assert outside.ask() == 2
    assert not outside.woken.is_set()


def test_an_answer_that_does_not_come_is_missing_in_the_end(outside: Outside) -> None:
    outside.pend()
    outside.now = PENDING_SECONDS

    with (
        waiting_at_most(0.0),
        pytest.raises(MarketDataUnavailable, match="not answered about a number for 5 seconds") as told,
    ):
        outside.ask()
    assert not isinstance(told.value, AnswerPending)


def test_a_refusal_comes_to_whoever_asked(outside: Outside) -> None:
    def refuse() -> int:
        raise MarketDataUnavailable("no")

    with waiting_at_most(DEADLINE), pytest.raises(MarketDataUnavailable, match=r"^no$"):
        outside.questions.ask("no", "it", refuse)


def test_a_question_that_hangs_does_not_hold_up_another(outside: Outside) -> None:
    for number in range(ASKED_AT_ONCE - 1):
        outside.pend(f"hangs {number}")

    with waiting_at_most(DEADLINE):
        assert outside.questions.ask("quick", "it", lambda: "there") == "there"


def test_what_ends_a_thread_comes_to_whoever_asked_and_others_are_still_asked_for() -> None:
    outside = Outside()

    def leave() -> int:
        raise SystemExit("enough")

    with waiting_at_most(DEADLINE):
        with pytest.raises(SystemExit, match="enough"):
            outside.questions.ask("leaves", "it", leave)
        assert outside.questions.ask("stays", "it", lambda: "there") == "there"
    outside.questions.close()
