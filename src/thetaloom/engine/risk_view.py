"""The risk of an account as a person looks at it: its budget, every limit with its use, and its halts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from thetaloom.domain.book.reports import AccountSnapshot
from thetaloom.domain.risk.budget import RiskBudget, StressRule
from thetaloom.domain.risk.limits import Portfolio, RiskLimits, Warned
from thetaloom.domain.risk.limits_budget import budget_of
from thetaloom.domain.risk.sizing_factors import vix_row
from thetaloom.domain.risk.use import LimitUse, limit_use
from thetaloom.domain.values.ids import RunId, UserId
from thetaloom.engine.desk import Desk
from thetaloom.engine.last_gate import halts_now
from thetaloom.engine.portfolio import portfolio_of
from thetaloom.engine.risk_check import surroundings


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketFactor:
    """What the VIX makes of a size whose rule asks for it; ``None`` is unknown."""

    vix: Decimal | None
    multiplier: Decimal | None
    positions_max: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskView:
    """Everything about the risk of an account at one moment."""

    snapshot: AccountSnapshot
    as_of: datetime
    budget: RiskBudget
    warnings: tuple[str, ...]
    market: MarketFactor
    uses: tuple[LimitUse, ...]
    halts: Mapping[str, str]


def risk_view(desk: Desk, user: UserId) -> RiskView:
    """Return the risk of the desk's account under the limits of ``user``."""
    now, snapshot = desk.clock.now(), desk.broker.account()
    with desk.store.reading() as uow:
        limits = RiskLimits.from_settings(uow.accounts.limits(user))
        portfolio = portfolio_of(desk, uow, snapshot, limits, now, without=RunId(""))
        halts = halts_now(desk, uow)
    budget = budget_of(limits, portfolio)
    return RiskView(
        snapshot=snapshot,
        as_of=now,
        budget=budget,
        warnings=budget_warnings(budget),
        market=_market_factor(desk, portfolio, now),
        uses=limit_use(limits, portfolio),
        halts=halts,
    )


def budget_warnings(budget: RiskBudget) -> tuple[str, ...]:
    """Say in plain words what a person should know of the budget."""
    said = [f"the {name.replace('_', ' ')} of the account is not known" for name in budget.missing]
    if budget.tolerance_percent is None:
        said.append("no tolerance is set: the budget bounds nothing")
    if budget.stress_rule is StressRule.HIGHER:
        said.append("more may be at risk while the market is stressed: that is what the chosen tolerances say")
    if budget.warned is not Warned.NO and budget.utilization_percent is not None:
        said.append(f"{budget.warned.value}: {budget.utilization_percent:.1f} % of the risk budget is in use")
    return tuple(said)


def _market_factor(desk: Desk, portfolio: Portfolio, now: datetime) -> MarketFactor:
    vix = surroundings(desk, {}, now).vix
    multiplier, positions = (None, None) if vix is None else vix_row(vix)
    return MarketFactor(vix=vix, multiplier=multiplier, positions_max=positions)
