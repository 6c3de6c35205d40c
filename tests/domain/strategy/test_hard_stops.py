"""Hard stops: each denies alone at its boundary, and what is not known denies too."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from thetaloom.domain.strategy.conditions import Comparison, Condition
from thetaloom.domain.strategy.hard_stops import Moment, check_hard_stops, sells_american
from thetaloom.domain.strategy.metrics import Metric
from thetaloom.domain.strategy.one_check import Check
from thetaloom.domain.strategy.score_rules import HardStops, RangePoints
from thetaloom.domain.values.reasons import Answer, Reason
from thetaloom.testing import builders

MOMENT = Moment(symbol="QQQ", today=date(2026, 7, 29), has_short_american=True)
RANGE_STOP = HardStops(
    range_3d_percent=Decimal("0.45"), range_3d_points=(RangePoints(symbol="QQQ", points=Decimal(2)),)
)


def only(stops: HardStops, numbers: dict[str, object], *, moment: Moment = MOMENT, **known: object) -> Check:
    """Return the one check that the one stop makes."""
    (check,) = check_hard_stops(stops, builders.market_view(numbers, **known), moment)  # type: ignore[arg-type]  # numbers as tests write them
    return check


@pytest.mark.parametrize(("days", "answer"), [(0, "deny"), (4, "deny"), (7, "deny"), (8, "allow")])
def test_earnings_within_seven_days_bar_an_entry(days: int, answer: str) -> None:
    check = only(HardStops(earnings_within_days=7), {"days_to_earnings": days})

    assert check.verdict.answer == answer


def test_near_earnings_say_from_when_on_an_entry_is_possible() -> None:
    check = only(HardStops(earnings_within_days=7), {"days_to_earnings": 4})

    assert check.verdict.reason is Reason.EARNINGS_NEAR
    assert check.verdict.facts["event_on"] == "2026-08-02"
    assert check.distance == "wait until 2026-08-03"


def test_unknown_earnings_deny_and_name_the_setting() -> None:
    check = only(HardStops(earnings_within_days=7), {}, unknown={"days_to_earnings": "no events"})

    assert check.verdict.answer is Answer.UNKNOWN
    assert check.verdict.reason is Reason.EARNINGS_UNKNOWN
    assert "events_file" in check.verdict.facts["advice"]


def test_earnings_that_never_come_bar_nothing() -> None:
    check = only(HardStops(earnings_within_days=7), {"days_to_earnings": 366}, none={"days_to_earnings": "an ETF"})

    assert check.verdict.is_allowed
    assert check.value == "none: an ETF"


@pytest.mark.parametrize(("days", "answer"), [(5, "deny"), (6, "allow")])
def test_an_ex_dividend_date_bars_short_american_options_alone(days: int, answer: str) -> None:
    stops = HardStops(ex_dividend_within_days=5)
    european = replace(MOMENT, has_short_american=False)

    assert only(stops, {"days_to_ex_dividend": days}).verdict.answer == answer
    assert only(stops, {"days_to_ex_dividend": days}, moment=european).verdict.is_allowed
    assert only(stops, {}).verdict.reason is Reason.EX_DIVIDEND_UNKNOWN
    assert only(stops, {}, moment=european).verdict.is_allowed


def test_only_sold_american_options_can_be_exercised_early() -> None:
    assert sells_american(builders.legs("-1 SPY 2026-01-16 P 560", "+1 SPY 2026-01-16 P 555"))
    assert not sells_american(builders.legs("+1 SPY 2026-01-16 P 560"))
    assert not sells_american(builders.legs("-1 SPXW 2026-01-16 P 5600"))


@pytest.mark.parametrize(("sessions", "answer"), [(19, "deny"), (20, "allow")])
def test_twenty_sessions_of_history_are_enough(sessions: int, answer: str) -> None:
    check = only(HardStops(history_sessions_min=20), {"history_sessions": sessions})

    assert check.verdict.answer == answer
    assert check.distance == ("+1" if answer == "deny" else "0")


def test_unknown_history_denies() -> None:
    assert only(HardStops(history_sessions_min=20), {}).verdict.answer is Answer.UNKNOWN


@pytest.mark.parametrize(
    ("points", "answer"), [("1.99", "deny"), ("2.00", "deny"), ("2.01", "allow"), ("2.000001", "allow")]
)
def test_a_range_of_two_points_bars_qqq_and_a_cent_more_does_not(points: str, answer: str) -> None:
    spot = Decimal("449.23")
    percent = round(Decimal(points) * 100 / spot, 10)

    check = only(RANGE_STOP, {"range_3d": percent, "underlying_price": spot})

    assert check.verdict.answer == answer


@pytest.mark.parametrize(("percent", "answer"), [("0.45", "deny"), ("0.4501", "allow")])
def test_other_symbols_range_is_a_percentage(percent: str, answer: str) -> None:
    spy = replace(MOMENT, symbol="SPY")

    check = only(RANGE_STOP, {"range_3d": percent, "underlying_price": 600}, moment=spy)

    assert check.verdict.answer == answer
    assert check.verdict.is_allowed or check.verdict.reason is Reason.RANGE_BOUND


def test_a_range_in_points_is_of_its_class_of_shares_however_it_is_written() -> None:
    stops = replace(RANGE_STOP, range_3d_points=(RangePoints(symbol="BRK.B", points=Decimal(2)),))

    check = only(stops, {"range_3d": 1, "underlying_price": 500}, moment=replace(MOMENT, symbol="BRKB"))

    assert check.limit == "> 2 dollars"


def test_an_unknown_range_denies() -> None:
    assert only(RANGE_STOP, {"underlying_price": 449}).verdict.answer is Answer.UNKNOWN
    assert only(RANGE_STOP, {"range_3d": 1}).verdict.answer is Answer.UNKNOWN


@pytest.mark.parametrize(("rank", "answer"), [("50", "allow"), ("50.1", "deny")])
def test_a_number_of_the_market_can_bar_an_entry(rank: str, answer: str) -> None:
    above_50 = Condition(metric=Metric.IV_RANK, comparison=Comparison.ABOVE, threshold=Decimal(50))

    check = only(HardStops(blocked_when=(above_50,)), {"iv_rank": rank})

    assert check.verdict.answer == answer
    assert check.limit == "<= 50"
    assert check.distance == ("-0.1" if answer == "deny" else "0")


def test_an_unknown_number_that_could_bar_denies() -> None:
    above_50 = Condition(metric=Metric.IV_RANK, comparison=Comparison.ABOVE, threshold=Decimal(50))

    check = only(HardStops(blocked_when=(above_50,)), {}, unknown={"iv_rank": "3 of 60 sessions"})

    assert check.verdict.answer is Answer.UNKNOWN
    assert check.verdict.facts["why"] == "3 of 60 sessions"


@pytest.mark.parametrize(("age", "answer"), [(300, "allow"), (301, "deny")])
def test_data_older_than_five_minutes_bars_every_strategy(age: int, answer: str) -> None:
    moment = replace(MOMENT, data_age_seconds=age, data_age_seconds_max=300)

    (check,) = check_hard_stops(None, builders.market_view(), moment)

    assert (check.name, check.verdict.answer) == ("data age", answer)


@pytest.mark.parametrize("is_open", [True, False])
def test_a_closed_market_bars_every_strategy(is_open: bool) -> None:
    moment = replace(MOMENT, is_open=is_open, next_open="2026-07-30T13:30:00Z")

    (check,) = check_hard_stops(None, builders.market_view(), moment)

    assert check.verdict.is_allowed is is_open
    assert is_open or check.distance == "wait until 2026-07-30T13:30:00Z"
