"""What the engine remembers for exits: entry, the highest profit across restarts, slow facts, and the clock."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from thetaloom.domain.book.marks import NO_FACTS
from thetaloom.domain.book.orders import Effect
from thetaloom.domain.book.watch import PositionWatch
from thetaloom.domain.market.bars import Bar
from thetaloom.domain.market.events import Events
from thetaloom.domain.market.words import DealerGamma
from thetaloom.domain.run.runs import RunStatus
from thetaloom.domain.strategy.strategies import ExitKind, ExitRule, ExitUnit, SizeRule
from thetaloom.domain.values.ids import RunId, make_position_id
from thetaloom.domain.values.money import Money, Price
from thetaloom.engine.slow_facts import REREAD, SlowFacts
from thetaloom.testing import builders
from thetaloom.testing.desk import DeskBench, exit_rule, put_credit_spread

TRAILING = exit_rule(ExitKind.TRAILING, 25, ExitUnit.PERCENT_OF_PREMIUM)


def watch_of(bench: DeskBench, run: RunId) -> PositionWatch | None:
    with bench.store.reading() as uow:
        return uow.watches.get(make_position_id(run))


def see(bench: DeskBench, mid: float, *, seconds: float = 2) -> None:
    bench.quote_spread(mid)
    bench.clock.advance(seconds=seconds)
    bench.engine.settle()


def earnings_on(bench: DeskBench, on: date) -> Events:
    return Events(as_of=bench.clock.now(), source="test", earnings=(on,), earnings_known_until=on + timedelta(days=90))


def test_the_highest_profit_survives_a_restart_and_trails(bench: DeskBench) -> None:
    run = bench.enter(put_credit_spread(exits=(TRAILING,)), at="1.00")
    see(bench, 0.60)
    see(bench, 0.70)
    stored = watch_of(bench, run)
    assert stored is not None
    assert (stored.high_close, stored.high_water) == (Price("-0.60"), Money(40))

    bench.restart()
    see(bench, 0.84)
    assert bench.run(run).status is RunStatus.MONITORING
    see(bench, 0.86)

    assert bench.run(run).status is RunStatus.CLOSING
    assert bench.run(run).reason == "trailing_stop"
    assert len(bench.orders(run, Effect.CLOSE)) == 1
    assert bench.replay(run).identical


def test_a_mark_is_of_what_a_fill_of_the_same_moment_has_left(lite: DeskBench) -> None:
    target = exit_rule(ExitKind.PROFIT_TARGET, 15, ExitUnit.PERCENT_OF_PREMIUM)
    run = lite.enter(put_credit_spread(exits=(target, TRAILING), size=SizeRule(quantity=2)), at="1.00")
    see(lite, 0.85)
    assert lite.run(run).status is RunStatus.CLOSING

    lite.broker.fill(lite.order(run, Effect.CLOSE).client_order_id, 1, at="-0.85")
    see(lite, 0.80)

    seen = watch_of(lite, run)
    assert seen is not None and seen.high_water == Money(15) + Money(20)  # never twice 20


def test_a_mark_that_rose_within_the_second_is_written_before_it_is_decided_on(lite: DeskBench) -> None:
    run = lite.enter(put_credit_spread(exits=(TRAILING,)), at="1.00")
    see(lite, 0.80)

    see(lite, 0.50, seconds=0)
    unwritten = watch_of(lite, run)
    see(lite, 0.76, seconds=0)

    assert unwritten is not None
    assert unwritten.high_close == Price("-0.80")  # at most one transaction a second
    written = watch_of(lite, run)
    assert written is not None
    assert written.high_close == Price("-0.50")
    assert lite.run(run).reason == "trailing_stop"
    assert lite.replay(run).identical


@pytest.mark.parametrize(("bid", "ask"), [(2.00, 1.00), (None, 0.40), (0.30, None), (0.0, 0.40)])
def test_a_quote_that_cannot_be_right_raises_no_mark(lite: DeskBench, bid: float | None, ask: float | None) -> None:
    run = lite.enter(put_credit_spread(exits=(TRAILING,)), at="1.00")
    see(lite, 0.90)
    before = watch_of(lite, run)

    lite.market.set_quote("SPY 2026-01-16 P 555", 3.00, 2.00)
    lite.market.set_quote("SPY 2026-01-16 P 560", bid, ask)
    lite.clock.advance(seconds=2)
    lite.engine.settle()

    assert watch_of(lite, run) == before


def test_what_was_known_at_entry_is_recorded_with_the_position(bench: DeskBench) -> None:
    run = bench.enter(put_credit_spread(exits=(TRAILING,)), at="1.00")

    watch = watch_of(bench, run)

    assert watch is not None
    assert watch.entry is not None
    assert watch.entry.spot == Price(575)
    assert watch.entry.delta is not None
    assert 0 < watch.entry.delta < 1
    assert watch.entry.iv is not None
    assert watch.entry.closing_cost_max == Money(500)


def test_a_fall_of_volatility_since_entry_closes(lite: DeskBench) -> None:
    crush = exit_rule(ExitKind.IV_CRUSH, "0.20", ExitUnit.SHARE)
    run = lite.enter(put_credit_spread(exits=(crush,)), at="1.00")
    see(lite, 0.99)
    assert lite.run(run).status is RunStatus.MONITORING

    lite.market.set_quote("SPY 2026-01-16 P 560", 0.50, 0.60)
    lite.market.set_quote("SPY 2026-01-16 P 555", 0.20, 0.30)
    lite.engine.settle()

    assert lite.run(run).reason == "iv_crush"


def test_the_clock_closes_without_a_quote(bench: DeskBench) -> None:
    clock = ExitRule(kind=ExitKind.CLOCK, at="15:30")
    run = bench.enter(put_credit_spread(exits=(clock,)))
    today = bench.desk.calendar.exchange_date(bench.clock.now())

    bench.pass_time(to=builders.new_york(f"{today} 15:29:59"))
    assert bench.run(run).status is RunStatus.MONITORING
    bench.pass_time(seconds=1)

    assert bench.run(run).status is RunStatus.CLOSING
    assert bench.run(run).reason == "clock_exit"


def test_earnings_near_close_a_position_within_a_minute(lite: DeskBench) -> None:
    earnings = exit_rule(ExitKind.EARNINGS, 2, ExitUnit.DAYS)
    run = lite.enter(put_credit_spread(exits=(earnings,)))
    see(lite, 0.95)
    assert lite.run(run).status is RunStatus.MONITORING  # nobody knows of any

    today = lite.desk.calendar.exchange_date(lite.clock.now())
    lite.market.set_events("SPY", earnings_on(lite, today + timedelta(days=2)))
    lite.clock.advance(seconds=61)
    lite.engine.settle()

    assert lite.run(run).reason == "earnings_exit"


def test_the_first_open_after_an_earnings_day_closes(lite: DeskBench) -> None:
    after = ExitRule(kind=ExitKind.AFTER_EARNINGS)
    today = lite.desk.calendar.exchange_date(lite.clock.now())
    lite.market.set_events("SPY", earnings_on(lite, today))
    run = lite.enter(put_credit_spread(exits=(after,)))
    lite.pass_time(minutes=30)
    assert lite.run(run).status is RunStatus.MONITORING

    lite.pass_time(to=lite.desk.calendar.next_open(lite.clock.now()))

    assert lite.run(run).reason == "earnings_exit"


def test_slow_facts_are_read_once_a_minute_and_one_symbol_at_a_time(lite: DeskBench) -> None:
    facts, now = SlowFacts(lite.desk), lite.clock.now()
    for symbol in ("SPY", "QQQ"):
        facts.want(symbol, (exit_rule(ExitKind.ATR, 2, ExitUnit.ATR),))

    read = [facts.read_next(now) for _ in range(3)]

    assert read == ["QQQ", "SPY", None]
    assert facts.of("SPY").read_at == now
    assert facts.read_next(now + REREAD - timedelta(microseconds=1)) is None
    assert facts.read_next(now + REREAD) == "QQQ"
    facts.keep(["SPY"])
    assert facts.of("QQQ") is NO_FACTS
    assert facts.read_next(now + 2 * REREAD) == "SPY"


def test_rules_that_need_no_slow_facts_have_none_read(lite: DeskBench) -> None:
    facts = SlowFacts(lite.desk)
    facts.want("SPY", (TRAILING,))

    assert facts.read_next(lite.clock.now()) is None
    assert facts.of("SPY").atr is None


def test_dealers_and_the_range_of_a_market_are_read_from_its_chain(lite: DeskBench) -> None:
    today = lite.desk.calendar.exchange_date(lite.clock.now())
    sessions = lite.desk.calendar.sessions_between(today - timedelta(days=90), today - timedelta(days=1))
    lite.market.set_history(
        "SPY", [Bar(session_on=one.session_on, open=575, high=578, low=572, close=575, volume=9) for one in sessions]
    )
    lite.market.set_column("open_interest", {"SPY 2026-01-16 P 560": 100})
    facts = SlowFacts(lite.desk)
    facts.want("SPY", (exit_rule(ExitKind.ATR, 2, ExitUnit.ATR), ExitRule(kind=ExitKind.GAMMA_FLIP)))

    facts.read_next(lite.clock.now())

    known = facts.of("SPY")
    assert known.atr == Decimal(6)
    assert known.dealer is DealerGamma.SHORT  # only puts have open interest
    assert known.gamma_as_of is not None
