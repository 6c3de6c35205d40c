"""The use of the risk budget as the numbers of a bar; the template draws it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from thetaloom.domain.risk.budget import RiskBudget
from thetaloom.domain.risk.limits import Warned

WIDTH, HEIGHT = 600, 44
FULL = Decimal(100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A warning's place on the bar."""

    text: str
    x: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetBar:
    """A bar in units of its own viewBox."""

    width: int
    height: int
    filled: float
    level: str  # calm, medium or high
    marks: Sequence[Mark]
    description: str


def budget_bar(budget: RiskBudget) -> BudgetBar | None:
    """Return the bar; ``None`` where no use is known."""
    used = budget.utilization_percent
    if used is None:
        return None
    marks = [
        Mark(text=f"{name} {percent:f} %", x=_place(percent))
        for name, percent in (("medium", budget.warning_medium_percent), ("high", budget.warning_high_percent))
        if percent is not None
    ]
    return BudgetBar(
        width=WIDTH,
        height=HEIGHT,
        filled=_place(used),
        level="calm" if budget.warned is Warned.NO else budget.warned.value,
        marks=marks,
        description=f"{used:.1f} % of the risk budget is in use"
        + "".join(f"; the warning {mark.text}" for mark in marks),
    )


def _place(percent: Decimal) -> float:
    return round(float(min(max(percent, Decimal(0)), FULL) / FULL) * WIDTH, 1)
