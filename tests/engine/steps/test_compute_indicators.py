from datetime import UTC, date, datetime, timedelta

import pytest

from thetaloom.domain.market.chain import from_date
from thetaloom.domain.market.events import Dividend, EventKind, Events
from thetaloom.domain.market.expirations import list_expirations
from thetaloom.domain.strategy.metrics import MARKET_METRICS, Metric
from thetaloom.domain.values.canonical import canonical_json, from_json
from thetaloom.engine.desk import EngineSettings
from thetaloom.engine.findings import Indicators
from thetaloom.engine.steps.compute_indicators import decide, inputs_of
from thetaloom.marketdata.clocks import VirtualClock
from thetaloom.marketdata.synthetic import SyntheticMarket
from thetaloom.ports.market_data import Bar, MarketData
from thetaloom.testing import builders as b
from thetaloom.testing.clock import FakeClock
from thetaloom.testing.market import FixedMarket

START = date(2026, 1, 5)
CALENDAR = b.trading_calendar()


@pytest.fixture(scope="module")
def world() -> MarketData:
    clock = VirtualClock(datetime(2026, 1, 8, 16, tzinfo=UTC))
    return SyntheticMarket(3, START, CALENDAR, clock, symbols=("SPY", "AAPL"))


def read(market: MarketData, symbol: str, now: datetime) -> Indicators:
    chain = market.chain(symbol, now)
    assert chain is not None
    expirations = list_expirations(chain, CALENDAR, now)
    return decide(inputs_of(market, CALENDAR, EngineSettings(), chain, expirations, now))


def test_a_whole_market_is_read(world: MarketData) -> None:
    said = read(world, "AAPL", datetime(2026, 1, 8, 16, tzinfo=UTC))

    missing = {metric.value for metric in MARKET_METRICS - said.metrics.keys()}
    assert missing <= {"vix", "momentum_confidence", "regime_confidence", "gamma_flip_distance"}
    assert missing <= said.view.unknown.keys()
    assert said.metrics[Metric.HISTORY_SESSIONS] == said.sessions_of_history > 250
    assert said.metrics[Metric.DAYS_TO_EX_DIVIDEND] == 366
    assert said.view.numbers["rsi_14"].as_of == datetime(2026, 1, 7, 21, tzinfo=UTC)
    assert said.view.numbers["atm_iv"].as_of == datetime(2026, 1, 8, 16, tzinfo=UTC)


def test_what_was_said_reads_back_to_the_byte(world: MarketData) -> None:
    said = read(world, "SPY", datetime(2026, 1, 8, 16, tzinfo=UTC))

    text = canonical_json(said)

    assert canonical_json(from_json(text, Indicators)) == text
    assert canonical_json(read(world, "SPY", datetime(2026, 1, 8, 16, tzinfo=UTC))) == text


def test_a_bare_market_is_read_as_far_as_it_goes() -> None:
    market = FixedMarket(FakeClock())
    market.set_spot("SPY", 575)
    market.set_quote("SPY 2026-01-16 P 560", 1.00, 1.10)

    said = read(market, "SPY", b.NOW)

    assert said.metrics == {Metric.UNDERLYING_PRICE: 575, Metric.HISTORY_SESSIONS: 0}
    assert said.view.unknown["days_to_earnings"] == "the source keeps no calendar of events"


def test_events_volatilities_and_the_index_come_from_the_source() -> None:
    market = FixedMarket(FakeClock())
    today = b.NOW.date()
    last = CALENDAR.previous_session(today).session_on
    market.set_spot("SPY", 575)
    market.set_quote("SPY 2026-01-16 P 560", 1.00, 1.10)
    market.set_iv_history("SPY", [(last, 0.2), (today, 0.3)])
    market.set_events(
        "SPY",
        Events(
            as_of=b.NOW,
            source="fixed",
            dividends=(Dividend(ex_on=today + timedelta(days=9)), Dividend(ex_on=today + timedelta(days=500))),
            not_applicable=frozenset({EventKind.EARNINGS}),
        ),
    )
    market.set_spot("VIX", "18.2")
    chain = market.chain("SPY", b.NOW)
    assert chain is not None

    given = inputs_of(market, CALENDAR, EngineSettings(), chain, (), b.NOW)
    said = decide(given)

    assert given.events is not None
    assert len(given.events.dividends) == 1
    assert given.iv_history.days == (from_date(last),)  # today is not over
    assert said.metrics[Metric.DAYS_TO_EX_DIVIDEND] == 9
    assert said.metrics[Metric.DAYS_TO_EARNINGS] == 366
    assert said.metrics[Metric.VIX] == b.price("18.2")
    assert said.view.numbers["vix"].as_of == b.NOW


def test_without_a_spot_the_index_counts_by_its_last_close() -> None:
    market = FixedMarket(FakeClock())
    market.set_quote("SPY 2026-01-16 P 560", 1.00, 1.10)
    session = CALENDAR.previous_session(b.NOW.date())
    market.set_history("VIX", [Bar(session_on=session.session_on, open=17, high=19, low=16, close=17.25, volume=0)])

    said = read(market, "SPY", b.NOW)

    assert said.metrics[Metric.VIX] == b.price("17.25")
    assert said.view.numbers["vix"].as_of == session.close_at
