"""How much of each limit is in use, before any new trade."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from thetaloom.domain.risk.limits import LIMITS, Limit, Portfolio, RiskLimits
from thetaloom.domain.values.money import HUNDRED


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

    @property
    def left(self) -> Decimal | None:
        """What is left before the limit refuses."""
        return None if self.bound is None or self.used is None else self.bound - self.used


def limit_use(limits: RiskLimits, portfolio: Portfolio) -> tuple[LimitUse, ...]:
    """Return every limit with its use, in the order of the checks."""
    settings = limits.as_settings()
    return tuple(_use(limit, limits, portfolio, settings[limit.name]) for limit in LIMITS)


def _use(limit: Limit, limits: RiskLimits, portfolio: Portfolio, setting: str) -> LimitUse:
    bound: Decimal | None = None if getattr(limits, limit.name) is None else Decimal(getattr(limits, limit.name))
    if limit.name.endswith("_percent") and bound is not None:
        worth = portfolio.net_liquidating_value
        bound = None if worth is None else Decimal(worth) * bound / HUNDRED
    if limit.name == "buying_power_reserve" and bound is not None:
        # A reserve is a floor: what may be tied up yet is the bound, none of it being used by nobody's trade.
        bound = None if portfolio.buying_power is None else Decimal(portfolio.buying_power) - bound
    used = _USED[limit.name](portfolio) if limit.name in _USED else None
    return LimitUse(
        name=limit.name,
        doc=limit.doc,
        unit=limit.unit,
        setting=setting,
        default=limit.default,
        bound=bound,
        used=used,
    )


def _number(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else Decimal(amount)


_USED: dict[str, Callable[[Portfolio], Decimal | None]] = {
    "max_positions": lambda portfolio: Decimal(portfolio.open_positions),
    "max_positions_per_symbol": lambda portfolio: Decimal(max(portfolio.positions_by_symbol.values(), default=0)),
    "max_allocation_percent": lambda portfolio: _number(portfolio.risk_in_use),
    "buying_power_reserve": lambda portfolio: Decimal(0),
    "max_trades_per_day": lambda portfolio: Decimal(portfolio.opened_today),
    "max_loss_per_day_percent": lambda portfolio: (
        None if portfolio.realized_today is None else max(Decimal(0), -Decimal(portfolio.realized_today))
    ),
    "max_delta": lambda portfolio: None if portfolio.net_delta is None else abs(portfolio.net_delta),
}
