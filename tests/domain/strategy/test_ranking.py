"""Ranking: order, kinds, forced runs and the reasons of those that are out."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.expirations import list_expirations
from thetaloom.domain.market.rates import RateCurve
from thetaloom.domain.strategy.documents import parse_strategy
from thetaloom.domain.strategy.ranking import MarketState, RankedStrategy, RankingKind, rank_strategies
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.ids import StrategyId
from thetaloom.domain.values.reasons import Reason
from thetaloom.testing import builders

from .conftest import PUT_SPREAD, SELECTED_AT

STRIKES = range(80, 121)


def scored(name: str, points: int, **changes: Any) -> Strategy:
    """Return a put spread that scores so many points, whatever the market."""
    score = {
        "base": 0,
        "minimum": 35,
        "priority": changes.pop("priority", 50),
        "terms": [{"metric": "iv_rank", "bands": [{"points": points}]}],
    }
    return parse_strategy(PUT_SPREAD | {"id": name, "name": name, "score": score} | changes)


@pytest.fixture
def market(priced_chain: Callable[..., OptionChain], calendar: TradingCalendar) -> MarketState:
    chain = priced_chain(STRIKES)
    return MarketState(
        chain=chain,
        expirations=list_expirations(chain, calendar, SELECTED_AT),
        view=builders.market_view({"iv_rank": 40, "history_sessions": 60, "days_to_earnings": 4}),
        now=SELECTED_AT,
        today=calendar.exchange_date(SELECTED_AT),
        rates=RateCurve.flat(0.04),
        dividend_yield=0.0,
        is_open=True,
        next_open="2026-01-16T14:30:00+00:00",
        data_age_seconds_max=300,
    )


def one(entries: tuple[RankedStrategy, ...], name: str) -> RankedStrategy:
    """Return the entry of a strategy."""
    return next(entry for entry in entries if entry.strategy_id == name)


def test_the_highest_score_comes_first_then_the_lower_priority_then_the_id(market: MarketState) -> None:
    strategies = [
        scored("b", 60, priority=2),
        scored("a", 60, priority=3),
        scored("d", 60, priority=3),
        scored("c", 80),
        scored("low", 10),
    ]

    ranking = rank_strategies(strategies, market)

    assert [entry.strategy_id for entry in ranking.entries] == ["c", "b", "a", "d", "low"]
    assert (ranking.kind, ranking.best, ranking.confidence) == (RankingKind.AUTO, "c", "high")
    assert ranking.title == "c on XYZ, score 80 (high confidence)"


def test_the_order_of_what_is_given_does_not_matter(market: MarketState) -> None:
    strategies = [scored(f"s{points}", points) for points in (90, 20, 50, 70, 35)]

    assert rank_strategies(strategies, market) == rank_strategies(strategies[::-1], market)


def test_what_can_be_entered_comes_before_what_scores_more_and_cannot(market: MarketState) -> None:
    nothing_listed = {"dte_min": 200, "dte_max": 300, "dte_target": 250}
    strategies = [scored("far", 99, expiration=nothing_listed, exits=[]), scored("near", 40)]

    ranking = rank_strategies(strategies, market)

    assert ranking.best == "near"
    far = one(ranking.entries, "far")
    assert far.verdict.reason is Reason.NO_EXPIRATION
    assert far.blocking[0].change == "an expiration of 200 to 300 DTE must be listed; the nearest are 36 and none DTE"
    assert far.score.total == 99


def test_scores_below_their_minimum_are_no_trade_and_say_how_far_they_are(market: MarketState) -> None:
    ranking = rank_strategies([scored("s", 30)], market)

    assert (ranking.kind, ranking.best, ranking.confidence) == (RankingKind.LOW_SCORES, None, None)
    assert ranking.entries[0].blocking[0].change == "score 30 (very low) must rise by 5 to 35"
    assert "comes nearest with 30" in ranking.title


def test_a_forced_strategy_is_labeled_and_enters_below_its_minimum(market: MarketState) -> None:
    ranking = rank_strategies([scored("s", 20), scored("t", 90)], market, forced=StrategyId("s"))

    assert (ranking.kind, ranking.best) == (RankingKind.FORCED, "s")
    assert len(ranking.entries) == 1
    assert ranking.title.startswith("forced: ")
    assert "forced below its minimum score of 35, and below 30 even to be shown" in ranking.warnings
    assert any(check.limit == ">= 35, waived by force" for check in ranking.entries[0].checks)


def test_force_waives_no_hard_stop(market: MarketState) -> None:
    stopped = scored("s", 90, hard_stops={"earnings_within_days": 7})

    ranking = rank_strategies([stopped], market, forced=StrategyId("s"))

    assert ranking.kind is RankingKind.NO_TRADE
    assert ranking.entries[0].verdict.reason is Reason.EARNINGS_NEAR
    assert ranking.entries[0].blocking[0].change == "wait until 2026-01-20: earnings are 4 days away"
    assert ranking.entries[0].score.total == 0


def test_force_lets_strikes_miss_by_more(market: MarketState) -> None:
    document = PUT_SPREAD | {
        "id": "s",
        "score": {"base": 90, "terms": [{"metric": "iv_rank", "bands": [{"points": 0}]}]},
        "legs": [
            {
                "name": "short_put",
                "side": "sell",
                "right": "put",
                "select": {"by": "strike", "value": "70", "unit": "dollars", "miss_max": 5},
            }
        ],
        "allow_undefined_risk": True,
    }
    strategy = parse_strategy(document)

    assert rank_strategies([strategy], market).entries[0].verdict.reason is Reason.SELECTION_TOO_FAR
    assert rank_strategies([strategy], market, forced=strategy.id).kind is RankingKind.FORCED


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"is_open": False}, Reason.MARKET_CLOSED),
        ({"now": SELECTED_AT + timedelta(seconds=301)}, Reason.STALE_MARKET_DATA),
    ],
)
def test_a_closed_market_and_old_data_stop_every_strategy(
    market: MarketState, changes: dict[str, Any], reason: Reason
) -> None:
    ranking = rank_strategies([scored("s", 90), scored("t", 80)], replace(market, **changes))

    assert ranking.kind is RankingKind.NO_TRADE
    assert {entry.verdict.reason for entry in ranking.entries} == {reason}
    assert [stop.verdict.reason for stop in ranking.hard_stops] == [reason]


def test_a_strategy_without_a_table_needs_its_bias_to_be_chosen(market: MarketState) -> None:
    plain = parse_strategy(PUT_SPREAD | {"id": "plain"})
    suits = builders.market_view({"bias_confidence": 62}, {"bias": "neutral"})
    against = builders.market_view({"bias_confidence": 62}, {"bias": "bearish"})

    assert rank_strategies([plain], replace(market, view=suits)).best == "plain"
    assert rank_strategies([plain], replace(market, view=against)).kind is RankingKind.LOW_SCORES


def test_a_strategy_that_is_switched_off_is_shown_and_not_chosen(market: MarketState) -> None:
    ranking = rank_strategies([scored("s", 90, active=False)], market)

    assert ranking.entries[0].verdict.reason is Reason.STRATEGY_INACTIVE
    assert ranking.best is None


def test_a_thin_leg_bars_an_entry_and_force_shows_it(market: MarketState) -> None:
    thin = scored("s", 90, liquidity={"strike_quality_min": 70, "quote_age_seconds_max": 300})

    barred = rank_strategies([thin], market).entries[0]
    forced = rank_strategies([thin], market, forced=StrategyId("s")).entries[0]

    assert barred.verdict.reason is Reason.STRIKE_QUALITY_TOO_LOW
    assert forced.is_eligible
    assert Decimal(barred.verdict.facts["value"]) < 70


def test_without_strategies_there_is_no_trade(market: MarketState) -> None:
    ranking = rank_strategies([], market)

    assert (ranking.kind, ranking.entries, ranking.best) == (RankingKind.NO_TRADE, (), None)
