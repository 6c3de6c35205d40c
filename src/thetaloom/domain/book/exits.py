"""Exits: which management rule, if any, says that a position should be closed now, and how much of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from thetaloom.domain.book.exit_numbers import NUMBERS, Seen, money_of, profit_percent, see, whole_threshold
from thetaloom.domain.book.marks import Marks as Marks
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.watch import PositionWatch
from thetaloom.domain.strategy.strategies import ExitKind, ExitRule, ExitUnit
from thetaloom.domain.values.money import CENT, HUNDRED, Money, Price
from thetaloom.domain.values.reasons import ALLOWED, Reason

EXIT_REASONS: dict[ExitKind, Reason] = {
    ExitKind.PROFIT_TARGET: Reason.PROFIT_TARGET,
    ExitKind.STOP_LOSS: Reason.STOP_LOSS,
    ExitKind.TRAILING: Reason.TRAILING_STOP,
    ExitKind.DTE: Reason.DTE_EXIT,
    ExitKind.DAYS_HELD: Reason.DAYS_HELD_EXIT,
    ExitKind.CLOCK: Reason.CLOCK_EXIT,
    ExitKind.MINUTES_TO_CLOSE: Reason.SESSION_END_EXIT,
    ExitKind.EXPIRY_FRIDAY: Reason.CLOCK_EXIT,
    ExitKind.POSITION_DELTA: Reason.DELTA_BREACH,
    ExitKind.SHORT_DELTA: Reason.DELTA_BREACH,
    ExitKind.SHORT_STRIKE: Reason.SHORT_STRIKE_BREACH,
    ExitKind.THETA: Reason.THETA_EXIT,
    ExitKind.IV_CRUSH: Reason.IV_CRUSH,
    ExitKind.ATR: Reason.ATR_STOP,
    ExitKind.UNDERLYING_ABOVE: Reason.UNDERLYING_LEVEL,
    ExitKind.UNDERLYING_BELOW: Reason.UNDERLYING_LEVEL,
    ExitKind.GAMMA_FLIP: Reason.GAMMA_FLIP,
    ExitKind.ZERO_GAMMA: Reason.GAMMA_FLIP,
    ExitKind.EARNINGS: Reason.EARNINGS_EXIT,
    ExitKind.AFTER_EARNINGS: Reason.EARNINGS_EXIT,
    ExitKind.OPPOSING_REGIME: Reason.OPPOSING_MARKET,
    ExitKind.OPPOSING_BIAS: Reason.OPPOSING_MARKET,
}
# What these watch comes from the quotes of the legs; on quotes that can't be believed they never fire.
NEEDS_QUOTES = frozenset(
    {
        ExitKind.PROFIT_TARGET,
        ExitKind.STOP_LOSS,
        ExitKind.TRAILING,
        ExitKind.POSITION_DELTA,
        ExitKind.SHORT_DELTA,
        ExitKind.THETA,
        ExitKind.IV_CRUSH,
    }
)
# These fire when their number falls to the threshold; all others when it rises to it.
FALLS_TO = frozenset({ExitKind.DTE, ExitKind.MINUTES_TO_CLOSE, ExitKind.UNDERLYING_BELOW, ExitKind.EARNINGS})


class ExitAnswer(StrEnum):
    """What to do with the position."""

    HOLD = "hold"
    CLOSE = "close"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCheck:
    """One rule against its number, both in the rule's own unit."""

    rule: ExitRule
    met: bool | None  # None = the number is unknown
    value: Decimal | None
    threshold: Decimal
    distance: Decimal | None  # how far the number still is from the threshold; zero or less when met
    spent: bool = False  # a partial rule that has fired; it never fires again
    holds: bool | None = True  # whether the rule's own condition on the profit lets it act; None = unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitDecision:
    """Hold, or close ``quantity`` structures because of ``rule``; with every rule's numbers."""

    answer: ExitAnswer
    rule: ExitRule | None = None
    index: int | None = None  # of the rule in the list it was given in; what ``fired`` remembers
    reason: Reason | None = None
    quantity: int = 0
    facts: Mapping[str, str]
    checks: tuple[RuleCheck, ...]


def decide_exit(
    rules: tuple[ExitRule, ...],
    position: Position,
    marks: Marks,
    fired: frozenset[int] = frozenset(),
    *,
    beside_target: bool = False,
    watch: PositionWatch | None = None,
    held_back: frozenset[int] = frozenset(),
) -> ExitDecision:
    """Return what the rules say: of those met the lowest priority number wins, then the first listed.

    ``fired`` holds the indices of rules whose order was filled. A rule that closes only a part fires once;
    a rule that closes all is met again on every pass for as long as anything is held. ``beside_target`` leaves profit
    targets out: what the other rules say takes the place of a target's resting order. ``watch`` is what is
    remembered of the position; without it what rests on entry or on the highest profit is unknown. Rules that are
    ``held_back`` may be met and still close nothing: the guard of price-based exits does not believe the quotes yet.
    """
    seen = see(position, marks, watch, rules)
    checks = tuple(_check(rule, seen, spent=_is_spent(rule, index, fired)) for index, rule in enumerate(rules))
    facts = _facts(seen)
    due = [
        index
        for index, check in enumerate(checks)
        if check.met
        and not check.spent
        and index not in held_back
        and not (beside_target and rules[index].kind is ExitKind.PROFIT_TARGET)
    ]
    if not due or not position.quantity:
        return ExitDecision(answer=ExitAnswer.HOLD, facts=facts, checks=checks)
    index = min(due, key=lambda index: (rules[index].priority, index))
    rule, value = rules[index], checks[index].value
    return ExitDecision(
        answer=ExitAnswer.CLOSE,
        rule=rule,
        index=index,
        reason=EXIT_REASONS[rule.kind],
        quantity=max(1, position.quantity * rule.quantity_percent // 100),
        facts={
            **facts,
            "rule": rule.kind.value,
            "value": f"{value:.4f}",
            "threshold": str(checks[index].threshold),
            "unit": rule.unit.value,
        },
        checks=checks,
    )


def rests_on_quotes(rule: ExitRule) -> bool:
    """Whether what the rule watches, or the condition on it, comes from the quotes of the legs."""
    return rule.kind in NEEDS_QUOTES or rule.has_condition


def met_at(
    net: float,
    rules: tuple[ExitRule, ...],
    position: Position,
    marks: Marks,
    fired: frozenset[int] = frozenset(),
    *,
    watch: PositionWatch | None = None,
) -> frozenset[int]:
    """Return which of the rules that rest on quotes would be met if closing brought ``net``, all else as marked."""
    if not position.quantity:
        return frozenset()
    seen = see(position, replace(marks, close_price=Price(f"{net:.6f}"), quotes_verdict=ALLOWED), watch, rules)
    return frozenset(
        index
        for index, rule in enumerate(rules)
        if rests_on_quotes(rule) and not _is_spent(rule, index, fired) and _check(rule, seen, spent=False).met
    )


def target_price(
    position: Position,
    rule: ExitRule,
    marks: Marks | None = None,
    watch: PositionWatch | None = None,
    rules: tuple[ExitRule, ...] = (),
) -> Price | None:
    """Return the worst net price at which closing still earns the profit target; ``None`` for any other rule.

    Rounded to the cent toward more for us, so that the order which takes the profit can't give it away.
    """
    if rule.kind is not ExitKind.PROFIT_TARGET:
        return None
    entry, scale = position.entry_price, position.multiplier * position.quantity
    if rule.unit is ExitUnit.PERCENT_OF_PREMIUM:
        wanted = abs(entry) * rule.threshold / HUNDRED
    elif rule.unit is ExitUnit.DOLLARS:
        wanted = Price(Decimal(Money(rule.threshold) - position.realized) / scale)
    else:
        if marks is None:
            return None
        amount = money_of(rule, rule.threshold, see(position, marks, watch, rules))
        if amount is None:
            return None
        wanted = Price(Decimal(amount) / scale)
    return (wanted - entry).to_tick(CENT, favor_us=True)


def _is_spent(rule: ExitRule, index: int, fired: frozenset[int]) -> bool:
    return index in fired and rule.quantity_percent < HUNDRED


def _check(rule: ExitRule, seen: Seen, *, spent: bool) -> RuleCheck:
    blind = rule.kind in NEEDS_QUOTES and not seen.marks.quotes_verdict.is_allowed
    value = None if blind else NUMBERS[rule.kind](rule, seen)
    threshold = whole_threshold(rule, seen.marks)
    distance = None
    if value is not None:
        distance = value - threshold if rule.kind in FALLS_TO else threshold - value
    holds = _condition_holds(rule, seen) if rule.has_condition else True
    return RuleCheck(
        rule=rule,
        met=_met(distance, holds),
        value=value,
        threshold=threshold,
        distance=distance,
        spent=spent,
        holds=holds,
    )


def _met(distance: Decimal | None, holds: bool | None) -> bool | None:
    if distance is None:
        return None
    return holds if distance <= 0 else False


def _condition_holds(rule: ExitRule, seen: Seen) -> bool | None:
    if seen.unrealized is None:
        return None
    if rule.only_if_loss and seen.unrealized > 0:
        return False
    above, below = rule.only_if_profit_above, rule.only_if_profit_below
    if above is None and below is None:
        return True
    percent = profit_percent(seen)
    if percent is None:
        return None
    return (above is None or percent > above) and (below is None or percent < below)


def _facts(seen: Seen) -> dict[str, str]:
    position, marks, watch = seen.position, seen.marks, seen.watch
    known = {
        "quantity_held": position.quantity,
        "premium": seen.premium,
        "close_price": marks.close_price,
        "natural_close": marks.natural_close,
        "unrealized_pnl": None if marks.close_price is None else position.unrealized_pnl(marks.close_price),
        "realized_pnl": position.realized_pnl,
        "high_water": None if watch is None else watch.high_water,
        "spot": marks.spot,
        "dte": marks.dte,
        "quotes": marks.quotes_verdict,
    }
    return {name: "unknown" if fact is None else str(fact) for name, fact in known.items()}
