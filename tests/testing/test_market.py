from datetime import date, timedelta

import pytest

from thetaloom.domain.market.events import Dividend, Events
from thetaloom.domain.values.money import Price
from thetaloom.errors import MarketDataUnavailable
from thetaloom.ports.market_data import Bar, ReplayedMarket
from thetaloom.testing import builders as b
from thetaloom.testing.clock import FakeClock
from thetaloom.testing.market import FixedMarket

PUT = "SPY 2026-01-16 P 560"


def test_nothing_is_known_before_its_time() -> None:
    clock = FakeClock()
    market: ReplayedMarket = (fixed := FixedMarket(clock))
    later = b.NOW + timedelta(minutes=5)
    fixed.set_quote(PUT, 1.00, 1.10)
    fixed.set_quote(b.contract(PUT), 1.20, 1.30, at=later)

    before = market.quotes([b.contract(PUT)], later)
    clock.move_to(later)
    after = market.quotes([b.contract(PUT)], later)

    assert before[b.contract(PUT)] == b.quote(1.00, 1.10)
    assert after[b.contract(PUT)] == b.quote(1.20, 1.30, at=later)
    assert market.quotes([b.contract(PUT)], b.NOW) == before
    assert (market.starts_at(), market.next_change(b.NOW), market.next_change(later)) == (b.NOW, later, None)


def test_poll_reports_each_change_of_a_watched_contract_once() -> None:
    clock = FakeClock()
    market = FixedMarket(clock)
    wakes: list[bool] = []
    market.on_change(lambda: wakes.append(True))
    market.watch([b.contract(PUT)])

    market.set_quotes({PUT: (1.00, 1.10), "SPY 2026-01-16 P 555": (0.5, 0.6)})
    market.set_spot("SPY", 575)
    first, second = market.poll(), market.poll()
    market.set_quote("SPY 2026-01-16 P 555", 0.4, 0.5)
    third = market.poll()

    assert first is not None and set(first.quotes) == {b.contract(PUT)} and first.spots == {"SPY": Price(575)}
    assert second is None and third is None
    assert len(wakes) == 4


def test_the_chain_holds_what_has_a_quote() -> None:
    market = FixedMarket(FakeClock())
    market.set_quotes({PUT: (1.00, 1.10), "SPY 2026-01-16 P 555": (0.5, 0.6)})
    market.set_spot("SPY", 575)
    market.set_column("delta", {PUT: -0.3, "SPY 2026-01-16 P 555": -0.2})
    market.drop_quote("SPY 2026-01-16 P 555")

    chain = market.chain("SPY", b.NOW)

    assert chain is not None and len(chain) == 1 and chain.delta[0] == -0.3 and chain.synthetic
    assert market.chain("QQQ", b.NOW) is None
    assert market.underlying("QQQ") is None
    assert market.underlying("SPY") is not None and list(market.symbols()) == ["SPY"]


def test_a_spot_can_become_unknown() -> None:
    market = FixedMarket(FakeClock())

    market.set_spot("SPY", 575)
    market.set_spot("SPY", None)

    assert market.spot("SPY", b.NOW) is None


def test_quotes_age_unless_the_market_keeps_them_fresh() -> None:
    clock = FakeClock()
    aging, fresh = FixedMarket(clock), FixedMarket(clock, always_fresh=True)
    for market in (aging, fresh):
        market.set_quote(PUT, 1.00, 1.10)
        market.set_spot("SPY", 575)

    now = clock.advance(hours=1)

    assert aging.quotes([b.contract(PUT)], now)[b.contract(PUT)].quoted_at == b.NOW
    assert fresh.quotes([b.contract(PUT)], now)[b.contract(PUT)].quoted_at == now


def test_history_ends_with_the_last_closed_session() -> None:
    market = FixedMarket(FakeClock())
    days = [date(2026, 1, 2), date(2026, 1, 5)]
    market.set_history("SPY", [Bar(session_on=d, open=1, high=1, low=1, close=1, volume=1) for d in days])

    assert [bar.session_on for bar in market.history("SPY", days[0], days[1])] == days[:1]
    assert market.history("QQQ", days[0], days[1]) == []


def test_a_market_that_is_down_answers_nothing() -> None:
    market = FixedMarket(FakeClock())
    market.is_down = True

    with pytest.raises(MarketDataUnavailable):
        market.spot("SPY", b.NOW)


def test_facts_are_what_was_set_and_no_more() -> None:
    clock = FakeClock()
    market = FixedMarket(clock)
    on = b.NOW.date()
    bar = Bar(session_on=on, open=1, high=2, low=1, close=2, volume=None)
    events = Events(
        as_of=b.NOW,
        source="fixed",
        earnings=(on, on + timedelta(days=90)),
        dividends=(Dividend(ex_on=on + timedelta(days=3)),),
    )
    market.set_intraday("SPY", 15, [bar, bar, bar])
    market.set_events("SPY", events)

    assert market.intraday("SPY", 15, 2) == [bar, bar]
    assert market.intraday("SPY", 60, 2) == []
    assert market.iv_history("SPY", on, on) == []
    assert market.corporate_events("QQQ", on, on) is None
    known = market.corporate_events("SPY", on, on + timedelta(days=30))
    assert known is not None
    assert (known.earnings, known.dividends) == ((on,), events.dividends)
