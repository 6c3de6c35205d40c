"""Risk profiles: how much of the tradeable capital may be at risk, and the bounds that go with it."""

from dataclasses import dataclass, fields
from decimal import Decimal
from enum import StrEnum


class ProfileName(StrEnum):
    """The profiles by name; those of Senex allow more in a stressed market, ours never do."""

    CUSTOM = "custom"
    CONSERVATIVE = "conservative"
    MODERATE = "moderate"
    AGGRESSIVE = "aggressive"
    SENEX_CONSERVATIVE = "senex_conservative"
    SENEX_MODERATE = "senex_moderate"
    SENEX_AGGRESSIVE = "senex_aggressive"


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskProfile:
    """The numbers of one profile; a bound of ``None`` is left to the limit of the same name."""

    tolerance_percent: Decimal  # of tradeable capital
    stressed_tolerance_percent: Decimal
    warning_medium_percent: Decimal  # of strategy power
    warning_high_percent: Decimal
    max_loss_per_trade_percent: Decimal | None = None
    max_risk_per_symbol_percent: Decimal | None = None
    max_risk_per_sector_percent: Decimal | None = None
    max_beta_delta: Decimal | None = None
    max_buying_power_use_percent: Decimal | None = None

    def bounds(self) -> dict[str, Decimal]:
        """Return the bounds by the name of their limit."""
        named = {field.name: getattr(self, field.name) for field in fields(self) if field.name.startswith("max_")}
        return {name: bound for name, bound in named.items() if bound is not None}


def _profile(tolerance: int, stressed: int, medium: int, high: int, *bounds: int) -> RiskProfile:
    names = (
        "max_loss_per_trade_percent",
        "max_risk_per_symbol_percent",
        "max_risk_per_sector_percent",
        "max_beta_delta",
        "max_buying_power_use_percent",
    )
    return RiskProfile(
        tolerance_percent=Decimal(tolerance),
        stressed_tolerance_percent=Decimal(stressed),
        warning_medium_percent=Decimal(medium),
        warning_high_percent=Decimal(high),
        **{name: Decimal(bound) for name, bound in zip(names, bounds, strict=False)},
    )


# Tolerances and warnings are Senex Trader's, bounds TastyTracker's. Its stressed tolerances are higher than the
# normal ones, on the idea that a frightened market pays more; that is kept under its own name only.
PROFILES: dict[ProfileName, RiskProfile] = {
    ProfileName.CONSERVATIVE: _profile(40, 40, 65, 80, 1, 3, 10, 25, 30),
    ProfileName.MODERATE: _profile(50, 50, 70, 85, 2, 5, 15, 50, 50),
    ProfileName.AGGRESSIVE: _profile(60, 60, 75, 90, 5, 10, 25, 100, 70),
    ProfileName.SENEX_CONSERVATIVE: _profile(40, 60, 65, 80),
    ProfileName.SENEX_MODERATE: _profile(50, 70, 70, 85),
    ProfileName.SENEX_AGGRESSIVE: _profile(60, 80, 75, 90),
}
