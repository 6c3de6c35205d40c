"""An analyst asked aside: whoever watches positions never waits, and the answer is handed out once."""

import threading
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.analysts.conftest import NOW, asked
from thetaloom.analysts.background import WAITING_MAX, BackgroundAnalyst
from thetaloom.domain.market.opinions import AnalysisRequest, NoOpinion, Opinion
from thetaloom.domain.market.words import MarketBias
from thetaloom.errors import AnswerPending, StoreUnavailable

ANSWER = Opinion(analyst="llm", direction=MarketBias.BULLISH, confidence=Decimal("0.6"), made_at=NOW)


class Gate:
    """An analyst that answers once the gate is open."""

    name = "llm"

    def __init__(self, error: Exception | None = None) -> None:
        self.open = threading.Event()
        self.done = threading.Semaphore(0)
        self.asked = 0
        self.error = error

    def opine(self, request: AnalysisRequest) -> Opinion | NoOpinion:
        """Wait, then answer."""
        self.asked += 1
        self.open.wait(20)
        self.done.release()
        if self.error is not None:
            raise self.error
        return ANSWER


def fetched(analyst: BackgroundAnalyst, request: AnalysisRequest) -> Opinion | NoOpinion:
    """Ask until the answer is there."""
    while True:
        try:
            return analyst.opine(request)
        except AnswerPending:
            continue


def test_an_answer_is_awaited_without_waiting() -> None:
    gate = Gate()
    analyst = BackgroundAnalyst(gate)
    later = replace(asked(), now=NOW + timedelta(seconds=5))

    for request in (asked(), later):
        with pytest.raises(AnswerPending):
            analyst.opine(request)
    gate.open.set()
    gate.done.acquire()

    assert fetched(analyst, later) == replace(ANSWER, made_at=later.now)
    assert gate.asked == 1
    with pytest.raises(AnswerPending):  # it was handed out; the same question is a new one
        analyst.opine(asked())


def test_what_goes_wrong_aside_is_raised_where_the_answer_is_fetched() -> None:
    gate = Gate(StoreUnavailable("busy"))
    gate.open.set()
    analyst = BackgroundAnalyst(gate)

    with pytest.raises(StoreUnavailable):
        fetched(analyst, asked())


def test_too_many_questions_have_no_opinion() -> None:
    gate = Gate()
    analyst = BackgroundAnalyst(gate)
    for number in range(WAITING_MAX):
        with pytest.raises(AnswerPending):
            analyst.opine(asked(prompt=str(number)))

    answer = analyst.opine(asked(prompt="one more"))
    gate.open.set()

    assert isinstance(answer, NoOpinion) and answer.reason.startswith("too_many_questions")


def test_answers_that_nobody_fetched_make_room_for_the_next_question() -> None:
    gate = Gate()
    gate.open.set()
    analyst = BackgroundAnalyst(gate)
    for number in range(WAITING_MAX):
        with pytest.raises(AnswerPending):
            analyst.opine(asked(prompt=str(number)))
        gate.done.acquire()

    assert fetched(analyst, asked(prompt="one more")) == replace(ANSWER, made_at=NOW)
    assert gate.asked == WAITING_MAX + 1
