"""Exits: which management rule, if any, says that a position should be closed now, and how much of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from thetaloom.domain.book.positions import Position
from thetaloom.domain.strategy.strategies import ExitKind, ExitRule, ExitUnit
from thetaloom.domain.values.money import CENT, HUNDRED, Money, Price
from thetaloom.domain.values.reasons import Reason, Verdict

EXIT_REASONS: dict[ExitKind, Reason] = {
    ExitKind.PROFIT_TARGET: Reason.PROFIT_TARGET,
    ExitKind.STOP_LOSS: Reason.STOP_LOSS,
    ExitKind.DTE: Reason.DTE_EXIT,
    ExitKind.DAYS_HELD: Reason.DAYS_HELD_EXIT,
    ExitKind.MINUTES_TO_CLOSE: Reason.SESSION_END_EXIT,
    ExitKind.POSITION_DELTA: Reason.DELTA_BREACH,
    ExitKind.SHORT_DELTA: Reason.DELTA_BREACH,
    ExitKind.UNDERLYING_ABOVE: Reason.UNDERLYING_LEVEL,
    ExitKind.UNDERLYING_BELOW: Reason.UNDERLYING_LEVEL,
}
# What these watch comes from the quotes of the legs; on quotes that can't be believed they never fire.
NEEDS_QUOTES = frozenset({ExitKind.PROFIT_TARGET, ExitKind.STOP_LOSS, ExitKind.POSITION_DELTA, ExitKind.SHORT_DELTA})
# These fire when their number falls to the threshold; all others when it rises to it.
FALLS_TO = frozenset({ExitKind.DTE, ExitKind.MINUTES_TO_CLOSE, ExitKind.UNDERLYING_BELOW})


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What is known of a position at one moment. ``None`` is unknown."""

    now: datetime
    close_price: Price | None  # net mid that closing one structure would bring; negative when closing costs
    natural_close: Price | None  # the same at natural; shown, never decided on
    spot: Price | None
    dte: int  # calendar days to the nearest expiration, by the exchange's date
    days_held: int
    minutes_to_close: int | None  # of the trading session; None = the exchange is closed
    structure_delta: Decimal | None  # per share, of one structure, signed
    short_deltas: tuple[Decimal | None, ...]  # of each short leg
    quotes_verdict: Verdict  # whether the legs' quotes can be believed


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
) -> ExitDecision:
    """Return what the rules say: of those met the lowest priority number wins, then the first listed.

    ``fired`` holds the indices of rules whose order was filled. A rule that closes only a part fires once;
    a rule that closes all is met again on every pass for as long as anything is held. ``beside_target`` leaves profit
    targets out: what the other rules say takes the place of a target's resting order.
    """
    checks = tuple(
        _check(rule, position, marks, spent=index in fired and rule.quantity_percent < HUNDRED)
        for index, rule in enumerate(rules)
    )
    facts = _facts(position, marks)
    due = [
        index
        for index, check in enumerate(checks)
        if check.met and not check.spent and not (beside_target and rules[index].kind is ExitKind.PROFIT_TARGET)
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
            "threshold": str(rule.threshold),
            "unit": rule.unit.value,
        },
        checks=checks,
    )


def target_price(position: Position, rule: ExitRule) -> Price | None:
    """Return the worst net price at which closing still earns the profit target; ``None`` for any other rule.

    Rounded to the cent toward more for us, so that the order which takes the profit can't give it away.
    """
    if rule.kind is not ExitKind.PROFIT_TARGET:
        return None
    entry = position.entry_price
    if rule.unit is ExitUnit.PERCENT_OF_PREMIUM:
        wanted = abs(entry) * rule.threshold / HUNDRED
    else:
        still = Money(rule.threshold) - position.realized
        wanted = Price(Decimal(still) / (position.multiplier * position.quantity))
    return (wanted - entry).to_tick(CENT, favor_us=True)


def _check(rule: ExitRule, position: Position, marks: Marks, *, spent: bool) -> RuleCheck:
    blind = rule.kind in NEEDS_QUOTES and not marks.quotes_verdict.is_allowed
    value = None if blind else _VALUES[rule.kind](rule, position, marks)
    distance = None
    if value is not None:
        distance = value - rule.threshold if rule.kind in FALLS_TO else rule.threshold - value
    return RuleCheck(
        rule=rule,
        met=None if distance is None else distance <= 0,
        value=value,
        threshold=rule.threshold,
        distance=distance,
        spent=spent,
    )


def _facts(position: Position, marks: Marks) -> dict[str, str]:
    pnl = None if marks.close_price is None else position.unrealized_pnl(marks.close_price)
    known = {
        "quantity_held": position.quantity,
        "premium": _premium(position),
        "close_price": marks.close_price,
        "natural_close": marks.natural_close,
        "unrealized_pnl": pnl,
        "realized_pnl": position.realized_pnl,
        "spot": marks.spot,
        "dte": marks.dte,
        "quotes": marks.quotes_verdict,
    }
    return {name: "unknown" if fact is None else str(fact) for name, fact in known.items()}


def _premium(position: Position) -> Money:
    # From the lots, not from the average price: an average of three lots may not be exact.
    return sum((lot.price.times(position.multiplier, lot.quantity) for lot in position.lots), Money(0))


def _profit(rule: ExitRule, position: Position, marks: Marks) -> Decimal | None:
    if marks.close_price is None:
        return None
    unrealized = position.unrealized_pnl(marks.close_price)
    if rule.unit is ExitUnit.DOLLARS:  # of the whole position, hence with what a partial close has realized
        return Decimal(unrealized + position.realized)
    premium = _premium(position)
    return None if premium == 0 else Decimal(unrealized) * HUNDRED / abs(Decimal(premium))


def _loss(rule: ExitRule, position: Position, marks: Marks) -> Decimal | None:
    profit = _profit(rule, position, marks)
    return None if profit is None else -profit


def _dte(rule: ExitRule, position: Position, marks: Marks) -> Decimal:
    return Decimal(marks.dte)


def _days_held(rule: ExitRule, position: Position, marks: Marks) -> Decimal:
    return Decimal(marks.days_held)


def _minutes_to_close(rule: ExitRule, position: Position, marks: Marks) -> Decimal | None:
    return None if marks.minutes_to_close is None else Decimal(marks.minutes_to_close)


def _position_delta(rule: ExitRule, position: Position, marks: Marks) -> Decimal | None:
    return None if marks.structure_delta is None else abs(marks.structure_delta)


def _short_delta(rule: ExitRule, position: Position, marks: Marks) -> Decimal | None:
    known = [abs(delta) for delta in marks.short_deltas if delta is not None]
    largest = max(known, default=None)
    if largest is None or (len(known) < len(marks.short_deltas) and largest < rule.threshold):
        return None  # the unknown delta may be the one that breaches
    return largest


def _spot(rule: ExitRule, position: Position, marks: Marks) -> Decimal | None:
    return None if marks.spot is None else Decimal(marks.spot)


_VALUES: dict[ExitKind, Callable[[ExitRule, Position, Marks], Decimal | None]] = {
    ExitKind.PROFIT_TARGET: _profit,
    ExitKind.STOP_LOSS: _loss,
    ExitKind.DTE: _dte,
    ExitKind.DAYS_HELD: _days_held,
    ExitKind.MINUTES_TO_CLOSE: _minutes_to_close,
    ExitKind.POSITION_DELTA: _position_delta,
    ExitKind.SHORT_DELTA: _short_delta,
    ExitKind.UNDERLYING_ABOVE: _spot,
    ExitKind.UNDERLYING_BELOW: _spot,
}
