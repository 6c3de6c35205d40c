"""The factors of a size: what each rule alone would trade, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal

from thetaloom.domain.risk.budget import RiskBudget
from thetaloom.domain.strategy.strategies import SizeRule
from thetaloom.domain.values.money import HUNDRED, Money
from thetaloom.domain.values.reasons import Reason

HALF = Decimal("0.5")
SHOWN_STEP = Decimal("0.0001")
# VIX up to here (excluded) → multiplier, most positions. From 30 to 40 both included the fifth row holds.
VIX_TABLE: tuple[tuple[Decimal, Decimal, int], ...] = (
    (Decimal(15), Decimal("1.2"), 5),
    (Decimal(20), Decimal("1.0"), 4),
    (Decimal(25), Decimal("0.75"), 3),
    (Decimal(30), Decimal("0.5"), 2),
)
VIX_HIGH = (Decimal(40), Decimal("0.25"), 1)
VIX_EXTREME = (Decimal("0.1"), 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRecord:
    """What a strategy's own closed positions brought, after fees."""

    wins: int = 0
    losses: int = 0  # what broke even counts as one
    average_win: Money | None = None
    average_loss: Money | None = None  # positive

    @property
    def closed(self) -> int:
        """How many there are."""
        return self.wins + self.losses


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """What one rule alone would trade. Only those that ``binds`` decide; the rest is shown."""

    name: str
    quantity: int | None = None  # None = unknown, or a factor that only multiplies
    multiplier: Decimal | None = None
    binds: bool = False
    reason: Reason | None = None  # of a quantity that is not known
    facts: Mapping[str, str] = field(default_factory=dict)


def track_record(profits: tuple[Money, ...]) -> TrackRecord:
    """Sum up the profit and loss of closed positions."""
    won, lost = [pnl for pnl in profits if pnl > 0], [-pnl for pnl in profits if pnl <= 0]
    return TrackRecord(
        wins=len(won),
        losses=len(lost),
        average_win=sum(won, Money(0)) / len(won) if won else None,
        average_loss=sum(lost, Money(0)) / len(lost) if lost else None,
    )


def kelly_percent(record: TrackRecord, rule: SizeRule) -> tuple[Decimal, dict[str, str]]:
    """Return half the Kelly share in percent, never above its cap; the default while too few are closed."""
    facts = {"closed": str(record.closed), "sample_min": str(rule.kelly_sample_min)}
    if record.closed < rule.kelly_sample_min:
        return rule.kelly_default_percent, {**facts, "kelly": "default"}
    rate = Decimal(record.wins) / record.closed
    facts["win_rate"] = _shown(rate)
    full = rate
    if record.average_win is None:
        full = Decimal(-1)
    elif record.average_loss is not None and record.average_loss > 0:
        payoff = record.average_win.ratio(record.average_loss)
        facts["payoff_ratio"] = _shown(payoff)
        full = rate - (1 - rate) / payoff
    percent = min(max(full * HALF * HUNDRED, Decimal(0)), rule.kelly_cap_percent)
    return percent, {**facts, "kelly": _shown(full), "fraction": str(HALF), "cap_percent": str(rule.kelly_cap_percent)}


def share_factor(
    name: str,
    percent: Decimal | None,
    *,
    worth: Money | None,
    max_loss: Money | None,
    facts: Mapping[str, str],
    missing: Reason = Reason.QUANTITY_ZERO,
) -> Factor:
    """Return how many structures lose at most a percentage of the net liquidating value."""
    if percent is None:
        return Factor(name=name, reason=missing, facts=facts)
    told = {**facts, "percent": _shown(percent)}
    if worth is None:
        return Factor(name=name, reason=Reason.ACCOUNT_UNKNOWN, facts=told)
    amount = worth * percent / HUNDRED
    return amount_factor(name, amount, per_structure=max_loss, facts={**told, "budget": str(amount.to_cents())})


def amount_factor(
    name: str,
    amount: Money | None,
    *,
    per_structure: Money | None,
    facts: Mapping[str, str],
    missing: Reason = Reason.ACCOUNT_UNKNOWN,
) -> Factor:
    """Return how many structures an amount of money covers; quotes that promise no loss at all are not believed."""
    if amount is None:
        return Factor(name=name, reason=missing, facts=facts)
    if per_structure is None:
        return Factor(name=name, reason=Reason.NO_MAX_LOSS, facts=facts)
    count = int(Decimal(amount) // Decimal(per_structure)) if per_structure > 0 and amount > 0 else 0
    return Factor(name=name, quantity=count, facts={**facts, "per_structure": str(per_structure)})


def volatility_percent(rule: SizeRule, iv_percent: Decimal | None) -> tuple[Decimal | None, dict[str, str]]:
    """Return the share that risks ``risk_percent`` at the target volatility, less above it and more below."""
    facts = {"target": str(rule.volatility_target), "iv": "unknown" if iv_percent is None else _shown(iv_percent)}
    if iv_percent is None or iv_percent <= 0:
        return None, facts
    scale = rule.volatility_target / iv_percent
    return rule.risk_percent * scale, {**facts, "scale": _shown(scale)}


def budget_factor(budget: RiskBudget | None, max_loss: Money | None) -> Factor:
    """Return how many structures what is left of the risk budget covers."""
    left = None if budget is None else budget.remaining
    facts = {"remaining": "unknown" if left is None else str(left.to_cents())}
    return amount_factor("budget", left, per_structure=max_loss, facts=facts, missing=Reason.BUDGET_UNKNOWN)


def vix_factor(vix: Decimal | None, open_positions: int) -> Factor:
    """Return the multiplier for this VIX, and no structure at all where enough positions are open for it."""
    if vix is None:
        return Factor(name="vix", reason=Reason.VIX_UNKNOWN, facts={"vix": "unknown"})
    multiplier, positions = vix_row(vix)
    facts = {"vix": str(vix), "positions_max": str(positions), "open_positions": str(open_positions)}
    full = open_positions >= positions
    return Factor(name="vix", multiplier=multiplier, quantity=0 if full else None, facts=facts)


def vix_row(vix: Decimal) -> tuple[Decimal, int]:
    """Return the multiplier and the most positions for this VIX."""
    for below, multiplier, positions in VIX_TABLE:
        if vix < below:
            return multiplier, positions
    upto, multiplier, positions = VIX_HIGH
    return (multiplier, positions) if vix <= upto else VIX_EXTREME


def scaled(quantity: int, multiplier: Decimal) -> int:
    """Return the quantity times the multiplier, rounded down."""
    return int((quantity * multiplier).to_integral_value(ROUND_FLOOR))


def _shown(number: Decimal) -> str:
    return f"{number.quantize(SHOWN_STEP).normalize() + 0:f}"
