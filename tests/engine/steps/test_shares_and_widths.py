"""Runs of strategies that need shares, a tradeable capital, a reading of the market, or two expirations."""

from decimal import Decimal
from typing import Any

import pytest

from thetaloom.domain.risk.limits import RiskLimits
from thetaloom.domain.run.runs import Outcome, RunStatus, StepName
from thetaloom.domain.strategy.strategies import (
    ApprovalRule,
    BackRule,
    Comparison,
    DropRule,
    ExpirationRule,
    LegRule,
    Metric,
    SelectBy,
    Side,
    SizeBy,
    SizeRule,
    StrikeRule,
    TargetRule,
    Term,
    Unit,
    WidthBy,
    WidthStep,
    WidthTable,
)
from thetaloom.domain.values.instruments import Right
from thetaloom.domain.values.money import Money
from thetaloom.testing import builders
from thetaloom.testing.desk import DeskBench, put_credit_spread

CALL = "SPY 2026-01-16 C 590"
COVERED_CALL: dict[str, Any] = {
    "legs": (builders.leg_rule("short_call", Side.SELL, Right.CALL, SelectBy.STRIKE, 590, Unit.DOLLARS),),
    "shares": 100,
}
TABLE = WidthTable(
    by=WidthBy.TRADEABLE_CAPITAL,
    steps=(WidthStep(below=Decimal(25_000), width=Decimal(5)), WidthStep(width=Decimal(10))),
)
SHORT_PUT = builders.leg_rule("short_put", Side.SELL, Right.PUT, SelectBy.STRIKE, 560, Unit.DOLLARS)
BY_TABLE = LegRule(
    name="long_put",
    side=Side.BUY,
    right=Right.PUT,
    strike=StrikeRule(by=SelectBy.WIDTH, unit=Unit.TABLE, of="short_put"),
)


@pytest.fixture
def calls(lite: DeskBench) -> DeskBench:
    """A desk with a call to sell against shares."""
    lite.market.set_quote(CALL, 1.95, 2.05)
    return lite


def test_a_covered_call_is_sold_against_the_shares_of_the_account(calls: DeskBench) -> None:
    calls.save(put_credit_spread(**COVERED_CALL))
    calls.set_balances(shares={"SPY": 100})

    run = calls.start_run()

    assert calls.run(run).status is RunStatus.EXECUTING
    (proposal,) = calls.proposals(run)
    assert proposal.structure_name == "covered_call"
    assert proposal.max_loss == Money(57_500 - 200)
    assert calls.replay(run).identical


@pytest.mark.parametrize(
    ("shares", "answer"), [(None, "unknown"), ({}, "deny"), ({"QQQ": 100}, "deny"), ({"SPY": 99}, "deny")]
)
def test_without_the_shares_there_is_no_covered_call(
    calls: DeskBench, shares: dict[str, int] | None, answer: str
) -> None:
    calls.save(put_credit_spread(**COVERED_CALL))
    calls.set_balances(shares=shares)

    run = calls.start_run()

    assert calls.run(run).outcome is Outcome.NO_TRADE
    verdict = calls.said(run)["verdict"]
    assert (verdict["answer"], verdict["reason"]) == (answer, "shares_missing")


def test_the_same_shares_do_not_cover_two_calls(calls: DeskBench) -> None:
    calls.save(put_credit_spread(**COVERED_CALL))
    calls.set_balances(shares={"SPY": 150})

    held, second = calls.enter(), calls.start_run()

    assert calls.position(held) is not None
    assert (calls.run(second).outcome, calls.run(second).reason) == (Outcome.NO_TRADE, "shares_missing")
    assert "-50" not in str(calls.said(second)["verdict"]["facts"])
    assert calls.said(second)["verdict"]["facts"]["value"] == "50"


def test_an_entry_in_flight_keeps_its_shares_too(calls: DeskBench) -> None:
    calls.save(put_credit_spread(**COVERED_CALL))
    calls.set_balances(shares={"SPY": 100})

    calls.start_run()
    second = calls.start_run()

    assert calls.said(second)["verdict"]["facts"]["value"] == "0"


def test_a_size_by_risk_takes_no_more_structures_than_the_shares_last_for(calls: DeskBench) -> None:
    size = SizeRule(by=SizeBy.RISK_PERCENT, risk_percent=Decimal(100))
    calls.set_balances(shares={"SPY": 250}, net_liquidating_value=Money(1_000_000), buying_power=Money(1_000_000))
    calls.save(put_credit_spread(**COVERED_CALL, size=size))

    run = calls.start_run()

    risk = next(calls.said(run, at) for at, step in enumerate(calls.steps(run)) if step is StepName.CHECK_RISK)
    assert risk["quantity"] == 2


@pytest.mark.parametrize(("buying_power", "wing"), [(24_999, 555), (25_000, 550)])
def test_a_width_by_the_table_follows_the_buying_power(lite: DeskBench, buying_power: int, wing: int) -> None:
    lite.set_balances(buying_power=Money(buying_power))
    lite.save(put_credit_spread(legs=(SHORT_PUT, BY_TABLE), width_table=TABLE))

    run = lite.start_run()

    assert [int(leg.contract.strike) for leg in lite.proposals(run)[0].legs] == [560, wing]


def test_risk_in_use_counts_to_the_tradeable_capital(lite: DeskBench) -> None:
    lite.enter()  # at 1.01: 399 dollars at risk
    lite.set_balances(buying_power=Money(24_601))
    lite.save(put_credit_spread(legs=(SHORT_PUT, BY_TABLE), width_table=TABLE))

    run = lite.start_run()

    assert int(lite.proposals(run)[0].legs[1].contract.strike) == 550


def test_an_unknown_buying_power_is_a_no(lite: DeskBench) -> None:
    lite.set_balances(buying_power=None)
    lite.save(put_credit_spread(legs=(SHORT_PUT, BY_TABLE), width_table=TABLE))

    run = lite.start_run()

    assert lite.run(run).outcome is Outcome.NO_TRADE
    verdict = lite.said(run)["verdict"]
    assert (verdict["reason"], verdict["facts"]["needed"]) == ("selection_unknown", "tradeable_capital")


def test_a_drop_reads_the_market_and_the_targets_stand_in_the_proposal(lite: DeskBench) -> None:
    extra = builders.leg_rule("more", Side.BUY, Right.PUT, SelectBy.STRIKE, 550, Unit.DOLLARS)
    high = DropRule(legs=("more",), metric=Metric.UNDERLYING_PRICE, comparison=Comparison.ABOVE, threshold=Decimal(500))
    spread = put_credit_spread()
    lite.save(
        put_credit_spread(
            legs=(*spread.legs, extra),
            drops=(high,),
            targets=(
                TargetRule(name="spread", legs=("short_put", "long_put"), percent=Decimal(40)),
                TargetRule(name="rest", legs=("more",), percent=Decimal(50)),
            ),
        )
    )

    run = lite.start_run()

    (proposal,) = lite.proposals(run)
    assert [int(leg.contract.strike) for leg in proposal.legs] == [560, 555]
    assert "more: left out, underlying_price is 575, left out when > 500" in proposal.reasons
    targets = [reason for reason in proposal.reasons if reason.startswith("target ")]
    assert targets == [
        "target spread: closing 1 x +1 SPY 2026-01-16 P 560 -1 SPY 2026-01-16 P 555 pays 0.60, "
        "40 % of the credit of 1.00"
    ]


def test_a_calendar_is_opened_and_counted_in_the_portfolio(lite: DeskBench) -> None:
    near = builders.leg_rule("near", Side.SELL, Right.PUT, SelectBy.STRIKE, 560, Unit.DOLLARS)
    far = LegRule(
        name="far",
        side=Side.BUY,
        right=Right.PUT,
        strike=StrikeRule(by=SelectBy.SAME, of="near"),
        term=Term.BACK,
    )
    lite.market.set_quote("SPY 2026-02-20 P 560", 5.9, 6.1)
    calendar = put_credit_spread(
        legs=(near, far),
        expiration=ExpirationRule(dte_min=7, dte_max=21, dte_target=11),
        back=BackRule(dte_min=30, dte_max=60, dte_target=45),
        approval=ApprovalRule(),
    )
    lite.save(calendar)

    run = lite.start_run()

    assert [str(leg.contract.expires_on) for leg in lite.proposals(run)[0].legs] == ["2026-01-16", "2026-02-20"]
    assert lite.proposals(run)[0].structure_name == "long_put_calendar"
    assert lite.portfolio(RiskLimits()).risk_in_use is not None
