"""What a live source tells slowly is asked for once, and nobody waits for it who may not."""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

import pytest

from thetaloom.domain.market.events import Events
from thetaloom.domain.market.quotes import Quote
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.errors import AnswerPending, MarketDataUnavailable
from thetaloom.marketdata.remembered import FAILED_FOR, INCOMPLETE_FOR, RememberedMarket
from thetaloom.ports.market_data import Bar, Underlying
from thetaloom.ports.patience import waiting_at_most
from thetaloom.testing import builders
from thetaloom.testing.clock import FakeClock
from thetaloom.testing.market import FixedMarket

TODAY = date(2026, 1, 5)
FRIDAY = date(2026, 1, 2)
YEAR_AGO = TODAY - timedelta(days=400)
DEADLINE = 10.0


class Counting(FixedMarket):
    """A source that counts what it is asked, and fails or hangs when told to."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.asked: Counter[str] = Counter()
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.may_quote = threading.Event()
        self.may_quote.set()

    def quotes(self, contracts: Iterable[OptionContract], at: datetime) -> Mapping[OptionContract, Quote]:
        assert self.may_quote.wait(DEADLINE)
        return super().quotes(contracts, at)

    def history(self, symbol: str, first: date, last: date) -> Sequence[Bar]:
        self._count("history")
        return super().history(symbol, first, last)

    def iv_history(self, symbol: str, first: date, last: date) -> Sequence[tuple[date, float]]:
        self._count("iv_history")
        return super().iv_history(symbol, first, last)

    def intraday(self, symbol: str, minutes: int, count: int) -> Sequence[Bar]:
        self._count("intraday")
        return super().intraday(symbol, minutes, count)

    def corporate_events(self, symbol: str, first: date, last: date) -> Events | None:
        self._count("events")
        return super().corporate_events(symbol, first, last)

    def underlying(self, symbol: str) -> Underlying | None:
        self._count("underlying")
        return super().underlying(symbol)

    def _count(self, what: str) -> None:
        self.asked[what] += 1
        assert self.may_answer.wait(DEADLINE)
        if self.is_down:
            raise MarketDataUnavailable("it does not answer")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def source(clock: FakeClock) -> Counting:
    found = Counting(clock)
    found.set_history("SPY", [bar(date(2025, 12, 31), 570), bar(FRIDAY, 575)])
    found.set_iv_history("SPY", [(date(2025, 12, 31), 0.15), (FRIDAY, 0.16)])
    return found


@pytest.fixture
def market(source: Counting, clock: FakeClock) -> RememberedMarket:
    return RememberedMarket(source, clock, builders.trading_calendar())


def bar(on: date, close: float) -> Bar:
    return Bar(session_on=on, open=close, high=close, low=close, close=close, volume=None)


def read_all(market: RememberedMarket) -> None:
    market.history("SPY", YEAR_AGO, TODAY)
    market.iv_history("SPY", YEAR_AGO, TODAY)
    market.corporate_events("SPY", TODAY, TODAY + timedelta(days=30))
    market.underlying("SPY")


def test_ten_strategies_on_a_symbol_ask_for_its_past_once(market: RememberedMarket, source: Counting) -> None:
    source.set_spot("SPY", 575)
    for _ in range(10):
        read_all(market)

    assert source.asked == {"history": 1, "iv_history": 1, "events": 1, "underlying": 1}


def test_days_within_what_is_known_are_cut_out_of_it(market: RememberedMarket, source: Counting) -> None:
    market.history("SPY", YEAR_AGO, TODAY)

    assert [one.session_on for one in market.history("SPY", FRIDAY, TODAY)] == [FRIDAY]
    assert [on for on, _ in market.iv_history("SPY", YEAR_AGO, date(2025, 12, 31))] == [date(2025, 12, 31)]
    assert source.asked["history"] == 1


def test_days_before_what_is_known_are_asked_for(market: RememberedMarket, source: Counting) -> None:
    assert len(market.history("SPY", FRIDAY, TODAY)) == 1
    assert len(market.history("SPY", YEAR_AGO, TODAY)) == 2
    assert source.asked["history"] == 2


def test_the_past_is_asked_for_anew_once_a_session_has_closed(
    market: RememberedMarket, source: Counting, clock: FakeClock
) -> None:
    market.history("SPY", YEAR_AGO, TODAY)
    source.set_history("SPY", [bar(FRIDAY, 575), bar(TODAY, 580)])
    clock.move_to(builders.new_york("2026-01-05 15:59"))
    before = market.history("SPY", YEAR_AGO, TODAY)
    clock.move_to(builders.new_york("2026-01-05 16:00"))

    assert before[-1].session_on == FRIDAY
    assert market.history("SPY", YEAR_AGO, TODAY)[-1].session_on == TODAY


def test_a_bar_that_is_not_published_yet_is_asked_for_every_few_minutes(
    market: RememberedMarket, source: Counting, clock: FakeClock
) -> None:
    clock.move_to(builders.new_york("2026-01-05 16:00"))
    for _ in range(3):
        assert market.history("SPY", YEAR_AGO, TODAY)[-1].session_on == FRIDAY
    clock.move_to(clock.now() + INCOMPLETE_FOR)
    source.set_history("SPY", [bar(FRIDAY, 575), bar(TODAY, 580)])

    assert market.history("SPY", YEAR_AGO, TODAY)[-1].session_on == TODAY
    assert source.asked["history"] == 2


def test_a_source_that_failed_is_left_alone_for_a_moment(
    market: RememberedMarket, source: Counting, clock: FakeClock
) -> None:
    source.is_down = True
    for _ in range(5):
        with pytest.raises(MarketDataUnavailable, match="it does not answer"):
            market.iv_history("SPY", YEAR_AGO, TODAY)
    source.is_down = False
    clock.move_to(clock.now() + FAILED_FOR)

    assert len(market.iv_history("SPY", YEAR_AGO, TODAY)) == 2
    assert source.asked["iv_history"] == 2


def test_events_are_asked_for_once_an_hour(market: RememberedMarket, source: Counting, clock: FakeClock) -> None:
    source.set_events("SPY", Events(as_of=clock.now(), source="fixed"))
    for minutes in (0, 59, 60):
        clock.move_to(builders.NOW + timedelta(minutes=minutes))
        assert market.corporate_events("SPY", TODAY, TODAY) is not None

    assert source.asked["events"] == 2


@pytest.mark.parametrize(("at", "asked"), [("10:31", 1), ("10:44", 1), ("10:45", 2), ("11:00", 2)])
def test_bars_of_a_quarter_are_asked_for_when_one_more_is_complete(
    market: RememberedMarket, source: Counting, clock: FakeClock, at: str, asked: int
) -> None:
    clock.move_to(builders.new_york("2026-01-05 10:31"))
    market.intraday("SPY", 15, 80)
    clock.move_to(builders.new_york(f"2026-01-05 {at}"))
    market.intraday("SPY", 15, 80)

    assert source.asked["intraday"] == asked


def test_a_bar_may_come_late_by_a_minute(market: RememberedMarket, source: Counting, clock: FakeClock) -> None:
    for second in (0, 30, 60, 90):
        clock.move_to(builders.NOW + timedelta(seconds=second))
        market.intraday("SPY", 240, 80)

    assert source.asked["intraday"] == 2


def test_who_may_not_wait_is_told_so_and_has_the_answer_later(market: RememberedMarket, source: Counting) -> None:
    came = threading.Event()
    market.on_change(came.set)
    source.may_answer.clear()
    with waiting_at_most(0.0), pytest.raises(AnswerPending):
        market.history("SPY", YEAR_AGO, TODAY)
    source.may_answer.set()

    assert came.wait(DEADLINE)
    with waiting_at_most(0.0):
        assert len(market.history("SPY", YEAR_AGO, TODAY)) == 2
    assert source.asked["history"] == 1
    market.close()


class Searched(Counting):
    """Such a source with a search."""

    def matching(self, query: str) -> Sequence[str]:
        self._count("matching")
        return ["SPY"] if query == "sp" else []


def test_a_search_is_made_once_an_hour_and_soon_again_where_nothing_was_found(clock: FakeClock) -> None:
    source = Searched(clock)
    market = RememberedMarket(source, clock, builders.trading_calendar())
    for query, answer in (("sp", ["SPY"]), ("zz", [])):
        assert [market.matching(query) for _ in range(3)] == 3 * [answer]
    assert source.asked["matching"] == 2

    clock.advance(minutes=6)
    assert (market.matching("sp"), market.matching("zz")) == (["SPY"], [])
    assert source.asked["matching"] == 3


def test_a_source_without_a_search_finds_nothing(market: RememberedMarket) -> None:
    assert market.matching("sp") == ()


def test_quotes_are_never_remembered(market: RememberedMarket, source: Counting, clock: FakeClock) -> None:
    put = builders.contract("SPY 2026-01-16 P 560")
    source.set_quote(put, 1.0, 1.2)
    before: datetime = market.quotes([put], clock.now())[put].quoted_at
    clock.advance(seconds=5)
    source.set_quote(put, 1.1, 1.3)

    assert market.quotes([put], clock.now())[put].quoted_at > before


def test_a_quote_that_came_late_never_stands_in_for_one_the_stream_told_since(
    source: Counting, market: RememberedMarket, clock: FakeClock
) -> None:
    put, came = builders.contract("SPY 2026-01-16 P 560"), threading.Event()
    market.watch([put])
    source.set_quote(put, 1.0, 1.2)
    market.poll()
    source.may_quote.clear()
    market.on_change(came.set)
    with waiting_at_most(0.0), pytest.raises(AnswerPending):
        market.quotes([put], clock.now())
    source.may_quote.set()
    assert came.wait(DEADLINE)
    clock.advance(seconds=1)
    source.set_quote(put, 0.4, 0.6)

    assert market.poll() is not None
    with waiting_at_most(DEADLINE):
        assert market.quotes([put], clock.now())[put].bid == builders.price("0.4")
    market.close()
