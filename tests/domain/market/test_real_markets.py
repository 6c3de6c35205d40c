"""Readings of recorded markets, against what is known of those days from elsewhere."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from thetaloom.domain.market.bars import Bars, columns_of
from thetaloom.domain.market.chain import from_date, to_date
from thetaloom.domain.market.expirations import list_expirations
from thetaloom.domain.market.indicators import historical_volatility
from thetaloom.domain.market.latest import LiveTechnicals, latest
from thetaloom.domain.market.reading import MarketView
from thetaloom.domain.market.volatility import beta, iv_percentile, iv_rank
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.engine.desk import EngineSettings
from thetaloom.engine.steps.compute_indicators import decide, inputs_of
from thetaloom.marketdata.calendar_table import load_calendar
from thetaloom.marketdata.clocks import VirtualClock
from thetaloom.marketdata.history_files import DailyHistory, read_histories
from thetaloom.marketdata.recorded import RecordedMarket

pytestmark = pytest.mark.shared_data

SHARED = Path(__file__).parents[4] / "shared" / "data"
UNDERLYING = SHARED / "underlying"
LONG_ENOUGH = {"AAPL", "DIA"}  # their recordings hold expirations of a month and more


@pytest.fixture(scope="module")
def histories() -> DailyHistory:
    if not UNDERLYING.exists():
        pytest.skip(f"recorded data is not beside the checkout: {UNDERLYING}")
    named = [f"{symbol}_daily_2024_2026" for symbol in ("SPY", "QQQ", "IWM", "DIA", "AAPL")]
    return read_histories(UNDERLYING / f"{name}.parquet" for name in (*named, "SPX_daily", "VIX_daily"))


@pytest.fixture(scope="module")
def calendar(tmp_path_factory: pytest.TempPathFactory) -> TradingCalendar:
    return load_calendar(today=date(2026, 8, 6), cache_dir=tmp_path_factory.mktemp("calendar"))


def until(bars: Bars, day: date) -> Bars:
    count = sum(one <= from_date(day) for one in bars.days)
    return Bars(
        days=bars.days[:count],
        highs=bars.highs[:count],
        lows=bars.lows[:count],
        closes=bars.closes[:count],
        volumes=bars.volumes[:count],
    )


def test_the_vix_ranked_where_it_is_known_to_have_stood(histories: DailyHistory) -> None:
    vix = columns_of(histories.bars["VIX"])
    crash = until(vix, date(2020, 3, 16))

    # 82.69 on 2020-03-16 was the highest close ever.
    assert crash.closes[-1] == pytest.approx(82.69, abs=0.01)
    assert iv_rank(crash.closes[:-1], crash.closes[-1]) == 100
    assert iv_percentile(crash.closes[:-1], crash.closes[-1]) == 100
    window = crash.closes[-252:-1]
    place = iv_rank(crash.closes[:-1], 40.0)
    assert place == pytest.approx((40 - min(window)) / (max(window) - min(window)) * 100)


def test_the_index_in_the_crash_of_2020(histories: DailyHistory) -> None:
    spx = until(columns_of(histories.bars["SPX"]), date(2020, 3, 23))
    found = latest(spx)
    hv = historical_volatility(spx.closes)

    assert spx.closes[-1] == pytest.approx(2237.40, abs=0.01)  # the low of that year
    assert hv is not None
    assert 0.7 < hv < 0.95
    assert found.rsi_14 is not None
    assert found.rsi_14 < 35
    assert found.adx_14 is not None
    assert found.adx_14 > 40
    assert found.supertrend_is_up is False
    assert found.minus_di is not None
    assert found.plus_di is not None
    assert found.minus_di > found.plus_di
    assert spx.volumes == ()


def test_betas_of_funds_are_near_what_they_hold(histories: DailyHistory) -> None:
    bars = {symbol: columns_of(days) for symbol, days in histories.bars.items()}
    betas = {symbol: beta(bars[symbol], bars["SPY"]) for symbol in ("SPX", "QQQ", "IWM", "DIA", "AAPL")}

    assert betas["SPX"] == pytest.approx(1, abs=0.05)
    assert betas["QQQ"] == pytest.approx(1.25, abs=0.25)
    assert betas["IWM"] == pytest.approx(1.15, abs=0.35)
    assert betas["DIA"] == pytest.approx(0.8, abs=0.25)
    assert betas["AAPL"] == pytest.approx(1.1, abs=0.6)


@pytest.mark.parametrize("symbol", ["SPY", "QQQ", "IWM", "DIA", "AAPL"])
def test_live_and_batch_agree_on_real_bars(histories: DailyHistory, symbol: str) -> None:
    live = LiveTechnicals()
    for bar in histories.bars[symbol]:
        found = live.add(bar)
    expected = latest(columns_of(histories.bars[symbol]))

    for name in ("rsi_14", "adx_14", "atr_14", "macd_histogram", "band_upper", "supertrend", "stochastic_d", "ema_20"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-6, abs=1e-9), name


@pytest.mark.parametrize("symbol", ["SPY", "SPX", "AAPL", "IWM", "DIA"])
def test_recorded_sessions_are_read(histories: DailyHistory, calendar: TradingCalendar, symbol: str) -> None:
    path = SHARED / "cboe_snapshots_2026" / f"{symbol}.parquet"
    clock = VirtualClock(datetime(2026, 8, 6, tzinfo=UTC))
    # The VIX stands in for a year of the symbol's own volatility, which nobody recorded.
    ivs = {symbol: [(bar.session_on, bar.close / 100) for bar in histories.bars["VIX"]]}
    market = RecordedMarket(path, clock, bars=histories.bars, ivs=ivs)
    views: list[MarketView] = []
    at = market.starts_at()
    while at is not None and at < clock.now() and len(views) < 12:
        chain = RecordedMarket(path, VirtualClock(at)).chain(symbol, at)
        assert chain is not None
        expirations = list_expirations(chain, calendar, at)
        own = RecordedMarket(path, VirtualClock(at), bars=histories.bars, ivs=ivs)
        views.append(decide(inputs_of(own, calendar, EngineSettings(), chain, expirations, at)).view)
        following = market.next_change(at + timedelta(hours=2))
        at = following if following is not None else clock.now()

    assert len(views) >= 3
    for view in views:
        known = {name: float(found.number) for name, found in view.numbers.items()}
        if symbol in LONG_ENOUGH:
            assert 5 < known["atm_iv"] < 80
            assert 0 <= known["iv_rank"] <= 100
            assert known["skew_25d"] > -3
            assert "stress" in known
            assert view.words["regime"].word
        else:  # nothing of more than two weeks was recorded: 30 days are not known, nor what rests on them
            assert {"atm_iv", "iv_rank", "skew_25d", "stress", "regime"} <= view.unknown.keys()
        assert ("term_slope" in known) is (symbol == "DIA")
        assert known["support"] < known["underlying_price"] * 1.05
        assert 0.3 < known["put_call_ratio"] < 6
        assert abs(known.get("gamma_flip_distance", 0)) < 25
        assert known["net_gamma"] != 0


def test_no_number_looks_ahead(histories: DailyHistory, calendar: TradingCalendar) -> None:
    path = SHARED / "cboe_snapshots_2026" / "SPY.parquet"
    at = RecordedMarket(path, VirtualClock(datetime(2026, 8, 6, tzinfo=UTC))).starts_at()
    today = calendar.exchange_date(at)
    whole, cut = (
        RecordedMarket(
            path, VirtualClock(at), bars={"SPY": [bar for bar in histories.bars["SPY"] if keep(bar.session_on)]}
        )
        for keep in (lambda on: True, lambda on: on < today)
    )
    views = []
    for market in (whole, cut):
        chain = market.chain("SPY", at)
        assert chain is not None
        expirations = list_expirations(chain, calendar, at)
        views.append(decide(inputs_of(market, calendar, EngineSettings(), chain, expirations, at)).view)

    assert views[0] == views[1]
    assert to_date(int(np.max(columns_of(histories.bars["SPY"]).days))) > today
    assert all(found.as_of <= at for found in views[0].numbers.values())
