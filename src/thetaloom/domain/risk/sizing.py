"""Sizing: how many structures a strategy's rule asks for; of the factors that bind, the smallest wins."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from thetaloom.domain.risk.budget import RiskBudget
from thetaloom.domain.risk.sizing_factors import (
    Factor,
    TrackRecord,
    amount_factor,
    budget_factor,
    kelly_percent,
    scaled,
    share_factor,
    vix_factor,
    volatility_percent,
)
from thetaloom.domain.strategy.strategies import SizeBy, SizeRule
from thetaloom.domain.values.money import HUNDRED, Money
from thetaloom.domain.values.reasons import Reason

NO_RECORD = TrackRecord()
WHOLE = Decimal(1)
QUANTITY_MAX = 10_000  # no rule ever trades more
# What each rule asks for; the account's own ceilings come on top for all but the two plain rules.
WISHES: dict[SizeBy, tuple[str, ...]] = {
    SizeBy.FIXED: ("fixed",),
    SizeBy.RISK_PERCENT: ("risk_percent",),
    SizeBy.KELLY: ("kelly",),
    SizeBy.VOLATILITY_TARGET: ("volatility_target",),
    SizeBy.BUDGET: ("budget",),
    SizeBy.SMALLEST: ("risk_percent", "kelly", "volatility_target", "budget"),
}
CEILINGS = ("budget", "buying_power", "limits")
PLAIN = frozenset({SizeBy.FIXED, SizeBy.RISK_PERCENT})  # a limit that they break denies and does not shrink them
_WISH_NAMES = frozenset(name for names in WISHES.values() for name in names) - {"budget"}

Fits = Callable[[int], str | None]  # the name of the first limit that refuses this many structures


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizing:
    """A number of structures with the numbers behind it; a quantity of zero has a reason, any other has none."""

    quantity: int
    reason: Reason | None = None
    facts: Mapping[str, str]
    factors: tuple[Factor, ...] = ()
    decided_by: str = ""  # the factor that is the smallest of those that bind


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeBasis:
    """What the factors rest on beside the rule; per structure where money is of one. ``None`` is unknown."""

    max_loss: Money | None  # positive; of undefined risk the buying power effect
    net_liquidating_value: Money | None
    buying_power: Money | None = None  # above the reserve
    buying_power_effect: Money | None = None
    budget: RiskBudget | None = None
    iv_percent: Decimal | None = None  # of the underlying at the money
    vix: Decimal | None = None
    record: TrackRecord = NO_RECORD
    open_positions: int = 0
    signal_factor: Decimal | None = None  # by which the signal that started the trade scales it; none: no signal


def size_trade(rule: SizeRule, basis: SizeBasis, fits: Fits) -> Sizing:
    """Return the smallest of the factors that bind under ``rule``, and every factor.

    ``fits`` answers for a quantity; it must never refuse fewer structures than it allows.
    """
    plain = size_structures(rule, max_loss=basis.max_loss, net_liquidating_value=basis.net_liquidating_value)
    factors = _factors(rule, basis)
    vix = replace(vix_factor(basis.vix, basis.open_positions), binds=rule.vix_scaled)
    largest = max((factor.quantity or 0 for factor in factors), default=0)
    largest = scaled(largest, max(basis.signal_factor or WHOLE, WHOLE))
    factors.append(_limits_factor(min(scaled(largest, vix.multiplier or WHOLE), QUANTITY_MAX), fits))
    ceilings = () if rule.by in PLAIN else CEILINGS
    binding = {*WISHES[rule.by], *ceilings}
    marked = (*(replace(factor, binds=factor.name in binding) for factor in factors), vix)
    sizing = _smallest(rule, marked, plain.facts)
    if plain.quantity == 0 and rule.by in PLAIN:
        return replace(plain, factors=marked)
    return sizing if basis.signal_factor in (None, WHOLE) else _for_signal(sizing, basis.signal_factor or WHOLE)


def _for_signal(sizing: Sizing, factor: Decimal) -> Sizing:
    # The signal scales the answer, whatever rule gave it, and never lifts it above what the account allows.
    signal = Factor(name="signal", multiplier=factor, binds=True)
    factors = (*sizing.factors, signal)
    if sizing.quantity == 0:
        return replace(sizing, factors=factors)
    ceilings = [one.quantity for one in sizing.factors if one.binds and one.name in CEILINGS]
    quantity = min(scaled(sizing.quantity, factor), QUANTITY_MAX, *(most for most in ceilings if most is not None))
    return replace(
        sizing,
        quantity=quantity,
        reason=Reason.QUANTITY_ZERO if quantity == 0 else None,
        facts={**sizing.facts, "before_signal": str(sizing.quantity), "signal": str(factor), "quantity": str(quantity)},
        factors=factors,
        decided_by=sizing.decided_by if quantity == sizing.quantity else signal.name,
    )


def _smallest(rule: SizeRule, factors: tuple[Factor, ...], facts: Mapping[str, str]) -> Sizing:
    binding = [factor for factor in factors if factor.binds]
    unclear = next((factor for factor in binding if factor.reason is not None), None)
    if unclear is not None:
        told = {"by": rule.by.value, "factor": unclear.name, **unclear.facts}
        return Sizing(quantity=0, reason=unclear.reason, facts=told, factors=factors, decided_by=unclear.name)
    multiplier = next((factor.multiplier for factor in binding if factor.multiplier is not None), Decimal(1))
    numbers = {
        factor.name: scaled(factor.quantity, multiplier) if factor.name in _WISH_NAMES else factor.quantity
        for factor in binding
        if factor.quantity is not None
    }
    decided_by = min(numbers, key=lambda name: numbers[name])
    quantity = min(numbers[decided_by], QUANTITY_MAX)
    told = {**facts, "by": rule.by.value, "decided_by": decided_by, "quantity": str(quantity)}
    reason = Reason.QUANTITY_ZERO if quantity == 0 else None
    return Sizing(quantity=quantity, reason=reason, facts=told, factors=factors, decided_by=decided_by)


def _factors(rule: SizeRule, basis: SizeBasis) -> list[Factor]:
    worth, max_loss = basis.net_liquidating_value, basis.max_loss
    kelly, kelly_facts = kelly_percent(basis.record, rule)
    target, target_facts = volatility_percent(rule, basis.iv_percent)
    return [
        Factor(name="fixed", quantity=rule.quantity, facts={}),
        share_factor("risk_percent", rule.risk_percent, worth=worth, max_loss=max_loss, facts={}),
        share_factor("kelly", kelly, worth=worth, max_loss=max_loss, facts=kelly_facts),
        share_factor(
            "volatility_target",
            target,
            worth=worth,
            max_loss=max_loss,
            facts=target_facts,
            missing=Reason.IV_UNKNOWN,
        ),
        budget_factor(basis.budget, max_loss),
        _buying_power_factor(basis),
    ]


def _buying_power_factor(basis: SizeBasis) -> Factor:
    power, effect = basis.buying_power, basis.buying_power_effect
    facts = {"available": "unknown" if power is None else str(power)}
    if effect is not None and effect <= 0 and power is not None and power >= 0:
        return Factor(name="buying_power", quantity=QUANTITY_MAX, facts={**facts, "per_structure": str(effect)})
    return amount_factor("buying_power", power, per_structure=effect, facts=facts)


def _limits_factor(most: int, fits: Fits) -> Factor:
    # The limits are monotone, so the largest quantity that they all allow is found by halving.
    least, over, refused_by = 0, most + 1, ""
    while over - least > 1:
        middle = (least + over) // 2
        refusal = fits(middle)
        if refusal is None:
            least = middle
        else:
            over, refused_by = middle, refusal
    return Factor(name="limits", quantity=least, facts={"refused_by": refused_by, "asked": str(most)})


def size_structures(rule: SizeRule, *, max_loss: Money | None, net_liquidating_value: Money | None) -> Sizing:
    """Return how many structures the two plain rules ask for.

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
