"""The account's limits and budget with their use at this moment."""

from dataclasses import dataclass

from thetaloom.domain.book.reports import AccountSnapshot
from thetaloom.domain.risk.budget import RiskBudget
from thetaloom.domain.risk.use import LimitUse
from thetaloom.engine.risk_view import risk_view
from thetaloom.web.front import Front


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsNow:
    """The balances, the budget, and every limit with its use."""

    snapshot: AccountSnapshot
    budget: RiskBudget
    warnings: tuple[str, ...]
    uses: tuple[LimitUse, ...]


def limits_now(front: Front) -> LimitsNow:
    """Return the balances, the budget and every limit with its use."""
    found = risk_view(front.platform.desk, front.user)
    return LimitsNow(snapshot=found.snapshot, budget=found.budget, warnings=found.warnings, uses=found.uses)
