"""One beta and one volatility index, whoever asks."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest

from thetaloom.domain.market.bars import Bar
from thetaloom.domain.market.volatility import BETA_SESSIONS_MIN, beta
from thetaloom.engine.history import beta_against, volatility_index, year_of_bars
from thetaloom.engine.portfolio_greeks import beta_weight
from thetaloom.engine.risk_check import surroundings
from thetaloom.testing import builders as b
from thetaloom.testing.desk import DeskBench


@pytest.fixture
def waves(lite: DeskBench) -> Callable[[int], None]:
    """Histories of so many sessions in which QQQ moves twice as far as SPY."""

    def give(count: int) -> None:
        calendar, today = lite.desk.calendar, lite.desk.calendar.exchange_date(lite.clock.now())
        sessions = calendar.sessions_between(calendar.first_on, today - timedelta(days=1))[-count:]
        steps = np.random.default_rng(3).normal(0, 0.01, count).cumsum()
        for symbol, slope in (("SPY", 1), ("QQQ", 2)):
            closes = [500 * float(np.exp(slope * step)) for step in steps]
            lite.market.set_history(
                symbol,
                [
                    Bar(session_on=session.session_on, open=close, high=close, low=close, close=close, volume=None)
                    for session, close in zip(sessions, closes, strict=True)
                ],
            )

    return give


def test_the_beta_of_limits_and_stress_is_that_of_the_market_reading(
    lite: DeskBench, waves: Callable[[int], None]
) -> None:
    waves(BETA_SESSIONS_MIN + 1)
    today = lite.desk.calendar.exchange_date(lite.clock.now())
    lite.market.set_spot("QQQ", lite.market.spot("SPY", lite.clock.now()))

    found = beta_against(lite.market, "QQQ", today)

    assert found == pytest.approx(2, abs=1e-6)
    assert found == beta(year_of_bars(lite.market, "QQQ", today), year_of_bars(lite.market, "SPY", today))
    assert float(beta_weight(lite.desk, "QQQ", lite.clock.now()) or 0) == pytest.approx(2, abs=1e-5)


def test_a_beta_needs_half_a_year_of_common_sessions(lite: DeskBench, waves: Callable[[int], None]) -> None:
    waves(BETA_SESSIONS_MIN)
    today = lite.desk.calendar.exchange_date(lite.clock.now())

    assert beta_against(lite.market, "QQQ", today) is None
    assert beta_weight(lite.desk, "QQQ", lite.clock.now()) is None
    assert beta_against(lite.market, "SPY", today) == 1.0


def test_the_index_around_a_trade_is_that_of_the_reading(lite: DeskBench) -> None:
    now, calendar = lite.clock.now(), lite.desk.calendar
    session = calendar.previous_session(calendar.exchange_date(now))
    assert surroundings(lite.desk, {}, now).vix is None

    lite.market.set_history(
        "VIX", [Bar(session_on=session.session_on, open=17, high=19, low=16, close=17.25, volume=0)]
    )

    assert volatility_index(lite.market, calendar, now) == (b.price("17.25"), session.close_at)
    assert surroundings(lite.desk, {}, now).vix == b.price("17.25")
    lite.market.set_spot("VIX", "18.2")
    assert surroundings(lite.desk, {}, now).vix == b.price("18.2")
