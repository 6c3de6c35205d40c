"""Limits: what a person allows at most, each a row of one table, each checked for every trade.

Every check is monotone: where a trade is denied, the same trade in a larger quantity is denied as well.
"""

from dataclasses import fields
from typing import Any

from thetaloom.domain.risk.guards import GUARD_LIMITS
from thetaloom.domain.risk.limits_budget import BUDGET_LIMITS
from thetaloom.domain.risk.limits_facts import Exposure as Exposure
from thetaloom.domain.risk.limits_facts import LegMarket as LegMarket
from thetaloom.domain.risk.limits_facts import LossRecord as LossRecord
from thetaloom.domain.risk.limits_facts import Portfolio as Portfolio
from thetaloom.domain.risk.limits_facts import Sent as Sent
from thetaloom.domain.risk.limits_facts import Surroundings as Surroundings
from thetaloom.domain.risk.limits_facts import Trade as Trade
from thetaloom.domain.risk.limits_greeks import GREEK_LIMITS
from thetaloom.domain.risk.limits_holdings import HOLDINGS_LIMITS
from thetaloom.domain.risk.limits_market import MARKET_LIMITS
from thetaloom.domain.risk.limits_rows import Finding as Finding
from thetaloom.domain.risk.limits_rows import Group as Group
from thetaloom.domain.risk.limits_rows import Limit as Limit
from thetaloom.domain.risk.limits_rows import LimitCheck as LimitCheck
from thetaloom.domain.risk.limits_rows import Warned as Warned
from thetaloom.domain.risk.limits_runaway import RUNAWAY_LIMITS as RUNAWAY_LIMITS
from thetaloom.domain.risk.limits_settings import RiskLimits as RiskLimits
from thetaloom.domain.risk.limits_trade import TRADE_LIMITS
from thetaloom.domain.values.money import Money
from thetaloom.domain.values.reasons import ALLOWED, Verdict

# In the order in which a reader wants to hear of them: the first that does not allow is the verdict.
LIMITS: tuple[Limit, ...] = (
    *TRADE_LIMITS,
    *HOLDINGS_LIMITS,
    *BUDGET_LIMITS,
    *GUARD_LIMITS,
    *GREEK_LIMITS,
    *MARKET_LIMITS,
    *RUNAWAY_LIMITS,
)


def check_limits(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> tuple[Verdict, tuple[LimitCheck, ...]]:
    """Check every limit and list all of them; the verdict is that of the first that does not allow."""
    in_force = limits.in_force()
    checks = tuple(_checked(limit, in_force, portfolio, trade) for limit in LIMITS)
    return next((check.verdict for check in checks if not check.verdict.is_allowed), ALLOWED), checks


def first_denial(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> str | None:
    """Return the name of the first limit that does not allow the trade."""
    in_force = limits.in_force()
    found = (limit.name for limit in LIMITS if not limit.check(in_force, portfolio, trade).verdict.is_allowed)
    return next(found, None)


def limit_faults(rows: tuple[Limit, ...] = LIMITS, settings: type = RiskLimits) -> tuple[str, ...]:
    """Return what keeps a configured limit from being enforced: a number without a row, a row that reads no number."""
    named, rowed = [field.name for field in fields(settings)], [limit.name for limit in rows]
    faults = [f"{name} can be set, and no row of the table checks it" for name in named if name not in rowed]
    faults += [f"{name} has a row, and nothing sets it" for name in rowed if name not in named]
    faults += [f"{name} has {rowed.count(name)} rows" for name in sorted(set(rowed)) if rowed.count(name) > 1]
    faults += [
        f"{limit.name} has a row whose check never reads it"
        for limit in rows
        if limit.name in named and limit.name not in _names_read(limit)
    ]
    return tuple(faults)


class _Watched:
    """The default limits, remembering which of them were asked for."""

    def __init__(self) -> None:
        self.read: set[str] = set()
        self._limits = RiskLimits()

    def __getattr__(self, name: str) -> Any:
        self.read.add(name)
        return getattr(self._limits, name)


def _names_read(limit: Limit) -> set[str]:
    watched = _Watched()
    limit.check(watched, NOBODY, _SOMETHING)  # type: ignore[arg-type]  # stands in for limits, and counts
    return watched.read


NOBODY = Portfolio(
    net_liquidating_value=None,
    cash=None,
    buying_power=None,
    open_positions=0,
    positions_by_symbol={},
    risk_in_use=None,
    opened_today=0,
    realized_today=None,
    net_delta=None,
)
_SOMETHING = Trade(symbol="", quantity=1, max_loss=Money(1), buying_power_effect=Money(1), net_delta=None)


def _checked(limit: Limit, limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> LimitCheck:
    found = limit.check(limits, portfolio, trade)
    return LimitCheck(
        name=limit.name,
        verdict=found.verdict,
        value=found.value,
        limit=found.bound,
        unit=limit.unit,
        releases_at=found.releases_at,
        warned=found.warned,
    )
