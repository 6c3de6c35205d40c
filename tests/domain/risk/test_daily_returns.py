"""Returns of the same sessions."""

from datetime import date, timedelta

import pytest

from thetaloom.domain.risk.daily_returns import daily_returns

FIRST = date(2025, 1, 1)


def closes(prices: list[float], *, start: int = 0) -> dict[date, float]:
    return {FIRST + timedelta(days=start + number): price for number, price in enumerate(prices)}


def test_returns_go_from_close_to_close() -> None:
    found = daily_returns({"SPY": closes([100.0, 110.0, *[99.0] * 30])}, 252)

    assert found["SPY"][:2] == pytest.approx((0.1, -0.1))
    assert len(found["SPY"]) == 31


def test_a_session_that_one_missed_is_skipped_for_all() -> None:
    gappy = closes([100.0 + day for day in range(30)])
    del gappy[FIRST + timedelta(days=5)]

    found = daily_returns({"SPY": closes([200.0] * 30), "QQQ": gappy}, 252)

    assert len(found["SPY"]) == len(found["QQQ"]) == 28
    assert found["QQQ"][4] == pytest.approx(106 / 104 - 1)


def test_only_the_last_days_are_given() -> None:
    found = daily_returns({"SPY": closes([1.0] * 100 + [2.0] * 30)}, 30)

    assert found["SPY"] == pytest.approx([1.0] + [0.0] * 29)


def test_a_young_underlying_is_left_out_and_shortens_no_other() -> None:
    found = daily_returns({"SPY": closes([1.0] * 50), "NEW": closes([1.0] * 20, start=30)}, 252)

    assert list(found) == ["SPY"]
    assert len(found["SPY"]) == 49


@pytest.mark.parametrize("known", [{}, {"A": closes([1.0] * 30), "B": closes([1.0] * 30, start=25)}])
def test_without_enough_common_sessions_there_are_none(known: dict[str, dict[date, float]]) -> None:
    assert daily_returns(known, 252) == {}
