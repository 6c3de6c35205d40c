"""Sources in order of preference: who speaks, who falls back and why, and that nobody is mixed."""

import threading
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

import pytest

from thetaloom.domain.market.quotes import Quote
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.errors import ConfigError, InvalidInput, MarketDataUnavailable
from thetaloom.links.quote_board import QuoteBoard
from thetaloom.marketdata.preferred import PreferredMarket, parse_market_sources
from thetaloom.ports.links import LinkStatus
from thetaloom.ports.market_data import Bar
from thetaloom.testing import builders
from thetaloom.testing.clock import FakeClock
from thetaloom.testing.market import FixedMarket

SPY_PUT, SPX_PUT = builders.contract("SPY 2026-01-16 P 560"), builders.contract("SPX 2026-01-16 P 5600")
DAY = date(2026, 1, 2)


class Source(FixedMarket):
    """A hand-set market of some name, whose chains carry that name."""

    def __init__(self, name: str, clock: FakeClock, *, synthetic: bool = False) -> None:
        super().__init__(clock, synthetic=synthetic)
        self.name = name
        self.watched: list[OptionContract] = []

    def say(self, bid: float, contract: OptionContract = SPY_PUT, spot: float = 575) -> None:
        self.set_quote(contract, bid, bid + 0.2)
        self.set_spot(contract.underlying, spot)

    def watch(self, contracts: Iterable[OptionContract]) -> None:
        self.watched = list(contracts)
        super().watch(self.watched)

    def chain(self, underlying: str, at: datetime):  # type: ignore[no-untyped-def]  # as the one above it, renamed
        quotes = self.quotes([SPY_PUT, SPX_PUT], at) if not self.is_down else {}
        if self.is_down:
            raise MarketDataUnavailable(f"{self.name} is down")
        known = {one: quote for one, quote in quotes.items() if one.underlying == underlying}
        if not known:
            return None
        newest = max(quote.quoted_at for quote in known.values())
        chain = builders.chain(known, at=newest, spot=self.spot(underlying, at), synthetic=self.synthetic)
        chain.source = self.name
        return chain


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def fast(clock: FakeClock) -> Source:
    return Source("fast", clock)


@pytest.fixture
def slow(clock: FakeClock) -> Source:
    return Source("slow", clock)


@pytest.fixture
def market(fast: Source, slow: Source, clock: FakeClock) -> PreferredMarket:
    return PreferredMarket([(fast, timedelta(seconds=30)), (slow, 1200)], clock)


def speaker(market: PreferredMarket, clock: FakeClock) -> str:
    chain = market.chain("SPY", clock.now())
    assert chain is not None
    return chain.source


def test_the_best_source_speaks_while_it_is_young(
    market: PreferredMarket, fast: Source, slow: Source, clock: FakeClock
) -> None:
    fast.say(2.0)
    slow.say(1.0)
    clock.advance(seconds=30)

    assert speaker(market, clock) == "fast"
    assert market.quotes([SPY_PUT], clock.now())[SPY_PUT].bid == Price("2")


def test_a_source_that_is_too_old_is_passed_over(
    market: PreferredMarket, fast: Source, slow: Source, clock: FakeClock
) -> None:
    fast.say(2.0, spot=575)
    slow.say(1.0, spot=574)
    clock.advance(seconds=31)

    assert speaker(market, clock) == "slow"
    assert market.quotes([SPY_PUT], clock.now())[SPY_PUT].bid == Price("1")
    assert market.spot("SPY", clock.now()) == Price("574")
    assert market.choices()[0].passed_over == (("fast", "31 s old, limit 30 s"),)


def test_a_source_that_is_down_is_passed_over(
    market: PreferredMarket, fast: Source, slow: Source, clock: FakeClock
) -> None:
    fast.say(2.0)
    slow.say(1.0)
    fast.is_down = True

    assert speaker(market, clock) == "slow"
    assert market.choices()[0].passed_over == (("fast", "fast is down"),)


def test_a_source_without_the_symbol_is_passed_over(market: PreferredMarket, slow: Source, clock: FakeClock) -> None:
    slow.say(1.0)

    assert speaker(market, clock) == "slow"
    assert market.choices()[0].passed_over == (("fast", "has nothing of SPY"),)


def test_options_that_fell_silent_are_not_younger_for_a_fresh_price(clock: FakeClock, slow: Source) -> None:
    board = QuoteBoard(clock, "fast")
    slots = board.list_chain("SPY", [SPY_PUT])
    board.put(int(slots[0]), bid=2.0, ask=2.2, at=clock.now())
    streamed = BoardSource(board, clock)
    market = PreferredMarket([(streamed, 30), (slow, 1200)], clock)
    board.lost(clock.now())
    clock.advance(seconds=40)
    board.put_spot("SPY", 575, clock.now())
    slow.say(1.0)

    assert speaker(market, clock) == "slow"


class BoardSource(Source):
    """A source that stands on a board, as streams do."""

    def __init__(self, board: QuoteBoard, clock: FakeClock) -> None:
        super().__init__("fast", clock)
        self.board = board
        self.chain = board.chain  # type: ignore[method-assign]  # the board is the source
        self.quotes = board.quotes  # type: ignore[method-assign]  # as above
        self.watch = board.watch  # type: ignore[method-assign]  # as above
        self.poll = board.poll  # type: ignore[method-assign]  # as above
        self.spot = board.spot  # type: ignore[method-assign]  # as above
        self.on_change = board.on_change  # type: ignore[method-assign]  # as above

    def links(self) -> list[LinkStatus]:
        return [LinkStatus(name="fast stream", is_up=True, since=None, heard_at=None, attempts=0)]


def test_the_better_source_speaks_again_as_soon_as_it_is_young(
    market: PreferredMarket, fast: Source, slow: Source, clock: FakeClock
) -> None:
    fast.say(2.0)
    slow.say(1.0)
    clock.advance(minutes=5)
    fallen_back = speaker(market, clock)
    fast.say(2.5)

    assert (fallen_back, speaker(market, clock)) == ("slow", "fast")


def test_where_nobody_is_young_enough_every_reason_is_told(
    market: PreferredMarket, fast: Source, slow: Source, clock: FakeClock
) -> None:
    slow.say(1.0)
    fast.is_down = True
    clock.advance(minutes=21)

    for ask in (
        lambda: market.chain("SPY", clock.now()),
        lambda: market.quotes([SPY_PUT], clock.now()),
        lambda: market.spot("SPY", clock.now()),
    ):
        with pytest.raises(
            MarketDataUnavailable, match=r"no source of SPY is young enough: fast: .*; slow: 1260 s old"
        ):
            ask()

    assert market.choices()[0].source is None


def test_a_symbol_nobody_has_has_no_market(market: PreferredMarket, clock: FakeClock) -> None:
    assert market.chain("NOBODY", clock.now()) is None
    assert market.spot("NOBODY", clock.now()) is None
    assert market.quotes([SPY_PUT], clock.now()) == {}
    assert market.underlying("NOBODY") is None


def test_each_underlying_has_its_own_speaker(
    market: PreferredMarket, fast: Source, slow: Source, clock: FakeClock
) -> None:
    fast.say(2.0)
    slow.say(1.0)
    slow.say(21.0, SPX_PUT, spot=5750)

    quotes = market.quotes([SPY_PUT, SPX_PUT], clock.now())

    assert {one: quote.bid for one, quote in quotes.items()} == {SPY_PUT: Price("2"), SPX_PUT: Price("21")}
    assert [(choice.symbol, choice.source) for choice in market.choices()] == [("SPX", "slow"), ("SPY", "fast")]


def test_one_structure_is_never_quoted_by_two_sources(
    market: PreferredMarket, fast: Source, slow: Source, clock: FakeClock
) -> None:
    other = builders.contract("SPY 2026-01-16 P 555")
    fast.say(2.0)
    slow.say(1.0, other)

    assert market.quotes([SPY_PUT, other], clock.now()).keys() == {SPY_PUT}


def test_a_made_up_market_never_stands_in_for_a_real_one(fast: Source, clock: FakeClock) -> None:
    made_up = Source("synthetic", clock, synthetic=True)
    made_up.say(1.0)
    market = PreferredMarket([(made_up, 30), (fast, 30)], clock)

    assert market.chain("SPY", clock.now()) is None
    assert market.synthetic is False
    assert "made up" in next(link.reason for link in market.links() if link.name == "source synthetic")


def test_made_up_markets_alone_are_marked(clock: FakeClock) -> None:
    made_up = Source("synthetic", clock, synthetic=True)
    made_up.say(1.0)
    market = PreferredMarket([(made_up, 30)], clock)

    chain = market.chain("SPY", clock.now())

    assert chain is not None
    assert (chain.synthetic, market.synthetic) == (True, True)


def test_a_poll_tells_what_the_speaker_says_and_nobody_else(
    market: PreferredMarket, fast: Source, slow: Source, clock: FakeClock
) -> None:
    fast.say(2.0)
    slow.say(1.0)
    market.watch([SPY_PUT])
    market.poll()
    slow.say(1.5)
    only_slow = market.poll()
    fast.say(2.5)

    batch = market.poll()

    assert only_slow is None
    assert batch is not None
    assert batch.quotes[SPY_PUT].bid == Price("2.5")


def test_when_another_begins_to_speak_a_poll_tells_all_it_says(
    market: PreferredMarket, fast: Source, slow: Source, clock: FakeClock
) -> None:
    fast.say(2.0)
    slow.say(1.0, spot=574)
    market.watch([SPY_PUT])
    market.poll()
    clock.advance(seconds=31)
    fallen_back = market.poll()
    clock.advance(seconds=2)
    fast.say(2.5)

    back = market.poll()

    assert fallen_back is not None
    assert (fallen_back.quotes[SPY_PUT].bid, fallen_back.spots) == (Price("1"), {"SPY": Price("574")})
    assert back is not None
    assert back.quotes[SPY_PUT].bid == Price("2.5")
    assert market.poll() is None


def test_a_fallback_is_left_alone_while_a_better_source_speaks(
    market: PreferredMarket, fast: Source, slow: Source, clock: FakeClock
) -> None:
    fast.say(2.0)
    slow.say(1.0)
    market.watch([SPY_PUT])
    market.poll()
    while_fast = list(slow.watched)
    clock.advance(seconds=31)
    market.poll()

    assert while_fast == []
    assert slow.watched == [SPY_PUT]
    assert fast.watched == [SPY_PUT]


def test_a_source_that_fails_in_a_poll_does_not_silence_the_others(clock: FakeClock, slow: Source) -> None:
    class Failing(Source):
        def poll(self) -> None:
            raise MarketDataUnavailable("the line is down")

        def quotes(self, contracts: Iterable[OptionContract], at: datetime) -> Mapping[OptionContract, Quote]:
            raise MarketDataUnavailable("the line is down")

    slow.say(1.0)
    market = PreferredMarket([(Failing("failing", clock), 30), (slow, 30)], clock)
    market.watch([SPY_PUT])

    batch = market.poll()

    assert batch is not None
    assert batch.quotes[SPY_PUT].bid == Price("1")


def test_any_source_wakes(market: PreferredMarket, fast: Source, slow: Source) -> None:
    woken = threading.Event()
    market.on_change(woken.set)

    slow.say(1.0)

    assert woken.is_set()


def test_links_tell_who_speaks_and_why_the_others_do_not(clock: FakeClock, slow: Source) -> None:
    streamed = BoardSource(QuoteBoard(clock, "fast"), clock)
    slow.say(1.0)
    market = PreferredMarket([(streamed, 30), (slow, 1200)], clock)
    before = [link.reason for link in market.links()]
    market.chain("SPY", clock.now())

    links = {link.name: (link.is_up, link.reason, link.heard_at) for link in market.links()}

    assert before == ["not asked yet", "", "not asked yet"]
    assert links == {
        "source fast": (False, "SPY: has nothing of SPY", None),
        "fast stream": (True, "", None),
        "source slow": (True, "", clock.now()),
    }


def test_a_source_behind_one_that_speaks_is_not_missed(
    market: PreferredMarket, fast: Source, slow: Source, clock: FakeClock
) -> None:
    fast.say(2.0)
    slow.say(1.0)
    market.chain("SPY", clock.now())
    waiting = {link.name: link.is_needed for link in market.links()}
    fast.is_down = True
    slow.is_down = True
    with pytest.raises(MarketDataUnavailable):
        market.chain("SPY", clock.now())
    missed = {link.name: link.is_needed for link in market.links()}

    assert waiting == {"source fast": True, "source slow": False}
    assert missed == {"source fast": True, "source slow": True}


def test_the_lines_of_a_source_are_missed_only_with_it(clock: FakeClock, slow: Source) -> None:
    behind = BoardSource(QuoteBoard(clock, "fast"), clock)
    slow.say(2.0)
    market = PreferredMarket([(slow, 30), (behind, 1200)], clock)

    market.chain("SPY", clock.now())
    market.chain("NOPE", clock.now())  # that nobody has it is no fault of anybody

    needed = {link.name: link.is_needed for link in market.links()}
    assert needed == {"source slow": True, "source fast": False, "fast stream": False}


def test_a_speaker_is_known_since_it_began(market: PreferredMarket, fast: Source, clock: FakeClock) -> None:
    began = clock.now()
    fast.say(2.0)
    market.chain("SPY", clock.now())
    clock.advance(seconds=5)
    market.chain("SPY", clock.now())

    assert [(choice.since, choice.as_of) for choice in market.choices()] == [(began, began)]


def test_the_past_comes_from_the_first_source_that_has_any(
    market: PreferredMarket, fast: Source, slow: Source, clock: FakeClock
) -> None:
    bar = Bar(session_on=DAY, open=1, high=2, low=1, close=2, volume=None)
    slow.set_history("SPY", [bar])
    slow.set_iv_history("SPY", [(DAY, 0.2)])
    slow.set_intraday("SPY", 5, [bar])
    slow.say(1.0)

    assert list(market.history("SPY", DAY, DAY)) == [bar]
    assert list(market.iv_history("SPY", DAY, DAY)) == [(DAY, 0.2)]
    assert list(market.intraday("SPY", 5, 1)) == [bar]
    assert market.corporate_events("SPY", DAY, DAY) is None
    assert market.symbols() == ("SPY",)
    assert list(market.history("QQQ", DAY, DAY)) == []


class SearchedSource(Source):
    """A source with a search."""

    def matching(self, query: str) -> list[str]:
        if self.is_down:
            raise MarketDataUnavailable(f"{self.name} is down")
        return ["SPY"] if query == "sp" else []


def test_the_first_source_with_a_search_finds(fast: Source, clock: FakeClock) -> None:
    searched = SearchedSource("slow", clock)
    market = PreferredMarket([(fast, 30), (searched, 1200)], clock)

    assert (list(market.matching("sp")), list(market.matching("zz"))) == (["SPY"], [])
    searched.is_down = True
    with pytest.raises(MarketDataUnavailable, match="slow is down"):
        market.matching("sp")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("tastytrade:30,cboe:1200", [("tastytrade", 30), ("cboe", 1200)]),
        (" cboe : 0.5 ", [("cboe", 0.5)]),
    ],
)
def test_sources_are_named_with_their_age(text: str, read: list[tuple[str, float]]) -> None:
    assert [(limit.name, limit.age_max.total_seconds()) for limit in parse_market_sources(text)] == read


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no name with an age"),
        ("cboe", "no name with an age"),
        (":30", "no name with an age"),
        ("cboe:soon", "no age"),
        ("cboe:0", "no age"),
        ("cboe:-5", "no age"),
        ("cboe:nan", "no age"),
        ("cboe:inf", "no age"),
        ("cboe:30,", "no name with an age"),
        ("cboe:30,cboe:60", "stands twice"),
    ],
)
def test_sources_that_cannot_be_read_are_refused(text: str, problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem) as raised:
        parse_market_sources(text)

    assert raised.value.details["field"] == "market_sources"


def test_no_source_at_all_is_refused(clock: FakeClock) -> None:
    with pytest.raises(ConfigError):
        PreferredMarket([], clock)
