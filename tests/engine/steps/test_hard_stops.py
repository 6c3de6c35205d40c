"""Hard stops and the minimum score in a run: each is a named check, unknown denies, force waives the score alone."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from thetaloom.domain.market.events import EventKind, Events
from thetaloom.domain.run.runs import Outcome, RunStatus, StepName
from thetaloom.domain.strategy.metrics import Metric
from thetaloom.domain.strategy.score_rules import HardStops, ScoreBand, ScoreRule, ScoreTerm
from thetaloom.engine.steps import evaluate
from thetaloom.testing import builders
from thetaloom.testing.desk import DeskBench, put_credit_spread

TODAY = builders.NOW.date()
LATER = TODAY + timedelta(days=300)
KNOWN = Events(as_of=builders.NOW, source="test", earnings_known_until=LATER, dividends_known_until=LATER)
STOPS = HardStops(earnings_within_days=7, ex_dividend_within_days=5)


def score(points: int) -> ScoreRule:
    """Return a table that gives so many points to every market."""
    term = ScoreTerm(metric=Metric.UNDERLYING_PRICE, bands=(ScoreBand(points=Decimal(points)),))
    return ScoreRule(base=Decimal(0), terms=(term,))


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        (None, "earnings_unknown"),
        (replace(KNOWN, earnings=(TODAY + timedelta(days=7),)), "earnings_near"),
        (replace(KNOWN, dividends_known_until=None), "ex_dividend_unknown"),
    ],
)
def test_events_near_or_unknown_end_the_run(lite: DeskBench, events: Events | None, reason: str) -> None:
    lite.market.set_events("SPY", events)
    lite.save(put_credit_spread(hard_stops=STOPS))

    run = lite.start_run()

    assert (lite.run(run).outcome, lite.run(run).reason) == (Outcome.NO_TRADE, reason)
    assert lite.steps(run)[-1] is StepName.EVALUATE
    assert lite.left_nothing(run)


@pytest.mark.parametrize(
    "events",
    [
        KNOWN,
        replace(KNOWN, earnings=(TODAY + timedelta(days=8),)),
        replace(KNOWN, earnings_known_until=None, not_applicable=frozenset({EventKind.EARNINGS})),
    ],
)
def test_events_that_are_far_or_never_come_let_the_run_go_on(lite: DeskBench, events: Events) -> None:
    lite.market.set_events("SPY", events)
    lite.save(put_credit_spread(hard_stops=STOPS))

    assert lite.run(lite.start_run()).status is RunStatus.EXECUTING


def test_a_score_below_its_minimum_ends_the_run_and_force_goes_on(lite: DeskBench) -> None:
    lite.save(put_credit_spread(score=score(34)))

    run = lite.start_run()
    forced = lite.start_run(forced=True)

    said = lite.said(run)
    assert lite.run(run).reason == "score_too_low"
    assert said["score"]["total"] == "34"
    assert said["checks"][-1]["distance"] == "+1"
    assert lite.run(forced).status is RunStatus.EXECUTING


def test_force_waives_no_hard_stop(lite: DeskBench) -> None:
    lite.save(put_credit_spread(score=score(90), hard_stops=STOPS))

    run = lite.start_run(forced=True)

    assert lite.run(run).reason == "earnings_unknown"
    assert lite.said(run)["score"]["total"] == "0"


def test_market_hours_and_the_age_of_data_are_named_checks_that_deny(lite: DeskBench) -> None:
    lite.save(put_credit_spread())
    run = lite.start_run()
    with lite.desk.store.reading() as uow:
        given = evaluate.gather(lite.desk, uow.runs.get(run) or lite.run(run))

    closed = evaluate.decide(replace(given, is_open=False))
    old = evaluate.decide(replace(given, now=given.now + timedelta(seconds=301)))

    assert [check.name for check in evaluate.decide(given).checks][:2] == ["market hours", "data age"]
    assert str(closed.verdict.reason) == "market_closed"
    assert str(old.verdict.reason) == "stale_market_data"


def test_a_run_with_a_score_replays_to_the_byte(lite: DeskBench) -> None:
    lite.market.set_events("SPY", KNOWN)
    lite.save(put_credit_spread(score=score(80), hard_stops=STOPS))

    run = lite.start_run()

    assert not lite.faults(run)
    assert lite.replay(run).identical
