"""Every factor of a size by hand, and the smallest of them."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.risk.budget import risk_budget
from thetaloom.domain.risk.limits import RiskLimits
from thetaloom.domain.risk.sizing import SizeBasis, Sizing, size_trade
from thetaloom.domain.risk.sizing_factors import TrackRecord, kelly_percent, track_record, vix_row
from thetaloom.domain.strategy.strategies import SizeBy, SizeRule
from thetaloom.domain.values.money import Money
from thetaloom.domain.values.reasons import Reason

BUDGET = risk_budget(RiskLimits(), buying_power=Money(90_000), risk_in_use=Money(10_000), stress=None)
BASIS = SizeBasis(
    max_loss=Money(400),
    net_liquidating_value=Money(100_000),
    buying_power=Money(89_000),
    buying_power_effect=Money(400),
    budget=BUDGET,
    iv_percent=Decimal(30),
    vix=Decimal(18),
    open_positions=1,
)


def sized(by: str, basis: SizeBasis = BASIS, most: int = 1000, **changes: object) -> Sizing:
    """A size where the limits allow at most ``most``."""
    rule = replace(SizeRule(by=SizeBy[by.upper()]), **changes)  # type: ignore[arg-type]  # fields by name
    return size_trade(rule, basis, lambda count: None if count <= most else "max_quantity")


def quantities(sizing: Sizing) -> dict[str, int | None]:
    """The factors' own numbers."""
    return {factor.name: factor.quantity for factor in sizing.factors}


def test_every_factor_is_shown_with_its_number() -> None:
    # 1 % of 100,000 is 1,000; half of it at 30 % volatility; 2 % is 2,000; 30,000 of the budget are left.
    assert quantities(sized("smallest")) == {
        "fixed": 1,
        "risk_percent": 2,
        "kelly": 5,
        "volatility_target": 1,
        "budget": 75,
        "buying_power": 222,
        "limits": 222,
        "vix": None,
    }


@pytest.mark.parametrize(
    ("by", "most", "quantity", "decided_by"),
    [
        ("fixed", 0, 1, "fixed"),
        ("risk_percent", 0, 2, "risk_percent"),
        ("kelly", 1000, 5, "kelly"),
        ("kelly", 3, 3, "limits"),
        ("volatility_target", 1000, 1, "volatility_target"),
        ("budget", 1000, 75, "budget"),
        ("smallest", 1000, 1, "volatility_target"),
        ("smallest", 0, 0, "limits"),
    ],
)
def test_the_smallest_that_binds_decides(by: str, most: int, quantity: int, decided_by: str) -> None:
    sizing = sized(by, most=most)

    assert (sizing.quantity, sizing.facts.get("decided_by", decided_by)) == (quantity, decided_by)


@pytest.mark.parametrize(
    ("vix", "multiplier", "positions"),
    [
        ("0", "1.2", 5),
        ("14.99", "1.2", 5),
        ("15", "1.0", 4),
        ("19.99", "1.0", 4),
        ("20", "0.75", 3),
        ("25", "0.5", 2),
        ("30", "0.25", 1),
        ("40", "0.25", 1),
        ("40.01", "0.1", 1),
    ],
)
def test_the_table_of_the_vix(vix: str, multiplier: str, positions: int) -> None:
    assert vix_row(Decimal(vix)) == (Decimal(multiplier), positions)


def test_the_vix_scales_and_closes_where_the_strategy_asks_for_it() -> None:
    calm, tense = replace(BASIS, vix=Decimal(12)), replace(BASIS, vix=Decimal(22))

    assert sized("fixed", calm, quantity=10, vix_scaled=True).quantity == 12
    assert sized("fixed", tense, quantity=10, vix_scaled=True).quantity == 7
    assert sized("fixed", tense, quantity=10).quantity == 10
    full = sized("fixed", replace(tense, open_positions=3), quantity=10, vix_scaled=True)
    assert (full.quantity, full.reason, full.facts["decided_by"]) == (0, Reason.QUANTITY_ZERO, "vix")


def test_an_unknown_vix_denies_only_where_it_is_used() -> None:
    blind = replace(BASIS, vix=None)

    assert sized("fixed", blind).quantity == 1
    asked = sized("fixed", blind, vix_scaled=True)
    assert (asked.quantity, asked.reason) == (0, Reason.VIX_UNKNOWN)


def test_unknown_volatility_and_budget_deny_the_rules_that_rest_on_them() -> None:
    assert sized("volatility_target", replace(BASIS, iv_percent=None)).reason is Reason.IV_UNKNOWN
    assert sized("budget", replace(BASIS, budget=None)).reason is Reason.BUDGET_UNKNOWN
    assert sized("kelly", replace(BASIS, net_liquidating_value=None)).reason is Reason.ACCOUNT_UNKNOWN
    assert sized("kelly", replace(BASIS, max_loss=None)).reason is Reason.NO_MAX_LOSS


@pytest.mark.parametrize(
    ("wins", "losses", "average_win", "average_loss", "percent"),
    [
        (11, 8, 100, 100, "2"),  # too few
        (12, 8, 100, 100, "10"),  # f = .6 - .4/1 = .2
        (14, 6, 100, 200, "5"),  # f = .7 - .3/.5 = .1
        (18, 2, 300, 100, "25"),  # f = .9 - .1/3 = .866…; half of it is above the cap
        (20, 0, 100, None, "25"),
        (0, 20, None, 100, "0"),
        (8, 12, 100, 100, "0"),  # f = -.2
    ],
)
def test_half_kelly_by_hand(
    wins: int, losses: int, average_win: int | None, average_loss: int | None, percent: str
) -> None:
    record = TrackRecord(
        wins=wins,
        losses=losses,
        average_win=None if average_win is None else Money(average_win),
        average_loss=None if average_loss is None else Money(average_loss),
    )

    assert kelly_percent(record, SizeRule())[0] == Decimal(percent)


def test_a_record_counts_what_broke_even_as_a_loss() -> None:
    record = track_record((Money(100), Money(50), Money(-30), Money(0)))

    assert (record.wins, record.losses) == (2, 2)
    assert (record.average_win, record.average_loss) == (Money(75), Money(15))


@given(
    by=st.sampled_from([SizeBy.KELLY, SizeBy.VOLATILITY_TARGET, SizeBy.BUDGET, SizeBy.SMALLEST]),
    most=st.integers(0, 300),
    loss=st.integers(1, 5000),
    effect=st.integers(1, 5000),
    iv=st.integers(1, 200),
)
def test_a_size_never_breaks_a_factor_that_binds(by: SizeBy, most: int, loss: int, effect: int, iv: int) -> None:
    basis = replace(
        BASIS, max_loss=Money(loss), buying_power_effect=Money(effect), iv_percent=Decimal(iv), vix=Decimal(18)
    )

    sizing = sized(by.value, basis, most)

    assert sizing.quantity <= most
    bound = [factor.quantity for factor in sizing.factors if factor.binds and factor.quantity is not None]
    assert sizing.quantity == min(bound)


@given(
    st.sampled_from([rule.name.lower() for rule in SizeBy]),
    st.sampled_from(["0.1", "0.25", "0.4", "0.5", "0.8", "1", "1.25"]),
    st.integers(0, 60),
    st.integers(1, 40),
)
def test_a_signal_scales_every_rule_and_lifts_none_above_what_the_account_allows(
    by: str, factor: str, most: int, quantity: int
) -> None:
    plain = sized(by, most=most, quantity=quantity)
    scaled = sized(by, replace(BASIS, signal_factor=Decimal(factor)), most=most, quantity=quantity)

    assert scaled.quantity <= int(plain.quantity * Decimal(factor))
    if Decimal(factor) <= 1 or by in ("fixed", "risk_percent"):
        assert scaled.quantity == int(plain.quantity * Decimal(factor))
    else:
        assert plain.quantity <= scaled.quantity <= max(most, plain.quantity)
    assert (scaled.quantity == 0) is (scaled.reason is not None)


def test_a_signal_that_decides_is_named_with_its_factor() -> None:
    sizing = sized("fixed", replace(BASIS, signal_factor=Decimal("0.5")), quantity=5)

    assert (sizing.quantity, sizing.decided_by) == (2, "signal")
    assert (sizing.facts["before_signal"], sizing.facts["signal"], sizing.facts["quantity"]) == ("5", "0.5", "2")
    assert [one.multiplier for one in sizing.factors if one.name == "signal"] == [Decimal("0.5")]
    assert not [one for one in sized("fixed", quantity=5).factors if one.name == "signal"]
