"""Sizing: how many structures the strategy's own rule asks for, before any limit is looked at."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from thetaloom.domain.strategy.strategies import SizeBy, SizeRule
from thetaloom.domain.values.money import HUNDRED, Money
from thetaloom.domain.values.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizing:
    """A number of structures with the numbers behind it; a quantity of zero has a reason, any other has none."""

    quantity: int
    reason: Reason | None = None
    facts: Mapping[str, str]


def size_structures(rule: SizeRule, *, max_loss: Money | None, net_liquidating_value: Money | None) -> Sizing:
    """Return how many structures ``rule`` asks for.

    ``max_loss`` is of one structure and positive; for undefined risk pass the buying power effect. By risk percent
    the quantity is rounded down, and where a number is unknown or no loss is possible (quotes that promise that
    are wrong) it is zero.
    """
    if rule.by is SizeBy.FIXED:
        facts = {"by": rule.by.value, "quantity": str(rule.quantity)}
        return Sizing(
            quantity=max(rule.quantity, 0), reason=None if rule.quantity > 0 else Reason.QUANTITY_ZERO, facts=facts
        )
    facts = {
        "by": rule.by.value,
        "risk_percent": str(rule.risk_percent),
        "max_loss": "unknown" if max_loss is None else str(max_loss),
        "net_liquidating_value": "unknown" if net_liquidating_value is None else str(net_liquidating_value),
    }
    if net_liquidating_value is None:
        return Sizing(quantity=0, reason=Reason.ACCOUNT_UNKNOWN, facts=facts)
    if max_loss is None:
        return Sizing(quantity=0, reason=Reason.NO_MAX_LOSS, facts=facts)
    budget = net_liquidating_value * rule.risk_percent / HUNDRED
    facts["budget"] = str(budget.to_cents())
    if max_loss <= 0 or budget < max_loss:
        return Sizing(quantity=0, reason=Reason.QUANTITY_ZERO, facts=facts)
    quantity = int(Decimal(budget) // Decimal(max_loss))
    return Sizing(quantity=quantity, facts={**facts, "quantity": str(quantity)})
