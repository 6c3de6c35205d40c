"""The risk budget: how much of the tradeable capital may be at risk, and how much of that is left."""

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from thetaloom.domain.risk.budget_profiles import ProfileName
from thetaloom.domain.risk.limits_rows import Warned
from thetaloom.domain.risk.limits_settings import RiskLimits
from thetaloom.domain.values.money import HUNDRED, Money, Price

STRESSED_ABOVE = Decimal(80)  # of the market's stress score, 0 to 100
SHARES = 100  # per spread, as strikes are quoted


class StressRule(StrEnum):
    """What the tolerance does in a stressed market."""

    SAME = "same"
    LOWER = "lower"
    HIGHER = "higher"


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskBudget:
    """The budget at one moment. ``None`` is unknown, or without end where no tolerance is set."""

    profile: ProfileName
    stress_rule: StressRule
    is_stressed: bool | None
    tolerance_percent: Decimal | None  # in force; None = none is set
    warning_medium_percent: Decimal | None
    warning_high_percent: Decimal | None
    tradeable_capital: Money | None  # buying power and the risk of open positions
    strategy_power: Money | None  # tradeable capital times tolerance
    risk_in_use: Money | None
    remaining: Money | None  # never negative
    utilization_percent: Decimal | None  # risk in use, of strategy power
    missing: tuple[str, ...] = ()  # what is not known of the account

    @property
    def warned(self) -> Warned:
        """How loudly the use so far is warned of."""
        return warning_of(self, self.utilization_percent)

    def max_spreads(self, width: Price) -> int | None:
        """Return how many spreads of this width the whole strategy power would cover."""
        if self.strategy_power is None or width <= 0:
            return None
        return int(Decimal(self.strategy_power) // (Decimal(width) * SHARES))

    def utilization_after(self, risk: Money) -> Decimal | None:
        """Return the use in percent once ``risk`` is added."""
        if self.strategy_power is None or self.risk_in_use is None:
            return None
        return _utilization(self.risk_in_use + risk, self.strategy_power)

    def after(self, risk: Money, effect: Money) -> "RiskBudget | None":
        """Return the budget once a trade adds ``risk`` and ties up ``effect`` of the buying power."""
        if self.tradeable_capital is None or self.risk_in_use is None:
            return None
        in_use = self.risk_in_use + risk
        tradeable = max(self.tradeable_capital - effect + risk, Money(0))
        power = None if self.tolerance_percent is None else tradeable * self.tolerance_percent / HUNDRED
        return replace(
            self,
            tradeable_capital=tradeable,
            strategy_power=power,
            risk_in_use=in_use,
            remaining=None if power is None else max(power - in_use, Money(0)),
            utilization_percent=None if power is None else _utilization(in_use, power),
        )


def risk_budget(
    limits: RiskLimits, *, buying_power: Money | None, risk_in_use: Money | None, stress: Decimal | None
) -> RiskBudget:
    """Return the budget. Where the stress is unknown the stricter of the two tolerances is in force."""
    limits = limits.in_force()
    tolerance = tolerance_in_force(limits, stress)
    known = None if buying_power is None or risk_in_use is None else buying_power + risk_in_use
    tradeable = None if known is None else max(known, Money(0))
    power = None if tradeable is None or tolerance is None else tradeable * tolerance / HUNDRED
    left = None if power is None or risk_in_use is None else max(power - risk_in_use, Money(0))
    given = {"buying_power": buying_power, "risk_in_use": risk_in_use}
    return RiskBudget(
        profile=limits.risk_profile,
        stress_rule=stress_rule(limits),
        is_stressed=is_stressed(stress),
        tolerance_percent=tolerance,
        warning_medium_percent=limits.warning_medium_percent,
        warning_high_percent=limits.warning_high_percent,
        tradeable_capital=tradeable,
        strategy_power=power,
        risk_in_use=risk_in_use,
        remaining=left,
        utilization_percent=None if power is None or risk_in_use is None else _utilization(risk_in_use, power),
        missing=tuple(name for name, amount in given.items() if amount is None),
    )


def is_stressed(stress: Decimal | None) -> bool | None:
    """Tell whether a stress score counts as a stressed market."""
    return None if stress is None else stress > STRESSED_ABOVE


def tolerance_in_force(limits: RiskLimits, stress: Decimal | None) -> Decimal | None:
    """Return the tolerance that holds at this stress; ``None`` where none is set."""
    normal, stressed = limits.tolerance_percent, limits.stressed_tolerance_percent
    if normal is None or stressed is None:
        return normal if stressed is None or is_stressed(stress) is False else stressed
    if stress is None:
        return min(normal, stressed)
    return stressed if is_stressed(stress) else normal


def stress_rule(limits: RiskLimits) -> StressRule:
    """Tell what the tolerance does in a stressed market."""
    normal, stressed = limits.tolerance_percent, limits.stressed_tolerance_percent
    if stressed is None or stressed == normal:
        return StressRule.SAME
    return StressRule.HIGHER if normal is not None and stressed > normal else StressRule.LOWER


def warning_of(budget: RiskBudget, utilization: Decimal | None) -> Warned:
    """Return how loudly this much use is warned of."""
    medium, high = budget.warning_medium_percent, budget.warning_high_percent
    if utilization is None:
        return Warned.NO
    if high is not None and utilization > high:
        return Warned.HIGH
    return Warned.MEDIUM if medium is not None and utilization > medium else Warned.NO


def _utilization(risk: Money, power: Money) -> Decimal:
    if power <= 0:
        return Decimal(0) if risk <= 0 else HUNDRED
    return risk.ratio(power) * HUNDRED
