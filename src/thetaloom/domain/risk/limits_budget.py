"""Limits of the account's money: buying power, the risk budget of the profile, and its warnings."""

from decimal import Decimal

from thetaloom.domain.risk.budget import RiskBudget, is_stressed, risk_budget
from thetaloom.domain.risk.budget_profiles import ProfileName
from thetaloom.domain.risk.limits_facts import Portfolio, Trade
from thetaloom.domain.risk.limits_rows import OFF_FINDING, Finding, Group, Limit, Warned, at_most, share_at_most
from thetaloom.domain.risk.limits_settings import RiskLimits
from thetaloom.domain.values.money import NOTHING, Money
from thetaloom.domain.values.reasons import ALLOWED, Reason, denied, unknown


def _buying_power_reserve(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    reserve, effect, power = limits.buying_power_reserve, trade.buying_power_effect, portfolio.buying_power
    if effect is None:
        return Finding(verdict=unknown(Reason.BUYING_POWER, buying_power_effect="unknown"), bound=reserve)
    if power is None:
        return Finding(verdict=unknown(Reason.ACCOUNT_UNKNOWN, buying_power="unknown"), bound=reserve)
    left = power - max(effect, NOTHING)  # more contracts must never look like more buying power
    if left >= reserve:
        return Finding(verdict=ALLOWED, value=left, bound=reserve)
    reason = Reason.BUYING_POWER if left < 0 else Reason.BUYING_POWER_RESERVE
    return Finding(
        verdict=denied(reason, value=left, limit=reserve, short_by=reserve - left), value=left, bound=reserve
    )


def _max_buying_power_use(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    worth, power, effect = portfolio.net_liquidating_value, portfolio.buying_power, trade.buying_power_effect
    after = None
    if worth is not None and power is not None and effect is not None:
        after = max(worth - power, NOTHING) + max(effect, NOTHING)
    return share_at_most(Reason.MAX_BUYING_POWER_USE, portfolio, after, limits.max_buying_power_use_percent)


def _profile(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    chosen = limits.risk_profile  # what follows from it is in the limits it tightens
    return Finding(
        verdict=ALLOWED, value=None if chosen is ProfileName.CUSTOM else budget_of(limits, portfolio).remaining
    )


def _tolerance(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    tolerance, stressed = limits.tolerance_percent, limits.stressed_tolerance_percent
    if tolerance is None:
        return OFF_FINDING
    if stressed is not None and is_stressed(trade.around.stress):
        return OFF_FINDING  # the stressed tolerance has the word
    return _within_budget(Reason.TOLERANCE, budget_of(limits, portfolio, Decimal(0)), portfolio, trade)


def _stressed_tolerance(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    stressed, normal, stress = limits.stressed_tolerance_percent, limits.tolerance_percent, trade.around.stress
    if stressed is None or is_stressed(stress) is False:
        return OFF_FINDING
    if stress is None and normal is not None and stressed > normal:
        return OFF_FINDING  # nobody knows that more is allowed
    return _within_budget(Reason.STRESSED_TOLERANCE, budget_of(limits, portfolio, Decimal(100)), portfolio, trade)


def _warning_medium(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    return _warned(limits, limits.warning_medium_percent, Warned.MEDIUM, portfolio, trade)


def _warning_high(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    return _warned(limits, limits.warning_high_percent, Warned.HIGH, portfolio, trade)


def budget_of(limits: RiskLimits, portfolio: Portfolio, stress: Decimal | None = None) -> RiskBudget:
    """Return the budget of an account."""
    return risk_budget(limits, buying_power=portfolio.buying_power, risk_in_use=portfolio.risk_in_use, stress=stress)


def _within_budget(reason: Reason, budget: RiskBudget, portfolio: Portfolio, trade: Trade) -> Finding:
    power, in_use, risk = budget.strategy_power, budget.risk_in_use, trade.risk
    if risk is None:
        return Finding(verdict=unknown(Reason.BUYING_POWER, buying_power_effect="unknown"), bound=power)
    if power is None or in_use is None:
        return Finding(verdict=unknown(Reason.ACCOUNT_UNKNOWN, **dict.fromkeys(budget.missing, "unknown")))
    percent = budget.tolerance_percent
    return at_most(reason, in_use + risk, power, tolerance_percent=percent, figure=trade.risk_figure)


def _warned(limits: RiskLimits, level: Decimal | None, loudness: Warned, portfolio: Portfolio, trade: Trade) -> Finding:
    budget = budget_of(limits, portfolio, trade.around.stress)
    after = None if trade.risk is None else budget.utilization_after(trade.risk)
    if level is None or after is None:
        return Finding(verdict=ALLOWED, value=after, bound=level)
    return Finding(verdict=ALLOWED, value=after, bound=level, warned=loudness if after > level else Warned.NO)


BUDGET_LIMITS: tuple[Limit, ...] = (
    Limit(
        name="buying_power_reserve",
        group=Group.BUDGET,
        unit="dollars",
        kind=Money,
        lowest=0,
        highest=None,
        doc="The buying power that must be left after the trade, in dollars.",
        reason=Reason.BUYING_POWER_RESERVE,
        check=_buying_power_reserve,
    ),
    Limit(
        name="max_buying_power_use_percent",
        group=Group.BUDGET,
        unit="dollars",
        kind=Decimal,
        lowest=0,
        highest=100,
        optional=True,
        doc="The most buying power that may be tied up, in percent of net liquidating value.",
        reason=Reason.MAX_BUYING_POWER_USE,
        check=_max_buying_power_use,
    ),
    Limit(
        name="risk_profile",
        group=Group.BUDGET,
        unit="dollars",
        kind=ProfileName,
        lowest=0,
        highest=None,
        denies=False,
        doc="The risk profile: its tolerance and warnings hold, and its bounds where they are the stricter.",
        reason=Reason.RISK_PROFILE,
        check=_profile,
    ),
    Limit(
        name="tolerance_percent",
        group=Group.BUDGET,
        unit="dollars",
        kind=Decimal,
        lowest=1,
        highest=80,
        optional=True,
        doc="The share of the tradeable capital (buying power and risk in use) that may be at risk, in percent.",
        reason=Reason.TOLERANCE,
        check=_tolerance,
    ),
    Limit(
        name="stressed_tolerance_percent",
        group=Group.BUDGET,
        unit="dollars",
        kind=Decimal,
        lowest=1,
        highest=80,
        optional=True,
        doc="The same while the market's stress is above 80; without it the tolerance holds then, too.",
        reason=Reason.STRESSED_TOLERANCE,
        check=_stressed_tolerance,
    ),
    Limit(
        name="warning_medium_percent",
        group=Group.BUDGET,
        unit="% of the budget",
        kind=Decimal,
        lowest=40,
        highest=90,
        optional=True,
        denies=False,
        doc="The use of the budget above which a proposal carries a warning, in percent.",
        reason=Reason.BUDGET_WARNING_MEDIUM,
        check=_warning_medium,
    ),
    Limit(
        name="warning_high_percent",
        group=Group.BUDGET,
        unit="% of the budget",
        kind=Decimal,
        lowest=50,
        highest=95,
        optional=True,
        denies=False,
        doc="The use of the budget above which a person must approve, whatever the strategy's rule says, in percent.",
        reason=Reason.BUDGET_WARNING_HIGH,
        check=_warning_high,
    ),
)
