"""Every no before an order: its reason, its facts, its outcome, and nothing half-done."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from thetaloom.domain.run.runs import Outcome, RunStatus, StepName
from thetaloom.domain.strategy.strategies import (
    Comparison,
    Condition,
    ExpirationRule,
    Liquidity,
    Metric,
    SelectBy,
    Side,
    SizeBy,
    SizeRule,
    Unit,
)
from thetaloom.domain.values.instruments import Right
from thetaloom.domain.values.money import Price
from thetaloom.engine import commands
from thetaloom.testing import builders
from thetaloom.testing.desk import ANNA, PUT_CREDIT_QUOTES, DeskBench, money, put_credit_spread

Arrange = Callable[[DeskBench], object]
SHORT = "SPY 2026-01-16 P 560"
STRIKE_570 = builders.leg_rule("put", Side.SELL, Right.PUT, SelectBy.STRIKE, 570, Unit.DOLLARS)
NAKED_PUT = builders.leg_rule("put", Side.SELL, Right.PUT, SelectBy.STRIKE, 560, Unit.DOLLARS)
NAKED_CALL = builders.leg_rule("call", Side.SELL, Right.CALL, SelectBy.STRIKE, 590, Unit.DOLLARS)


@pytest.mark.parametrize(
    ("arrange", "step", "outcome", "reason", "facts"),
    [
        pytest.param(
            lambda bench: bench.engine.handle(commands.Halt(user_id=ANNA, note="lunch")),
            StepName.TRIGGER,
            Outcome.NO_TRADE,
            "halted",
            {"scope": "all", "note": "lunch"},
            id="halted everywhere",
        ),
        pytest.param(
            lambda bench: bench.engine.handle(commands.Halt(user_id=ANNA, scope="account:TEST-1")),
            StepName.TRIGGER,
            Outcome.NO_TRADE,
            "halted",
            {"scope": "account:TEST-1"},
            id="halted account",
        ),
        pytest.param(
            lambda bench: bench.engine.handle(commands.Halt(user_id=ANNA, scope="strategy:strategy-1")),
            StepName.TRIGGER,
            Outcome.NO_TRADE,
            "halted",
            {"scope": "strategy:strategy-1"},
            id="halted strategy",
        ),
        pytest.param(
            lambda bench: bench.save(put_credit_spread(active=False)),
            StepName.TRIGGER,
            Outcome.NO_TRADE,
            "strategy_inactive",
            {"strategy": "strategy-1"},
            id="inactive strategy",
        ),
        pytest.param(
            lambda bench: bench.clock.move_to(builders.new_york("2026-01-10 12:00")),
            StepName.TRIGGER,
            Outcome.NO_TRADE,
            "market_closed",
            {"next_open": "2026-01-12T14:30:00+00:00"},
            id="market closed",
        ),
        pytest.param(
            lambda bench: bench.clock.move_to(builders.new_york("2026-01-05 15:50")),
            StepName.TRIGGER,
            Outcome.NO_TRADE,
            "too_late_in_session",
            {"minutes_left": "10", "limit": "15"},
            id="too late in the session",
        ),
        pytest.param(
            lambda bench: bench.market.chains.update(SPY=None),
            StepName.FETCH_MARKET,
            Outcome.NO_TRADE,
            "no_market_data",
            {"symbol": "SPY"},
            id="no data",
        ),
        pytest.param(
            lambda bench: bench.market.chains.update(
                SPY=builders.chain(PUT_CREDIT_QUOTES).select(np.zeros(len(PUT_CREDIT_QUOTES), dtype=np.bool_))
            ),
            StepName.FETCH_MARKET,
            Outcome.NO_TRADE,
            "empty_chain",
            {"symbol": "SPY", "source": "test"},
            id="empty chain",
        ),
        pytest.param(
            lambda bench: bench.market.chains.update(
                SPY=builders.chain(PUT_CREDIT_QUOTES, at=bench.clock.now() - timedelta(seconds=301))
            ),
            StepName.FETCH_MARKET,
            Outcome.NO_TRADE,
            "stale_market_data",
            {"age_seconds": "301", "limit_seconds": "300"},
            id="stale chain",
        ),
        pytest.param(
            lambda bench: bench.market.set_spot("SPY", None),
            StepName.FETCH_MARKET,
            Outcome.NO_TRADE,
            "no_spot",
            {"symbol": "SPY"},
            id="no spot",
        ),
        pytest.param(
            lambda bench: bench.save(
                put_credit_spread(expiration=ExpirationRule(dte_min=30, dte_max=60, dte_target=45))
            ),
            StepName.SELECT_STRUCTURE,
            Outcome.NO_TRADE,
            "no_expiration",
            {},
            id="no expiration in the window",
        ),
        pytest.param(
            lambda bench: bench.save(put_credit_spread(legs=(STRIKE_570,))),
            StepName.SELECT_STRUCTURE,
            Outcome.NO_TRADE,
            "selection_too_far",
            {},
            id="strike not listed",
        ),
        pytest.param(
            lambda bench: bench.save(put_credit_spread(legs=(NAKED_CALL,))),
            StepName.SELECT_STRUCTURE,
            Outcome.NO_TRADE,
            "no_strike",
            {},
            id="no strike",
        ),
        pytest.param(
            lambda bench: bench.save(put_credit_spread(liquidity=Liquidity(bid_ask_width_max=Price("0.15")))),
            StepName.EVALUATE,
            Outcome.NO_TRADE,
            "bid_ask_too_wide",
            {"value": "0.2", "limit": "<= 0.15"},
            id="wide quotes",
        ),
        pytest.param(
            lambda bench: bench.save(
                put_credit_spread(
                    conditions=(
                        Condition(metric=Metric.NET_CREDIT, comparison=Comparison.AT_LEAST, threshold=Decimal("1.5")),
                    )
                )
            ),
            StepName.EVALUATE,
            Outcome.NO_TRADE,
            "credit_too_low",
            {"value": "1", "distance": "+0.5"},
            id="credit too low",
        ),
        pytest.param(
            lambda bench: bench.save(
                put_credit_spread(
                    conditions=(
                        Condition(metric=Metric.IV_RANK, comparison=Comparison.AT_LEAST, threshold=Decimal(30)),
                    )
                )
            ),
            StepName.EVALUATE,
            Outcome.NO_TRADE,
            "indicator_unknown",
            {},
            id="unknown indicator",
        ),
        pytest.param(
            lambda bench: bench.save(
                put_credit_spread(size=SizeRule(by=SizeBy.RISK_PERCENT, risk_percent=Decimal("0.1")))
            ),
            StepName.CHECK_RISK,
            Outcome.DENIED,
            "quantity_zero",
            {"max_loss": "400", "budget": "100.00"},
            id="not even one structure",
        ),
        pytest.param(
            lambda bench: setattr(
                bench.broker,
                "balances",
                replace(bench.broker.balances, net_liquidating_value=None, buying_power=None),
            ),
            StepName.CHECK_RISK,
            Outcome.DENIED,
            "account_unknown",
            {"net_liquidating_value": "unknown"},
            id="account unknown, fixed size",
        ),
        pytest.param(
            lambda bench: (
                setattr(bench.broker, "balances", replace(bench.broker.balances, net_liquidating_value=None)),  # type: ignore[func-returns-value]  # a lambda has no statements
                bench.save(put_credit_spread(size=SizeRule(by=SizeBy.RISK_PERCENT))),
            ),
            StepName.CHECK_RISK,
            Outcome.DENIED,
            "account_unknown",
            {"net_liquidating_value": "unknown"},
            id="account unknown, sized by risk",
        ),
        pytest.param(
            lambda bench: setattr(bench.broker, "balances", replace(bench.broker.balances, buying_power=money(300))),
            StepName.CHECK_RISK,
            Outcome.DENIED,
            "buying_power",
            {"short_by": "1100"},
            id="no buying power",
        ),
        pytest.param(
            lambda bench: bench.engine.handle(
                commands.SetLimit(user_id=ANNA, name="max_loss_per_trade_percent", limit=Decimal("0.3"))
            ),
            StepName.CHECK_RISK,
            Outcome.DENIED,
            "max_loss_per_trade",
            {"value": "400", "limit": "300.0", "over_by": "100.0"},
            id="more than the loss limit",
        ),
        pytest.param(
            lambda bench: (
                bench.market.set_quote("SPY 2026-01-16 C 590", 1.0, 1.2),
                bench.save(put_credit_spread(legs=(NAKED_CALL,))),
            ),
            StepName.EVALUATE,
            Outcome.NO_TRADE,
            "no_max_loss",
            {},
            id="unlimited loss",
        ),
    ],
)
def test_a_no_says_why_and_leaves_nothing_half_done(
    lite: DeskBench, arrange: Arrange, step: StepName, outcome: Outcome, reason: str, facts: dict[str, str]
) -> None:
    arrange(lite)

    run = lite.start_run()

    done, verdict = lite.run(run), lite.said(run)["verdict"]
    assert (done.status, done.outcome, done.reason) == (RunStatus.COMPLETED, outcome, reason)
    assert lite.steps(run)[-1] is step
    assert verdict["reason"] == reason and verdict["answer"] in {"deny", "unknown"}
    assert facts.items() <= verdict["facts"].items()
    assert lite.left_nothing(run)


@pytest.mark.parametrize(
    ("bid", "ask", "reason"),
    [
        pytest.param(2.20, 2.10, "crossed_quote", id="crossed"),
        pytest.param(0, 2.10, "one_sided_quote", id="bid of zero"),
        pytest.param(None, 2.10, "one_sided_quote", id="no bid"),
        pytest.param(1.90, None, "one_sided_quote", id="no ask"),
        pytest.param(0, 0, "invalid_quote", id="ask of zero"),
        pytest.param(None, None, "no_quote", id="no side at all"),
    ],
)
def test_a_leg_with_a_quote_that_cannot_be_right_is_no_trade(
    lite: DeskBench, bid: float | None, ask: float | None, reason: str
) -> None:
    lite.market.set_quote(SHORT, bid, ask)

    run = lite.start_run()

    done = lite.run(run)
    assert (done.outcome, done.reason) == (Outcome.NO_TRADE, reason)
    assert lite.left_nothing(run)


def test_an_unknown_symbol_is_named_with_those_that_are_known(bench: DeskBench) -> None:
    run = bench.start_run("SPYY")

    verdict = bench.said(run)["verdict"]
    assert bench.run(run).outcome is Outcome.NO_TRADE
    assert verdict["reason"] == "unknown_symbol"
    assert verdict["facts"] == {"symbol": "SPYY", "source": "fixed", "known": "SPY"}
    assert bench.left_nothing(run)


def test_one_run_too_many_of_a_strategy_is_refused(bench: DeskBench) -> None:
    bench.save(put_credit_spread(open_runs_max=1))
    first = bench.start_run()

    second = bench.start_run()

    assert bench.run(first).status is RunStatus.EXECUTING
    assert (bench.run(second).outcome, bench.run(second).reason) == (Outcome.NO_TRADE, "duplicate_run")
    assert bench.said(second)["verdict"]["facts"] == {"open_runs": "1", "limit": "1"}


def test_a_forced_run_starts_beside_another(bench: DeskBench) -> None:
    bench.save(put_credit_spread(open_runs_max=1))
    bench.start_run()

    second = bench.start_run(forced=True)

    assert bench.run(second).status is RunStatus.EXECUTING


def test_of_two_runs_started_at_once_one_goes_on(bench: DeskBench) -> None:
    bench.save(put_credit_spread(open_runs_max=1))
    command = commands.StartRun(user_id=ANNA, symbol="SPY", strategy_id=put_credit_spread().id)
    runs = [bench.desk.store and bench.engine.handle(command) for _ in range(2)]

    bench.engine.settle()

    statuses = sorted(bench.run(run.id).status.value for run in runs if hasattr(run, "id"))
    assert statuses == ["COMPLETED", "EXECUTING"]


def test_a_naked_put_is_sized_by_what_it_could_lose(lite: DeskBench) -> None:
    size = SizeRule(by=SizeBy.RISK_PERCENT, risk_percent=Decimal(60))
    lite.save(put_credit_spread(legs=(NAKED_PUT,), size=size, allow_undefined_risk=True))

    run = lite.start_run()

    risk = lite.said(run)
    assert risk["quantity"] == 1  # 55,800 at a spot of zero
    assert lite.run(run).reason == "max_loss_per_trade"


def test_a_naked_call_is_sized_by_its_buying_power(lite: DeskBench) -> None:
    lite.market.set_quote("SPY 2026-01-16 C 590", 1.0, 1.2)
    size = SizeRule(by=SizeBy.RISK_PERCENT, risk_percent=Decimal(20))
    lite.save(put_credit_spread(legs=(NAKED_CALL,), size=size, allow_undefined_risk=True))

    run = lite.start_run()

    assert lite.said(run)["quantity"] >= 1
    assert lite.said(run)["max_loss"] is None
