"""The account as the limits see it."""

from decimal import Decimal

import pytest

from thetaloom.domain.risk.limits import RiskLimits
from thetaloom.domain.run.runs import Outcome, RunStatus, StepName
from thetaloom.domain.strategy.strategies import SelectBy, Side, SizeRule, Unit
from thetaloom.domain.values.instruments import Right
from thetaloom.engine import commands
from thetaloom.testing import builders
from thetaloom.testing.desk import ANNA, DeskBench, money, put_credit_spread

WITH_DELTA = RiskLimits(max_delta=Decimal(500))


def test_an_empty_account_has_no_delta_and_no_risk(lite: DeskBench) -> None:
    found = lite.portfolio(WITH_DELTA)

    assert (found.open_positions, found.risk_in_use, found.net_delta) == (0, money(0), Decimal(0))


def test_positions_and_entries_in_flight_count_alike(bench: DeskBench) -> None:
    bench.save(put_credit_spread(size=SizeRule(quantity=2), open_runs_max=5))
    bench.enter(at="1.00")
    working = bench.start_run()

    found = bench.portfolio(WITH_DELTA)

    assert (found.open_positions, dict(found.positions_by_symbol), found.opened_today) == (2, {"SPY": 2}, 2)
    assert found.risk_in_use == money(800) + money(798)
    assert found.net_delta is not None and found.net_delta > 0
    alone = bench.portfolio(WITH_DELTA, without=working)
    assert alone.open_positions == 1 and alone.net_delta == found.net_delta / 2


def test_an_entry_that_filled_in_part_is_one_position(bench: DeskBench) -> None:
    bench.save(put_credit_spread(size=SizeRule(quantity=3)))
    run = bench.start_run()
    bench.broker.fill(bench.order(run).client_order_id, 1, at="1.00")
    bench.engine.settle()

    found = bench.portfolio(WITH_DELTA)

    assert (found.open_positions, found.opened_today) == (1, 1)
    assert found.risk_in_use == money(400) + money(798)


def test_the_delta_is_unknown_where_a_quote_cannot_be_believed(lite: DeskBench) -> None:
    lite.enter()
    lite.market.set_quote("SPY 2026-01-16 P 560", 5, 4)
    assert lite.portfolio(WITH_DELTA).net_delta is None

    lite.quote_spread(1)
    lite.market.set_spot("SPY", None)
    assert lite.portfolio(WITH_DELTA).net_delta is None


def test_the_delta_is_left_out_where_nobody_limits_it(lite: DeskBench) -> None:
    lite.enter()

    assert lite.portfolio(RiskLimits()).net_delta is None


@pytest.mark.parametrize(("limit", "status"), [(1, "max_delta"), (100, "")])
def test_a_limit_of_delta_counts_what_is_held(bench: DeskBench, limit: int, status: str) -> None:
    bench.enter()
    bench.engine.handle(commands.SetLimit(user_id=ANNA, name="max_delta", limit=Decimal(limit)))

    run = bench.run(bench.start_run())

    assert (run.outcome is Outcome.DENIED, run.reason) == (bool(status), status)


def test_undefined_risk_counts_with_its_buying_power(lite: DeskBench) -> None:
    call = builders.leg_rule("call", Side.SELL, Right.CALL, SelectBy.STRIKE, 590, Unit.DOLLARS)
    lite.market.set_quote("SPY 2026-01-16 C 590", 1.0, 1.2)
    lite.engine.handle(commands.SetLimit(user_id=ANNA, name="max_loss_per_trade_percent", limit=Decimal(50)))
    run = lite.enter(put_credit_spread(legs=(call,), allow_undefined_risk=True))
    assert lite.run(run).status is RunStatus.MONITORING

    found = lite.portfolio(WITH_DELTA)
    assert found.risk_in_use is not None and found.risk_in_use > money(5000)
    lite.market.set_spot("SPY", None)
    assert lite.portfolio(WITH_DELTA).risk_in_use is None


def test_todays_losses_count_until_the_next_session(lite: DeskBench) -> None:
    run = lite.enter(at="1.00")
    position = lite.position(run)
    assert position is not None
    lite.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=position.id))
    lite.engine.settle()
    lite.broker.fill(lite.order(run).client_order_id, at="-2.00")
    lite.engine.settle()
    assert lite.portfolio(WITH_DELTA).realized_today == money("-102.60")

    lite.clock.move_to(builders.new_york("2026-01-06 09:30"))
    assert (lite.portfolio(WITH_DELTA).realized_today, lite.portfolio(WITH_DELTA).opened_today) == (money(0), 0)
    lite.clock.move_to(builders.new_york("2026-01-10 12:00"))
    assert lite.portfolio(WITH_DELTA).realized_today == money(0)


@pytest.mark.parametrize(("short_quote", "held", "effect"), [((1.9, 2.1), 2, -100), ((1.9, None), None, 400)])
def test_an_order_ties_up_no_more_than_what_is_held_leaves_open(
    bench: DeskBench, short_quote: tuple[float, float | None], held: int | None, effect: int
) -> None:
    bench.enter(put_credit_spread(open_runs_max=5), at="1.00")
    bench.market.set_quotes({"SPY 2026-01-16 C 590": (1.9, 2.1), "SPY 2026-01-16 C 595": (0.9, 1.1)})
    bench.market.set_quote("SPY 2026-01-16 P 560", *short_quote)
    calls = (
        builders.leg_rule("short", Side.SELL, Right.CALL, SelectBy.STRIKE, 590, Unit.DOLLARS),
        builders.leg_rule("long", Side.BUY, Right.CALL, SelectBy.STRIKE, 595, Unit.DOLLARS),
    )
    bench.save(put_credit_spread(legs=calls, open_runs_max=5))

    run = bench.start_run()

    at = bench.steps(run).index(StepName.CHECK_RISK)
    found = bench.inputs(run, at)["given"]["held"]
    assert (None if found is None else len(found)) == held
    assert Decimal(bench.said(run, at)["buying_power_effect"]) == effect
    assert bench.replay(run).identical
