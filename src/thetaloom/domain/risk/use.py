"""How much of each limit is in use, before any new trade."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from thetaloom.domain.risk.limits import LIMITS, Group, Limit, Portfolio, RiskLimits, Trade
from thetaloom.domain.risk.limits_budget import budget_of
from thetaloom.domain.values.money import HUNDRED, Money


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitUse:
    """One limit: how it is set, the bound that this makes now, and what of it is used; ``None`` is unknown or off."""

    name: str
    doc: str
    unit: str
    setting: str
    default: str
    bound: Decimal | None
    used: Decimal | None  # None also where only a trade has such a number
    group: str = ""
    releases_at: datetime | None = None  # of a guard that denies now

    @property
    def left(self) -> Decimal | None:
        """What is left before the limit refuses."""
        return None if self.bound is None or self.used is None else self.bound - self.used


def limit_use(limits: RiskLimits, portfolio: Portfolio) -> tuple[LimitUse, ...]:
    """Return every limit with its use, in the order of the checks."""
    settings, in_force = limits.as_settings(), limits.in_force()
    return tuple(_use(limit, in_force, portfolio, settings[limit.name]) for limit in LIMITS)


def _use(limit: Limit, limits: RiskLimits, portfolio: Portfolio, setting: str) -> LimitUse:
    used = _USED[limit.name](portfolio) if limit.name in _USED else None
    if limit.name in _BUDGET_USE:
        used = budget_of(limits, portfolio).utilization_percent
    guarded = limit.check(limits, portfolio, _NOTHING_MUCH) if limit.group is Group.GUARDS else None
    return LimitUse(
        name=limit.name,
        doc=limit.doc,
        unit=limit.unit,
        setting=setting,
        default=limit.default,
        bound=_bound(limit, limits, portfolio),
        used=used,
        group=limit.group.value,
        releases_at=None if guarded is None else guarded.releases_at,
    )


def _bound(limit: Limit, limits: RiskLimits, portfolio: Portfolio) -> Decimal | None:
    number = getattr(limits, limit.name)
    if not isinstance(number, Decimal | int):
        return None
    if limit.name in _STRESS:
        return _number(budget_of(limits, portfolio, _STRESS[limit.name]).strategy_power)
    if limit.name == "buying_power_reserve":
        # A reserve is a floor: what may be tied up yet is the bound, none of it being used by nobody's trade.
        return None if portfolio.buying_power is None else Decimal(portfolio.buying_power) - Decimal(number)
    if limit.unit == "dollars" and limit.name.endswith("_percent"):
        worth = portfolio.net_liquidating_value
        return None if worth is None else Decimal(worth) * number / HUNDRED
    return Decimal(number)


_STRESS = {"tolerance_percent": Decimal(0), "stressed_tolerance_percent": Decimal(100)}
_BUDGET_USE = frozenset({"warning_medium_percent", "warning_high_percent"})
# Only the guards are asked with it, and they look at no trade.
_NOTHING_MUCH = Trade(symbol="", quantity=1, max_loss=Money(0), buying_power_effect=Money(0), net_delta=Decimal(0))


def _number(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else Decimal(amount)


def _largest(amounts: Mapping[str, Decimal] | Mapping[str, Money] | Mapping[str, int] | None) -> Decimal | None:
    return None if amounts is None else Decimal(max(amounts.values(), default=0))


def _loss(realized: Money | None) -> Decimal | None:
    return None if realized is None else max(Decimal(0), -Decimal(realized))


def _size(greek: Decimal | None) -> Decimal | None:
    return None if greek is None else abs(greek)


def _tied_up(portfolio: Portfolio) -> Decimal | None:
    worth, power = portfolio.net_liquidating_value, portfolio.buying_power
    return None if worth is None or power is None else max(Decimal(worth) - Decimal(power), Decimal(0))


def _streak(portfolio: Portfolio) -> Decimal | None:
    streak = portfolio.record.losses_in_a_row
    return None if streak is None else Decimal(streak)


_USED: dict[str, Callable[[Portfolio], Decimal | None]] = {
    "max_positions": lambda portfolio: Decimal(portfolio.open_positions),
    "max_positions_per_symbol": lambda portfolio: _largest(portfolio.positions_by_symbol),
    "max_entries_per_symbol_per_day": lambda portfolio: _largest(portfolio.opened_today_by_symbol),
    "max_positions_per_strategy": lambda portfolio: _largest(portfolio.positions_by_strategy),
    "max_allocation_percent": lambda portfolio: _number(portfolio.risk_in_use),
    "max_risk_per_symbol_percent": lambda portfolio: _largest(portfolio.exposure.by_symbol),
    "max_risk_per_sector_percent": lambda portfolio: _largest(portfolio.exposure.by_sector),
    "max_risk_in_equities_percent": lambda portfolio: _number(portfolio.exposure.in_equities),
    "max_risk_per_strategy_percent": lambda portfolio: _largest(portfolio.exposure.by_strategy),
    "max_risk_per_expiration_percent": lambda portfolio: _largest(portfolio.exposure.by_expiration),
    "buying_power_reserve": lambda portfolio: Decimal(0),
    "max_buying_power_use_percent": _tied_up,
    "tolerance_percent": lambda portfolio: _number(portfolio.risk_in_use),
    "stressed_tolerance_percent": lambda portfolio: _number(portfolio.risk_in_use),
    "max_trades_per_day": lambda portfolio: Decimal(portfolio.opened_today),
    "max_loss_per_day_percent": lambda portfolio: _loss(portfolio.realized_today),
    "max_loss_per_week_percent": lambda portfolio: _loss(portfolio.record.realized_week),
    "max_loss_total_percent": lambda portfolio: _loss(portfolio.record.realized_total),
    "max_losses_in_a_row": _streak,
    "max_delta": lambda portfolio: _size(portfolio.net_delta),
    "max_beta_delta": lambda portfolio: _size(portfolio.beta_delta),
    "max_gamma": lambda portfolio: _size(portfolio.net_gamma),
    "max_theta": lambda portfolio: _size(portfolio.net_theta),
    "max_vega": lambda portfolio: _size(portfolio.net_vega),
    "max_orders_per_second": lambda portfolio: Decimal(portfolio.sent.orders_in_second),
    "max_orders_per_minute": lambda portfolio: Decimal(portfolio.sent.orders_in_minute),
    "max_orders_per_hour": lambda portfolio: Decimal(portfolio.sent.orders_in_hour),
    "max_orders_per_session": lambda portfolio: Decimal(portfolio.sent.orders_in_session),
    "max_contracts_per_minute": lambda portfolio: Decimal(portfolio.sent.contracts_in_minute),
    "max_contracts_per_hour": lambda portfolio: Decimal(portfolio.sent.contracts_in_hour),
    "max_contracts_per_session": lambda portfolio: Decimal(portfolio.sent.contracts_in_session),
    "max_contracts_per_symbol": lambda portfolio: _largest(portfolio.sent.contracts_by_symbol),
    "max_notional_per_session": lambda portfolio: Decimal(portfolio.sent.notional_in_session),
}
