"""Playing a replayed market: from change to change, to the end that was asked for."""

from datetime import timedelta

from thetaloom.domain.run.runs import RunStatus
from thetaloom.domain.strategy.strategies import ExitKind, ExitUnit
from thetaloom.engine.play import play
from thetaloom.testing.desk import DeskBench, exit_rule, put_credit_spread

TARGET = exit_rule(ExitKind.PROFIT_TARGET, 50, ExitUnit.PERCENT_OF_PREMIUM)


def test_a_market_is_played_until_the_run_is_over(paper: DeskBench) -> None:
    paper.save(put_credit_spread(exits=(TARGET,)))
    start, seen = paper.clock.now(), []
    cheap = start + timedelta(minutes=20)
    paper.market.set_quote("SPY 2026-01-16 P 560", 1.34, 1.36, at=cheap)
    paper.market.set_quote("SPY 2026-01-16 P 555", 0.99, 1.01, at=cheap)
    run = paper.start_run()

    play(
        paper.engine,
        paper.clock,
        paper.market,
        until=lambda: paper.run(run).is_final,
        stop_at=start + timedelta(hours=2),
        each_turn=lambda: seen.append(paper.clock.now()),
    )

    assert paper.run(run).reason == "profit_target"
    assert cheap in seen and seen == sorted(seen)
    assert paper.clock.now() < start + timedelta(minutes=30)


def test_the_play_stops_at_its_end_and_when_nothing_is_left(paper: DeskBench) -> None:
    paper.save(put_credit_spread(exits=(TARGET,)))
    run = paper.start_run()
    end = paper.clock.now() + timedelta(minutes=30)

    play(paper.engine, paper.clock, paper.market, until=lambda: False, stop_at=end)
    assert paper.clock.now() <= end and paper.run(run).status is RunStatus.MONITORING

    play(paper.engine, paper.clock, paper.market, until=lambda: False, stop_at=end + timedelta(days=30))
    assert paper.run(run).reason == "expired_worthless"
    assert paper.desk.dispatch.next_due_at() is None
