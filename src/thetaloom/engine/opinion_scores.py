"""Scores at work: each opinion is written down to be judged, and judged once its sessions have passed."""

from collections.abc import Sequence
from datetime import date, timedelta

import structlog

from thetaloom.domain.market.bars import Bar
from thetaloom.domain.market.chart_series import latest_of
from thetaloom.domain.market.opinions import AnalysisRequest
from thetaloom.domain.run.opinion_records import OpinionRecord
from thetaloom.domain.run.opinion_scores import HORIZON_SESSIONS, OpinionScore, judge, score_of
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.engine.desk import Desk
from thetaloom.errors import InvalidInput, MarketDataUnavailable
from thetaloom.ports.store import UnitOfWork

log = structlog.get_logger()
AT_ONCE_MAX = 200
GIVE_UP = timedelta(days=30)  # without bars for so long nothing will be known any more


def due_on(calendar: TradingCalendar, made_on: date) -> date | None:
    """Return the session at whose close an opinion is judged; ``None`` beyond the calendar's table."""
    day = made_on
    try:
        for _ in range(HORIZON_SESSIONS):
            day = calendar.next_session(day).session_on
    except InvalidInput:
        return None
    return day


def expect_score(desk: Desk, uow: UnitOfWork, record: OpinionRecord, request: AnalysisRequest, prompt: str) -> None:
    """Write down that an opinion is to be judged, in the transaction that records it."""
    made_on = desk.calendar.exchange_date(record.made_at)
    due = due_on(desk.calendar, made_on)
    atr = latest_of(request.daily.atr) if request.daily is not None else None
    score = None if due is None else score_of(record, prompt=prompt, atr=atr, made_on=made_on, due_on=due)
    if score is not None:
        uow.scores.add(score)


def judge_due(desk: Desk) -> int:
    """Judge the opinions whose day has closed; return how many were judged."""
    now = desk.clock.now()
    today = desk.calendar.exchange_date(now)
    with desk.store.reading() as uow:
        due = uow.scores.due(today, AT_ONCE_MAX)
    judged = [found for score in due if (found := _judged(desk, score, today)).judged_at is not None]
    if judged:
        with desk.store.unit_of_work() as uow:
            for score in judged:
                uow.scores.save(score)
            uow.commit()
        log.info("opinions_judged", count=len(judged))
    return len(judged)


def _judged(desk: Desk, score: OpinionScore, today: date) -> OpinionScore:
    now = desk.clock.now()
    try:
        bars: Sequence[Bar] = desk.market.history(score.symbol, score.made_on, score.due_on)
    except MarketDataUnavailable:
        bars = ()
    return judge(score, bars, now, gives_up=today > score.due_on + GIVE_UP)
