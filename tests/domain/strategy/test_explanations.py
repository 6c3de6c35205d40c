"""What would change a no, in words, and which reasons come first."""

import pytest

from thetaloom.domain.strategy.explanations import (
    CheckLine,
    blocking_reasons,
    line_of,
    recorded_line,
    shown_name,
    verdict_line,
    what_would_change,
)
from thetaloom.domain.strategy.one_check import make_check
from thetaloom.domain.values.reasons import ALLOWED, Reason, denied, unknown


def line(name: str, value: str, limit: str, distance: str, reason: Reason = Reason.CONDITION_NOT_MET) -> CheckLine:
    """Return the line of a check that says no."""
    return line_of(make_check(name, denied(reason), value, limit, distance))


@pytest.mark.parametrize(
    ("said", "change"),
    [
        (line("iv_rank", "18.2", ">= 25", "+6.8"), "IV rank 18.2 must rise by 6.8 to 25"),
        (line("rsi_14", "71", "<= 60", "-11"), "RSI 71 must fall by 11 to 60"),
        (line("adx_14", "20", "> 20", "more than 0"), "ADX 20 must rise above 20"),
        (
            line("hv_iv_ratio", "1.1", "> 1.2", "more than +0.1"),
            "HV IV ratio 1.1 must rise by more than 0.1, above 1.2",
        ),
        (line("atm_iv", "30", "< 25", "more than -5"), "ATM IV 30 must fall by more than 5, below 25"),
        (line("net_credit", "-0.5", ">= -0.4", "+0.1"), "net credit -0.5 must rise by 0.1 to -0.4"),
        (
            line("max loss", "unlimited", "a limited loss", "a bought leg that limits the loss", Reason.NO_MAX_LOSS),
            "max loss needs a bought leg that limits the loss",
        ),
        (
            verdict_line(
                "earnings",
                denied(Reason.EARNINGS_NEAR, days=4, event_on="2026-08-02", wait_until="2026-08-03"),
            ),
            "wait until 2026-08-03: earnings are 4 days away",
        ),
        (
            verdict_line("ex-dividend", denied(Reason.EX_DIVIDEND_NEAR, days=1, wait_until="2026-08-03")),
            "wait until 2026-08-03: the ex-dividend date is 1 day away",
        ),
        (
            verdict_line("trigger", denied(Reason.MARKET_CLOSED, next_open="2026-08-03T13:30:00+00:00")),
            "wait until the exchange opens: 2026-08-03 13:30 UTC",
        ),
        (
            verdict_line(
                "earnings", unknown(Reason.EARNINGS_UNKNOWN, why="", advice="the setting events_file supplies it")
            ),
            "earnings must be known: the setting events_file supplies it",
        ),
        (
            verdict_line("select_structure", unknown(Reason.SELECTION_UNKNOWN, needed="band_distance")),
            "band distance must be known",
        ),
        (
            verdict_line(
                "select_structure",
                denied(Reason.NO_EXPIRATION, window="30 to 45 DTE", nearest_below=16, nearest_above=58),
            ),
            "an expiration of 30 to 45 DTE must be listed; the nearest are 16 and 58 DTE",
        ),
        (
            verdict_line("trigger", denied(Reason.DUPLICATE_RUN, open_runs=2, limit=2)),
            f"{Reason.DUPLICATE_RUN.text} (open runs 2, limit 2)",
        ),
    ],
)
def test_each_no_says_what_would_change_it(said: CheckLine, change: str) -> None:
    assert what_would_change(said) == change


def test_hard_stops_come_before_rules_and_rules_before_the_score() -> None:
    lines = [
        line("score", "20", ">= 35", "+15", Reason.SCORE_TOO_LOW),
        line("pop", "59", ">= 60", "+1", Reason.POP_TOO_LOW),
        line("history", "19", ">= 20 sessions", "+1", Reason.HISTORY_TOO_SHORT),
        line_of(make_check("quote", ALLOWED, "1", "2", "")),
    ]

    assert [one.name for one in blocking_reasons(lines)] == ["history", "pop", "score"]


def test_of_two_rules_the_nearer_to_a_yes_comes_first_and_the_deciding_one_before_all() -> None:
    lines = [line("iv_rank", "10", ">= 50", "+40"), line("pop", "59", ">= 60", "+1", Reason.POP_TOO_LOW)]

    assert [one.name for one in blocking_reasons(lines)] == ["pop", "iv_rank"]
    assert [one.name for one in blocking_reasons(lines, first="condition_not_met")] == ["iv_rank", "pop"]


def test_two_legs_refused_for_one_thing_are_one_reason_and_three_are_the_most() -> None:
    legs = [
        line(f"open interest {leg}", "3", ">= 100", "+97", Reason.OPEN_INTEREST_TOO_LOW)
        for leg in ("-1 SPY 2026-01-16 P 560", "+1 SPY 2026-01-16 P 555")
    ]
    rules = [line(f"rule {number}", "1", ">= 2", "+1") for number in range(3)]

    assert len(blocking_reasons(legs)) == 1
    assert len(blocking_reasons(legs + rules)) == 3


def test_a_recorded_risk_limit_becomes_a_line_with_its_distance() -> None:
    recorded = {
        "name": "max_positions",
        "verdict": {"answer": "deny", "reason": "max_positions", "facts": {}},
        "value": "11",
        "limit": "10",
        "unit": "positions",
    }

    said = recorded_line(recorded, "check_risk")

    assert (said.distance, said.step) == ("-1", "check_risk")
    assert what_would_change(said) == "max positions 11 positions must fall by 1 to 10"


def test_a_recorded_quotient_is_told_to_four_places() -> None:
    verdict = {"answer": "deny", "reason": "max_bid_ask_percent", "facts": {}}
    recorded = {"name": "spread", "verdict": verdict, "value": "12.30769230769230769230769231", "limit": "10"}

    said = recorded_line(recorded)

    assert (said.value, said.limit, said.distance) == ("12.3077", "10", "-2.3077")


def test_what_is_allowed_blocks_nothing() -> None:
    assert blocking_reasons([line_of(make_check("score", ALLOWED, "80", ">= 35", ""))]) == ()


def test_names_are_written_as_people_write_them() -> None:
    assert shown_name("iv_rank") == "IV rank"
    assert shown_name("open interest -1 SPY 2026-01-16 P 560") == "open interest -1 SPY 2026-01-16 P 560"
    assert shown_name("rsi_14") == "RSI"
