"""A strategy's rules in words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from thetaloom.domain.strategy.fields import word_of
from thetaloom.domain.strategy.strategies import (
    ApprovalMode,
    Condition,
    ExitRule,
    ExitUnit,
    LegRule,
    Preference,
    SelectBy,
    SizeBy,
    Strategy,
    Unit,
)

UNIT_WORDS = {Unit.DELTA: "", Unit.STRIKES: " strikes", Unit.DOLLARS: " dollars", Unit.PERCENT: " %"}
EXIT_UNIT_WORDS = {
    ExitUnit.PERCENT_OF_PREMIUM: " % of the premium",
    ExitUnit.DOLLARS: " dollars",
    ExitUnit.DAYS: " days",
    ExitUnit.MINUTES: " minutes",
    ExitUnit.DELTA: "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """One group of rules."""

    title: str
    lines: Sequence[str]


def in_words(strategy: Strategy) -> tuple[Rules, ...]:
    """Return the rules of a strategy, group by group, in the order of a run."""
    return (
        Rules(title="Expiration", lines=[_expiration(strategy)]),
        Rules(title="Legs", lines=[_leg(leg) for leg in strategy.legs]),
        Rules(title="Enter only when", lines=[*map(_condition, strategy.conditions), *_liquidity(strategy)]),
        Rules(title="Size and risk", lines=list(_size(strategy))),
        Rules(title="Orders", lines=list(_orders(strategy))),
        Rules(title="Leave when", lines=[_exit(rule) for rule in strategy.exits] or ["Held to expiration."]),
        Rules(title="Approval", lines=[_approval(strategy)]),
    )


def _expiration(strategy: Strategy) -> str:
    rule = strategy.expiration
    prefer = "" if rule.prefer is Preference.NEAREST else f", a {rule.prefer.value} one if there is any"
    return f"{rule.dte_min} to {rule.dte_max} days away, nearest to {rule.dte_target}{prefer}."


def _leg(leg: LegRule) -> str:
    rule = leg.strike
    number = f"{_text(rule.distance)}{UNIT_WORDS[rule.unit]}"
    where = {
        SelectBy.DELTA: f"the delta nearest to {number}",
        SelectBy.ATM: f"the strike {number} from the one nearest to spot",
        SelectBy.STRIKE: f"the strike {number}",
        SelectBy.WIDTH: f"the strike {number} away from {rule.of}",
        SelectBy.PREMIUM: f"the mid nearest to {number}",
        SelectBy.EXPECTED_MOVE: f"the strike {number} of the expected move away from spot",
    }[rule.by]
    miss = "" if rule.miss_max is None else f", missing it by at most {_text(rule.miss_max)}{UNIT_WORDS[rule.unit]}"
    return f"{leg.name}: {leg.side.value} {leg.ratio} {word_of(leg.right)} at {where}{miss}."


def _condition(condition: Condition) -> str:
    return (
        f"{condition.metric.value} {condition.comparison.value} {_text(condition.threshold)}: {condition.metric.text}"
    )


def _liquidity(strategy: Strategy) -> Iterator[str]:
    rule = strategy.liquidity
    widths = []
    if rule.bid_ask_width_max is not None:
        widths.append(f"{_text(rule.bid_ask_width_max)} dollars")
    if rule.bid_ask_width_percent_max is not None:
        widths.append(f"{_text(rule.bid_ask_width_percent_max)} % of its mid")
    if widths:
        yield f"The bid-ask width of each leg is at most {' or '.join(widths)}."
    if rule.open_interest_min is not None:
        yield f"Each leg has an open interest of at least {rule.open_interest_min} contracts."
    if rule.volume_min is not None:
        yield f"Each leg has traded at least {rule.volume_min} contracts today."
    yield f"No quote is older than {rule.quote_age_seconds_max} seconds."
    yield f"At least {strategy.entry_minutes_before_close_min} minutes remain before the close."
    yield f"No more than {strategy.open_runs_max} of its runs are open on one symbol."


def _size(strategy: Strategy) -> Iterator[str]:
    rule = strategy.size
    if rule.by is SizeBy.FIXED:
        yield f"{rule.quantity} structure{'s' if rule.quantity > 1 else ''}."
    else:
        yield f"As many structures as lose at most {_text(rule.risk_percent)} % of the net liquidating value."
    yield "The loss may be unlimited." if strategy.allow_undefined_risk else "The loss must be limited."


def _orders(strategy: Strategy) -> Iterator[str]:
    rule = strategy.order
    yield f"The first limit is {_text(rule.start_offset)} dollars better than mid."
    yield (
        f"It moves up to {rule.steps_max} times, every {rule.interval_seconds} seconds, to"
        f" {_text(rule.reach * 100)} % of the way from mid to natural."
    )
    if rule.slippage_max is not None:
        yield f"It never falls more than {_text(rule.slippage_max)} dollars below the approved mid."


def _exit(rule: ExitRule) -> str:
    part = "" if rule.quantity_percent == 100 else f", for {rule.quantity_percent} % of the position"
    number = f"{_text(rule.threshold)}{EXIT_UNIT_WORDS[rule.unit]}"
    return f"{rule.kind.value} {number} (priority {rule.priority}{part}): {rule.kind.text}"


def _approval(strategy: Strategy) -> str:
    rule = strategy.approval
    until = f"A proposal stands for {rule.expires_minutes} minutes."
    if rule.mode is ApprovalMode.MANUAL:
        return f"A person decides. {until}"
    if rule.max_loss_automatic is None:
        return f"The strategy's own rule approves. {until}"
    return f"Automatic up to a loss of {_text(rule.max_loss_automatic)} dollars, above it a person decides. {until}"


def _text(number: Decimal) -> str:
    return format(number.normalize(), "f").replace("-", "−")
