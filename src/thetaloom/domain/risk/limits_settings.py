"""The limits as a person sets them: numbers by name, read from text and written back."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NoReturn

from thetaloom.domain.risk.budget_profiles import PROFILES, ProfileName
from thetaloom.domain.values.money import Money
from thetaloom.errors import InvalidInput

if TYPE_CHECKING:
    from thetaloom.domain.risk.limits_rows import Limit

OFF = "off"  # how a limit that is not set is written
RESERVE = Money(1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskLimits:
    """The limits of one user; ``None`` switches a limit off where the table says that it can be."""

    max_loss_per_trade_percent: Decimal = Decimal(5)
    max_loss_per_trade: Money | None = None
    max_quantity: int = 10
    max_premium: Decimal | None = None
    min_premium: Decimal | None = None
    max_bid_ask_percent: Decimal | None = None
    max_bid_ask_width: Decimal | None = None
    min_open_interest: int | None = None
    min_volume: int | None = None
    max_quote_age_seconds: int | None = 300
    max_entry_quote_age_seconds: int | None = None
    max_approval_age_seconds: int | None = 600
    max_positions: int = 20
    max_positions_per_symbol: int = 2
    max_entries_per_symbol_per_day: int | None = None
    max_positions_per_strategy: int | None = None
    max_allocation_percent: Decimal = Decimal(80)
    max_risk_per_symbol_percent: Decimal | None = None
    max_risk_per_sector_percent: Decimal | None = None
    max_risk_in_equities_percent: Decimal | None = None
    max_risk_per_strategy_percent: Decimal | None = None
    max_risk_per_expiration_percent: Decimal | None = None
    buying_power_reserve: Money = RESERVE
    max_buying_power_use_percent: Decimal | None = None
    risk_profile: ProfileName = ProfileName.CUSTOM
    tolerance_percent: Decimal | None = Decimal(40)
    stressed_tolerance_percent: Decimal | None = None
    warning_medium_percent: Decimal | None = Decimal(65)
    warning_high_percent: Decimal | None = Decimal(80)
    max_trades_per_day: int = 10
    max_loss_per_day_percent: Decimal = Decimal(5)
    max_loss_per_week_percent: Decimal | None = Decimal(10)
    max_loss_total_percent: Decimal | None = None
    max_losses_in_a_row: int | None = None
    symbol_cool_down_minutes: int | None = None
    max_delta: Decimal | None = None
    max_beta_delta: Decimal | None = None
    max_gamma: Decimal | None = None
    max_theta: Decimal | None = None
    max_vega: Decimal | None = None
    vix_block_above: Decimal | None = None
    vix_halve_above: Decimal | None = None
    earnings_days_min: int | None = None
    ex_dividend_days_min: int | None = None
    minutes_after_open_min: int | None = None
    minutes_before_close_min: int | None = None
    max_orders_per_second: int = 25
    max_orders_per_minute: int = 100
    max_orders_per_hour: int = 500
    max_orders_per_session: int = 1000
    max_contracts_per_minute: int = 500
    max_contracts_per_hour: int = 2000
    max_contracts_per_session: int = 5000
    max_contracts_per_symbol: int = 2000
    max_notional_per_session: Decimal | None = None
    max_replaces_per_order: int = 200

    def __post_init__(self) -> None:
        for limit in _rows():
            _check_bounds(limit, getattr(self, limit.name))

    @classmethod
    def from_settings(cls, settings: Mapping[str, str]) -> "RiskLimits":
        """Read limits from text, name → number; what is absent has its default."""
        known = {limit.name: limit for limit in _rows()}
        strangers = sorted(set(settings) - set(known))
        if strangers:
            raise InvalidInput(
                f"there is no limit named {', '.join(strangers)}",
                advice=f"The limits are {', '.join(known)}.",
                details=dict.fromkeys(strangers, "unknown limit"),
            )
        numbers: dict[str, Any] = {name: _read(known[name], text) for name, text in settings.items()}
        return cls(**numbers)

    def as_settings(self) -> dict[str, str]:
        """Return every limit as text; ``from_settings`` reads it back."""
        return {limit.name: written(getattr(self, limit.name)) for limit in _rows()}

    def in_force(self) -> "RiskLimits":
        """Return the limits together with those of the chosen profile.

        Tolerances and warnings are the profile's; of two bounds on the same number the stricter holds.
        """
        profile = PROFILES.get(self.risk_profile)
        if profile is None:
            return self
        stricter: dict[str, Any] = {}
        for name, bound in profile.bounds().items():
            own = getattr(self, name)
            stricter[name] = bound if own is None else min(own, bound)
        return replace(
            self,
            tolerance_percent=profile.tolerance_percent,
            stressed_tolerance_percent=profile.stressed_tolerance_percent,
            warning_medium_percent=profile.warning_medium_percent,
            warning_high_percent=profile.warning_high_percent,
            **stricter,
        )


def written(number: object) -> str:
    """Write a limit as text."""
    if number is None:
        return OFF
    if isinstance(number, StrEnum):
        return number.value
    return f"{number:f}" if isinstance(number, Decimal) else str(number)


def _rows() -> "tuple[Limit, ...]":
    # The table's checks know this class, so it can only ask for them once it exists.
    from thetaloom.domain.risk.limits import LIMITS

    return LIMITS


def _read(limit: "Limit", text: str) -> Any:
    plain = text.strip()
    if limit.optional and plain == OFF:
        return None
    if issubclass(limit.kind, StrEnum):
        return limit.kind(plain) if plain in list(limit.kind) else _refuse(limit, text)
    if re.fullmatch(r"[0-9]{1,12}" if limit.kind is int else r"[0-9]{1,12}(\.[0-9]{1,6})?", plain) is None:
        _refuse(limit, text)
    return limit.kind(plain)


def _check_bounds(limit: "Limit", number: Any) -> None:
    if number is None:
        if not limit.optional:
            _refuse(limit, OFF)
    elif issubclass(limit.kind, StrEnum):
        if not isinstance(number, limit.kind):
            _refuse(limit, str(number))
    elif (isinstance(number, Decimal) and not number.is_finite()) or not (
        limit.lowest <= number and (limit.highest is None or number <= limit.highest)
    ):
        _refuse(limit, str(number))


def expected(limit: "Limit") -> str:
    """Say in words what a limit may be set to."""
    if issubclass(limit.kind, StrEnum):
        return f"one of {', '.join(limit.kind)}"
    noun = "whole number" if limit.kind is int else "number"
    bounds = f"of at least {limit.lowest}" if limit.highest is None else f"from {limit.lowest} to {limit.highest}"
    return f"a {noun} {bounds}" + (f', or "{OFF}"' if limit.optional else "")


def _refuse(limit: "Limit", text: str) -> NoReturn:
    raise InvalidInput(
        f'limit {limit.name}: "{text[:40]}" is not {expected(limit)}',
        advice=limit.doc,
        details={limit.name: text[:40]},
    )
