"""How the sources of market data are shown."""

from collections.abc import Callable
from datetime import datetime, timedelta

from thetaloom.domain.market.chain import OptionChain
from thetaloom.engine.market_sources import read_sources
from thetaloom.marketdata.preferred import PreferredMarket
from thetaloom.testing import builders
from thetaloom.testing.clock import FakeClock
from thetaloom.testing.market import FixedMarket


class SlowMarket(FixedMarket):
    """Takes six seconds to answer, and answers of the end of them."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.pause: Callable[[], object] = lambda: clock.advance(seconds=6)

    def chain(self, underlying: str, at: datetime) -> OptionChain | None:
        """Return the chain as it is when the answer is complete."""
        self.pause()
        return builders.chain({PUT: (1.9, 2.1)}, at=self._clock.now())


PUT = "SPY 2026-01-16 P 560"


def test_one_source_speaks_for_what_it_has_and_says_what_it_has_not() -> None:
    clock = FakeClock()
    market = FixedMarket(clock)
    market.set_quote(PUT, 1.9, 2.1)

    shown = read_sources(market, clock, ["SPY", "QQQ"])

    assert (shown.market, shown.synthetic, list(shown.links)) == ("fixed", True, [])
    assert [(one.symbol, one.source, one.passed_over) for one in shown.symbols] == [
        ("QQQ", None, (("fixed", "has nothing of QQQ"),)),
        ("SPY", "test", ()),
    ]


def test_no_word_is_younger_than_nothing_where_the_answer_took_its_time() -> None:
    clock = FakeClock()
    market = SlowMarket(clock)

    shown = read_sources(market, clock, ["SPY"])

    [choice] = shown.symbols
    assert choice.as_of is not None and choice.as_of <= shown.now


def test_of_several_sources_it_is_told_who_is_passed_over_and_why() -> None:
    clock = FakeClock()
    fast, slow = FixedMarket(clock, synthetic=False), FixedMarket(clock, synthetic=False)
    fast.name, slow.name = "fast", "slow"
    slow.chains["SPY"] = builders.chain({PUT: (1.9, 2.1)}, at=clock.now(), synthetic=False)
    market = PreferredMarket([(fast, 30), (slow, 1200)], clock)
    began = clock.now()
    market.chain("SPY", began)
    clock.advance(seconds=5)

    shown = read_sources(market, clock, ["SPY"])

    choice = shown.symbols[0]
    assert (choice.since, choice.as_of, choice.passed_over) == (began, began, (("fast", "has nothing of SPY"),))
    assert [(link.name, link.is_up) for link in shown.links] == [("source fast", False), ("source slow", True)]


def test_where_nobody_is_young_enough_nobody_speaks() -> None:
    clock = FakeClock()
    slow = FixedMarket(clock, synthetic=False)
    slow.set_quote(PUT, 1.9, 2.1)
    market = PreferredMarket([(slow, timedelta(seconds=30))], clock)
    clock.advance(seconds=31)
    slow.chains["SPY"] = builders.chain({PUT: (1.9, 2.1)}, at=clock.now() - timedelta(seconds=31), synthetic=False)

    shown = read_sources(market, clock, ["SPY"])

    assert [(one.source, one.passed_over) for one in shown.symbols] == [(None, (("fixed", "31 s old, limit 30 s"),))]
