"""The made-up market behind simulated brokers: the same facts as the plain one, made once an instant."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from thetaloom.marketdata.calendar_table import SHIPPED_TABLE, read_table
from thetaloom.marketdata.clocks import VirtualClock
from thetaloom.marketdata.synthetic.market import SyntheticMarket
from thetaloom.testing.broker_servers.standing import StandingMarket

NOW = datetime(2026, 1, 5, 15, tzinfo=UTC)


def test_a_standing_market_tells_what_the_plain_one_tells_and_one_chain_an_instant() -> None:
    calendar, clock = read_table(SHIPPED_TABLE), VirtualClock(NOW)
    plain, standing = (
        kind(seed=23, start_on=date(2026, 1, 5), calendar=calendar, clock=clock, symbols=("QQQ",))
        for kind in (SyntheticMarket, StandingMarket)
    )
    for at in (NOW, NOW + timedelta(minutes=1), NOW + timedelta(days=1), NOW + timedelta(days=5)):
        clock.move_to(at)
        chain, told = plain.chain("QQQ", at), standing.chain("QQQ", at)
        assert chain is not None and told is not None
        assert standing.chain("QQQ", at) is told
        assert (told.as_of, told.spot, len(told)) == (chain.as_of, chain.spot, len(chain))
        some = [chain.contract(index) for index in range(0, len(chain), 97)]
        assert standing.quotes(some, at) == plain.quotes(some, at)


def test_an_instant_before_the_one_that_stands_is_told_as_the_plain_market_tells_it() -> None:
    calendar, clock = read_table(SHIPPED_TABLE), VirtualClock(NOW)
    given: dict[str, Any] = {"seed": 23, "start_on": date(2026, 1, 5), "symbols": ("QQQ",)}
    given |= {"calendar": calendar, "clock": clock}
    standing, plain = StandingMarket(**given), SyntheticMarket(**given)
    standing.chain("QQQ", NOW)
    before = NOW - timedelta(minutes=10)

    old, same = standing.chain("QQQ", before), plain.chain("QQQ", before)

    assert old is not None and same is not None
    assert (old.as_of, old.spot) == (same.as_of, same.spot)
    assert standing.quotes([old.contract(5)], before) == plain.quotes([old.contract(5)], before)
