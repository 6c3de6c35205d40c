"""What every replayed source of market data keeps to; the engine relies on nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from thetaloom.domain.market.chain import ARRAY_TYPES, from_date
from thetaloom.domain.market.events import EventKind
from thetaloom.domain.market.expirations import list_expirations
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.instruments import OptionContract, Right
from thetaloom.errors import InvalidInput
from thetaloom.marketdata.clocks import VirtualClock
from thetaloom.marketdata.recorded import RecordedMarket, packaged_day
from thetaloom.marketdata.synthetic import SyntheticMarket
from thetaloom.ports.market_data import ReplayedMarket

NOBODY = OptionContract(root="NOBODY", expires_on=date(2026, 1, 16), right=Right.PUT, strike=Decimal(50))
LONG_AGO = datetime(2015, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    market: ReplayedMarket
    clock: VirtualClock
    symbol: str


@pytest.fixture(params=["recorded", "synthetic"])
def unstarted(request: pytest.FixtureRequest, calendar: TradingCalendar) -> Source:
    clock = VirtualClock(LONG_AGO)
    if request.param == "recorded":
        return Source(market=RecordedMarket(packaged_day(), clock), clock=clock, symbol="GOOG")
    market = SyntheticMarket(3, date(2026, 1, 3), calendar, clock, symbols=("SPY", "SPX"))
    return Source(market=market, clock=clock, symbol="SPX")


@pytest.fixture
def source(unstarted: Source) -> Iterator[Source]:
    unstarted.clock.move_to(unstarted.market.starts_at() + timedelta(minutes=30))
    yield unstarted


def test_symbols_are_known_and_others_are_not(source: Source) -> None:
    assert source.symbol in source.market.symbols()
    known = source.market.underlying(source.symbol)
    assert known is not None
    assert known.symbol == source.symbol
    assert known.kind in {"equity", "etf", "index"}
    assert source.market.underlying("NOBODY") is None


def test_an_unknown_symbol_has_no_market(source: Source) -> None:
    now = source.clock.now()

    assert source.market.chain("NOBODY", now) is None
    assert source.market.spot("NOBODY", now) is None
    assert source.market.quotes([NOBODY], now) == {}
    assert source.market.history("NOBODY", date(2015, 1, 1), date(2026, 12, 31)) == []


def test_nothing_is_known_before_the_start(unstarted: Source) -> None:
    start = unstarted.market.starts_at()

    assert unstarted.market.chain(unstarted.symbol, start) is None
    assert unstarted.market.spot(unstarted.symbol, start) is None
    assert unstarted.market.quotes([NOBODY], start) == {}
    assert unstarted.market.poll() is None


def test_there_is_a_chain_at_the_start(unstarted: Source) -> None:
    unstarted.clock.move_to(unstarted.market.starts_at())

    chain = unstarted.market.chain(unstarted.symbol, unstarted.clock.now())

    assert chain is not None
    assert len(chain) > 100
    assert chain.spot is not None


def test_a_chain_carries_its_source_and_is_never_ahead_of_the_clock(source: Source) -> None:
    now = source.clock.now()

    chain = source.market.chain(source.symbol, now)

    assert chain is not None
    assert chain.as_of <= now
    assert chain.source == source.market.name
    assert chain.synthetic is source.market.synthetic
    assert chain.spot == source.market.spot(source.symbol, now)
    latest = np.datetime64(now.replace(tzinfo=None), "us").astype(np.int64)
    assert (chain.quoted_at <= latest).all()


def test_to_ask_for_the_future_gives_the_present(source: Source) -> None:
    now = source.clock.now()
    ahead = now + timedelta(hours=1)

    chain, later = source.market.chain(source.symbol, now), source.market.chain(source.symbol, ahead)

    assert chain is not None
    assert later is not None
    assert later.as_of == chain.as_of
    for name in ARRAY_TYPES:
        np.testing.assert_array_equal(getattr(chain, name), getattr(later, name))
    some = [chain.contract(index) for index in range(0, len(chain), 97)]
    assert source.market.quotes(some, ahead) == source.market.quotes(some, now)
    assert source.market.spot(source.symbol, ahead) == source.market.spot(source.symbol, now)


def test_the_past_reads_the_same_later_on(source: Source) -> None:
    at = source.clock.now()
    before = source.market.chain(source.symbol, at)
    source.clock.move_to(at + timedelta(hours=1))
    assert source.market.chain(source.symbol, source.clock.now()) is not None

    after = source.market.chain(source.symbol, at)

    assert before is not None
    assert after is not None
    assert after.spot == before.spot
    for name in ARRAY_TYPES:
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))


def test_a_chain_is_sorted_and_lists_each_contract_once(source: Source) -> None:
    chain = source.market.chain(source.symbol, source.clock.now())

    assert chain is not None
    keys = [
        (int(day), int(strike), not call, str(root))
        for day, strike, call, root in zip(chain.expires_on, chain.strike, chain.is_call, chain.root, strict=True)
    ]
    assert keys == sorted(set(keys))


def test_every_listed_contract_still_trades(source: Source, calendar: TradingCalendar) -> None:
    chain = source.market.chain(source.symbol, source.clock.now())

    assert chain is not None
    pairs = {(day, root) for day, root in zip(chain.expires_on.tolist(), chain.root.tolist(), strict=True)}
    trading = {
        (from_date(each.expires_on), each.root) for each in list_expirations(chain, calendar, source.clock.now())
    }
    assert pairs == trading


def test_quotes_are_those_of_the_chain(source: Source) -> None:
    now = source.clock.now()
    chain = source.market.chain(source.symbol, now)
    assert chain is not None
    indices = range(0, len(chain), 31)

    quotes = source.market.quotes([chain.contract(index) for index in indices], now)

    for index in indices:
        listed = chain.quote(index)
        quoted = quotes.get(chain.contract(index))
        assert quoted == listed if listed.bid is not None or listed.ask is not None else quoted is None


def test_unlisted_contracts_have_no_quote(source: Source) -> None:
    chain = source.market.chain(source.symbol, source.clock.now())
    assert chain is not None
    listed = chain.contract(0)
    odd = OptionContract(
        root=listed.root, expires_on=listed.expires_on, right=Right.CALL, strike=listed.strike + Decimal("0.125")
    )

    assert source.market.quotes([odd], source.clock.now()) == {}


def test_changes_come_in_order_and_each_is_reached(source: Source) -> None:
    at = source.clock.now()

    following = source.market.next_change(at)

    assert following is not None
    assert following > at
    source.clock.move_to(following)
    chain = source.market.chain(source.symbol, following)
    assert chain is not None
    assert chain.as_of == following


def test_between_two_changes_nothing_changes(source: Source) -> None:
    at = source.market.next_change(source.clock.now())
    assert at is not None
    following = source.market.next_change(at)
    assert following is not None
    source.clock.move_to(following)

    chain = source.market.chain(source.symbol, following - timedelta(microseconds=1))

    assert chain is not None
    assert chain.as_of == at


def test_polls_add_up_to_the_quotes(source: Source) -> None:
    chain = source.market.chain(source.symbol, source.clock.now())
    assert chain is not None
    middle = len(chain) // 2
    contracts = [chain.contract(index) for index in range(middle, middle + 20)]
    source.market.watch(contracts)
    first = source.market.poll()
    assert first is not None
    assert set(first.quotes) == set(contracts)
    bids_and_asks = {contract: (quote.bid, quote.ask) for contract, quote in first.quotes.items()}

    for _ in range(40):
        at = source.market.next_change(source.clock.now())
        assert at is not None
        source.clock.move_to(at)
        batch = source.market.poll()
        if batch is not None:
            assert batch.as_of == at
            assert source.market.spot(source.symbol, at) == batch.spots.get(
                source.symbol, source.market.spot(source.symbol, at)
            )
            bids_and_asks |= {contract: (quote.bid, quote.ask) for contract, quote in batch.quotes.items()}
        standing = source.market.quotes(contracts, at)
        known = {contract: sides for contract, sides in bids_and_asks.items() if sides != (None, None)}
        assert {contract: (quote.bid, quote.ask) for contract, quote in standing.items()} == known


def test_a_poll_without_news_is_none(source: Source) -> None:
    chain = source.market.chain(source.symbol, source.clock.now())
    assert chain is not None
    source.market.watch([chain.contract(len(chain) // 2)])

    assert source.market.poll() is not None
    assert source.market.poll() is None


def test_to_watch_nothing_polls_nothing(source: Source) -> None:
    source.market.watch([])

    assert source.market.poll() is None


def test_whoever_waits_is_woken_at_each_change(source: Source) -> None:
    woken = []
    source.market.on_change(lambda: woken.append(source.clock.now()))
    expected = []

    for _ in range(5):
        at = source.market.next_change(source.clock.now())
        assert at is not None
        expected.append(at)
        source.clock.move_to(at - timedelta(microseconds=1))
        source.clock.move_to(at)

    assert woken == expected


def test_an_instant_without_a_zone_is_refused(source: Source) -> None:
    naive = source.clock.now().replace(tzinfo=None)

    with pytest.raises(InvalidInput):
        source.market.chain(source.symbol, naive)


def test_history_holds_closed_sessions_only(source: Source) -> None:
    today = source.clock.now().date()

    bars = source.market.history(source.symbol, today - timedelta(days=400), today + timedelta(days=400))

    assert all(bar.session_on < today for bar in bars)
    assert [bar.session_on for bar in bars] == sorted({bar.session_on for bar in bars})
    assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in bars)


def test_intraday_bars_are_complete_and_say_what_the_price_was(source: Source) -> None:
    bars = source.market.intraday(source.symbol, 15, 40)

    assert bars
    assert [bar.session_on for bar in bars] == sorted(bar.session_on for bar in bars)
    assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in bars)
    assert source.market.intraday(source.symbol, 15, 1) == bars[-1:]
    assert source.market.intraday("NOBODY", 15, 40) == []


def test_an_intraday_bar_once_complete_stands(source: Source) -> None:
    before = source.market.intraday(source.symbol, 15, 400)
    source.clock.move_to(source.clock.now() + timedelta(minutes=47))

    after = source.market.intraday(source.symbol, 15, 403)

    assert len(after) == 403 or after[: len(before)] == before
    assert len(after) == len(before) + 3
    assert after[-4] == before[-1]


def test_iv_history_holds_closed_sessions_only(source: Source) -> None:
    today = source.clock.now().date()

    known = source.market.iv_history(source.symbol, today - timedelta(days=400), today + timedelta(days=400))

    assert all(on < today for on, _ in known)
    assert [on for on, _ in known] == sorted({on for on, _ in known})
    assert all(0.01 < iv < 5 for _, iv in known)


def test_iv_history_is_of_the_days_asked_for(source: Source) -> None:
    today = source.clock.now().date()
    whole = source.market.iv_history(source.symbol, today - timedelta(days=400), today)

    for on, iv in whole[::50]:
        assert source.market.iv_history(source.symbol, on, on) == [(on, iv)]
    assert source.market.iv_history("NOBODY", today - timedelta(days=400), today) == []


def test_events_lie_within_the_days_asked_for_and_carry_their_time(source: Source) -> None:
    now = source.clock.now()
    first, last = now.date(), now.date() + timedelta(days=120)

    events = source.market.corporate_events(source.symbol, first, last)

    assert events is not None
    assert events.as_of <= now
    assert all(first <= day <= last for day in events.earnings)
    assert all(first <= one.ex_on <= last for one in events.dividends)
    for until in (events.earnings_known_until, events.dividends_known_until):
        assert until is None or until <= last


def test_of_an_unknown_symbol_no_events_are_known(source: Source) -> None:
    today = source.clock.now().date()

    assert source.market.corporate_events("NOBODY", today, today + timedelta(days=30)) is None


def test_what_can_never_come_is_not_merely_unknown(source: Source) -> None:
    known = source.market.underlying(source.symbol)
    today = source.clock.now().date()
    events = source.market.corporate_events(source.symbol, today, today + timedelta(days=30))

    assert known is not None
    assert events is not None
    assert (EventKind.EARNINGS in events.not_applicable) is (known.kind != "equity")
