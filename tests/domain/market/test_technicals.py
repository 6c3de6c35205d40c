import math
from collections.abc import Callable
from dataclasses import astuple, fields, replace
from datetime import date
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.market import by_hand
from tests.domain.market.conftest import BarsOf
from thetaloom.domain.market import technicals
from thetaloom.domain.market.bars import Bar, Bars, columns_of, weekly
from thetaloom.domain.market.chain import to_date
from thetaloom.domain.market.latest import LiveTechnicals, Technicals, latest
from thetaloom.errors import InvalidInput

SEEDS = (1, 2, 3)


def close_to(number: float) -> object:
    return pytest.approx(number, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_averages_are_those_of_the_textbook(bars_of: BarsOf, seed: int) -> None:
    closes = list(bars_of(seed).closes)

    assert technicals.sma(closes)[-1] == close_to(by_hand.mean(closes[-20:]))
    assert technicals.sma(closes, 200)[-1] == close_to(by_hand.mean(closes[-200:]))
    assert technicals.ema(closes, 50)[-1] == close_to(by_hand.ema(closes, 50)[-1])


@pytest.mark.parametrize("seed", SEEDS)
def test_macd_is_that_of_the_textbook(bars_of: BarsOf, seed: int) -> None:
    closes = list(bars_of(seed).closes)
    line, signal = by_hand.macd(closes)

    found = technicals.macd(closes)

    assert found.line[-1] == close_to(line)
    assert found.signal[-1] == close_to(signal)
    assert found.histogram[-1] == close_to(line - signal)
    assert np.isnan(found.histogram[32])
    assert not np.isnan(found.histogram[33])


@pytest.mark.parametrize("seed", SEEDS)
def test_range_and_direction_are_those_of_the_textbook(bars_of: BarsOf, seed: int) -> None:
    bars = bars_of(seed, drift=0.002)
    adx, plus, minus = by_hand.adx(bars, 14)

    found = technicals.adx(bars)

    assert (found.adx[-1], found.plus[-1], found.minus[-1]) == (close_to(adx), close_to(plus), close_to(minus))
    assert technicals.atr(bars)[-1] == close_to(by_hand.atr(bars, 14)[-1])
    assert np.isnan(found.adx[26])
    assert not np.isnan(found.adx[27])


@pytest.mark.parametrize("seed", SEEDS)
def test_bands_are_those_of_the_textbook(bars_of: BarsOf, seed: int) -> None:
    closes = list(bars_of(seed).closes)
    found = technicals.bollinger(closes, 20, 2.0)

    lower, middle, upper = by_hand.bollinger(closes, 20, 2.0)

    assert (found.lower[-1], found.middle[-1], found.upper[-1]) == (close_to(lower), close_to(middle), close_to(upper))


@pytest.mark.parametrize("seed", range(8))
def test_supertrend_is_that_of_the_textbook(bars_of: BarsOf, seed: int) -> None:
    bars = bars_of(seed)
    line, is_up = by_hand.supertrend(bars, 10, 3.0)

    found = technicals.supertrend(bars)

    assert found.line[-1] == close_to(line)
    assert found.direction[-1] == (1 if is_up else -1)


@pytest.mark.parametrize("seed", SEEDS)
def test_stochastic_and_balance_are_those_of_the_textbook(bars_of: BarsOf, seed: int) -> None:
    bars = bars_of(seed)
    found = technicals.stochastic(bars)
    k, d = by_hand.stochastic(bars, 14)

    assert (found.k[-1], found.d[-1]) == (close_to(k), close_to(d))
    assert technicals.obv(bars)[-1] == by_hand.obv(bars)


@pytest.mark.parametrize("seed", SEEDS)
def test_support_and_resistance_are_the_ends_of_twenty_sessions(bars_of: BarsOf, seed: int) -> None:
    bars = bars_of(seed)

    assert technicals.support(bars)[-1] == min(bars.lows[-20:])
    assert technicals.resistance(bars)[-1] == max(bars.highs[-20:])
    assert np.isnan(technicals.support(bars)[18])
    assert technicals.support(bars)[19] == min(bars.lows[:20])


def test_rsi_of_the_series_known_from_the_textbooks() -> None:
    closes = [44.34, 44.09, 44.15, 43.61, 44.33, 44.83, 45.10, 45.42, 45.84, 46.08, 45.89, 46.03, 45.61, 46.28, 46.28]

    # Gains 3.34 and losses 1.40 in fourteen changes.
    assert technicals.rsi(closes)[-1] == pytest.approx(100 - 100 / (1 + 3.34 / 1.40), abs=1e-6)
    # The next close is 0.28 lower: averages (3.34 / 14 × 13) / 14 and (1.40 / 14 × 13 + 0.28) / 14.
    up, down = 3.34 / 14 * 13, 1.40 / 14 * 13 + 0.28
    assert technicals.rsi([*closes, 46.00])[-1] == pytest.approx(100 * up / (up + down), abs=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_rsi_is_wilders_over_the_whole_history(bars_of: BarsOf, seed: int) -> None:
    closes = list(bars_of(seed).closes)

    assert technicals.rsi(closes)[-1] == close_to(by_hand.rsi(closes, 14))


def test_rsi_of_one_sided_and_flat_series() -> None:
    assert technicals.rsi(list(range(1, 30)))[-1] == 100
    assert technicals.rsi(list(range(30, 1, -1)))[-1] == 0
    assert technicals.rsi([5.0] * 20)[-1] == 50
    assert np.isnan(technicals.rsi([5.0] * 14)[-1])


@given(st.lists(st.integers(100, 100_000), min_size=15, max_size=60))
def test_rsi_mirrors_when_the_market_does(cents: list[int]) -> None:
    closes = [number / 100 for number in cents]
    mirrored = [2000 - close for close in closes]

    up, down = float(technicals.rsi(closes)[-1]), float(technicals.rsi(mirrored)[-1])

    assert 0 <= up <= 100
    assert up + down == pytest.approx(100, abs=1e-4)


@pytest.mark.parametrize(
    "ask",
    [
        lambda bars: technicals.sma(bars.closes, 0),
        lambda bars: technicals.sma(bars.closes, 501),
        lambda bars: technicals.ema(bars.closes, 501),
        lambda bars: technicals.macd(bars.closes, 26, 12),
        lambda bars: technicals.macd(bars.closes, 12, 12),
        lambda bars: technicals.macd(bars.closes, 12, 26, 0),
        lambda bars: technicals.rsi(bars.closes, 1),
        lambda bars: technicals.adx(bars, 1),
        lambda bars: technicals.bollinger(bars.closes, 20, 0.4),
        lambda bars: technicals.bollinger(bars.closes, 20, 5.1),
        lambda bars: technicals.atr(bars, 0),
        lambda bars: technicals.supertrend(bars, 10, 0.4),
        lambda bars: technicals.supertrend(bars, 10, 10.5),
        lambda bars: technicals.stochastic(bars, 14, 0),
        lambda bars: technicals.support(bars, 0),
    ],
)
def test_a_parameter_out_of_its_range_is_refused(bars_of: BarsOf, ask: Callable[[Bars], object]) -> None:
    with pytest.raises(InvalidInput, match="expected"):
        ask(bars_of(1, 60))


@pytest.mark.parametrize(
    "ask",
    [
        lambda bars: technicals.sma(bars.closes, 1),
        lambda bars: technicals.sma(bars.closes, 500),
        lambda bars: technicals.macd(bars.closes, 2, 3, 1),
        lambda bars: technicals.rsi(bars.closes, 2),
        lambda bars: technicals.adx(bars, 2),
        lambda bars: technicals.bollinger(bars.closes, 2, 0.5),
        lambda bars: technicals.bollinger(bars.closes, 500, 5),
        lambda bars: technicals.atr(bars, 1),
        lambda bars: technicals.supertrend(bars, 2, 0.5),
        lambda bars: technicals.supertrend(bars, 200, 10),
        lambda bars: technicals.stochastic(bars, 1, 1, 1),
        lambda bars: technicals.resistance(bars, 500),
    ],
)
@pytest.mark.parametrize("count", [0, 1, 2, 600])
def test_every_allowed_parameter_is_served_at_every_length(
    bars_of: BarsOf, ask: Callable[[Bars], object], count: int
) -> None:
    found = ask(bars_of(1, count))

    columns = [found] if isinstance(found, np.ndarray) else [getattr(found, name) for name in type(found).__slots__]  # type: ignore[attr-defined]  # a slotted record
    assert all(len(column) == count for column in columns)
    if count == 600:
        assert all(math.isfinite(column[-1]) for column in columns)


@pytest.mark.parametrize("seed", SEEDS)
def test_live_and_batch_agree(bars_of: BarsOf, seed: int) -> None:
    bars = bars_of(seed, 500)
    live = LiveTechnicals()
    rows = zip(bars.days, bars.highs, bars.lows, bars.closes, bars.volumes, strict=True)
    for day, high, low, close, volume in rows:
        found = live.add(Bar(session_on=to_date(day), open=close, high=high, low=low, close=close, volume=volume))

    expected = latest(bars)

    assert found.obv == expected.obv
    for field in fields(Technicals):
        assert getattr(found, field.name) == pytest.approx(getattr(expected, field.name), rel=1e-6, abs=1e-8), field


def test_live_knows_nothing_before_its_time(bars_of: BarsOf) -> None:
    bars, live = bars_of(1, 40), LiveTechnicals()
    seen = []
    for high, low, close in zip(bars.highs, bars.lows, bars.closes, strict=True):
        seen.append(
            live.add(Bar(session_on=date(2026, 1, 5), open=close, high=high, low=low, close=close, volume=None))
        )

    assert set(astuple(seen[0])) == {None}
    assert [found.sma_20 is not None for found in seen] == [False] * 19 + [True] * 21
    assert seen[19].sma_20 == close_to(by_hand.mean(list(bars.closes[:20])))
    assert [found.macd_signal is not None for found in seen].index(True) == 33
    assert all(found.obv is None for found in seen)


def test_bars_that_cannot_be_right_give_nothing(bars_of: BarsOf) -> None:
    bars = bars_of(1)

    assert latest(replace(bars, lows=(0.0, *bars.lows[1:]))) == Technicals()
    assert latest(replace(bars, highs=(math.inf, *bars.highs[1:]))) == Technicals()
    assert latest(replace(bars, closes=(math.nan, *bars.closes[1:]))) == Technicals()
    assert latest(Bars()) == Technicals()


def test_weeks_begin_on_mondays_and_lose_nothing(bars_of: BarsOf) -> None:
    bars = bars_of(4, 100)

    weeks = weekly(bars)

    mondays = [day for day in bars.days if to_date(day).weekday() == 0]
    assert len(weeks) == len(mondays) + (to_date(bars.days[0]).weekday() != 0)
    assert max(weeks.highs) == max(bars.highs)
    assert min(weeks.lows) == min(bars.lows)
    assert sum(weeks.volumes) == sum(bars.volumes)
    assert weeks.closes[-1] == bars.closes[-1]
    assert all(
        to_date(before).isocalendar()[1] != to_date(after).isocalendar()[1] for before, after in pairwise(weeks.days)
    )
    assert weekly(Bars()) == Bars()


def test_columns_leave_out_volumes_that_are_not_known() -> None:
    one = Bar(session_on=date(2026, 1, 5), open=1, high=2, low=0.5, close=1.5, volume=10)

    assert columns_of([one]).volumes == (10,)
    assert columns_of([one, replace(one, volume=None)]).volumes == ()
    assert columns_of([replace(one, volume=0)]).volumes == ()
    assert columns_of([one]).last(5) == columns_of([one])
    assert len(columns_of([one, one]).last(1)) == 1
    assert len(Bars().last(3)) == 0
