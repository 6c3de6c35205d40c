"""What check_risk says, writes and lets through, seen from whole runs."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import insert

from thetaloom.domain.risk.budget_profiles import ProfileName
from thetaloom.domain.risk.limits import RiskLimits
from thetaloom.domain.risk.violations import Action, Severity
from thetaloom.domain.run.runs import Outcome, RunStatus
from thetaloom.domain.strategy.strategies import SizeBy, SizeRule
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.instruments import parse_option_symbol
from thetaloom.domain.values.money import Price
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine import commands
from thetaloom.engine.limit_faults import unread_limits
from thetaloom.engine.portfolio_greeks import structure_greeks
from thetaloom.engine.risk_view import risk_view
from thetaloom.engine.trade_validation import TradeIdea, validate_trade
from thetaloom.errors import ConfigError, InvalidInput, NotFound
from thetaloom.ports.market_data import Bar
from thetaloom.store.queries.violations import list_violations
from thetaloom.store.schema import risk_limits
from thetaloom.testing import builders
from thetaloom.testing.desk import ANNA, DeskBench, money, put_credit_spread

SPREAD = (
    Leg(contract=parse_option_symbol("SPY 2026-01-16 P 560"), ratio=-1),
    Leg(contract=parse_option_symbol("SPY 2026-01-16 P 555"), ratio=1),
)


def set_limits(bench: DeskBench, **settings: str) -> None:
    """Set limits as a person does."""
    for name, limit in settings.items():
        bench.engine.handle(commands.SetLimit(user_id=ANNA, name=name, limit=limit))


def test_a_denial_is_kept_as_a_violation_with_its_numbers(bench: DeskBench) -> None:
    set_limits(bench, max_loss_per_trade="100", max_positions="0")

    run = bench.run(bench.start_run())

    page = list_violations(bench.database, ANNA)
    assert run.outcome is Outcome.DENIED and page.total == 2
    found = {one.rule: one for one in page.rows}
    assert set(found) == {"max_loss_per_trade", "max_positions"}
    trade, held = found["max_loss_per_trade"], found["max_positions"]
    assert (trade.run_id, trade.symbol, trade.reason) == (run.id, "SPY", "max_loss_per_trade_dollars")
    assert trade.value is not None and trade.value > 100 and trade.bound == 100
    assert (trade.severity, held.severity, trade.action) == (Severity.MEDIUM, Severity.HIGH, Action.DENIED)
    assert list_violations(bench.database, ANNA, rule="max_positions").total == 1
    assert list_violations(bench.database, ANNA, symbol="QQQ").total == 0
    assert bench.replay(run.id).identical


def test_a_trade_that_is_allowed_leaves_no_violation(lite: DeskBench) -> None:
    lite.enter()

    assert list_violations(lite.database, ANNA).total == 0


def test_a_rule_never_approves_above_the_high_warning(bench: DeskBench) -> None:
    # Tradeable are 100,000; one percent of it is the budget, of which one spread takes about 40 %.
    bench.save(put_credit_spread(size=SizeRule(quantity=2)))
    set_limits(bench, tolerance_percent="1", warning_medium_percent="50", warning_high_percent="60")

    run = bench.run(bench.start_run())

    proposal = bench.proposals(run.id)[-1]
    assert run.status is RunStatus.PENDING_APPROVAL
    assert proposal.needs_confirmation
    assert [warning.split(":")[0] for warning in proposal.warnings] == ["high"]
    bench.engine.handle(commands.ApproveProposal(user_id=ANNA, proposal_id=proposal.id))
    bench.engine.settle()
    assert bench.run(run.id).status is RunStatus.EXECUTING


def test_a_medium_warning_is_shown_and_stops_nobody(lite: DeskBench) -> None:
    set_limits(lite, tolerance_percent="1", warning_medium_percent="40", warning_high_percent="95")
    lite.save(put_credit_spread(size=SizeRule(quantity=2)))

    run = lite.run(lite.start_run())

    proposal = lite.proposals(run.id)[-1]
    assert run.status is RunStatus.EXECUTING
    assert (proposal.needs_confirmation, len(proposal.warnings)) == (False, 1)


def test_the_smallest_factor_sizes_the_trade(lite: DeskBench) -> None:
    lite.save(put_credit_spread(size=SizeRule(by=SizeBy.KELLY)))
    set_limits(lite, max_loss_per_trade="900")

    run = lite.start_run()

    assert lite.proposals(run)[-1].quantity == 2
    assert lite.replay(run).identical


def test_where_the_limits_leave_no_room_they_say_why(lite: DeskBench) -> None:
    lite.save(put_credit_spread(size=SizeRule(by=SizeBy.BUDGET)))
    set_limits(lite, max_loss_per_trade="10")

    run = lite.run(lite.start_run())

    assert (run.outcome, run.reason) == (Outcome.DENIED, Reason.MAX_LOSS_PER_TRADE_DOLLARS.value)


def test_a_strategy_that_scales_with_an_unknown_vix_trades_nothing(lite: DeskBench) -> None:
    lite.save(put_credit_spread(size=SizeRule(vix_scaled=True)))

    run = lite.run(lite.start_run())

    assert (run.outcome, run.reason) == (Outcome.DENIED, Reason.VIX_UNKNOWN.value)


@pytest.mark.parametrize(
    ("name", "limit", "reason"),
    [
        ("vix_block_above", "40", Reason.VIX_BLOCK),
        ("max_risk_per_symbol_percent", "0.1", Reason.MAX_RISK_PER_SYMBOL),
        ("max_risk_per_expiration_percent", "0.1", Reason.MAX_RISK_PER_EXPIRATION),
        ("max_gamma", "0", Reason.MAX_GAMMA),
        ("max_vega", "0", Reason.MAX_VEGA),
        ("max_beta_delta", "0", Reason.MAX_BETA_DELTA),
        ("minutes_before_close_min", "390", Reason.TOO_NEAR_THE_CLOSE),
        ("earnings_days_min", "7", Reason.EARNINGS_NEAR),
        ("max_premium", "0.5", Reason.MAX_PREMIUM),
    ],
)
def test_a_limit_that_is_set_reaches_the_run(lite: DeskBench, name: str, limit: str, reason: Reason) -> None:
    set_limits(lite, **{name: limit})

    run = lite.run(lite.start_run())

    assert (run.outcome, run.reason) == (Outcome.DENIED, reason.value)


def test_a_strategy_bounds_its_own_positions(lite: DeskBench) -> None:
    lite.save(put_credit_spread(positions_max=1, open_runs_max=5))
    lite.enter()

    run = lite.run(lite.start_run())

    assert run.reason == Reason.MAX_POSITIONS_PER_STRATEGY.value


def test_a_loss_cools_its_symbol_down_and_the_release_is_told(lite: DeskBench) -> None:
    set_limits(lite, symbol_cool_down_minutes="60", max_losses_in_a_row="1")
    run = lite.enter(at="1.00")
    position = lite.position(run)
    assert position is not None
    lite.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=position.id))
    lite.engine.settle()
    lite.broker.fill(lite.order(run).client_order_id, at="-2.00")
    lite.engine.settle()

    uses = {use.name: use for use in risk_view(lite.desk, ANNA).uses}
    limits = RiskLimits.from_settings({"symbol_cool_down_minutes": "60", "max_losses_in_a_row": "1"})
    record = lite.portfolio(limits).record

    assert record.cool_downs == {"SPY": lite.clock.now() + timedelta(minutes=60)}
    assert record.losses_in_a_row == 1 and record.realized_week == money("-102.60")
    assert uses["max_losses_in_a_row"].releases_at == builders.new_york("2026-01-06 09:30")
    denied = lite.run(lite.start_run())
    assert denied.reason == Reason.MAX_LOSSES_IN_A_ROW.value
    assert record.week_ends_at == builders.new_york("2026-01-12 09:30")


def test_beta_weighted_delta_is_shares_of_the_benchmark(lite: DeskBench) -> None:
    lite.enter()
    set_limits(lite, max_beta_delta="1000")

    found = lite.portfolio(RiskLimits(max_beta_delta=Decimal(1000)))

    assert found.beta_delta == found.net_delta  # on SPY itself
    assert found.net_gamma is not None and found.net_gamma < 0
    assert found.net_theta is not None and found.net_vega is not None and found.net_vega < 0


def test_greeks_are_unknown_without_a_price_of_the_underlying(lite: DeskBench) -> None:
    assert structure_greeks(lite.desk, SPREAD, "SPY", 1, lite.clock.now()) is not None
    lite.market.set_spot("SPY", None)
    assert structure_greeks(lite.desk, SPREAD, "SPY", 1, lite.clock.now()) is None


def test_a_configured_limit_that_nothing_reads_keeps_the_engine_from_starting(lite: DeskBench) -> None:
    assert unread_limits(lite.desk) == ()
    row = {"user_id": ANNA, "name": "max_lots", "amount": "3", "set_at": lite.clock.now()}
    with lite.database.begin() as connection:
        connection.execute(insert(risk_limits), row)

    assert unread_limits(lite.desk) == ("max_lots is configured, and no row of the table checks it",)
    with pytest.raises(ConfigError, match="max_lots"):
        lite.engine.start()


def test_a_trade_is_judged_beforehand_as_a_run_would_judge_it(lite: DeskBench) -> None:
    found = validate_trade(lite.desk, ANNA, TradeIdea(symbol="SPY", legs=SPREAD, quantity=2))
    lite.save(put_credit_spread(size=SizeRule(quantity=2)))
    run = lite.start_run()

    proposal = lite.proposals(run)[-1]
    assert found.verdict.is_allowed
    assert (found.finding.max_loss, found.finding.quantity) == (proposal.max_loss, proposal.quantity)
    before, after = found.finding.budget, found.finding.budget_after
    assert before is not None and after is not None and found.finding.max_loss is not None
    assert before.remaining is not None and after.remaining is not None
    assert after.risk_in_use == found.finding.max_loss
    assert after.tradeable_capital == before.tradeable_capital


def test_a_trade_is_judged_at_the_price_that_is_named(lite: DeskBench) -> None:
    idea = TradeIdea(symbol="SPY", legs=SPREAD, quantity=1, net_price=Price("1.50"))

    assert validate_trade(lite.desk, ANNA, idea).finding.max_loss == money(350)


def test_a_profile_is_set_by_its_name(lite: DeskBench) -> None:
    set_limits(lite, risk_profile="conservative", max_delta="50")
    set_limits(lite, max_delta="off")

    with lite.store.unit_of_work() as uow:
        limits = RiskLimits.from_settings(uow.accounts.limits(ANNA))
    assert (limits.risk_profile, limits.max_delta) == (ProfileName.CONSERVATIVE, None)
    with pytest.raises(InvalidInput, match="one of custom, conservative"):
        set_limits(lite, risk_profile="reckless")


def test_what_cannot_be_judged_is_refused(lite: DeskBench) -> None:
    with pytest.raises(NotFound):
        validate_trade(lite.desk, ANNA, TradeIdea(symbol="NOPE", legs=SPREAD))
    with pytest.raises(InvalidInput, match="not on SPY"):
        other = Leg(contract=parse_option_symbol("QQQ 2026-01-16 P 560"), ratio=1)
        validate_trade(lite.desk, ANNA, TradeIdea(symbol="SPY", legs=(other,)))


def _bar(on: date, close: float) -> Bar:
    return Bar(session_on=on, open=close, high=close, low=close, close=close, volume=1.0)
