"""The risk budget, held against the tables of the two systems it comes from."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.risk.budget import RiskBudget, StressRule, risk_budget
from thetaloom.domain.risk.budget_profiles import PROFILES, ProfileName
from thetaloom.domain.risk.limits import RiskLimits, Warned
from thetaloom.domain.values.money import Money, Price

CALM, STRESSED = Decimal(80), Decimal("80.1")


def budget(profile: str = "custom", *, stress: Decimal | None = CALM, in_use: int | None = 10_000) -> RiskBudget:
    """The budget of an account with 90,000 dollars of buying power."""
    return risk_budget(
        RiskLimits(risk_profile=ProfileName(profile)),
        buying_power=Money(90_000),
        risk_in_use=None if in_use is None else Money(in_use),
        stress=stress,
    )


@pytest.mark.parametrize(
    ("profile", "normal", "stressed", "medium", "high"),
    [
        ("custom", 40, 40, 65, 80),
        ("conservative", 40, 40, 65, 80),
        ("moderate", 50, 50, 70, 85),
        ("aggressive", 60, 60, 75, 90),
        ("senex_conservative", 40, 60, 65, 80),
        ("senex_moderate", 50, 70, 70, 85),
        ("senex_aggressive", 60, 80, 75, 90),
    ],
)
def test_each_profile_has_the_tolerances_and_warnings_of_its_table(
    profile: str, normal: Any, stressed: Any, medium: Any, high: Any
) -> None:
    calm, tense = budget(profile), budget(profile, stress=STRESSED)

    assert (calm.tolerance_percent, tense.tolerance_percent) == (normal, stressed)
    assert (calm.warning_medium_percent, calm.warning_high_percent) == (medium, high)
    assert (calm.is_stressed, tense.is_stressed) == (False, True)
    assert calm.stress_rule is (StressRule.HIGHER if stressed > normal else StressRule.SAME)


@pytest.mark.parametrize(
    ("profile", "bounds"),
    [("conservative", (1, 3, 10, 25, 30)), ("moderate", (2, 5, 15, 50, 50)), ("aggressive", (5, 10, 25, 100, 70))],
)
def test_each_profile_has_its_bounds(profile: str, bounds: tuple[int, ...]) -> None:
    assert tuple(PROFILES[ProfileName(profile)].bounds().values()) == bounds


def test_the_chain_of_formulas_gives_what_a_hand_gives() -> None:
    found = budget()

    assert (found.tradeable_capital, found.strategy_power, found.remaining) == (
        Money(100_000),
        Money(40_000),
        Money(30_000),
    )
    assert found.utilization_percent == 25
    assert found.max_spreads(Price(5)) == 80
    assert found.max_spreads(Price(7)) == 57


def test_unknown_stress_never_allows_more() -> None:
    assert budget("senex_moderate", stress=None).tolerance_percent == 50
    assert budget("senex_moderate", stress=None).is_stressed is None


def test_an_unknown_account_has_no_budget_and_says_what_is_missing() -> None:
    found = budget(in_use=None)

    assert (found.strategy_power, found.remaining, found.utilization_percent) == (None, None, None)
    assert found.missing == ("risk_in_use",)
    assert found.warned is Warned.NO and found.max_spreads(Price(5)) is None


@pytest.mark.parametrize(
    ("in_use", "warned"), [(23_400, Warned.NO), (23_402, Warned.NO), (23_800, Warned.NO), (60_000, Warned.HIGH)]
)
def test_use_is_warned_of(in_use: int, warned: Warned) -> None:
    assert budget(in_use=in_use).warned is warned


def test_what_is_left_is_never_negative() -> None:
    assert budget(in_use=200_000).remaining == 0


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**5), st.integers(-(10**5), 10**5))
def test_a_budget_after_a_trade_is_the_budget_of_the_account_after_it(
    power: int, in_use: int, risk: int, effect: int
) -> None:
    limits = RiskLimits()
    before = risk_budget(limits, buying_power=Money(power), risk_in_use=Money(in_use), stress=CALM)
    then = risk_budget(limits, buying_power=Money(power - effect), risk_in_use=Money(in_use) + Money(risk), stress=CALM)

    assert before.after(Money(risk), Money(effect)) == then


def test_a_budget_that_is_not_known_is_not_known_after_a_trade_either() -> None:
    assert budget(in_use=None).after(Money(1), Money(1)) is None
