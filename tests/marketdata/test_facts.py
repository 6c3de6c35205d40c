"""What sources know beyond quotes agrees with their quotes."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from thetaloom.domain.market.events import EventKind
from thetaloom.domain.market.expirations import list_expirations
from thetaloom.domain.market.indicators import atm_iv
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.marketdata.clocks import VirtualClock
from thetaloom.marketdata.event_files import EventTable
from thetaloom.marketdata.recorded import RecordedMarket
from thetaloom.marketdata.recorded.volatilities import SessionVolatilities
from thetaloom.marketdata.synthetic import SyntheticMarket
from thetaloom.marketdata.synthetic.models import MODELS

START = date(2026, 1, 5)
SHARED = Path(__file__).parents[2] / ".." / "shared" / "data"


@pytest.fixture
def world(calendar: TradingCalendar) -> SyntheticMarket:
    return SyntheticMarket(3, START, calendar, VirtualClock(datetime(2026, 4, 10, 15, tzinfo=UTC)))


@pytest.mark.parametrize("symbol", sorted(MODELS))
def test_made_up_volatilities_are_those_that_the_chains_tell(
    world: SyntheticMarket, calendar: TradingCalendar, symbol: str
) -> None:
    model = MODELS[symbol]
    known = dict(world.iv_history(symbol, START, date(2026, 4, 10)))

    assert len(known) == calendar.count_sessions(START, date(2026, 4, 9))
    for session in calendar.sessions_between(START, date(2026, 4, 9))[::9]:
        chain = world.chain(symbol, session.close_at)
        assert chain is not None
        expirations = list_expirations(chain, calendar, session.close_at)
        told = atm_iv(chain, expirations, model.rate, model.dividend_yield)
        # Mids lie off the surface by up to half a tick, and the nearest strike off the money.
        assert known[session.session_on] == pytest.approx(told, rel=0.03)


def test_a_year_of_volatilities_is_known_at_the_start(calendar: TradingCalendar) -> None:
    clock = VirtualClock(datetime(2026, 1, 5, 15, tzinfo=UTC))
    world = SyntheticMarket(3, START, calendar, clock)

    known = world.iv_history("SPY", START - timedelta(days=400), START)

    assert len(known) >= 252
    assert known[-1][0] == date(2026, 1, 2)


def test_made_up_facts_follow_from_the_seed(calendar: TradingCalendar) -> None:
    clock = VirtualClock(datetime(2026, 1, 5, 15, tzinfo=UTC))
    same, again, other = (SyntheticMarket(seed, START, calendar, clock) for seed in (3, 3, 4))
    span = (START, START + timedelta(days=366))

    assert same.corporate_events("AAPL", *span) == again.corporate_events("AAPL", *span)
    assert same.corporate_events("AAPL", *span) != other.corporate_events("AAPL", *span)
    assert same.iv_history("AAPL", *span) == again.iv_history("AAPL", *span)


def test_made_up_stocks_report_four_times_a_year_on_sessions(world: SyntheticMarket, calendar: TradingCalendar) -> None:
    first = date(2026, 4, 10)
    events = world.corporate_events("AAPL", first, date(2027, 4, 10))

    assert events is not None
    assert len(events.earnings) == 4
    assert all(calendar.session_on(day) for day in events.earnings if day <= calendar.last_on)
    assert [day.month for day in events.earnings] == [4, 7, 10, 1]
    assert events.dividends == ()
    assert events.dividends_known_until == date(2027, 4, 10)


def test_made_up_funds_and_indices_never_report(world: SyntheticMarket) -> None:
    span = (date(2026, 4, 10), date(2027, 4, 10))
    fund, index = world.corporate_events("SPY", *span), world.corporate_events("SPX", *span)

    assert fund is not None
    assert index is not None
    assert fund.earnings == index.earnings == ()
    assert fund.not_applicable == {EventKind.EARNINGS}
    assert index.not_applicable == set(EventKind)


@pytest.mark.shared_data
def test_recorded_volatilities_are_those_of_each_sessions_last_chain(calendar: TradingCalendar) -> None:
    path = SHARED / "cboe_snapshots_2026" / "AAPL.parquet"
    if not path.exists():
        pytest.skip(f"recorded data is not beside the checkout: {path}")
    clock = VirtualClock(datetime(2027, 1, 4, 15, tzinfo=UTC))
    market = RecordedMarket(path, clock, volatilities=SessionVolatilities(calendar, 0.04, 0.005))

    known = market.iv_history("AAPL", date(2026, 1, 1), date(2026, 12, 31))

    assert len(known) >= 5
    for on, iv in known:
        session = calendar.session_on(on)
        assert session is not None
        chain = market.chain("AAPL", session.close_at + timedelta(minutes=30))
        assert chain is not None
        assert iv == atm_iv(chain, list_expirations(chain, calendar, chain.as_of), 0.04, 0.005)
        assert 0.1 < iv < 0.8


@pytest.mark.shared_data
def test_volatilities_that_were_given_stand_and_the_future_stays_closed(calendar: TradingCalendar) -> None:
    path = SHARED / "cboe_snapshots_2026" / "AAPL.parquet"
    if not path.exists():
        pytest.skip(f"recorded data is not beside the checkout: {path}")
    sessions = [on for on, _ in all_known(path, calendar)]
    given = {"AAPL": [(sessions[0], 0.99), (sessions[2], 0.98)]}
    second = calendar.session_on(sessions[1])
    assert second is not None
    clock = VirtualClock(second.close_at + timedelta(minutes=1))
    market = RecordedMarket(path, clock, ivs=given, volatilities=SessionVolatilities(calendar, 0.04, 0.005))

    known = market.iv_history("AAPL", sessions[0], sessions[-1])

    assert [on for on, _ in known] == sessions[:2]
    assert known[0][1] == 0.99
    assert market.iv_history("AAPL", sessions[1], sessions[1]) == known[1:]


def all_known(path: Path, calendar: TradingCalendar) -> list[tuple[date, float]]:
    market = RecordedMarket(
        path,
        VirtualClock(datetime(2027, 1, 4, tzinfo=UTC)),
        volatilities=SessionVolatilities(calendar, 0.04, 0.005),
    )
    return list(market.iv_history("AAPL", date(2026, 1, 1), date(2026, 12, 31)))


@pytest.mark.shared_data
def test_a_recording_without_facts_knows_none() -> None:
    path = SHARED / "cboe_snapshots_2026" / "AAPL.parquet"
    if not path.exists():
        pytest.skip(f"recorded data is not beside the checkout: {path}")
    market = RecordedMarket(path, VirtualClock(datetime(2027, 1, 4, tzinfo=UTC)), events=EventTable())

    assert market.iv_history("AAPL", date(2026, 1, 1), date(2026, 12, 31)) == []
    assert market.corporate_events("AAPL", date(2026, 1, 1), date(2026, 12, 31)) is None
